"""Real signals: a run that was killed or stopped, and resumed, equals one that was not."""

import contextlib
import signal
import subprocess
import sys
import time

import pytest
from small_trainer import Folder, assert_same, build, images
from soak.faults import table

from pixelrnn_np.cli import app as cli
from pixelrnn_np.runs.reading import CHECKPOINT, load_checkpoint, load_run
from pixelrnn_np.training.trainer import COLUMNS, Trainer

# Processes


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
    assert (a / "metrics.csv").read_text().splitlines()[0] == ",".join(COLUMNS)
    assert table(a) == table(b)


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


# In this process


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
