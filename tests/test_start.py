"""Table 1, last layer: a new model first predicts the shares of the values in its images."""

import numpy as np
import pytest

import pixelrnn_np as pr
from pixelrnn_np.data.baselines import independent_nats
from pixelrnn_np.training.trainer import Trainer

CASES = [
    ("pixelcnn", (6, 5, 1), 2), ("row_lstm", (6, 5, 3), 2), ("diagonal_bilstm", (6, 5, 1), 7),
    ("pixelcnn", (6, 5, 3), 5), ("multi_scale", (6, 5, 3), 3),
]  # fmt: skip


def images(rng, shape, levels, n=40):
    """Each colour has shares of its own."""
    return np.stack(
        [rng.binomial(levels - 1, 0.15 + 0.3 * k, (n, *shape[:2])) for k in range(shape[2])], -1
    ).astype(np.uint8)


def build(name, shape, levels):
    return pr.build_model(name, shape, levels, h=6, layers=2, head=8, dtype="float64")


@pytest.mark.parametrize(("name", "shape", "levels"), CASES)
def test_the_first_prediction_is_the_shares(name, shape, levels, rng):
    model, x = build(name, shape, levels), images(rng, shape, levels)
    model.flat[...] = 0  # what is left is the bias
    assert model.untouched
    model.start_at(x)
    assert not model.untouched
    parts = model.pyramid(x) if name == "multi_scale" else [x]
    expected = 0
    for part in parts:
        for k in range(shape[2]):
            counts = np.bincount(part[..., k].ravel(), minlength=levels)
            shares = (counts + shape_of(part) / levels) / (counts.sum() + shape_of(part))
            expected -= (counts * np.log(shares)).sum() / len(x)
    assert model.nll(x).mean() == pytest.approx(expected, rel=1e-12)


def shape_of(part):
    """The one image that is added to the counts, per colour."""
    return part[0, ..., 0].size


@pytest.mark.parametrize(("name", "shape", "levels"), CASES)
def test_a_new_model_begins_near_it(name, shape, levels, rng):
    """The logits' weights begin small: the bias decides."""
    model, x = build(name, shape, levels), images(rng, shape, levels)
    model.start_at(x)
    if name != "multi_scale":
        assert model.nll(x).mean() == pytest.approx(independent_nats(x, x, levels), rel=0.15)


def test_values_that_never_occur_keep_finite_logits(rng):
    model = build("pixelcnn", (6, 5, 1), 4)
    model.start_at(np.zeros((3, 6, 5, 1), np.uint8))
    assert np.isfinite(model.flat).all()
    assert np.isfinite(model.nll(np.full((1, 6, 5, 1), 3, np.uint8))).all()


def test_bad_images_are_refused():
    with pytest.raises(ValueError, match="x has shape"):
        build("pixelcnn", (6, 5, 1), 4).start_at(np.zeros((3, 5, 5, 1), np.uint8))


def test_fit_starts_a_new_model_and_leaves_a_trained_one_alone(rng):
    x = images(rng, (6, 5, 1), 3)
    model, by_hand = build("pixelcnn", (6, 5, 1), 3), build("pixelcnn", (6, 5, 1), 3)
    by_hand.start_at(x)
    first = Trainer(model, "adam", batch_size=40, ema=0.5)
    first.fit(x, epochs=1, progress=False)
    assert first.history[0]["train"] == pytest.approx(by_hand.nll(x).mean(), rel=1e-12)
    trained = model.nll(x).mean()
    second = Trainer(model, "adam", batch_size=40)
    second.fit(x, epochs=1, progress=False)
    assert second.history[0]["train"] == pytest.approx(trained, rel=1e-12)
