"""§3.4 Masked convolution, one pixel and one tap at a time."""

import numpy as np


def taps(offsets, r, q, H, W):
    """The active taps that fall inside the image at pixel (r, q): (t, row, column)."""
    for t in range(len(offsets)):
        row, column = r + offsets[t, 0], q + offsets[t, 1]
        if 0 <= row < H and 0 <= column < W:
            yield t, row, column


def conv_forward(x, K, offsets, b, y):
    """y[n,r,q] = b + Σ_t x[n, (r,q) + offset_t] · K[t], zero outside the image."""
    B, H, W, _ = x.shape
    for n in range(B):
        for r in range(H):
            for q in range(W):
                y[n, r, q] = b
                for t, row, column in taps(offsets, r, q, H, W):
                    y[n, r, q] += x[n, row, column] @ K[t]


def conv_backward(dy, x, K, offsets, dx, dK, db):
    """Each term of the sum above sends its gradient back; an empty `dx` is not wanted."""
    B, H, W, _ = x.shape
    dK[...] = 0
    db[...] = 0
    dx[...] = 0
    for n in range(B):
        for r in range(H):
            for q in range(W):
                d = dy[n, r, q]
                db += d
                for t, row, column in taps(offsets, r, q, H, W):
                    dK[t] += np.outer(x[n, row, column], d)
                    if dx.size:
                        dx[n, row, column] += K[t] @ d


def conv_above(rows, K, b, above):
    """What the rows above a row give to each of its outputs, for `step`: above (W, B, O).

    rows: (R, W + V - 1, B, I), columns first, zeros beside the image; K: (R, V, I, O).
    """
    R, V = K.shape[:2]
    for q in range(len(above)):
        above[q] = b
        for r in range(R):
            for v in range(V):
                above[q] += rows[r, q + v] @ K[r, v]
