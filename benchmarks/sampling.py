"""What drawing costs, in forward passes of the same images, and how its memory grows.

    python benchmarks/sampling.py [--n 64] [--repeats 5]

Sampler and forward pass (`model.nll`, which makes every logit) take turns in one process, on all
processors; the ratio of medians is printed, with the range of ratios of neighbouring turns. The way
of running the whole network for each of the 784 pixels costs 784 forward passes. Memory is the peak
of NumPy's arrays while drawing, beyond the images themselves (tracemalloc).
"""

import argparse
import time
import tracemalloc

import numpy as np

import pixelrnn_np as pr

MODELS = ("pixelcnn", "row_lstm", "diagonal_bilstm")


def seconds(function):
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def cost(name, n, repeats):
    """(sampler, forward) seconds of every turn, MNIST size, h = 16, 7 layers, float32."""
    model = pr.build_model(name, layers=7)
    x = pr.sample(model, n)
    model.nll(x)
    return np.array(
        [
            (seconds(lambda: pr.sample(model, n)), seconds(lambda: model.nll(x)))
            for _ in range(repeats)
        ]
    )


def peak_mib(name, side, n=16):
    """Peak MiB of arrays while n images of side × side are drawn, the images not counted."""
    model = pr.build_model(name, (side, side, 1), layers=7)
    pr.sample(model, 1)
    tracemalloc.start()
    pr.sample(model, n)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return (peak - n * side * side) / 2**20


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--n", type=int, default=64, help="images drawn at once")
    parser.add_argument("--repeats", type=int, default=5, help="turns")
    options = parser.parse_args()
    print("| model | sample, s | forward, s | forward passes | range | less than per pixel |")
    print("|---|---|---|---|---|---|")
    for name in MODELS:
        turns = cost(name, options.n, options.repeats)
        sample, forward = np.median(turns, axis=0)
        ratios = turns[:, 0] / turns[:, 1]
        print(
            f"| {name} | {sample:.3f} | {forward:.3f} | {sample / forward:.1f} | "
            f"{ratios.min():.1f} to {ratios.max():.1f} | {784 * forward / sample:.0f}× |"
        )
    print("\n| model | 28×28 | 64×64 | 128×128 |\n|---|---|---|---|")
    for name in MODELS:
        peaks = " | ".join(f"{peak_mib(name, side):.1f} MiB" for side in (28, 64, 128))
        print(f"| {name} | {peaks} |")


if __name__ == "__main__":
    main()
