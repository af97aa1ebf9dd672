"""A training run: nats of training and validation images, and what they are held against."""

import math

import numpy as np
from matplotlib.ticker import FuncFormatter

from .charts import spread
from .palette import BLUE, ORANGE, PALE, QUIET, drawn, new, plain
from .words import listed, words

BEYOND = 0.05  # the part of the x axis that is left for what is no curve


@drawn
def training_curve(records, marks=None, title=None):
    """Nats per image against the images seen, from a tenth of the run on.

    records: dicts with images, train and valid (NaN where absent). Pale: training batches as they
    were recorded; over them their moving mean. marks: {name: nats}, short lines to the right of
    the curves, which no curve reaches.
    """
    train, valid = (_points(records, key) for key in ("train", "valid"))
    last = max(float(x[-1]) for x, _ in (train, valid) if len(x))
    figure = new(3.2 if title else 3.0)
    axes = figure.subplots()
    axes.plot(*train, color=PALE, linewidth=0.8, label="_batches")
    ends = {}
    for name, (x, y), colour in (("train", _smooth(*train), BLUE), ("valid", valid, ORANGE)):
        if len(x):
            marker = "o" if len(x) == 1 or (name == "valid" and len(x) <= 20) else None
            axes.plot(x, y, color=colour, marker=marker, markersize=4, label=name)
            ends[name] = (y[-1], colour)
    for name, nats in (marks or {}).items():
        axes.plot([last * (1 + BEYOND / 2), last * (1 + BEYOND)], [nats, nats], color=QUIET,
                  linewidth=1.2, label="_mark")  # fmt: skip
        ends[f"{name}, {nats:.2f}"] = (nats, QUIET)
    axes.set(xlabel="images seen", ylabel="nats per image", xlim=(0, last * (1 + BEYOND)))
    axes.set_ylim(*_window(train, valid, last, (marks or {}).values()))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:,.0f}"))
    axes.set_title(title or "", fontsize=10)
    axes.grid(axis="y")
    plain(axes)
    _name(axes, ends)
    figure.alt = words(figure)
    if marks:
        at_the_right = listed(f"{name}, {nats:.2f}" for name, nats in marks.items())
        figure.alt += f" Short lines at the right: {at_the_right}."
    return figure


def _points(records, key):
    """(images, nats) where they were measured."""
    found = [(r["images"], r[key]) for r in records if not math.isnan(r[key])]
    return np.array(found, float).reshape(-1, 2).T


def _smooth(x, y):
    """A noisy curve, each point the mean of its neighbours within a twentieth of the run."""
    k = len(x) // 20
    return x, [y[max(i - k, 0) : i + k + 1].mean() for i in range(len(x))]


def _window(train, valid, last, marks):
    """Low and high, so that the end can be read: most of what comes after the first tenth."""
    late = [y[x >= 0.1 * last] for x, y in (train, valid)]
    levels = [*late[1], *marks]
    noise = list(np.quantile(late[0], [0.02, 0.98])) if len(late[0]) else []
    low, high = min([*levels, *noise]), max([*levels, *noise])
    margin = 0.05 * (high - low) or 1
    return low - margin, high + margin


def _name(axes, ends):
    """{name: (nats, colour)} at the right of the axes, none over another."""
    low, high = axes.get_ylim()
    line = 0.185 / (axes.figure.get_size_inches()[1] - 0.65)
    heights = {name: (nats - low) / (high - low) for name, (nats, _) in ends.items()}
    places = spread([(name, height, line) for name, height in heights.items()])
    for name, (_, colour) in ends.items():
        if abs(places[name] - heights[name]) > line / 2:  # moved: a thin line leads to it
            axes.plot([1, 1.012], [heights[name], places[name]], transform=axes.transAxes,
                      color=colour, linewidth=0.8, clip_on=False, scalex=False, scaley=False,
                      label="_leader")  # fmt: skip
        axes.annotate(name, (1, places[name]), xycoords="axes fraction", xytext=(8, 0),
                      textcoords="offset points", va="center", color=colour,
                      fontsize=9.5)  # fmt: skip
