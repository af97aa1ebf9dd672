"""Keeps compiled kernels from one start to the next. Not the paper.

Numba's own cache asks whether a kernel's file has changed, but not those from which the kernel
takes functions; it fails on a file that it cannot read; and two processes that compile one kernel
for different types may each find the other's code. Here

- a folder's name is a hash of the machine, the versions and the content of every file of this
  package of kernels: code that was made of anything else is never opened;
- each kernel has files of its own for each of its signatures: two processes write the same;
- what is damaged, or cannot be read, is compiled again.
"""

import contextlib
import functools
import hashlib
import os
import platform
import shutil
import stat
import sys
import tempfile
from importlib import resources
from pathlib import Path

import llvmlite
import numba
import numpy as np
from numba import config
from numba.core.caching import Cache, IndexDataCacheFile
from numba.core.compiler import CompileResult
from numba.core.serialize import dumps, loads
from numba.misc.appdirs import AppDirs

from .processor import FEATURES, NAME

# Numba's switches that change the code and are not in its own key.
SWITCHES = ("OPT", "LOOP_VECTORIZE", "SLP_VECTORIZE", "BOUNDSCHECK", "DEBUGINFO_DEFAULT",
            "DISABLE_INTEL_SVML", "EXTEND_VARIABLE_LIFETIMES")  # fmt: skip
KEPT = 4  # other contents' folders that stay: branches of the source take turns

announce = None  # None, or the function that is told, once, that kernels are compiled now
listeners = []  # functions that are called whenever one is


def digest(data):
    return hashlib.sha256(data).hexdigest()


def sources(folder):
    """(name, content) of every file of code below a folder, or below one within a zip file."""
    for entry in sorted(folder.iterdir(), key=lambda e: e.name):
        if entry.is_dir() and entry.name != "__pycache__":
            yield from ((f"{entry.name}/{name}", data) for name, data in sources(entry))
        elif entry.is_file() and entry.name.endswith((".py", ".pyc")):
            yield entry.name, entry.read_bytes()


@functools.cache
def content(package=__package__):
    """A hash of all that a package's functions are made of; None if that cannot be read."""
    with contextlib.suppress(OSError):
        found = list(sources(resources.files(package)))
        return digest(repr(found).encode())[:16] if found else None


def machine():
    """A hash of the processor and of all versions that change what is compiled for it."""
    versions = sys.version, numba.__version__, llvmlite.__version__, np.__version__
    return digest(repr((versions, sys.platform, platform.machine(), (NAME, FEATURES))).encode())[
        :16
    ]


# Read at once, not when something is first compiled: the files may have changed by then.
CONTENT = content()


def places():
    """Folders in which the cache may lie, the best one first."""
    if config.CACHE_DIR:
        yield Path(os.path.abspath(config.CACHE_DIR))
    yield Path(__file__).parent / "__pycache__"
    user = Path(AppDirs("numba", appauthor=False).user_cache_dir)
    if user.is_absolute():  # "~/.cache" as it stands, for a user who has no home
        yield user
    with contextlib.suppress(OSError):
        yield made_private(temporary())


def temporary():
    user = os.getuid() if hasattr(os, "getuid") else ""
    return Path(tempfile.gettempdir()) / f"pixelrnn_np-{user}"


def made_private(path):
    """A folder of this user alone: who can write there can run code as this user."""
    path.mkdir(mode=0o700, exist_ok=True)
    found = path.lstat()
    theirs = hasattr(os, "getuid") and (found.st_uid != os.getuid() or found.st_mode & 0o022)
    if theirs or not stat.S_ISDIR(found.st_mode):
        raise PermissionError(f"{path} is not this user's alone")
    return path


@functools.cache
def folder():
    """The folder of this very code; None if there is none that can be written."""
    for place in places() if CONTENT else ():
        path = place / f"pixelrnn_np-{machine()}" / CONTENT
        with contextlib.suppress(OSError):
            path.mkdir(parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=path).close()
            drop_old(path)
            return path
    return None


