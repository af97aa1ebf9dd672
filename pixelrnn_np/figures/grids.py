"""Small arrays as grids: masks (§3.4), kernels with their numbers, the skewed map (§3.2)."""

import numpy as np

from .palette import BLACK, CURRENT, FUTURE, SEEN, SIGNED, WIDTH, bare, drawn, new, panels
from .words import rows_of, written


@drawn
def masks(named, labels=None, centre=True):
    """0/1 masks side by side, {title: (rows, cols)}: what is read is blue, what is hidden grey.

    labels: names of the rows and columns, such as ("R", "G", "B"), for masks between features
    (row: output, column: input); centre: outline the middle, the pixel itself.
    """
    figure, axes = panels(len(named), ratio=_ratio(named), cells=_cells(named))
    for a, (title, mask) in zip(axes, named.items(), strict=True):
        mask = np.asarray(mask)
        for (r, q), value in np.ndenumerate(mask):
            cell(a, r, q, SEEN if value else FUTURE, str(int(value)))
        if centre and labels is None:
            outline(a, mask.shape[0] // 2, mask.shape[1] // 2)
        _frame(a, mask.shape, title, labels)
    what = "Rows are outputs, columns inputs. " if labels is not None else ""
    figure.alt = what + " ".join(f"{t}: {rows_of(m)}." for t, m in named.items())
    return figure


@drawn
def numbers(named, form="{:.2g}", current=None, labels=None, columns=None):
    """Small arrays with their numbers, {title: (rows, cols)}, one colour scale around zero.

    form: how a number is written; current: None or (row, col), outlined; columns: arrays in a row.
    """
    top = max(max(np.abs(np.asarray(a)).max(initial=0) for a in named.values()), 1e-12)
    figure, axes = panels(len(named), columns=columns, ratio=_ratio(named), cells=_cells(named))
    for a, (title, values) in zip(axes, named.items(), strict=True):
        values = np.asarray(values)
        _signed(a, values, top, form)
        if current is not None:
            outline(a, *current)
        _frame(a, values.shape, title, labels)
    figure.alt = " ".join(f"{t}: {rows_of(a, form)}." for t, a in named.items())
    return figure


@drawn
def convolution(image, kernel, place):
    """One number of a convolution: the window of an image (H, W), the kernel, and their products.

    place: (row, column) of the output; the image is 0 outside.
    """
    from matplotlib.patches import Rectangle

    image, kernel = np.asarray(image, float), np.asarray(kernel, float)
    rows, cols = kernel.shape
    r, q = place
    wide = np.pad(image, ((rows // 2,) * 2, (cols // 2,) * 2))
    products = wide[r : r + rows, q : q + cols] * kernel
    H, W = image.shape
    above, below = (max(0.2, rows // 2 - k + 0.1) for k in (r, H - 1 - r))  # for the window
    before, behind = (max(0.2, cols // 2 - k + 0.1) for k in (q, W - 1 - q))
    wide_as = [W + before + max(behind, 0.9), cols + 0.6, cols + 0.6]  # cells of one size
    figure = new(6.4 / sum(wide_as) * (H + above + below) + 0.35, 6.4)
    axes = figure.subplots(1, 3, width_ratios=wide_as)
    shared = max(np.abs(kernel).max(), np.abs(products).max()) or 1
    titles = (f"the image; window of {(int(r), int(q))}", "the kernel",
              f"products: sum {written(products.sum(), '{:g}')}")  # fmt: skip
    scales = (np.abs(image).max() or 1, shared, shared)
    for a, title, values, top in zip(axes, titles, (image, kernel, products), scales, strict=True):
        _signed(a, values, top, "{:g}")
        _frame(a, values.shape, title, None)
    axes[0].add_patch(
        Rectangle((q - cols / 2, r - rows / 2), cols, rows, fill=False, edgecolor=BLACK, lw=2.5)
    )
    axes[0].set(xlim=(-0.5 - before, W - 0.5 + max(behind, 0.9)))
    for a in axes[1:]:
        a.set(xlim=(cols / 2 - 0.5 - wide_as[1] / 2, cols / 2 - 0.5 + wide_as[1] / 2))
    for a in axes:  # one height: titles and upper rows stand in line
        a.set(ylim=(H - 0.5 + below, -0.5 - above))
    outline(axes[0], r, q)
    outline(axes[1], rows // 2, cols // 2)
    figure.alt = (
        f"An image, {rows_of(image)}. The kernel, {rows_of(kernel)}, laid on pixel "
        f"{(int(r), int(q))}, gives the products {rows_of(products)}; sum {products.sum():g}."
    )
    return figure


def _signed(axes, values, top, form):
    """Numbers on one colour scale around zero, which ends at ±top."""
    from matplotlib import colormaps

    for (r, q), value in np.ndenumerate(values):
        colour = colormaps[SIGNED](0.5 + 0.43 * value / top)
        text = written(value, form) if value else "0"  # a zero by construction has no decimals
        cell(axes, r, q, colour, text, abs(value) > 0.5 * top)


@drawn
def skewed(letters):
    """§3.2: a map of short strings (H, W), and the same skewed; each diagonal has one shade."""
    from matplotlib import colormaps

    letters = np.asarray(letters)
    H, W = letters.shape
    shades = colormaps["Blues"](0.12 + 0.5 * np.arange(H + W - 1) / max(1, H + W - 2))
    figure = new(0.62 * WIDTH * H / (H + 2 * W - 1) + 0.5)
    left, right = figure.subplots(1, 2, width_ratios=[W, H + W - 1])
    for (r, q), name in np.ndenumerate(letters):
        cell(left, r, q, shades[r + q], name)
        cell(right, r, r + q, shades[r + q], name)
    for r, t in np.ndindex(H, H + W - 1):
        if not 0 <= t - r < W:
            cell(right, r, t, "white", "·")
    _frame(left, (H, W), "the map", None)
    _frame(right, (H, H + W - 1), "skewed: row r moved r to the right", None)
    rows = (" ".join([*"·" * r, *row, *"·" * (H - 1 - r)]) for r, row in enumerate(letters))
    figure.alt = f"A map, {rows_of_words(letters)}, and skewed: {' / '.join(rows)}."
    return figure


def rows_of_words(letters):
    return " / ".join(" ".join(map(str, row)) for row in letters)


def cell(axes, r, q, colour, text="", light=False):
    """One square of a grid with its text."""
    from matplotlib.patches import Rectangle

    axes.add_patch(Rectangle((q - 0.5, r - 0.5), 1, 1, facecolor=colour, edgecolor="white", lw=1.5))
    if text:
        axes.text(q, r, text, ha="center", va="center", fontsize=10,
                  color="white" if light else BLACK)  # fmt: skip


def outline(axes, r, q):
    """A frame in the current pixel's colour."""
    from matplotlib.patches import Rectangle

    axes.add_patch(
        Rectangle((q - 0.46, r - 0.46), 0.92, 0.92, fill=False, edgecolor=CURRENT, lw=2.5, zorder=3)
    )


def _cells(named):
    return max(np.shape(a)[1] for a in named.values())


def _ratio(named):
    return max(np.shape(a)[0] / max(np.shape(a)[1], 1) for a in named.values())


def _frame(axes, shape, title, labels):
    axes.set(xlim=(-0.6, shape[1] - 0.4), ylim=(shape[0] - 0.4, -0.6), aspect="equal")
    bare(axes)
    axes.set_title(title, fontsize=10)
    if labels is not None:
        axes.set_xticks(range(len(labels)), labels)
        axes.set_yticks(range(len(labels)), labels)
        axes.tick_params(length=0)
        axes.set(xlabel="input", ylabel="output")


@drawn
def register_tile(pixels=4, outputs=4):
    """A tile of registers: numbers of `pixels` by weights of `outputs`, and a sum for each pair."""
    figure = new(0.5 * (pixels + 2), min(WIDTH, 0.62 * (outputs + 4.2)))
    axes = figure.subplots()
    for q in range(outputs):
        cell(axes, -1.3, q, SEEN, f"$k_{{{q}}}$")
    for r in range(pixels):
        cell(axes, r, -1.3, SEEN, f"$x_{{{r}}}$")
        for q in range(outputs):
            cell(axes, r, q, "#F6DFC8", f"$x_{{{r}}}k_{{{q}}}$")
    axes.text(outputs - 0.35, -1.3, "a weight of\neach output", va="center", fontsize=9.5)
    axes.text(outputs - 0.35, (pixels - 1) / 2, "a sum for each:\nthese stay in\nregisters",
              va="center", fontsize=9.5)  # fmt: skip
    axes.text(-2.0, (pixels - 1) / 2, "a number of\neach pixel", va="center", ha="right",
              fontsize=9.5)  # fmt: skip
    axes.set(xlim=(-4.3, outputs + 2.1), ylim=(pixels - 0.4, -1.95), aspect="equal")
    bare(axes)
    figure.alt = (
        f"{pixels} numbers, one of each pixel, beside {outputs} weights, one of each output. "
        f"{pixels + outputs} numbers are loaded for {pixels * outputs} products, each of which is "
        "added to a sum of its own that stays in a register."
    )
    return figure
