"""§3.1 Row LSTM, one pixel at a time, straight from equation (3)."""

import numpy as np

from .lstm_cell import cell, cell_backward


def row_lstm_forward(x, K_is, taps, K_ss, b, h0, c0, inputs, gates, c, h):
    """z = b + Σ_t x[r, q+taps_t] K_is[t] + Σ_v h[r-1, q+v] K_ss[v];  row -1 is (h0, c0).

    Outside the image's columns x and h are zero. `inputs`, `gates` and `c` are for backward.
    """
    B, H, W, _ = x.shape
    I, F = x.shape[3], h.shape[3]
    for n in range(B):
        for r in range(H):
            for q in range(W):
                u = inputs[n, r, q]
                u[...] = 0
                for t, column in enumerate(q + taps):
                    if 0 <= column < W:
                        u[t * I : (t + 1) * I] = x[n, r, column]
                state = u[len(taps) * I :]
                for v in range(len(K_ss)):
                    column = q + v - len(K_ss) // 2
                    if 0 <= column < W:
                        state[v * F : (v + 1) * F] = h[n, r - 1, column] if r > 0 else h0
                z = b + u @ _stacked(K_is, K_ss)
                c_before = c[n, r - 1, q] if r > 0 else c0
                gates[n, r, q], c[n, r, q], h[n, r, q] = cell(z, c_before)


def row_lstm_backward(dh, K_is, taps, K_ss, c0, inputs, gates, c, dz, dx, dK_is, dK_ss, db, dh0,
                      dc0):  # fmt: skip
    """Rows from the last to the first; each gradient goes back to where its value came from."""
    B, H, W, I = dx.shape
    F = dh.shape[3]
    dh, dc = dh.copy(), np.zeros_like(c)
    K = _stacked(K_is, K_ss)
    dK = np.zeros_like(K)
    for gradient in (dx, db, dh0, dc0):
        gradient[...] = 0
    for n in range(B):
        for r in range(H - 1, -1, -1):
            for q in range(W):
                c_before = c[n, r - 1, q] if r > 0 else c0
                d, dc_before = cell_backward(
                    gates[n, r, q], c[n, r, q], c_before, dh[n, r, q], dc[n, r, q]
                )
                dz[n, r, q] = d
                if r > 0:
                    dc[n, r - 1, q] = dc_before
                else:
                    dc0 += dc_before
                dK += inputs[n, r, q][:, None] * d[None, :]
                db += d
                du = K @ d
                for t, column in enumerate(q + taps):
                    if 0 <= column < W:
                        dx[n, r, column] += du[t * I : (t + 1) * I]
                dstate = du[len(taps) * I :]
                for v in range(len(K_ss)):
                    column = q + v - len(K_ss) // 2
                    if 0 <= column < W:
                        target = dh[n, r - 1, column] if r > 0 else dh0
                        target += dstate[v * F : (v + 1) * F]
    dK_is[...] = dK[: len(taps) * I].reshape(dK_is.shape)
    dK_ss[...] = dK[len(taps) * I :].reshape(dK_ss.shape)


def _stacked(K_is, K_ss):
    return np.concatenate([K_is.reshape(-1, K_is.shape[-1]), K_ss.reshape(-1, K_ss.shape[-1])])
