"""§3.2 One direction of the Diagonal BiLSTM, pixel by pixel, without any skew.

    z[r,q] = b + x[r,q] K_is + h[r-1,q] K_ss[0] + h[r,q-1] K_ss[1]
Both neighbours' h enter, only the horizontal neighbour's c is carried. With `reverse` the
horizontal neighbour is the one to the right, q+1, and columns go from right to left.
"""

import numpy as np

from .lstm_cell import cell, cell_backward


def skew(x, reverse, y):
    """y[k] = x[:, r, q] of the k-th pixel, diagonal by diagonal, each from its top row down.

    x: (B, H, W, F) → y: (H·W, B, F). With `reverse` the map is flipped before it is skewed.
    a b c / d e f / g h i becomes a, b d, c e g, f h, i; and reversed c, b f, a e i, d h, g.
    """
    for k, (r, q) in enumerate(diagonal_order(x.shape[1], x.shape[2], reverse)):
        y[k] = x[:, r, q]


def unskew(y, reverse, x):
    """The inverse of `skew`, and its adjoint, since skew only moves pixels."""
    for k, (r, q) in enumerate(diagonal_order(x.shape[1], x.shape[2], reverse)):
        x[:, r, q] = y[k]


def diagonal_order(H, W, reverse):
    """Pixels (r, q) in the order of `skew`."""
    for t in range(H + W - 1):
        for r in range(H):
            if 0 <= t - r < W:
                yield r, (W - 1 - (t - r) if reverse else t - r)


def diagonal_lstm_forward(x, K_is, K_ss, b, h0, c0, reverse, shifted, gates, c, h, y):
    """y = h, or, `shifted`, y += h moved down by one row. gates, c and h are for backward.

    c and h, (B, H + 2, W + 2, F), have a frame: every neighbour outside the image is (h0, c0).
    """
    B, H, W, _ = x.shape
    side = 1 if reverse else -1  # where the horizontal neighbour lies
    c[...] = c0
    h[...] = h0
    for n in range(B):
        for r in range(H):
            for q in columns(W, reverse):
                above, beside = h[n, r, q + 1], h[n, r + 1, q + 1 + side]
                z = b + x[n, r, q] @ K_is + above @ K_ss[0] + beside @ K_ss[1]
                gates[n, r, q], c[n, r + 1, q + 1], h[n, r + 1, q + 1] = cell(
                    z, c[n, r + 1, q + 1 + side]
                )
    inner = h[:, 1:-1, 1:-1]
    if shifted:
        y[:, 1:] += inner[:, :-1]
    else:
        y[...] = inner


def diagonal_lstm_backward(dy, x, K_is, K_ss, reverse, shifted, gates, c, h, dx, dK_is, dK_ss, db,
                           dh0, dc0):  # fmt: skip
    """The pixels in the opposite order; each gradient goes back to where its value came from.

    dx is added to. What reaches the frame of dh and dc is the gradient of h0 and c0.
    """
    B, H, W, _ = x.shape
    side = 1 if reverse else -1
    dh, dc = np.zeros_like(h), np.zeros_like(c)
    if shifted:
        dh[:, 1:-2, 1:-1] = dy[:, 1:]
    else:
        dh[:, 1:-1, 1:-1] = dy
    dK_is[...] = 0
    dK_ss[...] = 0
    db[...] = 0
    for n in range(B):
        for r in range(H - 1, -1, -1):
            for q in columns(W, not reverse):
                here, above, beside = (r + 1, q + 1), (r, q + 1), (r + 1, q + 1 + side)
                d, dc_before = cell_backward(
                    gates[n, r, q], c[n][here], c[n][beside], dh[n][here], dc[n][here]
                )
                db += d
                dK_is += np.outer(x[n, r, q], d)
                dK_ss[0] += np.outer(h[n][above], d)
                dK_ss[1] += np.outer(h[n][beside], d)
                dx[n, r, q] += K_is @ d
                dh[n][above] += K_ss[0] @ d
                dh[n][beside] += K_ss[1] @ d
                dc[n][beside] += dc_before
    dh[:, 1:-1, 1:-1] = 0
    dc[:, 1:-1, 1:-1] = 0
    dh0[...] = dh.reshape(-1, len(dh0)).sum(axis=0)
    dc0[...] = dc.reshape(-1, len(dc0)).sum(axis=0)


def columns(W, reverse):
    """Columns in the order in which they are read."""
    return range(W - 1, -1, -1) if reverse else range(W)


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
