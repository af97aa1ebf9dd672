"""Matrix products held in registers: a few rows by 16 or 32 columns, read where they lie.

BLAS wants each factor as one block of memory, so that what the taps of a kernel read has first to
be gathered, and bias, ReLU and sums are passes of their own over its result. Here row m of a factor
is K numbers at start + m · stride + tap, summed over taps, and what happens to a sum happens before
it leaves the registers. At each of the K numbers a tile of R rows does R vector multiply-adds for
one load of 16 weights and R broadcasts, which the processor does beside them. On one core of an AMD
EPYC with AVX-512 that ran at 96 to 115 GFLOP/s for the shapes of these models, BLAS on gathered
rows at 104 to 110 with the gathering not counted (benchmarks/README.md).

A matrix is (array, start, stride): a flat array, where its first row begins, and how far rows are
apart (0: all rows are the first). Columns that do not fill a vector go through a vector of 8 and
plain loops. Without JIT the functions below are NumPy.
"""

import llvmlite.binding
import numpy as np
from numba import types
from numba.extending import intrinsic, overload
from numpy.lib.stride_tricks import as_strided

from .emitter import Emitter
from .jit import kernel
from .runs import copy

NOTHING = (None, 0, 0)
HERE = np.zeros(1, np.int64)  # the taps of what is read at its own place only
# Rows of the tiles of so many columns, largest first. AVX-512 has 32 registers of 16 float32: more
# than 7 rows of `product` need more addresses than there are other registers. Elsewhere there are
# 16 registers of 8, or 32 of 4.
LARGE = bool(llvmlite.binding.get_host_cpu_features().get("avx512f"))
PRODUCT_ROWS = {32: (7, 4, 2, 1), 16: (7, 4, 2, 1), 8: (7, 4, 2, 1)}
OUTER_ROWS = {32: (8, 4, 2, 1), 16: (16, 4, 2, 1), 8: (16, 4, 2, 1)}
if not LARGE:
    PRODUCT_ROWS = OUTER_ROWS = {16: (6, 4, 2, 1), 8: (6, 4, 2, 1)}
WIDEST = max(PRODUCT_ROWS)
DEEPEST = 128  # rows of a panel of 32 columns that stays in the first cache, of 32 KiB, with others


@kernel
def matrix(array, start, stride):
    """(array, start, stride) for the functions below; array: contiguous, of any shape."""
    return array.reshape(array.size), start, stride


