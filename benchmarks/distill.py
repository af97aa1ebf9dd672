"""Trains a small model on what a better one of the package says of each pixel (distillation).

    PIXELRNN_DATA=FOLDER python benchmarks/distill.py --out runs/NAME --init FIRST.safetensors \\
        --teacher binarized_mnist-diagonal_bilstm-1x32
    python benchmarks/distill.py --out runs/NAME --resume

The targets of an image are the teacher's probabilities p(x_i = 1 | x_<i) instead of its pixels
(Hinton, Vinyals and Dean, "Distilling the knowledge in a neural network", 2015). The gradient of
the logits is then σ(z) - p where it was σ(z) - x: as far as the teacher is right the mean is the
same, and the chance of each pixel, which is most of its noise, is gone. With --drawn N the
teacher also draws N images, and batches hold as large a part of them as they are of all images;
an epoch stays as many images as the training split has. The teacher has seen the training split
alone, and the student is validated and tested as any other model, on real images.

OUT is a run as `train` makes them, with OUT/drawn.npz for drawn images; ship.py takes it. It goes
on with this script alone, since `train` does not know the targets and refuses it. What it gave:
benchmarks/README.md.
"""

import argparse
import functools
import io
import multiprocessing
import sys
import zlib
from pathlib import Path

import numpy as np
import typer

import pixelrnn_np as pr
from pixelrnn_np import checkpoint, cli_train, likelihood
from pixelrnn_np.cli_options import say
from pixelrnn_np.experiment import DEFAULTS, MODEL_OPTIONS
from pixelrnn_np.models.base import check_int
from pixelrnn_np.ranks import world
from pixelrnn_np.run import CHECKPOINT, Run, has_checkpoint, load_run

PROGRAM = "python benchmarks/distill.py"
DRAWN, CHUNK, MOST = "drawn.npz", 1000, 10**7
RECIPE = {"lr": 0.0015, "warmup": 200, "ema": 0.999}  # where it differs from `train`


class Lesson:
    """A teacher's probabilities for the training images and for images of its own.

    teacher: a model of two levels; images: uint8 (N, H, W, C) of the training split; drawn: the
    same of the teacher, N may be 0. Raises ValueError for a teacher of more levels.
    """

    def __init__(self, teacher, images, drawn, threads=None):
        if teacher.levels != 2:
            raise ValueError(f"the teacher has {teacher.levels} levels; this is for two")
        self.drawn, self.share = drawn, len(drawn) / (len(drawn) + len(images))
        self.p, self.row = [], {}
        for x in (images, drawn):
            for k in range(0, len(x), CHUNK):
                z = teacher.logits(x[k : k + CHUNK], threads)
                self.p.extend(likelihood.probabilities(z, 2)[..., 1].astype(teacher.dtype))
        for k, image in enumerate((*images, *drawn)):
            self.row[image.tobytes()] = k

    def targets(self, x):
        """p(x_i = 1 | x_<i) of images that are known here: like x, float."""
        return np.stack([self.p[self.row[image.tobytes()]] for image in x])

    def mixed(self, x):
        """x with drawn images in the place of some: the same ones whenever x is the same."""
        rng = np.random.default_rng(zlib.crc32(x.tobytes()))
        swap = rng.random(len(x)) < self.share
        x = x.copy()
        x[swap] = self.drawn[rng.integers(0, max(1, len(self.drawn)), swap.sum())]
        return x


def teach(net, lesson):
    """Makes `net` learn the lesson: its gradient is of the cross entropy with the targets.

    -Σ_i p ln σ(z_i) + (1-p) ln σ(-z_i) has the gradient σ(z) - p = (σ(z) - x) + (x - p) in z.
    The nats that it reports stay those of the images.
    """
    gradient = net.flat_gradient

    def flat_gradient(x, *more, **options):
        return gradient(lesson.mixed(x), *more, **options)

    def nll_backward(scale, cache):
        loss_cache, cache = cache
        dlogits, x = likelihood.nll_backward(scale, loss_cache), loss_cache[2]
        dlogits += net.dtype.type(scale) * (x - lesson.targets(x))
        return net.backward(dlogits, cache, need_dx=False)[1]

    net.flat_gradient, net.nll_backward = flat_gradient, nll_backward


