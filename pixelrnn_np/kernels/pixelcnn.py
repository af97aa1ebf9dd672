"""§3.5 A whole PixelCNN: nats and their gradient, one image after the other in one call.

Layer by layer, each kernel goes through all images of a shard, and the maps of the others take the
place of an image's own in the caches; between two kernels Python runs, on one thread at a time.
Here an image goes forward through all layers, gets its nats, and goes back, so that there are maps
for one image only. There is no twin: the layers' forward and backward give the same, and are how to
read this. The inside of a block is in conv_block.py, what is around it in trunk.py; derivations are
in layers/.
"""

from .conv_block import inner_backward, inner_forward, layout, read_image, room
from .head import head_backward, head_forward, nats_backward, nats_of
from .jit import inlined, kernel
from .pointwise import relu_of_run
from .runs import copy
from .taps import multiples
from .tiles.multiply import matrix, multiply
from .tiles.panels import one_of, panels_at
from .trunk import add_skips, first_backward, first_forward, outer_backward, panels_of_all


@kernel
def pixelcnn_gradient(x, images, w, places, taps, residual, scale, maps, head_maps, g, nats):
    """As row_lstm_gradient in pixelrnn.py, with block (4,) among places: of down and conv.

    taps: (T, 2), of the 7×7 and of the 3×3, which are the first of their kernels.
    Scratch for one image: maps: trunk, (2, H, W, F), active, (1 + L, H, W, F), and down and a, both
    (L, H, W, h); head_maps: the first of them is not used.
    """
    (B, H, W, _), (trunk, active, _, a), (_, hidden, logits) = x.shape, maps, head_maps
    (first_at, block_at, outer_at, head_at, step), (L, _, _, h) = places, a.shape
    F, where = trunk.shape[3], layout(taps[1], H, W, h)
    layers = panels_of_all(x, w, places, taps[0], trunk, a, head_maps)
    (first, outer, (skips, skip_bias), head), scratch = layers, room(where, H, W, h, x)
    blocks = _blocks_panels(w, block_at, step, L, taps[1].shape[0], F, h)
    for n in range(B):
        first_forward(x, n, w, first_at, first, trunk, 0)
        _blocks_forward(w, places, blocks, outer[0], where, scratch, residual, maps)
        if outer_at.size > 2 and L > 0:
            add_skips(a, skips, skip_bias, trunk, 0)
        head_forward(w, head_at, head, trunk, 0, active, hidden, logits)
        nats[n] = nats_of(images, n, logits)
        if g.size > 0:
            nats_backward(images, n, scale, logits)
            head_backward(head_at, head, active, hidden, logits, trunk, H * W * F, g)
            copy(trunk, 0, trunk, H * W * F, H * W * F)
            _blocks_backward(places, blocks, outer[1], where, scratch, residual, maps, g)
            first_backward(x, n, first_at, first, trunk, 0, g)


@inlined
def _blocks_forward(w, places, weights, ups, where, scratch, residual, maps):
    """trunk[0]: what the first block reads, then what the last one leaves. Written: active, down,
    a.
    """
    (y, active, down, a), (_, at, outer_at, _, step) = maps, places
    (L, H, W, h), F, zero = a.shape, y.shape[3], y.dtype.type(0)
    downs, convs = weights[:2]
    rows, around = where[4], scratch[0]
    for k in range(L):
        here = k * step
        biases = matrix(w, at[1] + here, 0), matrix(w, at[3] + here, 0)
        bias = matrix(w, outer_at[1] + here, 0)
        for r in range(0, H, rows):
            m = min(rows, H - r)
            p, q, M = r * W, (k * H + r) * W, m * W
            trunk, read = matrix(y, p * F, F), matrix(active, q * F, F)
            relu_of_run(y, p * F, M * F, read)
            inside = one_of(downs, k), one_of(convs, k)
            inner_forward(read, inside, biases, zero, where, around, down, a, k, r, m)
            left, up = matrix(a, q * h, h), one_of(ups, k)
            if residual:
                multiply(trunk, left, up, M, F, bias=bias, plus=trunk)
            else:
                multiply(trunk, left, up, M, F, bias=bias)


@inlined
def _blocks_backward(places, weights, outs, where, scratch, residual, maps, g):
    """trunk[0]: the gradient of what the last block leaves, then of what the first one reads;
    trunk[1]: that of every skip.
    """
    (y, active, down, a), (_, at, outer_at, _, step) = maps, places
    (L, H, W, h), F = a.shape, y.shape[3]
    downs, convs = weights[2:]
    rows, d = where[4], matrix(scratch[2], 0, h)
    outputs = multiples(outer_at.size // 2, H * W * F)
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
            outer_backward(outer_at, here, one_of(outs, k), outputs, dy, left, left, d, M, F, h, g)
            inner_backward(
                dy, residual, passed, passed, inside, where, scratch, down, dy, grads, F, k, r, m
            )


@inlined
def _blocks_panels(w, at, step, L, T, F, h):
    """Of every block: down, conv; and the same transposed."""
    return (
        panels_at(w, at[0], step, L, 1, F, h, 0, h, 1),
        panels_at(w, at[2], step, L, 1, T * h, h, 0, h, 1),
        panels_at(w, at[0], step, L, 1, h, F, 0, 1, h),
        panels_at(w, at[2], step, L, T, h, h, h * h, 1, h),
    )
