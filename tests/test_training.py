"""§5.2: optimisers, schedules, the Trainer; a run that was killed equals one that was not."""

import contextlib
import copy
import json
import math
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import safetensors

import pixelrnn_np as pr
from pixelrnn_np import cli, optim
from pixelrnn_np.run import BEST, CHECKPOINT, Run, load_checkpoint, load_run
from pixelrnn_np.training import COLUMNS, Diverged, Trainer

GOLDEN = Path(__file__).parent / "golden"
SHAPE, LEVELS = (5, 4, 1), 4
SAME = ("step", "epoch", "images", "lr", "train", "valid")  # all but the seconds
ADAM = {"optimizer": "adam", "ema": 0.9, "schedule": "cosine", "warmup": 3}


def build(seed=0, dtype="float32"):
    return pr.build_model("pixelcnn", SHAPE, LEVELS, h=3, layers=1, head=4, seed=seed, dtype=dtype)


def images(n, seed=1):
    return np.random.default_rng(seed).integers(0, LEVELS, (n, *SHAPE), np.uint8)


def records(trainer):
    return np.array([[h[c] for c in SAME] for h in trainer.history])


def assert_same(a, b):
    """Two trainers hold the same bits."""
    assert a.model.flat.tobytes() == b.model.flat.tobytes()
    assert a.optimizer.arrays.keys() == b.optimizer.arrays.keys()
    for name, array in a.optimizer.arrays.items():
        assert array.tobytes() == b.optimizer.arrays[name].tobytes(), name
    assert (a.average is None) == (b.average is None)
    if a.average is not None:
        assert a.average.tobytes() == b.average.tobytes()
    assert records(a).tobytes() == records(b).tobytes()
    assert (a.step_count, a.epoch, a.position) == (b.step_count, b.epoch, b.position)
    assert a.order_state == b.order_state and a.best == b.best


# Optimisers and schedules


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


# The Trainer


def test_step_returns_the_nats_before_the_update():
    trainer, x = Trainer(build()), images(6)
    for _ in range(3):
        before = float(trainer.model.nll(x).mean())
        assert trainer.step(x) == before
    assert trainer.model.nll(x).mean() < before
    assert trainer.step_count == 3


@pytest.mark.parametrize("settings", [{}, ADAM], ids=["rmsprop", "adam"])
def test_threads_change_no_bit(settings):
    x, valid = images(150), images(70, 2)
    trainers = [
        Trainer(build(), threads=threads, batch_size=100, **settings) for threads in (1, 2, 4)
    ]
    assert 2 * trainers[0].model.shard_size < 100, "more than two shards, or nothing is tested"
    for trainer in trainers:
        trainer.fit(x, valid, epochs=3, progress=False)
        assert_same(trainer, trainers[0])


def test_the_seed_alone_decides():
    def train(seed):
        trainer = Trainer(build(seed), seed=seed)
        trainer.fit(images(40), images(10, 2), epochs=2, progress=False)
        return trainer

    first, again, other = train(3), train(3), train(4)
    assert_same(first, again)
    assert (first.model.flat != other.model.flat).any()
    shuffled = Trainer(build(3), seed=4)
    shuffled.fit(images(40), images(10, 2), epochs=2, progress=False)
    assert (first.model.flat != shuffled.model.flat).any()


def test_every_image_once_per_epoch_in_a_new_order():
    x = (np.arange(21 * 20) % LEVELS).reshape(21, *SHAPE).astype(np.uint8)
    x.reshape(21, -1)[:, :3] = np.stack(np.unravel_index(np.arange(21), (4, 4, 4)), 1)
    trainer, seen = Trainer(build(), batch_size=8), []
    gradient = trainer._gradient
    trainer._gradient = lambda batch: (seen.append(batch.copy()), gradient(batch))[1]
    trainer.fit(x, epochs=2, progress=False)
    assert [len(b) for b in seen] == [8, 8, 5] * 2
    epochs = [np.concatenate(seen[:3]), np.concatenate(seen[3:])]
    for epoch in epochs:
        np.testing.assert_array_equal(np.unique(epoch, axis=0), np.unique(x, axis=0))
    assert (epochs[0] != epochs[1]).any()


