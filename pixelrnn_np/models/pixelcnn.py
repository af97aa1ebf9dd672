"""§3.5 PixelCNN: a bounded receptive field, and no recurrence at all (see trunk.py for Table 1).

Each block: ReLU → 1×1 (2h → h) → ReLU → 3×3 mask B (h → h) → ReLU → 1×1 (h → 2h), + x. The paper's
"15 layers" are read as 15 blocks.
"""

from ..layers.residual import ConvBlock
from .trunk import Trunk


class PixelCNN(Trunk):
    name = "pixelcnn"

    def block(self, groups_h, groups_2h, rng, **options):
        return ConvBlock(groups_h, groups_2h, rng, **options)

    def receptive_field(self):
        L = self.layers
        return (
            f"row i-d for d = 0..{3 + L}: columns from j-{3 + L}, up to j-1 for d = 0 and to "
            f"j+3+min(d-1, {L}) above; a blind wedge up-right"
        )
