"""Asking the cache for what is read or written next, beside the products of now.

Of the numbers that a diagonal or a row of an LSTM touches first, many come from the third cache or
from memory: the maps of all blocks do not fit in the second. The processor foresees what lies side
by side, but not the pixels of the next diagonal. It waits for two dozen lines at a time; if asked
for hundreds at once, it does nothing else meanwhile. So a kernel notes what it will need, and each
tile of a product asks for its rows' share: row m of the product for row m of every noted matrix.
"""

import numpy as np
from numba import types

from ..jit import inlined
from .internals import cgutils, intrinsic, ir
from .shared import Implied, Integers, Matrix, Rows, answers, shared

LINE = 64  # bytes of the cache
SECOND = 2  # the second cache: the first has no room beside the tiles
ENTRY = 5  # numbers of a note: address, bytes between rows, lines of a row, table, its step


@inlined
def no_notes():
    """Room for six notes, and their number."""
    return np.zeros(1 + 6 * ENTRY, np.int64)


@intrinsic
def _ask(typing, address):
    def generate(context, builder, signature, args):
        byte, number = ir.IntType(8).as_pointer(), ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [byte, number, number, number])
        function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        how = [ir.Constant(number, n) for n in (0, SECOND, 1)]
        builder.call(function, [builder.inttoptr(args[0], byte), *how])
        return context.get_dummy_value()

    return types.void(types.int64), generate


@intrinsic
def _address(typing, pointer):
    def generate(context, builder, signature, args):
        return builder.ptrtoint(args[0], ir.IntType(64))

    return types.int64(pointer), generate


@intrinsic
def _number_at(typing, address):
    def generate(context, builder, signature, args):
        return builder.load(builder.inttoptr(args[0], ir.IntType(64).as_pointer()))

    return types.int64(types.int64), generate


@intrinsic
def _size(typing, pointer):
    size = pointer.dtype.bitwidth // 8

    def generate(context, builder, signature, args):
        return ir.Constant(ir.IntType(64), size)

    return types.int64(pointer), generate


@shared
def note(notes: Integers, a: Matrix, a_stride: Implied, a_rows: Rows, a_step: Implied, N: int):
    k, size = 1 + notes[0] * ENTRY, _size(a)
    notes[k], notes[k + 1], notes[k + 2] = _address(a), a_stride * size, -(N * size // -LINE)
    notes[k + 3], notes[k + 4] = _address(a_rows), a_step * 8
    notes[0] += 1


def will_need(notes, a, N, a_rows=None):
    """Notes rows of N numbers of the matrix a, moved as in multiply.py; it changes no number."""


def ask_for_rows(notes, size, first, count):
    """So many rows, from row `first` on, of all that is noted; size: bytes of a number."""
    for k in range(1, 1 + notes[0] * ENTRY, ENTRY):
        for m in range(first, first + count):
            row = notes[k] + m * notes[k + 1]
            row += size * _number_at(notes[k + 3] + m * notes[k + 4])
            for j in range(notes[k + 2]):
                _ask(row + j * LINE)


answers(note, will_need)
