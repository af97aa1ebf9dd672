"""§3.5 A whole PixelCNN: nats and their gradient, one image after the other in one call.

Layer by layer, each kernel goes through all images of a shard, and the maps of the others take the
place of an image's own in the caches; between two kernels Python runs, on one thread at a time.
Here an image goes forward through all layers, gets its nats, and goes back. So there are maps for
one image only, and two things that one layer alone could not do:
    the skips are one sum over the inner maps of all blocks, added to the trunk at the end;
    da = dy K_upᵀ + dz K_skipᵀ is one product, as dz is the same for all blocks.
There is no twin: the layers' forward and backward give the same, and are how to read this. The
inside of a block is in conv_block.py; derivations are in layers/. What is sought in the vector of
all weights, and added to that of their gradients, is told by where it begins there.
"""

import numpy as np

from .conv_block import inner_backward, inner_forward, layout, read_image, room
from .head import head_backward, head_forward, head_panels, nats_backward, nats_of
from .jit import inner, kernel
from .masked_conv import add_taps
from .pointwise import relu_of_run
from .runs import copy
from .taps import copy_rows, distances, surroundings
from .tiles.multiply import add_outer, matrix, multiply, multiply_taps
from .tiles.panels import one_of, panels_at

FEW_PIXELS = 112  # at a time, of the sum over all blocks: its two halves read the same numbers


