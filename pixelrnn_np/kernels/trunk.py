"""Table 1 around the blocks, for the kernels that go through a whole network in one call.

The 7×7 that every network begins with, and what leaves the blocks: up and skip. Between two kernels
of one layer each, Python would run, on one thread at a time, and the skips could not be one sum:
    z  = y_L + Σ_k a_k K_skip,k + b_skip,k      the blocks are like the taps of one product
    da = dy K_upᵀ + dz K_skipᵀ                  dz is the same for all blocks
`at` says where each K and b begins in w, the vector of all weights, and in g, that of their
gradients. It is of the first block; those of the next one are `step` further on. There is no twin:
layers/ gives the same, and is how to read it.
"""

import numpy as np

from .head import head_panels
from .jit import inlined
from .masked_conv import add_taps
from .taps import copy_rows, distances, multiples, surroundings
from .tiles.multiply import add_outer, matrix, multiply_taps
from .tiles.panels import one_of, panels_at

FEW_PIXELS = 112  # at a time, of the sum over all blocks: its two halves read the same numbers


@inlined
def panels_of_all(x, w, places, offsets, trunk, a, head_maps):
    """All weights but the inside of the blocks, in panels: of the first layer, with what belongs to
    it; of every block's up, and up above skip, transposed; of the skips; of the head.

    Arguments as in pixelrnn.py, row_lstm_gradient.
    """
    (first, _, outer, head, step), (_, hidden, logits) = places, head_maps
    (_, H, W, F), (L, _, _, h) = trunk.shape, a.shape
    return (
        first_plan(x, w, first, offsets, F), outer_panels(w, outer, step, L, F, h),
        skips_panels(w, outer, step, L, F, h),
        head_panels(w, head, F, hidden.shape[3], logits.size // (2 * H * W)),
    )  # fmt: skip


@inlined
def first_plan(x, w, at, offsets, F):
    """`surroundings` of the 7×7; for an image and what comes back, a map between zeros; panels."""
    _, H, W, C = x.shape
    wide, above, below, taps = surroundings(offsets, W)
    size = above + H * wide + below
    around, sent = np.zeros(size * C, x.dtype), np.zeros(size * F, x.dtype)
    weights = panels_at(w, at[0], 0, 1, 1, taps.size * C, F, 0, F, 1)
    return wide, above, below, taps, around, sent, weights


@inlined
def first_forward(x, n, w, at, plan, y, start):
    """Of image n, to y from number `start` on; y: maps (…, H, W, F)."""
    (_, H, W, C), F = x.shape, y.shape[3]
    wide, above, _, taps, around, _, weights = plan
    copy_rows(x, n * H * W * C, W * C, around, above * C, wide * C, H, W * C)
    moves = distances(taps, C)
    for r in range(H):
        row, here = matrix(y, start + r * W * F, F), matrix(around, (above + r * wide) * C, C)
        multiply_taps(row, here, moves, one_of(weights, 0), W, F, bias=matrix(w, at[1], 0))


@inlined
def first_backward(x, n, at, plan, dy, start, g):
    """What the 7×7 gets from image n; dy: maps (…, H, W, F), read from number `start` on."""
    (_, H, W, C), F = x.shape, dy.shape[3]
    wide, above, below, taps, around, sent, _ = plan
    copy_rows(x, n * H * W * C, W * C, around, above * C, wide * C, H, W * C)
    copy_rows(dy, start, W * F, sent, below * F, wide * F, H, W * F)
    read, back = matrix(around, above * C, C), matrix(sent, below * F, F)
    add_taps(g, at[0], read, back, taps, H * wide, C, F, matrix(g, at[1], 0))


@inlined
def outer_panels(w, at, step, L, F, h):
    """Of every block: up, and up above skip, transposed. at: (2,), up's, or (4,), skip's too."""
    between = at[2] - at[0] if at.size > 2 else 0
    return (
        panels_at(w, at[0], step, L, 1, h, F, 0, F, 1),
        panels_at(w, at[0], step, L, at.size // 2, F, h, between, 1, F),
    )


@inlined
def skips_panels(w, at, step, L, F, h):
    """All blocks' K_skip, one below the other, and the sum of their biases."""
    bias, start = np.zeros(F, w.dtype), at[at.size - 2]
    for k in range(L):
        for j in range(F):
            bias[j] += w[at[at.size - 1] + k * step + j]
    return panels_at(w, start, 0, 1, L, h, F, step, F, 1), bias


@inlined
def add_skips(a, weights, bias, y, start):
    """y += Σ over the blocks of a K_skip + b_skip; a: (L, H, W, h); y: from `start` on."""
    (L, H, W, h), F = a.shape, y.shape[3]
    blocks = multiples(L, H * W * h)
    for p in range(0, H * W, FEW_PIXELS):
        M, sums = min(FEW_PIXELS, H * W - p), matrix(y, start + p * F, F)
        multiply_taps(
            sums, matrix(a, p * h, h), blocks, one_of(weights, 0), M, F, bias=bias, plus=sums
        )


@inlined
def outer_backward(at, here, weights, outputs, dy, a, gate, da, M, F, h, g):
    """da = [gate > 0] ⊙ (dy K_upᵀ + dz K_skipᵀ) of M pixels, and what up and skip get.

    at: where those of the first block begin, and `here` further on the block's own; weights: its
    panels of the second of `outer_panels`; outputs: how far from dy is what comes back to each of
    the two; dy, a, gate (or None), da: matrices.
    """
    multiply_taps(da, dy, outputs, weights, M, h, gate=gate)
    for i in range(outputs.size):
        target, sent = matrix(g, at[2 * i] + here, F), matrix(dy[0], dy[1] + outputs[i], F)
        add_outer(target, a, sent, M, h, F, total=matrix(g, at[2 * i + 1] + here, 0))
