"""Times that span five powers of ten, and the limits of a machine."""

from matplotlib.ticker import NullFormatter

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
    axes.set(xlim=(low, high * (high / low) ** 0.55), xlabel="time, on a logarithmic axis")
    axes.xaxis.set_major_formatter(lambda seconds, _: _time(seconds))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.tick_params(axis="y", length=0)
    plain(axes)
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
    ordered = sorted(points.items(), key=lambda each: each[1])
    best = max(y for _, y in points.values())
    for x, y in points.values():
        axes.plot(x, y / 1e9, "o", color=ORANGE if y == best else BLUE, markersize=6)
    _beside(axes, ordered, 0.88 * peak / 1e9)
    axes.set(xscale="log", yscale="log", xlim=(low, high), xlabel="operations per byte",
             ylabel="GFLOP/s")  # fmt: skip
    for axis in (axes.xaxis, axes.yaxis):
        plain_numbers(axis)
    figure.legend(loc="outside lower center", ncols=len(roofs), frameon=False, fontsize=9)
    plain(axes)
    figure.alt = (
        f"A roof: slopes of {listed(roofs)} up to the peak of {peak / 1e9:.0f} GFLOP/s. Below it "
        + "; ".join(f"{k} at {x:.2g} operations per byte, {y / 1e9:.3g} GFLOP/s"
                    for k, (x, y) in points.items())
        + "."
    )  # fmt: skip
    return figure


def _beside(axes, points, top, apart=1.2):
    """Labels to the right of points [(label, (x, y))], in order, below `top`; close ones join."""
    groups = []
    for label, (x, y) in points:
        if groups and groups[-1][0] == x and y < apart * groups[-1][1]:
            groups[-1][2].append(label)
        else:
            groups.append((x, y, [label]))
    for x, y, labels in groups:
        place = (1.12 * x, min(y / 1e9, top))
        axes.annotate(", ".join(labels), place, fontsize=9, va="center", color=BLACK)


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
