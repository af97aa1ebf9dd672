"""§3.1-3.3 A whole PixelRNN: nats of some images and their gradient in one call.

The images go through the layers together, as the diagonals of one image are too short for the
tiles. The scans are those of row_lstm.py and diagonal_lstm.py; the other layers are those of
trunk.py and head.py, of one image at a time. There is no twin: the layers' forward and backward
give the same, and are how to read this.
"""

from .diagonal_lstm import diagonals_backward, diagonals_forward
from .head import head_backward, head_forward, nats_backward, nats_of
from .jit import inlined, kernel
from .masked_conv import PIXELS
from .row_lstm import rows_backward, rows_forward
from .runs import clear, copy
from .taps import multiples
from .tiles.multiply import matrix, multiply
from .tiles.panels import one_of
from .trunk import add_skips, first_backward, first_forward, outer_backward, panels_of_all


@kernel
def row_lstm_gradient(x, images, w, places, taps, residual, scale, maps, head_maps, g, nats):
    """x: (B, H, W, C), scaled; images: the same, uint8; w: (P,), all weights, masked.

    places: first (2,), block (5,), outer (2,) or, with skips, (4,), head (6,), and a number: where
    in w each parameter of the first layer, of the first block's LSTM, its up and skip, and of the
    head begins, in the order of the layers; the next block's are that number further on.
    taps: (T, 2), of the 7×7, (T',), of K_is, and how many K_ss has; residual: whether the blocks
    are; scale: a number of x's dtype.
    Scratch: maps: trunk, ((L + 2)·B, H, W, F), a, (L, B·H, W, h), da, (B, H, W, h), gates, (L or
    1, numbers of a block's), and c, the same; head_maps: active, (1, H, W, F), hidden, (4, H, W,
    N), and logits, (2, H·W·C, levels) or, for two levels, (2, H·W·C).
    Added to: g: (P,), the gradient of scale · Σ nats; if it is empty there is no way back, and
    trunk, gates and c begin with 2·B, 1 and 1 in their shapes.
    Written: nats: (B,).
    """
    (B, H, W, _), (trunk, a, da, gates, c) = x.shape, maps
    L, F, h, kept, at = a.shape[0], trunk.shape[3], a.shape[3], _kept(g), places[1]
    size, T, V = B * H * W, taps[1].size, taps[2]
    layers = panels_of_all(x, w, places, taps[0], trunk, a, head_maps)
    _enter(x, w, places, layers, trunk)
    for k in range(L):
        i, here = k * kept * size, k * places[4]
        rows_forward(
            part(trunk, i * F), part(w, at[0] + here), taps[1], part(w, at[1] + here),
            part(w, at[2] + here), part(w, at[3] + here), part(w, at[4] + here),
            part(gates, 4 * i * h), part(c, i * h), part(a, k * size * h), B, H, W, F, h, T, V,
        )  # fmt: skip
        _leave(w, places, layers, k, kept, residual, a, trunk, B)
    _middle(images, w, places, layers, scale, trunk, a, head_maps, g, nats)
    for k in range(L * kept - 1, -1, -1):
        i, here = k * size, k * places[4]
        _return(places, layers, k, residual, trunk, a, da, g)
        rows_backward(
            da, part(trunk, i * F), part(a, i * h), part(w, at[0] + here), taps[1],
            part(w, at[1] + here), part(w, at[3] + here), part(w, at[4] + here),
            part(gates, 4 * i * h), part(c, i * h), part(trunk, L * size * F),
            part(g, at[0] + here), part(g, at[1] + here), part(g, at[2] + here),
            part(g, at[3] + here), part(g, at[4] + here), B, H, W, F, h, T, V,
        )  # fmt: skip
    _exit(x, places, layers, trunk, g)


