"""Several layers in one kernel call: the same numbers as layer by layer."""

import copy
import itertools
import pickle

import numpy as np
import pytest

import pixelrnn_np as pr
from pixelrnn_np.inspection.gradcheck import compare, randomise, redraw
from pixelrnn_np.layers import diagonal_bilstm, row_lstm
from pixelrnn_np.layers.diagonal_bilstm import DiagonalLSTM
from pixelrnn_np.layers.head import Head
from pixelrnn_np.layers.masks import conv_mask
from pixelrnn_np.layers.residual import ConvBlock, LSTMBlock
from pixelrnn_np.layers.row_lstm import RowLSTM
from pixelrnn_np.models.joint import joint_of
from pixelrnn_np.models.nats import Nats
from pixelrnn_np.models.pixelcnn import PixelCNN
from pixelrnn_np.models.pixelrnn import DiagonalBiLSTMPixelRNN, RowLSTMPixelRNN
from pixelrnn_np.parallel.threads import Pool

NETWORKS = [
    ("pixelcnn", (28, 28, 1), 2, {"h": 16, "layers": 3}),
    ("pixelcnn", (5, 4, 1), 2, {"residual": False}),
    ("pixelcnn", (5, 4, 1), 3, {"skip": False}),
    ("pixelcnn", (4, 3, 3), 5, {"h": 6, "head": 9}),
    ("pixelcnn", (4, 6, 3), 256, {"residual": False, "skip": False, "h": 5}),
    ("pixelcnn", (3, 6, 9), 2, {"h": 10, "head": 11}),
    ("pixelcnn", (1, 1, 1), 4, {"layers": 1}),
    ("pixelcnn", (5, 5, 1), 2, {"layers": 0}),
    ("pixelcnn", (9, 80, 1), 2, {"h": 64, "layers": 9}),
    ("row_lstm", (28, 28, 1), 2, {"h": 16, "layers": 3}),
    ("row_lstm", (4, 3, 3), 256, {"h": 6, "head": 9}),
    ("row_lstm", (5, 4, 1), 2, {"skip": False}),
    ("row_lstm", (4, 5, 1), 2, {"residual": False}),
    ("row_lstm", (6, 1, 1), 2, {"residual": False, "skip": False, "layers": 1}),
    ("row_lstm", (3, 5, 1), 3, {"layers": 0}),
    ("row_lstm", (9, 100, 1), 2, {"h": 40, "layers": 1}),
    ("diagonal_bilstm", (28, 28, 1), 2, {"h": 16, "layers": 3}),
    ("diagonal_bilstm", (5, 4, 1), 2, {"head": 33}),
    ("diagonal_bilstm", (4, 3, 1), 256, {"residual": False}),
    ("diagonal_bilstm", (4, 6, 3), 2, {"skip": False, "h": 5}),
    ("diagonal_bilstm", (3, 4, 1), 2, {"residual": False, "skip": False}),
    ("diagonal_bilstm", (1, 7, 1), 2, {}),
    ("diagonal_bilstm", (3, 5, 1), 3, {"layers": 0}),
    ("diagonal_bilstm", (9, 100, 1), 2, {"layers": 1}),
]
NAMES = ["pixelcnn", "row_lstm", "diagonal_bilstm"]


def network(rng, shape, levels, dtype="float64", name="pixelcnn", **options):
    model = pr.build_model(name, shape, levels, dtype=dtype, **({"h": 4, "layers": 2} | options))
    randomise(model, rng)
    return model, rng.integers(0, levels, (3, *shape)).astype(np.uint8)


@pytest.mark.parametrize(("name", "shape", "levels", "options"), NETWORKS)
@pytest.mark.parametrize("dropout", [False, True])
@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-11), ("float32", 1e-4)])
def test_one_call_equals_the_layers(rng, name, shape, levels, options, dropout, dtype, tolerance):
    model, x = network(rng, shape, levels, dtype, name, **options)
    keep = model.draw_keep(rng, 0.5) if dropout else None
    nats, g = joint_of(model).gradient(model, x, 1 / 3, keep)
    expected = Nats._shard_gradient(model, x, 1 / 3, keep=keep)
    np.testing.assert_allclose(nats, expected[0], rtol=tolerance)
    for key, part in model.unflatten(g).items():
        layers = model.unflatten(expected[1])[key]
        np.testing.assert_allclose(part, layers, rtol=0, atol=tolerance * abs(layers).max())
    if not dropout:
        np.testing.assert_array_equal(joint_of(model).nats(model, x), nats)


@pytest.mark.parametrize("name", NAMES)
def test_its_gradient_by_finite_differences(rng, name):
    def check(rng):
        model, x = network(rng, (4, 3, 3), 3, name=name, h=3)
        assert joint_of(model)
        _, grads = model.loss_and_grads(x)
        return compare(lambda: model.nll(x).mean(), model.params, grads, rng, entries=20)

    errors = redraw(check, rng)
    assert max(errors.values()) < 1e-6, errors


