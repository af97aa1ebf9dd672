"""§3.2 One direction of the Diagonal BiLSTM, a whole diagonal of all images at a time.

The skew is an order: pixels are stored diagonal by diagonal, so that the pixels of one diagonal are
one contiguous block and no padding is computed. One step is
    z = b + x K_is + h[above] K_ss[0] + h[beside] K_ss[1]
    gates, c, h = cell(z)                    in place; h goes to y as well
with one product in registers (tiles/multiply.py): x is read in place, a table says where its rows
are.

c and h are stored with the initial state before and after each diagonal, and before the first (see
`_diagonal`). Then the neighbours of a diagonal's pixels are two blocks of the diagonal before, one
row apart: two taps of one product, and nothing is special at the border. Backward has dz of a
diagonal between zeros, so that both parts of dh are one product too.
The readable twin is reference/diagonal_lstm.py.
"""

import numpy as np

from .jit import inlined, inner, kernel
from .lstm_cell import cell_backward, cell_forward, gate_panels, lstm_step, scaled
from .runs import clear, copy, fill_rows, flat, numbers
from .taps import common_part, in_parts
from .tiles.fetch import no_notes, will_need
from .tiles.multiply import HERE, add_outer, matrix, multiply, multiply_taps
from .tiles.panels import one_of, panels_at
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
    (B, H, W, I), F = x.shape, h0.size
    diagonals_forward(x, K_is, K_ss, b, h0, c0, reverse, shifted, gates, c, h, y, B, H, W, I, F)


