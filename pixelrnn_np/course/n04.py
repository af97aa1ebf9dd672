"""Checks of notebook 04, the PixelCNN and its blind spot."""

import numpy as np

from .checking import Wrong, exercise, same, same_columns


@exercise("4.1")
def columns_seen(answer):
    for q, d, L, W in [(10, 0, 0, 25), (10, 1, 0, 25), (10, 1, 4, 25), (10, 3, 4, 25),
                       (10, 6, 4, 25), (10, 7, 4, 25), (10, 8, 4, 25), (10, 0, 4, 25),
                       (2, 2, 5, 25), (23, 4, 5, 25)]:  # fmt: skip
        right = q - 1 if d == 0 else q + 3 + min(d - 1, L)
        wanted = set(range(max(0, q - 3 - L), min(W, right + 1))) if d <= 3 + L else set()
        what, got = f"columns_seen({q}, {d}, {L}, {W})", answer(q, d, L, W)
        why = " That row is too far up." if d > 3 + L else ""
        same_columns(what, got, wanted, W, why)


@exercise("4.2")
def leaked(answer):
    for r, q, W in [(0, 0, 2), (0, 0, 8), (2, 5, 8), (3, 4, 8), (5, 7, 8), (4, 1, 6)]:
        last = (r // 2 * 2 + 1) * W + q // 2 * 2 + 1
        wanted, got = max(0, last - (r * W + q)), answer(r, q, W)
        what = f"leaked({r}, {q}, {W})"
        if W > 2 and np.ndim(got) == 0 and got < wanted:
            raise Wrong(f"{what} gives {got}; it sees more than these.")
        if np.ndim(got) == 0 and got > wanted:
            raise Wrong(f"{what} gives {got}; some of these no feature of the block has seen.")
        same(what, got, wanted)


@exercise("4.3")
def relu_behind(answer):
    rng = np.random.default_rng(0)
    for H, W, h, F in [(1, 1, 1, 1), (3, 4, 2, 5), (2, 3, 4, 2)]:
        x, dy = rng.standard_normal((2, H, W, F))
        a, K = rng.standard_normal((H, W, h)), rng.standard_normal((h, F))
        through = dy * (x + a @ K > 0)
        wanted = through, through @ K.T, np.einsum("rqh,rqf->hf", a, through)
        got = answer(*(v.copy() for v in (dy, x, a, K)))
        if not isinstance(got, (tuple, list)) or len(got) != 3:
            raise Wrong("Return three arrays: dx, da, dK.")
        if F > 1 and np.shape(got[0]) == x.shape:
            if np.allclose(got[0], dy):
                raise Wrong("dx is dy, as if there were no ReLU after the sum.")
            if np.allclose(got[0], dy * (x > 0)):
                raise Wrong("dx asks where x is positive; the ReLU's input is another.")
        for name, mine, right in zip(("dx", "da", "dK"), got, wanted, strict=True):
            same(f"With x of shape {x.shape}, {name}", mine, right)
