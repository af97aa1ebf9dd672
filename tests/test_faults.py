"""What happens to a run: kills, a full disk, damage, a second run; not a bit differs."""

import contextlib
import errno
import io
import itertools
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from soak import faults

from pixelrnn_np import checkpoint, figures
from pixelrnn_np.cli import app as cli
from pixelrnn_np.runs import experiment, provenance, reading
from pixelrnn_np.runs.reading import BEST, CHECKPOINT, CONFIG, CURVE, METRICS, PREVIOUS
from pixelrnn_np.runs.run import Run

DATA = {"data": {"name": "digits", "levels": 17}, "epochs": 2}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A finished run, its checkpoints at updates 50 and 52."""
    out = tmp_path_factory.mktemp("runs") / "whole"
    assert train(out)[0] == 0
    return out


@pytest.fixture
def out(whole, tmp_path):
    """A copy of it, to be harmed."""
    return Path(shutil.copytree(whole, tmp_path / "run"))


def train(out, *more):
    """(exit code, stderr) of the small run of the harness, in this process."""
    said = io.StringIO()
    words = ["train", "--out", str(out), "--resume", *faults.RUN, *map(str, more)]
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as e:
        patch.setattr(sys, "argv", ["pixelrnn", *words])
        patch.setattr(sys, "stderr", said)
        cli.main()
    return e.value.code or 0, said.getvalue()


def files(folder):
    return {p.name: p.read_bytes() for p in folder.iterdir()}


def flip(path, at=-5):
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


def assert_equal(out, whole):
    soak = object.__new__(faults.Soak)
    soak.whole = whole
    soak.check_equal(out)


# The harness, a small part of what `make soak` does


def test_a_few_faults_of_each_kind(tmp_path):
    soak = faults.soak(6, 1, tmp_path, say=lambda *_, **__: None)
    assert not soak.failures
    assert soak.tried.total() >= 6 and soak.tried == soak.survived


@pytest.mark.parametrize("name", [CHECKPOINT, BEST, METRICS, CURVE, "samples.png"])
def test_the_harness_sees_a_difference(out, whole, name):
    if name == CHECKPOINT:
        arrays, meta = checkpoint.load(out / name)
        arrays["weights.first.b"][0] += 1
        checkpoint.save(out / name, arrays, meta)
    elif name == METRICS:
        text = (out / name).read_text()
        (out / name).write_text(text.replace("52,", "51,"))
    else:
        flip(out / name)
    with pytest.raises(faults.Failed, match="differ"):
        assert_equal(out, whole)


# Checksums


def test_every_flipped_bit_of_a_file_is_noticed(out):
    whole, rng = (out / CHECKPOINT).read_bytes(), np.random.default_rng(0)
    arrays, meta = checkpoint.load(out / CHECKPOINT)
    refused = 0
    for _ in range(300):
        data = bytearray(whole)
        data[rng.integers(len(data))] ^= 1 << int(rng.integers(8))
        (out / CHECKPOINT).write_bytes(data)
        try:
            found, text = checkpoint.load(out / CHECKPOINT)
        except (ValueError, OSError):
            refused += 1
        else:  # a bit between the parts, or in the name of the checksum
            assert all(found[k].tobytes() == a.tobytes() for k, a in arrays.items())
            assert all(text[k] == value for k, value in meta.items())
    assert refused > 290


def test_files_of_before_checksums_load(out):
    import safetensors.numpy

    arrays, meta = checkpoint.load(out / BEST)
    text = {checkpoint.FORMAT: json.dumps(meta)}
    (out / BEST).write_bytes(safetensors.numpy.save(arrays, text))
    assert checkpoint.load(out / BEST)[1] == meta
    wrong = {checkpoint.FORMAT: json.dumps({**meta, checkpoint.CHECKSUM: None})}
    (out / BEST).write_bytes(safetensors.numpy.save(arrays, wrong))
    assert checkpoint.load(out / BEST)[1] == meta
    wrong = {checkpoint.FORMAT: json.dumps({**meta, checkpoint.CHECKSUM: "0"})}
    (out / BEST).write_bytes(safetensors.numpy.save(arrays, wrong))
    with pytest.raises(ValueError, match="is damaged: its content differs"):
        checkpoint.load(out / BEST)


# Damage


def test_the_checkpoint_before_takes_over(out, whole):
    flip(out / CHECKPOINT)
    damaged = (out / CHECKPOINT).read_bytes()
    code, said = train(out)
    assert code == 0
    assert f"{out / CHECKPOINT} is set aside as checkpoint.damaged-1.safetensors: " in said
    assert f"{out}: going on from the checkpoint before, after update 50" in said
    assert (out / "checkpoint.damaged-1.safetensors").read_bytes() == damaged
    assert_equal(out, whole)


def test_a_checkpoint_that_is_gone(out, whole):
    (out / CHECKPOINT).unlink()
    code, said = train(out)
    assert code == 0 and f"{out / CHECKPOINT} is missing" in said
    assert_equal(out, whole)


def test_reading_falls_back_and_changes_nothing(out):
    flip(out / CHECKPOINT)
    (out / BEST).unlink()
    before = files(out)
    model, _ = reading.load_run(out)
    assert experiment.resumed(out, {}, 1)[0].step_count == 50
    assert np.isfinite(model.flat).all() and files(out) == before


def test_damaged_best_weights_say_how_they_come_back(out):
    flip(out / BEST)
    before = files(out)
    with pytest.raises(ValueError, match="--resume makes it again from the checkpoint"):
        reading.load_run(out)
    assert files(out) == before


def test_all_checkpoints_damaged(out):
    flip(out / CHECKPOINT)
    (out / PREVIOUS).write_bytes(b"")
    before = files(out)
    code, said = train(out)
    assert code == 2 and said.count("\n") == 1 and files(out) == before
    assert str(out / CHECKPOINT) in said and str(out / PREVIOUS) in said
    assert "Nothing was changed. Put back a copy, or start a new run" in said
    assert said.endswith(f"with another --out --init {out / BEST}\n")
    words = ["train", "--out", str(out), *faults.RUN]
    done = subprocess.run([sys.executable, "-m", "pixelrnn_np", *words], capture_output=True)
    assert done.returncode == 2 and b"holds a run already" in done.stderr


HARMS = {Path.unlink: "gone", flip: "flipped", lambda p: p.write_bytes(b""): "empty"}
ONCE = zip((METRICS, CURVE, "samples.png"), HARMS, strict=True)
HARMED = [*itertools.product((BEST, CONFIG), HARMS), *ONCE]


@pytest.mark.parametrize(("name", "harm"), HARMED, ids=lambda v: HARMS.get(v, v))
def test_each_file_is_made_again(out, whole, name, harm):
    sessions = reading.sessions(out)
    harm(out / name)
    assert train(out)[0] == 0
    assert_equal(out, whole)
    assert reading.sessions(out)[:1] == sessions
    aside = {p.name.partition(".")[0] for p in out.iterdir() if "damaged" in p.name}
    found = name in (BEST, CONFIG) and HARMS[harm] != "gone"  # the others hold nothing of their own
    assert aside == ({name.partition(".")[0]} if found else set())


def test_damage_while_it_trains_does_not_take_the_place_of_a_whole_one(out):
    trainer, about = experiment.resumed(out, {}, 1)
    before = (out / PREVIOUS).read_bytes()
    flip(out / CHECKPOINT)
    with Run(out, about) as folder:
        folder.save_checkpoint(trainer)
        assert (out / PREVIOUS).read_bytes() == before
        assert (out / "checkpoint.damaged-1.safetensors").exists()
        checkpoint.load(out / CHECKPOINT)
        folder.save_checkpoint(trainer)
    checkpoint.load(out / PREVIOUS)


def test_best_weights_without_a_checkpoint_are_kept(out):
    best = (out / BEST).read_bytes()
    for name in (CHECKPOINT, PREVIOUS):
        (out / name).unlink()
    code, said = train(out)
    assert code == 0 and "has no checkpoint: a new run" in said
    assert (out / "best.old-1.safetensors").read_bytes() == best


def test_a_checkpoint_of_before_takes_the_best_from_its_file(out, whole):
    """Older ones have no best weights inside."""
    arrays, meta = checkpoint.load(out / CHECKPOINT)
    del arrays["best"], meta["trainer"]["best_updates"], meta["sessions"]
    checkpoint.save(out / CHECKPOINT, arrays, meta)
    trainer, _ = experiment.resumed(out, {}, 1)
    best, about = reading.load_run(out)
    assert trainer.best_weights.tobytes() == best.flat.tobytes()
    assert trainer.best_updates == about["updates"]
    flip(out / BEST)
    assert experiment.resumed(out, {}, 1)[0].best == np.inf


# Writes that fail


def full(patch, match):
    """No space for files whose names contain `match`."""
    real = checkpoint.write_atomically

    def write(path, data, before=None):
        if match in Path(path).name:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        return real(path, data, before)

    patch.setattr(checkpoint, "write_atomically", write)
    patch.setattr(figures.files, "write_atomically", write)


@pytest.mark.parametrize("name", [CHECKPOINT, BEST, CONFIG])
def test_a_full_disk_ends_the_run_and_keeps_what_was_there(out, whole, monkeypatch, name):
    before = files(out)
    with monkeypatch.context() as patch:
        full(patch, name)
        code, said = train(out, "--epochs", 6)
    assert code == 2 and f"{out / name}: No space left on device" in said
    if name != CONFIG:
        assert "the last checkpoint is whole" in said and said.strip().endswith("--resume")
    assert all(files(out)[n] == before[n] for n in (CHECKPOINT, PREVIOUS) if name == CHECKPOINT)
    assert train(out, "--epochs", 6)[0] == 0


@pytest.mark.parametrize("name", [CURVE, METRICS])
def test_pictures_and_metrics_do_not_stop_training(tmp_path, whole, monkeypatch, name):
    out = tmp_path / "run"
    with monkeypatch.context() as patch:
        full(patch, name)
        code, said = train(out)
    assert code == 2, "at the end it is said"
    assert said.count(f"{out}: {name} could not be written (No space left on device)") == 1
    assert "training goes on" in said and "error: " in said.splitlines()[-1]
    *_, state, _ = reading.load_checkpoint(out)
    assert state["epoch"] == 4 and not (out / name).exists()
    assert train(out)[0] == 0
    assert_equal(out, whole)


# The lock


def test_two_runs_cannot_write_into_one_folder(out):
    before = {k: v for k, v in files(out).items() if k != ".lock"}
    with Run(out):
        for words in ([], ["--epochs", 9]):
            code, said = train(out, *words)
            assert code == 2 and said == (
                f"error: {out} is in use: another run is writing there. Wait for its end, "
                "stop it, or name another folder\n"
            )
        with pytest.raises(ValueError, match="is in use"):
            Run(out)
        assert np.isfinite(reading.load_run(out)[0].flat).all(), "reading needs no lock"
    assert files(out) == before
    assert train(out)[0] == 0


# The folder explains itself


def test_config_says_all(out):
    config = json.loads((out / CONFIG).read_text())
    (session,) = config["sessions"]
    assert session["command"].startswith("python -m pixelrnn_np train --out ")
    assert {"pixelrnn_np", "python", "numpy", "numba", "scipy"} <= session["versions"].keys()
    assert session["commit"] == provenance.commit() and session["threads"] == 1
    assert config["training"]["seed"] == config["model"]["seed"] == 0
    assert config["data"] == {"name": "digits", "levels": 17} and config["epochs"] == 4
    with contextlib.suppress(FileNotFoundError):
        (out / CONFIG).unlink()
    assert reading.sessions(out) == config["sessions"], "the checkpoint says it as well"
