"""Table 1: what the paper's three networks share. They differ in the block only.

    7×7 mask A, C → 2h
    `layers` residual blocks of 2h features with h inside (see the subclass)
    skips (1×1, h → 2h) from every block are added to the last trunk map
    head: ReLU → 1×1 → ReLU → 1×1 → ReLU → 1×1 to the logits, all mask B

Where the paper is silent: no ReLU follows the first layer; the head has two hidden 1×1 layers of
width `head` and then the logits; the skips leave from the inner h features.
"""

import numpy as np

from ..layers.base import ReLU, Sequential, prefixed
from ..layers.masked_conv import MaskedConv
from ..layers.masks import feature_groups, logit_groups
from .base import Model


class Trunk(Model):
    """First layer, blocks, skips and head (Table 1); a subclass says which block."""

    def __init__(self, *, residual, skip, **config):
        super().__init__(**config, residual=bool(residual), skip=bool(skip))
        rng = np.random.default_rng(self.seed)
        C = self.image_shape[2]
        g_h, g_2h = feature_groups(self.h, C), feature_groups(2 * self.h, C)
        first = MaskedConv("A", 7, 7, feature_groups(C, C), g_2h, rng, dtype=self.dtype)
        blocks = {
            str(i): self.block(g_h, g_2h, rng, residual=residual, skip=skip, dtype=self.dtype)
            for i in range(self.layers)
        }
        self._finish(first=first, blocks=Sequential(**blocks), head=self._head(g_2h, rng))

    def _head(self, g_2h, rng):
        C = self.image_shape[2]
        per_channel = 1 if self.levels == 2 else self.levels
        g_head = feature_groups(self.head_width, C)

        def conv(groups_in, groups_out):
            return MaskedConv(
                "B", 1, 1, groups_in, groups_out, rng, relu_before=True, dtype=self.dtype
            )

        return Sequential(
            relu1=ReLU(),
            conv1=conv(g_2h, g_head),
            relu2=ReLU(),
            conv2=conv(g_head, g_head),
            relu3=ReLU(),
            logits=conv(g_head, logit_groups(C, per_channel)),
        )

    def block(self, groups_h, groups_2h, rng, *, residual, skip, dtype):
        """One residual block of this model."""
        raise NotImplementedError

    def forward_scaled(self, x):
        y, first_cache = self.first.forward(x)
        total, caches = None, []
        for block in self.blocks.children.values():
            (y, skip), cache = block.forward((y, None))
            caches.append(cache)
            if skip is not None:
                total = skip if total is None else np.add(total, skip, out=total)
        z = y if total is None else np.add(total, y, out=total)
        logits, head_cache = self.head.forward(z)
        if self.levels > 2:
            logits = logits.reshape(*logits.shape[:3], self.image_shape[2], self.levels)
        return logits, (first_cache, caches, head_cache)

    def backward(self, dy, cache, need_dx=True):
        """dlogits → dx of the scaled input (None where need_dx is False), {name: gradient}.

        The head's input is z = y_L + Σ skip_l, so dz goes to the last trunk map and to each skip.
        """
        first_cache, caches, head_cache = cache
        if self.levels > 2:
            dy = dy.reshape(*dy.shape[:3], -1)
        dz, grads = self.head.backward(dy, head_cache)
        grads = prefixed("head", grads)
        dy = dz
        for name, block in reversed(self.blocks.children.items()):
            (dy, _), g = block.backward((dy, dz), caches[int(name)])
            grads |= prefixed(f"blocks.{name}", g)
        dx, g = self.first.backward(dy, first_cache, need_dx)
        return dx, grads | prefixed("first", g)
