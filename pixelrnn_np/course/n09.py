"""Checks of notebook 09, training and results."""

import numpy as np

from .checking import Wrong, exercise, mistaken, same


@exercise("9.1")
def parameters(answer):
    from ..models import build_model

    for h, layers, head in [(16, 7, 32), (32, 1, 32), (4, 0, 8), (3, 2, 5)]:
        model = build_model("diagonal_bilstm", (28, 28, 1), h=h, layers=layers, head=head)
        wanted, got = model.flat.size, answer(h, layers, head)
        what = f"parameters({h}, {layers}, {head})"
        if np.ndim(got) == 0 and layers:
            direction = 16 * h * h + 6 * h
            lacks = {
                "a 1×1 of each block is missing, or its weights and its bias.": 2 * h * h + 2 * h,
                "4h are missing in each block. Look at the initial states of both directions, and "
                "at the biases of up and skip: each pair makes 4h.": 4 * h,
                "8h are missing in each block: initial states, and biases of up and skip.": 8 * h,
                "that is one direction only.": direction,
                "8h² are missing in each block. K_ss reads two places, above and on the left, and "
                "K_is is there for both directions.": 8 * h * h,
                "K_ss has a bias in your count; K_is has the only one.": -8 * h,
                "a gate is missing: o, f, i and g are four.": 8 * h * h + 2 * h,
                "skip reads the h features inside the block, not the trunk's 2h.": -2 * h * h,
                "up and skip read the h features inside the block, not the trunk's 2h.":
                    -4 * h * h,
            }  # fmt: skip
            guesses = {why: wanted - layers * lack for why, lack in lacks.items()}
            mistaken(f"{what} gives {got:,}:", got, wanted, guesses)
        if np.ndim(got) == 0:
            guesses = {
                "the head has two hidden layers.": wanted - head * head - head,
                "50h are missing: weights under the mask are counted as well, and the first layer "
                "makes 2h features.": wanted - 25 * 2 * h,
                "the biases of the first layer are missing.": wanted - 2 * h,
                "the biases of the head are missing.": wanted - 2 * head - 1,
                "two levels need one logit, not two.": wanted + head + 1,
            }
            mistaken(f"{what} gives {got:,}:", got, wanted, guesses)
        same(what, got, wanted)


@exercise("9.2")
def comparable(answer):
    for nats, D, levels in [(-6000.0, 3072, 256), (100.0, 64, 17), (0.0, 10, 2), (-50.0, 784, 256)]:
        wanted = (nats + D * np.log(levels)) / (D * np.log(2))
        got, what = answer(nats, D, levels), f"comparable({nats}, {D}, {levels})"
        if np.ndim(got) == 0 and got != wanted:
            for value, why in [
                (
                    nats / (D * np.log(2)),
                    "the unit of length is missing: a value is 1/levels wide.",
                ),
                ((nats - D * np.log(levels)) / (D * np.log(2)), "the width counts the other way."),
                ((nats + np.log(levels)) / (D * np.log(2)), "every dimension is scaled, not one."),
                ((nats + D * np.log(levels)) / D, "these are nats, not bits."),
                (
                    nats / (D * np.log(2)) + np.log(levels),
                    "the width is in nats, the rest in bits.",
                ),
                (nats / D + np.log2(levels), "the width is in bits, the rest in nats."),
                (
                    nats * levels / (D * np.log(2)),
                    "it is the density that levels scale, not its logarithm.",
                ),
                ((nats + D * np.log(levels)) / np.log(2), "these are the bits of a whole image."),
                (
                    (abs(nats) + D * np.log(levels)) / (D * np.log(2)),
                    "nats of a density may be negative; keep their sign.",
                ),
            ]:
                if np.isclose(float(got), value) and not np.isclose(value, wanted):
                    raise Wrong(f"{what} gives {got:.4g}: {why}")
        same(what, got, wanted)


