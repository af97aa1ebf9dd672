"""§3.6 What one prediction of a conditional network reads of the small image and of the large."""

import numpy as np

from .grids import cell
from .likelihood import raster
from .maps import _counted, _field, sheet
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


@drawn
def decided(place, size=8, factor=2):
    """The order in which pixels are decided with one scale and with two; place: one's number."""
    order, count = np.zeros((size, size), int), (size // factor) ** 2
    order[::factor, ::factor] = np.arange(1, count + 1).reshape(size // factor, -1)
    order[order == 0] = np.arange(count + 1, size * size + 1)
    small = f"{size // factor}×{size // factor}"
    one = np.arange(1, size * size + 1).reshape(size, size)
    figure = raster({"one scale": one, f"two scales, {small} first": order}, place)
    figure.alt = (
        f"Two {size}×{size} images with the numbers 1 to {size**2} in the order of decision, pixel "
        f"{place} in orange. On the left it sees all pixels above it and to its left. On the right "
        f"the numbers 1 to {count} stand on every row and column that {factor} divides, and pixel "
        f"{place} sees all of these too, also those below it."
    )
    return figure


@drawn
def two_scales_drawn(film, factor, rows):
    """Images in stages: the small ones, these pixels in their places, after `rows`, and finished.

    film: what `sample` hands to on_row, the small images' rows first.
    """
    n, H, W, _ = film[-1].shape
    small = [images for images in film if images.shape[1] < H][-1]
    large = film[-H:]
    placed = np.zeros_like(film[-1])
    placed[:, ::factor, ::factor] = small
    stills, waiting = [_wide(small, factor)], [np.zeros((H, W, 1), bool)]
    for row, images in [(-1, placed), *((r, large[r]) for r in rows), (H - 1, film[-1])]:
        hidden = np.zeros((H, W, 1), bool)
        hidden[row + 1 :] = True
        hidden[::factor, ::factor] = False
        stills.append(images)
        waiting.append(hidden)
    waiting = np.repeat(np.stack(waiting), n, axis=0)
    figure = sheet(np.concatenate(stills), 2, columns=n, waiting=waiting)
    figure.alt = (
        f"{n} images in {len(stills)} stages: a sketch of {small.shape[1]}×{small.shape[2]} "
        f"pixels; these alone on a dark blue image of {H}×{W}; the same with the upper "
        + "; with the upper ".join(f"{r + 1} rows drawn" for r in rows)
        + "; finished."
    )
    return figure


@drawn
def sketches(small, pictures, levels, factor):
    """Lines of a sketch, enlarged, and the pictures drawn around it.

    small: uint8 (n, h, w, C); pictures: (n, m, factor · h, factor · w, C).
    """
    n, m = pictures.shape[:2]
    lines = np.concatenate([_wide(small, factor)[:, None], pictures], axis=1)
    figure = sheet(lines.reshape(-1, *lines.shape[2:]), levels, columns=m + 1)
    figure.alt = (
        f"{n} lines. On the left a sketch of {small.shape[1]}×{small.shape[2]} pixels, enlarged; "
        f"then {m} pictures of {lines.shape[2]}×{lines.shape[3]} pixels drawn around it."
    )
    return figure


def _wide(small, factor):
    return small.repeat(factor, axis=1).repeat(factor, axis=2)
