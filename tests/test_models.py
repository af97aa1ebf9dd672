"""What every model has to hold: gradients, twins, causality, normalisation, honest summaries."""

import numpy as np
import pytest

import pixelrnn_np as pr
from pixelrnn_np.inspection import checks
from pixelrnn_np.inspection.checks import (
    all_images,
    dependence,
    leaks_by_gradient,
    leaks_by_perturbation,
    total_probability,
)
from pixelrnn_np.inspection.gradcheck import check_model, redraw, relative_error
from pixelrnn_np.models import BASES

NAMES = [*BASES, *(f"multi_scale {base}" for base in BASES)]
SHAPES = [((4, 3, 1), 2), ((3, 5, 1), 5), ((3, 4, 3), 2), ((2, 3, 3), 256), ((1, 1, 1), 2)]


def named(name):
    """build_model's arguments of a case: a model, or "multi_scale" and the model of its scales."""
    name, *base = name.split()
    return {"name": name, **({"base": base[0]} if base else {})}


def small_model(name, rng, shape, levels, **options):
    return checks.small_model(rng=rng, image_shape=shape, levels=levels, **named(name), **options)


def images(rng, model, batch):
    return rng.integers(0, model.levels, (batch, *model.image_shape)).astype(np.uint8)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize(("shape", "levels"), SHAPES)
def test_finite_differences(rng, name, shape, levels, batch):
    def check(rng):
        model = small_model(name, rng, shape, levels)
        x = images(rng, model, batch)
        return check_model(model, x, rng, entries=6) | {
            f"along {k}": e for k, e in check_model(model, x, rng, projections=2).items()
        }

    errors = redraw(check, rng)
    assert max(errors.values()) < 1e-6, errors


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("residual", [True, False])
@pytest.mark.parametrize("skip", [True, False])
def test_connections(rng, name, residual, skip):
    def check(rng):
        model = small_model(name, rng, (4, 3, 1), 2, residual=residual, skip=skip)
        return check_model(model, images(rng, model, 2), rng, projections=2)

    errors = redraw(check, rng)
    assert max(errors.values()) < 1e-6, errors
    assert any("skip" in k for k in errors) == skip


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("twin", ["compiled", "reference"])
def test_kernels_equal_twins(rng, name, dtype, twin):
    model = pr.build_model(
        **named(name), image_shape=(4, 3, 3), levels=4, h=4, layers=2, head=6, dtype=dtype
    )
    x = images(rng, model, 3)
    logits, (loss, grads) = model.logits(x), model.loss_and_grads(x)
    with pr.use_backend(twin):
        slow_logits, (slow_loss, slow_grads) = model.logits(x), model.loss_and_grads(x)
    tolerance = 1e-12 if dtype == "float64" else 1e-5
    assert relative_error(logits, slow_logits) < tolerance
    assert loss == pytest.approx(slow_loss, rel=tolerance)
    assert logits.dtype == dtype
    for key in grads:
        assert grads[key].dtype == dtype
        assert relative_error(grads[key], slow_grads[key]) < tolerance, key


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("shape", "levels"), [((5, 4, 1), 2), ((3, 6, 1), 256), ((3, 4, 3), 2), ((4, 3, 3), 5)]
)
@pytest.mark.parametrize("seed", [1, 2])
def test_causal(name, shape, levels, seed):
    rng = np.random.default_rng(seed)
    model = small_model(name, rng, shape, levels, h=5)
    x = images(rng, model, 4)
    assert leaks_by_gradient(model, x) == []
    assert leaks_by_perturbation(model, x) == []
    reads = dependence(model, x)
    assert reads.sum() > reads[0].size, "nothing is read: the test would see no leak"


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("levels", [2, 5])
def test_colours_of_a_pixel_are_read_in_order(name, levels):
    """G reads R, B reads R and G; the union over seeds, since a dead ReLU hides a path."""
    reads = np.zeros((3, 3), bool)
    for seed in range(6):
        rng = np.random.default_rng(seed)
        model = small_model(name, rng, (2, 2, 3), levels, h=5)
        reads |= dependence(model, images(rng, model, 4))[9:, 9:]
    np.testing.assert_array_equal(reads, np.tri(3, 3, -1, dtype=bool))


