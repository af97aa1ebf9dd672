"""What all models share: parameters in one flat vector, scaling, shards, likelihood, gradients.

§2: one parameter set for all pixel positions, and every conditional in one parallel pass.
"""

from os import PathLike

import numpy as np

from .. import checkpoint
from ..arguments import check_int, choose
from .checks import check_images, check_shape
from .description import Description
from .nats import Nats
from .trainable import Trainable
from .vector import Vector

DTYPES = ("float32", "float64")
SHARD_PIXELS = 4 * 28 * 28  # of one shard; benchmarks/README.md says why


class Model(Nats, Trainable, Description, Vector):
    """A layer of layers from images to logits, and its likelihood.

    `build_model`, `load` and `load_pretrained` return one. `config` holds the arguments from which
    `build_model` makes it again. A subclass sets `name`, builds its layers and calls `_finish`; it
    implements `forward_scaled` and `backward`.
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
