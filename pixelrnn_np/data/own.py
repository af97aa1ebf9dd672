"""Pictures of one's own as a data set: a folder of them, an .npy or an .npz file. Not the paper.

    folder of pictures   PNG, JPEG, BMP, GIF (the first frame), WebP, PPM, at any depth, in the
                         order of their names; read as `picture` says
    FILE.npy             an array (N, H, W), (N, H, W, 1) or (N, H, W, 3) of whole numbers 0 to 255
    FILE.npz             one such array, or arrays `train`, `valid`, `test` (or `x_train` …)

Splits: folders `train`, `valid` (or `val`) and `test`, and arrays of these names, are kept as they
are. A split that is missing is dealt from train by fixed raw bits and a seed: `valid_share` of it
to valid, as many to test. The order within a split is that of the names.

Levels: pictures have 256, of which fewer are made as for the published sets, x * levels // 256. An
array whose values all lie below `levels` holds levels already and is taken as it is; one of zeros
and ones has two, unless more are asked for.
"""

import functools
import hashlib
import operator
import os
import re
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..arguments import check_number
from .dataset import Dataset
from .picture import FORMATS, open_picture
from .quantise import quantise

SPLITS = ("train", "valid", "test")
ALIASES = {"val": "valid", "validation": "valid"}
PICTURES = (*FORMATS, "GIF", "WEBP", "PPM")
SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".pbm", ".pgm", ".ppm")
VALID_SHARE = 0.1
LARGEST_SIDE = 4096


class Own(NamedTuple):
    """What was read. parts: {split: uint8 (N, H, W, C)}, which nobody may write to."""

    parts: dict
    arrays: bool
    fingerprint: str
    about: str

    @property
    def largest(self):
        return max(int(x.max()) for x in self.parts.values())


def is_path(name):
    """Whether a data set is named by its place: a Path, or text that looks like one or exists."""
    if isinstance(name, os.PathLike):
        return True
    return isinstance(name, str) and (
        "/" in name or os.sep in name or name.endswith((".npy", ".npz")) or os.path.exists(name)
    )


def describe(path, *, size=None, grey=None, valid_share=None, seed=0):
    """The pictures at `path` as a Dataset; all of them are read, once.

    size: see `parse_size`; pictures are scaled and cut to it about their middle. grey: True makes
    one channel, False three, None what the pictures have. valid_share: between 0 and 1, 0.1 if
    None; seed: a non-negative integer, of the dealing.

    Raises ValueError, which names the file, for what is no such data; OSError if it cannot be read.
    """
    share = check_number("valid_share", VALID_SHARE if valid_share is None else valid_share, 0, 0.5)
    if grey not in (None, False, True):
        raise ValueError(f"grey is {grey!r}; it has to be one of None, False, True")
    path = Path(path)
    own = _read(path, parse_size(size), grey, _stamp(path))
    indices = deal({k: len(x) for k, x in own.parts.items()}, share, seed, path)
    two = own.arrays and own.largest < 2

    def load(split, levels, rng=None):
        part, chosen = indices[split]
        images = own.parts[part][chosen]
        if own.arrays and own.largest < levels:
            return images
        low, high = (int(f(own.parts["train"])) for f in (np.min, np.max))
        if low < high and low * levels // 256 == high * levels // 256:
            raise ValueError(
                f"{path}: with {levels} levels all pixels are the same, for their values go "
                f"from {low} to {high}; name more than {high} levels, or stretch them to 0 to 255"
            )
        return quantise(images, levels)

    return Dataset(
        name=str(path), description=own.about, image_shape=own.parts["train"].shape[1:],
        splits={split: len(indices[split][1]) for split in SPLITS}, levels=2 if two else 256,
        allowed_levels=(2, 256), loader=load, where=lambda split: path, fingerprint=own.fingerprint,
    )  # fmt: skip


