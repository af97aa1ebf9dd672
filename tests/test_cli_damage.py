"""What a command cannot use: damaged checkpoints, models and weights, or a run that is nowhere."""

import numpy as np
import pytest

from pixelrnn_np import checkpoint
from pixelrnn_np.runs.reading import CHECKPOINT, load_run


def damage(path, change):
    if isinstance(change, bytes):
        path.write_bytes(change)
    elif change == "truncate":
        path.write_bytes(path.read_bytes()[:-1])
    else:
        arrays, meta = checkpoint.load(path)
        change(meta)
        checkpoint.save(path, arrays, meta)


@pytest.mark.parametrize(
    "change",
    [
        b"",
        b"foreign",
        "truncate",
        lambda meta: meta.pop("model"),
        lambda meta: meta.pop("trainer"),
        lambda meta: meta.pop("data"),
        lambda meta: meta.pop("epochs"),
        lambda meta: meta.update(epochs="many"),
        lambda meta: meta.update(data=["digits"]),
        lambda meta: meta.update(data={"levels": 17}),
        lambda meta: meta["data"].update(name="faces"),
        lambda meta: meta["data"].update(name="mnist"),
        lambda meta: meta["data"].update(name=["digits"]),
        lambda meta: meta["data"].update(split="test"),
        lambda meta: meta["data"].update(levels="2"),
        lambda meta: meta["data"].update(levels=9),
        lambda meta: meta["data"].update(seed=-1),
        lambda meta: meta["trainer"].update(settings=[]),
        lambda meta: meta["trainer"]["settings"].update(lr="fast"),
        lambda meta: meta["trainer"]["settings"].update(momentum=0.9),
        lambda meta: meta["trainer"]["settings"].update(model="pixelcnn"),
        lambda meta: meta["trainer"]["settings"].update(threads=9),
        lambda meta: meta.update(flags=[1]),
        lambda meta: meta.update(flags={"threads": 0}),
        lambda meta: meta.update(flags={"samples": "9"}),
        lambda meta: meta.update(flags={"quiet": 1}),
        lambda meta: meta["trainer"].pop("sums"),
        lambda meta: meta["trainer"].update(order_state={}),
        lambda meta: meta["trainer"].update(position=-1),
    ],
)
def test_resume_from_a_damaged_checkpoint(refuse, trained, tmp_path, change):
    out = tmp_path / "run"
    out.mkdir()
    (out / CHECKPOINT).write_bytes((trained / CHECKPOINT).read_bytes())
    damage(out / CHECKPOINT, change)
    refuse("train", "--out", out, "--resume", "--quiet")


@pytest.mark.parametrize(
    "change",
    [
        b"",
        b"foreign",
        "truncate",
        lambda meta: meta.pop("model"),
        lambda meta: meta.update(model={"name": "pixelcnn"}),
        lambda meta: meta.update(data="digits"),
        lambda meta: meta.update(data={"name": "digits", "split": "train"}),
        lambda meta: meta["data"].update(name=None),
        lambda meta: meta["data"].update(stochastic=[]),
    ],
)
def test_damaged_models(refuse, trained, tmp_path, change):
    path = tmp_path / "model"
    path.write_bytes((trained / "best.safetensors").read_bytes())
    damage(path, change)
    refuse("evaluate", path)
    refuse("complete", path, "-o", tmp_path / "a.png", "--quiet")
    if not callable(change) or "data" not in checkpoint.load(path)[1]:
        refuse("sample", path, "-o", tmp_path / "a.png", "--quiet")


@pytest.mark.parametrize("command", [["evaluate"], ["sample", "-o", "x.png"],
                                     ["complete", "-o", "x.png"]])  # fmt: skip
def test_runs_that_are_not_there(refuse, tmp_path, command):
    (tmp_path / "file").write_text("kept")
    for path in ("nothing", "", "file", "file/below"):
        refuse(*command, tmp_path / path)


def test_damaged_weights(refuse, trained, tmp_path):
    model, _ = load_run(trained)
    model.flat[...] = np.nan
    model.save(tmp_path / "m")
    words = ["-o", tmp_path / "a.png", "--quiet"]
    assert "not finite" in refuse("sample", tmp_path / "m", *words)
    assert "not finite" in refuse("complete", tmp_path / "m", "--data", "digits", *words)
    assert "not finite" in refuse("evaluate", tmp_path / "m", "--data", "digits")
