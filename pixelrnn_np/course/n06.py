"""Checks of notebook 06, the Diagonal BiLSTM."""

from itertools import permutations

import numpy as np

from .checking import Wrong, exercise, mistaken, same


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
        if got == {(r, q + 1), (r - 1, q + 1)}:
            raise Wrong(f"{what} has {(r - 1, q + 1)}: in the skewed map rows also stand apart.")
        if got == {(r, q + 1), (r - 1, q - 2)}:
            raise Wrong(f"{what} has {(r - 1, q - 2)}: after the flip both lie to the right.")
        if got == {(b, a) for a, b in from_a_map(r, q)}:
            raise Wrong(f"{what} has pairs (column, row); (row, column) is asked for.")
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
    for H, W, k in [(28, 28, 7), (3, 8, 7), (1, 28, 7), (5, 9, 3), (4, 3, 7), (6, 4, 7), (2, 5, 9)]:
        wanted = sum(
            q + k // 2 < W - 1 for _ in range(1, H) for q in range(W)
        )  # the paper's condition, pixel by pixel
        got, what = answer(H, W, k), f"how_many_miss({H}, {W}, {k})"
        if np.ndim(got) == 0 and got != wanted:
            if got < 0:
                raise Wrong(f"{what} gives {got}: less than none.")
            if H > 1 and k != 7 and got == (H - 1) * max(0, W - 4):
                raise Wrong(f"{what} gives {got}: right for k = 7. How far does this k reach?")
            if H > 1 and got == H * max(0, W - 1 - k // 2):
                raise Wrong(f"{what} gives {got}: it counts the first row, which has none above.")
            if got == (H - 1) * max(0, W - k // 2):
                raise Wrong(f"{what} gives {got}: one column too many in each row.")
            if got == (H - 1) * max(0, W - 2 - k // 2):
                raise Wrong(f"{what} gives {got}: one column too few in each row. Test the last "
                            "column that you leave out.")  # fmt: skip
            if got == (H - 1) * min(W, 1 + k // 2):
                raise Wrong(f"{what} gives {got}: these are the ones that find it.")
            if k < W and got == (H - 1) * (W - k):
                raise Wrong(f"{what} gives {got}: the kernel reaches k // 2 to the right, not k.")
            if H > 1 and got == H - 1 != (H - 1) * (W - 1 - k // 2):
                raise Wrong(f"{what} gives {got}: one in each row; it is every pixel so far left.")
            if H == 1:
                raise Wrong(f"{what} gives {got}; one row has no previous row.")
            if got == max(0, W - 1 - k // 2):
                raise Wrong(f"{what} gives {got}: these are those of one row, of H - 1.")
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
        rolled = here + np.roll(up, -1, axis=0)
        mistakes = {
            "hands the gradient of h0 to the last row, as np.roll does.": rolled,
            "adds the gradient of h_above where it is; row r of h_above was row r - 1.": here + up,
            "is what the tap beside sends; the tap above sends something too.": here,
            "has K[0] and K[1] exchanged; above is K[0], and its gradient moves.":
                up + np.vstack([here[1:], 0 * here[:1]]),
        }  # fmt: skip
        mistaken(f"With H = {H} rows dh", dh, wanted, mistakes)
        same(f"With H = {H} rows dh", dh, wanted)
        if H > 1:
            of_h0 = {
                "adds up all rows; h0 stood above the first row alone.": up.sum(axis=0),
                "is the last row's share; h0 stood above the first row.": up[-1],
                "takes the tap beside; h0 was read by the tap above, K[0].": here[0],
                "takes both taps; in h_above alone did h0 stand.": up[0] + here[0],
                "is zero; the first row of h_above was h0, and it sends something back.": 0 * up[0],
            }
            mistaken(f"With H = {H} rows dh0", dh0, up[0], of_h0)
        same(f"With H = {H} rows dh0", dh0, up[0])


@exercise("6.4")
def finish_row(answer):
    rng = np.random.default_rng(0)
    for W in (5, 1):
        z_is, h_above = rng.standard_normal((W, 12)), rng.standard_normal((W, 3))
        K, h0, c0 = rng.standard_normal((2, 3, 12)), *rng.standard_normal((2, 3))
        what, kept = f"With W = {W} the row", h_above.copy()
        got = answer(z_is.copy(), h_above, K.copy(), h0.copy(), c0.copy())
        if not np.array_equal(h_above, kept):
            raise Wrong("It changed h_above; the states of the row go into an array of their own.")
        zero = np.zeros(3)
        mistakes = {
            "goes from left to right.": row_of(z_is, kept, K, h0, c0, range(W)),
            "is in the order of the scan; column 0 comes first.": row_of(z_is, kept, K, h0, c0)[
                ::-1
            ],
            "has K[0] and K[1] exchanged.": row_of(z_is, kept, K[::-1], h0, c0),
            "begins with zeros beside the last pixel, not with h0 and c0.": row_of(
                z_is, kept, K, zero, zero
            ),
            "starts each pixel from c0; a cell is carried along the row.": row_of(
                z_is, kept, K, h0, c0, carried=False
            ),
            "reads h0 beside every pixel; only the last one has no neighbour there.": row_of(
                z_is, kept, K, h0, c0, handed_on=False
            ),
            "has σ on g; the content gate has tanh.": row_of(
                z_is, kept, K, h0, c0, content=sigmoid
            ),
            "leaves out the tanh of c: h is o times tanh(c).": row_of(
                z_is, kept, K, h0, c0, shown=np.asarray
            ),
        }
        wanted = row_of(z_is, kept, K, h0, c0)
        others = [p for p in permutations("ofig") if p != tuple("ofig")]
        if any(np.array_equal(got, row_of(z_is, kept, K, h0, c0, gates=p)) for p in others):
            raise Wrong(f"{what} cuts z in another order; it is o, f, i, g.")
        if W > 1:
            mistaken(what, got, wanted, mistakes)
        same(what, got, wanted)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def row_of(z_is, h_above, K, h0, c0, columns=None, carried=True, gates="ofig", handed_on=True,
           content=np.tanh, shown=np.tanh):  # fmt: skip
    """States of one row, (W, h), scanned in the order of `columns`; the rest plants mistakes."""
    states, h, c = np.zeros_like(h_above), h0, c0
    for q in reversed(range(len(z_is))) if columns is None else columns:
        z = dict(zip(gates, np.split(z_is[q] + h_above[q] @ K[0] + h @ K[1], 4), strict=True))
        o, f, i = (sigmoid(z[gate]) for gate in "ofi")
        c = f * (c if carried else c0) + i * content(z["g"])
        states[q] = o * shown(c)
        h = states[q] if handed_on else h0
    return states
