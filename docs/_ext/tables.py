"""Tables and cards of the site, from the package's cards and from benchmarks/results.json."""

import inspect
import json

import report
import table4
from files import write

import pixelrnn_np as pr
from pixelrnn_np import figures, pretrained


def card(name):
    """A card as a section, with the images that its weights draw and its training curve."""
    lines = [x for x in pretrained.card_text(pr.pretrained_card(name)).splitlines() if x[:1] != "#"]
    return f"""## {name}

:::{{figure}} /pretrained_{name}.png
:alt: 64 images drawn by {name}
:width: 420px

Drawn by these weights: seed 0, temperature 1.
:::
{chr(10).join(lines)}

:::{{figure}} /../pixelrnn_np/pretrained/{name}.png
:alt: Training and validation nats of {name} against the images seen
:width: 640px

Nats per image as it trained: pale, some batches at a time; blue, their moving mean; orange, all
validation images. The short lines at the right are nats of test images.
:::
"""


def against_the_paper(cards, path):
    """Draws the test nats of the paper's Table 4 beside those of the weights. Returns Markdown."""
    pairs = {}
    for c in sorted(cards, key=table4.place_of):
        nats = table4.papers_nats(c)
        if nats is not None:
            size = f"{c['model']['layers']}×{c['model']['h']}"
            pairs[f"{c['model']['name']}, {size}"] = (nats, c["nats"]["test"])
    figure = figures.dumbbells(pairs, ("the paper", "here"), "test nats per image; less is better")
    return picture(figure, path, "Grey: the paper's Table 4. In colour: weights of the package.")


def picture(figure, path, caption):
    """Saves a figure of the site, twice as fine as it is shown. Returns its Markdown."""
    path.parent.mkdir(parents=True, exist_ok=True)
    width = round(figure.get_figwidth() * figure.dpi)
    figure.savefig(path, format="png", dpi=2 * figure.dpi)
    return (f":::{{figure}} /generated/{path.name}\n:alt: {figure.alt}\n:width: {width}px\n\n"
            f"{caption}\n:::\n")  # fmt: skip


def results(cards):
    """What the weights of the package reach: one table for the paper's data, one for the rest."""
    parts = []
    ours = "binarized_mnist"
    for title, among in (
        (ours, {ours}),
        ("Other data", {c["data"]["name"] for c in cards} - {ours}),
    ):
        mine = [c for c in cards if c["data"]["name"] in among]
        mine.sort(key=lambda c: (table4.place_of(c), c["name"]))
        head = ["weights", *table4.HEAD[2:]]
        rows = [[link(c, whole=title != ours), *table4.row(c)[2:]] for c in mine]
        kept = [k for k in range(len(head)) if any(row[k] for row in rows)]  # the paper has few
        head, *rows = ([row[k] for k in kept] for row in (head, *rows))
        parts += [f"## {title}", markdown_table(head, rows)]
    return "\n\n".join(parts) + "\n"


def recipes(cards):
    """How each was trained: what all have in common in a sentence, the rest in a table."""
    names = ("optimizer", "lr", "batch_size", "clip", "schedule", "warmup", "weight_decay",
             "dropout", "ema", "epochs")  # fmt: skip
    values = {n: [str(c["recipe"].get(n) or 0) for c in cards] for n in names}
    common = [f"{n} {found[0]}" for n, found in values.items() if len(set(found)) == 1]
    own = [n for n in names if len(set(values[n])) > 1]
    rows = [[link(c, whole=True), *(values[n][k] for n in own)] for k, c in enumerate(cards)]
    all_have = f"All have: {', '.join(common)}.\n\n" if common else ""
    return all_have + markdown_table(["weights", *own], rows) + "\n"


def link(card, whole=False):
    """A link to a card, under its name, or its name without the data set's."""
    name = card["name"]
    shown = name if whole else name.removeprefix(f"{card['data']['name']}-")
    return f"[{shown}](/guide/pretrained.md#{name})"


def markdown_table(head, rows):
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def speed(root, drawn):
    """A figure and the tables of `make bench`, from its results; ranges stand below medians."""
    path = root / "benchmarks" / "results.json"
    found = json.loads(path.read_text(encoding="utf-8"))
    ratios = {f"{s['model']}, h = {s['h']}, batch {s['batch']}": s["ratio"]["median"]
              for s in found["steps"]}  # fmt: skip
    figure = figures.bars(ratios, "times as fast as the fastest PyTorch", form="{:.1f}×")
    shown = picture(figure, drawn, "A training step, against the fastest of three ways in PyTorch.")
    lines = [
        line.replace(" (", "<br>(") if line.startswith("| ") else line
        for line in report.markdown(found).splitlines()
    ]
    return "\n".join([shown, *lines]) + "\n"


def rest_of_api(docs):
    """Public names that no page of the API reference mentions yet."""
    pages = "".join(p.read_text(encoding="utf-8") for p in (docs / "api").glob("*.md"))
    rest = [n for n in pr.__all__ if f"pixelrnn_np.{n}\n" not in pages]
    if not rest:
        return ""
    kinds = {n: "class" if inspect.isclass(getattr(pr, n)) else "function" for n in rest}
    entries = "\n".join(f".. auto{kind}:: pixelrnn_np.{n}" for n, kind in kinds.items())
    return f"## More\n\n```{{eval-rst}}\n{entries}\n```\n"


def write_tables(root, docs):
    """docs/generated/*.md."""
    generated = docs / "generated"
    cards = [pr.pretrained_card(name) for name in pr.list_pretrained()]
    course_map = figures.you_are_here(None)
    shown = picture(
        course_map, generated / "map.png", "Above, the way of an image through a network."
    )
    write(generated / "map.md", shown)
    write(generated / "cards.md", "\n".join(card(c["name"]) for c in cards))
    write(generated / "pretrained.txt", pretrained.table() + "\n")
    shown = against_the_paper(cards, generated / "results.png")
    write(generated / "results.md", shown + "\n" + results(cards))
    write(generated / "recipes.md", recipes(cards))
    write(generated / "speed.md", speed(root, generated / "speed.png"))
    write(generated / "api.md", rest_of_api(docs))
