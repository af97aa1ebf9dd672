"""§3.2 Diagonal BiLSTM: two scans along diagonals, which together see the whole context.

    z[r,q] = x[r,q] K_is + b + h[r-1,q] K_ss[0] + h[r,q-1] K_ss[1]     K_is: 1×1, mask B
    gates, c, h as in equation (3); only the horizontal neighbour's c is carried

Features are row vectors throughout, kernels are (…, in, out), q is a column, c the cell state.

That is the unskewed form of the paper's column-wise 2×1 convolution on the skewed map: there the
two inputs of a pixel are rows r-1 and r of the previous column. The other direction is the same on
the mirrored image: it is flipped first and skewed then. The other order, flipping the skewed map,
loses context. The paper skews before the 1×1, which is the same on real pixels.

The right-to-left output is shifted down by one row before the sum: unshifted, a pixel would see
those to its right. The first row then gets zeros. Every neighbour outside the image is (h0, c0).
"""

from types import SimpleNamespace

import numpy as np

from .. import backend, memory
from .base import Layer, prefixed
from .masks import conv_mask, gate_groups
from .row_lstm import gate_scale, lstm_parameters


def skew(x, reverse=False):
    """Puts the pixels in the order of the diagonals: (B, H, W, F) → (H·W, B, F).

    Diagonal t holds the pixels with r + q = t, top row first; a diagonal is what one step of the
    scan computes. In the paper, row r moves r columns to the right, and a diagonal becomes a
    column: this is that map without its padding. reverse: the map is flipped before the skew.
    skew moves pixels and nothing else, so its adjoint is `unskew`, and the other way round.
    """
    B, H, W, F = x.shape
    y = np.empty((H * W, B, F), x.dtype)
    backend.ops().skew(x, reverse, y)
    return y


def unskew(y, height, width, reverse=False):
    """The inverse and the adjoint of `skew`: (H·W, B, F) → (B, H, W, F)."""
    x = np.empty((y.shape[1], height, width, y.shape[2]), y.dtype)
    backend.ops().unskew(y, reverse, x)
    return x


