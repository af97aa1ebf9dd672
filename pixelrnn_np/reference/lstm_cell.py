"""Equation (3) of one pixel, and its derivative. Gates in the order o, f, i, g."""

import numpy as np


def sigmoid(z):
    """1 / (1 + e^-z), by the form whose exponential does not overflow."""
    e = np.exp(-np.abs(z))
    return np.where(z >= 0, 1 / (1 + e), e / (1 + e))


def split(gates):
    """The four parts of (4h,): o, f, i, g."""
    h = len(gates) // 4
    return gates[:h], gates[h : 2 * h], gates[2 * h : 3 * h], gates[3 * h :]


def cell(z, c_before):
    """z: (4h,) → the gates (4h,), c and h.  The content gate g has tanh, the others σ."""
    z_o, z_f, z_i, z_g = split(z)
    o, f, i, g = sigmoid(z_o), sigmoid(z_f), sigmoid(z_i), np.tanh(z_g)
    c = f * c_before + i * g
    return np.concatenate((o, f, i, g)), c, o * np.tanh(c)


def cell_backward(gates, c, c_before, dh, dc):
    """dz and the gradient of c_before, from dh and the dc that the next cell sends back."""
    o, f, i, g = split(gates)
    dc = dc + dh * o * (1 - np.tanh(c) ** 2)
    do, df, di, dg = dh * np.tanh(c), dc * c_before, dc * g, dc * i
    dz = (do * o * (1 - o), df * f * (1 - f), di * i * (1 - i), dg * (1 - g**2))
    return np.concatenate(dz), dc * f


def lstm_step(z, c_before, c, h):
    """One pixel of each image: z (B, 4h), c_before (B, h) → c, h, both (B, h)."""
    for n in range(len(z)):
        _, c[n], h[n] = cell(z[n], c_before[n])
