"""ReLU, number by number. The readable twin is reference/pointwise.py."""

from .jit import kernel
from .runs import flat
from .tiles.shared import Numbers, shared


@kernel
def relu_forward(x, y):
    relu_of_run(x, 0, x.size, y)


@shared
def relu_of_run(x: Numbers, start: int, n: int, y: Numbers):
    """The ReLU of n numbers of x from `start` on, to the beginning of y."""
    for i in range(n):
        v = x[start + i]
        y[i] = 0 if v < 0 else v  # this way round NaN is kept


@kernel
def relu_backward(dy, y, dx):
    g, a, out = flat(dy), flat(y), flat(dx)
    for i in range(y.size):
        out[i] = g[i] if a[i] > 0 else 0
