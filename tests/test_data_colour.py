"""The sets in colour. CIFAR-10 is a small archive of the published format, written here."""

import gzip
import hashlib
import io
import re
import tarfile

import numpy as np
import pytest
from sklearn.datasets import load_digits, load_sample_image

from pixelrnn_np.data import (
    DATASETS,
    cifar10,
    colour_digits,
    dataset_levels,
    digits,
    load_data,
    photos,
)
from pixelrnn_np.data.quantise import quantise

pytestmark = pytest.mark.usefixtures("cache")

SPLITS = ("train", "valid", "test")
PHOTOS = {"photos": 32, "photos16": 16, "photos8": 8}
EMBEDDED = ("colour_digits", *PHOTOS)


def fails(*parts):
    """The context in which a ValueError is raised, of one line that holds the parts."""
    pattern = "".join(f"(?=.*{re.escape(part)})" for part in parts)
    return pytest.raises(ValueError, match=rf"\A{pattern}[^\n]+\Z")


# --- all ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", EMBEDDED)
def test_what_the_registry_says(name):
    dataset = DATASETS[name]
    assert "no download" in dataset.description
    for split in SPLITS:
        images = load_data(name, split)
        assert images.shape == (dataset.splits[split], *dataset.image_shape)
        assert images.dtype == np.uint8 and images.max() == dataset.levels - 1
        assert images.flags.c_contiguous and images.flags.writeable and images.flags.owndata
        before = images.copy()
        images[:] = 0
        np.testing.assert_array_equal(load_data(name, split, seed=5), before)


@pytest.mark.parametrize("name", [*EMBEDDED, "cifar10"])
def test_arguments_that_are_not_allowed(name):
    for levels in (1, 257):
        with fails("levels", repr(name), "from 2 to 256"):
            load_data(name, levels=levels)
    with fails("split", "'all'", "'valid'"):
        load_data(name, "all")
    with fails("stochastic", repr(name), "'mnist'"):
        load_data(name, stochastic=True)


