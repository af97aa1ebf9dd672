"""What a first start compiles: processor time until the first update and the first picture.

    python benchmarks/compile_times.py [--before CHECKOUT] [--markdown benchmarks/compile_times.md]

Every figure is from a fresh process with an empty cache of kernels, counted from the end of
`import pixelrnn_np`: one update of the model that `train` makes by default (data set digits), then
64 images. CHECKOUT is a folder that has an older version, as `git worktree add FOLDER COMMIT` makes
one; both versions take turns. Processor time grows while the machine does other work: of all rounds
each figure is the least, and figures of one run can be compared.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from first_start import MODELS
from machine import describe

HERE = Path(__file__).resolve().parent
FIRST_START = HERE / "first_start.py"
PHASES = {"update": "first update", "sample": "first `sample` after it"}


def first_start(checkout, model):
    """What first_start.py says of a model, with that checkout's package and an empty cache."""
    with tempfile.TemporaryDirectory() as empty:
        environment = {**os.environ, "PYTHONPATH": str(checkout), "NUMBA_CACHE_DIR": empty}
        done = subprocess.run(
            [sys.executable, str(FIRST_START), model], env=environment, cwd=empty,
            capture_output=True, text=True,
        )  # fmt: skip
    if done.returncode:
        raise SystemExit(f"compile_times: {model} in {checkout} failed:\n{done.stderr}")
    found = json.loads(done.stdout.splitlines()[-1])
    if not Path(found["package"]).resolve().is_relative_to(checkout):
        raise SystemExit(f"compile_times: {checkout} has no pixelrnn_np; name a checkout of it")
    return found


def least(rounds):
    """Of several answers of first_start: the least of every figure, {phase: …, "kernels": …}."""
    result = {phase: min(r[phase] for r in rounds) for phase in PHASES}
    result["kernels"] = {
        phase: {
            name: min(r["kernels"][phase].get(name, float("inf")) for r in rounds)
            for name in rounds[0]["kernels"][phase]
        }
        for phase in PHASES
    }
    return result


def measure(models, checkouts, rounds, tell=lambda text: None):
    """{model: {label: figures as `least` gives them}} for checkouts {label: path}, in turns."""
    found = {}
    for model in models:
        answers = {label: [] for label in checkouts}
        for k in range(rounds):
            for label, path in checkouts.items():
                tell(f"{model}, {label}, round {k + 1} of {rounds}")
                answers[label].append(first_start(path, model))
        found[model] = {label: least(each) for label, each in answers.items()}
    return found


def cell(figures):
    """Seconds before and after, or those that there are."""
    return " → ".join("–" if s is None else f"{s:.1f}" for s in figures)


def markdown(found, machine, rounds):
    """The tables, from what `measure` gave."""
    labels = list(next(iter(found.values())))
    lines = [
        "# What a first start compiles",
        "",
        f"Processor seconds on {machine['cpu']}, {machine['date']}, least of {rounds}; "
        f"Python {machine['versions']['python']}, Numba {machine['versions']['numba']}. "
        "Made by `python benchmarks/compile_times.py`, which says what is counted."
        + (f" Each cell: {' → '.join(labels)}." if len(labels) > 1 else ""),
        "",
        "| model | " + " | ".join(PHASES.values()) + " |",
        "|---|" + "---|" * len(PHASES),
    ]
    for model, by_label in found.items():
        cells = [cell(figures[phase] for figures in by_label.values()) for phase in PHASES]
        lines.append(f"| {model} | {' | '.join(cells)} |")
    for phase, title in PHASES.items():
        lines += kernel_table(found, phase, title)
    return "\n".join(lines) + "\n"


def kernel_table(found, phase, title):
    """Seconds of every kernel that Python calls, with what it is the first to need."""
    every = [f["kernels"][phase] for by_label in found.values() for f in by_label.values()]
    most = {name: max(k.get(name, 0) for k in every) for kernels in every for name in kernels}
    lines = [
        "", f"## Kernels: {title}", "",
        "What several kernels use counts for the first of them.", "",
        "| kernel | " + " | ".join(found) + " |", "|---|" + "---|" * len(found),
    ]  # fmt: skip
    for name in sorted(most, key=most.get, reverse=True):
        cells = [
            cell([f["kernels"][phase].get(name) for f in by_label.values()])
            if any(name in f["kernels"][phase] for f in by_label.values())
            else ""
            for by_label in found.values()
        ]
        lines.append(f"| `{name}` | {' | '.join(cells)} |")
    return lines


def arguments(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    add = parser.add_argument
    add("--before", type=Path, metavar="CHECKOUT", help="a folder with an older version")
    add("--models", nargs="+", choices=MODELS, default=list(MODELS), help="which models")
    add("--rounds", type=int, default=3, help="fresh processes for each figure")
    add("--markdown", type=Path, metavar="FILE", help="where the tables go as well")
    options = parser.parse_args(argv)
    if options.rounds < 1:
        parser.error("--rounds has to be at least 1")
    if options.before and not (options.before / "pixelrnn_np").is_dir():
        parser.error(f"--before {options.before} has no folder pixelrnn_np; name a checkout")
    return options


def main():
    options = arguments()
    checkouts = {"before": options.before.resolve()} if options.before else {}
    checkouts["now"] = HERE.parent
    found = measure(
        options.models, checkouts, options.rounds,
        tell=lambda text: print(text, file=sys.stderr, flush=True),
    )  # fmt: skip
    text = markdown(found, describe(None), options.rounds)
    print(text)
    if options.markdown:
        options.markdown.write_text(text)


if __name__ == "__main__":
    main()
