"""Hostile pictures: PNG by its chunks, and other formats, for `complete --image`."""

import io
import struct
import zlib

import numpy as np
from PIL import Image

from .fuzz_bytes import NUMBERS, ZLIB_BOMB, damage, pick

SIGNATURE = b"\x89PNG\r\n\x1a\n"
FORMATS = ["PNG"] * 6 + ["JPEG", "BMP"] * 2 + ["GIF", "TIFF", "PPM", "TGA", "ICO", "PCX"]
MODES = {"PNG": ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"], "JPEG": ["L", "RGB", "CMYK"],
         "BMP": ["1", "L", "P", "RGB"], "GIF": ["P"], "PPM": ["L", "RGB"]}  # fmt: skip
ODD_CHUNKS = [
    (b"tEXt", b"a\0" + b"b" * 99), (b"zTXt", b"a\0\0" + ZLIB_BOMB), (b"PLTE", b"abc" * 300),
    (b"iTXt", b"a\0\1\0\0\0" + ZLIB_BOMB), (b"iCCP", b"a\0\0" + ZLIB_BOMB), (b"PLTE", b"ab"),
    (b"tRNS", b""), (b"tRNS", b"a" * 999), (b"gAMA", b""), (b"pHYs", b"\0" * 9), (b"sRGB", b""),
    (b"cHRM", b"\0" * 3), (b"acTL", b"\xff" * 8), (b"acTL", b"\0\0\0\2\0\0\0\0"), (b"IEND", b""),
    (b"fcTL", b"\0" * 25 + b"\7"), (b"fdAT", b"\0" * 9), (b"IDAT", b""), (b"eXIf", b"MM\0*" * 9),
    (b"\0\0\0\0", b""), (b"IHDR", b"\0" * 13), (b"IHDR", b""),
]  # fmt: skip


def chunk(kind, data, rng):
    """One chunk, its checksum and length mostly right."""
    length = pick(rng, NUMBERS) % 2**32 if rng.random() < 0.02 else len(data)
    check = zlib.crc32(kind + data) ^ (rng.random() < 0.02)
    return struct.pack(">I", length) + kind + data + struct.pack(">I", check)


def chunks(data):
    """[(kind, content)] of a good PNG file."""
    found, at = [], 8
    while at < len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        found.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + length]))
        at += 12 + length
    return found


def odd_png(data, rng):
    """The PNG put together again with another header, other chunks or other pixels."""
    parts = chunks(data)
    for _ in range(rng.integers(1, 4)):
        kind = rng.integers(5)
        at = int(rng.integers(len(parts) + 1))
        if kind == 0:
            parts.insert(max(1, at), pick(rng, ODD_CHUNKS))
        elif kind == 1:
            width, height = (int(pick(rng, [0, 1, 8, 16, 4096, 60000, 2**31 - 1, 2**32 - 1]))
                             for _ in range(2))  # fmt: skip
            parts[0] = (b"IHDR", struct.pack(">II", width, height) + parts[0][1][8:])
            if rng.random() < 0.5:
                parts[1:] = [(b"IDAT", ZLIB_BOMB)]
        elif kind == 2:
            rest = bytearray(parts[0][1])
            if len(rest) == 13:
                rest[rng.integers(8, 13)] = pick(rng, [0, 1, 2, 3, 4, 6, 8, 16, 255])
            parts[0] = (b"IHDR", bytes(rest))
        elif kind == 3 and at < len(parts):
            name, content = parts[at]
            parts[at] = (name, damage(content, rng))
        elif len(parts) > 1:
            del parts[min(at, len(parts) - 1)]
    return SIGNATURE + b"".join(chunk(k, d, rng) for k, d in parts)


def good_picture(side, rng):
    """A picture of one of several formats, of a side that the model takes or not."""
    name = pick(rng, FORMATS)
    mode = pick(rng, MODES.get(name, ["L", "RGB"]))
    side *= int(pick(rng, [1, 1, 1, 2, 3]))
    pixels = rng.integers(0, 256, (side, side), np.uint8)
    deep = mode == "I;16"
    picture = Image.fromarray(pixels.astype(np.uint16) if deep else pixels)
    picture = picture if deep else picture.convert(mode)
    file = io.BytesIO()
    picture.save(file, name)
    return name, file.getvalue()


def odd_picture(side, rng):
    """One hostile, damaged or, now and then, good picture file."""
    name, data = good_picture(side, rng)
    kind = rng.random()
    if name == "PNG" and kind < 0.7:
        return odd_png(data, rng)
    if kind > 0.97:
        return data
    if kind > 0.95:
        heads = [b"%!PS-Adobe-3.0 EPSF-3.0\n", b"<svg>", b"RIFF\0\0\0\0WEBPVP8 ", b"", b"P5 9 9 9 "]
        return pick(rng, heads) + rng.bytes(40)
    return damage(data, rng)
