"""Checks of images, shapes and numbers for models. Not the paper."""

import numpy as np

from ..arguments import check_int, shown


class NotFinite(ValueError):
    """Logits, nats or gradients are NaN or infinite, as the weights are, or are too large."""


def check_finite(what, array):
    if not np.isfinite(array).all():
        raise NotFinite(
            f"the model's {what} are not finite: its weights are damaged, or too large for "
            "their dtype"
        )


def check_shape(image_shape):
    """(H, W, C) as a tuple of ints; else ValueError."""
    try:
        shape = tuple(image_shape)
    except TypeError:
        shape = ()
    if len(shape) != 3:
        raise ValueError(
            f"image_shape is {shown(image_shape)}; it has to be (height, width, channels)"
        )
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
