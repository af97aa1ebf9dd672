"""Checks of notebook 02, softmax and sigmoid likelihoods."""

import numpy as np

from .checking import Wrong, exercise, mistaken, same


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
        mistakes = {
            "gives probabilities; their logarithms are asked for.": np.exp(wanted),
            "has the wrong sign: the logarithm of a probability is never positive.": -wanted,
            "gives logarithms to base 2.": wanted / np.log(2),
            "has the largest logit taken out of the sum only; z has to lose it as well.": wanted
            + top,
        }
        mistaken(f"With {name}, it", got, wanted, mistakes)
        if np.shape(got) == z.shape and z.ndim > 1:
            sums = np.exp(got).sum(axis=-1)
            if not np.allclose(sums, 1):
                raise Wrong(f"With {name}, the probabilities do not sum to 1 over the last axis.")
        same(f"With {name}, log_softmax", got, wanted)


@exercise("2.2")
def batch_gradient(answer):
    rng = np.random.default_rng(0)
    for shape, levels in [((1, 1, 1, 1), 4), ((3, 2, 2, 1), 5), ((2, 2, 3, 3), 8)]:
        logits = rng.standard_normal((*shape, levels))
        x = rng.integers(0, levels, shape).astype(np.uint8)
        kept = logits.copy()
        got = answer(logits, x)
        if not np.array_equal(logits, kept):
            raise Wrong("It changed the logits that it was given.")
        e = np.exp(logits)
        wanted = (e / e.sum(axis=-1, keepdims=True) - np.eye(levels)[x]) / shape[0]
        what = f"For logits of shape {logits.shape} the gradient"
        if np.shape(got) == wanted.shape and not np.allclose(got, wanted):
            for factor, why in [
                (-1, "has the wrong sign: it points uphill."),
                (shape[0], f"is that of the sum over the {shape[0]} images, not of their mean."),
                (1 / np.prod(shape[1:]), "is also divided by the number of sub-pixels."),
            ]:
                if factor != 1 and np.allclose(got, factor * wanted):
                    raise Wrong(f"{what} {why}")
            p = e / e.sum(axis=-1, keepdims=True)
            happened = np.eye(levels)[x]
            said = {
                "is what the model said; what happened is missing.": p / shape[0],
                "takes the logits for what the model said; their softmax is.":
                    (logits - happened) / shape[0],
                "shares one softmax among all sub-pixels; each has its own.":
                    (e / e.sum() - happened) / shape[0],
                "moves the value that happened only; the others are pushed down.":
                    (p - 1) * happened / shape[0],
                "divides what the model said, and not what happened.": p / shape[0] - happened,
                "takes 1 off everywhere; only at the values that occurred.": (p - 1) / shape[0],
                "is divided by the sub-pixels of an image; the mean is over images.":
                    (p - happened) / np.prod(shape[1:]),
            }  # fmt: skip
            mistaken(what, got, wanted, said)
        same(what, got, wanted)
