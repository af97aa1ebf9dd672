"""§2.2 Log-likelihood of two levels (sigmoid) and of more (softmax), each in one pass.

The readable twin is reference/likelihood.py; shapes and derivation are in likelihood.py.
"""

import math

import numpy as np

from .jit import kernel, vector_kernel
from .vector_math import exp


@kernel
def bernoulli_nll(logits, x, nats):
    for n in range(x.shape[0]):
        z, v = logits[n].reshape(x[n].size), x[n].reshape(x[n].size)
        total = 0.0
        for i in range(v.size):
            a = np.float64(z[i])
            total += max(a, 0.0) - a * v[i] + math.log1p(math.exp(-abs(a)))
        nats[n] = total


@vector_kernel
def bernoulli_backward(logits, x, scale, dlogits):
    z, v, d = logits.reshape(x.size), x.reshape(x.size), dlogits.reshape(x.size)
    for i in range(v.size):
        d[i] = scale / (z.dtype.type(1) + exp(-z[i])) - scale * v[i]


@vector_kernel
def _max_and_sum(row):
    top = row[0]
    for k in range(1, row.size):
        top = row[k] if row[k] > top else top
    total = row[0] * 0
    for k in range(row.size):
        total += exp(row[k] - top)
    return top, total


@kernel
def softmax_nll(logits, x, nats):
    D, levels = x[0].size, logits.shape[-1]
    for n in range(x.shape[0]):
        z, v = logits[n].reshape((D, levels)), x[n].reshape(D)
        total = 0.0
        for i in range(D):
            top, mass = _max_and_sum(z[i])
            total += np.float64(top) - z[i, v[i]] + math.log(np.float64(mass))
        nats[n] = total


@vector_kernel
def softmax_backward(logits, x, scale, dlogits):
    D, levels = x.size, logits.shape[-1]
    z, v, d = logits.reshape((D, levels)), x.reshape(D), dlogits.reshape((D, levels))
    for i in range(D):
        top, mass = _max_and_sum(z[i])
        share = scale / mass
        for k in range(levels):
            d[i, k] = share * exp(z[i, k] - top)
        d[i, v[i]] -= scale