def test_history_and_best():
    model, x, valid = build(), images(40), images(10, 2)
    trainer = Trainer(model, batch_size=16, ema=0.5)
    history = trainer.fit(x, valid, epochs=3, log_every=2, progress=False)
    assert all(tuple(h) == COLUMNS for h in history)
    assert [h["step"] for h in history] == [2, 3, 4, 6, 8, 9]
    assert [h["epoch"] for h in history] == [0, 1, 1, 2, 2, 3]
    assert [h["images"] for h in history] == [32, 40, 56, 80, 112, 120]
    valid_nats = [h["valid"] for h in history]
    assert [math.isnan(v) for v in valid_nats] == [True, False, True, False, True, False]
    assert trainer.best == np.nanmin(valid_nats)
    with trainer.averaged():
        assert model.nll(valid).mean() == valid_nats[-1]
    assert not trainer.interrupted
    assert trainer.fit(x, valid, epochs=3, progress=False) == history, "done already"


def test_fit_without_validation():
    trainer = Trainer(build())
    history = trainer.fit(images(20), epochs=1, progress=False)
    assert math.isnan(history[-1]["valid"]) and trainer.best == math.inf


def test_progress_is_shown_where_asked_for(capsys):
    Trainer(build()).fit(images(20), epochs=1, progress=False)
    assert capsys.readouterr().err == ""
    Trainer(build()).fit(images(20), epochs=1)
    shown = capsys.readouterr().err
    assert "nats=" in shown and "20/20" in shown and "img/s" in shown


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"optimizer": "sgd"}, "optimizer is 'sgd'"),
        ({"optimizer": "adamm"}, "did you mean 'adam'"),
        ({"optimizer": None}, "optimizer"),
        *[({"lr": lr}, "lr is") for lr in (0, -1, math.nan, math.inf, "1", None, True)],
        *[({"threads": t}, "threads is") for t in (0, -1, 1.5, "2")],
        *[({"batch_size": b}, "batch_size is") for b in (0, 1.5, "2", True)],
        ({"clip": 0}, "clip is"),
        ({"schedule": "linear"}, "schedule is"),
        ({"warmup": -1}, "warmup is"),
        *[({"ema": e}, "ema is") for e in (-0.1, 1, math.nan)],
        ({"seed": -1}, "seed is"),
        *[({"total_steps": t}, "total_steps is") for t in (0, 1.5, "9")],
    ],
)
def test_bad_settings(settings, named):
    with pytest.raises(ValueError, match=named) as e:
        Trainer(build(), **settings)
    assert "\n" not in str(e.value)


@pytest.mark.parametrize(
    "arguments",
    [
        {"epochs": 0},
        {"epochs": 1.5},
        {"log_every": 0},
        {"checkpoint_every": 0},
        {"checkpoint_every": None},
        {"train": images(3)[:0]},
        {"train": images(3).astype(float)},
        {"train": images(3)[:, :4]},
        {"train": images(3) + np.uint8(LEVELS)},
        {"train": images(3).tolist()},
        {"valid": images(3)[:0]},
        {"valid": images(3) + np.uint8(LEVELS)},
    ],
)
def test_bad_arguments_of_fit(arguments):
    trainer = Trainer(build())
    before = trainer.model.flat.copy()
    with pytest.raises(ValueError):
        trainer.fit(**{"train": images(3), "progress": False, **arguments})
    assert trainer.model.flat.tobytes() == before.tobytes() and trainer.step_count == 0


# Interruption


class Stop(Exception):
    pass


