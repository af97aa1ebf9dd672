"""MNIST, the grey images of 28 x 28 pixels (LeCun, Cortes & Burges 1998).

The paper (§5.5) uses the fixed binarisation of these images, which is `binarized_mnist`. This set
serves models of grey levels, and the stochastic binarisation, with which others report results
as a makeshift: results on it are not comparable with the paper's.

Splits as in `binarized_mnist`: train is the first 50000 images of the published training file,
valid its last 10000, test the published test file.

Each published file is found as it is, unpacked, packed anew, with a dot in its name
(`t10k-images.idx3-ubyte`), in the folders that torchvision makes (`MNIST/raw`), or as the array in
Keras's `mnist.npz`. The SHA-256 of the unpacked IDX file, header and pixels, is verified. For the
test files it was computed from the published ones. For the training file it is the one in the lists
of many projects.
"""

import hashlib
import struct
from typing import NamedTuple

import numpy as np

from .archives import read_members
from .dataset import Dataset
from .files import check_sum, contents, find, locate
from .quantise import binarise, quantise

MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)
SIDE = 28
MAGIC = 0x00000803  # unsigned bytes, three dimensions


KERAS = ("mnist.npz", "datasets/mnist.npz")
FOLDERS = ("", "MNIST/raw/", "raw/", "mnist/")  # torchvision's, and what people call theirs


class Images(NamedTuple):
    """A published file of images.

    Its name, how many it holds, its SHA-256 and size in bytes, the SHA-256 of what it unpacks to,
    and the name of the same array in Keras's file.
    """

    filename: str
    count: int
    sha256: str
    size: int
    content: str
    keras: str

    @property
    def names(self):
        """Under which it may lie in a folder, the published first."""
        base = self.filename.removesuffix(".gz")
        dotted = base.replace("-idx", ".idx")
        forms = (self.filename, base, f"{dotted}.gz", dotted, f"{base}/{base}")
        return tuple(folder + form for folder in FOLDERS for form in forms) + KERAS

    @property
    def forms(self):
        """The same in words."""
        base = self.filename.removesuffix(".gz")
        return f"{base}, {base.replace('-idx', '.idx')}, MNIST/raw/{base}, {KERAS[0]}"


TRAIN = Images(
    "train-images-idx3-ubyte.gz",
    60000,
    "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    9_912_422,
    "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "x_train",
)
TEST = Images(
    "t10k-images-idx3-ubyte.gz",
    10000,
    "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    1_648_877,
    "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "x_test",
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
    urls = [mirror + file.filename for mirror in MIRRORS]
    path = locate(file.filename, file.sha256, urls, file.size, file.names[1:], file.forms)
    if path.suffix == ".npz":
        shape = (file.count, SIDE, SIDE)
        images = read_members(path, f"split {split!r}", {file.keras: (shape, [np.uint8])})
        images = images.reshape(*shape, 1)
    else:
        images = read_images(path, file.count, file.content)
    check_sum(path, file.content, hashlib.sha256(header(file.count) + images.tobytes()).hexdigest())
    return quantise(images[part], levels) if rng is None else binarise(images[part], rng)


def where(split):
    """The path of the file that `load` would read, unverified; None if it is not here."""
    return find(*SPLITS[split][0].names)


def header(count):
    """The first bytes of an IDX file of so many images."""
    return struct.pack(">4I", MAGIC, count, SIDE, SIDE)


def read_images(path, count, content="of its pixels"):
    """Reads an IDX file, gzipped or not, that has to hold `count` images: uint8 (count, 28, 28, 1).

    content: the published SHA-256, for messages. Raises ValueError naming the file if it is cut
    short, or holds anything else; no size that the file claims is believed.
    """
    expected = header(count)
    size = count * SIDE * SIDE
    # One byte more than there should be: it reveals a longer file, and at the end of a right one
    # makes gzip compare its own checksum.
    data = contents(path, len(expected) + size, content)
    found, pixels = data[: len(expected)], data[len(expected) :]
    if found != expected:
        raise ValueError(
            f"{path} is not an IDX file of {count} images of {SIDE}x{SIDE} pixels: its "
            f"header is {found.hex(' ', 4)!r}, expected {expected.hex(' ', 4)!r}"
        )
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
    where=where,
)
