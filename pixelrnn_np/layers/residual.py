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

from .. import backend
from .base import Layer, ReLU, Sequential, prefixed
from .masked_conv import MaskedConv
from .upsample import ConditionalConv


class ResidualBlock(Layer):
    """forward((x, features)) → (y, skip), cache; backward((dy, dskip), cache) → (dx, dfeatures).

    x, y, skip: (B, H, W, 2h); features: None, or the map that the conditional networks of §3.6
    add inside. A subclass names its own layers (`inner`) and computes a from them.
    groups_h, groups_2h: colour groups of the inner and the trunk features; rng: Generator;
    relu: whether a comes out of a ReLU; residual, skip: which connections the block has; depth: the
    number L of blocks in the network, for the initial weights.

    Backward. a enters y through up and skip through skip; x enters y directly and through inner:
        da = upᵀ(dy) + skipᵀ(dskip)
        dx = innerᵀ(da) + dy               without the residual connection: innerᵀ(da)
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
        super().__init__(**inner, **outer)

    def inner_forward(self, x, features):
        """a: (B, H, W, h), cache."""
        raise NotImplementedError

    def inner_backward(self, da, cache):
        """dx: (B, H, W, 2h), dfeatures or None, gradients of the inner layers."""
        raise NotImplementedError

    def forward(self, x):
        x, features = x
        a, inner_cache = self.inner_forward(x, features)
        y, up_cache = self.up.forward(a)
        if self.residual:
            y += x
        skip, skip_cache = self.skip.forward(a) if self.has_skip else (None, None)
        return (y, skip), (inner_cache, up_cache, skip_cache)

    def backward(self, dy, cache):
        dy, dskip = dy
        inner_cache, up_cache, skip_cache = cache
        da, up_grads = self.up.backward(dy, up_cache)
        grads = prefixed("up", up_grads)
        if self.has_skip:
            da_skip, skip_grads = self.skip.backward(dskip, skip_cache)
            da += da_skip
            grads |= prefixed("skip", skip_grads)
        dx, dfeatures, inner_grads = self.inner_backward(da, inner_cache)
        if self.residual:
            dx += dy
        return (dx, dfeatures), inner_grads | grads

    def begin(self, batch, width, features=None):
        """features: None or (B, H, W, c), the whole map, which is known beforehand."""
        outer = [self.children[name] for name in ("up", "skip") if name in self.children]
        inner = {k: layer for k, layer in self.children.items() if layer not in outer}
        states = {
            name: self.begin_inner(layer, batch, width, features) for name, layer in inner.items()
        }
        # up and skip read the same pixel: one product for both.
        K = [(layer.params["K"] * layer.mask)[0, 0] for layer in outer]
        b = [layer.params["b"] for layer in outer]
        return states | {"outer": (np.concatenate(K, axis=1), np.concatenate(b))}

    def begin_inner(self, layer, batch, width, features):
        """The state of one of the inner layers."""
        return (
            layer.begin(batch, width) if features is None else layer.begin(batch, width, features)
        )

    def begin_row(self, state, r):
        for name in state:
            if name != "outer":
                self.children[name].begin_row(state[name], r)

    def step(self, x_c, state, c, group):
        """x_c: (B, 2h) → y_c, skip_c, both (B, 2h); skip_c is None without skips."""
        K, b = state["outer"]
        both = self.inner_step(x_c, state, c, group) @ K
        both += b
        width = x_c.shape[1]
        y = both[:, :width]
        if self.residual:
            y += x_c
        return y, both[:, width:] if self.has_skip else None

    def inner_step(self, x_c, state, c, group):
        """a at column c: (B, h)."""
        raise NotImplementedError


class ConvBlock(ResidualBlock):
    """Figure 5 left, with a taken behind the last ReLU:

        a = ReLU(conv(ReLU(down(ReLU(x)))))      down: 1×1, 2h → h;  conv: size×size, h → h; mask B

    features: number of given features (§3.6), added to conv's map before its ReLU; 0 for none.
    Backward is the chain rule, in the opposite order.
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
        self._before = Sequential(relu_in=ReLU(), down=down, relu_down=ReLU())
        self._relu = ReLU()

    def inner_forward(self, x, features):
        a, before_cache = self._before.forward(x)
        z, conv_cache = self.conv.forward(a if features is None else (a, features))
        a, relu_cache = self._relu.forward(z)
        return a, (before_cache, conv_cache, relu_cache)

    def inner_backward(self, da, cache):
        before_cache, conv_cache, relu_cache = cache
        dz, _ = self._relu.backward(da, relu_cache)
        da, grads = self.conv.backward(dz, conv_cache)
        da, dfeatures = da if isinstance(da, tuple) else (da, None)
        dx, before_grads = self._before.backward(da, before_cache)
        return dx, dfeatures, before_grads | prefixed("conv", grads)

    def begin_inner(self, layer, batch, width, features):
        if layer is self.conv:
            return super().begin_inner(layer, batch, width, features)
        return layer.begin(batch, width)

    def inner_step(self, x_c, state, c, group):
        a = self.down.step(np.maximum(x_c, 0), state["down"], c, group)
        a = self.conv.step(np.maximum(a, 0, out=a), state["conv"], c, group)
        return np.maximum(a, 0, out=a)


class LSTMBlock(ResidualBlock):
    """Figure 5 right: a = lstm(x), 2h → h, without any ReLU; features: None or (B, H, W, c).

    Given features (§3.6) stand behind the trunk's in what the LSTM reads: there their 1×1 is a part
    of the input-to-state product.
    """

    def __init__(self, lstm, groups_h, groups_2h, rng, *, dtype="float32", **connections):
        inner = {"lstm": lstm}
        super().__init__(inner, groups_h, groups_2h, rng, relu=False, dtype=dtype, **connections)

    def inner_forward(self, x, features):
        width = x.shape[3]
        if features is not None:
            both = backend.empty((*x.shape[:3], width + features.shape[3]), x.dtype)
            both[..., :width], both[..., width:] = x, features
            x = both
        a, cache = self.lstm.forward(x)
        return a, (cache, width)

    def inner_backward(self, da, cache):
        cache, width = cache
        dx, grads = self.lstm.backward(da, cache)
        grads = prefixed("lstm", grads)
        if dx.shape[3] == width:
            return dx, None, grads
        return dx[..., :width].copy(), dx[..., width:], grads

    def inner_step(self, x_c, state, c, group):
        return self.lstm.step(x_c, state["lstm"], c, group)
