"""§2.2, §5.1: nats, their gradients, stability and bits per dimension."""

import numpy as np
import pytest

from pixelrnn_np.inspection.gradcheck import compare
from pixelrnn_np.likelihood import (
    bits_per_dim,
    nats_per_pixel,
    nll_backward,
    nll_forward,
    probabilities,
)


def draw(rng, levels, dtype="float64"):
    x = rng.integers(0, levels, (2, 3, 2, 3)).astype(np.uint8)
    shape = x.shape if levels == 2 else (*x.shape, levels)
    return (3 * rng.standard_normal(shape)).astype(dtype), x


@pytest.mark.parametrize("levels", [2, 3, 256])
def test_finite_differences(rng, levels):
    z, x = draw(rng, levels)
    d = nll_backward(0.5, nll_forward(z, x)[1])

    def f():
        return 0.5 * nll_forward(z, x)[0].sum()

    assert compare(f, {"z": z}, {"z": d}, rng, entries=40)["z"] < 1e-6


@pytest.mark.parametrize("levels", [2, 5, 256])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_agrees_with_probabilities(rng, levels, dtype):
    z, x = draw(rng, levels, dtype)
    p = probabilities(z, levels)
    np.testing.assert_allclose(p.sum(axis=-1), 1, rtol=1e-12)
    chosen = np.take_along_axis(p, x[..., None].astype(int), axis=-1)[..., 0]
    tolerance = 1e-6 if dtype == "float32" else 1e-12
    np.testing.assert_allclose(nats_per_pixel(z, x), -np.log(chosen), rtol=tolerance, atol=1e-6)
    np.testing.assert_allclose(
        nll_forward(z, x)[0], -np.log(chosen).sum(axis=(1, 2, 3)), rtol=tolerance
    )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", [100.0, 1e4, 1e30])
def test_large_logits_stay_finite(dtype, size):
    x = np.array([0, 1], np.uint8).reshape(2, 1, 1, 1)
    right, wrong = size * (2 * x.astype(dtype) - 1), size * (1 - 2 * x.astype(dtype))
    for z, expected in ((right, 0), (wrong, size)):
        nats, cache = nll_forward(z, x)
        np.testing.assert_allclose(nats, expected, rtol=1e-6, atol=1e-40)
        assert np.isfinite(nll_backward(1, cache)).all()
    z = np.stack([-right, right, -right], axis=-1)
    nats, cache = nll_forward(z, np.ones_like(x))
    assert np.isfinite(nats).all()
    assert np.isfinite(nll_backward(1, cache)).all()


@pytest.mark.parametrize("levels", [2, 4])
def test_nan_is_not_hidden(rng, levels):
    z, x = draw(rng, levels, "float32")
    z[0, 0, 0, 0] = np.nan
    nats, cache = nll_forward(z, x)
    assert np.isnan(nats[0])
    assert np.isfinite(nats[1])
    assert np.isnan(nll_backward(1, cache)).any()


def test_coin_flip_is_one_bit_per_dimension():
    x = np.zeros((1, 28, 28, 1), np.uint8)
    nats = nll_forward(np.zeros(x.shape), x)[0][0]
    assert nats == pytest.approx(543.43, abs=0.01)
    assert bits_per_dim(nats, 784) == pytest.approx(1)
    assert bits_per_dim(79.20, 784) == pytest.approx(0.1457, abs=5e-5)