@pytest.mark.parametrize("name", NAMES)
def test_a_leak_is_found(name, rng):
    model = small_model(name, rng, (4, 3, 1), 2)
    top = model.networks[-1] if "multi" in name else model
    top.first.__init__("B", 7, 7, np.zeros(1, int), np.zeros(8, int), rng, dtype="float64")
    x = images(rng, model, 4)
    assert len(leaks_by_gradient(model, x)) > 0
    assert len(leaks_by_perturbation(model, x)) > 0


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("shape", "levels", "count"),
    [((3, 3, 1), 2, 512), ((1, 2, 3), 2, 64), ((1, 1, 3), 4, 64), ((2, 2, 1), 3, 81)],
)
def test_probabilities_sum_to_one(rng, name, shape, levels, count):
    assert len(all_images(shape, levels)) == count
    exact = {"exact": True} if "multi" in name else {}
    for _ in range(3):
        model = small_model(name, rng, shape, levels, **exact)
        assert total_probability(model) == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_shards_do_not_matter(rng, name, monkeypatch):
    model = small_model(name, rng, (4, 3, 1), 2)
    x = images(rng, model, 13)
    nats, (loss, grads) = model.nll(x), model.loss_and_grads(x)
    np.testing.assert_allclose([model.nll(x[i : i + 1])[0] for i in range(13)], nats, rtol=1e-12)
    monkeypatch.setattr("pixelrnn_np.models.base.SHARD_PIXELS", 12 * 4)
    assert model.shard_size == 4
    sharded_loss, sharded = model.loss_and_grads(x)
    assert sharded_loss == pytest.approx(loss, rel=1e-12) == pytest.approx(nats.mean())
    for key in grads:
        assert relative_error(grads[key], sharded[key]) < 1e-11
    for threads in (1, 2, 4):
        _, again = model.loss_and_grads(x, threads=threads)
        assert all(np.array_equal(again[k], sharded[k]) for k in again)


@pytest.mark.parametrize("name", NAMES)
def test_parameters_are_views_of_one_vector(name):
    model = pr.build_model(**named(name), image_shape=(5, 4, 1), h=4, layers=1)
    model.flat[...] = np.arange(model.flat.size)
    joined = np.concatenate([a.ravel() for a in model.params.values()])
    np.testing.assert_array_equal(joined, model.flat)
    with pytest.raises(TypeError):
        model.params[next(iter(model.params))] = 0
    assert f"{model.flat.size:,}" in model.summary()
    assert all(key in model.summary() for key in model.params)


@pytest.mark.parametrize("name", NAMES)
def test_same_seed_same_weights(name):
    a, b, c = (
        pr.build_model(**named(name), image_shape=(5, 4, 1), h=4, layers=1, seed=s)
        for s in (3, 3, 4)
    )
    np.testing.assert_array_equal(a.flat, b.flat)
    assert (a.flat != c.flat).any()


def test_scaling():
    two, many = (pr.build_model("pixelcnn", (1, 3, 1), n, h=4, layers=0) for n in (2, 256))
    x = np.array([0, 1, 1], np.uint8).reshape(1, 1, 3, 1)
    np.testing.assert_array_equal(two.scale(x).ravel(), [0, 1, 1])
    np.testing.assert_allclose(many.scale(x * 255).ravel(), [-1, 1, 1], atol=1e-7)
    assert two.logits(x).shape == (1, 1, 3, 1)
    assert many.logits(x).shape == (1, 1, 3, 1, 256)


def test_pixelcnn_reads_what_it_says():
    """Row r-d: columns q-(3+L) to q+3+min(d-1, L); the union over seeds, since ReLUs die."""
    L, H, W = 2, 8, 15
    r, q = 7, 7
    reads = np.zeros((H, W), bool)
    for seed in range(8):
        rng = np.random.default_rng(seed)
        model = small_model("pixelcnn", rng, (H, W, 1), 2, layers=L)
        reads |= dependence(model, images(rng, model, 4))[r * W + q].reshape(H, W)
    expected = np.zeros((H, W), bool)
    expected[r, q - 3 - L : q] = True
    for d in range(1, 4 + L):
        expected[r - d, q - 3 - L : q + 3 + min(d - 1, L) + 1] = True
    np.testing.assert_array_equal(reads, expected)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x: x.astype(np.float32), r"dtype float32.*uint8 \(B, 4, 3, 1\)"),
        (lambda x: x.astype(np.int64), "dtype int64"),
        (lambda x: x.tolist(), "x is a list"),
        (lambda x: x[0], r"shape \(4, 3, 1\)"),
        (lambda x: x[:, :3], r"shape \(2, 3, 3, 1\)"),
        (lambda x: x[:0], "x is empty"),
        (lambda x: x + np.uint8(2), "value of 2; 2 levels are 0 to 1"),
    ],
)
@pytest.mark.parametrize("method", ["logits", "nll", "loss_and_grads"])
def test_bad_images(change, message, method):
    model = pr.build_model("pixelcnn", (4, 3, 1), h=4, layers=1)
    with pytest.raises(ValueError, match=message):
        getattr(model, method)(change(np.zeros((2, 4, 3, 1), np.uint8)))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "pixelcn"}, "model is 'pixelcn' .did you mean 'pixelcnn'"),
        ({"levels": 1}, "levels is 1; it has to be from 2 to 256"),
        ({"levels": 2.0}, "levels is 2.0; it has to be an int"),
        ({"h": 2, "image_shape": (4, 4, 3)}, "h is 2; it has to be from 3"),
        ({"head": 0}, "head is 0"),
        ({"image_shape": (28, 28)}, "image_shape is"),
        ({"image_shape": (0, 28, 1)}, "image_shape.0. is 0"),
        ({"layers": -1}, "layers is -1"),
        ({"seed": -1}, "seed is -1"),
        ({"dtype": "float16"}, "dtype is 'float16'"),
        ({"dtype": "nonsense"}, "dtype is 'nonsense'"),
    ],
)
def test_bad_configuration(arguments, message):
    with pytest.raises(ValueError, match=message):
        pr.build_model(**{"name": "pixelcnn", **arguments})