def parse_size(size):
    """(H, W) of None, "HxW", "N", N or a pair; None for None. Raises ValueError."""
    if size is None:
        return None
    if isinstance(size, str):
        found = re.fullmatch(r"(\d{1,9})(?:[x×](\d{1,9}))?", size.strip().lower())
        pair = None if found is None else (int(found[1]), int(found[2] or found[1]))
    else:
        try:
            pair = tuple(map(operator.index, size if hasattr(size, "__len__") else (size, size)))
        except TypeError:
            pair = None
    if pair is None or len(pair) != 2 or not all(1 <= n <= LARGEST_SIDE for n in pair):
        raise ValueError(
            f"size is {size!r}; it has to be HEIGHTxWIDTH, such as 28x28, or one number for both, "
            f"from 1 to {LARGEST_SIDE}"
        )
    return pair


def deal(counts, share, seed, path):
    """{split: (part, indices)}: the images of each split, by their places in a part of the data.

    counts: {part: images}, train among them.
    """
    n = counts["train"]
    missing = [split for split in SPLITS if split not in counts]
    each = max(1, round(share * n))
    if n - each * len(missing) < 1:
        raise ValueError(
            f"{path} has {n} images for train; {' and '.join(missing)} are dealt from it, "
            f"{each} each, and none would be left"
        )
    # Raw bits, as in `digits`: NumPy will never change them.
    order = np.argsort(np.random.PCG64(seed).random_raw(n), kind="stable")
    found = {split: (split, np.arange(counts[split])) for split in counts}
    for k, split in enumerate(missing):
        found[split] = ("train", np.sort(order[k * each : (k + 1) * each]))
    found["train"] = ("train", np.sort(order[len(missing) * each :]))
    return found


def _stamp(path):
    """What changes when a file does; raises OSError if there is nothing at `path`."""
    if path.is_dir():
        stats = [(p, p.stat()) for p in _pictures(path)]
    elif path.exists():
        stats = [(path, path.stat())]
    else:
        raise FileNotFoundError(f"{path} does not exist; name a data set, or the path of your data")
    return tuple((str(p), s.st_size, s.st_mtime_ns) for p, s in stats)


def _pictures(folder):
    """The pictures in a folder, at any depth, ordered by their names in it."""
    inside = (p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())
    seen = ((p.relative_to(folder), p) for p in inside)
    return [p for name, p in sorted(seen) if not any(part[0] == "." for part in name.parts)]


@functools.lru_cache(maxsize=1)  # one command asks for several splits
def _read(path, size, grey, stamp):
    if path.is_dir():
        own = _read_folder(path, size, grey)
    elif path.suffix in (".npy", ".npz") and path.is_file():
        own = _read_arrays(path, size, grey)
    else:
        raise ValueError(f"{path} is not a folder of pictures, an .npy or an .npz file")
    for images in own.parts.values():
        images.setflags(write=False)
    return own


def _read_folder(folder, size, grey):
    paths = _pictures(folder)
    if not paths:
        others = [p.name for p in sorted(folder.iterdir())][:3]
        holds = f"it holds {', '.join(others)}" if others else "it is empty"
        raise ValueError(f"{folder} has no picture ({', '.join(SUFFIXES)}) in it; {holds}")
    sums, pictures = hashlib.sha256(), []
    for path in paths:
        data = path.read_bytes()
        sums.update(f"{path.relative_to(folder).as_posix()}\0{len(data)}\0".encode() + data)
        pictures.append(open_picture(path, formats=PICTURES))
    colour = any(p.mode == "RGB" for p in pictures) if grey is None else not grey
    arrays = [_sized(p, path, size) for p, path in zip(pictures, paths, strict=True)]
    first = arrays[0].size
    for picture, path in zip(arrays, paths, strict=True):
        if picture.size != first:
            raise ValueError(
                f"{path} has {picture.height}x{picture.width} pixels, {paths[0].name} "
                f"{first[1]}x{first[0]}: name a size for all, such as --size {min(first)}"
            )
    images = np.stack([np.asarray(p.convert("RGB" if colour else "L")) for p in arrays])
    images = images.reshape(len(paths), first[1], first[0], 3 if colour else 1)
    which = np.array([_split_of(path.relative_to(folder)) for path in paths])
    parts = _parted(images, which)
    beside = len(paths) - sum(map(len, parts.values()))
    left = f", {beside} more beside the folders of splits" if beside else ""
    return Own(parts, False, sums.hexdigest(), f"{len(paths) - beside} pictures{left}")


