"""§2.2 Pixels as discrete variables, §5.1 Evaluation.

Two levels: one logit z per sub-pixel, p(1) = σ(z). More levels: one logit per value, softmax.
Neither has a shape prior, and no mass falls outside [0, levels). Natural logarithms: nats.

Derivation of the gradients.
    two levels, v in {0, 1}:     -ln p(v) = ln(1 + e^z) - v·z        d/dz   = σ(z) - v
    more, v in [0, levels):      -ln p(v) = ln Σ_k e^(z_k) - z_v     d/dz_k = softmax(z)_k - [k = v]
The largest logit is taken out of each sum before exp; σ of a finite logit is right even where e^-z
is infinite. So every finite logit gives finite nats and a finite gradient.
"""

import numpy as np

from . import backend, memory


def nll_forward(logits, x, fixed=None):
    """-ln p(x) of each image.

    logits: (B, H, W, C) for two levels, (B, H, W, C, levels) for more; x: uint8 (B, H, W, C);
    fixed: None, or bool (H, W, C): sub-pixels that are given and cost nothing (§3.6, exact).
    Returns float64 nats (B,), cache.
    """
    ops = backend.ops()
    nats = np.empty(len(x), np.float64)
    shape = logits.shape
    if fixed is not None:
        logits, x = logits[:, ~fixed], x[:, ~fixed]
    logits, x = np.ascontiguousarray(logits), np.ascontiguousarray(x)  # kernels take no others
    forward = ops.bernoulli_nll if logits.ndim == x.ndim else ops.softmax_nll
    forward(logits, x, nats)
    return nats, (ops, logits, x, shape, fixed)


def nll_backward(scale, cache):
    """Gradient of scale · Σ_images nats with respect to the logits; the logits' shape."""
    ops, (logits, x, shape, fixed) = backend.ops(cache), cache[1:]
    dlogits = memory.empty(logits.shape, logits.dtype)
    backward = ops.bernoulli_backward if logits.ndim == x.ndim else ops.softmax_backward
    backward(logits, x, logits.dtype.type(scale), dlogits)
    if fixed is None:
        return dlogits
    full = memory.zeros(shape, logits.dtype)
    full[:, ~fixed] = dlogits
    return full


def nats_per_pixel(logits, x):
    """-ln p of every sub-pixel, given its predecessors: float64 like x, (B, H, W, C) or (B, D).

    logits: x's shape for two levels, with one more axis of levels for more.
    """
    pixels = x.reshape(-1, 1, 1, 1)  # images of one: the kernel is the one that training has
    return nll_forward(logits.reshape(*pixels.shape, *logits.shape[x.ndim :]), pixels)[0].reshape(
        x.shape
    )


def probabilities(logits, levels):
    """p of every level: float64, logits (…) for two levels → (…, 2); (…, levels) → the same."""
    z = logits.astype(np.float64)
    if levels == 2:
        z = np.stack([np.zeros_like(z), z], axis=-1)
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def draw(p, u):
    """Inverts the distribution function: p (n, levels), u in [0, 1) (n,) → uint8 (n,).

    A level of probability 0 is never drawn: the sums are taken to end at exactly 1.
    """
    sums = np.cumsum(p, axis=1)
    return (sums <= u[:, None] * sums[:, -1:]).sum(axis=1).astype(np.uint8)


def draw_values(logits, u, temperature, levels):
    """What u (n,) draws from logits (n,) or (n, levels); `draw` for two levels in fewer steps."""
    if levels > 2:
        return draw(probabilities(sharpened(logits, temperature), levels), u)
    z = logits.astype(np.float64) if temperature == 1 else sharpened(logits, temperature)
    return u >= 0.5 - 0.5 * np.tanh(0.5 * z)  # p(0) = σ(-z)


def sharpened(logits, temperature):
    """logits (n,) or (n, levels), over the temperature, in float64 and without overflow."""
    z = logits.astype(np.float64)
    if z.ndim == 2:
        z -= z.max(axis=1, keepdims=True)
    # 1e4 is as good as infinite to exp, and leaves no inf - inf.
    limit = 1e4 * float(temperature)
    return np.clip(z, -limit, limit) / float(temperature)


def bits_per_dim(nats, dimensions):
    """§5.1: nats of an image with `dimensions` sub-pixels → nats / (dimensions · ln 2)."""
    return nats / (dimensions * np.log(2))
