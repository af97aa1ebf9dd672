"""One feature of an LSTM forward, and its gradients on their way back; from a `record`."""

import numpy as np

from .gates import TITLES
from .palette import BLACK, GATES, ORANGE, SIGNED, SIZES, bare, drawn, panels


@drawn
def passes(record, prefix, keys="fch", image=0, feature=0):
    """Above, tensors in the order of computation; below each of them its gradient: (H, W) maps.

    prefix: an LSTM's name in the record; keys: which of its tensors. Each map has its own scale.
    """
    figure, axes = panels(2 * len(keys), columns=len(keys), ratio=1.05)
    figure.get_layout_engine().set(wspace=0.16, hspace=0.06)
    sizes = []
    for row, way in enumerate(("", "d")):
        for key, a in zip(keys, axes[row * len(keys) :], strict=False):
            values = record[f"{way}{prefix}.{key}"][image, ..., feature]
            gate, top = key in "ofi" and not way, float(np.abs(values).max()) or 1.0
            low, top = (0, 1) if gate else (-top, top)
            a.imshow(values, SIZES if gate else SIGNED, vmin=low, vmax=top, interpolation="nearest")
            bare(a)
            scale = "0 to 1" if gate else f"±{top:.2g}"
            a.set_title(f"{way}{key if way else TITLES[key]}, {scale}")
            bar = 0.06 * len(values)
            a.set_ylim(len(values) - 0.5, -0.5 - bar)
            a.axhspan(-0.5 - bar, -0.5, color=GATES[key], lw=0)
            sizes.append(f"{way}{key} {values.min():.2g} to {values.max():.2g}")
    for n in range(len(keys) - 1):
        _arrow(axes[n], (1.03, 1.15), BLACK)
        _arrow(axes[n + len(keys)], (1.15, 1.03), ORANGE)
    figure.alt = (
        f"Maps of feature {feature} of {prefix}. In the upper row {', '.join(keys)}, forward from "
        "the left to the right. In the lower row their gradients, backward from right to left. "
        f"{'; '.join(sizes)}."
    )
    return figure


def _arrow(axes, places, colour):
    """Beside a map, from one place to the other, as shares of its width."""
    axes.annotate(
        "", (places[1], 0.47), (places[0], 0.47), xycoords="axes fraction",
        arrowprops={"arrowstyle": "-|>", "color": colour, "lw": 1.6}, annotation_clip=False,
    ).set_in_layout(False)  # fmt: skip
