"""§3.1-3.3 PixelRNN with either LSTM (see trunk.py for Table 1).

Each block: LSTM (2h → h) → 1×1 (h → 2h), + x. The paper's best on MNIST is the Diagonal BiLSTM with
7 layers and h = 16: 70,049 parameters here.
"""

from ..layers.diagonal_bilstm import DiagonalBiLSTM
from ..layers.residual import LSTMBlock
from ..layers.row_lstm import RowLSTM
from .trunk import Trunk


class RowLSTMPixelRNN(Trunk):
    name = "row_lstm"

    def block(self, groups_h, groups_2h, rng, *, features, dtype, **connections):
        options = {"features": features, "dtype": dtype}
        lstm = RowLSTM(groups_2h, self.h, self.image_shape[2], rng, **options)
        return LSTMBlock(lstm, groups_h, groups_2h, rng, dtype=dtype, **connections)

    def receptive_field(self):
        L = self.layers
        return (
            f"a triangle: row r-d for d >= 1: columns q-{3 + L}-d to q+2+d; own row: "
            f"q-{3 + L} to q-1"
        )


class DiagonalBiLSTMPixelRNN(Trunk):
    name = "diagonal_bilstm"

    def block(self, groups_h, groups_2h, rng, *, features, dtype, **connections):
        options = {"features": features, "dtype": dtype}
        lstm = DiagonalBiLSTM(groups_2h, self.h, self.image_shape[2], rng, **options)
        return LSTMBlock(lstm, groups_h, groups_2h, rng, dtype=dtype, **connections)

    def receptive_field(self):
        return (
            "all earlier pixels, but that the last channel at the end of row r-1 never reaches "
            "(r, q) where it lies more than 3 columns to the right"
        )
