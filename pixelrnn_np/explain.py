"""What a model makes of given images: where they cost nats, and what a prediction depends on."""

import numpy as np

from .likelihood import nats_per_pixel


def pixel_nats(model, x, threads=None):
    """-ln p of every pixel given its predecessors, summed over channels: float64 (B, H, W).

    x: uint8 (B, H, W, C). For a multi-scale model: those of its largest network, given x's own
    small image.
    """
    return nats_per_pixel(model.logits(x, threads), x).sum(axis=-1)


def influence(model, x, row, column):
    """How strongly the logits of one pixel depend on every pixel: float64 (H, W), by gradient.

    The mean over images x and over channels of |d logit / d input|, inputs scaled; exactly 0 where
    the network does not look, at the images given (a dead ReLU hides a path).
    """
    total = np.zeros(model.image_shape[:2])
    for i in range(0, len(x), model.shard_size):
        shard = x[i : i + model.shard_size]
        logits, cache = model.forward(shard)
        flat = logits.reshape(*logits.shape[:3], -1)
        for k in range(flat.shape[3]) if flat.shape[3] <= 16 else [0]:
            d = np.zeros_like(flat)
            # Many levels: the difference between bright and dark values stands for all of them.
            d[:, row, column] = (
                np.linspace(-1, 1, flat.shape[3])
                if flat.shape[3] > 16
                else np.eye(flat.shape[3])[k]
            )
            dx, _ = model.backward(d.reshape(logits.shape), cache)
            total += np.abs(dx).sum(axis=(0, 3))
    return total / len(x)
