"""§2.1 Generating an image pixel by pixel, and completing one.

Raster order, R before G before B. Each value is drawn from its conditional, given what is drawn
already, by inverting its distribution function at a uniform number; so the same seed gives the
same images, and a known pixel leaves the numbers of the others as they were.

Every layer keeps what the pixels to come need, so that an image costs about as much as an
evaluation, not one for every pixel: models/walk.py. `whole_network` is the other way, for
comparison.
"""

from collections.abc import Callable

import numpy as np
from tqdm.auto import tqdm

from .arguments import check_int, check_number, shown
from .likelihood import draw, probabilities
from .models import is_bound
from .models.base import Model, require_model
from .models.checks import check_finite, check_images
from .models.walk import alike, stages_of, walkers_of
from .parallel.alone import Alone
from .parallel.threads import Pool, cut
from .parallel.uniforms import Uniforms, generator

CHUNK = 256  # images whose uniform numbers are taken together
PART = 32  # images that a thread draws at a time, at most: benchmarks/README.md says why
LEAST = 7  # at least, to have work for another thread: the rows of a tile


def sample(
    model: Model,
    n: int,
    seed: int | np.random.Generator | None = 0,
    *,
    temperature: float = 1.0,
    return_nll: bool = False,
    progress: bool = False,
    on_row: Callable[[np.ndarray, int], object] | None = None,
    threads: int | None = None,
    ranks: Alone | None = None,
) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
    """Draws images from a model.

    Parameters
    ----------
    model : Model
        What to draw from.
    n : int
        The number of images, at least 1.
    seed : int, numpy.random.Generator or None
        The same seed draws the same images. None: others every time.
    temperature : float
        Divides the logits. 1: the model's own distribution.
    return_nll : bool
        Whether to return the nats of the images too.
    progress : bool
        Whether to show a bar.
    on_row : callable, optional
        Called as on_row(images, r) after each row r with the first 256 images as they are so
        far. The smaller images of a multi-scale model come first.
    threads : int, optional
        None: all processors. The images do not depend on it. With `on_row` the first 256 images
        are drawn by one thread.
    ranks : Ranks, optional
        None: this process alone. `pixelrnn_np.parallel.ranks.world()`: all ranks of an MPI job.
        Each draws a share of the images, and returns all of them.

    Returns
    -------
    x : ndarray, uint8 (n, H, W, C)
        The images.
    nats : ndarray, float64 (n,)
        Only with return_nll=True: `model.nll` of the images.

    Raises
    ------
    ValueError
        n, the seed or the temperature is out of range, or weights or logits are not finite.

    Notes
    -----
    Section 2.1: pixel by pixel in raster order, R before G before B.

    Examples
    --------
    >>> model = pr.build_model("pixelcnn", (4, 4, 1), h=2, layers=1)
    >>> x, nats = pr.sample(model, 3, seed=0, return_nll=True)
    >>> x.shape, np.allclose(nats, model.nll(x))
    ((3, 4, 4, 1), True)
    """
    require_model(model, finite=True)
    n = check_int("n", n, 1, 10**7)
    x = np.zeros((n, *model.image_shape), np.uint8)
    known = np.zeros((1, *model.image_shape), bool)
    x, nats = _draw(model, x, known, seed, temperature, progress, on_row, threads, ranks or Alone())
    return (x, nats) if return_nll else x


def complete(
    model: Model,
    images: np.ndarray,
    known: np.ndarray,
    seed: int | np.random.Generator | None = 0,
    *,
    temperature: float = 1.0,
    return_nll: bool = False,
    progress: bool = False,
    on_row: Callable[[np.ndarray, int], object] | None = None,
    threads: int | None = None,
    ranks: Alone | None = None,
) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
    """Keeps the known pixels of images, and draws the others.

    Parameters
    ----------
    model : Model
        What to draw from.
    images : ndarray, uint8 (n, H, W, C)
        Values in [0, levels) where they are known. Repeat an image for several completions.
    known : ndarray, bool, broadcast to (n, H, W, C)
        True where the value is kept.
    seed : int, numpy.random.Generator or None
        The same seed draws the same pixels. None: others every time.
    temperature, return_nll, progress, on_row, threads, ranks : optional
        As `sample` takes them.

    Returns
    -------
    x : ndarray, uint8 (n, H, W, C)
        A new array.
    nats : ndarray, float64 (n,)
        Only with return_nll=True: `model.nll` of x.

    Raises
    ------
    ValueError
        The images or the mask are bad. Else as `sample`.

    Notes
    -----
    Section 2.1, Figure 1. A pixel is drawn given the pixels before it, those above and those to
    its left in its row. Known pixels further down do not steer it.

    Examples
    --------
    >>> model = pr.build_model("pixelcnn", (4, 4, 1), h=2, layers=1)
    >>> images, known = np.ones((2, 4, 4, 1), np.uint8), np.zeros((4, 4, 1), bool)
    >>> known[:2] = True
    >>> x = pr.complete(model, images, known, seed=0)
    >>> x[:, :2].min()
    np.uint8(1)
    """
    require_model(model, finite=True)
    if not isinstance(images, np.ndarray):
        check_images(images, model.image_shape, model.levels, "images")
    try:
        known = np.asarray(known)
    except ValueError:
        raise ValueError("known is ragged; it has to be an array of bool") from None
    if known.dtype != bool:
        raise ValueError(f"known has dtype {known.dtype}; it has to be bool, True where kept")
    try:
        known = np.broadcast_to(known, np.shape(images))
    except ValueError:
        raise ValueError(
            f"known has shape {known.shape}; it has to broadcast to {np.shape(images)}"
        ) from None
    clean = np.where(known, images, np.zeros((), getattr(images, "dtype", np.uint8)))
    x = check_images(clean, model.image_shape, model.levels, "images")
    x, nats = _draw(model, x, known, seed, temperature, progress, on_row, threads, ranks or Alone())
    return (x, nats) if return_nll else x


