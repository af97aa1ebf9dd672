"""What the lossless coder costs, in forward passes of the same images.

    python benchmarks/coding.py [--n 64] [--repeats 5] [--wall]

`compress`, `decompress` and the forward pass (`model.nll`, which makes every logit) take turns in
one process; ratios of medians are printed, with the range of ratios of neighbouring turns. What is
counted is processor time on one thread, with all images in one group: other work on the machine
hardly changes it. --wall: seconds by the clock on all processors, for a machine that is idle.
Coding runs in float64, the forward pass in the model's float32.
"""

import argparse
import time

import numpy as np

import pixelrnn_np as pr
from pixelrnn_np.container import LARGEST_GROUP

MODELS = ("pixelcnn", "row_lstm", "diagonal_bilstm")


def seconds(clock, function):
    start = clock()
    function()
    return clock() - start


def cost(name, n, repeats, wall):
    """(compress, decompress, forward) seconds of every turn, MNIST size, h = 16, 7 layers."""
    clock, threads = (time.perf_counter, None) if wall else (time.process_time, 1)
    group = None if wall else min(n, LARGEST_GROUP)
    model = pr.build_model(name, layers=7)
    x = pr.sample(model, n)
    data = pr.compress(model, x, group=group)
    assert np.array_equal(pr.decompress(model, data), x)
    model.nll(x)
    functions = (
        lambda: pr.compress(model, x, group=group, threads=threads),
        lambda: pr.decompress(model, data, threads=threads),
        lambda: model.nll(x, threads=threads),
    )
    return np.array([[seconds(clock, f) for f in functions] for _ in range(repeats)])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--n", type=int, default=64, help="images coded at once")
    parser.add_argument("--repeats", type=int, default=5, help="turns")
    parser.add_argument("--wall", action="store_true", help="the clock's seconds, all processors")
    options = parser.parse_args()
    print("| model | forward, s | compress | range | decompress | range |")
    print("|---|---|---|---|---|---|")
    for name in MODELS:
        turns = cost(name, options.n, options.repeats, options.wall)
        median, ratios = np.median(turns, axis=0), turns[:, :2] / turns[:, 2:]
        cells = [
            f"{median[k] / median[2]:.1f} | {ratios[:, k].min():.1f} to {ratios[:, k].max():.1f}"
            for k in (0, 1)
        ]
        print(f"| {name} | {median[2]:.3f} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
