"""What was measured on: processor, systems and libraries, for results.json."""

import datetime
import platform

from pixelrnn_np.runs.provenance import processor, version

PACKAGES = ("numpy", "numba", "scipy", "torch")


def describe(threads):
    """{"cpu", "threads", "system", "date", "versions"}."""
    return {
        "cpu": processor(),
        "threads": threads,
        "system": platform.platform(),
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "versions": {"python": platform.python_version()} | {p: version(p) for p in PACKAGES},
    }
