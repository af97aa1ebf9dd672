"""Images as one picture: side by side, enlarged, with pixels that are not drawn yet."""

import math

import numpy as np

from .palette import WAITING


def to_rgb(images, levels):
    """uint8 (N, H, W, C) in [0, levels) → float (N, H, W, 3) in [0, 1]; C is 1 or 3."""
    if images.shape[-1] not in (1, 3):
        raise ValueError(f"images have {images.shape[-1]} channels; pictures need 1 or 3")
    return np.repeat(images / (levels - 1), 3 // images.shape[-1], axis=-1)


def finer(images):
    """How many dots a side a pixel of small images needs, so that gaps between them are thin."""
    return max(1, 20 // max(images.shape[1:3]))


def tile(images, levels, columns, gap=1, waiting=None, fine=1):
    """Images side by side on a grey ground: float (rows, cols, 3).

    waiting: None, or bool that broadcasts to the images: pixels not drawn yet, shown in blue;
    fine: dots along a pixel's side, where the gap is `gap` dots.
    """
    rgb = to_rgb(images, levels)
    if waiting is not None:
        rgb = np.where(waiting, WAITING, rgb)
    rgb = rgb.repeat(fine, axis=1).repeat(fine, axis=2)
    n, h, w, _ = rgb.shape
    rows = math.ceil(n / columns)
    sheet = np.full((rows * (h + gap) + gap, columns * (w + gap) + gap, 3), 0.6)
    for i in range(n):
        r, q = gap + (i // columns) * (h + gap), gap + (i % columns) * (w + gap)
        sheet[r : r + h, q : q + w] = rgb[i]
    return sheet


def enlarged(sheet, least):
    """A picture with every pixel enlarged by a whole factor, to about `least` across."""
    factor = max(1, round(least / max(sheet.shape[:2])))
    return sheet.repeat(factor, axis=0).repeat(factor, axis=1)