class Folder:
    """A run that holds its checkpoints in memory and breaks off after one of them."""

    def __init__(self, stop_at=None):
        self.stop_at, self.saves = stop_at, 0

    def save_best(self, trainer, nats):
        pass

    def save_checkpoint(self, trainer):
        self.saves += 1
        arrays, meta = trainer.state()
        self.saved = copy.deepcopy(arrays), json.loads(json.dumps(meta)), trainer.model.flat.copy()
        if self.saves == self.stop_at:
            raise Stop


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("settings", [{}, ADAM], ids=["rmsprop", "adam"])
@pytest.mark.parametrize("stop_at", [1, 2, 3, 5])
def test_resumed_equals_undisturbed(settings, stop_at, dtype):
    x, valid = images(50), images(20, 2)
    options = {"epochs": 3, "log_every": 3, "checkpoint_every": 3, "progress": False}
    whole = Trainer(build(dtype=dtype), batch_size=8, **settings)
    whole.fit(x, valid, run=Folder(), **options)

    folder = Folder(stop_at)
    with pytest.raises(Stop):
        Trainer(build(dtype=dtype), batch_size=8, **settings).fit(x, valid, run=folder, **options)
    arrays, meta, flat = folder.saved
    model = build(seed=99, dtype=dtype)
    model.flat[...] = flat
    trainer = Trainer(model, batch_size=8, threads=1, **settings)
    trainer.restore(arrays, meta)
    assert (meta["position"] > 0) == (stop_at in (1, 2, 5)), "both kinds are to be tested"
    trainer.fit(x, valid, run=Folder(), **options)
    assert_same(trainer, whole)


class BreaksOff(Run):
    """A real folder whose fourth checkpoint is the last."""

    saves = 0

    def save_checkpoint(self, trainer):
        super().save_checkpoint(trainer)
        self.saves += 1
        if self.saves == 4:
            raise Stop


@pytest.mark.parametrize("settings", [{}, ADAM], ids=["rmsprop", "adam"])
def test_resumed_from_files_equals_undisturbed(tmp_path, settings):
    x, valid = images(50), images(20, 2)
    whole = Trainer(build(), batch_size=8, **settings)
    whole.fit(x, valid, epochs=3, progress=False)

    options = {"epochs": 3, "checkpoint_every": 3, "progress": False}
    with pytest.raises(Stop):
        Trainer(build(), batch_size=8, **settings).fit(
            x, valid, run=BreaksOff(tmp_path, {"note": "test"}), **options
        )
    model, arrays, state, meta = load_checkpoint(tmp_path)
    assert meta["note"] == "test" and state["position"] > 0 and state["epoch"] == 1
    trainer = Trainer(model, **state["settings"])
    trainer.restore(arrays, state)
    trainer.fit(x, valid, run=Run(tmp_path, {}), **options)
    assert_same(trainer, whole)
    with whole.averaged():
        score = whole.model.nll(valid).mean()
    assert score == whole.best == load_run(tmp_path)[0].nll(valid).mean()


def poisoned(state, key, value):
    arrays, meta, _ = copy.deepcopy(state)
    if key in arrays:
        arrays[key] = value
    else:
        meta[key] = value
    return arrays, meta


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("order_state", None),
        ("order_state", {"bit_generator": "MT19937"}),
        ("order_state", {"bit_generator": "PCG64", "state": 3}),
        (
            "order_state",
            {"bit_generator": "PCG64", "state": {"state": 10**60, "inc": 1},
             "has_uint32": 0, "uinteger": 0},
        ),
        ("sums", []),
        ("sums", ["a", "b"]),
        ("best", "low"),
        ("step_count", -1),
        ("step_count", 1.5),
        ("position", "0"),
        ("epoch", None),
        ("images", True),
        ("seconds", None),
        ("history", np.zeros((2, 3))),
        ("history", np.full((1, len(COLUMNS)), np.inf)),
        ("history", np.full((1, len(COLUMNS)), np.nan)),
        ("optimizer.m", np.zeros(3, np.float32)),
        ("optimizer.m", np.zeros(1)),
        ("average", np.zeros((2, 2), np.float32)),
    ],
)  # fmt: skip
def test_a_damaged_state_is_refused(key, value):
    folder = Folder()
    Trainer(build(), **ADAM).fit(images(20), images(9), epochs=1, run=folder, progress=False)
    trainer = Trainer(build(), **ADAM)
    with pytest.raises(ValueError, match="the checkpoint lacks or garbles") as e:
        trainer.restore(*poisoned(folder.saved, key, value))
    assert "\n" not in str(e.value)


