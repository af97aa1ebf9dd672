"""§3.2 One direction of the Diagonal BiLSTM, a whole diagonal of all images at a time.

The skew is an order: pixels are stored diagonal by diagonal, so that the pixels of one diagonal are
one contiguous block and no padding is computed. One step is
    inputs = [x | h above | h beside]        gathered, (n·B, 2h + h + h)
    z      = inputs · [K_is; K_ss[0]; K_ss[1]]     one matrix product
    gates, c, h = cell(z + b)                vectorised, in place
The input-to-state product could be made for the whole map beforehand; merged into the step it costs
the same multiply-adds, has the longer inner dimension and leaves no second map to read and write.

c and h are stored with the initial state before and after each diagonal, and before the first (see
`_diagonal`). Then the neighbours of a diagonal's pixels are two blocks of the diagonal before, one
row apart, and nothing is special at the border. `inputs` is not kept: backward gathers it anew,
which is less to read than the map that it would be.
The readable twin is reference/diagonal_lstm.py.
"""

import numpy as np

from .jit import inlined, inner, kernel
from .lstm_cell import cell_backward, cell_forward, gate_scale, lstm_step, scaled
from .products import add_products, block_rows
from .runs import accumulate, clear, copy, fill_rows
from .tiles.multiply import matrix
from .tiles.panels import fill_panels
from .tiles.shared import Numbers, shared


@kernel
def skew(x, reverse, y):
    B, H, W = x.shape[:3]
    k = 0
    for t in range(H + W - 1):
        for r in range(max(0, t - W + 1), min(H - 1, t) + 1):
            q = W - 1 - (t - r) if reverse else t - r
            for n in range(B):
                y[k, n] = x[n, r, q]
            k += 1


@kernel
def unskew(y, reverse, x):
    B, H, W = x.shape[:3]
    k = 0
    for t in range(H + W - 1):
        for r in range(max(0, t - W + 1), min(H - 1, t) + 1):
            q = W - 1 - (t - r) if reverse else t - r
            for n in range(B):
                x[n, r, q] = y[k, n]
            k += 1


@inner
def _diagonal(t, H, W, B):
    """first, n, start, state, above of diagonal t, which has n rows: B images of each pixel.

    first: its top pixel's row; start: its first row among the gates; state: its first row among
    c and h, where each diagonal, and an empty one before the first, has B rows of initial state on
    either side; above: where the upper neighbours begin; the others are B rows after them.
    """
    first, first_before = max(0, t - W + 1), max(0, t - W)
    before = _pixels_before(t - 1, H, W) * B
    start = _pixels_before(t, H, W) * B
    n = (min(H - 1, t) - first + 1) * B
    state = start + (2 * t + 3) * B
    above = before + 2 * t * B + (first - first_before) * B
    return first, n, start, state, above


@inner
def _pixels_before(t, H, W):
    """Pixels on the diagonals 0 to t - 1: the triangle of side t without what is outside."""
    below, right = max(0, t - H), max(0, t - W)
    t = max(0, t)
    return (t * (t + 1) - below * (below + 1) - right * (right + 1)) // 2


@kernel
def diagonal_lstm_forward(x, K_is, K_ss, b, h0, c0, reverse, shifted, gates, c, h, y):
    """x: (B, H, W, I); K_is: (I, 4F); K_ss: (2, F, 4F), the tap above and the one beside; b: (4F,),
    gates in the order o f i g; h0, c0: (F,); reverse: right to left; shifted: y one row down.

    Written: gates, c, h, in the order of the diagonals (see the top of this file), for the way
    back; y, (B, H, W, F), or, shifted, added to.
    """
    B, H, W, I = x.shape
    F = h0.size
    scale = gate_scale(b)
    K, bias = scaled(_stack(K_is, K_ss), scale), scaled(b, scale)
    Z, C, S = gates.reshape(-1, 4 * F), c.reshape(-1, F), h.reshape(-1, F)
    inputs = np.empty((min(H, W) * B, I + 2 * F), x.dtype)
    fill_rows(C, 0, 2 * B, c0, F)
    fill_rows(S, 0, 2 * B, h0, F)
    for t in range(H + W - 1):
        first, n, start, state, above = _diagonal(t, H, W, B)
        _gather(x, S, above, first, t, reverse, inputs, 0, n)
        np.dot(inputs[:n], K, Z[start : start + n])
        cell_forward(
            matrix(Z, start * 4 * F, 4 * F), bias, scale, matrix(C, (above + B) * F, F),
            matrix(C, state * F, F), matrix(S, state * F, F), n, F,
        )  # fmt: skip
        for border in (state - B, state + n):
            fill_rows(C, border, B, c0, F)
            fill_rows(S, border, B, h0, F)
        _emit(S, state, first, n, t, reverse, shifted, y)


