"""§3.5, Figure 5 left: a whole convolutional block, an image (or some rows of it) at a time.

Forward goes down the image. A block of rows passes through all of ReLU → 1×1 → ReLU → 3×3 → ReLU →
1×1 while it is in the cache; the 3×3 reads rows that are finished, since mask B looks up.
Backward goes up the image, since what a pixel sends back comes from rows below:
    dx[p]  = Σ_t dz[p-t] K[t]ᵀ       dK[t] = Σ_p x[p+t]ᵀ dz[p]
A kernel with taps below, which the leaks of notebook 11 have, gets the whole image as its only
block.

What the 3×3 reads is copied into a map with zeros around the image: `reach` pixels after each row,
which are also those before the next, and whole rows where the kernel leaves the image. There a tap
is one distance for all pixels, so that nothing is gathered; a table says where in it each pixel is
(see tiles/multiply.py).
The readable twin is reference/conv_block.py; the derivation is in layers/residual.py.
"""

import numpy as np

from .jit import inlined, inner, kernel
from .lstm_block import as_map
from .pointwise import relu_forward, relu_of_run
from .residual import (
    chunk,
    halves,
    halves_transposed,
    inner_gradient,
    outputs,
    residual_forward,
)
from .runs import clear, copy, flat
from .taps import copy_rows, distances, places_of, surroundings
from .tiles.multiply import add_outer, matrix, multiply, multiply_taps
from .tiles.panels import panels, panels_of_transposed


@kernel
def conv_block_forward(
    x, K_down, b_down, K_conv, offsets, b_conv, given, K_out, b_out, residual, down, a, y, skips
):
    """x: (B, H, W, F); K_down: (F, h); K_conv: (T, h, h), offsets: (T, 2), rows and columns;
    given: (B, H, W, h) or empty; K_out: (h, F) or, with skips, (h, 2F); residual: whether y
    begins with x.

    Written: down, a: (B, H, W, h), each after its ReLU; y: like x. Added to: skips, like x or
    empty.
    """
    B, H, W, F = x.shape
    h, where = K_conv.shape[1], layout(offsets, H, W, K_conv.shape[1])
    wide, above, below, _, rows, _ = where
    active, around = np.empty(rows * W * F, x.dtype), np.zeros(above + H * wide + below, x.dtype)
    weights, (up, skip) = (panels(K_down), panels(K_conv)), halves(K_out, F)
    zero, before = x.dtype.type(0), x if residual else x[:0]
    lowest = zero if given.size == 0 else x.dtype.type(-np.inf)  # the ReLU comes after `given`
    for n in range(B):
        for r in range(0, H, rows):
            m = min(rows, H - r)
            p, M = (n * H + r) * W, m * W
            relu_of_run(x, p * F, M * F, active)
            inner_forward(
                matrix(active, 0, F), weights, (b_down, b_conv), lowest, where, around, down, a,
                n, r, m,
            )  # fmt: skip
            if given.size > 0:
                _add_relu(given, a, p * h, M * h)
            outputs(a, up, skip, b_out, before, y, skips, p, M)


@inner
def inner_forward(active, weights, biases, lowest, where, around, down, a, n, r, m):
    """down and a of the rows from r to r + m - 1 of image n.

    active: the matrix of their ReLU(x); weights: panels of K_down and K_conv; biases: theirs;
    lowest: what a is at least; where: the `layout`; around: the image's down between zeros, as far
    as it is finished; down, a: (B, H, W, h).
    """
    _, H, W, h = down.shape
    wide, above, _, taps, _, places = where
    start, place, M, zero = (n * H + r) * W * h, above + r * wide, m * W, down.dtype.type(0)
    multiply(matrix(down, start, h), active, weights[0], M, h, bias=biases[0], at_least=zero)
    copy_rows(down, start, W * h, around, place, wide, m, W * h)
    multiply_taps(
        matrix(a, start, h), matrix(around, place, 0), taps, weights[1], M, h, bias=biases[1],
        at_least=lowest, a_rows=places,
    )  # fmt: skip


