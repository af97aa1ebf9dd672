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
from .jit import inner, kernel
from .likelihood import bernoulli_gradient, bernoulli_nats, softmax_gradient, softmax_nats
from .masked_conv import PIXELS, add_taps
from .pointwise import relu_of_run
from .runs import copy
from .taps import copy_rows, distances, surroundings
from .tiles.multiply import add_outer, matrix, multiply, multiply_taps
from .tiles.panels import fill_panels, panel_width

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
    hidden: (4, H, W, N); logits: (2, 1, H·W·C, levels), or 1 in place of two levels.
    Added to: g: (P,), the gradient of scale · Σ nats; if it is empty there is no way back.
    Written: nats: (B,).
    """
    (B, H, W, _), F, (L, _, _, h) = x.shape, trunk.shape[3], a.shape
    first, where = _first_plan(x, w, first_at, first_offsets, F), layout(offsets, H, W, h)
    blocks = _blocks_panels(w, block_at, step, L, offsets.shape[0], F, h)
    scratch = room(where, H, W, h, x)
    skips, skip_bias = _skips_panels(w, block_at, step, L, F, h)
    head = _head_panels(w, head_at, F, hidden.shape[3], logits.size // (2 * H * W))
    for n in range(B):
        _first_forward(x, n, w, first_at, first, trunk)
        _blocks_forward(w, block_at, step, blocks, where, scratch, residual, trunk, active, down, a)
        if block_at.size > 6 and L > 0:
            _add_skips(a, skips, skip_bias, trunk)
        _head_forward(w, head_at, head, trunk, active, hidden, logits)
        nats[n] = _nats(images, n, logits, logits.shape[3])
        if g.size > 0:
            _nats_backward(images, n, scale, logits, logits.shape[3])
            _head_backward(head_at, head, active, hidden, logits, trunk, g)
            copy(trunk, 0, trunk, H * W * F, H * W * F)
            _blocks_backward(
                block_at, step, blocks, where, scratch, residual, trunk, active, down, a, g
            )
            _first_backward(first_at, first, trunk, g, x)


@inner
def _nats(images, n, logits, levels):
    D = images.size // images.shape[0]
    if levels == 1:
        return bernoulli_nats(logits, 0, images, n * D, D)
    return softmax_nats(logits, 0, images, n * D, D, levels)


@inner
def _nats_backward(images, n, scale, logits, levels):
    """The second half of `logits`: the gradient of scale · nats of image n."""
    D, half = images.size // images.shape[0], logits.size // 2
    if levels == 1:
        bernoulli_gradient(logits, 0, images, n * D, D, scale, logits, half)
    else:
        softmax_gradient(logits, 0, images, n * D, D, levels, scale, logits, half)


@inner
def _first_plan(x, w, at, offsets, F):
    """`surroundings` of the 7×7; for an image and what comes back, a map between zeros; panels."""
    _, H, W, C = x.shape
    wide, above, below, taps = surroundings(offsets, W)
    size = above + H * wide + below
    around, sent = np.zeros(size * C, x.dtype), np.zeros(size * F, x.dtype)
    weights = _panels(w, at[0], 0, 1, 1, taps.size * C, F, 0, F, 1)
    return wide, above, below, taps, around, sent, weights


@inner
def _first_forward(x, n, w, at, plan, trunk):
    (_, H, W, C), F = x.shape, trunk.shape[3]
    wide, above, _, taps, around, _, weights = plan
    copy_rows(x, n * H * W * C, W * C, around, above * C, wide * C, H, W * C)
    moves = distances(taps, C)
    for r in range(H):
        row, here = matrix(trunk, r * W * F, F), matrix(around, (above + r * wide) * C, C)
        multiply_taps(row, here, moves, _of(weights, 0), W, F, bias=matrix(w, at[1], 0))


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
            inner_forward(
                read, (_of(downs, k), _of(convs, k)), biases, zero, where, around, down, a, k, r, m
            )
            left, up = matrix(a, q * h, h), _of(ups, k)
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
            sums, matrix(a, p * h, h), blocks, _of(weights, 0), M, F, bias=bias, plus=sums
        )


@inner
def _head_forward(w, at, weights, y, active, hidden, logits):
    (_, H, W, F), N, zero = y.shape, hidden.shape[3], y.dtype.type(0)
    D, O = H * W, logits.size // (2 * H * W)
    first, second, third = weights[:3]
    for p in range(0, D, PIXELS):
        M, last = min(PIXELS, D - p), active.size - D * F + p * F
        read = matrix(active, last, F)
        a1, a2 = matrix(hidden, p * N, N), matrix(hidden, (D + p) * N, N)
        relu_of_run(y, p * F, M * F, read)
        multiply(a1, read, _of(first, 0), M, N, bias=matrix(w, at[1], 0), at_least=zero)
        multiply(a2, a1, _of(second, 0), M, N, bias=matrix(w, at[3], 0), at_least=zero)
        multiply(matrix(logits, p * O, O), a2, _of(third, 0), M, O, bias=matrix(w, at[5], 0))


@inner
def _head_backward(at, weights, active, hidden, logits, y, g):
    """y[1] becomes the gradient of the last trunk, and of every skip."""
    (_, H, W, F), N = y.shape, hidden.shape[3]
    D, O = H * W, logits.size // (2 * H * W)
    first, second, third = weights[3:]
    for p in range(0, D, PIXELS):
        M, last = min(PIXELS, D - p), active.size - D * F + p * F
        read = matrix(active, last, F)
        a1, a2 = matrix(hidden, p * N, N), matrix(hidden, (D + p) * N, N)
        d1, d2 = matrix(hidden, (2 * D + p) * N, N), matrix(hidden, (3 * D + p) * N, N)
        sent = matrix(logits, (D + p) * O, O)
        add_outer(matrix(g, at[4], O), a2, sent, M, N, O, total=matrix(g, at[5], 0))
        multiply(d2, sent, _of(third, 0), M, N, gate=a2)
        add_outer(matrix(g, at[2], N), a1, d2, M, N, N, total=matrix(g, at[3], 0))
        multiply(d1, d2, _of(second, 0), M, N, gate=a1)
        add_outer(matrix(g, at[0], N), read, d1, M, F, N, total=matrix(g, at[1], 0))
        multiply(matrix(y, (D + p) * F, F), d1, _of(first, 0), M, F, gate=read)


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
        inside, here = (_of(downs, k), _of(convs, k)), k * step
        grads = (
            matrix(g, at[0] + here, h), matrix(g, at[1] + here, 0),
            matrix(g, at[2] + here, h), matrix(g, at[3] + here, 0),
        )  # fmt: skip
        read_image(down, k, where, scratch)
        for r in range((H - 1) // rows * rows, -1, -rows):
            m = min(rows, H - r)
            p, q, M = r * W, (k * H + r) * W, m * W
            dy, left, passed = matrix(y, p * F, F), matrix(a, q * h, h), matrix(active, q * F, F)
            multiply_taps(d, dy, outputs, _of(outs, k), M, h, gate=left)
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
        _panels(w, at[0], step, L, 1, F, h, 0, h, 1),
        _panels(w, at[2], step, L, 1, T * h, h, 0, h, 1),
        _panels(w, at[4], step, L, 1, h, F, 0, F, 1),
        _panels(w, at[0], step, L, 1, h, F, 0, 1, h),
        _panels(w, at[2], step, L, T, h, h, h * h, 1, h),
        _panels(w, at[4], step, L, outputs, F, h, between, 1, F),
    )


@inner
def _skips_panels(w, at, step, L, F, h):
    """All blocks' K_skip, one below the other, and the sum of their biases."""
    bias, start = np.zeros(F, w.dtype), at[at.size - 2]
    for k in range(L):
        for j in range(F):
            bias[j] += w[at[at.size - 1] + k * step + j]
    return _panels(w, start, 0, 1, L, h, F, step, F, 1), bias


