"""Checks of notebook 05, the Row LSTM."""

import math

import numpy as np

from .checking import Wrong, exercise, same, same_columns


@exercise("5.1")
def columns_seen(answer):
    for q, d, k, W in [(7, 0, 3, 15), (7, 1, 3, 15), (7, 4, 3, 15), (7, 2, 5, 15), (1, 3, 3, 15),
                       (13, 3, 3, 15), (4, 6, 7, 9)]:  # fmt: skip
        s = k // 2
        wanted = set(range(max(0, q - s * (d + 1)), min(W, q + s * d + 1)))
        got = answer(q, d, k, W)
        what = f"columns_seen({q}, {d}, {k}, {W})"
        same_columns(what, got, wanted, W)


@exercise("5.2")
def one_row_back(answer):
    rng = np.random.default_rng(0)
    for W, k in [(6, 1), (6, 3), (7, 5), (2, 5)]:
        K, dz = rng.standard_normal((k, 2, 8)), rng.standard_normal((W, 8))
        wanted = np.zeros((W, 2))
        for q in range(W):
            for v in range(-(k // 2), k // 2 + 1):
                if 0 <= q + v < W:
                    wanted[q + v] += dz[q] @ K[v + k // 2].T
        kept = K.copy(), dz.copy()
        got = answer(dz, K)
        if not (np.array_equal(K, kept[0]) and np.array_equal(dz, kept[1])):
            raise Wrong("It changed the arrays that it was given.")
        flipped = answer(dz, K[::-1].copy())
        if k > 1 and np.shape(flipped) == wanted.shape and np.allclose(flipped, wanted):
            raise Wrong(
                f"With k = {k} the taps act in the wrong direction: forward reads at q + v."
            )
        same(f"With W = {W} and k = {k} the result", got, wanted)


@exercise("5.3")
def bias_for(answer):
    for rows in (1, 2, 28):
        got = answer(rows)
        f = 0.5 ** (1 / rows)
        same_bias = math.log(f / (1 - f))
        if np.ndim(got) == 0 and isinstance(got, (int, float, np.number)) and math.isfinite(got):
            kept = (1 / (1 + math.exp(-min(max(float(got), -700), 700)))) ** rows
            if abs(kept - 0.5) > 1e-6:
                raise Wrong(f"With bias_for({rows}) = {got:.4g}, {kept:.3g} survives, not a half.")
        else:
            same(f"bias_for({rows})", got, same_bias)
