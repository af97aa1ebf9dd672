"""§3.1 Row LSTM, a whole row of all images at a time.

Rows are stored one after another, (H, B, W, F), so that a row is one contiguous block. One step is
    inputs = [x at the unmasked taps | h of the row above at k columns]      gathered
    z      = inputs · [K_is; K_ss]                                           one matrix product
    gates, c, h = cell(z + b)                                                vectorised, in place
See kernels/diagonal_lstm.py for why. The readable twin is reference/row_lstm.py.
"""

import numpy as np

from .jit import kernel
from .lstm_cell import cell_backward, cell_forward, gate_scale
from .masked_conv import add_products


@kernel
def row_lstm_forward(x, K_is, taps, K_ss, b, h0, c0, inputs, gates, c, h):
    B, H, W, I = x.shape
    F, T, V = h.shape[3], taps.size, K_ss.shape[0]
    M, N = B * W, T * I + V * F
    scale = gate_scale(b)
    K, bias = _stack(K_is, K_ss) * scale, b * scale
    S, Z, C = inputs.reshape((H, M, N)), gates.reshape((H, M, 4 * F)), c.reshape((H, M, F))
    h_before, c_before = np.empty((M, F), x.dtype), np.empty((M, F), x.dtype)
    h_now = np.empty((M, F), x.dtype)
    h_before[:] = h0
    c_before[:] = c0
    for r in range(H):
        for n in range(B):
            for t in range(T):
                _gather(x[n, r], taps[t], S[r, n * W : (n + 1) * W], t * I)
            for v in range(V):
                state = h_before[n * W : (n + 1) * W]
                _gather(state, v - V // 2, S[r, n * W : (n + 1) * W], T * I + v * F)
        np.dot(S[r], K, Z[r])
        cell_forward(Z[r], bias, scale, c_before, C[r], h_now)
        for n in range(B):
            h[n, r] = h_now[n * W : (n + 1) * W]
        c_before = C[r]
        h_before, h_now = h_now, h_before


@kernel
def row_lstm_backward(
    dh, K_is, taps, K_ss, c0, inputs, gates, c, dz, dx, dK_is, dK_ss, db, dh0, dc0
):
    B, H, W, I = dx.shape
    F, T, V = dh.shape[3], taps.size, K_ss.shape[0]
    M, N = B * W, T * I + V * F
    K_t = np.ascontiguousarray(_stack(K_is, K_ss).T)
    S, Z, C = inputs.reshape((H, M, N)), gates.reshape((H, M, 4 * F)), c.reshape((H, M, F))
    D = dz.reshape((H, M, 4 * F))
    dS, c_first = np.empty((M, N), dx.dtype), np.empty((M, F), dx.dtype)
    c_first[:] = c0
    dh_now, dh_before = np.zeros((M, F), dx.dtype), np.empty((M, F), dx.dtype)
    dc = np.zeros((M, F), dx.dtype)
    dx[:] = 0
    for r in range(H - 1, -1, -1):
        for n in range(B):
            _add(dh[n, r], dh_now[n * W : (n + 1) * W])
        cell_backward(Z[r], C[r], C[r - 1] if r > 0 else c_first, dh_now, dc, D[r])
        np.dot(D[r], K_t, dS)
        dh_before[:] = 0
        for n in range(B):
            part = dS[n * W : (n + 1) * W]
            for t in range(T):
                _scatter(part, t * I, taps[t], dx[n, r])
            for v in range(V):
                _scatter(part, T * I + v * F, v - V // 2, dh_before[n * W : (n + 1) * W])
        dh_now, dh_before = dh_before, dh_now
    dh0[:] = 0
    dc0[:] = 0
    db[:] = 0
    for m in range(M):
        for j in range(F):
            dh0[j] += dh_now[m, j]
            dc0[j] += dc[m, j]
    dK = np.zeros((N, 4 * F), dx.dtype)
    add_products(S.reshape((H * M, N)), D.reshape((H * M, 4 * F)), dK, db)
    dK_is[:] = dK[: T * I].copy().reshape(dK_is.shape)
    dK_ss[:] = dK[T * I :].copy().reshape(dK_ss.shape)


@kernel
def _stack(K_is, K_ss):
    T, I, G = K_is.shape
    V, F, _ = K_ss.shape
    K = np.empty((T * I + V * F, G), K_is.dtype)
    K[: T * I] = K_is.reshape((T * I, G))
    K[T * I :] = K_ss.reshape((V * F, G))
    return K


@kernel
def _gather(row, shift, target, first):
    """target[q, first + i] = row[q + shift, i], zero outside the row."""
    W, I = row.shape
    for q in range(W):
        inside = 0 <= q + shift < W
        for i in range(I):
            target[q, first + i] = row[q + shift, i] if inside else 0


@kernel
def _scatter(source, first, shift, drow):
    """The adjoint of `_gather`."""
    W, I = drow.shape
    for q in range(max(0, -shift), min(W, W - shift)):
        for i in range(I):
            drow[q + shift, i] += source[q, first + i]


@kernel
def _add(a, total):
    for q in range(a.shape[0]):
        for j in range(a.shape[1]):
            total[q, j] += a[q, j]
