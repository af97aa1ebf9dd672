"""§5.3's rival of the softmax: a mixture of bells, with the names of its parts."""

import numpy as np

from .palette import AMBER, BLACK, BLUE, FAINT, ORANGE, QUIET, drawn, new, plain

BELLS = {"bell 1": (0.4, -0.375, 4.5, BLUE), "bell 2": (0.6, 0.3, 2.2, AMBER)}
AT = 0.0  # the value at which heights and shares are marked


@drawn
def mixture_parts():
    """Two bells and their sum: mean, width, distance of a value, and each bell's share of it."""
    figure = new(3.3)
    axes = figure.subplots()
    x = np.linspace(-1, 1, 401)
    heights = {name: _height(x, *bell[:3]) for name, bell in BELLS.items()}
    for y in np.linspace(-1, 1, 17):
        axes.axvline(y, color=FAINT, lw=0.8, zorder=0)
    for name, height in heights.items():
        axes.plot(x, height, color=BELLS[name][3])
    total = sum(heights.values())
    axes.plot(x, total, color=BLACK, lw=1.2)
    _point_out(axes, "the sum", (-0.6, np.interp(-0.6, x, total)), (-0.86, 1.6))
    below = 0.0
    for name, (weight, mean, sharp, colour) in BELLS.items():
        height = _height(AT, weight, mean, sharp)
        axes.bar(AT, height, 0.05, below, color=colour, edgecolor=BLACK, lw=0.8, zorder=3)
        words = (0.2, 0.3) if below == 0 else (0.2, 1.75)
        _point_out(axes, f"share of {name}", (AT + 0.025, below + height / 2), words)
        below += height
    weight, mean, sharp, colour = BELLS["bell 1"]
    at_width = weight * sharp * np.exp(-0.5)
    axes.vlines(mean, 0, weight * sharp, color=colour, lw=1, linestyle=":")
    _measure(axes, mean - 1 / sharp, mean, at_width, "width")
    _measure(axes, mean, AT, 0.12, "distance")
    axes.plot(AT, -0.05, "^", color=ORANGE, markersize=9, clip_on=False, zorder=4,
              transform=axes.get_xaxis_transform())  # fmt: skip
    axes.set(xlim=(-1, 1), ylim=(0, 2.5), yticks=[], ylabel="height",
             xticks=[-1, mean, AT, 1],
             xticklabels=["−1", "mean\nof bell 1", "value", "1"])  # fmt: skip
    axes.tick_params(length=0, pad=17)
    plain(axes)
    figure.alt = (
        "Two bells over a scale from -1 to 1, and their sum. Of bell 1 the mean and the width are "
        "marked. At one value, some way from that mean, a bar as high as the sum is cut in two: "
        "the part of each bell is its share of the value."
    )
    return figure


def _height(y, weight, mean, sharp):
    return weight * sharp * np.exp(-(((y - mean) * sharp) ** 2) / 2)


def _point_out(axes, text, place, words):
    axes.annotate(text, place, words, color=BLACK, fontsize=9.5, va="center",
                  arrowprops={"arrowstyle": "-", "color": BLACK, "lw": 0.8})  # fmt: skip


def _measure(axes, left, right, y, text):
    """A double arrow from left to right with a word on it."""
    arrow = {"arrowstyle": "<->", "color": QUIET, "lw": 1.1, "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", (right, y), (left, y), arrowprops=arrow)
    axes.text((left + right) / 2, y + 0.03, text, ha="center", va="bottom", fontsize=9.5,
              color=BLACK)  # fmt: skip
