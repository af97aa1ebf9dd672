"""§3.4 Masked convolution: gather the active taps of a few rows, then one matrix product.

Masked taps are not stored, so they cost nothing: `W` holds only the T taps that the mask leaves,
`offsets` their (row, column) distance from the centre. The pixels of a block of rows are gathered
to `cols` (pixels, T·I), which stays in the cache while BLAS multiplies it by (T·I, O). OpenBLAS
reached 85 to 120 GFLOP/s per core on such thin products (one core of a Xeon with AVX-512, in L2);
the kernel's gradient, whose long dimension is the sum, reached 90 with blocks of 448 rows and 30 to
60 over a whole map of 3,136.

The readable twin is reference/masked_conv.py; shapes and derivation are in layers/masked_conv.py.
"""

import numpy as np

from .jit import kernel

BLOCK = 448


@kernel
def conv_forward(x, W, offsets, b, y):
    B, H, Wd, I = x.shape
    T, O = W.shape[0], W.shape[2]
    w = W.reshape(T * I, O)
    if T == 1 and offsets[0, 0] == 0 and offsets[0, 1] == 0:
        x2, y2 = x.reshape(B * H * Wd, I), y.reshape(B * H * Wd, O)
        for i in range(0, B * H * Wd, BLOCK):
            yb = y2[i : i + BLOCK]
            np.dot(x2[i : i + BLOCK], w, yb)
            _add_bias(yb, b)
        return
    rows = max(1, BLOCK // Wd)
    cols = np.empty((rows * Wd, T * I), x.dtype)
    y2 = y.reshape(B * H * Wd, O)
    for n in range(B):
        for r in range(0, H, rows):
            m = min(rows, H - r)
            _gather(x[n], offsets, r, m, cols)
            start = (n * H + r) * Wd
            yb = y2[start : start + m * Wd]
            np.dot(cols[: m * Wd], w, yb)
            _add_bias(yb, b)


@kernel
def conv_backward(dy, x, W, offsets, dx, dW, db):
    B, H, Wd, I = x.shape
    T, O = W.shape[0], W.shape[2]
    w_t = np.ascontiguousarray(W.reshape(T * I, O).T)
    dw = dW.reshape(T * I, O)
    dw[:] = 0
    db[:] = 0
    if T == 1 and offsets[0, 0] == 0 and offsets[0, 1] == 0:
        x2, dx2 = x.reshape(B * H * Wd, I), dx.reshape(dx.size // I, I)
        dy2 = dy.reshape(B * H * Wd, O)
        add_products(x2, dy2, dw, db)
        if dx.size > 0:
            np.dot(dy2, w_t, dx2)
        return
    rows = max(1, BLOCK // Wd)
    cols = np.empty((rows * Wd, T * I), x.dtype)
    dy2 = dy.reshape(B * H * Wd, O)
    dx[:] = 0
    for n in range(B):
        for r in range(0, H, rows):
            m = min(rows, H - r)
            _gather(x[n], offsets, r, m, cols)
            start = (n * H + r) * Wd
            dyb = dy2[start : start + m * Wd]
            add_products(cols[: m * Wd], dyb, dw, db)
            if dx.size > 0:
                np.dot(dyb, w_t, cols[: m * Wd])
                _scatter(cols, offsets, r, m, dx[n])


@kernel
def _add_bias(y, b):
    for p in range(y.shape[0]):
        for o in range(b.size):
            y[p, o] += b[o]


@kernel
def add_products(a, dy, dw, db):
    """dw += aᵀ dy and db += Σ dy, a block of rows at a time; a: (M, K), dy: (M, O)."""
    part = np.empty(dw.shape, dw.dtype)
    for start in range(0, a.shape[0], BLOCK):
        ab, dyb = a[start : start + BLOCK], dy[start : start + BLOCK]
        np.dot(ab.T, dyb, part)
        for k in range(dw.shape[0]):
            for o in range(dw.shape[1]):
                dw[k, o] += part[k, o]
        for p in range(dyb.shape[0]):
            for o in range(db.size):
                db[o] += dyb[p, o]


@kernel
def _gather(x, offsets, first, count, cols):
    """cols[pixel, t·I + i] = x[pixel + offset t, i], zero outside; `count` rows from `first`."""
    H, Wd, I = x.shape
    for t in range(offsets.shape[0]):
        dr, dc = offsets[t, 0], offsets[t, 1]
        lo, hi = max(0, -dc), min(Wd, Wd - dc)
        for m in range(count):
            r = first + m + dr
            base = m * Wd
            inside = 0 <= r < H and lo < hi
            if not inside:
                cols[base : base + Wd, t * I : t * I + I] = 0
                continue
            cols[base : base + lo, t * I : t * I + I] = 0
            cols[base + hi : base + Wd, t * I : t * I + I] = 0
            for c in range(lo, hi):
                for i in range(I):
                    cols[base + c, t * I + i] = x[r, c + dc, i]


@kernel
def _scatter(cols, offsets, first, count, dx):
    """The adjoint of `_gather`: dx[pixel + offset t, i] += cols[pixel, t·I + i]."""
    H, Wd, I = dx.shape
    for t in range(offsets.shape[0]):
        dr, dc = offsets[t, 0], offsets[t, 1]
        lo, hi = max(0, -dc), min(Wd, Wd - dc)
        for m in range(count):
            r = first + m + dr
            if 0 <= r < H:
                for c in range(lo, hi):
                    for i in range(I):
                        dx[r, c + dc, i] += cols[m * Wd + c, t * I + i]
