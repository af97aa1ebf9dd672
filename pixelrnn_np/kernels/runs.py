"""Copying and adding runs of numbers in flat arrays, the inner loops of every gather and scatter.

A run is 16 to 100 numbers here, so what a loop does before its first number counts. Per run of 48
and 32 float32 in the first cache: an assignment of slices took 17 ns; a loop whose index might be
negative, and so is not vectorised, 38; a vectorised loop, which first has to ask whether its arrays
overlap, 9; memcpy 5. (Adding by LLVM's vectors without that question was no faster than the loop.)
Without JIT the slices remain.
"""

import numba
import numpy as np
from numba.core import cgutils
from numba.extending import intrinsic, overload
from numba.np.arrayobj import make_array

from .jit import kernel

U = np.uintp  # Numba lets a negative index count from the end: such a loop is not vectorised.


def copy(target, t, source, s, n):
    """target[t : t + n] = source[s : s + n] of flat arrays; the runs are apart or the same."""
    target[t : t + n] = source[s : s + n]


@kernel
def accumulate(target, t, source, s, n):
    """target[t : t + n] += source[s : s + n] of flat arrays."""
    t, s = U(t), U(s)
    for i in range(U(n)):
        target[t + i] += source[s + i]


@kernel
def clear(target, t, n):
    """target[t : t + n] = 0 of a flat array."""
    for i in range(t, t + n):
        target[i] = 0


@intrinsic
def _memcpy(context, target, t, source, s, n):
    def generate(context, builder, signature, args):
        types = signature.args

        def integer(k):
            return context.cast(builder, args[k], types[k], numba.intp)

        def pointer(array):
            data = make_array(types[array])(context, builder, args[array]).data
            return builder.gep(data, [integer(array + 1)])

        size = context.get_abi_sizeof(context.get_data_type(types[0].dtype))
        bytes_each = context.get_constant(numba.intp, size)
        cgutils.raw_memcpy(builder, pointer(0), pointer(2), integer(4), bytes_each)
        return context.get_dummy_value()

    return numba.void(target, t, source, s, n), generate


@overload(copy)
def _copy(target, t, source, s, n):
    return lambda target, t, source, s, n: _memcpy(target, t, source, s, n)
