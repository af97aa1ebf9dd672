"""Options and words that several commands share."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from tqdm import tqdm

from .. import pretrained as shipped
from ..arguments import check_int
from ..backend import announce_compiling
from ..data.own import parse_size
from ..parallel.ranks import world
from ..runs.reading import BEST, CHECKPOINT, load_run
from ..sampling import generator

UsageError = typer.BadParameter.__base__  # of the click inside typer, or of click itself


def option(text, default=None, *names):
    shown = f"{text} [default: {default}]" if default is not None else text
    return typer.Option(*names, help=shown, show_default=False)


RunArgument = Annotated[
    Path | None,
    typer.Argument(help="folder of a training run, or a model file", show_default=False),
]
Pretrained = Annotated[
    str | None,
    typer.Option(
        help="instead of RUN: weights of the package; `pretrained` lists them",
        show_default=False,
    ),
]
Threads = Annotated[int | None, option("threads", "all processors")]
Quiet = Annotated[bool, typer.Option("--quiet", help="no progress bar")]
Data = Annotated[str | None, option("data set, or path of your own pictures", "the training data")]
Seed = Annotated[int, typer.Option(help="the same seed draws the same images")]
Temperature = Annotated[float, typer.Option(help="divides the logits; 1 is the model itself")]
Output = Annotated[Path, typer.Option("-o", "--output", help="PNG to write")]


Size = Annotated[
    str | None, option("own pictures: size to scale and crop them to, HxW or N", "theirs")
]
Grey = Annotated[bool, option("own pictures: grey, one channel", None, "--grey")]
ValidShare = Annotated[
    float | None, option("own pictures: share of them for valid, and again for test", 0.1)
]


def size_name(size):
    """--size as a run's files have it, "HxW"; ValueError if it is none."""
    return None if size is None else "x".join(map(str, parse_size(size)))


def open_model(run, pretrained):
    """(model, meta, what to call it) of RUN or of --pretrained, whichever of the two is named."""
    if (run is None) == (pretrained is None):
        both = "" if run is None else ", not both"
        raise UsageError(f"name a RUN or --pretrained NAME{both}; `pretrained` lists the names")
    path = shipped.path_of(pretrained) if run is None else run
    with world().mirrored(path, (CHECKPOINT, BEST)) as near:
        net, meta = load_run(near)
    return net, meta, pretrained or run


def some(images, n, option, seed=0):
    """n images drawn by the seed. Raises ValueError, which names the option, for another number."""
    check_int(option, n, 1, len(images))
    return images[generator(seed).permutation(len(images))[:n]]


def summary(dataset):
    """What a data set holds, in a line."""
    shape = "x".join(map(str, dataset.image_shape))
    splits = ", ".join(f"{count:,} {split}" for split, count in dataset.splits.items())
    return f"{dataset.description}, {shape}: {splits}"


def say_if_compiling():
    """Says before the long silence that kernels are compiled, unless all are in the cache."""
    announce_compiling(lambda text: tqdm.write(text, file=sys.stderr))  # a bar may be there by then


def say(text):
    print(text, file=sys.stderr, flush=True)
