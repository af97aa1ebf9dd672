"""How every kernel is compiled: the only place where Numba's options are set.

`nogil` lets one thread per shard run at the same time; `error_model="numpy"` removes the test for
a zero divisor that keeps LLVM from vectorising; the cache (see cache.py) makes the second start
fast. There is no general fastmath: NaN and infinity have to survive, so that a diverging run is
noticed.
"""

import functools
import gc
import zlib

import numba
from numba.extending import is_jitted

from .cache import KernelCache
from .processor import FEATURES, NAME
from .tiles.internals import infer_global

# As Numba understood its variables and its file of settings, or as a program set it.
JIT_DISABLED = bool(numba.config.DISABLE_JIT)
shared = {}  # of tiles/shared.py: what kernels call by name, which has to be there before them
PREFIX = "pixelrnn_"  # of these names


def kernel(function=None, *, cache=True, **options):
    """numba.njit with these options."""
    if function is None:
        return functools.partial(kernel, cache=cache, **options)
    options = {"no_cfunc_wrapper": True, **options}  # nothing is called from C
    compiled = numba.njit(nogil=True, error_model="numpy", **options)(function)
    if is_jitted(compiled):
        compiled.compile = functools.partial(_without_collector, compiled.compile)
        compiled.get_call_template = functools.partial(_for_any_number, compiled.get_call_template)
        if cache:
            compiled._cache = KernelCache(function, _needed, _make_ready)
    return compiled


def _for_any_number(template, kinds, more):
    """Numba would compile a function anew for each constant that another one hands to it."""
    more = {name: numba.types.unliteral(kind) for name, kind in more.items()}
    return template([numba.types.unliteral(kind) for kind in kinds], more)


def _without_collector(compile_one, signature):
    """A tenth of the time went to looking for garbage, of which compiling makes little."""
    if not gc.isenabled():
        return compile_one(signature)
    gc.disable()
    try:
        return compile_one(signature)
    finally:
        gc.enable()


# A small function that few kernels call becomes a part of them, and is not compiled by itself.
inlined = functools.partial(kernel, inline="always")


def inner(function=None, **options):
    """A function that only kernels call: without the wrapper for Python, a third of a small one.

    Called from Python it runs as it stands.
    """
    if function is None:
        return functools.partial(inner, **options)
    compiled = kernel(function, no_cpython_wrapper=True, **options)
    if is_jitted(compiled):
        function.compiled = compiled  # its type does not keep it
        infer_global(function, numba.types.Dispatcher(compiled))
    return function


# Products and sums may be fused, a quotient may become a reciprocal: NaN and infinity survive.
QUICK = {"contract", "arcp", "nsz"}
vector_kernel = functools.partial(kernel, fastmath=QUICK)


def _needed(library):
    """The names of the shared functions that a compiled kernel calls."""
    functions = library._final_module.functions
    return [f.name for f in functions if f.is_declaration and f.name.startswith(PREFIX)]


def _make_ready(names):
    """Compiles or loads shared functions."""
    for name in names:
        function, _, dtype = name.removeprefix(PREFIX).rpartition("_")
        shared[function].ready(getattr(numba.types, dtype))


def target():
    """What the kernels are compiled by and for: Numba's version, the processor, its features."""
    if JIT_DISABLED:
        return "without Numba"
    return f"numba {numba.__version__} for {NAME} {zlib.crc32(FEATURES.encode()):08x}"
