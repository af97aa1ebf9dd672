"""§3.4 Masked convolution: gather the active taps of a few rows, then one matrix product.

Masked taps are not stored, so they cost nothing: `K` holds only the T taps that the mask leaves,
`offsets` their (row, column) distance from the centre. The pixels of a block of rows are gathered
to `cols` (pixels, T·I), which stays in the cache while BLAS multiplies it by (T·I, O). See
products.py for the size of a block.

The readable twin is reference/masked_conv.py; shapes and derivation are in layers/masked_conv.py.
"""

import numpy as np

from .jit import kernel
from .products import add, add_bias, add_products, add_rows, block_rows, multiply
from .taps import gather, gather_transposed, scatter, scatter_transposed
from .tiles.multiply import NOTHING, matrix, panels, product

FEW = 8


@kernel
def is_pointwise(offsets):
    return offsets.shape[0] == 1 and offsets[0, 0] == 0 and offsets[0, 1] == 0


@kernel
def conv_forward(x, K, offsets, b, y):
    B, H, Wd, I = x.shape
    T, O = K.shape[0], K.shape[2]
    w, y2 = K.reshape(T * I, O), y.reshape(B * H * Wd, O)
    if is_pointwise(offsets):
        multiply(x.reshape(B * H * Wd, I), w, b, y2)
        return
    rows = max(1, block_rows(T * I, O) // Wd)
    cols = np.empty(rows * Wd * T * I, x.dtype)
    for n in range(B):
        for r in range(0, H, rows):
            m = min(rows, H - r)
            start = (n * H + r) * Wd
            yb = y2[start : start + m * Wd]
            if I < FEW:
                block = cols[: m * Wd * T * I].reshape(T * I, m * Wd)
                gather_transposed(x[n], offsets, r, m, block)
                np.dot(block.T, w, yb)
            else:
                block = cols[: m * Wd * T * I].reshape(m * Wd, T * I)
                gather(x[n], offsets, r, m, block, 0)
                np.dot(block, w, yb)
            add_bias(yb, b)


@kernel
def conv_backward(dy, x, K, offsets, dx, dK, db):
    B, H, Wd, I = x.shape
    T, O = K.shape[0], K.shape[2]
    w = K.reshape(T * I, O)
    w_t = np.ascontiguousarray(w.T)
    dw, part, dy2 = dK.reshape(T * I, O), np.empty((T * I, O), x.dtype), dy.reshape(B * H * Wd, O)
    dw[:] = 0
    db[:] = 0
    if is_pointwise(offsets):
        add_products(x.reshape(B * H * Wd, I), dy2, part, dw, db)
        if dx.size > 0:
            multiply(dy2, w_t, np.zeros(I, x.dtype), dx.reshape(B * H * Wd, I))
        return
    rows = max(1, block_rows(T * I, O) // Wd)
    cols = np.empty(rows * Wd * T * I, x.dtype)
    dx[:] = 0
    for n in range(B):
        for r in range(0, H, rows):
            m = min(rows, H - r)
            start = (n * H + r) * Wd
            dyb = dy2[start : start + m * Wd]
            if I < FEW:
                block = cols[: m * Wd * T * I].reshape(T * I, m * Wd)
                gather_transposed(x[n], offsets, r, m, block)
                np.dot(block, dyb, part)
                add(part, dw)
                add_rows(dyb, db)
                if dx.size > 0:
                    np.dot(w, dyb.T, block)
                    scatter_transposed(block, offsets, r, m, dx[n])
            else:
                block = cols[: m * Wd * T * I].reshape(m * Wd, T * I)
                gather(x[n], offsets, r, m, block, 0)
                add_products(block, dyb, part, dw, db)
                if dx.size > 0:
                    np.dot(dyb, w_t, block)
                    scatter(block, 0, offsets, r, m, dx[n])


@kernel
def conv_above(rows, K, b, above):
    R, padded, B, I = rows.shape
    V, O = K.shape[1], K.shape[3]
    M = above.shape[0] * B
    taps = np.empty(R * V, np.int64)
    for r in range(R):
        for v in range(V):
            taps[r * V + v] = (r * padded + v) * B * I
    product(
        matrix(above, 0, O), NOTHING, NOTHING, None, b,
        matrix(rows, 0, I), taps, panels(K.reshape(R * V * I, O)), M, O,
    )  # fmt: skip
