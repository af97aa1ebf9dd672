"""§3.5, Figure 5 left: a whole convolutional block, an image (or some rows of it) at a time.

Forward goes down the image. A block of rows passes through all of ReLU → 1×1 → ReLU → 3×3 → ReLU →
1×1 while it is in the cache; the 3×3 reads rows that are finished, since mask B looks up.
Backward goes up the image, since what a pixel sends back comes from rows below. There dz is read at
the mirrored taps, which serves both products of the 3×3:
    dx[q]  = Σ_t dz[q-t] W[t]ᵀ       dW[t] = Σ_q x[q]ᵀ dz[q-t]
where reading x at the taps would need a scatter for dx besides. A kernel with taps below, which the
leaks of notebook 11 have, gets the whole image as its only block.

What the 3×3 reads is copied into a map with zeros around the image: `reach` pixels behind each row,
which are also those before the next, and whole rows where the kernel leaves the image. There a tap
is one distance for all pixels, so that nothing is gathered (see tiles/multiply.py). The products of
the 3×3 run over the pixels behind the rows too, one in 29, and nobody reads what they give.
The readable twin is reference/conv_block.py; shapes and derivation are in layers/residual.py.
"""

import numpy as np

from .jit import kernel
from .pointwise import relu_forward
from .products import add_rows
from .residual import (
    chunk,
    halves,
    halves_transposed,
    inner_gradient,
    outputs,
    pixels,
    residual_forward,
)
from .runs import copy
from .tiles.multiply import HERE, NOTHING, add_outer, matrix, panels, product, transposed_taps


@kernel
def conv_block_forward(
    x, K_down, b_down, K_conv, offsets, b_conv, given, K_out, b_out, residual, down, a, y, skips
):
    B, H, W, F = x.shape
    T, h, _ = K_conv.shape
    rows, wide, before_it, behind_it, taps = _surroundings(offsets, H, W, h)
    active, out = np.empty((rows * W, F), x.dtype), np.empty(rows * wide * h, x.dtype)
    around = np.zeros(before_it + H * wide * h + behind_it, x.dtype)
    downs, convs, (up, skip) = panels(K_down), panels(K_conv.reshape(T * h, h)), halves(K_out, F)
    zero, x2, before = x.dtype.type(0), pixels(x), x if residual else x[:0]
    low = zero if given.size == 0 else x.dtype.type(-np.inf)
    for n in range(B):
        for r in range(0, H, rows):
            m = min(rows, H - r)
            p, M, place = (n * H + r) * W, m * W, before_it + r * wide * h
            relu_forward(x2[p : p + M], active[:M])
            product(
                matrix(down, p * h, h), NOTHING, NOTHING, zero, b_down, matrix(active, 0, F),
                HERE, downs, M, h,
            )  # fmt: skip
            _copy_rows(down, p * h, W * h, around, place, wide * h, m, W * h)
            product(
                (out, 0, h), NOTHING, NOTHING, low, b_conv, (around, place, h), taps, convs,
                m * wide, h,
            )  # fmt: skip
            _copy_rows(out, 0, wide * h, a, p * h, W * h, m, W * h)
            if given.size > 0:
                _add_relu(pixels(given)[p : p + M], pixels(a)[p : p + M])
            outputs(a, up, skip, b_out, before, y, skips, p, M)


