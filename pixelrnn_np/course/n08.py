"""Checks of notebook 08, multi-scale images."""

import numpy as np

from .checking import Wrong, exercise, same, same_places


@exercise("8.1")
def rows_read(answer):
    for R, f, height in [(4, 2, 8), (5, 2, 8), (0, 2, 8), (15, 2, 8), (6, 4, 5), (5, 4, 5),
                         (17, 4, 5), (19, 4, 5), (1, 4, 5), (0, 2, 1)]:  # fmt: skip
        wanted = {r for r in range(height) if 0 <= R - (f * r - f // 2) < 2 * f}
        got, what = answer(R, f, height), f"rows_read({R}, {f}, {height})"
        reached = "rows whose stamps do not reach it", "rows whose stamps reach it"
        same_places(what, got, wanted, height, ("rows", "rows that do not exist", *reached))


@exercise("8.2")
def small_gradient(answer):
    rng = np.random.default_rng(0)
    for height, width, f, C, F in [(3, 4, 2, 2, 3), (1, 1, 2, 1, 1), (2, 3, 4, 3, 2)]:
        dy, K = (
            rng.standard_normal((f * height, f * width, F)),
            rng.standard_normal((2 * f, 2 * f, C, F)),
        )
        wanted = collected(dy, K, height, width, f // 2)
        got = answer(dy.copy(), K.copy())
        what = f"With f = {f} and a small image of {height}×{width} dx"
        if np.shape(got) == wanted.shape and not np.allclose(got, wanted):
            if np.allclose(got, collected(dy, K, height, width, 0)):
                raise Wrong(f"{what} is moved: a stamp begins f/2 before its pixel.")
            if np.allclose(got, collected(dy, K[::-1, ::-1], height, width, f // 2)):
                raise Wrong(f"{what} has the taps in the wrong order: nothing is flipped here.")
        same(what, got, wanted)


def collected(dy, K, height, width, before):
    dx, f = np.zeros((height, width, K.shape[2])), len(K) // 2
    for r, q, u, v in np.ndindex(height, width, 2 * f, 2 * f):
        R, Q = f * r + u - before, f * q + v - before
        if 0 <= R < dy.shape[0] and 0 <= Q < dy.shape[1]:
            dx[r, q] += K[u, v] @ dy[R, Q]
    return dx


@exercise("8.3")
def true_nats(answer):
    rng = np.random.default_rng(0)
    for S, N, size in [(2, 5, 3.0), (1, 3, 3.0), (6, 4, 3.0), (4, 3, 4000.0)]:
        small = -np.log(rng.dirichlet(np.ones(S)))
        large = size + 2 * rng.random((S, N))
        pairs = small[:, None] + large
        wanted = -np.logaddexp.reduce(-pairs, axis=0)
        with np.errstate(all="ignore"):
            got = answer(small.copy(), large.copy())
        what = f"With S = {S} small images and nats around {size:.0f} the result"
        if np.shape(got) == wanted.shape and not np.allclose(got, wanted):
            if not np.isfinite(got).all():
                raise Wrong(f"{what} is not finite: exp(-{size:.0f}) is 0 for a computer.")
            if np.allclose(got, wanted + np.log(S)):
                raise Wrong(f"{what} is that of the mean over small images, not of their sum.")
            if np.allclose(got, -np.logaddexp.reduce(-large, axis=0)):
                raise Wrong(f"{what} leaves out how probable each small image is.")
            if np.allclose(got, pairs.min(axis=0)):
                raise Wrong(f"{what} counts the most probable small image only.")
        same(what, got, wanted)
