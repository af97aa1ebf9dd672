"""What the fuzzer gives hostile files to: one class per reader of the package.

A reader lives in a folder: it writes file number i of a seed there (`write`) and reads it as the
package does (`read`), which returns "right", or raises ValueError or OSError that names the file.
A wrong result raises AssertionError.
"""

import contextlib
import gzip
import hashlib
import io
import json
import os
import struct
import sys
import tarfile

import numpy as np
from PIL import Image

import pixelrnn_np as pr
from pixelrnn_np import checkpoint
from pixelrnn_np.cli import app as cli
from pixelrnn_np.cli import coding as cli_coding
from pixelrnn_np.container import CHECKSUM, checksum
from pixelrnn_np.data import binarized_mnist, cifar10, mnist
from pixelrnn_np.data.picture import read_picture
from pixelrnn_np.models.checks import NotFinite
from pixelrnn_np.runs import experiment, reading, run
from pixelrnn_np.training.trainer import Diverged

from . import fuzz_bytes as fuzz
from . import fuzz_pictures, fuzz_tensors
from .fuzz_bytes import damage, pick

COUNT = 3


class Reader:
    """folder: of its own. Files are made from (seed, number), whatever came before."""

    filename = None

    def __init__(self, folder):
        self.folder = folder
        self.path = folder / self.filename
        self.rng = np.random.default_rng(0)
        self.prepare()

    def prepare(self):
        """What all files start from."""

    def write(self, seed, number):
        rng = np.random.default_rng([seed, number])
        self.path.write_bytes(self.make(rng))

    def warm(self):
        """Reads good files, so that what is compiled and imported once has been."""

    def make(self, rng):
        raise NotImplementedError

    def read(self):
        raise NotImplementedError


class Idx(Reader):
    """MNIST: a gzipped IDX file of three images."""

    filename = "images.gz"

    def prepare(self):
        self.pixels = self.rng.integers(0, 256, (COUNT, 28, 28, 1), np.uint8)

    def make(self, rng):
        header = [0x803, COUNT, 28, 28]
        pixels = self.pixels.tobytes()
        kind = rng.random()
        if kind < 0.02:
            return fuzz.gzip_bomb(struct.pack(">4I", *header))
        if kind < 0.3:
            header[rng.integers(4)] = pick(rng, fuzz.NUMBERS) % 2**32
        data = struct.pack(">4I", *header) + pixels
        if 0.3 < kind < 0.5:
            data = damage(data, rng)
        data = gzip.compress(data, int(pick(rng, [0, 1, 9])), mtime=0)
        return damage(data, rng) if kind > 0.4 else data

    def read(self):
        images = mnist.read_images(self.path, COUNT)
        with gzip.open(self.path) as file:
            assert file.read(16) == struct.pack(">4I", 0x803, COUNT, 28, 28)
            assert file.read() == images.tobytes()
        assert images.shape == self.pixels.shape and images.dtype == np.uint8


class Binarized(Reader):
    """Binarised MNIST through load_data, three images of test in place of the published ones."""

    def prepare(self):
        self.images = self.rng.integers(0, 2, (COUNT, 784), np.uint8)
        self.text = binarized_mnist.as_text(self.images).tobytes()
        sha = hashlib.sha256(self.text).hexdigest()
        binarized_mnist.SPLITS["test"] = binarized_mnist.Text(COUNT, sha)

    def read(self):
        os.environ["PIXELRNN_DATA"] = str(self.folder)
        images = pr.load_data("binarized_mnist", "test")
        assert images.tobytes() == self.images.tobytes() and images.shape == (COUNT, 28, 28, 1)


class Npz(Binarized):
    filename = "binarized_mnist.npz"

    def make(self, rng):
        if rng.random() < 0.02:
            return fuzz.bombed_zip(pick(rng, [b"test.npy", b"test", b"other.npy"]))
        packed = np.packbits(self.images, axis=1)
        arrays = {"train": packed[:1], "test": packed}
        if rng.random() < 0.05:
            arrays["test"] = np.array([Trap()], object)
        return fuzz.npz(arrays, rng)


class Trap:
    """Tells on whoever unpickles it."""

    def __reduce__(self):
        return os.system, ("echo unpickled",)


class Amat(Binarized):
    filename = "binarized_mnist_test.amat"

    def make(self, rng):
        return self.text if rng.random() < 0.05 else damage(self.text, rng)


