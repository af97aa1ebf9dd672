"""Weights in the order in which the tiles read them.

Panels are (⌈N/L⌉, R, L): weights (R, N) cut into strips of L columns, the last filled with zeros.
"""

import numpy as np

from ..jit import inlined, inner
from ..runs import clear, numbers
from .columns import WIDEST
from .shared import Numbers, shared

DEEPEST = 128  # rows of a panel of 32 columns that stays in the first cache, of 32 KiB, with others


@inlined
def panels(K):
    """Panels of K, (R, N) or (T, I, N), where R = T·I."""
    return panels_between(K, 0, K.shape[-1])


@inlined
def panels_between(K, first, last):
    """The same of the columns from `first` up to `last`."""
    columns, N = K.shape[-1], last - first
    R = K.size // columns
    out = _room(R, N, K.dtype)
    fill_panels(out, out.shape[2], N, K, first, 1, R, 0, columns, 1)
    return out


@inlined
def panels_of_transposed(K, first, last):
    """Panels of these columns of K, (I, O) or (T, I, O), as rows, tap below tap.

    That is of (T·(last - first), I).
    """
    I, O, n = K.shape[-2], K.shape[-1], last - first
    T = K.size // (I * O)
    out = _room(T * n, I, K.dtype)
    fill_panels(out, out.shape[2], I, K, first, T, n, I * O, 1, O)
    return out


@inner
def _room(R, N, dtype):
    """Zeros for the panels of (R, N) weights."""
    L = panel_width(R, N)
    return np.zeros((-(N // -L), R, L), dtype)


@inner
def panel_width(R, N):
    """Columns of a panel of (R, N) weights."""
    return WIDEST if N >= WIDEST and R <= DEEPEST else 16


@shared
def fill_panels(
    out: Numbers, L: int, N: int, K: Numbers, first: int, T: int, rows: int, tap_stride: int,
    row_stride: int, column_stride: int,
):  # fmt: skip
    """Panels of L columns of (T·rows, N) numbers, which lie that far apart in K from `first` on."""
    R = T * rows
    for column in range(0, N, L):
        for t in range(T):
            for i in range(rows):
                start = column * R + (t * rows + i) * L
                source = first + t * tap_stride + i * row_stride + column * column_stride
                for j in range(min(L, N - column)):
                    out[start + j] = K[source + j * column_stride]


@inner
def panels_at(w, start, step, count, T, rows, N, tap_stride, row_stride, column_stride):
    """`count` times the panels of (T·rows, N) weights, from w[start], w[start + step], … on.

    w: an array or an address; the strides are those of fill_panels. For `one_of`.
    """
    R = T * rows
    width = panel_width(R, N)
    size = -(N // -width) * R * width
    out = numbers(count * size, w)
    clear(out, 0, count * size)
    for k in range(count):
        fill_panels(
            (out, k * size, 0), width, N, w, start + k * step, T, rows, tap_stride, row_stride,
            column_stride,
        )  # fmt: skip
    return out, size, R, width


@inner
def one_of(panels, k):
    """The k-th of them, as multiply.py takes panels."""
    out, size, R, width = panels
    return out, k * size, R, width
