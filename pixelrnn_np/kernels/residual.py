"""§3.3 What leaves a residual block: up and skip of one inner map, and the sums they go into.

K is [K_up | K_skip], (h, 2h + 2h), or K_up alone. y = x + a K_up + b_up and skips += a K_skip +
b_skip; an empty x means no residual connection, an empty `skips` no skip connection. Backward also
writes dx = dy, unless dx is empty, for the inner layer to add to; dx may be dy. A chunk of pixels
at a time, so that their maps are read from the cache by the second product; the sums happen inside
the products (see tiles/multiply.py). conv_block.py does the same with chunks of its own.
The readable twin is reference/residual.py; shapes and derivation are in layers/residual.py.
"""

import numpy as np

from .jit import kernel
from .runs import copy
from .tiles.multiply import HERE, NOTHING, add_outer, matrix, panels, panels_between, product

NUMBERS = 32 * 28 * 28  # of the inner map in a chunk; benchmarks/README.md says why


@kernel
def chunk(h):
    """Pixels of a chunk, whose maps stay in the second cache meanwhile."""
    return max(1, NUMBERS // h)


@kernel
def pixels(x):
    """(B, H, W, F) as (B·H·W, F)."""
    return x.reshape(x.size // x.shape[3], x.shape[3])


@kernel
def halves(K, F):
    """Panels of K_up and K_skip."""
    return panels_between(K, 0, F), panels_between(K, F, K.shape[1])


@kernel
def halves_transposed(K, F):
    """Panels of K_upᵀ and K_skipᵀ."""
    return panels(np.ascontiguousarray(K[:, :F].T)), panels(np.ascontiguousarray(K[:, F:].T))


@kernel
def residual_forward(a, x, K, b, y, skips):
    F, step = y.shape[3], chunk(a.shape[3])
    up, skip = halves(K, F)
    for p in range(0, y.size // F, step):
        outputs(a, up, skip, b, x, y, skips, p, min(step, y.size // F - p))


@kernel
def outputs(a, up, skip, b, x, y, skips, p, M):
    """y and skips of the M pixels from p on."""
    F, h = y.shape[3], a.shape[3]
    inner, target, sums = matrix(a, p * h, h), matrix(y, p * F, F), matrix(skips, p * F, F)
    if x.size > 0:
        product(target, matrix(x, p * F, F), NOTHING, None, b[:F], inner, HERE, up, M, F)
    else:
        product(target, NOTHING, NOTHING, None, b[:F], inner, HERE, up, M, F)
    if skips.size > 0:
        product(sums, sums, NOTHING, None, b[F:], inner, HERE, skip, M, F)


@kernel
def residual_backward(dy, dskip, a, K, da, dx, dK, db):
    F, h, step = dy.shape[3], K.shape[0], chunk(K.shape[0])
    up, skip = halves_transposed(K, F)
    dK[:] = 0
    db[:] = 0
    for p in range(0, dy.size // F, step):
        M = min(step, dy.size // F - p)
        inner_gradient(dy, dskip, a, up, skip, NOTHING, matrix(da, p * h, h), dK, db, p, M)
        if dx.size > 0:
            copy(dx.reshape(dx.size), p * F, dy.reshape(dy.size), p * F, M * F)


@kernel
def inner_gradient(dy, dskip, a, up, skip, gate, da, dK, db, p, M):
    """da = [gate > 0] ⊙ (dy K_upᵀ + dskip K_skipᵀ) of the M pixels from p on; adds to dK and db.

    gate, da: matrices as in tiles/multiply.py.
    """
    F, h, N = dy.shape[3], a.shape[3], dK.shape[1]
    inner, above, beside = matrix(a, p * h, h), matrix(dy, p * F, F), matrix(dskip, p * F, F)
    product(da, NOTHING, gate, None, None, above, HERE, up, M, h)
    add_outer(matrix(dK, 0, N), inner, above, M, h, F, db[:F])
    if dskip.size > 0:
        product(da, da, gate, None, None, beside, HERE, skip, M, h)
        add_outer(matrix(dK, F, N), inner, beside, M, h, F, db[F:])
