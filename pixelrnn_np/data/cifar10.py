"""CIFAR-10, colour photographs of 32 x 32 pixels (Krizhevsky 2009): the data of Table 5.

§5.6 CIFAR-10. Source: the binary version (no pickle), one tar.gz of six files of 10000 records;
a record is a byte for the class, not used here, then the planes of red, green and blue, row by
row. The archive is read where it lies; nothing is unpacked to disk. It may also lie there unpacked,
as the folder `cifar-10-batches-bin`, or packed anew. The published archive is known by its SHA-256,
the same in many projects. In any other form, each file has its own SHA-256, from the Ruby package
torchvision.

Splits: train is the first 45000 of the 50000 training images, valid the last 5000, test the
published test file. The paper does not tell its validation images; these are ours.
"""

import gzip
import hashlib
import tarfile
import zlib
from pathlib import PurePosixPath

import numpy as np

from .dataset import Dataset
from .files import AGAIN, check_sum, contents, find, locate, sha256_of
from .quantise import quantise

ARCHIVE = "cifar-10-binary.tar.gz"
URL = "https://www.cs.toronto.edu/~kriz/" + ARCHIVE
SHA256 = "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"
SIZE = 170_052_171
FOLDER = "cifar-10-batches-bin"
CONTENTS = {
    "data_batch_1.bin": "cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5",
    "data_batch_2.bin": "a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed",
    "data_batch_3.bin": "bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67",
    "data_batch_4.bin": "014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48",
    "data_batch_5.bin": "755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add",
    "test_batch.bin": "8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b",
}
MEMBERS = tuple(f"{FOLDER}/{name}" for name in CONTENTS)
TRAIN, TEST = MEMBERS[:5], MEMBERS[5:]
PICKLED = ("cifar-10-batches-py/data_batch_1", "cifar-10-python.tar.gz")
COUNT = 10000  # records per file
VALID = 5000
SHAPE = (32, 32, 3)
RECORD = 1 + 32 * 32 * 3
OTHER = 2**20  # bytes of the archive besides the records: headers, padding, two short texts
LARGEST = 2**28  # bytes of an archive that is worth its checksum; unpacked it has 184 million
GARBLED = (ValueError, OverflowError, RecursionError)  # what tarfile makes of some headers


class Foreign(Exception):
    """The archive is whole, and not the published one."""


class Bounded:
    """A file to read, of which no more than `size` bytes are given out: no bomb goes off."""

    def __init__(self, file, size):
        self.file, self.size = file, size
        self.tell = file.tell

    def read(self, n):
        if n < 0:  # tarfile asks for it where a header says so; it would mean everything
            raise Foreign("claims a negative size")
        return self._checked(self.file.read(min(n, self.size + 1 - self.tell())))

    def seek(self, position):
        self.file.seek(min(position, self.size + 1))
        return self._checked(position)

    def _checked(self, result):
        if self.tell() > self.size:
            raise Foreign(f"unpacks to more than {self.size} bytes")
        return result


def load(split, levels, rng=None):
    """uint8 (N, 32, 32, 3) in [0, levels), levels from 2 to 256: x becomes x * levels // 256."""
    names = TEST if split == "test" else TRAIN
    path = where(split) or _locate()
    if path.name in CONTENTS:
        images = read_folder(path.parent, names, COUNT)
    else:
        images = read_images(path, names, COUNT, None if sha256_of(path) == SHA256 else CONTENTS)
    if split != "test":
        images = images[:-VALID] if split == "train" else images[-VALID:]
    return quantise(images, levels)


def where(split):
    """The archive, or the first file of those unpacked; None if neither is here."""
    first = (TEST if split == "test" else TRAIN)[0]
    path = find(ARCHIVE, ARCHIVE.removesuffix(".gz"), first, PurePosixPath(first).name)
    if path is not None and path.name not in CONTENTS and path.stat().st_size > LARGEST:
        check_sum(path, SHA256, f"{path.stat().st_size} bytes, more than {LARGEST}")
    return path


def _locate():
    pickled = find(*PICKLED)
    note = "" if pickled is None else (
        f"{pickled} is the Python version, which is pickled and may run any code: it is not read"
    )  # fmt: skip
    return locate(ARCHIVE, SHA256, [URL], SIZE, forms=f"the folder {FOLDER}", note=note)


