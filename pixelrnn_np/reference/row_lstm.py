"""§3.1 Row LSTM, one pixel at a time, straight from equation (3).

    z[r,q] = b + Σ_t x[r, q+taps_t] K_is[t] + Σ_v h[r-1, q+v] K_ss[v]
Row -1 is (h0, c0) at every column; outside the image's columns x and h are zero.
"""

import numpy as np

from .lstm_cell import cell, cell_backward


def inside(q, shifts, W):
    """(index, column) of the shifts that lead from column q to a column of the image."""
    for t in range(len(shifts)):
        if 0 <= q + shifts[t] < W:
            yield t, q + shifts[t]


def centred(K_ss):
    """-(k-1)/2 … (k-1)/2, the columns that the unmasked K_ss reads."""
    return np.arange(len(K_ss)) - len(K_ss) // 2


def row_lstm_forward(x, K_is, taps, K_ss, b, h0, c0, gates, c, h):
    """gates and c are for backward."""
    B, H, W, _ = x.shape
    for n in range(B):
        for r in range(H):
            for q in range(W):
                z = b.copy()
                for t, column in inside(q, taps, W):
                    z += x[n, r, column] @ K_is[t]
                for v, column in inside(q, centred(K_ss), W):
                    z += (h[n, r - 1, column] if r > 0 else h0) @ K_ss[v]
                c_before = c[n, r - 1, q] if r > 0 else c0
                gates[n, r, q], c[n, r, q], h[n, r, q] = cell(z, c_before)


def row_lstm_backward(dh, x, h, K_is, taps, K_ss, h0, c0, gates, c, dx, dK_is, dK_ss, db, dh0,
                      dc0):  # fmt: skip
    """Rows from the last to the first; each gradient goes back to where its value came from.

    dx is added to.
    """
    B, H, W, _ = x.shape
    dh, dc = dh.copy(), np.zeros_like(c)
    dK_is[...] = 0
    dK_ss[...] = 0
    db[...] = 0
    dh0[...] = 0
    dc0[...] = 0
    for n in range(B):
        for r in range(H - 1, -1, -1):
            for q in range(W):
                c_before = c[n, r - 1, q] if r > 0 else c0
                d, dc_before = cell_backward(
                    gates[n, r, q], c[n, r, q], c_before, dh[n, r, q], dc[n, r, q]
                )
                carry = dc[n, r - 1, q] if r > 0 else dc0
                carry += dc_before
                db += d
                for t, column in inside(q, taps, W):
                    dK_is[t] += np.outer(x[n, r, column], d)
                    dx[n, r, column] += K_is[t] @ d
                for v, column in inside(q, centred(K_ss), W):
                    dK_ss[v] += np.outer(h[n, r - 1, column] if r > 0 else h0, d)
                    target = dh[n, r - 1, column] if r > 0 else dh0
                    target += K_ss[v] @ d
