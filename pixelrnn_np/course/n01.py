"""Notebook 01, the chain rule and its units: the neighbours of a pixel, and its checks."""

import numpy as np

from .checking import Wrong, exercise, mistaken, same

# Earlier pixels at most three rows and columns away, as steps (row, column), the nearest first.
_WINDOW = [(row, column) for row in (0, -1, -2, -3) for column in range(-3, 4)]
NEIGHBOURS = sorted(
    (step for step in _WINDOW if step < (0, 0)), key=lambda step: step[0] ** 2 + step[1] ** 2
)


def neighbours(x, k):
    """The first k NEIGHBOURS of every pixel of images x (B, H, W, 1), 0 outside: (B, H, W, k)."""
    H, W = x.shape[1:3]
    wide = np.pad(x[..., 0], ((0, 0), (3, 0), (3, 3)))
    found = np.zeros((*x.shape[:3], k))
    for n, (row, column) in enumerate(NEIGHBOURS[:k]):
        found[..., n] = wide[:, 3 + row : 3 + row + H, 3 + column : 3 + column + W]
    return found


@exercise("1.1")
def choices(answer):
    cases = [(784 * np.log(2), 784), (3072 * np.log(256), 3072), (79.20, 784), (0.0, 10), (5.0, 1)]
    for nats, D in cases:
        got, wanted = answer(nats, D), float(np.exp(nats / D))
        what = f"choices({nats:.2f}, {D})"
        if np.ndim(got) == 0 and D > 1 and got == np.inf:
            raise Wrong(f"{what} is infinite: the nats are those of {D} values, not of one.")
        if np.ndim(got) == 0 and nats and D > 1:
            each = nats / D
            mistakes = {
                "that takes nats for bits: the base of nats is e.": 2**each,
                "that divides the choices of the whole image; divide the nats, then ask.":
                    np.exp(min(nats, 700.0)) / D,
                "that is rounded; m need not be a whole number.": np.round(wanted),
                "that has the base 10; the base of nats is e.": 10.0**each,
                "that mixes two bases: those are bits, which have the base 2.":
                    np.exp(each / np.log(2)),
                "that mixes two bases: nats are divided by ln 2 to be bits.":
                    2 ** (each * np.log(2)),
                "that is the probability of one value, not a number of choices.": np.exp(-nats / D),
                "those are the nats of one value; how many choices cost as much?": nats / D,
                "those are bits per value; how many choices cost as much?": nats / D / np.log(2),
            }  # fmt: skip
            mistaken(f"{what} gives {got:.4g}:", got, wanted, mistakes)
        same(what, got, wanted)


@exercise("1.2")
def fill(answer):
    rng = np.random.default_rng(0)
    for shape, share in [((4, 5), 0.5), ((3, 3), 0.0), ((3, 4), 1.0), ((6, 2), 0.3)]:
        x, known = rng.integers(0, 2, shape).astype(np.uint8), rng.random(shape) < share
        u, kept = rng.random(shape), x.copy()
        wanted = _filled(x, known, u, _model)
        got = answer(x, known, _model, u)
        what = f"For an image of {shape[0]}×{shape[1]} with {int(known.sum())} known pixels it"
        if not np.array_equal(x, kept):
            raise Wrong("It changed the image that it was given; return a new one.")
        if np.shape(got) == shape and (np.asarray(got)[known] != x[known]).any():
            raise Wrong(f"{what} changes known pixels.")
        if np.shape(got) == shape and not known.all():
            _other_ways(what, got, wanted, x, known, u)
            at_once = np.where(known, x, [[u[r, q] < _model(x, r, q) for q in range(shape[1])]
                                          for r in range(shape[0])])  # fmt: skip
            if np.array_equal(got, at_once) and not np.array_equal(got, wanted):
                raise Wrong(
                    f"{what} guesses from old values at unknown pixels: a drawn pixel has to be "
                    "written down before the next one is asked for."
                )
        same(f"{what} gives an image that", got, wanted)


