"""The data sets of §5.5 and §5.6 and smaller ones, or your own: `load_data` by name or path.

Every set is a `Dataset` in `DATASETS`; nothing is read, imported or downloaded before `load_data`
asks for it. Where files are looked for is told in `files`.
"""

import math
from os import PathLike

import numpy as np

from ..arguments import check_int, choose
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
    name: str | PathLike,
    split: str = "train",
    *,
    levels: int | None = None,
    stochastic: bool = False,
    seed: int = 0,
    size: tuple[int, int] | str | int | None = None,
    grey: bool | None = None,
    valid_share: float | None = None,
    fingerprint: str | None = None,
) -> np.ndarray:
    """The images of one split.

    Parameters
    ----------
    name : str or path
        "digits", "colour_digits", "photos", "photos16", "photos8", "mnist5k", "mnist",
        "binarized_mnist" or "cifar10". Or the path of own data: a folder of pictures, an .npy or
        .npz file. A folder that is named like a data set needs a "./" before its name.
    split : {"train", "valid", "test"}
        The order is the publisher's. Some test splits are sorted by class: shuffle them before
        you take a subset.
    levels : int, optional
        How many values a sub-pixel may take. None: the data set's own default.
    stochastic : bool
        "mnist" and "mnist5k" only: draw each pixel, 1 with probability intensity / 255. That
        makes two levels. Likelihoods of such images cannot be compared with those of
        "binarized_mnist", nor with the paper's Table 4.
    seed : int
        At least 0. It fixes the stochastic draws, and which own pictures go to which split.
    size : tuple of int, str or int, optional
        Own pictures only: (H, W), "HxW" or N, to which they are scaled and cut.
    grey : bool, optional
        Own pictures only: True for one channel, False for three. None: what they have.
    valid_share : float, optional
        Own pictures only: the part of train that goes to valid where there is no valid split,
        and to test likewise. None: 0.1.
    fingerprint : str, optional
        Own pictures only: the fingerprint that they had when they were used before.

    Returns
    -------
    ndarray, uint8 (N, H, W, C)
        Values in [0, levels). The array is fresh, writable and contiguous.

    Raises
    ------
    ValueError
        An argument is not allowed, PIXELRNN_DATA is no folder, a file is not the published one,
        or own data have another fingerprint.
    OSError
        A file cannot be read or downloaded.

    Notes
    -----
    Sections 5.5 and 5.6. Files are looked for in the folder PIXELRNN_DATA, then in the user's
    cache. What is in neither is downloaded and verified.

    Examples
    --------
    >>> x = pr.load_data("digits", "test", levels=2)
    >>> x.shape, x.dtype, int(x.max())
    ((250, 8, 8, 1), dtype('uint8'), 1)
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
    seed = check_int("seed", seed, 0, 2**63)
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

    Raises ValueError for an unknown name, for levels that the set does not offer, and for
    stochastic=True with a set that has none, or with more than two levels.
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
    levels = check_int("levels", levels, -math.inf, math.inf)
    if not low <= levels <= high:
        allowed = f"{low}" if low == high else f"from {low} to {high}"
        how = " with stochastic=True" if stochastic else ""
        raise ValueError(f"levels is {levels} for {name!r}{how}; it has to be {allowed}")
    return levels
