"""§3.5, Figure 5 left: a whole convolutional block, some rows of an image at a time.

Forward goes down the image. A block of rows passes through all of ReLU → 1×1 → ReLU → 3×3 → ReLU →
1×1 while it is in the cache; the 3×3 reads rows that are finished, since mask B looks up.
Backward goes up the image, since what a pixel sends back comes from rows below. There dz is
gathered at the mirrored taps, once for both products of the 3×3:
    dx[q]  = Σ_t dz[q-t] W[t]ᵀ       dW[t] = Σ_q x[q]ᵀ dz[q-t]
where gathering x would need a scatter for dx besides.
The readable twin is reference/conv_block.py; shapes and derivation are in layers/residual.py.
"""

import numpy as np

from .jit import kernel
from .products import LARGEST, add_products
from .residual import add_outputs, beside, pixels
from .taps import gather


@kernel
def conv_block_forward(
    x, K_down, b_down, K_conv, offsets, b_conv, given, K_out, b_out, residual, down, a, y, skips
):
    B, H, W, F = x.shape
    h, T = K_down.shape[1], len(offsets)
    rows = max(1, LARGEST // W)
    active, cols = np.empty((rows * W, F), x.dtype), np.empty((rows * W, T * h), x.dtype)
    out, before = np.empty((rows * W, K_out.shape[1]), x.dtype), x if residual else x[:0]
    x2, down2, a2 = pixels(x), pixels(down), pixels(a)
    for n in range(B):
        for r in range(0, H, rows):
            m = min(rows, H - r)
            p, M = (n * H + r) * W, m * W
            _relu(x2[p : p + M], active[:M])
            np.dot(active[:M], K_down, down2[p : p + M])
            _bias_relu(down2[p : p + M], b_down)
            gather(down[n], offsets, r, m, cols, 0)
            np.dot(cols[:M], K_conv.reshape(T * h, h), a2[p : p + M])
            if given.size > 0:
                _add(pixels(given)[p : p + M], a2[p : p + M])
            _bias_relu(a2[p : p + M], b_conv)
            np.dot(a2[p : p + M], K_out, out[:M])
            add_outputs(out[:M], b_out, before, y, skips, p)


@kernel
def conv_block_backward(
    dy, dskip, x, down, a, K_down, K_conv, offsets, K_out, residual,
    dx, dz, dK_down, db_down, dK_conv, db_conv, dK_out, db_out
):  # fmt: skip
    B, H, W, F = x.shape
    h, T = K_down.shape[1], len(offsets)
    rows = max(1, LARGEST // W)
    active, cols = np.empty((rows * W, F), x.dtype), np.empty((rows * W, T * h), x.dtype)
    both, ddown = np.empty((rows * W, K_out.shape[1]), x.dtype), np.empty((rows * W, h), x.dtype)
    mirrored, back = _mirror(K_conv, offsets)
    dmirrored, nothing = np.zeros((h, T * h), x.dtype), np.empty(0, x.dtype)
    K_down_t, K_out_t = np.ascontiguousarray(K_down.T), np.ascontiguousarray(K_out.T)
    part_down, part_out = np.empty(K_down.shape, x.dtype), np.empty(K_out.shape, x.dtype)
    part_conv = np.empty(dmirrored.shape, x.dtype)
    for total in (dK_down.reshape(-1), dK_out.reshape(-1), db_down, db_conv, db_out):
        total[:] = 0
    x2, dy2, dx2 = pixels(x), pixels(dy), pixels(dx)
    down2, a2, dz2 = pixels(down), pixels(a), pixels(dz)
    for n in range(B):
        for r in range((H - 1) // rows * rows, -1, -rows):
            m = min(rows, H - r)
            p, M = (n * H + r) * W, m * W
            beside(dy, dskip, p, both[:M])
            add_products(a2[p : p + M], both[:M], part_out, dK_out, db_out)
            np.dot(both[:M], K_out_t, dz2[p : p + M])
            _relu_backward(a2[p : p + M], dz2[p : p + M], db_conv)
            gather(dz[n], back, r, m, cols, 0)
            add_products(down2[p : p + M], cols[:M], part_conv, dmirrored, nothing)
            np.dot(cols[:M], mirrored, ddown[:M])
            _relu_backward(down2[p : p + M], ddown[:M], nothing)
            _relu(x2[p : p + M], active[:M])
            add_products(active[:M], ddown[:M], part_down, dK_down, db_down)
            np.dot(ddown[:M], K_down_t, active[:M])
            _into_trunk(active[:M], x2[p : p + M], dy2[p : p + M], residual, dx2[p : p + M])
    for t in range(T):
        dK_conv[t] = dmirrored[:, (T - 1 - t) * h : (T - t) * h]


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
def _mirror(W, offsets):
    """Wᵀ of each tap, last tap first, and where those taps lie seen from the pixel read."""
    T, I, O = W.shape
    mirrored, back = np.empty((T * O, I), W.dtype), np.empty_like(offsets)
    for t in range(T):
        mirrored[(T - 1 - t) * O : (T - t) * O] = W[t].T
        back[T - 1 - t] = -offsets[t]
    return mirrored, back


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
def _relu_backward(y, d, db):
    """d becomes 0 where y is 0; its columns are added to db, unless that is empty."""
    for m in range(y.shape[0]):
        for j in range(y.shape[1]):
            d[m, j] = d[m, j] if y[m, j] > 0 else 0
        for j in range(db.size):
            db[j] += d[m, j]


@kernel
def _into_trunk(d, x, dy, residual, dx):
    """dx = dy + d where x > 0: through the first ReLU, and beside it."""
    for m in range(x.shape[0]):
        if residual:
            for j in range(x.shape[1]):
                dx[m, j] = dy[m, j] + (d[m, j] if x[m, j] > 0 else 0)
        else:
            for j in range(x.shape[1]):
                dx[m, j] = d[m, j] if x[m, j] > 0 else 0


@kernel
def _add(a, total):
    for m in range(a.shape[0]):
        for j in range(a.shape[1]):
            total[m, j] += a[m, j]
