"""Table 1: what the paper's three networks share. They differ in the block only.

    7×7 mask A, C → 2h
    `layers` residual blocks of 2h features with h inside (see the subclass)
    skips (1×1, h → 2h) from every block are added to the last trunk map
    head: ReLU → 1×1 → ReLU → 1×1 → ReLU → 1×1 to the logits, all mask B

Where the paper is silent: no ReLU follows the first layer; the head has two hidden 1×1 layers of
width `head` and then the logits; the skips leave from the inner h features.

A conditional network of §3.6 is the same with an upsampler: see multi_scale.py.
"""

from types import SimpleNamespace

import numpy as np

from .. import memory
from ..layers.base import ReLU, Sequential, prefixed
from ..layers.head import Head
from ..layers.masked_conv import MaskedConv
from ..layers.masks import feature_groups, logit_groups
from ..layers.upsample import Around, Upsample
from .base import Model
from .joint import joint_of


class Trunk(Model):
    """First layer, blocks, skips and head; a subclass says which block.

    given: None, or the factor f of a conditional network, whose input is then (x, small): the
    image and the f times smaller image, both scaled. around: how many 3×3 layers read the small
    image before it is upsampled. Raises ValueError if f is odd.
    """

    def __init__(self, *, residual, skip, given=None, around=0, **config):
        super().__init__(**config, residual=bool(residual), skip=bool(skip))
        rng = np.random.default_rng(self.seed)
        H, W, C = self.image_shape
        g_h, g_2h = feature_groups(self.h, C), feature_groups(2 * self.h, C)
        children = {}
        if given is not None:
            if around:
                children["around"] = Around(around, C, self.h, rng, dtype=self.dtype)
            children["upsample"] = Upsample(
                (H, W), given, self.h if around else C, self.h, rng,
                relu_before=around > 0, dtype=self.dtype,
            )  # fmt: skip
            children["upsample_relu"] = ReLU()
        options = {
            "features": 0 if given is None else self.h, "depth": self.layers,
            "residual": residual, "skip": skip, "dtype": self.dtype,
        }  # fmt: skip
        first = MaskedConv("A", 7, 7, feature_groups(C, C), g_2h, rng, dtype=self.dtype)
        blocks = {str(i): self.block(g_h, g_2h, rng, **options) for i in range(self.layers)}
        per_channel = 1 if self.levels == 2 else self.levels
        g_head, g_logits = feature_groups(self.head_width, C), logit_groups(C, per_channel)
        head = Head(g_2h, g_head, g_logits, rng, self.dtype)
        self._finish(**children, first=first, blocks=Sequential(**blocks), head=head)

    def block(self, groups_h, groups_2h, rng, *, features, dtype, **connections):
        """One residual block of this model, given `features` features (§3.6) or 0."""
        raise NotImplementedError

    @property
    def untouched(self):
        return self.head.untouched

    def start_at(self, x):
        self.head.start_at(self.check_images(x), self.levels)

    def draw_keep(self, rng, rate):
        """Factors of dropout, (layers, h): 0 with probability `rate`, else 1 / (1 - rate)."""
        kept = rng.random((self.layers, self.h)) >= rate
        return kept.astype(self.dtype) / self.dtype.type(1 - rate)

    def forward_scaled(self, x, keep=None):
        features, up_cache = None, None
        if "upsample" in self.children:
            x, small = x
            features, up_cache = self._upsampled(small)
        y, first_cache = self.first.forward(x)
        total, caches = None, []
        for i, block in enumerate(self.blocks.children.values()):
            kept = None if keep is None else keep[i]
            (y, total), cache = block.forward((y, features), total, kept)
            caches.append(cache)
        z = y if total is None else np.add(total, y, out=total)
        logits, head_cache = self.head.forward(z)
        if self.levels > 2:
            logits = logits.reshape(*logits.shape[:3], self.image_shape[2], self.levels)
        return logits, (up_cache, first_cache, caches, head_cache)

    def backward(self, dy, cache, need_dx=True):
        """dlogits → dx of the scaled input (None where need_dx is False), {name: gradient}.

        The head's input is z = y_L + Σ skip_l, so dz goes to the last trunk map and to each skip;
        the given features are read by every block, so their gradient is the sum over blocks.
        A conditional network's dx is that of x alone: the small image is data.
        """
        up_cache, first_cache, caches, head_cache = cache
        dy = np.ascontiguousarray(dy)
        if self.levels > 2:
            dy = dy.reshape(*dy.shape[:3], -1)
        dz, grads = self.head.backward(dy, head_cache)
        grads = prefixed("head", grads)
        dy, dfeatures = dz, 0
        for name, block in reversed(self.blocks.children.items()):
            (dy, d), g = block.backward((dy, dz), caches[int(name)], None if dy is dz else dy)
            grads |= prefixed(f"blocks.{name}", g)
            dfeatures = dfeatures if d is None else dfeatures + d
        dx, g = self.first.backward(dy, first_cache, need_dx)
        if up_cache is not None:
            grads |= self._upsampled_backward(dfeatures, up_cache)
        return dx, grads | prefixed("first", g)

    def _shard_nats(self, x):
        joint = self._joint()
        return super()._shard_nats(x) if joint is None else joint.nats(self, x)

    def _shard_gradient(self, x, scale, keep=None):
        joint = self._joint()
        if joint is None:
            return super()._shard_gradient(x, scale, keep=keep)
        return joint.gradient(self, x, scale, keep)

    def _joint(self):
        """All layers in one call, or None."""
        return memory.once(self, lambda: joint_of(self))

    def features(self, small):
        """What a conditional network is given: (B, H, W, h), of the small image, scaled."""
        return self._upsampled(small)[0]

    def _upsampled(self, small):
        around_cache = None
        if "around" in self.children:
            small, around_cache = self.around.forward(small)
        y, cache = self.upsample.forward(small)
        features, relu_cache = self.upsample_relu.forward(y)
        return features, (around_cache, cache, relu_cache)

    def _upsampled_backward(self, dfeatures, cache):
        around_cache, cache, relu_cache = cache
        if self.layers == 0:
            dfeatures = np.zeros((*cache[1].shape[:1], *self.image_shape[:2], self.h), self.dtype)
        dy, _ = self.upsample_relu.backward(dfeatures, relu_cache)
        dsmall, grads = self.upsample.backward(dy, cache)
        grads = prefixed("upsample", grads)
        if around_cache is None:
            return grads
        return grads | prefixed("around", self.around.backward(dsmall, around_cache)[1])

    def begin(self, batch, small=None):
        """State for drawing `batch` images; small: a conditional one's, (B, H/f, W/f, C).

        Memory grows with the width and the batch, and with the area for given features only.
        """
        features = None if small is None else self.features(small)
        width = self.image_shape[1]
        return SimpleNamespace(
            first=self.first.begin(batch, width),
            blocks=[(b, b.begin(batch, width, features)) for b in self.blocks.children.values()],
            head=self.head.begin(batch, width),
        )

    def begin_row(self, state, r):
        self.first.begin_row(state.first, r)
        for block, s in state.blocks:
            block.begin_row(s, r)
        self.head.begin_row(state.head, r)

    def step(self, x_q, state, q, group):
        """Scaled pixel x_q (B, C), known up to colour group - 1 → its logits (B, C[, levels])."""
        y = self.first.step(x_q, state.first, q, group)
        y, total = self.step_blocks(y, state, q, group)
        z = y if total is None else y + total
        logits = self.head.step(z, state.head, q, group)
        return logits if self.levels == 2 else logits.reshape(len(logits), -1, self.levels)

    def program(self, new):
        """All of this network's `step`, written down: new(width, dtype) makes a Program."""
        p = new(self.image_shape[1], self.dtype)
        p.values = self.scale(np.arange(self.levels))
        if "upsample" in self.children:
            p.given = p.map(p.width, self.h)
        row, above = self.first.write_rows(p)
        p.x, p.left = row, self.first.mask.shape[1] // 2
        y, skips = (p.map(1, self.first.own["b"].size) for _ in range(2))
        self.first.write_pixel(p, (row, above), y.at())
        for i, block in enumerate(self.blocks.children.values()):
            block.write_step(p, y, skips, i == 0, p.given)
        if self.layers and self.config["skip"]:
            p.pixel.sum(y.at(), y.at(), skips.at())
        p.logits = self.head.write_step(p, y)
        return p.finish()

    def step_blocks(self, y, state, q, group):
        """y of the first layer → y of the last block and the sum of the skips, None without."""
        total = None
        for block, s in state.blocks:
            y, total = block.step(y, s, q, group, total)
        return y, total

    def keep(self, x_q, state, q):
        """Tells the first layer the finished pixel: mask A did not show its last colour to step."""
        self.first.keep(x_q, state.first, q)
