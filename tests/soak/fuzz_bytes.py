"""Damage to bytes, and small hostile files in the formats that the package reads.

All of it is drawn from a NumPy Generator, so that a file can be made again from its number.
"""

import copy
import gzip
import io
import json
import struct
import tarfile
import zipfile
import zlib

import numpy as np

NUMBERS = [0, 1, 2, 3, 127, 128, 255, 256, 65535, 65536, 2**31 - 1, 2**31, 2**32 - 1, 2**63, -1]
GIB = 2**30


def pick(rng, options):
    return options[rng.integers(len(options))]


def damage(data, rng):
    """`data` after one to four of: flipped bits, cuts, insertions, repeats, numbers at the edge."""
    data = bytearray(data)
    for _ in range(rng.integers(1, 5)):
        at = int(rng.integers(len(data) + 1))
        length = int(pick(rng, [1, 2, 4, 8, 64, 512]))
        kind = rng.integers(9)
        if kind <= 1:
            for i in rng.integers(len(data), size=length % 9) if data else ():
                data[i] ^= 1 << rng.integers(8)
        elif kind == 2:
            data[at : at + length] = rng.bytes(length)
        elif kind == 3:
            del data[at:]
        elif kind == 4:
            data[at:at] = rng.bytes(length)
        elif kind == 5:
            del data[at : at + length]
        elif kind == 6:
            data[at:at] = data[max(0, at - length) : at]
        elif kind == 7:
            data[at : at + length] = bytes(min(length, len(data) - at))
        else:
            size, order = pick(rng, [1, 2, 4, 8]), pick(rng, ["little", "big"])
            number = pick(rng, NUMBERS) % 256**size
            data[at : at + size] = number.to_bytes(size, order)
    return bytes(data)


def zeros_deflated(size):
    """A raw deflate stream, without its end, that unpacks to `size` zeros: a bomb of 1000 to 1."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    first = packer.compress(bytes(2**20)) + packer.flush(zlib.Z_FULL_FLUSH)
    return first * (size // 2**20)


BOMB = zeros_deflated(GIB)
ZLIB_BOMB = b"\x78\x9c" + BOMB
MEMBER_BOMB = gzip.compress(bytes(2**24), 9, mtime=0) * 64


def gzip_bomb(head=b""):
    """A gzip file of several members: `head`, then 1 GiB of zeros."""
    return gzip.compress(head, mtime=0) + MEMBER_BOMB


# Arrays and zip


def npy(array, rng):
    """An array file, often with another header than the array's."""
    file = io.BytesIO()
    np.save(file, array)
    data = file.getvalue()
    kind = rng.integers(6)
    if kind <= 2:
        edits = {
            b"(%d, 98)" % len(array): [b"(2147483648, 98)", b"(-1, 98)", b"(98, 2)", b"()", b"(2,)",
                                       b"(9" + b"9" * 40 + b",)", b"(2, 98, 1)", b"None"],
            b"'|u1'": [b"'|O'", b"'<f8'", b"'|S1000000000'", b"'|V2147483647'", b"[('a','|O')]",
                       b"'<u9'", b"3", b"'" + b"(" * 50 + b"'"],
            b"False": [b"True", b"None", b"__import__('os')", b"[" * 300],
        }  # fmt: skip
        old = pick(rng, list(edits))
        length = int.from_bytes(data[8:10], "little")
        header = data[10 : 10 + length].replace(old, pick(rng, edits[old]))
        data = data[:8] + struct.pack("<H", len(header)) + header + data[10 + length :]
    elif kind == 3:
        version = pick(rng, [(2, 0), (3, 0), (9, 9), (1, 1)])
        data = data[:6] + bytes(version) + struct.pack("<I", pick(rng, NUMBERS) % 2**32) + data[10:]
    elif kind == 4:
        data = damage(data, rng)
    return data


def bombed_zip(name):
    """A zip file whose one member unpacks to 1 GiB."""
    head = struct.pack("<HHHHHIIIHH", 20, 0, 8, 0, 0, 0, len(BOMB), GIB, len(name), 0)
    start = b"PK\3\4" + head + name + BOMB
    entry = b"PK\1\2" + struct.pack("<H", 20) + head[:-4]
    entry += struct.pack("<HHHHHII", len(name), 0, 0, 0, 0, 0, 0) + name
    sizes = struct.pack("<HHIIH", 1, 1, len(entry), len(start), 0)
    return start + entry + b"PK\5\6" + bytes(4) + sizes


def npz(arrays, rng):
    """An archive of arrays with one thing or another wrong."""
    file = io.BytesIO()
    method = pick(rng, [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED] * 3 + [zipfile.ZIP_LZMA,
                  zipfile.ZIP_BZIP2])  # fmt: skip
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, array in arrays.items():
            full = pick(rng, [f"{name}.npy"] * 9 + [name, f"../{name}.npy", f"/{name}.npy"])
            archive.writestr(full, npy(array, rng))
    data = file.getvalue()
    return damage(data, rng) if rng.random() < 0.5 else data


