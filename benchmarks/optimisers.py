"""Which optimiser gets there first: validation nats against CPU minutes of one core.

    python benchmarks/optimisers.py add RUN …   takes the validation nats of runs of `train`
    python benchmarks/optimisers.py time        CPU seconds per update, all in one run, in turns
    python benchmarks/optimisers.py draw        a figure per model, and the table, into docs/

Nats by update come from runs, whose optimisers, rates and sizes stand in curves.json. Seconds per
update come from `time`, since runs share their machine with other work. PyTorch makes Adam's
updates: its curve is Adam's, at its own time per update. It is written well, or compiled, whichever
takes less; it gives the same loss and gradients first. Validation is not counted.
"""

import argparse
import contextlib
import csv
import json
import statistics
import tempfile
from pathlib import Path

from exactness import TOLERANCE, compared, prepare, refuse
from race import Contender, Failed, warm
from tqdm import tqdm

from pixelrnn_np import figures

ROOT = Path(__file__).resolve().parent.parent
CURVES = Path(__file__).with_name("curves.json")
OURS, TORCH = ("rmsprop", "adam", "soap"), ("well", "compiled")
LABELS = {"rmsprop": "RMSProp", "adam": "Adam", "soap": "SOAP", "torch": "PyTorch, Adam"}
GOALS = (82, 81, 80)
TITLES = {"pixelcnn": "PixelCNN", "row_lstm": "Row LSTM", "diagonal_bilstm": "Diagonal BiLSTM"}
TURN = 1.0  # seconds of steps in a turn


def read():
    return json.loads(CURVES.read_text(encoding="utf-8"))


def write(found):
    """A line for each curve, so that a change shows what changed."""
    curves = ",\n".join(json.dumps(c) for c in found["curves"])
    text = f'{{"curves": [\n{curves}\n],\n"seconds": {json.dumps(found["seconds"], indent=1)}}}\n'
    CURVES.write_text(text, encoding="utf-8")


def curve_of(run):
    """What is kept of a run's folder: sizes, recipe, [[update, valid nats], …].

    Raises ValueError for a run on other data than binarised MNIST.
    """
    config = json.loads((run / "config.json").read_text(encoding="utf-8"))
    if config["data"] != {"name": "binarized_mnist", "levels": 2}:
        raise ValueError(
            f"{run} is a run on {config['data']['name']}; binarized_mnist is asked for"
        )
    with (run / "metrics.csv").open(encoding="utf-8") as f:
        points = [
            [int(r["step"]), round(float(r["valid"]), 4)] for r in csv.DictReader(f) if r["valid"]
        ]
    model, training = config["model"], config["training"]
    named = ("lr", "schedule", "warmup", "weight_decay", "dropout", "ema")
    return {
        "model": model["name"], "layers": model["layers"], "h": model["h"],
        "optimizer": training["optimizer"], "epochs": config["epochs"],
        "recipe": {k: training[k] for k in named if training.get(k)}, "points": points,
    }  # fmt: skip


def place(curve):
    """What tells one curve from another."""
    return curve["model"], curve["layers"], curve["h"], curve["optimizer"]


def add(runs):
    """Puts the curves of runs into curves.json; one of the same size and optimiser is replaced."""
    found = read()
    for run in runs:
        new = curve_of(Path(run))
        others = [c for c in found["curves"] if place(c) != place(new)]
        found["curves"] = sorted([*others, new], key=place)
    write(found)


def case(curve):
    return f"{curve['model']} {curve['layers']}×{curve['h']}"


def measure(rounds, compile_too, only=None):
    """CPU seconds per update of every size and optimiser, into curves.json."""
    found = read()
    sizes = {case(c): (c["model"], c["layers"], c["h"]) for c in found["curves"]}
    chosen = {k: v for k, v in sizes.items() if only is None or k == only}
    for name, size in tqdm(chosen.items(), unit="model"):
        found["seconds"][name] = seconds(*size, rounds, TORCH if compile_too else TORCH[:1])
    write(found)


