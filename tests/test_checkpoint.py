"""Files: what was saved comes back; every other file is refused in one line; writes are atomic."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import safetensors.numpy

import pixelrnn_np as pr
from pixelrnn_np import checkpoint
from pixelrnn_np.runs.reading import BEST, CHECKPOINT, CONFIG, load_checkpoint, load_run
from pixelrnn_np.runs.run import Run
from pixelrnn_np.training.trainer import Trainer

SHAPE, LEVELS = (4, 3, 1), 3
REFUSED = (ValueError, OSError)


def build(dtype="float32", **options):
    return pr.build_model(
        "pixelcnn", SHAPE, LEVELS, h=2, layers=2, head=3, seed=5, dtype=dtype, **options
    )


@pytest.fixture
def saved(tmp_path):
    """The path of a good model file."""
    path = tmp_path / "model.safetensors"
    build().save(path)
    return path


def parts(path):
    arrays, meta = checkpoint.load(path)
    return arrays, meta


def refused(load, path, match=""):
    with pytest.raises(REFUSED) as e:
        load(path)
    text = str(e.value)
    assert text and "\n" not in text and str(match) in text
    return text


# Round trips


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_model_comes_back(tmp_path, dtype):
    model = build(dtype)
    model.flat += 0.125
    path = tmp_path / "m.safetensors"
    model.save(path)
    again = pr.load(path)
    assert again.config == model.config and again.dtype == dtype
    assert again.flat.tobytes() == model.flat.tobytes()
    assert list(again.params) == list(model.params)
    x = np.random.default_rng(0).integers(0, LEVELS, (5, *SHAPE), np.uint8)
    assert again.nll(x).tobytes() == model.nll(x).tobytes()
    again.flat += 1
    assert pr.load(path).flat.tobytes() == model.flat.tobytes(), "the file was changed in place"


@pytest.mark.parametrize("options", [{"residual": False}, {"skip": False}])
def test_options_come_back(tmp_path, options):
    model = build(**options)
    model.save(tmp_path / "m")
    assert pr.load(str(tmp_path / "m")).config == model.config


def test_arrays_and_meta_come_back(tmp_path):
    arrays = {
        "a": np.arange(6, dtype=np.float32).reshape(2, 3).T,
        "empty": np.zeros((0, 3)),
        "scalar": np.array(2.5),
        "b": np.array([True, False]),
    }
    meta = {"text": "é\n", "numbers": [1, 2.5, None], "large": 2**100}
    checkpoint.save(tmp_path / "f", arrays, meta)
    loaded, text = checkpoint.load(tmp_path / "f")
    assert text == meta and loaded.keys() == arrays.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(loaded[name], array)
        assert loaded[name].dtype == array.dtype and loaded[name].flags.writeable


def test_the_same_model_makes_the_same_bytes(tmp_path):
    for name in "ab":
        build().save(tmp_path / name)
    load = [checkpoint.load(tmp_path / name) for name in "ab"]
    assert load[0][1] == load[1][1]
    assert all(load[0][0][k].tobytes() == load[1][0][k].tobytes() for k in load[0][0])


def test_a_run_comes_back(tmp_path):
    x = np.zeros((9, *SHAPE), np.uint8)
    trainer = Trainer(build(), ema=0.5)
    about = {"data": {"name": "digits", "levels": LEVELS}, "epochs": 1}
    folder = tmp_path / "deep" / "run"
    run = Run(folder, about, {"uniform": 3.0})
    assert not run.has_checkpoint
    refused(load_run, folder, "holds no best.safetensors")
    run.write_config(trainer, 1)
    trainer.fit(x, x, epochs=1, run=run, progress=False)
    assert run.has_checkpoint
    names = {BEST, CHECKPOINT, CONFIG, "metrics.csv", "loss.png", ".lock"}
    assert {p.name for p in folder.iterdir()} == names

    best, meta = load_run(folder)
    assert best.flat.tobytes() == trainer.average.tobytes()
    assert meta["data"] == about["data"] and meta["valid_nats"] == trainer.best
    assert pr.load(folder / BEST).flat.tobytes() == best.flat.tobytes()
    (folder / BEST).unlink()
    assert load_run(folder)[0].flat.tobytes() == trainer.model.flat.tobytes()

    config = json.loads((folder / CONFIG).read_text())
    assert config["model"] == trainer.model.config and config["training"] == trainer.settings
    header, row = (folder / "metrics.csv").read_text().splitlines()
    assert header == "step,epoch,images,seconds,cpu_seconds,lr,train,valid"
    assert row.split(",")[:3] == ["1", "1", "9"]
    refused(pr.load, folder / CHECKPOINT)  # a checkpoint's weights have other names
    refused(load_run, folder / CONFIG)


# Refusals


@pytest.mark.parametrize("load", [checkpoint.load, pr.load, load_run, load_checkpoint])
def test_missing_and_unreadable(tmp_path, load):
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "folder").mkdir()
    refused(load, tmp_path / "nothing", "nothing")
    refused(load, tmp_path / "folder", "folder")
    refused(load, tmp_path / "file", "file")
    refused(load, tmp_path / "file" / "below", "below")
    refused(load, os.devnull, os.devnull)


@pytest.mark.parametrize("content", [b"\0" * 7, b"\0" * 8, b"\0" * 4096, b"{}", b"\xff" * 64,
                                     b"PK\x03\x04" + b"\0" * 60, b"\x80\x04K\x01."])  # fmt: skip
def test_foreign_bytes(tmp_path, content):
    (tmp_path / "f").write_bytes(content)
    refused(pr.load, tmp_path / "f", tmp_path / "f")


def test_truncated_anywhere(tmp_path, saved):
    whole = saved.read_bytes()
    cut = tmp_path / "cut"
    for length in [*range(64), *range(64, len(whole), 37), len(whole) - 1]:
        cut.write_bytes(whole[:length])
        refused(pr.load, cut, cut)


def test_random_bytes(tmp_path):
    rng = np.random.default_rng(0)
    for length in (1, 8, 9, 100, 5000):
        (tmp_path / "f").write_bytes(rng.bytes(length))
        refused(pr.load, tmp_path / "f")
        head = (100).to_bytes(8, "little")
        (tmp_path / "f").write_bytes(head + rng.bytes(length))
        refused(pr.load, tmp_path / "f")


def test_flipped_bytes_load_or_are_refused(tmp_path, saved):
    whole, rng = saved.read_bytes(), np.random.default_rng(1)
    header = 8 + int.from_bytes(whole[:8], "little")
    counts = {"loaded": 0, "refused": 0}
    for _ in range(600):
        damaged = bytearray(whole)
        for at in rng.integers(0, header, rng.integers(1, 4)):
            damaged[at] = rng.integers(256)
        (tmp_path / "f").write_bytes(damaged)
        try:
            pr.load(tmp_path / "f")
            counts["loaded"] += 1
        except REFUSED as e:
            assert "\n" not in str(e)
            counts["refused"] += 1
    assert counts["refused"] > 400


def test_foreign_safetensors(tmp_path):
    path = tmp_path / "f"
    arrays = {"a": np.zeros(3)}
    for metadata in (None, {}, {"format": "pt"}, {"pixelrnn_np 2": "{}"}):
        safetensors.numpy.save_file(arrays, path, metadata)
        refused(pr.load, path, "was not written by this project")


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "3", "null", '"text"', "[" * 100_000, '{"a": ' + "9" * 5000 + "}"],
    ids=lambda text: str(text)[:8],
)
def test_garbled_meta(tmp_path, text):
    safetensors.numpy.save_file({"a": np.zeros(3)}, tmp_path / "f", {checkpoint.FORMAT: text})
    refused(pr.load, tmp_path / "f", "has no readable description")


@pytest.mark.parametrize("model", [None, [], "pixelcnn", {}, {"name": "pixelcnn"}, {"x": 1}])
def test_no_configuration(saved, model):
    arrays, _ = parts(saved)
    checkpoint.save(saved, arrays, {} if model is None else {"model": model})
    refused(pr.load, saved, saved)


@pytest.mark.parametrize(
    "change",
    [
        {"name": "transformer"}, {"name": None}, {"name": ["pixelcnn"]}, {"unknown": 1},
        {"image_shape": [4, 3]}, {"image_shape": "abc"}, {"image_shape": None},
        {"image_shape": [4, 3, 2]}, {"image_shape": [4, 3, 10**9]}, {"image_shape": [-4, 3, 1]},
        {"image_shape": [4.0, 3, 1]}, {"image_shape": {"a": 1, "b": 2, "c": 3}},
        {"levels": 2}, {"levels": 256}, {"levels": 257}, {"levels": "3"}, {"levels": True},
        {"h": 1}, {"h": 3}, {"h": 10**6}, {"h": 65536}, {"h": -2}, {"h": 2.0}, {"h": None},
        {"h": [2]}, {"h": 10**400},
        {"layers": 1}, {"layers": 3}, {"layers": 10**9}, {"layers": None}, {"layers": True},
        {"layers": "2"},
        {"head": 2}, {"head": 65536}, {"head": {}},
        {"dtype": "float64"}, {"dtype": "float16"}, {"dtype": "object"}, {"dtype": 3},
        {"seed": -1}, {"seed": "0"}, {"skip": False},
    ],
    ids=lambda change: str(change)[:40],
)  # fmt: skip
def test_a_configuration_that_is_not_the_arrays(saved, change):
    arrays, meta = parts(saved)
    checkpoint.save(saved, arrays, {"model": {**meta["model"], **change}})
    refused(pr.load, saved)


@pytest.mark.parametrize("h", [4000, 65536])
def test_a_large_claim_is_refused_before_memory_is_taken(saved, h):
    arrays, meta = parts(saved)
    checkpoint.save(saved, arrays, {"model": {**meta["model"], "h": h, "head": h}})
    refused(pr.load, saved, "differ in size")


def test_other_arrays(saved):
    arrays, meta = parts(saved)
    key = "first.b"
    for changed in (
        {},
        {k: a for k, a in arrays.items() if k != key},
        {**arrays, "extra": arrays[key]},
        {**arrays, "blocks.7.up.b": arrays[key]},
        {**arrays, key: arrays[key].astype(np.float64)},
        {**arrays, key: arrays[key].astype(np.float16)},
        {**arrays, key: arrays[key].astype(np.int32)},
        {**arrays, key: arrays[key][:-1]},
        {**arrays, key: arrays[key][None]},
        {**arrays, key: np.float32(0)},
        {k.upper(): a for k, a in arrays.items()},
    ):
        checkpoint.save(saved, changed, meta)
        refused(pr.load, saved, saved)


def test_a_model_is_no_run(tmp_path):
    build().save(tmp_path / CHECKPOINT)
    refused(load_checkpoint, tmp_path)
    arrays, meta = parts(tmp_path / CHECKPOINT)
    arrays = {f"weights.{k}": a for k, a in arrays.items()}
    for state in (None, [], {}, {"settings": None}, {"settings": []}):
        checkpoint.save(tmp_path / CHECKPOINT, arrays, {**meta, "trainer": state})
        refused(load_checkpoint, tmp_path, "no state of a trainer")


# Writing


@pytest.mark.parametrize("failing", ["fsync", "replace"])
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()],
                         ids=["full", "ctrl-c"])  # fmt: skip
@pytest.mark.parametrize("old", [True, False])
def test_a_write_that_fails_leaves_what_was_there(tmp_path, monkeypatch, failing, error, old):
    path = tmp_path / "m.safetensors"
    if old:
        build().save(path)
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}

    def fail(*_):
        raise error

    monkeypatch.setattr(os, failing, fail)
    model = build()
    model.flat += 1
    with pytest.raises(type(error)):
        model.save(path)
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


def test_what_json_cannot_hold_writes_nothing(tmp_path):
    with pytest.raises(TypeError):
        checkpoint.save(tmp_path / "f", {"a": np.zeros(1)}, {"x": object()})
    assert not list(tmp_path.iterdir())


def test_places_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("kept")
    (tmp_path / "folder").mkdir()
    model = build()
    refused(model.save, tmp_path / "folder", "is a folder")
    refused(model.save, tmp_path / "none" / "m", "none does not exist")
    refused(model.save, tmp_path / "file" / "m", "file is not a folder")
    refused(lambda p: Run(p, {}), tmp_path / "file", "is a file")
    refused(lambda p: Run(p, {}), tmp_path / "file" / "run", "file")
    assert (tmp_path / "file").read_text() == "kept"
    assert {p.name for p in tmp_path.iterdir()} == {"file", "folder"}
    assert not list((tmp_path / "folder").iterdir())


def test_a_file_is_replaced_whole(tmp_path):
    path = tmp_path / "f"
    checkpoint.write_atomically(path, b"a long first content")
    checkpoint.write_atomically(str(path), b"short")
    assert path.read_bytes() == b"short" and len(list(tmp_path.iterdir())) == 1


def test_the_same_run_gives_the_same_bytes(tmp_path):
    """safetensors puts several keys of metadata in any order; one key has one order."""
    build = "pr.build_model('pixelcnn', (4, 4, 1), h=4)"
    code = f"import sys, pixelrnn_np as pr; [{build}.save(path) for path in sys.argv[1:]]"
    paths = [tmp_path / name for name in "abc"]
    eval(build).save(paths[0])
    subprocess.run([sys.executable, "-c", code, *paths[1:]], check=True)
    assert len({(tmp_path / name).read_bytes() for name in "abc"}) == 1
