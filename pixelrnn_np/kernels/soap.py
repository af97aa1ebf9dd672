"""SOAP's products of matrices of one shape, each in the cache from its gradient to its weights.

As calls of NumPy they took twice as long: BLAS does not get going with 16 to 81 numbers, and each
pass went through all matrices. A turn of the bases is LAPACK's work for the most part. The readable
twin is reference/soap.py.
"""

import numpy as np
from numba import types

from .jit import inlined, kernel
from .runs import clear, numbers
from .tiles.internals import cgutils, ir, make_array, stands_for
from .tiles.multiply import add_outer, matrix, multiply
from .tiles.panels import fill_panels, panel_width
from .tiles.shared import Integers, Numbers, shared


@kernel
def soap_follow(places, g, L, R, rates):
    """places: (n, rows, cols), where the matrices stand in the flat vectors; L: (n, rows, rows);
    R: (n, cols, cols); rates: (6,), see the twin. L and R are changed.
    """
    n, rows, cols = places.shape
    size, tall = rows * cols, max(rows, cols)
    room = np.empty(size + tall * tall + tall * (tall + 32), g.dtype)
    product, panels = matrix(room, size, 0), matrix(room, size + tall * tall, 0)
    for k in range(n):
        _take(g, places, k * size, size, room)
        G = matrix(room, 0, cols)
        width = panel_width(cols, rows)
        fill_panels(panels, width, rows, room, 0, 1, cols, 0, 1, cols)
        here = (room, size + tall * tall, cols, width)
        multiply(matrix(room, size, rows), G, here, rows, rows)
        _approach(L, k * rows * rows, product, rows * rows, rates)
        clear(room, size, cols * cols)
        add_outer(matrix(room, size, cols), G, G, rows, cols, cols)
        _approach(R, k * cols * cols, product, cols * cols, rates)


@kernel
def soap_step(places, w, g, m, v, Q_L, Q_R, rates):
    """places: (n, rows, cols), where the matrices stand in the flat w, g, m, v, (size,); Q_L:
    (n, rows, rows); Q_R: (n, cols, cols); rates: (6,), see the twin. w, m and v are changed.
    """
    n, rows, cols = places.shape
    size, tall = rows * cols, max(rows, cols)
    # X: G and M side by side; Y: the same on the way; D: the step in the bases; after it v.
    room, X, Y, D = np.empty(6 * size, w.dtype), 0, 2 * size, 4 * size
    panels = np.empty(tall * (tall + 32), w.dtype)
    for k in range(n):
        here, left = k * size, matrix(Q_L, k * rows * rows, rows)
        _join(g, m, v, places, here, rows, cols, rates, room)
        clear(room, Y, 2 * size)
        add_outer(matrix(room, Y, 2 * cols), left, matrix(room, X, 2 * cols), rows, rows, 2 * cols)
        both, right = matrix(room, X, cols), k * cols * cols
        _times(both, matrix(room, Y, cols), 2 * rows, Q_R, right, cols, cols, cols, 1, panels)
        _divide(room, rows, cols, rates)
        _times(matrix(room, Y, cols), left, rows, room, D, rows, cols, cols, 1, panels)
        step, half = matrix(room, X, cols), matrix(room, Y, cols)
        _times(step, half, rows, Q_R, right, cols, cols, 1, cols, panels)
        _move(w, v, places, here, size, rates, room)


@kernel
def soap_turn(places, L, R, Q_L, Q_R, v):
    """places: (n, rows, cols), L, Q_L: (n, rows, rows), R, Q_R: (n, cols, cols), of some matrices;
    v: (size,). Q_L, Q_R and v are changed; see the twin.
    """
    n, rows, cols = places.shape
    tall, wide = np.empty(rows, np.int64), np.empty(cols, np.int64)
    for k in range(n):
        _turn(matrix(L, k * rows * rows, 0), matrix(Q_L, k * rows * rows, 0), rows, tall)
        _turn(matrix(R, k * cols * cols, 0), matrix(Q_R, k * cols * cols, 0), cols, wide)
        _reorder(v, places, k * rows * cols, rows, cols, tall, wide)


