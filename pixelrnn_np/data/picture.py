"""A picture file as one image of a model, and an image as a picture. Not the paper.

A picture may come from anywhere: its size is judged by its header, before a pixel is unpacked, and
only three formats are tried.
"""

import io
import os
import warnings
from pathlib import Path

import numpy as np

from .photos import shrink
from .quantise import quantise

FORMATS = ("PNG", "JPEG", "BMP")
MODES = {"1", "L", "LA", "P", "PA", "RGB", "RGBA"}  # 8 bits per channel or fewer
LARGEST_FILE, LARGEST_PICTURE = 2**26, 2**24  # bytes, pixels


def read_picture(path, image_shape, levels):
    """The picture at `path`: uint8 (1, H, W, C) in [0, levels).

    A PNG, JPEG or BMP file of W x H pixels, or of a whole multiple of both, of which means are
    taken over squares. Colours become grey for C = 1, grey becomes colour for C = 3; transparency
    is ignored. Then a value v becomes v * levels // 256.

    Raises OSError if the file cannot be read, ValueError, which names it, if it is no such picture.
    """
    H, W, C = image_shape
    if C not in (1, 3):
        raise ValueError(f"{path}: the images of the model have {C} channels, a picture 1 or 3")
    path = Path(path)
    if path.exists() and not path.is_file():
        raise ValueError(f"{path} is not a plain file")
    with open(path, "rb") as file:
        if os.fstat(file.fileno()).st_size > LARGEST_FILE:
            raise ValueError(f"{path} has more than {LARGEST_FILE} bytes; that is no small picture")
        try:
            # From memory: Pillow asks for as many bytes as a chunk claims, and a file object
            # would set them aside before it looks.
            pixels = _pixels(io.BytesIO(file.read()), H, W, "L" if C == 1 else "RGB")
        except MemoryError:
            raise
        except Exception as error:  # a foreign or cut file makes Pillow raise all sorts
            reason = " ".join(str(error).split()) or type(error).__name__
            raise ValueError(f"{path} cannot be used as a picture: {reason}") from None
    return quantise(shrink(pixels.reshape(1, *pixels.shape[:2], C), len(pixels) // H), levels)


def as_picture(image, levels):
    """uint8 (H, W, C) in [0, levels), C = 1 or 3, as a PIL image that `read_picture` reads back.

    Value v becomes 255 v / (levels - 1), rounded up: rounded down, v * levels // 256 would miss it.
    Raises ValueError for another number of channels.
    """
    from PIL import Image

    if image.shape[2] not in (1, 3):
        raise ValueError(f"an image has {image.shape[2]} channels, a picture 1 or 3")
    grey = (-(-255 * np.arange(levels) // (levels - 1))).astype(np.uint8)[image]
    return Image.fromarray(grey[..., 0] if image.shape[2] == 1 else grey)


def _pixels(file, H, W, mode):
    from PIL import Image, UnidentifiedImageError

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of bombs, which are refused below, and of odd metadata
        try:
            picture = Image.open(file, formats=FORMATS)
        except UnidentifiedImageError:
            raise ValueError(f"it is no {', '.join(FORMATS)}") from None
        with picture:
            width, height = picture.size
            factor = height // H
            if factor < 1 or (width, height) != (factor * W, factor * H):
                raise ValueError(f"it has {width}x{height} pixels, not {W}x{H} or a whole multiple")
            if width * height > LARGEST_PICTURE:
                raise ValueError(f"it has {width}x{height} pixels, more than {LARGEST_PICTURE}")
            if picture.mode not in MODES:
                raise ValueError(f"its pixels are {picture.mode}, not of 8 bits per channel")
            return np.array(picture.convert(mode))
