"""§3.1-3.3: one pixel through an LSTM block, in one call. The readable twin is in reference/.

Two products, a cell and a residual of a few microseconds each: as calls from Python they took four
times as long, and held the lock that other threads wait for.
"""

import numpy as np

from .jit import kernel
from .lstm_cell import lstm_step
from .residual import residual_forward
from .runs import accumulate, copy
from .tiles.multiply import HERE, NOTHING, matrix, panels, product


@kernel
def lstm_block_step(
    x, row, place, K_is, z, h_before, K_side, c_before, c, h, beside, K_out, b_out, residual,
    y, skips,
):  # fmt: skip
    (M, I), F = x.shape, c.shape[1]
    taps, N = K_is.shape[0] // I, 4 * F
    copy(row.reshape(row.size), place * M * I, x.reshape(x.size), 0, M * I)
    gates, a = np.empty((M, N), x.dtype), np.empty((M, F), x.dtype)
    target = matrix(gates, 0, N)
    product(
        target, matrix(z, 0, N), NOTHING, None, None, matrix(row, (place - taps + 1) * M * I, I),
        np.arange(taps) * (M * I), panels(K_is), M, N,
    )  # fmt: skip
    if K_side.shape[0] > 0:
        product(
            target, target, NOTHING, None, None, matrix(h_before, 0, F), HERE, panels(K_side), M, N
        )
    lstm_step(gates, c_before, c, h)
    a[:] = h
    if beside.shape[0] > 0:
        accumulate(a.reshape(a.size), 0, beside.reshape(beside.size), 0, M * F)
    before = as_map(x if residual else x[:0])
    residual_forward(as_map(a), before, K_out, b_out, as_map(y), as_map(skips))


@kernel
def as_map(x):
    return x.reshape(1, 1, x.shape[0], x.shape[1])
