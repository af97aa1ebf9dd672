"""§3.4 Masked convolution of any odd kernel size; a 1×1 convolution is its smallest case.

The paper sets masked weights to zero after each update. Here the mask multiplies the weights in
forward and their gradient in backward, to the same effect. Taps that are masked as a whole are
never touched.
"""

from types import SimpleNamespace

import numpy as np

from .. import backend, memory
from .base import Layer, uniform
from .masks import conv_mask


class MaskedConv(Layer):
    """y[r,q] = b + Σ_(u,v) x[r+u, q+v] · (K ⊙ M)[u,v], with zeros outside the image.

    x: (B, H, W, in) → y: (B, H, W, out). Parameters K: (rows, cols, in, out), b: (out,).

    mask: "A", "B", or None for none; rows, cols: odd kernel size; groups_in, groups_out: the
    colour of every feature (see masks.py); rng: numpy Generator; relu_before: whether a ReLU
    precedes (gain √2); gain: a further factor of the initial weights.
    Raises ValueError for an even size or another mask.

    Backward. p is a pixel, and t = (u, v) runs over the taps:
        db    = Σ_p dy[p]
        dK[t] = (Σ_p x[p+t]ᵀ dy[p]) ⊙ M[t]        each pixel p in which tap t read x
        dx[p] = Σ_t dy[p-t] (K[t] ⊙ M[t])ᵀ        each output that read x[p]
    """

    def __init__(
        self,
        mask,
        rows,
        cols,
        groups_in,
        groups_out,
        rng,
        *,
        relu_before=False,
        gain=1.0,
        dtype="float32",
    ):
        self.kind = mask
        self.mask = conv_mask(mask, rows, cols, groups_in, groups_out)
        active = np.argwhere(self.mask.any(axis=(2, 3)))
        self.offsets = np.ascontiguousarray(active - [rows // 2, cols // 2])
        taps = active @ [cols, 1]
        # Both masks leave the first taps in raster order, which are one block of memory.
        self.leading = np.array_equal(taps, np.arange(len(taps)))
        self._taps = slice(len(taps)) if self.leading else taps
        self._dense = bool(self.mask.all())
        self._tap_mask = self._flat(self.mask)[self._taps].astype(dtype)
        fan_in = self.mask.sum(axis=(0, 1, 2))
        gain *= np.sqrt(2) if relu_before else 1
        K = uniform(rng, self.mask.shape, fan_in, gain, dtype)
        super().__init__({"K": K, "b": np.zeros(len(groups_out), dtype)})

    def weights(self):
        """The masked weights of the taps that the mask leaves: (T, in, out)."""
        return memory.once(self, lambda: self._flat(self.own["K"])[self._taps] * self._tap_mask)

    def _flat(self, K):
        return K.reshape(-1, *K.shape[2:])

    def gradient(self, d_weights):
        """dK from the gradient of `weights()`."""
        if self._dense:
            return d_weights.reshape(self.mask.shape)
        dK = np.zeros(self.mask.shape, d_weights.dtype)
        self._flat(dK)[self._taps] = d_weights * self._tap_mask
        return dK

    def forward(self, x):
        ops, weights = backend.ops(), self.weights()
        y = memory.empty((*x.shape[:3], weights.shape[2]), x.dtype)
        ops.conv_forward(x, weights, self.offsets, self.own["b"], y)
        return y, (ops, x, weights)

    def backward(self, dy, cache, need_dx=True):
        """dy: (B, H, W, out) → dx: (B, H, W, in), None where need_dx is False; {"K", "b"}."""
        ops, (x, weights) = backend.ops(cache), cache[1:]
        dx = memory.empty(x.shape if need_dx else (0, *x.shape[1:]), x.dtype)
        d_weights, db = np.empty_like(weights), np.empty_like(self.own["b"])
        ops.conv_backward(dy, x, weights, self.offsets, dx, d_weights, db)
        return (dx if need_dx else None), {"K": self.gradient(d_weights), "b": db}

    def begin(self, batch, width):
        """Keeps the rows above that the kernel reaches and this row's inputs, columns first."""
        reach, left = self.mask.shape[0] // 2, self.mask.shape[1] // 2
        K = self.own["K"] * self.mask
        I, O = K.shape[2:]
        return SimpleNamespace(
            reach=reach,
            left=left,
            K_above=K[:reach].copy(),
            # The taps left of the centre and the centre: one product for the current row.
            K_row=K[reach, : left + 1].reshape(-1, O),
            rows=np.zeros((reach, width + 2 * left, batch, I), K.dtype),
            row=np.zeros((width + left, batch, I), K.dtype),
            above=np.tile(self.own["b"], (width, 1, 1)),
        )

    def begin_row(self, state, r):
        if not state.left and not state.reach:
            return
        rows, left = state.rows, state.left
        width = len(state.row) - left
        if r > 0 and state.reach:
            rows[:-1] = rows[1:]
            rows[-1, left : left + width] = state.row[left:]
        state.row[:] = 0
        if state.reach:
            state.above = np.empty((width, *state.row.shape[1:-1], self.own["b"].size), rows.dtype)
            backend.ops().conv_above(rows, state.K_above, self.own["b"], state.above)

    def keep(self, x_q, state, q):
        """Puts the pixel x_q (B, in) in column q without computing: mask A did not ask for it."""
        state.row[state.left + q] = x_q

    def step(self, x_q, state, q, group):
        if state.left or state.reach:
            self.keep(x_q, state, q)
        if state.left:
            seen = state.row[q : q + state.left + 1].transpose(1, 0, 2)
            x_q = seen.reshape(len(x_q), -1)
        y = x_q @ state.K_row
        y += state.above[q]
        return y

    def write_rows(self, p, given=None):
        """What `begin` and `begin_row` do; returns (row, above), maps of a row, for `write_pixel`.

        row: this row's inputs, after `left` empty places; above: None without rows above. given,
        the map of a row's features, is for the subclass that has them (§3.6).
        """
        reach, left = self.mask.shape[0] // 2, self.mask.shape[1] // 2
        K, W = self.own["K"] * self.mask, p.width
        I, O = K.shape[2:]
        row, wide = p.map(left + W, I), W + 2 * left
        if not reach:
            return row, None
        rows, above = p.map(reach * wide, I), p.map(W, O)
        for i in range(1, reach):
            p.later.copy(rows.at((i - 1) * wide), rows.at(i * wide), wide)
        p.later.copy(rows.at((reach - 1) * wide + left), row.at(left), W)
        taps = [i * wide + v for i in range(reach) for v in range(wide - W + 1)]
        p.row.product(above.at(), rows.at(), K[:reach], self.own["b"], taps=taps, places=W)
        return row, above

    def write_pixel(self, p, rows, y, relu=False):
        """Writes `step` to the place y; the input is in column `left` of the row."""
        row, above = rows
        reach, left = self.mask.shape[0] // 2, self.mask.shape[1] // 2
        K = (self.own["K"] * self.mask)[reach, : left + 1]
        start = {"bias": self.own["b"]} if above is None else {"plus": above.here()}
        p.pixel.product(y, row.here(), K, relu=relu, taps=range(left + 1), **start)
