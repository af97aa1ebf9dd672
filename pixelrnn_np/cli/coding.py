"""Commands that compress images by a model and make them again: compress · decompress."""

import io
import os
import shutil
import tempfile
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from .. import checkpoint, coding
from .. import pretrained as shipped
from ..console import plural
from ..container import unpack
from ..data import load_data
from ..data.compressors import sizes
from ..data.picture import as_picture, read_picture
from ..models import is_bound, same_weights
from ..models.checks import check_images
from ..parallel.ranks import world
from ..runs.experiment import source
from .options import (
    Data,
    Pretrained,
    Quiet,
    Threads,
    UsageError,
    open_model,
    option,
    say,
    say_if_compiling,
    some,
)

SPLITS = ("train", "valid", "test")
PICTURES = (".png", ".jpg", ".jpeg", ".bmp")
Run = Annotated[Path | None, option("folder of a training run, or a model file", None, "--run")]


def compress(
    images: Annotated[
        list[Path],
        typer.Argument(help="pictures, folders of pictures, an .npy file, or a split of the "
                            "model's data set: train | valid | test"),
    ],
    output: Annotated[Path, typer.Option("-o", "--output", help="file to write")],
    run: Run = None,
    pretrained: Pretrained = None,
    data: Data = None,
    limit: Annotated[int | None, option("number of images, drawn by seed 0", "all")] = None,
    exact: Annotated[
        bool, option("multi_scale: use inexact weights with the exact rule", None, "--exact")
    ] = False,
    threads: Threads = None,
    quiet: Quiet = False,
):  # fmt: skip
    """Compress images without loss. The likelier the model finds them, the smaller the file."""
    net, meta, name = open_model(run, pretrained)
    if not world().first:
        return
    check_target(output)
    net = same_weights(net, exact=True) if exact and is_bound(net) else net
    say_if_compiling()
    found = source(name, net, meta, data) if is_split(images) else None
    x = read(images, net, found)
    if limit is not None:
        x = some(x, limit, "--limit")
    packed = coding.compress(net, x, threads=threads, progress=not quiet)
    checkpoint.write_atomically(output, packed)
    nats = net.nll(x, threads).sum()
    streams = sum(len(stream) for stream in unpack(packed).streams)
    rows = [("the model's nats", nats / np.log(2)), ("coded", 8 * streams),
            (f"the file, {len(packed):,} bytes", 8 * len(packed))]  # fmt: skip
    rows += [(other, 8 * size) for other, size in sizes(x, net.levels).items()]
    print(f"{'':<32}{'bits/image':>14}{'bits/dim':>12}")
    for label, bits in rows:
        print(f"{label:<32}{bits / len(x):>14.2f}{bits / x.size:>12.4f}")
    say(f"{output}: {plural(len(x), 'image')}")


def decompress(
    file: Annotated[Path, typer.Argument(help="what `compress` wrote")],
    output: Annotated[
        Path, typer.Option("-o", "--output", help="new folder for PNG files, or an .npy file")
    ],
    run: Run = None,
    pretrained: Annotated[
        str | None, option("weights of the package", "those that compressed it")
    ] = None,
    threads: Threads = None,
    quiet: Quiet = False,
):
    """Restore the images in a file that `compress` wrote."""
    if not world().first:
        return
    check_target(output, folder=True)
    net, x = decoded(file, run, pretrained, threads, progress=not quiet)
    if output.suffix.lower() == ".npy":
        written = io.BytesIO()
        np.save(written, x)
        checkpoint.write_atomically(output, written.getvalue())
    else:
        save_pictures(output, x, net.levels)
    say(f"{output}: {plural(len(x), 'image')}")


def check_target(output, folder=False):
    """Refuses, before the long work, an output that cannot be written.

    folder: whether it has to be a new or empty folder, or an .npy file.
    """
    if output.is_dir():
        if not folder or output.suffix.lower() == ".npy":
            raise IsADirectoryError(f"{output} is a folder; name a file")
        if any(output.iterdir()):
            raise ValueError(f"{output} is not empty; name a new folder, or a file that ends in "
                             ".npy")  # fmt: skip
    elif folder and output.suffix.lower() != ".npy" and output.exists():
        raise ValueError(f"{output} is a file; name a new folder, or a file that ends in .npy")
    checkpoint.check_writable(output)


def is_split(images):
    return len(images) == 1 and str(images[0]) in SPLITS


def read(paths, net, found):
    """The images named on the command line, as the model takes them: uint8 (N, H, W, C)."""
    if found is not None:
        return load_data(split=str(paths[0]), **found)
    parts = []
    for path in paths:
        if path.is_dir():
            inside = sorted(p for p in path.iterdir() if p.suffix.lower() in PICTURES)
            if not inside:
                raise ValueError(f"{path} holds no picture ({', '.join(PICTURES)})")
            parts += [read_picture(p, net.image_shape, net.levels) for p in inside]
        elif path.suffix.lower() == ".npy":
            parts.append(images_of(path, net))
        else:
            parts.append(read_picture(path, net.image_shape, net.levels))
    return np.concatenate(parts)


def images_of(path, net):
    """The images of an .npy file; ValueError, which names it, if they are not the model's."""
    if path.exists() and not path.is_file():
        raise ValueError(f"{path} is not a plain file")
    try:
        # Mapped, so that a header that claims more than the file holds takes no memory.
        x = np.load(path, mmap_mode="r", allow_pickle=False)
        return np.array(check_images(x, net.image_shape, net.levels, "it"))
    except (EOFError, SyntaxError, TypeError, ValueError) as e:
        raise ValueError(f"{path}: {e}") from None


def decoded(file, run=None, pretrained=None, threads=None, progress=False):
    """(model, images) of what `compress` wrote; ValueError, which names the file, if it is none."""
    if file.exists() and not file.is_file():
        raise ValueError(f"{file} is not a plain file")
    data = file.read_bytes()
    try:
        net = model_of(unpack(data), run, pretrained)
        say_if_compiling()
        return net, coding.decompress(net, data, threads=threads, progress=progress)
    except ValueError as e:
        raise ValueError(f"{file}: {e}") from None


def model_of(container, run, pretrained):
    """The model that compressed: the one named, or the one of the package that fits."""
    if run is not None and pretrained is not None:
        raise UsageError("name --run RUN or --pretrained NAME, not both")
    if run is None and pretrained is None:
        nets = (shipped.load_pretrained(name) for name in shipped.list_pretrained())
    else:
        nets = iter([open_model(run, pretrained)[0]])
    for net in nets:
        for candidate in (net, same_weights(net, exact=True)) if is_bound(net) else (net,):
            if coding.fingerprint(candidate) == container.fingerprint:
                return candidate
    if run or pretrained:
        raise ValueError("data was compressed with another model than the one you named")
    raise ValueError("no model of the package compressed data; name the model with --run")


def save_pictures(folder, x, levels):
    """PNG files 0000.png, …; the folder appears with all of them, or not at all."""
    digits = max(4, len(str(len(x) - 1)))
    temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        for i, image in enumerate(x):
            as_picture(image, levels).save(temporary / f"{i:0{digits}}.png")
        temporary.chmod(0o777 & ~umask())
        os.replace(temporary, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask
