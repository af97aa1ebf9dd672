"""The functions of `reference` as they stand, compiled by Numba: the rung between it and `kernels`.

The same loops, and no second copy of them. All they need of Numba is `njit`, so `backend` falls
back to them where a version of Numba lacks what `kernels` is made with. Then they are compiled at
every start: the cache is one of the kernels' files.
"""

import inspect
import types

import numba
from numba.extending import is_jitted

from . import reference
from .arguments import BadVariable

try:
    from .kernels.cache import KernelCache
except BadVariable:
    raise
except Exception:  # whatever a future Numba raises
    KernelCache = None

__all__ = list(reference.__all__)


def compile_one(function):
    compiled = numba.njit(nogil=True, error_model="numpy")(function)
    # What calls a generator cannot be compiled with one that comes out of a cache.
    if KernelCache and is_jitted(compiled) and not inspect.isgeneratorfunction(function):
        compiled._cache = KernelCache(function)
    return compiled


def compile_all(package):
    """{name: function, compiled} of all files of a package whose functions call each other.

    A function finds others by the names of its file. So each file's names are copied, and in the
    copies every function of the package is the compiled one.
    """
    files = [v for v in vars(package).values() if isinstance(v, types.ModuleType)]
    names = {file.__name__: dict(vars(file)) for file in files}
    found = {f for own in names.values() for f in own.values() if isinstance(f, types.FunctionType)}
    made = {
        f: compile_one(types.FunctionType(f.__code__, names[f.__module__], f.__name__))
        for f in found
    }
    for own in names.values():
        own |= {name: made[f] for name, f in own.items() if isinstance(f, types.FunctionType)}
    return {f.__name__: compiled for f, compiled in made.items()}


globals().update({name: f for name, f in compile_all(reference).items() if name in __all__})
