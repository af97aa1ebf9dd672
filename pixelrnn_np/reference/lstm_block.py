"""§3.1-3.3: one pixel of each image through an LSTM block."""

import numpy as np

from .lstm_cell import lstm_step


def lstm_block_step(x, row, place, K_is, z, h_before, K_side, c_before, c, h, beside, K_out, b_out,
                    residual, y, skips):  # fmt: skip
    """x (B, 2h) → c, h (B, h), y (B, 2h), and skips is added to.

    row: (places, B, 2h), the block's inputs of this row, where x is put at `place`; K_is:
    (T·2h, 4h), the taps that end there; z: (B, 4h), the bias and what the row above gives;
    h_before, K_side: (B, h) and (h, 4h), the state of the pixel beside, or both empty; c_before:
    (B, h); beside: (B, h), what is added to h after the cell (§3.2, right to left), or empty.
    """
    row[place] = x
    gates = z.copy()
    taps = len(K_is) // x.shape[1]
    for t in range(taps):
        K = K_is[t * x.shape[1] : (t + 1) * x.shape[1]]
        gates += np.ascontiguousarray(row[place - taps + 1 + t]) @ K
    if len(K_side):
        gates += h_before @ K_side
    lstm_step(gates, c_before, c, h)
    inner = h.copy()
    if len(beside):
        inner += beside
    out = inner @ K_out + b_out
    y[...] = out[:, : y.shape[1]]
    if residual:
        y += x
    if skips.size:
        skips += out[:, y.shape[1] :]
