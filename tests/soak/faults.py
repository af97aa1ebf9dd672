"""Faults: whatever happens to a run, `train --resume` ends with the bits of an undisturbed one.

    python -m tests.soak.faults --faults 200 --seed 0

A small run is hit by one to four faults, resumed, and its weights, best weights, metrics (all but
the seconds) and pictures are compared with those of a run that nothing happened to. Kills are real
SIGKILLs of real processes (forked from one that has imported everything); a full disk is a real one
where a tmpfs can be mounted, else an error put in the place of a write; lost permission is an
immutable folder for root, chmod for others.
"""

import argparse
import collections
import contextlib
import errno
import functools
import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
from tqdm import tqdm

from pixelrnn_np import checkpoint
from pixelrnn_np.cli import app as cli
from pixelrnn_np.runs.reading import (
    BEST,
    CHECKPOINT,
    CONFIG,
    CURVE,
    METRICS,
    PREVIOUS,
    load_checkpoint,
)
from pixelrnn_np.training.state import COLUMNS

RUN = ["--model", "pixelcnn", "--h", "2", "--layers", "1", "--head", "4", "--epochs", "4",
       "--batch-size", "100", "--checkpoint-every", "2", "--threads", "1", "--samples", "4",
       "--quiet"]  # fmt: skip
CLOCKS = [COLUMNS.index("seconds"), COLUMNS.index("cpu_seconds")]
STATES = (CHECKPOINT, PREVIOUS)
FILES = (*STATES, BEST, CONFIG, METRICS, CURVE, "samples.png")


class Impossible(Exception):
    """This machine does not allow the fault."""


class Failed(AssertionError):
    """The run did not survive."""


def must(true, what):
    if not true:
        raise Failed(what)


@functools.cache
def forkserver():
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["pixelrnn_np.cli.app", "sklearn.datasets", "matplotlib.figure"])
    return context


def start(folder, *hook):
    """A process that trains in `folder`, resuming; hook: what `hook_writes` shall do to it."""
    said, path = tempfile.mkstemp(prefix="soak-said-")
    os.close(said)
    process = forkserver().Process(target=train, args=(str(folder), hook, path))
    process.said = Path(path)
    process.start()
    return process


def train(folder, hook, said):
    os.dup2(os.open(said, os.O_WRONLY), 2)
    sys.stderr = open(2, "w", buffering=1, closefd=False)  # noqa: SIM115  until the end
    tqdm.set_lock(threading.RLock())  # its own is a semaphore, which a kill leaves behind
    if hook:
        hook_writes(*hook)
    sys.argv = ["pixelrnn", "train", "--out", folder, "--resume", *RUN]
    cli.main()


def hook_writes(what, n):
    """The n-th write of this process is killed, cut and killed, or finds no space."""
    call = "replace" if what == "replace" else "fsync"
    real, left = getattr(os, call), [int(n)]

    def hooked(*args):
        left[0] -= 1
        if left[0] == 0 and what == "full":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if left[0] == 0:
            with contextlib.suppress(OSError):
                if what == "cut":
                    os.ftruncate(args[0], os.fstat(args[0]).st_size // 2)
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*args)

    setattr(os, call, hooked)


def end(process, *codes):
    """What it said on stderr; its exit code has to be one of `codes`."""
    process.join(900)
    said = process.said.read_text()
    must(process.exitcode in codes, f"exit code {process.exitcode}: {said}")
    process.said.unlink()
    must("Traceback" not in said, said)
    return said


def wait_for_work(process, folder):
    deadline = time.monotonic() + 900
    while not (folder / ".lock").exists() and process.is_alive():
        must(time.monotonic() < deadline, "the process does not begin")
        time.sleep(0.002)