def read_folder(folder, names, count):
    """The same as `read_images` of the unpacked files in a folder. Raises FileNotFoundError too."""
    images = np.empty((len(names), count, *SHAPE), np.uint8)
    for k, name in enumerate(PurePosixPath(name).name for name in names):
        path = folder / name
        if not path.is_file():
            there = ", ".join(n for n in CONTENTS if (folder / n).is_file())
            raise FileNotFoundError(f"{folder} lacks {name}; it holds {there}")
        data = contents(path, count * RECORD, CONTENTS[name])
        check_sum(path, CONTENTS[name], hashlib.sha256(data).hexdigest())
        images[k] = _images(data, count)
    return images.reshape(-1, *SHAPE)


def read_images(path, names, count, sums=None):
    """The images of some of the archive's six files, in the order asked for.

    names: from TRAIN and TEST. count: the records that each of the six has to hold. sums: the
    SHA-256 that each file has to have, as in CONTENTS; None for an archive that is known already.
    Returns uint8 (len(names) * count, 32, 32, 3).

    Raises ValueError naming the archive if it is not a whole tar.gz (or tar), if one of the six
    files is missing, there twice or of another size (no byte of it is read then) or sum, or for a
    member that the published archive would not have: a link, a device, a path that leads elsewhere.
    """
    images = np.empty((len(names), count, *SHAPE), np.uint8)
    missing, found = set(MEMBERS), {}
    try:
        with (open if path.suffix == ".tar" else gzip.open)(path, "rb") as packed:
            file = Bounded(packed, len(missing) * count * RECORD + OTHER)
            with tarfile.open(fileobj=file, mode="r:") as archive:
                for member in archive:
                    _check_member(member)
                    if member.name not in MEMBERS:
                        continue
                    _check_records(member, count, member.name in missing)
                    missing.remove(member.name)
                    if member.name in names:
                        data = archive.extractfile(member).read(count * RECORD)
                        found[member.name] = hashlib.sha256(data).hexdigest()
                        images[names.index(member.name)] = _images(data, count)
            # To the end, where gzip compares its checksum.
            while file.read(1 << 20):
                pass
    except Foreign as error:
        raise ValueError(f"{path} {error}") from None
    except (EOFError, zlib.error, gzip.BadGzipFile, tarfile.TarError, *GARBLED) as error:
        raise ValueError(f"{path} is not a whole tar.gz file: {error}; {AGAIN}") from error
    if missing:
        raise ValueError(f"{path} lacks {', '.join(sorted(missing))}")
    for name, sum_ in found.items() if sums else ():
        check_sum(f"{path} ({name})", sums[PurePosixPath(name).name], sum_)
    return images.reshape(-1, *SHAPE)


def _check_member(member):
    if member.size < 0:  # the next member would be this one, for ever
        raise Foreign(f"holds {member.name!r} of a negative size")
    name = PurePosixPath(member.name)
    if name.is_absolute() or ".." in name.parts:
        raise Foreign(f"holds {member.name!r}, a path that leads elsewhere")
    if not member.isdir() and (not member.isreg() or member.issparse()):
        raise Foreign(f"holds {member.name!r}, which is not a plain file")


def _check_records(member, count, first):
    size = count * RECORD
    if not first:
        raise Foreign(f"holds {member.name} twice")
    if not member.isreg() or member.size != size:
        raise Foreign(
            f"should hold {count} records of {RECORD} bytes in {member.name}, "
            f"{size} bytes, not {member.size}"
        )


def _images(data, count):
    """The images of one file: (count, 32, 32, 3), a view."""
    records = np.frombuffer(data, np.uint8).reshape(count, RECORD)
    return records[:, 1:].reshape(count, 3, 32, 32).transpose(0, 2, 3, 1)


DATASET = Dataset(
    name="cifar10",
    description="CIFAR-10, 32x32 colour photographs, 256 levels; 170 MB to download",
    image_shape=SHAPE,
    splits={"train": 45000, "valid": 5000, "test": 10000},
    levels=256,
    allowed_levels=(2, 256),
    loader=load,
    where=where,
)
