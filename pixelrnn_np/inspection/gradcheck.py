"""Gradients by hand against finite differences, entry by entry or by random projection.

For a function f of an array θ, each derivative is D(ε) = (f(θ+ε) - f(θ-ε)) / 2ε, extrapolated from
D(ε) and D(ε/2) to (4 D(ε/2) - D(ε)) / 3 (Richardson), so that ε can be large enough for rounding
not to matter. float64 only.

A ReLU that changes sign within ±ε makes f bend there and no difference is right. Then D(ε) and
D(ε/2) differ, or the two one-sided differences do; a smaller ε is tried, and if the bend is nearer
than that, `Kink` is raised and the caller draws another point. No tolerance is ever loosened.
"""

import numpy as np

from ..likelihood import nll_backward, nll_forward

STEPS = (1e-4, 1e-5, 1e-6)


class Kink(ArithmeticError):
    """A ReLU changes sign next to this point: draw another."""


def derivative(f):
    """f'(0) of a scalar function of one float, or Kink."""
    f0 = f(0.0)
    for eps in STEPS:
        wide, near = (f(eps), f(-eps)), (f(eps / 2), f(-eps / 2))
        d_wide, d_near = (wide[0] - wide[1]) / (2 * eps), (near[0] - near[1]) / eps
        rounding = 1e-14 * max(abs(f0), 1e-3) / eps
        bend = abs(near[0] - 2 * f0 + near[1]) / (eps / 2)
        size = max(abs(d_wide), abs(d_near))
        smooth = abs(d_wide - d_near) < 2e-7 * size + rounding
        if smooth and bend < 1e-2 * size + 100 * eps + 4 * rounding:
            return (4 * d_near - d_wide) / 3
    raise Kink("a ReLU changes sign within the smallest step")


def relative_error(a, b, size=0.0):
    """max |a - b| / max(|a|, |b|, size) over arrays; 0 if both are 0 everywhere."""
    size = max(np.abs(a).max(initial=0), np.abs(b).max(initial=0), size)
    return float(np.abs(a - b).max(initial=0) / size) if size else 0.0


def compare(f, arrays, grads, rng, entries=None, projections=0):
    """Relative error of the gradients of f() with respect to each of `arrays`: {name: error}.

    Relative to the largest entry of the array's whole gradient, whichever entries are tried.

    f: a function of no argument that reads `arrays`; arrays, grads: {name: float64 array};
    entries: how many entries of each array are tried (None: all), chosen by rng, half of them among
    those with a gradient; projections: if
    positive, that many random directions per array instead: d·grad against the derivative along d.
    Raises Kink where there is no derivative, ValueError for arrays that are not float64.
    """
    errors = {}
    for name, a in arrays.items():
        if a.dtype != np.float64:
            raise ValueError(f"{name} is {a.dtype}; gradients are checked in float64")
        if projections:
            directions = [rng.standard_normal(a.shape) for _ in range(projections)]
            directions = [d / np.linalg.norm(d) for d in directions]
            exact = np.array([np.vdot(d, grads[name]) for d in directions])
            size = 0.0
        else:
            places = _places(grads[name], rng, entries)
            size = np.abs(grads[name]).max(initial=0)
            directions = [_unit(a.shape, i) for i in places]
            exact = grads[name].reshape(-1)[places]
        numeric = np.array([derivative(_along(f, a, d)) for d in directions])
        errors[name] = relative_error(numeric, exact, size)
    return errors


def _places(grad, rng, entries):
    everywhere = rng.permutation(grad.size)
    if entries is None or entries >= grad.size:
        return everywhere
    alive = rng.permutation(np.flatnonzero(grad))[: entries // 2]
    return np.concatenate([alive, everywhere[: entries - len(alive)]])


def _unit(shape, i):
    d = np.zeros(shape)
    d.reshape(-1)[i] = 1
    return d


def _along(f, a, d):
    kept = a.copy()

    def g(t):
        a[...] = kept + t * d
        try:
            return f()
        finally:
            a[...] = kept

    return g


def check_layer(layer, x, rng, **how):
    """Errors of a layer's gradients at x, {"x" or parameter: relative error}, as in `compare`.

    x: an array or a tuple of arrays and Nones, float64; the function is Σ y ⊙ v for a random v.
    """
    y, cache = layer.forward(x)
    v = _map(lambda a: rng.standard_normal(a.shape), y)
    dx, grads = layer.backward(_map(np.copy, v), cache)

    def f():
        return sum(np.vdot(a, b) for a, b in zip(_flat(layer.forward(x)[0]), _flat(v), strict=True))

    inputs = dict(_named(x))
    return compare(f, {**inputs, **layer.params}, {**dict(_named(dx)), **grads}, rng, **how)


def check_model(model, x, rng, **how):
    """Errors of the gradient of the mean nats of images x: {"x" or parameter: relative error}.

    "x" is the scaled input, with the targets (and a multi-scale model's small image) held.
    """
    _, cache = model.nll_forward(x)
    grads = model.nll_backward(1 / len(x), cache)
    errors = compare(lambda: model.nll_forward(x)[0].mean(), model.params, grads, rng, **how)

    held = {"given": model.given(x)} if hasattr(model, "given") else {}
    scaled = model.scale(x)
    logits, cache = model.forward(scaled, **held)
    dx, _ = model.backward(nll_backward(1 / len(x), nll_forward(logits, x)[1]), cache)

    def f():
        return nll_forward(model.forward(scaled, **held)[0], x)[0].mean()

    return errors | compare(f, {"x": scaled}, {"x": dx}, rng, **how)


def redraw(check, rng, attempts=20):
    """check(rng) at the first random point that no ReLU's bend disturbs."""
    for _ in range(attempts):
        try:
            return check(rng)
        except Kink:
            continue
    raise Kink(f"{attempts} random points all lie next to a ReLU's bend")


def randomise(layer, rng, size=0.5):
    """Adds noise to every parameter, biases and initial states included, so that each matters."""
    for a in layer.params.values():
        a += size * rng.standard_normal(a.shape) / np.sqrt(max(1, a[..., 0].size))


def _map(function, value):
    if isinstance(value, tuple):
        return tuple(None if a is None else function(a) for a in value)
    return function(value)


def _flat(value):
    return [a for a in (value if isinstance(value, tuple) else (value,)) if a is not None]


def _named(value):
    if not isinstance(value, tuple):
        return [("x", value)]
    return [(f"x{i}", a) for i, a in enumerate(value) if a is not None]
