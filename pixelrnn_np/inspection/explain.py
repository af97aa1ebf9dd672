"""What a model makes of given images: where they cost nats, and what a prediction depends on."""

import numpy as np
from tqdm.auto import tqdm

from ..likelihood import nats_per_pixel
from ..parallel.threads import Pool


def pixel_nats(model, x, threads=None):
    """-ln p of every pixel given its predecessors, summed over channels: float64 (B, H, W).

    x: uint8 (B, H, W, C). For a multi-scale model: those of its largest network, given x's own
    small image; with exact=True the pixels that the small image fixes cost 0.
    """
    nats = nats_per_pixel(model.logits(x, threads), x)
    fixed = model.fixed(len(model.networks) - 1) if hasattr(model, "networks") else None
    if fixed is not None:
        nats[:, fixed] = 0
    return nats.sum(axis=-1)


def influence(model, x, row, column):
    """How strongly one pixel's prediction depends on every pixel: float64 (H, W), by gradient.

    Σ |d s / d input| over the colours of both pixels, inputs scaled; the mean over images x, uint8
    (B, H, W, C). s is a colour's logit, or with more than two levels the difference between the
    logits of bright and of dark values, which no shift of all logits changes. Exactly 0 where the
    network does not look, at the images given (a dead ReLU hides a path).
    """
    C, levels = model.image_shape[2], model.levels
    weights = np.ones(1) if levels == 2 else np.linspace(-1, 1, levels)
    total = np.zeros(model.image_shape[:2])
    for i in range(0, len(x), model.shard_size):
        logits, cache = model.forward(x[i : i + model.shard_size])
        for k in range(C):
            d = np.zeros((*logits.shape[:3], C, len(weights)), logits.dtype)
            d[:, row, column, k] = weights
            dx, _ = model.backward(d.reshape(logits.shape), cache)
            total += np.abs(dx).sum(axis=(0, 3))
    return total / len(x)


def influences(model, x, progress=False):
    """`influence` for every pixel at once: float64 (H·W, H·W), row r·W + q for pixel (r, q).

    All pixels of a row take one pass of both kinds: over the rows down to theirs, of as many copies
    of the image, each of which asks for another one. progress: whether a bar is shown.
    """
    H, W, C = model.image_shape
    weights = np.ones(1) if model.levels == 2 else np.linspace(-1, 1, model.levels)
    total = np.zeros((H, W, H, W))
    columns = np.arange(W)

    def row(r, image):
        copies = np.repeat(image[None, : r + 1], W, axis=0)
        logits, cache = model.forward(copies)
        for k in range(C):
            d = np.zeros((*copies.shape, len(weights)), logits.dtype)
            d[columns, r, columns, k] = weights
            dx, _ = model.backward(d.reshape(logits.shape), cache)
            total[r, :, : r + 1] += np.abs(dx).sum(axis=3)

    bar = tqdm(total=len(x) * H, unit="row", desc="what pixels see", disable=not progress)
    with bar, Pool(1) as one:  # which holds BLAS to one thread
        for image in x:
            for r in range(H):
                one.map(lambda r: row(r, image), [r])  # noqa: B023
                bar.update()
    return total.reshape(H * W, H * W) / len(x)