@kernel
def diagonal_lstm_backward(
    dy, x, K_is, K_ss, reverse, shifted, gates, c, h, dx, dK_is, dK_ss, db, dh0, dc0
):
    """dy: (B, H, W, F); gates, c, h: as the forward pass wrote them; the others as there.

    Written: dK_is, dK_ss, db, dh0, dc0, shaped as the parameters. Added to: dx, (B, H, W, I).
    """
    B, H, W, I = x.shape
    F = dh0.size
    K, K_t = _stack(K_is, K_ss), np.empty((4 * F, I + 2 * F), x.dtype)
    fill_panels(K_t, I + 2 * F, I + 2 * F, K, 0, 1, 4 * F, 0, 1, 4 * F)  # one panel: the transpose
    Z, C, S = gates.reshape(-1, 4 * F), c.reshape(-1, F), h.reshape(-1, F)
    longest = min(H, W) * B
    rows = max(longest, block_rows(I + 2 * F, 4 * F))
    inputs, dz = np.empty((rows, I + 2 * F), x.dtype), np.empty((rows, 4 * F), x.dtype)
    dinputs = np.empty((longest, I + 2 * F), x.dtype)
    # The gradients of this diagonal's states and of those before, borders included.
    dh, dh_before = np.zeros((longest + 2 * B, F), x.dtype), np.empty((longest + 2 * B, F), x.dtype)
    dc, dc_before = np.zeros((longest + 2 * B, F), x.dtype), np.empty((longest + 2 * B, F), x.dtype)
    dK, part = np.zeros((I + 2 * F, 4 * F), x.dtype), np.empty((I + 2 * F, 4 * F), x.dtype)
    for total in (db, dh0, dc0):
        clear(total, 0, total.size)
    m = 0
    for t in range(H + W - 2, -1, -1):
        first, n, start, state, above = _diagonal(t, H, W, B)
        if m + n > rows:
            add_products(inputs[:m], dz[:m], part, dK, db)
            m = 0
        D = dz[m : m + n]
        _gather(x, S, above, first, t, reverse, inputs, m, n)
        _receive(dy, first, t, reverse, shifted, dh, n)
        cell_backward(
            matrix(Z, start * 4 * F, 4 * F), matrix(C, state * F, F),
            matrix(C, (above + B) * F, F), matrix(dh, B * F, F), matrix(dc, B * F, F), D, n, F,
        )  # fmt: skip
        np.dot(D, K_t, dinputs[:n])
        clear(dh_before, 0, dh_before.size)
        clear(dc_before, 0, dc_before.size)
        offset = (first - max(0, t - W)) * B
        _spread(dinputs, dc, n, offset, first, t, reverse, dx, dh_before, dc_before)
        dh, dh_before, dc, dc_before = dh_before, dh, dc_before, dc
        before = _diagonal(t - 1, H, W, B)[1]
        _add_borders(dh, before, B, dh0, F)
        _add_borders(dc, before, B, dc0, F)
        m += n
    add_products(inputs[:m], dz[:m], part, dK, db)
    copy(dK_is, 0, dK, 0, dK_is.size)
    copy(dK_ss, 0, dK, dK_is.size, dK_ss.size)


