"""The data sets: real files where they are at hand, small fakes of the same format everywhere.

No test reads the user's cache or reaches the network: both are replaced for every test.
"""

import ast
import gzip
import hashlib
import os
import re
import struct
from pathlib import Path

import numpy as np
import pooch
import pytest
import requests

from pixelrnn_np.data import (
    DATASETS,
    binarized_mnist,
    dataset_levels,
    digits,
    files,
    load_data,
    mnist,
)

pytestmark = pytest.mark.usefixtures("cache")

BESIDE = Path(__file__).parents[2] / "shared" / "data"
REAL = Path(os.environ.get("PIXELRNN_DATA") or BESIDE)


def needs(*filenames):
    missing = [name for name in filenames if not (REAL / name).is_file()]
    return pytest.mark.skipif(bool(missing), reason=f"{', '.join(missing)} not in {REAL}")


@pytest.fixture
def network(monkeypatch):
    """A fake network {url: bytes, or an exception to raise half-way}, and the list of its calls."""
    pages, asked = {}, []

    def download(self, url, output_file, pooch):
        asked.append(url)
        page = pages.get(url, requests.exceptions.ConnectionError(f"no route\nto {url}"))
        with open(output_file, "wb") as file:
            if isinstance(page, BaseException):
                file.write(b"the first half")
                raise page
            file.write(page)

    monkeypatch.setattr(pooch.HTTPDownloader, "__call__", download)
    return pages, asked


def sha(data):
    return hashlib.sha256(data).hexdigest()


def text_of(images):
    """The published format, one image after the other: the slow twin of `as_text`."""
    lines = [" ".join(str(int(v)) for v in image.ravel()) + "\n" for image in images]
    return "".join(lines).encode()


def pack(images):
    return np.packbits(images.reshape(len(images), 784), axis=1)


@pytest.fixture
def small_binary(monkeypatch):
    """Three small splits in place of the published ones: {split: images (N, 28, 28, 1)}."""
    rng = np.random.default_rng(0)
    sizes = {"train": 5, "valid": 3, "test": 2}
    images = {s: rng.integers(2, size=(n, 28, 28, 1), dtype=np.uint8) for s, n in sizes.items()}
    for split, x in images.items():
        published = binarized_mnist.Text(len(x), sha(text_of(x)))
        monkeypatch.setitem(binarized_mnist.SPLITS, split, published)
    return images


def idx(images, magic=0x803, shape=None, compress=True):
    n, h, w = shape or images.shape[:3]
    data = struct.pack(">4I", magic, n, h, w) + images.tobytes()
    return gzip.compress(data, 1, mtime=0) if compress else data


@pytest.fixture
def grey(monkeypatch):
    """Files of MNIST's sizes: (train images (60000, 28, 28), test images, their two gz files)."""
    train = np.broadcast_to((np.arange(60000) % 256)[:, None, None], (60000, 28, 28))
    test = np.broadcast_to((np.arange(10000) % 255)[:, None, None], (10000, 28, 28))
    images = [x.astype(np.uint8) for x in (train, test)]
    packed = [idx(x) for x in images]
    replace_mnist(monkeypatch, *packed)
    return *images, *packed


def replace_mnist(monkeypatch, train, test):
    """Lets `mnist` expect these files of the published names and sizes."""
    new = {
        f.filename: f._replace(sha256=sha(data), size=len(data))
        for f, data in ((mnist.TRAIN, train), (mnist.TEST, test))
    }
    for split, (file, part) in list(mnist.SPLITS.items()):
        monkeypatch.setitem(mnist.SPLITS, split, (new[file.filename], part))


def check(images, name, split, levels):
    dataset = DATASETS[name]
    assert images.shape == (dataset.splits[split], *dataset.image_shape)
    assert images.dtype == np.uint8
    assert images.flags.c_contiguous and images.flags.writeable and images.flags.owndata
    assert images.max() < levels


def fails(error, *parts):
    """The context in which `error` is raised, with a message of one line that holds the parts."""
    pattern = "".join(f"(?=.*{re.escape(part)})" for part in parts)
    return pytest.raises(error, match=rf"\A{pattern}[^\n]+\Z")


# --- the public face ---------------------------------------------------------------------------


def test_registry():
    assert set(DATASETS) >= {"digits", "mnist", "binarized_mnist"}
    for name, dataset in DATASETS.items():
        assert dataset.name == name and "\n" not in dataset.description
        assert tuple(dataset.splits) == ("train", "valid", "test")
        assert dataset.allowed_levels[0] <= dataset.levels <= dataset.allowed_levels[1]
        assert dataset_levels(name) == dataset.levels


