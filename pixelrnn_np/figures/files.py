"""Pictures as PNG files: sample sheets, completions, loss curves."""

import io
import math
from pathlib import Path

import numpy as np

from ..checkpoint import write_atomically
from .palette import BLUE, GREY, ORANGE, QUIET, drawn, new, plain
from .tiles import enlarged, tile, to_rgb


@drawn
def save_sheet(path, images, levels, columns=None, least=640):
    """Writes images as one PNG, pixels enlarged by a whole factor to about `least` across."""
    columns = columns or math.ceil(math.sqrt(len(images)))
    _save(path, tile(images, levels, columns), least)


def _save(path, sheet, least):
    from matplotlib.image import imsave

    _write(path, lambda f: imsave(f, enlarged(sheet, least), format="png"))


@drawn
def save_scales(path, pyramid, levels):
    """§3.6: each image of a multi-scale model beside its smaller ones, one column per image.

    pyramid: list of uint8 (n, H_s, W_s, C), smallest first; all are enlarged to the largest's size.
    """
    n, H, W, _ = pyramid[-1].shape
    rows = []
    for images in pyramid:
        factor = -(-H // images.shape[1])
        rows.append(images.repeat(factor, axis=1).repeat(factor, axis=2)[:, :H, :W])
    save_sheet(path, np.concatenate(rows), levels, columns=n)


@drawn
def save_completions(path, originals, known, completions, levels):
    """As the paper's Figure 1: what is known, then its completions, then the original.

    originals: (n, H, W, C); known: bool, same shape; completions: (n, m, H, W, C). One row each.
    """
    rows = np.concatenate([originals[:, None], completions, originals[:, None]], axis=1)
    waiting = np.zeros((*rows.shape[:-1], 1), bool)
    waiting[:, 0] = ~known.all(axis=-1, keepdims=True)
    flat, waiting = (a.reshape(-1, *a.shape[2:]) for a in (rows, waiting))
    _save(path, tile(flat, levels, rows.shape[1], waiting=waiting), 640)


@drawn
def save_explanation(path, images, nats, reach, pixel, levels):
    """Two rows: images and their nats per pixel; below, what one pixel depends on.

    images: (n, H, W, C); nats: (n, H, W); reach: (H, W), 0 where nothing is read; pixel: (r, q).
    """
    from matplotlib.colors import LogNorm

    n = len(images)
    figure = new(3.9, 1.7 * n + 4.6)
    left, right = figure.subfigures(1, 2, width_ratios=(1.7 * n + 0.8, 3.8))
    axes = left.subplots(2, n, squeeze=False)
    top = max(float(nats.max()), 1e-9)
    for i in range(n):
        axes[0, i].imshow(to_rgb(images[i : i + 1], levels)[0], interpolation="nearest")
        axes[0, i].set_title(f"{nats[i].sum():.1f} nats", fontsize=10)
        shown = axes[1, i].imshow(nats[i], cmap="cividis", vmin=0, vmax=top)
    left.colorbar(shown, ax=axes[1, :].tolist(), label="nats per pixel", fraction=0.04, pad=0.02)
    one = right.subplots()
    seen = np.ma.masked_equal(reach, 0)
    if seen.count():
        norm = LogNorm(max(seen.min(), seen.max() / 1e4), seen.max())
        shown = one.imshow(seen, cmap="cividis", norm=norm, interpolation="nearest")
        right.colorbar(shown, ax=one, label="|d logit / d input|", fraction=0.05, pad=0.03)
    one.plot(pixel[1], pixel[0], "s", color=ORANGE, markersize=7)
    one.set_xlim(-0.5, reach.shape[1] - 0.5)
    one.set_ylim(reach.shape[0] - 0.5, -0.5)
    one.set_title("what the orange pixel's\nprediction depends on", fontsize=10)
    for a in (*axes.flat, one):
        a.set(xticks=[], yticks=[])
    _write(path, lambda f: figure.savefig(f, format="png", dpi=120))


@drawn
def save_loss_curve(path, history, baselines=None):
    """history: records with step, train, valid (nats per image, NaN where absent)."""
    figure = new(4, 7)
    axes = figure.subplots()
    for key, colour, style in (("train", BLUE, "-"), ("valid", ORANGE, "o-")):
        points = [(each["step"], each[key]) for each in history if not math.isnan(each[key])]
        if points:
            axes.plot(*zip(*points, strict=True), style, color=colour, label=key, markersize=4)
    for name, nats in (baselines or {}).items():
        axes.axhline(nats, color=GREY, linestyle="--", linewidth=1)
        axes.annotate(name.replace(" ", "\n", 1), (1, nats), xycoords=("axes fraction", "data"),
                      xytext=(6, 0), textcoords="offset points", va="center", color=QUIET,
                      fontsize=9.5, linespacing=1.0)  # fmt: skip
    axes.set(xlabel="update", ylabel="nats per image")
    axes.grid(axis="y")
    plain(axes)
    if axes.get_legend_handles_labels()[0]:
        # The best place takes a search, and matplotlib warns if a busy machine makes it slow.
        axes.legend(frameon=False, loc="upper right")
    _write(path, lambda f: figure.savefig(f, format="png", dpi=120))


def _write(path, draw):
    if Path(path).suffix.lower() != ".png":
        raise ValueError(f"{path}: pictures are written as PNG; name a file that ends in .png")
    buffer = io.BytesIO()
    draw(buffer)
    write_atomically(path, buffer.getvalue())
