"""Checks of notebook 03, masked convolution."""

import numpy as np

from ..layers.masks import conv_mask, feature_groups, gate_groups
from .checking import Wrong, exercise, same


@exercise("3.1")
def living_weights(answer):
    for kind, k, m in [("A", 1, 3), ("B", 1, 3), ("A", 3, 3), ("B", 3, 6), ("A", 7, 6)]:
        groups = feature_groups(m, 3)
        wanted = int(conv_mask(kind, k, k, groups, groups).sum())
        what, got = f"living_weights({kind!r}, {k}, {m})", answer(kind, k, m)
        if k == 1 and np.ndim(got) == 0 and got != wanted:
            raise Wrong(f"{what} gives {got}: look at the middle of mask {kind} again.")
        same(what, got, wanted)


@exercise("3.2")
def gate_colours(answer):
    for h, C in [(6, 1), (3, 3), (6, 3), (8, 3), (16, 3)]:
        got, wanted = answer(h, C), gate_groups(h, C)
        what = f"gate_colours({h}, {C})"
        if np.shape(got) != wanted.shape:
            raise Wrong(f"{what} has shape {np.shape(got)}; it should have {wanted.shape}.")
        gates = np.asarray(got).reshape(4, h)
        if (gates != gates[0]).any():
            k = int(np.argmax((gates != gates[0]).any(axis=0)))
            raise Wrong(
                f"In {what}, feature {k} has the colours {gates[:, k].tolist()} in the gates "
                "o, f, i, g. They are multiplied with each other: one colour would leak."
            )
        same(what, got, wanted)


@exercise("3.3")
def input_gradient(answer):
    rng = np.random.default_rng(0)
    for H, W, rows, cols in [(4, 5, 1, 1), (4, 5, 3, 3), (5, 4, 5, 3), (2, 3, 5, 7)]:
        K, dy = rng.standard_normal((rows, cols, 2, 3)), rng.standard_normal((H, W, 3))
        wanted, what = correct(dy, K), f"For a {rows}×{cols} kernel on {H}×{W} pixels dx"
        got = answer(dy.copy(), K.copy())
        flipped = correct(dy, K[::-1, ::-1])
        if rows * cols > 1 and np.shape(got) == wanted.shape and np.allclose(got, flipped):
            raise Wrong("The taps act in the wrong direction: forward reads at p + t.")
        same(what, got, wanted)


def correct(dy, K):
    H, W, _ = dy.shape
    r, q = K.shape[0] // 2, K.shape[1] // 2
    wide = np.zeros((H + 2 * r, W + 2 * q, K.shape[2]))
    for a, b in np.ndindex(K.shape[:2]):
        wide[a : a + H, b : b + W] += dy @ K[a, b].T
    return wide[r : r + H, q : q + W]