@kernel
def pixelcnn_gradient(
    x, images, w, first_at, block_at, step, head_at, first_offsets, offsets, residual, scale,
    trunk, active, down, a, hidden, logits, g, nats,
):  # fmt: skip
    """x: (B, H, W, C), scaled; images: the same, uint8; w: (P,), all weights, masked.

    first_at: (2,), block_at: (6,) or, with skips, (8,), head_at: (6,): where in w each K and b
    begins, in the order of the layers; of the first block, the next one's are `step` further on.
    first_offsets, offsets: (T, 2), the taps of the 7×7 and of the 3×3, which are the first of
    their kernels; residual: whether the blocks are; scale: a number of x's dtype.
    Scratch for one image: trunk: (2, H, W, F); active: (1 + L, H, W, F); down, a: (L, H, W, h);
    hidden: (4, H, W, N); logits: (2, H·W·C, levels), or (2, H·W·C) for two levels.
    Added to: g: (P,), the gradient of scale · Σ nats; if it is empty there is no way back.
    Written: nats: (B,).
    """
    (B, H, W, _), F, (L, _, _, h) = x.shape, trunk.shape[3], a.shape
    first, where = _first_plan(x, w, first_at, first_offsets, F), layout(offsets, H, W, h)
    blocks = _blocks_panels(w, block_at, step, L, offsets.shape[0], F, h)
    scratch = room(where, H, W, h, x)
    skips, skip_bias = _skips_panels(w, block_at, step, L, F, h)
    head = head_panels(w, head_at, F, hidden.shape[3], logits.size // (2 * H * W))
    for n in range(B):
        _first_forward(x, n, w, first_at, first, trunk)
        _blocks_forward(w, block_at, step, blocks, where, scratch, residual, trunk, active, down, a)
        if block_at.size > 6 and L > 0:
            _add_skips(a, skips, skip_bias, trunk)
        head_forward(w, head_at, head, trunk, 0, active, hidden, logits)
        nats[n] = nats_of(images, n, logits)
        if g.size > 0:
            nats_backward(images, n, scale, logits)
            head_backward(head_at, head, active, hidden, logits, trunk, H * W * F, g)
            copy(trunk, 0, trunk, H * W * F, H * W * F)
            _blocks_backward(
                block_at, step, blocks, where, scratch, residual, trunk, active, down, a, g
            )
            _first_backward(first_at, first, trunk, g, x)


@inner
def _first_plan(x, w, at, offsets, F):
    """`surroundings` of the 7×7; for an image and what comes back, a map between zeros; panels."""
    _, H, W, C = x.shape
    wide, above, below, taps = surroundings(offsets, W)
    size = above + H * wide + below
    around, sent = np.zeros(size * C, x.dtype), np.zeros(size * F, x.dtype)
    weights = panels_at(w, at[0], 0, 1, 1, taps.size * C, F, 0, F, 1)
    return wide, above, below, taps, around, sent, weights


@inner
def _first_forward(x, n, w, at, plan, trunk):
    (_, H, W, C), F = x.shape, trunk.shape[3]
    wide, above, _, taps, around, _, weights = plan
    copy_rows(x, n * H * W * C, W * C, around, above * C, wide * C, H, W * C)
    moves = distances(taps, C)
    for r in range(H):
        row, here = matrix(trunk, r * W * F, F), matrix(around, (above + r * wide) * C, C)
        multiply_taps(row, here, moves, one_of(weights, 0), W, F, bias=matrix(w, at[1], 0))


@inner
def _first_backward(at, plan, trunk, g, x):
    (_, H, W, C), F = x.shape, trunk.shape[3]
    wide, above, below, taps, around, sent, _ = plan
    copy_rows(trunk, 0, W * F, sent, below * F, wide * F, H, W * F)
    read, back = matrix(around, above * C, C), matrix(sent, below * F, F)
    add_taps(g, at[0], read, back, taps, H * wide, C, F, matrix(g, at[1], 0))


@inner
def _blocks_forward(w, at, step, weights, where, scratch, residual, y, active, down, a):
    """y[0]: what the first block reads, then what the last one leaves. Written: active, down, a."""
    (L, H, W, h), F, zero = a.shape, y.shape[3], y.dtype.type(0)
    downs, convs, ups = weights[:3]
    rows, around = where[4], scratch[0]
    for k in range(L):
        here = k * step
        biases, bias = (matrix(w, at[1] + here, 0), matrix(w, at[3] + here, 0)), at[5] + here
        for r in range(0, H, rows):
            m = min(rows, H - r)
            p, q, M = r * W, (k * H + r) * W, m * W
            trunk, read = matrix(y, p * F, F), matrix(active, q * F, F)
            relu_of_run(y, p * F, M * F, read)
            inside = one_of(downs, k), one_of(convs, k)
            inner_forward(read, inside, biases, zero, where, around, down, a, k, r, m)
            left, up = matrix(a, q * h, h), one_of(ups, k)
            if residual:
                multiply(trunk, left, up, M, F, bias=matrix(w, bias, 0), plus=trunk)
            else:
                multiply(trunk, left, up, M, F, bias=matrix(w, bias, 0))


@inner
def _add_skips(a, weights, bias, y):
    """y[0] += Σ over the blocks of a K_skip + b_skip: the blocks are like taps."""
    (L, H, W, h), F = a.shape, y.shape[3]
    blocks = _multiples(L, H * W * h)
    for p in range(0, H * W, FEW_PIXELS):
        M, sums = min(FEW_PIXELS, H * W - p), matrix(y, p * F, F)
        multiply_taps(
            sums, matrix(a, p * h, h), blocks, one_of(weights, 0), M, F, bias=bias, plus=sums
        )


@inner
def _blocks_backward(at, step, weights, where, scratch, residual, y, active, down, a, g):
    """y[0]: the gradient of what the last block leaves, then of what the first one reads; y[1]:
    that of every skip.
    """
    (L, H, W, h), F = a.shape, y.shape[3]
    downs, convs, outs = weights[3:]
    rows, d = where[4], matrix(scratch[2], 0, h)
    outputs = _multiples(at.size // 2 - 2, H * W * F)
    for k in range(L - 1, -1, -1):
        inside, here = (one_of(downs, k), one_of(convs, k)), k * step
        grads = (
            matrix(g, at[0] + here, h), matrix(g, at[1] + here, 0),
            matrix(g, at[2] + here, h), matrix(g, at[3] + here, 0),
        )  # fmt: skip
        read_image(down, k, where, scratch)
        for r in range((H - 1) // rows * rows, -1, -rows):
            m = min(rows, H - r)
            p, q, M = r * W, (k * H + r) * W, m * W
            dy, left, passed = matrix(y, p * F, F), matrix(a, q * h, h), matrix(active, q * F, F)
            multiply_taps(d, dy, outputs, one_of(outs, k), M, h, gate=left)
            for i in range(outputs.size):
                target, sent = (
                    matrix(g, at[4 + 2 * i] + here, F),
                    matrix(y, p * F + outputs[i], F),
                )
                add_outer(target, left, sent, M, h, F, total=matrix(g, at[5 + 2 * i] + here, 0))
            inner_backward(
                dy, residual, passed, passed, inside, where, scratch, down, dy, grads, F, k, r, m
            )


@inner
def _blocks_panels(w, at, step, L, T, F, h):
    """Of every block: down, conv, up; and transposed: down, conv, up above skip."""
    outputs = at.size // 2 - 2
    between = at[6] - at[4] if outputs > 1 else 0
    return (
        panels_at(w, at[0], step, L, 1, F, h, 0, h, 1),
        panels_at(w, at[2], step, L, 1, T * h, h, 0, h, 1),
        panels_at(w, at[4], step, L, 1, h, F, 0, F, 1),
        panels_at(w, at[0], step, L, 1, h, F, 0, 1, h),
        panels_at(w, at[2], step, L, T, h, h, h * h, 1, h),
        panels_at(w, at[4], step, L, outputs, F, h, between, 1, F),
    )


@inner
def _skips_panels(w, at, step, L, F, h):
    """All blocks' K_skip, one below the other, and the sum of their biases."""
    bias, start = np.zeros(F, w.dtype), at[at.size - 2]
    for k in range(L):
        for j in range(F):
            bias[j] += w[at[at.size - 1] + k * step + j]
    return panels_at(w, start, 0, 1, L, h, F, step, F, 1), bias


@inner
def _multiples(count, step):
    out = np.empty(count, np.int64)
    for k in range(count):
        out[k] = k * step
    return out
