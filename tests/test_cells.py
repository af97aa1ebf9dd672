"""Cells in registers: equal to their NumPy, for every width, with and without what is optional."""

import functools

import numpy as np
import pytest

from pixelrnn_np.kernels import jit, lstm_cell

kernel = functools.partial(jit.kernel, cache=False)
TOLERANCE = {"float32": 1e-6, "float64": 1e-13}


@kernel
def forward(z, b, c_before, c, h, y, places, adds):
    M, F = c.shape
    lstm_cell.cell_forward(z, b, c_before, c, h, M, F, y, places, adds)


@kernel
def plain_forward(z, c_before, c, h):
    M, F = c.shape
    lstm_cell.cell_forward(z, None, c_before, c, h, M, F)


@kernel
def backward(gates, c, c_before, dh, dc, dc_before, dz, dy, places):
    M, F = c.shape
    lstm_cell.cell_backward(gates, c, c_before, dh, dc, dc_before, dz, M, F, dy, places)


@kernel
def plain_backward(gates, c, c_before, dh, dc, dz):
    M, F = c.shape
    lstm_cell.cell_backward(gates, c, c_before, dh, dc, dc, dz, M, F)


def same(function, arguments, dtype):
    """The compiled function and its NumPy write the same into copies of the arguments."""
    copies = [[np.copy(a) if np.ndim(a) else a for a in arguments] for _ in range(2)]
    function(*copies[0])
    getattr(function, "py_func", function)(*copies[1])
    for fast, slow in zip(*copies, strict=True):
        np.testing.assert_allclose(fast, slow, rtol=0, atol=TOLERANCE[dtype])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("M", "F"), [(1, 1), (5, 16), (7, 24), (3, 33), (4, 3)])
def test_cells(rng, dtype, M, F):
    def draw(*size):
        return rng.uniform(-1, 1, size).astype(dtype)

    z, b, wide = 12 * draw(M, 4 * F), draw(4 * F), draw(M + 2, F)
    places = F * rng.permutation(M + 2)[:M]
    places[0] = -1
    states = [draw(M, F) for _ in range(5)]
    for adds in (0, 1):
        same(forward, (z, b, *states[:3], wide, places, adds), dtype)
    same(plain_forward, (z, *states[:3]), dtype)
    same(backward, (draw(M, 4 * F), *states, draw(M, 4 * F), wide, places), dtype)
    same(plain_backward, (draw(M, 4 * F), *states[:4], draw(M, 4 * F)), dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_nan_survives(dtype):
    """The clamp of tanh must not hide that a run diverges."""
    z, (before, c, h) = np.full((2, 64), np.nan, dtype), np.zeros((3, 2, 16), dtype)
    plain_forward(z, before, c, h)
    assert np.isnan(z).all() and np.isnan(c).all() and np.isnan(h).all()
    big = np.full((2, 64), np.inf, dtype)
    plain_forward(big, before, c, h)
    np.testing.assert_allclose(big, 1, atol=1e-6)
