"""An optimiser's share of a training step, and how unlike its updates are.

    python benchmarks/update_share.py [--optimizer soap] [--steps 100]

Models at h = 16 on 16 images of 28×28; the PixelCNN also with 15 blocks. The first updates, in
which SOAP turns all its bases, are made before. A share is that of all steps' time, so that no
update's is left out. "slowest" is the median of the slowest of every ten updates, as SOAP repeats
itself after ten. Loss, clip and average count for the step, not for the optimiser.
"""

import argparse
import time

import numpy as np
from report import table

import pixelrnn_np as pr
from pixelrnn_np.parallel.threads import available_threads
from pixelrnn_np.training.optim import OPTIMIZERS

CASES = (("pixelcnn", 7), ("pixelcnn", 15), ("row_lstm", 7), ("diagonal_bilstm", 7))
PERIOD, H, BATCH = 10, 16, 16


def timed(function, clock, found):
    """`function`, which appends to `found` what each call took by the clock."""

    def wrapped(*args):
        start = clock()
        result = function(*args)
        found.append(clock() - start)
        return result

    return wrapped


def measure(name, layers, threads, optimizer, steps, side=28):
    """Seconds (step and update, by the wall's and by the processor's clock): (4, steps)."""
    model = pr.build_model(name, (side, side, 1), h=H, layers=layers)
    trainer = pr.Trainer(model, optimizer, threads=threads)
    x = (np.random.default_rng(0).random((BATCH, side, side, 1)) < 0.13).astype(np.uint8)
    found = [[], [], [], []]
    for i, clock in enumerate((time.perf_counter, time.process_time)):
        trainer.step = timed(trainer.step, clock, found[2 * i])
        trainer.optimizer.update = timed(trainer.optimizer.update, clock, found[2 * i + 1])
    for _ in range(2 * PERIOD + steps):
        trainer.step(x)
    return np.array(found)[:, 2 * PERIOD :]


def row(name, layers, threads, seconds):
    """Cells of a table for what `measure` found."""
    step, update, cpu_step, cpu_update = seconds
    slowest = np.median([part.max() for part in np.split(update, len(update) // PERIOD)])
    shares = update.sum() / step.sum(), cpu_update.sum() / cpu_step.sum()
    times = (1e3 * t for t in (np.median(step), np.median(update), slowest))
    return [name, str(layers), str(threads), *(f"{t:.2f}" for t in times),
            *(f"{share:.1%}" for share in shares)]  # fmt: skip


def main():
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n")[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--optimizer", choices=OPTIMIZERS, default="soap", help="which one")
    parser.add_argument("--steps", type=int, default=100, help=f"a multiple of {PERIOD}")
    options = parser.parse_args()
    if options.steps < PERIOD or options.steps % PERIOD:
        parser.error(
            f"--steps is {options.steps}; it has to be a multiple of {PERIOD}, at least {PERIOD}"
        )
    head = ["model", "blocks", "threads", "step, ms", "update, ms", "slowest, ms",
            "share of a step", "of processor time"]  # fmt: skip
    rows = [
        row(*case, threads, measure(*case, threads, options.optimizer, options.steps))
        for case in CASES
        for threads in sorted({1, available_threads()})
    ]
    print(table(head, rows))


if __name__ == "__main__":
    main()