@pytest.mark.parametrize("twin", ["reference", "compiled"])
@pytest.mark.parametrize("name", NAMES)
def test_twins_go_layer_by_layer(rng, name, twin):
    model, x = network(rng, (4, 3, 1), 2, name=name)
    with pr.use_backend(twin):
        assert joint_of(model) is None
        loss, grads = model.loss_and_grads(x)
    fast, fast_grads = model.loss_and_grads(x)
    assert np.isclose(loss, fast, rtol=1e-12)
    for key, g in grads.items():
        np.testing.assert_allclose(fast_grads[key], g, rtol=0, atol=1e-12)


class OtherHead(Head):
    def forward(self, x):
        y, cache = super().forward(x)
        return 2 * y, cache


class OtherScan(RowLSTM):
    def backward(self, dy, cache, into=None):
        return super().backward(2 * dy, cache, into)


@pytest.mark.parametrize(
    ("name", "path", "kind"),
    [
        ("row_lstm", "head", OtherHead),
        ("diagonal_bilstm", "head", OtherHead),
        ("row_lstm", "blocks.1.lstm", OtherScan),
    ],
)
def test_a_class_of_ones_own_goes_layer_by_layer(rng, name, path, kind):
    model, x = network(rng, (4, 3, 1), 2, name=name)
    layer_at(model, path).__class__ = kind
    assert joint_of(model) is None
    np.testing.assert_array_equal(model.nll(x), model.nll_forward(x)[0])


def layer_at(layer, path):
    for child in path.split("."):
        layer = layer.children[child]
    return layer


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


class UnevenRows(RowLSTMPixelRNN):
    def block(self, groups_h, groups_2h, rng, *, features, dtype, **connections):
        lstm = RowLSTM(groups_2h, self.h, 1, rng, k=next(self.sizes), dtype=dtype)
        return LSTMBlock(lstm, groups_h, groups_2h, rng, dtype=dtype, **connections)

    sizes = itertools.count(3, 2)


class WideRows(UnevenRows):
    sizes = itertools.repeat(5)


class Foreign(RowLSTMPixelRNN):
    """Another network's blocks under this one's name."""

    block = PixelCNN.block


class NoResidual(PixelCNN):
    def block(self, *args, residual, **options):
        return super().block(*args, residual=False, **options)


class NoSkip(RowLSTMPixelRNN):
    def block(self, *args, skip, **options):
        return super().block(*args, skip=False, **options)


class OneWithoutResidual(RowLSTMPixelRNN):
    def block(self, *args, residual, **options):
        return super().block(*args, residual=next(self.connections), **options)

    connections = itertools.cycle([True, False])


class Narrower(PixelCNN):
    def block(self, groups_h, groups_2h, rng, **options):
        return super().block(groups_h[: next(self.widths)], groups_2h, rng, **options)

    widths = itertools.cycle([4, 3])


class OneDirection(DiagonalBiLSTMPixelRNN):
    def block(self, groups_h, groups_2h, rng, *, features, dtype, **connections):
        lstm = DiagonalLSTM(groups_2h, self.h, 1, rng, reverse=False, dtype=dtype)
        return LSTMBlock(lstm, groups_h, groups_2h, rng, dtype=dtype, **connections)


class Exchanged(DiagonalBiLSTMPixelRNN):
    def block(self, *args, **options):
        block = super().block(*args, **options)
        block.lstm.l2r.reverse, block.lstm.r2l.reverse = True, False
        return block


class Scaled(PixelCNN):
    def forward_scaled(self, x, keep=None):
        logits, cache = super().forward_scaled(x, keep)
        return 2 * logits, cache


def built(kind):
    options = {"levels": 2, "h": 4, "layers": 2, "head": 4, "seed": 0, "dtype": "float64"}
    return kind(image_shape=(4, 3, 1), residual=True, skip=True, **options)


@pytest.mark.parametrize(
    "kind",
    [
        Other, Uneven, UnevenRows, Foreign, Scaled, NoResidual, NoSkip, OneWithoutResidual,
        Narrower, OneDirection, Exchanged,
    ],
)  # fmt: skip
def test_other_networks_go_layer_by_layer(kind):
    model = built(kind)
    assert joint_of(model) is None
    x = np.ones((2, 4, 3, 1), np.uint8)
    np.testing.assert_array_equal(model.nll(x), model.nll_forward(x)[0])


