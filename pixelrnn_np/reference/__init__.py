"""The readable twins of `kernels`: plain loops over pixels, NumPy only.

Read these first: they are the equations of the paper. Same names and signatures as the kernels.
"""

from .conv_block import conv_block_backward, conv_block_forward, conv_block_step, conv_blocks_step
from .diagonal_lstm import diagonal_lstm_backward, diagonal_lstm_forward, diagonal_row, skew, unskew
from .head import head_step
from .likelihood import bernoulli_backward, bernoulli_nll, softmax_backward, softmax_nll
from .lstm_block import lstm_block_step
from .lstm_cell import lstm_step
from .masked_conv import conv_above, conv_backward, conv_forward
from .pointwise import relu_backward, relu_forward
from .residual import residual_backward, residual_forward
from .row_lstm import row_lstm_backward, row_lstm_forward
from .soap import soap_follow, soap_step, soap_turn
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