@inner
def _gather(x, S, above, first, t, reverse, inputs, start, n):
    """inputs = [x | h above | h beside] of the n pixels of a diagonal, from row `start` on."""
    B, H, W, I = x.shape
    N, F = inputs.shape[1], S.shape[1]
    for k in range(n // B):
        r = first + k
        q = W - 1 - (t - r) if reverse else t - r
        for image in range(B):
            copy(inputs, (start + k * B + image) * N, x, ((image * H + r) * W + q) * I, I)
    for m in range(n):
        copy(inputs, (start + m) * N + I, S, (above + m) * F, F)
        copy(inputs, (start + m) * N + I + F, S, (above + B + m) * F, F)


@inlined
def _spread(dinputs, dc, n, offset, first, t, reverse, dx, dh_before, dc_before):
    """The adjoint of `_gather`, and the way of c; dx is added to."""
    B, H, W, I = dx.shape
    N, F = dinputs.shape[1], dh_before.shape[1]
    for k in range(n // B):
        r = first + k
        q = W - 1 - (t - r) if reverse else t - r
        for image in range(B):
            accumulate(dx, ((image * H + r) * W + q) * I, dinputs, (k * B + image) * N, I)
    for m in range(n):
        accumulate(dh_before, (offset + m) * F, dinputs, m * N + I, F)
        accumulate(dh_before, (offset + B + m) * F, dinputs, m * N + I + F, F)
    copy(dc_before, (offset + B) * F, dc, B * F, n * F)


@inlined
def _emit(S, state, first, n, t, reverse, shifted, y):
    """Puts h of one diagonal in y; `shifted`: adds it one row further down (§3.2)."""
    B, H, W, F = y.shape
    for k in range(n // B):
        r = first + k
        q = W - 1 - (t - r) if reverse else t - r
        for image in range(B):
            s = (state + k * B + image) * F
            if not shifted:
                copy(y, ((image * H + r) * W + q) * F, S, s, F)
            elif r + 1 < H:
                accumulate(y, ((image * H + r + 1) * W + q) * F, S, s, F)


@inlined
def _receive(dy, first, t, reverse, shifted, dh, n):
    """The adjoint of `_emit`: dh += dy at the n pixels of one diagonal, or one row further down."""
    B, H, W, F = dy.shape
    for k in range(n // B):
        r = first + k
        q = W - 1 - (t - r) if reverse else t - r
        if shifted:
            r += 1
        if r < H:
            for image in range(B):
                accumulate(dh, (B + k * B + image) * F, dy, ((image * H + r) * W + q) * F, F)


@shared
def _add_borders(d: Numbers, n: int, B: int, total: Numbers, F: int):
    """total += the B rows of d before and after the n of a diagonal's pixels."""
    for m in range(B):
        for j in range(F):
            total[j] += d[m * F + j] + d[(B + n + m) * F + j]


@kernel
def diagonal_row(z, K, h0, c0, h):
    W, B, F = h.shape
    step = np.empty((B, 4 * F), z.dtype)
    beside, c = np.empty((B, F), z.dtype), np.empty((B, F), z.dtype)
    fill_rows(beside, 0, B, h0, F)
    fill_rows(c, 0, B, c0, F)
    for q in range(W - 1, -1, -1):
        np.dot(beside, K, step)
        for n in range(B):
            for j in range(4 * F):
                step[n, j] += z[q, n, j]
        lstm_step(step, c, c, beside)
        copy(h, q * B * F, beside, 0, B * F)


@inlined
def _stack(K_is, K_ss):
    """[K_is; K_ss[0]; K_ss[1]]: (I + 2F, 4F)."""
    I, G = K_is.shape
    K = np.empty((I + 2 * K_ss.shape[1], G), K_is.dtype)
    copy(K, 0, K_is, 0, K_is.size)
    copy(K, K_is.size, K_ss, 0, K_ss.size)
    return K
