"""Notebook 11: black boxes, honest and not, and its checks."""

import numpy as np

from .checking import Wrong, exercise


def earlier(x, seed):
    """Logits (B, H, W, 1) that read every earlier pixel of x, and no other."""
    B, H, W, _ = x.shape
    weights = np.tril(np.random.default_rng(seed).standard_normal((H * W, H * W)), -1)
    return (x.reshape(B, -1) @ weights.T).reshape(x.shape)


def reads_itself(x):
    return earlier(x, 1) + 0.5 * x


def reads_one_later(x):
    z = earlier(x, 2)
    z[:, 0, 1] += x[:, 1, 2]
    return z


def reads_later_in_the_dark(x):
    """Only where the first pixel is black, and only a little."""
    z = earlier(x, 3)
    z[:, 1, 0] += 1e-7 * (1 - x[:, 0, 0]) * x[:, 1, 1]
    return z


@exercise("11.1")
def leaks(answer):
    x = np.array([[1, 0, 1, 1, 0, 1], [0, 1, 1, 0, 1, 1], [1, 1, 0, 1, 0, 0]], np.uint8)
    x = x.reshape(3, 2, 3, 1)
    cases = [
        ("an honest function", lambda z: earlier(z, 0), set()),
        ("a function in which every logit reads its own pixel", reads_itself,
         {(i, i) for i in range(6)}),
        ("a function in which logit 1 reads pixel 5", reads_one_later, {(1, 5)}),
        ("a function in which logit 3 reads pixel 4, faintly and only where pixel 0 is 0",
         reads_later_in_the_dark, {(3, 4)}),
    ]  # fmt: skip
    for what, logits, wanted in cases:
        kept = x.copy()
        got = answer(logits, x)
        if not np.array_equal(kept, x):
            raise Wrong("It changed the images that it was given; work on a copy.")
        try:
            got = {(int(i), int(j)) for i, j in got}
        except (TypeError, ValueError):
            raise Wrong(f"It gives {got!r}; return a set of pairs (output, input).") from None
        if wanted and got != wanted and got == {(j, i) for i, j in wanted}:
            raise Wrong(f"For {what} it reports {sorted(got)}; a pair is (output, input).")
        if len(got) > 6 and all(j < i for i, j in got):
            raise Wrong(f"For {what} it reports outputs that read an earlier pixel; they may.")
        if got - wanted:
            raise Wrong(f"For {what} it reports {sorted(got - wanted)}, which are no leaks.")
        if wanted - got:
            raise Wrong(f"For {what} it misses {sorted(wanted - got)}.")


def mystery(x):
    """A black box for exercise 11.2: uint8 (B, 4, 4, 1) → logits. Do not read on.

    .
    .
    """
    z = earlier(x, 4)
    z[:, 1, 2] += 0.01 * x[:, 0, 1] * (1 - x[:, 0, 3]) * x[:, 2, 3]
    return z


@exercise("11.2")
def find_the_leak(answer):
    try:
        output, read = (tuple(int(v) for v in place) for place in answer())
    except (TypeError, ValueError):
        raise Wrong("Return two places, ((row, column), (row, column)).") from None
    if output == (2, 3) and read == (1, 2):
        raise Wrong("These are the right two pixels; which of them reads which?")
    if not all(len(place) == 2 and all(0 <= v < 4 for v in place) for place in (output, read)):
        raise Wrong("Both places are (row, column), each from 0 to 3.")
    if read < output:
        raise Wrong(f"That {output} reads {read} is allowed: it comes earlier.")
    if (output, read) != ((1, 2), (2, 3)):
        raise Wrong(f"The prediction of {output} does not depend on {read}, at no image at all.")


def model_a(x):
    """Sure of itself, but from earlier pixels."""
    return 40 * np.sign(earlier(x, 5) + 0.1)


def model_b(x):
    """Earlier pixels, scaled by a statistic of the whole image."""
    return earlier(x, 6) / (1 + 1e-3 * x.mean(axis=(1, 2, 3), keepdims=True))


def model_c(x):
    """Earlier pixels, but column by column."""
    return earlier(x.swapaxes(1, 2), 7).swapaxes(1, 2)


@exercise("11.3")
def verdicts(answer):
    got = answer()
    names = ("honest", "leaks", "another order")
    if not isinstance(got, (tuple, list)) or len(got) != 3 or any(v not in names for v in got):
        raise Wrong(f"Return three of {names}, for a, b and c.")
    why = {
        "a": "Look at what it depends on, not at how sure it is.",
        "b": "Does its sum differ from 1 by more than rounding, and what does a perturbation say?",
        "c": "It fails one test and passes another. Which tests are these?",
    }
    for name, said, wanted in zip("abc", got, ("honest", "leaks", "another order"), strict=True):
        if said != wanted:
            raise Wrong(f"Model {name} is not {said!r}. {why[name]}")