class DiagonalLSTM(Layer):
    """One direction: x (B, H, W, 2h) → (B, H, W, h), not yet shifted.

    Parameters K_is: (1, 1, 2h, 4h) mask B; K_ss: (2, 1, h, 4h), of which K_ss[0] reads the row
    above and K_ss[1] the same row; b: (4h,); h0, c0: (h,). reverse: from right to left;
    features: as in RowLSTM, with K_fs: (1, 1, features, 4h).

    Backward, diagonals from the last to the first: dz from dh and dc as in RowLSTM, and then
        dc[r,q-1] = dc ⊙ f
        dh[r-1,q] += dz K_ss[0]ᵀ       dh[r,q-1] += dz K_ss[1]ᵀ       dx = dz (K_is ⊙ M)ᵀ
        dK_is = (Σ xᵀ dz) ⊙ M          dK_ss[0] = Σ h[r-1,q]ᵀ dz      dK_ss[1] = Σ h[r,q-1]ᵀ dz
        db = Σ dz                      what would go outside the image is summed in dh0 and dc0
        dK_fs = Σ featuresᵀ dz         dfeatures = dz K_fsᵀ, the last columns of dx
    """

    masked = "K_is"

    def __init__(self, groups_in, h, channels, rng, *, reverse, features=0, dtype="float32"):
        self.reverse = reverse
        self.mask = conv_mask("B", 1, 1, groups_in, gate_groups(h, channels))
        self._here = self.mask[0, 0].astype(dtype)
        super().__init__(lstm_parameters(self.mask, (2, 1, h, 4 * h), features, rng, dtype))

    def _weights(self):
        """K_is, masked, with K_fs below it, and K_ss."""
        p = self.own
        K_is = p["K_is"][0, 0] * self._here
        if "K_fs" in p:
            K_is = np.concatenate([K_is, p["K_fs"][0, 0]])
        return K_is, p["K_ss"][:, 0].copy()

    def forward(self, x, into=None):
        """into: None, or a map (B, H, W, h) to which the output is added, moved down by one row."""
        ops, p = backend.ops(), self.own
        K_is, K_ss = memory.once(self, self._weights)
        (B, H, W), F = x.shape[:3], K_ss.shape[1]
        gates = memory.empty((B, H, W, 4 * F), x.dtype)
        # With the initial state around the image, and so around every diagonal.
        c, h = (memory.empty((B, H + 2, W + 2, F), x.dtype) for _ in range(2))
        shifted = into is not None
        y = into if shifted else memory.empty((B, H, W, F), x.dtype)
        ops.diagonal_lstm_forward(
            x, K_is, K_ss, p["b"], p["h0"], p["c0"], self.reverse, shifted, gates, c, h, y
        )
        return y, (ops, x, K_is, K_ss, shifted, gates, c, h)

    def backward(self, dy, cache, into=None):
        """dy: (B, H, W, h) → dx like x, gradients of all parameters.

        into: None, or an array like x. Then dx is added to it, and it is returned.
        """
        ops, (x, K_is, K_ss, shifted, gates, c, h) = backend.ops(cache), cache[1:]
        dx = memory.zeros(x.shape, x.dtype) if into is None else into
        dK_is, dK_ss = np.empty_like(K_is), np.empty_like(K_ss)
        grads = {name: np.empty_like(self.own[name]) for name in ("b", "h0", "c0")}
        ops.diagonal_lstm_backward(
            dy, x, K_is, K_ss, self.reverse, shifted, gates, c, h, dx, dK_is, dK_ss,
            *grads.values(),
        )  # fmt: skip
        trunk = self.mask.shape[2]
        if "K_fs" in self.own:
            grads["K_fs"] = dK_is[None, None, trunk:]
        dK_is = (dK_is[:trunk] * self._here)[None, None]
        return dx, {"K_is": dK_is, "K_ss": dK_ss[:, None], **grads}

    def begin(self, batch, width, features=None):
        """Left to right: keeps the previous row's h. Right to left: also the row's inputs."""
        p = self.own
        K_is = (p["K_is"] * self.mask)[0, 0]
        return SimpleNamespace(
            K_is=K_is,
            K_ss=p["K_ss"][:, 0].copy(),
            h=np.tile(p["h0"], (width, batch, 1)),
            c=np.empty((width, batch, p["c0"].size), K_is.dtype),
            outside=[np.tile(p[name], (batch, 1)) for name in ("h0", "c0")],
            row=np.zeros((width, batch, len(K_is)), K_is.dtype),
            features=features,
        )

    def _from_above(self, state, r):
        z = state.h @ state.K_ss[0]
        z += self.own["b"]
        if state.features is not None:
            z += state.features[:, r].transpose(1, 0, 2) @ self.own["K_fs"][0, 0]
        return z

    def begin_row(self, state, r):
        """Right to left, the finished row r - 1 is scanned, whose output is what row r is given."""
        if not self.reverse:
            state.z, state.h = self._from_above(state, r), np.empty_like(state.h)
        elif r == 0:
            state.shifted = np.zeros_like(state.h)
        else:
            z = self._from_above(state, r - 1)
            z += state.row @ state.K_is
            p = self.own
            backend.ops().diagonal_row(z, state.K_ss[1], p["h0"], p["c0"], state.h)
            state.shifted = state.h

    def step(self, x_q, state, q, group):
        """Right to left: column q of row r - 1, that is, of the output shifted down."""
        if self.reverse:
            state.row[q] = x_q
            return state.shifted[q]
        h, c_before = (state.h[q - 1], state.c[q - 1]) if q > 0 else state.outside
        z = x_q @ state.K_is
        z += h @ state.K_ss[1]
        z += state.z[q]
        backend.ops().lstm_step(z, c_before, state.c[q], state.h[q])
        return state.h[q]

    def write_step(self, p, x, given=None):
        """As in RowLSTM; right to left, the place returned is that of the output shifted down."""
        own, W, scale = self.own, p.width, gate_scale(self.own["h0"].size)
        K_is, G = (own["K_is"] * self.mask) * scale, own["b"].size
        K_above, K_side = own["K_ss"] * scale
        h = p.map(W + 1, own["h0"].size)  # with h0 before the first column, or after the last
        p.begin.fill(h.at(), own["h0"], W + 1)
        before, lines = (1, p.row) if not self.reverse else (0, p.later)
        z = p.map(W, G) if not self.reverse else p.scratch("z", W, G)
        lines.product(z.at(), h.at(before), K_above, own["b"] * scale, places=W)
        if given is not None:
            lines.product(z.at(), given.at(), own["K_fs"] * scale, plus=z.at(), places=W)
        if self.reverse:
            return self._write_scan(p, x, K_is, K_side, h, z)
        c, gates = p.map(W + 1, h.features), p.scratch("gates", 1, G)
        p.begin.fill(c.at(), own["c0"], W + 1)
        p.pixel.product(gates.at(), x.at(), K_is, plus=z.here())
        p.pixel.product(gates.at(), h.here(), K_side, plus=gates.at())
        p.pixel.cell(gates.at(), c.here(), c.here(1), h.here(1))
        return h.here(1)

    def _write_scan(self, p, x, K_is, K_side, h, z):
        W, scan = p.width, p.lines()
        row, shifted = p.map(W, x.features), p.map(W, h.features)
        c = p.scratch("c", 1, h.features)
        p.later.product(z.at(), row.at(), K_is, plus=z.at(), places=W)
        p.later.fill(c.at(), self.own["c0"])
        scan.product(z.here(), h.here(1), K_side, plus=z.here())
        scan.cell(z.here(), c.at(), c.at(), h.here())
        scan.copy(shifted.here(), h.here())
        p.later.scan(scan)
        p.pixel.copy(row.here(), x.at())
        return shifted.here()


