"""§3.1 Row LSTM, a whole row of all images at a time.

Gates and c are stored row after row, (H, B, W, F), so that a row is one contiguous block. A step is
    inputs = [x at the unmasked taps | h of the row above at k columns]      gathered
    z      = inputs · [K_is; K_ss]                                           one matrix product
    gates, c, h = cell(z + b)                                                vectorised, in place
`inputs` is not kept; see kernels/diagonal_lstm.py for why. The readable twin is
reference/row_lstm.py.
"""

import numpy as np

from .jit import kernel
from .lstm_cell import cell_backward, cell_forward, gate_scale
from .products import add_products, add_rows, block_rows
from .runs import accumulate, copy
from .taps import gather, scatter


@kernel
def row_lstm_forward(x, K_is, taps, K_ss, b, h0, c0, gates, c, h):
    B, H, W, I = x.shape
    F, T, V, M = h0.size, taps.size, K_ss.shape[0], x.shape[0] * x.shape[2]
    scale = gate_scale(b)
    K, bias = _stack(K_is, K_ss) * scale, b * scale
    Z, C = gates.reshape((H, M, 4 * F)), c.reshape((H, M, F))
    inputs = np.empty((M, T * I + V * F), x.dtype)
    top, c_before, h_now = (
        np.empty((1, W, F), x.dtype),
        np.empty((M, F), x.dtype),
        np.empty((M, F), x.dtype),
    )
    top[:] = h0
    c_before[:] = c0
    is_taps, ss_taps = _offsets(taps, V)
    for r in range(H):
        _gather(x, h, top, r, is_taps, ss_taps, inputs)
        np.dot(inputs, K, Z[r])
        cell_forward(Z[r], bias, scale, c_before, C[r], h_now)
        c_before = C[r]
        for n in range(B):
            copy(h.reshape(h.size), (n * H + r) * W * F, h_now.reshape(M * F), n * W * F, W * F)


@kernel
def row_lstm_backward(dh, x, h, K_is, taps, K_ss, h0, c0, gates, c, dx, dK_is, dK_ss, db, dh0, dc0):
    B, H, W, I = x.shape
    F, T, V, M = h0.size, taps.size, K_ss.shape[0], x.shape[0] * x.shape[2]
    N = T * I + V * F
    K_t = np.ascontiguousarray(_stack(K_is, K_ss).T)
    Z, C = gates.reshape((H, M, 4 * F)), c.reshape((H, M, F))
    dinputs, c_first, top = (
        np.empty((M, N), x.dtype),
        np.empty((M, F), x.dtype),
        np.empty((1, W, F), x.dtype),
    )
    c_first[:] = c0
    top[:] = h0
    dh_now, dh_before = np.zeros((B, 1, W, F), x.dtype), np.empty((B, 1, W, F), x.dtype)
    dc = np.zeros((M, F), x.dtype)
    dK, part = np.zeros((N, 4 * F), x.dtype), np.empty((N, 4 * F), x.dtype)
    db[:] = 0
    is_taps, ss_taps = _offsets(taps, V)
    size = max(1, block_rows(N, 4 * F) // M)
    inputs, dz = np.empty((size, M, N), x.dtype), np.empty((size, M, 4 * F), x.dtype)
    k = 0
    for r in range(H - 1, -1, -1):
        for n in range(B):
            accumulate(
                dh_now.reshape(M * F), n * W * F, dh.reshape(dh.size), (n * H + r) * W * F, W * F
            )
        _gather(x, h, top, r, is_taps, ss_taps, inputs[k])
        cell_backward(Z[r], C[r], C[r - 1] if r > 0 else c_first, dh_now.reshape(M, F), dc, dz[k])
        np.dot(dz[k], K_t, dinputs)
        dh_before[:] = 0
        for n in range(B):
            rows = dinputs[n * W : (n + 1) * W]
            scatter(rows, 0, is_taps, r, 1, dx[n])
            scatter(rows, T * I, ss_taps, 1, 1, dh_before[n])
        dh_now, dh_before = dh_before, dh_now
        k += 1
        if k == size or r == 0:
            add_products(inputs[:k].reshape(k * M, N), dz[:k].reshape(k * M, 4 * F), part, dK, db)
            k = 0
    dh0[:] = 0
    dc0[:] = 0
    add_rows(dh_now.reshape(M, F), dh0)
    add_rows(dc, dc0)
    dK_is[:] = dK[: T * I].copy().reshape(dK_is.shape)
    dK_ss[:] = dK[T * I :].copy().reshape(dK_ss.shape)


@kernel
def _offsets(taps, V):
    """(row, column) offsets that x is read at, and those of h: the row above."""
    is_taps, ss_taps = np.zeros((taps.size, 2), taps.dtype), np.empty((V, 2), taps.dtype)
    is_taps[:, 1] = taps
    for v in range(V):
        ss_taps[v, 0] = -1
        ss_taps[v, 1] = v - V // 2
    return is_taps, ss_taps


@kernel
def _gather(x, h, top, r, is_taps, ss_taps, inputs):
    """inputs = [x at its taps | h of row r - 1 at its], the rows of `top` before the first."""
    W, first = x.shape[2], is_taps.shape[0] * x.shape[3]
    for n in range(x.shape[0]):
        rows = inputs[n * W : (n + 1) * W]
        gather(x[n], is_taps, r, 1, rows, 0)
        if r > 0:
            gather(h[n], ss_taps, r, 1, rows, first)
        else:
            gather(top, ss_taps, 1, 1, rows, first)


@kernel
def _stack(K_is, K_ss):
    T, I, G = K_is.shape
    V, F, _ = K_ss.shape
    K = np.empty((T * I + V * F, G), K_is.dtype)
    K[: T * I] = K_is.reshape((T * I, G))
    K[T * I :] = K_ss.reshape((V * F, G))
    return K