def _sized(picture, path, size):
    if size is None:
        return picture
    from PIL import Image, ImageOps

    # Means over areas, as `shrink` takes them: sharper filters ring at the edges of ink.
    return ImageOps.fit(picture, size[::-1], Image.Resampling.BOX)


def _split_of(name):
    """The split that the first folder of a picture's name says; "" if it says none."""
    first = name.parts[0].lower() if len(name.parts) > 1 else ""
    return first if first in SPLITS else ALIASES.get(first, "")


def _parted(images, which):
    """{split: images} by the splits that the folders say; all are train's if none is."""
    if "train" not in which:
        return {"train": images}
    # What lies beside the folders belongs to none of them.
    return {split: images[which == split] for split in SPLITS if (which == split).any()}


def _read_arrays(path, size, grey):
    try:
        with open(path, "rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        loaded = np.load(path, allow_pickle=False)
        found = {"": loaded} if isinstance(loaded, np.ndarray) else dict(loaded.items())
    except (MemoryError, OSError):
        raise
    except Exception as error:  # a foreign or cut file makes zipfile and NumPy raise all sorts
        reason = " ".join(str(error).split())
        raise ValueError(f"{path} cannot be read as arrays of images: {reason}") from None
    parts = {_array_split(name): _images(path, name, x, grey)
             for name, x in _chosen(path, found).items()}  # fmt: skip
    shapes = {x.shape[1:] for x in parts.values()}
    if len(shapes) > 1:
        raise ValueError(f"{path} holds images of several shapes: {', '.join(map(str, shapes))}")
    (shape,) = shapes
    if size not in (None, shape[:2]):
        raise ValueError(
            f"{path} holds images of {shape[0]}x{shape[1]} pixels, not {size[0]}x{size[1]}; "
            "only pictures in a folder are scaled"
        )
    return Own(parts, True, digest, f"{sum(map(len, parts.values()))} images in an array file")


def _chosen(path, found):
    """The arrays that are images: those named after splits, or else the only one."""
    named = {name: x for name, x in found.items() if _array_split(name)}
    if "train" in map(_array_split, named):
        return named
    if len(found) == 1:
        return {"train": next(iter(found.values()))}
    raise ValueError(
        f"{path} holds the arrays {', '.join(found) or '(none)'}; it has to hold one, or `train` "
        "and, if you like, `valid` and `test`"
    )


def _array_split(name):
    base = name.lower().removeprefix("x_")
    return base if base in SPLITS else ALIASES.get(base, "")


def _images(path, name, x, grey):
    """uint8 (N, H, W, C) of an array; ValueError, which says what to do, for what is none."""
    what = f"{path}: the array{f' {name}' if name else ''} is {x.dtype} {x.shape}"
    if x.ndim == 3:
        x = x[..., None]
    if x.ndim != 4 or x.shape[-1] not in (1, 3) or 0 in x.shape:
        raise ValueError(f"{what}; it has to be (N, H, W), (N, H, W, 1) or (N, H, W, 3)")
    if x.dtype.kind not in "bui":
        raise ValueError(
            f"{what}; it has to hold whole numbers from 0 to 255: for values from 0 to 1 save "
            "np.rint(255 * x).astype(np.uint8)"
        )
    if x.min() < 0 or x.max() > 255:
        raise ValueError(f"{what}, from {x.min()} to {x.max()}; it has to be from 0 to 255")
    x = x.astype(np.uint8)
    if grey and x.shape[-1] == 3:
        return np.rint(x @ np.array([0.299, 0.587, 0.114])).astype(np.uint8)[..., None]
    return x.repeat(3, axis=-1) if grey is False and x.shape[-1] == 1 else x
