"""Hostile files: a clear error or a right result, and never more memory than the file accounts for.

`python -m tests.soak.fuzz` tries thousands of them for each reader; here are a few hundred,
and one by one those that once did harm.
"""

import contextlib
import gzip
import io
import json
import os
import signal
import subprocess
import tarfile
import tracemalloc

import numpy as np
import pytest
import safetensors.numpy
from PIL import Image
from soak import fuzz_bytes as fuzz
from soak import fuzz_pictures
from soak.fuzz import Guard, attempt
from soak.fuzz_readers import READERS

import pixelrnn_np as pr
from pixelrnn_np import checkpoint
from pixelrnn_np.data import binarized_mnist, cifar10, files, mnist
from pixelrnn_np.data.picture import read_picture
from pixelrnn_np.runs import experiment, reading, run
from pixelrnn_np.training.trainer import Trainer

GUARD = Guard(".")
FILES = {"config": 50, "checkpoint": 120}
pytestmark = pytest.mark.usefixtures("cache")


@pytest.fixture(autouse=True)
def soon():
    """What hangs fails."""

    def fail(*_):
        raise TimeoutError("no answer in two minutes")

    before = signal.signal(signal.SIGALRM, fail)
    signal.alarm(120)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@contextlib.contextmanager
def little_memory(most=2**26):
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < most
    finally:
        tracemalloc.stop()


def fails(path, *parts):
    pattern = "".join(f"(?=.*{part})" for part in ("", *parts))
    return pytest.raises((ValueError, OSError), match=rf"\A(?=.*{path}){pattern}[^\n]+\Z")


@pytest.mark.parametrize("name", READERS)
def test_hostile_files(name, tmp_path, monkeypatch):
    monkeypatch.setenv("PIXELRNN_DATA", str(tmp_path))
    monkeypatch.setitem(binarized_mnist.SPLITS, "test", binarized_mnist.SPLITS["test"])
    folder = tmp_path / "own"
    folder.mkdir()
    reader = READERS[name](folder)
    GUARD.folder = os.path.realpath(folder)
    reader.warm()
    found = {"right": 0, "refused": 0}
    for k in range(FILES.get(name, 250)):
        reader.write(7, k)
        result = attempt(reader, GUARD)
        assert result in found, f"file {k}: {result}"
        found[result] += 1
    assert [p.name for p in tmp_path.iterdir()] == ["own"]
    assert found["right"] and (found["refused"] or name == "config")


def test_the_fuzzer_finds_what_is_wrong(tmp_path):
    """The judge itself: it tells an unclear error, a crash, a foreign file and a process."""

    class Bad:
        path = tmp_path / "file"

    def judged(act):
        Bad.read = staticmethod(act)
        GUARD.folder = os.path.realpath(tmp_path / "own")
        return attempt(Bad, GUARD)

    def refuse(text):
        raise ValueError(text)

    assert judged(lambda: None) == "right"
    assert judged(lambda: refuse(f"{Bad.path} is bad")) == "refused"
    assert judged(lambda: refuse("bad")).startswith("unclear")
    assert judged(lambda: refuse(f"{Bad.path}\nis bad")).startswith("unclear")
    assert judged(lambda: {}["a"]).startswith("raised KeyError")
    assert judged(lambda: bytes(10**18)).startswith("raised MemoryError")
    assert judged(lambda: (tmp_path / "x").write_text("")).startswith("did open")
    assert judged(lambda: (tmp_path / "d").mkdir()).startswith("did os.mkdir")
    assert judged(lambda: subprocess.run(["true"])).startswith("did subprocess.Popen")


# What once did harm, one by one


def test_a_pipe_is_no_file(tmp_path, monkeypatch):
    """To open one waits until somebody writes."""
    monkeypatch.setenv("PIXELRNN_DATA", str(tmp_path))
    names = (
        reading.CONFIG,
        reading.CHECKPOINT,
        binarized_mnist.PACKED,
        mnist.TEST.filename,
        "a.png",
    )
    for name in names:
        os.mkfifo(tmp_path / name)
    with fails(reading.CHECKPOINT, "not a plain file"):
        reading.load_run(tmp_path)
    for data in ("binarized_mnist", "mnist"):
        with fails(tmp_path, "not a plain file"):
            pr.load_data(data, "test")
    with fails("a.png", "not a plain file"):
        read_picture(tmp_path / "a.png", (8, 8, 1), 2)
    assert reading.sessions(tmp_path) == []


def test_a_header_without_end(tmp_path):
    path = tmp_path / "m"
    text = json.dumps({"__metadata__": {"a": "x" * 2**25}}).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text)
    with fails(path, "claims a header"), little_memory():
        pr.load(path)


def test_a_description_without_end(tmp_path):
    path = tmp_path / "m"
    text = "[" + "[]," * 10**6 + "1]"
    safetensors.numpy.save_file({"a": np.zeros(3)}, path, {checkpoint.FORMAT: text})
    with fails(path, "no readable description"), little_memory():
        pr.load(path)