def test_dataset_levels():
    assert dataset_levels("digits") == 17
    assert dataset_levels("digits", 2) == 2
    assert dataset_levels("mnist", np.int64(16)) == 16
    assert dataset_levels("mnist", stochastic=True) == 2
    assert dataset_levels("mnist", 2, stochastic=True) == 2
    assert dataset_levels("binarized_mnist", 2) == 2


@pytest.mark.parametrize(
    "arguments, parts",
    [
        ({"name": "minst"}, ("name", "'minst'", "did you mean 'mnist'", "'digits'")),
        ({"name": None}, ("name", "None", "'digits'")),
        ({"name": ["digits"]}, ("name", "digits")),
        ({"split": "validation"}, ("split", "'validation'", "did you mean 'valid'", "'test'")),
        ({"split": 0}, ("split", "0", "'train'")),
        ({"levels": 18}, ("levels", "18", "from 2 to 17")),
        ({"levels": 1}, ("levels", "1", "from 2 to 17")),
        ({"levels": 2.0}, ("levels", "2.0", "integer")),
        ({"name": "mnist", "levels": 257}, ("levels", "257", "from 2 to 256")),
        ({"name": "mnist", "levels": 4, "stochastic": True}, ("levels", "4", "stochastic", "be 2")),
        ({"name": "binarized_mnist", "levels": 3}, ("levels", "3", "be 2")),
        ({"stochastic": True}, ("stochastic", "'digits'", "'mnist'")),
        ({"stochastic": "yes"}, ("stochastic", "'yes'", "one of False, True")),
        ({"seed": -1}, ("seed", "-1", "at least 0")),
        ({"seed": None}, ("seed", "None", "integer")),
    ],
)
def test_arguments_that_are_not_allowed(arguments, parts):
    with fails(ValueError, *parts):
        load_data(**{"name": "digits"} | arguments)


def test_import_is_light():
    for path in Path(files.__file__).parent.glob("*.py"):
        for node in ast.parse(path.read_text()).body:
            names = [a.name for a in getattr(node, "names", [])] + [getattr(node, "module", "")]
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                assert not {str(n).split(".")[0] for n in names} & {"pooch", "sklearn", "requests"}


# --- digits ------------------------------------------------------------------------------------


@pytest.mark.parametrize("split, size", [("train", 1297), ("valid", 250), ("test", 250)])
def test_digits_splits(split, size):
    images = load_data("digits", split)
    check(images, "digits", split, 17)
    assert len(images) == size and images.max() == 16
    images[:] = 0
    assert load_data("digits", split).any()


def test_digits_splits_are_disjoint_and_for_good():
    indices = [digits.split_indices(split) for split in digits.SPLITS]
    assert sorted(np.concatenate(indices)) == list(range(1797))
    first = [[855, 921, 269], [1335, 758, 85], [556, 1416, 319]]
    assert [list(i[:3]) for i in indices] == first
    with fails(ValueError, "split", "'all'"):
        digits.split_indices("all")


def test_digits_levels():
    images = load_data("digits", "test")
    np.testing.assert_array_equal(load_data("digits", "test", levels=17), images)
    np.testing.assert_array_equal(load_data("digits", "test", levels=2), images >= 8)
    for levels in range(2, 18):
        few = load_data("digits", "test", levels=levels)
        assert few.dtype == np.uint8
        assert list(np.unique(few)) == list(range(levels))
        order = np.argsort(images, axis=None)
        assert (np.diff(few.ravel()[order].astype(int)) >= 0).all()


# --- binarized MNIST ---------------------------------------------------------------------------


@needs("binarized_mnist.npz")
@pytest.mark.parametrize("split", ["train", "valid", "test"])
def test_real_binarized_mnist(split, monkeypatch):
    monkeypatch.setenv("PIXELRNN_DATA", str(REAL))
    images = load_data("binarized_mnist", split)
    check(images, "binarized_mnist", split, 2)
    assert 0.13 < images.mean() < 0.133


def test_binarized_mnist_full_size(folder, monkeypatch):
    published = binarized_mnist.Text(50000, sha((b"0 " * 783 + b"0\n") * 50000))
    monkeypatch.setitem(binarized_mnist.SPLITS, "train", published)
    np.savez(folder / "binarized_mnist.npz", train=np.zeros((50000, 98), np.uint8))
    check(load_data("binarized_mnist", "train"), "binarized_mnist", "train", 1)


def test_text_is_as_published(small_binary):
    for images in small_binary.values():
        text = binarized_mnist.as_text(images.reshape(len(images), 784))
        assert text.tobytes() == text_of(images)


