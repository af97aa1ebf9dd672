"""A run that broke off and was resumed equals one that did not; a broken state is refused."""

import copy

import numpy as np
import pytest
from small_trainer import ADAM, Folder, Stop, assert_same, build, images

from pixelrnn_np.runs.reading import load_checkpoint, load_run
from pixelrnn_np.runs.run import Run
from pixelrnn_np.training.trainer import COLUMNS, Trainer


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
    best = load_run(tmp_path)[0]
    assert best.flat.tobytes() == whole.best_weights.tobytes()
    assert best.nll(valid).mean() == whole.best


# Broken states


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
    with pytest.raises(ValueError, match="the checkpoint's trainer is damaged or incomplete") as e:
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
