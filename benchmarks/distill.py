"""Trains a small model on what a better one of the package says of each pixel (distillation).

    PIXELRNN_DATA=FOLDER python benchmarks/distill.py --out runs/NAME --init FIRST.safetensors \\
        --teacher binarized_mnist-diagonal_bilstm-1x32
    python benchmarks/distill.py --out runs/NAME --resume

The targets of an image are the teacher's probabilities p(x_i = 1 | x_<i) instead of its pixels
(Hinton, Vinyals and Dean, "Distilling the knowledge in a neural network", 2015). The gradient of
the logits is then σ(z) - p where it was σ(z) - x: as far as the teacher is right the mean is the
same, and the chance of each pixel, which is most of its noise, is gone. The teacher has seen the
training split alone, and the student is validated and tested as any other model, on real images.

OUT is a run as `train` makes them, and ship.py takes it. It goes on with this script alone, since
`train` does not know the targets and refuses it. One process: no ranks. What it gave:
benchmarks/README.md, "Targets of a better model".
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import typer

import pixelrnn_np as pr
from pixelrnn_np import cli_train, likelihood
from pixelrnn_np.cli_options import say
from pixelrnn_np.experiment import DEFAULTS, MODEL_OPTIONS
from pixelrnn_np.ranks import world
from pixelrnn_np.run import Run, has_checkpoint, load_checkpoint, load_run

PROGRAM = "python benchmarks/distill.py"
CHUNK = 1000
RECIPE = {"lr": 0.0015, "warmup": 200, "ema": 0.999}  # where it differs from `train`


def one_pass(model, what):
    """Raises ValueError for a model whose logits of a pixel depend on more than earlier pixels."""
    if model.name == "multi_scale":
        raise ValueError(f"{what} is a multi_scale model, whose pixels are in another order")
    return model


def master(teacher):
    """The weights of the package that teach. Raises ValueError if they cannot, or for the name."""
    model = one_pass(pr.load_pretrained(teacher), f"--teacher {teacher}")
    if model.levels != 2:
        raise ValueError(f"--teacher {teacher} has {model.levels} levels; this is for two")
    return model


class Lesson:
    """A teacher's probabilities for the training images, uint8 (N, H, W, C): two levels, one pass.

    Memory: four bytes for each pixel, and the images once more.
    """

    def __init__(self, teacher, images, threads=None):
        self.p, self.row = np.empty(images.shape, teacher.dtype), {}
        for k in range(0, len(images), CHUNK):
            z = teacher.logits(images[k : k + CHUNK], threads)
            self.p[k : k + CHUNK] = likelihood.probabilities(z, 2)[..., 1]
        for k, image in enumerate(images):
            self.row[image.tobytes()] = k

    def targets(self, x):
        """p(x_i = 1 | x_<i) of images that are known here: like x, float."""
        return np.stack([self.p[self.row[image.tobytes()]] for image in x])


def teach(net, lesson):
    """Makes `net` learn the lesson: its gradient is of the cross entropy with the targets.

    -Σ_i p ln σ(z_i) + (1-p) ln σ(-z_i) has the gradient σ(z) - p = (σ(z) - x) + (x - p) in z.
    The nats that it reports stay those of the images.
    """

    def nll_backward(scale, cache):
        loss_cache, cache = cache
        dlogits, x = likelihood.nll_backward(scale, loss_cache), loss_cache[2]
        dlogits += net.dtype.type(scale) * (x - lesson.targets(x))
        return net.backward(dlogits, cache, need_dx=False)[1]

    net.nll_backward = nll_backward


def student(init):
    """The options of `train` for the model in a run or model file."""
    config = one_pass(load_run(init)[0], f"--init {init}").config
    return {"model": config["name"], **{k: config[k] for k in MODEL_OPTIONS if k in config}}


def taught_on(card):
    """The options of `train` for the data of the teacher's card."""
    data = card["data"]
    if data.get("stochastic"):
        raise ValueError("--teacher learned from images that chance made black and white, not here")
    return {"data": data["name"], "levels": data["levels"]}


def goes_on(out, init, teacher, resume):
    """What the run in `out` learns from, {"teacher", …}; None: a new one. Raises ValueError."""
    there = has_checkpoint(out)
    if not (resume and there):
        if init is None or teacher is None:
            how = f"to go on with the one in {out} add --resume" if there else f"{out} holds no run"
            raise ValueError(f"a new run needs --init and --teacher; {how}")
        return None
    lesson = load_checkpoint(out)[3].get("distilled")
    if not isinstance(lesson, dict) or not isinstance(lesson.get("teacher"), str):
        raise ValueError(f"the run in {out} has no teacher: it goes on with train")
    if teacher not in (None, lesson["teacher"]):
        raise ValueError(f"--teacher is {teacher}, but the run in {out} has {lesson['teacher']}")
    return lesson


def distill(out, init, teacher, given, *, resume, threads, quiet):
    """One session of a run: see the module; given: the options of `train` that were named.

    Raises ValueError, OSError, Diverged, and typer.Exit after Ctrl-C.
    """
    here = world()
    if here.size > 1:
        raise ValueError(f"{here.size} ranks: distill.py is for one process")
    with Run(out) as run:
        lesson = goes_on(out, init, teacher, resume)
        teacher = lesson["teacher"] if lesson else teacher
        better, card = master(teacher), pr.pretrained_card(teacher)
        if lesson is None:
            given = {**student(init), **RECIPE, **given, **taught_on(card)}
            lesson = {"teacher": teacher, "sha256": card["sha256"]}
        elif lesson.get("sha256", card["sha256"]) != card["sha256"]:
            raise ValueError(f"{teacher} are other weights now than those that {out} learned from")
        trainer, about, images = cli_train.prepare(
            here, run, out, given, threads, resume, init, lesson
        )
        say(f"the targets: what {teacher} says of {len(images['train']):,} images")
        teach(trainer.model, Lesson(better, images["train"], threads))
        cli_train.fit(run, out, trainer, images, about["epochs"], 500, quiet, PROGRAM)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )  # fmt: skip
    parser.add_argument("--out", type=Path, required=True, help="folder of the run")
    parser.add_argument("--init", type=Path, help="the student's first weights: run or model file")
    parser.add_argument("--teacher", help="weights of the package, of two levels")
    parser.add_argument("--resume", action="store_true", help="go on with the run in --out")
    parser.add_argument("--epochs", type=int, help=f"default: {DEFAULTS['epochs']}")
    parser.add_argument("--lr", type=float, help=f"default: {RECIPE['lr']}")
    parser.add_argument("--seed", type=int, help="of the order of images; default: 0")
    parser.add_argument("--threads", type=int, help="default: all processors")
    parser.add_argument("--quiet", action="store_true", help="no bar")
    o = parser.parse_args()
    given = {k: v for k in ("epochs", "lr", "seed") if (v := getattr(o, k)) is not None}
    how = {"resume": o.resume, "threads": o.threads, "quiet": o.quiet}
    try:
        distill(o.out, o.init, o.teacher, given, **how)
    except typer.Exit as e:
        sys.exit(e.exit_code)
    except KeyboardInterrupt:
        say(f"stopped before the first update; start again, with --resume if {o.out} has a run")
        sys.exit(130)
    except (ArithmeticError, OSError, ValueError) as e:
        sys.exit(f"error: {e}")


if __name__ == "__main__":
    main()
