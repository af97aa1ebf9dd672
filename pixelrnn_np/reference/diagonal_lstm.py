"""§3.2 One direction of the Diagonal BiLSTM, pixel by pixel, without any skew.

    z[r,q] = b + x[r,q] K_is + h[r-1,q] K_ss[0] + h[r,q-1] K_ss[1]
Both neighbours' h enter, only the horizontal neighbour's c is carried. With `reverse` the
horizontal neighbour is the one to the right, q+1, and columns go from right to left.
"""

import numpy as np

from .lstm_cell import cell, cell_backward


def skew(x, reverse, y):
    """y[k] = x[:, r, c] of the k-th pixel, diagonal by diagonal, each from its top row down.

    x: (B, H, W, F) → y: (H·W, B, F). With `reverse` the map is flipped before it is skewed.
    a b c / d e f / g h i becomes a, b d, c e g, f h, i; and reversed c, b f, a e i, d h, g.
    """
    for k, (r, c) in enumerate(diagonal_order(*x.shape[1:3], reverse)):
        y[k] = x[:, r, c]


def unskew(y, reverse, x):
    """The inverse of `skew`, and its adjoint, since skew only moves pixels."""
    for k, (r, c) in enumerate(diagonal_order(*x.shape[1:3], reverse)):
        x[:, r, c] = y[k]


def diagonal_order(H, W, reverse):
    """Pixels (r, c) in the order of `skew`."""
    for t in range(H + W - 1):
        for r in range(H):
            if 0 <= t - r < W:
                yield r, (W - 1 - (t - r) if reverse else t - r)


def diagonal_lstm_forward(x, K_is, K_ss, b, h0, c0, reverse, inputs, gates, c, h):
    """Every neighbour outside the image is (h0, c0). inputs, gates and c are for backward."""
    B, H, W, I = x.shape
    F = h.shape[3]
    for n in range(B):
        for r in range(H):
            for q in _columns(W, reverse):
                before = _before(q, W, reverse)
                above = h[n, r - 1, q] if r > 0 else h0
                beside = h0 if before is None else h[n, r, before]
                c_before = c0 if before is None else c[n, r, before]
                inputs[n, r, q, :I] = x[n, r, q]
                inputs[n, r, q, I : I + F] = above
                inputs[n, r, q, I + F :] = beside
                z = b + x[n, r, q] @ K_is + above @ K_ss[0] + beside @ K_ss[1]
                gates[n, r, q], c[n, r, q], h[n, r, q] = cell(z, c_before)


def diagonal_lstm_backward(dh, K_is, K_ss, c0, reverse, inputs, gates, c, dz, dx, dK_is, dK_ss, db,
                           dh0, dc0):  # fmt: skip
    """The pixels in the opposite order; each gradient goes back to where its value came from."""
    B, H, W, I = dx.shape
    F = dh.shape[3]
    dh, dc = dh.copy(), np.zeros_like(c)
    for gradient in (dK_is, dK_ss, db, dh0, dc0):
        gradient[...] = 0
    for n in range(B):
        for r in reversed(range(H)):
            for q in reversed(_columns(W, reverse)):
                before = _before(q, W, reverse)
                c_before = c0 if before is None else c[n, r, before]
                d, dc_before = cell_backward(
                    gates[n, r, q], c[n, r, q], c_before, dh[n, r, q], dc[n, r, q]
                )
                dz[n, r, q] = d
                u = inputs[n, r, q][:, None]
                db += d
                dK_is += u[:I] * d
                dK_ss[0] += u[I : I + F] * d
                dK_ss[1] += u[I + F :] * d
                dx[n, r, q] = K_is @ d
                above = dh[n, r - 1, q] if r > 0 else dh0
                above += K_ss[0] @ d
                beside = dh0 if before is None else dh[n, r, before]
                beside += K_ss[1] @ d
                carry = dc0 if before is None else dc[n, r, before]
                carry += dc_before


def _columns(W, reverse):
    return range(W - 1, -1, -1) if reverse else range(W)


def _before(q, W, reverse):
    """The horizontal neighbour that was computed before column q, or None outside the image."""
    p = q + 1 if reverse else q - 1
    return p if 0 <= p < W else None


def diagonal_row(z, K, h0, c0, h):
    """One finished row from right to left: z (W, B, 4h) holds all but the horizontal neighbour.

    z[q] + h[q+1] K  → h: (W, B, h); the neighbour of the last column is (h0, c0). K is K_ss[1].
    """
    W, B, _ = h.shape
    for n in range(B):
        beside, c = h0, c0
        for q in range(W - 1, -1, -1):
            _, c, h[q, n] = cell(z[q, n] + beside @ K, c)
            beside = h[q, n]
