"""For notebook 07: what goes through a deep network, and results of several seeds."""

import numpy as np

from .palette import QUIET, colour_of, drawn, new, plain
from .words import listed, sentence, written


@drawn
def both_ways(named, ylabel="root mean square"):
    """Signal and gradient by layer, {kind: (signal, gradient)}, in two panels of one scale.

    Beside each title an arrow has the direction in which it goes through the layers. Every second
    curve is dashed: two may coincide.
    """
    figure = new(3.3)
    panels = figure.subplots(1, 2, sharey=True)
    for k, (axes, title) in enumerate(zip(panels, ("signal →", "← gradient"), strict=True)):
        for place, (kind, both) in enumerate(named.items()):
            layers = range(1, len(both[k]) + 1)
            axes.plot(layers, both[k], ("o-", "o--")[place % 2], markersize=3.5, label=kind,
                      color=colour_of(kind, place))  # fmt: skip
        axes.set(xlabel="layer", yscale="log", title=title)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(axis="y")
        plain(axes)
    panels[0].set_ylabel(ylabel)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center",
                  ncols=len(named), frameon=False)  # fmt: skip
    return figure


@drawn
def seeds(named, xlabel, level=None):
    """Results of several seeds, {label: numbers}: a line of dots for each, their mean beside it.

    level: {name: number}, what all are held against, a dashed line across.
    """
    figure = new(0.42 * len(named) + (1.05 if level else 0.7))
    axes = figure.subplots()
    farthest = max(max(numbers) for numbers in named.values())
    for k, (label, numbers) in enumerate(named.items()):
        colour = colour_of(label)
        axes.plot(numbers, [k] * len(numbers), "o", color=colour, alpha=0.55, markersize=8,
                  markeredgewidth=0)  # fmt: skip
        axes.annotate(f"{np.mean(numbers):.2f}", (max(numbers), k), xytext=(10, 0), va="center",
                      textcoords="offset points", color=colour)  # fmt: skip
    for name, number in (level or {}).items():
        farthest = max(farthest, number)
        axes.axvline(number, color=QUIET, linestyle="--", linewidth=1, zorder=0)
        axes.annotate(f"{name}, {number:.2f}", (number, 1), xycoords=("data", "axes fraction"),
                      xytext=(0, 3), textcoords="offset points", ha="center", va="bottom",
                      color=QUIET, fontsize=9.5)  # fmt: skip
    least = min(min(numbers) for numbers in named.values())
    room = 0.12 * (farthest - least) or 1
    axes.set(xlabel=xlabel, ylim=(len(named) - 0.5, -0.5), xlim=(least - room / 2, farthest + room))
    axes.set_yticks(range(len(named)), list(named))
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x")
    plain(axes)
    axes.spines["left"].set_visible(False)
    figure.alt = sentence(
        f"{xlabel}, a dot for each seed: "
        + "; ".join(f"{k} {listed(written(v, '{:.2f}') for v in n)}" for k, n in named.items())
        + "".join(f"; dashed: {k} {v:.2f}" for k, v in (level or {}).items())
    )
    return figure
