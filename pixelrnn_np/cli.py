"""The command line: train · evaluate · sample · complete · check."""

import sys
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from . import checkpoint, figures, sampling
from .baselines import independent_nats, uniform_nats
from .checks import check_table
from .data import DATASETS, dataset_levels, load_data
from .likelihood import bits_per_dim
from .models import MODELS, build_model
from .run import Run, load_checkpoint, load_run
from .training import Diverged, Trainer

app = typer.Typer(
    add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Pixel Recurrent Neural Networks in NumPy: train, evaluate, sample, complete, check.",
)  # fmt: skip

DEFAULTS = {
    "model": "pixelcnn", "data": "digits", "epochs": 30, "seed": 0, "h": 16, "head": 32,
    "batch_size": 16, "optimizer": "rmsprop", "lr": 1e-3, "schedule": "constant", "warmup": 0,
    "ema": 0.0, "clip": 1.0,
}  # fmt: skip
RunArgument = Annotated[Path, typer.Argument(help="folder of a training run, or a model file")]
Threads = Annotated[int | None, typer.Option(help="threads; default: all processors")]
Quiet = Annotated[bool, typer.Option("--quiet", help="no progress bar")]
Seed = Annotated[int, typer.Option(help="the same seed draws the same images")]
Temperature = Annotated[float, typer.Option(help="divides the logits; 1 is the model itself")]


def option(text, default=None):
    shown = f"{text} [default: {default}]" if default is not None else text
    return typer.Option(help=shown, show_default=False)


@app.command()
def train(
    out: Annotated[Path, option("folder of the run; made if it is missing")],
    model: Annotated[str | None, option(" | ".join(MODELS), "pixelcnn")] = None,
    data: Annotated[str | None, option(" | ".join(DATASETS), "digits")] = None,
    levels: Annotated[int | None, option("values a pixel can take", "the data's")] = None,
    stochastic: Annotated[bool, option("mnist only: binarise by chance, by --seed")] = False,
    epochs: Annotated[int | None, option("passes over the training images", 30)] = None,
    seed: Annotated[int | None, option("of weights and shuffling", 0)] = None,
    threads: Threads = None,
    resume: Annotated[bool, option("go on from the last checkpoint in --out")] = False,
    h: Annotated[int | None, option("features inside a block; the trunk has 2h", 16)] = None,
    layers: Annotated[int | None, option("residual blocks", "the model's")] = None,
    head: Annotated[int | None, option("width of the head", 32)] = None,
    batch_size: Annotated[int | None, option("images per update", 16)] = None,
    optimizer: Annotated[str | None, option("rmsprop | adam", "rmsprop")] = None,
    lr: Annotated[float | None, option("learning rate", 0.001)] = None,
    schedule: Annotated[str | None, option("constant | cosine", "constant")] = None,
    warmup: Annotated[int | None, option("updates of growing learning rate", 0)] = None,
    ema: Annotated[float | None, option("decay of averaged weights; 0: off", 0)] = None,
    clip: Annotated[float | None, option("bound of gradients per dimension", 1)] = None,
    checkpoint_every: Annotated[int, option("updates between checkpoints", 500)] = 500,
    samples: Annotated[int, option("images in samples.png; 0: none", 64)] = 64,
    quiet: Quiet = False,
):
    """Train a model; what it writes is in --out: best weights, checkpoint, metrics, pictures."""
    given = {
        "model": model, "data": data, "levels": levels, "stochastic": stochastic or None,
        "epochs": epochs, "seed": seed, "h": h, "layers": layers, "head": head,
        "batch_size": batch_size, "optimizer": optimizer, "lr": lr, "schedule": schedule,
        "warmup": warmup, "ema": ema, "clip": clip,
    }  # fmt: skip
    given = {k: v for k, v in given.items() if v is not None}
    if resume and (out / "checkpoint.safetensors").exists():
        trainer, about = resumed(out, given, threads)
    else:
        trainer, about = fresh(out, {**DEFAULTS, **given}, threads)
    images = {s: load_data(split=s, **about["data"]) for s in ("train", "valid")}
    net = trainer.model
    baselines = {
        "independent pixels": independent_nats(images["train"], images["valid"], net.levels)
    }
    run = Run(out, about, baselines)
    say(f"{net.name}, {net.flat.size:,} parameters, on {about['data']['name']}")
    total = about["epochs"]
    run.write_config(trainer, total)
    trainer.fit(
        images["train"], images["valid"], total, run=run,
        checkpoint_every=checkpoint_every, progress=not quiet,
    )  # fmt: skip
    if trainer.interrupted:
        say(f"stopped at update {trainer.step_count}; go on with: train --out {out} --resume")
        raise typer.Exit(130)
    say(f"best validation: {trainer.best:.2f} nats per image, in {out}/best.safetensors")
    if samples:
        best, _ = load_run(out)
        x = sampling.sample(best, samples, trainer.settings["seed"], progress=not quiet,
                            threads=threads)  # fmt: skip
        figures.save_sheet(out / "samples.png", x, best.levels)
        say(f"pictures: {out}/samples.png, {out}/loss.png")


