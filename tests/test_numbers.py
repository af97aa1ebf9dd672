"""Finite or a clear error: extreme weights, too-high rates; threads and a long run cost no bit."""

import numpy as np
import pytest
from soak import memory, numbers

import pixelrnn_np as pr
from pixelrnn_np.models import MODELS
from pixelrnn_np.models.checks import NotFinite
from pixelrnn_np.training.optim import OPTIMIZERS
from pixelrnn_np.training.trainer import Diverged


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("levels", [2, 5])
@pytest.mark.parametrize("name", MODELS)
def test_extreme_weights_are_finite_or_refused(name, levels, dtype):
    found, wrong = numbers.extreme(name, levels, dtype)
    assert not wrong
    for call in ("logits", "nll", "loss_and_grads", "sample", "complete", "step"):
        assert found[call, "finite"] >= 10 and found[call, "refused"] >= 5, call


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("name", MODELS)
def test_a_rate_that_is_too_high(name, optimizer):
    for rate in (1.0, 1e10, 1e30, 1e300):
        steps, wrong = numbers.train(name, optimizer, rate, 60)
        assert not wrong
        assert rate < 1e10 or steps < 60


def test_an_update_that_overflows_is_taken_back():
    model = numbers.build("pixelcnn", 2)
    trainer, before = pr.Trainer(model, "adam", 1e300, ema=0.9), model.flat.copy()
    with pytest.raises(Diverged, match=r"the weights are not finite after 0 updates; a lower"):
        trainer.step(numbers.images(2, 4))
    assert model.flat.tobytes() == before.tobytes() and trainer.step_count == 0


@pytest.mark.parametrize("call", ["logits", "nll", "loss_and_grads", "sample", "complete"])
def test_finite_weights_whose_logits_are_not(call):
    model = numbers.build("diagonal_bilstm", 5)
    model.flat[...] = 1e30
    function = numbers.calls(model, numbers.images(5, 2))[call]
    with pytest.raises(NotFinite, match=r"the model's \w+ are not finite: its weights are damaged"):
        function()


def test_nats_whose_mean_overflows():
    model = numbers.build("pixelcnn", 2, "float64")
    logits = model.params[list(model.params)[-1]]
    logits[...] = 1.7e307
    with pytest.raises(NotFinite, match="nats"):
        model.loss_and_grads(np.zeros((16, *numbers.SHAPE), np.uint8))


@pytest.mark.parametrize("name", MODELS)
def test_threads_change_no_bit_of_anything(name):
    assert numbers.threads(name, 3) == []


@pytest.mark.parametrize("name", MODELS)
def test_memory_does_not_grow(name):
    """Updates and validation; `make soak OPTIONS=memory` has 2,000 of them, and a run's folder."""
    before, after = memory.train(name, 200, 60)
    assert after - before < memory.GROWTH
