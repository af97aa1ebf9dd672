"""Weak and strong scaling over MPI ranks on this machine, as a Markdown table.

    python benchmarks/scaling.py [--model diagonal_bilstm] [--rounds 5] [--steps 10]

Strong: the same batch for any number of ranks; weak: the batch grows with the processors at work.
Every round runs each line once, one after the other, so that what else the machine does falls on
all of them; ratios are of the same round, and their median and range are shown.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

import pixelrnn_np as pr
from pixelrnn_np.parallel.ranks import world

MPIEXEC = str(Path(sys.executable).with_name("mpiexec"))
LINES = [(1, 1), (1, 2), (2, 1), (4, 1)]  # ranks, threads of each; the first is the measure
STRONG, WEAK = 64, 16  # images per update; of each rank (or thread)


def child(model, batch, threads, steps):
    """One rank: prints the median milliseconds of an update and of its Allreduce."""
    here = world()
    net = pr.build_model(model, (28, 28, 1), 2, h=16, layers=7, head=32)
    trainer = pr.Trainer(net, "adam", threads=threads, ranks=here)
    x = np.random.default_rng(0).integers(0, 2, (batch, 28, 28, 1)).astype(np.uint8)
    whole, reduced, add = [], [], here.sum_step

    def timed(*arguments):
        begun = time.perf_counter()
        result = add(*arguments)
        reduced.append(time.perf_counter() - begun)
        return result

    here.sum_step = timed
    for _ in range(steps + 2):
        begun = time.perf_counter()
        trainer.step(x)
        whole.append(time.perf_counter() - begun)
    if here.first:
        times = [float(np.median(t[2:])) * 1e3 for t in (whole, reduced)]
        print(json.dumps([*times, net.flat.size]))


def measure(options, ranks, threads, batch):
    words = [sys.executable, __file__, "child", options.model, batch, threads, options.steps]
    done = subprocess.run(
        [MPIEXEC, "-n", str(ranks), *map(str, words)], capture_output=True, text=True, check=True
    )
    if options.verbose:
        print(ranks, threads, batch, done.stdout.strip(), file=sys.stderr, flush=True)
    return json.loads(done.stdout)


def spread(values, digits):
    middle, low, high = np.median(values), min(values), max(values)
    return f"{middle:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", default="diagonal_bilstm")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--verbose", action="store_true", help="every measurement on stderr")
    options = parser.parse_args()
    rounds = []
    for _ in range(options.rounds):
        strong = [measure(options, r, t, STRONG) for r, t in LINES]
        weak = [measure(options, r, t, WEAK * r * t) for r, t in LINES]
        rounds.append((strong, weak))
        print(f"round {len(rounds)} of {options.rounds}", file=sys.stderr, flush=True)
    print(f"{options.model} 7×16, 28×28, {rounds[0][0][0][2]:,} parameters; "
          f"{len(os.sched_getaffinity(0))} processors, {options.rounds} rounds\n")  # fmt: skip
    print(f"| ranks × threads | batch {STRONG}: ms | times as fast | {WEAK} images each: ms | "
          "images/s, times as many | summing the gradient, ms |")  # fmt: skip
    print("|---" * 6 + "|")
    for i, (r, t) in enumerate(LINES):
        times = [[part[i][0] for part in parts] for parts in zip(*rounds, strict=True)]
        fast = [strong[0][0] / strong[i][0] for strong, _ in rounds]
        many = [r * t * weak[0][0] / weak[i][0] for _, weak in rounds]
        summing = [strong[i][1] for strong, _ in rounds]
        print(f"| {r} × {t} | {spread(times[0], 0)} | {spread(fast, 2)} | {spread(times[1], 0)} | "
              f"{spread(many, 2)} | {spread(summing, 2) if r > 1 else ''} |")  # fmt: skip


if __name__ == "__main__":
    if sys.argv[1:2] == ["child"]:
        child(sys.argv[2], *map(int, sys.argv[3:]))
    else:
        main()