@pytest.mark.parametrize(
    ("name", "module"), [("row_lstm", row_lstm), ("diagonal_bilstm", diagonal_bilstm)]
)
def test_a_wrong_mask_is_as_wrong_as_layer_by_layer(rng, monkeypatch, name, module):
    """Mask A in a block closes the pixel itself: a mistake that notebook 11 makes on purpose."""
    monkeypatch.setattr(module, "conv_mask", lambda kind, *args: conv_mask("A", *args))
    model, x = network(rng, (4, 3, 1), 2, name=name)
    nats, g = joint_of(model).gradient(model, x, 1 / 3)
    expected = Nats._shard_gradient(model, x, 1 / 3)
    np.testing.assert_allclose(nats, expected[0], rtol=1e-12)
    np.testing.assert_allclose(g, expected[1], rtol=0, atol=1e-12 * abs(expected[1]).max())


@pytest.mark.parametrize("name", NAMES)
def test_a_copy_has_a_call_of_its_own(rng, name):
    model, x = network(rng, (4, 3, 1), 2, name=name)
    before = model.nll(x)
    other = copy.copy(model)
    randomise(other, rng)
    np.testing.assert_allclose(other.nll(x), other.nll_forward(x)[0], rtol=1e-12)
    np.testing.assert_array_equal(model.nll(x), before)


def test_kernels_of_another_width_are_one_call(rng):
    model, x = built(WideRows), np.ones((2, 4, 3, 1), np.uint8)
    randomise(model, rng)
    nats, g = joint_of(model).gradient(model, x, 0.5)
    expected = Nats._shard_gradient(model, x, 0.5)
    np.testing.assert_allclose(nats, expected[0], rtol=1e-12)
    np.testing.assert_allclose(g, expected[1], rtol=0, atol=1e-12 * abs(expected[1]).max())


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("pixelcnn", "blocks.1"), ("row_lstm", "head.conv2"), ("row_lstm", "blocks.0.lstm"),
        ("diagonal_bilstm", "head"), ("diagonal_bilstm", "blocks.1.lstm.r2l"),
    ],
)  # fmt: skip
def test_a_method_that_was_exchanged_is_called(name, path):
    """Someone who steps through a layer may put another function in its place."""
    model = pr.build_model(name, (4, 3, 1), h=2, layers=2)
    layer = layer_at(model, path)
    model.loss_and_grads(np.zeros((1, 4, 3, 1), np.uint8))  # by now it knows its one call
    called, forward = [], layer.forward

    def watched(*args, **options):
        called.append(args)
        return forward(*args, **options)

    layer.forward = watched
    model.loss_and_grads(np.zeros((1, 4, 3, 1), np.uint8))
    assert called


@pytest.mark.parametrize(
    ("name", "path", "setting"),
    [
        ("pixelcnn", "blocks.1", "residual"), ("row_lstm", "blocks.0", "has_skip"),
        ("row_lstm", "blocks.1", "residual"), ("diagonal_bilstm", "blocks.1.lstm.l2r", "reverse"),
    ],
)  # fmt: skip
def test_a_setting_that_was_changed_is_noticed(rng, name, path, setting):
    model, x = network(rng, (4, 3, 1), 2, name=name)
    before, layer = model.nll(x), layer_at(model, path)
    setattr(layer, setting, not getattr(layer, setting))
    assert (model.nll(x) != before).all()
    np.testing.assert_array_equal(model.nll(x), model.nll_forward(x)[0])
    setattr(layer, setting, not getattr(layer, setting))
    np.testing.assert_array_equal(model.nll(x), before)


def test_pickles_do_not_know_the_call(rng):
    model, x = network(rng, (4, 3, 1), 2)
    fresh = pickle.dumps(model)
    model.nll(x)
    assert pickle.dumps(model) == fresh


@pytest.mark.parametrize("name", NAMES)
def test_conditional_networks_go_layer_by_layer(name):
    model = pr.build_model("multi_scale", (4, 4, 1), h=2, layers=1, base=name)
    small, large = model.networks
    assert joint_of(small) and joint_of(large) is None


def scratch(work):
    """Bytes of scratch memory of work(pool)."""
    with Pool(1) as pool:
        work(pool)
        return sum(array.nbytes for array, *_ in pool._spaces[0]._given)


def test_maps_of_a_pixelcnn_are_of_one_image():
    """Memory does not grow with the images of a shard."""
    model = pr.build_model("pixelcnn", (8, 8, 1), h=4, layers=2)
    one, all_of_them = (
        scratch(lambda pool, n=n: model.flat_gradient(np.ones((n, 8, 8, 1), np.uint8), pool))
        for n in (1, model.shard_size)
    )
    assert one == all_of_them > 0


@pytest.mark.parametrize("name", NAMES[1:])
def test_without_a_way_back_blocks_share_their_gates(name):
    """For each further block there are its h features of a pixel only, for the skips."""

    def size(layers):
        model = pr.build_model(name, (8, 8, 1), h=4, layers=layers)
        x = np.ones((2, 8, 8, 1), np.uint8)
        return scratch(lambda pool: pool.map(lambda s: model._shard_nats(x[s]), [slice(0, 2)]))

    assert size(6) - size(2) == 4 * 2 * 64 * 4 * 4