class DiagonalBiLSTM(Layer):
    """y = L + shift(R), of the two directions l2r and r2l: (B, H, W, 2h) → (B, H, W, h).

    shift moves rows down by one: shift(R)_r = R_(r-1), and zeros in the first row.

    Backward. The adjoint of the shift moves rows up by one; the last row of R reached nothing:
        dL = dy        dR_r = dy_(r+1), dR_(H-1) = 0        dx = dx_L + dx_R
    """

    def __init__(self, groups_in, h, channels, rng, **options):
        super().__init__(
            l2r=DiagonalLSTM(groups_in, h, channels, rng, reverse=False, **options),
            r2l=DiagonalLSTM(groups_in, h, channels, rng, reverse=True, **options),
        )

    def forward(self, x):
        y, left_cache = self.l2r.forward(x)
        y, right_cache = self.r2l.forward(x, into=y)
        return y, (left_cache, right_cache)

    def backward(self, dy, cache, into=None):
        """into: as in DiagonalLSTM."""
        left_cache, right_cache = cache
        dx, left = self.l2r.backward(dy, left_cache, into)
        dx, right = self.r2l.backward(dy, right_cache, into=dx)
        return dx, prefixed("l2r", left) | prefixed("r2l", right)

    def begin(self, batch, width, features=None):
        return [layer.begin(batch, width, features) for layer in (self.l2r, self.r2l)]

    def begin_row(self, state, r):
        for layer, s in zip((self.l2r, self.r2l), state, strict=True):
            layer.begin_row(s, r)

    def step(self, x_q, state, q, group):
        left, right = state
        return self.l2r.step(x_q, left, q, group) + self.r2l.step(x_q, right, q, group)

    def at(self, state, q):
        """What `lstm_block_step` needs of column q, its arguments from `row` to `beside`."""
        left, right = state
        h, c_before = (left.h[q - 1], left.c[q - 1]) if q > 0 else left.outside
        return (right.row, q, left.K_is, left.z[q], h, left.K_ss[1], c_before, left.c[q],
                left.h[q], right.shifted[q])  # fmt: skip

    def write_step(self, p, x, given=None):
        left, right = (layer.write_step(p, x, given) for layer in (self.l2r, self.r2l))
        a = p.scratch("a", 1, self.l2r.own["h0"].size)
        p.pixel.sum(a.at(), left, right)
        return a.at()