def _other_ways(what, got, wanted, x, known, u):
    """The mistakes that fill the image pixel by pixel as well."""

    def filled(one, order):
        image = np.where(known, x, 0)
        for r, q in order:
            if not known[r, q]:
                image[r, q] = one(u[r, q], _model(image, r, q))
        return image

    rows = list(np.ndindex(x.shape))
    for why, image in {
        "turns the coin round: u > p is true with probability 1 - p.":
            filled(lambda v, p: v > p, rows),
        "takes the package's coin, u ≥ 1 - p; here a pixel is 1 where u < p.":
            filled(lambda v, p: v >= 1 - p, rows),
        "takes the more probable value each time; where is the chance in that?":
            filled(lambda v, p: p > 0.5, rows),
        "goes column by column; the raster order goes along the rows.":
            filled(lambda v, p: v < p, sorted(rows, key=lambda place: place[::-1])),
        "begins with the last pixel; p asks for the pixels before, which have to be there.":
            filled(lambda v, p: v < p, rows[::-1]),
    }.items():  # fmt: skip
        mistaken(what, got, wanted, {why: image})


def _model(x, r, q):
    """Reads all earlier pixels, so that a wrong order of drawing shows."""
    earlier = np.asarray(x).ravel()[: r * np.shape(x)[1] + q].astype(float)
    z = 0.4 + sum((-1) ** k * 2.5 * v for k, v in enumerate(earlier[::-1]))
    return 1 / (1 + np.exp(-z))


def _filled(x, known, u, p_one):
    image = np.where(known, x, 0)
    for r, q in np.ndindex(x.shape):
        if not known[r, q]:
            image[r, q] = u[r, q] < p_one(image, r, q)
    return image


@exercise("1.3")
def resting_bias(answer):
    rng = np.random.default_rng(0)
    for x in (
        np.array([[0, 0, 0, 0, 1], [0, 1, 0, 0, 1]]),
        np.array([1, 0]),
        (rng.random((5, 4, 4, 1)) < 0.8).astype("u1"),
    ):
        p, got = x.mean(), answer(x.copy())
        if np.ndim(got):
            raise Wrong(
                f"It gives an array of shape {np.shape(got)}; all pixels of all images share one "
                "bias, a number."
            )
        odds, first = p / (1 - p), min(max(x[0].mean(), 1e-9), 1 - 1e-9)
        mistakes = {
            "that is a probability; its logit is asked for.": p,
            "that is the logarithm of a probability, not of the odds.": np.log(p),
            "that is minus the logarithm of a probability, what a 1 would cost.": -np.log(p),
            "that is the logarithm of the share of zeros; the ones have a say too.": np.log(1 - p),
            "the odds are upside down; where 1 is frequent, b is positive.": -np.log(odds),
            "those are the odds; b is their logarithm.": odds,
            "those are the odds, upside down; b is a logarithm of odds.": 1 / odds,
            "that counts in powers of 2; the sigmoid has powers of e.": np.log2(odds),
            "that counts in powers of 10; the sigmoid has powers of e.": np.log10(odds),
            "that is σ of the share; what is asked for has the share as its σ.":
                1 / (1 + np.exp(-p)),
            "that is the gradient at b = 0, a direction; it is zero at another b.": 0.5 - p,
            "that is one step from b = 0, against the gradient; there are more to go.": p - 0.5,
            "that looks at the first image only.": np.log(first / (1 - first)),
        }  # fmt: skip
        what = f"For images of which {p:.0%} are 1 it gives {got:.4g}:"
        if p != 0.5:
            mistaken(what, got, np.log(odds), mistakes)
        same(f"resting_bias of images of which {p:.0%} are 1", got, np.log(odds))


@exercise("1.4")
def split_colours(answer):
    rng = np.random.default_rng(0)
    for m in (2, 5):
        joint = rng.random((m, m, m)) + 0.1
        joint /= joint.sum()
        kept = joint.copy()
        got = answer(joint)
        if not np.array_equal(joint, kept):
            raise Wrong("It changed the array that it was given.")
        if not isinstance(got, (tuple, list)) or len(got) != 3:
            raise Wrong("Return three arrays: p_R, G_given_R, B_given_RG.")
        p_RG = joint.sum(axis=2)
        p_R = p_RG.sum(axis=1)
        wanted = p_R, p_RG / p_R[:, None], joint / p_RG[:, :, None]
        names = "p_R", "G_given_R", "B_given_RG"
        others = {
            "is p(B): it sums over R and G.": joint.sum(axis=(0, 1)),
            "is p(G): it sums over R and B.": joint.sum(axis=(0, 2)),
        }
        mistaken("p_R", got[0], p_R, others)
        for name, a, b in zip(names, got, wanted, strict=True):
            if np.shape(a) == b.shape and not np.allclose(np.sum(a, axis=-1), 1):
                raise Wrong(f"{name} does not sum to 1 over its last axis, the value it predicts.")
            same(f"With m = {m}, {name}", a, b)
