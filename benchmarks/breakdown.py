"""Where a training step's time goes: per layer and per kernel, on one thread.

    python benchmarks/breakdown.py [--models …] [--h 16] [--layers 7] [--batch 16] [--json PATH]
                                   [--markdown PATH]

Training goes through a whole network in one kernel call, which timers cannot take apart. So a step
is timed twice: as it is, with what the one call takes of it; and layer by layer, as it runs on the
other backends, where the tables say what each part takes.
For those, every kernel of pixelrnn_np and every layer's forward and backward is wrapped in a timer;
nothing in them is known here but their names. Times are exclusive: a layer's row has what its own
Python and NumPy take, without kernels and inner layers. Multiply-adds are those of flops.py; a
layer whose `forward` is not called, because its block computes it too, is counted there.
The peak of one core is measured by NumPy's matrix product between the steps.
"""

import argparse
import contextlib
import json
import re
import statistics
import time
from collections import defaultdict
from pathlib import Path

import flops
import numpy as np
from contender import Matmul
from report import number, table

import pixelrnn_np as pr
from pixelrnn_np import backend

MODELS = ("pixelcnn", "row_lstm", "diagonal_bilstm")
WHOLE = ("pixelcnn_gradient", "row_lstm_gradient", "diagonal_bilstm_gradient")
OWN = "Python and NumPy"
OUTSIDE = ("outside the layers", "")


class Clock:
    """Exclusive seconds and calls of nested sections: {(layer, phase, kernel): [seconds, calls]}.

    A section is entered by `timed`; the time of an inner one is taken from the outer one.
    """

    def __init__(self):
        self.found = defaultdict(lambda: [0.0, 0])
        self.stack = []

    def clear(self):
        self.found.clear()

    def timed(self, function, section):
        """`function`, which when called counts for section(of the one around it)."""

        def wrapped(*args, **kwargs):
            outer = self.stack[-1][0] if self.stack else (*OUTSIDE, OWN)
            here = [section(outer), 0.0]
            self.stack.append(here)
            start = time.perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                took = time.perf_counter() - start
                self.stack.pop()
                if self.stack:
                    self.stack[-1][1] += took
                entry = self.found[here[0]]
                entry[0] += took - here[1]
                entry[1] += 1

        return wrapped


def layers_of(layer, path=""):
    """(dotted path, layer) of a layer's children, inner ones included."""
    for name, child in layer.children.items():
        inner = f"{path}.{name}" if path else name
        yield inner, child
        yield from layers_of(child, inner)


def kind(path):
    """ "blocks.3.lstm" → "blocks.*.lstm": one row for all blocks."""
    return re.sub(r"\.\d+(?=\.|$)", ".*", path)


@contextlib.contextmanager
def kernels_timed(clock):
    """Within the block, kernels report to the clock."""
    ops, kept = backend.ops(), {}
    for name in (*ops.__all__, *WHOLE):
        kept[name] = getattr(ops, name)
        setattr(ops, name, clock.timed(kept[name], lambda outer, k=name: (*outer[:2], k)))
    try:
        yield
    finally:
        for name, function in kept.items():
            setattr(ops, name, function)


@contextlib.contextmanager
def instrumented(model, clock):
    """Within the block, so do the model's layers, which then do their work one by one."""
    layers = list(layers_of(model))
    for path, layer in layers:
        for phase in ("forward", "backward"):
            section = (kind(path), phase, OWN)
            method = clock.timed(getattr(layer, phase), lambda outer, s=section: s)
            setattr(layer, phase, method)
    try:
        with kernels_timed(clock):
            yield
    finally:
        for _, layer in layers:
            del layer.forward, layer.backward


def attributed(config, called):
    """{(layer kind, phase): multiply-adds per pixel}; called: the (kind, phase) that were entered.

    What a layer computes that was not called counts for the nearest layer around it that was.
    """
    found = defaultdict(int)
    for path, macs in flops.by_layer(config).items():
        for phase in ("forward", "backward"):
            twice = phase == "backward" and path != "first"
            at = kind(path)
            while at and (at, phase) not in called:
                at = at.rpartition(".")[0]
            found[(at, phase) if at else OUTSIDE] += macs * (1 + twice)
    return found


def measure(name, h, layers, batch, threads, steps):
    """The profile of one model: a dict of plain numbers, lists and strings."""
    model = pr.build_model(name, h=h, layers=layers)
    x = (np.random.default_rng(0).random((batch, 28, 28, 1)) < 0.13).astype(np.uint8)
    trainer = pr.Trainer(model, "adam", threads=threads)
    peak, clock = Matmul(None, None, None, 1, None), Clock()
    plain, peaks = [], []
    for _ in range(2):
        trainer.step(x)
    for _ in range(steps):
        start = time.perf_counter()
        trainer.step(x)
        plain.append(time.perf_counter() - start)
        peaks.append(peak.best_gflops(1))
    step = clock.timed(trainer.step, lambda outer: (*OUTSIDE, OWN))
    with kernels_timed(clock):
        for _ in range(steps):
            step(x)
    spent = {kernel: seconds for (_, _, kernel), (seconds, _) in clock.found.items()}
    whole = sum(spent.get(name, 0) for name in WHOLE) / sum(spent.values())
    with instrumented(model, clock):
        trainer.step(x)
        clock.clear()
        for _ in range(steps):
            step(x)
    pixels = batch * 28 * 28
    return {
        "model": name, "h": h, "layers": layers, "batch": batch, "threads": threads,
        "step_ms": 1e3 * statistics.median(plain), "whole": whole,
        "peak": statistics.median(peaks),
        "rows": rows_of(clock.found, model.config, pixels, steps),
    }  # fmt: skip


