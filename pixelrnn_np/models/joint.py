"""Layers as the kernels take them that go through several in one call, an image at a time.

Not the paper. A PixelCNN is one call (kernels/pixelcnn.py); of other networks, the head and the
nats are (kernels/head.py). The layers' own forward and backward give the same, and serve the other
backends and networks that differ from what the kernels know.
"""

import numpy as np

from .. import backend, memory
from ..layers.base import ReLU, Sequential
from ..layers.head import Head
from ..layers.masked_conv import MaskedConv
from ..layers.residual import ConvBlock

# What a class of one's own, or one object, may do in another way than the kernel.
METHODS = ("forward", "forward_scaled", "backward", "nll_forward", "nll_backward")
KNOWN = {ConvBlock, Head, MaskedConv, ReLU, Sequential}
BLOCK, HEAD = ("down", "conv", "up", "skip"), ("conv1", "conv2", "logits")


def joint_of(model):
    """A Joint, or None where the layers have to do it one by one."""
    if not hasattr(backend.ops(), "pixelcnn_gradient"):
        return None
    layers, offsets = list(_layers(model)), [b.conv.offsets for b in model.blocks.children.values()]
    if not {type(layer) for layer in layers} <= KNOWN or not _as_written(model, layers):
        return None
    if not all(layer.leading for layer in layers if isinstance(layer, MaskedConv)):
        return None
    if any(not np.array_equal(other, offsets[0]) for other in offsets):
        return None
    return Joint(model, offsets[0] if offsets else model.first.offsets)


def _as_written(model, layers):
    modules = [getattr(type(model), name).__module__ for name in METHODS]
    if not all(module.startswith(__package__) for module in modules):
        return False
    return all(set(METHODS).isdisjoint(vars(layer)) for layer in (model, *layers))


def _layers(layer):
    for child in layer.children.values():
        yield child
        yield from _layers(child)


class Joint:
    """offsets: (T, 2), the taps of every block's 3×3. It holds nothing that depends on weights."""

    def __init__(self, model, offsets):
        self.model = model
        outer = BLOCK[2:] if model.config["skip"] else BLOCK[2:3]
        sizes = [array.size for array in model.params.values()]
        at = dict(zip(model.params, np.cumsum([0, *sizes]).tolist(), strict=False))

        def places(prefix, names):
            where = [at.get(f"{prefix}{name}.{kind}", 0) for name in names for kind in ("K", "b")]
            return np.array(where, np.int64)

        self.scaled = [f"blocks.{k}.{name}.K" for k in range(model.layers) for name in outer]
        step = at["blocks.1.down.K"] - at["blocks.0.down.K"] if model.layers > 1 else 0
        self.structure = (
            places("", ["first"]), places("blocks.0.", [*BLOCK[:2], *outer]), step,
            places("head.", HEAD), model.first.offsets, offsets, model.config["residual"],
        )  # fmt: skip
        # The kernel does not read taps that are masked as a whole.
        self.masks = [(name, m) for name, m in model.masks() if (m != m[:, :, :1, :1]).any()]

    def nats(self, x):
        """(B,) nats of images x, uint8 (B, H, W, C)."""
        return self._run(x, 1, self._factors(None), self.model.flat[:0])

    def gradient(self, x, scale, keep=None):
        """The same, and (P,), the gradient of scale · Σ nats; keep: as in Trunk.forward_scaled."""
        factors, g = self._factors(keep), np.zeros_like(self.model.flat)
        nats = self._run(x, scale, factors, g)
        return nats, g if factors is None else g * factors

    def _run(self, x, scale, factors, g):
        model, nats = self.model, np.empty(len(x))
        w = model.flat if factors is None else model.flat * factors
        backend.ops().pixelcnn_gradient(
            model.scale(x), x, w, *self.structure, model.dtype.type(scale), *self._maps(), g, nats
        )
        return nats

    def _factors(self, keep):
        """(P,), what masks and dropout multiply weights and their gradients by; None: all by 1.

        Features that dropout takes from a are rows of K_up and K_skip, see ResidualBlock.
        """
        if not self.masks and keep is None:
            return None
        factors = np.ones_like(self.model.flat)
        views = self.model.unflatten(factors)
        for name, mask in self.masks:
            views[name][...] = mask
        if keep is not None:
            for name in self.scaled:
                views[name] *= keep[int(name.split(".")[1]), :, None]
        return factors

    def _maps(self):
        """The kernel's scratch memory for one image."""
        m = self.model
        (H, W, _), L, F, N = m.image_shape, m.layers, 2 * m.h, m.head_width
        inner = (L, H, W, m.h)
        shapes = [(2, H, W, F), (1 + L, H, W, F), inner, inner, (4, H, W, N), _logits(m)]
        return [memory.empty(shape, m.dtype) for shape in shapes]


def _logits(model):
    """The shape of an image's logits and their gradient."""
    H, W, C = model.image_shape
    return (2, H * W * C) if model.levels == 2 else (2, H * W * C, model.levels)


def joint_head_of(model):
    """A JointHead, or None where the layers have to do it one by one."""
    head = model.head
    if not hasattr(backend.ops(), "head_gradient") or type(head) is not Head:
        return None
    layers = list(head.children.values())
    if not {type(layer) for layer in layers} <= {MaskedConv, ReLU}:
        return None
    return JointHead(model) if _as_written(model, [head, *layers]) else None


class JointHead:
    """w: the head's weights, masked, one layer after the other; so it is for one `sharing` only."""

    def __init__(self, model):
        self.model, layers = model, [model.head.children[name] for name in HEAD]
        arrays = [array for layer in layers for array in (layer.weights(), layer.own["b"])]
        ends = np.cumsum([array.size for array in arrays], dtype=np.int64)
        self.at = np.concatenate([[0], ends[:-1]])
        self.parts = [
            (slice(end - array.size, end), array.shape)
            for end, array in zip(ends.tolist(), arrays, strict=True)
        ]
        self.w = np.concatenate([array.ravel() for array in arrays])

    def nats(self, y, skips, x):
        """(B,) nats of images x, uint8 (B, H, W, C).

        y: (B, H, W, 2h), the last trunk map; skips: the sum of the skips, to which y is added.
        """
        return self._run(y, skips, x, 1, self.w[:0])

    def gradient(self, y, skips, x, scale):
        """The same, and {"conv1.K": …}, the gradient of scale · Σ nats; that by y and by each skip
        takes the place of `skips`.
        """
        g, grads = np.zeros_like(self.w), {}
        nats = self._run(y, skips, x, scale, g)
        views = [g[part].reshape(shape) for part, shape in self.parts]
        for name, dK, db in zip(HEAD, views[::2], views[1::2], strict=True):
            K = self.model.head.children[name].gradient(dK)
            grads |= {f"{name}.K": K, f"{name}.b": db}
        return nats, grads

    def _run(self, y, skips, x, scale, g):
        m, nats = self.model, np.empty(len(x))
        H, W, _ = m.image_shape
        shapes = (1, *y.shape[1:]), (4, H, W, m.head_width), _logits(m)
        scratch = [memory.empty(shape, m.dtype) for shape in shapes]
        backend.ops().head_gradient(
            y, skips, x, self.w, self.at, m.dtype.type(scale), *scratch, g, nats
        )
        return nats
