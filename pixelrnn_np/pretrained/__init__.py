"""Trained weights that come with the package (§5.5, Table 4, and smaller ones).

NAME.safetensors   weights and configuration, as `pr.load` reads them
NAME.json          the card: data, recipe, nats, time, machine, versions, commit
NAME.csv           nats of training and validation images, as the run went on
NAME.md, NAME.png  the card to read, made from the JSON; the training curve, drawn from the CSV
Names are <data>-<model>[-<layers>x<h>]. tools/ship.py writes all of them.
"""

import atexit
import contextlib
import csv
import json
import math
from importlib import resources

from ..arguments import choose
from ..console import plural, shown
from ..models import Model, load

FOLDER = resources.files(__package__)  # a path, or a place in the zip file of the package
WEIGHTS = ".safetensors"
_copies = contextlib.ExitStack()  # of what had to be unpacked
atexit.register(_copies.close)


def list_pretrained() -> list[str]:
    """The names of the trained models that come with the package.

    Returns
    -------
    list of str
        Sorted. A name is <data>-<model>, or <data>-<model>-<layers>x<h>.

    Examples
    --------
    >>> "digits-diagonal_bilstm" in pr.list_pretrained()
    True
    """
    names = (entry.name for entry in FOLDER.iterdir())
    return sorted(name.removesuffix(WEIGHTS) for name in names if name.endswith(WEIGHTS))


def path_of(name, ending=WEIGHTS):
    """A path of the weights' file, or of the model's file with another ending.

    Raises ValueError, which names the nearest name, for an unknown one.
    """
    file = FOLDER / f"{choose('pretrained', name, list_pretrained())}{ending}"
    return _copies.enter_context(resources.as_file(file))


def records_of(name):
    """How the training of shipped weights went: dicts with images, train and valid, nats or NaN."""
    with path_of(name, ".csv").open(encoding="utf-8", newline="") as lines:
        return [{k: float(v or "nan") for k, v in row.items()} for row in csv.DictReader(lines)]


def load_pretrained(name: str) -> Model:
    """A trained model that comes with the package.

    Parameters
    ----------
    name : str
        One of `list_pretrained()`.

    Returns
    -------
    Model
        The model with its weights.

    Raises
    ------
    ValueError
        There is no such name. The message has the nearest one.

    Examples
    --------
    >>> pr.load_pretrained("digits-diagonal_bilstm").image_shape
    (8, 8, 1)
    """
    return load(path_of(name))


def pretrained_card(name: str) -> dict:
    """All that is known about a trained model that comes with the package.

    Parameters
    ----------
    name : str
        One of `list_pretrained()`.

    Returns
    -------
    dict
        With these keys, nats per image:

        - data: arguments of `load_data`; splits: the images in each
        - model: arguments of `build_model`; recipe: those of `Trainer`
        - seen: updates, images, minutes and cpu_minutes up to these weights, validation
          included, on the machines of `sessions`; None or missing: not recorded
        - run: the same of the whole run
        - nats, standard_error, bits_per_dim: of valid and test, and of train on as many images
          as valid has, the first of a seed-0 permutation
        - bound: whether the nats are an upper bound
        - first: nats of the first images of test
        - falling: how many nats validation fell in the last tenth of the run; None: too few
          validations
        - schedule_done: the share of the learning rate's schedule
        - sessions: the commands of the training, and what each ran on

    Raises
    ------
    ValueError
        There is no such name. The message has the nearest one.

    Notes
    -----
    Section 5.5, Table 4: the paper's numbers for the fixed binarisation of MNIST.

    Examples
    --------
    >>> card = pr.pretrained_card("digits-diagonal_bilstm")
    >>> card["data"]["name"], card["model"]["layers"] > 0
    ('digits', True)
    """
    return json.loads(path_of(name, ".json").read_text(encoding="utf-8"))


def size_of(card):
    """ "7×16": blocks × h."""
    return f"{card['model']['layers']}×{card['model']['h']}"


