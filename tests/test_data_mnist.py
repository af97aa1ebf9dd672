"""MNIST: the real files where they are at hand, fakes of the same sizes everywhere; its levels."""

import gzip

import numpy as np
import pytest
from data_checks import REAL, check, fails, idx, needs, replace_mnist, sha

from pixelrnn_np.data import load_data, mnist

pytestmark = pytest.mark.usefixtures("cache")


@pytest.fixture
def grey(monkeypatch):
    """Files of MNIST's sizes: (train images (60000, 28, 28), test images, their two gz files)."""
    train = np.broadcast_to((np.arange(60000) % 256)[:, None, None], (60000, 28, 28))
    test = np.broadcast_to((np.arange(10000) % 255)[:, None, None], (10000, 28, 28))
    images = [x.astype(np.uint8) for x in (train, test)]
    packed = [idx(x) for x in images]
    replace_mnist(monkeypatch, *packed)
    return *images, *packed


@needs("t10k-images-idx3-ubyte.gz")
def test_real_mnist(monkeypatch):
    monkeypatch.setenv("PIXELRNN_DATA", str(REAL))
    images = load_data("mnist", "test")
    check(images, "mnist", "test", 256)
    assert images.max() == 255 and 33 < images.mean() < 34
    draws = load_data("mnist", "test", stochastic=True)
    check(draws, "mnist", "test", 2)
    assert abs(draws.mean() - images.mean() / 255) < 1e-3


def test_mnist_splits(grey, folder):
    train, test, train_gz, test_gz = grey
    (folder / mnist.TRAIN.filename).write_bytes(train_gz)
    (folder / mnist.TEST.filename).write_bytes(test_gz)
    expected = {"train": train[:50000], "valid": train[50000:], "test": test}
    for split, images in expected.items():
        found = load_data("mnist", split)
        check(found, "mnist", split, 256)
        np.testing.assert_array_equal(found[..., 0], images)


def test_mnist_asks_both_mirrors(network, grey, cache):
    pages, asked = network
    urls = [mirror + mnist.TEST.filename for mirror in mnist.MIRRORS]
    pages[urls[1]] = grey[3]
    np.testing.assert_array_equal(load_data("mnist", "test")[..., 0], grey[1])
    assert asked == urls
    assert [p.name for p in cache.iterdir()] == [mnist.TEST.filename]


@pytest.fixture
def ramp(monkeypatch, folder):
    """In place of MNIST, 2 x 256 images: number k has the intensity k mod 256 everywhere."""
    images = np.repeat(np.arange(512) % 256, 784).astype(np.uint8).reshape(512, 28, 28, 1)
    data = idx(images)
    file = mnist.TRAIN._replace(count=512, content=sha(gzip.decompress(data)))
    monkeypatch.setitem(mnist.SPLITS, "train", (file, slice(0, 256)))
    monkeypatch.setitem(mnist.SPLITS, "valid", (file, slice(256, 512)))
    (folder / file.filename).write_bytes(data)
    return images[:256]


