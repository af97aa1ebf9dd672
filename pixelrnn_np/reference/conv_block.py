"""§3.5, Figure 5 left: a convolutional block as the chain of its layers."""

import numpy as np

from .masked_conv import conv_backward, conv_forward
from .pointwise import relu_backward, relu_forward
from .residual import residual_backward, residual_forward

CENTRE = np.zeros((1, 2), np.int64)


def conv_block_forward(x, K_down, b_down, K_conv, offsets, b_conv, given, K_out, b_out, residual,
                       down, a, y, skips):  # fmt: skip
    """a = ReLU(conv(ReLU(down(ReLU(x)))) [+ given]), and what residual_forward makes of it.

    `down` and `a`, both behind their ReLU, are for backward; an empty `given` adds nothing.
    """
    active = np.empty_like(x)
    relu_forward(x, active)
    conv_forward(active, K_down[None], CENTRE, b_down, down)
    relu_forward(down, down)
    conv_forward(down, K_conv, offsets, b_conv, a)
    if given.size:
        a += given
    relu_forward(a, a)
    residual_forward(a, x if residual else x[:0], K_out, b_out, y, skips)


def conv_block_backward(dy, dskip, x, down, a, K_down, K_conv, offsets, K_out, residual,
                        dx, dz, dK_down, db_down, dK_conv, db_conv, dK_out, db_out):  # fmt: skip
    """The same chain backwards; dz, the gradient before the last ReLU, is also that of `given`."""
    active, da, ddown = np.empty_like(x), np.empty_like(a), np.empty_like(a)
    relu_forward(x, active)
    residual_backward(dy, dskip, a, K_out, da, dx[:0], dK_out, db_out)
    relu_backward(da, a, dz)
    conv_backward(dz, down, K_conv, offsets, ddown, dK_conv, db_conv)
    relu_backward(ddown, down, ddown)
    conv_backward(ddown, active, K_down[None], CENTRE, dx, dK_down[None], db_down)
    relu_backward(dx, active, dx)
    if residual:
        dx += dy
