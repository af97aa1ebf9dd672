"""MNIST, the grey images of 28 x 28 pixels (LeCun, Cortes & Burges 1998).

The paper (§5.5) uses the fixed binarisation of these images, which is `binarized_mnist`. This set
serves models of grey levels, and the stochastic binarisation, with which others report results
as a makeshift: results on it are not comparable with the paper's.

Splits as in `binarized_mnist`: train is the first 50000 images of the published training file,
valid its last 10000, test the published test file.
"""

import gzip
import struct
import zlib
from typing import NamedTuple

import numpy as np

from .dataset import Dataset
from .files import locate
from .quantise import quantise

MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)
SIDE = 28
MAGIC = 0x00000803  # unsigned bytes, three dimensions


class Images(NamedTuple):
    """A published file of images: its name, how many it holds, its SHA-256 and size in bytes."""

    filename: str
    count: int
    sha256: str
    size: int


TRAIN = Images(
    "train-images-idx3-ubyte.gz",
    60000,
    "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    9_912_422,
)
TEST = Images(
    "t10k-images-idx3-ubyte.gz",
    10000,
    "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    1_648_877,
)
SPLITS = {
    "train": (TRAIN, slice(0, 50000)),
    "valid": (TRAIN, slice(50000, 60000)),
    "test": (TEST, slice(0, 10000)),
}


def load(split, levels, rng=None):
    """uint8 (N, 28, 28, 1) in [0, levels), levels from 2 to 256.

    Intensity x becomes x * levels // 256; given a Generator, a Bernoulli draw of probability
    x / 255 instead.
    """
    file, part = SPLITS[split]
    path = locate(file.filename, file.sha256, [m + file.filename for m in MIRRORS], file.size)
    images = read_images(path, file.count)[part]
    if rng is not None:
        # An integer uniform on 0 ... 254 lies below x with probability x / 255, exactly.
        return (rng.integers(255, size=images.shape, dtype=np.uint8) < images).astype(np.uint8)
    return quantise(images, levels)


def read_images(path, count):
    """Reads a gzipped IDX file that has to hold `count` images: uint8 (count, 28, 28, 1).

    Raises ValueError naming the file if it is not gzip, is cut short, or holds anything else; no
    size that the file claims is believed.
    """
    expected = struct.pack(">4I", MAGIC, count, SIDE, SIDE)
    size = count * SIDE * SIDE
    try:
        with gzip.open(path) as file:
            header = file.read(len(expected))
            if header != expected:
                raise ValueError(
                    f"{path} is not an IDX file of {count} images of {SIDE}x{SIDE} pixels: its "
                    f"header is {header.hex(' ', 4)!r}, expected {expected.hex(' ', 4)!r}"
                )
            # One byte more than there should be: it reveals a longer file, and at the end of a
            # right one makes gzip compare its own checksum.
            pixels = file.read(size + 1)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ValueError(f"{path} is not a whole gzip file: {error}") from error
    if len(pixels) != size:
        found = "more" if len(pixels) > size else len(pixels)
        raise ValueError(f"{path} should hold {size} bytes of pixels after its header, not {found}")
    return np.frombuffer(pixels, np.uint8).reshape(count, SIDE, SIDE, 1)


DATASET = Dataset(
    name="mnist",
    description="MNIST's handwritten digits, 28x28, 256 grey levels; 12 MB to download",
    image_shape=(SIDE, SIDE, 1),
    splits={"train": 50000, "valid": 10000, "test": 10000},
    levels=256,
    allowed_levels=(2, 256),
    loader=load,
    stochastic=True,
)
