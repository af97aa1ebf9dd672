"""§3.4 Masked convolution of any odd kernel size; a 1×1 convolution is its smallest case.

The paper sets masked weights to zero after each update. Here the mask multiplies the weights in
forward and their gradient in backward, which is equivalent, and whole taps that are masked are
never touched.
"""

from types import SimpleNamespace

import numpy as np

from .. import backend
from .base import Layer, uniform
from .masks import conv_mask


class MaskedConv(Layer):
    """y[r,c] = b + Σ_(u,v) x[r+u, c+v] · (K ⊙ M)[u,v], with zeros outside the image.

    x: (B, H, W, in) → y: (B, H, W, out). Parameters K: (rows, cols, in, out), b: (out,).

    mask: "A" or "B"; rows, cols: odd kernel size; groups_in, groups_out: the colour of every
    feature (see masks.py); rng: numpy Generator; relu_before: whether a ReLU precedes (gain √2).
    Raises ValueError for an even size or another mask.

    Backward. With W = K ⊙ M, and t = (u, v) running over the taps:
        db    = Σ_p dy[p]
        dW[t] = Σ_p x[p+t]ᵀ dy[p]         each pixel p in which tap t read x
        dx[q] = Σ_t dy[q-t] W[t]ᵀ         each output that read x[q]
        dK    = dW ⊙ M                    since W = K ⊙ M elementwise
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
        dtype="float32",
    ):
        self.kind = mask
        self.mask = conv_mask(mask, rows, cols, groups_in, groups_out)
        active = np.argwhere(self.mask.any(axis=(2, 3)))
        self._taps = tuple(active.T)
        self._offsets = np.ascontiguousarray(active - [rows // 2, cols // 2])
        self._tap_mask = self.mask[self._taps]
        fan_in = self.mask.sum(axis=(0, 1, 2))
        K = uniform(rng, self.mask.shape, fan_in, np.sqrt(2) if relu_before else 1, dtype)
        super().__init__({"K": K, "b": np.zeros(len(groups_out), dtype)})

    def forward(self, x):
        ops = backend.ops()
        W = self._own["K"][self._taps] * self._tap_mask
        y = backend.empty((*x.shape[:3], W.shape[2]), x.dtype)
        ops.conv_forward(x, W, self._offsets, self._own["b"], y)
        return y, (ops, x, W)

    def backward(self, dy, cache, need_dx=True):
        """dy: (B, H, W, out) → dx: (B, H, W, in), None where need_dx is False; {"K", "b"}."""
        ops, x, W = cache
        dx = backend.empty(x.shape if need_dx else (0, *x.shape[1:]), x.dtype)
        dW, db = backend.empty(W.shape, W.dtype), np.empty_like(self._own["b"])
        ops.conv_backward(dy, x, W, self._offsets, dx, dW, db)
        dK = np.zeros_like(self._own["K"])
        dK[self._taps] = dW * self._tap_mask
        return (dx if need_dx else None), {"K": dK, "b": db}

    def begin(self, batch, width):
        """Keeps the rows above that the kernel reaches, and the current row's inputs so far."""
        rows, cols = self.mask.shape[0] // 2, self.mask.shape[1] // 2
        K = self._own["K"] * self.mask
        I, O = K.shape[2:]
        return SimpleNamespace(
            K_above=K[:rows],
            # The taps left of the centre and the centre: one product for the current row.
            K_row=np.ascontiguousarray(K[rows, : cols + 1].reshape(-1, O)),
            left=cols,
            rows=np.zeros((rows, batch, width + 2 * cols, I), K.dtype),
            row=np.zeros((batch, width + cols, I), K.dtype),
            above=np.broadcast_to(self._own["b"], (batch, width, O)),
        )

    def begin_row(self, state, r):
        rows, left = state.rows, state.left
        if not len(rows):
            state.row[:] = 0
            return
        width = state.row.shape[1] - left
        if r > 0:
            rows[:-1] = rows[1:]
            rows[-1, :, left : left + width] = state.row[:, left:]
        state.row[:] = 0
        above = np.tile(self._own["b"], (*state.row.shape[:1], width, 1))
        for u, v in np.ndindex(state.K_above.shape[:2]):
            if r + u >= len(rows):
                above += rows[u, :, v : v + width] @ state.K_above[u, v]
        state.above = above

    def keep(self, x_c, state, c):
        """Puts the pixel x_c (B, in) in column c without computing: mask A did not ask for it."""
        state.row[:, state.left + c] = x_c

    def step(self, x_c, state, c, group):
        if state.left == 0:
            return x_c @ state.K_row + state.above[:, c]
        self.keep(x_c, state, c)
        seen = state.row[:, c : c + state.left + 1]
        return seen.reshape(len(seen), -1) @ state.K_row + state.above[:, c]
