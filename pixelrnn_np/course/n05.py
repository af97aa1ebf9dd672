"""Checks of notebook 05, the Row LSTM."""

import math

import numpy as np

from ..layers.masks import gate_groups
from .checking import Wrong, exercise, mistaken, same, same_columns


@exercise("5.1")
def columns_seen(answer):
    for q, d, k, W in [(7, 0, 3, 15), (7, 1, 3, 15), (7, 4, 3, 15), (7, 2, 5, 15), (1, 3, 3, 15),
                       (13, 3, 3, 15), (4, 6, 7, 9)]:  # fmt: skip
        s = k // 2
        wanted = set(range(max(0, q - s * (d + 1)), min(W, q + s * d + 1)))
        got = answer(q, d, k, W)
        what = f"columns_seen({q}, {d}, {k}, {W})"
        right = set(range(max(0, q - s * (d + 1)), min(W, q + s * (d + 1) + 1)))
        if got == right != wanted:
            leak = "it comes later, a leak" if d == 0 else "mask B of K_is hides the last step"
            raise Wrong(f"{what} reaches too far to the right, column {max(right)}: {leak}.")
        if got == set(range(max(0, q - s * d), min(W, q + s * d + 1))) != wanted:
            raise Wrong(f"{what} is what K_ss reads; K_is has not been read yet.")
        same_columns(what, got, wanted, W)


def _one_row(dz, K, middle):
    """What arrives at the row above: tap v sends to column q + v, with v = 0 at K[middle]."""
    (W, _), reach = dz.shape, len(K) // 2
    dh = np.zeros((W, K.shape[1]))
    for q in range(W):
        for v in range(-reach, reach + 1):
            if 0 <= q + v < W:
                dh[q + v] += dz[q] @ K[v + middle].T
    return dh


@exercise("5.2")
def one_row_back(answer):
    rng = np.random.default_rng(0)
    for W, k in [(6, 1), (6, 3), (7, 5), (2, 5)]:
        K, dz = rng.standard_normal((k, 2, 8)), rng.standard_normal((W, 8))
        wanted = _one_row(dz, K, k // 2)
        kept = K.copy(), dz.copy()
        got = answer(dz, K)
        if not (np.array_equal(K, kept[0]) and np.array_equal(dz, kept[1])):
            raise Wrong("It changed the arrays that it was given.")
        flipped = answer(dz, K[::-1].copy())
        if k > 1 and np.shape(flipped) == wanted.shape and np.allclose(flipped, wanted):
            raise Wrong(
                f"With k = {k} the taps act in the wrong direction: forward reads at q + v."
            )
        what, s = f"With W = {W} and k = {k} the result", k // 2
        rolled = sum(np.roll(dz @ K[v + s].T, v, axis=0) for v in range(-s, s + 1))
        other_way = sum(np.roll(dz @ K[v + s].T, -v, axis=0) for v in range(-s, s + 1))
        unmoved = sum(dz @ K[v + s].T for v in range(-s, s + 1))
        mistakes = {
            "lets what leaves the image on one side come in on the other, as np.roll does.": rolled,
            "has not moved the shares: tap v read column q + v.": unmoved,
            "goes round the edges, and the wrong way: forward reads at q + v.": other_way,
            "is what the middle tap sends back; the others send something too.": dz @ K[s].T,
            "takes K[v] for tap v; in the array it stands at v + k // 2.": _one_row(dz, K, 0),
        }
        mistaken(what, got, wanted, mistakes)
        same(what, got, wanted)


@exercise("5.3")
def bias_for(answer):
    for rows in (1, 2, 28):
        got = answer(rows)
        f = 0.5 ** (1 / rows)
        same_bias = math.log(f / (1 - f))
        if np.ndim(got) == 0 and isinstance(got, (int, float, np.number)) and math.isfinite(got):
            kept = (1 / (1 + math.exp(-min(max(float(got), -700), 700)))) ** rows
            if abs(got - f) < 1e-9:
                raise Wrong(f"bias_for({rows}) is the gate f itself; which β has σ(β) = f?")
            if abs(got + same_bias) < 1e-9 and rows > 1:
                raise Wrong(
                    f"bias_for({rows}) has the wrong sign: a gate that keeps more than a half has "
                    "a β above 0."
                )
            if abs(got - math.log(0.5**rows / (1 - 0.5**rows))) < 1e-9 and rows > 1:
                raise Wrong(
                    f"bias_for({rows}) takes 0.5 to the power of the rows: that is what a gate of "
                    "a half leaves. Which gate leaves a half?"
                )
            if abs(got - math.log((1 - 0.5 / rows) / (0.5 / rows))) < 1e-9 and rows > 1:
                raise Wrong(f"bias_for({rows}) loses 0.5/{rows} per row; losses multiply, not add.")
            if abs(kept - 0.5) > 1e-6:
                raise Wrong(f"With bias_for({rows}) = {got:.4g}, {kept:.3g} survives, not a half.")
        else:
            same(f"bias_for({rows})", got, same_bias)


@exercise("5.4")
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
        turns = "lets colours take turns; those of feature_groups stand side by side in each gate."
        mistaken(what, got, wanted, {turns: np.tile(np.arange(h) % C, 4)})
        same(what, got, wanted)
