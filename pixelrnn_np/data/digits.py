"""Handwritten digits of 8 x 8 pixels, embedded in scikit-learn: small enough to train in seconds.

Not in the paper. Source: the test part of the UCI "Optical Recognition of Handwritten Digits"
(Alpaydin & Kaynak 1998), 1797 images with intensities 0 to 16, hence 17 levels. The published set
has no splits: here a permutation with seed 0 deals 1297 images to train, 250 to valid, 250 to test.
"""

import numpy as np

from ..arguments import choose
from . import embedded
from .dataset import Dataset

SEED = 0
SPLITS = {"train": 1297, "valid": 250, "test": 250}


def split_indices(split):
    """The indices (N,) into scikit-learn's 1797 images of one split; the three are disjoint."""
    # NumPy may change how a Generator permutes, but never these raw bits: the splits are for good.
    order = np.argsort(np.random.PCG64(SEED).random_raw(sum(SPLITS.values())), kind="stable")
    place = list(SPLITS).index(choose("split", split, tuple(SPLITS)))
    return np.split(order, np.cumsum(list(SPLITS.values())))[place]


def load(split, levels, rng=None):
    """uint8 (N, 8, 8, 1) in [0, levels), levels from 2 to 17.

    Intensity x becomes min(x * levels // 16, levels - 1): all 17 levels are kept as they are, and
    two levels are a threshold, 1 where x >= 8.
    """
    images = embedded.digits()[split_indices(split), :, :, None]
    return np.minimum(images * levels // 16, levels - 1).astype(np.uint8)


DATASET = Dataset(
    name="digits",
    description="scikit-learn's handwritten digits, 8x8, 17 grey levels; no download",
    image_shape=(8, 8, 1),
    splits=SPLITS,
    levels=17,
    allowed_levels=(2, 17),
    loader=load,
)
