"""Scratch memory that every training step uses again, and what shards share.

Not the paper. Both live in context variables: they hold for the calling thread, and `parallel`
carries them to its workers.
"""

import contextlib
import contextvars
import math

import numpy as np

_workspace = contextvars.ContextVar("pixelrnn_workspace", default=None)
_shared = contextvars.ContextVar("pixelrnn_shared", default=None)

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
        """An array after the last one given, its slab, and where it ends there."""
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
