"""§2.1 One row of some images in one call: all layers, and all draws.

A layer's share of a pixel of 32 images is work of a microsecond. As calls from Python it took
several, and held the lock that other threads wait for. The program that runs here (program.py) has
the arithmetic of the layers' `step`, which is its readable twin. Every product is made by the tiles
of tiles/multiply.py, whose sums do not depend on the number of rows: an image is the same bit for
bit, whichever others are drawn beside it.
"""

import math

import numpy as np

from .jit import inlined, inner, kernel
from .lstm_cell import cell_forward
from .pointwise import relu_of_run
from .program import (
    BIAS,
    CELL,
    COPY,
    FEATURES,
    FILL,
    KIND,
    LINE,
    LOW,
    NONE,
    OUT,
    PLACES,
    PRODUCT,
    RELU,
    ROWS,
    SCAN,
    SUM,
    TAP_COUNT,
    TAPS,
    WIDTH,
    A,
    B,
    C,
    K,
)  # fmt: skip
from .runs import copy, fill_rows, flat
from .tiles.multiply import matrix, multiply_taps
from .tiles.shared import Numbers, shared
from .vector_math import exp_below_0, tanh

LIMIT = 1e4  # as good as infinite to exp; see likelihood.sharpened


@kernel
def draw_row(
    x, r, first, last, known, u, temperature, fixed, values, table, layout, taps, weights, given,
    memory, logits, nats,
):  # fmt: skip
    """Sub-pixels `first` to last - 1 of row r of M images; whether all of their logits are finite.

    A row's first call begins with sub-pixel 0; the others follow each other without a gap. Values
    of sub-pixels before `first` are read from x, so that they may be put there between two calls.

    x: uint8 (M, H, W, C), the images; known: bool (M, H, W, C), what is kept; u: (M, W, C),
    uniforms, or (0, W, C): nothing is drawn; temperature: divides logits; fixed: bool (H, W, C),
    what costs nothing, or (0, W, C); values: (levels,), the network's inputs; table, layout, taps
    (times M), weights: the program's; given: (H, W, M, features) or (0, W, M, features); memory:
    (M · the program's size,), zeros before the first row.

    Written: x; logits: (last - first, M, 1 or levels), or (0, M, 1 or levels): not wanted. Added
    to: nats, (M,), what x costs, unless nothing is drawn.
    """
    M, channels = x.shape[0], x.shape[3]
    levels, finite = values.size, True
    size = 1 if levels == 2 else levels
    masses = np.empty(levels)
    if first == 0:
        _begin_row(x, r, values, table, layout, taps, weights, given, memory)
    for p in range(first, last):
        q, k = p // channels, p % channels
        if p > 0:
            _put(x, r, p - 1, values, layout, memory)
        _run(table, layout[2], layout[3], q, M, taps, weights, memory)
        start, stride = layout[7] * M + k * size, layout[8]
        if logits.shape[0] > 0:
            for m in range(M):
                copy(logits, ((p - first) * M + m) * size, memory, start + m * stride, size)
        if u.shape[0] > 0:
            counts = fixed.shape[0] == 0 or not fixed[r, q, k]
            if levels == 2:
                finite &= _draw_two(
                    x, r, q, k, known, u, temperature, counts, memory, start, stride, nats
                )
            else:
                finite &= _draw_many(
                    x, r, q, k, known, u, temperature, counts, memory, start, stride, masses, nats
                )
    return finite


@inner
def _begin_row(x, r, values, table, layout, taps, weights, given, memory):
    """What finished rows determine."""
    M, W, channels = x.shape[0], x.shape[2], x.shape[3]
    if r == 0:
        _run(table, 0, layout[0], 0, M, taps, weights, memory)
    else:
        for p in range(W * channels):
            _put(x, r - 1, p, values, layout, memory)
        _run(table, layout[0], layout[1], W, M, taps, weights, memory)
    if given.shape[0] > 0:
        n = W * M * given.shape[3]
        copy(memory, layout[9] * M, given, r * n, n)
    _run(table, layout[1], layout[2], 0, M, taps, weights, memory)


@inner
def _put(x, r, p, values, layout, memory):
    """Makes the network's input of sub-pixel p of row r."""
    M, channels = x.shape[0], x.shape[3]
    q, k = p // channels, p % channels
    start = (layout[4] + (layout[6] + q) * channels) * M + k
    for m in range(M):
        memory[start + m * channels] = values[x[m, r, q, k]]


