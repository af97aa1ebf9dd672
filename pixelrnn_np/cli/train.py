"""The command `train`: prepare, fit, draw; on one process or on ranks."""

import contextlib
import os
import shlex
from pathlib import Path
from typing import Annotated

import typer

from .. import figures, sampling
from ..arguments import check_int
from ..console import brief, plural
from ..data import find_dataset, load_data
from ..data.baselines import independent_nats
from ..models import BASES, MODELS
from ..parallel.ranks import world
from ..runs.experiment import check_flags, fresh, new_end, reschedule, resumed
from ..runs.reading import BEST, CHECKPOINT, PREVIOUS, has_checkpoint, load_run
from ..runs.run import Run
from ..training.trainer import Diverged
from .options import (
    Grey,
    Quiet,
    Size,
    Threads,
    ValidShare,
    option,
    say,
    say_if_compiling,
    size_name,
    summary,
)
from .spread import check_alike, shares


def train(
    out: Annotated[Path, option("folder of the run, created if missing", None, "-o", "--out")],
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
    schedule: Annotated[
        str | None, option("cosine | constant; a resumed run may change it", "cosine")
    ] = None,
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
    around: Annotated[
        int | None, option("multi_scale: 3×3 layers on the small image before it is upsampled", 0)
    ] = None,
    scale: Annotated[
        int | None, option("multi_scale: train this network only, 0 the smallest", "all")
    ] = None,
    init: Annotated[Path | None, option("run or model file with the first weights")] = None,
    checkpoint_every: Annotated[
        int | None, option("updates between checkpoints; each epoch ends with one", 500)
    ] = None,
    samples: Annotated[int | None, option("images in samples.png; 0: none", 64)] = None,
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
        "exact": exact or None, "around": around, "scale": scale,
    }  # fmt: skip
    given = {k: v for k, v in given.items() if v is not None}
    flags = {"threads": threads, "checkpoint_every": checkpoint_every, "samples": samples}
    flags = check_flags({k: v for k, v in flags.items() if v is not None})
    here = world()
    with Run(out) if here.first else contextlib.nullcontext() as run:  # which locks the folder
        here.meet()
        trainer, about, images = prepare(here, run, out, given, flags, resume, init)
        flags = about["flags"]
        fit(run, out, trainer, images, about["epochs"], flags.get("checkpoint_every", 500), quiet)
        draw(here, out, trainer, flags.get("samples", 64), flags.get("threads"), quiet)


def prepare(here, run, out, given, flags, resume, init):
    """A new trainer or the run's, its `about`, {split: images}; rank 0 mends the folder.

    flags: as they are given now. A resumed run keeps those of before beside them.
    """
    unusable, before, threads = {}, None, flags.get("threads")
    with (
        here.mirrored(out, (CHECKPOINT, PREVIOUS, BEST)) as near,
        here.mirrored(init, (CHECKPOINT, BEST)) as start,
    ):
        going_on = resume and has_checkpoint(near)
        if going_on:
            if init is not None:
                raise ValueError(f"--init is for a new run; {out} goes on with its own weights")
            trainer, about = resumed(near, given, threads, unusable, here)
            before = reschedule(trainer, given.get("schedule"))
        else:
            trainer, about = fresh(near, given, threads, start, here)
    about["flags"] = about.get("flags", {}) | flags
    check_int("epochs", about["epochs"], 1, 10**6)
    say_if_compiling()
    images = here.first_then_all(
        lambda: {s: load_data(split=s, **about["data"]) for s in ("train", "valid")}
    )
    check_alike(here, trainer, images)
    if here.first:
        run.about = about
        if trainer.settings["scale"] is None:
            run.baselines["independent pixels"] = independent_nats(
                images["train"], images["valid"], trainer.model.levels
            )
        announce(out, trainer, about, going_on, resume, before)
        if going_on:
            run.repair(trainer, unusable)
        else:
            run.keep_old_best()
        run.write_config(trainer, about["epochs"])
    return trainer, about, images


def announce(out, trainer, about, going_on, resume, before):
    """Says what begins. before: the schedule that a resumed run had, if it changes."""
    net, here = trainer.model, trainer.ranks
    data, total = about["data"], about["epochs"]
    say(f"{net.name}, {net.flat.size:,} parameters, on {data['name']}, {net.levels} levels")
    if "fingerprint" in data:
        say(summary(find_dataset(**data)))
    if here.size > 1:
        say(shares(here, trainer))
    if trainer.epoch >= total:
        say(f"{out} has its {plural(trainer.epoch, 'epoch')} already; raise --epochs for more")
    elif resume:
        found = f"going on after update {trainer.step_count}, in epoch {trainer.epoch + 1}"
        say(f"{found if going_on else f'{out} has no checkpoint: a new run'} of {total}")
        if change := new_end(trainer, data, total, before):
            say(change)


def fit(run, out, trainer, images, epochs, checkpoint_every, quiet):
    """Trains to the end or an interruption. Says what came of it and how to go on."""
    again = f"python -m pixelrnn_np train --out {shlex.quote(str(out))} --resume"
    try:
        trainer.fit(
            images["train"], images["valid"], epochs, run=run,
            checkpoint_every=checkpoint_every, progress=not quiet,
        )  # fmt: skip
    except Diverged as e:
        kept = f"; {out}/{CHECKPOINT} is the last good one" if run and run.has_checkpoint else ""
        raise Diverged(f"{e}{kept}") from None
    except OSError as e:
        if run is None:
            raise
        raise failed(e, run, again) from None
    if trainer.interrupted:
        say(f"saved after update {trainer.step_count}; go on with: {again}")
        raise typer.Exit(130)
    for e in run.unwritten.values() if run else ():
        raise failed(e, run, again)
    say(f"best validation: {trainer.best:.2f} nats per image, in {out}/{BEST}")


def failed(e, run, again):
    """The error of a write that failed, with what is left and what to do."""
    why = f"{os.fspath(e.filename)}: {e.strerror}" if e.filename and e.strerror else e
    kept = "the last checkpoint is whole" if run.has_checkpoint else "there is no checkpoint yet"
    return OSError(f"{why}; {kept}. Fix the cause, then go on with: {again}")


def draw(here, out, trainer, samples, threads, quiet):
    """samples.png of the best weights, and scales.png of a multi-scale model."""
    scale = trainer.settings["scale"]
    if scale is not None:
        return say(f"no samples: only network {scale} was trained, and they need all networks")
    if not samples:
        return None
    with here.mirrored(out, (BEST,)) as near:
        best, _ = load_run(near)
    x = sampling.sample(best, samples, trainer.settings["seed"], progress=not quiet,
                        threads=here.threads(threads), ranks=here)  # fmt: skip
    if not here.first:
        return None
    try:
        figures.save_sheet(out / "samples.png", x, best.levels)
        if hasattr(best, "pyramid"):
            figures.save_scales(out / "scales.png", best.pyramid(x[:8]), best.levels)
    except OSError:
        raise
    except Exception as e:  # the training is done, and whole
        return say(f"samples.png could not be drawn ({brief(e)})")
    return say(f"pictures: {out}/samples.png, {out}/loss.png")
