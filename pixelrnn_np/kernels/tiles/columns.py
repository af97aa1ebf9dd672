"""Columns of tiles: the instructions of multiply.py's products, for 16 or 32 columns at once.

A tile is some rows of these columns, whose sums stay in registers. It is made by an intrinsic that
emits its code (see emitter.py). In the last tile, rows beyond the end are the last row again: it is
computed and stored as often, and the same each time.
"""

from typing import NamedTuple

from numba import types

from ..processor import HAS_AVX512
from .emitter import Emitter, Operands, integers
from .fetch import ask_for_rows
from .internals import intrinsic

# Rows of the tiles of so many columns. AVX-512 has 32 registers of 16 float32: more than 7 rows of
# a product need more addresses than there are other registers. Elsewhere there are 16 registers of
# 8, or 32 of 4.
PRODUCT_ROWS = {32: 7, 16: 7} if HAS_AVX512 else {16: 6}
OUTER_ROWS = {32: 8, 16: 16} if HAS_AVX512 else {16: 6}
FEW = 4  # rows of the last tiles: a diagonal's pixels of four images are no multiple of 7
WIDEST = max(PRODUCT_ROWS)


class Product(NamedTuple):
    """out = max(plus + [gate > 0] ⊙ (bias + Σ_t a_t K_t), low), with matrices as in multiply.py.

    bias, gate and plus may be null. a_t is a moved by taps[t], of which there are T; K: panels of R
    rows of L weights, R / T of them for each tap; out: (M, N). Row m of a is moved by a_rows[m],
    that of out and of plus by out_rows[m], unless these are null.
    """

    out: object
    out_stride: int
    bias: object
    gate: object
    gate_stride: int
    plus: object
    plus_stride: int
    low: float
    a: object
    a_stride: int
    a_rows: object
    out_rows: object
    taps: object
    T: int
    K: object
    R: int
    L: int
    M: int
    N: int


Joined = NamedTuple(
    "Joined",
    [*Product.__annotations__.items(), ("more", object), ("more_stride", int),
     ("more_rows", object), ("more_taps", object), ("more_count", int), ("notes", object)],
)  # fmt: skip
Joined.__doc__ = """A Product and what only LSTMs ask for: sums of 16 numbers have no time for it.

more: null, or a second matrix like a, whose taps come after a's; its row m is moved by
more_rows[m]. notes: null, or what the cache is asked for on the way, see fetch.py.
"""


class Outer(NamedTuple):
    """out (I, N) += aᵀ b, of M rows; total: (N,) += the sum of b's rows, or null.

    columns: (I,) distances of a's columns, or null if they are side by side. Row m of a is moved by
    number a_step · m of a_rows. The first tile makes `total`, on units which its multiply-adds
    leave idle.
    """

    out: object
    out_stride: int
    a: object
    a_stride: int
    a_rows: object
    a_step: int
    columns: object
    b: object
    b_stride: int
    total: object
    M: int
    I: int
    N: int


def product_tiles(lanes, rows, partly=False, few=None, joined=False):
    """Tiles of so many rows, or `few`, of a Product whose weights begin at number w of K.

    `lanes` columns of them or, `partly`, as many as there are. joined: of a Joined.
    """

    @intrinsic
    def tiles(typing, product, column, w):
        def generate(context, builder, signature, args):
            p = Operands(context, builder, signature.args[0], args[0])
            column, w = integers(context, builder, args[1:], signature.args[1:])
            part = builder.sub(p.N, column) if partly else None
            e = Emitter(context, builder, p.dtype, lanes, part)
            none = [e.zeros()]
            bias = e.when(e.given(p.bias), none, lambda _: [e.load(e.moved(p.bias, column))])[0]
            low, weights = e.splat(p.low), e.moved(p.K, w)

            def rows_from(m, rows, count):
                """The sums of these rows, in registers."""
                sources = e.rows(*p.matrix("a"), m, e.constant(0), rows, count, p.a_rows)
                if not joined:
                    return _sums(e, p, sources, weights, [bias] * rows)
                _ask(e, p, column, m, count)
                more = e.rows(*p.matrix("more"), m, e.constant(0), rows, count, p.more_rows)
                return _sums_of_two(e, p, sources, more, weights, [bias] * rows)

            def tile(m, count, rows):
                def rows_of(matrix, places=None):
                    return e.rows(*p.matrix(matrix), m, column, rows, count, places)

                sums = rows_from(m, rows, count)
                sums = e.when(e.given(p.gate), sums, lambda v: _passed(e, v, rows_of("gate")))
                sums = e.when(
                    e.given(p.plus), sums, lambda v: _added(e, v, rows_of("plus", p.out_rows))
                )
                for total, target in zip(sums, rows_of("out", p.out_rows), strict=True):
                    below = builder.fcmp_ordered("<", total, low)  # this way round NaN is kept
                    e.store(builder.select(below, low, total), target)

            e.tiles(e.constant(0), p.M, rows, tile, few)
            return context.get_dummy_value()

        return types.void(product, column, w), generate

    return tiles


def _ask(e, p, column, m, count):
    """Asks for what is noted for these rows, once: with the first columns."""
    begins = e.builder.icmp_signed("==", column, e.constant(0))
    kinds = types.CPointer(types.int64), types.int64, types.int64, types.int64
    with e.builder.if_then(e.builder.and_(begins, e.given(p.notes))):
        args = p.notes, e.constant(e.align), m, count
        e.context.compile_internal(e.builder, ask_for_rows, types.void(*kinds), args)


