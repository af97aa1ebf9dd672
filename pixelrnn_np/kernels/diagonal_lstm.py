"""§3.2 One direction of the Diagonal BiLSTM, a whole diagonal of all images at a time.

The skew is an order: pixels are stored diagonal by diagonal, (H·W, B, F), so that the pixels of one
diagonal are one contiguous block and no padding exists. One step is
    inputs = [x | h above | h beside]        gathered, (n·B, 2h + h + h)
    z      = inputs · [K_is; K_ss[0]; K_ss[1]]     one matrix product
    gates, c, h = cell(z + b)                vectorised, in place
The input-to-state product could be made for the whole map beforehand; merged into the step it costs
the same multiply-adds, has the longer inner dimension and leaves no second map to read and write.
`inputs` is kept: backward makes both kernels' gradients by one product over all pixels.
The readable twin is reference/diagonal_lstm.py.
"""

import numpy as np

from .jit import kernel
from .lstm_cell import cell_backward, cell_forward, gate_scale, lstm_step
from .masked_conv import add_products


@kernel
def skew(x, reverse, y):
    B, H, W, F = x.shape
    k = 0
    for t in range(H + W - 1):
        for r in range(max(0, t - W + 1), min(H - 1, t) + 1):
            q = W - 1 - (t - r) if reverse else t - r
            for n in range(B):
                for i in range(F):
                    y[k, n, i] = x[n, r, q, i]
            k += 1


@kernel
def unskew(y, reverse, x):
    B, H, W, F = x.shape
    k = 0
    for t in range(H + W - 1):
        for r in range(max(0, t - W + 1), min(H - 1, t) + 1):
            q = W - 1 - (t - r) if reverse else t - r
            for n in range(B):
                for i in range(F):
                    x[n, r, q, i] = y[k, n, i]
            k += 1


@kernel
def diagonal_lstm_forward(x, K_is, K_ss, b, h0, c0, reverse, inputs, gates, c, h):
    B, H, W, I = x.shape
    F = h.shape[3]
    scale = gate_scale(b)
    K, bias = _stack(K_is, K_ss) * scale, b * scale
    S, Z = inputs.reshape((H * W * B, I + 2 * F)), gates.reshape((H * W * B, 4 * F))
    C, hs = c.reshape((H * W * B, F)), np.empty((H * W * B, F), x.dtype)
    c_before = np.empty((min(H, W) * B, F), x.dtype)
    start, end, first = 0, 0, 0
    for t in range(H + W - 1):
        before, first_before = start, first
        start, first = end, max(0, t - W + 1)
        end = start + (min(H - 1, t) - first + 1) * B
        for r in range(first, min(H - 1, t) + 1):
            q = W - 1 - (t - r) if reverse else t - r
            m, beside = (r - first) * B, before + (r - first_before) * B
            for n in range(B):
                for i in range(I):
                    S[start + m + n, i] = x[n, r, q, i]
            _copy(hs, beside - B, h0, r > 0, S, start + m, I, B)
            _copy(hs, beside, h0, t > r, S, start + m, I + F, B)
            _copy(C, beside, c0, t > r, c_before, m, 0, B)
        np.dot(S[start:end], K, Z[start:end])
        cell_forward(
            Z[start:end], bias, scale, c_before[: end - start], C[start:end], hs[start:end]
        )
    unskew(hs.reshape((H * W, B, F)), reverse, h)


@kernel
def diagonal_lstm_backward(
    dh, K_is, K_ss, c0, reverse, inputs, gates, c, dz, dx, dK_is, dK_ss, db, dh0, dc0
):
    B, H, W, I = dx.shape
    F = dh.shape[3]
    K_t = np.ascontiguousarray(_stack(K_is, K_ss).T)
    S, Z = inputs.reshape((H * W * B, I + 2 * F)), gates.reshape((H * W * B, 4 * F))
    D, C = dz.reshape((H * W * B, 4 * F)), c.reshape((H * W * B, F))
    longest = min(H, W) * B
    dS = np.empty((longest, I + 2 * F), dx.dtype)
    c_before = np.empty((longest, F), dx.dtype)
    dhs, dcs = np.empty((H * W * B, F), dx.dtype), np.zeros((H * W * B, F), dx.dtype)
    skew(dh, reverse, dhs.reshape((H * W, B, F)))
    dh0[:] = 0
    dc0[:] = 0
    db[:] = 0
    start, first = H * W * B, H
    for t in range(H + W - 2, -1, -1):
        end, first = start, max(0, t - W + 1)
        start = end - (min(H - 1, t) - first + 1) * B
        first_before = max(0, t - W)
        before = start - (min(H - 1, t - 1) - first_before + 1) * B
        for r in range(first, min(H - 1, t) + 1):
            m, beside = (r - first) * B, before + (r - first_before) * B
            _copy(C, beside, c0, t > r, c_before, m, 0, B)
        cell_backward(
            Z[start:end], C[start:end], c_before[: end - start], dhs[start:end], dcs[start:end],
            D[start:end],
        )  # fmt: skip
        np.dot(D[start:end], K_t, dS[: end - start])
        for r in range(first, min(H - 1, t) + 1):
            q = W - 1 - (t - r) if reverse else t - r
            m, beside = (r - first) * B, before + (r - first_before) * B
            for n in range(B):
                for i in range(I):
                    dx[n, r, q, i] = dS[m + n, i]
            _add(dS, m, I, r > 0, dhs, beside - B, dh0, B)
            _add(dS, m, I + F, t > r, dhs, beside, dh0, B)
            _add(dcs, start + m, 0, t > r, dcs, beside, dc0, B)
    dK = np.zeros((I + 2 * F, 4 * F), dx.dtype)
    add_products(S, D, dK, db)
    dK_is[:] = dK[:I]
    dK_ss[0] = dK[I : I + F]
    dK_ss[1] = dK[I + F :]


@kernel
def diagonal_row(z, K, h0, c0, h):
    W, B, F = h.shape
    step = np.empty((B, 4 * F), z.dtype)
    beside, c = np.empty((B, F), z.dtype), np.empty((B, F), z.dtype)
    beside[:] = h0
    c[:] = c0
    for q in range(W - 1, -1, -1):
        np.dot(beside, K, step)
        for n in range(B):
            for j in range(4 * F):
                step[n, j] += z[q, n, j]
        lstm_step(step, c, c, beside)
        h[q] = beside


@kernel
def _copy(source, row, outside, inside, target, first, column, count):
    """`count` rows of a state into columns of `target`; `outside` where there is no neighbour."""
    F = outside.size
    if inside:
        for n in range(count):
            for j in range(F):
                target[first + n, column + j] = source[row + n, j]
    else:
        for n in range(count):
            for j in range(F):
                target[first + n, column + j] = outside[j]


@kernel
def _add(source, first, column, inside, target, row, outside, count):
    """The adjoint of `_copy`."""
    F = outside.size
    if inside:
        for n in range(count):
            for j in range(F):
                target[row + n, j] += source[first + n, column + j]
    else:
        for n in range(count):
            for j in range(F):
                outside[j] += source[first + n, column + j]


@kernel
def _stack(K_is, K_ss):
    I, G = K_is.shape
    F = K_ss.shape[1]
    K = np.empty((I + 2 * F, G), K_is.dtype)
    K[:I] = K_is
    K[I : I + F] = K_ss[0]
    K[I + F :] = K_ss[1]
    return K
