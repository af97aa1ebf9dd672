"""What was measured on: processor, systems and libraries, for results.json."""

import datetime
import os
import platform

from pixelrnn_np.runs.provenance import processor, version

PACKAGES = ("numpy", "numba", "scipy", "torch", "jax", "optax")


# Whatever chooses by the processor: this project, BLAS of both kinds, PyTorch, oneDNN and XLA.
NARROW = {
    "PIXELRNN_VECTOR_BITS": "256",
    "OPENBLAS_CORETYPE": "Haswell",
    "MKL_ENABLE_INSTRUCTIONS": "AVX2",
    "ATEN_CPU_CAPABILITY": "avx2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "XLA_FLAGS": "--xla_cpu_max_isa=AVX2",
}


def hold_to_avx2():
    """From now on, processes that this one starts leave AVX-512 alone."""
    flags = " ".join(f for f in (os.environ.get("XLA_FLAGS"), NARROW["XLA_FLAGS"]) if f)
    os.environ.update(NARROW | {"XLA_FLAGS": flags})


def describe(threads):
    """{"cpu", "threads", "system", "date", "versions"}."""
    return {
        "cpu": processor(),
        "threads": threads,
        "system": platform.platform(),
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "versions": {"python": platform.python_version()} | {p: version(p) for p in PACKAGES},
    }