class Cifar(Reader):
    """CIFAR-10's archive, of three records a file."""

    filename = cifar10.ARCHIVE

    def prepare(self):
        names = ("batches.meta.txt", *cifar10.TRAIN, *cifar10.TEST)
        self.members = [(n, self.rng.bytes(COUNT * cifar10.RECORD)) for n in names]

    def make(self, rng):
        return fuzz.tar_gz(self.members, rng)

    def read(self):
        images = cifar10.read_images(self.path, cifar10.TRAIN, COUNT)
        assert images.shape == (5 * COUNT, 32, 32, 3) and images.dtype == np.uint8
        with tarfile.open(self.path) as archive:
            for i, name in enumerate(cifar10.TRAIN):
                records = np.frombuffer(archive.extractfile(name).read(), np.uint8)
                planes = records.reshape(COUNT, -1)[:, 1:].reshape(COUNT, 3, 32, 32)
                batch = images[i * COUNT : (i + 1) * COUNT]
                assert (planes.transpose(0, 2, 3, 1) == batch).all()


class Safetensors(Reader):
    """good: what was saved, [(arrays, meta)]."""

    def warm(self):
        for arrays, meta in self.good:
            checkpoint.save(self.path, arrays, meta)
            self.read()

    def make(self, rng):
        arrays, meta = pick(rng, self.good)
        return fuzz_tensors.hostile_file(arrays, meta, rng)


class ModelFile(Safetensors):
    """A model file: pr.load, then the nats of an image if the weights are those of a small one."""

    filename = "model.safetensors"

    def prepare(self):
        small = {"h": 4, "layers": 1, "head": 4}
        self.good = []
        for name, options in (("pixelcnn", {}), ("diagonal_bilstm", {}), ("row_lstm", {}),
                              ("multi_scale", {"base": "pixelcnn"})):  # fmt: skip
            model = pr.build_model(name, (8, 8, 1), 17, **small, **options)
            meta = {"model": model.config, "data": {"name": "digits", "levels": 17}}
            self.good.append((dict(model.params), meta))

    def read(self):
        use(pr.load(self.path))


class CheckpointFile(Safetensors):
    """A run's folder: load_run, then what `train --resume` does up to the first update."""

    filename = "checkpoint.safetensors"

    def prepare(self):
        self.good, self.histories = [], []
        for optimizer, ema in (("adam", 0.9), ("rmsprop", 0.0)):
            model = pr.build_model("pixelcnn", (8, 8, 1), 17, h=2, layers=1, head=2)
            x = self.rng.integers(0, 17, (4, 8, 8, 1), np.uint8)
            trainer = pr.Trainer(model, optimizer, threads=1, ema=ema, batch_size=2)
            trainer.fit(x, x, 2, progress=False)
            about = {"data": {"name": "digits", "levels": 17}, "epochs": 3}
            run.Run(self.folder, about).save_checkpoint(trainer)
            self.good.append(checkpoint.load(self.path))
            self.histories.append(trainer.history)
        self.x = x

    def read(self):
        for path in self.folder.glob("*.safetensors"):
            if path != self.path:
                path.unlink()  # no other checkpoint stands in for this one
        model, _ = reading.load_run(self.folder)
        use(model)
        trainer, about = experiment.resumed(self.folder, {}, 1)
        if isinstance(about["epochs"], int) and about["epochs"] > 0:
            trainer.total_steps = experiment.steps(trainer, {"name": "digits"}, about["epochs"])
            experiment.new_end(trainer, {"name": "digits"}, about["epochs"] + 1)
        with contextlib.suppress(Diverged):
            trainer.step(np.minimum(self.x, model.levels - 1))
        again = run.Run(self.folder, about)
        if trainer.history in self.histories:  # its curve was drawn often enough
            again._drawn = len(trainer.history)
        again.save_checkpoint(trainer)