@kernel
def diagonal_bilstm_gradient(x, images, w, places, taps, residual, scale, maps, head_maps, g, nats):
    """As row_lstm_gradient, with block (2, 5) among places: left to right, and right to left.

    maps: trunk, a, da, gates, (L, 2, numbers of a direction's), c and h, the same.
    """
    (B, H, W, _), (trunk, a, da, gates, c, states) = x.shape, maps
    L, F, h, kept = a.shape[0], trunk.shape[3], a.shape[3], _kept(g)
    size, framed = B * H * W, B * (H + 2) * (W + 2) * h
    layers = panels_of_all(x, w, places, taps[0], trunk, a, head_maps)
    _enter(x, w, places, layers, trunk)
    for k in range(L):
        for v in range(2):
            i, at, here = 2 * k * kept + v, places[1][v], k * places[4]
            diagonals_forward(
                part(trunk, k * kept * size * F), part(w, at[0] + here), part(w, at[1] + here),
                part(w, at[2] + here), part(w, at[3] + here), part(w, at[4] + here), v, v,
                part(gates, 4 * i * size * h), part(c, i * framed), part(states, i * framed),
                part(a, k * size * h), B, H, W, F, h,
            )  # fmt: skip
        _leave(w, places, layers, k, kept, residual, a, trunk, B)
    _middle(images, w, places, layers, scale, trunk, a, head_maps, g, nats)
    for k in range(L * kept - 1, -1, -1):
        _return(places, layers, k, residual, trunk, a, da, g)
        for v in range(2):
            i, at, here = 2 * k + v, places[1][v], k * places[4]
            diagonals_backward(
                da, part(trunk, k * size * F), part(w, at[0] + here), part(w, at[1] + here), v, v,
                part(gates, 4 * i * size * h), part(c, i * framed), part(states, i * framed),
                part(trunk, L * size * F), part(g, at[0] + here), part(g, at[1] + here),
                part(g, at[2] + here), part(g, at[3] + here), part(g, at[4] + here),
                B, H, W, F, h,
            )  # fmt: skip
    _exit(x, places, layers, trunk, g)


@inlined
def part(array, start):
    """An array from number `start` on, for functions that take it as an address."""
    return matrix(array, start, 0)


@inlined
def _kept(g):
    """1 if the maps of each block are kept for the way back, 0 if the next block's replace them."""
    return 1 if g.size > 0 else 0


@inlined
def _enter(x, w, places, layers, trunk):
    B, H, W, _ = x.shape
    for n in range(B):
        first_forward(x, n, w, places[0], layers[0], trunk, n * H * W * trunk.shape[3])


@inlined
def _exit(x, places, layers, trunk, g):
    """The second-last map holds what comes back to the first layer."""
    (B, H, W, _), F = x.shape, trunk.shape[3]
    for n in range(B if g.size > 0 else 0):
        start = trunk.size - (2 * B - n) * H * W * F
        first_backward(x, n, places[0], layers[0], trunk, start, g)


@inlined
def _leave(w, places, layers, k, kept, residual, a, trunk, B):
    """y = x + a K_up + b_up of block k, in the next map or, where none is kept, in place."""
    (_, H, W, F), h = trunk.shape, a.shape[3]
    size, bias, up = B * H * W, places[2][1] + k * places[4], one_of(layers[1][0], k)
    for p in range(0, size, PIXELS):
        M, left = min(PIXELS, size - p), matrix(a, (k * size + p) * h, h)
        x, y = (k * kept * size + p) * F, ((k + 1) * kept * size + p) * F
        if residual:
            before = matrix(trunk, x, F)
            multiply(matrix(trunk, y, F), left, up, M, F, bias=matrix(w, bias, 0), plus=before)
        else:
            multiply(matrix(trunk, y, F), left, up, M, F, bias=matrix(w, bias, 0))


@inlined
def _middle(images, w, places, layers, scale, trunk, a, head_maps, g, nats):
    """From the last block to the nats and back. The last map becomes z and then dz, which comes
    back to every skip; the one before it, the last block's y and then dy.
    """
    (_, H, W, F), L, B = trunk.shape, a.shape[0], images.shape[0]
    (_, _, outer, at, _), (active, hidden, logits) = places, head_maps
    (skips, bias), head = layers[2:]
    size = B * H * W * F
    z, y = trunk.size - size, trunk.size - 2 * size
    copy(trunk, z, trunk, y, size)
    if outer.size > 2 and L > 0:
        add_skips(a, skips, bias, trunk, z)
    for n in range(B):
        here = z + n * H * W * F
        head_forward(w, at, head, trunk, here, active, hidden, logits)
        nats[n] = nats_of(images, n, logits)
        if g.size > 0:
            nats_backward(images, n, scale, logits)
            head_backward(at, head, active, hidden, logits, trunk, here, g)
    if g.size > 0:
        copy(trunk, y, trunk, z, size)


@inlined
def _return(places, layers, k, residual, trunk, a, da, g):
    """da of block k, and what up and skip get. Of dy, only what goes past the block is left."""
    (B, H, W, h), F = da.shape, trunk.shape[3]
    size, at, weights = B * H * W, places[2], one_of(layers[1][1], k)
    dy, outputs = trunk.size - 2 * size * F, multiples(at.size // 2, size * F)
    for p in range(0, size, PIXELS):
        M, left = min(PIXELS, size - p), matrix(a, (k * size + p) * h, h)
        sent, back = matrix(trunk, dy + p * F, F), matrix(da, p * h, h)
        outer_backward(at, k * places[4], weights, outputs, sent, left, None, back, M, F, h, g)
    if not residual:
        clear(trunk, dy, size * F)
