"""§3.6 Upsampling the small image, and a masked convolution that takes the result in.

The paper's deconvolutional network is read as one transposed convolution of stride f, kernel 2f
and padding f/2 (f even), and a ReLU: its features, not an image, are what the network is given.
A pixel then sees 2 × 2 pixels of the small image. With `around` layers of 3×3 before it, which are
not masked since the small image is known as a whole, it sees 2 + 2·around of them each way.
"""

import numpy as np

from .. import backend, memory
from .base import Layer, ReLU, Sequential, uniform
from .masked_conv import MaskedConv


class Around(Sequential):
    """`depth` times an unmasked 3×3 and a ReLU: x (B, H, W, C) → y (B, H, W, F).

    Backward is Sequential's.
    """

    def __init__(self, depth, channels, features, rng, *, dtype="float32"):
        layers = {}
        for i in range(depth):
            read = np.zeros(features if i else channels, int)
            layers[f"conv{i}"] = MaskedConv(
                None, 3, 3, read, np.zeros(features, int), rng, relu_before=i > 0, dtype=dtype
            )
            layers[f"relu{i}"] = ReLU()
        super().__init__(**layers)


class Upsample(Layer):
    """Transposed convolution: x (B, ⌈H/f⌉, ⌈W/f⌉, C) → y (B, H, W, F), cropped.

    y[f·r + u - f/2, f·q + v - f/2] += x[r, q] K[u, v],  and + b everywhere
    Parameters K: (2f, 2f, C, F), b: (F,). size: (H, W); factor: f, even; relu_before: whether a
    ReLU precedes (gain √2). It is not masked: it reads an image that is known as a whole.

    Backward. Every product above sends its gradient to both factors:
        dx[r, q] = Σ_(u,v) dy[f·r + u - f/2, f·q + v - f/2] K[u, v]ᵀ
        dK[u, v] = Σ_(r,q) x[r, q]ᵀ dy[f·r + u - f/2, f·q + v - f/2]        db = Σ dy
    """

    def __init__(
        self, size, factor, channels, features, rng, *, relu_before=False, dtype="float32"
    ):
        if factor % 2 or factor < 2:
            raise ValueError(f"factor is {factor}; it has to be even: 2, 4, ...")
        self.size, self.factor = size, factor
        shape = (2 * factor, 2 * factor, channels, features)
        # Of the kernel's 2f × 2f taps, 2 × 2 reach an output (fewer at the border).
        K = uniform(rng, shape, 4 * channels, np.sqrt(2) if relu_before else 1, dtype)
        super().__init__({"K": K, "b": np.zeros(features, dtype)})

    def forward(self, x):
        ops, K = backend.ops(), self.own["K"].copy()
        y = memory.empty((len(x), *self.size, K.shape[3]), x.dtype)
        ops.upsample_forward(x, K, self.own["b"], self.factor, y)
        return y, (ops, x, K)

    def backward(self, dy, cache):
        ops, (x, K) = backend.ops(cache), cache[1:]
        dx, dK, db = memory.empty(x.shape, x.dtype), np.empty_like(K), np.empty_like(dy[0, 0, 0])
        ops.upsample_backward(dy, x, K, self.factor, dx, dK, db)
        return dx, {"K": dK, "b": db}


class ConditionalConv(MaskedConv):
    """A masked convolution plus an unmasked 1×1 of given features: forward((x, features)).

    y = conv(x) + features K_fs          K_fs: (1, 1, features, out), no second bias
    The counterpart for the PixelCNN's 3×3 maps of what §3.6 adds to input-to-state maps.

    Backward: dx and dK as in MaskedConv; dfeatures = dy K_fsᵀ, dK_fs = Σ featuresᵀ dy.
    """

    def __init__(self, *args, features, rng, dtype="float32", **options):
        super().__init__(*args, rng, dtype=dtype, **options)
        shape = (1, 1, features, self.mask.shape[3])
        self.own["K_fs"] = uniform(rng, shape, features, np.sqrt(2), dtype)
        self._centre = np.zeros((1, 2), np.int64)

    def given(self, features):
        """features K_fs: (B, H, W, out), cache."""
        ops, K = backend.ops(), self.own["K_fs"][0].copy()
        y = memory.empty((*features.shape[:3], K.shape[2]), features.dtype)
        ops.conv_forward(features, K, self._centre, np.zeros_like(self.own["b"]), y)
        return y, (ops, features, K)

    def given_backward(self, dy, cache):
        """dfeatures, dK_fs."""
        ops, (features, K) = backend.ops(cache), cache[1:]
        dfeatures, dK = memory.empty(features.shape, features.dtype), np.empty_like(K)
        ops.conv_backward(
            dy, features, K, self._centre, dfeatures, dK, np.empty_like(self.own["b"])
        )
        return dfeatures, dK[None]

    def forward(self, x):
        x, features = x
        y, cache = super().forward(x)
        added, given_cache = self.given(features)
        y += added
        return y, (cache, given_cache)

    def backward(self, dy, cache, need_dx=True):
        dx, grads = super().backward(dy, cache[0], need_dx)
        dfeatures, dK = self.given_backward(dy, cache[1])
        return (dx, dfeatures), grads | {"K_fs": dK}

    def begin(self, batch, width, features):
        """features: (B, H, W, features), the whole map, which is known beforehand."""
        state = super().begin(batch, width)
        state.features = features
        return state

    def begin_row(self, state, r):
        super().begin_row(state, r)
        added = state.features[:, r].transpose(1, 0, 2) @ self.own["K_fs"][0, 0]
        # A kernel of one row has no map from above: there the bias alone is added to.
        state.above = (state.above if state.reach else self.own["b"]) + added

    def write_rows(self, p, given=None):
        row, above = super().write_rows(p)
        start = {"bias": self.own["b"]} if above is None else {"plus": above.at()}
        above = above or p.map(p.width, self.own["b"].size)
        p.row.product(above.at(), given.at(), self.own["K_fs"], places=p.width, **start)
        return row, above
