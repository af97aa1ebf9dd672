"""Curves, bars and tables: few marks, labels beside what they name."""

import re
from numbers import Integral, Real
from textwrap import wrap

import numpy as np
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

from ..console import shown
from .palette import BLACK, BLUE, FAINT, GREY, MODELS, QUIET, colour_of, drawn, new, plain
from .words import listed, minus, sentence, words


@drawn
def lines(named, xlabel, ylabel, log=False, levels=None, height=3.0, markers=True, legend="ends",
          logx=False, ylim=None):  # fmt: skip
    """Curves {label: (x, y)}; levels: {label: y}, dashed. A known thing has its own colour.

    legend: names stand at the curves' "ends", in their colours, or "above" the axes, as they do
    where curves end at different places; log, logx: powers of ten along an axis; ylim: None or
    (low, high).
    """
    figure = new(height)
    axes = figure.subplots()
    colours = {label: colour_of(label, k) for k, label in enumerate(named)}
    for k, (label, (x, y)) in enumerate(named.items()):
        alike = list(colours.values())[:k].count(colours[label])  # of one colour: dashed, dotted
        axes.plot(x, y, ("-", "--", ":")[alike % 3], marker="o" if markers else None, markersize=4,
                  color=colours[label], label=label)  # fmt: skip
    for y in (levels or {}).values():
        axes.axhline(y, color=GREY, linestyle="--", linewidth=1)
    axes.set(xlabel=xlabel, ylabel=ylabel)
    if all(isinstance(v, (int, np.integer)) for x, _ in named.values() for v in x):
        axes.xaxis.get_major_locator().set_params(integer=True)
    if log:
        axes.set_yscale("log")
    if logx:
        axes.set_xscale("log")
    if ylim:
        axes.set_ylim(ylim)
    for axis in [axes.yaxis] * log + [axes.xaxis] * logx:
        plain_numbers(axis)
    if not logx and axes.get_xlim()[1] >= 1e4:
        axes.xaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:,.0f}"))
    if logx and len(tried := {float(v) for x, _ in named.values() for v in x}) <= 6:
        axes.set_xticks(sorted(tried))
        axes.xaxis.set_minor_locator(NullLocator())
    axes.grid(axis="y")
    plain(axes)
    ends = {k: (x[-1], y[-1]) for k, (x, y) in named.items() if len(x) and legend == "ends"}
    if len({float(x) for x, _ in ends.values()}) > 1:
        ends = {}  # curves that end elsewhere: names above
    if len(named) > 1 and not ends:
        axes.legend(frameon=False, ncols=2 if len(named) in (2, 4) else 3, loc="lower center",
                    bbox_to_anchor=(0.5, 1.0))  # fmt: skip
    _name_ends(axes, ends if len(named) > 1 or levels else {}, levels or {}, colours)
    figure.alt = words(figure) + (f" Dashed: {listed(levels)}." if levels else "")
    return figure


def _name_ends(axes, ends, levels, colours):
    """Names at the right of curves {label: (x, y)} and levels {label: y}, none over another."""
    shown = {label: "\n".join(wrap(label, 24)) for label in (*ends, *levels)}
    line = 0.185 / (axes.figure.get_size_inches()[1] - 0.65)  # of text, part of the axes' height
    places = []
    for label, y in [*((k, y) for k, (_, y) in ends.items()), *levels.items()]:
        to_axes = axes.transData + axes.transAxes.inverted()
        height = to_axes.transform((axes.get_xlim()[1], y))[1]
        places.append((label, min(max(height, 0.0), 1.0), line * (shown[label].count("\n") + 1)))
    found = spread(places)
    for label, end, _ in places:
        colour = colours.get(label, QUIET)
        if abs(found[label] - end) > line / 2:  # moved: a thin line leads to it
            axes.plot([1, 1.012], [end, found[label]], transform=axes.transAxes, color=colour,
                      linewidth=0.8, clip_on=False, scalex=False, scaley=False,
                      label="_leader")  # fmt: skip
        axes.annotate(shown[label], (1, found[label]), xycoords="axes fraction", xytext=(8, 0),
                      textcoords="offset points", va="center", ha="left", fontsize=9.5,
                      color=colour, linespacing=1.05)  # fmt: skip


