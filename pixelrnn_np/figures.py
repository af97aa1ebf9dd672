"""Pictures: sample sheets, completions, loss curves. PNG files, drawn by matplotlib."""

import io
import math
from pathlib import Path

import numpy as np

from .checkpoint import write_atomically

# Okabe and Ito's palette, which colour-blind readers can tell apart.
BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#999999"


def to_rgb(images, levels):
    """uint8 (N, H, W, C) in [0, levels) → float (N, H, W, 3) in [0, 1]; C is 1 or 3."""
    if images.shape[-1] not in (1, 3):
        raise ValueError(f"images have {images.shape[-1]} channels; pictures need 1 or 3")
    return np.repeat(images / (levels - 1), 3 // images.shape[-1], axis=-1)


def tile(images, levels, columns, gap=1):
    """Images side by side on a grey ground: float (rows, cols, 3)."""
    rgb = to_rgb(images, levels)
    n, h, w, _ = rgb.shape
    rows = math.ceil(n / columns)
    sheet = np.full((rows * (h + gap) + gap, columns * (w + gap) + gap, 3), 0.6)
    for i in range(n):
        r, c = gap + (i // columns) * (h + gap), gap + (i % columns) * (w + gap)
        sheet[r : r + h, c : c + w] = rgb[i]
    return sheet


def save_sheet(path, images, levels, columns=None, least=640):
    """Writes images as one PNG, pixels enlarged by a whole factor to about `least` across."""
    columns = columns or math.ceil(math.sqrt(len(images)))
    sheet = tile(images, levels, columns)
    factor = max(1, round(least / max(sheet.shape[:2])))
    big = sheet.repeat(factor, axis=0).repeat(factor, axis=1)
    from matplotlib.image import imsave

    _write(path, lambda f: imsave(f, big, format="png"))


def save_completions(path, originals, known, completions, levels):
    """As the paper's Figure 1: original, occluded, then its completions, one row per image.

    originals: (n, H, W, C); known: bool, same shape; completions: (n, m, H, W, C).
    """
    grey = np.where(known, originals, np.uint8(levels // 2))
    rows = np.concatenate([grey[:, None], completions, originals[:, None]], axis=1)
    save_sheet(path, rows.reshape(-1, *originals.shape[1:]), levels, columns=rows.shape[1])


def save_loss_curve(path, history, baselines=None):
    """history: records with step, train, valid (nats per image, NaN where absent)."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    for key, colour, style in (("train", BLUE, "-"), ("valid", ORANGE, "o-")):
        points = [(h["step"], h[key]) for h in history if not math.isnan(h[key])]
        if points:
            axes.plot(*zip(*points, strict=True), style, color=colour, label=key, markersize=4)
    for name, nats in (baselines or {}).items():
        axes.axhline(nats, color=GREY, linestyle="--", linewidth=1)
        axes.text(axes.get_xlim()[0], nats, f" {name}", color="#555555", va="bottom", fontsize=9)
    axes.set(xlabel="update", ylabel="nats per image")
    axes.spines[["top", "right"]].set_visible(False)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(frameon=False)
    _write(path, lambda f: figure.savefig(f, format="png", dpi=120))


def _write(path, draw):
    if Path(path).suffix.lower() != ".png":
        raise ValueError(f"{path}: pictures are written as PNG; name a file that ends in .png")
    buffer = io.BytesIO()
    draw(buffer)
    write_atomically(path, buffer.getvalue())
