"""Checks of notebook 07, residual and skip connections."""

import numpy as np

from .checking import Wrong, exercise, same


@exercise("7.1")
def ways(answer):
    for residual, skip in [(False, False), (True, False), (False, True), (True, True)]:
        for L in (0, 1, 2, 5, 12):
            wanted = 1
            for _ in range(L):
                wanted = wanted * (2 if residual else 1) + skip
            got, what = answer(L, residual, skip), f"ways({L}, {residual}, {skip})"
            if L == 0 and np.ndim(got) == 0 and got != wanted:
                raise Wrong(f"{what} gives {got}; without blocks x_1 is z.")
            same(what, got, wanted)


@exercise("7.2")
def block_back(answer):
    rng = np.random.default_rng(0)
    for n, h in [(4, 3), (1, 2), (7, 1)]:
        dy, ds = rng.standard_normal((2, n, 2 * h))
        U, S = rng.standard_normal((h, 2 * h)), rng.standard_normal((2 * h, 2 * h))
        J = rng.standard_normal((h, 2 * h))
        kept = dy.copy(), ds.copy()
        got = answer(dy, ds, U, S, lambda da, J=J: da @ J)
        if not (np.array_equal(dy, kept[0]) and np.array_equal(ds, kept[1])):
            raise Wrong("It changed the arrays that it was given.")
        d = dy + ds @ S.T
        if np.shape(got) == d.shape:
            if np.allclose(got, d @ U.T @ J + dy):
                raise Wrong("The skip's gradient reaches x through the LSTM, but not past it.")
            if np.allclose(got, dy @ U.T @ J + d):
                raise Wrong("The skip's gradient reaches x past the LSTM, but not through it.")
            if np.allclose(got, d @ U.T @ J):
                raise Wrong("Nothing comes back past the LSTM: x enters y directly, too.")
        same(f"With n = {n} and h = {h} dx", got, d @ U.T @ J + d)


@exercise("7.3")
def spread(answer):
    for L, s, v, g in [(0, 2.0, 1.0, 1.0), (1, 1.0, 1.0, 1.0), (12, 0.5, 0.25, 1.0),
                       (16, 1.0, 2.0, 0.25), (9, 0.0, 1.0, 0.5)]:  # fmt: skip
        got, what = answer(L, s, v, g), f"spread({L}, {s}, {v}, {g})"
        wanted = np.sqrt(s**2 + L * (g * v) ** 2)
        number = np.ndim(got) == 0 and isinstance(got, (int, float, np.number))
        if number and not np.isclose(got, wanted):
            if np.isclose(got, s + L * g * v):
                raise Wrong(f"{what} gives {got:.6g}: deviations do not add up, variances do.")
            if np.isclose(got, wanted**2):
                raise Wrong(f"{what} gives {got:.6g}, which is a variance.")
        same(what, got, wanted)
