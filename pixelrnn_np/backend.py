"""Chooses what computes: the kernels, or their readable twins, compiled or as they stand.

The choice lives in a context variable: it holds for the calling thread, and `parallel` carries it
to its workers.
"""

import contextlib
import contextvars
import difflib
import functools
import importlib
import math
import operator
import sys
import textwrap
from importlib.metadata import version
from typing import TYPE_CHECKING

import numpy as np

BACKENDS = ("kernels", "compiled", "reference")

_name = contextvars.ContextVar("pixelrnn_backend", default="kernels")


def ops(cache=None):
    """The module whose functions compute: the chosen one, or the one that made a layer's `cache`.

    `kernels`, `compiled` or `reference`: all have the same functions. Editors are told `kernels`.
    """
    if TYPE_CHECKING:
        from . import kernels

        return kernels
    return _module(_name.get()) if cache is None else cache[0]


@functools.cache
def _module(name):
    if name == "kernels" and (fault := fault_of_kernels()):
        name = "compiled"
        print(
            f"the kernels do not work with Numba {version('numba')} ({fault}); slower ones take "
            "their place, the compiled twins; install another version of Numba to be fast again",
            file=sys.stderr, flush=True,
        )  # fmt: skip
    return importlib.import_module(f".{name}", __package__)


def announce_compiling(say):
    """From now on, say(text) comes once before this process compiles kernels: up to a minute."""
    with contextlib.suppress(Exception):  # without kernels there is nothing to say
        from .kernels import cache

        cache.announce = say


def target():
    """What computes, compiled by and for what, in a line: where it differs, rounding may too."""
    module = ops().__name__.rpartition(".")[2]
    if module != "kernels":
        return f"{module}, numba {version('numba')}"
    from .kernels import jit

    return jit.target()


@contextlib.contextmanager
def compiling(listener):
    """Within the block, listener() is called whenever a kernel has to be compiled."""
    try:
        from .kernels.cache import listeners
    except Exception:  # without kernels nothing is said
        listeners = []
    listeners.append(listener)
    try:
        yield
    finally:
        listeners.remove(listener)


def fault_of_kernels():
    """What is wrong with `kernels`, in one line, or None: they use internals of Numba."""
    try:
        from . import kernels

        one, out = np.ones((1, 1, 16), np.float32), np.empty((1, 1), np.float32)
        kernels.trial(out, one[0, :, :1], 2 * one)
    except Exception as e:  # whatever a future version raises, at import or while it compiles
        return textwrap.shorten(f"{type(e).__name__}: {e}", 150)
    return None if out.item() == 2 else "a sum is wrong"


@contextlib.contextmanager
def use_backend(name):
    """Within the block every model runs on `name`.

    "kernels": the fast ones; "reference": their readable twins, plain loops, very slow; "compiled":
    these same loops, compiled by Numba. Raises ValueError for another name.
    """
    choose("backend", name, BACKENDS)
    token = _name.set(name)
    try:
        yield
    finally:
        _name.reset(token)


def choose(argument, value, allowed):
    """Returns `value` if it is one of `allowed`; else a ValueError that names the nearest one."""
    if isinstance(value, (str, int, np.bool_)) and value in allowed:
        return value
    near = difflib.get_close_matches(str(value), [str(a) for a in allowed], n=1)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    names = ", ".join(repr(a) for a in allowed)
    raise ValueError(f"{argument} is {value!r}{hint}; it has to be one of {names}")


def check_int(argument, value, low, high):
    """`value`, any integer of Python or NumPy, as an int within [low, high]; else ValueError."""
    try:
        if isinstance(value, (bool, np.bool_)):
            raise TypeError
        value = operator.index(value)
    except TypeError:
        raise ValueError(f"{argument} is {value!r}; it has to be an int") from None
    if not low <= value <= high:
        raise ValueError(f"{argument} is {value}; it has to be from {low} to {high}")
    return value


def check_number(argument, value, low, high, low_too=False):
    """`value` as a float, low < value < high (or low itself where low_too); else ValueError."""
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise ValueError(f"{argument} is {value!r}; it has to be a number")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf if value > 0 else -math.inf
    if not (low < number < high or (low_too and number == low)):
        least = "at least" if low_too else "above"
        raise ValueError(f"{argument} is {value}; it has to be {least} {low:g} and below {high:g}")
    return number


def check_bool(argument, value):
    """`value`, Python's or NumPy's, as a bool; else ValueError."""
    return bool(choose(argument, value, (True, False)))
