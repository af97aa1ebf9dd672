"""Checks of notebook 10, from loops to kernels."""

import numpy as np

from .checking import Wrong, exercise, mistaken, same


def correct_tap(x, K, dr, dq):
    B, H, W, _ = x.shape
    y = np.zeros((B, H, W, K.shape[1]))
    for r, q in np.ndindex(H, W):
        if 0 <= r + dr < H and 0 <= q + dq < W:
            y[:, r, q] = x[:, r + dr, q + dq] @ K
    return y


@exercise("10.1")
def one_tap(answer):
    rng = np.random.default_rng(0)
    x, K = rng.standard_normal((2, 4, 5, 3)), rng.standard_normal((3, 2))
    for dr, dq in [(0, 0), (-1, 0), (0, -1), (-1, 1), (-1, -2), (-3, 0), (-5, 0), (0, -6)]:
        wanted, kept = correct_tap(x, K, dr, dq), x.copy()
        try:
            got = answer(x, K, dr, dq)
        except ValueError as e:
            if abs(dr) <= x.shape[1] and abs(dq) <= x.shape[2]:
                raise
            raise Wrong(
                f"With the offset ({dr}, {dq}) the slices do not fit ({e}). It is larger than "
                "the image: nothing is left to read there."
            ) from None
        what = f"With the offset ({dr}, {dq}) the result"
        if not np.array_equal(x, kept):
            raise Wrong("It changed x.")
        if np.shape(got) == wanted.shape and not np.allclose(got, wanted):
            if np.allclose(got, correct_tap(x, K, -dr, -dq)):
                raise Wrong(f"With the offset ({dr}, {dq}) the map moves in the wrong direction.")
            if np.allclose(got, correct_tap(x, K, dq, dr)):
                raise Wrong(f"With the offset ({dr}, {dq}) rows move by dq, and columns by dr.")
            if np.allclose(got, np.roll(x @ K, (-dr, -dq), axis=(1, 2))):
                raise Wrong(f"With the offset ({dr}, {dq}) pixels enter again on the other side.")
            rows, columns = np.arange(x.shape[1]) + dr, np.arange(x.shape[2]) + dq
            clipped = rows.clip(0, x.shape[1] - 1), columns.clip(0, x.shape[2] - 1)
            if np.allclose(got, x[:, clipped[0]][:, :, clipped[1]] @ K):
                raise Wrong(f"With the offset ({dr}, {dq}) the border is read again outside.")
        same(what, got, wanted)


@exercise("10.3")
def share_of_padding(answer):
    for H, W in [(2, 10), (3, 3), (28, 28), (10, 2), (1, 7), (7, 1)]:
        what, wanted = f"share_of_padding({H}, {W})", (H - 1) / (H + W - 1)
        got = answer(H, W)
        if H > 1 and np.ndim(got) == 0:
            mistakes = {
                "is the share of the pixels, not of the padding.": W / (H + W - 1),
                "has rows and columns exchanged: a row is as wide as W and all shifts.":
                    (W - 1) / (H + W - 1),
                "counts padding for each pixel; the share is of all positions.": (H - 1) / W,
                "counts one of the two triangles; padding stands left and right.":
                    (H - 1) / 2 / (H + W - 1),
                "is a half, which only large squares come near to.": 0.5,
                "counts one position too many in a row: the last row begins H - 1 further right.":
                    (H - 1) / (H + W),
                "takes a row to be H + W wide; it is one less, and has H - 1 dots.": H / (H + W),
                "counts H dots in a row; row H - 1 moves by H - 1.": H / (H + W - 1),
                "counts positions; it should be between 0 and 1.": H * (H - 1),
            }  # fmt: skip
            mistaken(what, got, wanted, mistakes)
        same(what, got, wanted)


@exercise("10.2")
def one_tanh(answer):
    rng = np.random.default_rng(0)
    for h in (1, 4):
        z = 3 * rng.standard_normal((5, 4 * h))
        half = 3 * h
        with np.errstate(all="ignore"):
            wanted = np.concatenate([1 / (1 + np.exp(-z[:, :half])), np.tanh(z[:, half:])], axis=1)
        got = answer(z.copy())
        if np.shape(got) == wanted.shape:
            off = np.abs(np.asarray(got) - wanted).reshape(5, 4, h).max(axis=(0, 2)) > 1e-9
            z_ofi, gave = z[:, :half], np.asarray(got)[:, :half]
            for wrong, why in [
                (0.5 + 0.5 * np.tanh(z_ofi), "the half inside tanh is missing"),
                (0.5 * np.tanh(0.5 * z_ofi), "the half that is added is missing"),
                (0.5 + np.tanh(0.5 * z_ofi), "the half in front of tanh is missing"),
            ]:
                if np.allclose(gave, wrong):
                    raise Wrong(f"With h = {h}, in o, f and i {why}.")
            if off.any() and not off[3]:
                gates = ", ".join("ofi"[k] for k in range(3) if off[k])
                raise Wrong(f"With h = {h}, g is right and {gates} not.")
            if off[3] and not off[:3].any():
                raise Wrong(f"With h = {h}, o, f and i are right and g is not: it is tanh itself.")
            if off[0] and off[3] and not off[1:3].any():
                raise Wrong(f"With h = {h}, f and i are right, o and g not: g is the last quarter.")
        same(f"With h = {h} the result", got, wanted)
    calls = []
    tanh = np.tanh
    with np.errstate(over="raise", invalid="raise"):
        try:
            answer(np.full((1, 8), -2000.0))
        except FloatingPointError:
            raise Wrong("It overflows at z = -2000: is there still an exp in it?") from None
    np.tanh = lambda *a, **k: calls.append(1) or tanh(*a, **k)
    try:
        answer(np.zeros((2, 8)))
    finally:
        np.tanh = tanh
    if len(calls) != 1:
        raise Wrong(f"It calls np.tanh {len(calls)} times; once is asked for, and enough.")
