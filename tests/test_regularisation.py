"""Dropout of a block's inner features, and weight decay: neither is the paper's."""

import numpy as np
import pytest
from small_trainer import build, images

import pixelrnn_np as pr
from pixelrnn_np.inspection.gradcheck import Kink, compare
from pixelrnn_np.training.trainer import Trainer

MODELS = [
    ("pixelcnn", {}), ("row_lstm", {}), ("diagonal_bilstm", {}), ("multi_scale", {}),
    ("multi_scale", {"base": "pixelcnn"}), ("pixelcnn", {"skip": False}),
    ("row_lstm", {"residual": False}),
]  # fmt: skip


def small(name, seed=0, **options):
    model = pr.build_model(
        name, (5, 4, 1), 2, h=4, layers=2, head=5, dtype="float64", seed=seed, **options
    )
    model.flat += 0.1 * np.random.default_rng(seed).standard_normal(model.flat.size)
    return model


@pytest.mark.parametrize(("name", "options"), MODELS)
def test_gradients_with_dropout(name, options):
    for seed in range(20):
        rng, model = np.random.default_rng(seed), small(name, seed, **options)
        x = rng.integers(0, 2, (3, 5, 4, 1), np.uint8)
        keep = model.draw_keep(rng, 0.4)
        _, cache = model.nll_forward(x, keep=keep)
        grads = model.nll_backward(1 / 3, cache)

        def loss(model=model, x=x, keep=keep):
            return model.nll_forward(x, keep=keep)[0].mean()

        try:
            errors = compare(loss, model.params, grads, rng)
        except Kink:
            continue
        worst = max(errors.values()) if isinstance(errors, dict) else errors
        assert worst < 1e-6
        return
    pytest.fail("every point had a ReLU at its bend")


def test_a_dropped_feature_is_one_without_outgoing_weights(rng):
    model = small("row_lstm")
    x = rng.integers(0, 2, (3, 5, 4, 1), np.uint8)
    keep = np.array([[1, 0, 1.5, 1], [2, 1, 0, 0.5]])
    dropped = model.nll_forward(x, keep=keep)[0]
    for i in range(2):
        for name in ("up", "skip"):
            model.params[f"blocks.{i}.{name}.K"][0, 0] *= keep[i][:, None]
    np.testing.assert_allclose(model.nll(x), dropped, rtol=1e-12)


def test_factors_have_mean_one():
    keep = small("pixelcnn").draw_keep(np.random.default_rng(0), 0.25)
    assert keep.shape == (2, 4) and set(np.unique(keep)) <= {0, 1 / 0.75}
    many = pr.build_model("pixelcnn", (2, 2, 1), h=100, layers=100, head=2)
    assert many.draw_keep(np.random.default_rng(0), 0.25).mean() == pytest.approx(1, abs=0.02)


def test_each_update_and_shard_draws_anew_and_evaluation_never():
    trainer, x = Trainer(build(dtype="float64"), "adam", 1e-12, dropout=0.5), images(4)
    losses = {trainer.step(x) for _ in range(5)}
    assert len(losses) == 5  # the weights hardly move: the features left out differ
    assert not np.array_equal(trainer._keep(0), trainer._keep(4))
    plain = trainer.model.nll(x)
    np.testing.assert_array_equal(trainer.model.nll(x), plain)


@pytest.mark.parametrize("rate", [1, -0.1, float("nan"), "much"])
def test_dropout_out_of_range_is_refused(rate):
    with pytest.raises(ValueError, match="dropout is"):
        Trainer(build(), dropout=rate)


@pytest.mark.parametrize("optimizer", ["rmsprop", "adam", "soap"])
def test_weight_decay_takes_its_share_of_kernels_alone(optimizer):
    x = images(4)
    plain, decayed = (
        Trainer(build(dtype="float64"), optimizer, 0.01, weight_decay=d) for d in (0, 0.5)
    )
    before = {k: a.copy() for k, a in plain.model.params.items()}
    plain.step(x), decayed.step(x)
    for name, array in decayed.model.params.items():
        share = 0.01 * 0.5 * before[name] if array.ndim > 1 else 0
        np.testing.assert_allclose(
            array, plain.model.params[name] - share, rtol=1e-12, atol=1e-15, err_msg=name
        )


def test_weight_decay_out_of_range_is_refused():
    with pytest.raises(ValueError, match="weight_decay is -1"):
        Trainer(build(), weight_decay=-1)