MASKS = ("top", "left", "hole", "scattered")


def known_mask(kind, shape, rows, rng):
    """Which sub-pixels are known: bool of `shape` (n, H, W, C).

    kind: "top": the first `rows` rows; "left": the left half; "hole": all but the middle half of
    the rows and columns; "scattered": each pixel with probability 1/4, by the Generator rng.
    """
    n, H, W, C = shape
    known = np.zeros((n, H, W, 1), bool)
    if kind == "top":
        known[:, :rows] = True
    elif kind == "left":
        known[:, :, : W // 2] = True
    elif kind == "hole":
        known[:] = True
        known[:, H // 4 : H - H // 4, W // 4 : W - W // 4] = False
    else:
        known = rng.random(known.shape) < 0.25
    return np.repeat(known, C, axis=3)


def _draw(model, x, known, seed, temperature, progress, on_row, threads, ranks):
    """Fills x part by part, and in each a multi-scale model's networks one after the other."""
    temperature = check_number("temperature", temperature, 0, np.inf)
    if on_row is not None and not callable(on_row):
        raise ValueError(f"on_row is {shown(on_row)}; it has to be a function or None")
    if seed is None and ranks.size > 1:
        raise ValueError("seed is None; several ranks need the same one")
    rng, pool = generator(seed), Pool(threads)
    known = np.broadcast_to(known, x.shape)
    chunks = range(0, len(x), CHUNK)
    mine = ranks.part(chunks)
    rows = sum(network.image_shape[0] for network, _, _ in stages_of(model)) * len(mine)
    bar = tqdm(total=rows, unit="row", desc="sampling", disable=not progress)
    with bar, pool, np.errstate(all="ignore"):  # what overflows is said once
        stages, parts = walkers_of(model), []
        for i in chunks:
            n = min(CHUNK, len(x) - i)
            numbers = Uniforms(rng, n) if i in mine else None
            _skip(model, n, rng)
            report = on_row if i == 0 else None
            for s in cut(n, _part_size(n, pool.threads, report)) if i in mine else ():
                tell = _teller(report, bar if s.start == 0 else None)
                parts.append((slice(i + s.start, i + s.stop), numbers, s, tell))
        reported = 0 if on_row is None else 1  # by this thread, which may be that of a window
        found = [
            result
            for some in (parts[:reported], parts[reported:])
            for result in pool.map(lambda part: _fill(stages, x, known, temperature, *part), some)
        ]
    x = ranks.gather(np.concatenate([x[:0], *(images for images, _ in found)]))
    if is_bound(model):
        # The path that drew a pair of images is not the image's own: see models/multi_scale.py.
        return x, ranks.nats(lambda s: model.nll(x[s], threads), len(x), model.shard_size)
    nats = ranks.gather(np.concatenate([np.empty(0), *(nats for _, nats in found)]))
    check_finite("nats", nats)
    return x, nats


def _part_size(n, threads, on_row):
    """Images of a chunk of n that a thread draws at a time."""
    if on_row is not None or not alike():
        return n
    parts = max(-(-n // PART), min(threads, n // LEAST))
    return -(-n // max(1, parts))


def _teller(on_row, bar):
    """tell(images, r), which is called after every row."""

    def tell(images, r):
        if bar is not None:
            bar.update()
        if on_row is not None:
            on_row(images.copy(), r)

    return tell


def _skip(model, n, rng):
    """Takes from rng the numbers of n images."""
    for network, _, _ in stages_of(model):
        height, width, channels = network.image_shape
        for _ in range(height):
            rng.random((n, width, channels))


def _fill(stages, x, known, temperature, place, numbers, part, tell):
    """(images, nats) of the images of x at `place`, the `part` of those that `numbers` are for."""
    small, nats, numbers = None, 0.0, numbers.of(part)
    for walk, step, fixed in stages:
        image, keep = x[place, ::step, ::step].copy(), known[place, ::step, ::step].copy()
        if fixed is not None:
            image[:, fixed] = small.reshape(len(image), -1)
            keep |= fixed
        pixels = walk(image, small)
        for r in range(image.shape[1]):
            u = numbers(*image.shape[2:])
            nats = nats + pixels.draw(r, u, keep, temperature, fixed)
            tell(image, r)
        small = image
    return small, nats


def whole_network(model, n, seed=0):
    """`sample` of one network by running all of it for every sub-pixel: slow, and the same images.

    The way of the public implementations, kept as the measure of `sample`. uint8 (n, H, W, C).
    """
    if hasattr(model, "networks"):
        raise ValueError("whole_network draws from one network; take one of model.networks")
    x = np.zeros((n, *model.image_shape), np.uint8)
    rng = generator(seed)
    with Pool(1) as pool:
        for r in range(model.image_shape[0]):
            u = rng.random((n, *model.image_shape[1:]))
            for q, k in np.ndindex(*model.image_shape[1:]):
                z = pool.map(lambda _: model.forward(x)[0][:, r, q, k].copy(), [0])[0]  # noqa: B023
                x[:, r, q, k] = draw(probabilities(z, model.levels), u[:, q, k])
    return x
