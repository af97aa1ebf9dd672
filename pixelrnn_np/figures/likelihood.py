"""§2: orders of pixels, images with their titles, distributions over the values of a pixel."""

import numpy as np

from .charts import plain_numbers
from .grids import cell
from .palette import (
    BLACK,
    BLUE,
    CURRENT,
    FUTURE,
    GREY,
    PALE,
    QUIET,
    SEEN,
    WIDTH,
    bare,
    colour_of,
    drawn,
    panels,
    plain,
)
from .tiles import to_rgb
from .words import listed, rows_of, sentence, titles


@drawn
def raster(named, place):
    """Figure 2, left: orders of the pixels, {title: (H, W) of 1 … H·W}, each pixel's number in it.

    place: the number of the pixel that is predicted; those before it are what it may see.
    """
    tall, wide = (max(np.shape(a)[k] for a in named.values()) for k in (0, 1))
    figure, axes = panels(len(named), ratio=tall / wide, cells=0.65 * wide)
    for a, (title, order) in zip(axes, named.items(), strict=True):
        order = np.asarray(order)
        for (r, q), number in np.ndenumerate(order):
            colour = SEEN if number < place else FUTURE if number > place else CURRENT
            cell(a, r, q, colour, str(int(number)), number == place)
        width = order.shape[1]
        beside = (wide - width) / 2  # squares of all panels have one size
        a.set(xlim=(-0.6 - beside, width - 0.4 + beside), ylim=(tall - 0.4, -0.6), aspect="equal")
        a.set_title(title, fontsize=10)
        bare(a)
    figure.alt = f"Pixel {place} is orange, those before it are blue. " + " ".join(
        f"{title}: {rows_of(order)}." for title, order in named.items()
    )
    return figure


@drawn
def gallery(named, levels, columns=8):
    """Single images with a title each, {title: (H, W, C)}, with a frame: white ones can be seen."""
    figure, axes = panels(len(named), columns=columns, ratio=1.15)
    for a, (title, image) in zip(axes, named.items(), strict=True):
        a.imshow(to_rgb(np.asarray(image)[None], levels)[0], interpolation="nearest")
        a.set_title(title, fontsize=10)
        a.set(xticks=[], yticks=[])
        a.spines[:].set_color(GREY)
    figure.alt = f"{len(named)} small images: {titles(named)}."
    return figure


@drawn
def distributions(named, values=None, columns=3, ylabel="p", top=None, windows=None, low=None):
    """Distributions over the values of a pixel, one panel each, as the paper's Figure 6.

    named: {title: p} with p (levels,), or {title: {label: p}} for several in a panel, the first as
    bars and the others as lines; values: None or {title: value}, marked by a triangle below; top:
    where the vertical axis ends, the same in all panels; None leaves each its own; what goes beyond
    it has its number beside it. windows: None or {title: (first, last)}, the values shown. low:
    None, or where a logarithmic vertical axis begins.
    """
    figure, axes = panels(len(named), columns=columns, ratio=0.72)
    if len(named) == 1:
        figure.set_size_inches(WIDTH, 2.6)
    labelled = False
    for a, (title, panel) in zip(axes, named.items(), strict=True):
        panel = panel if isinstance(panel, dict) else {None: panel}
        for k, (label, p) in enumerate(panel.items()):
            colour = BLUE if len(panel) == 1 else PALE
            if k == 0 and len(p) > 64 and title not in (windows or {}):  # no bars of a dot's width
                a.fill_between(np.arange(len(p) + 1) - 0.5, np.append(p, p[-1]), step="post",
                               color=colour, lw=0.5, label=label)  # fmt: skip
            elif k == 0:
                a.bar(np.arange(len(p)), p, width=1.0, color=colour, label=label)
            else:
                a.plot(np.arange(len(p)), p, color=colour_of(label, k), lw=1.8, label=label)
            labelled |= label is not None
        if values is not None and title in values:
            a.plot(values[title], -0.07, "^", color=CURRENT, markersize=9, clip_on=False, zorder=4,
                   transform=a.get_xaxis_transform())  # fmt: skip
        least = min(0.0, *(float(np.min(p)) for p in panel.values()))
        if least < 0:
            a.axhline(0, color=BLACK, lw=0.8)
        bottom = None if least < 0 else 0
        a.set(xlim=(-0.02 * len(p) - 0.5, 1.02 * len(p) - 0.5))
        if low is not None:
            a.set_yscale("log")
            plain_numbers(a.yaxis)
        a.set_ylim(bottom if low is None else low, top)
        if windows and title in windows:
            first, last = windows[title]
            a.set(xlim=(first - 0.8, last + 0.8), xticks=np.linspace(first, last, 4).round())
        if top:
            _beyond(a, next(iter(panel.values())), top)
        a.set_title(title, fontsize=10)
        a.tick_params(labelsize=9)
        a.tick_params(axis="x", pad=14 if values else 3)
        plain(a)
    for a in axes[-min(columns, len(axes)) :]:
        a.set_xlabel("value", fontsize=9)
    for a in axes[:: min(columns, len(axes))]:
        a.set_ylabel(ylabel)
    if labelled:
        found = dict(zip(*axes[0].get_legend_handles_labels()[::-1], strict=True))
        labels = [label for label in next(iter(named.values())) if label in found]
        figure.legend([found[k] for k in labels], labels, loc="outside lower center",
                      ncols=len(labels), fontsize=9, frameon=False)  # fmt: skip
    figure.alt = " ".join(_peak(title, panel, values or {}) for title, panel in named.items())
    return figure


def _beyond(axes, p, top):
    """The number of the highest bar beside it, if it goes on beyond the figure."""
    at = int(np.argmax(p))
    if p[at] > top:
        right = at + int(np.argmax(np.append(p[at:], 0) < top))
        axes.annotate(f"↑ {p[at]:.2f} at {at}", (right, top), (5, 0), textcoords="offset points",
                      va="top", fontsize=9, color=QUIET)  # fmt: skip


def _peak(title, panel, values):
    """Where the distributions of one panel are largest, and what happened."""
    panel = panel if isinstance(panel, dict) else {"p": panel}
    peaks = [
        f"{k or 'p'} is largest, {max(p):.3f}, at {int(np.argmax(p))}" for k, p in panel.items()
    ]
    truth = f", the mark is at {int(values[title])}" if title in values else ""
    return sentence(f"{title}: {listed(peaks)}{truth}")
