"""What a model has to beat: the coin flip, and pixels that know nothing of each other (§5.5)."""

import numpy as np


def uniform_nats(image_shape, levels):
    """Nats per image if every value is equally likely: D · ln(levels)."""
    return float(np.prod(image_shape) * np.log(levels))


def independent_nats(train, test, levels):
    """Mean nats per test image under one histogram per sub-pixel, counted on `train`.

    train, test: uint8 (N, H, W, C). Every count starts at 1 (Laplace), so nothing is impossible.
    """
    return _histogram_nats(train.reshape(len(train), -1), test.reshape(len(test), -1), levels)


def channel_nats(train, test, levels):
    """The same with one histogram per channel, which all positions share."""
    C, D = train.shape[3], test[0].size
    nats = _histogram_nats(train.reshape(-1, C), test.reshape(-1, C), levels)
    return nats * D / C


def _histogram_nats(train, test, levels):
    """Mean nats of a row of `test` under one histogram per column of `train`; (N, columns)."""
    counts = np.stack([(train == v).sum(axis=0) for v in range(levels)], axis=1) + 1.0
    log_p = np.log(counts / counts.sum(axis=1, keepdims=True))
    columns = np.arange(test.shape[1])
    return float(-log_p[columns, test].sum(axis=1).mean())
