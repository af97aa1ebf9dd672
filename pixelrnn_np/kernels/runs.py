"""Copying and adding runs of numbers, the inner loops of every gather and scatter.

A run is 16 to 100 numbers here, so what a loop does before its first number counts. Per run of 48
and 32 float32 in the first cache: an assignment of slices took 17 ns; a loop whose index might be
negative, and so is not vectorised, 38; a vectorised loop, which first has to ask whether its arrays
overlap, 9; memcpy 5. (Adding by LLVM's vectors without that question was no faster than the loop.)
Without JIT the slices remain.

Arrays are contiguous, of any shape, and taken as flat: `flat` is what such an array is indexed by.
An assignment to a slice takes Numba up to three seconds to compile, because of the message of the
error that it might be, and `reshape` a tenth of a second: kernels use these functions.
"""

import numba
import numpy as np
from numba.core.errors import TypingError

from .tiles.internals import as_dtype, cgutils, make_array, stands_for
from .tiles.shared import Numbers, shared


def flat(array):
    """The numbers of a contiguous array, to be indexed from 0 on.

    Where compiled that is an address, which does not keep the array: that has to be used later on.
    """
    return array.reshape(-1)


def numbers(n, like):
    """(n,) numbers of the dtype of `like`, an array or an address; their values are not set."""
    return np.empty(n, like.dtype)


def copy(target, t, source, s, n):
    """target[t : t + n] = source[s : s + n]; the runs are apart or the same."""
    flat(target)[t : t + n] = flat(source)[s : s + n]


@shared
def accumulate(target: Numbers, t: int, source: Numbers, s: int, n: int):
    """target[t : t + n] += source[s : s + n]."""
    for i in range(n):
        target[t + i] += source[s + i]


@shared
def clear(target: Numbers, t: int, n: int):
    """target[t : t + n] = 0."""
    for i in range(t, t + n):
        target[i] = 0


@shared
def fill_rows(target: Numbers, first: int, count: int, row: Numbers, n: int):
    """Rows `first` to first + count - 1 of target, of n numbers each, become `row`."""
    for m in range(first, first + count):
        for j in range(n):
            target[m * n + j] = row[j]


@stands_for(flat)
def _flat(typing, array):
    def generate(context, builder, signature, args):
        return _address(context, builder, array, args[0])

    return numba.types.CPointer(_contiguous(array).dtype)(array), generate


@stands_for(numbers)
def _room(typing, n, like):
    dtype = as_dtype(like.dtype)

    def generate(context, builder, signature, args):
        def room(n):
            return np.empty(n, dtype)

        return context.compile_internal(builder, room, made(numba.intp), args[:1])

    made = numba.types.Array(like.dtype, 1, "C")
    return made(numba.intp, like), generate


@stands_for(copy)
def _copy(typing, target, t, source, s, n):
    """By memcpy."""

    def generate(context, builder, signature, args):
        t, s, n = (context.cast(builder, args[k], signature.args[k], numba.intp) for k in (1, 3, 4))
        size = context.get_abi_sizeof(context.get_data_type(target.dtype))
        cgutils.raw_memcpy(
            builder, builder.gep(_address(context, builder, target, args[0]), [t]),
            builder.gep(_address(context, builder, source, args[2]), [s]), n,
            context.get_constant(numba.intp, size),
        )  # fmt: skip
        return context.get_dummy_value()

    if _contiguous(target).dtype != _contiguous(source).dtype:
        raise TypingError(f"arrays of one dtype are needed, not {target} and {source}")
    return numba.void(target, t, source, s, n), generate


def _contiguous(kind):
    if isinstance(kind, numba.types.CPointer) or getattr(kind, "layout", "") == "C":
        return kind
    raise TypingError(f"a contiguous array is needed, not {kind}")


def _address(context, builder, kind, value):
    if isinstance(kind, numba.types.CPointer):
        return value
    return make_array(kind)(context, builder, value).data
