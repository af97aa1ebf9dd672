"""§3.1, §3.2 The inside of an LSTM over an image, pixel by pixel, with every gate at hand.

    z[p] = Σ_t x[p+t] (K_is ⊙ M)[t] + b + Σ_n h[p+n] K_ss[n]      n: the pixels whose h is read
    o, f, i = σ(z),  g = tanh(z),  c[p] = f ⊙ c[p+m] + i ⊙ g,  h[p] = o ⊙ tanh(c)     equation (3)

Row LSTM: n = (-1, -k/2..k/2) and m = (-1, 0). Diagonal, left to right: n = (-1, 0), (0, -1) and
m = (0, -1). Raster order has all of them ready, so one loop serves both; right to left is the same
on the mirrored image. The layers compute this fast and keep what they like; here nothing is hidden.
"""

import numpy as np

from ...layers.row_lstm import RowLSTM
from ...reference.lstm_cell import cell


def reads(lstm):
    """The offsets n with their (h, 4h) weights, and m."""
    K = lstm.params["K_ss"]
    if isinstance(lstm, RowLSTM):
        return [((-1, v - K.shape[1] // 2), K[0, v]) for v in range(K.shape[1])], (-1, 0)
    return [((-1, 0), K[0, 0]), ((0, -1), K[1, 0])], (0, -1)


def input_map(lstm, x):
    """Σ_t x[p+t] (K_is ⊙ M)[t] + b, and the given features (§3.6), which come last in x."""
    p = lstm.params
    K = (p["K_is"] * lstm.mask)[0]
    k, I, W = K.shape[0], K.shape[1], x.shape[2]
    wide = np.pad(x, ((0, 0), (0, 0), (k // 2, k // 2), (0, 0)))
    z = p["b"] + sum(wide[:, :, t : t + W, :I] @ K[t] for t in range(k))
    return z + x[..., I:] @ p["K_fs"][0, 0] if "K_fs" in p else z


def surroundings(lstm, shape, start, edge):
    """(B, H+1, W+2·edge, h): row -1 and the columns outside, as the paper's initial states.

    Row LSTM: only row -1 within the image is the initial state, other columns are zero.
    """
    B, H, W, _ = shape
    a = np.zeros((B, H + 1, W + 2 * edge, start.size), start.dtype)
    if isinstance(lstm, RowLSTM):
        a[:, 0, edge : edge + W] = start
    else:
        a[...] = start
    return a


def scan(lstm, x, mirrored=False):
    """x (B, H, W, in) → {"z": (B, H, W, 4h), "o", "f", "i", "g", "c", "h": (B, H, W, h)}."""
    x = x[:, :, ::-1] if mirrored else x
    from_h, (cr, cq) = reads(lstm)
    edge = max(1, len(from_h) // 2)
    z = input_map(lstm, x)
    h = surroundings(lstm, x.shape, lstm.params["h0"], edge)
    c = surroundings(lstm, x.shape, lstm.params["c0"], edge)
    gates = np.empty_like(z)
    for r, q in np.ndindex(*x.shape[1:3]):
        R, Q = r + 1, q + edge
        for (dr, dq), K in from_h:
            z[:, r, q] += h[:, R + dr, Q + dq] @ K
        for n in range(len(x)):
            gates[n, r, q], c[n, R, Q], h[n, R, Q] = cell(z[n, r, q], c[n, R + cr, Q + cq])
    inside = np.s_[:, 1:, edge:-edge]
    o, f, i, g = np.split(gates, 4, axis=3)
    before = c[:, 1 + cr : c.shape[1] + cr, edge + cq : c.shape[2] - edge + cq]
    found = {"z": z, "o": o, "f": f, "i": i, "g": g, "c": c[inside], "h": h[inside],
             "c_before": before}  # fmt: skip
    return {name: a[:, :, ::-1] if mirrored else a for name, a in found.items()}


def scan_back(lstm, dy, found, mirrored=False):
    """Gradients of what `scan` found, from dy (B, H, W, h), in the order they become known.

    "h" and "c" are the whole gradients: what arrives from above and what later pixels send back.
    """
    if mirrored:
        dy, found = dy[:, :, ::-1], {name: a[:, :, ::-1] for name, a in found.items()}
    from_h, (cr, cq) = reads(lstm)
    edge = max(1, len(from_h) // 2)
    B, H, W, F = dy.shape
    dh = np.zeros((B, H + 1, W + 2 * edge, F), dy.dtype)
    dc = np.zeros_like(dh)
    inside = np.s_[:, 1:, edge:-edge]
    dh[inside] = dy
    d = {name: np.empty_like(found[name]) for name in "ofigz"}
    for r, q in reversed(list(np.ndindex(H, W))):
        R, Q = r + 1, q + edge
        o, f, i, g, c, c_before = (found[k][:, r, q] for k in ("o", "f", "i", "g", "c", "c_before"))
        dc[:, R, Q] += dh[:, R, Q] * o * (1 - np.tanh(c) ** 2)
        do, dcp = dh[:, R, Q] * np.tanh(c), dc[:, R, Q]
        df, di, dg = dcp * c_before, dcp * g, dcp * i
        dz = [do * o * (1 - o), df * f * (1 - f), di * i * (1 - i), dg * (1 - g**2)]
        for name, a in zip("ofigz", (do, df, di, dg, np.concatenate(dz, axis=1)), strict=True):
            d[name][:, r, q] = a
        dc[:, R + cr, Q + cq] += dcp * f
        for (dr, dq), K in from_h:
            dh[:, R + dr, Q + dq] += d["z"][:, r, q] @ K.T
    d |= {"h": dh[inside], "c": dc[inside]}
    return {name: d[name][:, :, ::-1] if mirrored else d[name] for name in "hocfigz"}
