"""A run's folder: its lock, what a kill leaves behind, what is set aside, how large it gets."""

import errno
import os

import pytest

import pixelrnn_np as pr
from pixelrnn_np.runs import folder
from pixelrnn_np.runs.folder import Lock, remove_leftovers, set_aside
from pixelrnn_np.runs.reading import BEST, CHECKPOINT, FILES
from pixelrnn_np.runs.run import Run
from pixelrnn_np.training.trainer import Trainer


def test_a_folder_that_the_lock_made_goes_with_it(tmp_path):
    with Run(tmp_path / "a" / "b"):
        assert (tmp_path / "a" / "b" / ".lock").exists()
    assert not list(tmp_path.iterdir())
    (tmp_path / ".lock").write_bytes(b"left by a kill")
    with Run(tmp_path):
        pass
    assert not list(tmp_path.iterdir())


def test_a_file_system_without_locks_is_said(tmp_path, monkeypatch, capsys):
    def none(file):
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    monkeypatch.setattr("pixelrnn_np.runs.folder._lock", none)
    with Run(tmp_path):
        pass
    assert "has no locks" in capsys.readouterr().err


def test_a_lock_whose_file_was_removed_is_taken_again(tmp_path, monkeypatch):
    """Its holder removes the file between the next one's open and lock."""
    real, calls = folder._lock, []

    def late(file):
        if not calls:
            (tmp_path / ".lock").unlink()
        calls.append(file)
        real(file)

    monkeypatch.setattr(folder, "_lock", late)
    lock = Lock(tmp_path)
    assert len(calls) == 2
    monkeypatch.setattr(folder, "_lock", real)
    with pytest.raises(ValueError, match="is in use"):
        Lock(tmp_path)
    lock.release()


def test_leftovers_of_a_kill_go_and_other_files_stay(tmp_path):
    names = [f".{CHECKPOINT}.0123abcd.tmp", f".{BEST}.ffffffff.tmp"]
    kept = [".mine.0123abcd.tmp", f".{CHECKPOINT}.tmp", f"{CHECKPOINT}.0123abcd.tmp", "a.txt"]
    for name in (*names, *kept):
        (tmp_path / name).touch()
    remove_leftovers(tmp_path, FILES)
    assert {p.name for p in tmp_path.iterdir()} == set(kept)


def test_set_aside_never_overwrites(tmp_path):
    for n in (1, 2, 3):
        (tmp_path / "a.b").write_text(str(n))
        assert set_aside(tmp_path / "a.b", "damaged").name == f"a.damaged-{n}.b"
    assert (tmp_path / "a.damaged-2.b").read_text() == "2"


def test_the_largest_checkpoint_stays_small(tmp_path):
    model = pr.build_model("diagonal_bilstm")
    trainer = Trainer(model, "adam", ema=0.9)
    trainer.best_weights, trainer.best_updates, trainer.best = model.flat.copy(), 1, 1.0
    with Run(tmp_path / "run") as folder:
        folder.save_checkpoint(trainer)
    assert model.flat.size == 70_049
    assert (tmp_path / "run" / CHECKPOINT).stat().st_size < 2_000_000
