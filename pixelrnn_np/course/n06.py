"""Checks of notebook 06, the Diagonal BiLSTM."""

import numpy as np

from .checking import Wrong, exercise, same


@exercise("6.1")
def wrong_order_reads(answer):
    for r, q in [(3, 2), (5, 1), (1, 4)]:
        got, what = answer(r, q), f"wrong_order_reads({r}, {q})"
        try:
            got = {(int(a), int(b)) for a, b in got}
        except (TypeError, ValueError):
            raise Wrong(f"{what} gives {got!r}; return a set of two pairs.") from None
        if got == {(r, q + 1), (r - 1, q)}:
            raise Wrong(f"{what} gives what the right order reads, to the right and above.")
        if got == {(r, q - 1), (r - 1, q)}:
            raise Wrong(f"{what} gives what the left-to-right scan reads.")
        if len(got) != 2:
            raise Wrong(f"{what} gives {len(got)} pixels; there are two taps.")
        off = sorted(got - from_a_map(r, q))
        if off:
            raise Wrong(f"{what} has {off[0]}, which is not read.")


def from_a_map(r, q, n=9):
    """Looked up: a map of pixels' numbers, skewed, then flipped."""
    skewed = np.full((n, 2 * n - 1), -1)
    for row in range(n):
        skewed[row, row : row + n] = row * n + np.arange(n)
    flipped = skewed[:, ::-1]
    _, t = (int(k) for k in np.argwhere(flipped == r * n + q)[0])
    return {divmod(int(flipped[row, t - 1]), n) for row in (r, r - 1)}


@exercise("6.2")
def how_many_miss(answer):
    for H, W, k in [(3, 8, 7), (28, 28, 7), (1, 28, 7), (5, 9, 3), (4, 3, 7), (6, 4, 7), (2, 5, 9)]:
        wanted = sum(
            q + k // 2 < W - 1 for _ in range(1, H) for q in range(W)
        )  # the paper's condition, pixel by pixel
        got, what = answer(H, W, k), f"how_many_miss({H}, {W}, {k})"
        if np.ndim(got) == 0 and got != wanted:
            if got < 0:
                raise Wrong(f"{what} gives {got}: less than none.")
            if H == 1:
                raise Wrong(f"{what} gives {got}; one row has no previous row.")
        same(what, got, wanted)


@exercise("6.3")
def one_diagonal_back(answer):
    rng = np.random.default_rng(0)
    for H in (5, 2, 1):
        K, dz = rng.standard_normal((2, 3, 12)), rng.standard_normal((H, 12))
        got = answer(dz.copy(), K.copy())
        if not isinstance(got, (tuple, list)) or len(got) != 2:
            raise Wrong("Return two arrays, dh and dh0.")
        dh, dh0 = got
        up, here = dz @ K[0].T, dz @ K[1].T
        wanted = here.copy()
        wanted[:-1] += up[1:]
        below = here.copy()
        below[1:] += up[:-1]
        if H > 1 and np.shape(dh) == wanted.shape and np.allclose(dh, below):
            raise Wrong("Forward, row r reads row r - 1. Your gradient goes to row r + 1.")
        same(f"With H = {H} rows dh", dh, wanted)
        same(f"With H = {H} rows dh0", dh0, up[0])