@pytest.mark.parametrize("key", ["history", "optimizer.v", "average", "sums", "order_state"])
def test_an_incomplete_state_is_refused(key):
    folder = Folder()
    Trainer(build(), **ADAM).fit(images(20), epochs=1, run=folder, progress=False)
    arrays, meta, _ = folder.saved
    arrays.pop(key, None)
    meta.pop(key, None)
    with pytest.raises(ValueError, match=key):
        Trainer(build(), **ADAM).restore(arrays, meta)


# Divergence


def test_poisoned_weights_stop_before_the_update():
    trainer = Trainer(build())
    trainer.model.params["first.b"][0] = np.nan
    before, square = trainer.model.flat.copy(), trainer.optimizer.arrays["square"].copy()
    with pytest.raises(Diverged, match=r"the loss is nan after 0 updates; a lower learning rate"):
        trainer.step(images(4))
    assert trainer.model.flat.tobytes() == before.tobytes() and trainer.step_count == 0
    assert trainer.optimizer.arrays["square"].tobytes() == square.tobytes()


@pytest.mark.parametrize("lr", [1e12, 1e25, 1e36, 1e300])
@pytest.mark.parametrize("optimizer", optim.OPTIMIZERS)
def test_a_huge_learning_rate_leaves_the_last_good_checkpoint(tmp_path, optimizer, lr):
    x = images(40)
    run = Run(tmp_path, {})
    Trainer(build(), batch_size=4).fit(x, x, epochs=1, run=run, checkpoint_every=1, progress=False)
    model, arrays, state, _ = load_checkpoint(tmp_path)
    trainer = Trainer(model, optimizer, lr, batch_size=4)
    trainer.epoch = 1
    with pytest.raises(Diverged):
        trainer.fit(x, x, epochs=90, run=run, checkpoint_every=1, progress=False)
    kept, arrays, state, _ = load_checkpoint(tmp_path)
    assert np.isfinite(kept.nll(x)).all(), "the checkpoint was poisoned"
    assert np.isfinite(load_run(tmp_path)[0].nll(x)).all()
    Trainer(kept, **state["settings"]).restore(arrays, state)
    run.close()
    assert not [p.name for p in tmp_path.iterdir() if p.name.startswith(".")]


def test_weights_that_are_not_finite_are_never_saved(tmp_path):
    run = Run(tmp_path, {})
    trainer = Trainer(build())
    update = trainer.optimizer.update

    def poison(w, g, lr, step):
        update(w, g, lr, step)
        w[:] = np.inf

    trainer.optimizer.update = poison
    with pytest.raises(Diverged, match="the weights are not finite"):
        trainer.fit(images(4), epochs=1, run=run, progress=False)
    assert not (tmp_path / CHECKPOINT).exists()


def test_a_validation_loss_that_is_not_finite_is_not_the_best(tmp_path):
    trainer = Trainer(build(), ema=0.5)
    trainer.average[:] = np.nan
    with pytest.raises(Diverged, match="the validation loss is nan after 1 updates"):
        trainer.fit(images(4), images(4), epochs=1, run=Run(tmp_path, {}), progress=False)
    assert not (tmp_path / BEST).exists() and not (tmp_path / CHECKPOINT).exists()
    assert np.isfinite(trainer.model.flat).all()


# Real signals


