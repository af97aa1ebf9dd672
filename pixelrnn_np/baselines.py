"""What a model has to beat: the coin flip, and pixels that know nothing of each other (§5.5)."""

import numpy as np


def uniform_nats(image_shape, levels):
    """Nats per image if every value is equally likely: D · ln(levels)."""
    return float(np.prod(image_shape) * np.log(levels))


def independent_nats(train, test, levels):
    """Mean nats per test image under one histogram per sub-pixel, counted on `train`.

    train, test: uint8 (N, H, W, C). Every count starts at 1 (Laplace), so nothing is impossible.
    """
    flat = train.reshape(len(train), -1)
    counts = np.stack([(flat == v).sum(axis=0) for v in range(levels)], axis=1) + 1.0
    log_p = np.log(counts / counts.sum(axis=1, keepdims=True))
    values = test.reshape(len(test), -1)
    return float(-log_p[np.arange(values.shape[1]), values].sum(axis=1).mean())
