"""The digits of 8 x 8 pixels, each in an ink of its own on a paper of its own: colour in seconds.

Not in the paper: the smallest set on which the three channels of a pixel tell about each other
(§3.4), since a pixel's red says how much ink it has, and with it green and blue. Images
and splits are those of `digits`; the two colours of each are drawn once, with seed 0, so that the
set is the same for everybody: `load_data`'s seed has no effect on it.
"""

import numpy as np

from . import embedded
from .dataset import Dataset
from .digits import SPLITS, split_indices
from .quantise import quantise

SEED = 0
FULL = 16  # the intensity of pure ink
DISTANCE = 128


def colours():
    """Paper and ink of scikit-learn's 1797 digits, in its order: two uint8 arrays (1797, 3), RGB.

    Uniform draws; a pair is kept if its red, its green or its blue differ by at least 128, so that
    ink and paper remain two colours with any number of levels, even two.
    """
    count = sum(SPLITS.values())
    # Raw bits, as in `digits`. More than half of the pairs are kept, so these are plenty.
    raw = np.random.PCG64(SEED).random_raw(4 * count).astype("<u8")
    paper, ink = np.split(raw.view(np.uint8).reshape(-1, 8)[:, :6], 2, axis=1)
    kept = np.abs(paper.astype(int) - ink).max(axis=1) >= DISTANCE
    return paper[kept][:count], ink[kept][:count]


def load(split, levels, rng=None):
    """uint8 (N, 8, 8, 3) in [0, levels), levels from 2 to 256.

    A pixel of intensity t in [0, 1] has the colour (1 - t) * paper + t * ink, rounded, halves up;
    then a value x becomes x * levels // 256.
    """
    indices = split_indices(split)
    t = embedded.digits()[indices, :, :, None]
    paper, ink = (c[indices, None, None].astype(np.int64) for c in colours())
    images = ((FULL - t) * paper + t * ink + FULL // 2) // FULL
    return quantise(images.astype(np.uint8), levels)


DATASET = Dataset(
    name="colour_digits",
    description="scikit-learn's digits in random colours, 8x8, 8 levels per channel; no download",
    image_shape=(8, 8, 3),
    splits=SPLITS,
    levels=8,
    allowed_levels=(2, 256),
    loader=load,
)
