"""Matrix products held in registers: a few rows by 16 or 32 columns, read where they lie.

BLAS wants each factor as one block of memory, so that what the taps of a kernel read has first to
be gathered, and bias, ReLU and sums are passes of their own over its result. Here row m of a factor
is K numbers at start + m · stride + tap, summed over taps, and what happens to a sum happens before
it leaves the registers. At each of the K numbers a tile of R rows does R vector multiply-adds for
one load of 16 weights and R broadcasts, which the processor does beside them. On one core of an AMD
EPYC with AVX-512 that ran at 105 to 115 GFLOP/s for the shapes of these models, BLAS on gathered
rows at 92 to 115 with the gathering not counted (benchmarks/README.md).

A matrix is (array, start, stride): an array, taken as flat, where the first row begins in it, and
how far rows are apart (0: all rows are the first). Rows that are not equally far apart, such as the
pixels of a diagonal, get a table of distances besides (a_rows, out_rows). The functions below are
NumPy, for runs without JIT; compiled kernels call the shared functions of products.py in their
place.
"""

import numpy as np
from numba import types
from numpy.lib.stride_tricks import as_strided

from .internals import impl_ret_borrowed, stands_for
from .products import joined_product, outer, product
from .shared import answers

HERE = np.zeros(1, np.int64)  # the taps of what is read at its own place only


def matrix(array, start, stride):
    """(array, start, stride) for the functions below; array: contiguous, of any shape."""
    return array, start, stride


def _rows(m, M, N):
    array, start, stride = m
    size = array.itemsize
    return as_strided(array.reshape(-1)[start:], (M, N), (stride * size, size))


def _numbers(m, rows, M, N):
    """Where the numbers of such a matrix are in its array, (M, N); rows: how far they are moved."""
    _, start, stride = m
    first = start + stride * np.arange(M) + (0 if rows is None else rows[:M])
    return first[:, None] + np.arange(N)


def multiply(
    out, a, K, M, N, bias=None, gate=None, plus=None, at_least=None, a_rows=None, out_rows=None,
    notes=None,
):  # fmt: skip
    """out = max(plus + [gate > 0] ⊙ (a K + bias), at_least); what is left out costs nothing.

    out, gate, plus: matrices of M rows, N columns; a: one of M rows; K: `panels` of N columns;
    bias: (N,) or longer, or a matrix of one row; at_least: a number, 0 for a ReLU. NaN survives.
    out may be plus. a_rows, out_rows: None, or (M,) distances by which each row of a, or of out and
    plus, is moved. notes: None, or those of fetch.py.
    """
    multiply_taps(out, a, HERE, K, M, N, bias, gate, plus, at_least, a_rows, out_rows)


def multiply_taps(
    out, a, taps, K, M, N, bias=None, gate=None, plus=None, at_least=None, a_rows=None,
    out_rows=None, more=None, more_taps=None, more_rows=None, notes=None,
):  # fmt: skip
    """The same with Σ_t a_t K_t for a K, where a_t is a moved by taps[t], (T,) distances.

    K: `panels` of the T·I by N weights. taps may also be a part of an array, (array, start, T), and
    K one whose panels begin there, (array, start, T·I, width). more, more_taps, more_rows: None, or
    a second matrix like a, with what belongs to it: its taps' weights come last in K.
    """
    if isinstance(taps, tuple):
        every, start, T = taps
        taps = every[start : start + T]
    if isinstance(K, tuple):
        every, start, R, L = K
        K = every[start : start - (N // -L) * R * L].reshape(-1, R, L)
    weights = K.transpose(1, 0, 2).reshape(K.shape[1], -1)[:, :N]
    read = [(*a, t, a_rows) for t in taps]
    if more is not None:
        read += [(*more, t, more_rows) for t in more_taps]
    I = len(weights) // len(read)
    total = sum(
        array.reshape(-1)[_numbers((array, start + t, stride), rows, M, I)]
        @ weights[k * I : (k + 1) * I]
        for k, (array, start, stride, t, rows) in enumerate(read)
    )
    if bias is not None:
        total += _rows(bias, 1, N)[0] if isinstance(bias, tuple) else bias[:N]
    if gate is not None:
        total = np.where(_rows(gate, M, N) > 0, total, 0)
    if plus is not None:
        total = total + plus[0].reshape(-1)[_numbers(plus, out_rows, M, N)]
    if at_least is not None:
        total = np.where(total < at_least, at_least, total)
    out[0].reshape(-1)[_numbers(out, out_rows, M, N)] = total


def add_outer(out, a, b, M, I, N, total=None, columns=None, a_rows=None):
    """out (I, N) += aᵀ b, for matrices a of M > 0 rows, I columns, and b of M rows, N columns.

    total: None, or the (N,) or more numbers, or the matrix of one row, to which the rows of b are
    added on the way; columns: None, or the (I,) distances of a's columns, where these are not side
    by side; a_rows: None, or (M,) distances by which each row of a is moved.
    """
    if columns is None:
        columns = np.arange(I)
    left = a[0].reshape(-1)[_numbers(a, a_rows, M, 1) + columns]
    _rows(out, I, N)[...] += left.T @ _rows(b, M, N)
    if total is not None:
        sums = _rows(total, 1, N)[0] if isinstance(total, tuple) else total[:N]
        sums += _rows(b, M, N).sum(axis=0)


@stands_for(matrix)
def _matrix(typing, array, start, stride):
    def generate(context, builder, signature, args):
        made = context.make_tuple(builder, signature.return_type, args)
        return impl_ret_borrowed(context, builder, signature.return_type, made)

    return types.Tuple((array, start, stride))(array, start, stride), generate


answers(product, multiply, notes=joined_product)
answers(product, multiply_taps, more=joined_product, notes=joined_product)
answers(outer, add_outer)
