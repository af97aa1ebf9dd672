"""§2.1 Generating an image pixel by pixel, and completing one.

Raster order, R before G before B. Each value is drawn from its conditional, given what is drawn
already, by inverting its distribution function at a uniform number; so the same seed gives the
same images, and a known pixel leaves the numbers of the others as they were.

Every layer keeps what the pixels to come need (`step`), so that an image costs about as much as a
few evaluations, not one for every pixel. `whole_network` is the other way, for comparison.
"""

from collections.abc import Callable

import numpy as np
from tqdm.auto import tqdm

from .arguments import check_int, check_number
from .likelihood import nats_per_pixel, probabilities
from .models.base import Model, require_model
from .models.checks import check_finite, check_images
from .parallel.alone import Alone
from .parallel.threads import Pool

CHUNK = 256  # images drawn at a time: larger batches gain nothing and take more memory


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
        Drawing uses one. Only the nats of an inexact multi-scale model use more. None: all
        processors.
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
    """Fills x chunk by chunk, and a multi-scale model's networks one after the other."""
    temperature = check_number("temperature", temperature, 0, np.inf)
    if on_row is not None and not callable(on_row):
        raise ValueError(f"on_row is {on_row!r}; it has to be a function or None")
    if seed is None and ranks.size > 1:
        raise ValueError("seed is None; several ranks need the same one")
    rng, parts = generator(seed), []
    known = np.broadcast_to(known, x.shape)
    stages = stages_of(model)
    chunks = range(0, len(x), CHUNK)
    mine = ranks.part(chunks)
    rows = sum(network.image_shape[0] for network, _, _ in stages) * len(mine)
    Pool(threads)  # refuses bad values; drawing itself is one thread's work
    bar = tqdm(total=rows, unit="row", desc="sampling", disable=not progress)
    with bar, Pool(1) as one, np.errstate(all="ignore"):  # what overflows is said once
        for i in chunks:
            s = slice(i, i + CHUNK)
            if i not in mine:
                _skip(stages, len(x[s]), rng)
                continue
            report = on_row if i == 0 else None
            parts += one.map(
                lambda s: _chunk(stages, x[s], known[s], rng, temperature, bar, report),  # noqa: B023
                [s],
            )
    x = ranks.gather(np.concatenate([x[:0], *(images for images, _ in parts)]))
    if len(stages) > 1 and not model.exact:
        # The path that drew a pair of images is not the image's own: see models/multi_scale.py.
        return x, ranks.nats(lambda s: model.nll(x[s], threads), len(x), model.shard_size)
    nats = ranks.gather(np.concatenate([np.empty(0), *(nats for _, nats in parts)]))
    check_finite("nats", nats)
    return x, nats


def _skip(stages, n, rng):
    """Takes from rng the numbers of n images that another rank draws."""
    for network, _, _ in stages:
        height, width, channels = network.image_shape
        for _ in range(height):
            rng.random((n, width, channels))


def stages_of(model):
    """(network, subsampling step, fixed sub-pixels) of each network, smallest first."""
    if not hasattr(model, "networks"):
        return [(model, 1, None)]
    last = len(model.networks) - 1
    return [
        (network, model.factor ** (last - s), model.fixed(s))
        for s, network in enumerate(model.networks)
    ]


def _chunk(stages, x, known, rng, temperature, bar, on_row):
    small, nats = None, 0.0
    for network, step, fixed in stages:
        image, keep = x[:, ::step, ::step].copy(), known[:, ::step, ::step].copy()
        if fixed is not None:
            image[:, fixed] = small.reshape(len(x), -1)
            keep |= fixed
        nats = nats + _fill(network, image, keep, fixed, small, rng, temperature, bar, on_row)
        small = image
    return small, nats


def _fill(network, x, known, fixed, small, rng, temperature, bar, on_row):
    """Draws the unknown pixels of x in place; returns the nats of x under this network, (n,)."""
    n, height, width, channels = x.shape
    state = network.begin(n, None if small is None else network.scale(small))
    nats = np.zeros(n)
    for r in range(height):
        network.begin_row(state, r)
        u, logits = rng.random((n, width, channels)), []
        given = known[:, r].all(axis=0).tolist()
        for q in range(width):
            pixel = np.zeros((n, channels), network.dtype)
            for k in range(channels):
                z = network.step(pixel, state, q, k)[:, k]
                if not given[q][k]:
                    values = _values(z, u[:, q, k], temperature, network.levels)
                    old = x[:, r, q, k]
                    x[:, r, q, k] = np.where(known[:, r, q, k], old, values)
                pixel[:, k] = network.scale(x[:, r, q, k])
                logits.append(z)
            network.keep(pixel, state, q)
        logits = np.stack(logits, axis=1)
        check_finite("logits", logits)
        costs = nats_per_pixel(logits, x[:, r].reshape(n, -1))
        nats += costs.sum(axis=1) if fixed is None else costs @ ~fixed[r].reshape(-1)
        bar.update()
        if on_row is not None:
            on_row(x.copy(), r)
    return nats


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


def _values(z, u, temperature, levels):
    """What u draws from logits z (n,) or (n, levels); `draw` for two levels in fewer steps."""
    if levels > 2:
        return draw(probabilities(_sharpened(z, temperature), levels), u)
    z = z.astype(np.float64) if temperature == 1 else _sharpened(z, temperature)
    return u >= 0.5 - 0.5 * np.tanh(0.5 * z)  # p(0) = σ(-z)


def _sharpened(logits, temperature):
    """logits (n,) or (n, levels), over the temperature, in float64 and without overflow."""
    z = logits.astype(np.float64)
    if z.ndim == 2:
        z -= z.max(axis=1, keepdims=True)
    # 1e4 is as good as infinite to exp, and leaves no inf - inf.
    limit = 1e4 * float(temperature)
    return np.clip(z, -limit, limit) / float(temperature)


def generator(seed):
    """The Generator of an int seed, of None (new every time), or `seed` itself if it is one."""
    if seed is None or isinstance(seed, np.random.Generator):
        return np.random.default_rng(seed)
    return np.random.default_rng(check_int("seed", seed, 0, 2**63))


def draw(p, u):
    """Inverts the distribution function: p (n, levels), u in [0, 1) (n,) → uint8 (n,).

    A level of probability 0 is never drawn: the sums are taken to end at exactly 1.
    """
    sums = np.cumsum(p, axis=1)
    return (sums <= u[:, None] * sums[:, -1:]).sum(axis=1).astype(np.uint8)