@pytest.mark.parametrize("levels", [2, 3, 16, 255, 256])
def test_mnist_levels(levels, ramp):
    images = load_data("mnist", "train", levels=levels)
    np.testing.assert_array_equal(images, ramp.astype(int) * levels // 256)
    assert images.dtype == np.uint8 and list(np.unique(images)) == list(range(levels))


def test_stochastic_binarisation(ramp):
    draws = load_data("mnist", "train", stochastic=True, seed=3)
    assert draws.dtype == np.uint8 and set(np.unique(draws)) == {0, 1}
    assert not draws[0].any() and draws[255].all()
    p = np.arange(256) / 255
    sigma = np.sqrt(p * (1 - p) / 784)
    assert (np.abs(draws.mean(axis=(1, 2, 3)) - p) <= 5 * sigma).all()
    again = load_data("mnist", "train", stochastic=True, seed=3, levels=2)
    np.testing.assert_array_equal(draws, again)
    assert (draws != load_data("mnist", "train", stochastic=True, seed=4)).any()
    assert (draws != load_data("mnist", "valid", stochastic=True, seed=3)).any()


# --- as others leave them ----------------------------------------------------------------------

BASE = "t10k-images-idx3-ubyte"
FORMS = [
    BASE, f"{BASE}.gz", "t10k-images.idx3-ubyte", "t10k-images.idx3-ubyte.gz", f"{BASE}/{BASE}",
    f"MNIST/raw/{BASE}", f"MNIST/raw/{BASE}.gz", f"raw/{BASE}", f"mnist/{BASE}.gz",
    "mnist.npz", "datasets/mnist.npz",
]  # fmt: skip


def lay(path, images, level=1):
    """The images at a path of one of FORMS."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".npz":
        return np.savez(path, x_test=images[..., 0], y_test=np.zeros(9), x_train=images[:5, ..., 0])
    data = idx(images, compress=False)
    return path.write_bytes(gzip.compress(data, level) if path.suffix == ".gz" else data)


@needs("t10k-images-idx3-ubyte.gz")
@pytest.mark.parametrize("form", FORMS)
def test_real_mnist_as_others_leave_it(form, folder, network):
    """By the published SHA-256, of the real bytes: packed anew, unpacked, in others' folders."""
    images = mnist.read_images(REAL / mnist.TEST.filename, 10000)
    assert mnist.where("test") is None
    lay(folder / form, images)
    assert mnist.where("test") == folder / form
    np.testing.assert_array_equal(load_data("mnist", "test"), images)
    wrong = images.copy()
    wrong[-1, -1, -1] ^= 1
    lay(folder / form, wrong)
    with fails(ValueError, str(folder / form), mnist.TEST.content, "delete"):
        load_data("mnist", "test")
    assert network[1] == []


def test_gz_that_the_browser_unpacked(tmp_path):
    images = np.random.default_rng(0).integers(256, size=(4, 28, 28, 1), dtype=np.uint8)
    path = tmp_path / "images.gz"
    path.write_bytes(idx(images, compress=False))
    np.testing.assert_array_equal(mnist.read_images(path, 4), images)


def test_files_of_the_other_split_only(folder, network, capfd):
    """What is there and what is missing is said before the network is asked, and after."""
    (folder / BASE).write_bytes(b"")
    with fails(ConnectionError, "train-images-idx3-ubyte.gz", "MNIST/raw/", "mnist.npz"):
        load_data("mnist", "train")
    said = capfd.readouterr().err.splitlines()[0]
    assert f"{folder} has no train-images-idx3-ubyte.gz (or " in said and f"holds {BASE}" in said


def test_keras_file_of_another_kind(folder):
    for arrays in ({"x_test": np.zeros((10000, 28, 28))}, {"x_train": np.zeros(3)}, {}):
        np.savez(folder / "mnist.npz", **arrays)
        with fails(ValueError, str(folder / "mnist.npz"), "'test'"):
            load_data("mnist", "test")


# --- damaged files -----------------------------------------------------------------------------


def cut_idx(case, images):
    whole = idx(images)
    return {
        "magic of labels": idx(images, magic=0x801),
        "other count": idx(images, shape=(5, 28, 28)),
        "huge count": idx(images, shape=(2**32 - 1, 28, 28)),
        "other side": idx(images, shape=(4, 32, 28)),
        "too few pixels": idx(images[:3], shape=(4, 28, 28)),
        "too many pixels": idx(np.concatenate([images, images]), shape=(4, 28, 28)),
        "header only": gzip.compress(b"\0\0\x08\x03"),
        "gzip cut": whole[:-20],
        "gzip checksum": whole[:-8] + bytes(4) + whole[-4:],
        "gzip garbled": whole[:40] + b"\xff" * 40 + whole[80:],
        "not gzip": b"a page that says: not found",
        "unpacked, too long": idx(images, compress=False) + b"0",
        "unpacked, cut": idx(images, compress=False)[:-1],
        "empty": b"",
    }[case]


@pytest.mark.parametrize(
    "case",
    ["magic of labels", "other count", "huge count", "other side", "too few pixels"]
    + ["too many pixels", "header only", "gzip cut", "gzip checksum", "gzip garbled", "not gzip"]
    + ["empty", "unpacked, too long", "unpacked, cut"],
)
def test_idx_file_of_another_kind(case, tmp_path):
    images = np.random.default_rng(0).integers(256, size=(4, 28, 28, 1), dtype=np.uint8)
    path = tmp_path / "images.gz"
    path.write_bytes(idx(images))
    np.testing.assert_array_equal(mnist.read_images(path, 4), images)
    path.write_bytes(cut_idx(case, images))
    with fails(ValueError, str(path)):
        mnist.read_images(path, 4)
