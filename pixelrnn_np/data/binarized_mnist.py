"""The fixed binarisation of MNIST: the data of Table 4 (§5.5; Larochelle and Murray's files).

Salakhutdinov & Murray (2008) drew each pixel once; Larochelle published the draws with the split
into 50000, 10000 and 10000 images that NADE, DRAW and PixelRNN report. Log-likelihoods in nats are
comparable between papers on these very images only, hence the checksums of the published text:
784 digits 0 or 1 per image, separated by spaces, a newline after each image.

`binarized_mnist.npz` packs the same images 34 times smaller: per split uint8 (N, 98),
`np.packbits(images.reshape(N, 784), axis=1)`. It is verified as strictly: the text is made from it
and has to have the published checksum. The test split is sorted by class.
"""

import hashlib
import io
import math
import zipfile
from typing import NamedTuple

import numpy as np
from numpy.lib import format as npy

from .dataset import Dataset
from .files import check_sum, find, locate

URL = "http://www.cs.toronto.edu/~larocheh/public/datasets/binarized_mnist/"
PACKED = "binarized_mnist.npz"
SIDE = 28
PIXELS = SIDE * SIDE
LINE = 2 * PIXELS  # bytes of text per image
NPY_HEADER = 10000  # bytes that the header of an array may have; NumPy's own bound


class Text(NamedTuple):
    """A published file: how many images it holds, and its SHA-256."""

    count: int
    sha256: str


SPLITS = {
    "train": Text(50000, "ad693b29f94c14277b095f5238ddefbbdaaae0939789dd2f4f0205278cee3e4d"),
    "valid": Text(10000, "1de3d397c40fe8eeb33dafd4099a1f665ec01e96d9be234aaeeac8a34930e2e2"),
    "test": Text(10000, "e6687bfea3f820c174f33b7865140b2a2dd2930ef786f35d45795fc193b5ab2c"),
}


def load(split, levels, rng=None):
    """uint8 (N, 28, 28, 1) in {0, 1}.

    The folder of PIXELRNN_DATA, then the user's cache, are searched for the packed file and for
    the published text; if neither is there, the text is downloaded.
    """
    count, sha256 = SPLITS[split]
    filename = f"binarized_mnist_{split}.amat"
    path = find(PACKED, filename)
    if path is not None and path.name == PACKED:
        images = _read_packed(path, split)
    else:
        path = locate(filename, sha256, [URL + filename], count * LINE)
        text = np.frombuffer(path.read_bytes(), np.uint8).reshape(count, LINE)
        images = text[:, ::2] - np.uint8(ord("0"))
    return images.reshape(count, SIDE, SIDE, 1)


def _read_packed(path, split):
    count, sha256 = SPLITS[split]
    with open(path, "rb") as file:
        try:
            with zipfile.ZipFile(file) as archive:
                packed = _member(archive, f"{split}.npy", (count, PIXELS // 8))
        except MemoryError:
            raise
        except Exception as error:  # a foreign or cut file makes zipfile and NumPy raise all sorts
            reason = " ".join(str(error).split())
            raise ValueError(f"{path}: no split {split!r} can be read from it: {reason}") from error
    images = np.unpackbits(packed, axis=1)
    check_sum(f"{path} (split {split!r})", sha256, hashlib.sha256(as_text(images)).hexdigest())
    return images


def _member(archive, name, shape):
    """The uint8 array of that shape in a member of a zip file; ValueError for anything else.

    No more is unpacked than the array and its header take up, whatever the file claims.
    """
    info = archive.getinfo(name)
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"it is packed by method {info.compress_type}, which NumPy never does")
    bound = math.prod(shape) + NPY_HEADER
    with archive.open(info) as member:
        data = member.read(bound + 1)
    if len(data) > bound:
        raise ValueError(f"it unpacks to more than {bound} bytes")
    file = io.BytesIO(data)
    read = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
    version = npy.read_magic(file)
    if version not in read:
        raise ValueError(f"it is an array file of version {version}")
    found, _, dtype = read[version](file)
    if found != shape or dtype != np.uint8:
        raise ValueError(f"it is {dtype} {found}, expected uint8 {shape}")
    file.seek(0)
    return npy.read_array(file, allow_pickle=False)


def as_text(images):
    """The published text of images (N, 784) in {0, 1}: ASCII bytes, uint8 (N, 1568)."""
    text = np.full((len(images), LINE), ord(" "), np.uint8)
    np.add(images, ord("0"), out=text[:, ::2])
    text[:, -1] = ord("\n")
    return text


DATASET = Dataset(
    name="binarized_mnist",
    description="MNIST's fixed binarisation, 28x28, as in the paper's Table 4; 110 MB to download",
    image_shape=(SIDE, SIDE, 1),
    splits={name: text.count for name, text in SPLITS.items()},
    levels=2,
    allowed_levels=(2, 2),
    loader=load,
)
