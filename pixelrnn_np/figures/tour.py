"""For the tour and the results: guesses of the game of §2.1, and completions."""

import numpy as np

from .grids import outline
from .maps import feature_maps, sheet
from .palette import BLUE, CURRENT, FUTURE, WAITING, bare, drawn, new, plain
from .tiles import to_rgb
from .words import listed


@drawn
def guess(image, pixel, p, levels):
    """Left, an image up to `pixel`, which has a frame; right, p of its values, the truth marked.

    image: uint8 (H, W, C); pixel: (row, column); p: (levels,), of the first colour.
    """
    H, W, _ = image.shape
    rgb = to_rgb(image[None], levels)[0]
    rgb[(np.arange(H * W) >= pixel[0] * W + pixel[1]).reshape(H, W)] = WAITING
    figure = new(2.9)
    left, right = figure.subplots(1, 2, width_ratios=[1.15, 1])
    left.imshow(rgb, interpolation="nearest")
    outline(left, *pixel)
    left.set_title(f"seen, and pixel {pixel}", fontsize=10)
    bare(left)
    found = right.bar(range(levels), p, color=BLUE, width=0.8 if levels > 2 else 0.45)
    if levels <= 4:
        right.bar_label(found, [f"{v:.2f}" for v in p], padding=3)
    truth = int(image[(*pixel, 0)])
    right.plot(truth, -0.045, "^", color=CURRENT, markersize=9, clip_on=False, zorder=4,
               transform=right.get_xaxis_transform())  # fmt: skip
    right.set_title(f"the truth is {truth}: {-np.log(p[truth]):.2f} nats", fontsize=10)
    right.set(xlabel="value", ylabel="probability", xlim=(-0.6, levels - 0.4))
    right.set_ylim(0, 1.12 if levels <= 4 else 1)  # room for the numbers
    right.tick_params(axis="x", pad=14)
    right.set_yticks([0, 0.5, 1])
    if levels <= 20:
        right.set_xticks(range(0, levels, 1 if levels <= 8 else 2))
    plain(right)
    figure.alt = (
        f"Left, an image that is known up to pixel {tuple(pixel)}; right, the guess: the truth, "
        f"{truth}, has probability {p[truth]:.3f}."
    )
    return figure


@drawn
def completions(images, known, found, levels, title=None):
    """A line for each image: what is known of it, its completions (tinted), and the image itself.

    images: uint8 (n, H, W, C); known: bool that broadcasts to (n, H, W, 1); found: (n, m, H, W, C).
    Colours have no tint, which would falsify them.
    """
    n, m, H, W, C = found.shape
    lines = np.concatenate([images[:, None], found, images[:, None]], axis=1)
    hidden, tinted = np.zeros((2, n, m + 2, H, W, 1), bool)
    hidden[:, 0] = ~np.broadcast_to(known, (n, H, W, 1))
    tinted[:, 1:-1] = hidden[:, :1]
    flat, hidden, tinted = (a.reshape(-1, *a.shape[2:]) for a in (lines, hidden, tinted))
    figure = sheet(flat, levels, columns=m + 2, waiting=hidden, title=title,
                   generated=tinted if C == 1 else None)  # fmt: skip
    name, colour = f"{title}: " if title else "", ", tinted where they were drawn" if C == 1 else ""
    figure.alt = (
        f"{name}{n} lines of images of {H}×{W} pixels. In each: what is known, dark blue where "
        f"nothing is; {m} completions{colour}; the original."
    )
    return figure


def _grey_future(axes, values, place):
    """Over a map: what does not come before `place`, where it is 0 as it has to be."""
    from matplotlib.colors import to_rgba

    later = np.arange(values.size).reshape(values.shape) >= place
    veil = np.zeros((*values.shape, 4))
    veil[later & (values == 0)] = to_rgba(FUTURE)
    axes.imshow(veil, interpolation="nearest")


@drawn
def influence(found, places=False):
    """What predictions depend on, {(row, column) of the pixel: |d logit / d pixel|, (H, W)}.

    All on one scale, each pixel with a frame; later pixels are grey, unless one has an influence.
    places: whether rows and columns are numbered.
    """
    figure = feature_maps(
        {f"pixel ({r}, {q})": a for (r, q), a in found.items()},
        signed=False, pixel=list(found), label="|d logit / d pixel|", places=places,
    )  # fmt: skip
    parts = []
    for ((r, q), a), axes in zip(found.items(), figure.axes, strict=False):
        _grey_future(axes, a, r * a.shape[1] + q)
        most = np.argsort(-a, axis=None)[:3]
        nearest = [f"({place // a.shape[1]}, {place % a.shape[1]})" for place in most]
        later = a.ravel()[r * a.shape[1] + q :].any()
        parts.append(f"({r}, {q}) depends most on {listed(nearest)}, on {'a' if later else 'no'} "
                     "later one.")  # fmt: skip
    figure.alt = "Which earlier pixels a prediction depends on. Pixel " + " Pixel ".join(parts)
    return figure