class Soak:
    """place: an empty folder; the undisturbed run is made there."""

    def __init__(self, place, seed):
        self.place, self.rng = Path(place), np.random.default_rng(seed)
        self.whole = self.place / "undisturbed"
        process = start(self.whole)
        wait_for_work(process, self.whole)
        begun = time.monotonic()
        end(process, 0)
        self.duration = time.monotonic() - begun  # of work, without the start
        self.tried, self.survived = collections.Counter(), collections.Counter()
        self.impossible, self.failures = {}, []

    def trial(self, kinds, number):
        """One run with these faults, in this order."""
        folder = self.place / f"run-{number}"
        done = []
        try:
            for kind in kinds:
                try:
                    getattr(self, kind)(folder)
                    done.append(kind)
                except Impossible as e:
                    self.impossible[kind] = str(e)
                self.check_checkpoint(folder)
            end(start(folder), 0)
            self.check_equal(folder)
            self.survived.update(done)
            shutil.rmtree(folder)
        except Failed as e:
            done = [*done, kind] if kind not in done else done
            self.failures.append(f"trial {number} ({', '.join(kinds)}), kept in {folder}: {e}")
        self.tried.update(done)

    def check_checkpoint(self, folder):
        """If there is one at all, one of them is whole."""
        if any((folder / name).exists() for name in STATES):
            try:
                load_checkpoint(folder)
            except (OSError, ValueError) as e:
                raise Failed(f"no checkpoint is whole: {e}") from None

    def check_equal(self, folder):
        models = [load_checkpoint(f) for f in (self.whole, folder)]
        a, b = ({**arrays, "weights": model.flat} for model, arrays, *_ in models)
        must(a.keys() == b.keys(), "the checkpoints hold different arrays")
        a["history"], b["history"] = (np.delete(arrays["history"], CLOCKS, 1) for arrays in (a, b))
        for name in a:
            must(a[name].tobytes() == b[name].tobytes(), f"{name} differs from the undisturbed")
        for name in (BEST, "samples.png", CURVE):
            same = (folder / name).read_bytes() == (self.whole / name).read_bytes()
            must(same, f"{name} differs from the undisturbed")
        must(table(folder) == table(self.whole), f"{METRICS} differs from the undisturbed")
        must(json.loads((folder / CONFIG).read_text())["sessions"], f"{CONFIG} has no sessions")
        hidden = [p.name for p in folder.iterdir() if p.name.startswith(".")]
        must(not hidden, f"left over: {hidden}")

    def delay(self):
        time.sleep(self.rng.uniform(0, 0.7 * self.duration))

    # The faults

    def kill(self, folder):
        """At a random moment."""
        process = start(folder)
        wait_for_work(process, folder)
        self.delay()
        process.kill()
        end(process, -signal.SIGKILL, 0)

    def terminate(self, folder):
        process = start(folder)
        wait_for_work(process, folder)
        self.delay()
        process.terminate()
        end(process, -signal.SIGTERM, 130, 0)

    def kill_in_a_write(self, folder):
        """Before its bytes are safe, with half of them, or before the file gets its name."""
        what = ("fsync", "cut", "replace")[self.rng.integers(3)]
        end(start(folder, what, self.rng.integers(1, 60)), -signal.SIGKILL, 0)

    def full_disk(self, folder):
        """A file system of its own that is filled while the run writes there."""
        disk = self.place / "disk"
        disk.mkdir(exist_ok=True)
        if not command("mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", disk):
            raise Impossible("no tmpfs can be mounted; full_disk_simulated stands for it")
        try:
            there = disk / "run"
            if folder.exists():
                shutil.copytree(folder, there)
            process = start(there)
            wait_for_work(process, there)
            self.delay()
            fill(disk / "filler", self.rng.integers(0, 20_000))
            said = end(process, 0, 2)
            if process.exitcode:
                must("No space left on device" in said, f"an error of another kind: {said}")
            self.check_checkpoint(there)
            (disk / "filler").unlink()
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(there, folder)
        finally:
            command("umount", "-l", disk)

    def full_disk_simulated(self, folder):
        said = end(start(folder, "full", self.rng.integers(1, 60)), 0, 2)
        must("No space left on device" in said or "raise --epochs" in said or not said.count(
            "error:"), said)  # fmt: skip

    def permission_lost(self, folder):
        folder.mkdir(exist_ok=True)
        process = start(folder)
        wait_for_work(process, folder)
        self.delay()
        lost = command("chattr", "+i", folder) if os.geteuid() == 0 else not folder.chmod(0o555)
        try:
            said = end(process, 0, 2)
            if lost and process.exitcode:
                must("not permitted" in said or "denied" in said, said)
                again = end(start(folder), 2)  # and the next one cannot even begin
                must(str(folder) in again, again)
        finally:
            if os.geteuid() == 0:
                command("chattr", "-i", folder)
            else:
                folder.chmod(0o755)
        if not lost:
            raise Impossible("root is not bound by chmod, and chattr does not work here")

    def damaged(self, folder):
        """Bits flipped, a block overwritten or a file cut."""
        path, data = self.victim(folder)
        data, at = bytearray(data), int(self.rng.integers(max(1, len(data))))
        kind = self.rng.integers(3)
        if kind == 0 and data:
            data[at] ^= 1 << int(self.rng.integers(8))
        elif kind == 1:
            data[at : at + 64] = self.rng.bytes(64)
        else:
            del data[at:]
        path.write_bytes(data)

    def deleted(self, folder):
        self.victim(folder)[0].unlink()

    def victim(self, folder):
        """A file, and its content; not the last whole checkpoint, which is `all_damaged`."""
        self.progress(folder)
        states = [folder / name for name in STATES if (folder / name).exists()]
        whole = [p for p in states if is_whole(p)]
        paths = [folder / name for name in FILES if (folder / name).exists()]
        paths = [p for p in paths if p not in whole or len(whole) > 1]
        path = paths[self.rng.integers(len(paths))]
        return path, path.read_bytes()

    def progress(self, folder):
        """So that there is something to damage: a run that was killed after two checkpoints."""
        while not has_both(folder):
            process = start(folder)
            while not has_both(folder) and process.is_alive():
                time.sleep(0.002)
            process.kill()
            end(process, -signal.SIGKILL, 0)
            if process.exitcode == 0:
                return  # the run is at its end: it writes no checkpoint any more

    def all_damaged(self, folder):
        """A clear error, and nothing is changed; the copies are then put back."""
        self.progress(folder)
        kept = {p: p.read_bytes() for p in (folder / name for name in STATES) if p.exists()}
        for path, data in kept.items():
            path.write_bytes(data[: self.rng.integers(len(data))])
        before = {p.name: p.read_bytes() for p in folder.iterdir() if p.name != ".lock"}
        said = end(start(folder), 2)
        must(said.startswith("error: ") and "Nothing was changed" in said, said)
        after = {p.name: p.read_bytes() for p in folder.iterdir() if p.name != ".lock"}
        tmp = {name for name in before if name.endswith(".tmp")}  # of an earlier kill
        must({k: v for k, v in before.items() if k not in tmp} == after, "something was changed")
        for path, data in kept.items():
            path.write_bytes(data)

    def second_run(self, folder):
        """Is refused and disturbs nothing."""
        (folder / ".lock").unlink(missing_ok=True)  # a kill's, which says nothing of the first
        process = start(folder)
        wait_for_work(process, folder)
        second = start(folder)
        said = end(second, 0, 2)
        if process.is_alive():
            must(second.exitcode == 2 and "is in use" in said, said)
        end(process, 0)

    def leftovers(self, folder):
        """A lock file and half-written files, as a kill leaves them."""
        folder.mkdir(exist_ok=True)
        (folder / ".lock").touch()
        for name in FILES:
            (folder / f".{name}.0123abcd.tmp").write_bytes(self.rng.bytes(100))


