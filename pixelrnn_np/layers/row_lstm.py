"""§3.1 Row LSTM: a convolution along rows into an LSTM that runs from the top row to the bottom.

    z[r,q] = Σ_t x[r,q+t] K_is[t] + b + Σ_v h[r-1,q+v] K_ss[v]
    [o, f, i] = σ(z),  g = tanh(z)                          gates in this order, h features each
    c[r] = f ⊙ c[r-1] + i ⊙ g,   h[r] = o ⊙ tanh(c[r])      equation (3)

Both kernels are 1×k; K_is has mask B, K_ss reads a finished row and has none.
Features are row vectors throughout, kernels are (…, in, out), q is a column, c the cell state.

Row -1 is (h0, c0), learned, the same at every column; beyond the columns h is zero. The paper
applies σ to all four gates in its formula and says in the text that g has tanh.
"""

from types import SimpleNamespace

import numpy as np

from .. import backend, memory
from .base import Layer, uniform
from .masks import conv_mask, gate_groups


def lstm_parameters(mask, ss_shape, features, rng, dtype):
    """K_is like `mask`, K_ss of `ss_shape` (rows, cols, h, 4h), b (4h,), h0 and c0 (h,).

    With features (§3.6) also K_fs: (1, 1, features, 4h). The paper learns h0 and c0 and says no
    more. This project's choices: they start at 0, the forget gate's bias at 1, and K_ss has no
    bias of its own, which would double b.
    """
    h = ss_shape[2]
    b = np.zeros(4 * h, dtype)
    b[h : 2 * h] = 1
    fan_in = mask.sum(axis=(0, 1, 2))
    params = {
        "K_is": uniform(rng, mask.shape, fan_in, 1, dtype),
        "K_ss": uniform(rng, ss_shape, np.prod(ss_shape[:3]), 1, dtype),
        "b": b,
        "h0": np.zeros(h, dtype),
        "c0": np.zeros(h, dtype),
    }
    if features:
        params["K_fs"] = uniform(rng, (1, 1, features, 4 * h), features, np.sqrt(2), dtype)
    return params


