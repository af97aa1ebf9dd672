"""§3.1 Row LSTM, a whole row of all images at a time.

Gates and c are stored row after row, (H, B, W, F), so that a row is one contiguous block. A step is
    z = b + Σ_t x[· + t] K_is[t] + Σ_v h[row above, · + v] K_ss[v]     one product in registers
    gates, c, h = cell(z)                                              vectorised, in place
What the taps read, a row of x and the row of h above, is copied between zeros; there a tap is one
distance for all pixels of a row, and nothing is gathered: a table says where the pixels of all
images are (see tiles/multiply.py). Backward keeps dz
of a row between zeros: what a pixel is sent back is read from it at the mirrored taps, without a
scatter. The readable twin is reference/row_lstm.py.
"""

import numpy as np

from .jit import inlined, kernel
from .lstm_cell import cell_backward, cell_forward, gate_panels, scaled
from .products import add_rows
from .runs import accumulate, clear, copy, fill_rows, numbers
from .taps import common_part, distances, first_distances, in_parts, places_of
from .tiles.fetch import no_notes, will_need
from .tiles.multiply import add_outer, matrix, multiply_taps
from .tiles.panels import one_of, panels_at
from .tiles.shared import Integers, Numbers, shared


@kernel
def row_lstm_forward(x, K_is, taps, K_ss, b, h0, c0, gates, c, h):
    """x: (B, H, W, I); K_is: (T, I, 4F), taps: (T,) columns; K_ss: (V, F, 4F); b: (4F,).

    h0, c0: (F,).
    Written: gates: (H, B, W, 4F); c: (H, B, W, F); h: (B, H, W, F).
    """
    (B, H, W, I), T, V, F = x.shape, taps.size, K_ss.shape[0], h0.size
    rows_forward(x, K_is, taps, K_ss, b, h0, c0, gates, c, h, B, H, W, I, F, T, V)


@kernel
def row_lstm_backward(dh, x, h, K_is, taps, K_ss, h0, c0, gates, c, dx, dK_is, dK_ss, db, dh0, dc0):
    """dh, h: (B, H, W, F); the others as in forward. dx is added to, the rest is written."""
    (B, H, W, I), T, V, F = x.shape, taps.size, K_ss.shape[0], h0.size
    for gradient in (dK_is, dK_ss):
        clear(gradient, 0, gradient.size)
    for gradient in (db, dh0, dc0):
        clear(gradient, 0, gradient.size)
    rows_backward(
        dh, x, h, K_is, taps, K_ss, h0, c0, gates, c, dx, dK_is, dK_ss, db, dh0, dc0,
        B, H, W, I, F, T, V,
    )  # fmt: skip


@shared
def rows_forward(
    x: Numbers, K_is: Numbers, taps: Integers, K_ss: Numbers, b: Numbers, h0: Numbers, c0: Numbers,
    gates: Numbers, c: Numbers, h: Numbers, B: int, H: int, W: int, I: int, F: int, T: int, V: int,
):  # fmt: skip
    """row_lstm_forward, for kernels that have these arrays as parts of others."""
    G, M, reach, part = 4 * F, B * W, _reach(taps, T, V), common_part(I, F)
    bias, K = scaled(b, F), gate_panels(K_is, T * I, K_ss, V * F, F)
    is_taps = in_parts(first_distances(taps, T, I), I, part)
    ss_taps = in_parts(distances(_centred(V), F), F, part)
    x_row, h_row = _between_zeros(B, W, reach, I, x), _between_zeros(B, W, reach, F, x)
    x_at, h_at = places_of(B, W, I, (W + reach) * I), places_of(B, W, F, (W + reach) * F)
    c_first, h_now = numbers(M * F, x), numbers(M * F, x)
    fill_rows(c_first, 0, M, c0, F)
    fill_rows(h_now, 0, M, h0, F)
    x_map, h_map, notes = places_of(B, W, I, H * W * I), places_of(B, W, F, H * W * F), no_notes()
    for r in range(H):
        notes[0] = 0
        if r + 1 < H:
            will_need(notes, matrix(x, (r + 1) * W * I, 0), I, x_map)
            will_need(notes, matrix(gates, (r + 1) * M * G, G), G)
            will_need(notes, matrix(c, (r + 1) * M * F, F), F)
            will_need(notes, matrix(h, (r + 1) * W * F, 0), F, h_map)
        _put(x, H, r, x_row, B, W, reach, I)
        _put(h_now, 1, 0, h_row, B, W, reach, F)
        z, seen, above = matrix(gates, r * M * G, G), matrix(x_row, reach * I, 0), reach * F
        multiply_taps(
            z, seen, is_taps, K, M, G, bias=bias, a_rows=x_at,
            more=matrix(h_row, above, 0), more_taps=ss_taps, more_rows=h_at, notes=notes,
        )  # fmt: skip
        now = matrix(c, r * M * F, F)
        if r == 0:
            cell_forward(z, None, c_first, now, h_now, M, F)
        else:
            cell_forward(z, None, matrix(c, (r - 1) * M * F, F), now, h_now, M, F)
        for n in range(B):
            copy(h, (n * H + r) * W * F, h_now, n * W * F, W * F)


