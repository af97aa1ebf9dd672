"""Asking the cache for what is read or written next, beside the products of now.

Of the numbers that a diagonal or a row of an LSTM touches first, many come from the third cache or
from memory: the maps of all blocks do not fit in the second. The processor foresees what lies side
by side, but not the pixels of the next diagonal.
"""

from numba import types

from .internals import cgutils, intrinsic, ir
from .shared import Implied, Matrix, Rows, answers, shared

LINE = 64  # bytes of the cache
SECOND = 2  # the second cache: the first has no room beside the tiles


@intrinsic
def _ask(typing, address):
    def generate(context, builder, signature, args):
        byte, number = ir.IntType(8).as_pointer(), ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [byte, number, number, number])
        function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        how = [ir.Constant(number, n) for n in (0, SECOND, 1)]
        builder.call(function, [builder.bitcast(args[0], byte), *how])
        return context.get_dummy_value()

    return types.void(address), generate


@intrinsic
def _at(typing, address, distance):
    def generate(context, builder, signature, args):
        distance = context.cast(builder, args[1], signature.args[1], types.int64)
        return builder.gep(args[0], [distance])

    return address(address, distance), generate


@intrinsic
def _size(typing, address):
    size = address.dtype.bitwidth // 8

    def generate(context, builder, signature, args):
        return ir.Constant(ir.IntType(64), size)

    return types.int64(address), generate


@shared
def fetch(a: Matrix, a_stride: Implied, a_rows: Rows, a_step: Implied, M: int, N: int):
    line = LINE // _size(a)
    for m in range(M):
        row = _at(a, m * a_stride + a_rows[m * a_step])
        for j in range(0, N, line):
            _ask(_at(row, j))


def ask_for(a, M, N, a_rows=None):
    """The M rows of N numbers of the matrix a, moved as in multiply.py; it changes no number."""


answers(fetch, ask_for)
