"""Columns of tiles: the instructions of multiply.py's products, for 8, 16 and 32 columns at once.

A tile is some rows of these columns, whose sums stay in registers. It is made by an intrinsic that
emits its code (see emitter.py); a function of columns fits as many of the largest tiles into the
rows as it can, then smaller ones.
"""

import llvmlite.binding
from numba import types
from numba.extending import intrinsic

from ..jit import kernel
from .emitter import Emitter

# Rows of the tiles of so many columns, largest first. AVX-512 has 32 registers of 16 float32: more
# than 7 rows of `product` need more addresses than there are other registers. Elsewhere there are
# 16 registers of 8, or 32 of 4.
LARGE = bool(llvmlite.binding.get_host_cpu_features().get("avx512f"))
PRODUCT_ROWS = {32: (7, 4, 2, 1), 16: (7, 4, 2, 1), 8: (7, 4, 2, 1)}
OUTER_ROWS = {32: (8, 4, 2, 1), 16: (16, 4, 2, 1), 8: (16, 4, 2, 1)}
if not LARGE:
    PRODUCT_ROWS = OUTER_ROWS = {16: (6, 4, 2, 1), 8: (6, 4, 2, 1)}
WIDEST = max(PRODUCT_ROWS)


def _product_tiles(rows, lanes):
    """Blocks of `rows` of `product`, from row m on, `lanes` columns of them; the row behind them.

    s: (out, init, gate, low, bias, a, taps, K) with the matrices in three parts each, K flat;
    column: the first of these columns; w: where its weights begin in K, in which rows are L apart;
    T, I: taps, numbers each.
    """

    @intrinsic
    def tiles(typing, s, m, M, column, w, L, T, I):
        def generate(context, builder, signature, args):
            e = Emitter(context, builder, signature.args[0], args[0], lanes)
            m, M, column, w, L, T, I = e.integers(args[1:], signature.args[1:])
            lowest = e.has(9) and e.splat(e.number(9))
            bias = e.has(10) and e.load(builder.gep(e.data(10), [column]))
            weights = builder.gep(e.data(15), [w])

            def tile(m):
                sums = _sums(e, e.rows(11, m, e.constant(0), rows), weights, L, T, I)
                out, init, gate = (e.rows(k, m, column, rows) for k in (0, 3, 6))
                for target, first, passes, total in zip(out, init, gate, sums, strict=True):
                    e.store(_finished(e, total, first, passes, bias, lowest), target)

            return e.tiles(m, M, rows, tile)

        return types.intp(s, m, M, column, w, L, T, I), generate

    return tiles


def _sums(e, sources, weights, L, T, I):
    """Σ over T taps of I numbers times a row of weights each, for every row's address."""
    gep = e.builder.gep

    def one_tap(carried):
        tap, weights, *sums = carried
        offset = e.builder.load(tap)

        def one_number(carried):
            n, weights, *sums = carried
            v = e.load(weights)
            x = [e.broadcast(gep(source, [n])) for source in sources]
            sums = [e.multiply_add(x, v, t) for x, t in zip(x, sums, strict=True)]
            return [e.builder.add(n, e.constant(1)), gep(weights, [L]), *sums]

        _, weights, *sums = e.loop(I, [offset, weights, *sums], one_number)
        return [gep(tap, [e.constant(1)]), weights, *sums]

    return e.loop(T, [e.data(14), weights, *[e.zeros()] * len(sources)], one_tap)[2:]


def _finished(e, total, init, gate, bias, lowest):
    """What becomes of a sum before it is stored; init, gate: addresses, all None if not wanted."""
    if bias:
        total = e.builder.fadd(total, bias)
    if gate:
        positive = e.builder.fcmp_ordered(">", e.load(gate), e.zeros())
        total = e.builder.select(positive, total, e.zeros())
    if init:
        total = e.builder.fadd(e.load(init), total)
    if lowest:
        below = e.builder.fcmp_ordered("<", total, lowest)
        total = e.builder.select(below, lowest, total)
    return total


def _outer_tiles(rows, lanes):
    """Blocks of `rows` rows of `add_outer`'s result, from row i on; the row behind them.

    s: (out, a, b, total), the matrices in three parts each; column: the first of `lanes` columns;
    M: rows of a and b. Row 0's block adds b's rows to `total`.
    """

    @intrinsic
    def tiles(typing, s, i, I, column, M):
        def generate(context, builder, signature, args):
            e = Emitter(context, builder, signature.args[0], args[0], lanes)
            i, I, column, M = e.integers(args[1:], signature.args[1:])
            right = e.rows(6, e.constant(0), column, 1)[0]

            def one_row(carried):
                left, right, *sums = carried
                v = e.load(right)
                x = [e.broadcast(builder.gep(left, [e.constant(k)])) for k in range(rows)]
                rest = [builder.fadd(t, v) for t in sums[rows:]]
                sums = [e.multiply_add(x, v, t) for x, t in zip(x, sums[:rows], strict=True)]
                moved = (builder.gep(p, [e.integer(k)]) for p, k in ((left, 5), (right, 8)))
                return [*moved, *sums, *rest]

            def tile(i):
                left = e.rows(3, e.constant(0), i, 1)[0]
                out = e.rows(0, i, column, rows)
                below = [builder.gep(e.data(9), [column])] if e.has(9) else []
                sums = e.loop(M, [left, right, *map(e.load, out + below)], one_row)[2:]
                for total, target in zip(sums, out, strict=False):
                    e.store(total, target)
                for target in below:
                    with builder.if_then(builder.icmp_signed("==", i, e.constant(0))):
                        e.store(sums[rows], target)

            return e.tiles(i, I, rows, tile)

        return types.intp(s, i, I, column, M), generate

    return tiles


def _named(lanes):
    """Compiles a function that exists once for each number of lanes, under a name of its own.

    Its code is cached within the kernels that call it. Numba tells functions of one name apart by a
    counter that begins anew in every process: two cached kernels, compiled by two processes, could
    hold different functions under one name, of which the linker keeps whichever it sees first.
    """

    def compiled(function):
        function.__qualname__ = f"{function.__qualname__}_{lanes}"
        return kernel(cache=False)(function)

    return compiled


def _product_columns(lanes):
    t0, t1, t2, t3 = (_product_tiles(rows, lanes) for rows in PRODUCT_ROWS[lanes])

    @_named(lanes)
    def columns(s, M, column, w, L, T, I):
        m = t0(s, 0, M, column, w, L, T, I)
        m = t1(s, m, M, column, w, L, T, I)
        m = t2(s, m, M, column, w, L, T, I)
        t3(s, m, M, column, w, L, T, I)

    return columns


def _outer_columns(lanes):
    t0, t1, t2, t3 = (_outer_tiles(rows, lanes) for rows in OUTER_ROWS[lanes])

    @_named(lanes)
    def columns(s, I, column, M):
        i = t0(s, 0, I, column, M)
        i = t1(s, i, I, column, M)
        i = t2(s, i, I, column, M)
        t3(s, i, I, column, M)

    return columns


product_widest, product_16, product_8 = map(_product_columns, (WIDEST, 16, 8))
outer_widest, outer_16, outer_8 = map(_outer_columns, (WIDEST, 16, 8))