KINDS = {"kill": 5, "kill_in_a_write": 5, "full_disk": 2, "full_disk_simulated": 2,
         "permission_lost": 2, "damaged": 6, "deleted": 3, "all_damaged": 1, "second_run": 1,
         "leftovers": 1, "terminate": 1}  # fmt: skip


def has_both(folder):
    return all((folder / name).exists() for name in STATES)


def is_whole(path):
    try:
        checkpoint.load(path)
    except (OSError, ValueError):
        return False
    return True


def table(folder):
    """The rows of metrics.csv, but the clocks."""
    rows = [line.split(",") for line in (folder / METRICS).read_text().splitlines()]
    return [[cell for k, cell in enumerate(row) if k not in CLOCKS] for row in rows]


def command(*words):
    try:
        return subprocess.run(words, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def fill(path, left):
    """Takes all of the file system but `left` bytes."""
    with open(path, "wb", buffering=0) as f, contextlib.suppress(OSError):
        while f.write(bytes(4096)):
            pass
    os.truncate(path, max(0, path.stat().st_size - left))


def soak(faults, seed, place, kinds=KINDS, say=print):
    """Trials of one to four faults until `faults` have been tried; the Soak with its counts."""
    s, number = Soak(place, seed), 0
    shares = np.array([kinds[k] for k in kinds]) / sum(kinds.values())
    with contextlib.suppress(KeyboardInterrupt):  # it then reports what was tried so far
        while s.tried.total() < faults and len(s.failures) < 10:
            chosen = s.rng.choice(list(kinds), s.rng.integers(1, 5), p=shares)
            s.trial([str(k) for k in chosen], number)
            number += 1
            say(f"\r{s.tried.total()} of {faults} faults", end="", file=sys.stderr, flush=True)
    say(file=sys.stderr)
    return s


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--faults", type=int, default=50, help="at least so many (default: 50)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    o = parser.parse_args()
    place = Path(tempfile.mkdtemp(prefix="soak-"))
    s = soak(o.faults, o.seed, place, {k: KINDS[k] for k in o.kinds})
    print(f"{'fault':<22}{'tried':>8}{'survived':>10}")
    for kind in o.kinds:
        note = f"   not possible here: {s.impossible[kind]}" if kind in s.impossible else ""
        print(f"{kind:<22}{s.tried[kind]:>8}{s.survived[kind]:>10}{note}")
    print(f"{'all':<22}{s.tried.total():>8}{s.survived.total():>10}   seed {o.seed}")
    if s.failures:
        sys.exit("\n".join(s.failures))
    shutil.rmtree(place)


if __name__ == "__main__":
    main()
