"""Contenders are timed only if they compute the same: weights, images, and the comparison."""

from pathlib import Path

import numpy as np

import pixelrnn_np as pr

# Compiled code has approximations of its own, and is not compiled twice for a check in float64.
TOLERANCE = {"float64": 1e-9, "float32": 1e-4, "bent": 1e-2, "compiled": 1e-3}


def prepare(folder, model, h, layers, batch, side=28, dtype="float32"):
    """Random weights (none of them 0, unlike a new model's) and images, in a file: its setup."""
    net = pr.build_model(model, (side, side, 1), 2, h=h, layers=layers, dtype=dtype)
    rng = np.random.default_rng(0)
    params = {
        name: a + 0.05 * rng.standard_normal(a.shape).astype(dtype)
        for name, a in net.params.items()
    }
    images = (rng.random((batch, side, side, 1)) < 0.13).astype(np.uint8)
    path = Path(folder) / f"{model}-{h}-{layers}-{batch}-{side}-{dtype}.npz"
    np.savez(path, images=images, **params)
    return {"config": net.config, "arrays": str(path)}


def compared(contender, expected, out, limit=600.0):
    """(seconds, error, where) of a contender's loss and gradients against the file `expected`.

    error: the largest relative error of an array, in its norm.
    """
    answer = contender.ask("check", limit, out=str(out))
    with np.load(expected) as mine, np.load(out) as theirs:
        odd = set(mine.files) ^ set(theirs.files)
        if odd:
            return answer["seconds"], np.inf, f"the set of parameters ({sorted(odd)[0]})"
        errors = {
            k: float(np.linalg.norm(mine[k] - theirs[k]) / max(np.linalg.norm(mine[k]), 1e-300))
            for k in mine.files
        }
    worst = max(errors, key=errors.get)
    return answer["seconds"], errors[worst], worst


def refuse(name, error, where, allowed):
    raise SystemExit(
        f"bench: {name} does not compute what this project computes: {where} differs, relative "
        f"error {error:.1e}, allowed {allowed:.0e}. It was not timed."
    )
