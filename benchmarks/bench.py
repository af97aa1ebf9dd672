"""Training steps of this project, PyTorch and JAX on the same cores, in one run.

    python benchmarks/bench.py            about 30 minutes; results.json and the table in README.md
    python benchmarks/bench.py --quick    under five: h = 16, batch 16; README.md stays
    python benchmarks/bench.py --quick --vector-bits 256    all of them without AVX-512

Every contender is a process of its own; turns alternate, so that ratios hold although the machine's
speed varies. Before it is timed, each of their models gets this project's weights and has to give
the same loss and gradients. See benchmarks/README.md for what is measured, and how.
"""

import argparse
import contextlib
import importlib.util
import json
import sys
import tempfile
from pathlib import Path

import flops
import report
import startup
from exactness import TOLERANCE, compared, prepare, refuse
from machine import describe, hold_to_avx2
from race import Contender, Failed, race, ratios, summary, warm
from tqdm import tqdm

from pixelrnn_np.parallel.threads import available_threads

MODELS = ("pixelcnn", "row_lstm", "diagonal_bilstm")
TORCH = ("usual", "well", "compiled")
EXACT = ("usual", "well", "jax")  # those that are checked in float64 too
NARROW_H = 16  # wider, compiling takes minutes, and a step as usually written up to a minute
ROOT = Path(__file__).resolve().parent.parent


