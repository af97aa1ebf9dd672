"""§3.6 Transposed convolution, one product at a time."""

import numpy as np


def _products(x, K, factor, y):
    """Every (image, small pixel, tap, large pixel) that meets inside the large image."""
    for n, r, q, u, v in np.ndindex(x.shape[:3] + K.shape[:2]):
        R, Q = factor * r + u - factor // 2, factor * q + v - factor // 2
        if 0 <= R < y.shape[1] and 0 <= Q < y.shape[2]:
            yield (n, r, q), (u, v), (n, R, Q)


def upsample_forward(x, K, b, factor, y):
    y[...] = b
    for small, tap, large in _products(x, K, factor, y):
        y[large] += x[small] @ K[tap]


def upsample_backward(dy, x, K, factor, dx, dK, db):
    dx[...] = 0
    dK[...] = 0
    db[...] = dy.reshape(-1, len(db)).sum(axis=0)
    for small, tap, large in _products(x, K, factor, dy):
        dx[small] += K[tap] @ dy[large]
        dK[tap] += np.outer(x[small], dy[large])
