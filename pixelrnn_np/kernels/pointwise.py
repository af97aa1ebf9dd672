"""ReLU on flat arrays. The readable twin is reference/pointwise.py."""

from .jit import kernel


@kernel
def relu_forward(x, y):
    a, out = x.reshape(x.size), y.reshape(y.size)
    for i in range(a.size):
        v = a[i]
        out[i] = 0 if v < 0 else v  # this way round NaN is kept


@kernel
def relu_backward(dy, y, dx):
    g, a, out = dy.reshape(dy.size), y.reshape(y.size), dx.reshape(dx.size)
    for i in range(a.size):
        out[i] = g[i] if a[i] > 0 else 0