@pytest.mark.parametrize("missing", ["layers", "head", "levels", "dtype", None])
@pytest.mark.parametrize("name", ["pixelcnn", "row_lstm", "diagonal_bilstm", "multi_scale"])
def test_a_configuration_that_claims_more_than_the_file_holds(tmp_path, name, missing):
    """Also by what it leaves out: without `layers` there are seven or fifteen."""
    path = tmp_path / "m"
    model = pr.build_model(name, (8, 8, 1), 17, h=4, layers=1, head=4)
    claim = {**model.config, "h": 4000, "layers": 7, "head": 500, "image_shape": [4096, 4096, 1]}
    claim.pop(missing, None)
    arrays = {**model.params, "ballast": np.zeros(2**21, np.float32)}
    checkpoint.save(path, arrays, {"model": claim})
    with fails(path, "differ in size"), little_memory():
        pr.load(path)


@pytest.mark.parametrize("base", ["pixelcnn", "row_lstm", "diagonal_bilstm"])
def test_layers_that_look_around_are_counted_too(tmp_path, base):
    path, shape = tmp_path / "m", (8, 8, 1)
    model = pr.build_model("multi_scale", shape, 2, h=4, layers=0, head=1, base=base, around=1)
    claim = {**model.config, "h": 500, "around": 64}
    ballast = {"ballast": np.zeros(2**20, np.float32)}
    checkpoint.save(path, {**model.params, **ballast}, {"model": claim})
    with fails(path, "differ in size"), little_memory():
        pr.load(path)


def test_a_thousand_blocks_of_nothing(tmp_path):
    path = tmp_path / "m"
    model = pr.build_model("pixelcnn", (8, 8, 1), 2, h=1, layers=1, head=1)
    claim = {**model.config, "layers": 1000}
    checkpoint.save(path, {**model.params, "ballast": np.zeros(2**20)}, {"model": claim})
    with fails(path, "differ in size"):
        pr.load(path)


@pytest.mark.parametrize("depth", [400, 950, 2000, 100_000])
def test_a_deep_config(tmp_path, depth):
    """Reading it may work where writing it again does not."""
    model = pr.build_model("pixelcnn", (8, 8, 1), 17, h=1, layers=0, head=1)
    trainer = Trainer(model, threads=1)
    trainer.step_count = 5
    text = '{"sessions": [{"from_update": 0, "a": ' + "[" * depth + "]" * depth + "}]}"
    (tmp_path / reading.CONFIG).write_text(text)
    run.Run(tmp_path, {}).write_config(trainer, 1)
    assert json.loads((tmp_path / reading.CONFIG).read_text())["sessions"][-1]["from_update"] == 5


def test_an_archive_that_is_a_bomb(tmp_path, monkeypatch):
    monkeypatch.setenv("PIXELRNN_DATA", str(tmp_path))
    path = tmp_path / binarized_mnist.PACKED
    path.write_bytes(fuzz.bombed_zip(b"test.npy"))
    with fails(path, "'test'", "unpacks to more than"), little_memory():
        pr.load_data("binarized_mnist", "test")


KINDS = [tarfile.REGTYPE, tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [-1, -512, -1024, -2048])
def test_a_tar_file_with_a_negative_size(tmp_path, kind, size):
    """It would be read for ever, or the bomb behind it unpacked at once."""
    path = tmp_path / cifar10.ARCHIVE
    path.write_bytes(fuzz.gzip_bomb(fuzz.block("first") + fuzz.block("bad", kind, size)))
    with fails(path), little_memory():
        cifar10.read_images(path, cifar10.TEST, 3)


@pytest.mark.parametrize("kind", KINDS)
def test_a_tar_file_that_is_a_bomb(tmp_path, kind):
    path = tmp_path / cifar10.ARCHIVE
    path.write_bytes(fuzz.gzip_bomb(fuzz.block("bomb", kind, fuzz.GIB)))
    with fails(path, "unpacks to more than"), little_memory():
        cifar10.read_images(path, cifar10.TEST, 3)


def test_a_tar_file_with_a_chain_of_headers(tmp_path):
    path = tmp_path / cifar10.ARCHIVE
    path.write_bytes(gzip.compress(fuzz.block("a", tarfile.GNUTYPE_LONGNAME) * 2000))
    with fails(path, "not a whole tar.gz"):
        cifar10.read_images(path, cifar10.TEST, 3)


def test_a_file_too_large_is_not_read(tmp_path, monkeypatch):
    """Its checksum would take minutes."""
    monkeypatch.setenv("PIXELRNN_DATA", str(tmp_path))
    path = tmp_path / mnist.TEST.filename
    with open(path, "wb") as file:
        file.truncate(2**36)
    with fails(path, mnist.TEST.content, f"{2**36} bytes"):
        pr.load_data("mnist", "test")
    assert files.find(mnist.TEST.filename) == path


