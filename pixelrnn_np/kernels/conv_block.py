"""§3.5, Figure 5 left: a whole convolutional block, some rows of an image at a time.

Forward goes down the image. A block of rows passes through all of ReLU → 1×1 → ReLU → 3×3 → ReLU →
1×1 while it is in the cache; the 3×3 reads rows that are finished, since mask B looks up.
Backward goes up the image, since what a pixel sends back comes from rows below. There dz is read at
the mirrored taps, which serves both products of the 3×3:
    dx[q]  = Σ_t dz[q-t] W[t]ᵀ       dW[t] = Σ_q x[q]ᵀ dz[q-t]
where reading x at the taps would need a scatter for dx besides.

What the 3×3 reads is copied into a map with zeros around the image: `reach` pixels behind each row,
which are also those before the next, and whole rows where the kernel leaves the image. There a tap
is one distance for all pixels, so that nothing is gathered (see tiles.py). The products of the 3×3
run over the pixels behind the rows too, one in 29, and nobody reads what they give.
The readable twin is reference/conv_block.py; shapes and derivation are in layers/residual.py.
"""

import numpy as np

from .jit import kernel
from .products import add_rows
from .residual import add_outputs, pixels
from .runs import copy
from .tiles import NOTHING, add_outer, matrix, panels, product

CHUNK = 168  # pixels that pass through a block at a time, so that their maps stay in the cache
HERE = np.zeros(1, np.int64)


@kernel
def conv_block_forward(
    x, K_down, b_down, K_conv, offsets, b_conv, given, K_out, b_out, residual, down, a, y, skips
):
    B, H, W, F = x.shape
    T, h, _ = K_conv.shape
    rows, wide, top, taps = _surroundings(offsets, W, h)
    active, out = np.empty((rows * W, F), x.dtype), np.empty(rows * wide * h, x.dtype)
    around = np.zeros(top + (H + 1) * wide * h, x.dtype)
    downs, convs, ups, skip = (
        panels(K_down), panels(K_conv.reshape(T * h, h)),
        panels(np.ascontiguousarray(K_out[:, :F])), panels(np.ascontiguousarray(K_out[:, F:])),
    )  # fmt: skip
    zero, x2, a2 = x.dtype.type(0), pixels(x), pixels(a)
    floor = zero if given.size == 0 else x.dtype.type(-np.inf)
    for n in range(B):
        for r in range(0, H, rows):
            m = min(rows, H - r)
            p, M, place = (n * H + r) * W, m * W, top + r * wide * h
            _relu(x2[p : p + M], active[:M])
            product(
                matrix(down, p * h, h), NOTHING, NOTHING, zero, b_down, matrix(active, 0, F),
                HERE, downs, M, h,
            )  # fmt: skip
            _copy_rows(down, p * h, W * h, around, place, wide * h, m, W * h)
            product(
                (out, 0, h), NOTHING, NOTHING, floor, b_conv, (around, place, h), taps, convs,
                m * wide, h,
            )  # fmt: skip
            _copy_rows(out, 0, wide * h, a, p * h, W * h, m, W * h)
            if given.size > 0:
                _add(pixels(given)[p : p + M], a2[p : p + M])
                _relu(a2[p : p + M], a2[p : p + M])
            inner, before = matrix(a, p * h, h), matrix(x, p * F, F)
            target, sums = matrix(y, p * F, F), matrix(skips, p * F, F)
            if residual:
                product(target, before, NOTHING, None, b_out[:F], inner, HERE, ups, M, F)
            else:
                product(target, NOTHING, NOTHING, None, b_out[:F], inner, HERE, ups, M, F)
            if skips.size > 0:
                product(sums, sums, NOTHING, None, b_out[F:], inner, HERE, skip, M, F)


