"""Memory over a long training: resident size after 200 and after 2,000 updates of each model.

    python -m tests.soak.memory --updates 2000

Each model trains in a process of its own, with validation, records, checkpoints and loss curves
written on the way. On Linux the size is the present one, elsewhere the largest so far. It fails if
a model grows by more than 3 MiB.
"""

import argparse
import multiprocessing
import resource
import sys
import tempfile

import numpy as np

import pixelrnn_np as pr
from pixelrnn_np.models import MODELS
from pixelrnn_np.runs.run import Run

GROWTH = 3.0  # MiB; the history of 1,800 updates is none of it, an array per update would be 14


def resident():
    """MiB."""
    try:
        with open("/proc/self/statm") as f:
            return int(f.read().split()[1]) * resource.getpagesize() / 2**20
    except OSError:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / (2**20 if sys.platform == "darwin" else 2**10)


def train(name, updates, warm, run=None):
    """MiB after `warm` and after all updates, which are epochs of 20."""
    x = np.random.default_rng(0).integers(0, 2, (160, 12, 12, 1), np.uint8)
    model = pr.build_model(name, (12, 12, 1), h=4, layers=2, head=8)
    trainer = pr.Trainer(model, "adam", 1e-3, threads=2, batch_size=8, ema=0.99)
    sizes = []
    for until in (warm, updates):
        trainer.fit(x, x[:32], until // 20, run=run, checkpoint_every=10, progress=False)
        sizes.append(resident())
    return sizes


def train_in_folder(name, updates, warm):
    """The same with a run's folder: checkpoints, records and loss curves are written."""
    with tempfile.TemporaryDirectory() as folder, Run(folder) as run:
        return train(name, updates, warm, run)


def measured(name, updates, warm):
    """`train_in_folder` in a fresh process."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(train_in_folder, (name, updates, warm))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--updates", type=int, default=2000)
    parser.add_argument("--warm", type=int, default=200, help="updates before the first size")
    parser.add_argument("--seed", type=int, default=0, help="has no effect here")
    o = parser.parse_args()
    print(f"{'MiB after updates':<20}{o.warm:>10,}{o.updates:>10,}{'growth':>10}")
    failed = []
    for name in MODELS:
        before, after = measured(name, o.updates, o.warm)
        print(f"{name:<20}{before:>10.1f}{after:>10.1f}{after - before:>10.2f}", flush=True)
        failed += [name] if after - before > GROWTH else []
    if failed:
        sys.exit(f"grows by more than {GROWTH} MiB: {', '.join(failed)}")


if __name__ == "__main__":
    main()
