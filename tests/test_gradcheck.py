"""The checker itself: it has to reject what is wrong, and a bend has to be noticed."""

import numpy as np
import pytest

from pixelrnn_np.inspection.gradcheck import Kink, check_layer, compare, derivative, redraw
from pixelrnn_np.layers.base import ReLU
from pixelrnn_np.layers.masked_conv import MaskedConv


class Wrong(MaskedConv):
    """One entry of one gradient is wrong by `error`, relative."""

    def backward(self, dy, cache):
        dx, grads = super().backward(dy, cache)
        array = dx if self.where == "x" else grads[self.where]
        largest = np.unravel_index(np.abs(array).argmax(), array.shape)
        array[largest] *= 1 + self.error
        return dx, grads


def errors_of(rng, error, where, **how):
    layer = Wrong("B", 3, 3, np.zeros(2, int), np.zeros(3, int), rng, dtype="float64")
    layer.error, layer.where = error, where
    return check_layer(layer, rng.standard_normal((2, 4, 3, 2)), rng, **how)


@pytest.mark.parametrize("where", ["x", "K", "b"])
def test_a_gradient_wrong_by_half_a_thousandth_is_rejected(rng, where):
    assert max(errors_of(rng, 0.0, where).values()) < 1e-6
    errors = errors_of(rng, 0.0005, where)
    assert errors.pop(where) > 1e-4
    assert max(errors.values()) < 1e-6


def test_projection_sees_it_too(rng):
    assert max(errors_of(rng, 0.0, "K", projections=3).values()) < 1e-6
    assert errors_of(rng, 0.0005, "K", projections=3)["K"] > 1e-6


@pytest.mark.parametrize("bend", [0.0, 3e-7, -2e-7])
def test_a_bend_is_noticed(bend):
    with pytest.raises(Kink):
        derivative(lambda t: abs(t - bend) + t)


def test_a_bend_farther_off_is_avoided():
    assert derivative(lambda t: max(t - 3e-5, 0.0) + 2 * t) == pytest.approx(2, rel=1e-7)


def test_smooth_functions():
    assert derivative(np.sin) == pytest.approx(1, rel=1e-10)
    assert derivative(lambda t: 100 + np.exp(3 * t)) == pytest.approx(3, rel=1e-8)
    assert derivative(lambda t: 5.0) == 0


def test_redraw_gives_up_in_the_end(rng):
    with pytest.raises(Kink, match="20 random points"):
        redraw(lambda rng: check_layer(ReLU(), np.zeros((1, 1, 1, 2)), rng), rng)


def test_float32_is_refused(rng):
    a = {"a": np.zeros(2, np.float32)}
    with pytest.raises(ValueError, match="float64"):
        compare(lambda: 0.0, a, a, rng)
