"""How every kernel is compiled: the only place where Numba's options are set.

`nogil` lets one thread per shard run at the same time; `error_model="numpy"` removes the test for
a zero divisor that keeps LLVM from vectorising; the cache (see cache.py) makes the second start
fast. There is no general fastmath: NaN and infinity have to survive, so that a diverging run is
noticed.
"""

import functools
import zlib

import llvmlite.binding as llvm
import numba
from numba.extending import is_jitted

from .cache import KernelCache

# As Numba understood its variables and its file of settings, or as a program set it.
JIT_DISABLED = bool(numba.config.DISABLE_JIT)
shared = []  # of tiles/shared.py: what kernels call by name, which has to be there before them


def kernel(function=None, *, cache=True, **options):
    """numba.njit with these options; compiles or loads the kernel's shared functions before it."""
    if function is None:
        return functools.partial(kernel, cache=cache, **options)
    compiled = numba.njit(nogil=True, error_model="numpy", **options)(function)
    if is_jitted(compiled):
        compiled.compile = functools.partial(_after_shared, compiled.compile)
        if cache:
            compiled._cache = KernelCache(function)
    return compiled


# Products and sums may be fused, a quotient may become a reciprocal: NaN and infinity survive.
QUICK = {"contract", "arcp", "nsz"}
vector_kernel = functools.partial(kernel, fastmath=QUICK)


def _after_shared(load, signature):
    """Numba calls it before a kernel's first run with arguments of such types in a process."""
    kinds = signature if isinstance(signature, tuple) else ()
    dtypes = (t.dtype for t in kinds if isinstance(t, numba.types.Array))
    dtype = next((t for t in dtypes if isinstance(t, numba.types.Float)), None)
    for function in shared if dtype else ():
        function.ready(dtype)
    return load(signature)


def target():
    """What the kernels are compiled by and for: Numba's version, the processor, its features."""
    if JIT_DISABLED:
        return "without Numba"
    name = numba.config.CPU_NAME or llvm.get_host_cpu_name()
    features = numba.config.CPU_FEATURES or llvm.get_host_cpu_features().flatten()
    return f"numba {numba.__version__} for {name} {zlib.crc32(features.encode()):08x}"
