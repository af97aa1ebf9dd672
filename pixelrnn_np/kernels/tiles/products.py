"""The shared functions behind multiply.py: whole products, made of the tiles of columns.py."""

from numba import types

from .columns import (
    FEW,
    OUTER_ROWS,
    PRODUCT_ROWS,
    WIDEST,
    Joined,
    Outer,
    Product,
    outer_tiles,
    product_tiles,
)
from .internals import intrinsic, ir
from .shared import Implied, Integers, Matrix, Number, Numbers, Panels, Rows, Taps, shared

_product_widest = product_tiles(WIDEST, PRODUCT_ROWS[WIDEST], few=FEW)
_product_16 = product_tiles(16, PRODUCT_ROWS[16], few=FEW)
_product_rest = product_tiles(16, PRODUCT_ROWS[16], partly=True)
_joined_widest = product_tiles(WIDEST, PRODUCT_ROWS[WIDEST], few=FEW, joined=True)
_joined_16 = product_tiles(16, PRODUCT_ROWS[16], few=FEW, joined=True)
_joined_rest = product_tiles(16, PRODUCT_ROWS[16], partly=True, joined=True)
_outer_widest = outer_tiles(WIDEST, OUTER_ROWS[WIDEST])
_outer_16 = outer_tiles(16, OUTER_ROWS[16], few=FEW if OUTER_ROWS[16] == 6 else None)
_outer_16_anywhere = outer_tiles(16, OUTER_ROWS[16], anywhere=True)
_outer_rest = outer_tiles(16, OUTER_ROWS[16], partly=True)
_outer_rest_anywhere = outer_tiles(16, OUTER_ROWS[16], partly=True, anywhere=True)

WIDEST_ROWS = OUTER_ROWS[WIDEST]


@intrinsic
def _given(typing, address):
    def generate(context, builder, signature, args):
        return builder.icmp_unsigned("!=", args[0], ir.Constant(args[0].type, None))

    return types.boolean(address), generate


@shared
def product(
    out: Matrix, out_stride: Implied, bias: Numbers, gate: Matrix, gate_stride: Implied,
    plus: Matrix, plus_stride: Implied, at_least: Number, a: Matrix, a_stride: Implied,
    a_rows: Integers, out_rows: Integers, taps: Taps, T: Implied, K: Panels, R: Implied, L: Implied,
    M: int, N: int,
):  # fmt: skip
    """See Product in columns.py."""
    p = Product(
        out, out_stride, bias, gate, gate_stride, plus, plus_stride, at_least, a, a_stride, a_rows,
        out_rows, taps, T, K, R, L, M, N,
    )  # fmt: skip
    column = 0
    while L > 16 and N - column >= WIDEST:
        _product_widest(p, column, column * R)
        column += WIDEST
    while N - column >= 16:
        _product_16(p, column, column // L * L * R + column % L)
        column += 16
    if column < N:
        _product_rest(p, column, column // L * L * R + column % L)


@shared
def joined_product(
    out: Matrix, out_stride: Implied, bias: Numbers, gate: Matrix, gate_stride: Implied,
    plus: Matrix, plus_stride: Implied, at_least: Number, a: Matrix, a_stride: Implied,
    a_rows: Integers, out_rows: Integers, taps: Taps, T: Implied, K: Panels, R: Implied, L: Implied,
    M: int, N: int, more: Matrix, more_stride: Implied, more_rows: Integers, more_taps: Taps,
    more_count: Implied, notes: Integers,
):  # fmt: skip
    """See Joined in columns.py."""
    p = Joined(
        out, out_stride, bias, gate, gate_stride, plus, plus_stride, at_least, a, a_stride, a_rows,
        out_rows, taps, T, K, R, L, M, N, more, more_stride, more_rows, more_taps, more_count,
        notes,
    )  # fmt: skip
    column = 0
    while L > 16 and N - column >= WIDEST:
        _joined_widest(p, column, column * R)
        column += WIDEST
    while N - column >= 16:
        _joined_16(p, column, column // L * L * R + column % L)
        column += 16
    if column < N:
        _joined_rest(p, column, column // L * L * R + column % L)


@shared
def outer(
    out: Matrix, out_stride: Implied, a: Matrix, a_stride: Implied, a_rows: Rows,
    a_step: Implied, columns: Integers, b: Matrix, b_stride: Implied, total: Numbers, M: int,
    I: int, N: int,
):  # fmt: skip
    """See Outer in columns.py."""
    p = Outer(
        out, out_stride, a, a_stride, a_rows, a_step, columns, b, b_stride, total, M, I, N
    )  # fmt: skip
    column = 0
    whole = not _given(columns) and I % WIDEST_ROWS == 0
    while whole and N - column >= WIDEST:
        _outer_widest(p, column, 0)
        column += WIDEST
    while N - column >= 16:
        _outer_16_anywhere(p, column, _outer_16(p, column, 0))
        column += 16
    if column < N:
        _outer_rest_anywhere(p, column, _outer_rest(p, column, 0))
