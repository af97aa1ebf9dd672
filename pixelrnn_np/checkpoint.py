"""Arrays and configuration in one safetensors file, written whole or not at all.

safetensors holds arrays and strings only: opening a file from a stranger executes nothing. Nor
does it take memory that the file does not account for: the header is parsed only up to a bound. It
has no checksum, so the description carries one of itself and of the arrays; files without are
older.
"""

import contextlib
import hashlib
import json
import os
import secrets
from pathlib import Path

import numpy as np
import safetensors
import safetensors.numpy

from .arguments import shown

FORMAT = "pixelrnn_np 1"
CHECKSUM = "sha256"
# Parsed text takes up to a hundred times its size. A header of 10,000 arrays has about 1 MiB, the
# description of a run a few KiB.
LARGEST_HEADER, LARGEST_TEXT = 2**24, 2**20


def as_path(path, argument="path"):
    """`path` as a Path; ValueError unless it is a str or a path without a zero byte."""
    if not isinstance(path, (str, os.PathLike)) or "\0" in str(path):
        raise ValueError(f"{argument} is {shown(path)}; it has to be a str or a Path")
    return Path(path)


def write_atomically(path, data, before=None):
    """Writes bytes so that `path` holds the old content or the new one, whatever happens.

    before: called when the new content is on the disk, and before it takes the name `path`.
    Raises OSError, which names `path`.
    """
    path = as_path(path)
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder; name a file")
    temporary = _beside(path)
    try:
        with open(temporary, "xb") as f:
            f.write(data)
            f.flush()
            os.fsync(f.fileno())
        if before is not None:
            before()
        os.replace(temporary, path)
        _sync_folder(path.parent)
    except OSError as e:
        raise type(e)(e.errno, e.strerror, str(path)) from None
    finally:
        # A path through a file has nothing to remove and would hide the first error.
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def check_writable(path):
    """OSError if `write_atomically` could not write `path`; leaves nothing behind."""
    path = Path(path)
    temporary = _beside(path)
    try:
        temporary.touch(exist_ok=False)
        temporary.unlink()
    except OSError as e:
        raise type(e)(e.errno, e.strerror, str(path)) from None


def _sync_folder(folder):
    """After a power cut the folder has the new name; where a system cannot do it, it does not."""
    with contextlib.suppress(OSError):
        opened = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)


def _beside(path):
    if not path.parent.is_dir():
        missing = "is not a folder" if path.parent.exists() else "does not exist; create it first"
        raise FileNotFoundError(f"the folder {path.parent} {missing}")
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")


def save(path, arrays, meta, before=None):
    """arrays: {name: ndarray}; meta: a dict that JSON holds; before: see above. Raises OSError."""
    tensors = {k: np.ascontiguousarray(v) for k, v in arrays.items()}
    meta = {**meta, CHECKSUM: checksum(tensors, meta)}
    # One key: safetensors puts several in any order, and the same run has to give the same bytes.
    write_atomically(path, safetensors.numpy.save(tensors, {FORMAT: json.dumps(meta)}), before)


def checksum(arrays, meta):
    """SHA-256 of contiguous arrays, their names, types and shapes, and of meta as JSON."""
    digest = hashlib.sha256(json.dumps(meta).encode())
    for name, a in sorted(arrays.items()):
        digest.update(f"{name} {a.dtype.str} {a.shape}".encode())
        digest.update(a.data)
    return digest.hexdigest()


def load(path):
    """arrays, meta as they were saved. OSError: cannot be read; ValueError: foreign or damaged."""
    path = as_path(path)
    _check_header(path)
    try:
        with safetensors.safe_open(path, framework="numpy") as f:
            text = f.metadata() or {}
            arrays = {k: f.get_tensor(k) for k in f.keys()}  # noqa: SIM118  no iteration
    except MemoryError:
        raise
    except OSError as e:
        raise OSError(f"{path} cannot be read: {e}") from None
    except Exception as e:
        reason = " ".join(str(e).split())
        raise ValueError(f"{path} is not a whole safetensors file: {reason}") from None
    if FORMAT not in text:
        raise ValueError(f"{path} was not written by this project (it is not {FORMAT!r})")
    try:
        meta = json.loads(text[FORMAT]) if len(text[FORMAT]) <= LARGEST_TEXT else None
    except (ValueError, RecursionError):
        meta = None
    if not isinstance(meta, dict):
        raise ValueError(f"{path} has no readable description of its content")
    found = meta.pop(CHECKSUM, None)
    if found is not None and found != checksum(arrays, meta):
        raise ValueError(f"{path} is damaged: its content differs from what was written")
    return arrays, meta


def _check_header(path):
    """OSError or ValueError for what is no plain file, or claims a header beyond the bound."""
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder; name a file")
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist")
    if not path.is_file():  # to open a pipe may wait for ever
        raise ValueError(f"{path} is not a plain file")
    with open(path, "rb") as f:
        size = int.from_bytes(f.read(8), "little")
    if size > LARGEST_HEADER:
        raise ValueError(
            f"{path} is not a whole safetensors file: it claims a header of {size} bytes, "
            f"more than {LARGEST_HEADER}"
        )


def as_json(argument, value):
    """`value` as JSON gives it back, NumPy's numbers as Python's; else ValueError."""
    try:
        if not isinstance(value, dict):
            raise TypeError(f"it is a {type(value).__name__}")
        return json.loads(json.dumps(value, default=lambda v: v.item(), allow_nan=False))
    except (TypeError, ValueError, AttributeError, RecursionError) as e:
        raise ValueError(
            f"{argument} is {shown(value)}; it has to be a dict of what JSON can hold: text, "
            f"numbers, lists and dicts ({e})"
        ) from None