def spread(places):
    """Heights of labels [(label, height, size)] moved as little as keeps them apart: {label: …}.

    They stay between 0 and 1, if there is room.
    """
    groups = []  # of neighbours that touch: (middle, size, members)
    for label, height, size in sorted(places, key=lambda place: place[1]):
        groups.append([_inside(height, size), size, [(label, size)], [height]])
        while len(groups) > 1 and (
            groups[-1][0] - groups[-2][0] < (groups[-1][1] + groups[-2][1]) / 2
        ):
            _, size, members, heights = groups.pop()
            groups[-1][1] += size
            groups[-1][2] += members
            groups[-1][3] += heights
            groups[-1][0] = _inside(float(np.mean(groups[-1][3])), groups[-1][1])
    found = {}
    for middle, size, members, _ in groups:
        at = middle - size / 2
        for label, own in members:
            found[label], at = at + own / 2, at + own
    return found


def _inside(middle, size):
    return max(min(middle, 1 - size / 2), size / 2)


def plain_numbers(axis):
    """A logarithmic axis says 0.1, 1 and 1,000 where powers of ten are not needed; never 6×10⁰."""
    low, high = axis.get_view_interval()
    if high < 100 * low:
        steps = (1, 2, 5) if high > 20 * low else (1, 2, 3, 5)
        steps = steps if high > 4 * low else (1, 1.5, 2, 2.5, 3, 4, 5, 6, 7, 8)
        axis.set_major_locator(LogLocator(subs=steps))
    if low >= 5e-4 and high <= 1e6:
        axis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:,.0f}" if v >= 10 else f"{v:g}"))
    axis.set_minor_formatter(NullFormatter())


