"""Crops of the two photographs embedded in scikit-learn, in colour: 32x32, 16x16 and 8x8 pixels.

Not in the paper: a colour set that needs no download, for practice before CIFAR-10 (§5.6).
Two photographs hold little variety, and the crops of one split overlap each other: a likelihood on
them compares with nothing but another model's on the same set.

Source: china.jpg and flower.jpg, 427 x 640 pixels each, by the Flickr users danielbuechele and
vultilion, CC BY 2.0. Every split has bands of columns of its own, in both photographs and over all
rows; a pixel of one split is never in another:

    train  0-63   144-207   288-351   432-495   576-639
    valid       80-127              368-415
    test                  224-271             512-559

The 16 columns between two bands belong to no split. They part whole blocks of the JPEG files, so
that not even compression carries anything across. Smooth sky or leaves may still look alike in two
splits, and with few levels be the same.
"""

from functools import partial

import numpy as np

from . import embedded
from .dataset import Dataset
from .quantise import quantise

PHOTOGRAPHS = ("china.jpg", "flower.jpg")
ROWS = 427
SIDE = 32
STRIDE = 4
SEED = 0
# The first columns of the bands, and their width.
BANDS = {
    "train": ((0, 144, 288, 432, 576), 64),
    "valid": ((80, 368), 48),
    "test": ((224, 512), 48),
}
SPLITS = {"train": 4000, "valid": 500, "test": 500}


def corners(split):
    """Where the crops of one split are cut out: int (N, 3), photograph, top row, left column.

    They are drawn without repetition from all corners on a grid of 4 pixels whose 32 x 32 pixels
    lie inside one of the split's bands; the same for everybody.
    """
    starts, width = BANDS[split]
    places = [
        (photograph, top, left)
        for photograph in range(len(PHOTOGRAPHS))
        for top in range(0, ROWS - SIDE + 1, STRIDE)
        for start in starts
        for left in range(start, start + width - SIDE + 1, STRIDE)
    ]
    # Raw bits, as in `digits`: NumPy will never change them.
    order = np.argsort(np.random.PCG64(SEED).random_raw(len(places)), kind="stable")
    return np.array(places)[order[: SPLITS[split]]]


def load(split, levels, rng=None, *, size=SIDE):
    """uint8 (N, size, size, 3) in [0, levels), levels from 2 to 256; size 32, 16 or 8.

    Image k is the same 32 x 32 pixels of the photograph in every size: the smaller ones are means
    over 2 x 2 or 4 x 4 of them, rounded. Then a value x becomes x * levels // 256.
    """
    photographs = [embedded.photograph(name) for name in PHOTOGRAPHS]
    crops = [photographs[p][r : r + SIDE, q : q + SIDE] for p, r, q in corners(split)]
    return quantise(shrink(np.stack(crops), SIDE // size), levels)


def shrink(images, factor):
    """uint8 (N, H, W, C) → (N, H / factor, W / factor, C): means over squares, halves up."""
    n, h, w, c = images.shape
    squares = images.reshape(n, h // factor, factor, w // factor, factor, c)
    area = factor * factor
    return ((squares.sum(axis=(2, 4), dtype=np.uint32) + area // 2) // area).astype(np.uint8)


def _dataset(name, size):
    return Dataset(
        name=name,
        description=f"colour crops of two photographs, {size}x{size}, 256 levels; no download",
        image_shape=(size, size, 3),
        splits=SPLITS,
        levels=256,
        allowed_levels=(2, 256),
        loader=partial(load, size=size),
    )


DATASETS = (_dataset("photos", 32), _dataset("photos16", 16), _dataset("photos8", 8))
