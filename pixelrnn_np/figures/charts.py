"""Curves, bars and tables: few marks, labels beside what they name."""

import numpy as np
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

from ..console import shown
from .palette import BLACK, BLUE, GREY, MODELS, SERIES, drawn, new, plain
from .words import listed, sentence, words


@drawn
def lines(named, xlabel, ylabel, log=False, levels=None, height=3.2, markers=True, legend="inside",
          logx=False, ylim=None):  # fmt: skip
    """Curves {label: (x, y)}; levels: {label: y}, dashed. A model's name gives its own colour.

    legend: "inside" the axes where there is room, or "above" them; log, logx: powers of ten along
    an axis; ylim: None or (low, high).
    """
    figure = new(height)
    axes = figure.subplots()
    for k, (label, (x, y)) in enumerate(named.items()):
        colour = MODELS.get(label, SERIES[k % len(SERIES)])
        axes.plot(x, y, "o-" if markers else "-", color=colour, label=label, markersize=4)
    for label, y in (levels or {}).items():
        axes.axhline(y, color=GREY, linestyle="--", linewidth=1)
        axes.annotate(label, (1, y), xycoords=("axes fraction", "data"), xytext=(0, 2),
                      textcoords="offset points", ha="right", va="bottom", fontsize=9,
                      color="#555555")  # fmt: skip
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
    if logx and len(tried := {float(v) for x, _ in named.values() for v in x}) <= 6:
        axes.set_xticks(sorted(tried))
        axes.xaxis.set_minor_locator(NullLocator())
    if len(named) > 1 or levels:
        above = {"ncols": 2, "loc": "lower center", "bbox_to_anchor": (0.5, 1.0)}
        axes.legend(frameon=False, **(above if legend == "above" else {}))
    plain(axes)
    figure.alt = words(figure) + (f" Dashed: {listed(levels)}." if levels else "")
    return figure


def plain_numbers(axis):
    """A logarithmic axis says 0.1, 1 and 1,000 where powers of ten are not needed; never 6×10⁰."""
    low, high = axis.get_view_interval()
    if high < 20 * low:
        steps = (1, 2, 3, 5) if high > 4 * low else (1, 1.5, 2, 2.5, 3, 4, 5, 6, 7, 8)
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
    figure = new(0.42 * len(named) + 0.8)
    axes = figure.subplots()
    colours = [MODELS.get(k, BLUE if not highlight or k in highlight else GREY) for k in named]
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


class Table:
    """A table with headers and rows of values; numbers stand right. Shows itself.

    form: how floats are written, in all columns, or a list with one for each.
    """

    def __init__(self, headers, rows, form="{:.4g}"):
        self.headers = [str(h) for h in headers]
        self.values = [list(row) for row in rows]
        forms = [form] * len(headers) if isinstance(form, str) else form
        self.rows = [
            [
                f.format(v) if isinstance(v, float) else str(v)
                for f, v in zip(forms, row, strict=True)
            ]
            for row in self.values
        ]
        self.right = [
            all(isinstance(row[k], (int, float)) for row in self.values)
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