def fresh(out, options, threads):
    """A new model and trainer for `train`; ValueError if `out` has a run already."""
    if (out / "checkpoint.safetensors").exists():
        raise ValueError(f"{out} holds a run already; add --resume to go on, or name another --out")
    data = {"name": options["data"], "levels": options.get("levels")}
    if options.get("stochastic"):
        data |= {"stochastic": True, "seed": options["seed"]}
    levels = dataset_levels(data["name"], data["levels"], data.get("stochastic", False))
    net = build_model(
        options["model"], DATASETS[options["data"]].image_shape, levels, options["h"],
        options.get("layers"), options["head"], options["seed"],
    )  # fmt: skip
    names = ("batch_size", "clip", "schedule", "warmup", "ema", "seed")
    trainer = Trainer(
        net, options["optimizer"], options["lr"], threads, **{k: options[k] for k in names}
    )
    return trainer, {"data": {**data, "levels": levels}, "epochs": options["epochs"]}


def resumed(out, given, threads):
    """Model and trainer as the checkpoint in `out` left them; ValueError if options disagree."""
    net, arrays, state, meta = load_checkpoint(out)
    saved = state["settings"]
    before = {**net.config, **saved, **meta["data"], "model": net.name,
              "data": meta["data"]["name"]}  # fmt: skip
    for name, value in given.items():
        if name != "epochs" and before.get(name) != value:
            raise ValueError(f"--{name} is {value}, but the run in {out} has {before.get(name)}")
    trainer = Trainer(net, threads=threads, **saved)
    trainer.restore(arrays, state)
    epochs = given.get("epochs", meta["epochs"])
    return trainer, {"data": meta["data"], "epochs": epochs}


@app.command()
def evaluate(
    run: RunArgument,
    split: Annotated[str, typer.Option(help="train, valid or test")] = "test",
    data: Annotated[str | None, option("data set", "the one it was trained on")] = None,
    limit: Annotated[int | None, option("only so many images, drawn by seed 0")] = None,
    threads: Threads = None,
):
    """Nats per image and bits per dimension on a split, beside two baselines."""
    net, meta = load_run(run)
    source = {"name": data} if data else meta.get("data")
    if source is None:
        raise ValueError(f"{run} does not say what it was trained on; name it with --data")
    images = load_data(split=split, **source)
    if limit is not None:
        if not 1 <= limit <= len(images):
            raise ValueError(f"--limit is {limit}; {split} has {len(images)} images")
        images = images[np.random.default_rng(0).permutation(len(images))[:limit]]
    nats = net.nll(images, threads)
    error = nats.std() / np.sqrt(len(nats))
    D = net.dimensions
    rows = [
        (net.name, nats.mean()),
        ("independent pixels",
         independent_nats(load_data(split="train", **source), images, net.levels)),
        ("uniform", uniform_nats(net.image_shape, net.levels)),
    ]  # fmt: skip
    print(f"{source['name']} {split}, {len(images)} images, ±{error:.2f} nats (standard error)")
    print(f"{'':<20}{'nats/image':>12}{'bits/dim':>12}")
    for name, value in rows:
        print(f"{name:<20}{value:>12.2f}{bits_per_dim(value, D):>12.4f}")


