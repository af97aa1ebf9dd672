"""Binarised MNIST: the real file where it is at hand, small fakes of the same format everywhere."""

import gzip

import numpy as np
import pytest
from data_checks import REAL, check, fails, needs, sha

from pixelrnn_np.data import binarized_mnist, load_data

pytestmark = pytest.mark.usefixtures("cache")


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
    urls = [mirror + "binarized_mnist_valid.amat" for mirror in binarized_mnist.MIRRORS]
    pages[urls[-1]] = text_of(small_binary["valid"])
    for _ in range(2):
        np.testing.assert_array_equal(load_data("binarized_mnist", "valid"), small_binary["valid"])
    assert asked == urls and len(urls) > 1
    assert [p.name for p in cache.iterdir()] == ["binarized_mnist_valid.amat"]


def test_no_mirror_delivers(small_binary, network, cache):
    """Then it is said which file can be put in place by hand, in which forms."""
    names = ("binarized_mnist_test.amat", "binarized_mnist_test.amat.gz", "binarized_mnist.npz")
    with fails(ConnectionError, *binarized_mnist.MIRRORS, *names, "PIXELRNN_DATA"):
        load_data("binarized_mnist", "test")


@pytest.mark.parametrize("dtype", ["float32", "float64", "uint8", "bool", "int64"])
def test_file_that_goes_with_made(dtype, small_binary, folder):
    """Of the same name, with other arrays: the images themselves, in some type, and no shape."""
    arrays = {f"{s}_data": x.reshape(len(x), 784).astype(dtype) for s, x in small_binary.items()}
    np.savez(folder / "binarized_mnist.npz", **arrays, train_length=np.array(5))
    for split, images in small_binary.items():
        np.testing.assert_array_equal(load_data("binarized_mnist", split), images)


def test_text_gzipped(small_binary, folder):
    for split, images in small_binary.items():
        path = folder / f"binarized_mnist_{split}.amat.gz"
        path.write_bytes(gzip.compress(text_of(images)))
        np.testing.assert_array_equal(load_data("binarized_mnist", split), images)
        path.write_bytes(gzip.compress(text_of(images) + b"0"))
        with fails(ValueError, str(path), "SHA-256"):
            load_data("binarized_mnist", split)


# --- damaged files -----------------------------------------------------------------------------


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