def table():
    """What there is, as lines of text."""
    rows = [["name", "parameters", "images seen", "minutes", "valid nats", "test nats", "bits/dim"]]
    for card in map(pretrained_card, list_pretrained()):
        seen, most = card["seen"], shown("≤ ") if card["bound"] else ""
        rows.append([
            card["name"], f"{card['parameters']:,}", f"{seen['images']:,}",
            f"{seen['minutes']:.1f}", most + f"{card['nats']['valid']:.2f}",
            most + f"{card['nats']['test']:.2f}", most + f"{card['bits_per_dim']['test']:.4f}",
        ])  # fmt: skip
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    form = f"{{:<{widths[0]}}}" + "".join(f"  {{:>{w}}}" for w in widths[1:])
    return "\n".join(form.format(*row) for row in rows)


def card_text(card):
    """The card as Markdown that reads well in a terminal too."""
    name, model = card["name"], card["model"]
    recipe = ", ".join(f"{k} {v}" for k, v in card["recipe"].items() if v is not None)
    options = "".join(
        f", {k} {model[k]}" for k in ("base", "factor", "scales", "exact", "around") if k in model
    )
    lines = [
        f"# {name}", "",
        f"- model: {model['name']}, {plural(model['layers'], 'block')}, h = {model['h']}, "
        f"head {model['head']}{options}, {card['parameters']:,} parameters, {model['dtype']}",
        f"- data: {_data(card)}; " + ", ".join(f"{n:,} {s}" for s, n in card["splits"].items()),
        *(f"- {split}: {_nats(card, split)}" for split in ("valid", "test")), *_gap(card),
        f"- seen: {_spent(card, 'seen')}",
        f"- whole run: {_spent(card, 'run')}; these weights are the best on valid",
        f"- recipe: {recipe}",
        f"- was it still falling? {_falling(card)}",
        f"- weights: SHA-256 {card['sha256']}", "",
        "How it was trained:", "",
    ]  # fmt: skip
    for s in card["sessions"]:
        made = ", ".join(f"{k} {v}" for k, v in (s["versions"] or {}).items())
        lines += [
            f"    {s['command']}", "",
            f"from update {s['from_update']:,} on, with commit {s['commit'] or 'unknown'} on "
            f"{s['processor'] or 'an unknown processor'}, {s['cores'] or '?'} cores, "
            f"{plural(s['threads'], 'thread')}; {made}.", "",
        ]  # fmt: skip
    lines += ["To measure it again:", "",
              f"    python -m pixelrnn_np evaluate --pretrained {name} --split test"]  # fmt: skip
    return "\n".join(lines) + "\n"


def _data(card):
    data = card["data"]
    chance = f", binarised by chance with seed {data.get('seed')}" if "stochastic" in data else ""
    return f"{data['name']}, {data['levels']} levels{chance} ({card['description']})"


def _nats(card, split):
    most = "at most " if card["bound"] else ""
    return (
        f"{most}{card['nats'][split]:.3f} nats per image (± {card['standard_error'][split]:.2f} "
        f"standard error), {card['bits_per_dim'][split]:.4f} bits per dimension"
    )


def _gap(card):
    """The line on training images; older cards say nothing."""
    if "train" not in card["nats"]:
        return []
    count = min(card["splits"]["train"], card["splits"]["valid"])
    gap = card["nats"]["valid"] - card["nats"]["train"]
    error = math.hypot(card["standard_error"]["valid"], card["standard_error"]["train"])
    return [f"- train: {_nats(card, 'train')}, on {count:,} images drawn by seed 0; "
            f"valid − train: {gap:+.2f} (± {error:.2f})"]  # fmt: skip


def _spent(card, what):
    spent, cpu = card[what], card[what].get("cpu_minutes")
    threads = ", ".join(dict.fromkeys(str(s["threads"]) for s in card["sessions"]))
    counted = "" if cpu is None else f", {cpu:.1f} CPU minutes (threads: {threads})"
    done = f"{spent['images']:,} images, {spent['updates']:,} updates"
    return f"{done}, {spent['minutes']:.1f} minutes{counted}"


def _falling(card):
    done = f"{card['schedule_done']:.0%} of the learning rate's schedule was done"
    if card["falling"] is None:
        return f"too few validations to tell; {done}"
    fell, end = card["falling"], f"nats on valid in the run's last tenth; {done}"
    if abs(fell) <= 0.005:
        return f"no, it changed by less than 0.01 {end}"
    return f"{'yes, fell' if fell > 0 else 'no, rose'} by {abs(fell):.2f} {end}"
