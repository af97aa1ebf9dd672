"""Finds the published files of a data set: on this machine, or else on the network. Not the paper.

Searched in this order: the folder that the environment variable PIXELRNN_DATA names, the user's
cache, the publisher and its mirrors (into the cache). No byte is used before its SHA-256 is found
to be the published one.
"""

import contextlib
import os
import sys
from pathlib import Path

VARIABLE = "PIXELRNN_DATA"


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


def folders():
    """Yields the folders to search, in order; asks for the user's cache only if it comes to that.

    Raises ValueError if PIXELRNN_DATA names no folder.
    """
    named = os.environ.get(VARIABLE)
    if named:
        if not os.path.isdir(named):
            raise ValueError(
                f"{VARIABLE} is {named!r}; it has to name an existing folder, or be unset"
            )
        yield Path(named)
    yield cache_folder()


def find(*filenames):
    """The first of the files in the first folder that has any of them, unverified; else None.

    Raises ValueError if it is not a plain file: to open a pipe may wait for ever; and as `folders`
    and `cache_folder` do.
    """
    paths = (folder / name for folder in folders() for name in filenames)
    path = next((path for path in paths if path.exists()), None)
    if path is not None and not path.is_file():
        raise ValueError(f"{path} is not a plain file")
    return path


def locate(filename, sha256, urls, size=None):
    """The path of a verified file; it is downloaded to the cache if it is nowhere to be found.

    sha256: hexadecimal. urls: mirrors, tried in turn. size: bytes, for the message before a
    download.

    Raises ValueError if PIXELRNN_DATA names no folder, or for a file that is present with another
    checksum (it is left alone); ConnectionError, which is an OSError, if no mirror delivers it;
    FileNotFoundError if it is nowhere and the user has no cache.
    """
    import pooch

    path = find(filename)
    if path is None:
        return _download(filename, sha256, urls, size)
    found = path.stat().st_size
    if size is not None and found > size:  # no need to read a terabyte of something else
        check_sum(path, f"{sha256}, {size} bytes", f"{found} bytes")
    check_sum(path, sha256, pooch.file_hash(str(path), alg="sha256"))
    return path


def check_sum(what, expected, found):
    """Raises ValueError unless the two checksums of the file `what` are the same."""
    if found != expected:
        raise ValueError(
            f"{what} is not the published data: expected SHA-256 {expected}, found {found}; "
            f"delete the file and try again, or let {VARIABLE} name another folder"
        )


def _download(filename, sha256, urls, size):
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
        f"place by hand, save it as {folder / filename}, or as {filename} in the folder that "
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
