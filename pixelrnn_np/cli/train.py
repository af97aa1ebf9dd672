"""What `train` does once its options are read: prepare, fit, draw; on one process or on ranks."""

import contextlib
import os
import shlex

import typer

from .. import figures, sampling
from ..arguments import check_int
from ..console import brief, plural
from ..data import find_dataset, load_data
from ..data.baselines import independent_nats
from ..parallel.ranks import world
from ..runs.experiment import fresh, new_end, resumed
from ..runs.reading import BEST, CHECKPOINT, PREVIOUS, has_checkpoint, load_run
from ..runs.run import Run
from ..training.trainer import Diverged
from .options import say, say_if_compiling, summary
from .spread import check_alike, shares


def train(out, given, *, resume, init, threads, checkpoint_every, samples, quiet):
    """Only rank 0 has a Run. It locks the folder before anything is read."""
    here = world()
    with Run(out) if here.first else contextlib.nullcontext() as run:
        here.meet()
        trainer, about, images = prepare(here, run, out, given, threads, resume, init)
        fit(run, out, trainer, images, about["epochs"], checkpoint_every, quiet)
        draw(here, out, trainer, samples, threads, quiet)


def prepare(here, run, out, given, threads, resume, init):
    """A new trainer or the run's, {"data", "epochs"}, {split: images}; rank 0 mends the folder."""
    unusable = {}
    with (
        here.mirrored(out, (CHECKPOINT, PREVIOUS, BEST)) as near,
        here.mirrored(init, (CHECKPOINT, BEST)) as start,
    ):
        going_on = resume and has_checkpoint(near)
        if going_on:
            if init is not None:
                raise ValueError(f"--init is for a new run; {out} goes on with its own weights")
            trainer, about = resumed(near, given, threads, unusable, here)
        else:
            trainer, about = fresh(near, given, threads, start, here)
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
        announce(out, trainer, about, going_on, resume)
        if going_on:
            run.repair(trainer, unusable)
        else:
            run.keep_old_best()
        run.write_config(trainer, about["epochs"])
    return trainer, about, images


def announce(out, trainer, about, going_on, resume):
    """Says what begins."""
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
        if change := new_end(trainer, data, total):
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