def drop_old(path):
    """Drops the folders beside `path` that were not used for longest."""
    with contextlib.suppress(OSError):
        others = [p for p in path.parent.iterdir() if p != path]
        others.sort(key=lambda p: p.stat().st_mtime, reverse=True)
        for old in others[KEPT:]:
            shutil.rmtree(old, ignore_errors=True)


@functools.cache
def tell_compiling():
    """Says before the long silence that it comes; unasked, only if it comes at every start."""
    path, text = folder(), "compiling the kernels; that takes up to a minute, "
    if path is None:
        why = "no folder to keep them in can be written" if CONTENT else "their files are not found"
        _tell(f"{text}at every start: {why}; let NUMBA_CACHE_DIR name a folder")
    elif path.parent.parent == temporary():
        _tell(f"{text}once: they are kept in {temporary()}, as no better folder can be written; "
              "let NUMBA_CACHE_DIR name one")  # fmt: skip
    elif announce:
        _tell(f"{text}once")


@functools.cache
def tell_not_kept(why):
    _tell(f"the compiled kernels cannot be kept in {folder()} ({why}), so the next start compiles "
          "them again; let NUMBA_CACHE_DIR name a folder with more space")  # fmt: skip


def _tell(text):
    if announce:
        announce(text)
    else:
        print(text, file=sys.stderr, flush=True)


class KernelCache(Cache):
    """The compiled code of one function, in the place of Numba's cache of it.

    needed(library): names of what that code calls besides; make_ready(names): sees that it is there
    before the code is loaded. Code that calls nothing besides needs neither.
    """

    def __init__(self, function, needed=lambda library: (), make_ready=lambda names: None):
        self._py_func, self._needed, self._make_ready = function, needed, make_ready
        self._own = self._own_content(function)

    @staticmethod
    def _own_content(function):
        """A hash of the function's package, or of its file if it is not ours; None: unreadable."""
        package = function.__module__.rpartition(".")[0]
        if f"{package}.".startswith(f"{__package__}."):
            return CONTENT
        if package.startswith(__package__.partition(".")[0]):
            return content(package)
        with contextlib.suppress(OSError):
            return digest(Path(function.__code__.co_filename).read_bytes())

    @property
    def cache_path(self):
        return folder() and str(folder())

    def flush(self):
        """Nothing: Numba asks for it when a function is to be compiled again in this process."""

    def _file(self, sig, codegen):
        """(the key of a signature, the files of it), or None if nothing can be kept."""
        if self._own is None or folder() is None:
            return None
        switches = tuple(str(getattr(config, name, None)) for name in SWITCHES)
        key = (*self._index_key(sig, codegen), self._own, switches)
        name = f"{self._py_func.__module__}.{self._py_func.__qualname__}"
        name = name.removeprefix(f"{__package__}.").replace("<", "").replace(">", "")
        name = f"{name}-{digest(repr(key).encode())[:16]}"
        return key, IndexDataCacheFile(str(folder()), name, CONTENT)

    def load_overload(self, sig, target_context):
        target_context.refresh()
        if config.DISABLE_JIT:  # Numba would fail further on, in what the kernel calls
            raise ValueError(
                "numba.config.DISABLE_JIT was set when the kernels had been made; set it, or "
                "NUMBA_DISABLE_JIT=1, before they are first used"
            )
        with contextlib.suppress(Exception):  # whatever is wrong with a file, we can do without
            key, file = self._file(sig, target_context.codegen())
            checksum, data = file.load(key)
            if checksum == digest(data):
                names, compiled = loads(data)
                self._make_ready(names)
                return CompileResult._rebuild(target_context, *compiled)
        tell_compiling()
        for listener in list(listeners):
            listener()
        return None

    def save_overload(self, sig, compiled):
        try:
            found = self._file(sig, compiled.codegen)
            if found is None or compiled.lifted or compiled.library.has_dynamic_globals:
                return
            key, file = found
            data = dumps((self._needed(compiled.library), compiled._reduce()))
            folder().mkdir(parents=True, exist_ok=True)  # another process may have dropped it
            file.flush()  # what is there could not be read
            file.save(key, (digest(data), data))
        except Exception as e:  # a disk that is full, or a Numba that has other internals
            tell_not_kept(getattr(e, "strerror", None) or str(e))
