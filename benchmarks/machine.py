"""What was measured on: processor, systems and libraries, for results.json."""

import datetime
import importlib.metadata
import platform

PACKAGES = ("numpy", "numba", "scipy", "torch")


def processor():
    """The processor's name as the system tells it."""
    try:
        with open("/proc/cpuinfo") as f:
            return next(line.split(":", 1)[1].strip() for line in f if "model name" in line)
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def version(package):
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def describe(threads):
    """{"cpu", "threads", "system", "date", "versions"}."""
    return {
        "cpu": processor(),
        "threads": threads,
        "system": platform.platform(),
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "versions": {"python": platform.python_version()} | {p: version(p) for p in PACKAGES},
    }