def seconds(model, layers, h, rounds, variants):
    """{contender: median CPU seconds of an update} on one thread, batch 16, 28×28."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        setup = prepare(folder, model, h, layers, 16) | {"threads": 1}
        expected, out, ready = folder / "mine.npz", folder / "theirs.npz", []
        for variant in (*OURS, *variants):
            c = stack.enter_context(Contender(variant, setup | {"variant": variant}, limit=600))
            if variant == OURS[0]:
                c.ask("check", out=str(expected))
            elif variant in variants:
                try:
                    _, error, where = compared(c, expected, out, limit=900)
                except Failed as e:
                    print(f"{model}: {e}")
                    continue
                allowed = TOLERANCE["compiled" if variant == "compiled" else "bent"]
                if not error < allowed:
                    refuse(c.name, error, where, allowed)
            warm(c)
            ready.append(c)
        turns = {c.name: [] for c in ready}
        for _ in range(rounds):
            for c in ready:
                steps = max(1, round(TURN / c.estimate))
                turns[c.name] += c.ask("turn", steps=steps, warmup=1)["cpu_seconds"]
    return {name: statistics.median(each) for name, each in turns.items()}


def timed(found):
    """{model: {label: (CPU minutes, nats)}} of all curves whose seconds are known."""
    named = {}
    for c in found["curves"]:
        cost = found["seconds"].get(case(c))
        if cost is None:
            continue
        lines = named.setdefault(c["model"], {})
        size, nats = f"{c['layers']}×{c['h']}", [v for _, v in c["points"]]
        each = {c["optimizer"]: cost[c["optimizer"]]}
        if c["optimizer"] == "adam":
            each["torch"] = min(cost[v] for v in TORCH if v in cost)
        for contender, s in each.items():
            minutes = [u * s / 60 for u, _ in c["points"]]
            lines[f"{LABELS[contender]}, {size}"] = minutes, nats
    return named


def reached(minutes, nats, goal):
    """Minutes until the curve is down at `goal`, between two points along a line; None if never."""
    for k, value in enumerate(nats):
        if value <= goal:
            if k == 0:
                return minutes[0]
            share = (nats[k - 1] - goal) / (nats[k - 1] - value)
            return minutes[k - 1] + share * (minutes[k] - minutes[k - 1])
    return None


def table(named):
    """Markdown: minutes to each of GOALS, and where the curve ends."""
    head = ["model", "optimiser", *(f"to {g} nats" for g in GOALS), "ends at"]
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    for model, curves in named.items():
        for label, (minutes, nats) in sorted(curves.items()):
            cells = []
            for goal in GOALS:
                t, first = reached(minutes, nats, goal), nats[0] <= goal
                cells.append("" if t is None else f"{'≤ ' if first else ''}{t:.0f}")
            end = f"{min(nats):.2f} after {minutes[nats.index(min(nats))]:.0f}"
            lines.append("| " + " | ".join([TITLES[model], label, *cells, end]) + " |")
    return "\n".join(lines)


def draw():
    """docs/optimisers-MODEL.png, docs/optimisers_table.md."""
    named = timed(read())
    for model, curves in named.items():
        low = min(min(nats) for _, nats in curves.values())
        figure = figures.lines(
            dict(sorted(curves.items())), f"CPU minutes of one core: {TITLES[model]}",
            "validation nats per image",
            legend="above", logx=True, ylim=(low - 0.5, low + 8),
        )  # fmt: skip
        figure.savefig(ROOT / "docs" / f"optimisers-{model}.png", dpi=130)
    (ROOT / "docs" / "optimisers_table.md").write_text(table(named) + "\n", encoding="utf-8")
    print(table(named))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("add", help="take runs' curves").add_argument("runs", nargs="+")
    timing = commands.add_parser("time", help="measure CPU seconds per update")
    timing.add_argument("--rounds", type=int, default=5)
    timing.add_argument("--no-compile", action="store_true", help="leave torch.compile out")
    timing.add_argument("--only", help="one size, such as 'row_lstm 7×16'")
    commands.add_parser("draw", help="figures and table into docs/")
    options = parser.parse_args()
    if options.command == "add":
        add(options.runs)
    elif options.command == "time":
        measure(options.rounds, not options.no_compile, options.only)
    else:
        draw()


if __name__ == "__main__":
    main()
