"""§3.6 What one prediction of a conditional network reads of the small image and of the large."""

import numpy as np

from .grids import cell
from .maps import _counted, _field
from .palette import BLACK, CURRENT, FUTURE, MISSED, SEEN, bare, colour_legend, drawn, new


@drawn
def given_fields(small, large, place, factor):
    """Reads of one logit: small (height, width), not 0 where it reads; large (H, W); its place.

    On the left the small image, each of its pixels as large as `factor` of the large one's; on the
    right the large one, with a dot where a pixel of the small image lies: full if it is read.
    """
    small, large = np.asarray(small) != 0, np.asarray(large) != 0
    figure = new(3.6)
    left, right = figure.subplots(1, 2)
    height, width = small.shape
    for r, q in np.ndindex(height, width):
        cell(left, r, q, SEEN if small[r, q] else MISSED)
        full = BLACK if small[r, q] else "none"
        right.plot(factor * q, factor * r, "o", markersize=6, markeredgecolor=BLACK,
                   markerfacecolor=full, zorder=4)  # fmt: skip
    left.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5), aspect="equal")
    left.set_title("the small image, given", fontsize=10)
    bare(left)
    _field(right, large, place, own=False)
    right.set_title("the large image; dots: the small one's pixels", fontsize=10)
    kinds = {"this pixel": CURRENT, "read": SEEN, "could be read, is not": MISSED, "later": FUTURE}
    colour_legend(figure, kinds)
    rows = np.flatnonzero(small.any(axis=1)).tolist()
    figure.alt = (
        f"What the logit of pixel {tuple(map(int, place))} reads. Of the small image "
        f"{small.sum()} of {small.size} pixels, in rows {rows[0]} to {rows[-1]}, which lie at rows "
        f"{factor * rows[0]} to {factor * rows[-1]} of the large one. "
        + _counted("Of the large image", large, place, False)
        if rows
        else "It reads nothing of the small image."
    )
    return figure
