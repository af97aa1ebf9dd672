"""Checks of notebook 13, all of it on one page."""

import numpy as np

from .checking import Wrong, exercise, same


@exercise("13.1")
def readings(answer):
    for H, W in [(3, 5), (8, 8), (6, 2), (1, 7), (1, 1)]:
        got, what = answer(H, W), f"readings({H}, {W})"
        if not isinstance(got, (tuple, list)) or len(got) != 2:
            raise Wrong("Return two whole numbers: the readings of h0 and those of c0.")
        of_h0, of_c0 = got
        if np.ndim(of_h0) == 0 and of_h0 != H + W:
            for wrong, why in [
                (
                    H + W - 1,
                    "the corner has no neighbour above and none on the left: it reads twice.",
                ),
                (H + W + 1, "the corner reads twice, above and on the left, and not three times."),
                (H, "the first row has no neighbour above and reads h0 as well."),
                (W, "the first column has no neighbour on the left and reads h0 as well."),
                (H * (H - 1), "that is how much padding there is; most of it nobody reads."),
                (2 * H * W, "that counts all that is read; inside the image nothing reads h0."),
            ]:
                if of_h0 == wrong:
                    raise Wrong(f"{what} gives {of_h0} for h0; {why}")
        if np.ndim(of_c0) == 0 and of_c0 != H:
            for wrong, why in [
                (H + W, "a cell comes from one neighbour only, not from above."),
                (W, "a cell comes from the left, in the same row, not from above."),
                (H - 1, "the first row has no cell on its left either."),
                (H + W - 1, "a cell comes from one neighbour only, not from above."),
                (H * (H - 1), "that is how much padding there is; most of it nobody reads."),
                (1, "each row begins anew, not the first one alone."),
            ]:
                if of_c0 == wrong:
                    raise Wrong(f"{what} gives {of_c0} for c0; {why}")
        same(f"{what}, for h0,", of_h0, H + W)
        same(f"{what}, for c0,", of_c0, H)


@exercise("13.2")
def floor(answer):
    rng = np.random.default_rng(0)
    different = np.unpackbits(np.arange(16, dtype=np.uint8)[:, None], axis=1).reshape(16, 2, 4, 1)
    for images, counts in [(different[:3], [5, 1, 1]), (different, [1] * 16), (different[:1], [1]),
                           (different[:2], [1, 1]), (different[:5], [3] * 5)]:  # fmt: skip
        x = rng.permutation(np.repeat(images, counts, axis=0))
        p = np.array(counts) / sum(counts)
        got, wanted = answer(x.copy()), -(p * np.log(p)).sum() + 0.0
        what = f"For {len(x)} images, {len(images)} of them different, the floor"
        if np.ndim(got) == 0 and isinstance(got, (int, float, np.number)):
            for wrong, why in mistakes_of_13_2(x, p, wanted):
                if np.isclose(got, wrong) and not np.isclose(wrong, wanted):
                    raise Wrong(f"{what} {why}")
        same(what, got, wanted)


def mistakes_of_13_2(x, p, wanted):
    """(what a mistake gives, how its sentence ends); p: the share of each different image."""

    def coins(ink):
        ink = np.clip(ink, 1e-12, 1 - 1e-12)
        return -(ink * np.log(ink) + (1 - ink) * np.log(1 - ink)).sum()

    n, D = len(x), x[0].size
    return [
        (0, "is 0: then each of them has the probability 1, and the sum is more than 1."),
        (wanted / np.log(2), "is in bits: the logarithm is not natural."),
        (np.log(n), "is ln N, which counts an image anew each time that it is there."),
        (np.log(len(p)), "gives a rare image as much as a frequent one; share better."),
        (wanted * n, "is the cost of the batch, not the mean of its images."),
        (-wanted, "is negative; a probability has a logarithm below 0, a cost is above."),
        (D * np.log(2), "is a coin's for each pixel: no model has to be so bad."),
        (coins(x.mean(axis=0)), "is that of independent pixels; a model may know the whole image."),
        (coins(x.mean()), "is of zeros and ones, not of images: np.unique counts whole images "
         "with axis=0."),
        (D * coins(x.mean()), "is one bent coin's for all pixels; a model may know the whole "
         "image."),
        (wanted / D, "is per pixel; the cost of an image is asked for."),
        (wanted / n, "is divided by N once too often: shares make a mean already."),
        (wanted / len(p), "is divided by the number of images once more: shares make a mean "
         "already."),
        (-np.log(p).mean(), "counts each different image once; the mean is over the batch, where "
         "some are there more often."),
        (-np.log(p).sum(), "adds up what each image costs; the mean is asked for, with each "
         "image's share as its weight."),
        (-np.log(p.max()), "is what the most frequent image costs; the others cost more."),
        (1 / n, "is a probability; its cost is -ln of it."),
    ]  # fmt: skip


@exercise("13.3")
def complete(answer):
    rng = np.random.default_rng(0)
    for shape, share in [((3, 4, 5, 1), 0.5), ((2, 3, 3, 1), 0.0), ((2, 1, 6, 1), 0.3)]:
        x, u = rng.integers(0, 2, shape).astype(np.uint8), rng.random(shape)
        known, kept = rng.random(shape) < share, x.copy()
        got = answer(toy, x, known, u)
        if not np.array_equal(x, kept):
            raise Wrong("It changed the images that it was given.")
        what, wanted = f"For {shape[0]} images of {shape[1]}×{shape[2]}", walk(x, known, u)
        if np.shape(got) == shape and not np.array_equal(got, wanted):
            got = np.asarray(got)
            if (got != x)[known].any():
                raise Wrong(f"{what}, a pixel that was known has changed.")
            for mistaken, why in [
                (at_once(np.where(known, x, 0), known, u),
                 "all pixels are drawn at once: a logit has to know the pixels drawn before it."),
                (at_once(x, known, u), "all pixels are drawn at once, from the images as given."),
                (walk(x, known, u, hide=False), "the unknown pixels of x matter, which later "
                 "pixels would be told by: a drawn pixel has to take their place at once."),
                (walk(x, known, 1 - u), "zeros and ones are drawn with each other's probability."),
                (walk(x, known, np.full(shape, 0.5)), "the likelier value is taken, not drawn: "
                 "u decides."),
                (walk(x, known, u, columns_first=True), "columns come before rows; raster order "
                 "goes along the row."),
                (walk(np.where(known, x, 0), np.ones(shape, bool), u), "nothing is drawn."),
            ]:  # fmt: skip
                if np.array_equal(got, mistaken):
                    raise Wrong(f"{what}, {why}")
        same(f"{what} the result", got, wanted)


def toy(x):
    """Logits that know all earlier pixels, and the later ones of x not at all: (n, H, W, 1)."""
    before = x.reshape(len(x), -1) * 2.0 - 1
    weights = np.cos(1.7 * np.arange(before.shape[1]))
    sums = np.cumsum(before * weights, axis=1) - before * weights
    return (1.5 * sums + 0.2 * np.arange(before.shape[1])).reshape(x.shape)


def walk(x, known, u, hide=True, columns_first=False):
    x = np.where(known, x, 0) if hide else x.copy()
    _, H, W, _ = x.shape
    places = list(np.ndindex(H, W))
    for r, q in sorted(places, key=lambda place: place[::-1]) if columns_first else places:
        drawn = u[:, r, q] >= 1 / (1 + np.exp(toy(x)[:, r, q]))
        x[:, r, q] = np.where(known[:, r, q], x[:, r, q], drawn)
    return x


def at_once(x, known, u):
    return np.where(known, x, u >= 1 / (1 + np.exp(toy(x))))
