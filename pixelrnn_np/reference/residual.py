"""§3.3 What leaves a residual block, pixel by pixel."""

import numpy as np


def residual_forward(a, x, K, b, y, skips):
    """[u | s] = a K + b: y = x + u, or u alone for an empty x; skips += s, unless that is empty."""
    for p in np.ndindex(y.shape[:3]):
        out = a[p] @ K + b
        y[p] = out[: y.shape[3]]
        if x.size:
            y[p] += x[p]
        if skips.size:
            skips[p] += out[y.shape[3] :]


def residual_backward(dy, dskip, a, K, da, dx, dK, db):
    """The gradient of [u | s] is [dy | dskip], or dy alone without skips.

    dx: dy, which x gets beside the block, or empty; the inner layer adds to it. It may be dy.
    """
    dx[...] = dy[: len(dx)]
    dK[...] = 0
    db[...] = 0
    for p in np.ndindex(dy.shape[:3]):
        d = np.concatenate((dy[p], dskip[p])) if dskip.size else dy[p]
        dK += np.outer(a[p], d)
        db += d
        da[p] = K @ d
