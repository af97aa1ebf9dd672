"""Arithmetic coding as a picture: an interval within an interval within an interval."""

from .palette import BLACK, CURRENT, SEEN, drawn, new
from .words import listed


@drawn
def intervals(steps, titles=None, below=None):
    """Each step's interval drawn at full width, cut in parts; one part is the next step's interval.

    steps: [(parts, chosen)], parts {label: share}, the shares sum to 1; chosen: a label of it.
    titles: a text for each step, at its left; below: None, or a text under the last.
    """
    # Narrow, so that a telephone shows its letters as large as those of the text.
    figure = new(0.62 * len(steps) + (0.35 if below else 0.1), 4.6)
    axes = figure.subplots()
    for k, (parts, chosen) in enumerate(steps):
        left = 0.0
        for label, share in parts.items():
            colour = CURRENT if label == chosen else SEEN
            axes.barh(-k, share, left=left, height=0.42, color=colour, edgecolor="white")
            if share > 0.035:
                axes.text(left + share / 2, -k, f"{label}", ha="center", va="center", fontsize=10,
                          color="white" if label == chosen else BLACK)  # fmt: skip
            if label == chosen and k + 1 < len(steps):
                for near, far in ((left, 0), (left + share, 1)):
                    axes.plot([near, far], [-k - 0.21, -k - 0.79], color="#777777", lw=0.8)
            left += share
        if titles:
            axes.text(-0.02, -k, titles[k], ha="right", va="center", fontsize=9.5)
    if below:
        axes.text(1, 0.5 - len(steps), below, ha="right", va="center", fontsize=9.5)
    axes.set(xlim=(-0.02, 1.02), ylim=((0.15 if below else 0.4) - len(steps), 0.35))
    axes.axis("off")
    last = f" The last bar is the interval {titles[-1]}." if titles else ""
    last += f" Below: {below}." if below else ""
    figure.alt = (
        f"{len(steps)} bars, each cut in parts: {listed(steps[0][0])}. The parts of "
        f"{listed(chosen for _, chosen in steps)} are orange; each bar below is the orange part "
        f"above it, magnified.{last}"
    )
    return figure