@pytest.mark.parametrize(
    "change",
    [
        lambda meta: meta["trainer"].pop("seconds"),
        lambda meta: meta["trainer"]["settings"].update(lr=-1),
        lambda meta: meta["trainer"]["settings"].update(lr=10**400),
        lambda meta: meta["trainer"]["settings"].update(momentum=1),
        lambda meta: meta["data"].update(name=[2]),
        lambda meta: meta["data"].update(levels="x"),
        lambda meta: meta.pop("data"),
    ],
)
def test_a_checkpoint_that_cannot_go_on_is_named(tmp_path, change):
    model = pr.build_model("pixelcnn", (8, 8, 1), 17, h=1, layers=0, head=1)
    about = {"data": {"name": "digits", "levels": 17}, "epochs": 1}
    run.Run(tmp_path, about).save_checkpoint(Trainer(model, threads=1))
    path = tmp_path / reading.CHECKPOINT
    arrays, meta = checkpoint.load(path)
    change(meta)
    checkpoint.save(path, arrays, meta)
    with fails(path):
        experiment.resumed(tmp_path, {}, 1)


# Pictures


def picture(path, pixels, mode=None):
    image = Image.fromarray(pixels)
    (image if mode is None else image.convert(mode)).save(path)
    return path


def test_pictures(tmp_path, rng):
    grey = rng.integers(0, 256, (6, 8), np.uint8)
    path = picture(tmp_path / "a.png", grey)
    np.testing.assert_array_equal(read_picture(path, (6, 8, 1), 256), grey[None, ..., None])
    np.testing.assert_array_equal(read_picture(path, (6, 8, 3), 256)[..., 1], grey[None])
    half = read_picture(path, (3, 4, 1), 256)[0, ..., 0]
    means = grey.reshape(3, 2, 4, 2).astype(float).mean(axis=(1, 3))
    assert (np.abs(half - means) <= 0.5).all()
    np.testing.assert_array_equal(read_picture(path, (6, 8, 1), 4)[0, ..., 0], grey // 64)
    colour = rng.integers(0, 256, (6, 8, 3), np.uint8)
    path = picture(tmp_path / "c.png", colour)
    np.testing.assert_array_equal(read_picture(path, (6, 8, 3), 256)[0], colour)
    assert read_picture(path, (6, 8, 1), 2).max() == 1


@pytest.mark.parametrize("shape", [(8, 6, 1), (4, 8, 1), (7, 8, 1), (12, 16, 1), (6, 8, 2)])
def test_pictures_of_another_shape(tmp_path, shape):
    path = picture(tmp_path / "a.png", np.zeros((6, 8), np.uint8))
    with fails(path):
        read_picture(path, shape, 2)


def test_a_picture_that_is_a_bomb(tmp_path):
    """Its header is enough; and a size that is allowed is no more than it says."""

    def png(side):
        parts = [(b"IHDR", side.to_bytes(4) * 2 + b"\x08\0\0\0\0"), (b"IDAT", fuzz.ZLIB_BOMB)]
        rng = np.random.default_rng(4)
        chunks = [fuzz_pictures.chunk(k, d, rng) for k, d in [*parts, (b"IEND", b"")]]
        return fuzz_pictures.SIGNATURE + b"".join(chunks)

    path = tmp_path / "a.png"
    for side in (2**13, 2**15, 2**30):
        path.write_bytes(png(side))
        with fails(path, "pixels"), little_memory():
            read_picture(path, (8, 8, 1), 2)
    path.write_bytes(png(8))
    with little_memory():
        assert read_picture(path, (8, 8, 1), 2).shape == (1, 8, 8, 1)


def test_a_chunk_that_claims_two_gigabytes(tmp_path):
    path = picture(tmp_path / "a.png", np.zeros((8, 8), np.uint8))
    data = path.read_bytes()
    at = data.index(b"IDAT") - 4
    for claim in (2**31 - 1, 2**31, 2**32 - 1):
        path.write_bytes(data[:at] + claim.to_bytes(4) + data[at + 4 :])
        with contextlib.suppress(ValueError), little_memory():
            read_picture(path, (8, 8, 1), 2)
    for place in (8, 33):  # before the header, and after it
        chunk = (2**31 - 1).to_bytes(4) + b"tEXt"
        path.write_bytes(data[:place] + chunk + data[place:])
        with fails(path), little_memory():
            read_picture(path, (8, 8, 1), 2)


def test_other_formats_are_not_tried(tmp_path):
    for name in ("GIF", "TIFF", "PPM", "WEBP"):
        file = io.BytesIO()
        Image.new("RGB", (8, 8)).save(file, name)
        path = tmp_path / f"{name}.png"
        path.write_bytes(file.getvalue())
        with fails(path, "it is no PNG, JPEG, BMP"):
            read_picture(path, (8, 8, 3), 2)