class ConfigFile(Reader):
    """A run's config.json, read for its sessions and written again by the next one: no error."""

    filename = "config.json"

    def prepare(self):
        model = pr.build_model("pixelcnn", (8, 8, 1), 17, h=2, layers=1, head=2)
        self.trainer = pr.Trainer(model, threads=1)
        self.trainer.step_count = 9
        self.run = run.Run(self.folder, {"data": {"name": "digits", "levels": 17}})
        self.run.write_config(self.trainer, 3)
        self.good = json.loads(self.path.read_text())

    def make(self, rng):
        kind = rng.random()
        if kind < 0.1:
            session = {"from_update": 0, "a": "DEEP"}
            text = json.dumps({**self.good, "sessions": [session]})
            return text.replace('"DEEP"', fuzz.deep(rng)).encode()
        text = json.dumps(fuzz.odd_json(self.good, rng), indent=2).encode()
        return damage(text, rng) if kind > 0.5 else text

    def read(self):
        assert all(isinstance(s["from_update"], int) for s in reading.sessions(self.folder))
        self.run.write_config(self.trainer, 3)
        assert len(json.loads(self.path.read_text())["sessions"]) >= 1
        for path in self.folder.glob("config.damaged-*"):
            path.unlink()  # thousands of them would take long to number


class Picture(Reader):
    """A picture given to `complete --image`: its reader, and for one in ten the whole command."""

    filename = "picture.png"

    def prepare(self):
        self.models = []
        for channels in (1, 3):
            path = self.folder / f"model{channels}"
            pr.build_model("pixelcnn", (8, 8, channels), 4, h=3, layers=0, head=3).save(path)
            self.models.append(path)
        self.number = 0

    def write(self, seed, number):
        super().write(seed, number)
        self.number = number

    def make(self, rng):
        return fuzz_pictures.odd_picture(8, rng)

    def warm(self):
        Image.new("L", (8, 8)).save(self.path)
        self.command()

    def read(self):
        if self.number % 10 == 0:
            return self.command()
        channels = 1 + self.number % 2 * 2
        image = read_picture(self.path, (8, 8, channels), 4)
        assert image.shape == (1, 8, 8, channels) and image.dtype == np.uint8 and image.max() < 4

    def command(self):
        out = self.folder / "out.png"
        out.unlink(missing_ok=True)
        model = self.models[self.number // 10 % 2]
        words = ["pixelrnn", "complete", model, "--image", self.path, "-o", out, "--times", 1,
                 "--rows", 7, "--quiet"]  # fmt: skip
        shown, said, before = io.StringIO(), io.StringIO(), sys.argv
        try:
            sys.argv = [str(w) for w in words]
            with contextlib.redirect_stdout(shown), contextlib.redirect_stderr(said):
                cli.main()
        except SystemExit as e:
            code = e.code or 0
        finally:
            sys.argv = before
        said = "".join(
            line for line in said.getvalue().splitlines(True) if not line.startswith("compiling")
        )
        assert shown.getvalue() == "" and said.count("\n") == 1, said
        assert (code, out.exists()) in ((0, True), (2, False)), (code, said)
        if code:
            assert said.startswith("error: "), said
            raise ValueError(said.strip())


class Compressed(Reader):
    """What `decompress` reads; half of the files have the checksum of their damaged bytes."""

    filename = "images.pxr"

    def prepare(self):
        model = pr.build_model("pixelcnn", (4, 3, 1), 3, h=2, layers=1, head=2)
        self.run = self.folder / "model"
        model.save(self.run)
        self.images = self.rng.integers(0, 3, (COUNT, 4, 3, 1), np.uint8)
        self.good = pr.compress(model, self.images, group=2)

    def make(self, rng):
        if rng.random() < 0.1:
            return self.good
        if rng.random() < 0.5:
            return damage(self.good, rng)
        body = damage(self.good[:-CHECKSUM], rng)
        return body + checksum(body)

    def read(self):
        _, images = cli_coding.decoded(self.path, self.run)
        assert np.array_equal(images, self.images)


READERS = {
    "idx": Idx, "npz": Npz, "amat": Amat, "cifar": Cifar, "model": ModelFile,
    "checkpoint": CheckpointFile, "config": ConfigFile, "picture": Picture,
    "compressed": Compressed,
}  # fmt: skip


def use(model):
    """What a user does next; a model of large images has right to the memory it needs."""
    assert sum(a.size for a in model.params.values()) == model.flat.size
    if model.dimensions * model.levels <= 4096:
        with contextlib.suppress(NotFinite):  # a flipped bit makes a weight infinite
            nats = model.nll(np.zeros((1, *model.image_shape), np.uint8), threads=1)
            assert nats.shape == (1,)
