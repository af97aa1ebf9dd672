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
from .vector_math import exp_below_0

LIMIT = 1e4  # as good as infinite to exp; see likelihood.sharpened
KEPT_NOT = -1  # a value that has to be drawn


@kernel
def draw_row(
    x, r, first, last, known, u, temperature, fixed, values, table, layout, taps, weights, given,
    memory, logits, nats,
):  # fmt: skip
    """Sub-pixels `first` to last - 1 of row r of M images; whether all of their logits are finite.

    A row's first call begins with sub-pixel 0; the others follow each other without a gap. Values
    of sub-pixels before `first` are read from x, so that they may be put there between two calls.

    x: uint8 (M, H, W, C), the images; known: the same, 1 where the value is kept; u: (M, W, C),
    uniforms, or (0, W, C): nothing is drawn; temperature: divides logits; fixed: uint8 (H, W, C),
    1 where nothing is paid, or (0, W, C); values: (levels,), the network's inputs; table, layout,
    taps (times M), weights: the program's; given: (H, W, M, features) or (0, W, M, features);
    memory: (M · the program's size,), zeros before the first row.

    Written: x; logits: (last - first, M, 1 or levels), or (0, M, 1 or levels): not wanted. Added
    to: nats, (M,), what x costs, unless nothing is drawn.
    """
    M, H, W, channels = x.shape
    levels, finite = values.size, True
    size, row, stride = 1 if levels == 2 else levels, W * channels, H * W * channels
    masses = np.empty(levels)
    # What is called takes addresses: an array costs it a dozen arguments, and time to compile.
    lines, shifts, K_all, room = flat(table), flat(taps), flat(weights), flat(memory)
    pixels, inputs, drawing = flat(x), flat(values), u.shape[0] > 0
    start = layout[4] + layout[6] * channels  # of a row's inputs
    if first == 0:
        if r == 0:
            _run(lines, 0, layout[0], 0, M, shifts, K_all, room)
        else:
            for p in range(row):
                _put(pixels, (r - 1) * row + p, stride, inputs, room, start, p, channels, M)
            _run(lines, layout[0], layout[1], W, M, shifts, K_all, room)
        if given.shape[0] > 0:
            n = W * M * given.shape[3]
            copy(room, layout[9] * M, given, r * n, n)
        _run(lines, layout[1], layout[2], 0, M, shifts, K_all, room)
    for p in range(first, last):
        here = r * row + p
        if p > 0:
            _put(pixels, here - 1, stride, inputs, room, start, p - 1, channels, M)
        _run(lines, layout[2], layout[3], p // channels, M, shifts, K_all, room)
        z = layout[7] * M + p % channels * size
        if logits.shape[0] > 0:
            for m in range(M):
                copy(logits, ((p - first) * M + m) * size, room, z + m * layout[8], size)
        if drawing:
            counts = fixed.shape[0] == 0 or not flat(fixed)[here]
            for m in range(M):
                i, number = m * stride + here, flat(u)[m * row + p]
                kept = pixels[i] if flat(known)[i] else KEPT_NOT
                if levels == 2:
                    v, cost = _of_two(room[z + m * layout[8]], number, temperature, kept)
                else:
                    v, cost = _of_many(
                        room, z + m * layout[8], number, temperature, kept, flat(masses), levels
                    )
                pixels[i] = v
                finite &= cost - cost == 0
                nats[m] += cost if counts else 0.0
    return finite


@inner
def _put(pixels, i, stride, inputs, room, start, p, channels, M):
    """Makes the network's input of sub-pixel p of a row, number i of the first image."""
    target = (start + p // channels * channels) * M + p % channels
    for m in range(M):
        room[target + m * channels] = inputs[pixels[i + m * stride]]


@inner
def _run(lines, first, last, q, M, taps, weights, memory):
    """Lines `first` to last - 1 in column q. A scan goes through the q columns before it."""
    i, begin, end, again = first, NONE, NONE, 0
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
                matrix(memory, a, 0), None, matrix(memory, b, 0), target, matrix(memory, c, 0),
                rows, N,
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
def _of_two(logit, u, temperature, kept):
    """(value, nats): what u draws of two levels, or the value kept; not finite nats as the logit.

    Both come of e = exp(-|z|): σ(-z) is e / (1 + e) or 1 / (1 + e), and ln(1 + e^z) in the nats is
    max(z, 0) + ln(1 + e).
    """
    z = np.float64(logit)
    e = exp_below_0(-abs(z))
    v = kept
    if kept < 0:
        s = -abs(z) / temperature
        f = e if temperature == 1 else exp_below_0(s if s > -LIMIT else -LIMIT)
        zero = f / (1 + f) if z > 0 else 1 / (1 + f)
        v = 1 if u >= zero else 0
    return v, (z if z > 0 else 0 * z) - z * v + math.log1p(e)


@inner
def _of_many(room, z, u, temperature, kept, masses, levels):
    """The same of the logits from number z on."""
    top, bad = np.float64(room[z]), 0.0
    for j in range(levels):
        number = np.float64(room[z + j])
        top, bad = number if number > top else top, bad + 0 * number
    total, v = _masses(room, z, top, 1.0, masses, levels), kept
    if kept < 0:
        mass = total
        if temperature != 1:
            mass = _masses(room, z, top, temperature, masses, levels)
        v, below = 0, 0.0
        for j in range(levels):
            below += masses[j]
            v += 1 if below <= u * mass else 0
    return v, math.log(total) + top - np.float64(room[z + v]) + bad


@inner
def _masses(room, z, top, temperature, masses, levels):
    """exp of the logits below their greatest, over the temperature; returns their sum."""
    for j in range(levels):
        s = (np.float64(room[z + j]) - top) / temperature
        masses[j] = exp_below_0(s if s > -LIMIT else -LIMIT)
    total = 0.0
    for j in range(levels):
        total += masses[j]
    return total
