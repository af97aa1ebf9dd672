"""Several layers in one kernel call: the same numbers as layer by layer."""

import itertools

import numpy as np
import pytest

import pixelrnn_np as pr
from pixelrnn_np.inspection.gradcheck import compare, randomise, redraw
from pixelrnn_np.layers.head import Head
from pixelrnn_np.layers.residual import ConvBlock
from pixelrnn_np.models.joint import joint_head_of, joint_of
from pixelrnn_np.models.nats import Nats
from pixelrnn_np.models.pixelcnn import PixelCNN
from pixelrnn_np.parallel.threads import Pool

NETWORKS = [
    ((28, 28, 1), 2, {"h": 16, "layers": 3}),
    ((5, 4, 1), 2, {"residual": False}),
    ((5, 4, 1), 3, {"skip": False}),
    ((4, 3, 3), 5, {"h": 6, "head": 9}),
    ((4, 6, 3), 256, {"residual": False, "skip": False, "h": 5}),
    ((3, 6, 9), 2, {"h": 10, "head": 11}),
    ((1, 1, 1), 4, {"layers": 1}),
    ((5, 5, 1), 2, {"layers": 0}),
    ((9, 80, 1), 2, {"h": 64, "layers": 9}),
]


LSTMS = [
    ("row_lstm", (28, 28, 1), 2, {"h": 16, "layers": 1}),
    ("row_lstm", (4, 3, 3), 256, {"h": 6, "head": 9}),
    ("row_lstm", (5, 4, 1), 2, {"skip": False}),
    ("row_lstm", (3, 5, 1), 3, {"layers": 0}),
    ("diagonal_bilstm", (5, 4, 1), 2, {"head": 33}),
    ("diagonal_bilstm", (4, 3, 1), 256, {"residual": False}),
    ("diagonal_bilstm", (4, 6, 3), 2, {"skip": False, "h": 5}),
    ("diagonal_bilstm", (9, 100, 1), 2, {"layers": 1}),
]


def network(rng, shape, levels, dtype="float64", name="pixelcnn", **options):
    model = pr.build_model(name, shape, levels, dtype=dtype, **({"h": 4, "layers": 2} | options))
    randomise(model, rng)
    return model, rng.integers(0, levels, (3, *shape)).astype(np.uint8)


@pytest.mark.parametrize(("shape", "levels", "options"), NETWORKS)
@pytest.mark.parametrize("dropout", [False, True])
@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-11), ("float32", 1e-4)])
def test_one_call_equals_the_layers(rng, shape, levels, options, dropout, dtype, tolerance):
    model, x = network(rng, shape, levels, dtype, **options)
    keep = model.draw_keep(rng, 0.5) if dropout else None
    nats, g = joint_of(model).gradient(x, 1 / 3, keep)
    expected = Nats._shard_gradient(model, x, 1 / 3, keep=keep)
    np.testing.assert_allclose(nats, expected[0], rtol=tolerance)
    np.testing.assert_allclose(g, expected[1], rtol=0, atol=tolerance * abs(expected[1]).max())
    if not dropout:
        np.testing.assert_array_equal(joint_of(model).nats(x), nats)


@pytest.mark.parametrize(("name", "shape", "levels", "options"), LSTMS)
@pytest.mark.parametrize("dropout", [False, True])
@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-11), ("float32", 1e-4)])
def test_one_call_of_the_head_equals_its_layers(
    rng, name, shape, levels, options, dropout, dtype, tolerance
):
    model, x = network(rng, shape, levels, dtype, name, **options)
    assert joint_head_of(model)
    keep = model.draw_keep(rng, 0.5) if dropout else None
    nats, g = model._shard_gradient(x, 1 / 3, keep)
    expected = Nats._shard_gradient(model, x, 1 / 3, keep=keep)
    np.testing.assert_allclose(nats, expected[0], rtol=tolerance)
    for key, part in model.unflatten(g).items():
        layers = model.unflatten(expected[1])[key]
        np.testing.assert_allclose(part, layers, rtol=0, atol=tolerance * abs(layers).max())
    if not dropout:
        np.testing.assert_array_equal(model._shard_nats(x), nats)


def test_its_gradient_by_finite_differences(rng):
    def check(rng):
        model, x = network(rng, (4, 3, 3), 3, h=3)
        assert joint_of(model)
        _, grads = model.loss_and_grads(x)
        return compare(lambda: model.nll(x).mean(), model.params, grads, rng, entries=20)

    errors = redraw(check, rng)
    assert max(errors.values()) < 1e-6, errors


