"""Bells in bins, for notebook 90, and its checks."""

import numpy as np

from .checking import Wrong, exercise, mistaken, same


def gaussian_bins(mean, std, levels=256):
    """Mass of a Gaussian on each value v: from v - 1/2 to v + 1/2; the tails to the ends."""
    return _bins(_normal(mean, std), levels)


def _bins(cdf, levels):
    return np.diff(np.array([0, *np.atleast_1d(cdf(np.arange(1, levels) - 0.5)), 1]))


def _normal(mean, std):
    from scipy.special import ndtr

    return lambda y: ndtr((np.asarray(y) - mean) / std)


def _logistic(mean, std):
    return lambda y: 1 / (1 + np.exp(-np.clip((np.asarray(y) - mean) / std, -500, 500)))


@exercise("90.1")
def bins(answer):
    cases = {
        "a Gaussian in the middle": (_normal(7.5, 1.0), 16),
        "a narrow one": (_normal(3.2, 0.2), 8),
        "one that reaches out": (_normal(0.0, 4.0), 8),
        "a logistic": (_logistic(250.0, 5.0), 256),
        "two values": (_normal(0.2, 1.0), 2),
    }
    for name, (cdf, levels) in cases.items():
        wanted, got = _bins(cdf, levels), answer(cdf, levels)
        what = f"For {name} on {levels} values it"
        v, edges = np.arange(levels), np.arange(levels + 1)
        slope = (cdf(v + 1e-4) - cdf(v - 1e-4)) / 2e-4
        mistakes = {
            "leaves out the tails: the outer bins end where all is counted.":
                np.diff(cdf(edges - 0.5)),
            "spreads the tails over all bins; they belong to the two outer ones.":
                np.diff(cdf(edges - 0.5)) / np.diff(cdf(edges - 0.5)).sum(),
            "has edges half a value too far right; the first inner one is at 1/2.":
                np.diff(np.array([0, *cdf(edges[1:-1] + 0.5), 1])),
            "has bins from v to v + 1.": np.diff(np.array([0, *cdf(edges[1:-1]), 1])),
            "has bins from v to v + 1, without the tails.": np.diff(cdf(edges)),
        }  # fmt: skip
        mistaken(what, got, wanted, mistakes)
        mistaken(what, got, wanted, {"takes the height of the curve for a mass.": slope}, 1e-3)
        if np.shape(got) == wanted.shape and not np.isclose(np.sum(got), 1):
            raise Wrong(f"{what} gives masses that sum to {np.sum(got):.4g}.")
        same(f"For {name} on {levels} values the array", got, wanted)


@exercise("90.2")
def fair_bits(answer):
    for nats, D, s in [
        (2000.0, 3072, 256.0),
        (-9000.0, 3072, 256.0),
        (100.0, 192, 127.5),
        (9.0, 2, 1.0),
    ]:
        wanted, got = (nats / D + np.log(s)) / np.log(2), answer(nats, D, s)
        what = f"fair_bits({nats:g}, {D}, {s:g})"
        if s != 1 and np.ndim(got) == 0:
            mistakes = {
                "that is the score of y; the scale is not undone.": nats / D / np.log(2),
                "the scale is undone the wrong way round: y's density is the higher one.":
                    (nats / D - np.log(s)) / np.log(2),
                "every one of the D dimensions is squeezed, not one.":
                    (nats + np.log(s)) / D / np.log(2),
                "those are nats per dimension; bits are asked for.": nats / D + np.log(s),
                "that adds bits of the scale to nats of the score.": nats / D + np.log2(s),
                "that adds nats of the scale to bits of the score.":
                    nats / D / np.log(2) + np.log(s),
                "that multiplies the score by s; the density is multiplied, its -ln is not.":
                    nats / D / np.log(2) * s,
                "the scale is s, not always 256.": (nats / D + np.log(256)) / np.log(2),
                "those are the bits of a whole image.": (nats + D * np.log(s)) / np.log(2),
            }  # fmt: skip
            mistaken(f"{what} gives {got:.4g}:", got, wanted, mistakes)
        same(what, got, wanted)


@exercise("90.3")
def mean_and_std(answer):
    for w, m, s in [
        ([1.0], [3.0], [2.0]), ([0.2, 0.3, 0.5], [4.0, 4.0, 4.0], [1.0, 2.0, 6.0]),
        ([0.5, 0.5], [-1.0, 1.0], [0.1, 0.3]), ([0.9, 0.1], [0.0, 10.0], [1.0, 3.0]),
    ]:  # fmt: skip
        w, m, s = np.array(w), np.array(m), np.array(s)
        mean = w @ m
        variance = w @ (s**2 + m**2) - mean**2
        got = answer(w.copy(), m.copy(), s.copy())
        what = f"For weights {w.tolist()}, means {m.tolist()} and widths {s.tolist()} it"
        if not isinstance(got, (tuple, list)) or len(got) != 2:
            raise Wrong("Return two numbers, the mean and the standard deviation.")
        mistakes = {
            "averages the widths; variances can be averaged, and that is not all.": (mean, w @ s),
            "forgets that the means differ: they make the mixture wider.":
                (mean, np.sqrt(w @ s**2)),
            "returns the variance; its root is asked for.": (mean, variance),
            "forgets that the bells have widths of their own.":
                (mean, np.sqrt(max(0.0, w @ m**2 - mean**2))),
            "forgets to take off the square of the mean.": (mean, np.sqrt(w @ (s**2 + m**2))),
            "weighs all bells alike.": (m.mean(), np.sqrt((s**2 + m**2).mean() - m.mean() ** 2)),
            "squares the weights, as for a sum of numbers; a value comes from one bell.":
                (mean, np.sqrt(w**2 @ s**2)),
        }  # fmt: skip
        mistaken(what, got, (mean, np.sqrt(variance)), mistakes)
        if np.ndim(got[0]) == 0 and not np.isclose(mean, m.mean()) and np.isclose(got[0], m.mean()):
            raise Wrong(f"{what} gives the mean {got[0]:.4g}: bells count by their weights.")
        same(f"{what.removesuffix(' it')} the mean", got[0], mean)
        same(f"{what.removesuffix(' it')} the deviation", got[1], np.sqrt(variance))
