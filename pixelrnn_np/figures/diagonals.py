"""§3.2 as grids: letters in the squares of a map, and the diagonal that one step computes."""

import numpy as np

from .grids import _frame, _ratio, cell, outline, rows_of_words
from .palette import CURRENT, FUTURE, SEEN, WIDTH, colour_legend, drawn, new, panels


@drawn
def letters(named, current=None, reads=(), columns=None):
    """Maps of short strings side by side, {title: (rows, cols)}; "·" is padding, and stays white.

    current: None or a string, outlined wherever it stands; reads: strings in the colour of what is
    seen, or {title: [(row, col), …]}, places in each map, padding too.
    """
    ratio = _ratio(named)
    figure, axes = panels(len(named), columns=columns, ratio=ratio + 0.05)
    for a, (title, grid) in zip(axes, named.items(), strict=True):
        grid = np.asarray(grid)
        for (r, q), text in np.ndenumerate(grid):
            read = (r, q) in reads[title] if isinstance(reads, dict) else text in reads
            ground = SEEN if read else "white" if text == "·" else FUTURE
            cell(a, r, q, ground, str(text))
            if text == current:
                outline(a, r, q)
        _frame(a, grid.shape, title, None)
    figure.alt = " ".join(f"{title}: {rows_of_words(grid)}." for title, grid in named.items())
    return figure


@drawn
def states_kept(height, width, r, q, k=3):
    """States still needed when pixel (r, q) is drawn: Row LSTM, and both scans of §3.2."""
    needed = {
        f"Row LSTM, k = {k}": lambda i, j: i == r - 1 and j >= q - k // 2,
        "left to right": lambda i, j: i == r - 1 and j >= q,
        "right to left": lambda i, j: i == r - 1,
    }
    figure, axes = panels(3, ratio=height / width + 0.02)
    for a, (title, above) in zip(axes, needed.items(), strict=True):
        for i, j in np.ndindex(height, width):
            own = i == r and j < q and title != "right to left"
            later = i > r or (i == r and j >= q)
            kept = above(i, j) or own
            cell(a, i, j, SEEN if kept else FUTURE if later else "#F2F2F2")
        outline(a, r, q)
        _frame(a, (height, width), title, None)
    colour_legend(figure, {"kept": SEEN, "not kept": "#F2F2F2", "not drawn yet": FUTURE})
    figure.alt = (
        f"Three maps while pixel ({r}, {q}) is drawn. The Row LSTM keeps row {r - 1} from column "
        f"{max(0, q - k // 2)} on, and row {r} before the pixel; the left-to-right scan row "
        f"{r - 1} from column {q} on, and row {r} before the pixel; the right-to-left scan all "
        f"of row {r - 1} and nothing of row {r}."
    )
    return figure


@drawn
def wavefront(height, width, t, mirrored=False):
    """Step t of a scan, in the image and in the skewed map: done, computed now, still to come.

    Arrows lead from the two states that one of the pixels of the diagonal reads, where it has them.
    mirrored: from right to left, where the map is flipped before it is skewed.
    """
    figure = new(0.62 * WIDTH * height / (height + width) + 0.75)
    left, right = figure.subplots(1, 2, width_ratios=[width, height + width - 1])
    for r, q in np.ndindex(height, width):
        ground = SEEN if r + q < t else CURRENT if r + q == t else FUTURE
        cell(left, r, width - 1 - q if mirrored else q, ground)
        cell(right, r, r + q, ground)
    for r, s in np.ndindex(height, height + width - 1):
        if not 0 <= s - r < width:
            cell(right, r, s, "white", "·")
    r = min(t, height - 1) - (min(t, height - 1) - max(0, t - width + 1)) // 2
    q = t - r
    for dr, dq in ((1, 0), (0, 1)):
        if r >= dr and q >= dq:
            start, end = (q - dq, r - dr), (q, r)
            if mirrored:
                start, end = (width - 1 - start[0], start[1]), (width - 1 - end[0], end[1])
            _arrow(left, start, end)
            _arrow(right, (t - 1, r - dr), (t, r))
    _frame(left, (height, width), "the image", None)
    flipped = "flipped, then skewed" if mirrored else "skewed"
    _frame(right, (height, height + width - 1), f"{flipped}: step {t} is column {t}", None)
    names = {"computed now": CURRENT, "done": SEEN, "still to come": FUTURE, "padding": "white"}
    colour_legend(figure, names)
    figure.alt = (
        f"An image of {height}×{width} pixels and its skewed map, with two triangles of padding. "
        f"Step {t} is one diagonal of the image and column {t} of the map; arrows lead to one of "
        "its pixels from the two whose states it reads, both on the diagonal before."
    )
    return figure


def _arrow(axes, start, end):
    axes.annotate("", end, start, zorder=4, arrowprops={"arrowstyle": "->", "lw": 1.6})
