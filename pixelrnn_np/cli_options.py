"""Options and words that several commands share."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from .backend import compiling

RunArgument = Annotated[Path, typer.Argument(help="folder of a training run, or a model file")]
Threads = Annotated[
    int | None, typer.Option(help="threads; default: all processors (drawing uses one)")
]
Quiet = Annotated[bool, typer.Option("--quiet", help="no progress bar")]
Data = Annotated[str | None, typer.Option(help="data set; default: the one of the training")]
Seed = Annotated[int, typer.Option(help="the same seed draws the same images")]
Temperature = Annotated[float, typer.Option(help="divides the logits; 1 is the model itself")]
Output = Annotated[Path, typer.Option("-o", "--output", help="PNG to write")]


def option(text, default=None, *names):
    shown = f"{text} [default: {default}]" if default is not None else text
    return typer.Option(*names, help=shown, show_default=False)


def say_if_compiling(model=None):
    """Tells, before the long silence, that this model's kernels are compiled now, and only once."""
    kind = None if model is None else model.config.get("base", model.name)
    if compiling(kind):
        say("compiling the kernels; that takes up to a minute, once")


def say(text):
    print(text, file=sys.stderr, flush=True)
