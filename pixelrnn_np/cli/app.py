"""The command line: all commands, and evaluate · pretrained · check.

train.py trains, data.py finds data, pictures.py draws, page.py makes a page, coding.py compresses.
"""

import contextlib
import os
import sys
import traceback
from typing import Annotated

import numpy as np
import typer

from .. import pretrained as shipped
from ..arguments import check_int, choose
from ..console import forgive, plural
from ..data import load_data
from ..data.baselines import channel_nats, independent_nats, uniform_nats
from ..inspection.checks import check_table
from ..likelihood import bits_per_dim
from ..models import MODELS, is_bound, same_weights
from ..models.checks import NotFinite
from ..parallel.ranks import joined, launched, silent, world
from ..runs.experiment import source
from ..training.trainer import Diverged
from .coding import compress, decompress
from .data import data as list_data
from .options import (
    Data,
    Pretrained,
    RunArgument,
    Threads,
    UsageError,
    open_model,
    option,
    say,
    say_if_compiling,
    some,
)
from .page import page
from .pictures import animate, complete, explain, sample
from .spread import spread_nll
from .train import train

app = typer.Typer(
    add_completion=False, pretty_exceptions_enable=False,
    rich_markup_mode=None,
    # `train` writes to --out, all others to -o or --output; each takes the words of the other.
    context_settings={"token_normalize_func": lambda word: "output" if word == "out" else word},
    help="Pixel Recurrent Neural Networks in NumPy: train, evaluate, draw, compress, check.",
)  # fmt: skip
app.command()(train)


@app.command()
def evaluate(
    run: RunArgument = None,
    pretrained: Pretrained = None,
    split: Annotated[str, typer.Option(help="train, valid or test")] = "test",
    data: Data = None,
    limit: Annotated[int | None, option("number of images, drawn by seed 0", "all")] = None,
    threads: Threads = None,
):
    """Measure nats per image and bits per dimension on a split.

    Beside them stand three baselines that know no neighbouring pixels.
    """
    here = world()
    net, meta, name = open_model(run, pretrained)
    say_if_compiling()
    found = source(name, net, meta, data)
    images = load_data(split=split, **found)
    if limit is not None:
        images = some(images, limit, "--limit")
    try:
        nats = spread_nll(here, net, images, threads)
    except NotFinite as e:
        raise NotFinite(f"{name}: {e}") from None
    error = nats.std() / np.sqrt(len(nats))
    D, train_images = net.dimensions, load_data(split="train", **found)
    rows = [*model_rows(net, nats, lambda exact: spread_nll(here, exact, images, threads)),
        *card_rows(pretrained, found, split),
        ("independent pixels", independent_nats(train_images, images, net.levels)),
        ("one histogram", channel_nats(train_images, images, net.levels)),
        ("uniform", uniform_nats(net.image_shape, net.levels)),
    ]  # fmt: skip
    count = plural(len(images), "image")
    print(f"{found['name']} {split}, {count}, ±{error:.2f} nats (standard error)")
    print(f"{'':<20}{'nats/image':>12}{'bits/dim':>12}")
    for name, value in rows:
        print(f"{name:<20}{value:>12.2f}{bits_per_dim(value, D):>12.4f}")


def model_rows(net, nats, nll):
    """(name, nats) of the model; of an inexact multi-scale model its bound, and the exact value."""
    if not is_bound(net):
        return [(net.name, nats.mean())]
    exact = same_weights(net, exact=True)
    return [
        ("upper bound", nats.mean()),
        ("same weights, exact", nll(exact).mean()),
    ]


def card_rows(name, found, split):
    """(label, nats) of the whole split, where the card of pretrained weights has it."""
    card = shipped.pretrained_card(name) if name else {"data": None}
    if found != card["data"] or split == "train":  # of which the card has a part
        return []
    return [(f"card, all {card['splits'][split]:,}", card["nats"][split])]


@app.command()
def pretrained(
    name: Annotated[
        str | None, typer.Argument(help="print this model's card", show_default=False)
    ] = None,
):
    """List the trained weights of the package, or print a card."""
    if name is None:
        print(shipped.table())
    else:
        print(shipped.card_text(shipped.pretrained_card(name)), end="")


@app.command()
def check(
    model: Annotated[str, typer.Option(help=" | ".join(MODELS))] = "diagonal_bilstm",
    seed: Annotated[int, typer.Option(help="of weights and images")] = 0,
):
    """Check a model's gradients, causality and normalisation.

    It has random weights and small images.
    """
    check_int("seed", seed, 0, 2**63)
    choose("--model", model, tuple(MODELS))
    if launched()[0]:
        return
    say_if_compiling()
    text, good = check_table(model, seed)
    print(text)
    raise typer.Exit(0 if good else 1)


for command in (sample, complete, animate, explain, page, compress, decompress):
    app.command()(command)
app.command("data")(list_data)


def main():
    forgive()
    rank, size = launched()
    with contextlib.nullcontext() if rank == 0 else silent():
        code, text = attempt(size)
        code, text = joined().leave(code, text)  # help and lists, and bad options, join no ranks
    if text and rank == 0:
        say(text)
    sys.exit(code)


def run_command():
    """Runs the command. Returns its exit code."""
    try:
        return app(sys.argv[1:] or ["--help"], standalone_mode=False)
    except typer.Abort as e:  # what click makes of Ctrl-C, but of an EOFError too
        raise (e.__cause__ or KeyboardInterrupt()) from None


def attempt(size):
    """Runs the command in one of `size` processes; (exit code, what to say of an error)."""
    try:
        code = run_command()
    except UsageError as e:
        return fail(f"{e.format_message().rstrip('.')}; see --help")
    except OSError as e:
        named = e.filename is not None and e.strerror
        return fail(f"{os.fspath(e.filename)}: {e.strerror}" if named else e)
    except (ValueError, Diverged, MemoryError) as e:
        return fail(e)
    except KeyboardInterrupt:
        code = 130
    except SystemExit as e:
        code = e.code
    except Exception:
        if size == 1:
            raise
        return 1, traceback.format_exc()  # which rank's it is, is said with it
    return (130, "stopped") if code == 130 else (code or 0, "")


def fail(why):
    return 2, f"error: {' '.join(str(why).split())}"
