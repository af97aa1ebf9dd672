"""The data sets of §5.5 and §5.6 and smaller ones, or your own: `load_data` by name or path.

Every set is a `Dataset` in `DATASETS`; nothing is read, imported or downloaded before `load_data`
asks for it. Where files are looked for is told in `files`.
"""

import operator

import numpy as np

from ..arguments import choose
from . import binarized_mnist, cifar10, colour_digits, digits, mnist, mnist5k, own, photos
from .dataset import Dataset

# A further data set is one file that defines DATASET, and a line here.
DATASETS = {
    dataset.name: dataset
    for dataset in (
        digits.DATASET,
        colour_digits.DATASET,
        *photos.DATASETS,
        mnist5k.DATASET,
        mnist.DATASET,
        binarized_mnist.DATASET,
        cifar10.DATASET,
    )
}

__all__ = [
    "DATASETS",
    "OWN_OPTIONS",
    "Dataset",
    "dataset_levels",
    "find_dataset",
    "is_own",
    "known",
    "load_data",
]

OWN_OPTIONS = ("size", "grey", "valid_share")


def load_data(
    name, split="train", *, levels=None, stochastic=False, seed=0,
    size=None, grey=None, valid_share=None, fingerprint=None,
):  # fmt: skip
    """The images of one split: uint8 (N, H, W, C) in [0, levels), fresh, writable, contiguous.

    name: a key of `DATASETS`: "digits", "colour_digits", "photos", "photos16", "photos8",
        "mnist5k", "mnist", "binarized_mnist", "cifar10"; or the path of a folder of pictures, of
        an .npy or .npz file (see `own`), to which a folder named like a data set needs a "./".
    split: "train", "valid" or "test". The order is the publisher's, which for some test splits is
        sorted by class: shuffle before taking a subset.
    levels: how many values a pixel may take; None is the set's own default.
    stochastic: mnist and mnist5k only. Each pixel is one Bernoulli draw with probability intensity
        / 255, so there are two levels. Likelihoods of such images are not comparable with those of
        "binarized_mnist", nor with the paper's Table 4.
    seed: a non-negative integer; with the split's name it fixes the stochastic draws; of own
        pictures, which go to which split. Nothing else depends on it.
    size, grey, valid_share: own pictures only. (H, W), "HxW" or N, to which they are scaled and
        cut; True for one channel, False for three, None for what they have; what part of train goes
        to valid, and as much to test, where these are missing (0.1).
    fingerprint: own pictures only; what their Dataset's was when they were used before.

    Raises ValueError for an argument that is not allowed, for a PIXELRNN_DATA that is no folder,
    for a file that is not the published one and for own data of another fingerprint; OSError if a
    file cannot be read or downloaded.
    """
    choose("split", split, own.SPLITS)
    dataset = find_dataset(
        name, levels=levels, stochastic=stochastic, seed=seed, size=size, grey=grey,
        valid_share=valid_share, fingerprint=fingerprint,
    )  # fmt: skip
    levels = _levels_of(dataset, levels, stochastic)
    rng = np.random.default_rng([seed, own.SPLITS.index(split)]) if stochastic else None
    images = dataset.loader(split, levels, rng)
    return np.require(images, np.uint8, ["C_CONTIGUOUS", "WRITEABLE", "OWNDATA"])


def find_dataset(
    name, *, levels=None, stochastic=False, seed=0,
    size=None, grey=None, valid_share=None, fingerprint=None,
):  # fmt: skip
    """The Dataset that `load_data` takes for these arguments, with the same errors.

    Of a published one no file is touched; own pictures are read, once for several calls.
    """
    seed = _integer("seed", seed)
    if seed < 0:
        raise ValueError(f"seed is {seed}; it has to be at least 0")
    given = {"size": size, "grey": grey, "valid_share": valid_share, "fingerprint": fingerprint}
    if is_own(name):
        del given["fingerprint"]
        dataset = own.describe(name, seed=seed, **given)
        if fingerprint not in (None, dataset.fingerprint):
            raise ValueError(
                f"{dataset.name} has changed: its fingerprint is {dataset.fingerprint[:16]}, "
                f"not {str(fingerprint)[:16]}"
            )
    else:
        dataset = DATASETS[known(name)]
        for option, value in given.items():
            if value is not None:
                raise ValueError(f"{option} is {value!r} for {name!r}; it is for own pictures only")
    _levels_of(dataset, levels, stochastic)
    return dataset


def is_own(name):
    """Whether `load_data` takes this for the path of own pictures."""
    return own.is_path(name) and name not in tuple(DATASETS)


def dataset_levels(name, levels=None, stochastic=False, **others):
    """The number of levels of the images that `load_data` returns for the same arguments.

    Raises ValueError for an unknown name, a number of levels that the set does not offer, and for
    stochastic=True with a set that has no stochastic binarisation or with more than two levels.
    """
    return _levels_of(find_dataset(name, **others), levels, stochastic)


def known(name, argument="name"):
    """`name` if it is that of a data set; ValueError, which names `argument`, for anything else."""
    try:
        return choose(argument, name, tuple(DATASETS))
    except ValueError as error:
        raise ValueError(f"{error}, or the path of a folder of pictures, .npy or .npz") from None


def _levels_of(dataset, levels, stochastic):
    name = dataset.name
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
