"""For the tour and the results: one guess of the game of §2.1, and a picture from a file."""

import numpy as np

from .grids import outline
from .palette import BLUE, CURRENT, WAITING, bare, drawn, new, plain
from .tiles import to_rgb


@drawn
def guess(image, pixel, p, levels):
    """Left, an image up to `pixel`, which has a frame; right, p of its values, the truth marked.

    image: uint8 (H, W, C); pixel: (row, column); p: (levels,), of the first colour.
    """
    H, W, _ = image.shape
    rgb = to_rgb(image[None], levels)[0]
    rgb[(np.arange(H * W) >= pixel[0] * W + pixel[1]).reshape(H, W)] = WAITING
    figure = new(2.9)
    left, right = figure.subplots(1, 2, width_ratios=[1, 1.5])
    left.imshow(rgb, interpolation="nearest")
    outline(left, *pixel)
    left.set_title(f"seen, and pixel {pixel}", fontsize=10)
    bare(left)
    right.bar(range(levels), p, color=BLUE, width=0.8)
    truth = int(image[(*pixel, 0)])
    right.plot(truth, -0.045, "^", color=CURRENT, markersize=9, clip_on=False, zorder=4,
               transform=right.get_xaxis_transform())  # fmt: skip
    right.set_title(f"the truth is {truth}: {-np.log(p[truth]):.2f} nats", fontsize=10)
    right.set(xlabel="value", ylabel="probability", ylim=(0, 1), xlim=(-0.6, levels - 0.4))
    right.tick_params(axis="x", pad=9)
    if levels <= 20:
        right.set_xticks(range(0, levels, 1 if levels <= 8 else 2))
    plain(right)
    figure.alt = (
        f"Left, an image that is known up to pixel {tuple(pixel)}; right, the guess: the truth, "
        f"{truth}, has probability {p[truth]:.3f}."
    )
    return figure


@drawn
def picture(path):
    """A PNG file as a figure of reading width."""
    from matplotlib.image import imread

    image = imread(path)
    figure = new(7.6 * image.shape[0] / image.shape[1])
    axes = figure.subplots()
    axes.imshow(image)
    bare(axes)
    return figure
