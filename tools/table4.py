"""Table 4 of the paper beside the weights that ship with the package, into README.md.

    python tools/table4.py

Every number is read from the cards in pixelrnn_np/pretrained/; a test compares README.md with them.
"""

from pathlib import Path

import pixelrnn_np as pr
from pixelrnn_np.pretrained import size_of

ROOT = Path(__file__).resolve().parent.parent
START, END = "<!-- pretrained:start -->", "<!-- pretrained:end -->"
# Test nats on the fixed binarisation; the paper gives the sizes of the Diagonal BiLSTM only.
PAPER = (
    ("pixelcnn", None, 81.30), ("row_lstm", None, 80.54),
    ("diagonal_bilstm", "1×32", 80.75), ("diagonal_bilstm", "7×16", 79.20),
)  # fmt: skip
TITLES = {"pixelcnn": "PixelCNN", "row_lstm": "Row LSTM", "diagonal_bilstm": "Diagonal BiLSTM"}
HEAD = ("weights", "blocks × h", "the paper's", "test nats", "valid nats", "bits/dim",
        "CPU minutes", "images seen", "parameters")  # fmt: skip


def papers_nats(card):
    """The paper's test nats for this model, or None."""
    place = place_of(card)
    return PAPER[place][2] if place < len(PAPER) else None


def place_of(card):
    """The row of the paper's table that a card belongs to; len(PAPER): none."""
    if card["data"] != {"name": "binarized_mnist", "levels": 2}:
        return len(PAPER) + 1
    for place, (model, size, _) in enumerate(PAPER):
        if card["model"]["name"] == model and size in (None, size_of(card)):
            return place
    return len(PAPER)


def row(card):
    most, paper = "≤ " if card["bound"] else "", papers_nats(card)
    cpu = card["seen"].get("cpu_minutes")
    return [
        f"`{card['name']}`", size_of(card), "" if paper is None else f"{paper:.2f}",
        f"{most}{card['nats']['test']:.2f}", f"{most}{card['nats']['valid']:.2f}",
        f"{most}{card['bits_per_dim']['test']:.4f}", "" if cpu is None else f"{cpu:.1f}",
        f"{card['seen']['images']:,}", f"{card['parameters']:,}",
    ]  # fmt: skip


def section(cards):
    """What stands between the markers of README.md: a row for each line of the paper's table."""
    best = {}
    for card in sorted(cards, key=lambda c: c["nats"]["test"]):
        best.setdefault(place_of(card), card)
    rows = []
    for place, (model, size, nats) in enumerate(PAPER):
        card = best.get(place)
        found = [size or "", "", ""]
        if card:
            cpu = card["seen"].get("cpu_minutes")
            found = [
                size_of(card),
                f"**{card['nats']['test']:.2f}**",
                "" if cpu is None else f"{cpu:.0f}",
            ]
        rows.append([TITLES[model], found[0], f"{nats:.2f}", *found[1:]])
    head = ("model", "blocks × h", "the paper", "here", "CPU minutes of training")
    lines = ["| " + " | ".join(cells) + " |" for cells in (head, ["---"] * len(head), *rows)]
    return "\n".join(lines)


def write(readme, cards):
    """Puts the section between the markers. Raises ValueError if the file has none."""
    before, start, rest = readme.read_text(encoding="utf-8").partition(START)
    _, end, after = rest.partition(END)
    if not start or not end:
        raise ValueError(f"{readme} has no lines {START} and {END}")
    text = f"{before}{START}\n{section(cards)}\n{END}{after}"
    readme.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write(ROOT / "README.md", [pr.pretrained_card(name) for name in pr.list_pretrained()])
