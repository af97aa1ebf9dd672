"""CIFAR-10: a small archive of the published format, and the forms in which others leave it."""

import gzip
import hashlib
import io
import tarfile

import numpy as np
import pytest
from data_checks import fails

from pixelrnn_np.data import DATASETS, cifar10, load_data

pytestmark = pytest.mark.usefixtures("cache")

SPLITS = ("train", "valid", "test")
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


def sums(monkeypatch, records):
    """Lets `cifar10` expect these records, in whatever form they come."""
    for name, data in records.items():
        sha256 = hashlib.sha256(data).hexdigest()
        monkeypatch.setitem(cifar10.CONTENTS, name.split("/")[1], sha256)


def test_cifar10_another_file(folder, records, monkeypatch):
    path = put(folder, monkeypatch, b"not even gzip")
    path.write_bytes(b"another file")
    with fails(ValueError, str(path), "not a whole tar.gz", "delete"):
        load_data("cifar10")
    with open(path, "wb") as file:
        file.truncate(2**36)
    with fails(ValueError, str(path), f"{2**36} bytes", "delete"):
        load_data("cifar10")


@pytest.mark.parametrize("form", ["packed anew", "tar", "folder", "inside the folder"])
def test_cifar10_as_others_leave_it(form, folder, records, monkeypatch):
    put(folder, monkeypatch, gzip.compress(tar(whole(records))))
    expected = {split: load_data("cifar10", split) for split in SPLITS}
    (folder / cifar10.ARCHIVE).unlink()
    sums(monkeypatch, records)
    if form == "packed anew":
        (folder / cifar10.ARCHIVE).write_bytes(gzip.compress(tar(whole(records)), 1, mtime=5))
    elif form == "tar":
        (folder / "cifar-10-binary.tar").write_bytes(tar(whole(records)))
    else:
        place = folder / cifar10.FOLDER
        place.mkdir()
        for name, data in records.items():
            (folder / name).write_bytes(data)
        if form == "inside the folder":
            monkeypatch.setenv("PIXELRNN_DATA", str(place))
    for split in SPLITS:
        np.testing.assert_array_equal(load_data("cifar10", split), expected[split])


@pytest.mark.parametrize("form", ["archive", "folder"])
def test_cifar10_with_one_bit_wrong(form, folder, records, monkeypatch):
    sums(monkeypatch, records)
    name = cifar10.TRAIN[3]
    wrong = records | {name: records[name][:-1] + bytes([records[name][-1] ^ 1])}
    (folder / cifar10.FOLDER).mkdir()
    if form == "archive":
        (folder / cifar10.ARCHIVE).write_bytes(gzip.compress(tar(whole(wrong))))
    else:
        for path, data in wrong.items():
            (folder / path).write_bytes(data)
    assert len(load_data("cifar10", "test")) == COUNT
    with fails(ValueError, "data_batch_4.bin", "SHA-256", "delete"):
        load_data("cifar10", "train")
    if form == "folder":
        (folder / name).unlink()
        with pytest.raises(FileNotFoundError, match=r"lacks data_batch_4.bin; it holds data_b"):
            load_data("cifar10", "train")


def test_cifar10_pickled_is_told_of_and_left_alone(folder, network, capfd):
    place = folder / "cifar-10-batches-py"
    place.mkdir()
    (place / "data_batch_1").write_bytes(b"a pickle")
    with pytest.raises(ConnectionError, match=r"or the folder cifar-10-batches-bin"):
        load_data("cifar10")
    assert "data_batch_1 is the Python version, which is pickled" in capfd.readouterr().err


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
        with fails(ValueError, str(path), shown):
            load_data("cifar10", split)
    assert path.read_bytes() == data