@kernel
def conv_block_backward(
    dy, dskip, x, down, a, K_down, K_conv, offsets, K_out, residual,
    dx, dz, dK_down, db_down, dK_conv, db_conv, dK_out, db_out
):  # fmt: skip
    """dy, x: (B, H, W, F); dskip: the same or empty; down, a: (B, H, W, h), as forward left them;
    K_down: (F, h); K_conv: (T, h, h), offsets: (T, 2); K_out: (h, F) or, with skips, (h, 2F).

    Written: dx: like x, and it may be dy; dz: (B, H, W, h), the gradient of `given`, or empty;
    dK_down, dK_conv, dK_out and db_down (h,), db_conv (h,), db_out (F,) or (2F,).
    """
    B, H, W, F = x.shape
    h, where = K_conv.shape[1], layout(offsets, H, W, K_conv.shape[1])
    rows, scratch = where[4], room(where, H, W, h, x)
    active, d = np.empty(rows * W * F, x.dtype), scratch[2]
    weights = panels_of_transposed(K_down, 0, h), panels_of_transposed(K_conv, 0, h)
    up, skip = halves_transposed(K_out, F)
    grads = matrix(dK_down, 0, h), db_down, matrix(dK_conv, 0, h), db_conv
    _clear(dK_down, db_down)
    _clear(dK_conv, db_conv)
    _clear(dK_out, db_out)
    for n in range(B):
        read_image(down, n, where, scratch)
        for r in range((H - 1) // rows * rows, -1, -rows):
            m = min(rows, H - r)
            p, M = (n * H + r) * W, m * W
            inner_gradient(
                dy, dskip, a, up, skip, matrix(a, p * h, h), matrix(d, 0, h), dK_out, db_out, p, M
            )
            if dz.size > 0:
                copy(dz, p * h, d, 0, M * h)
            relu_of_run(x, p * F, M * F, active)
            inner_backward(
                matrix(dy, p * F, F), residual, matrix(x, p * F, F), matrix(active, 0, F), weights,
                where, scratch, down, matrix(dx, p * F, F), grads, F, n, r, m,
            )  # fmt: skip


@inner
def read_image(down, n, where, scratch):
    """Puts what the 3×3 has read of image n between the zeros of `room`."""
    _, H, W, h = down.shape
    copy_rows(down, n * H * W * h, W * h, scratch[0], where[1], where[0], H, W * h)


@inner
def inner_backward(
    dy, residual, passed, active, weights, where, scratch, down, dx, grads, F, n, r, m
):
    """dx of the rows from r to r + m - 1 of image n, and what they add to the gradients.

    dy: (m·W, F); passed: x or its ReLU, `active`; dx: may be dy, all matrices; weights: panels of
    K_downᵀ and K_convᵀ; where: the `layout`; scratch: the `room`, with d; down: (B, H, W, h);
    grads: the matrix of dK_down, db_down, that of dK_conv, db_conv.
    """
    _, H, W, h = down.shape
    (wide, above, below, taps, _, places), (read, around, d, du) = where, scratch
    dK_down, db_down, dK_conv, db_conv = grads
    M, seen, place, sent = m * W, above + r * wide, below + r * wide, matrix(d, 0, h)
    copy_rows(d, 0, W * h, around, place, wide, m, W * h)
    for t in range(taps.size):
        target = matrix(dK_conv[0], dK_conv[1] + t * h * h, h)
        moved = matrix(read, seen + taps[t], 0)
        if t == 0:
            add_outer(target, moved, sent, M, h, h, total=db_conv, a_rows=places)
        else:
            add_outer(target, moved, sent, M, h, h, a_rows=places)
    multiply_taps(
        matrix(du, 0, h), matrix(around, place, 0), distances(taps, -1), weights[1], M, h,
        gate=matrix(down, (n * H + r) * W * h, h), a_rows=places,
    )  # fmt: skip
    add_outer(dK_down, active, matrix(du, 0, h), M, F, h, total=db_down)
    if residual:
        multiply(dx, matrix(du, 0, h), weights[0], M, F, gate=passed, plus=dy)
    else:
        multiply(dx, matrix(du, 0, h), weights[0], M, F, gate=passed)


@inlined
def _clear(dK, db):
    clear(dK, 0, dK.size)
    clear(db, 0, db.size)


@inner
def layout(offsets, H, W, h):
    """wide, above, below, taps of `surroundings` in numbers; the image rows of a chunk; places."""
    wide, above, below, taps = surroundings(offsets, W)
    rows = max(1, min(H, chunk(h) // W)) if below == wide else H
    wide *= h
    return wide, above * h, below * h, distances(taps, h), rows, places_of(rows, W, h, wide)


@inner
def room(where, H, W, h, like):
    """For backward: maps between zeros of what the 3×3 has read and of d; d and du of a chunk.

    In the first two only pixels of the image are written. The taps of d are mirrored.
    """
    wide, above, below, _, rows, _ = where
    size = above + H * wide + below
    return (
        np.zeros(size, like.dtype), np.zeros(size, like.dtype),
        np.empty((rows * W, h), like.dtype), np.empty((rows * W, h), like.dtype),
    )  # fmt: skip


@kernel
def conv_block_step(x, K_down, b_down, row, column, K_row, above, K_out, b_out, residual, y, skips):
    """One pixel of M images. x, y: (M, F); skips: the same or empty; K_down: (F, h); row:
    (V - 1 + W, M, h), what the 3×3 has read of this row; K_row: (V, h, h); above: (M, h), or
    (1, h) for all; K_out: (h, F) or (h, 2F).
    """
    M, F = x.shape
    V, h, _ = K_row.shape
    active, a = np.empty((M, F), x.dtype), np.empty((M, h), x.dtype)
    zero, place = x.dtype.type(0), M * h
    relu_forward(x, active)
    multiply(
        matrix(row, (column + V - 1) * place, h), matrix(active, 0, F), panels(K_down), M, h,
        bias=b_down, at_least=zero,
    )  # fmt: skip
    taps = np.empty(V, np.int64)
    for v in range(V):
        taps[v] = v * place
    multiply_taps(
        matrix(a, 0, h), matrix(row, column * place, h), taps, panels(K_row), M, h,
        plus=matrix(above, 0, h if above.shape[0] > 1 else 0), at_least=zero,
    )  # fmt: skip
    before = as_map(x if residual else x[:0])
    residual_forward(as_map(a), before, K_out, b_out, as_map(y), as_map(skips))


@kernel
def conv_blocks_step(
    x, K_down, b_down, rows, column, K_row, above, K_out, b_out, residual, y, skips
):
    """All L blocks: from Python each call costs about as much as the block itself.

    Arguments as in conv_block_step with one more axis in front, `above` with two: (L, W, M, h).
    """
    L, other, before = K_down.shape[0], np.empty((x.shape[0], x.shape[1]), x.dtype), x
    for k in range(L):
        after = other if (L - k) % 2 == 0 else y
        conv_block_step(
            before, K_down[k], b_down[k], rows[k], column, K_row[k], above[k, column],
            K_out[k], b_out[k], residual, after, skips,
        )  # fmt: skip
        before = after


@inlined
def _add_relu(given, a, start, n):
    """a = ReLU(a + given), n numbers of both from `start` on."""
    total, more = flat(a), flat(given)
    for i in range(start, start + n):
        v = total[i] + more[i]
        total[i] = 0 if v < 0 else v
