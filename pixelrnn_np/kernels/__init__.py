"""Numba kernels: arrays in, arrays out, no validation, no randomness.

Every function has a twin of the same name and signature in `reference`, in plain loops. But the
twin of `draw_row`, which runs a Program, is the layers' `step`. The three kernels of whole
networks, whose names end in `_gradient`, have the layers' `forward` and `backward`.
"""

from .conv_block import conv_block_backward, conv_block_forward, conv_block_step, conv_blocks_step
from .diagonal_lstm import diagonal_lstm_backward, diagonal_lstm_forward, diagonal_row, skew, unskew
from .drawing import draw_row as draw_row
from .head import head_step
from .likelihood import bernoulli_backward, bernoulli_nll, softmax_backward, softmax_nll
from .lstm_block import lstm_block_step
from .lstm_cell import lstm_step
from .masked_conv import conv_above, conv_backward, conv_forward
from .pixelcnn import pixelcnn_gradient as pixelcnn_gradient
from .pixelrnn import diagonal_bilstm_gradient as diagonal_bilstm_gradient
from .pixelrnn import row_lstm_gradient as row_lstm_gradient
from .pointwise import relu_backward, relu_forward
from .program import Program as Program
from .residual import residual_backward, residual_forward
from .row_lstm import row_lstm_backward, row_lstm_forward
from .soap import soap_follow, soap_step, soap_turn
from .tiles.trial import trial as trial
from .upsample import upsample_backward, upsample_forward

__all__ = [
    "bernoulli_backward",
    "bernoulli_nll",
    "conv_above",
    "conv_backward",
    "conv_block_backward",
    "conv_block_forward",
    "conv_block_step",
    "conv_blocks_step",
    "conv_forward",
    "diagonal_lstm_backward",
    "diagonal_lstm_forward",
    "diagonal_row",
    "head_step",
    "lstm_block_step",
    "lstm_step",
    "relu_backward",
    "relu_forward",
    "residual_backward",
    "residual_forward",
    "row_lstm_backward",
    "row_lstm_forward",
    "skew",
    "soap_follow",
    "soap_step",
    "soap_turn",
    "softmax_backward",
    "softmax_nll",
    "unskew",
    "upsample_backward",
    "upsample_forward",
]
