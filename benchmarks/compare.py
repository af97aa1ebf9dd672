"""Whether training steps became slower: this checkout against an older one, step by step.

    git worktree add /tmp/old COMMIT
    python benchmarks/compare.py /tmp/old [--models pixelcnn row_lstm] [--pairs 40]

Each version is a process of its own. They make one step each, in turn, on the same weights and
images (28×28, two levels); the one that begins changes every time. What counts is the processor
time of a step; a ratio is the median over all pairs. Compiled kernels are kept apart for each
checkout, below NUMBA_CACHE_DIR where that is set, else for this run.

--peak: also the share of the float32 matrix-product peak of as many threads, by the clock, in
rounds of turns; that needs idle cores.
"""

import argparse
import contextlib
import hashlib
import os
import statistics
import tempfile
from pathlib import Path

import flops
from exactness import prepare
from race import Contender, Failed

MODELS = {"pixelcnn": 15, "row_lstm": 7, "diagonal_bilstm": 7}  # and their residual blocks
ROOT = Path(__file__).resolve().parent.parent


def cache_of(checkout, folder):
    """The folder for the kernels of one checkout."""
    name = f"compare-{hashlib.sha256(str(checkout).encode()).hexdigest()[:12]}"
    return str(Path(os.environ.get("NUMBA_CACHE_DIR") or folder, name))


def pairs(old, new, count):
    """[(seconds of a step of old, of new)] of two contenders, which begin by turns."""
    found = []
    for k in range(count):
        order = (old, new) if k % 2 else (new, old)
        spent = {c: c.ask("turn", steps=1, warmup=0)["cpu_seconds"][0] for c in order}
        found.append((spent[old], spent[new]))
    return found


def summary(found):
    """Median milliseconds of both, and the ratio new/old: its median and middle half."""
    ratios = [new / old for old, new in found]
    low, _, high = statistics.quantiles(ratios, n=4) if len(ratios) > 1 else ratios * 3
    old, new = (1e3 * statistics.median(side) for side in zip(*found, strict=True))
    return {"old": old, "new": new, "ratio": statistics.median(ratios), "low": low, "high": high}


def shares(sides, peak, flop, rounds=9):
    """[median share of peak] of contenders whose step has so many operations, by turns."""
    found = [[] for _ in sides]
    for _ in range(rounds):
        spent = [statistics.median(c.ask("turn", steps=8, warmup=1)["seconds"]) for c in sides]
        most = 1e9 * peak.ask("turn")["gflops"]
        for share, seconds in zip(found, spent, strict=True):
            share.append(flop / seconds / most)
    return [statistics.median(share) for share in found]


def compare(checkout, model, options, folder):
    """The summary of one model's pairs of steps."""
    setup = prepare(folder, model, options.h, options.layers or MODELS[model], options.batch)
    setup |= {"variant": "ours", "threads": options.threads}
    with contextlib.ExitStack() as stack:
        sides = []
        for root in (checkout, ROOT):
            c = Contender(
                f"{model} in {root}", setup, root=root, NUMBA_CACHE_DIR=cache_of(root, folder)
            )
            stack.callback(c.close)
            c.ask("turn", options.compile_limit, steps=1, warmup=2)
            sides.append(c)
        found = summary(pairs(*sides, options.pairs))
        if options.peak:
            peak = Contender("peak", {"variant": "matmul", "threads": options.threads})
            stack.callback(peak.close)
            flop = 2 * flops.step_macs(setup["config"]) * options.batch
            found["shares"] = shares(sides, peak, flop)
        return found


def line(model, s):
    more = "".join(f" {share:.0%} |" for share in s.get("shares", ()))
    return (
        f"| {model} | {s['old']:.1f} | {s['new']:.1f} | {s['ratio']:.3f} | "
        f"{s['low']:.3f} to {s['high']:.3f} |{more}"
    )


def arguments(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n")[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    add = parser.add_argument
    add("checkout", type=Path, help="a folder with the older version")
    add("--models", nargs="+", choices=MODELS, default=list(MODELS), help="which models")
    add("--pairs", type=int, default=40, help="steps of each version")
    add("--h", type=int, default=16, help="features inside a block")
    add("--layers", type=int, help="residual blocks; else 15 of the PixelCNN, 7 of the others")
    add("--batch", type=int, default=16, help="images of a step")
    add("--threads", type=int, default=1, help="of both versions")
    add("--compile-limit", type=float, default=1800.0, help="seconds for the first steps")
    add("--peak", action="store_true", help="also the shares of the matrix-product peak")
    options = parser.parse_args(argv)
    if options.pairs < 1:
        parser.error("--pairs has to be at least 1")
    if not (options.checkout / "pixelrnn_np").is_dir():
        parser.error(f"{options.checkout} has no folder pixelrnn_np; name a checkout")
    return options


def main():
    options = arguments()
    more = " share of peak, old | new |" if options.peak else ""
    print(f"| model | old, ms | new, ms | new/old | middle half of all pairs |{more}")
    print("|---|---|---|---|---|" + ("---|---|" if options.peak else ""))
    with tempfile.TemporaryDirectory() as folder:
        for model in options.models:
            try:
                found = compare(options.checkout.resolve(), model, options, folder)
            except Failed as e:
                raise SystemExit(f"compare: {e}") from None
            print(line(model, found), flush=True)


if __name__ == "__main__":
    main()
