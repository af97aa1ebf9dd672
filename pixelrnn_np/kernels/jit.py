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
from pathlib import Path

import numba

JIT_DISABLED = bool(int(os.environ.get("NUMBA_DISABLE_JIT") or 0))
shared = []  # of tiles/shared.py: what kernels call by name, which has to be there before them


def kernel(function=None, **options):
    """numba.njit with these options; compiles or loads the kernel's shared functions before it."""
    if function is None:
        return functools.partial(kernel, **options)
    options = {"nogil": True, "error_model": "numpy", "cache": True} | options
    compiled = numba.njit(function, **options)
    if not JIT_DISABLED:
        compiled.compile = functools.partial(_compile, compiled.compile)
    return compiled


def _compile(compile, signature):
    """Numba calls it before a kernel's first run with arguments of such types in a process."""
    kinds = signature if isinstance(signature, tuple) else ()
    dtypes = (t.dtype for t in kinds if isinstance(t, numba.types.Array))
    dtype = next((t for t in dtypes if isinstance(t, numba.types.Float)), None)
    for function in shared if dtype else ():
        function.ready(dtype)
    return compile(signature)


# Products and sums may be fused, a quotient may become a reciprocal: NaN and infinity survive.
QUICK = {"contract", "arcp", "nsz"}
vector_kernel = functools.partial(kernel, fastmath=QUICK)


def drop_stale_code(compiled):
    """Drops the cached code of the folder that holds `compiled`, one of its kernels."""
    if JIT_DISABLED:
        return
    newest = max(f.stat().st_mtime for f in Path(__file__).parent.rglob("*.py"))
    for index in Path(compiled.stats.cache_path).glob("*.nbi"):
        with contextlib.suppress(OSError):
            if index.stat().st_mtime < newest:
                index.unlink()
