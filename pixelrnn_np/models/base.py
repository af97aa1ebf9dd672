"""What all models share: parameters in one flat vector, scaling, shards, likelihood, gradients.

§2: one parameter set for all pixel positions, and every conditional in one parallel pass.
"""

import copy
from types import MappingProxyType

import numpy as np

from .. import checkpoint, likelihood
from ..arguments import check_int, choose
from ..layers.base import Layer
from ..parallel.threads import Pool, cut

DTYPES = ("float32", "float64")
SHARD_PIXELS = 4 * 28 * 28  # of one shard; benchmarks/README.md says why


class NotFinite(ValueError):
    """Logits, nats or gradients are NaN or infinite, as the weights are, or are too large."""


class Model(Layer):
    """A layer of layers from images to logits, and its likelihood.

    A subclass sets `name`, builds its layers and calls `_finish`; it implements `forward_scaled`
    and `backward`. `config` holds the arguments from which `build_model` makes it again.
    """

    name = None

    def __init__(self, *, image_shape, levels, h, layers, head, seed, dtype, **options):
        self.image_shape = check_shape(image_shape)
        self.levels = check_int("levels", levels, 2, 256)
        self.h = check_int("h", h, self.image_shape[2], 65536)
        self.layers = check_int("layers", layers, 0, 1000)
        self.head_width = check_int("head", head, self.image_shape[2], 65536)
        self.dtype = np.dtype(choose("dtype", getattr(dtype, "__name__", str(dtype)), DTYPES))
        self.seed = check_int("seed", seed, 0, 2**63)
        self.config = {
            "name": self.name,
            "image_shape": list(self.image_shape),
            "levels": self.levels,
            "h": self.h,
            "layers": self.layers,
            "head": self.head_width,
            "seed": self.seed,
            "dtype": self.dtype.name,
            **options,
        }

    def _finish(self, **children):
        super().__init__(**children)
        self.move_to(np.empty(sum(a.size for _, a in self._named()), self.dtype))

    def move_to(self, flat):
        """Makes `flat` the vector that holds all parameters; their values move with them."""
        self.bind(self.unflatten(flat, dict(self._named())))
        self.flat = flat
        self._params = MappingProxyType(dict(self._named()))

    def __getstate__(self):
        """For copy and pickle. A network of a multi-scale model takes its part of the vector."""
        state = super().__getstate__()
        del state["_params"]
        return state

    def __setstate__(self, state):
        super().__setstate__(state)
        self.move_to(self.flat.copy())  # what pickle gives may be read-only

    def __copy__(self):
        return copy.deepcopy(self)  # two models that share some of their arrays are none

    @property
    def params(self):
        """{dotted name: array}, read-only mapping; the arrays are views into the vector `flat`."""
        return self._params

    def unflatten(self, flat, like=None):
        """Views of `flat` with the names and shapes of the parameters."""
        views, start = {}, 0
        for name, array in (like or self.params).items():
            views[name] = flat[start : start + array.size].reshape(array.shape)
            start += array.size
        return views

    @property
    def dimensions(self):
        """D, the number of sub-pixels of an image."""
        return int(np.prod(self.image_shape))

    @property
    def shard_size(self):
        """Images per shard: it follows from the configuration, never from the threads."""
        height, width, _ = self.image_shape
        images = max(1, SHARD_PIXELS // (height * width))
        return min(32, 1 << (images.bit_length() - 1))

    def scale(self, x):
        """§5.2 "inputs only scaled and centred": two levels stay {0, 1}, more go to [-1, 1]."""
        y = x.astype(self.dtype, order="C")
        if self.levels > 2:
            y *= self.dtype.type(2 / (self.levels - 1))
            y -= 1
        return y

    def forward(self, x):
        """x: uint8 images, or the scaled input as floats, (B, H, W, C) → logits, cache.

        logits: (B, H, W, C) for two levels, (B, H, W, C, levels) for more.
        """
        return self.forward_scaled(self.scaled(x))

    def scaled(self, x):
        """uint8 images scaled; what is scaled already, floats of this model's dtype, as it is."""
        if x.dtype == np.uint8:
            return self.scale(x)
        if x.dtype != self.dtype:
            raise ValueError(f"x has dtype {x.dtype}; it has to be uint8, or scaled {self.dtype}")
        return np.ascontiguousarray(x)

    def forward_scaled(self, x, keep=None):
        raise NotImplementedError

    def draw_keep(self, rng, rate):
        """The factors of dropout for one shard, as `forward_scaled` takes them (not the paper's).

        The inner features of each block are dropped with probability `rate`, for all pixels of the
        shard at once.
        """
        raise NotImplementedError

    @property
    def untouched(self):
        """Whether no training has begun: the logits' biases are still 0."""
        raise NotImplementedError

    def start_at(self, x):
        """Makes the first prediction of each pixel the shares of the values in x (not the paper's).

        x: uint8 (N, H, W, C), the training images. Sets the biases of the logits to the log-odds of
        the values (with more than two levels, the log of each one's share), per colour. `fit` calls
        it for a new model. Raises ValueError for bad images.
        """
        raise NotImplementedError

    def logits(self, x, threads=None):
        """The logits of uint8 images x (B, H, W, C); see `forward` for their shape.

        Raises ValueError as `nll` does.
        """
        x = self.check_images(x)
        return self._mapped("logits", lambda s: self.forward(x[s])[0].copy(), len(x), threads)

    def nll(self, x, threads=None):
        """Nats per image, -ln p(x): float64 (B,). Works shard by shard, so memory stays small.

        x: uint8 (B, H, W, C) in [0, levels); threads: None for all processors. §5.1.
        Raises ValueError for images of another dtype, shape or range, for an empty batch, and
        (NotFinite) for weights with which the result is not finite.
        """
        x = self.check_images(x)
        return self._mapped("nats", lambda s: self.nll_forward(x[s])[0], len(x), threads)

    def _mapped(self, what, function, count, threads):
        with Pool(threads) as pool, np.errstate(all="ignore"):  # what overflows is said once
            found = np.concatenate(pool.map(function, cut(count, self.shard_size)))
        check_finite(what, found)
        return found

    def loss_and_grads(self, x, threads=None):
        """Mean nats per image over the batch, and {name: gradient} of that mean.

        x: as for `nll`, which says what is raised.
        """
        with Pool(threads) as pool, np.errstate(all="ignore"):
            nats, flat = self.flat_gradient(self.check_images(x), pool)
            loss = float(nats.mean())
        check_finite("nats", loss)
        check_finite("gradients", flat)
        return loss, self.unflatten(flat)

    def flat_gradient(self, x, pool, only=None, shards=None, keep=None):
        """Nats of each image (B,), and the gradient of their mean as one vector like `flat`.

        only: None, or the one network of a multi-scale model that counts; the others get zeros.
        shards: None for all, or slices of x: nats are then of these images, and the gradient is
        their part of the sum. keep: None, or a function from a shard's first image to `draw_keep`.
        """
        names = list(self.params)
        chosen = {} if only is None else {"only": only}

        def shard(s):
            dropped = {} if keep is None else {"keep": keep(s.start)}
            nats, cache = self.nll_forward(x[s], **chosen, **dropped)
            grads = self.nll_backward(1 / len(x), cache)
            return nats, np.concatenate([grads[name].ravel() for name in names])

        parts = pool.map(shard, cut(len(x), self.shard_size) if shards is None else shards)
        if not parts:
            return np.empty(0), np.zeros_like(self.flat)
        flat = parts[0][1]
        for _, part in parts[1:]:
            flat += part
        return np.concatenate([nats for nats, _ in parts]), flat

    def nll_forward(self, x, keep=None):
        """Nats of each image of one shard, uint8 (B, H, W, C): float64 (B,), cache."""
        logits, cache = self.forward_scaled(self.scaled(x), keep)
        nats, loss_cache = likelihood.nll_forward(logits, x)
        return nats, (loss_cache, cache)

    def nll_backward(self, scale, cache):
        """{name: gradient} of scale · Σ nats of that shard."""
        loss_cache, cache = cache
        return self.backward(likelihood.nll_backward(scale, loss_cache), cache, need_dx=False)[1]

    def check_images(self, x):
        """x, contiguous, if it is a batch of this model's images; else ValueError."""
        return check_images(x, self.image_shape, self.levels)

    def receptive_field(self):
        """One line: which earlier pixels a logit can see."""
        raise NotImplementedError

    def summary(self):
        """Shapes, parameters and receptive field, as text; ASCII, so that any file can hold it."""
        height, width, channels = self.image_shape
        kind = "sigmoid" if self.levels == 2 else f"{self.levels}-way softmax"
        lines = [
            f"{self.name}: {height}x{width}x{channels} images of {self.levels} levels, {kind}, "
            f"h = {self.h}, {self.layers} blocks, {self.dtype.name}",
            f"{'parameter':<28}{'shape':<22}{'numbers':>10}",
        ]
        for name, a in self.params.items():
            lines.append(f"{name:<28}{'x'.join(map(str, a.shape)):<22}{a.size:>10,}")
        lines.append(f"{'total':<50}{self.flat.size:>10,}")
        lines.append(f"receptive field: {self.receptive_field()}")
        return "\n".join(lines)

    def save(self, path):
        """Writes weights and configuration to one safetensors file, atomically.

        Raises OSError if that is not possible; a file that was there is then unchanged.
        """
        checkpoint.save(path, dict(self.params), {"model": self.config})


def check_finite(what, array):
    if not np.isfinite(array).all():
        raise NotFinite(
            f"the model's {what} are not finite: its weights are damaged, or too large for "
            "their dtype"
        )


def require_model(model):
    """`model` if it is one; else ValueError."""
    if not isinstance(model, Model):
        raise ValueError(f"model is a {type(model).__name__}; it has to be one of build_model's")
    return model


def check_shape(image_shape):
    """(H, W, C) as a tuple of ints; else ValueError."""
    try:
        shape = tuple(image_shape)
    except TypeError:
        shape = ()
    if len(shape) != 3:
        raise ValueError(f"image_shape is {image_shape!r}; it has to be (height, width, channels)")
    return tuple(
        check_int(f"image_shape[{i}]", n, 1, top)
        for i, (n, top) in enumerate(zip(shape, (4096, 4096, 64), strict=True))
    )


def check_images(x, image_shape, levels, name="x"):
    """x, contiguous, if it is uint8 (B, *image_shape) in [0, levels), B > 0; else ValueError."""
    wanted = "uint8 (B, {}, {}, {})".format(*image_shape)
    if not isinstance(x, np.ndarray):
        raise ValueError(f"{name} is a {type(x).__name__}; it has to be a NumPy array, {wanted}")
    if x.dtype != np.uint8:
        raise ValueError(
            f"{name} has dtype {x.dtype}; it has to be {wanted}, values 0 to {levels - 1}"
        )
    if x.ndim != 4 or x.shape[1:] != tuple(image_shape):
        raise ValueError(f"{name} has shape {x.shape}; it has to be {wanted}")
    if len(x) == 0:
        raise ValueError(f"{name} is empty; it has to hold at least one image")
    if x.max() >= levels:
        raise ValueError(f"{name} has a value of {x.max()}; {levels} levels are 0 to {levels - 1}")
    return np.ascontiguousarray(x)
