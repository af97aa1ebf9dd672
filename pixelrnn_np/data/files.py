"""Finds the published files of a data set: on this machine, or else on the network. Not the paper.

Searched in this order: the folder that the environment variable PIXELRNN_DATA names, the user's
cache, the publisher and its mirrors (into the cache). A data set may lie there in several forms,
packed or unpacked, under several names; what is unpacked from it has to have the published SHA-256
before a pixel is used (`check_sum`).
"""

import contextlib
import gzip
import hashlib
import io
import os
import sys
import zlib
from pathlib import Path

VARIABLE = "PIXELRNN_DATA"
AGAIN = f"delete the file and try again, or let {VARIABLE} name another folder"
SHOWN = 5  # names of foreign files in a message
SPARE = 2**20  # bytes by which packing may make a file longer
GZIP = b"\x1f\x8b"


def cache_folder():
    """The user's cache, where downloads go; it need not exist yet.

    Raises FileNotFoundError for a user without a home, as in some containers.
    """
    import pooch

    with contextlib.suppress(RuntimeError):  # platformdirs knows no home
        folder = Path(pooch.os_cache("pixelrnn_np"))
        if folder.is_absolute():
            return folder
    raise FileNotFoundError(
        f"this user has no home folder to keep data in; set HOME, or let {VARIABLE} name a folder "
        "that holds the data set's files"
    )


def named_folder():
    """The folder that PIXELRNN_DATA names, or None; ValueError if it names no folder."""
    named = os.environ.get(VARIABLE)
    if not named:
        return None
    if not os.path.isdir(named):
        raise ValueError(f"{VARIABLE} is {named!r}; it has to name an existing folder, or be unset")
    return Path(named)


def folders():
    """Yields the folders to search, in order; asks for the user's cache only if it comes to that.

    Raises ValueError if PIXELRNN_DATA names no folder.
    """
    named = named_folder()
    if named is not None:
        yield named
    yield cache_folder()


def find(*names):
    """The first of the files in the first folder that has any of them, unverified; else None.

    names: file names, or paths within the folder. A folder of such a name is passed over. Raises
    ValueError for what is neither file nor folder: to open a pipe may wait for ever; and as
    `folders` and `cache_folder` do.
    """
    paths = (folder / name for folder in folders() for name in names)
    path = next((path for path in paths if path.exists() and not path.is_dir()), None)
    if path is not None and not path.is_file():
        raise ValueError(f"{path} is not a plain file")
    return path


def locate(filename, sha256, urls, size=None, others=(), forms="", note=""):
    """The path of the first of `filename` and `others` that is here; else `filename`, downloaded.

    What is found here is not verified yet: see `check_sum`. sha256: hexadecimal, of the file to
    download. urls: mirrors, tried in turn. size: bytes, for the message before a download.
    forms: words for `others`, for messages. note: a sentence about what is here and is of no use.

    Raises ValueError if PIXELRNN_DATA names no folder; ConnectionError, which is an OSError, if no
    mirror delivers the published file; FileNotFoundError if it is nowhere and the user has no
    cache.
    """
    path = find(filename, *others)
    if path is not None:
        return path
    wanted = filename + (f" (or {forms})" if forms else "")
    _say_what_is_missing(wanted, note)
    return _download(filename, sha256, urls, size, wanted)


def check_sum(what, expected, found):
    """Raises ValueError unless the two checksums of what is in the file `what` are the same."""
    if found != expected:
        raise ValueError(
            f"{what} is not the published data: expected SHA-256 {expected} of what is in it, "
            f"found {found}; {AGAIN}"
        )


def sha256_of(path):
    """Hexadecimal, of the file at `path`."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def contents(path, size, expected):
    """The bytes in a file, unpacked if they are gzip's, whatever it is called; at most size + 1.

    expected: SHA-256 for the message if the file is larger than it can be: nobody reads a terabyte
    to see that it is something else. Raises ValueError for that, and for a gzip file that is cut or
    garbled.
    """
    with open(path, "rb") as file:
        found = os.fstat(file.fileno()).st_size
        if found > size + SPARE:
            check_sum(path, expected, f"{found} bytes, more than {size}")
        packed = file.read(size + SPARE)
    if packed[:2] != GZIP:
        return packed[: size + 1]
    try:
        with gzip.open(io.BytesIO(packed)) as file:
            return file.read(size + 1)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ValueError(f"{path} is not a whole gzip file: {error}; {AGAIN}") from error


def _say_what_is_missing(wanted, note):
    """Where PIXELRNN_DATA is set, going to the network in silence would be a surprise."""
    folder = named_folder()
    if folder is None:
        return
    there = sorted(p.name + "/" * p.is_dir() for p in folder.iterdir() if p.name[0] != ".")
    more = f" and {len(there) - SHOWN} more" if len(there) > SHOWN else ""
    holds = f"it holds {', '.join(there[:SHOWN])}{more}" if there else "it is empty"
    print(
        f"{VARIABLE}: {folder} has no {wanted}; {holds}{note and '. '}{note}",
        file=sys.stderr, flush=True,
    )  # fmt: skip


def _download(filename, sha256, urls, size, wanted):
    import pooch

    folder = cache_folder()
    bulk = "" if size is None else f" ({size / 1e6:.1f} MB)"
    failures = []
    for url in urls:
        print(f"downloading {filename}{bulk} from {url} to {folder}", file=sys.stderr, flush=True)
        try:
            with _quiet(pooch.get_logger()):
                return Path(pooch.retrieve(url, sha256, filename, folder, progressbar=True))
        except (OSError, ValueError) as error:  # pooch: ValueError for a wrong checksum
            failures.append(f"{url} ({' '.join(str(error).split())})")
    raise ConnectionError(
        f"{filename} could not be downloaded from {' nor from '.join(failures)}; to put it in "
        f"place by hand, save it as {folder / filename}, or as {wanted} in the folder that "
        f"{VARIABLE} names"
    )


@contextlib.contextmanager
def _quiet(logger):
    """Keeps pooch from repeating our line."""
    level = logger.level
    logger.setLevel("WARNING")
    try:
        yield
    finally:
        logger.setLevel(level)