@kernel
def conv_block_backward(
    dy, dskip, x, down, a, K_down, K_conv, offsets, K_out, residual,
    dx, dz, dK_down, db_down, dK_conv, db_conv, dK_out, db_out
):  # fmt: skip
    B, H, W, F = x.shape
    T, h, _ = K_conv.shape
    rows, wide, top, taps = _surroundings(offsets, W, h)
    active, du = np.empty((rows * W, F), x.dtype), np.empty((rows * W, h), x.dtype)
    # The zeros of these two stay: only pixels of the image are written.
    around, behind = np.zeros(H * wide * h + top, x.dtype), np.zeros(rows * wide * h, x.dtype)
    out = np.empty(rows * wide * h, x.dtype)
    convs = np.empty((T * h, h), x.dtype)
    for t in range(T):
        convs[t * h : (t + 1) * h] = K_conv[t].T
    convs, downs = panels(convs), panels(np.ascontiguousarray(K_down.T))
    ups, skip = (
        panels(np.ascontiguousarray(K_out[:, :F].T)), panels(np.ascontiguousarray(K_out[:, F:].T))
    )  # fmt: skip
    for total in (dK_down.reshape(-1), dK_conv.reshape(-1), dK_out.reshape(-1)):
        total[:] = 0
    for total in (db_down, db_conv, db_out):
        total[:] = 0
    x2, dy2, dskip2, dz2 = pixels(x), pixels(dy), pixels(dskip), np.empty((rows * W, h), x.dtype)
    N = K_out.shape[1]
    for n in range(B):
        for r in range((H - 1) // rows * rows, -1, -rows):
            m = min(rows, H - r)
            p, M, place = (n * H + r) * W, m * W, r * wide * h
            inner, d, above = matrix(a, p * h, h), matrix(dz2, 0, h), matrix(dy, p * F, F)
            product(d, NOTHING, inner, None, None, above, HERE, ups, M, h)
            add_outer(matrix(dK_out, 0, N), inner, above, M, h, F)
            add_rows(dy2[p : p + M], db_out[:F])
            if dskip.size > 0:
                beside = matrix(dskip, p * F, F)
                product(d, d, inner, None, None, beside, HERE, skip, M, h)
                add_outer(matrix(dK_out, F, N), inner, beside, M, h, F)
                add_rows(dskip2[p : p + M], db_out[F:])
            add_rows(dz2[:M], db_conv)
            _copy_rows(dz2, 0, W * h, around, place, wide * h, m, W * h)
            if dz.size > 0:
                _copy_rows(dz2, 0, M * h, dz, p * h, 0, 1, M * h)
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
            add_rows(du[:M], db_down)
            _relu(x2[p : p + M], active[:M])
            add_outer(matrix(dK_down, 0, h), matrix(active, 0, F), matrix(du, 0, h), M, F, h)
            target, passes = matrix(dx, p * F, F), matrix(x, p * F, F)
            if residual:
                product(target, above, passes, None, None, matrix(du, 0, h), HERE, downs, M, F)
            else:
                product(target, NOTHING, passes, None, None, matrix(du, 0, h), HERE, downs, M, F)


@kernel
def _surroundings(offsets, W, h):
    """rows, wide, top, taps of the map with zeros around an image.

    rows: image rows of a chunk; wide: pixels of a row with those behind it; top: numbers before
    the first row, or behind the last where the taps are mirrored; taps: (T,) distances in numbers.
    """
    reach, above = 0, 0
    for t in range(offsets.shape[0]):
        above, reach = max(above, -offsets[t, 0]), max(reach, abs(offsets[t, 1]))
    wide = W + reach
    taps = (offsets[:, 0] * wide + offsets[:, 1]) * h
    return max(1, CHUNK // W), wide, (above + 1) * wide * h, taps


@kernel
def _copy_rows(source, s, source_stride, target, t, target_stride, rows, count):
    """`count` numbers of each of `rows` rows, from arrays of any shape taken as flat."""
    source, target = source.reshape(source.size), target.reshape(target.size)
    for k in range(rows):
        copy(target, t + k * target_stride, source, s + k * source_stride, count)


@kernel
def conv_block_step(x, K_down, b_down, row, column, K_row, above, K_out, b_out, residual, y, skips):
    M, h = x.shape[0], K_down.shape[1]
    left = K_row.shape[0] - 1
    active, down = np.empty_like(x), np.empty((M, h), x.dtype)
    a, part = np.empty_like(down), np.empty_like(down)
    out = np.empty((M, K_out.shape[1]), x.dtype)
    _relu(x, active)
    np.dot(active, K_down, down)
    _bias_relu(down, b_down)
    row[column + left] = down
    a[:] = above
    for v in range(left + 1):
        np.dot(row[column + v], K_row[v], part)
        _add(part, a)
    _relu(a, a)
    np.dot(a, K_out, out)
    add_outputs(out, b_out, _as_map(x if residual else x[:0]), _as_map(y), _as_map(skips), 0)


@kernel
def _as_map(x):
    return x.reshape(1, 1, x.shape[0], x.shape[1])


@kernel
def _relu(x, y):
    for m in range(x.shape[0]):
        for j in range(x.shape[1]):
            v = x[m, j]
            y[m, j] = 0 if v < 0 else v


@kernel
def _bias_relu(y, b):
    for m in range(y.shape[0]):
        for j in range(b.size):
            v = y[m, j] + b[j]
            y[m, j] = 0 if v < 0 else v


@kernel
def _add(a, total):
    for m in range(a.shape[0]):
        for j in range(a.shape[1]):
            total[m, j] += a[m, j]
