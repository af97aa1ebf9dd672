"""The file of compressed images: whose it is, who made it, streams, a checksum. Not the paper.

A file from a stranger is judged by its size and its checksum first; what its header claims is then
compared with the model at hand, and no memory is set aside on a claim alone.
"""

import hashlib
import struct
from dataclasses import dataclass

MAGIC = b"\x89PXR\r\n\x1a\n"  # as in PNG: a transfer as text would change it
VERSION = 2  # 1: frequencies of products that BLAS had made, another order of sums
LARGEST_GROUP = 256
LONGEST_TEXT = 1000
FIELDS = struct.Struct("<8sBHHHHIH16s8s8sH")
CHECKSUM = 8  # bytes of BLAKE2b


@dataclass(frozen=True)
class Container:
    """Compressed images of one model.

    image_shape: (H, W, C); levels; count: of images; group: how many share a stream, the last one
    has what is left; fingerprint: of weights and configuration, 16 bytes; canary: of probabilities
    that the compressing machine computed, 8 bytes; pixels: checksum of the images, 8 bytes;
    made_by: what computed, one line; streams: bytes of every group.
    """

    image_shape: tuple[int, int, int]
    levels: int
    count: int
    group: int
    fingerprint: bytes
    canary: bytes
    pixels: bytes
    made_by: str
    streams: tuple[bytes, ...]

    def pack(self):
        """The file's bytes."""
        text = self.made_by.encode("ascii", "replace")[:LONGEST_TEXT]
        head = FIELDS.pack(
            MAGIC, VERSION, *self.image_shape, self.levels, self.count, self.group,
            self.fingerprint, self.canary, self.pixels, len(text),
        )  # fmt: skip
        sizes = b"".join(_varint(len(s)) for s in self.streams)
        body = b"".join([head, text, sizes, *self.streams])
        return body + checksum(body)


def unpack(data):
    """The Container in `data`, bytes. Raises ValueError if it is none, or not as it was written."""
    if not isinstance(data, (bytes, bytearray, memoryview)):
        raise ValueError(f"data is a {type(data).__name__}; it has to be bytes, as compress gives")
    data = bytes(data)
    if not data.startswith(MAGIC):
        raise ValueError("data is not what `compress` writes: it begins with something else")
    if len(data) < FIELDS.size + CHECKSUM or data[-CHECKSUM:] != checksum(data[:-CHECKSUM]):
        raise ValueError("data is damaged: it is cut off, or a byte of it was changed")
    _, version, H, W, C, levels, count, group, *sums, length = FIELDS.unpack_from(data)
    if version != VERSION:
        raise ValueError(f"data is of version {version}; this program reads version {VERSION}")
    start, end = FIELDS.size, len(data) - CHECKSUM
    text = data[start : start + length]
    if start + length > end or length > LONGEST_TEXT or not _plain(text):
        raise ValueError("data is damaged: its header has no line on what made it")
    if count < 1 or not 1 <= group <= LARGEST_GROUP:
        raise ValueError(f"data is damaged: its header claims {count} images in groups of {group}")
    streams = _streams(data, start + length, end, -(-count // group))
    return Container((H, W, C), levels, count, group, *sums, text.decode("ascii"), streams)


def checksum(data):
    return hashlib.blake2b(data, digest_size=CHECKSUM).digest()


def _plain(text):
    """Whether an error may show it: printable ASCII."""
    return all(32 <= byte < 127 for byte in text)


def _streams(data, place, end, groups):
    """The streams after their sizes, which begin at `place`. Every byte has to be of one."""
    wrong = ValueError("data is damaged: the sizes of its streams are not those of its content")
    if groups > end - place:  # a size has a byte at least
        raise wrong
    sizes = []
    for _ in range(groups):
        size, shift = 0, 0
        while True:
            if place >= end or shift > 28:
                raise wrong
            byte, place = data[place], place + 1
            size |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                break
        sizes.append(size)
    if sum(sizes) != end - place:
        raise wrong
    streams = []
    for size in sizes:
        streams.append(data[place : place + size])
        place += size
    return tuple(streams)


def _varint(n):
    """Seven bits a byte, low ones first; the high bit says that more follow."""
    found = bytearray()
    while n >= 128:
        found.append(n & 127 | 128)
        n >>= 7
    return bytes([*found, n])
