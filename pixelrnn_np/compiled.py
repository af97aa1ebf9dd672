"""The functions of `reference` as they stand, compiled by Numba: the rung between it and `kernels`.

The same loops, and no second copy of them. All they need of Numba is `njit`, so `backend` falls
back to them where a version of Numba lacks what `kernels` is made with.
"""

import contextlib
import hashlib
import inspect
import types
from pathlib import Path

import numba

from . import reference

__all__ = list(reference.__all__)


def compile_one(function):
    options = {"nogil": True, "error_model": "numpy"}
    # What calls a generator cannot be compiled with one that comes out of Numba's cache.
    keep = not inspect.isgeneratorfunction(function)
    try:
        return numba.njit(cache=keep, **options)(function)
    except RuntimeError:  # no folder for the cache can be written
        return numba.njit(**options)(function)


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


def drop_stale_code(folder, function):
    """Empties the cache of `function` and its neighbours if one of the folder's files has changed.

    Numba looks at a function's own file alone, not at those of the functions that it calls.
    """
    place = getattr(getattr(function, "stats", None), "cache_path", None)
    if place is None:  # without JIT, or without a folder for the cache
        return
    content = b"".join(path.read_bytes() for path in sorted(folder.glob("*.py")))
    now, stamp = hashlib.sha256(content).hexdigest(), Path(place, "compiled.sha256")
    with contextlib.suppress(OSError):
        if not stamp.exists() or stamp.read_text() != now:
            for index in stamp.parent.glob("*.nbi"):
                index.unlink()
            stamp.parent.mkdir(parents=True, exist_ok=True)
            stamp.write_text(now)


_functions = compile_all(reference)
drop_stale_code(Path(reference.__file__).parent, _functions["conv_forward"])
globals().update({name: _functions[name] for name in __all__})
