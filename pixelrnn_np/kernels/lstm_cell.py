"""Equation (3) for a block of pixels at once; gates in the order o, f, i, g.

σ(z) = ½ + ½ tanh(z/2). The halves of the arguments are put into the weights and the bias before
the scan (`gate_scale`), so that all gates need a tanh and nothing else. `cell_forward` and
`cell_backward` are NumPy, for runs without JIT; compiled kernels call the shared functions of
tiles/cells.py in their place. The readable twin is reference/lstm_cell.py.
"""

import numpy as np

from .jit import inlined, kernel
from .runs import flat, numbers
from .tiles.cells import cell_gradients, cells
from .tiles.multiply import matrix
from .tiles.panels import one_of, panels_at
from .tiles.shared import Numbers, answers, shared


@inlined
def gate_scale(F, like):
    """½ for the columns of o, f and i, 1 for those of g: (4F,)."""
    scale = numbers(4 * F, like)
    for j in range(4 * F):
        scale[j] = 0.5 if j < 3 * F else 1
    return scale


@inlined
def scaled(b, F):
    """b (4F,) times `gate_scale`."""
    out = numbers(4 * F, b)
    _scale(out, b, gate_scale(F, b), 4 * F, 4 * F)
    return out


@inlined
def gate_panels(K_is, inputs, K_ss, states, F):
    """Panels of the `inputs` rows of K_is, 4F numbers each, and below them the `states` of K_ss,
    both times `gate_scale`.
    """
    G, rows, scale = 4 * F, inputs + states, gate_scale(F, K_is)
    both = numbers(rows * G, K_is)
    _scale(both, K_is, scale, inputs * G, G)
    _scale(matrix(both, inputs * G, 0), K_ss, scale, states * G, G)
    return one_of(panels_at(both, 0, 0, 1, 1, rows, G, 0, G, 1), 0)


@shared
def _scale(out: Numbers, K: Numbers, scale: Numbers, size: int, n: int):
    for start in range(0, size, n):
        for j in range(n):
            out[start + j] = K[start + j] * scale[j]


def cell_forward(z, b, c_before, c, h, M, F, y=None, places=None, adds=None):
    """z: (M, 4F), scaled like its bias b, (4F,) or None, becomes the gates; c_before, c, h: (M, F).

    y: None, or an array in which row m of h is put too, from number places[m] on, below 0 nowhere;
    adds: 1 if it is added to what is there.
    """
    gates = _block(z, M, 4 * F)
    if b is not None:
        gates += _block(b, 1, 4 * F)
    gates[...] = np.tanh(gates)
    gates[:, : 3 * F] = 0.5 * gates[:, : 3 * F] + 0.5
    o, f, i, g = np.split(gates, 4, axis=1)
    now = f * _block(c_before, M, F) + i * g
    _block(c, M, F)[...] = now
    _block(h, M, F)[...] = o * np.tanh(now)
    for m in range(0 if y is None else M):
        if places[m] >= 0:
            row = y.reshape(-1)[places[m] : places[m] + F]
            row[...] = _block(h, M, F)[m] + (row if adds else 0)


def cell_backward(gates, c, c_before, dh, dc, dc_before, dz, M, F, dy=None, places=None):
    """dz: (M, 4F) and dc_before, which may be dc: (M, F), from dh and dc of this cell.

    dy: None, or an array whose F numbers from places[m] on, below 0 none, are added to row m of dh.
    """
    o, f, i, g = np.split(_block(gates, M, 4 * F), 4, axis=1)
    d = _block(dh, M, F).copy()
    for m in range(0 if dy is None else M):
        if places[m] >= 0:
            d[m] += dy.reshape(-1)[places[m] : places[m] + F]
    t = np.tanh(_block(c, M, F))
    do, d = d * t, _block(dc, M, F) + d * o * (1 - t * t)
    df, di, dg = d * _block(c_before, M, F), d * g, d * i
    parts = [do * o * (1 - o), df * f * (1 - f), di * i * (1 - i), dg * (1 - g * g)]
    _block(dz, M, 4 * F)[...] = np.concatenate(parts, axis=1)
    _block(dc_before, M, F)[...] = d * f


def _block(a, M, N):
    """The M rows of N numbers with which an array, or a matrix of tiles/multiply.py, begins."""
    array, start = a[:2] if isinstance(a, tuple) else (a, 0)
    return array.reshape(-1)[start : start + M * N].reshape(M, N)


answers(cells, cell_forward)
answers(cell_gradients, cell_backward)


@kernel
def lstm_step(z, c_before, c, h):
    M, F = c.shape
    scale, out = gate_scale(F, z), flat(z)
    for m in range(M):
        for j in range(4 * F):
            out[m * 4 * F + j] *= scale[j]
    cell_forward(z, None, c_before, c, h, M, F)
