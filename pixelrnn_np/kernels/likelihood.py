"""§2.2 Log-likelihood of two levels (sigmoid) and of more (softmax), each in one pass.

The readable twin is reference/likelihood.py; shapes and derivation are in likelihood.py.
"""

import math

import numpy as np

from .jit import QUICK, inner, kernel
from .runs import flat
from .vector_math import exp


@kernel
def bernoulli_nll(logits, x, nats):
    D = x.size // x.shape[0]
    for n in range(x.shape[0]):
        nats[n] = bernoulli_nats(logits, n * D, x, n * D, D)


@kernel
def bernoulli_backward(logits, x, scale, dlogits):
    bernoulli_gradient(logits, 0, x, 0, x.size, scale, dlogits, 0)


@kernel
def softmax_nll(logits, x, nats):
    D, levels = x.size // x.shape[0], logits.shape[-1]
    for n in range(x.shape[0]):
        nats[n] = softmax_nats(logits, n * D * levels, x, n * D, D, levels)


@kernel
def softmax_backward(logits, x, scale, dlogits):
    softmax_gradient(logits, 0, x, 0, x.size, logits.shape[-1], scale, dlogits, 0)


@inner
def bernoulli_nats(logits, z, x, v, D):
    """Of D sub-pixels: their logits are those from number z on, their values from number v on."""
    from_z, values, total = flat(logits), flat(x), 0.0
    for i in range(D):
        a = np.float64(from_z[z + i])
        total += max(a, 0.0) - a * values[v + i] + math.log1p(math.exp(-abs(a)))
    return total


@inner(fastmath=QUICK)
def bernoulli_gradient(logits, z, x, v, D, scale, dlogits, d):
    """The same sub-pixels' gradient of scale · nats, to dlogits from number d on."""
    from_z, values, out, one = flat(logits), flat(x), flat(dlogits), logits.dtype.type(1)
    for i in range(D):
        out[d + i] = scale / (one + exp(-from_z[z + i])) - scale * values[v + i]


@inner(fastmath=QUICK)
def _max_and_sum(logits, z, levels):
    from_z = flat(logits)
    top = from_z[z]
    for k in range(1, levels):
        top = from_z[z + k] if from_z[z + k] > top else top
    total = from_z[z] * 0
    for k in range(levels):
        total += exp(from_z[z + k] - top)
    return top, total


@inner
def softmax_nats(logits, z, x, v, D, levels):
    """As bernoulli_nats, with so many logits a sub-pixel."""
    from_z, values, total = flat(logits), flat(x), 0.0
    for i in range(D):
        start = z + i * levels
        top, mass = _max_and_sum(logits, start, levels)
        total += np.float64(top) - from_z[start + int(values[v + i])] + math.log(np.float64(mass))
    return total


@inner(fastmath=QUICK)
def softmax_gradient(logits, z, x, v, D, levels, scale, dlogits, d):
    """As bernoulli_gradient, with so many logits a sub-pixel. Arrays of any shape."""
    from_z, values, out = flat(logits), flat(x), flat(dlogits)
    for i in range(D):
        start, target = z + i * levels, d + i * levels
        top, mass = _max_and_sum(logits, start, levels)
        share = scale / mass
        for k in range(levels):
            out[target + k] = share * exp(from_z[start + k] - top)
        out[target + int(values[v + i])] -= scale
