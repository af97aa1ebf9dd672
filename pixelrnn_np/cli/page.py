"""The command `page`: a trained model as one HTML file that draws in a browser."""

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from .. import pretrained as shipped
from .. import sampling
from ..checkpoint import write_atomically
from ..data import load_data
from ..inspection.explain import influences
from ..pages.drawing import MOST_REACH, check_model, drawing_page
from ..parallel.ranks import world
from ..runs.experiment import source
from .options import Data, Pretrained, Quiet, RunArgument, open_model, say, say_if_compiling
from .pictures import target

STARTS = 10  # images that the page offers to start from
ASKED = 4  # of them, for the mean of what each pixel sees


def page(
    output: Annotated[Path, typer.Option("-o", "--output", help="HTML file to write")],
    run: RunArgument = None,
    pretrained: Pretrained = None,
    data: Data = None,
    quiet: Quiet = False,
):
    """Write a page on which you draw half, and the model the rest.

    The page is one file with the weights and a sampler in JavaScript. It needs no server and no
    network. It takes models of one network and one channel. It offers test images to start from;
    where the data set is not at hand, images that the model draws.
    """
    net, meta, name = open_model(run, pretrained)
    if not world().first:
        return
    target(output, ".html", ".htm")
    name = pretrained or Path(run).resolve().name
    check_model(net, name)
    say_if_compiling()
    text = page_of(net, name, start_images(run or pretrained, net, meta, data),
                   facts(pretrained), progress=not quiet)  # fmt: skip
    write_atomically(output, text.encode())
    say(f"{output}: {len(text.encode()) / 1e6:.2f} MB; open it in a browser")


def page_of(net, name, images, facts, progress=False):
    """The page of a model, as text; of small images, with what each pixel sees in some of them."""
    small = np.prod(net.image_shape) <= MOST_REACH
    if not small:
        say(f"images of more than {MOST_REACH:,} pixels: the page goes without what a pixel sees")
    reach = influences(net, images[:ASKED], progress) if small else None
    return drawing_page(net, name, facts, images, reach)


def start_images(name, net, meta, data):
    """Test images from all over the split, or, where they cannot be had, images drawn by net."""
    try:
        images = load_data(split="test", **source(name, net, meta, data))
    except (OSError, ValueError) as e:
        if data is not None:
            raise
        say(f"no test images ({' '.join(str(e).split())}): the model draws some to start from")
        return sampling.sample(net, STARTS, seed=0)
    # Evenly: some splits are sorted by class.
    return images[np.arange(min(STARTS, len(images))) * len(images) // STARTS]


def facts(pretrained):
    """What the card of pretrained weights says in a line."""
    if pretrained is None:
        return []
    card = shipped.pretrained_card(pretrained)
    return [f"{card['nats']['test']:.2f} nats per test image of {card['data']['name']}"]
