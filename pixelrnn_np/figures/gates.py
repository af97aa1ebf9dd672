"""The inside of an LSTM, equation (3), in the colours of its gates; from a `record`."""

import numpy as np

from .palette import GATES, SIGNED, SIZES, bare, drawn, new, plain

TITLES = {
    "o": "o, output gate", "f": "f, forget gate", "i": "i, input gate", "g": "g, content",
    "c": "c, cell", "h": "h, state",
}  # fmt: skip
BAR = 0.07  # of a map's height: the stripe in a gate's colour


@drawn
def gate_maps(record, prefix, image=0, feature=0):
    """The image and its nats, and o f i g c h of one feature: record, and an LSTM's name in it.

    Gates between 0 and 1 have one scale; g, c, h and the nats have one each.
    """
    figure = new(4.1, layout="compressed")
    axes = figure.subplots(2, 4)
    network = prefix[: prefix.index("blocks.")]
    axes[0, 0].imshow(record[f"{network}x"][image].mean(axis=-1), cmap="gray")
    nats = record[f"{network}nats"][image].sum(axis=-1)
    axes[1, 0].imshow(nats, cmap=SIZES, vmin=0)
    for a, title in zip(axes[:, 0], ("the image", f"nats, up to {nats.max():.1f}"), strict=True):
        a.set_title(title)
        bare(a)
        a.set_ylim(len(nats) - 0.5, -0.5 - BAR * len(nats))  # as high as the others
    sizes = []
    for a, (key, title) in zip(axes[:, 1:].flat, TITLES.items(), strict=True):
        values = record[f"{prefix}.{key}"][image, ..., feature]
        sigma, scale = key in "ofi", np.abs(values).max() or 1
        shown = a.imshow(
            values, interpolation="nearest", cmap=SIZES if sigma else SIGNED,
            vmin=0 if sigma else -scale, vmax=1 if sigma else scale,
        )  # fmt: skip
        a.set_title(title if sigma else f"{title}, ±{scale:.2g}")
        bare(a)
        a.set_ylim(len(values) - 0.5, -0.5 - BAR * len(values))  # room for the bar
        a.axhspan(-0.5 - BAR * len(values), -0.5, color=GATES[key], lw=0)
        if key in "ih":
            bar = figure.colorbar(shown, ax=axes[0 if sigma else 1].tolist(), aspect=12, pad=0.02)
            bar.outline.set_visible(False)
            bar.set_ticks([0, 0.5, 1] if sigma else [-scale, 0, scale],
                          labels=None if sigma else ["−", "0", "+"])  # fmt: skip
        sizes.append(f"{key} {values.min():.2g} to {values.max():.2g}, mean {values.mean():.2g}")
    figure.suptitle(f"{prefix}, feature {feature}", fontsize=10.5)
    figure.alt = (
        f"An image, its {nats.sum():.1f} nats by pixel, and maps of feature {feature} of {prefix}: "
        f"{'; '.join(sizes)}."
    )
    return figure


@drawn
def gate_lines(record, prefix, image=0, gradient=False, keys="ofigch"):
    """Mean size |·| of each gate (or of its gradient) in every row, over columns and features."""
    figure = new(3.2)
    axes = figure.subplots()
    ends = {}
    for key in keys:
        name = f"d{prefix}.{key}" if gradient else f"{prefix}.{key}"
        rows = np.abs(record[name][image]).mean(axis=(1, 2))
        axes.plot(range(len(rows)), rows, "o-", color=GATES[key], markersize=4)
        ends[key] = rows[-1]
    for key, y in apart(ends, 0.06 * axes.get_ylim()[1]).items():
        axes.annotate(("d" if gradient else "") + key, (len(rows) - 1, y), xytext=(9, 0),
                      textcoords="offset points", color=GATES[key], va="center")  # fmt: skip
    axes.set(xlabel="row", ylabel="mean |d·|" if gradient else "mean |·|", ylim=(0, None))
    axes.set_xticks(range(len(rows)))
    plain(axes)
    return figure


def apart(places, gap):
    """Heights of labels {label: y} moved upwards as little as needed to be `gap` apart."""
    moved, least = {}, -np.inf
    for label in sorted(places, key=places.get):
        moved[label] = max(places[label], least)
        least = moved[label] + gap
    return moved
