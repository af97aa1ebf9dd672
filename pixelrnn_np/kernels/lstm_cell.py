"""Equation (3) for a block of pixels at once; gates in the order o, f, i, g.

Each loop runs over one contiguous stretch and writes few arrays, so that LLVM vectorises it. The
readable twin is reference/lstm_cell.py.
"""

from .jit import vector_kernel
from .vector_math import sigmoid, tanh


@vector_kernel
def cell_forward(z, b, c_before, c, h):
    """z: (M, 4h) without the bias b becomes the gates in place; c_before, c, h: (M, h)."""
    M, F = c.shape
    for m in range(M):
        for j in range(3 * F):
            z[m, j] = sigmoid(z[m, j] + b[j])
        for j in range(3 * F, 4 * F):
            z[m, j] = tanh(z[m, j] + b[j])
    for m in range(M):
        for j in range(F):
            c[m, j] = z[m, F + j] * c_before[m, j] + z[m, 2 * F + j] * z[m, 3 * F + j]
        for j in range(F):
            h[m, j] = z[m, j] * tanh(c[m, j])


@vector_kernel
def cell_backward(gates, c, c_before, dh, dc, dz):
    """dz: (M, 4h) from dh and dc; dc: (M, h) enters from the next cell, leaves as dc_before."""
    M, F = c.shape
    one = c.dtype.type(1)
    for m in range(M):
        for j in range(F):
            t = tanh(c[m, j])
            o = gates[m, j]
            dz[m, j] = dh[m, j] * t * o * (one - o)
            dc[m, j] += dh[m, j] * o * (one - t * t)
        for j in range(F):
            f, d = gates[m, F + j], dc[m, j]
            dz[m, F + j] = d * c_before[m, j] * f * (one - f)
        for j in range(F):
            i, g, d = gates[m, 2 * F + j], gates[m, 3 * F + j], dc[m, j]
            dz[m, 2 * F + j] = d * g * i * (one - i)
            dz[m, 3 * F + j] = d * i * (one - g * g)
        for j in range(F):
            dc[m, j] *= gates[m, F + j]
