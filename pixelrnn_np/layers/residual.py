"""§3.3 Residual and skip connections (Figure 5), and the convolutional block of §3.5.

A block computes an inner map a of h features from the 2h features x of the trunk, and then
    y    = up(a) + x      residual connection; without it y = up(a)
    skip = skip(a)        this layer's contribution to the output; without it None
where up and skip are 1×1 convolutions h → 2h with mask B. The model adds all skips to the last
trunk map. The paper leaves the place of the skips open: here they leave from the inner map.

Both are sums over L blocks, so the initial weights of up and skip carry a factor 1/√L: without it
the first loss of a PixelCNN with 15 blocks is 13 times that of a coin, and it learns far more
slowly (benchmarks/README.md). Without residual connections nothing is summed in y, and up has no
such factor.
"""

import numpy as np

from .. import backend, memory
from .base import Layer, prefixed
from .masked_conv import MaskedConv
from .upsample import ConditionalConv


class ResidualBlock(Layer):
    """forward((x, features)) → (y, skip), cache; backward((dy, dskip), cache) → (dx, dfeatures).

    x, y, skip: (B, H, W, 2h); features: None, or the map that the conditional networks of §3.6
    add inside. `forward((x, features), skips)` adds its skip to the sum of those before it, in
    place, and returns that sum for it: the model wants nothing else of them.
    `backward(…, into)` writes dx into a map like x for the caller. It may be dy itself, if nobody
    wants dy after that: this saves memory.
    `forward(…, keep=)`: None, or (h,), the factors of dropout, 0 or 1/(1-p), one per feature of a.
    A subclass names its own layers (`inner`) and computes a from them.
    groups_h, groups_2h: colour groups of the inner and the trunk features; rng: Generator;
    relu: whether a comes out of a ReLU; residual, skip: which connections the block has; depth: the
    number L of blocks in the network, for the initial weights.

    Backward. a enters y through up and skip through skip; x enters y directly and through inner:
        da = upᵀ(dy) + skipᵀ(dskip)
        dx = innerᵀ(da) + dy               without the residual connection: innerᵀ(da)
    up and skip read the same a, so that both are one product, [y - x | skip] = a [K_up | K_skip].
    With dropout they read a ⊙ keep. As keep is the same at all pixels, that is the product of a
    with the rows of [K_up | K_skip] times keep, and dK gets the same factors.
    """

    def __init__(
        self, inner, groups_h, groups_2h, rng, *, relu, dtype, depth=1, residual=True, skip=True
    ):
        self.residual, self.has_skip = residual, skip

        def conv(summed):
            gain = 1 / np.sqrt(depth) if summed else 1.0
            return MaskedConv(
                "B", 1, 1, groups_h, groups_2h, rng, relu_before=relu, gain=gain, dtype=dtype
            )

        outer = {"up": conv(residual)} | ({"skip": conv(True)} if skip else {})
        self._outer = tuple(outer)
        super().__init__(**inner, **outer)

    def outer(self, keep=None):
        """[K_up | K_skip], masked, (h, 4h), and their biases (4h,); without skip: up's alone."""
        K, b = memory.once(self, self._joined)
        return (K if keep is None else keep[:, None] * K), b

    def _joined(self):
        layers = [self.children[name] for name in self._outer]
        K = np.concatenate([layer.weights()[0] for layer in layers], axis=1)
        return K, np.concatenate([layer.own["b"] for layer in layers])

    def outer_gradient(self, dK, db, keep=None):
        """{"up.K": …} from the gradients of what `outer` returns."""
        if keep is not None:
            dK = keep[:, None] * dK
        grads, F = {}, db.size // len(self._outer)
        for k, name in enumerate(self._outer):
            part = slice(k * F, (k + 1) * F)
            layer = self.children[name]
            grads |= {f"{name}.K": layer.gradient(dK[None, :, part]), f"{name}.b": db[part]}
        return grads

    def outputs(self, x, skips):
        """Memory for y, and the map that the skips are added to: empty without skips."""
        if not self.has_skip:
            skips = x[:0]
        elif skips is None:
            skips = memory.zeros(x.shape, x.dtype)
        return memory.empty(x.shape, x.dtype), skips

    def begin(self, batch, width, features=None):
        """features: None or (B, H, W, features), the whole map, which is known beforehand."""
        inner = {k: layer for k, layer in self.children.items() if k not in ("up", "skip")}
        states = {
            name: self.begin_inner(layer, batch, width, features) for name, layer in inner.items()
        }
        return states | {"outer": self.outer()}

    def begin_inner(self, layer, batch, width, features):
        """The state of one of the inner layers."""
        return (
            layer.begin(batch, width) if features is None else layer.begin(batch, width, features)
        )

    def begin_row(self, state, r):
        for name in state:
            if name != "outer":
                self.children[name].begin_row(state[name], r)

    def write_step(self, p, y, skips, first, given=None):
        """y: the map of a pixel's trunk, which is replaced; skips: that of the sum of the skips,
        which begins at the `first` block; given: the map of a row's features (§3.6) or None.
        """
        a, (K, b), F = self.write_inner(p, y, given), self.outer(), y.features
        before = y.at() if self.residual else None
        p.pixel.product(y.at(), a, K[:, :F], b[:F], plus=before)
        if self.has_skip:
            before = None if first else skips.at()
            p.pixel.product(skips.at(), a, K[:, F:], b[F:], plus=before)

    def write_inner(self, p, x, given):
        """Writes how the inner map comes of the trunk's map x; returns its place."""
        raise NotImplementedError


