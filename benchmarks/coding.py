"""What the lossless coder costs, in forward passes of the same images.

    python benchmarks/coding.py [--n 64] [--repeats 5]

`compress`, `decompress` and the forward pass (`model.nll`, which makes every logit) take turns in
one process, on all processors; ratios of medians are printed, with the range of ratios of
neighbouring turns. Coding runs in float64, the forward pass in the model's float32.
"""

import argparse
import time

import numpy as np

import pixelrnn_np as pr

MODELS = ("pixelcnn", "row_lstm", "diagonal_bilstm")


def seconds(function):
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def cost(name, n, repeats):
    """(compress, decompress, forward) seconds of every turn, MNIST size, h = 16, 7 layers."""
    model = pr.build_model(name, layers=7)
    x = pr.sample(model, n)
    data = pr.compress(model, x)
    assert np.array_equal(pr.decompress(model, data), x)
    model.nll(x)
    return np.array([
        (seconds(lambda: pr.compress(model, x)), seconds(lambda: pr.decompress(model, data)),
         seconds(lambda: model.nll(x)))
        for _ in range(repeats)
    ])  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--n", type=int, default=64, help="images coded at once")
    parser.add_argument("--repeats", type=int, default=5, help="turns")
    options = parser.parse_args()
    print("| model | forward, s | compress | range | decompress | range |")
    print("|---|---|---|---|---|---|")
    for name in MODELS:
        turns = cost(name, options.n, options.repeats)
        median, ratios = np.median(turns, axis=0), turns[:, :2] / turns[:, 2:]
        cells = [
            f"{median[k] / median[2]:.1f} | {ratios[:, k].min():.1f} to {ratios[:, k].max():.1f}"
            for k in (0, 1)
        ]
        print(f"| {name} | {median[2]:.3f} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