class RowLSTM(Layer):
    """x: (B, H, W, 2h) → (B, H, W, h); with `features` x is (B, H, W, 2h + features).

    Parameters K_is: (1, k, 2h, 4h) mask B, K_ss: (1, k, h, 4h), b: (4h,), h0, c0: (h,).
    groups_in: colour of each input feature; h: features; channels: of the image; rng: Generator;
    k: odd width of both kernels; features: number of given features (§3.6), which come after the
    trunk's in x and enter through an unmasked 1×1, K_fs: (1, 1, features, 4h). Raises ValueError if
    k is even.

    Backward, rows from the last to the first. dh[r] arrives from the layer above; the row below
    adds to it and to dc[r], the gradient of c[r]. t runs over the taps of K_is, v over K_ss:
        do = dh ⊙ tanh(c)        dc += dh ⊙ o ⊙ (1 - tanh²(c))
        df = dc ⊙ c[r-1]         di = dc ⊙ g        dg = dc ⊙ i
        dz = [do ⊙ o(1-o), df ⊙ f(1-f), di ⊙ i(1-i), dg ⊙ (1-g²)]
        dc[r-1] = dc ⊙ f
        dh[r-1,q] += Σ_v dz[r,q-v] K_ss[v]ᵀ            dx[r,q] = Σ_t dz[r,q-t] (K_is[t] ⊙ M[t])ᵀ
        dK_is[t] = (Σ x[r,q+t]ᵀ dz[r,q]) ⊙ M[t]        dK_ss[v] = Σ h[r-1,q+v]ᵀ dz[r,q]
        db = Σ dz     dh0, dc0 = Σ over images and columns of dh[-1], dc[-1]
        dK_fs = Σ featuresᵀ dz                         dfeatures = dz K_fsᵀ, the last columns of dx
    """

    masked = "K_is"

    def __init__(self, groups_in, h, channels, rng, *, k=3, features=0, dtype="float32"):
        self.mask = conv_mask("B", 1, k, groups_in, gate_groups(h, channels))
        # Mask B leaves the pixel and those on its left, which are the first taps.
        self._tap_mask = self.mask[0, : k // 2 + 1].astype(dtype)
        self.taps = np.arange(len(self._tap_mask)) - k // 2
        super().__init__(lstm_parameters(self.mask, (1, k, h, 4 * h), features, rng, dtype))

    def _weights(self):
        """K_is, masked, of the taps that the mask leaves and with K_fs below it; K_ss, h0, c0."""
        p = self.own
        K_is = p["K_is"][0, : len(self.taps)] * self._tap_mask
        if "K_fs" in p:
            # The features are read at the pixel itself, the last of these taps.
            K_fs = np.zeros((len(K_is), *p["K_fs"].shape[2:]), K_is.dtype)
            K_fs[-1] = p["K_fs"][0, 0]
            K_is = np.concatenate([K_is, K_fs], axis=1)
        return K_is, p["K_ss"][0].copy(), p["h0"].copy(), p["c0"].copy()

    def forward(self, x):
        ops = backend.ops()
        K_is, K_ss, h0, c0 = memory.once(self, self._weights)
        pixels, F = x.shape[:3], K_ss.shape[1]
        gates = memory.empty((*pixels, 4 * F), x.dtype)
        c, h = memory.empty((*pixels, F), x.dtype), memory.empty((*pixels, F), x.dtype)
        ops.row_lstm_forward(x, K_is, self.taps, K_ss, self.own["b"], h0, c0, gates, c, h)
        return h, (ops, x, h, K_is, K_ss, h0, c0, gates, c)

    def backward(self, dy, cache, into=None):
        """dy: (B, H, W, h) → dx like x, gradients of all parameters.

        into: None, or an array like x. Then dx is added to it, and it is returned.
        """
        ops, (x, h, K_is, K_ss, h0, c0, gates, c) = backend.ops(cache), cache[1:]
        dx = memory.zeros(x.shape, x.dtype) if into is None else into
        dK_is, dK_ss = np.empty_like(K_is), np.empty_like(K_ss)
        grads = {name: np.empty_like(self.own[name]) for name in ("b", "h0", "c0")}
        ops.row_lstm_backward(
            dy, x, h, K_is, self.taps, K_ss, h0, c0, gates, c, dx, dK_is, dK_ss, *grads.values()
        )
        dK = np.zeros_like(self.own["K_is"])
        trunk = dK.shape[2]
        np.multiply(dK_is[:, :trunk], self._tap_mask, out=dK[0, : len(self.taps)])
        if "K_fs" in self.own:
            grads["K_fs"] = dK_is[None, -1:, trunk:]
        return dx, {"K_is": dK, "K_ss": dK_ss[None], **grads}

    def begin(self, batch, width, features=None):
        """Keeps the previous row's h and c, and the current row's inputs so far, columns first."""
        p, left = self.own, self.mask.shape[1] // 2
        K_is = (p["K_is"] * self.mask)[0, : left + 1]
        I, F = K_is.shape[1], p["h0"].size
        return SimpleNamespace(
            K_is=K_is.reshape(-1, 4 * F),
            left=left,
            row=np.zeros((width + left, batch, I), K_is.dtype),
            h=np.tile(p["h0"], (width, batch, 1)),
            c=np.tile(p["c0"], (width, batch, 1)),
            features=features,
        )

    def begin_row(self, state, r):
        p = self.own
        z = neighbours(state.h, self.mask.shape[1] // 2) @ p["K_ss"][0].reshape(-1, p["b"].size)
        z += p["b"]
        if state.features is not None:
            z += state.features[:, r].transpose(1, 0, 2) @ p["K_fs"][0, 0]
        state.z, state.row[:] = z, 0
        state.c_before, state.c, state.h = state.c, np.empty_like(state.c), np.empty_like(state.h)

    def step(self, x_q, state, q, group):
        state.row[state.left + q] = x_q
        seen = state.row[q : q + state.left + 1].transpose(1, 0, 2)
        z = seen.reshape(len(x_q), -1) @ state.K_is
        z += state.z[q]
        backend.ops().lstm_step(z, state.c_before[q], state.c[q], state.h[q])
        return state.h[q]

    def at(self, state, q):
        """What `lstm_block_step` needs of column q, its arguments from `row` to `beside`."""
        h, none = state.h[q], state.h[q][:0]
        return (state.row, state.left + q, state.K_is, state.z[q], none, state.K_is[:0],
                state.c_before[q], state.c[q], h, none)  # fmt: skip

    def write_step(self, p, x, given=None):
        """x: the map of a pixel; given: that of a row's features, or None. Returns h's place."""
        own, W, reach = self.own, p.width, self.mask.shape[1] // 2
        (I, G), F = self.mask.shape[2:], own["h0"].size
        scale = gate_scale(F)
        row, h = p.map(reach + W, I), p.map(W + 2 * reach, F)
        c_before, c, z = p.map(W, F), p.map(W, F), p.map(W, G)
        gates = p.scratch("gates", 1, G)
        p.begin.fill(h.at(reach), own["h0"], W)
        p.begin.fill(c.at(), own["c0"], W)
        taps = range(2 * reach + 1)
        p.row.product(z.at(), h.at(), own["K_ss"] * scale, own["b"] * scale, taps=taps, places=W)
        if given is not None:
            p.row.product(z.at(), given.at(), own["K_fs"] * scale, plus=z.at(), places=W)
        p.row.copy(c_before.at(), c.at(), W)
        K_is = (own["K_is"] * self.mask)[0, : reach + 1] * scale
        p.pixel.copy(row.here(reach), x.at())
        p.pixel.product(gates.at(), row.here(), K_is, plus=z.here(), taps=taps[: reach + 1])
        p.pixel.cell(gates.at(), c_before.here(), c.here(), h.here(reach))
        return h.here(reach)


def gate_scale(h):
    """½ for the columns of o, f and i, 1 for g (4h,): σ(z) = ½ + ½ tanh(z/2), see lstm_cell.py.

    Halves are exact, so that the gates are the same bit for bit.
    """
    return np.repeat([0.5, 1.0], [3 * h, h])


def neighbours(row, reach):
    """Each pixel with `reach` on either side: (W, B, F) → (W, B, (2·reach + 1)·F), zero outside."""
    W = len(row)
    padded = np.zeros((W + 2 * reach, *row.shape[1:]), row.dtype)
    padded[reach : reach + W] = row
    return np.concatenate([padded[v : v + W] for v in range(2 * reach + 1)], axis=2)
