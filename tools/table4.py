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
HEAD = ("weights", "blocks × h", "parameters", "images seen", "minutes", "CPU minutes",
        "valid nats", "test nats", "bits/dim", "the paper's")  # fmt: skip


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
        f"`{card['name']}`", size_of(card), f"{card['parameters']:,}",
        f"{card['seen']['images']:,}", f"{card['seen']['minutes']:.1f}",
        "" if cpu is None else f"{cpu:.1f}",
        f"{most}{card['nats']['valid']:.2f}", f"{most}{card['nats']['test']:.2f}",
        f"{most}{card['bits_per_dim']['test']:.4f}", "" if paper is None else f"{paper:.2f}",
    ]  # fmt: skip


def section(cards):
    """The text between the markers of README.md."""
    cards = sorted(cards, key=lambda c: (place_of(c), c["name"]))
    found = [(place_of(c), row(c)) for c in cards]
    for place in set(range(len(PAPER))) - {place_of(c) for c in cards}:
        model, size, nats = PAPER[place]
        found.append((place, [f"({model}, to come)", size or "", *[""] * 7, f"{nats:.2f}"]))
    rows = [cells for _, cells in sorted(found, key=lambda pair: pair[0])]
    table = [HEAD, ["---"] * len(HEAD), *rows]
    lines = ["| " + " | ".join(cells) + " |" for cells in table]
    names = [c["name"] for c in cards]
    sheets = [
        f'<img src="docs/pretrained_{n}.png" width="250" alt="64 images by {n}" title="{n}">'
        for n in names
    ]
    below = "Drawn by each, in the table's order (seed 0, temperature 1):"
    return "\n".join([*lines, "", below, "", *sheets] if names else lines)


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
