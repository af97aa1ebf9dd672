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
from .lstm_cell import cell_backward, cell_forward, gate_scale, joined, scaled
from .products import add_rows
from .runs import accumulate, clear, copy, fill_rows
from .taps import common_part, distances, in_parts, places_of
from .tiles.fetch import no_notes, will_need
from .tiles.multiply import add_outer, matrix, multiply_taps
from .tiles.panels import panels, panels_of_transposed


@kernel
def row_lstm_forward(x, K_is, taps, K_ss, b, h0, c0, gates, c, h):
    """x: (B, H, W, I); K_is: (T, I, 4F), taps: (T,) columns; K_ss: (V, F, 4F); b: (4F,).

    h0, c0: (F,).
    Written: gates: (H, B, W, 4F); c: (H, B, W, F); h: (B, H, W, F).
    """
    B, H, W, I = x.shape
    F, G, V, M = h0.size, b.size, K_ss.shape[0], B * W
    scale, reach, part = gate_scale(b), _reach(taps, V), common_part(I, F)
    bias, K = scaled(b, scale), panels(joined(K_is, K_ss, scale))
    is_taps = in_parts(distances(taps, I), I, part)
    ss_taps = in_parts(distances(_centred(V), F), F, part)
    Z, C = gates.reshape((H, M, G)), c.reshape((H, M, F))
    x_row, h_row = _between_zeros(B, W, reach, I, x), _between_zeros(B, W, reach, F, x)
    x_at, h_at = places_of(B, W, I, (W + reach) * I), places_of(B, W, F, (W + reach) * F)
    c_before, h_now = np.empty((M, F), x.dtype), np.empty((M, F), x.dtype)
    fill_rows(c_before, 0, M, c0, F)
    fill_rows(h_now, 0, M, h0, F)
    x_map, h_map, notes = places_of(B, W, I, H * W * I), places_of(B, W, F, H * W * F), no_notes()
    for r in range(H):
        notes[0] = 0
        if r + 1 < H:
            will_need(notes, matrix(x, (r + 1) * W * I, 0), I, x_map)
            will_need(notes, matrix(gates, (r + 1) * M * G, G), G)
            will_need(notes, matrix(c, (r + 1) * M * F, F), F)
            will_need(notes, matrix(h, (r + 1) * W * F, 0), F, h_map)
        _put(x, H, r, x_row, reach)
        _put(h_now, 1, 0, h_row, reach)
        z, seen, above = matrix(Z, r * M * G, G), _inside(x_row, reach), _inside(h_row, reach)
        multiply_taps(
            z, seen, is_taps, K, M, G, bias=bias, a_rows=x_at,
            more=above, more_taps=ss_taps, more_rows=h_at, notes=notes,
        )  # fmt: skip
        cell_forward(Z[r], None, c_before, C[r], h_now, M, F)
        c_before = C[r]
        for n in range(B):
            copy(h, (n * H + r) * W * F, h_now, n * W * F, W * F)


@kernel
def row_lstm_backward(dh, x, h, K_is, taps, K_ss, h0, c0, gates, c, dx, dK_is, dK_ss, db, dh0, dc0):
    """dh, h: (B, H, W, F); the others as in forward. dx is added to, the rest is written."""
    B, H, W, I = x.shape
    F, T, V, M = h0.size, taps.size, K_ss.shape[0], B * W
    N, reach, ss_taps = 4 * F, _reach(taps, V), _centred(V)
    to_x, to_h = panels_of_transposed(K_is, 0, N), panels_of_transposed(K_ss, 0, N)
    is_mirrored, ss_mirrored = distances(taps, -N), distances(ss_taps, -N)
    Z, C = gates.reshape((H, M, N)), c.reshape((H, M, F))
    x_row, h_row = _between_zeros(B, W, reach, I, x), _between_zeros(B, W, reach, F, x)
    d_row = _between_zeros(B, W, reach, N, x)
    x_at, h_at = places_of(B, W, I, (W + reach) * I), places_of(B, W, F, (W + reach) * F)
    d_at, dx_at = places_of(B, W, N, (W + reach) * N), places_of(B, W, I, H * W * I)
    c_first, top = np.empty((M, F), x.dtype), np.empty((M, F), x.dtype)
    fill_rows(c_first, 0, M, c0, F)
    fill_rows(top, 0, M, h0, F)
    dz, dh_now = np.empty((M, N), x.dtype), np.zeros((M, F), x.dtype)
    dc = np.zeros((M, F), x.dtype)
    for gradient in (dK_is, dK_ss):
        clear(gradient, 0, gradient.size)
    for gradient in (db, dh0, dc0):
        clear(gradient, 0, gradient.size)
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
        cell_backward(Z[r], C[r], C[r - 1] if r > 0 else c_first, dh_now, dc, dc, dz, M, F)
        _put(x, H, r, x_row, reach)
        _put(dz, 1, 0, d_row, reach)
        if r > 0:
            _put(h, H, r - 1, h_row, reach)
        else:
            _put(top, 1, 0, h_row, reach)
        d = matrix(dz, 0, N)
        for t in range(T):
            left, target = matrix(x_row, (reach + taps[t]) * I, 0), matrix(dK_is, t * I * N, N)
            if t == 0:
                add_outer(target, left, d, M, I, N, total=db, a_rows=x_at)
            else:
                add_outer(target, left, d, M, I, N, a_rows=x_at)
        for v in range(V):
            left = matrix(h_row, (reach + ss_taps[v]) * F, 0)
            add_outer(matrix(dK_ss, v * F * N, N), left, d, M, F, N, a_rows=h_at)
        sent, target = _inside(d_row, reach), matrix(dx, r * W * I, 0)
        multiply_taps(
            target, sent, is_mirrored, to_x, M, I, plus=target, a_rows=d_at, out_rows=dx_at,
            notes=notes,
        )  # fmt: skip
        target = matrix(dh_now, 0, F)
        multiply_taps(target, sent, ss_mirrored, to_h, M, F, a_rows=d_at, notes=more_notes)
    add_rows(dh_now, M, F, dh0)
    add_rows(dc, M, F, dc0)


@inlined
def _reach(taps, V):
    """Zeros between two rows: as many pixels as a tap is away at most."""
    reach = V // 2
    for t in range(taps.size):
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
    return np.zeros((B + 1, W + reach, I), like.dtype)


@inlined
def _inside(row, reach):
    """The pixels of such a row as a matrix, for a table of places_of."""
    return matrix(row, reach * row.shape[2], 0)


@inlined
def _put(source, H, r, row, reach):
    """Copies row r of the B images of H rows in `source` into `row`."""
    count = (row.shape[1] - reach) * row.shape[2]
    for n in range(row.shape[0] - 1):
        start = (reach + n * row.shape[1]) * row.shape[2]
        copy(row, start, source, (n * H + r) * count, count)