@shared
def _turn(S: Numbers, Q: Numbers, K: int, order: Integers):
    """Q, (K, K), the basis of S, which is an L or R; order: (K,), which old column each new one
    continues.
    """
    A, B, C = np.empty((K, K)), np.empty((K, K)), np.empty((K, K))
    values, size = np.zeros(K), 0.0
    for i in range(K):
        size += S[i * K + i]
        for j in range(K):
            A[i, j], B[j, i] = S[i * K + j], Q[i * K + j]
    np.dot(B, A, C)
    little = 1e-9 * max(size, 1e-200)
    for i in range(K):
        for j in range(K):
            C[i, j] += little * B[i, j]
            values[i] += B[i, j] * C[i, j]
        m = i
        while m > 0 and values[i] > values[order[m - 1]]:
            order[m] = order[m - 1]
            m -= 1
        order[m] = i
    for i in range(K):
        for j in range(K):
            A[i, j] = C[order[i], j]
    orthogonal_factor(A, values)
    for i in range(K):
        for j in range(K):
            Q[i * K + j] = A[j, i]


@shared
def _reorder(
    v: Numbers, places: Integers, here: int, rows: int, cols: int, tall: Integers, wide: Integers
):
    old = numbers(rows * cols, v)
    _take(v, places, here, rows * cols, old)
    for i in range(rows):
        for j in range(cols):
            v[places[here + i * cols + j]] = old[tall[i] * cols + wide[j]]


def orthogonal_factor(A, scratch):
    """A (K, K), whose rows are taken as columns, becomes the Q of its QR decomposition.

    scratch: (K,). np.linalg.qr, compiled, makes R as well, and takes 1.6 s to compile.
    """
    A[...] = np.linalg.qr(A.T)[0].T


@stands_for(orthogonal_factor)
def _orthogonal_factor(typing, A, scratch):
    """By LAPACK, called as Numba's own np.linalg.qr calls it. Its columns are our rows."""

    def generate(context, builder, signature, args):
        found = make_array(A)(context, builder, args[0])
        others = make_array(scratch)(context, builder, args[1]).data
        K = cgutils.unpack_tuple(builder, found.shape)[0]
        double = ir.Constant(ir.IntType(8), ord("d"))
        for name, sizes in (("geqrf", [K, K]), ("xxgqr", [K, K, K])):
            values = [double, *sizes, found.data, K, others]
            kind = ir.FunctionType(ir.IntType(32), [v.type for v in values])
            call = cgutils.get_or_insert_function(builder.module, kind, f"numba_ez_{name}")
            status = builder.call(call, values)
            failed = builder.icmp_signed("!=", status, ir.Constant(status.type, 0))
            with cgutils.if_unlikely(builder, failed):  # no memory: the error is set already
                context.call_conv.return_exc(builder)
        return context.get_dummy_value()

    return types.void(A, scratch), generate


@inlined
def _times(out, a, M, K, start, R, N, row, column, panels):
    """out (M, N) = a K, where number (i, j) of K, (R, N), is at start + i · row + j · column."""
    width = panel_width(R, N)
    fill_panels(panels, width, N, K, start, 1, R, 0, row, column)
    multiply(out, a, (panels, 0, R, width), M, N)


@shared
def _take(g: Numbers, places: Integers, here: int, size: int, G: Numbers):
    for i in range(size):
        G[i] = g[places[here + i]]


@shared
def _approach(S: Numbers, start: int, goal: Numbers, n: int, rates: Numbers):
    share = rates[2]
    for i in range(n):
        S[start + i] += share * (goal[i] - S[start + i])


@shared
def _join(
    g: Numbers, m: Numbers, v: Numbers, places: Integers, here: int, rows: int, cols: int,
    rates: Numbers, room: Numbers,
):  # fmt: skip
    """m; G and M (rows, cols) side by side, row by row; and v, at number 5 · rows · cols."""
    share, size = rates[0], rows * cols
    for i in range(rows):
        for j in range(cols):
            p, to = places[here + i * cols + j], 2 * i * cols + j
            m[p] += share * (g[p] - m[p])
            room[to], room[to + cols] = g[p], m[p]
            room[5 * size + i * cols + j] = v[p]


@shared
def _divide(room: Numbers, rows: int, cols: int, rates: Numbers):
    """v, and M' / (√v̂ + ε)."""
    size, share, correction, eps = rows * cols, rates[1], rates[3], rates[4]
    for i in range(rows):
        for j in range(cols):
            at, x = 4 * size + i * cols + j, 2 * i * cols + j
            square = room[at + size] + share * (room[x] * room[x] - room[at + size])
            room[at + size] = square
            room[at] = room[x + cols] / (np.sqrt(square) * correction + eps)


@shared
def _move(
    w: Numbers, v: Numbers, places: Integers, here: int, size: int, rates: Numbers, room: Numbers
):  # fmt: skip
    rate = rates[5]
    for i in range(size):
        p = places[here + i]
        w[p] -= rate * room[i]
        v[p] = room[5 * size + i]
