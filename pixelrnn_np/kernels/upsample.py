"""§3.6 Transposed convolution: the image has 1 or 3 channels, so plain loops over features do.

The readable twin is reference/upsample.py.
"""

from .jit import inlined, kernel


@inlined
def fill(y, b):
    """y (H, W, F) = b (F,). As `y[:] = b` it would take Numba three seconds to compile."""
    for r in range(y.shape[0]):
        for q in range(y.shape[1]):
            for o in range(y.shape[2]):
                y[r, q, o] = b[o]


@kernel
def upsample_forward(x, K, b, factor, y):
    B, h, w, C = x.shape
    H, W, F = y.shape[1:]
    for n in range(B):
        fill(y[n], b)
        for r in range(h):
            for u in range(2 * factor):
                R = factor * r + u - factor // 2
                if 0 <= R < H:
                    for q in range(w):
                        for v in range(2 * factor):
                            Q = factor * q + v - factor // 2
                            if 0 <= Q < W:
                                for i in range(C):
                                    for o in range(F):
                                        y[n, R, Q, o] += x[n, r, q, i] * K[u, v, i, o]


@kernel
def upsample_backward(dy, x, K, factor, dx, dK, db):
    B, h, w, C = x.shape
    H, W, F = dy.shape[1:]
    dx[:] = 0
    dK[:] = 0
    db[:] = 0
    for n in range(B):
        for R in range(H):
            for Q in range(W):
                for o in range(F):
                    db[o] += dy[n, R, Q, o]
        for r in range(h):
            for u in range(2 * factor):
                R = factor * r + u - factor // 2
                if 0 <= R < H:
                    for q in range(w):
                        for v in range(2 * factor):
                            Q = factor * q + v - factor // 2
                            if 0 <= Q < W:
                                for i in range(C):
                                    total = x[n, r, q, i] * 0
                                    for o in range(F):
                                        total += K[u, v, i, o] * dy[n, R, Q, o]
                                        dK[u, v, i, o] += x[n, r, q, i] * dy[n, R, Q, o]
                                    dx[n, r, q, i] += total
