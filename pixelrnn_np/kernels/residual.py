"""§3.3 What leaves a residual block: up and skip of one inner map, and the sums they go into.

K is [K_up | K_skip], (h, 2h + 2h), or K_up alone. y = x + a K_up + b_up and skips += a K_skip +
b_skip; an empty x means no residual connection, an empty `skips` no skip connection. Backward also
writes dx = dy, unless dx is empty, for the inner layer to add to; dx may be dy. A chunk of pixels
at a time, so that their maps are read from the cache by the second product; the sums happen inside
the products (see tiles/multiply.py). conv_block.py does the same with chunks of its own.
The readable twin is reference/residual.py; shapes and derivation are in layers/residual.py.
"""

from .jit import inlined, inner, kernel
from .runs import clear, copy
from .tiles.multiply import add_outer, matrix, multiply
from .tiles.panels import panels_between, panels_of_transposed

NUMBERS = 32 * 28 * 28  # of the inner map in a chunk; benchmarks/README.md says why


@inlined
def chunk(h):
    """Pixels of a chunk, whose maps stay in the second cache meanwhile."""
    return max(1, NUMBERS // h)


@inlined
def halves(K, F):
    """Panels of K_up and K_skip."""
    return panels_between(K, 0, F), panels_between(K, F, K.shape[1])


@inlined
def halves_transposed(K, F):
    """Panels of K_upᵀ and K_skipᵀ."""
    return panels_of_transposed(K, 0, F), panels_of_transposed(K, F, K.shape[1])


@kernel
def residual_forward(a, x, K, b, y, skips):
    F, step = y.shape[3], chunk(a.shape[3])
    up, skip = halves(K, F)
    for p in range(0, y.size // F, step):
        outputs(a, up, skip, b, x, y, skips, p, min(step, y.size // F - p))


@inner
def outputs(a, up, skip, b, x, y, skips, p, M):
    """y and skips of the M pixels from p on; up, skip: the panels of `halves`."""
    F, h = y.shape[3], a.shape[3]
    inner, target, sums = matrix(a, p * h, h), matrix(y, p * F, F), matrix(skips, p * F, F)
    if x.size > 0:
        multiply(target, inner, up, M, F, bias=b, plus=matrix(x, p * F, F))
    else:
        multiply(target, inner, up, M, F, bias=b)
    if skips.size > 0:
        multiply(sums, inner, skip, M, F, bias=b[F:], plus=sums)


@kernel
def residual_backward(dy, dskip, a, K, da, dx, dK, db):
    """dy, dskip: (B, H, W, F), dskip empty without skips; a: (B, H, W, h); K: (h, F) or, with
    skips, (h, 2F).

    Written: da, like a; dx, dy's copy or, empty, nothing; dK, db, like K and its bias.
    """
    F, h, step = dy.shape[3], K.shape[0], chunk(K.shape[0])
    up, skip = halves_transposed(K, F)
    clear(dK, 0, dK.size)
    clear(db, 0, db.size)
    for p in range(0, dy.size // F, step):
        M = min(step, dy.size // F - p)
        inner_gradient(dy, dskip, a, up, skip, None, matrix(da, p * h, h), dK, db, p, M)
        if dx.size > 0:
            copy(dx, p * F, dy, p * F, M * F)


@inner
def inner_gradient(dy, dskip, a, up, skip, gate, da, dK, db, p, M):
    """da = [gate > 0] ⊙ (dy K_upᵀ + dskip K_skipᵀ) of the M pixels from p on; adds to dK and db.

    dy: (B, H, W, F); dskip: the same or empty; a: (B, H, W, h); up, skip: the panels of
    `halves_transposed`; gate (None for none), da: matrices (M, h) as in tiles/multiply.py;
    dK: (h, F) or (h, 2F); db: (F,) or (2F,).
    """
    F, h, N = dy.shape[3], a.shape[3], dK.shape[1]
    inner, above, beside = matrix(a, p * h, h), matrix(dy, p * F, F), matrix(dskip, p * F, F)
    multiply(da, above, up, M, h, gate=gate)
    add_outer(matrix(dK, 0, N), inner, above, M, h, F, total=db)
    if dskip.size > 0:
        multiply(da, beside, skip, M, h, gate=gate, plus=da)
        add_outer(matrix(dK, F, N), inner, beside, M, h, F, total=db[F:])
