"""Commands that make pictures: sample · complete · animate · explain."""

from pathlib import Path
from typing import Annotated

import typer

from .. import checkpoint, figures, sampling
from ..arguments import check_int, choose
from ..console import plural
from ..data import load_data
from ..data.picture import read_picture
from ..figures import animation
from ..inspection.explain import influence, pixel_nats
from ..models import is_bound
from ..parallel.ranks import world
from ..runs.experiment import source
from .options import (
    Data,
    Output,
    Pretrained,
    Quiet,
    RunArgument,
    Seed,
    Temperature,
    Threads,
    open_model,
    option,
    say,
    say_if_compiling,
    some,
)


def sample(
    output: Output,
    run: RunArgument = None,
    pretrained: Pretrained = None,
    n: Annotated[int, typer.Option("-n", help="number of images")] = 64,
    seed: Seed = 0,
    temperature: Temperature = 1.0,
    threads: Threads = None,
    quiet: Quiet = False,
):
    """Draw images from a trained model."""
    here = world()
    net, *_ = open_model(run, pretrained)
    if here.first:
        target(output, ".png")
    here.meet()
    say_if_compiling()
    x, nats = sampling.sample(
        net, n, seed, temperature=temperature, return_nll=True, progress=not quiet,
        threads=here.threads(threads), ranks=here,
    )  # fmt: skip
    if not here.first:
        return
    figures.save_sheet(output, x, net.levels)
    most = "at most " if is_bound(net) else ""
    say(f"{plural(n, 'image')} in {output}, {most}{nats.mean():.2f} nats each on average")


def complete(
    output: Output,
    run: RunArgument = None,
    pretrained: Pretrained = None,
    mask: Annotated[str, typer.Option(help="known: " + " | ".join(sampling.MASKS))] = "top",
    rows: Annotated[int | None, option("rows that --mask top keeps", 4)] = None,
    n: Annotated[int | None, option("number of test images", 8, "-n")] = None,
    image: Annotated[
        Path | None, option("picture to complete, PNG, JPEG or BMP", "test images")
    ] = None,
    invert: Annotated[
        bool, typer.Option("--invert", help="swap dark and light in --image, for ink on paper")
    ] = False,
    times: Annotated[int, typer.Option(help="completions per image")] = 6,
    data: Data = None,
    seed: Seed = 0,
    temperature: Temperature = 1.0,
    threads: Threads = None,
    quiet: Quiet = False,
):
    """Keep a part of images and draw the rest: the paper's Figure 1.

    The images are test images, or --image. A pixel is drawn given the pixels above it and to its
    left. Known pixels below a hole do not steer what fills it. A picture is read as a viewer shows
    it, on white where it is transparent. The digits of the data sets are light on dark. For dark
    ink on light paper, add --invert.
    """
    here = world()
    net, meta, name = open_model(run, pretrained)
    if here.first:
        target(output, ".png")
    here.meet()
    say_if_compiling()
    choose("--mask", mask, sampling.MASKS)
    if image is not None and (data, n) != (None, None):
        raise ValueError(f"--image is {image}; it replaces --data and -n: leave them out")
    if invert and image is None:
        raise ValueError("--invert needs an --image")
    if rows is not None and mask != "top":
        raise ValueError(f"--rows is {rows}; it goes with --mask top, and --mask is {mask}")
    rows = check_int("--rows", 4 if rows is None else rows, 1, net.image_shape[0])
    check_int("--times", times, 1, 1000)
    if image is None:
        images = load_data(split="test", **source(name, net, meta, data))
        images = some(images, 8 if n is None else n, "-n", seed)
    else:
        with here.mirrored(image) as near:
            images = read_picture(near, net.image_shape, net.levels, invert)
    known = sampling.known_mask(mask, images.shape, rows, sampling.generator(seed))
    if image is not None and here.first and looks_inverted(net, images, known):
        say(f"warning: {image} looks inverted to the model, dark for light; "
            f"{'leave out' if invert else 'add'} --invert")  # fmt: skip
    drawn = sampling.complete(
        net, images.repeat(times, axis=0), known.repeat(times, axis=0), seed,
        temperature=temperature, progress=not quiet,
        threads=here.threads(threads), ranks=here,
    )  # fmt: skip
    if not here.first:
        return
    figures.save_completions(
        output, images, known, drawn.reshape(-1, times, *net.image_shape), net.levels
    )
    rows = plural(len(images), "image")
    say(f"{output}: {rows}; each row: known part, {plural(times, 'completion')}, original")


def animate(
    output: Annotated[Path, typer.Option("-o", "--output", help="GIF or HTML to write")],
    run: RunArgument = None,
    pretrained: Pretrained = None,
    n: Annotated[int, typer.Option("-n", help="number of images")] = 16,
    seconds: Annotated[float, typer.Option(help="length of the film")] = 5.0,
    seed: Seed = 0,
    temperature: Temperature = 1.0,
    threads: Threads = None,
    quiet: Quiet = False,
):
    """Show images as they are drawn: a GIF, or a page that plays."""
    net, *_ = open_model(run, pretrained)
    if not world().first:
        return
    target(output, ".gif", ".html")
    say_if_compiling()
    check_int("-n", n, 1, 1024)
    if not 0.1 <= seconds <= 600:
        raise ValueError(f"--seconds is {seconds}; it has to be from 0.1 to 600")
    film = animation.Film(net.levels)
    sampling.sample(
        net, n, seed, temperature=temperature, progress=not quiet, threads=threads,
        on_row=film.add,
    )  # fmt: skip
    film.save(output, seconds)
    say(f"{output}: {plural(n, 'image')}, {plural(len(film.frames), 'frame')}")


def explain(
    output: Output,
    run: RunArgument = None,
    pretrained: Pretrained = None,
    n: Annotated[int, typer.Option("-n", help="number of test images")] = 6,
    row: Annotated[int | None, option("row of the pixel to explain", "the middle")] = None,
    column: Annotated[int | None, option("column of the pixel to explain", "the middle")] = None,
    data: Data = None,
    seed: Seed = 0,
    threads: Threads = None,
    quiet: Quiet = False,
):
    """Draw where images cost nats, and what one pixel depends on.

    The images are test images. What a pixel depends on is measured by the gradient of its logits.
    """
    net, meta, name = open_model(run, pretrained)
    if not world().first:
        return
    target(output, ".png")
    say_if_compiling()
    H, W, _ = net.image_shape
    r = check_int("--row", H // 2 if row is None else row, 0, H - 1)
    q = check_int("--column", W // 2 if column is None else column, 0, W - 1)
    images = some(load_data(split="test", **source(name, net, meta, data)), n, "-n", seed)
    reach = influence(net, images, r, q)
    figures.save_explanation(output, images, pixel_nats(net, images, threads), reach, (r, q),
                             net.levels)  # fmt: skip
    shown = plural(n, "image")
    say(f"{output}: {shown}, nats per pixel, and what pixel ({r}, {q}) depends on")


def looks_inverted(net, images, known):
    """Whether the known pixels cost far fewer nats with dark and light swapped.

    No digit of the data sets is taken for its negative.
    """
    nats, swapped = (
        (pixel_nats(net, x) * known.all(axis=-1)).sum() for x in (images, net.levels - 1 - images)
    )
    return 1.5 * swapped < nats


def target(path, *endings):
    """Refuses, before the long work, a path that cannot be written."""
    if path.suffix.lower() not in endings:
        kinds = " or ".join(endings)
        raise ValueError(f"{path}: name a file that ends in {kinds}")
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder; name a file")
    checkpoint.check_writable(path)
