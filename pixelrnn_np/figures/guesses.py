"""What models say of the same pixels: §5.3's contest, and the colours of Figure 6."""

import numpy as np

from .grids import outline
from .palette import BLUE, CURRENT, PALE, WAITING, bare, colour_of, drawn, new, plain
from .tiles import to_rgb
from .words import listed

COLOURS = ("red", "green", "blue")


@drawn
def opinions(image, named, levels, top=None):
    """An image with some of its pixels framed, and what several models say of each of these.

    image: uint8 (H, W, 1); named: {(row, column): {model: p, (levels,)}}, the first model as bars,
    the others as lines; a triangle marks the value that the pixel has. top: where p ends.
    """
    columns = 3 if len(named) == 2 else 2
    lines = -(-(len(named) + 1) // columns)
    figure = new((2.4 if columns == 3 else 2.75) * lines)
    axes = figure.subplots(lines, columns).ravel()
    axes[0].imshow(to_rgb(image[None], levels)[0], interpolation="nearest")
    bare(axes[0])
    for a in axes[len(named) + 1 :]:
        a.axis("off")
    parts = []
    for a, ((r, q), said) in zip(axes[1:], named.items(), strict=False):
        truth = int(image[r, q, 0])
        outline(axes[0], r, q)
        axes[0].text(q + 0.65, r, f"({r}, {q})", va="center", fontsize=9, color="white",
                     bbox={"boxstyle": "round,pad=0.15", "fc": "#333", "ec": "none"})  # fmt: skip
        for k, (name, p) in enumerate(said.items()):
            if k == 0:
                a.bar(range(levels), p, width=0.9, color=PALE, label=name)
            else:
                style = ("-", "--", ":")[(k - 1) % 3]
                a.plot(range(levels), p, style, color=colour_of(name, k), lw=2, label=name)
        _truth(a, truth)
        a.set(xlim=(-0.7, levels - 0.3), ylim=(0, top), xlabel="value", ylabel="p")
        a.set_xticks(range(0, levels, max(1, levels // 4)))
        a.set_title(f"pixel ({r}, {q})", fontsize=10)
        plain(a)
        prices = [f"{name} {p[truth]:.3f}" for name, p in said.items()]
        parts.append(f"Pixel ({r}, {q}) has value {truth}; its p: {listed(prices)}.")
    handles, labels = axes[1].get_legend_handles_labels()
    order = [labels.index(name) for name in said]
    figure.legend([handles[k] for k in order], [labels[k] for k in order], fontsize=9,
                  loc="outside lower center", ncols=len(labels), frameon=False)  # fmt: skip
    figure.alt = "An image and three of its pixels. " + " ".join(parts)
    return figure


def _truth(axes, value):
    axes.plot(value, -0.06, "^", color=CURRENT, markersize=9, clip_on=False, zorder=4,
              transform=axes.get_xaxis_transform())  # fmt: skip
    axes.tick_params(axis="x", pad=14)


@drawn
def colour_guess(image, pixel, p):
    """Left, a colour image up to `pixel`; right, p of its red, green and blue, as Figure 6.

    image: uint8 (H, W, 3) of 256 values; pixel: (row, column); p: (3, 256). Below each axis the
    values in their colour; a triangle marks the one that happened.
    """
    H, W, _ = image.shape
    r, q = pixel
    rgb = to_rgb(image[None], 256)[0]
    rgb[(np.arange(H * W) >= r * W + q).reshape(H, W)] = WAITING
    figure = new(3.4)
    left, right = figure.subfigures(1, 2, width_ratios=(1, 1.75))
    picture = left.subplots()
    picture.imshow(rgb, interpolation="nearest")
    outline(picture, r, q)
    picture.set_title(f"seen, and pixel ({r}, {q})", fontsize=10)
    bare(picture)
    axes, parts = right.subplots(3, 1, sharex=True), []
    for k, (a, name) in enumerate(zip(axes, COLOURS, strict=True)):
        v, top = int(image[r, q, k]), 1.08 * p[k].max()
        a.fill_between(np.arange(257) - 0.5, np.append(p[k], p[k, -1]), step="post", color=BLUE,
                       lw=0)  # fmt: skip
        strip = np.zeros((1, 256, 3))
        strip[0, :, k] = np.arange(256) / 255
        a.imshow(strip, extent=(-0.5, 255.5, -0.16 * top, -0.02 * top), aspect="auto")
        a.plot(v, -0.09 * top, "^", color="white", markeredgecolor=CURRENT, mew=1.5, markersize=9,
               clip_on=False, zorder=4)  # fmt: skip
        a.set(xlim=(-4, 259), ylim=(-0.16 * top, top), xticks=(0, 50, 100, 150, 200, 250))
        a.set_yticks([0, float(f"{0.7 * top:.1g}")])
        a.text(0.995, 0.9, f"{name}: {-np.log2(p[k, v]):.1f} bits", ha="right", va="top",
               transform=a.transAxes, fontsize=9.5)  # fmt: skip
        plain(a)
        parts.append(f"{name} is {v}, with probability {p[k, v]:.3f}; the largest, "
                     f"{p[k].max():.3f}, has {int(p[k].argmax())}.")  # fmt: skip
    axes[1].set_ylabel("p")
    axes[2].set_xlabel("value")
    figure.alt = f"A colour image up to pixel ({r}, {q}), and three guesses: " + " ".join(parts)
    return figure
