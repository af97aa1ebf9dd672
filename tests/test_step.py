"""§2.1: stepping equals forward, the incremental sampler the one that runs the whole network."""

import numpy as np
import pytest
from scipy import stats

import pixelrnn_np as pr
from pixelrnn_np import compiled, kernels, reference
from pixelrnn_np.backend import BACKENDS
from pixelrnn_np.inspection.checks import all_images, small_model
from pixelrnn_np.inspection.gradcheck import randomise
from pixelrnn_np.layers.masked_conv import MaskedConv
from pixelrnn_np.layers.upsample import ConditionalConv
from pixelrnn_np.models import BASES
from pixelrnn_np.sampling import whole_network

SHAPES = [((5, 4, 1), 2), ((4, 3, 3), 5), ((3, 6, 3), 2), ((1, 1, 1), 4), ((4, 1, 1), 2)]


def stepped(model, x, small=None):
    """Logits of x, one sub-pixel at a time; what is drawn later is NaN when it is asked for."""
    scaled = model.scale(x)
    state = model.begin(len(x), None if small is None else model.scale(small))
    H, W, C = model.image_shape
    rows = []
    for r in range(H):
        model.begin_row(state, r)
        for q in range(W):
            pixel = np.zeros((len(x), C), model.dtype)
            for k in range(C):
                rows.append(model.step(pixel, state, q, k)[:, k].copy())
                pixel[:, k] = scaled[:, r, q, k]
            model.keep(pixel, state, q)
    return np.stack(rows, axis=1).reshape(len(x), H, W, C, *rows[0].shape[1:])


