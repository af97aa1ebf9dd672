"""How the products of the Diagonal BiLSTM, which BLAS makes, are cut into blocks of rows.

OpenBLAS multiplies matrices with M·N·K up to 10⁶ by a path of their own, which copies neither
factor to a packed buffer first. On such blocks every shape of these models, 16 to 128 wide, ran at
105 to 117 GFLOP/s on one core whose large square product reached 105; the same products over a
whole map of 3,136 pixels ran at 45 to 80 (AMD EPYC, AVX-512, float32; benchmarks/README.md). So a
block has as many rows as stay below that limit. Wide layers, for which those would be few, take
blocks of 448, where packing is paid back. All other products are those of tiles/multiply.py.
"""

import numpy as np

from .jit import inlined, inner
from .runs import accumulate
from .tiles.shared import Numbers, shared

SMALL_PRODUCT = 10**6
LARGEST = 448


@inlined
def block_rows(K, N):
    """Rows of a block of the products (rows, K) · (K, N) and (rows, K)ᵀ · (rows, N)."""
    rows = SMALL_PRODUCT // max(1, K * N)
    return LARGEST if rows < 64 or rows > LARGEST else rows


@inner
def add_products(a, dy, part, dw, db):
    """dw += aᵀ · dy and db += Σ dy, a block of rows at a time; part: room for one block's dw."""
    rows = block_rows(dw.shape[0], dw.shape[1])
    for i in range(0, a.shape[0], rows):
        dyb = dy[i : i + rows]
        np.dot(a[i : i + rows].T, dyb, part)
        accumulate(dw, 0, part, 0, part.size)
        add_rows(dyb, dyb.shape[0], db.size, db)


@shared
def add_rows(y: Numbers, M: int, N: int, total: Numbers):
    """total (N,) += Σ of the M rows of y, four at a time: each addition waits for the last."""
    four = M // 4 * 4
    for m in range(0, four, 4):
        for j in range(N):
            k = m * N + j
            total[j] += (y[k] + y[k + N]) + (y[k + 2 * N] + y[k + 3 * N])
    for m in range(four, M):
        for j in range(N):
            total[j] += y[m * N + j]
