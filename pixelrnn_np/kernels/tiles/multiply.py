"""Matrix products held in registers: a few rows by 16 or 32 columns, read where they lie.

BLAS wants each factor as one block of memory, so that what the taps of a kernel read has first to
be gathered, and bias, ReLU and sums are passes of their own over its result. Here row m of a factor
is K numbers at start + m · stride + tap, summed over taps, and what happens to a sum happens before
it leaves the registers. At each of the K numbers a tile of R rows does R vector multiply-adds for
one load of 16 weights and R broadcasts, which the processor does beside them. On one core of an AMD
EPYC with AVX-512 that ran at 105 to 115 GFLOP/s for the shapes of these models, BLAS on gathered
rows at 92 to 115 with the gathering not counted (benchmarks/README.md).

A matrix is (array, start, stride): a flat array, where its first row begins, and how far rows are
apart (0: all rows are the first). Columns that do not fill a vector go through a vector of 8 and
plain loops. Without JIT the functions below are NumPy.
"""

import numpy as np
from numba.extending import overload
from numpy.lib.stride_tricks import as_strided

from ..jit import kernel
from ..runs import copy
from .columns import WIDEST, outer_8, outer_16, outer_widest, product_8, product_16, product_widest

NOTHING = (None, 0, 0)
HERE = np.zeros(1, np.int64)  # the taps of what is read at its own place only
DEEPEST = 128  # rows of a panel of 32 columns that stays in the first cache, of 32 KiB, with others


@kernel
def matrix(array, start, stride):
    """(array, start, stride) for the functions below; array: contiguous, of any shape."""
    return array.reshape(array.size), start, stride


@kernel
def panels(K):
    """K (rows, N) cut into panels of L columns, (⌈N/L⌉, rows, L), the last filled with zeros."""
    return panels_between(K, 0, K.shape[1])


@kernel
def panels_between(K, first, last):
    """The same of the columns from `first` up to `last`."""
    rows, N = K.shape[0], last - first
    L = WIDEST if N >= WIDEST and rows <= DEEPEST else 16
    out = np.zeros((-(N // -L), rows, L), K.dtype)
    source, target = K.reshape(K.size), out.reshape(out.size)
    for panel in range(out.shape[0]):
        for i in range(rows):
            n = min(L, N - panel * L)
            copy(target, (panel * rows + i) * L, source, i * K.shape[1] + first + panel * L, n)
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


def add_outer(out, a, b, M, I, N, total=None):
    """out (I, N) += aᵀ b, for matrices a of M > 0 rows, I columns, and b of M rows, N columns.

    total: None, or the (N,) numbers to which the rows of b are added on the way.
    """
    _rows(out, I, N)[...] += _rows(a, M, I).T @ _rows(b, M, N)
    if total is not None:
        total += _rows(b, M, N).sum(axis=0)


@overload(product)
def _product(out, init, gate, low, bias, a, taps, K, M, N):
    def compiled(out, init, gate, low, bias, a, taps, K, M, N):
        s = (*out, *init, *gate, low, bias, *a, taps, K.reshape(K.size))
        T, R, L = taps.size, K.shape[1], K.shape[2]
        column = 0
        while L > 16 and N - column >= WIDEST:
            product_widest(s, M, column, column * R, L, T, R // T)
            column += WIDEST
        while N - column >= 16:
            product_16(s, M, column, column // L * L * R + column % L, L, T, R // T)
            column += 16
        if N - column >= 8:
            product_8(s, M, column, column // L * L * R + column % L, L, T, R // T)
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
def _add_outer(out, a, b, M, I, N, total=None):
    def compiled(out, a, b, M, I, N, total=None):
        s, column = (*out, *a, *b, total), 0
        while N - column >= WIDEST:
            outer_widest(s, I, column, M)
            column += WIDEST
        if N - column >= 16:
            outer_16(s, I, column, M)
            column += 16
        if N - column >= 8:
            outer_8(s, I, column, M)
            column += 8
        for i in range(I):
            for j in range(column, N):
                _add_one(out, a, b, M, i, j)
        if total is not None:
            for j in range(column, N):
                for m in range(M):
                    total[j] += b[0][b[1] + m * b[2] + j]

    return compiled


@kernel
def _add_one(out, a, b, M, i, j):
    total = out[0][out[1] + i * out[2] + j]
    for m in range(M):
        total += a[0][a[1] + m * a[2] + i] * b[0][b[1] + m * b[2] + j]
    out[0][out[1] + i * out[2] + j] = total