def drawn_images(path, lesson, teacher, processes):
    """The images of the lesson's teacher, from the file `path` or drawn and written there."""
    name, count = lesson["teacher"], lesson["drawn"]
    if path.exists():
        with np.load(path) as kept:
            if str(kept["teacher"]) == name and kept["count"] == count:
                x = np.unpackbits(kept["bits"], axis=1)[:, : teacher.dimensions]
                return x.reshape(-1, *teacher.image_shape)
        raise ValueError(f"{path} holds other images; remove it, or name another --out")
    say(f"drawing {count:,} images from {name}")
    sizes = [min(CHUNK, count - k) for k in range(0, count, CHUNK)]
    draw = functools.partial(_draw, name)
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        x = np.concatenate(pool.starmap(draw, enumerate(sizes), chunksize=1))
    kept = {"teacher": name, "count": count, "bits": np.packbits(x.reshape(count, -1), axis=1)}
    buffer = io.BytesIO()
    np.savez(buffer, **kept)
    checkpoint.write_atomically(path, buffer.getvalue())
    return x


def _draw(name, seed, count):
    return pr.sample(pr.load_pretrained(name), count, seed=seed, threads=1)


def student(init):
    """The options of `train` for the model in a run or model file."""
    config = load_run(init)[0].config
    return {"model": config["name"], **{k: config[k] for k in MODEL_OPTIONS if k in config}}


def taught_on(teacher):
    """The options of `train` for the data of these weights of the package."""
    data = pr.pretrained_card(teacher)["data"]
    return {"data": data["name"], "levels": data["levels"]}


def lesson_of(out):
    """What the run in `out` learns from. Raises ValueError where that is nothing."""
    lesson = checkpoint.load(out / CHECKPOINT)[1].get("distilled")
    try:
        return {
            "teacher": str(lesson["teacher"]),
            "drawn": check_int("drawn", lesson["drawn"], 0, MOST),
        }
    except (KeyError, TypeError):
        raise ValueError(f"the run in {out} has no teacher: it goes on with train") from None


def distill(out, init, lesson, given, *, resume, threads, quiet):
    """One session of a run: see the module; lesson: {"teacher", "drawn"} of a new one.

    Raises ValueError, OSError, Diverged, and typer.Exit after Ctrl-C.
    """
    with Run(out) as run:
        going_on = resume and has_checkpoint(out)
        if going_on:
            lesson = lesson_of(out)
        elif init is None or lesson["teacher"] is None:
            raise ValueError(f"a new run needs --init and --teacher, and {out} has no checkpoint")
        master = pr.load_pretrained(lesson["teacher"])
        if not going_on:
            given = {**student(init), **RECIPE, **given, **taught_on(lesson["teacher"])}
        trainer, about, images = cli_train.prepare(
            world(), run, out, given, threads, resume, init, lesson
        )
        drawn = images["train"][:0]
        if lesson["drawn"]:
            drawn = drawn_images(out / DRAWN, lesson, master, trainer.pool.threads)
        teach(trainer.model, Lesson(master, images["train"], drawn, threads))
        cli_train.fit(run, out, trainer, images, about["epochs"], 500, quiet, PROGRAM)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True, help="folder of the run")
    parser.add_argument("--init", type=Path, help="the student's first weights: run or model file")
    parser.add_argument("--teacher", help="weights of the package, of two levels")
    parser.add_argument("--drawn", type=int, default=0, help="images that the teacher draws")
    parser.add_argument("--resume", action="store_true", help="go on with the run in --out")
    parser.add_argument("--epochs", type=int, help=f"default: {DEFAULTS['epochs']}")
    parser.add_argument("--lr", type=float, help=f"default: {RECIPE['lr']}")
    parser.add_argument("--seed", type=int, help="of the order of images; default: 0")
    parser.add_argument("--threads", type=int, help="default: all processors")
    parser.add_argument("--quiet", action="store_true", help="no bar")
    o = parser.parse_args()
    given = {k: v for k in ("epochs", "lr", "seed") if (v := getattr(o, k)) is not None}
    try:
        check_int("--drawn", o.drawn, 0, MOST)
        lesson = {"teacher": o.teacher, "drawn": o.drawn}
        distill(o.out, o.init, lesson, given, resume=o.resume, threads=o.threads, quiet=o.quiet)
    except typer.Exit as e:
        sys.exit(e.exit_code)
    except (ArithmeticError, OSError, ValueError) as e:
        sys.exit(f"error: {e}")


if __name__ == "__main__":
    main()
