"""§5.2: optimisers, schedules, clipping and the moving average, each update as PyTorch makes it."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import safetensors
from small_trainer import SHAPE, build, images

import pixelrnn_np as pr
from pixelrnn_np.training import optim
from pixelrnn_np.training.trainer import Trainer

GOLDEN = Path(__file__).parent / "golden"


@pytest.mark.parametrize(("optimizer", "prefix"), [("rmsprop", ""), ("adam", "adam/")])
def test_five_updates_equal_those_of_torch(optimizer, prefix):
    with safetensors.safe_open(GOLDEN / "pixelcnn_training.safetensors", "numpy") as f:
        golden = {k: f.get_tensor(k) for k in f.keys()}  # noqa: SIM118
        text = {k: json.loads(f.metadata()[k]) for k in ("config", "training")}
    with safetensors.safe_open(GOLDEN / "pixelcnn_binary.safetensors", "numpy") as f:
        start = {k: f.get_tensor(k) for k in f.keys()}  # noqa: SIM118
    recipe = text["training"]
    model = pr.build_model(**text["config"], dtype="float64")
    for name, array in model.params.items():
        array[...] = start[f"param/{name}"]
    trainer = Trainer(model, optimizer, recipe["lr"], clip=recipe["clip"])
    losses = [trainer.step(golden["x"]) for _ in range(recipe["steps"])]
    np.testing.assert_allclose(losses, golden[f"{prefix}loss"], rtol=1e-12)
    for name, array in model.params.items():
        np.testing.assert_allclose(
            array, golden[f"{prefix}param/{name}"], rtol=1e-10, atol=1e-12, err_msg=name
        )


def test_the_defaults_are_those_of_the_golden_values():
    settings = Trainer(build()).settings
    assert settings["optimizer"] == "rmsprop" and settings["lr"] == 1e-3 and settings["clip"] == 1
    assert (optim.RMSProp(1, float).decay, optim.RMSProp(1, float).eps) == (0.95, 1e-8)
    adam = optim.Adam(1, float)
    assert (adam.beta1, adam.beta2, adam.eps) == (0.9, 0.999, 1e-8)


@pytest.mark.parametrize("name", optim.OPTIMIZERS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_optimisers_descend_and_keep_the_dtype(name, dtype):
    w = np.array([3, -2], dtype)
    optimizer = optim.build_optimizer(name, 2, w.dtype)
    for step in range(500):
        optimizer.update(w, 2 * w, 0.02, step)
    assert w.dtype == dtype and (np.abs(w) < 0.05).all()
    assert all(a.dtype == dtype for a in optimizer.arrays.values())


def test_gradients_are_clipped_per_dimension():
    class Recorder:
        def update(self, w, g, lr, step):
            self.g = g.copy()

    trainer, x = Trainer(build(dtype="float64"), clip=1e-3), images(4)
    trainer.optimizer = Recorder()
    loss, grads = trainer.model.loss_and_grads(x)
    assert trainer.step(x) == loss
    flat = np.concatenate([g.ravel() for g in grads.values()]) / math.prod(SHAPE)
    assert np.abs(flat).max() > 1e-3 > np.abs(flat).min()
    np.testing.assert_array_equal(trainer.optimizer.g, np.clip(flat, -1e-3, 1e-3))


def test_schedules():
    def rates(schedule, warmup=0, total=10):
        return [optim.learning_rate(schedule, 0.4, s, warmup, total) for s in range(total + 1)]

    assert rates("constant") == [0.4] * 11
    np.testing.assert_allclose(rates("constant", 3), [0.1, 0.2, 0.3] + [0.4] * 8)
    cosine = rates("cosine")
    assert cosine[0] == 0.4 and cosine[5] == pytest.approx(0.2) and cosine[10] == 0
    warm = rates("cosine", 2)
    np.testing.assert_allclose(warm[:3], [0.4 / 3, 0.8 / 3, 0.4])
    assert warm[6] == pytest.approx(0.2) and warm[10] == 0
    assert (np.diff(warm[2:]) < 0).all()
    assert optim.learning_rate("cosine", 0.4, 11, 2, 10) == 0
    assert optim.learning_rate("cosine", 0.4, 2, 5, 3) == pytest.approx(0.2)  # never warm


def test_fit_ends_the_cosine_and_step_alone_asks_for_its_end():
    trainer = Trainer(build(), schedule="cosine")
    with pytest.raises(ValueError, match="total_steps is None"):
        _ = trainer.lr
    trainer.fit(images(20), epochs=2, progress=False)
    assert trainer.total_steps == trainer.step_count == 4 and trainer.lr == 0
    assert Trainer(build(), schedule="cosine", total_steps=2).lr == 1e-3


def test_moving_average():
    trainer, x = Trainer(build(dtype="float64"), "adam", ema=0.25), images(4)
    average = trainer.model.flat.copy()
    for t in range(1, 5):
        trainer.step(x)
        decay = min(0.25, (1 + t) / (10 + t))
        average = decay * average + (1 - decay) * trainer.model.flat
        np.testing.assert_allclose(trainer.average, average, rtol=1e-12, atol=1e-15)
    before = trainer.model.flat.copy()
    with pytest.raises(ZeroDivisionError), trainer.averaged() as model:
        assert model.flat.tobytes() == trainer.average.tobytes()
        raise ZeroDivisionError
    assert trainer.model.flat.tobytes() == before.tobytes()
    plain = Trainer(build())
    with plain.averaged() as model:
        assert plain.average is None and model is plain.model
