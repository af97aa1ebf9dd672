"""§3.4 Masked convolution: products in registers, which read the taps where they lie.

Masked taps are not stored, so they cost nothing: `K` holds only the T taps that the mask leaves,
`offsets` their (row, column) distance from the centre. An image is copied between zeros, so that no
tap leaves it. In backward dy is too; it is read at the mirrored taps:
    y[p] = b + Σ_t x[p+t] K[t]      dx[p] = Σ_t dy[p-t] K[t]ᵀ      dK[t] = Σ_p x[p+t]ᵀ dy[p]
A 1×1 reads nothing around its pixel and needs no copy.

The readable twin is reference/masked_conv.py; shapes and derivation are in layers/masked_conv.py.
"""

import numpy as np

from .jit import inlined, kernel
from .runs import clear
from .taps import copy_rows, distances, surroundings
from .tiles.multiply import add_outer, matrix, multiply, multiply_taps
from .tiles.panels import panels, panels_of_transposed

FEW = 8  # features; below, a tile of dK holds those of several taps
PIXELS = 784  # of a 1×1 at a time, so that what one column of tiles has read the next finds cached


@inlined
def is_pointwise(offsets):
    return offsets.shape[0] == 1 and offsets[0, 0] == 0 and offsets[0, 1] == 0


@kernel
def conv_forward(x, K, offsets, b, y):
    B, H, W, I = x.shape
    O, weights = b.size, panels(K)
    if is_pointwise(offsets):
        for p in range(0, B * H * W, PIXELS):
            M = min(PIXELS, B * H * W - p)
            multiply(matrix(y, p * O, O), matrix(x, p * I, I), weights, M, O, bias=b)
        return
    wide, above, below, taps = surroundings(offsets, W)
    around, taps = np.zeros((above + H * wide + below) * I, x.dtype), distances(taps, I)
    for n in range(B):
        copy_rows(x, n * H * W * I, W * I, around, above * I, wide * I, H, W * I)
        for r in range(H):
            row, here = matrix(y, (n * H + r) * W * O, O), matrix(around, (above + r * wide) * I, I)
            multiply_taps(row, here, taps, weights, W, O, bias=b)


@kernel
def conv_backward(dy, x, K, offsets, dx, dK, db):
    B, H, W, I = x.shape
    O, weights = db.size, panels_of_transposed(K, 0, db.size)
    clear(dK, 0, dK.size)
    clear(db, 0, O)
    if is_pointwise(offsets):
        for p in range(0, B * H * W, PIXELS):
            M, read, sent = min(PIXELS, B * H * W - p), matrix(x, p * I, I), matrix(dy, p * O, O)
            add_outer(matrix(dK, 0, O), read, sent, M, I, O, total=db)
            if dx.size > 0:
                multiply(matrix(dx, p * I, I), sent, weights, M, I)
        return
    wide, above, below, taps = surroundings(offsets, W)
    x_around = np.zeros((above + H * wide + below) * I, x.dtype)
    dy_around = np.zeros((below + H * wide + above) * O, x.dtype)  # the taps are mirrored
    read, sent = matrix(x_around, above * I, I), matrix(dy_around, below * O, O)
    for n in range(B):
        copy_rows(x, n * H * W * I, W * I, x_around, above * I, wide * I, H, W * I)
        copy_rows(dy, n * H * W * O, W * O, dy_around, below * O, wide * O, H, W * O)
        add_taps(dK, 0, read, sent, taps, H * wide, I, O, db)
        for r in range(H if dx.size > 0 else 0):
            row = matrix(dx, (n * H + r) * W * I, I)
            here = matrix(dy_around, (below + r * wide) * O, O)
            multiply_taps(row, here, distances(taps, -O), weights, W, I)


@inlined
def add_taps(dK, start, read, sent, taps, M, I, O, db):
    """dK[t] += Σ over M pixels of readᵀ at tap t times sent, and db += Σ sent.

    start: where the first tap's are in dK.
    """
    T = taps.size
    if I < FEW:
        columns = np.empty(T * I, np.int64)
        for k in range(columns.size):
            columns[k] = taps[k // I] * I + k % I
        add_outer(matrix(dK, start, O), read, sent, M, T * I, O, total=db, columns=columns)
        return
    for t in range(T):
        target, moved = matrix(dK, start + t * I * O, O), matrix(read[0], read[1] + taps[t] * I, I)
        if t == 0:
            add_outer(target, moved, sent, M, I, O, total=db)
        else:
            add_outer(target, moved, sent, M, I, O)


@kernel
def conv_above(rows, K, b, above):
    """rows: (R, W + V - 1, B, I), K: (R, V, I, O), above: (W, B, O)."""
    R, padded, B, I = rows.shape
    V, O = K.shape[1], K.shape[3]
    M = above.shape[0] * B
    taps = np.empty(R * V, np.int64)
    for r in range(R):
        for v in range(V):
            taps[r * V + v] = (r * padded + v) * B * I
    multiply_taps(matrix(above, 0, O), matrix(rows, 0, I), taps, panels(K), M, O, bias=b)