def command(out, *more):
    return [
        "train", "--out", str(out), "--quiet", "--h", "2", "--layers", "1", "--head", "4",
        "--epochs", "3", "--batch-size", "4", "--optimizer", "adam", "--ema", "0.9",
        "--schedule", "cosine", "--samples", "0", *more,
    ]  # fmt: skip


def train_here(out, *more):
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as e:
        patch.setattr(sys, "argv", ["pixelrnn", *command(out, *more)])
        cli.main()
    assert not e.value.code


@contextlib.contextmanager
def training_process(out):
    """A process that trains, has written a checkpoint in the middle of an epoch, and is at work."""
    words = [sys.executable, "-m", "pixelrnn_np", *command(out, "--checkpoint-every", "7")]
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as process:
        try:
            deadline = time.monotonic() + 120
            while not (out / CHECKPOINT).exists():
                assert process.poll() is None, process.stderr.read()
                assert time.monotonic() < deadline
                time.sleep(0.005)
            yield process
        finally:
            process.kill()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    out = tmp_path_factory.mktemp("undisturbed")
    train_here(out)
    return out


def assert_same_runs(a, b):
    trainers = []
    for folder in (a, b):
        model, arrays, state, _ = load_checkpoint(folder)
        trainers.append(Trainer(model, **state["settings"]))
        trainers[-1].restore(arrays, state)
    assert trainers[0].epoch == 3
    assert_same(*trainers)
    best = [load_run(folder)[0].flat.tobytes() for folder in (a, b)]
    assert best[0] == best[1]
    seconds = COLUMNS.index("seconds")
    tables = [
        [line.split(",") for line in (folder / "metrics.csv").read_text().splitlines()]
        for folder in (a, b)
    ]
    assert tables[0][0] == list(COLUMNS)
    without = [[row[:seconds] + row[seconds + 1 :] for row in table] for table in tables]
    assert without[0] == without[1]


def test_killed_and_resumed_equals_undisturbed(tmp_path, undisturbed):
    with training_process(tmp_path) as process:
        process.kill()
    assert process.returncode == -signal.SIGKILL
    *_, state, _ = load_checkpoint(tmp_path)
    assert state["position"] > 0 and state["epoch"] < 3
    train_here(tmp_path, "--resume")
    assert_same_runs(tmp_path, undisturbed)


def test_ctrl_c_saves_and_says_how_to_go_on(tmp_path, undisturbed):
    with training_process(tmp_path) as process:
        process.send_signal(signal.SIGINT)
        said = process.stderr.read()
        process.wait()
    assert process.returncode == 130
    *_, state, _ = load_checkpoint(tmp_path)
    assert said.splitlines()[1:] == [
        f"saved after update {state['step_count']}; go on with: "
        f"python -m pixelrnn_np train --out {tmp_path} --resume",
        "stopped",
    ]
    train_here(tmp_path, "--resume")
    assert_same_runs(tmp_path, undisturbed)


def test_stop_requests_give_the_signals_back():
    before = [signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)]
    trainer, x = Trainer(build(), batch_size=4), images(40)
    update, folder = trainer.optimizer.update, Folder()

    def interrupting(w, g, lr, step):
        update(w, g, lr, step)
        if step == 4:
            signal.raise_signal(signal.SIGINT)

    trainer.optimizer.update = interrupting
    trainer.fit(x, epochs=2, run=folder, progress=False)
    assert trainer.interrupted and trainer.step_count == 5 and folder.saves == 1
    assert [signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)] == before

    whole = Trainer(build(), batch_size=4)
    whole.fit(x, epochs=2, progress=False)
    trainer.optimizer.update = update
    trainer.fit(x, epochs=2, progress=False)
    assert not trainer.interrupted
    assert_same(trainer, whole)


def test_a_second_ctrl_c_stops_at_once():
    trainer = Trainer(build(), batch_size=4)

    def interrupting(w, g, lr, step):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    trainer.optimizer.update = interrupting
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(images(40), epochs=1, progress=False)
