"""What made a run: command, commit, versions, machine (no host, no user). Not the paper."""

import functools
import importlib.metadata
import platform
import shlex
import subprocess
import sys
from pathlib import Path

from .. import __version__
from ..parallel.threads import available_threads

PACKAGES = ("numpy", "numba", "scipy")
WEIGHTS = ":(exclude)pretrained/*-*"  # git's way to leave out data, which is no part of the code


def describe():
    """{"command", "commit", "versions", "processor", "cores"} of this process."""
    return {
        "command": "python -m pixelrnn_np " + shlex.join(sys.argv[1:]),
        "commit": commit(),
        "versions": versions(),
        "processor": processor(),
        "cores": available_threads(),
    }


def versions():
    """{package: version}, Python's and this package's among them; None for what is not there."""
    return {"pixelrnn_np": __version__, "python": platform.python_version()} | {
        name: version(name) for name in PACKAGES
    }


def version(package):
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def processor():
    """The processor's name as the system tells it."""
    try:
        with open("/proc/cpuinfo") as f:
            return next(line.split(":", 1)[1].strip() for line in f if "model name" in line)
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


@functools.cache
def commit(folder=Path(__file__).parents[1]):
    """The git commit of the package, with "-dirty" where its files differ; None outside of git."""
    # An installed package may lie in somebody else's repository: ask whether the file is tracked.
    if _git(folder, "ls-files", "--error-unmatch", "__init__.py") is None:
        return None
    head = _git(folder, "rev-parse", "--short=12", "HEAD")
    changed = _git(folder, "status", "--porcelain", "--untracked-files=no", "--", ".", WEIGHTS)
    return head if head is None or changed == "" else f"{head}-dirty"


def _git(folder, *words):
    try:
        done = subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True,
                              timeout=20, stdin=subprocess.DEVNULL)  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
