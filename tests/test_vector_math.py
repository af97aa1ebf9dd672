"""The vectorisable exp and tanh of kernels/vector_math.py: their errors, the ends of the range."""

import math

import numba
import numpy as np

from pixelrnn_np.kernels.jit import JIT_DISABLED
from pixelrnn_np.kernels.vector_math import exp, tanh


@numba.njit(error_model="numpy", fastmath={"contract", "arcp", "nsz"})
def exp_all(x, y):
    for i in range(x.size):
        y[i] = exp(x[i])


def test_float32_error():
    x = np.linspace(-87, 88, 200_001).astype(np.float32)
    y = np.empty_like(x)
    exp_all(x, y)
    exact = np.exp(x.astype(np.float64))
    assert np.abs(y / exact - 1).max() < 3e-7


def test_ends_of_the_range():
    x = np.array([0, np.inf, -np.inf, np.nan, 89, 200, -104, -1e30], np.float32)
    y = np.empty_like(x)
    with np.errstate(over="ignore", under="ignore"):
        exp_all(x, y)
    np.testing.assert_array_equal(y, np.array([1, np.inf, 0, np.nan, np.inf, np.inf, 0, 0], "f4"))


def test_float64_is_exact():
    x = np.linspace(-700, 700, 1001)
    y = np.empty_like(x)
    exp_all(x, y)
    np.testing.assert_allclose(y, [math.exp(v) for v in x], rtol=0 if not JIT_DISABLED else 1e-15)


@numba.njit(error_model="numpy", fastmath={"contract", "arcp", "nsz"})
def tanh_all(x, y):
    for i in range(x.size):
        y[i] = tanh(x[i])


def test_tanh_float32_error():
    x = np.concatenate([np.linspace(-12, 12, 200_001), [np.inf, -np.inf, 1e-30]]).astype(np.float32)
    y = np.empty_like(x)
    tanh_all(x, y)
    assert np.abs(y - np.tanh(x.astype(np.float64))).max() < 3e-7
    nan = np.full(3, np.nan, np.float32)
    tanh_all(nan, nan)
    assert np.isnan(nan).all()


def test_tanh_float64_error():
    x = np.concatenate([np.linspace(-25, 25, 200_001), 10.0 ** -np.arange(300), [1e300, np.inf]])
    x = np.concatenate([x, -x])
    y = np.empty_like(x)
    tanh_all(x, y)
    exact = np.array([math.tanh(v) for v in x])
    assert (np.abs(y - exact) <= 5e-16 * np.abs(exact)).all()
    nan = np.full(3, np.nan)
    tanh_all(nan, nan)
    assert np.isnan(nan).all()
