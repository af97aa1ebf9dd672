"""Checks of notebook 03, masked convolution."""

import numpy as np

from ..layers.masks import conv_mask, feature_groups
from .checking import Wrong, exercise, mistaken, same


@exercise("3.1")
def living_weights(answer):
    cases = [("A", 1, 3), ("B", 1, 3), ("A", 3, 3), ("B", 3, 6), ("A", 7, 6)]
    wanted = []
    for kind, k, m in cases:
        groups = feature_groups(m, 3)
        wanted.append(int(conv_mask(kind, k, k, groups, groups).sum()))
    got = [answer(*case) for case in cases]
    B, k, m = np.array([(kind == "B", k, m) for kind, k, m in cases]).T
    earlier = (k * k - 1) // 2
    mistakes = {
        "treats the middle as with one colour, all or nothing.": (earlier + B) * m * m,
        "lets half of everything live; look at the middle.": k * k * m * m // 2,
        "leaves out the middle, where some pairs of colours live.": earlier * m * m,
        "counts pairs of colours in the middle; each pair has (m/3)² weights.":
            earlier * m * m + np.where(B, 6, 3),
        "counts the later taps too; the mask hides these.":
            2 * earlier * m * m + np.where(B, 6, 3) * m * m // 9,
        "counts taps; each of them has m² weights.": earlier + B,
    }  # fmt: skip
    if all(np.ndim(g) == 0 for g in got):
        mistaken("It", got, wanted, mistakes)
    for (kind, k, m), g, w in zip(cases, got, wanted, strict=True):
        what = f"living_weights({kind!r}, {k}, {m})"
        if k == 1 and np.ndim(g) == 0 and g != w:
            raise Wrong(f"{what} gives {g}: look at the middle of mask {kind} again.")
        same(what, g, w)


@exercise("3.2")
def stack_table(answer):
    tables = {"A": np.tri(3, k=-1), "B": np.tri(3)}
    for kinds in ("A", "B", "AB", "ABBB", "BBB", "BA", "AA", "AAB", "AAA"):
        product = np.eye(3)
        for kind in kinds:
            product = tables[kind] @ product
        wanted, got, what = (product > 0).astype(float), answer(kinds), f"stack_table({kinds!r})"
        mistakes = {
            "has rows and columns swapped: a row is an output.": wanted.T,
            "counts the ways from input to output; whether there is one is asked for.": product,
            "is what a single layer may do; a way needs one step in every layer.":
                sum(tables[k] for k in kinds) > 0,
            "keeps what each layer lets through by itself; a way may change its colour in between.":
                np.prod([tables[k] for k in kinds], axis=0),
        }  # fmt: skip
        mistaken(what, got, wanted, mistakes)
        same(what, np.asarray(got, float) if np.shape(got) == (3, 3) else got, wanted)


@exercise("3.3")
def input_gradient(answer):
    rng = np.random.default_rng(0)
    for H, W, rows, cols, inputs in [
        (4, 5, 1, 1, 3), (4, 5, 3, 3, 3), (5, 4, 5, 3, 2), (2, 3, 5, 7, 2),
    ]:  # fmt: skip
        K, dy = rng.standard_normal((rows, cols, inputs, 3)), rng.standard_normal((H, W, 3))
        wanted, what = correct(dy, K), f"For a {rows}×{cols} kernel on {H}×{W} pixels dx"
        got = answer(dy.copy(), K.copy())
        if np.shape(got) == (H + rows - 1, W + cols - 1, inputs) != wanted.shape:
            raise Wrong(f"{what} still has its margin; cut out the part that lies on the image.")
        mistakes = {
            "comes from the wrong side of each tap: forward reads at p + t.":
                correct(dy, K[::-1, ::-1]),
            "comes from the wrong row of each tap; its column is right.": correct(dy, K[::-1]),
            "comes from the wrong column of each tap; its row is right.": correct(dy, K[:, ::-1]),
        }  # fmt: skip
        if inputs == 3:
            mistakes["takes K for its transpose: dx = dy Kᵀ."] = correct(dy, K.swapaxes(2, 3))
        wrapped = {
            "goes round the edges: np.roll brings back on the left what leaves on the right.":
                _rolled(dy, K, 1),
            "goes round the edges, and the wrong way: forward reads at p + t.":
                _rolled(dy, K, -1),
        }  # fmt: skip
        unmoved = sum(dy @ K[r, q].T for r, q in np.ndindex(rows, cols))
        mistakes["has not moved the shares: each tap sends to the pixel that it has read."] = (
            unmoved
        )
        if rows * cols > 1:
            mistaken(what, got, wanted, {**mistakes, **wrapped})
        elif inputs == 3:
            mistaken(what, got, wanted, {w: v for w, v in mistakes.items() if "transpose" in w})
        same(what, got, wanted)


def _rolled(dy, K, sign):
    down, right = K.shape[0] // 2, K.shape[1] // 2
    return sum(
        np.roll(dy @ K[r, q].T, (sign * (r - down), sign * (q - right)), (0, 1))
        for r, q in np.ndindex(K.shape[:2])
    )


def correct(dy, K):
    H, W, _ = dy.shape
    down, right = K.shape[0] // 2, K.shape[1] // 2
    wide = np.zeros((H + 2 * down, W + 2 * right, K.shape[2]))
    for r, q in np.ndindex(K.shape[:2]):
        wide[r : r + H, q : q + W] += dy @ K[r, q].T
    return wide[down : down + H, right : right + W]
