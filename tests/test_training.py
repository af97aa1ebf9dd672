"""§5.2: the Trainer: what it counts and records, what it refuses, and where it stops by itself."""

import contextlib
import math
import re
import time

import numpy as np
import pytest
from small_trainer import ADAM, LEVELS, SHAPE, assert_same, build, images

from pixelrnn_np import backend
from pixelrnn_np.runs.reading import BEST, CHECKPOINT, load_checkpoint, load_run
from pixelrnn_np.runs.run import Run
from pixelrnn_np.training import optim
from pixelrnn_np.training.trainer import COLUMNS, Diverged, Trainer


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
    gradient = trainer._loss_and_gradient
    trainer._loss_and_gradient = lambda batch: (seen.append(batch.copy()), gradient(batch))[1]
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


# What is refused


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


@pytest.mark.parametrize("optimizer", optim.OPTIMIZERS)
def test_a_gradient_whose_square_overflows_is_said_to_diverge(optimizer):
    """Or the optimiser bears it; LAPACK's error would be no word on the run."""
    trainer = Trainer(build(), optimizer, clip=1e30)
    trainer.model.flat *= 1e5
    before = trainer.model.flat.copy()
    with contextlib.suppress(Diverged):
        trainer.step(images(4))
        before = trainer.model.flat
    np.testing.assert_array_equal(trainer.model.flat, before)
    assert np.isfinite(before).all()


@pytest.mark.parametrize("name", backend.BACKENDS)
@pytest.mark.parametrize("key", ["L0", "R0", "Q_L0"])
@pytest.mark.parametrize("bad", [np.inf, np.nan])
def test_a_turn_of_what_overflowed_is_said_to_diverge(name, key, bad):
    with backend.use_backend(name):
        trainer = Trainer(build(), "soap")
        trainer.step(images(4))
        trainer.optimizer.arrays[key][...] = bad
        with pytest.raises(Diverged):
            trainer.step(images(4))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_clip_beyond_the_dtype_clips_nothing(dtype):
    trainers = [Trainer(build(dtype=dtype), clip=clip) for clip in (1e300, 1e30)]
    for trainer in trainers:
        trainer.step(images(4))
    assert_same(*trainers)


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
    trainer.model.start_at(images(4))
    trainer.average[:] = np.nan
    with pytest.raises(Diverged, match="the validation loss is nan after 1 updates"):
        trainer.fit(images(4), images(4), epochs=1, run=Run(tmp_path, {}), progress=False)
    assert not (tmp_path / BEST).exists() and not (tmp_path / CHECKPOINT).exists()
    assert np.isfinite(trainer.model.flat).all()


def test_records_are_handed_on_as_they_come():
    trainer, seen = Trainer(build(), batch_size=8), []
    trainer.fit(images(40), images(9, 2), epochs=2, log_every=2, on_record=seen.append,
                progress=False)  # fmt: skip
    assert [r["step"] for r in seen] == [2, 4, 5, 6, 8, 10]
    assert [repr(r) for r in seen] == [repr(r) for r in trainer.history]
    seen[0]["step"] = -1
    assert trainer.history[0]["step"] == 2


def test_the_bar_says_when_it_compiles_and_starts_its_clock_after_that(capsys):
    from pixelrnn_np.kernels import cache

    trainer, kept = Trainer(build(), batch_size=8), list(cache.listeners)
    first = trainer._loss_and_gradient

    def slow(batch):
        for listener in cache.listeners if trainer.step_count == 0 else ():
            listener()
            time.sleep(0.5)
        return first(batch)

    trainer._loss_and_gradient = slow
    trainer.fit(images(16), epochs=1)
    shown = capsys.readouterr().err
    assert "compiling the kernels, once" in shown and "training: 100%" in shown
    rate = float(re.findall(r"([\d.]+)img/s", shown)[-1])
    assert rate > 2 * 16 / 0.5
    assert cache.listeners == kept
