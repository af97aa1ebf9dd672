"""§3.1-3.3: one pixel through an LSTM block, in one call. The readable twin is in reference/.

Two products, a cell and a residual of a few microseconds each: as calls from Python they took four
times as long, and held the lock that other threads wait for.
"""

import numpy as np

from .jit import inner, kernel
from .lstm_cell import lstm_step
from .residual import residual_forward
from .runs import accumulate, copy
from .tiles.multiply import matrix, multiply, multiply_taps
from .tiles.panels import panels


@kernel
def lstm_block_step(
    x, row, place, K_is, z, h_before, K_side, c_before, c, h, beside, K_out, b_out, residual,
    y, skips,
):  # fmt: skip
    """One pixel of M images; shapes as in reference/lstm_block.py."""
    (M, I), F = x.shape, c.shape[1]
    T, N = K_is.shape[0] // I, 4 * F
    copy(row, place * M * I, x, 0, M * I)
    taps = np.empty(T, np.int64)
    for t in range(T):
        taps[t] = t * M * I
    gates, a = np.empty((M, N), x.dtype), np.empty((M, F), x.dtype)
    target, seen = matrix(gates, 0, N), matrix(row, (place - T + 1) * M * I, I)
    multiply_taps(target, seen, taps, panels(K_is), M, N, plus=matrix(z, 0, N))
    if K_side.shape[0] > 0:
        multiply(target, matrix(h_before, 0, F), panels(K_side), M, N, plus=target)
    lstm_step(gates, c_before, c, h)
    copy(a, 0, h, 0, M * F)
    if beside.shape[0] > 0:
        accumulate(a, 0, beside, 0, M * F)
    before = as_map(x if residual else x[:0])
    residual_forward(as_map(a), before, K_out, b_out, as_map(y), as_map(skips))


@inner
def as_map(x):
    return x.reshape(1, 1, x.shape[0], x.shape[1])
