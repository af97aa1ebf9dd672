"""§3.6: the upsampler, the bound and the exact likelihood, and what each network is given."""

import numpy as np
import pytest

import pixelrnn_np as pr
from pixelrnn_np import compiled, kernels, reference
from pixelrnn_np.inspection.checks import all_images, small_model, total_probability
from pixelrnn_np.inspection.gradcheck import check_layer, check_model, randomise, redraw
from pixelrnn_np.layers.upsample import ConditionalConv, Upsample
from pixelrnn_np.models import BASES
from pixelrnn_np.training.optim import OPTIMIZERS


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("size", "factor"), [((5, 6), 2), ((4, 3), 2), ((9, 8), 4), ((1, 1), 2)])
def test_upsampler_kernel_equals_twin(rng, size, factor, dtype):
    B, C, F = 2, 3, 5
    h, w = -(-size[0] // factor), -(-size[1] // factor)
    x = rng.standard_normal((B, h, w, C)).astype(dtype)
    K = rng.standard_normal((2 * factor, 2 * factor, C, F)).astype(dtype)
    b = rng.standard_normal(F).astype(dtype)
    results = []
    for ops in (kernels, compiled, reference):
        y = np.full((B, *size, F), np.nan, dtype)
        ops.upsample_forward(x, K, b, factor, y)
        grads = [np.full_like(a, np.nan) for a in (x, K, b)]
        ops.upsample_backward(np.cos(y), x, K, factor, *grads)
        results.append([y, *grads])
    for *others, slow in zip(*results, strict=True):
        tolerance = (1e-12 if dtype == "float64" else 1e-5) * np.abs(slow).max()
        for found in others:
            np.testing.assert_allclose(found, slow, rtol=0, atol=tolerance)


def test_upsampler_places_the_small_pixels(rng):
    """With the middle f×f of the kernel at 1 and the rest 0, each small pixel fills its own f×f."""
    layer = Upsample((4, 6), 2, 1, 1, rng, dtype="float64")
    layer.params["K"][...] = 0
    layer.params["K"][1:3, 1:3] = 1
    x = rng.standard_normal((1, 2, 3, 1))
    np.testing.assert_array_equal(layer.forward(x)[0], x.repeat(2, axis=1).repeat(2, axis=2))


@pytest.mark.parametrize("factor", [2, 4])
def test_upsampler_gradients(rng, factor):
    layer = Upsample((5, 7), factor, 3, 4, rng, dtype="float64")
    randomise(layer, rng)
    x = rng.standard_normal((2, -(-5 // factor), -(-7 // factor), 3))
    assert max(check_layer(layer, x, rng, entries=40).values()) < 1e-6


def test_conditional_convolution_gradients(rng):
    groups = np.zeros(3, int)
    layer = ConditionalConv("B", 3, 3, groups, groups, features=4, rng=rng, dtype="float64")
    randomise(layer, rng)
    x = (rng.standard_normal((2, 3, 4, 3)), rng.standard_normal((2, 3, 4, 4)))
    errors = check_layer(layer, x, rng, entries=40)
    assert {"x0", "x1", "K", "b", "K_fs"} == set(errors)
    assert max(errors.values()) < 1e-6


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize(
    ("shape", "levels", "around"), [((5, 6, 1), 2, 0), ((3, 4, 3), 4, 0), ((5, 6, 1), 2, 2)]
)
def test_finite_differences(rng, base, exact, shape, levels, around):
    def check(rng):
        options = {"base": base, "exact": exact, "scales": 3, "layers": 1, "around": around}
        model = small_model("multi_scale", rng, shape, levels, **options)
        x = rng.integers(0, levels, (2, *shape)).astype(np.uint8)
        return check_model(model, x, rng, entries=5)

    errors = redraw(check, rng)
    assert max(errors.values()) < 1e-6, errors
    assert any("K_fs" in k for k in errors)
    assert any("upsample.K" in k for k in errors)
    assert sum("around" in k for k in errors) == 2 * 2 * around  # K and b, in two of three networks


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize(
    ("shape", "scales", "around"),
    [((3, 3, 1), 2, 0), ((3, 4, 1), 3, 0), ((1, 2, 3), 2, 0), ((3, 4, 1), 2, 2)],
)
def test_the_bound_and_the_exact_sum(rng, base, shape, scales, around):
    bound = small_model("multi_scale", rng, shape, 2, base=base, scales=scales, around=around)
    exact = pr.build_model(**{**bound.config, "exact": True})
    exact.flat[...] = bound.flat
    assert total_probability(bound) < 1
    assert total_probability(exact) == pytest.approx(1, abs=1e-9)
    x = all_images(shape, 2)
    assert (bound.nll(x) >= exact.nll(x)).all()


def test_pairs_sum_to_one(rng):
    """Of the inexact model, p(small) · p(large | small) over all pairs, agreeing or not."""
    model = small_model("multi_scale", rng, (2, 2, 1), 2, base="row_lstm")
    small, large = all_images((1, 1, 1), 2), all_images((2, 2, 1), 2)
    from pixelrnn_np.likelihood import nll_forward

    total = 0.0
    for s in small:
        given = np.repeat(s[None], len(large), axis=0)
        nats = nll_forward(model.logits(large, given=given), large)[0]
        total += np.exp(-model.networks[0].nll(s[None])[0] - nats).sum()
    assert total == pytest.approx(1, abs=1e-9)


def test_given_reaches_every_pixel_and_is_its_own_subsample(rng):
    model = small_model("multi_scale", rng, (4, 6, 1), 2)
    x = rng.integers(0, 2, (3, 4, 6, 1)).astype(np.uint8)
    own = model.logits(x)
    np.testing.assert_array_equal(own, model.logits(x, given=x[:, ::2, ::2]))
    other = model.logits(x, given=1 - x[:, ::2, ::2])
    assert (own != other).any(axis=0).all()


@pytest.mark.parametrize("around", [0, 1, 3])
def test_what_a_pixel_sees_of_the_small_image(rng, around):
    """Features of a pixel change with 2 + 2·around small pixels each way, and with no others."""
    model = small_model("multi_scale", rng, (24, 24, 1), 2, base="pixelcnn", around=around)
    network, r, q = model.networks[1], 11, 12
    small = rng.random((1, 12, 12, 1))
    was, seen = network.features(small)[0, r, q], np.zeros((12, 12), bool)
    for place in np.ndindex(12, 12):
        other = small.copy()
        other[0, *place] += 0.5
        seen[place] = (network.features(other)[0, r, q] != was).any()
    wanted = np.zeros((12, 12), bool)
    wanted[5 - around : 7 + around, 5 - around : 7 + around] = True  # rows 5 and 6, columns 5 and 6
    np.testing.assert_array_equal(seen, wanted)


@pytest.mark.parametrize("around", [0, 1, 3])
def test_the_receptive_field_says_what_is_seen_of_the_small_image(rng, around):
    """One block reads the features of its own pixel alone, so the logits see one such square."""
    options = {"base": "pixelcnn", "layers": 1, "around": around}
    model = small_model("multi_scale", rng, (24, 24, 1), 2, **options)
    x, n = np.ones((1, 24, 24, 1), np.uint8), 2 + 2 * around
    small, seen = model.given(x), np.zeros((12, 12), bool)
    was = model.logits(x)[0, 11, 12]
    for place in np.ndindex(12, 12):
        other = small.copy()
        other[0, *place] = 0
        seen[place] = (model.logits(x, given=other)[0, 11, 12] != was).any()
    assert seen.sum() == n * n
    assert model.receptive_field().startswith(f"{n}x{n} pixels of the smaller image at (r, q)")


@pytest.mark.parametrize("around", [0, 2])
@pytest.mark.parametrize("base", BASES)
def test_the_smallest_network_and_the_prior_see_no_later_pixel(rng, base, around):
    """A large pixel tells the smallest network nothing; the next one only what comes after it."""
    options = {"base": base, "layers": 2, "around": around}
    model = small_model("multi_scale", rng, (5, 6, 1), 2, **options)
    x = rng.integers(0, 2, (1, 5, 6, 1)).astype(np.uint8)
    given, logits = model.given(x), model.logits(x).reshape(-1)
    for at, (r, q) in enumerate(np.ndindex(5, 6)):
        other = x.copy()
        other[0, r, q] ^= 1
        changed = model.logits(other, given=given).reshape(-1) != logits
        assert not changed[: at + 1].any(), (r, q)
        if r % 2 or q % 2:
            np.testing.assert_array_equal(model.stage_nats(0, other), model.stage_nats(0, x))


@pytest.mark.parametrize("only", [0, 1])
def test_one_scale_at_a_time(rng, only):
    model = pr.build_model("multi_scale", (4, 4, 1), h=4, layers=1, base="row_lstm")
    before = model.flat.copy()
    trainer = pr.Trainer(model, scale=only, lr=0.01)
    x = rng.integers(0, 2, (8, 4, 4, 1)).astype(np.uint8)
    nats = trainer.step(x)
    assert nats == pytest.approx(model_stage_nats(model, before, only, x), rel=1e-6)
    for key, array in model.unflatten(before).items():
        changed = (array != model.params[key]).any()
        assert changed <= key.startswith(f"networks.{only}.")
    assert (model.flat != before).any()


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("only", [0, 1])
def test_the_other_networks_do_not_move(rng, only, optimizer):
    """Neither by weight decay, which has no need of a gradient, nor by what an optimiser keeps."""
    model = pr.build_model("multi_scale", (4, 4, 1), h=4, layers=1, base="pixelcnn", around=1)
    settings = {"weight_decay": 0.5, "dropout": 0.2, "ema": 0.9}
    trainer = pr.Trainer(model, optimizer, 0.01, scale=only, **settings)
    before = {k: a.copy() for k, a in model.params.items()}
    x = rng.integers(0, 2, (8, 4, 4, 1)).astype(np.uint8)
    for _ in range(12):
        trainer.step(x)
    moved = {k for k, a in model.params.items() if (a != before[k]).any()}
    assert moved and all(k.startswith(f"networks.{only}.") for k in moved)


def model_stage_nats(model, flat, s, x):
    after = model.flat.copy()
    model.flat[...] = flat
    nats = model.stage_nll(s, x)[0].mean()
    model.flat[...] = after
    return nats


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"factor": 3}, "factor is 3; it has to be even"),
        ({"scales": 1}, "scales is 1"),
        ({"base": "multi_scale"}, "base is 'multi_scale'"),
    ],
)
def test_bad_configuration(arguments, message):
    with pytest.raises(ValueError, match=message):
        pr.build_model("multi_scale", (8, 8, 1), **arguments)


def test_bad_given():
    model = pr.build_model("multi_scale", (4, 4, 1), h=4, layers=1)
    x = np.zeros((2, 4, 4, 1), np.uint8)
    with pytest.raises(ValueError, match=r"uint8 \(B, 2, 2, 1\)"):
        model.logits(x, given=x)
    with pytest.raises(ValueError, match="given has 1 image for 2"):
        model.logits(x, given=x[:1, ::2, ::2])
    with pytest.raises(ValueError, match="scale is 2"):
        pr.Trainer(model, scale=2)
    with pytest.raises(ValueError, match="scale is 0"):
        pr.Trainer(pr.build_model("pixelcnn"), scale=0)
