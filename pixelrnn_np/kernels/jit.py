"""How every kernel is compiled: the only place where Numba's options are set.

`nogil` lets one thread per shard run at the same time; `error_model="numpy"` removes the test for
a zero divisor that keeps LLVM from vectorising; the cache (see cache.py) makes the second start
fast. There is no general fastmath: NaN and infinity have to survive, so that a diverging run is
noticed.
"""

import functools

import numba
from numba.extending import is_jitted

from .cache import KernelCache

# As Numba understood its variables and its file of settings, or as a program set it.
JIT_DISABLED = bool(numba.config.DISABLE_JIT)


def kernel(function=None, *, cache=True, **options):
    """A decorator, with or without further options of numba.njit: compiles at the first call."""
    if function is None:
        return functools.partial(kernel, cache=cache, **options)
    compiled = numba.njit(nogil=True, error_model="numpy", **options)(function)
    if cache and is_jitted(compiled):
        compiled._cache = KernelCache(function)
    return compiled


# Products and sums may be fused, a quotient may become a reciprocal: NaN and infinity survive.
vector_kernel = functools.partial(kernel, fastmath={"contract", "arcp", "nsz"})