@pytest.mark.parametrize("where", ["folder", "cache"])
def test_packed_and_text_are_equal(where, small_binary, cache, folder):
    place = {"folder": folder, "cache": cache}[where]
    place.mkdir(exist_ok=True)
    for split, images in small_binary.items():
        (place / f"binarized_mnist_{split}.amat").write_bytes(text_of(images))
        np.testing.assert_array_equal(load_data("binarized_mnist", split), images)
    for path in place.iterdir():
        path.unlink()
    packed = {split: pack(images) for split, images in small_binary.items()}
    np.savez_compressed(place / "binarized_mnist.npz", **packed)
    for split, images in small_binary.items():
        found = load_data("binarized_mnist", split)
        np.testing.assert_array_equal(found, images)
        assert found.dtype == np.uint8 and found.flags.writeable and found.flags.c_contiguous


def test_folder_comes_before_cache(small_binary, folder, cache):
    cache.mkdir()
    (cache / "binarized_mnist.npz").write_bytes(b"not to be read")
    (folder / "binarized_mnist_test.amat").write_bytes(text_of(small_binary["test"]))
    np.testing.assert_array_equal(load_data("binarized_mnist", "test"), small_binary["test"])


def test_binarized_mnist_download(small_binary, network, cache):
    pages, asked = network
    url = binarized_mnist.URL + "binarized_mnist_valid.amat"
    pages[url] = text_of(small_binary["valid"])
    for _ in range(2):
        np.testing.assert_array_equal(load_data("binarized_mnist", "valid"), small_binary["valid"])
    assert asked == [url]
    assert [p.name for p in cache.iterdir()] == ["binarized_mnist_valid.amat"]


def test_packed_with_one_bit_wrong(small_binary, folder):
    path = folder / "binarized_mnist.npz"
    wrong = small_binary["test"].copy()
    wrong[1, 27, 27] ^= 1
    np.savez(path, test=pack(wrong))
    before = path.read_bytes()
    sums = sha(text_of(wrong)), sha(text_of(small_binary["test"]))
    with fails(ValueError, str(path), "'test'", *sums, "delete"):
        load_data("binarized_mnist", "test")
    assert path.read_bytes() == before


def test_text_with_one_bit_wrong(small_binary, folder):
    path = folder / "binarized_mnist_test.amat"
    wrong = text_of(1 - small_binary["test"])
    path.write_bytes(wrong)
    with fails(ValueError, str(path), sha(wrong), sha(text_of(small_binary["test"])), "delete"):
        load_data("binarized_mnist", "test")
    assert path.read_bytes() == wrong


class Trap:
    """Fails the test when it is unpickled."""

    def __reduce__(self):
        return pytest.fail, ("a pickle was loaded",)


def write_packed(path, case, images):
    if case == "split missing":
        np.savez(path, train=pack(images))
    elif case == "other shape":
        np.savez(path, test=pack(images)[:, :97])
    elif case == "other count":
        np.savez(path, test=pack(images)[:1])
    elif case == "other dtype":
        np.savez(path, test=pack(images).astype(np.int8))
    elif case == "pickle":
        np.savez(path, test=np.array([Trap()], object))
    elif case == "one array":
        with open(path, "wb") as file:
            np.save(file, pack(images))
    else:
        np.savez(path, test=pack(images))
        whole = path.read_bytes()
        path.write_bytes({"cut": whole[:-100], "empty": b"", "foreign": b"hello" * 99}[case])


@pytest.mark.parametrize(
    "case",
    ["split missing", "other shape", "other count", "other dtype", "pickle", "one array"]
    + ["cut", "empty", "foreign"],
)
def test_packed_file_of_another_kind(case, small_binary, folder):
    path = folder / "binarized_mnist.npz"
    write_packed(path, case, small_binary["test"])
    with fails(ValueError, str(path), "'test'"):
        load_data("binarized_mnist", "test")


# --- MNIST -------------------------------------------------------------------------------------


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


@pytest.fixture
def ramp(monkeypatch, folder):
    """In place of MNIST, 2 x 256 images: number k has the intensity k mod 256 everywhere."""
    images = np.repeat(np.arange(512) % 256, 784).astype(np.uint8).reshape(512, 28, 28, 1)
    data = idx(images)
    file = mnist.TRAIN._replace(count=512, sha256=sha(data))
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
        "not gzip": idx(images, compress=False),
        "empty": b"",
    }[case]