@exercise("9.3")
def step_size(answer):
    for lr, decay, t in [(1e-3, 0.95, 1), (1e-3, 0.95, 2), (1e-3, 0.95, 500), (0.01, 0.5, 3)]:
        with np.errstate(all="ignore"):
            got = answer(lr, decay, t)
        what, size = f"step_size({lr}, {decay}, {t})", 1 - decay**t
        if np.ndim(got) == 0:
            before = np.sqrt(1 - decay ** (t - 1)) or np.nan
            mistaken(
                f"{what} gives {got:.4g}:", got, lr / np.sqrt(size),
                {
                    "that is the step without any memory; s is not g² yet.": lr,
                    "the root is missing: the step is g over the root of s.": lr / size,
                    "the root is in the denominator.": lr * np.sqrt(size),
                    "that is the first step's size.": lr / np.sqrt(1 - decay),
                    "that is the size of s over g², not of the step.": size,
                    "that is lr times s over g²; the step is g over the root of s.": lr * size,
                    "t is too small by one: s has been updated before the step.": lr / before,
                    "old squares fade: s is no plain sum of (1 - ρ) g².":
                        lr / np.sqrt((1 - decay) * t),
                    "t is too large by one.": lr / np.sqrt(1 - decay ** (t + 1)),
                    "ρ^t is what s still lacks; it has 1 - ρ^t.": lr / np.sqrt(decay**t),
                },
            )  # fmt: skip
        same(what, got, lr / np.sqrt(size))


@exercise("9.4")
def before_training(answer):
    from ..models import build_model

    rng = np.random.default_rng(0)
    for h, layers, count in [(6, 1, 8), (5, 2, 5)]:
        different = rng.permutation(2**12)[:count].astype(">u2").view(np.uint8).reshape(count, 2)
        x = np.unpackbits(different, axis=1)[:, 4:].reshape(count, 3, 4, 1)
        model = build_model("diagonal_bilstm", (3, 4, 1), h=h, layers=layers, head=8, seed=1)
        model.start_at(x)
        first, p = float(model.nll(x).mean()), x.mean()
        before, got = model.flat.copy(), answer(model, x.copy())
        what = f"For {count} images of 3×4 pixels"
        if not isinstance(got, (tuple, list)) or len(got) != 2:
            raise Wrong("Return two numbers: nats above the shares, and nats above the floor.")
        if any(g is None or g is ... for g in got):
            return
        _above_the_shares(what, got[0], first, x, p)
        if np.array_equal(before, model.flat):
            raise Wrong(f"{what} the weights are the same as before: nothing has trained.")
        _above_the_floor(what, float(got[1]), float(model.nll(x).mean()), x)


def _above_the_shares(what, got, first, x, p):
    each = -(p * np.log(p) + (1 - p) * np.log(1 - p))
    shares = x[0].size * each
    mistaken(
        f"{what} the first number", got, first - shares,
        {
            "is the first loss itself; subtract what the shares cost.": first,
            "has the wrong sign.": shares - first,
            "compares with a coin; the bias already knows the share of ink.":
                first - x[0].size * np.log(2),
            "compares with the cost of one pixel; an image has more of them.": first - each,
            "is in bits.": (first - shares) / np.log(2),
        },
        1e-5,
    )  # fmt: skip
    if np.ndim(got) or not np.isclose(got, first - shares, rtol=1e-3, atol=1e-4):
        raise Wrong(
            f"{what} the first number is {got}, not {first - shares:.4f}. Is it measured before "
            "the weights move, and over the images of x?"
        )


def _above_the_floor(what, got, last, x):
    """got is held against the model as the answer has left it, and against what it should be."""
    floor = np.log(len(x))
    for why, value in {
        "is the last loss itself; its floor is not 0 for several images.": last,
        "has the wrong sign.": floor - last,
        "takes log₂ N for the floor.": last - np.log2(len(x)),
        "takes the floor of one pixel's coin.": last - np.log(2),
    }.items():
        if np.isclose(got, value, atol=1e-3) and not np.isclose(value, last - floor, atol=1e-3):
            raise Wrong(f"{what} the second number {why}")
    if not np.isclose(got, last - floor, atol=1e-2):
        raise Wrong(
            f"{what} the second number is {got:.4f}; the weights that you leave have "
            f"{last - floor:.4f}. Measure after the last update."
        )
    if got > 0.7:
        raise Wrong(
            f"{what} the cost stays {got:.2f} nats above the floor. This network can know them by "
            "heart: more updates, or a higher rate."
        )