class Bench:
    """One run: options, the processes that measure the peak, and what was found."""

    def __init__(self, options, folder, stack):
        self.options, self.folder = options, Path(folder)
        self.threads = options.threads
        self.jax = ("jax",) if options.jax else ()
        self.bar = tqdm(total=0, unit="turn", file=sys.stderr, disable=options.quiet)
        stack.callback(self.bar.close)
        self.peaks = {
            str(n): stack.enter_context(
                Contender(f"peak, {n} threads", {"variant": "matmul", "threads": n})
            )
            for n in sorted({self.threads, 1}, reverse=True)
        }
        self.gflops = {name: [] for name in self.peaks}

    def tick(self, what):
        self.bar.set_description_str(what)
        self.bar.update()

    def race(self, label, contenders):
        """Races warmed contenders: {name: summary}, GFLOP/s of the same rounds."""
        seconds, gflops = race(
            contenders, self.peaks, self.options.rounds, tick=lambda n: self.tick(f"{label}: {n}")
        )
        for name, rounds in gflops.items():
            self.gflops[name] += rounds
        return {name: summary(rounds) for name, rounds in seconds.items()}

    def in_double(self, model, h, layers, batch, variants):
        """{variant: largest relative error} in float64; SystemExit if one is not below 1e-9."""
        setup = prepare(self.folder, model, h, layers, batch, dtype="float64")
        setup["threads"] = self.threads
        expected, out, found = self.folder / "mine64.npz", self.folder / "theirs64.npz", {}
        for variant in ("ours", *variants):
            self.tick(f"{model}, float64 check: {variant}")
            with Contender(f"{model}, {variant}", setup | {"variant": variant}) as c:
                if variant == "ours":
                    c.ask("check", out=str(expected))
                    continue
                _, found[variant], where = compared(c, expected, out)
                if not found[variant] < TOLERANCE["float64"]:
                    refuse(c.name, found[variant], where, TOLERANCE["float64"])
        return found

    def step(self, model, h, batch):
        """One line of the main table: all contenders on one model, size and batch."""
        label = f"{model}, h = {h}, batch {batch}"
        setup = prepare(self.folder, model, h, self.options.layers, batch)
        left_out = {"compiled"} if self.options.no_compile else set()
        left_out |= {"usual", "compiled"} if h > NARROW_H else set()
        variants = [v for v in (*TORCH, *self.jax) if v not in left_out]
        names = {"ours": self.threads, "ours, 1 thread": 1} | dict.fromkeys(variants, self.threads)
        failures, ready, errors = {}, {}, {}
        with contextlib.ExitStack() as stack:
            for name, threads in names.items():
                self.tick(f"{label}: {name}, start and check")
                variant = name.split(",")[0]
                own = setup | {"variant": variant, "threads": threads}
                try:
                    contender = Contender(f"{label}, {name}", own)
                    stack.callback(contender.close)
                    contender.name = name
                    self.ready(contender, (model, h, batch), errors)
                    ready[name] = contender
                except Failed as e:
                    if variant != "compiled":
                        raise SystemExit(f"bench: {e}") from None
                    failures[name] = str(e)
            found = self.race(label, list(ready.values()))
        return self.line(model, h, batch, setup["config"], found, ready, failures, errors)

    def ready(self, contender, case, errors):
        """Checks and warms a contender; compilation happens in the check.

        In float32 the rounding of one side may put a ReLU on the other side of its bend. So a
        difference that is too large for rounding has to vanish in float64, on the same batch.
        """
        expected, out = self.folder / "mine.npz", self.folder / "theirs.npz"
        name, variant = contender.name, contender.setup["variant"]
        if name == "ours":
            contender.ask("check", out=str(expected))
        else:
            limit = self.options.compile_limit if variant == "compiled" else 600.0
            contender.check_seconds, error, where = compared(contender, expected, out, limit)
            errors[name] = error
            allowed = TOLERANCE["compiled" if variant == "compiled" else "bent"]
            if not error < allowed:
                refuse(name, error, where, allowed)
            if variant in EXACT and error > TOLERANCE["float32"]:
                model, h, batch = case
                self.in_double(model, h, self.options.layers, batch, [variant])
        warm(contender)

    def line(self, model, h, batch, config, found, ready, failures, errors):
        macs = flops.step_macs(config) * batch
        for name, c in ready.items():
            ms = found[name]["median"]
            found[name] |= {
                "images_per_s": 1e3 * batch / ms, "gflops": 2e-6 * macs / ms,
                "peak_mib": c.peak_mib, "idle_mib": c.idle_mib,
            }  # fmt: skip
        for name, error in errors.items():
            found[name]["error"] = error
        if "compiled" in ready:
            found["compiled"]["compile_s"] = ready["compiled"].check_seconds
        best = min((v for v in TORCH if v in found), key=lambda v: found[v]["median"])
        return {
            "model": model, "h": h, "layers": self.options.layers, "batch": batch, "macs": macs,
            "contenders": found, "failures": failures, "best_torch": best,
            "ratio": ratios(found[best], found["ours"]),
            **({"jax_ratio": ratios(found["jax"], found["ours"])} if "jax" in found else {}),
            "threads_ratio": ratios(found["ours, 1 thread"], found["ours"]),
        }  # fmt: skip

    def alone(self, model, cases):
        """This project only, h = 16: {label: summary} for cases {label: (batch, side)}."""
        with contextlib.ExitStack() as stack:
            contenders = []
            for label, (batch, side) in cases.items():
                self.tick(f"{model}: {label}")
                setup = prepare(self.folder, model, 16, self.options.layers, batch, side)
                setup |= {"variant": "ours", "threads": self.threads}
                c = stack.enter_context(Contender(label, setup))
                warm(c)
                contenders.append(c)
            return self.race(model, contenders)

    def growth(self, model):
        """Time per image against the batch, and per pixel against the size of the image."""
        batches = self.alone(model, {f"{b} images": (b, 28) for b in (16, 64, 256)})
        sizes = self.alone(model, {f"{s}×{s}": (2 * (112 // s) ** 2, s) for s in (28, 56, 112)})
        for label, s in batches.items():
            s["per"] = {k: 1e3 * s[k] / int(label.split()[0]) for k in ("median", "low", "high")}
        for s in sizes.values():
            s["per"] = {k: 1e6 * s[k] / (2 * 112**2) for k in ("median", "low", "high")}
        first = {k: next(iter(group.values())) for k, group in (("b", batches), ("s", sizes))}
        for key, group in (("b", batches), ("s", sizes)):
            for s in group.values():
                s["against_first"] = ratios(s, first[key])
        for label, s in batches.items():
            scale = 16 / int(label.split()[0])
            s["against_first"] = {k: scale * v for k, v in s["against_first"].items()}
        return {"model": model, "batches": batches, "sizes": sizes}


def run(options):
    """Everything that was asked for: the result that goes into the JSON file."""
    configurations = [(16, 16)] if options.quick else [(16, 16), (16, 64), (64, 16), (64, 64)]
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        bench = Bench(options, folder, stack)
        result = {
            "machine": describe(options.threads),
            "options": {k: v for k, v in vars(options).items() if k != "json"},
        }
        result["exactness"] = {
            m: bench.in_double(m, 8, 3, 2, ["usual", "well", *bench.jax]) for m in options.models
        }
        result["steps"] = [
            bench.step(model, h, batch) for model in options.models for h, batch in configurations
        ]
        if not options.quick:
            result["growth"] = [bench.growth(model) for model in options.models]
            result["startup"] = [
                startup.measure(model, options.layers, folder, bench.tick)
                for model in options.models
            ]
        result["peak"] = report.peak_summary(bench.gflops)
    report.add_shares(result, str(options.threads))
    result["noise"] = report.noise(result)
    return result


def arguments(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n")[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    add = parser.add_argument
    add(
        "--quick",
        action="store_true",
        help="h = 16 and batch 16 only, three rounds, nothing compiled; implies --no-readme",
    )
    add("--models", nargs="+", choices=MODELS, default=list(MODELS), help="which models")
    add("--layers", type=int, default=7, help="residual blocks of every model")
    add("--rounds", type=int, help="turns of each contender: 3 with --quick, else 5; slow ones "
        "get three")  # fmt: skip
    add("--threads", type=int, default=available_threads(), help="of every contender")
    add(
        "--no-compile",
        action="store_true",
        help=f"leave torch.compile out; it is tried up to h = {NARROW_H}",
    )
    add(
        "--compile-limit",
        type=float,
        default=180.0,
        help="seconds that torch.compile may take for one model, size and batch; code that an "
        "earlier run compiled is found in its cache",
    )
    add(
        "--vector-bits",
        type=int,
        choices=(256, 512),
        default=512,
        help="256: this project, BLAS, PyTorch and JAX are held to AVX2; implies --no-readme and "
        "--no-compile",
    )
    add("--json", type=Path, help="where the figures go: benchmarks/results.json, or with "
        "--quick or --vector-bits 256 nowhere")  # fmt: skip
    add("--no-readme", action="store_true", help="leave the table in README.md as it is")
    add("--quiet", action="store_true", help="no progress bar")
    options = parser.parse_args(argv)
    partial = options.quick or options.vector_bits == 256
    if partial:
        options.no_readme = options.no_compile = True
    options.rounds = options.rounds or (3 if options.quick else 5)
    if options.json is None and not partial:
        options.json = ROOT / "benchmarks" / "results.json"
    if options.rounds < 1 or options.threads < 1 or options.layers < 1:
        parser.error("--rounds, --threads and --layers have to be at least 1")
    return options


def main():
    options = arguments()
    if importlib.util.find_spec("torch") is None:
        raise SystemExit(
            "bench: PyTorch, the opponent, is not installed. `make bench` installs it; so does "
            "`python -m pip install -e '.[bench]'`."
        )
    options.jax = all(importlib.util.find_spec(name) for name in ("jax", "optax"))
    if not options.jax:
        print(
            "bench: JAX is left out, as jax and optax are not both installed; "
            "`python -m pip install -e '.[bench]'` brings them",
            file=sys.stderr,
        )
    if options.vector_bits == 256:
        hold_to_avx2()
    try:
        result = run(options)
    except Failed as e:
        raise SystemExit(f"bench: {e}") from None
    text = report.markdown(result)
    print(text)
    if options.json:
        options.json.write_text(json.dumps(result, indent=1, default=str) + "\n")
    if not options.no_readme:
        report.write_between_markers(ROOT / "README.md", report.summary(result))


if __name__ == "__main__":
    main()