def curves(named, xlabel, ylabel="nats per image", mean_of=1, **options):
    """`lines` of {label: values}, one for each of 1, 2, 3 … on the x axis: epochs, updates.

    mean_of: how many values make one point, their mean, in the middle of their places.
    """
    points = {}
    for label, y in named.items():
        means = np.reshape(y[: len(y) // mean_of * mean_of], (-1, mean_of)).mean(axis=1)
        if mean_of > 1:
            points[label] = ((np.arange(len(means)) + 0.5) * mean_of + 0.5, means)
        else:
            points[label] = (list(range(1, len(y) + 1)), y)
    longest = max(len(y) for _, y in points.values())
    return lines(points, xlabel, ylabel, markers=longest <= 40, **options)


@drawn
def bars(named, xlabel, highlight=(), form="{:.4g}", log=False):
    """Horizontal bars {label: number}, the number beside each; highlight: labels in colour.

    log: whether lengths are logarithms, from the power of ten below the least number.
    """
    figure = new(0.36 * len(named) + 0.7)
    axes = figure.subplots()
    plain_bar = [BLUE if not highlight or k in highlight else GREY for k in named]
    colours = [MODELS.get(k.split(",")[0], c) for k, c in zip(named, plain_bar, strict=True)]
    values = np.array(list(named.values()), float)
    low = 10 ** np.floor(np.log10(values.min())) if log else 0
    drawn = axes.barh(list(named), values - low, left=low, color=colours, height=0.65)
    axes.bar_label(drawn, [form.format(v) for v in values], padding=4, color=BLACK)
    axes.invert_yaxis()
    if log:
        axes.set(xscale="log", xlim=(low, values.max() * (values.max() / low) ** 0.12))
        plain_numbers(axes.xaxis)
    else:
        axes.margins(x=0.12)
    axes.set_xlabel(xlabel)
    axes.tick_params(axis="y", length=0)
    plain(axes)
    figure.alt = sentence(
        f"{xlabel}: " + "; ".join(f"{k} {form.format(v)}" for k, v in named.items())
    )
    return figure


def _counts(value, shown):
    """Whether a cell of a table is a number, the text of one, or empty."""
    return isinstance(value, Real) or not re.sub(r"[-−+≤]?[\d.,]*\d(e[-+]?\d+)? ?[%×]?", "", shown)


def _in_cell(value, form):
    """Floats have a form, whole numbers of five figures a comma, as in the text."""
    if isinstance(value, Integral) and abs(value) >= 10_000:
        return minus(f"{value:,}")
    return minus(form.format(value) if isinstance(value, float) else str(value))


@drawn
def dumbbells(named, ends, xlabel):
    """Two numbers in each line, {label: (one, other)}, as points with a line between them.

    ends: what the two are called; the second has the colour of its line's model.
    """
    figure = new(0.42 * len(named) + 1.05)
    axes = figure.subplots()
    for k, (label, (one, other)) in enumerate(named.items()):
        axes.plot([one, other], [k, k], color=FAINT, lw=4, zorder=1, solid_capstyle="round")
        axes.plot(one, k, "o", color=GREY, markersize=9)
        axes.plot(other, k, "o", color=MODELS.get(label.split(",")[0], BLUE), markersize=9)
        for x, from_other in ((one, other), (other, one)):
            left = x < from_other
            axes.annotate(f"{x:.2f}", (x, k), xytext=(-9 if left else 9, 0), va="center",
                          textcoords="offset points", ha="right" if left else "left")  # fmt: skip
    for name, x in zip(ends, next(iter(named.values())), strict=True):
        axes.annotate(name, (x, -0.32), ha="center", va="bottom", color=QUIET, fontsize=9.5)
    axes.set(xlabel=xlabel, ylim=(len(named) - 0.5, -0.95))
    axes.set_yticks(range(len(named)), list(named))
    axes.tick_params(axis="y", length=0)
    axes.margins(x=0.22)  # room for the numbers beside the outermost points
    axes.grid(axis="x")
    plain(axes)
    axes.spines["left"].set_visible(False)
    figure.alt = sentence(
        f"{xlabel}, {ends[0]} and {ends[1]}: "
        + "; ".join(f"{k} {a:.2f} and {b:.2f}" for k, (a, b) in named.items())
    )
    return figure


class Table:
    """A table with headers and rows of values; numbers stand right. Shows itself.

    form: how floats are written, in all columns, or a list with one for each.
    """

    def __init__(self, headers, rows, form="{:.4g}"):
        self.headers = [str(h) for h in headers]
        self.values = [list(row) for row in rows]
        forms = [form] * len(headers) if isinstance(form, str) else form
        self.rows = [
            [_in_cell(v, f) for f, v in zip(forms, row, strict=True)] for row in self.values
        ]
        self.right = [
            any(row[k] for row in self.rows)
            and all(
                _counts(row[k], shown[k]) for row, shown in zip(self.values, self.rows, strict=True)
            )
            for k in range(len(self.headers))
        ]

    def __repr__(self):
        grid = [[shown(cell) for cell in row] for row in (self.headers, *self.rows)]
        widths = [max(len(row[k]) for row in grid) for k in range(len(self.headers))]
        return "\n".join(
            "  ".join(
                cell.rjust(w) if right else cell.ljust(w)
                for cell, w, right in zip(row, widths, self.right, strict=True)
            ).rstrip()
            for row in grid
        )

    def _repr_html_(self):
        from html import escape

        def line(cells, tag):
            return "<tr>" + "".join(
                f"<{tag} style='text-align:{'right' if right else 'left'}'>{escape(cell)}</{tag}>"
                for cell, right in zip(cells, self.right, strict=True)
            ) + "</tr>"  # fmt: skip

        body = "".join(line(row, "td") for row in self.rows)
        return f"<table><thead>{line(self.headers, 'th')}</thead><tbody>{body}</tbody></table>"