class ConvBlock(ResidualBlock):
    """Figure 5 left, with a taken after the last ReLU:

        a = ReLU(conv(ReLU(down(ReLU(x)))))      down: 1×1, 2h → h;  conv: size×size, h → h; mask B

    features: number of given features (§3.6), added to conv's map before its ReLU; 0 for none.

    Backward, with [v] for 1 where v > 0 and 0 elsewhere, and z, u for what conv and down give:
        dz = da ⊙ [z]                      which is dfeatures' share as well (ConditionalConv)
        du = convᵀ(dz) ⊙ [u]               dx = downᵀ(du) ⊙ [x] + dy
    and each layer's own gradients as in MaskedConv. [z] is [a], [u] is [ReLU(u)], which are kept.

    Drawing goes through all blocks of a network in one call: PixelCNN.step_blocks.
    """

    def __init__(self, groups_h, groups_2h, rng, *, size=3, features=0, dtype="float32",
                 **connections):  # fmt: skip
        options = {"relu_before": True, "dtype": dtype}
        down = MaskedConv("B", 1, 1, groups_2h, groups_h, rng, **options)
        args = ("B", size, size, groups_h, groups_h)
        if features:
            conv = ConditionalConv(*args, features=features, rng=rng, **options)
        else:
            conv = MaskedConv(*args, rng, **options)
        inner = {"down": down, "conv": conv}
        super().__init__(inner, groups_h, groups_2h, rng, relu=True, dtype=dtype, **connections)

    def forward(self, x, skips=None, keep=None):
        x, features = x
        ops, (y, skips) = backend.ops(), self.outputs(x, skips)
        K_down, K_conv = self.down.weights()[0], self.conv.weights()
        K_out, b_out = self.outer(keep)
        b_down, b_conv = self.down.own["b"], self.conv.own["b"]
        shape = (*x.shape[:3], b_down.size)
        down, a = memory.empty(shape, x.dtype), memory.empty(shape, x.dtype)
        given, given_cache = (a[:0], None) if features is None else self.conv.given(features)
        ops.conv_block_forward(
            x, K_down, b_down, K_conv, self.conv.offsets, b_conv, given, K_out, b_out,
            self.residual, down, a, y, skips,
        )  # fmt: skip
        cache = (ops, x, down, a, (K_down, K_conv, K_out), given_cache, keep)
        return (y, skips if self.has_skip else None), cache

    def backward(self, dy, cache, into=None):
        dy, dskip = dy
        ops, (x, down, a, weights, given_cache, keep) = backend.ops(cache), cache[1:]
        K_down, K_conv, K_out = weights
        dx = memory.empty(x.shape, x.dtype) if into is None else into
        dz = memory.empty((0 if given_cache is None else len(a), *a.shape[1:]), a.dtype)
        dK_down, dK_conv, dK_out = (np.empty_like(K) for K in (K_down, K_conv, K_out))
        db_down, db_conv, db_out = (np.empty(K.shape[-1], x.dtype) for K in (K_down, K_conv, K_out))
        ops.conv_block_backward(
            dy, dskip if self.has_skip else dy[:0], x, down, a,
            K_down, K_conv, self.conv.offsets, K_out, self.residual,
            dx, dz, dK_down, db_down, dK_conv, db_conv, dK_out, db_out,
        )  # fmt: skip
        grads = {
            "down.K": self.down.gradient(dK_down[None]), "down.b": db_down,
            "conv.K": self.conv.gradient(dK_conv), "conv.b": db_conv,
            **self.outer_gradient(dK_out, db_out, keep),
        }  # fmt: skip
        dfeatures = None
        if given_cache is not None:
            dfeatures, grads["conv.K_fs"] = self.conv.given_backward(dz, given_cache)
        return (dx, dfeatures), grads

    def begin(self, batch, width, features=None):
        state = super().begin(batch, width, features)
        h = self.conv.own["b"].size
        return state | {"K_row": state["conv"].K_row.reshape(-1, h, h)}

    def begin_inner(self, layer, batch, width, features):
        if layer is self.conv:
            return super().begin_inner(layer, batch, width, features)
        return layer.weights()[0], layer.own["b"]

    def begin_row(self, state, r):
        self.conv.begin_row(state["conv"], r)

    def write_inner(self, p, x, given):
        active, a = p.scratch("active", 1, x.features), p.scratch("a", 1, self.conv.own["b"].size)
        row, above = self.conv.write_rows(p, given)
        here = row.here(self.conv.mask.shape[1] // 2)
        p.pixel.relu(active.at(), x.at())
        p.pixel.product(here, active.at(), self.down.weights()[0], self.down.own["b"], relu=True)
        self.conv.write_pixel(p, (row, above), a.at(), relu=True)
        return a.at()


class LSTMBlock(ResidualBlock):
    """Figure 5 right: a = lstm(x), 2h → h, without any ReLU; features: None or (B, H, W, features).

    Given features (§3.6) come after the trunk's in what the LSTM reads: there their 1×1 is a part
    of the input-to-state product.
    """

    def __init__(self, lstm, groups_h, groups_2h, rng, *, dtype="float32", **connections):
        inner = {"lstm": lstm}
        super().__init__(inner, groups_h, groups_2h, rng, relu=False, dtype=dtype, **connections)

    def forward(self, x, skips=None, keep=None):
        x, features = x
        ops, (y, skips) = backend.ops(), self.outputs(x, skips)
        a, lstm_cache = self.lstm.forward(x if features is None else beside(x, features))
        K, b = self.outer(keep)
        ops.residual_forward(a, x if self.residual else x[:0], K, b, y, skips)
        return (y, skips if self.has_skip else None), (
            ops, lstm_cache, a, K, features is not None, keep
        )  # fmt: skip

    def backward(self, dy, cache, into=None):
        dy, dskip = dy
        ops, (lstm_cache, a, K, conditional, keep) = backend.ops(cache), cache[1:]
        da, dK, db = memory.empty(a.shape, a.dtype), np.empty_like(K), np.empty_like(K[0])
        direct = self.residual and not conditional
        dx = into if direct else dy[:0]
        if direct and dx is None:
            dx = memory.empty(dy.shape, dy.dtype)
        ops.residual_backward(
            dy, dskip if self.has_skip else dy[:0], a, K, da, dy[:0] if dx is dy else dx, dK, db
        )  # fmt: skip
        dx, grads = self.lstm.backward(da, lstm_cache, into=dx if direct else None)
        dfeatures, width = None, dy.shape[3]
        if conditional:
            dx, dfeatures = dx[..., :width].copy(), dx[..., width:]
            if self.residual:
                dx += dy
        outer = self.outer_gradient(dK, db, keep)
        return (dx, dfeatures), prefixed("lstm", grads) | outer

    def step(self, x_q, state, q, group, skips=None):
        """x_q: (B, 2h) → y_q, skip_q, both (B, 2h), or, as in forward, the sum `skips` with it."""
        y = np.empty_like(x_q)
        if skips is None or not self.has_skip:
            skips = np.zeros_like(x_q if self.has_skip else x_q[:0])
        backend.ops().lstm_block_step(
            x_q, *self.lstm.at(state["lstm"], q), *state["outer"], self.residual, y, skips
        )
        return y, skips if self.has_skip else None

    def write_inner(self, p, x, given):
        return self.lstm.write_step(p, x, given)


def beside(x, features):
    """The features of both maps at each pixel."""
    width = x.shape[3]
    both = memory.empty((*x.shape[:3], width + features.shape[3]), x.dtype)
    both[..., :width], both[..., width:] = x, features
    return both