@pytest.mark.parametrize("name", EMBEDDED)
def test_levels(name):
    full = load_data(name, "valid", levels=256)
    for levels in (2, 3, 16, 255):
        images = load_data(name, "valid", levels=levels)
        assert images.dtype == np.uint8 and list(np.unique(images)) == list(range(levels))
        np.testing.assert_array_equal(images, full.astype(int) * levels // 256)


@pytest.mark.parametrize("levels", [2, 3, 7, 16, 255, 256])
def test_quantise(levels):
    values = np.arange(256, dtype=np.uint8)
    found = quantise(values, levels)
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, [x * levels // 256 for x in range(256)])
    assert found[0] == 0 and found[255] == levels - 1


@pytest.mark.parametrize("name", EMBEDDED)
def test_no_image_occurs_twice(name):
    images = np.concatenate([load_data(name, split) for split in SPLITS])
    assert len({image.tobytes() for image in images}) == len(images)


# --- photos ------------------------------------------------------------------------------------


def pixels(split):
    """Which pixels of the two photographs one split uses: bool (2, 427, 640)."""
    used = np.zeros((2, 427, 640), bool)
    for photograph, top, left in photos.corners(split):
        window = used[photograph, top : top + 32, left : left + 32]
        assert window.shape == (32, 32)
        window[:] = True
    return used


def test_photo_splits_share_no_pixel_and_no_compressed_block():
    used = {split: pixels(split).any(axis=(0, 1)) for split in SPLITS}
    columns = {split: set(np.flatnonzero(used[split])) for split in SPLITS}
    assert [len(columns[split]) for split in SPLITS] == [320, 96, 96]
    for split in SPLITS:
        others = set().union(*(columns[other] for other in SPLITS if other != split))
        assert min(abs(a - b) for a in columns[split] for b in others) == 17
        # JPEG stores colour in blocks that cover 16 columns at most.
        assert not {c // 16 for c in columns[split]} & {c // 16 for c in others}


def test_photo_corners_are_for_good():
    first = {
        "train": [[1, 140, 28], [0, 76, 0], [0, 80, 300]],
        "valid": [[0, 340, 368], [0, 368, 84], [0, 104, 384]],
        "test": [[0, 340, 512], [0, 368, 228], [0, 104, 528]],
    }
    for split, corners in first.items():
        found = photos.corners(split)
        assert found.shape == (DATASETS["photos"].splits[split], 3)
        assert len(np.unique(found, axis=0)) == len(found)
        assert found[:3].tolist() == corners
        assert set(found[:, 0]) == {0, 1}


def test_photos_are_cut_from_the_photographs():
    china = load_sample_image("china.jpg")
    images = load_data("photos", "valid")
    for image, (photograph, top, left) in zip(images, photos.corners("valid"), strict=True):
        if photograph == 0:
            np.testing.assert_array_equal(image, china[top : top + 32, left : left + 32])
    # JPEG decoders may differ by a level or two.
    np.testing.assert_allclose(images[0, 0, 0], [64, 90, 63], atol=2)
    means = [load_data("photos", split).mean() for split in SPLITS]
    np.testing.assert_allclose(means, [99.3, 109.3, 100.9], atol=0.2)


@pytest.mark.parametrize("name", ["photos16", "photos8"])
def test_smaller_photos_are_means(name):
    images, small = load_data("photos", "test"), load_data(name, "test")
    factor = 32 // PHOTOS[name]
    for image, less in zip(images[:20].astype(float), small[:20], strict=True):
        for r, c in np.ndindex(less.shape[:2]):
            square = image[r * factor : (r + 1) * factor, c * factor : (c + 1) * factor]
            np.testing.assert_array_equal(less[r, c], np.floor(square.mean(axis=(0, 1)) + 0.5))


# --- colour digits -----------------------------------------------------------------------------


def test_colours_are_distinguishable_with_any_number_of_levels():
    paper, ink = colour_digits.colours()
    assert paper.shape == ink.shape == (1797, 3) and paper.dtype == ink.dtype == np.uint8
    assert np.abs(paper.astype(int) - ink).max(axis=1).min() == 128
    for levels in range(2, 257):
        assert (quantise(paper, levels) != quantise(ink, levels)).any(axis=1).all()
    assert min(paper.mean(), ink.mean()) > 110 and max(paper.mean(), ink.mean()) < 145


def test_colour_digits_are_the_digits():
    paper, ink = colour_digits.colours()
    grey = load_digits().images
    for split in SPLITS:
        images = load_data("colour_digits", split, levels=256)
        for k, index in enumerate(digits.split_indices(split)):
            t = grey[index][:, :, None] / 16
            exact = (1 - t) * paper[index] + t * ink[index]
            assert np.abs(images[k] - exact).max() <= 0.5
            np.testing.assert_array_equal(images[k][t[..., 0] == 0][0], paper[index])
            assert len(np.unique(images[k].reshape(-1, 3), axis=0)) > 1


DIGITS_SHA256 = "3bd56ec228c8fd096517a403cfb64165617b149a649d2871b9c7095537173af2"


def test_colour_digits_are_for_good():
    assert dataset_levels("colour_digits") == 8
    first = [load_data("colour_digits", split)[0, 0, 0].tolist() for split in SPLITS]
    assert first == [[4, 2, 0], [6, 5, 2], [5, 1, 7]]
    images = np.concatenate([load_data("colour_digits", split) for split in SPLITS])
    assert hashlib.sha256(images.tobytes()).hexdigest() == DIGITS_SHA256


# --- CIFAR-10 ----------------------------------------------------------------------------------

COUNT = 6
OTHERS = ("cifar-10-batches-bin/batches.meta.txt", "cifar-10-batches-bin/readme.html")


@pytest.fixture
def records(monkeypatch):
    """Six small files in place of the published ones: {name: bytes}."""
    monkeypatch.setattr(cifar10, "COUNT", COUNT)
    monkeypatch.setattr(cifar10, "VALID", 4)
    rng = np.random.default_rng(0)
    return {name: rng.bytes(COUNT * 3073) for name in cifar10.TRAIN + cifar10.TEST}


TYPES = {
    "folder": tarfile.DIRTYPE,
    "link": tarfile.SYMTYPE,
    "hard link": tarfile.LNKTYPE,
    "pipe": tarfile.FIFOTYPE,
}


def tar(members):
    """A tar file of members in the given order: (name, content, or one of TYPES)."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for name, content in members:
            info = tarfile.TarInfo(name)
            if content in TYPES:
                info.type, info.linkname = TYPES[content], "/etc/passwd"
                archive.addfile(info)
            else:
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
    return file.getvalue()


def whole(records):
    """The members in the published order, which is not that of the numbers."""
    order = [0, 2, 3, 5, 4, 1]
    names = [list(records)[i] for i in order]
    members = [("cifar-10-batches-bin", "folder")]
    return members + [(name, b"airplane\n") for name in OTHERS] + [(n, records[n]) for n in names]


def put(folder, monkeypatch, data):
    path = folder / cifar10.ARCHIVE
    path.write_bytes(data)
    monkeypatch.setattr(cifar10, "SHA256", hashlib.sha256(data).hexdigest())
    monkeypatch.setattr(cifar10, "SIZE", len(data))
    return path


def slow_image(record):
    """One record, pixel by pixel."""
    image = np.zeros((32, 32, 3), np.uint8)
    for r, c, channel in np.ndindex(32, 32, 3):
        image[r, c, channel] = record[1 + channel * 1024 + r * 32 + c]
    return image


def test_cifar10(folder, records, monkeypatch):
    put(folder, monkeypatch, gzip.compress(tar(whole(records))))
    data = b"".join(records.values())
    images = [slow_image(data[k : k + 3073]) for k in range(0, len(data), 3073)]
    expected = {"train": images[:26], "valid": images[26:30], "test": images[30:]}
    for split in SPLITS:
        found = load_data("cifar10", split)
        assert found.dtype == np.uint8 and found.flags.c_contiguous and found.flags.owndata
        np.testing.assert_array_equal(found, expected[split])
        few = load_data("cifar10", split, levels=8)
        np.testing.assert_array_equal(few, np.array(expected[split]) // 32)
    assert [path.name for path in folder.iterdir()] == [cifar10.ARCHIVE]


def test_cifar10_as_published():
    dataset = DATASETS["cifar10"]
    assert dataset.splits == {"train": 45000, "valid": 5000, "test": 10000}
    assert (cifar10.COUNT, cifar10.VALID, cifar10.SIZE) == (10000, 5000, 170_052_171)
    assert cifar10.URL == "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"
    assert len(cifar10.TRAIN + cifar10.TEST) == 6 and dataset.levels == 256


def test_cifar10_checksum_comes_first(folder, records, monkeypatch):
    path = put(folder, monkeypatch, b"not even gzip")
    path.write_bytes(b"another file")
    with fails(str(path), "SHA-256", "delete"):
        load_data("cifar10")


def changed(case, records):
    """A published archive gone wrong, and what the message has to name."""
    members = whole(records)
    name = members[-1][0]
    good = gzip.compress(tar(members), mtime=0)
    wrong = {
        "missing": members[:-1],
        "twice": members + members[-1:],
        "short": members[:-1] + [(name, records[name][:-1])],
        "long": members[:-1] + [(name, records[name] + b"\0")],
        "a folder": members[:-1] + [(name, "folder")],
        "a link": members[:-1] + [(name, "link")],
        "a hard link": members[:-1] + [(name, "hard link")],
        "a pipe": members + [("pipe", "pipe")],
        "above": members + [("cifar-10-batches-bin/../../up.bin", b"x")],
        "absolute": members + [("/tmp/up.bin", b"x")],
    }
    if case in wrong:
        shown = {"a pipe": "pipe", "above": "up.bin", "absolute": "up.bin"}.get(case, name)
        return gzip.compress(tar(wrong[case])), shown
    huge = tarfile.TarInfo(name)
    huge.size = 2**40
    before = tar(members[:-1]).rstrip(b"\0")
    before += bytes(-len(before) % 512)
    return {
        "claims to be huge": gzip.compress(before + huge.tobuf() + bytes(5000)),
        "cut": good[: len(good) // 2],
        "cut at the end": good[:-4],
        "gzip checksum": good[:-8] + bytes(4) + good[-4:],
        "gzip garbled": good[:9000] + b"\xff" * 99 + good[9099:],
        "tar cut": gzip.compress(tar(members)[: 4 * COUNT * 3073]),
        "not gzip": tar(members),
        "not tar": gzip.compress(b"hello" * 999),
        "empty tar": gzip.compress(b""),
        "empty": b"",
    }[case], ""


CASES = ["missing", "twice", "short", "long", "a folder", "a link", "a hard link", "a pipe"]
CASES += ["above", "absolute", "claims to be huge", "cut", "cut at the end", "gzip checksum"]
CASES += ["gzip garbled", "tar cut", "not gzip", "not tar", "empty tar", "empty"]


@pytest.mark.parametrize("case", CASES)
def test_cifar10_archive_of_another_kind(case, folder, records, monkeypatch):
    data, shown = changed(case, records)
    path = put(folder, monkeypatch, data)
    for split in SPLITS:
        with fails(str(path), shown):
            load_data("cifar10", split)
    assert path.read_bytes() == data
