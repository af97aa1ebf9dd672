"""Contenders in processes of their own, which take turns on the same cores.

A process whose turn it is not is blocked on a pipe. Turns alternate (ours, usual, well, compiled,
ours, …), so that whatever slows the machine down for a while slows all of them.
"""

import contextlib
import json
import os
import select
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
TURN_SECONDS = 0.6  # of measured steps in one turn, if a step takes less
SLOW = 4.0  # seconds; a step that takes longer needs no warm-up and no more than three rounds


class Failed(RuntimeError):
    """A contender ended or gave no answer in time; the message has the end of what it printed."""


class Contender:
    """A process that answers commands; close it, or use it as a context manager.

    setup: what contender.py's `setup` command takes, besides "do"; root: the checkout whose package
    it runs; more: variables of its environment. Raises Failed.
    """

    def __init__(self, name, setup, limit=120.0, root=HERE.parent, **more):
        self.name, self.setup, self.estimate = name, setup, None
        self.log = tempfile.TemporaryFile()  # noqa: SIM115  it lives as long as the process
        root = str(root)
        path = os.pathsep.join(p for p in (root, os.environ.get("PYTHONPATH")) if p)
        threads = str(setup["threads"])
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "contender.py")],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, cwd=root,
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": threads, **more},
        )  # fmt: skip
        try:
            self.idle_mib = self.ask("setup", limit, **setup)["idle_mib"]
        except BaseException:
            self.close()
            raise

    def ask(self, do, limit=600.0, **command):
        """The answer to one command; Failed if it does not come within `limit` seconds."""
        try:
            self.process.stdin.write(json.dumps({"do": do, **command}).encode() + b"\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            raise Failed(f"{self.name}: {self._end()}") from None
        if not select.select([self.process.stdout], [], [], limit)[0]:
            raise Failed(f"{self.name}: no answer to {do!r} within {limit:.0f} s")
        line = self.process.stdout.readline()
        if not line:
            raise Failed(f"{self.name}: {self._end()}")
        return json.loads(line)

    def _end(self):
        self.process.wait()
        self.log.seek(0)
        tail = self.log.read().decode(errors="replace").strip().splitlines()[-12:]
        return "the process ended:\n" + "\n".join(tail)

    def turn(self, steps, warmup):
        """Seconds of each step; remembers the largest resident memory."""
        answer = self.ask("turn", steps=steps, warmup=warmup)
        if "gflops" in answer:
            return answer["gflops"]
        self.peak_mib = max(getattr(self, "peak_mib", 0), answer["peak_mib"])
        return answer["seconds"]

    def close(self):
        """Ends the process and what it may have started."""
        for pipe in (self.process.stdin, self.process.stdout):
            with contextlib.suppress(BrokenPipeError):
                pipe.close()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, 9)
            self.process.wait()
        self.log.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def warm(contender):
    """Two steps or, of slow contenders, one: fills caches, and says how long a step takes."""
    contender.estimate = contender.turn(1, 0)[0]
    if contender.estimate < SLOW:
        contender.estimate = min(contender.turn(2, 0))


def plan(estimate):
    """(steps, warm-up steps) of one turn of a contender whose step takes `estimate` seconds."""
    steps = max(1, min(40, round(TURN_SECONDS / estimate)))
    return steps, 0 if estimate > SLOW else 1 if estimate > 0.3 else 2


def rounds_within(contenders, rounds, budget):
    """As many rounds, from 3 to `rounds`, as fit in `budget` seconds."""
    one = sum(sum(plan(c.estimate)) * c.estimate for c in contenders)
    return max(min(3, rounds), min(rounds, int(budget / one)))


def race(contenders, peaks, rounds, budget=75.0, tick=lambda name: None):
    """Rounds of turns of warmed contenders.

    peaks: {name: contender of matrix products}, one turn each per round. tick(name) is called
    before each turn. Returns {name: [seconds of each step] per round}, {peak's name: [GFLOP/s]}.
    """
    seconds = {c.name: [] for c in contenders}
    gflops = {name: [] for name in peaks}
    for r in range(rounds_within(contenders, rounds, budget)):
        for c in contenders:
            if r >= 3 and c.estimate > SLOW:
                continue
            tick(c.name)
            seconds[c.name].append(c.turn(*plan(c.estimate)))
        for name, peak in peaks.items():
            tick(name)
            gflops[name].append(peak.turn(0, 0))
    return seconds, gflops


def summary(rounds):
    """{"median", "low", "high", "rounds"} in milliseconds: all steps, and each round's median."""
    medians = [1e3 * statistics.median(r) for r in rounds]
    every = statistics.median(1e3 * s for r in rounds for s in r)
    return {"median": every, "low": min(medians), "high": max(medians), "rounds": medians}


def ratios(above, below):
    """{"median", "low", "high"} of the ratios of neighbouring turns, given two summaries."""
    each = [a / b for a, b in zip(above["rounds"], below["rounds"], strict=False)]
    return {"median": statistics.median(each), "low": min(each), "high": max(each)}
