"""Times that span five powers of ten."""

from .palette import BLACK, BLUE, GREY, drawn, new, plain


@drawn
def ladder(named, work=None, peak=None):
    """Horizontal bars {label: seconds} on a logarithmic scale, each with its time beside it.

    work: floating-point operations of each; peak: operations per second that the machine reaches:
    with both, each bar also says its share of that.
    """
    figure = new(0.42 * len(named) + 0.8)
    axes = figure.subplots()
    labels, times = list(named), list(named.values())
    best = min(times)
    colours = [BLUE if t == best else GREY for t in times]
    low, high = best / 2, max(times)
    drawn = axes.barh(labels, [t - low for t in times], left=low, color=colours, height=0.65)
    texts = [_time(t) for t in times]
    if work is not None and peak is not None:
        texts = [f"{text},  {_share(work / t / peak)} of peak" for text, t in zip(texts, times)]  # noqa: B905
    axes.bar_label(drawn, texts, padding=4, color=BLACK)
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.set(xlim=(low, high * (high / low) ** 0.45), xlabel="seconds, logarithmic")
    axes.tick_params(axis="y", length=0)
    plain(axes)
    return figure


def _time(seconds):
    """Two digits and a unit: 1.2 s, 35 ms, 0.84 ms, 12 µs."""
    for unit, size in (("s", 1), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= 0.3 * size:
            return (
                f"{seconds / size:.2g} {unit}"
                if seconds < 100 * size
                else f"{seconds / size:.0f} {unit}"
            )
    return f"{seconds * 1e9:.2g} ns"


def _share(x):
    return f"{100 * x:.0f} %" if x >= 0.1 else f"{100 * x:.2g} %"
