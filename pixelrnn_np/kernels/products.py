"""Sums over the rows of a map. All products are those of tiles/multiply.py."""

from .tiles.shared import Numbers, shared


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
