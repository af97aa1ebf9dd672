"""The fixed binarisation of MNIST: the data of Table 4 (§5.5; Larochelle and Murray's files).

Salakhutdinov & Murray (2008) drew each pixel once; Larochelle published the draws with the split
into 50000, 10000 and 10000 images that NADE, DRAW and PixelRNN report. Log-likelihoods in nats are
comparable between papers on these very images only, hence the checksums of the published text:
784 digits 0 or 1 per image, separated by spaces, a newline after each image.

The published address is often reported dead. Any of these files can be put in its place, in the
folder of PIXELRNN_DATA; the published text is made from it and has to have the published checksum:

binarized_mnist.npz              per split uint8 (N, 98), 34 times smaller:
                                 `np.packbits(images.reshape(N, 784), axis=1)`
the same name                    the file that goes with MADE's code: `train_data`, `valid_data`,
                                 `test_data`, each (N, 784) of zeros and ones in any type
binarized_mnist_{train,valid,test}.amat    the text, also gzipped (.amat.gz)

The test split is sorted by class.
"""

import hashlib
from typing import NamedTuple

import numpy as np

from .archives import read_members
from .dataset import Dataset
from .files import check_sum, contents, find, locate

# The publisher, and a repository that has the same three files in it.
MIRRORS = (
    "http://www.cs.toronto.edu/~larocheh/public/datasets/binarized_mnist/",
    "https://raw.githubusercontent.com/mingzhang-yin/ARM-gradient/"
    "bac893cfcec486bbd00b755b12cf8402053b0e84/",
)
PACKED = "binarized_mnist.npz"
SIDE = 28
PIXELS = SIDE * SIDE
LINE = 2 * PIXELS  # bytes of text per image
WHOLE = [np.uint8, np.int8, np.bool_, np.int32, np.int64, np.float32, np.float64]


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
    filename = text_name(split)
    path = where(split) or locate(
        filename, sha256, [mirror + filename for mirror in MIRRORS], count * LINE,
        forms=f"{filename}.gz, {PACKED}",
    )  # fmt: skip
    images = (_read_packed if path.suffix == ".npz" else _read_text)(path, split)
    return images.reshape(count, SIDE, SIDE, 1)


def where(split):
    """The path of the file that `load` would read, unverified; None if it is not here."""
    return find(PACKED, text_name(split), f"{text_name(split)}.gz")


def text_name(split):
    return f"binarized_mnist_{split}.amat"


def _read_text(path, split):
    count, sha256 = SPLITS[split]
    data = contents(path, count * LINE, sha256)
    check_sum(path, sha256, hashlib.sha256(data).hexdigest())
    return np.frombuffer(data, np.uint8).reshape(count, LINE)[:, ::2] - np.uint8(ord("0"))


def _read_packed(path, split):
    count, sha256 = SPLITS[split]
    wanted = {split: ((count, PIXELS // 8), [np.uint8]), f"{split}_data": ((count, PIXELS), WHOLE)}
    images = read_members(path, f"split {split!r}", wanted)
    if images.shape[1] == PIXELS:
        images = (images != 0).astype(np.uint8)
    else:
        images = np.unpackbits(images, axis=1)
    check_sum(f"{path} (split {split!r})", sha256, hashlib.sha256(as_text(images)).hexdigest())
    return images


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
    where=where,
)
