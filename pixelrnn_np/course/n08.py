"""Checks of notebook 08, multi-scale images."""

import numpy as np

from .checking import Wrong, exercise, mistaken, same, same_places


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
        try:
            got = answer(dy.copy(), K.copy())
        except ValueError as e:
            if C != F and "matmul" in str(e):
                raise Wrong(
                    "The product does not fit: forward a tap of K takes C numbers to F. "
                    "dy has F and dx has C, so it is the tap's transpose."
                ) from None
            raise
        what = f"With f = {f} and a small image of {height}×{width} dx"
        mistaken(what, got, wanted, {
            f"is {why}": value for why, value in mistakes_of_8_2(dy, K, height, width).items()
        })  # fmt: skip
        same(what, got, wanted)


def mistakes_of_8_2(dy, K, height, width):
    f = len(K) // 2

    def found(K=K, before=f // 2, **options):
        return collected(dy, K, height, width, before, **options)

    def only(rows, columns):
        part = np.zeros_like(K)
        part[rows, columns] = K[rows, columns]
        return found(part)

    middle, first = slice(f // 2, f // 2 + f), slice(0, f)
    return {
        "moved: a stamp begins f/2 before its pixel, not at it.": found(before=0),
        "moved: there are f zeros before dy; a stamp begins f/2 before its pixel.": found(before=f),
        "in the wrong order of taps: nothing is flipped here.": found(K[::-1, ::-1]),
        "that of f × f taps; a stamp has 2f × 2f, and stamps overlap.": only(middle, middle),
        "that of the first f × f taps; a stamp has 2f × 2f.": only(first, first),
        "what the last tap alone sends; the taps add up.": only(slice(-1, None), slice(-1, None)),
        "computed with rows and columns of K exchanged.": found(K.transpose(1, 0, 2, 3)),
        "made of pixels that stand side by side in dy; stamps begin f apart: a step in the slice.":
            found(step=1),
        "fed from the far edge, as np.roll does; what leaves the map is lost.": found(wraps=True),
    }  # fmt: skip


def collected(dy, K, height, width, before, step=None, wraps=False):
    """Gradient of the small image, pixel by pixel and tap by tap."""
    dx, f = np.zeros((height, width, K.shape[2])), len(K) // 2
    H, W, _ = dy.shape
    for r, q, u, v in np.ndindex(height, width, 2 * f, 2 * f):
        R, Q = ((step or f) * place + t - before for place, t in ((r, u), (q, v)))
        if wraps:
            R, Q = R % H, Q % W
        if 0 <= R < H and 0 <= Q < W:
            dx[r, q] += K[u, v] @ dy[R, Q]
    return dx


@exercise("8.3")
def true_nats(answer):
    rng = np.random.default_rng(0)
    one, two, far = (3.0,), (4000.0,), (3.0, 2000.0, 4000.0)
    cases = (2, one * 5), (1, one * 3), (6, one * 4), (4, two * 3), (3, far), (1, far), (3, one * 2)
    for n, (S, sizes) in enumerate(cases):
        small = -np.log(rng.dirichlet(np.ones(S)))
        large = np.array(sizes) + 2 * rng.random((S, len(sizes)))
        if unlikely := n == len(cases) - 1:  # beside one small image it costs far more
            large[1] += 2000
        pairs = small[:, None] + large
        wanted = -np.logaddexp.reduce(-pairs, axis=0)
        with np.errstate(all="ignore"):
            got = answer(small.copy(), large.copy())
        around = " and ".join(f"{size:,.0f}" for size in dict.fromkeys(sizes))
        what = f"With S = {S} small images and nats around {around} the result"
        if np.shape(got) == wanted.shape and not np.isfinite(got).all():
            if unlikely:
                raise Wrong(
                    f"{what} is not finite, where one small image is far less probable "
                    "than others: take out the largest probability, the fewest nats."
                )
            if len(set(sizes)) > 1:
                raise Wrong(f"{what} is not finite. One shift for all images does not do: where "
                            "the cheapest costs 3, exp(-2,000) is 0 for the next. Each image "
                            "needs a shift of its own.")  # fmt: skip
            raise Wrong(f"{what} is not finite: exp(-{sizes[0]:,.0f}) is 0 for a computer.")
        mistaken(what, got, wanted, {
            "is that of the mean over small images, not of their sum.": wanted + np.log(S),
            "leaves out how probable each small image is.":
                -np.logaddexp.reduce(-large, axis=0),
            "counts the most probable small image only.": pairs.min(axis=0),
            "is ln p; nats are -ln p.": -wanted,
            "adds up the nats; it is the probabilities that are summed.": pairs.sum(axis=0),
            "is the mean of the nats; it is the probabilities that are summed.": pairs.mean(axis=0),
        })  # fmt: skip
        same(what, got, wanted)
