"""How a command ends that cannot go on: divergence, no memory, Ctrl-C; as a process shows it."""

import signal
import subprocess
import sys

import numpy as np
import pytest
from command_line import TINY

import pixelrnn_np as pr
from pixelrnn_np import sampling
from pixelrnn_np.runs.reading import CHECKPOINT, load_checkpoint


@pytest.mark.parametrize("lr", ["1e30", "1e300"])
def test_divergence(call, tmp_path, lr):
    out = tmp_path / "run"
    code, _, said = call("train", "--out", out, *TINY, "--lr", lr)
    error = said.splitlines()[1]
    assert code == 2 and said.count("\n") == 2
    assert error.startswith("error: the ") and "a lower learning rate than" in error
    assert [p.name for p in out.iterdir()] == ["config.json"]
    code, _, said = call("train", "--out", out, *TINY, "--lr", lr, "--checkpoint-every", 1)
    assert code == 2
    if (out / CHECKPOINT).exists():
        assert said.strip().endswith(f"{out / CHECKPOINT} is the last good one")
        model, *_ = load_checkpoint(out)
        assert np.isfinite(model.nll(pr.load_data("digits", "valid"))).all()


def test_not_enough_memory_is_one_line(refuse, trained, tmp_path, monkeypatch):
    def fail(*_, **__):
        raise MemoryError("Unable to allocate 9 TiB")

    monkeypatch.setattr(sampling, "sample", fail)
    assert "9 TiB" in refuse("sample", trained, "-o", tmp_path / "a.png")


# Interrupts


@pytest.fixture
def ctrl_c():
    """Python's own handler: a shell's background job, such as a test runner, may ignore SIGINT."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("ctrl_c")
def test_ctrl_c_outside_of_training(call, trained, tmp_path, monkeypatch):
    monkeypatch.setattr(sampling, "sample", lambda *_, **__: signal.raise_signal(signal.SIGINT))
    code, _, said = call("sample", trained, "-o", tmp_path / "a.png")
    assert (code, said) == (130, "stopped\n") and not list(tmp_path.iterdir())


def test_a_file_that_ends_too_early_is_no_ctrl_c(call, trained, tmp_path, monkeypatch):
    """Click takes every EOFError for a Ctrl-C at a prompt; here none is expected."""

    def end(*_, **__):
        raise EOFError("ran out of input")

    monkeypatch.setattr(sampling, "sample", end)
    with pytest.raises(EOFError, match="ran out of input"):
        call("sample", trained, "-o", tmp_path / "a.png")


def test_ctrl_c_in_training(call, tmp_path, monkeypatch):
    out = tmp_path / "a run"
    update = pr.Trainer._update

    def interrupting(trainer, g):
        update(trainer, g)
        if trainer.step_count == 4:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(pr.Trainer, "_update", interrupting)
    code, _, said = call("train", "--out", out, *TINY, "--epochs", 2)
    _, how, last = said.splitlines()
    assert code == 130 and last == "stopped" and how.startswith("saved after update 4; ")
    assert how.endswith(f"python -m pixelrnn_np train --out '{out}' --resume")


# As other processes see it


def shell(*words):
    return subprocess.run(
        [sys.executable, "-m", "pixelrnn_np", *map(str, words)], capture_output=True, text=True
    )


def test_exit_codes_of_the_process(trained, tmp_path):
    done = shell("evaluate", trained, "--limit", 5)
    assert (done.returncode, done.stderr) == (0, "") and "digits test, 5 images" in done.stdout
    bad = shell("sample", tmp_path, "-o", tmp_path / "a.png")
    assert (bad.returncode, bad.stdout) == (2, "")
    assert bad.stderr == (
        f"error: {tmp_path} holds no best.safetensors; name the folder of a training run\n"
    )
    usage = shell("train", "--lr", "fast", "--out", tmp_path)
    assert usage.returncode == 2 and usage.stderr.startswith("error: ")
    assert usage.stderr.count("\n") == 1 and not list(tmp_path.iterdir())