def rows_of(found, config, pixels, steps):
    """A dict per (layer, phase, kernel), the most expensive first; times and calls per step."""
    called = {key[:2] for key in found}
    macs = attributed(config, called)
    total = sum(seconds for seconds, _ in found.values())
    within = defaultdict(float)  # all that counts for a layer's phase, kernels included
    for (layer, phase, _), (seconds, _) in found.items():
        within[layer, phase] += seconds
    return [
        {
            "layer": layer, "phase": phase, "kernel": kernel, "ms": 1e3 * seconds / steps,
            "share": seconds / total, "calls": calls / steps,
            "macs": macs[layer, phase] * pixels, "layer_ms": 1e3 * within[layer, phase] / steps,
        }
        for (layer, phase, kernel), (seconds, calls) in sorted(
            found.items(), key=lambda item: -item[1][0]
        )
    ]  # fmt: skip


def layer_table(profile):
    """Per layer and phase: time with its kernels, and how near the peak it comes."""
    groups = {(r["layer"], r["phase"]): r for r in profile["rows"]}
    total = sum(r["layer_ms"] for r in groups.values())
    head = ["layer", "pass", "ms", "share", "multiply-adds", "GFLOP/s", "share of peak, one core"]
    rows = []
    for (layer, phase), r in sorted(groups.items(), key=lambda item: -item[1]["layer_ms"]):
        speed = 2e-6 * r["macs"] / r["layer_ms"]
        work = [f"{r['macs'] / 1e6:,.0f} M", number(speed), f"{speed / profile['peak']:.0%}"]
        cells = [layer, phase, f"{r['layer_ms']:.2f}", f"{r['layer_ms'] / total:.1%}"]
        rows.append(cells + (work if r["macs"] else ["", "", ""]))
    return table(head, rows)


def kernel_table(profile):
    """Per kernel, and what is left: Python and NumPy, inside layers and outside."""
    groups = defaultdict(lambda: np.zeros(3))
    for r in profile["rows"]:
        outside = r["kernel"] == OWN and r["layer"] == OUTSIDE[0]
        name = "update, shards, loss: Python and NumPy" if outside else r["kernel"]
        groups[name] += r["ms"], r["share"], r["calls"]
    rows = [
        [name, f"{ms:.2f}", f"{share:.1%}", "" if "NumPy" in name else f"{calls:.0f}"]
        for name, (ms, share, calls) in sorted(groups.items(), key=lambda item: -item[1][0])
    ]
    return table(["kernel", "ms", "share", "calls per step"], rows)


def markdown(profile):
    p = profile
    return (
        f"### {p['model']}, h = {p['h']}, {p['layers']} layers, batch {p['batch']}, "
        f"{p['threads']} thread{'s' if p['threads'] > 1 else ''}\n\n"
        f"A step takes {p['step_ms']:.1f} ms, {p['whole']:.0%} of it in the one call for all "
        f"layers. Layer by layer, with timers, a step takes {sum(r['ms'] for r in p['rows']):.1f} "
        f"ms: see below. The matrix-product peak of one core is {p['peak']:.0f} GFLOP/s.\n\n"
        f"{kernel_table(p)}\n\n{layer_table(p)}"
    )


def main():
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n")[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    add = parser.add_argument
    add("--models", nargs="+", choices=MODELS, default=list(MODELS), help="which models")
    add("--h", type=int, default=16, help="features inside a block")
    add("--layers", type=int, default=7, help="residual blocks")
    add("--batch", type=int, default=16, help="images of a step")
    add("--steps", type=int, default=10, help="steps that are timed")
    add("--threads", type=int, default=1, choices=[1],
        help="timers nest in one thread, so only one is possible")  # fmt: skip
    add("--json", type=Path, help="where the figures go, if anywhere")
    add("--markdown", type=Path, help="where the printed tables go, if anywhere")
    o = parser.parse_args()
    profiles = [measure(m, o.h, o.layers, o.batch, o.threads, o.steps) for m in o.models]
    text = "\n\n".join(map(markdown, profiles))
    print(text)
    if o.markdown:
        o.markdown.write_text(f"# Where a training step's time goes\n\n{text}\n")
    if o.json:
        o.json.write_text(json.dumps(profiles, indent=1) + "\n")


if __name__ == "__main__":
    main()
