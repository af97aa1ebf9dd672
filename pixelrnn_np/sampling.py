"""§2.1 Generating an image pixel by pixel, and completing one.

Raster order, R before G before B. Each value is drawn from its conditional, given what is drawn
already, by inverting its distribution function at a uniform number; so the same seed gives the
same images, and a known pixel leaves the numbers of the others as they were.
"""

import numpy as np
from tqdm import tqdm

from .likelihood import probabilities
from .models.base import check_images, check_int
from .parallel import Pool, cut


def sample(model, n, seed=0, *, temperature=1.0, return_nll=False, progress=False, threads=None):
    """Draws n images from the model: uint8 (n, H, W, C).

    seed: int, numpy Generator or None (new every time); temperature: divides the logits, 1 is the
    model's own distribution. With return_nll=True also model.nll of the images, (n,).
    Raises ValueError for n below 1, a seed that is none, a temperature that is not positive, and
    for a model whose logits are not finite.
    """
    check_int("n", n, 1, 10**7)
    x = np.zeros((n, *model.image_shape), np.uint8)
    known = np.zeros((1, *model.image_shape), bool)
    x = _fill(model, x, known, seed, temperature, progress, threads)
    return (x, model.nll(x, threads)) if return_nll else x


def complete(model, images, known, seed=0, *, temperature=1.0, progress=False, threads=None):
    """Draws the unknown pixels of `images`, given those before them in raster order.

    images: uint8 (n, H, W, C); known: bool, broadcast to that shape; known pixels are kept. A drawn
    pixel takes account of known pixels above and to its left only, not of those that come later.
    Returns uint8 (n, H, W, C), a new array. Raises ValueError for bad images or a bad mask, and
    as `sample` does.
    """
    known = np.asarray(known)
    if known.dtype != bool:
        raise ValueError(f"known has dtype {known.dtype}; it has to be bool, True where kept")
    try:
        known = np.broadcast_to(known, np.shape(images))
    except ValueError:
        raise ValueError(
            f"known has shape {known.shape}; it has to broadcast to {np.shape(images)}"
        ) from None
    clean = np.where(known, images, np.zeros((), getattr(images, "dtype", np.uint8)))
    x = check_images(clean, model.image_shape, model.levels)
    return _fill(model, x, known, seed, temperature, progress, threads)


def _fill(model, x, known, seed, temperature, progress, threads):
    if (
        not isinstance(temperature, (int, float, np.integer, np.floating))
        or not 0 < temperature < np.inf
    ):
        raise ValueError(f"temperature is {temperature!r}; it has to be a positive number")
    n, height, width, channels = x.shape
    u = generator(seed).random(x.shape)
    shards = cut(n, model.shard_size)
    bar = tqdm(total=height * width, unit="pixel", desc="sampling", disable=not progress)
    with Pool(threads) as pool, bar:
        for r, c, k in np.ndindex(height, width, channels):
            if not known[:, r, c, k].all():
                # The rows below are drawn later and cannot matter: the network need not see them.
                parts = pool.map(lambda s: _logits_at(model, x[s, : r + 1], r, c, k), shards)  # noqa: B023
                p = probabilities(_sharpened(np.concatenate(parts), temperature), model.levels)
                values = draw(p, u[:, r, c, k])
                x[:, r, c, k] = np.where(known[:, r, c, k], x[:, r, c, k], values)
            if k == channels - 1:
                bar.update()
    return x


def _logits_at(model, rows, r, c, k):
    return model.forward(rows)[0][:, r, c, k].copy()


def _sharpened(logits, temperature):
    """logits (n,) or (n, levels), over the temperature, in float64 and without overflow."""
    if not np.isfinite(logits).all():
        raise ValueError("the model's logits are not finite; its weights are damaged")
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
