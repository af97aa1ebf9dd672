"""Notebook 09, training and results: the paper's tables, what the package ships, and checks."""

import csv
import math
from pathlib import Path

import numpy as np

from .. import figures, pretrained
from .checking import Wrong, exercise, same

# Table 4: test nats on binarised MNIST. ≈: an estimate, ≤: a bound, as the paper marks them.
TABLE_4 = (
    ("DBM 2hl", "≈ 84.62"), ("DBN 2hl", "≈ 84.55"), ("NADE", "88.33"),
    ("EoNADE 2hl (128 orderings)", "85.10"), ("EoNADE-5 2hl (128 orderings)", "84.68"),
    ("DLGM", "≈ 86.60"), ("DLGM 8 leapfrog steps", "≈ 85.51"), ("DARN 1hl", "≈ 84.13"),
    ("MADE 2hl (32 masks)", "86.64"), ("DRAW", "≤ 80.97"),
)  # fmt: skip
# The paper's own lines: model, blocks × h where it says them, nats.
OWN_4 = (
    ("PixelCNN", "pixelcnn", None, 81.30), ("Row LSTM", "row_lstm", None, 80.54),
    ("Diagonal BiLSTM, 1 layer, h = 32", "diagonal_bilstm", "1×32", 80.75),
    ("Diagonal BiLSTM, 7 layers, h = 16", "diagonal_bilstm", "7×16", 79.20),
)  # fmt: skip


def cards():
    """The cards of all that ships, by name."""
    return {name: pretrained.pretrained_card(name) for name in pretrained.list_pretrained()}


def ours(model, size=None):
    """The card of that model (and size) on binarised MNIST, fewest nats on valid, or None."""
    found = [
        card for card in cards().values()
        if card["data"]["name"] == "binarized_mnist" and "stochastic" not in card["data"]
        and card["model"]["name"] == model and size in (None, pretrained.size_of(card))
    ]  # fmt: skip
    return min(found, key=lambda card: card["nats"]["valid"], default=None)


def table_4():
    """The paper's Table 4 beside the shipped weights: rows of text, and what is missing."""
    rows = [[title, nats, "", "", ""] for title, nats in TABLE_4]
    missing = []
    for title, model, size, nats in OWN_4:
        card = ours(model, size)
        if card is None:
            missing.append(title)
            rows.append([title, f"{nats:.2f}", "to come", "", ""])
        else:
            most, got = "≤ " if card["bound"] else "", card["nats"]["test"]
            further = f"{most}{got - nats:+.2f}"
            rows.append([title, f"{nats:.2f}", f"{most}{got:.2f}", further, card["name"]])
    return rows, missing


def curve(name):
    """The training curve of a shipped model: from its metrics where the repository has them,
    cut so that the end can be read; else the card's picture."""
    metrics = Path(pretrained.__file__).parents[2] / "training" / name / "metrics.csv"
    if not metrics.exists():
        return figures.picture(pretrained.path_of(name, ".png"))
    with metrics.open(encoding="utf-8") as f:
        rows = [{k: float(v or "nan") for k, v in row.items()} for row in csv.DictReader(f)]
    named, late = {}, []
    for key in ("train", "valid"):
        points = [(row["images"], row[key]) for row in rows if not math.isnan(row[key])]
        named[key] = tuple(zip(*points, strict=True)) or ((), ())
        late += [y for x, y in points if x >= 0.1 * rows[-1]["images"]]
    figure = figures.lines(named, "images seen", "nats per image", markers=False)
    if late:
        margin = 0.05 * (max(late) - min(late)) or 1.0
        figure.axes[0].set_ylim(min(late) - margin, max(late) + margin)
    return figure


@exercise("9.1")
def parameters(answer):
    from ..models import build_model

    for h, layers, head in [(16, 7, 32), (32, 1, 32), (4, 0, 8), (3, 2, 5)]:
        model = build_model("diagonal_bilstm", (28, 28, 1), h=h, layers=layers, head=head)
        wanted, got = model.flat.size, answer(h, layers, head)
        what = f"parameters({h}, {layers}, {head})"
        if np.ndim(got) == 0 and got != wanted:
            off = got - wanted
            if layers and off == -layers * (2 * h * h + 2 * h):
                raise Wrong(f"{what} gives {got:,}: a 1×1 of each block is missing.")
            if layers and off == -layers * 4 * h:
                raise Wrong(f"{what} gives {got:,}: the learned initial states are missing.")
            if layers and off == -layers * (16 * h * h + 6 * h):
                raise Wrong(f"{what} gives {got:,}: that is one direction only.")
            if off == -head * head - head:
                raise Wrong(f"{what} gives {got:,}: the head has two hidden layers.")
            if off == -25 * 2 * h:
                raise Wrong(f"{what} gives {got:,}: weights behind the mask are counted as well.")
        same(what, got, wanted)


@exercise("9.2")
def comparable(answer):
    for nats, D, levels in [(-6000.0, 3072, 256), (100.0, 64, 17), (0.0, 10, 2), (-50.0, 784, 256)]:
        wanted = (nats + D * np.log(levels)) / (D * np.log(2))
        got, what = answer(nats, D, levels), f"comparable({nats}, {D}, {levels})"
        if np.ndim(got) == 0 and got != wanted:
            for value, why in [
                (
                    nats / (D * np.log(2)),
                    "the unit of length is missing: a value is 1/levels wide.",
                ),
                ((nats - D * np.log(levels)) / (D * np.log(2)), "the width counts the other way."),
                ((nats + np.log(levels)) / (D * np.log(2)), "every dimension is scaled, not one."),
                ((nats + D * np.log(levels)) / D, "these are nats, not bits."),
            ]:
                if np.isclose(float(got), value) and not np.isclose(value, wanted):
                    raise Wrong(f"{what} gives {got:.4g}: {why}")
        same(what, got, wanted)


@exercise("9.3")
def step_size(answer):
    for lr, decay, t in [(1e-3, 0.95, 1), (1e-3, 0.95, 2), (1e-3, 0.95, 500), (0.01, 0.5, 3)]:
        wanted, got = lr / np.sqrt(1 - decay**t), answer(lr, decay, t)
        what = f"step_size({lr}, {decay}, {t})"
        if np.ndim(got) == 0 and not np.isclose(float(got), wanted):
            if np.isclose(float(got), lr / np.sqrt(1 - decay)):
                raise Wrong(f"{what} gives {got:.4g}: that is the first step's size.")
            if np.isclose(float(got), lr * np.sqrt(1 - decay**t)):
                raise Wrong(f"{what} gives {got:.4g}: the root is in the denominator.")
        same(what, got, wanted)