def _sums(e, p, sources, weights, sums):
    """sums + Σ over the taps of I numbers times a row of weights each, for every row's address."""
    I = e.builder.sdiv(p.R, p.T)
    return _over_taps(e, p.L, I, p.taps, p.T, sources, weights, sums)[1:]


def _sums_of_two(e, p, sources, more, weights, sums):
    """The same of two matrices, in a loop: emitted twice, it would take longer to compile."""
    b, there = e.builder, e.given(p.more)
    count = b.select(there, p.more_count, e.constant(0))
    I = b.sdiv(p.R, b.add(p.T, count))

    def one_matrix(carried):
        taps, T, weights = carried[:3]
        sources, sums = carried[3 : 3 + len(more)], carried[3 + len(more) :]
        weights, *sums = _over_taps(e, p.L, I, taps, T, sources, weights, sums)
        return [p.more_taps, count, weights, *more, *sums]

    matrices = b.select(there, e.constant(2), e.constant(1))
    start = [p.taps, p.T, weights, *sources, *sums]
    return e.loop(matrices, start, one_matrix)[3 + len(more) :]


def _over_taps(e, L, I, taps, T, sources, weights, sums):
    """The address of the weights after those read, and the sums."""

    def one_tap(carried):
        tap, weights, *sums = carried
        offset = e.builder.load(tap)

        def one_number(carried):
            n, weights, *sums = carried
            v = e.load(weights, whole=True)  # `panels` fills the last ones up
            x = [e.broadcast(e.moved(source, n)) for source in sources]
            sums = [e.multiply_add(x, v, t) for x, t in zip(x, sums, strict=True)]
            return [e.builder.add(n, e.constant(1)), e.moved(weights, L), *sums]

        _, weights, *sums = e.loop(I, [offset, weights, *sums], one_number)
        return [e.moved(tap, e.constant(1)), weights, *sums]

    return e.loop(T, [taps, weights, *sums], one_tap)[1:]


def _passed(e, sums, gates):
    """The sums where the gate is positive, 0 elsewhere."""
    positive = [e.builder.fcmp_ordered(">", e.load(gate), e.zeros()) for gate in gates]
    return [e.builder.select(p, v, e.zeros()) for p, v in zip(positive, sums, strict=True)]


def _added(e, sums, addresses):
    return [e.builder.fadd(e.load(a), v) for a, v in zip(addresses, sums, strict=True)]


def outer_tiles(lanes, rows, partly=False, anywhere=False, few=None):
    """Tiles of so many rows, or `few`, of an Outer, from row i on; the row after them.

    Whole tiles, whose columns of a are side by side; `anywhere`: all, with columns at any distance.
    lanes, partly: as in product_tiles.
    """

    @intrinsic
    def tiles(typing, outer, column, i):
        def generate(context, builder, signature, args):
            p = Operands(context, builder, signature.args[0], args[0])
            column, i = integers(context, builder, args[1:], signature.args[1:])
            part = builder.sub(p.N, column) if partly else None
            e = Emitter(context, builder, p.dtype, lanes, part)
            total = e.moved(p.total, column)
            right = e.moved(p.b, column)

            def tile(i, count, rows):
                out = e.rows(*p.matrix("out"), i, column, rows, count)
                columns = (
                    _columns(e, p, i, rows, count) if anywhere else map(e.constant, range(rows))
                )
                start = p.a if anywhere else e.moved(p.a, i)
                addresses = [e.moved(start, k) for k in columns]
                first = builder.icmp_signed("==", i, e.constant(0))
                with builder.if_else(builder.and_(first, e.given(p.total))) as (yes, no):
                    with yes:
                        _add_rows(e, p, addresses, right, [*out, total])
                    with no:
                        _add_rows(e, p, addresses, right, out)

            last = p.I
            if not anywhere:
                side_by_side = builder.not_(e.given(p.columns))
                rest = builder.srem(p.I, e.constant(rows))
                whole = builder.sub(p.I, rest)
                if few is not None:
                    one = builder.icmp_signed("==", rest, e.constant(few))
                    two = builder.icmp_signed("==", rest, e.constant(2 * few - rows))
                    two = builder.and_(two, builder.icmp_signed(">", p.I, e.constant(rows)))
                    whole = builder.select(builder.or_(one, two), p.I, whole)
                last = builder.select(side_by_side, whole, e.constant(0))
            e.tiles(i, last, rows, tile, few)
            return last

        return types.int64(outer, column, i), generate

    return tiles


def _columns(e, p, i, rows, count):
    """The distances of the columns of a from i on."""
    columns = e.row_distances(e.constant(1), rows, count)
    side_by_side = [e.builder.add(i, k) for k in columns]
    return e.when(
        e.given(p.columns), side_by_side,
        lambda _: [e.builder.load(e.moved(p.columns, i, k)) for k in columns],
    )  # fmt: skip


def _add_rows(e, p, left, right, targets):
    """Adds all rows' products to the tile's rows and, where it is a target, b's to `total`."""

    def one_row(carried):
        n, place, right, *sums = carried
        v = e.load(right)
        here = e.builder.add(n, e.builder.load(place))
        x = [e.broadcast(e.moved(address, here)) for address in left]
        rest = [e.builder.fadd(t, v) for t in sums[len(left) :]]
        sums = [e.multiply_add(x, v, t) for x, t in zip(x, sums[: len(left)], strict=True)]
        n, place = e.builder.add(n, p.a_stride), e.moved(place, p.a_step)
        return [n, place, e.moved(right, p.b_stride), *sums, *rest]

    start = [e.constant(0), p.a_rows, right, *map(e.load, targets)]
    for value, target in zip(e.loop(p.M, start, one_row)[3:], targets, strict=True):
        e.store(value, target)
