"""Finite differences of every layer, by kernels and twins; masks in forward and backward."""

import numpy as np
import pytest

import pixelrnn_np as pr
from pixelrnn_np.backend import BACKENDS
from pixelrnn_np.inspection.gradcheck import check_layer, randomise, redraw
from pixelrnn_np.layers.base import ReLU, Sequential
from pixelrnn_np.layers.masked_conv import MaskedConv
from pixelrnn_np.layers.masks import feature_groups
from pixelrnn_np.layers.residual import ConvBlock


def conv(rng, mask="B", rows=3, cols=3, channels=1, size=(4, 3), **options):
    groups = [feature_groups(n, channels) for n in size]
    return MaskedConv(mask, rows, cols, *groups, rng, dtype="float64", **options)


def block(rng, channels=1, **connections):
    g = [feature_groups(n, channels) for n in (3, 6)]
    return ConvBlock(*g, rng, dtype="float64", **connections)


LAYERS = {
    "7x7 A": (lambda r: conv(r, "A", 7, 7), 4),
    "7x7 A, colours": (lambda r: conv(r, "A", 7, 7, 3, (3, 5)), 3),
    "3x3 B": (conv, 4),
    "3x3 B, colours": (lambda r: conv(r, channels=3), 4),
    "1x3 B": (lambda r: conv(r, "B", 1, 3), 4),
    "5x1 B": (lambda r: conv(r, "B", 5, 1), 4),
    "1x1": (lambda r: conv(r, "B", 1, 1), 4),
    "1x1, colours": (lambda r: conv(r, "B", 1, 1, 3), 4),
    "ReLU": (lambda r: ReLU(), 4),
    "chain": (lambda r: Sequential(a=conv(r, size=(4, 4)), relu=ReLU(), b=conv(r)), 4),
}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("case", LAYERS)
@pytest.mark.parametrize("batch", [1, 3])
def test_finite_differences(rng, case, backend, batch):
    make, features = LAYERS[case]

    def check(rng):
        layer = make(rng)
        randomise(layer, rng)
        x = rng.standard_normal((batch, 3, 4, features))
        return check_layer(layer, x, rng, entries=30 if backend == "kernels" else 3)

    with pr.use_backend(backend):
        errors = redraw(check, rng)
    assert max(errors.values()) < 1e-6, errors


@pytest.mark.parametrize("connections", [(True, True), (True, False), (False, True)])
@pytest.mark.parametrize("channels", [1, 3])
def test_block(rng, connections, channels):
    residual, skip = connections

    def check(rng):
        layer = block(rng, channels, residual=residual, skip=skip)
        randomise(layer, rng)
        return check_layer(layer, (rng.standard_normal((2, 3, 4, 6)), None), rng, entries=30)

    errors = redraw(check, rng)
    assert max(errors.values()) < 1e-6, errors
    assert ("skip.K" in errors) == skip


def test_gradient_names_and_shapes_are_those_of_the_parameters(rng):
    layer = block(rng)
    (y, skip), cache = layer.forward((rng.standard_normal((2, 3, 4, 6)), None))
    (dx, _), grads = layer.backward((y, skip), cache)
    assert dx.shape == y.shape
    assert {k: a.shape for k, a in grads.items()} == {k: a.shape for k, a in layer.params.items()}


def test_masked_weights_neither_act_nor_learn(rng):
    layer = conv(rng, "B", 3, 3, 3)
    x = rng.standard_normal((2, 3, 4, 4))
    before, _ = layer.forward(x)
    layer.params["K"][layer.mask == 0] = 1e6
    after, cache = layer.forward(x)
    np.testing.assert_array_equal(before, after)
    _, grads = layer.backward(rng.standard_normal(after.shape), cache)
    assert (grads["K"][layer.mask == 0] == 0).all()
    assert (grads["K"][layer.mask == 1] != 0).any()


def test_residual_is_added_once(rng):
    layer = block(rng)
    x = rng.standard_normal((1, 3, 4, 6))
    for name in ("up.K", "up.b"):
        layer.params[name][...] = 0
    (y, _), _ = layer.forward((x, None))
    np.testing.assert_array_equal(y, x)


def test_parameters_cannot_be_replaced(rng):
    with pytest.raises(TypeError):
        conv(rng).params["K"] = np.zeros(3)


def test_initial_spread(rng):
    layer = conv(rng, "B", 3, 3, 1, (64, 64), relu_before=True)
    used = layer.params["K"][layer.mask == 1]
    assert used.std() == pytest.approx(np.sqrt(2 / (5 * 64)), rel=0.03)
    assert (layer.params["b"] == 0).all()


@pytest.mark.parametrize("shift", [(0, 0), (1, 0), (1, 1), (-1, -1), (2, 1), (0, 2), (1, -2)])
@pytest.mark.parametrize("size", [(2, 5, 4), (1, 7, 60), (2, 1, 3)])
def test_a_block_may_have_any_taps(rng, shift, size):
    """Also those that no mask leaves: notebook 11 plants such bugs."""
    layer = block(rng)
    randomise(layer, rng)
    layer.conv.offsets = layer.conv.offsets + np.array(shift)
    x, dy, dskip = (rng.standard_normal((*size, 6)) for _ in range(3))
    found = {}
    for backend in BACKENDS:
        with pr.use_backend(backend):
            (y, skip), cache = layer.forward((x, None))
            (dx, _), grads = layer.backward((dy, dskip), cache)
            found[backend] = {"y": y, "skip": skip, "dx": dx, **grads}
    for name, expected in found["reference"].items():
        for backend in ("kernels", "compiled"):
            np.testing.assert_allclose(found[backend][name], expected, atol=1e-11, err_msg=name)
