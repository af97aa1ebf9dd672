"""How the products that BLAS makes are cut into blocks of rows; tiles/multiply.py makes the others.

OpenBLAS multiplies matrices with M·N·K up to 10⁶ by a path of their own, which copies neither
factor to a packed buffer first. On such blocks every shape of these models, 16 to 128 wide, ran at
105 to 117 GFLOP/s on one core whose large square product reached 105; the same products over a
whole map of 3,136 pixels ran at 45 to 80 (AMD EPYC, AVX-512, float32; benchmarks/README.md). So a
block has as many rows as stay below that limit. Wide layers, for which those would be few, take
blocks of 448, where packing is paid back.
"""

import numpy as np

from .jit import kernel

SMALL_PRODUCT = 10**6
LARGEST = 448


@kernel
def block_rows(K, N):
    """Rows of a block of the products (rows, K) · (K, N) and (rows, K)ᵀ · (rows, N)."""
    rows = SMALL_PRODUCT // max(1, K * N)
    return LARGEST if rows < 64 or rows > LARGEST else rows


@kernel
def multiply(a, w, b, y):
    """y = a · w + b, a block of rows at a time; a: (M, K), w: (K, N), b: (N,), y: (M, N)."""
    rows = block_rows(w.shape[0], w.shape[1])
    for i in range(0, a.shape[0], rows):
        yb = y[i : i + rows]
        np.dot(a[i : i + rows], w, yb)
        add_bias(yb, b)


@kernel
def add_bias(y, b):
    for p in range(y.shape[0]):
        for o in range(b.size):
            y[p, o] += b[o]


@kernel
def add_products(a, dy, part, dw, db):
    """dw += aᵀ · dy and db += Σ dy, a block of rows at a time; part: room for one block's dw."""
    rows = block_rows(dw.shape[0], dw.shape[1])
    for i in range(0, a.shape[0], rows):
        dyb = dy[i : i + rows]
        np.dot(a[i : i + rows].T, dyb, part)
        add(part, dw)
        add_rows(dyb, db)


@kernel
def add(part, total):
    p, t = part.reshape(part.size), total.reshape(part.size)
    for k in range(p.size):
        t[k] += p[k]


@kernel
def add_rows(y, total):
    """total += Σ of the rows of y, four at a time: each addition to `total` waits for the last."""
    M, four = y.shape[0], y.shape[0] // 4 * 4
    for m in range(0, four, 4):
        for o in range(total.size):
            total[o] += (y[m, o] + y[m + 1, o]) + (y[m + 2, o] + y[m + 3, o])
    for m in range(four, M):
        for o in range(total.size):
            total[o] += y[m, o]
