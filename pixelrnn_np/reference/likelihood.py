"""§2.2 Log-likelihood of discrete pixels, one sub-pixel at a time."""

import math

import numpy as np


def bernoulli_nll(logits, x, nats):
    """-ln p(v) with p(1) = σ(z): ln(1 + e^z) - v·z, written so that no exponential overflows."""
    nats[...] = 0
    for i in np.ndindex(x.shape):
        z, v = np.float64(logits[i]), np.float64(x[i])
        nats[i[0]] += max(z, 0.0) - v * z + math.log1p(math.exp(-abs(z)))


def bernoulli_backward(logits, x, scale, dlogits):
    """d/dz of the above is σ(z) - v."""
    for i in np.ndindex(x.shape):
        z = np.float64(logits[i])
        sigmoid = 1 / (1 + math.exp(-z)) if z >= 0 else math.exp(z) / (1 + math.exp(z))
        dlogits[i] = scale * (sigmoid - np.float64(x[i]))


def softmax_nll(logits, x, nats):
    """-ln p(v) = ln Σ_k e^(z_k) - z_v, the largest z taken out of the sum first."""
    nats[...] = 0
    for i in np.ndindex(x.shape):
        z = logits[i].astype(np.float64)
        top = z.max()
        nats[i[0]] += top - z[x[i]] + math.log(np.exp(z - top).sum())


def softmax_backward(logits, x, scale, dlogits):
    """d/dz_k of the above is softmax(z)_k - [k = v]."""
    for i in np.ndindex(x.shape):
        z = logits[i].astype(np.float64)
        e = np.exp(z - z.max())
        dlogits[i] = scale * e / e.sum()
        dlogits[i][x[i]] -= scale
