"""Copies of models and trainers: equal in every bit, and independent; in other processes too."""

import copy
import multiprocessing
import pickle

import numpy as np
import pytest
from small_trainer import ADAM, Folder, Stop, assert_same, build, images

import pixelrnn_np as pr
from pixelrnn_np.layers.base import Sequential
from pixelrnn_np.models import MODELS


def pickled(thing):
    return pickle.loads(pickle.dumps(thing))


def out_of_band(thing):
    """As joblib hands arrays to other processes: in memory that cannot be written to."""
    buffers = []
    data = pickle.dumps(thing, protocol=5, buffer_callback=buffers.append)
    return pickle.loads(data, buffers=[bytes(b) for b in buffers])


WAYS = [copy.copy, copy.deepcopy, pickled, out_of_band]


def assert_whole(model):
    """All parameters, the inner networks' too, are views into the one vector."""
    start = model.flat.ctypes.data
    for name, array in model.params.items():
        assert array.ctypes.data == start and array.base is not None, name
        start += array.nbytes
    assert start == model.flat.ctypes.data + model.flat.nbytes and model.flat.flags.owndata
    for name, array in model._named():
        assert array.ctypes.data == model.params[name].ctypes.data, name
    with pytest.raises(TypeError):
        model.params["first.b"] = 0
    for s, network in enumerate(getattr(model, "networks", ())):
        assert network is model.children["networks"].children[str(s)]
        assert all(np.shares_memory(a, model.flat) for a in (network.flat, *network.own.values()))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", MODELS)
def test_a_model(name, way):
    model = pr.build_model(name, (6, 6, 1), h=4, layers=1, head=4)
    x = np.random.default_rng(0).integers(0, 2, (3, 6, 6, 1), np.uint8)
    before, nats = model.flat.copy(), model.nll(x)
    other = way(model)
    assert type(other) is type(model) and other.config == model.config
    assert other.flat.tobytes() == before.tobytes() and other.nll(x).tobytes() == nats.tobytes()
    assert pr.sample(other, 2).tobytes() == pr.sample(model, 2).tobytes()
    assert_whole(other)
    assert_whole(model)
    assert not np.shares_memory(other.flat, model.flat)
    pr.Trainer(other).step(x)
    assert (other.flat != before).any() and (other.nll(x) != nats).any()
    assert model.flat.tobytes() == before.tobytes() and model.nll(x).tobytes() == nats.tobytes()


def test_one_network_of_a_multi_scale_model():
    model = pr.build_model("multi_scale", (6, 6, 1), h=4, layers=1, head=4, base="pixelcnn")
    network = copy.deepcopy(model.networks[1])
    assert_whole(network)
    assert not np.shares_memory(network.flat, model.flat)
    assert network.flat.tobytes() == model.networks[1].flat.tobytes()


def test_a_layer():
    layer = copy.deepcopy(build().blocks)
    assert isinstance(layer, Sequential) and layer.params.keys() == build().blocks.params.keys()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("settings", [{}, ADAM, {"optimizer": "soap"}],
                         ids=["rmsprop", "adam", "soap"])  # fmt: skip
def test_a_trainer_goes_on_bit_for_bit(settings, way):
    """In the middle of an epoch, and after threads were at work."""
    x, valid = images(50), images(20, 2)
    options = {"epochs": 3, "log_every": 3, "checkpoint_every": 3, "progress": False}
    trainer = pr.Trainer(build(), batch_size=8, threads=2, **settings)
    with pytest.raises(Stop):
        trainer.fit(x, valid, run=Folder(4), **options)
    assert trainer.position and trainer.epoch == 1
    other = way(trainer)
    assert other.model is not trainer.model and other.pool is not trainer.pool
    assert_whole(other.model)
    before = trainer.model.flat.copy()
    other.fit(x, valid, **options)
    assert trainer.model.flat.tobytes() == before.tobytes()
    trainer.fit(x, valid, **options)
    assert_same(trainer, other)
    assert trainer.best_weights.tobytes() == other.best_weights.tobytes()


@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_models_and_trainers_in_other_processes(start):
    if start not in multiprocessing.get_all_start_methods():
        pytest.skip(f"this system does not {start}")
    trainer, x = pr.Trainer(build(), threads=2), images(40)
    with multiprocessing.get_context(start).Pool(2) as pool:
        parts = pool.map(trainer.model.nll, [x[:20], x[20:]])
        losses = pool.map(trainer.step, [x, x])
    assert np.concatenate(parts).tobytes() == trainer.model.nll(x).tobytes()
    assert losses == [trainer.step(x)] * 2


def test_a_trainer_that_a_fork_inherits(monkeypatch):
    """Its threads stay in the parent; the child does not wait for them."""
    if "fork" not in multiprocessing.get_all_start_methods():
        pytest.skip("this system does not fork")
    x = images(200)
    trainer = pr.Trainer(build(), threads=2)
    trainer.step(x)
    assert trainer.pool._executors, "threads were at work"
    monkeypatch.setattr("test_copies.INHERITED", (trainer, x))
    with multiprocessing.get_context("fork").Pool(1) as pool:
        loss = pool.apply_async(step_inherited).get(timeout=60)
    assert loss == trainer.step(x)


INHERITED = None


def step_inherited():
    trainer, x = INHERITED
    return trainer.step(x)