@inner
def _head_panels(w, at, F, N, O):
    """Of the three 1×1, and of the same transposed."""
    return (
        _panels(w, at[0], 0, 1, 1, F, N, 0, N, 1),
        _panels(w, at[2], 0, 1, 1, N, N, 0, N, 1),
        _panels(w, at[4], 0, 1, 1, N, O, 0, O, 1),
        _panels(w, at[0], 0, 1, 1, N, F, 0, 1, N),
        _panels(w, at[2], 0, 1, 1, N, N, 0, 1, N),
        _panels(w, at[4], 0, 1, 1, O, N, 0, 1, O),
    )


@inner
def _panels(w, start, step, count, T, rows, N, tap_stride, row_stride, column_stride):
    """`count` times the panels of (T·rows, N) weights, from w[start], w[start + step], … on.

    The strides are those of fill_panels. For `_of`.
    """
    R = T * rows
    width = panel_width(R, N)
    size = -(N // -width) * R * width
    out = np.zeros(count * size, w.dtype)
    for k in range(count):
        fill_panels(
            matrix(out, k * size, 0), width, N, w, start + k * step, T, rows, tap_stride,
            row_stride, column_stride,
        )  # fmt: skip
    return out, size, R, width


@inner
def _of(panels, k):
    """The k-th, as multiply.py takes them."""
    out, size, R, width = panels
    return out, k * size, R, width


@inner
def _multiples(count, step):
    out = np.empty(count, np.int64)
    for k in range(count):
        out[k] = k * step
    return out
