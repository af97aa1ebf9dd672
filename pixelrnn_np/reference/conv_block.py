"""§3.5, Figure 5 left: a convolutional block as the chain of its layers."""

import numpy as np

from .masked_conv import conv_backward, conv_forward
from .pointwise import relu_backward, relu_forward
from .residual import residual_backward, residual_forward

CENTRE = np.zeros((1, 2), np.int64)


def conv_block_forward(x, K_down, b_down, K_conv, offsets, b_conv, given, K_out, b_out, residual,
                       down, a, y, skips):  # fmt: skip
    """a = ReLU(conv(ReLU(down(ReLU(x)))) [+ given]), and what residual_forward makes of it.

    `down` and `a`, both after their ReLU, are for backward; an empty `given` adds nothing.
    """
    active = np.empty_like(x)
    relu_forward(x, active)
    conv_forward(active, K_down.reshape((1, *K_down.shape)), CENTRE, b_down, down)
    relu_forward(down, down)
    conv_forward(down, K_conv, offsets, b_conv, a)
    if given.size:
        a += given
    relu_forward(a, a)
    residual_forward(a, x if residual else x[:0], K_out, b_out, y, skips)


def conv_block_backward(dy, dskip, x, down, a, K_down, K_conv, offsets, K_out, residual,
                        dx, dz, dK_down, db_down, dK_conv, db_conv, dK_out, db_out):  # fmt: skip
    """The same chain backwards. dx may be dy; dz, unless it is empty, becomes the gradient before
    the last ReLU, which is that of `given`.
    """
    active, dactive = np.empty_like(x), np.empty_like(x)
    da, ddown = np.empty_like(a), np.empty_like(a)
    relu_forward(x, active)
    residual_backward(dy, dskip, a, K_out, da, dactive[:0], dK_out, db_out)
    relu_backward(da, a, da)
    dz[...] = da[: len(dz)]
    conv_backward(da, down, K_conv, offsets, ddown, dK_conv, db_conv)
    relu_backward(ddown, down, ddown)
    one_tap = (1, *K_down.shape)
    conv_backward(
        ddown, active, K_down.reshape(one_tap), CENTRE, dactive, dK_down.reshape(one_tap), db_down
    )
    relu_backward(dactive, active, dactive)
    if residual:
        dactive += dy
    dx[...] = dactive


def conv_block_step(x, K_down, b_down, row, column, K_row, above, K_out, b_out, residual, y,
                    skips):  # fmt: skip
    """One pixel of each image: x (B, 2h) → y (B, 2h), and skips is added to.

    row: (left + W, B, h), what the 3×3 has read of this row, where this pixel's is put; K_row:
    (left + 1, h, h), the taps of this row; above: (B, h), or (1, h) for all images, the bias and
    what the rows above give.
    """
    left = len(K_row) - 1
    down = np.maximum(x, 0) @ K_down + b_down
    row[column + left] = np.maximum(down, 0)
    z = above + row[column] @ K_row[0]
    for v in range(1, left + 1):
        z += row[column + v] @ K_row[v]
    out = np.maximum(z, 0) @ K_out + b_out
    y[...] = out[:, : y.shape[1]]
    if residual:
        y += x
    if skips.size:
        skips += out[:, y.shape[1] :]


def conv_blocks_step(x, K_down, b_down, rows, column, K_row, above, K_out, b_out, residual, y,
                     skips):  # fmt: skip
    """The same through L blocks: arrays have one more axis in front, above two: (L, W, B, h)."""
    for k in range(len(K_down)):
        before = x if k == 0 else y.copy()
        conv_block_step(before, K_down[k], b_down[k], rows[k], column, K_row[k], above[k, column],
                        K_out[k], b_out[k], residual, y, skips)  # fmt: skip