def test_unknown_backend():
    with pytest.raises(ValueError, match="backend is 'kernel'"), pr.use_backend("kernel"):
        pass


def spread(model):
    """Standard deviation of each kernel's unmasked weights, by the last two parts of its name."""
    return {
        ".".join(k.split(".")[-2:]): a[a != 0].std() for k, a in model.params.items() if a.ndim > 1
    }


def test_initial_weights():
    """std gain / √(unmasked fan-in), √2 behind a ReLU: none precedes an LSTM's own layers."""
    h, F = 64, 128
    options = {"image_shape": (8, 8, 1), "h": h, "layers": 2, "head": F}
    root2 = np.sqrt(2)
    deep = np.sqrt(2)  # up and skip of two blocks carry 1/√2: their outputs are summed
    head = {"conv1.K": root2 / np.sqrt(2 * h), "conv2.K": root2 / np.sqrt(F)}
    expected = {
        "pixelcnn": {"down.K": root2 / np.sqrt(2 * h), "up.K": root2 / np.sqrt(h) / deep},
        "row_lstm": {"lstm.K_ss": 1 / np.sqrt(3 * h), "up.K": 1 / np.sqrt(h) / deep},
        "diagonal_bilstm": {
            "l2r.K_is": 1 / np.sqrt(2 * h), "l2r.K_ss": 1 / np.sqrt(2 * h),
            "up.K": 1 / np.sqrt(h) / deep, "skip.K": 1 / np.sqrt(h) / deep,
        },
        "multi_scale": {
            "upsample.K": root2 / np.sqrt(4 * h), "l2r.K_fs": root2 / np.sqrt(h),
            "conv0.K": 1 / np.sqrt(9),
        },
    }  # fmt: skip
    for name, wanted in expected.items():
        around = {"around": 2} if name == "multi_scale" else {}
        found = spread(pr.build_model(name, **options, **around))
        for key, value in {**wanted, **head}.items():
            assert found[key] == pytest.approx(value, rel=0.06), (name, key)


def test_scaled_input_of_another_precision_is_refused():
    model = pr.build_model("pixelcnn", (1, 2, 1), 256, h=4, layers=0)
    with pytest.raises(ValueError, match="dtype float64"):
        model.forward(np.zeros((1, 1, 2, 1)))


@pytest.mark.parametrize("base", ["row_lstm", "diagonal_bilstm"])
def test_given_features_reach_every_gate_of_every_colour(rng, base):
    """K_fs is not masked: the small image is known as a whole."""
    model = checks.small_model(
        "multi_scale", rng, (4, 4, 3), 3, h=5, base=base, layers=1
    )  # fmt: skip
    _, grads = model.loss_and_grads(images(rng, model, 8))
    for key in grads:
        if "K_fs" in key:
            alive = (grads[key][0, 0] != 0).any(axis=1)
            assert alive.sum() >= 2 and (grads[key][0, 0][alive] != 0).all(), key


@pytest.mark.parametrize("name", NAMES)
def test_images_in_any_order_of_memory(rng, name):
    model = small_model(name, rng, (4, 3, 1), 2)
    x = images(rng, model, 5)
    for view, same in ((x[:, ::-1], x[:, ::-1].copy()), (np.asfortranarray(x), x)):
        np.testing.assert_array_equal(model.nll(view), model.nll(same))
        np.testing.assert_array_equal(model.logits(view), model.logits(same))
        assert model.loss_and_grads(view)[0] == model.loss_and_grads(same)[0]
        assert model.nll_forward(view)[0].tobytes() == model.nll_forward(same)[0].tobytes()
        scaled = [model.scale(a) for a in (view, same)]
        (logits, cache), (again, _) = map(model.forward, (np.asfortranarray(scaled[0]), scaled[1]))
        np.testing.assert_array_equal(logits, again)
        dx, twin = (model.backward(f(logits), cache)[0] for f in (np.copy, np.asfortranarray))
        np.testing.assert_array_equal(dx, twin)
