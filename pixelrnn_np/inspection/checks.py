"""What no likelihood can fake: causality, and probabilities that sum to one.

Nearly all public implementations leak the future somewhere; a leak shows as a good loss. `check`
on the command line prints these for one model, beside its gradients and its readable twin.
"""

import itertools

import numpy as np

from ..backend import use_backend
from ..models import build_model
from .gradcheck import check_model, randomise, redraw, relative_error

LIMIT = 2**14  # images that `normalisation` is willing to list


def small_model(name, rng, image_shape, levels, h=4, layers=2, **options):
    """A float64 model with random weights; biases and initial states are random as well."""
    model = build_model(
        name, image_shape, levels, h, layers, head=6, dtype="float64",
        seed=int(rng.integers(2**31)), **options,
    )  # fmt: skip
    randomise(model, rng)
    return model


def dependence(model, x):
    """Which sub-pixel's logits read which sub-pixel, at images x: bool (D, D), [output, input].

    By gradient: dx of each output's logits in turn, summed over the images and over two random
    weightings of the logits, so that a cancellation cannot hide a path (a dead ReLU can).
    """
    rng = np.random.default_rng(0)
    logits, cache = model.forward(x)
    D = model.dimensions
    reads = np.zeros((D, D), bool)
    shape = (len(x), D, -1)
    for _ in range(2):
        v = rng.standard_normal(logits.shape).astype(model.dtype).reshape(shape)
        for out in range(D):
            d = np.zeros_like(v)
            d[:, out] = v[:, out]
            dx, _ = model.backward(d.reshape(logits.shape), cache)
            reads[out] |= (dx.reshape(len(x), D) != 0).any(axis=0)
    return reads


def leaks_by_gradient(model, x):
    """Pairs (output, input) of raster positions with input ≥ output and a gradient: a list."""
    return [tuple(p) for p in np.argwhere(np.triu(dependence(model, x))).tolist()]


def leaks_by_perturbation(model, x):
    """Pairs (output, input) where changing one sub-pixel changed its own or an earlier logit.

    Every sub-pixel of every image in x is changed to another level, and every bit counts. A
    multi-scale model's small image is held: it rightly shows later pixels.
    """
    D, held = model.dimensions, {"given": model.given(x)} if hasattr(model, "given") else {}
    before = model.forward(x, **held)[0].reshape(len(x), D, -1).copy()
    pairs = set()
    for i in range(D):
        changed = x.copy().reshape(len(x), D)
        changed[:, i] = (changed[:, i].astype(int) + 1 + i % (model.levels - 1)) % model.levels
        after = model.forward(changed.reshape(x.shape), **held)[0].reshape(before.shape)
        seen = (after != before).any(axis=(0, 2))
        pairs |= {(int(out), i) for out in np.flatnonzero(seen[: i + 1])}
    return sorted(pairs)


def all_images(image_shape, levels):
    """Every image there is: uint8 (levels^D, H, W, C); ValueError if there are more than 2^14."""
    D = int(np.prod(image_shape))
    if levels**D > LIMIT:
        raise ValueError(f"there are {levels}^{D} such images; at most {LIMIT} can be listed")
    grid = np.array(list(itertools.product(range(levels), repeat=D)), np.uint8)
    return grid.reshape(-1, *image_shape)


def total_probability(model):
    """Σ p(x) over all images: 1 for a distribution, at most 1 for an inexact multi-scale model."""
    return float(np.exp(-model.nll(all_images(model.image_shape, model.levels))).sum())


def check_table(name, seed=0):
    """Runs all checks on small models of that name; returns the table and whether all passed."""
    rows = [
        row
        for shape, levels, listed in (((4, 5, 1), 2, (3, 3, 1)), ((3, 4, 3), 4, (1, 2, 3)))
        for row in _check_rows(name, np.random.default_rng(seed), shape, levels, listed)
    ]
    lines = [f"{'check of ' + name:<34}{'images':<20}{'found':>12}  {'allowed':<8}"]
    for title, images, value, allowed in rows:
        verdict = "ok" if value <= allowed else "FAILED"
        shown = f"{value:.1e}" if isinstance(value, float) else str(value)
        lines.append(f"{title:<34}{images:<20}{shown:>12}  {allowed:<8g}{verdict}")
    return "\n".join(lines), all(value <= allowed for _, _, value, allowed in rows)


def _check_rows(name, rng, shape, levels, listed):
    def draw(rng, batch=2):
        return small_model(name, rng, shape, levels), rng.integers(
            0, levels, (batch, *shape), np.uint8
        )

    def gradients(rng):
        model, x = draw(rng)
        return max(check_model(model, x, rng, entries=8).values())

    about = f"{shape[0]}×{shape[1]}×{shape[2]}, {levels} levels"
    model, x = draw(rng)
    _, fast = model.loss_and_grads(x)
    with use_backend("reference"):
        _, slow = model.loss_and_grads(x)
    twin = max(relative_error(fast[k], slow[k]) for k in fast)
    small = small_model(name, rng, listed, 2, **({"exact": True} if name == "multi_scale" else {}))
    count = f"{listed[0]}×{listed[1]}×{listed[2]}, all {2 ** int(np.prod(listed))}"
    return [
        ("gradients, finite differences", about, redraw(gradients, rng), 1e-6),
        ("gradients, kernels and twins", about, twin, 1e-12),
        ("leaks, by gradient", about, len(leaks_by_gradient(model, x)), 0),
        ("leaks, by perturbation", about, len(leaks_by_perturbation(model, x)), 0),
        ("|sum of probabilities - 1|", count, abs(total_probability(small) - 1), 1e-9),
    ]