@pytest.mark.parametrize("name", ["reference", "compiled"])
def test_twins_go_layer_by_layer(rng, name):
    model, x = network(rng, (4, 3, 1), 2)
    with pr.use_backend(name):
        assert joint_of(model) is None
        loss, grads = model.loss_and_grads(x)
    fast, fast_grads = model.loss_and_grads(x)
    assert np.isclose(loss, fast, rtol=1e-12)
    for key, g in grads.items():
        np.testing.assert_allclose(fast_grads[key], g, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", ["reference", "compiled"])
def test_the_head_of_twins_goes_layer_by_layer(rng, name):
    model, x = network(rng, (4, 3, 1), 2, name="row_lstm")
    with pr.use_backend(name):
        assert joint_head_of(model) is None
        loss, grads = model.loss_and_grads(x)
    fast, fast_grads = model.loss_and_grads(x)
    assert np.isclose(loss, fast, rtol=1e-12)
    for key, g in grads.items():
        np.testing.assert_allclose(fast_grads[key], g, rtol=0, atol=1e-12)


def test_another_head_goes_layer_by_layer(rng):
    class OtherHead(Head):
        def forward(self, x):
            y, cache = super().forward(x)
            return 2 * y, cache

    model, x = network(rng, (4, 3, 1), 2, name="row_lstm")
    model.head.__class__ = OtherHead
    assert joint_head_of(model) is None
    np.testing.assert_array_equal(model.nll(x), model.nll_forward(x)[0])


class OtherBlock(ConvBlock):
    """It differs from what the kernel computes."""

    def forward(self, x, skips=None, keep=None):
        (y, skips), cache = super().forward(x, skips, keep)
        return (2 * y, skips), cache


class Other(PixelCNN):
    def block(self, groups_h, groups_2h, rng, **options):
        return OtherBlock(groups_h, groups_2h, rng, **options)


class Uneven(PixelCNN):
    def block(self, groups_h, groups_2h, rng, **options):
        return ConvBlock(groups_h, groups_2h, rng, size=next(self.sizes), **options)

    sizes = itertools.count(3, 2)


class Scaled(PixelCNN):
    def forward_scaled(self, x, keep=None):
        logits, cache = super().forward_scaled(x, keep)
        return 2 * logits, cache


@pytest.mark.parametrize("kind", [Other, Uneven, Scaled])
def test_other_networks_go_layer_by_layer(kind):
    options = {"levels": 2, "h": 4, "layers": 2, "head": 4, "seed": 0, "dtype": "float64"}
    model = kind(image_shape=(4, 3, 1), residual=True, skip=True, **options)
    assert joint_of(model) is None
    x = np.ones((2, 4, 3, 1), np.uint8)
    np.testing.assert_array_equal(model.nll(x), model.nll_forward(x)[0])


@pytest.mark.parametrize(
    ("name", "path"),
    [("pixelcnn", "blocks.1"), ("row_lstm", "head.conv2"), ("diagonal_bilstm", "head")],
)
def test_a_method_that_was_exchanged_is_called(name, path):
    """Someone who steps through a layer may put another function in its place."""
    model = pr.build_model(name, (4, 3, 1), h=2, layers=2)
    layer = model
    for child in path.split("."):
        layer = layer.children[child]
    called, forward = [], layer.forward

    def watched(*args, **options):
        called.append(args)
        return forward(*args, **options)

    layer.forward = watched
    model.loss_and_grads(np.zeros((1, 4, 3, 1), np.uint8))
    assert called


def test_conditional_networks_go_layer_by_layer():
    model = pr.build_model("multi_scale", (4, 4, 1), h=2, layers=1, base="pixelcnn")
    small, large = model.networks
    assert joint_of(small) and joint_of(large) is None


def test_maps_are_of_one_image():
    """Memory does not grow with the images of a shard."""
    model = pr.build_model("pixelcnn", (8, 8, 1), h=4, layers=2)
    sizes = []
    for images in (1, model.shard_size):
        with Pool(1) as pool:
            model.flat_gradient(np.ones((images, 8, 8, 1), np.uint8), pool)
            given = pool._spaces[0]._given
            sizes.append(sum(array.nbytes for array, *_ in given))
    assert sizes[0] == sizes[1] > 0
