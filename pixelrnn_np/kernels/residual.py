"""§3.3 What leaves a residual block: up and skip as one product, and the sums they go into.

K is [K_up | K_skip], (h, 2h + 2h), or K_up alone. y = x + a K_up + b_up and skips += a K_skip +
b_skip; an empty x means no residual connection, an empty `skips` no skip connection. Backward also
writes dx = dy, unless dx is empty, for the inner layer to add to. A block of pixels at a time, so
that products and sums meet in the cache.
The readable twin is reference/residual.py; shapes and derivation are in layers/residual.py.
"""

import numpy as np

from .jit import kernel
from .products import add_products, block_rows
from .runs import copy


@kernel
def pixels(x):
    """(B, H, W, F) as (B·H·W, F)."""
    return x.reshape(x.size // x.shape[3], x.shape[3])


@kernel
def residual_forward(a, x, K, b, y, skips):
    M, h = y.size // y.shape[3], K.shape[0]
    out = np.empty((block_rows(h, K.shape[1]), K.shape[1]), a.dtype)
    for p in range(0, M, out.shape[0]):
        m = min(out.shape[0], M - p)
        np.dot(pixels(a)[p : p + m], K, out[:m])
        add_outputs(out[:m], b, x, y, skips, p)


@kernel
def add_outputs(out, b, x, y, skips, first):
    """The sums of the pixels from `first` on, of which `out` (m, 2h or 4h) holds the products."""
    F = y.shape[3]
    x1, y1, s1 = pixels(x), pixels(y), pixels(skips)
    for m in range(out.shape[0]):
        p = first + m
        if x.size > 0:
            for j in range(F):
                y1[p, j] = x1[p, j] + (out[m, j] + b[j])
        else:
            for j in range(F):
                y1[p, j] = out[m, j] + b[j]
        if skips.size > 0:
            for j in range(F):
                s1[p, j] += out[m, F + j] + b[F + j]


@kernel
def residual_backward(dy, dskip, a, K, da, dx, dK, db):
    M, h = dy.size // dy.shape[3], K.shape[0]
    K_t = np.ascontiguousarray(K.T)
    both = np.empty((block_rows(h, K.shape[1]), K.shape[1]), a.dtype)
    part = np.empty(K.shape, a.dtype)
    dK[:] = 0
    db[:] = 0
    for p in range(0, M, both.shape[0]):
        m = min(both.shape[0], M - p)
        beside(dy, dskip, p, both[:m])
        add_products(pixels(a)[p : p + m], both[:m], part, dK, db)
        np.dot(both[:m], K_t, pixels(da)[p : p + m])
        if dx.size > 0:
            copy(
                dx.reshape(dx.size),
                p * dy.shape[3],
                dy.reshape(dy.size),
                p * dy.shape[3],
                m * dy.shape[3],
            )


@kernel
def beside(dy, dskip, first, both):
    """both[m] = [dy | dskip] of pixel first + m, or dy alone where there is no skip."""
    F = dy.shape[3]
    y1, s1 = pixels(dy), pixels(dskip)
    for m in range(both.shape[0]):
        for j in range(F):
            both[m, j] = y1[first + m, j]
        if both.shape[1] > F:
            for j in range(F):
                both[m, F + j] = s1[first + m, j]
