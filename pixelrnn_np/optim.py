"""§5.2 RMSProp, which the paper trains with, and Adam; learning-rate schedules.

An optimiser works on the flat vector of all parameters. The paper sets learning rates by hand and
gives no numbers; this project's are RMSProp lr 1e-3, decay 0.95, ε 1e-8 outside the root, Adam's
published β1 0.9, β2 0.999, ε 1e-8, and a constant rate or a cosine.
"""

import math

import numpy as np

from .backend import choose


class RMSProp:
    """s ← ρ s + (1-ρ) g²;  w ← w - lr · g / (√s + ε)   (Tieleman and Hinton, 2012)."""

    def __init__(self, size, dtype, decay=0.95, eps=1e-8):
        self.decay, self.eps = decay, eps
        self.arrays = {"square": np.zeros(size, dtype)}

    def update(self, w, g, lr, step):
        s = self.arrays["square"]
        s += (1 - self.decay) * (g * g - s)
        w -= lr * g / (np.sqrt(s) + self.eps)


class Adam:
    """m ← β1 m + (1-β1) g;  v ← β2 v + (1-β2) g²;  w ← w - lr · m̂ / (√v̂ + ε)

    with m̂ = m / (1-β1^t), v̂ = v / (1-β2^t) at update t = 1, 2, …   (Kingma and Ba, 2015).
    """

    def __init__(self, size, dtype, beta1=0.9, beta2=0.999, eps=1e-8):
        self.beta1, self.beta2, self.eps = beta1, beta2, eps
        self.arrays = {"m": np.zeros(size, dtype), "v": np.zeros(size, dtype)}

    def update(self, w, g, lr, step):
        m, v = self.arrays["m"], self.arrays["v"]
        m += (1 - self.beta1) * (g - m)
        v += (1 - self.beta2) * (g * g - v)
        c1, c2 = 1 - self.beta1 ** (step + 1), 1 - self.beta2 ** (step + 1)
        w -= (lr / c1) * m / (np.sqrt(v) / math.sqrt(c2) + self.eps)


OPTIMIZERS = {"rmsprop": RMSProp, "adam": Adam}
SCHEDULES = ("constant", "cosine")


def build_optimizer(name, size, dtype):
    """ "rmsprop" or "adam" for `size` parameters; ValueError for another name."""
    return OPTIMIZERS[choose("optimizer", name, tuple(OPTIMIZERS))](size, dtype)


def learning_rate(schedule, lr, step, warmup, total):
    """The rate of update `step` (from 0): linear over `warmup` updates, then the schedule.

    "constant": lr; "cosine": from lr to 0 at update `total`, along half a cosine.
    """
    rate = lr * min(1.0, (step + 1) / (warmup + 1))
    if schedule == "cosine" and step > warmup:
        done = min(1.0, (step - warmup) / max(1, total - warmup))
        rate *= 0.5 * (1 + math.cos(math.pi * done))
    return rate
