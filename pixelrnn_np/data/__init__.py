"""The data sets of §5.5 and §5.6 and smaller ones: `load_data` by name.

Every set is a `Dataset` in `DATASETS`; nothing is read, imported or downloaded before `load_data`
asks for it. Where files are looked for is told in `files`.
"""

import operator

import numpy as np

from ..backend import choose
from . import binarized_mnist, cifar10, colour_digits, digits, mnist, photos
from .dataset import Dataset

# A further data set is one file that defines DATASET, and a line here.
DATASETS = {
    dataset.name: dataset
    for dataset in (
        digits.DATASET,
        colour_digits.DATASET,
        *photos.DATASETS,
        mnist.DATASET,
        binarized_mnist.DATASET,
        cifar10.DATASET,
    )
}

__all__ = ["DATASETS", "Dataset", "dataset_levels", "load_data"]


def load_data(name, split="train", *, levels=None, stochastic=False, seed=0):
    """The images of one split: uint8 (N, H, W, C) in [0, levels), fresh, writable, contiguous.

    name: a key of `DATASETS`: "digits", "colour_digits", "photos", "photos16", "photos8", "mnist",
    "binarized_mnist", "cifar10"; split: "train", "valid" or "test", in the publisher's order, which
    for some test splits is sorted by class: shuffle before taking a subset; levels: how many values
    a pixel may take, None for the set's own default; stochastic: mnist only, each pixel is one
    Bernoulli draw with probability intensity / 255, so there are two levels (likelihoods of such
    images are not comparable with those of "binarized_mnist", nor with the paper's Table 4); seed:
    a non-negative integer, which with the split's name fixes the stochastic draws and nothing else.

    Raises ValueError for an argument that is not allowed, for a PIXELRNN_DATA that is no folder and
    for a file that is not the published one; OSError if a file cannot be read or downloaded.
    """
    levels = dataset_levels(name, levels, stochastic)
    dataset = DATASETS[name]
    choose("split", split, tuple(dataset.splits))
    seed = _integer("seed", seed)
    if seed < 0:
        raise ValueError(f"seed is {seed}; it has to be at least 0")
    rng = np.random.default_rng([seed, list(dataset.splits).index(split)]) if stochastic else None
    images = dataset.loader(split, levels, rng)
    return np.require(images, np.uint8, ["C_CONTIGUOUS", "WRITEABLE", "OWNDATA"])


def dataset_levels(name, levels=None, stochastic=False):
    """The number of levels of the images that `load_data` returns for the same arguments.

    Raises ValueError for an unknown name, a number of levels that the set does not offer, and for
    stochastic=True with a set that has no stochastic binarisation or with more than two levels.
    """
    dataset = DATASETS[choose("name", name, tuple(DATASETS))]
    low, high = dataset.allowed_levels
    if choose("stochastic", stochastic, (False, True)):
        if not dataset.stochastic:
            able = ", ".join(repr(d.name) for d in DATASETS.values() if d.stochastic)
            raise ValueError(f"stochastic is True for {name!r}; only {able} may be stochastic")
        low = high = 2
    if levels is None:
        return 2 if stochastic else dataset.levels
    levels = _integer("levels", levels)
    if not low <= levels <= high:
        allowed = f"{low}" if low == high else f"from {low} to {high}"
        how = " with stochastic=True" if stochastic else ""
        raise ValueError(f"levels is {levels} for {name!r}{how}; it has to be {allowed}")
    return levels


def _integer(argument, value):
    try:
        return operator.index(value)
    except TypeError:
        raise ValueError(f"{argument} is {value!r}; it has to be an integer") from None
