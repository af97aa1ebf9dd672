"""Checks of notebook 02, softmax and sigmoid likelihoods."""

import math

import numpy as np

from .checking import Wrong, exercise, same


@exercise("2.1")
def log_softmax(answer):
    rng = np.random.default_rng(0)
    tame = rng.standard_normal((2, 3, 5))
    wild = np.array([[1000.0, 998.0, 0.0], [-1000.0, -1001.0, -3000.0], [0.0, 1.0, 2.0]])
    for name, z in [("tame logits", tame), ("one row", tame[0, 0]), ("large logits", wild)]:
        kept = z.copy()
        with np.errstate(all="ignore"):
            got = answer(z)
        if not np.array_equal(z, kept):
            raise Wrong("It changed the logits that it was given.")
        top = z.max(axis=-1, keepdims=True)
        wanted = z - top - np.log(np.exp(z - top).sum(axis=-1, keepdims=True))
        if np.shape(got) == z.shape and name == "large logits" and not np.isfinite(got).all():
            row = int(np.argmin(np.isfinite(got).all(axis=1)))
            raise Wrong(f"It is not finite for the logits {z[row].tolist()} in a row of three.")
        if np.shape(got) == z.shape and z.ndim > 1:
            sums = np.exp(got).sum(axis=-1)
            if not np.allclose(sums, 1):
                raise Wrong(f"With {name}, the probabilities do not sum to 1 over the last axis.")
        same(f"With {name}, log_softmax", got, wanted)


@exercise("2.2")
def batch_gradient(answer):
    rng = np.random.default_rng(0)
    for shape, K in [((1, 1, 1, 1), 4), ((3, 2, 2, 1), 5), ((2, 2, 3, 3), 8)]:
        logits, x = rng.standard_normal((*shape, K)), rng.integers(0, K, shape).astype(np.uint8)
        kept = logits.copy()
        got = answer(logits, x)
        if not np.array_equal(logits, kept):
            raise Wrong("It changed the logits that it was given.")
        e = np.exp(logits)
        wanted = (e / e.sum(axis=-1, keepdims=True) - np.eye(K)[x]) / shape[0]
        what = f"For logits of shape {logits.shape} the gradient"
        if np.shape(got) == wanted.shape and not np.allclose(got, wanted):
            for factor, why in [
                (-1, "has the wrong sign: it points uphill."),
                (shape[0], f"is that of the sum over the {shape[0]} images, not of their mean."),
                (1 / np.prod(shape[1:]), "is also divided by the number of sub-pixels."),
            ]:
                if factor != 1 and np.allclose(got, factor * wanted):
                    raise Wrong(f"{what} {why}")
        same(what, got, wanted)


@exercise("2.3")
def bins(answer):
    def normal(mean, std):
        return lambda y: np.vectorize(lambda v: 0.5 * math.erfc((mean - v) / std / 2**0.5))(y)[()]

    def logistic(mean, std):
        return lambda y: 1 / (1 + np.exp(-np.clip((np.asarray(y) - mean) / std, -500, 500)))

    for name, cdf, levels in [
        ("a Gaussian in the middle", normal(7.5, 1.0), 16), ("a narrow one", normal(3.0, 0.05), 8),
        ("one that reaches out", normal(0.0, 4.0), 8), ("a logistic", logistic(250.0, 5.0), 256),
        ("two values", normal(0.2, 1.0), 2),
    ]:  # fmt: skip
        edges = cdf(np.arange(1, levels) - 0.5)
        wanted = np.diff(np.array([0, *np.atleast_1d(edges), 1]))
        got = answer(cdf, levels)
        what = f"For {name} on {levels} values the array"
        if np.shape(got) == wanted.shape and not np.isclose(np.sum(got), 1):
            raise Wrong(f"For {name} on {levels} values the masses sum to {np.sum(got):.4g}.")
        same(what, got, wanted)