@pytest.mark.parametrize("name", BASES)
@pytest.mark.parametrize(("shape", "levels"), SHAPES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("backend", BACKENDS)
def test_step_equals_forward(rng, name, shape, levels, dtype, backend):
    model = pr.build_model(name, shape, levels, h=5, layers=2, head=6, dtype=dtype)
    model.flat += (0.3 * rng.standard_normal(model.flat.size)).astype(dtype)
    x = rng.integers(0, levels, (3, *shape)).astype(np.uint8)
    with pr.use_backend(backend):
        logits = stepped(model, x)
    tolerance = 1e-10 if dtype == "float64" else 1e-4
    np.testing.assert_allclose(logits, model.logits(x), rtol=0, atol=tolerance)


@pytest.mark.parametrize("base", BASES)
def test_conditional_step_equals_forward(rng, base):
    model = small_model("multi_scale", rng, (5, 6, 1), 2, base=base)
    x = rng.integers(0, 2, (3, 5, 6, 1)).astype(np.uint8)
    logits = stepped(model.networks[1], x, small=x[:, ::2, ::2])
    np.testing.assert_allclose(logits, model.logits(x), rtol=0, atol=1e-10)


@pytest.mark.parametrize("residual", [True, False])
@pytest.mark.parametrize("skip", [True, False])
@pytest.mark.parametrize("name", BASES)
def test_connections(rng, name, residual, skip):
    model = small_model(name, rng, (4, 3, 1), 2, residual=residual, skip=skip)
    x = rng.integers(0, 2, (2, 4, 3, 1)).astype(np.uint8)
    np.testing.assert_allclose(stepped(model, x), model.logits(x), rtol=0, atol=1e-10)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_row_scan_equals_twin(rng, dtype):
    B, W, F = 3, 5, 4
    args = [rng.standard_normal(s).astype(dtype) for s in ((W, B, 4 * F), (F, 4 * F), F, F)]
    found = np.full((3, W, B, F), np.nan, dtype)
    for module, h in zip((kernels, compiled, reference), found, strict=True):
        module.diagonal_row(*args, h)
    tolerance = 1e-12 if dtype == "float64" else 1e-5
    for fast in found[:2]:
        np.testing.assert_allclose(fast, found[2], rtol=0, atol=tolerance)


@pytest.mark.parametrize("name", BASES)
@pytest.mark.parametrize(("shape", "levels"), [((5, 4, 1), 2), ((3, 4, 3), 5)])
def test_the_same_images_as_the_whole_network(rng, name, shape, levels):
    model = small_model(name, rng, shape, levels)
    np.testing.assert_array_equal(pr.sample(model, 20, 3), whole_network(model, 20, 3))


@pytest.mark.parametrize("name", BASES)
def test_law_of_200_000_draws(rng, name):
    model = small_model(name, rng, (2, 3, 1), 2)
    every = all_images((2, 3, 1), 2)
    x = pr.sample(model, 200_000, seed=11).reshape(200_000, -1)
    counts = np.bincount(x @ (1 << np.arange(6)[::-1]), minlength=64)
    expected = 200_000 * np.exp(-model.nll(every))
    common = expected >= 5
    observed = np.append(counts[common], counts[~common].sum())
    wanted = np.append(expected[common], max(expected[~common].sum(), 1e-9))
    statistic = ((observed - wanted) ** 2 / wanted)[wanted >= 5].sum()
    assert stats.chi2.sf(statistic, common.sum() - 1) > 0.001


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize(("shape", "levels"), [((5, 6, 1), 2), ((4, 4, 3), 3)])
def test_multi_scale_nats_are_those_of_the_images(rng, base, exact, shape, levels):
    model = small_model(
        "multi_scale", rng, shape, levels, base=base, exact=exact, scales=3, layers=1
    )
    x, nats = pr.sample(model, 12, seed=2, return_nll=True)
    np.testing.assert_allclose(nats, model.nll(x), rtol=1e-10)
    known = rng.random((12, *shape)) < 0.4
    y = pr.complete(model, x, known, seed=3)
    np.testing.assert_array_equal(y[known], x[known])
    assert (y != x).any()


def test_exact_multi_scale_law(rng):
    model = small_model("multi_scale", rng, (2, 2, 1), 2, base="row_lstm", exact=True)
    p = np.exp(-model.nll(all_images((2, 2, 1), 2)))
    x = pr.sample(model, 20_000, seed=1).reshape(-1, 4)
    counts = np.bincount(x @ [8, 4, 2, 1], minlength=16)
    statistic = ((counts - 20_000 * p) ** 2 / (20_000 * p)).sum()
    assert stats.chi2.sf(statistic, 15) > 0.001


def test_rows_are_reported(rng):
    model = small_model("row_lstm", rng, (4, 3, 1), 2)
    seen = []
    x = pr.sample(model, 3, seed=1, on_row=lambda images, r: seen.append((r, images)))
    assert [r for r, _ in seen] == [0, 1, 2, 3]
    for r, images in seen:
        np.testing.assert_array_equal(images[:, : r + 1], x[:, : r + 1])


def test_chunks(rng, monkeypatch):
    model = small_model("diagonal_bilstm", rng, (3, 3, 1), 2)
    monkeypatch.setattr("pixelrnn_np.sampling.CHUNK", 4)
    x, nats = pr.sample(model, 10, seed=5, return_nll=True)
    np.testing.assert_allclose(nats, model.nll(x), rtol=1e-10)
    assert len(np.unique(x.reshape(10, -1), axis=0)) > 3


KERNELS = [(1, 1), (1, 3), (3, 1), (3, 3), (5, 1), (7, 7)]


@pytest.mark.parametrize("size", KERNELS)
@pytest.mark.parametrize("features", [0, 2])
def test_layer_step_equals_forward(rng, size, features):
    groups = [np.zeros(n, int) for n in (3, 4)]
    options = {"dtype": "float64"}
    if features:
        layer = ConditionalConv("B", *size, *groups, features=features, rng=rng, **options)
    else:
        layer = MaskedConv("B", *size, *groups, rng, **options)
    randomise(layer, rng)
    x, given = rng.standard_normal((2, 5, 4, 3)), rng.standard_normal((2, 5, 4, features))
    y, _ = layer.forward((x, given) if features else x)
    state = layer.begin(2, 4, given) if features else layer.begin(2, 4)
    for r in range(5):
        layer.begin_row(state, r)
        for q in range(4):
            np.testing.assert_allclose(layer.step(x[:, r, q], state, q, 0), y[:, r, q], atol=1e-12)


def test_known_pixels_of_the_small_image_are_kept(rng):
    model = small_model("multi_scale", rng, (4, 4, 1), 2, base="row_lstm")
    x = rng.integers(0, 2, (30, 4, 4, 1)).astype(np.uint8)
    known = np.zeros((4, 4, 1), bool)
    known[:2] = True
    small = []
    pr.complete(model, x, known, seed=1, on_row=lambda images, r: small.append(images))
    assert small[1].shape == (30, 2, 2, 1)
    np.testing.assert_array_equal(small[1][:, :1], x[:, :2:2, ::2])


def test_the_whole_network_is_one_network(rng):
    with pytest.raises(ValueError, match="one network"):
        whole_network(small_model("multi_scale", rng, (4, 4, 1), 2), 1)
