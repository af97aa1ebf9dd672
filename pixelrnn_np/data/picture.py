"""A picture file as an image of 8 bits per channel, and an image as a picture. Not the paper.

A picture may come from anywhere: its size is judged by its header, before a pixel is unpacked, and
only a few formats are tried. It is read as a viewer would show it: turned as its EXIF says, what is
transparent on white paper, all colour models as RGB, 16 bits as their upper 8.
"""

import io
import os
import warnings
from pathlib import Path

import numpy as np

from .photos import shrink
from .quantise import quantise

FORMATS = ("PNG", "JPEG", "BMP")
GREY = ("1", "L", "LA")
SIXTEEN = ("I", "I;16", "I;16B", "I;16L", "I;16N")  # what Pillow makes of 16 bits of grey
LARGEST_FILE, LARGEST_PICTURE = 2**26, 2**24  # bytes, pixels


def read_picture(path, image_shape, levels, invert=False):
    """The picture at `path`: uint8 (1, H, W, C) in [0, levels).

    A file of one of FORMATS, of W x H pixels as it is shown, or of a whole multiple of both, of
    which means are taken over squares. Colours become grey for C = 1, grey becomes colour for
    C = 3. Then a value v becomes v * levels // 256. invert: white for black, every channel.

    Raises OSError if the file cannot be read, ValueError, which names it, if it is no such picture.
    """
    H, W, C = image_shape
    if C not in (1, 3):
        raise ValueError(f"{path}: the images of the model have {C} channels, a picture 1 or 3")

    def fit(width, height):
        factor = height // H
        if factor < 1 or (width, height) != (factor * W, factor * H):
            raise ValueError(f"it has {width}x{height} pixels, not {W}x{H} or a whole multiple")

    pixels = np.array(open_picture(path, fit).convert("L" if C == 1 else "RGB"))
    if invert:
        pixels = 255 - pixels
    return quantise(shrink(pixels.reshape(1, *pixels.shape[:2], C), len(pixels) // H), levels)


def open_picture(path, fit=None, formats=FORMATS):
    """The picture at `path`, upright: a Pillow image of mode "L" if the file is grey, else "RGB".

    fit: fit(width, height) raises ValueError for a size that is of no use. Raises OSError if the
    file cannot be read, ValueError, which names it, if it is none of the formats or damaged.
    """
    path = Path(path)
    if path.exists() and not path.is_file():
        raise ValueError(f"{path} is not a plain file")
    with open(path, "rb") as file:
        if os.fstat(file.fileno()).st_size > LARGEST_FILE:
            raise ValueError(f"{path} has more than {LARGEST_FILE} bytes; save a smaller picture")
        try:
            # From memory: Pillow asks for as many bytes as a chunk claims, and a file object
            # would set them aside before it looks.
            return _open(io.BytesIO(file.read()), fit or (lambda width, height: None), formats)
        except MemoryError:
            raise
        except Exception as error:  # a foreign or cut file makes Pillow raise all sorts
            reason = " ".join(str(error).split()) or type(error).__name__
            raise ValueError(f"{path} cannot be used as a picture: {reason}") from None


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


def _open(file, fit, formats):
    from PIL import Image, ImageOps, UnidentifiedImageError

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of bombs, which are refused below, and of odd metadata
        try:
            picture = Image.open(file, formats=formats)
        except UnidentifiedImageError:
            raise ValueError(f"it is no {', '.join(formats)}") from None
        with picture:
            width, height = picture.size
            if width * height > LARGEST_PICTURE:
                raise ValueError(f"it has {width}x{height} pixels, more than {LARGEST_PICTURE}")
            # It may lie on its side, which for some formats only the whole file tells.
            if not (_fits(fit, width, height) or _fits(fit, height, width)):
                fit(width, height)
            upright = ImageOps.exif_transpose(picture)
            fit(*upright.size)
            return _plain(upright)


def _fits(fit, width, height):
    try:
        fit(width, height)
    except ValueError:
        return False
    return True


def _plain(picture):
    """The same in mode "L" or "RGB"."""
    from PIL import Image

    grey = picture.mode in GREY
    if picture.mode in SIXTEEN:
        values = np.asarray(picture).astype(np.int64)
        return Image.fromarray(np.clip(values >> 8, 0, 255).astype(np.uint8))
    if picture.mode == "F":
        raise ValueError("its pixels are floating-point numbers, and nothing says which is white")
    if picture.has_transparency_data:
        ink = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", ink.size, "white"), ink)
    return picture.convert("L" if grey else "RGB")
