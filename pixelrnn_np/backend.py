"""Chooses what computes: the kernels, or their readable twins, compiled or as they stand.

The choice lives in a context variable: it holds for the calling thread, and `parallel` carries it
to its workers.
"""

import contextlib
import contextvars
import importlib
import sys
import textwrap
import threading
from collections.abc import Iterator
from importlib.metadata import version
from typing import TYPE_CHECKING

import numpy as np

from .arguments import BadVariable, choose

BACKENDS = ("kernels", "compiled", "reference")

_name = contextvars.ContextVar("pixelrnn_backend", default="kernels")
_one_at_a_time, _modules = threading.RLock(), {}


def ops(cache=None):
    """The module whose functions compute: the chosen one, or the one that made a layer's `cache`.

    `kernels`, `compiled` or `reference`: all have the same functions. Editors are told `kernels`.
    """
    if TYPE_CHECKING:
        from . import kernels

        return kernels
    return _module(_name.get()) if cache is None else cache[0]


def _module(name):
    return _modules.get(name) or _import(name)


def _import(name):
    """One thread at a time: to others, a module whose import fails later is one without names."""
    with _one_at_a_time:
        if name not in _modules:
            _modules[name] = _found(name)
        return _modules[name]


def _found(name):
    if name == "kernels" and (fault := fault_of_kernels()):
        name = "compiled"
        print(
            f"the kernels do not work with Numba {version('numba')} ({fault}). The compiled "
            "twins, which are slower, take their place. Install another version of Numba",
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
    except BadVariable:
        raise
    except Exception as e:  # whatever a future version raises, at import or while it compiles
        return textwrap.shorten(f"{type(e).__name__}: {e}", 150)
    return None if out.item() == 2 else "a sum is wrong"


@contextlib.contextmanager
def use_backend(name: str) -> Iterator[None]:
    """Within the block every model runs on another backend.

    Parameters
    ----------
    name : {"kernels", "compiled", "reference"}
        "kernels": the fast ones. "reference": their readable twins, plain loops, very slow.
        "compiled": these same loops, compiled by Numba.

    Returns
    -------
    context manager
        The choice holds in this thread, and in the threads that a model starts.

    Raises
    ------
    ValueError
        There is no backend of that name.

    Examples
    --------
    >>> model = pr.build_model("pixelcnn", (4, 4, 1), h=2, layers=1)
    >>> with pr.use_backend("reference"):
    ...     nats = model.nll(np.ones((2, 4, 4, 1), np.uint8))
    >>> nats.shape
    (2,)
    """
    choose("backend", name, BACKENDS)
    token = _name.set(name)
    try:
        yield
    finally:
        _name.reset(token)