@shared
def diagonals_forward(
    x: Numbers, K_is: Numbers, K_ss: Numbers, b: Numbers, h0: Numbers, c0: Numbers, reverse: int,
    shifted: int, gates: Numbers, c: Numbers, h: Numbers, y: Numbers, B: int, H: int, W: int,
    I: int, F: int,
):  # fmt: skip
    """diagonal_lstm_forward, for kernels that have these arrays as parts of others."""
    G, part = 4 * F, common_part(I, F)
    bias, K = scaled(b, F), gate_panels(K_is, I, K_ss, 2 * F, F)
    is_taps, ss_taps = in_parts(HERE, I, part), in_parts(_taps(0, B * F), F, part)
    rows, places = np.empty(min(H, W) * B, np.int64), np.empty(min(H, W) * B, np.int64)
    next_rows, next_places = np.empty_like(rows), np.empty_like(rows)
    notes = no_notes()
    fill_rows(c, 0, 2 * B, c0, F)
    fill_rows(h, 0, 2 * B, h0, F)
    _pixels(next_rows, 0, 1, 0, reverse, B, H, W, I, 0)
    _pixels(next_places, 0, 1, 0, reverse, B, H, W, F, shifted)
    for t in range(H + W - 1):
        rows, next_rows, places, next_places = next_rows, rows, next_places, places
        first, n, start, state, above = _diagonal(t + 1, H, W, B)
        notes[0] = 0
        if n > 0:
            _pixels(next_rows, first, n // B, t + 1, reverse, B, H, W, I, 0)
            _pixels(next_places, first, n // B, t + 1, reverse, B, H, W, F, shifted)
            will_need(notes, matrix(x, 0, 0), I, next_rows)
            will_need(notes, matrix(y, 0, 0), F, next_places)
            will_need(notes, matrix(gates, start * G, G), G)
            will_need(notes, matrix(c, state * F, F), F)
            will_need(notes, matrix(h, state * F, F), F)
        first, n, start, state, above = _diagonal(t, H, W, B)
        z = matrix(gates, start * G, G)
        multiply_taps(
            z, matrix(x, 0, 0), is_taps, K, n, G, bias=bias, a_rows=rows,
            more=matrix(h, above * F, F), more_taps=ss_taps, notes=notes,
        )  # fmt: skip
        cell_forward(
            z, None, matrix(c, (above + B) * F, F), matrix(c, state * F, F),
            matrix(h, state * F, F), n, F, y=y, places=places, adds=shifted,
        )  # fmt: skip
        for border in (state - B, state + n):
            fill_rows(c, border, B, c0, F)
            fill_rows(h, border, B, h0, F)


@kernel
def diagonal_lstm_backward(
    dy, x, K_is, K_ss, reverse, shifted, gates, c, h, dx, dK_is, dK_ss, db, dh0, dc0
):
    """dy: (B, H, W, F); gates, c, h: as the forward pass wrote them; the others as there.

    Written: dK_is, dK_ss, db, dh0, dc0, shaped as the parameters. Added to: dx, (B, H, W, I).
    """
    (B, H, W, I), F = x.shape, dh0.size
    for total in (db, dh0, dc0):
        clear(total, 0, total.size)
    clear(dK_is, 0, dK_is.size)
    clear(dK_ss, 0, dK_ss.size)
    diagonals_backward(
        dy, x, K_is, K_ss, reverse, shifted, gates, c, h, dx, dK_is, dK_ss, db, dh0, dc0,
        B, H, W, I, F,
    )  # fmt: skip


@shared
def diagonals_backward(
    dy: Numbers, x: Numbers, K_is: Numbers, K_ss: Numbers, reverse: int, shifted: int,
    gates: Numbers, c: Numbers, h: Numbers, dx: Numbers, dK_is: Numbers, dK_ss: Numbers,
    db: Numbers, dh0: Numbers, dc0: Numbers, B: int, H: int, W: int, I: int, F: int,
):  # fmt: skip
    """diagonal_lstm_backward, for such kernels. It adds to all gradients."""
    G, longest = 4 * F, min(H, W) * B
    to_x = one_of(panels_at(K_is, 0, 0, 1, 1, G, I, 0, 1, G), 0)
    to_h = one_of(panels_at(K_ss, 0, 0, 1, 2, G, F, F * G, 1, G), 0)
    taps = _taps(B * G, 0)  # K_ss[0] sends what K_ss[1] sends B rows further down
    rows, places = np.empty(longest, np.int64), np.empty(longest, np.int64)
    next_rows, next_places = np.empty_like(rows), np.empty_like(rows)
    notes, more_notes = no_notes(), no_notes()
    dz = numbers((longest + 2 * B) * G, x)
    # The gradients of this diagonal's states and of those before, borders included.
    size = (longest + 2 * B) * F
    dh, dc = numbers(size, x), numbers(size, x)
    dh_before, dc_before = numbers(size, x), numbers(size, x)
    clear(dh, 0, size)
    clear(dc, 0, size)
    last = H + W - 2
    _pixels(next_rows, H - 1, 1, last, reverse, B, H, W, I, 0)
    _pixels(next_places, H - 1, 1, last, reverse, B, H, W, F, shifted)
    for t in range(last, -1, -1):
        rows, next_rows, places, next_places = next_rows, rows, next_places, places
        first, n, start, state, above = _diagonal(t - 1, H, W, B)
        notes[0] = more_notes[0] = 0
        if t > 0:
            _pixels(next_rows, first, n // B, t - 1, reverse, B, H, W, I, 0)
            _pixels(next_places, first, n // B, t - 1, reverse, B, H, W, F, shifted)
            will_need(notes, matrix(gates, start * G, G), G)
            will_need(notes, matrix(dy, 0, 0), F, next_places)
            will_need(more_notes, matrix(x, 0, 0), I, next_rows)
            will_need(more_notes, matrix(dx, 0, 0), I, next_rows)
            will_need(more_notes, matrix(c, (above + B) * F, F), F)
            will_need(more_notes, matrix(h, above * F, F), F)
        first, n, start, state, above = _diagonal(t, H, W, B)
        before, down = _diagonal(t - 1, H, W, B)[1], (first - max(0, t - W)) * B
        sent = matrix(dz, B * G, G)
        cell_backward(
            matrix(gates, start * G, G), matrix(c, state * F, F), matrix(c, (above + B) * F, F),
            matrix(dh, B * F, F), matrix(dc, B * F, F), matrix(dc_before, (down + B) * F, F), sent,
            n, F, dy=dy, places=places,
        )  # fmt: skip
        _clear_around(dz, B, n, B, G)
        add_outer(matrix(dK_is, 0, G), matrix(x, 0, 0), sent, n, I, G, total=db, a_rows=rows)
        for v in range(2):
            seen = matrix(h, (above + v * B) * F, F)
            add_outer(matrix(dK_ss, v * F * G, G), seen, sent, n, F, G)
        target = matrix(dx, 0, 0)
        multiply(target, sent, to_x, n, I, plus=target, out_rows=rows, notes=notes)
        target = matrix(dh_before, down * F, F)
        multiply_taps(target, matrix(dz, 0, G), taps, to_h, n + B, F, notes=more_notes)
        _clear_around(dh_before, down, n + B, before + B - n - down, F)
        _clear_around(dc_before, down + B, n, before + B - n - down, F)
        dh, dh_before, dc, dc_before = dh_before, dh, dc_before, dc
        _add_borders(dh, before, B, dh0, F)
        _add_borders(dc, before, B, dc0, F)


@inlined
def _taps(first, second):
    taps = np.empty(2, np.int64)
    taps[0], taps[1] = first, second
    return taps


@inner
def _pixels(places, first, count, t, reverse, B, H, W, size, down):
    """Where the pixels of a diagonal are in a map of `size` features, `down` rows further down.

    count: of an image; -1 stands for a row below the image.
    """
    out = flat(places)
    for k in range(count):
        r = first + k
        q = W - 1 - (t - r) if reverse else t - r
        for n in range(B):
            out[k * B + n] = ((n * H + r + down) * W + q) * size if r + down < H else -1


@inlined
def _clear_around(a, before, n, after, F):
    """Zeros in the rows before and after n of them."""
    clear(a, 0, before * F)
    clear(a, (before + n) * F, after * F)


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
