"""The same kind of images from several models, beside each other."""

import numpy as np

from .palette import WIDTH, bare, drawn, panels
from .tiles import finer, tile
from .words import pictures, titles


@drawn
def sheets(named, levels, columns=4, across=None, waiting=None):
    """Images of several sources, {title: uint8 (n, H, W, C)}, one small sheet each.

    columns: of a sheet; across: sheets in a row (None: all); waiting: as in `sheet`.
    """
    first = next(iter(named.values()))
    rows = -(-len(first) // columns)
    lines = max(title.count("\n") for title in named)
    ratio = rows * first.shape[1] / (columns * first.shape[2])
    per_row = across or len(named)
    side = min(WIDTH / per_row, 3.4)
    height = -(-len(named) // per_row) * (side * ratio + 0.35 + 0.17 * lines)
    figure, axes = panels(len(named), height=height, columns=per_row)
    for a, (title, images) in zip(axes, named.items(), strict=True):
        images = np.asarray(images)
        picture = tile(images, levels, columns, waiting=waiting, fine=finer(images))
        a.imshow(picture, interpolation="nearest")
        a.set_title(title, fontsize=10)
        bare(a)
    figure.alt = f"{pictures(first)} from each of {len(named)} sources: {titles(named)}."
    return figure
