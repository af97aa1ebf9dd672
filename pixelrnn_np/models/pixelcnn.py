"""§3.5 PixelCNN: a bounded receptive field, and no recurrence at all (see trunk.py for Table 1).

Each block: ReLU → 1×1 (2h → h) → ReLU → 3×3 mask B (h → h) → ReLU → 1×1 (h → 2h), + x. The paper's
"15 layers" are read as 15 blocks.
"""

import numpy as np

from .. import backend
from ..layers.residual import ConvBlock
from .trunk import Trunk


class PixelCNN(Trunk):
    name = "pixelcnn"

    def block(self, groups_h, groups_2h, rng, **options):
        return ConvBlock(groups_h, groups_2h, rng, **options)

    def receptive_field(self):
        L = self.layers
        return (
            f"row r-d for d = 0..{3 + L}: columns from q-{3 + L}, up to q-1 for d = 0 and to "
            f"q+3+min(d-1, {L}) above; a blind wedge up-right"
        )

    def begin(self, batch, small=None):
        """As in Trunk; the blocks' arrays are stacked, so that one kernel goes through all."""
        state = super().begin(batch, small)
        if state.blocks:
            states = [s for _, s in state.blocks]
            parts = zip(*((*s["down"], s["K_row"], *s["outer"]) for s in states), strict=True)
            state.weights = [np.stack(part) for part in parts]
            state.rows = np.stack([s["conv"].row for s in states])
            for s, row in zip(states, state.rows, strict=True):
                s["conv"].row = row
        return state

    def begin_row(self, state, r):
        super().begin_row(state, r)
        if state.blocks:
            state.above = np.stack([s["conv"].above for _, s in state.blocks])

    def step_blocks(self, y, state, q, group):
        if not state.blocks:
            return y, None
        K_down, b_down, K_row, K_out, b_out = state.weights
        residual, skip = self.config["residual"], self.config["skip"]
        out, skips = np.empty_like(y), np.zeros_like(y if skip else y[:0])
        backend.ops().conv_blocks_step(
            y, K_down, b_down, state.rows, q, K_row, state.above, K_out, b_out, residual, out, skips
        )
        return out, skips if skip else None