# tar

ODD_NAMES = ["../up.bin", "/tmp/up.bin", "a/../../up", "", ".", "a" * 300, "\udcff", "x\ny"]
TYPES = [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE,
         tarfile.DIRTYPE, tarfile.GNUTYPE_SPARSE, tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE,
         tarfile.XGLTYPE, tarfile.CONTTYPE, b"\x7f"]  # fmt: skip
PAX = [
    b"13 size=-999\n", b"14 size=99999\n", b"99999 path=x\n", b"11 size=ab\n", b"0 =\n", b"9" * 99,
    b"22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n", b"24 GNU.sparse.map=1,x,-2\n",
    b"26 GNU.sparse.size=1e9999\n", b"27 GNU.sparse.numblocks=9\n", b"12 path=..\n", b"",
]  # fmt: skip


def block(name, kind=tarfile.REGTYPE, size=0, link="/etc/passwd"):
    """A member's header, its checksum right."""
    info = tarfile.TarInfo(name)
    info.type, info.size, info.linkname = kind, size, link
    return info.tobuf(tarfile.GNU_FORMAT, errors="surrogateescape")


def padded(data):
    return data + bytes(-len(data) % 512)


def odd_member(rng):
    """The bytes of one or more members that no published archive has."""
    kind = rng.integers(6)
    if kind == 0:
        return block(pick(rng, ODD_NAMES), size=3) + padded(b"abc")
    if kind == 1:
        return block("odd", pick(rng, TYPES), int(pick(rng, [0, 3, 2**33]))) + padded(b"abc")
    if kind == 2:
        pax = pick(rng, PAX)
        return block("pax", tarfile.XHDTYPE, len(pax)) + padded(pax) + block("after")
    if kind == 3:
        chain = block("long", pick(rng, [tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE]), 0)
        return chain * int(pick(rng, [3, 3000]))
    if kind == 4:
        size = int(pick(rng, [2**31, 2**40, -1, -512, -1024, -1536, -(2**62)]))
        return block("huge", pick(rng, [tarfile.REGTYPE, tarfile.XHDTYPE]), size)
    return block("bytes") + rng.bytes(512)


def tar_gz(members, rng):
    """An archive of (name, content) with one thing or another wrong."""
    parts = [block(name, size=len(content)) + padded(content) for name, content in members]
    for _ in range(rng.integers(1, 3)):
        at = int(rng.integers(len(parts)))
        kind = rng.integers(6)
        if kind <= 2:
            parts.insert(at, odd_member(rng))
        elif kind == 3:
            parts.insert(at, parts[-1])
        elif kind == 4:
            parts[at] = damage(parts[at], rng)
        else:
            name, content = pick(rng, members)
            size = int(pick(rng, [0, 1, len(content) + 1, 2**31, 2**40, -1]))
            parts[at] = block(name, pick(rng, [tarfile.REGTYPE, *TYPES]), size) + padded(content)
    data = gzip.compress(b"".join(parts) + bytes(1024), 1, mtime=0)
    if rng.random() < 0.02:  # a member whose header claims what the bomb then delivers
        kind = pick(rng, [tarfile.REGTYPE, tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME])
        return gzip_bomb(block("bomb", kind, GIB))
    return damage(data, rng) if rng.random() < 0.3 else data


# Text

VALUES = [0, 1, -1, 2, 3, 7, 64, 1000, 4096, 65536, 10**9, 2**63, 10**30, 0.5, -1e308, None, True,
          float("nan"), float("inf"), False, "", "x", "digits", "float64", "pixelcnn", [], {}, [1],
          "multi_scale", [[]], [4096, 4096, 1], [8, 8, 3], {"a": 1}, "é\n\0",
          "9" * 500]  # fmt: skip


def odd_json(value, rng):
    """A copy of what JSON holds with some values, somewhere, in place of others."""
    value = json.loads(json.dumps(value))
    for _ in range(rng.integers(1, 4)):
        place = value
        while True:
            keys = list(place) if isinstance(place, dict) else range(len(place))
            if len(keys) == 0:
                break
            key = pick(rng, list(keys))
            if isinstance(place[key], (dict, list)) and len(place[key]) and rng.random() < 0.8:
                place = place[key]
                continue
            if isinstance(place, dict) and rng.random() < 0.15:
                place["other"] = place.pop(key)
            elif rng.random() < 0.1:
                del place[key]
            else:
                place[key] = copy.deepcopy(pick(rng, VALUES))
            break
    return value


def deep(rng):
    """JSON text nested deeply."""
    depth = int(pick(rng, [50, 400, 900, 990, 2000, 100_000]))
    return pick(rng, ["[" * depth, "[" * depth + "]" * depth, '{"a":' * depth + "1" + "}" * depth])
