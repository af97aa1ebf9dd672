"""Checks of notebook 12, arithmetic coding."""

from fractions import Fraction

import numpy as np

from .checking import Wrong, exercise, same


@exercise("12.1")
def interval(answer):
    thirds = [Fraction(1, 2), Fraction(1, 3), Fraction(1, 6)]
    for message, p in [
        ([0, 0], thirds), ([1], thirds), ([2, 1], thirds), ([1, 2, 0, 1], thirds),
        ([], thirds), ([3, 0], [Fraction(1, 4)] * 4),
    ]:  # fmt: skip
        low, width, pieces = Fraction(0), Fraction(1), list(message)
        while pieces:  # from the back: the last value's interval, squeezed into the one before
            v = pieces.pop()
            low, width = sum(p[:v]) + p[v] * low, p[v] * width
        what = f"interval({message}, p) with p = {[str(q) for q in p]}"
        got = answer(list(message), list(p))
        if not isinstance(got, (tuple, list)) or len(got) != 2:
            raise Wrong("Return two numbers, low and width.")
        if len(message) > 1 and abs(got[1] - sum(p[v] for v in message)) < 1e-12:
            raise Wrong(f"{what}: its width is the sum of the probabilities; each value takes a "
                        "share of the interval that is left.")  # fmt: skip
        if abs(got[1] - low - width) < 1e-12 and low:
            raise Wrong(f"{what} has {got[1]} as its width; that is where the interval ends.")
        if abs(got[1] - width) > 1e-12 and abs(got[1] - width_of(message, p[::-1])) < 1e-12:
            raise Wrong(f"{what}: value 0 has the first probability of the list, not the last.")
        if abs(got[1] - width) > 1e-12:
            raise Wrong(f"{what} has width {got[1]}, which is not right.")
        first, shrunk, past, share = Fraction(0), Fraction(0), Fraction(0), Fraction(1)
        for v in message:
            first += sum(p[:v])
            past += share * sum(p[: v + 1])
            share *= p[v]
            shrunk += share * sum(p[:v])
        if abs(got[0] - low) > 1e-12 and abs(got[0] - shrunk) < 1e-12:
            raise Wrong(f"{what}: low moves within the interval that was there before the value, "
                        "so it needs the old width.")  # fmt: skip
        if abs(got[0] - low) > 1e-12 and abs(got[0] - first) < 1e-12:
            raise Wrong(f"{what}: low moves by a share of the present width, not of 1.")
        if message and abs(got[0] - past) < 1e-12:
            raise Wrong(f"{what} begins behind the part of v; the parts of the values below v end "
                        "where v's begins.")  # fmt: skip
        if abs(got[0] - low) > 1e-12 and abs(got[0] - low_of(message[::-1], p)) < 1e-12:
            raise Wrong(f"{what}: the first value cuts first; this message is read from its end.")
        if abs(got[0] - low) > 1e-12:
            raise Wrong(f"{what} has the right width, but begins at {got[0]}.")


def width_of(message, p):
    """The width of a message's interval."""
    width = Fraction(1)
    for v in message:
        width *= p[v]
    return width


def low_of(message, p):
    """Where a message's interval begins."""
    return sum(width_of(message[:k], p) * sum(p[:v]) for k, v in enumerate(message))


@exercise("12.2")
def whole_frequencies(answer):
    cases = [
        (np.array([0.5, 0.5]), 16), (np.array([0.999, 0.001]), 64), (np.array([1.0, 0, 0]), 16),
        (np.full(3, 1 / 3), 256), (np.array([0.3, 0.3, 0.4]), 7), (np.full(17, 1 / 17), 1024),
        (np.array([1e-9, 1 - 3e-9, 2e-9]), 2**16),
    ]  # fmt: skip
    for p, total in cases:
        kept = p.copy()
        got, what = answer(p, total), f"For p = {np.round(kept, 3)} and a total of {total}"
        if not np.array_equal(p, kept):
            raise Wrong("It changed the p that it was given; work on a copy.")
        found = np.asarray(got)
        if found.shape != p.shape:
            raise Wrong(f"{what} it has shape {found.shape}; one number per value is wanted.")
        if not np.issubdtype(found.dtype, np.integer):
            raise Wrong(f"{what} it gives {found.dtype}; the coder counts in whole numbers (int).")
        if (found < 1).any():
            raise Wrong(f"{what} a value has a frequency of {found.min()}: it could not be coded.")
        if found.sum() != total:
            raise Wrong(f"{what} the frequencies sum to {found.sum()}.")
        if (np.abs(found - p * total) > len(p)).any():
            raise Wrong(f"{what} it gives {found.tolist()}, which is far from p.")


@exercise("12.3")
def extra_bits(answer):
    cases = [
        ([0.1, 0.2, 0.7], [0.6, 0.3, 0.1]), ([0.5, 0.5], [0.9, 0.1]), ([0.9, 0.1], [0.5, 0.5]),
        ([0.2, 0.3, 0.5], [0.2, 0.3, 0.5]), ([1.0, 0.0], [0.25, 0.75]),
    ]  # fmt: skip
    for p, q in cases:
        p, q = np.array(p), np.array(q)
        here = p > 0
        wanted = float((p[here] * np.log2(p[here] / q[here])).sum())
        got, what = answer(p, q), f"extra_bits({p.tolist()}, {q.tolist()})"
        if np.ndim(got) == 0 and np.isnan(got):
            raise Wrong(f"{what} gives NaN: what does a value cost that never occurs?")
        if np.ndim(got) == 0 and abs(got - wanted) > 1e-9:
            for wrong, why in mistakes_of_12_3(p, q, wanted):
                if abs(got - wrong) < 1e-9:
                    raise Wrong(f"{what} gives {got:.4g}{why}")
            if abs(got - wanted) < 1e-4:
                raise Wrong(
                    f"{what} gives {got:.9f}: nearly right. A small number added to p changes all "
                    "prices; leave out what never occurs."
                )
        same(what, got, wanted)


def mistakes_of_12_3(p, q, wanted):
    """(what a mistake gives, how its sentence goes on)"""
    here = p > 0
    with np.errstate(divide="ignore", invalid="ignore"):
        turned = (q * np.log2(q / p)).sum()
    more, p = np.log2(p[here] / q[here]), p[here]
    own, whole = -(p * np.log2(p)).sum(), -(p * np.log2(q[here])).sum()
    return [
        (wanted * np.log(2), ": these are nats."),
        (turned, ": which of the two makes the images, and which the prices?"),
        (-wanted, ": less than nothing. Dear minus cheap, log p/q."),
        (whole, ", the whole bill. How much of it would p itself have had to pay?"),
        (whole * np.log(2), ", the whole bill, and in nats. How much would p have had to pay?"),
        (own, ", what p's own prices cost. How much more do those of q?"),
        (-(q * np.log2(q)).sum() - own, ": it lets values come as often as q says, where q's "
         "prices are paid. They come as p says; only the price is q's."),
        (wanted + turned, ": that is D(p, q) and D(q, p) together. Values come from p alone."),
        (np.abs(p * more).sum(), ": what q sells too cheap is saved; no absolute values."),
        (np.mean(p * more), ": p is the weight of each value already; add, do not divide by their "
         "number."),
        (more.mean(), ": values do not come equally often."),
        (more.sum(), ": values do not come equally often; each needs its weight p."),
        ((q[here] * more).sum(), ": values come as often as p says, not as q says."),
    ]  # fmt: skip
