"""§3.3 Residual and skip connections (Figure 5), and the convolutional block of §3.5.

A block computes an inner map a of h features from the 2h features x of the trunk, and then
    y    = up(a) + x      residual connection; without it y = up(a)
    skip = skip(a)        this layer's contribution to the output; without it None
where up and skip are 1×1 convolutions h → 2h with mask B. The model adds all skips to the last
trunk map. The paper leaves the place of the skips open: here they leave from the inner map.
"""

from .base import Layer, ReLU, Sequential, prefixed
from .masked_conv import MaskedConv


class ResidualBlock(Layer):
    """forward((x, features)) → (y, skip), cache; backward((dy, dskip), cache) → (dx, dfeatures).

    x, y, skip: (B, H, W, 2h); features: None, or the map that the conditional networks of §3.6
    add inside. A subclass names its own layers (`inner`) and computes a from them.
    groups_h, groups_2h: colour groups of the inner and the trunk features; rng: Generator;
    relu: whether a comes out of a ReLU; residual, skip: which connections the block has.

    Backward. a enters y through up and skip through skip; x enters y directly and through inner:
        da = upᵀ(dy) + skipᵀ(dskip)
        dx = innerᵀ(da) + dy               without the residual connection: innerᵀ(da)
    """

    def __init__(self, inner, groups_h, groups_2h, rng, *, relu, dtype, residual=True, skip=True):
        self.residual, self.has_skip = residual, skip
        outer = {
            name: MaskedConv("B", 1, 1, groups_h, groups_2h, rng, relu_before=relu, dtype=dtype)
            for name in (("up", "skip") if skip else ("up",))
        }
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


class ConvBlock(ResidualBlock):
    """Figure 5 left, with a taken behind the last ReLU:

        a = ReLU(conv(ReLU(down(ReLU(x)))))      down: 1×1, 2h → h;  conv: size×size, h → h; mask B

    A plain chain, so its backward is the chain rule of Sequential.
    """

    def __init__(self, groups_h, groups_2h, rng, *, size=3, dtype="float32", **connections):
        def conv(size, groups_in):
            return MaskedConv(
                "B", size, size, groups_in, groups_h, rng, relu_before=True, dtype=dtype
            )

        inner = {"down": conv(1, groups_2h), "conv": conv(size, groups_h)}
        super().__init__(inner, groups_h, groups_2h, rng, relu=True, dtype=dtype, **connections)
        self._chain = Sequential(
            relu_in=ReLU(),
            down=self.down,
            relu_down=ReLU(),
            conv=self.conv,
            relu_out=ReLU(),
        )

    def inner_forward(self, x, features):
        return self._chain.forward(x)

    def inner_backward(self, da, cache):
        dx, grads = self._chain.backward(da, cache)
        return dx, None, grads


class LSTMBlock(ResidualBlock):
    """Figure 5 right: a = lstm(x), 2h → h, without any ReLU."""

    def __init__(self, lstm, groups_h, groups_2h, rng, *, dtype="float32", **connections):
        inner = {"lstm": lstm}
        super().__init__(inner, groups_h, groups_2h, rng, relu=False, dtype=dtype, **connections)

    def inner_forward(self, x, features):
        return self.lstm.forward(x)

    def inner_backward(self, da, cache):
        dx, grads = self.lstm.backward(da, cache)
        return dx, None, prefixed("lstm", grads)
