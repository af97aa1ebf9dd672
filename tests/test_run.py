"""`fit(run=…)`: a Run or a path; a cell that runs twice; what a Run says of itself."""

import json
import multiprocessing
import os
from pathlib import Path

import numpy as np
import pytest
from small_trainer import assert_same, build, images

import pixelrnn_np as pr
from pixelrnn_np.runs.reading import BEST, CHECKPOINT, CONFIG, CURVE, METRICS, load_checkpoint

FILES = {BEST, CHECKPOINT, CONFIG, CURVE, METRICS}


def names(folder):
    return {p.name for p in Path(folder).iterdir()}


def fit(trainer, run, epochs=1):
    return trainer.fit(images(20), images(9, 2), epochs, run=run, progress=False)


@pytest.mark.parametrize("kind", [str, Path, pr.Run], ids=lambda kind: kind.__name__)
def test_what_fit_takes(kind, tmp_path):
    run = kind(tmp_path / "runs" / "x")
    trainer, alone = pr.Trainer(build()), pr.Trainer(build())
    fit(trainer, run)
    fit(alone, None)
    assert_same(trainer, alone)
    if kind is pr.Run:
        run.close()
    assert names(tmp_path / "runs" / "x") == FILES
    assert pr.load(tmp_path / "runs" / "x" / BEST).flat.tobytes() == trainer.best_weights.tobytes()
    (session,) = json.loads((tmp_path / "runs" / "x" / CONFIG).read_text())["sessions"]
    assert (session["epochs"], session["from_update"]) == (1, 0)


def test_the_same_trainer_goes_on_in_a_path(tmp_path):
    trainer = pr.Trainer(build())
    for epochs in (1, 2, 2):
        fit(trainer, tmp_path / "x", epochs)
    assert load_checkpoint(tmp_path / "x")[2]["epoch"] == 2
    assert names(tmp_path / "x") == FILES | {"checkpoint.previous.safetensors"}


def test_a_new_trainer_does_not_write_over_a_run(tmp_path):
    fit(pr.Trainer(build()), tmp_path / "x")
    before = (tmp_path / "x" / CHECKPOINT).read_bytes()
    with pytest.raises(ValueError, match=r"x holds a run already; name another folder"):
        fit(pr.Trainer(build(1)), tmp_path / "x")
    assert (tmp_path / "x" / CHECKPOINT).read_bytes() == before


@pytest.mark.parametrize("run", [3, True, [], b"x"])
def test_what_fit_refuses(run):
    trainer = pr.Trainer(build())
    with pytest.raises(ValueError, match="it has to be a Run, the path of a folder, or None"):
        fit(trainer, run)
    assert trainer.model.untouched


def test_a_cell_can_run_twice(tmp_path):
    """The older Run is alive while the newer one is made; it writes no more."""
    older, trainer = pr.Run(tmp_path / "x"), pr.Trainer(build())
    fit(trainer, older)
    run = pr.Run(tmp_path / "x" / ".." / "x")
    fit(trainer, run, 2)
    before = (tmp_path / "x" / CHECKPOINT).read_bytes()
    for write in (
        lambda: fit(trainer, older, 3), lambda: older.save_checkpoint(trainer),
        lambda: older.save_best(trainer, 1.0), lambda: older.write_config(trainer, 1),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=r"is closed, by itself or by a newer one") as e:
            write()
        assert "\n" not in str(e.value)
    assert (tmp_path / "x" / CHECKPOINT).read_bytes() == before
    older.close()
    assert (tmp_path / "x" / ".lock").exists(), "the newer one still has the folder"
    fit(trainer, run, 3)


def test_a_cell_that_failed_can_run_again(tmp_path):
    """Its traceback keeps the Run alive, and nobody has a name for it."""
    kept = []
    for _ in range(2):
        with pytest.raises(ValueError, match="train is a list") as e:
            pr.Trainer(build()).fit([], run=pr.Run(tmp_path / "x"))
        kept.append(e)


def test_a_run_in_a_block_is_not_closed(tmp_path):
    with pr.Run(tmp_path / "x") as run:
        with pytest.raises(ValueError, match="x is in use"):
            pr.Run(tmp_path / "x")
        fit(pr.Trainer(build()), run)
    with pr.Run(tmp_path / "x"):
        pass


def new_run(folder):
    try:
        pr.Run(folder)
    except ValueError as e:
        return str(e)
    return "no error"


def test_another_process_closes_nothing(tmp_path):
    """A forked one inherits the Run, and does not release its lock."""
    if "fork" not in multiprocessing.get_all_start_methods():
        pytest.skip("this system does not fork")
    run = pr.Run(tmp_path / "x")
    with multiprocessing.get_context("fork").Pool(1) as pool:
        assert "is in use: another run is writing there" in pool.apply(new_run, [tmp_path / "x"])
    child = os.fork()
    if not child:
        run.close()
        os._exit(0)
    os.waitpid(child, 0)
    assert (tmp_path / "x" / ".lock").exists()
    fit(pr.Trainer(build()), run)


def test_about_is_what_json_can_hold(tmp_path):
    about = {"data": {"name": "mine", "levels": np.int64(4)}, "share": np.float32(0.5),
             "grey": np.True_, "sizes": (1, 2)}  # fmt: skip
    with pr.Run(tmp_path / "x", about) as run:
        fit(pr.Trainer(build()), run)
    saved = load_checkpoint(tmp_path / "x")[3]
    assert saved["data"] == {"name": "mine", "levels": 4} and saved["sizes"] == [1, 2]
    for bad in ({"a": np.ones(3)}, {"a": object()}, {(1, 2): 3}, {"a": float("nan")}):
        with pytest.raises(ValueError, match=r"about is .*; it has to be a dict of what JSON"):
            pr.Run(tmp_path / "y", bad)
    assert not (tmp_path / "y").exists()