@app.command()
def sample(
    run: RunArgument,
    output: Annotated[Path, typer.Option("-o", "--output", help="PNG to write")],
    n: Annotated[int, typer.Option("-n", help="number of images")] = 64,
    seed: Seed = 0,
    temperature: Temperature = 1.0,
    threads: Threads = None,
    quiet: Quiet = False,
):
    """Draw images from a trained model."""
    net, _ = load_run(run)
    target(output)
    x, nats = sampling.sample(
        net, n, seed, temperature=temperature, return_nll=True, progress=not quiet, threads=threads
    )
    figures.save_sheet(output, x, net.levels)
    say(f"{n} images in {output}, {nats.mean():.2f} nats each on average")


@app.command()
def complete(
    run: RunArgument,
    output: Annotated[Path, typer.Option("-o", "--output", help="PNG to write")],
    rows: Annotated[int, typer.Option(help="rows at the top that are known")] = 4,
    n: Annotated[int, typer.Option("-n", help="number of test images")] = 8,
    times: Annotated[int, typer.Option(help="completions of each")] = 6,
    data: Annotated[str | None, option("data set", "the one it was trained on")] = None,
    seed: Seed = 0,
    temperature: Temperature = 1.0,
    threads: Threads = None,
    quiet: Quiet = False,
):
    """Keep the top rows of test images and draw the rest, as in the paper's Figure 1."""
    net, meta = load_run(run)
    target(output)
    source = {"name": data} if data else meta.get("data")
    if source is None:
        raise ValueError(f"{run} does not say what it was trained on; name it with --data")
    images = load_data(split="test", **source)
    for name, value, top in (("rows", rows, net.image_shape[0]), ("n", n, len(images))):
        if not 1 <= value <= top:
            raise ValueError(f"--{name} is {value}; it has to be from 1 to {top}")
    if times < 1:
        raise ValueError(f"--times is {times}; it has to be at least 1")
    images = images[np.random.default_rng(seed).permutation(len(images))[:n]]
    known = np.zeros(images.shape, bool)
    known[:, :rows] = True
    drawn = sampling.complete(
        net, images.repeat(times, axis=0), known.repeat(times, axis=0), seed,
        temperature=temperature, progress=not quiet, threads=threads,
    )  # fmt: skip
    figures.save_completions(
        output, images, known, drawn.reshape(n, times, *net.image_shape), net.levels
    )
    say(f"{output}: {n} images; known rows, {times} completions, original")


@app.command()
def check(
    model: Annotated[str, typer.Option(help=" | ".join(MODELS))] = "pixelcnn",
    seed: Annotated[int, typer.Option(help="of weights and images")] = 0,
):
    """Check a model's gradients, causality and normalisation on small images."""
    text, good = check_table(model, seed)
    print(text)
    raise typer.Exit(0 if good else 1)


def target(path):
    """Refuses a path that cannot be written before the long work, not after it."""
    if path.suffix.lower() != ".png":
        raise ValueError(f"{path}: pictures are written as PNG; name a file that ends in .png")
    probe = path.with_name(f".{path.name}.probe")
    checkpoint.write_atomically(probe, b"")
    probe.unlink()


def say(text):
    print(text, file=sys.stderr, flush=True)


def main():
    try:
        app()
    except (ValueError, OSError, Diverged) as e:
        say(f"error: {' '.join(str(e).split())}")
        sys.exit(2)
    except KeyboardInterrupt:
        say("stopped")
        sys.exit(130)
