"""§3.4 Masked convolution, one pixel and one tap at a time."""


def taps(offsets, r, c, H, W):
    """The active taps that fall inside the image at pixel (r, c): (t, row, column)."""
    for t, (dr, dc) in enumerate(offsets):
        if 0 <= r + dr < H and 0 <= c + dc < W:
            yield t, r + dr, c + dc


def conv_forward(x, W, offsets, b, y):
    """y[n,r,c] = b + Σ_t x[n, r+dr_t, c+dc_t] · W[t], zero outside the image."""
    B, H, Wd, _ = x.shape
    for n in range(B):
        for r in range(H):
            for c in range(Wd):
                y[n, r, c] = b
                for t, rr, cc in taps(offsets, r, c, H, Wd):
                    y[n, r, c] += x[n, rr, cc] @ W[t]


def conv_backward(dy, x, W, offsets, dx, dW, db):
    """Each term of the sum above sends its gradient back; an empty `dx` is not wanted."""
    B, H, Wd, _ = x.shape
    dW[...] = 0
    db[...] = 0
    dx[...] = 0
    for n in range(B):
        for r in range(H):
            for c in range(Wd):
                d = dy[n, r, c]
                db += d
                for t, rr, cc in taps(offsets, r, c, H, Wd):
                    dW[t] += x[n, rr, cc][:, None] * d[None, :]
                    if dx.size:
                        dx[n, rr, cc] += W[t] @ d


def conv_above(rows, K, b, above):
    """What the rows above a row give to each of its outputs, for `step`: above (W, B, O).

    rows: (R, W + V - 1, B, I), columns first, zeros beside the image; K: (R, V, I, O).
    """
    R, V = K.shape[:2]
    for column in range(len(above)):
        above[column] = b
        for r in range(R):
            for v in range(V):
                above[column] += rows[r, column + v] @ K[r, v]
