"""Kills ranks of a training job at random times, goes on with other numbers of ranks, compares.

    python -m tests.soak.mpi [--kills 20] [--seed 0] [--epochs 60]

Trains in float64, so that what the order of summation rounds stays far below what a lost or
doubled update would change. After each kill the job has to end by itself and the checkpoint has to
be whole; each run that reaches its end has to have the weights of one process that nobody
disturbed. The folder is kept where something failed.
"""

import argparse
import functools
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from pixelrnn_np.cli import app as cli
from pixelrnn_np.runs import experiment
from pixelrnn_np.runs.reading import CHECKPOINT, load_checkpoint

MPIEXEC = str(Path(sys.executable).with_name("mpiexec"))
TRAIN = [
    "train", "--model", "pixelcnn", "--layers", "1", "--h", "4", "--batch-size", "150", "--samples",
    "0", "--quiet", "--checkpoint-every", "3", "--warmup", "5", "--threads", "1", "--resume",
    "--optimizer", "adam",  # in SOAP's bases what rounding changes grows
]  # fmt: skip
END = 30  # seconds within which a job has to end after one of its processes was killed
TOLERANCE = 1e-7
WHOM = ("rank", "rank", "rank", "rank", "mpiexec", "polite")


def child(path, words):
    """One rank: tells its process id, then trains in float64."""
    Path(f"{path}.{os.environ.get('PMI_RANK', 0)}").write_text(str(os.getpid()))
    experiment.build_model = functools.partial(experiment.build_model, dtype="float64")
    sys.argv[1:] = words
    cli.main()


class Job:
    """A training job of `size` ranks in the run's folder `out`."""

    def __init__(self, size, out, epochs):
        self.out, self.size, pids = out, size, out.with_suffix(".pid")
        self.pids = [Path(f"{pids}.{rank}") for rank in range(size)]
        for path in out.parent.glob("*.pid.*"):
            path.unlink()
        words = [sys.executable, "-m", __spec__.name, "child", str(pids), *TRAIN]
        words += ["--epochs", str(epochs), "--out", str(out)]
        self.log = out.with_suffix(".log")
        with open(self.log, "w") as log:
            self.process = subprocess.Popen(
                [MPIEXEC, "-n", str(size), *words], stdout=log, stderr=log
            )

    def started(self):
        """Waits until training has begun, or the job has ended."""
        while self.process.poll() is None and "new run" not in (text := self.log.read_text()):
            if "going on" in text:
                break
            time.sleep(0.01)

    def kill(self, whom, rng):
        """Whether there was something to kill."""
        paths = [path for path in self.pids if path.exists() and path.read_text()]
        if self.process.poll() is not None or not paths:
            return False
        path = paths[rng.integers(len(paths))]
        process = self.process.pid if whom == "mpiexec" else int(path.read_text())
        try:
            os.kill(process, signal.SIGTERM if whom == "polite" else signal.SIGKILL)
        except ProcessLookupError:
            return False
        return True

    def ended(self):
        """Seconds until every process of the job is gone; None if some outlive END."""
        begun = time.monotonic()
        while time.monotonic() - begun < END:
            alive = [p for p in self.pids if p.exists() and Path(f"/proc/{p.read_text()}").exists()]
            if self.process.poll() is not None and not alive:
                return time.monotonic() - begun
            time.sleep(0.02)
        return None


def difference(a, b):
    """Largest difference of the weights and of the optimiser's arrays, relative to the largest."""
    (x, arrays_x, state_x, _), (y, arrays_y, state_y, _) = load_checkpoint(a), load_checkpoint(b)
    if any(state_x[k] != state_y[k] for k in ("step_count", "epoch", "position", "images")):
        return np.inf
    pairs = [(x.flat, y.flat), *((arrays_x[k], arrays_y[k]) for k in arrays_x if k != "history")]
    return max(np.abs(p - q).max() / np.abs(q).max() for p, q in pairs)


def soak(options, folder):
    """Prints a line for each kill; returns how many things went wrong."""
    rng, bad, kills, runs = np.random.default_rng(options.seed), 0, 0, 0
    reference = folder / "alone"
    Job(1, reference, options.epochs).process.wait()
    print(
        "| run | ranks | killed | checkpoint's update | job ended after, s |\n" + "|---" * 5 + "|"
    )
    while kills < options.kills:
        out, done = folder / f"run{runs}", False
        runs += 1
        while not done:
            size = int(rng.integers(2, 5))
            job = Job(size, out, options.epochs)
            if rng.random() < 0.75:
                job.started()
            whom = WHOM[rng.integers(len(WHOM))]
            if kills < options.kills:
                time.sleep(rng.uniform(0, rng.choice([1, 3, 9])))
                while not (killed := job.kill(whom, rng)) and job.process.poll() is None:
                    time.sleep(0.05)
            else:
                killed = False
                job.process.wait()
            seconds = job.ended() if killed else 0
            if killed:
                kills += 1
                state = found(out)
                bad += seconds is None or state == "bad"
                took = "never" if seconds is None else f"{seconds:.1f}"
                print(f"| {runs} | {size} | {whom} | {state} | {took} |", flush=True)
            else:
                code = job.process.wait()
                if code:
                    bad += 1
                    print(f"run {runs} ended with code {code}:\n{job.log.read_text()}")
                done = True
            if seconds is None:
                job.process.kill()
                return bad
        far = difference(out, reference)
        bad += not far < TOLERANCE
        print(f"run {runs} at its end: weights and optimiser differ from one process by {far:.1e}")
    print(f"{kills} kills in {runs} runs, {bad} failures")
    return bad


def found(out):
    """The update of the checkpoint in `out`, "none" if no job wrote one yet, "bad" if damaged."""
    if not (out / CHECKPOINT).exists():
        return "none"
    try:
        return load_checkpoint(out)[2]["step_count"]
    except (OSError, ValueError) as e:
        print(e)
        return "bad"


def main(words=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=60)
    options = parser.parse_args(words)
    folder = Path(tempfile.mkdtemp(prefix="soak_mpi_"))
    bad = soak(options, folder)
    if bad:
        print(f"see {folder}")
    else:
        shutil.rmtree(folder)
    sys.exit(bool(bad))


if __name__ == "__main__":
    if sys.argv[1:2] == ["child"]:
        child(sys.argv[2], sys.argv[3:])
    else:
        main()
