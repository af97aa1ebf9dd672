"""Numbers: extreme weights, too-high learning rates and threads; finite or a clear error.

    python -m tests.soak.numbers --steps 10000 --seed 0

Of every model: weights from denormal to infinite through logits, nll, loss_and_grads, sample and
complete; training at too-high rates with every optimiser; the same bytes from one, two and four
threads.
"""

import argparse
import collections
import sys

import numpy as np

import pixelrnn_np as pr
from pixelrnn_np.models import MODELS
from pixelrnn_np.models.checks import NotFinite
from pixelrnn_np.training.optim import OPTIMIZERS
from pixelrnn_np.training.trainer import Diverged

SHAPE = (4, 4, 1)
RATES = (0.1, 1.0, 10.0, 1e3, 1e10, 1e30)
SPECIAL = (np.nan, np.inf, -np.inf)


def build(name, levels, dtype="float32", seed=0):
    return pr.build_model(name, SHAPE, levels, h=3, layers=1, head=4, seed=seed, dtype=dtype)


def images(levels, n, seed=0):
    return np.random.default_rng(seed).integers(0, levels, (n, *SHAPE), np.uint8)


def weights(model, rng):
    """(what they are, a vector of weights) for everything extreme."""
    first, size, info = model.flat.copy(), model.flat.size, np.finfo(model.dtype)
    for exponent in (*range(-44, 39, 6), int(np.log10(info.max))):
        with np.errstate(all="ignore"):
            yield f"times 1e{exponent}", first * model.dtype.type(10.0**exponent)
    yield "0", np.zeros_like(first)
    yield "the largest", np.full_like(first, info.max)
    yield "largest of both signs", info.max * rng.choice([-1, 1], size).astype(model.dtype)
    yield "denormal", np.full_like(first, info.smallest_subnormal)
    for value in (*SPECIAL, info.max, -info.max):
        yield f"all {value}", np.full_like(first, value)
        for i in rng.integers(size, size=4):
            one = first.copy()
            one[i] = value
            yield f"one {value}", one


def calls(model, x):
    """{name: function without arguments that returns arrays} of the public face."""
    known = np.zeros(SHAPE, bool)
    known[:2] = True
    return {
        "logits": lambda: [model.logits(x, 1)],
        "nll": lambda: [model.nll(x, 1)],
        "loss_and_grads": lambda: flattened(model.loss_and_grads(x, 1)),
        "sample": lambda: pr.sample(model, 3, seed=0, return_nll=True),
        "complete": lambda: pr.complete(model, x, known, seed=0, return_nll=True),
        "step": lambda: stepped(model, x),
    }


def flattened(found):
    loss, grads = found
    return [np.float64(loss), *grads.values()]


def stepped(model, x):
    loss = pr.Trainer(model, threads=1).step(x)
    return [np.float64(loss), model.flat]


def outcomes(found):
    return [sum(n for (_, k), n in found.items() if k == w) for w in ("finite", "refused")]


def extreme(name, levels, dtype, seed=0):
    """Counter of (call, outcome), and what was wrong."""
    model, found, wrong = build(name, levels, dtype), collections.Counter(), []
    x = images(levels, 5, seed)
    for what, flat in weights(model, np.random.default_rng(seed)):
        for call, function in calls(model, x).items():
            model.flat[...] = flat
            try:
                good = all(np.isfinite(a).all() for a in function())
            except (NotFinite, Diverged):
                good, outcome = True, "refused"
            except ValueError as e:
                good, outcome = "weights are not finite" in str(e), "refused"
            else:
                outcome = "finite"
            found[call, outcome] += 1
            if not good:
                wrong.append(f"{name} {dtype} {levels} levels, weights {what}: {call} {outcome}")
    return found, wrong


def train(name, optimizer, rate, steps, seed=0):
    """Trains at a rate that is too high: how many updates it took, and what was wrong."""
    model = build(name, 2, seed=seed)
    trainer = pr.Trainer(model, optimizer, rate, threads=1, batch_size=4, ema=0.9)
    x, rng = images(2, 64, seed), np.random.default_rng(seed)
    for step in range(steps):
        try:
            loss = trainer.step(x[rng.integers(64, size=4)])
        except Diverged as e:
            good = np.isfinite(model.flat).all() and trainer.step_count == step
            return step, [] if good else [f"{name} {optimizer} {rate}: {e}: poisoned weights"]
        if not (np.isfinite(loss) and np.isfinite(model.flat).all()):
            return step, [f"{name} {optimizer} {rate}: silently {loss} at update {step}"]
    return steps, []


def threads(name, levels, seed=0):
    """Names of what differs in a bit between one, two and four threads."""
    results = [with_threads(name, levels, n, seed) for n in (1, 2, 4)]
    return [
        f"{name} {levels} levels: {key} with {n} threads"
        for n, other in zip((2, 4), results[1:], strict=True)
        for key, data in results[0].items()
        if data != other[key]
    ]


def with_threads(name, levels, n, seed):
    model = pr.build_model(name, (12, 12, 1), levels, h=4, layers=2, head=8, seed=seed)
    x = np.random.default_rng(seed).integers(0, levels, (70, 12, 12, 1), np.uint8)
    loss, grads = model.loss_and_grads(x, n)
    found = {
        "logits": model.logits(x, n), "nll": model.nll(x, n),
        "loss_and_grads": np.concatenate([[loss], *(g.ravel() for g in grads.values())]),
        "sample": pr.sample(model, 5, seed=seed, threads=n),
    }  # fmt: skip
    trainer = pr.Trainer(model, "adam", 0.01, threads=n, ema=0.9)
    found["losses"] = np.array([trainer.step(x) for _ in range(5)])
    found |= {"weights": model.flat, "average": trainer.average}
    return {key: a.tobytes() for key, a in found.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--steps", type=int, default=10_000, help="updates per training")
    parser.add_argument("--rates", type=float, nargs="+", default=RATES, help="learning rates")
    parser.add_argument("--seed", type=int, default=0)
    o = parser.parse_args()
    wrong = []
    print(f"{'extreme weights':<34}{'finite':>8}{'refused':>9}")
    for name in MODELS:
        for levels, dtype in ((2, "float32"), (5, "float32"), (2, "float64")):
            found, bad = extreme(name, levels, dtype, o.seed)
            finite, refused = outcomes(found)
            print(f"{f'{name} {dtype} {levels} levels':<34}{finite:>8}{refused:>9}", flush=True)
            wrong += bad
    print(f"\n{'updates until it was stopped':<34}" + "".join(f"{r:>9g}" for r in o.rates))
    for name in MODELS:
        for optimizer in OPTIMIZERS:
            results = [train(name, optimizer, rate, o.steps, o.seed) for rate in o.rates]
            shown = "".join(f"{steps:>9,}" for steps, _ in results)
            print(f"{f'{name} {optimizer}':<34}{shown}", flush=True)
            wrong += [w for _, bad in results for w in bad]
    print("\nbits that differ between 1, 2 and 4 threads")
    for name in MODELS:
        bad = [w for levels in (2, 5) for w in threads(name, levels, o.seed)]
        print(f"{name:<34}{len(bad):>8}", flush=True)
        wrong += bad
    if wrong:
        sys.exit("\n".join(wrong))


if __name__ == "__main__":
    main()
