"""The command line: train · evaluate · pretrained · check.

data.py has what finds data, pictures.py what draws, coding.py what compresses.
"""

import contextlib
import os
import sys
import traceback
from pathlib import Path
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
from ..models import BASES, MODELS, is_bound, same_weights
from ..models.checks import NotFinite
from ..parallel.ranks import joined, launched, silent, world
from ..runs.experiment import source
from ..training.trainer import Diverged
from . import coding as cli_coding
from . import data as cli_data
from . import page as cli_page
from . import pictures as cli_pictures
from . import train as cli_train
from .options import (
    Data,
    Grey,
    Pretrained,
    Quiet,
    RunArgument,
    Size,
    Threads,
    UsageError,
    ValidShare,
    open_model,
    option,
    say,
    say_if_compiling,
    size_name,
    some,
)
from .spread import spread_nll

app = typer.Typer(
    add_completion=False, pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Pixel Recurrent Neural Networks in NumPy: train, evaluate, draw, compress, check.",
)  # fmt: skip


@app.command()
def train(
    out: Annotated[Path, option("folder of the run, created if missing")],
    model: Annotated[str | None, option(" | ".join(MODELS), "diagonal_bilstm")] = None,
    data: Annotated[
        str | None,
        option("a name that `data` lists, or the path of pictures, .npy or .npz", "digits"),
    ] = None,
    size: Size = None,
    grey: Grey = False,
    valid_share: ValidShare = None,
    levels: Annotated[int | None, option("values a pixel can take", "the data's")] = None,
    stochastic: Annotated[
        bool, option("mnist, mnist5k: binarise at random, with --seed", None, "--stochastic")
    ] = False,
    epochs: Annotated[
        int | None, option("passes over the images; with --resume, the new end", 15)
    ] = None,
    seed: Annotated[int | None, option("of weights and shuffling", 0)] = None,
    threads: Threads = None,
    resume: Annotated[
        bool,
        option("continue from the last checkpoint, if there is one", None, "--resume"),
    ] = False,
    h: Annotated[int | None, option("features inside a block; the trunk has 2h", 16)] = None,
    layers: Annotated[int | None, option("residual blocks", "the model's")] = None,
    head: Annotated[int | None, option("width of the head", 32)] = None,
    batch_size: Annotated[int | None, option("images per update", 16)] = None,
    optimizer: Annotated[str | None, option("soap | adam | rmsprop (the paper's)", "soap")] = None,
    lr: Annotated[float | None, option("learning rate", 0.003)] = None,
    schedule: Annotated[str | None, option("cosine | constant", "cosine")] = None,
    warmup: Annotated[int | None, option("updates until the learning rate is reached", 100)] = None,
    weight_decay: Annotated[
        float | None, option("share of each kernel to take off, times the learning rate", 0)
    ] = None,
    dropout: Annotated[
        float | None, option("share of each block's inner features to drop", 0)
    ] = None,
    ema: Annotated[
        float | None, option("decay of the averaged weights; 0: no average", 0.995)
    ] = None,
    clip: Annotated[float | None, option("largest gradient per dimension", 1)] = None,
    no_residual: Annotated[
        bool, option("blocks without residual connections", None, "--no-residual")
    ] = False,
    no_skip: Annotated[
        bool, option("blocks without skip connections to the output", None, "--no-skip")
    ] = False,
    base: Annotated[
        str | None, option("multi_scale: " + " | ".join(BASES), "diagonal_bilstm")
    ] = None,
    factor: Annotated[
        int | None, option("multi_scale: ratio of neighbouring sizes, even", 2)
    ] = None,
    scales: Annotated[int | None, option("multi_scale: number of networks", 2)] = None,
    exact: Annotated[
        bool, option("multi_scale: pixels of the small image cost nothing", None, "--exact")
    ] = False,
    scale: Annotated[
        int | None, option("multi_scale: train this network only, 0 the smallest", "all")
    ] = None,
    init: Annotated[Path | None, option("run or model file with the first weights")] = None,
    checkpoint_every: Annotated[
        int, option("updates between checkpoints; each epoch ends with one", 500)
    ] = 500,
    samples: Annotated[int, option("images in samples.png; 0: none", 64)] = 64,
    quiet: Quiet = False,
):
    """Train a model. Best weights, checkpoint, metrics and pictures go to --out."""
    given = {
        "model": model, "data": data, "size": size_name(size), "grey": grey or None,
        "valid_share": valid_share, "levels": levels, "stochastic": stochastic or None,
        "epochs": epochs, "seed": seed, "h": h, "layers": layers, "head": head,
        "batch_size": batch_size, "optimizer": optimizer, "lr": lr, "schedule": schedule,
        "warmup": warmup, "weight_decay": weight_decay, "ema": ema, "clip": clip,
        "dropout": dropout, "residual": False if no_residual else None,
        "skip": False if no_skip else None, "base": base, "factor": factor, "scales": scales,
        "exact": exact or None, "scale": scale,
    }  # fmt: skip
    given = {k: v for k, v in given.items() if v is not None}
    check_int("samples", samples, 0, 10**6)
    check_int("checkpoint-every", checkpoint_every, 1, 10**9)
    cli_train.train(out, given, resume=resume, init=init, threads=threads,
                    checkpoint_every=checkpoint_every, samples=samples, quiet=quiet)  # fmt: skip


@app.command()
def evaluate(
    run: RunArgument = None,
    pretrained: Pretrained = None,
    split: Annotated[str, typer.Option(help="train, valid or test")] = "test",
    data: Data = None,
    limit: Annotated[int | None, option("number of images, drawn by seed 0", "all")] = None,
    threads: Threads = None,
):
    """Measure nats per image and bits per dimension on a split, with three baselines."""
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
    """List the trained weights of the package, or print the card of one of them."""
    if name is None:
        print(shipped.table())
    else:
        print(shipped.card_text(shipped.pretrained_card(name)), end="")


@app.command()
def check(
    model: Annotated[str, typer.Option(help=" | ".join(MODELS))] = "diagonal_bilstm",
    seed: Annotated[int, typer.Option(help="of weights and images")] = 0,
):
    """Check a model's gradients, causality and normalisation on small images."""
    check_int("seed", seed, 0, 2**63)
    choose("--model", model, tuple(MODELS))
    if launched()[0]:
        return
    say_if_compiling()
    text, good = check_table(model, seed)
    print(text)
    raise typer.Exit(0 if good else 1)


for command in (
    cli_data.data, cli_pictures.sample, cli_pictures.complete, cli_pictures.animate,
    cli_pictures.explain, cli_page.page, cli_coding.compress, cli_coding.decompress,
):  # fmt: skip
    app.command()(command)


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