@inner
def _run(table, first, last, q, M, taps, weights, memory):
    """Lines `first` to last - 1 in column q. A scan goes through the q columns before it."""
    lines, i, begin, end, again = flat(table), first, NONE, NONE, 0
    while i < last:
        t, column = i * LINE, again if i < end else q
        kind, N, rows = lines[t + KIND], lines[t + FEATURES], lines[t + PLACES] * M
        out, a = _place(lines, t + OUT, column, M), _place(lines, t + A, column, M)
        b, c = _place(lines, t + B, column, M), _place(lines, t + C, column, M)
        bias = matrix(weights, lines[t + BIAS], 0)
        target = matrix(memory, out, lines[t + OUT + 2])
        if kind == PRODUCT:
            read, low = matrix(memory, a, lines[t + A + 2]), -math.inf if lines[t + LOW] else 0.0
            here = (taps, lines[t + TAPS], lines[t + TAP_COUNT])
            panels = (weights, lines[t + K], lines[t + ROWS], lines[t + WIDTH])
            if lines[t + B] == NONE:
                multiply_taps(target, read, here, panels, rows, N, bias=bias, at_least=low)
            else:
                plus = matrix(memory, b, lines[t + B + 2])
                multiply_taps(
                    target, read, here, panels, rows, N, bias=bias, plus=plus, at_least=low
                )
        elif kind == CELL:
            cell_forward(
                matrix(memory, a, 0), bias, matrix(weights, lines[t + K], 0),
                matrix(memory, b, 0), target, matrix(memory, c, 0), rows, N,
            )  # fmt: skip
        elif kind == SUM:
            _sum(target, matrix(memory, a, 0), matrix(memory, b, 0), rows * N)
        elif kind == RELU:
            relu_of_run(memory, a, rows * N, target)
        elif kind == COPY:
            copy(memory, out, memory, a, rows * N)
        elif kind == FILL:
            fill_rows(target, 0, rows, bias, N)
        elif kind == SCAN:
            begin, end, again = i + 1, i + 1 + N, q - 1
        i += 1
        if i == end:
            i, end, again = (begin, end, again - 1) if again > 0 else (i, NONE, again)


@inlined
def _place(lines, t, column, M):
    """The number at which an operand begins."""
    return (lines[t] + column * lines[t + 1]) * M


@shared
def _sum(out: Numbers, a: Numbers, b: Numbers, n: int):
    for i in range(n):
        out[i] = a[i] + b[i]


@inner
def _draw_two(x, r, q, k, known, u, temperature, counts, memory, start, stride, nats):
    """One of two levels for each image; whether all logits are finite. See draw_row."""
    finite, limit = True, LIMIT * temperature
    for m in range(x.shape[0]):
        z = np.float64(memory[start + m * stride])
        finite &= z - z == 0
        s = z if temperature == 1 else min(max(z, -limit), limit) / temperature
        one = u[m, q, k] >= 0.5 - 0.5 * tanh(0.5 * s)  # p(0) = σ(-z)
        v = x[m, r, q, k] if known[m, r, q, k] else np.uint8(one)
        x[m, r, q, k] = v
        if counts:
            nats[m] += max(z, 0.0) - z * v + math.log1p(math.exp(-abs(z)))
    return finite


@inner
def _draw_many(x, r, q, k, known, u, temperature, counts, memory, start, stride, masses, nats):
    """One of many levels for each image; whether all logits are finite. See draw_row."""
    finite, limit, levels = True, LIMIT * temperature, masses.size
    for m in range(x.shape[0]):
        z, top = start + m * stride, -math.inf
        for j in range(levels):
            number = np.float64(memory[z + j])
            finite &= number - number == 0
            top = max(top, number)
        total = _masses(memory, z, top, 1.0, masses, math.inf)
        mass = total
        if temperature != 1:
            mass = _masses(memory, z, top, temperature, masses, limit)
        v = np.int64(x[m, r, q, k])
        if not known[m, r, q, k]:
            v, below, sought = 0, 0.0, u[m, q, k] * mass
            for j in range(levels):
                below += masses[j]
                v += 1 if below <= sought else 0
            x[m, r, q, k] = v
        if counts:
            nats[m] += math.log(total) + top - np.float64(memory[z + v])
    return finite


@inner
def _masses(memory, z, top, temperature, masses, limit):
    """exp of the logits from number z on, below their greatest, over the temperature; the sum."""
    for j in range(masses.size):
        s = max(np.float64(memory[z + j]) - top, -limit)
        masses[j] = exp_below_0(s / temperature)
    total = 0.0
    for j in range(masses.size):
        total += masses[j]
    return total