@kernel
def conv_block_backward(
    dy, dskip, x, down, a, K_down, K_conv, offsets, K_out, residual,
    dx, dz, dK_down, db_down, dK_conv, db_conv, dK_out, db_out
):  # fmt: skip
    B, H, W, F = x.shape
    T, h, _ = K_conv.shape
    rows, wide, before_it, behind_it, taps = _surroundings(offsets, H, W, h)
    active, d = np.empty((rows * W, F), x.dtype), np.empty((rows * W, h), x.dtype)
    du = np.empty_like(d)
    # The zeros of these two stay: only pixels of the image are written.
    around = np.zeros(behind_it + H * wide * h + before_it, x.dtype)  # the taps are mirrored
    behind, out = np.zeros(rows * wide * h, x.dtype), np.empty(rows * wide * h, x.dtype)
    convs, downs = panels(transposed_taps(K_conv)), panels(np.ascontiguousarray(K_down.T))
    up, skip = halves_transposed(K_out, F)
    _clear(dK_down, db_down)
    _clear(dK_conv, db_conv)
    _clear(dK_out, db_out)
    x2 = pixels(x)
    for n in range(B):
        for r in range((H - 1) // rows * rows, -1, -rows):
            m = min(rows, H - r)
            p, M, place = (n * H + r) * W, m * W, behind_it + r * wide * h
            gate = matrix(a, p * h, h)
            inner_gradient(dy, dskip, a, up, skip, gate, matrix(d, 0, h), dK_out, db_out, p, M)
            add_rows(d[:M], db_conv)
            if dz.size > 0:
                _copy_rows(d, 0, M * h, dz, p * h, 0, 1, M * h)
            _copy_rows(d, 0, W * h, around, place, wide * h, m, W * h)
            _copy_rows(down, p * h, W * h, behind, 0, wide * h, m, W * h)
            for t in range(T):
                add_outer(
                    matrix(dK_conv, t * h * h, h), (behind, 0, h), (around, place - taps[t], h),
                    m * wide, h, h,
                )  # fmt: skip
            product(
                (out, 0, h), NOTHING, (behind, 0, h), None, None, (around, place, h), -taps, convs,
                m * wide, h,
            )  # fmt: skip
            _copy_rows(out, 0, wide * h, du, 0, W * h, m, W * h)
            relu_forward(x2[p : p + M], active[:M])
            add_outer(
                matrix(dK_down, 0, h), matrix(active, 0, F), matrix(du, 0, h), M, F, h, db_down
            )  # fmt: skip
            _into_trunk(dy, x, residual, matrix(du, 0, h), downs, dx, p, M)


@kernel
def _into_trunk(dy, x, residual, du, downs, dx, p, M):
    """dx = dy + [x > 0] ⊙ du K_downᵀ of the M pixels from p on; dx may be dy."""
    F = x.shape[3]
    target, passes, above = matrix(dx, p * F, F), matrix(x, p * F, F), matrix(dy, p * F, F)
    if residual:
        product(target, above, passes, None, None, du, HERE, downs, M, F)
    else:
        product(target, NOTHING, passes, None, None, du, HERE, downs, M, F)


@kernel
def _clear(dK, db):
    dK.reshape(dK.size)[:] = 0
    db[:] = 0


@kernel
def _surroundings(offsets, H, W, h):
    """rows, wide, before_it, behind_it, taps of the map with zeros around an image.

    rows: image rows of a chunk; wide: pixels of a row with those behind it; before_it, behind_it:
    numbers before the first row and behind the last; taps: (T,) distances in numbers.
    """
    reach, above, below = 0, 0, 0
    for t in range(offsets.shape[0]):
        above, below = max(above, -offsets[t, 0]), max(below, offsets[t, 0])
        reach = max(reach, abs(offsets[t, 1]))
    wide = W + reach
    taps = (offsets[:, 0] * wide + offsets[:, 1]) * h
    rows = max(1, min(H, chunk(h) // W)) if below == 0 else H
    return rows, wide, (above + 1) * wide * h, (below + 1) * wide * h, taps


@kernel
def _copy_rows(source, s, source_stride, target, t, target_stride, rows, count):
    """`count` numbers of each of `rows` rows, from arrays of any shape taken as flat."""
    source, target = source.reshape(source.size), target.reshape(target.size)
    for k in range(rows):
        copy(target, t + k * target_stride, source, s + k * source_stride, count)


@kernel
def conv_block_step(x, K_down, b_down, row, column, K_row, above, K_out, b_out, residual, y, skips):
    M, F = x.shape
    V, h, _ = K_row.shape
    active, a, zero, place = np.empty_like(x), np.empty((M, h), x.dtype), x.dtype.type(0), M * h
    relu_forward(x, active)
    product(
        matrix(row, (column + V - 1) * place, h), NOTHING, NOTHING, zero, b_down,
        matrix(active, 0, F), HERE, panels(K_down), M, h,
    )  # fmt: skip
    product(
        matrix(a, 0, h), matrix(above, 0, h if above.shape[0] > 1 else 0), NOTHING, zero, None,
        matrix(row, column * place, h), np.arange(V) * place, panels(K_row.reshape(V * h, h)), M, h,
    )  # fmt: skip
    before = _as_map(x if residual else x[:0])
    residual_forward(_as_map(a), before, K_out, b_out, _as_map(y), _as_map(skips))


@kernel
def conv_blocks_step(
    x, K_down, b_down, rows, column, K_row, above, K_out, b_out, residual, y, skips
):
    """One call for all blocks: from Python each call costs about as much as the block itself."""
    L, other, before = K_down.shape[0], np.empty_like(x), x
    for k in range(L):
        after = other if (L - k) % 2 == 0 else y
        conv_block_step(
            before, K_down[k], b_down[k], rows[k], column, K_row[k], above[k, column],
            K_out[k], b_out[k], residual, after, skips,
        )  # fmt: skip
        before = after


@kernel
def _as_map(x):
    return x.reshape(1, 1, x.shape[0], x.shape[1])


@kernel
def _add_relu(a, total):
    for m in range(a.shape[0]):
        for j in range(a.shape[1]):
            v = total[m, j] + a[m, j]
            total[m, j] = 0 if v < 0 else v
