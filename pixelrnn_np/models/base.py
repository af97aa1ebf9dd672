"""What all models share: parameters in one flat vector, scaling, shards, likelihood, gradients.

§2: one parameter set for all pixel positions, and every conditional in one parallel pass.
"""

from os import PathLike

import numpy as np

from .. import checkpoint
from ..arguments import check_int, choose
from ..console import plural
from .checks import check_images, check_shape
from .nats import Nats
from .vector import Vector

DTYPES = ("float32", "float64")
SHARD_PIXELS = 4 * 28 * 28  # of one shard; benchmarks/README.md says why


class Model(Nats, Vector):
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

    @property
    def dimensions(self) -> int:
        """D, the number of sub-pixels of an image.

        Returns
        -------
        int
            H · W · C. Nats per image divided by D · log 2 are bits per dimension (section 5.1).

        Examples
        --------
        >>> pr.build_model("pixelcnn", (4, 4, 3), h=3, layers=1).dimensions
        48
        """
        return int(np.prod(self.image_shape))

    @property
    def shard_size(self) -> int:
        """Images per shard of a batch.

        Returns
        -------
        int
            It follows from the configuration, never from the number of threads.

        Examples
        --------
        >>> pr.build_model("pixelcnn", (28, 28, 1), layers=1).shard_size
        4
        """
        height, width, _ = self.image_shape
        images = max(1, SHARD_PIXELS // (height * width))
        return min(32, 1 << (images.bit_length() - 1))

    def scale(self, x: np.ndarray) -> np.ndarray:
        """The network's input of images.

        Parameters
        ----------
        x : ndarray of int, any shape
            Values in [0, levels).

        Returns
        -------
        ndarray of the model's dtype, the same shape
            Two levels stay 0 and 1. More are spread over [-1, 1].

        Notes
        -----
        Section 5.2: inputs are "only scaled and centred".

        Examples
        --------
        >>> model = pr.build_model("pixelcnn", (4, 4, 1), levels=5, h=2, layers=1)
        >>> model.scale(np.arange(5))
        array([-1. , -0.5,  0. ,  0.5,  1. ], dtype=float32)
        """
        y = x.astype(self.dtype, order="C")
        if self.levels > 2:
            y *= self.dtype.type(2 / (self.levels - 1))
            y -= 1
        return y

    def forward(self, x: np.ndarray) -> tuple[np.ndarray, tuple]:
        """All conditionals in one pass.

        Parameters
        ----------
        x : ndarray, (B, H, W, C)
            uint8 images, or the scaled input in the model's dtype.

        Returns
        -------
        logits : ndarray
            (B, H, W, C) for two levels, (B, H, W, C, levels) for more.
        cache : tuple
            What `backward` needs.

        Raises
        ------
        ValueError
            x has another dtype.

        Notes
        -----
        Section 2.1: the logits of a pixel depend on earlier pixels only, in raster order.

        Examples
        --------
        >>> model = pr.build_model("pixelcnn", (4, 4, 1), h=2, layers=1)
        >>> x = np.ones((2, 4, 4, 1), np.uint8)
        >>> logits, cache = model.forward(x)
        >>> logits.shape
        (2, 4, 4, 1)
        """
        return self.forward_scaled(self.scaled(x))

    def scaled(self, x: np.ndarray) -> np.ndarray:
        """Scales images that are not scaled yet.

        Parameters
        ----------
        x : ndarray, (B, H, W, C)
            uint8 images, or the scaled input in the model's dtype.

        Returns
        -------
        ndarray of the model's dtype, (B, H, W, C)
            `scale` of images. A scaled input comes back as it is.

        Raises
        ------
        ValueError
            x has another dtype.

        Examples
        --------
        >>> model = pr.build_model("pixelcnn", (4, 4, 1), h=2, layers=1)
        >>> x = np.ones((2, 4, 4, 1), np.uint8)
        >>> model.scaled(model.scaled(x)).dtype
        dtype('float32')
        """
        if x.dtype == np.uint8:
            return self.scale(x)
        if x.dtype != self.dtype:
            raise ValueError(f"x has dtype {x.dtype}; it has to be uint8, or scaled {self.dtype}")
        return np.ascontiguousarray(x)

    def forward_scaled(
        self, x: np.ndarray, keep: np.ndarray | None = None
    ) -> tuple[np.ndarray, tuple]:
        """`forward` of the scaled input.

        Parameters
        ----------
        x : ndarray of the model's dtype, (B, H, W, C)
            What `scale` gives. A conditional network (section 3.6) takes a pair of such arrays.
        keep : ndarray, (layers, h), optional
            Factors of dropout, from `draw_keep`. None: no dropout.

        Returns
        -------
        logits : ndarray
            As `forward` gives them.
        cache : tuple
            What `backward` needs.

        Examples
        --------
        >>> model = pr.build_model("pixelcnn", (4, 4, 1), h=2, layers=1)
        >>> logits, cache = model.forward_scaled(np.zeros((2, 4, 4, 1), np.float32))
        >>> logits.shape
        (2, 4, 4, 1)
        """
        raise NotImplementedError

    def draw_keep(self, rng: np.random.Generator, rate: float) -> np.ndarray | list[np.ndarray]:
        """Factors of dropout for one shard. Not the paper's.

        Each inner feature of each block is dropped for all pixels of the shard at once.

        Parameters
        ----------
        rng : numpy.random.Generator
            Draws what is dropped.
        rate : float
            The probability to be dropped, in [0, 1).

        Returns
        -------
        ndarray, (layers, h)
            0 where dropped, else 1 / (1 - rate). Of a multi-scale model, a list with the array of
            each network.

        Examples
        --------
        >>> model = pr.build_model("pixelcnn", (4, 4, 1), h=2, layers=1)
        >>> model.draw_keep(np.random.default_rng(0), 0.5)
        array([[2., 0.]], dtype=float32)
        """
        raise NotImplementedError

    @property
    def untouched(self) -> bool:
        """Whether no training has begun.

        Returns
        -------
        bool
            True while the biases of the logits are 0.

        Examples
        --------
        >>> model = pr.build_model("pixelcnn", (4, 4, 1), h=2, layers=1)
        >>> model.untouched
        True
        """
        raise NotImplementedError

    def start_at(self, x: np.ndarray) -> None:
        """Makes the first prediction of each pixel the shares of the values in x.

        It sets the biases of the logits: for two levels to the log-odds of a 1, for more to the
        log of each value's share, per colour. `Trainer.fit` calls it for a new model.

        Parameters
        ----------
        x : ndarray, uint8 (N, H, W, C)
            The training images.

        Raises
        ------
        ValueError
            The images are not the model's.

        Notes
        -----
        Not the paper's.

        Examples
        --------
        >>> model = pr.build_model("pixelcnn", (4, 4, 1), h=2, layers=1)
        >>> x = np.ones((2, 4, 4, 1), np.uint8)
        >>> before = model.nll(x).mean()
        >>> model.start_at(x)
        >>> bool(model.nll(x).mean() < before)
        True
        """
        raise NotImplementedError

    def check_images(self, x: np.ndarray) -> np.ndarray:
        """Refuses what is no batch of this model's images.

        Parameters
        ----------
        x : ndarray, uint8 (B, H, W, C)
            Images, values in [0, levels).

        Returns
        -------
        ndarray, uint8 (B, H, W, C)
            x, contiguous.

        Raises
        ------
        ValueError
            x is no array, is empty, or has another dtype, shape or range.

        Examples
        --------
        >>> model = pr.build_model("pixelcnn", (4, 4, 1), h=2, layers=1)
        >>> model.check_images(np.zeros((2, 5, 4, 1), np.uint8))
        Traceback (most recent call last):
        ...
        ValueError: x has shape (2, 5, 4, 1); it has to be uint8 (B, 4, 4, 1)
        """
        return check_images(x, self.image_shape, self.levels)

    def receptive_field(self) -> str:
        """Which earlier pixels the logits of a pixel can see.

        Returns
        -------
        str
            One line. (r, q) is the pixel: row r, column q.

        Notes
        -----
        Sections 3.1, 3.2 and 3.5; Figure 3.

        Examples
        --------
        >>> model = pr.build_model("row_lstm", (4, 4, 1), h=2, layers=1)
        >>> model.receptive_field()
        'a triangle: row r-d for d >= 1: columns q-4-d to q+2+d; own row: q-4 to q-1'
        """
        raise NotImplementedError

    def summary(self) -> str:
        """Shapes, parameters and receptive field, as text.

        Returns
        -------
        str
            A table in ASCII, so that any file can hold it.

        Examples
        --------
        >>> model = pr.build_model("pixelcnn", (4, 4, 1), h=2, layers=1)
        >>> print(model.summary().splitlines()[0])
        pixelcnn: 4x4x1 images of 2 levels, sigmoid, h = 2, 1 block, float32
        """
        height, width, channels = self.image_shape
        kind = "sigmoid" if self.levels == 2 else f"{self.levels}-way softmax"
        lines = [
            f"{self.name}: {height}x{width}x{channels} images of {self.levels} levels, {kind}, "
            f"h = {self.h}, {plural(self.layers, 'block')}, {self.dtype.name}",
            f"{'parameter':<28}{'shape':<22}{'numbers':>10}",
        ]
        for name, a in self.params.items():
            lines.append(f"{name:<28}{'x'.join(map(str, a.shape)):<22}{a.size:>10,}")
        lines.append(f"{'total':<50}{self.flat.size:>10,}")
        lines.append(f"receptive field: {self.receptive_field()}")
        return "\n".join(lines)

    def save(self, path: str | PathLike) -> None:
        """Writes weights and configuration to one safetensors file.

        Parameters
        ----------
        path : str or path
            The file, which `pr.load` reads. It appears as a whole or not at all.

        Raises
        ------
        OSError
            The file cannot be written. One that was there is unchanged.

        Examples
        --------
        >>> import tempfile
        >>> model = pr.build_model("pixelcnn", (4, 4, 1), h=2, layers=1)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     model.save(f"{folder}/model.safetensors")
        ...     again = pr.load(f"{folder}/model.safetensors")
        >>> np.array_equal(again.flat, model.flat)
        True
        """
        checkpoint.save(path, dict(self.params), {"model": self.config})


def require_model(model, finite=False):
    """`model` if it is one, with finite weights where `finite` says so. Else ValueError."""
    if not isinstance(model, Model):
        raise ValueError(f"model is a {type(model).__name__}; it has to be one of build_model's")
    if finite and not np.isfinite(model.flat).all():
        raise ValueError("the model's weights are not finite; its file is damaged")
    return model
