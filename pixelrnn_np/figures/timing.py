"""Times that span five powers of ten, and the limits of a machine."""

import math
from itertools import pairwise

import numpy as np
from matplotlib.ticker import FixedLocator, NullLocator

from .charts import plain_numbers
from .palette import BLACK, BLUE, GREY, ORANGE, drawn, new, plain
from .words import listed


@drawn
def ladder(named, work=None, peak=None):
    """Horizontal bars {label: seconds} on a logarithmic scale, each with its time beside it.

    work: floating-point operations of each; peak: operations per second that the machine reaches:
    with both, each bar also says its share of that.
    """
    figure = new(0.36 * len(named) + 0.75)
    axes = figure.subplots()
    labels, times = list(named), list(named.values())
    best = min(times)
    colours = [BLUE if t == best else GREY for t in times]
    low, high = best / 2, max(times)
    drawn = axes.barh(labels, [t - low for t in times], left=low, color=colours, height=0.65)
    texts = [_time(t) for t in times]
    if work is not None and peak is not None:
        shares = [_share(work / t / peak) for t in times]
        texts = [f"{text},  {share} of peak" for text, share in zip(texts, shares, strict=True)]
    axes.bar_label(drawn, texts, padding=4, color=BLACK)
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.set_xlim(low, high * (high / low) ** 0.55)  # beyond the longest bar: room for its words
    axes.set_xlabel("time, on a logarithmic axis", loc="left")
    powers = range(math.ceil(math.log10(low)), math.floor(math.log10(high)) + 1)
    axes.xaxis.set_major_locator(FixedLocator([10.0**k for k in powers]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(lambda seconds, _: _time(seconds))
    axes.tick_params(axis="y", length=0)
    plain(axes)
    axes.spines["bottom"].set_bounds(low, high)
    figure.alt = "Times. " + " ".join(
        f"{label}: {' '.join(text.split())}." for label, text in zip(labels, texts, strict=True)
    )
    return figure


@drawn
def roofline(points, peak, roofs):
    """Operations per second against operations per byte, both logarithmic, below their limits.

    points: {label: (operations per byte, operations per second)}; peak: operations per second;
    roofs: {label: bytes per second}, each a slope up to peak.
    """
    figure = new(4.2)
    axes = figure.subplots()
    xs = [x for x, _ in points.values()]
    corners = [peak / speed for speed in roofs.values()]
    low, high = min([*xs, *corners]) / 3, max([*xs, *corners]) * 6
    axes.plot([min(corners), high], [peak / 1e9] * 2, color=BLACK, lw=1.5)
    axes.text(high, peak / 1e9 * 1.08, f"peak, {peak / 1e9:.0f} GFLOP/s", ha="right", fontsize=9)
    for (label, speed), style in zip(roofs.items(), ("-", "--", ":", "-."), strict=False):
        corner = peak / speed
        axes.plot([low, corner], [low * speed / 1e9, peak / 1e9], style, color=GREY, lw=1.5,
                  label=f"{label}: {speed / 1e9:.0f} GB/s")  # fmt: skip
    best = max(y for _, y in points.values())
    for x, y in points.values():
        axes.plot(x, y / 1e9, "o", color=ORANGE if y == best else BLUE, markersize=6)
    axes.set(xscale="log", yscale="log", xlim=(low, high), xlabel="operations per byte",
             ylabel="GFLOP/s")  # fmt: skip
    for axis in (axes.xaxis, axes.yaxis):
        plain_numbers(axis)
    figure.legend(loc="outside lower center", ncols=len(roofs), frameon=False, fontsize=9)
    plain(axes)
    _name_points(axes, {label: (x, y / 1e9) for label, (x, y) in points.items()})
    figure.alt = (
        f"A roof: slopes of {listed(roofs)} up to the peak of {peak / 1e9:.0f} GFLOP/s. Below it "
        + "; ".join(f"{k} at {x:.2g} operations per byte, {y / 1e9:.3g} GFLOP/s"
                    for k, (x, y) in points.items())
        + "."
    )  # fmt: skip
    return figure


# Where a name may stand beside its point, the first that is free: dots right and up.
AROUND = [(9, 0), (-9, 0), (7, -9), (-7, -9), (7, 9), (-7, 9), (0, -12), (0, 12)]


def _name_points(axes, points):
    """Names beside points {label: (x, y)}: not on a line, a point or another name."""
    axes.figure.draw_without_rendering()  # gives the axes their size
    lines = [line.get_transform().transform(line.get_xydata()) for line in axes.lines]
    taken = np.concatenate([np.linspace(a, b, 300) for line in lines
                            for a, b in pairwise(line)]
                           + [axes.transData.transform(list(points.values()))])  # fmt: skip
    names = [text.get_window_extent() for text in axes.texts]
    for label, place in points.items():
        tried = []
        for right, up in AROUND:
            text = axes.annotate(
                label, place, (right, up), textcoords="offset points", fontsize=9, color=BLACK,
                ha=_side(right, "left", "right"), va="center",
            )  # fmt: skip
            box = text.get_window_extent()
            room = box.expanded(1.04, 1.15)
            bad = sum(room.contains(*dot) for dot in taken) + 50 * sum(map(room.overlaps, names))
            bad += 1000 * (box.x0 < axes.bbox.x0 or box.x1 > axes.bbox.x1)
            tried.append((bad, len(tried), text, box))
        _, _, kept, box = min(tried, key=lambda each: each[:2])
        for *_, text, _ in tried:
            if text is not kept:
                text.remove()
        names.append(box)


def _side(offset, positive, negative):
    return positive if offset > 0 else negative if offset < 0 else "center"


def _time(seconds):
    """Two digits and a unit, which is the same for like times: 1.2 s, 35 ms, 840 µs, 12 µs."""
    for unit, size in (("s", 1), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= (1 - 1e-9) * size:
            return (
                f"{seconds / size:.2g} {unit}"
                if seconds < 100 * size
                else f"{seconds / size:.0f} {unit}"
            )
    return f"{seconds * 1e9:.2g} ns"


def _share(x):
    return f"{100 * x:.0f} %" if x >= 0.1 else f"{100 * x:.2g} %"
