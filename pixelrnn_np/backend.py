"""Chooses the compiled kernels or their readable twins, and hands out scratch memory.

All choices live in context variables: they hold for the calling thread, and `parallel` carries
them to its workers.
"""

import contextlib
import contextvars
import difflib
import functools
import importlib
import math
import operator
from pathlib import Path

import numpy as np

BACKENDS = ("kernels", "reference")

_name = contextvars.ContextVar("pixelrnn_backend", default="kernels")
_workspace = contextvars.ContextVar("pixelrnn_workspace", default=None)
_shared = contextvars.ContextVar("pixelrnn_shared", default=None)


def ops(name=None):
    """The module whose functions compute: `kernels`, or `reference` where it was chosen."""
    return _module(name or _name.get())


@functools.cache
def _module(name):
    return importlib.import_module(f".{name}", __package__)


FIRST_KERNEL = {
    "pixelcnn": "conv_block.conv_block_forward", "row_lstm": "row_lstm.row_lstm_forward",
    "diagonal_bilstm": "diagonal_lstm.diagonal_lstm_forward",
}  # fmt: skip


def compiling(model=None):
    """Whether that model's kernels (None: any) are still to be compiled: up to a minute, once."""
    from .kernels import conv_forward
    from .kernels.jit import JIT_DISABLED

    if JIT_DISABLED or _name.get() == "reference":
        return False
    kernel = FIRST_KERNEL.get(model, "masked_conv.conv_forward")
    # The index of Numba's cache; Python's own .pyc of the file lies beside it.
    return next(Path(conv_forward.stats.cache_path).glob(f"{kernel}-*.nbi"), None) is None


@contextlib.contextmanager
def use_backend(name):
    """Within the block every model runs on `name`: "kernels" or "reference" (slow, readable).

    Raises ValueError for another name.
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


SLAB = 2**25


class Workspace:
    """Scratch memory of one thread: every step is given the same memory from its start again.

    Fresh large arrays cost a page fault per 4 KiB. What is to outlive the step is copied out of it.
    Slabs are of 32 MiB, for which NumPy asks for huge pages: the maps of a network are too many
    small pages for the processor's table of them.
    """

    def __init__(self):
        self._slabs, self._given, self._next = [], [], 0

    def rewind(self):
        self._next = 0

    def empty(self, shape, dtype):
        """Steps ask for the same shapes in the same order: each is given last step's array."""
        i, self._next = self._next, self._next + 1
        if i < len(self._given):
            array = self._given[i][0]
            if array.shape == shape and array.dtype == dtype:
                return array
            del self._given[i:]
        self._given.append(self._place(shape, dtype))
        return self._given[i][0]

    def _place(self, shape, dtype):
        """An array behind the last one given, its slab, and where it ends there."""
        _, slab, start = self._given[-1] if self._given else (None, 0, 0)
        size = -(math.prod(shape) * np.dtype(dtype).itemsize // -64) * 64
        while slab < len(self._slabs) and start + size > self._slabs[slab].size:
            slab, start = slab + 1, 0
        if slab == len(self._slabs):
            self._slabs.append(_aligned(max(size, SLAB)))
        return np.ndarray(shape, dtype, self._slabs[slab], start), slab, start + size


def _aligned(size):
    raw = np.empty(size + 64, np.uint8)
    start = -raw.ctypes.data % 64
    return raw[start : start + size]


@contextlib.contextmanager
def workspace(space):
    """Within the block, `empty` and `zeros` reuse the memory of `space` from its start."""
    space.rewind()
    token = _workspace.set(space)
    try:
        yield space
    finally:
        _workspace.reset(token)


def empty(shape, dtype):
    """An uninitialised array: from the open workspace, else fresh."""
    space = _workspace.get()
    return np.empty(shape, dtype) if space is None else space.empty(shape, dtype)


def zeros(shape, dtype):
    a = empty(shape, dtype)
    a[...] = 0
    return a


@contextlib.contextmanager
def sharing():
    """Within the block the weights do not change: what `once` makes of them serves all shards."""
    token = _shared.set({})
    try:
        yield
    finally:
        _shared.reset(token)


def once(key, make):
    """make(), which depends on the weights alone and is not in a workspace; see `sharing`.

    Two threads may both make it: the results are the same.
    """
    kept = _shared.get()
    if kept is None:
        return make()
    if key not in kept:
        kept[key] = make()
    return kept[key]