@shared
def rows_backward(
    dh: Numbers, x: Numbers, h: Numbers, K_is: Numbers, taps: Integers, K_ss: Numbers, h0: Numbers,
    c0: Numbers, gates: Numbers, c: Numbers, dx: Numbers, dK_is: Numbers, dK_ss: Numbers,
    db: Numbers, dh0: Numbers, dc0: Numbers, B: int, H: int, W: int, I: int, F: int, T: int, V: int,
):  # fmt: skip
    """row_lstm_backward, for such kernels. It adds to all gradients."""
    N, M, reach, ss_taps = 4 * F, B * W, _reach(taps, T, V), _centred(V)
    to_x = one_of(panels_at(K_is, 0, 0, 1, T, N, I, I * N, 1, N), 0)
    to_h = one_of(panels_at(K_ss, 0, 0, 1, V, N, F, F * N, 1, N), 0)
    is_mirrored, ss_mirrored = first_distances(taps, T, -N), distances(ss_taps, -N)
    x_row, h_row = _between_zeros(B, W, reach, I, x), _between_zeros(B, W, reach, F, x)
    d_row = _between_zeros(B, W, reach, N, x)
    x_at, h_at = places_of(B, W, I, (W + reach) * I), places_of(B, W, F, (W + reach) * F)
    d_at, dx_at = places_of(B, W, N, (W + reach) * N), places_of(B, W, I, H * W * I)
    c_first, top = numbers(M * F, x), numbers(M * F, x)
    fill_rows(c_first, 0, M, c0, F)
    fill_rows(top, 0, M, h0, F)
    dz, dh_now, dc = numbers(M * N, x), numbers(M * F, x), numbers(M * F, x)
    clear(dh_now, 0, M * F)
    clear(dc, 0, M * F)
    h_map, notes, more_notes = places_of(B, W, F, H * W * F), no_notes(), no_notes()
    for r in range(H - 1, -1, -1):
        notes[0] = more_notes[0] = 0
        if r > 0:
            will_need(notes, matrix(gates, (r - 1) * M * N, N), N)
            will_need(notes, matrix(dh, (r - 1) * W * F, 0), F, h_map)
            will_need(more_notes, matrix(x, (r - 1) * W * I, 0), I, dx_at)
            will_need(more_notes, matrix(dx, (r - 1) * W * I, 0), I, dx_at)
        if r > 1:
            will_need(more_notes, matrix(c, (r - 2) * M * F, F), F)
            will_need(more_notes, matrix(h, (r - 2) * W * F, 0), F, h_map)
        for n in range(B):
            accumulate(dh_now, n * W * F, dh, (n * H + r) * W * F, W * F)
        z, now, d = matrix(gates, r * M * N, N), matrix(c, r * M * F, F), matrix(dz, 0, N)
        if r == 0:
            cell_backward(z, now, c_first, dh_now, dc, dc, dz, M, F)
            _put(top, 1, 0, h_row, B, W, reach, F)
        else:
            before = matrix(c, (r - 1) * M * F, F)
            cell_backward(z, now, before, dh_now, dc, dc, dz, M, F)
            _put(h, H, r - 1, h_row, B, W, reach, F)
        _put(x, H, r, x_row, B, W, reach, I)
        _put(dz, 1, 0, d_row, B, W, reach, N)
        for t in range(T):
            left, target = matrix(x_row, (reach + taps[t]) * I, 0), matrix(dK_is, t * I * N, N)
            if t == 0:
                add_outer(target, left, d, M, I, N, total=db, a_rows=x_at)
            else:
                add_outer(target, left, d, M, I, N, a_rows=x_at)
        for v in range(V):
            left = matrix(h_row, (reach + ss_taps[v]) * F, 0)
            add_outer(matrix(dK_ss, v * F * N, N), left, d, M, F, N, a_rows=h_at)
        sent, target = matrix(d_row, reach * N, 0), matrix(dx, r * W * I, 0)
        multiply_taps(
            target, sent, is_mirrored, to_x, M, I, plus=target, a_rows=d_at, out_rows=dx_at,
            notes=notes,
        )  # fmt: skip
        target = matrix(dh_now, 0, F)
        multiply_taps(target, sent, ss_mirrored, to_h, M, F, a_rows=d_at, notes=more_notes)
    add_rows(dh_now, M, F, dh0)
    add_rows(dc, M, F, dc0)


@inlined
def _reach(taps, T, V):
    """Zeros between two rows: as many pixels as a tap is away at most."""
    reach = V // 2
    for t in range(T):
        reach = max(reach, abs(taps[t]))
    return reach


@inlined
def _centred(V):
    """V taps around 0."""
    taps = np.empty(V, np.int64)
    for v in range(V):
        taps[v] = v - V // 2
    return taps


@inlined
def _between_zeros(B, W, reach, I, like):
    """Room for one row of B images, (B + 1, W + reach, I), with zeros around each.

    Image n begins after `reach` pixels of zeros, which are also those after image n - 1.
    """
    row = numbers((B + 1) * (W + reach) * I, like)
    clear(row, 0, row.size)
    return row


@inlined
def _put(source, H, r, row, B, W, reach, I):
    """Copies row r of the B images of H rows in `source` into `row`."""
    for n in range(B):
        copy(row, (reach + n * (W + reach)) * I, source, (n * H + r) * W * I, W * I)
