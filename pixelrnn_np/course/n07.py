"""Checks of notebook 07, residual and skip connections."""

import numpy as np

from .checking import Wrong, exercise, mistaken, same


@exercise("7.1")
def ways(answer):
    for residual, skip in [(False, False), (True, False), (False, True), (True, True)]:
        for L in (0, 1, 2, 5, 12):
            wanted = 1
            for _ in range(L):
                wanted = wanted * (2 if residual else 1) + skip
            got, what = answer(L, residual, skip), f"ways({L}, {residual}, {skip})"
            if L == 0 and np.ndim(got) == 0 and got != wanted:
                raise Wrong(f"{what} gives {got}; without blocks x_1 is what the head reads.")
            mistaken(what, got, wanted, {
                "lets a skip go on to the next block; it ends at the head.":
                    (1 + residual + skip) ** L,
                "counts each skip once; how many ways lead to its block?":
                    (2**L if residual else 1) + L * skip,
                "has the ways without skips only; a skip ends a way at each block.":
                    2**L if residual else 1,
            })  # fmt: skip
            same(what, got, wanted)


@exercise("7.2")
def block_back(answer):
    rng = np.random.default_rng(0)
    for n, h in [(4, 3), (1, 2), (7, 1)]:
        dy, dskip = rng.standard_normal((2, n, 2 * h))
        K_up, K_skip = rng.standard_normal((h, 2 * h)), rng.standard_normal((2 * h, 2 * h))
        J = rng.standard_normal((h, 2 * h))
        kept = dy.copy(), dskip.copy()
        got = answer(dy, dskip, K_up, K_skip, lambda da, J=J: da @ J)
        if not (np.array_equal(dy, kept[0]) and np.array_equal(dskip, kept[1])):
            raise Wrong("It changed the arrays that it was given.")

        def back(d, J=J, K_up=K_up):
            return d @ K_up.T @ J

        d, turned = dy + dskip @ K_skip.T, dy + dskip @ K_skip
        what, wanted = f"With n = {n} and h = {h} dx", back(d) + d
        mistaken(what, got, wanted, {
            "has K_skip where its transpose belongs. It is square, so NumPy does not object; but a "
            "gradient goes back through the transpose.": back(turned) + turned,
            "lets the skip's gradient through the LSTM, but not past it.": back(d) + dy,
            "lets the skip's gradient past the LSTM, but not through it.": back(dy) + d,
            "lets dy go through the LSTM, but not past it.": back(d) + d - dy,
            "lets the skip's gradient past K_skip as it is; y came to the skip through K_skip.":
                back(dy + dskip) + dy + dskip,
            "lets the skip's gradient past K_skip as it is into the LSTM, and not past it.":
                back(dy + dskip) + dy,
            "has nothing that comes back past the LSTM: x enters y directly, too.": back(d),
            "knows nothing of the skip: dskip comes back to y as well.": back(dy) + dy,
        })  # fmt: skip
        same(what, got, wanted)


@exercise("7.3")
def spread(answer):
    for L, first, added, factor in [(12, 0.5, 0.25, 1.0), (16, 1.0, 2.0, 0.25), (1, 1.0, 1.0, 1.0),
                                    (9, 0.0, 1.0, 0.5), (0, 2.0, 1.0, 1.0)]:  # fmt: skip
        got = answer(L, first, added, factor)
        what = f"spread({L}, {first}, {added}, {factor})"
        wanted = np.sqrt(first**2 + L * (factor * added) ** 2)
        mistaken(what, got, wanted, {
            "adds up deviations; of independent numbers, variances add up.":
                first + L * factor * added,
            "adds what all blocks add, a deviation, to that of x_1; add their variances.":
                first + np.sqrt(L) * factor * added,
            "has deviations under the root; the squares of deviations add up.":
                np.sqrt(first + L * factor * added),
            "is a variance; the deviation is its root.": wanted**2,
            "has the factor where its square belongs: it is a part of what is added.":
                np.sqrt(first**2 + L * factor * added**2),
            "has L squared; there are L variances, each counted once.":
                np.sqrt(first**2 + (L * factor * added) ** 2),
            "leaves out x_1, which is the first of the summands.":
                np.sqrt(L) * factor * added,
            "has x_1 in the sum L times; it is there once.":
                np.sqrt(L * (first**2 + (factor * added) ** 2)),
        })  # fmt: skip
        same(what, got, wanted)