@pytest.mark.parametrize(
    "case",
    ["magic of labels", "other count", "huge count", "other side", "too few pixels"]
    + ["too many pixels", "header only", "gzip cut", "gzip checksum", "gzip garbled", "not gzip"]
    + ["empty"],
)
def test_idx_file_of_another_kind(case, tmp_path):
    images = np.random.default_rng(0).integers(256, size=(4, 28, 28, 1), dtype=np.uint8)
    path = tmp_path / "images.gz"
    path.write_bytes(idx(images))
    np.testing.assert_array_equal(mnist.read_images(path, 4), images)
    path.write_bytes(cut_idx(case, images))
    with fails(ValueError, str(path)):
        mnist.read_images(path, 4)


# --- files -------------------------------------------------------------------------------------

DATA = b"published bytes"
URLS = ["https://one.example/f.bin", "https://two.example/f.bin"]


def test_checksum_failure_is_told_and_nothing_replaced(folder, cache, network):
    cache.mkdir()
    for place in (folder, cache):
        path = place / "f.bin"
        path.write_bytes(b"something else")
        with fails(ValueError, str(path), sha(DATA), sha(b"something else"), "delete"):
            files.locate("f.bin", sha(DATA), URLS)
        assert path.read_bytes() == b"something else"
        path.unlink()
    assert network[1] == []


def test_present_file_is_not_downloaded(folder, cache, network):
    cache.mkdir()
    (cache / "f.bin").write_bytes(DATA)
    assert files.locate("f.bin", sha(DATA), URLS) == cache / "f.bin"
    (folder / "f.bin").write_bytes(DATA)
    assert files.locate("f.bin", sha(DATA), URLS) == folder / "f.bin"
    assert network[1] == []


@pytest.mark.parametrize("kind", ["missing", "file"])
def test_variable_that_names_no_folder(kind, tmp_path, monkeypatch):
    path = tmp_path / "nowhere"
    if kind == "file":
        path.write_bytes(b"")
    monkeypatch.setenv("PIXELRNN_DATA", str(path))
    for name in ("mnist", "binarized_mnist"):
        with fails(ValueError, "PIXELRNN_DATA", str(path), "existing folder"):
            load_data(name)
    assert len(load_data("digits")) == 1297


def test_download_message(network, cache, capfd, monkeypatch):
    network[0][URLS[0]] = DATA
    logger, records = pooch.get_logger(), []
    monkeypatch.setattr(logger, "handle", records.append)
    level = logger.level
    path = files.locate("f.bin", sha(DATA), URLS, size=12_345_678)
    assert path == cache / "f.bin" and path.read_bytes() == DATA
    out, err = capfd.readouterr()
    assert records == [] and logger.level == level
    assert out == ""
    assert err == f"downloading f.bin (12.3 MB) from {URLS[0]} to {cache}\n"


def test_a_progress_bar_is_asked_for(monkeypatch, network):
    network[0][URLS[0]] = DATA
    asked = []
    retrieve = pooch.retrieve
    monkeypatch.setattr(pooch, "retrieve", lambda *a, **k: asked.append(k) or retrieve(*a, **k))
    files.locate("f.bin", sha(DATA), URLS)
    assert asked == [{"progressbar": True}]


BROKEN = [
    requests.exceptions.ConnectionError("connection\nreset"),
    requests.exceptions.HTTPError("404"),
    OSError("no space left"),
    b"another file, or half of it",
]


@pytest.mark.parametrize("first", BROKEN, ids=["reset", "404", "disk", "checksum"])
def test_mirrors_are_tried_in_turn(first, network, cache):
    pages, asked = network
    pages.update(zip(URLS, [first, DATA], strict=True))
    assert files.locate("f.bin", sha(DATA), URLS).read_bytes() == DATA
    assert asked == URLS
    assert [p.name for p in cache.iterdir()] == ["f.bin"]


@pytest.mark.parametrize("page", BROKEN, ids=["reset", "404", "disk", "checksum"])
def test_all_mirrors_fail(page, network, cache):
    pages, asked = network
    pages.update(dict.fromkeys(URLS, page))
    with fails(OSError, "f.bin", *URLS, str(cache / "f.bin"), "by hand", "PIXELRNN_DATA"):
        files.locate("f.bin", sha(DATA), URLS)
    assert asked == URLS
    assert list(cache.iterdir()) == []


def test_an_interrupted_download_leaves_nothing(network, cache):
    network[0][URLS[0]] = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        files.locate("f.bin", sha(DATA), URLS)
    assert list(cache.iterdir()) == []


def test_mnist_asks_both_mirrors(network, grey, cache):
    pages, asked = network
    urls = [mirror + mnist.TEST.filename for mirror in mnist.MIRRORS]
    pages[urls[1]] = grey[3]
    np.testing.assert_array_equal(load_data("mnist", "test")[..., 0], grey[1])
    assert asked == urls
    assert [p.name for p in cache.iterdir()] == [mnist.TEST.filename]
