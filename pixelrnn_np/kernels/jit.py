"""How every kernel is compiled: the only place where Numba's options are set.

`nogil` lets one thread per shard run at the same time; `error_model="numpy"` removes the test for
a zero divisor that keeps LLVM from vectorising; `cache` makes the second start fast. There is no
general fastmath: NaN and infinity have to survive, so that a diverging run is noticed.

Numba compiles a cached kernel again when its own file changes, but not when a file changes from
which it takes a function. So cached code older than any file of this folder is dropped (by
__init__.py, before anything is compiled), wherever Numba keeps it.
"""

import contextlib
import functools
import os
import zlib
from pathlib import Path

import llvmlite.binding as llvm
import numba

kernel = functools.partial(numba.njit, nogil=True, error_model="numpy", cache=True)
# Products and sums may be fused, a quotient may become a reciprocal: NaN and infinity survive.
vector_kernel = functools.partial(kernel, fastmath={"contract", "arcp", "nsz"})

JIT_DISABLED = bool(int(os.environ.get("NUMBA_DISABLE_JIT") or 0))


def target():
    """What the kernels are compiled by and for: Numba's version, the processor, its features."""
    if JIT_DISABLED:
        return "without Numba"
    name = numba.config.CPU_NAME or llvm.get_host_cpu_name()
    features = numba.config.CPU_FEATURES or llvm.get_host_cpu_features().flatten()
    return f"numba {numba.__version__} for {name} {zlib.crc32(features.encode()):08x}"


def drop_stale_code(compiled):
    """Drops the cached code of the folder that holds `compiled`, one of its kernels."""
    if JIT_DISABLED:
        return
    newest = max(f.stat().st_mtime for f in Path(__file__).parent.rglob("*.py"))
    for index in Path(compiled.stats.cache_path).glob("*.nbi"):
        with contextlib.suppress(OSError):
            if index.stat().st_mtime < newest:
                index.unlink()