@kernel
def panels(K):
    """K (rows, N) cut into panels of L columns, (⌈N/L⌉, rows, L), the last filled with zeros."""
    rows, N = K.shape
    L = WIDEST if N >= WIDEST and rows <= DEEPEST else 16
    out = np.zeros((-(N // -L), rows, L), K.dtype)
    source, target = K.reshape(K.size), out.reshape(out.size)
    for panel in range(out.shape[0]):
        for i in range(rows):
            n = min(L, N - panel * L)
            copy(target, (panel * rows + i) * L, source, i * N + panel * L, n)
    return out


@kernel
def transposed_taps(K):
    """Kᵀ of each tap, one below the other: (T, I, O) → (T·O, I)."""
    T, I, O = K.shape
    out = np.empty((T * O, I), K.dtype)
    for t in range(T):
        out[t * O : (t + 1) * O] = K[t].T
    return out


def _rows(m, M, N):
    array, start, stride = m
    size = array.itemsize
    return as_strided(array[start:], (M, N), (stride * size, size))


def product(out, init, gate, low, bias, a, taps, K, M, N):
    """out = max(init + [gate > 0] ⊙ (bias + Σ_t a_t K_t), low), where a_t is a moved by taps[t].

    out, init, gate, a: matrices of M rows, of N columns but for a; bias: (N,); K: `panels` of the
    T·I by N weights; taps: (T,) distances in numbers. What is not wanted costs nothing: NOTHING for
    init or gate, None for bias or low (0 for a ReLU).
    """
    weights = K.transpose(1, 0, 2).reshape(K.shape[1], -1)[:, :N]
    I = len(weights) // len(taps)
    array, start, stride = a
    total = sum(
        _rows((array, start + t, stride), M, I) @ weights[k * I : (k + 1) * I]
        for k, t in enumerate(taps)
    )
    if bias is not None:
        total += bias
    if gate[0] is not None:
        total = np.where(_rows(gate, M, N) > 0, total, 0)
    if init[0] is not None:
        total = total + _rows(init, M, N)
    _rows(out, M, N)[...] = total if low is None else np.where(total < low, low, total)


def add_outer(out, a, b, M, I, N):
    """out (I, N) += aᵀ b, for matrices a of M rows and I columns and b of M rows and N columns."""
    _rows(out, I, N)[...] += _rows(a, M, I).T @ _rows(b, M, N)


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
            m, M, column, w, L, T, I = (
                context.cast(builder, v, t, types.intp)
                for v, t in zip(args[1:], signature.args[1:], strict=True)
            )
            lowest = e.has(9) and e.splat(
                context.cast(builder, e.arguments[9], e.kinds[9], e.dtype)
            )
            bias = e.has(10) and e.load(builder.gep(e.data(10), [column]))
            weights = builder.gep(e.data(15), [w])

            def one_tap(carried, sources):
                tap, weights, *sums = carried
                offset = builder.load(tap)

                def one_number(carried):
                    n, weights, *sums = carried
                    v = e.load(weights)
                    x = [e.broadcast(builder.gep(s, [n])) for s in sources]
                    sums = [e.multiply_add(x, v, t) for x, t in zip(x, sums, strict=True)]
                    following = builder.gep(weights, [L])
                    return [builder.add(n, e.constant(1)), following, *sums]

                _, weights, *sums = e.loop(I, [offset, weights, *sums], one_number)
                return [builder.gep(tap, [e.constant(1)]), weights, *sums]

            def tile(m):
                sources = e.rows(11, m, e.constant(0), rows)
                sums = e.loop(
                    T, [e.data(14), weights, *[e.zeros()] * rows], lambda c: one_tap(c, sources)
                )[2:]
                out, init, gate = (e.rows(k, m, column, rows) for k in (0, 3, 6))
                for target, first, passes, total in zip(out, init, gate, sums, strict=True):
                    if bias:
                        total = builder.fadd(total, bias)
                    if passes:
                        positive = builder.fcmp_ordered(">", e.load(passes), e.zeros())
                        total = builder.select(positive, total, e.zeros())
                    if first:
                        total = builder.fadd(e.load(first), total)
                    if lowest:
                        below = builder.fcmp_ordered("<", total, lowest)
                        total = builder.select(below, lowest, total)
                    e.store(total, target)

            return e.tiles(m, M, rows, tile)

        return types.intp(s, m, M, column, w, L, T, I), generate

    return tiles


def _outer_tiles(rows, lanes):
    """Blocks of `rows` rows of `add_outer`'s result, from row i on; the row behind them.

    s: (out, a, b), in three parts each; column: the first of `lanes` columns; M: rows of a and b.
    """

    @intrinsic
    def tiles(typing, s, i, I, column, M):
        def generate(context, builder, signature, args):
            e = Emitter(context, builder, signature.args[0], args[0], lanes)
            i, I, column, M = (
                context.cast(builder, v, t, types.intp)
                for v, t in zip(args[1:], signature.args[1:], strict=True)
            )
            right = e.rows(6, e.constant(0), column, 1)[0]

            def one_row(carried):
                left, right, *sums = carried
                v = e.load(right)
                x = [e.broadcast(builder.gep(left, [e.constant(k)])) for k in range(rows)]
                sums = [e.multiply_add(x, v, t) for x, t in zip(x, sums, strict=True)]
                moved = (builder.gep(p, [e.integer(k)]) for p, k in ((left, 5), (right, 8)))
                return [*moved, *sums]

            def tile(i):
                left = e.rows(3, e.constant(0), i, 1)[0]
                out = e.rows(0, i, column, rows)
                sums = e.loop(M, [left, right, *map(e.load, out)], one_row)[2:]
                for total, target in zip(sums, out, strict=True):
                    e.store(total, target)

            return e.tiles(i, I, rows, tile)

        return types.intp(s, i, I, column, M), generate

    return tiles


def _product_columns(lanes):
    t0, t1, t2, t3 = (_product_tiles(rows, lanes) for rows in PRODUCT_ROWS[lanes])

    @kernel(cache=False)  # its code is cached with the kernels that call it
    def columns(s, M, column, w, L, T, I):
        m = t0(s, 0, M, column, w, L, T, I)
        m = t1(s, m, M, column, w, L, T, I)
        m = t2(s, m, M, column, w, L, T, I)
        t3(s, m, M, column, w, L, T, I)

    return columns


def _outer_columns(lanes):
    t0, t1, t2, t3 = (_outer_tiles(rows, lanes) for rows in OUTER_ROWS[lanes])

    @kernel(cache=False)
    def columns(s, I, column, M):
        i = t0(s, 0, I, column, M)
        i = t1(s, i, I, column, M)
        i = t2(s, i, I, column, M)
        t3(s, i, I, column, M)

    return columns


_product_widest, _product_16, _product_8 = map(_product_columns, (WIDEST, 16, 8))
_outer_widest, _outer_16, _outer_8 = map(_outer_columns, (WIDEST, 16, 8))


@overload(product)
def _product(out, init, gate, low, bias, a, taps, K, M, N):
    def compiled(out, init, gate, low, bias, a, taps, K, M, N):
        s = (*out, *init, *gate, low, bias, *a, taps, K.reshape(K.size))
        T, R, L = taps.size, K.shape[1], K.shape[2]
        column = 0
        while L > 16 and N - column >= WIDEST:
            _product_widest(s, M, column, column * R, L, T, R // T)
            column += WIDEST
        while N - column >= 16:
            _product_16(s, M, column, column // L * L * R + column % L, L, T, R // T)
            column += 16
        if N - column >= 8:
            _product_8(s, M, column, column // L * L * R + column % L, L, T, R // T)
            column += 8
        for j in range(column, N):
            _product_column(out, init[0], init, gate[0], gate, low, bias, a, taps, K, M, j)

    return compiled


@kernel
def _product_column(out, inits, init, gates, gate, low, bias, a, taps, K, M, j):
    weights, I = K[j // K.shape[2], :, j % K.shape[2]], K.shape[1] // taps.size
    zero = K.dtype.type(0)
    for m in range(M):
        total = zero
        for t in range(taps.size):
            start = a[1] + m * a[2] + taps[t]
            for i in range(I):
                total += a[0][start + i] * weights[t * I + i]
        if bias is not None:
            total += bias[j]
        if gates is not None:
            total = total if gates[gate[1] + m * gate[2] + j] > 0 else zero
        if inits is not None:
            total += inits[init[1] + m * init[2] + j]
        if low is not None:
            total = low if total < low else total
        out[0][out[1] + m * out[2] + j] = total


@overload(add_outer)
def _add_outer(out, a, b, M, I, N):
    def compiled(out, a, b, M, I, N):
        s, column = (*out, *a, *b), 0
        while N - column >= WIDEST:
            _outer_widest(s, I, column, M)
            column += WIDEST
        if N - column >= 16:
            _outer_16(s, I, column, M)
            column += 16
        if N - column >= 8:
            _outer_8(s, I, column, M)
            column += 8
        for i in range(I):
            for j in range(column, N):
                _add_one(out, a, b, M, i, j)

    return compiled


@kernel
def _add_one(out, a, b, M, i, j):
    total = out[0][out[1] + i * out[2] + j]
    for m in range(M):
        total += a[0][a[1] + m * a[2] + i] * b[0][b[1] + m * b[2] + j]
    out[0][out[1] + i * out[2] + j] = total
