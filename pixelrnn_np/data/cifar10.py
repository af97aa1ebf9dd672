"""CIFAR-10, colour photographs of 32 x 32 pixels (Krizhevsky 2009): the data of Table 5.

§5.6 CIFAR-10. Source: the binary version (no pickle), one tar.gz of six files of 10000 records;
a record is a byte for the class, not used here, then the planes of red, green and blue, row by
row. The archive is read where it lies; nothing is unpacked to disk.

Splits: train is the first 45000 of the 50000 training images, valid the last 5000, test the
published test file. The paper does not tell its validation images; these are ours.
"""

import gzip
import tarfile
import zlib
from pathlib import PurePosixPath

import numpy as np

from .dataset import Dataset
from .files import locate
from .quantise import quantise

ARCHIVE = "cifar-10-binary.tar.gz"
URL = "https://www.cs.toronto.edu/~kriz/" + ARCHIVE
SHA256 = "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9dddda3db29a59bca1dd"
SIZE = 170_052_171
TRAIN = tuple(f"cifar-10-batches-bin/data_batch_{i}.bin" for i in range(1, 6))
TEST = ("cifar-10-batches-bin/test_batch.bin",)
COUNT = 10000  # records per file
VALID = 5000
SHAPE = (32, 32, 3)
RECORD = 1 + 32 * 32 * 3
OTHER = 2**20  # bytes of the archive besides the records: headers, padding, two short texts
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
    path = locate(ARCHIVE, SHA256, [URL], SIZE)
    images = read_images(path, TEST if split == "test" else TRAIN, COUNT)
    if split != "test":
        images = images[:-VALID] if split == "train" else images[-VALID:]
    return quantise(images, levels)


def read_images(path, names, count):
    """The images of some of the archive's six files, in the order asked for.

    names: from TRAIN and TEST. count: the records that each of the six has to hold.
    Returns uint8 (len(names) * count, 32, 32, 3).

    Raises ValueError naming the archive if it is not a whole tar.gz, if one of the six files is
    missing, there twice or of another size (no byte of it is read then), or for a member that the
    published archive would not have: a link, a device, a path that leads elsewhere.
    """
    images = np.empty((len(names), count, *SHAPE), np.uint8)
    missing = set(TRAIN + TEST)
    try:
        with gzip.open(path) as packed:
            file = Bounded(packed, len(missing) * count * RECORD + OTHER)
            with tarfile.open(fileobj=file, mode="r:") as archive:
                for member in archive:
                    _check_member(member)
                    if member.name not in TRAIN + TEST:
                        continue
                    _check_records(member, count, member.name in missing)
                    missing.remove(member.name)
                    if member.name in names:
                        records = _records(archive.extractfile(member), count)
                        images[names.index(member.name)] = records
            # To the end, where gzip compares its checksum.
            while file.read(1 << 20):
                pass
    except Foreign as error:
        raise ValueError(f"{path} {error}") from None
    except (EOFError, zlib.error, gzip.BadGzipFile, tarfile.TarError, *GARBLED) as error:
        raise ValueError(f"{path} is not a whole tar.gz file: {error}") from error
    if missing:
        raise ValueError(f"{path} lacks {', '.join(sorted(missing))}")
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


def _records(file, count):
    """The images of one file: (count, 32, 32, 3), a view."""
    records = np.frombuffer(file.read(count * RECORD), np.uint8).reshape(count, RECORD)
    return records[:, 1:].reshape(count, 3, 32, 32).transpose(0, 2, 3, 1)


DATASET = Dataset(
    name="cifar10",
    description="CIFAR-10, 32x32 colour photographs, 256 levels; 170 MB to download",
    image_shape=SHAPE,
    splits={"train": 45000, "valid": 5000, "test": 10000},
    levels=256,
    allowed_levels=(2, 256),
    loader=load,
)
