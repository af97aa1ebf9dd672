"""§5.2 SOAP's products, matrix after matrix; training/optim.py derives them. Not the paper's.

places: (n, rows, cols), where the matrices stand in the flat w, g, m, v; L, Q_L: (n, rows, rows);
R, Q_R: (n, cols, cols). rates: (6,) 1-β1, 1-β2, 1-s, 1/√(1-β2^t), ε, lr/(1-β1^t).
"""

import numpy as np


def soap_follow(places, g, L, R, rates):
    """L ← s L + (1-s) G Gᵀ,  R ← s R + (1-s) Gᵀ G; in place."""
    for k in range(len(places)):
        G = g[places[k].ravel()].reshape(places[k].shape)
        across = np.ascontiguousarray(G.T)
        L[k] += rates[2] * (np.dot(G, across) - L[k])
        R[k] += rates[2] * (np.dot(across, G) - R[k])


def soap_step(places, w, g, m, v, Q_L, Q_R, rates):
    """m, v, and W ← W - lr · Q_L [(Q_Lᵀ m̂ Q_R) / (√v̂ + ε)] Q_Rᵀ; in place."""
    for k in range(len(places)):
        where, shape = places[k].ravel(), places[k].shape
        left, right = np.ascontiguousarray(Q_L[k].T), np.ascontiguousarray(Q_R[k].T)
        m[where] = m[where] + rates[0] * (g[where] - m[where])
        G = np.dot(np.dot(left, g[where].reshape(shape)), Q_R[k])
        M = np.dot(np.dot(left, m[where].reshape(shape)), Q_R[k])
        v[where] = v[where] + rates[1] * (G.ravel() ** 2 - v[where])
        D = M / (np.sqrt(v[where]).reshape(shape) * rates[3] + rates[4])
        w[where] = w[where] - rates[5] * np.dot(np.dot(Q_L[k], D), right).ravel()


def soap_turn(places, L, R, Q_L, Q_R, v):
    """One orthogonal iteration of the bases towards the eigenvectors of L and R; in place.

    v: its rows and columns move with the directions to which they belong.
    """
    for k in range(len(places)):
        rows, cols = turn(L[k], Q_L[k]), turn(R[k], Q_R[k])
        moved = v[places[k].ravel()].reshape(places[k].shape)[rows][:, cols]
        v[places[k].ravel()] = moved.ravel()


def turn(S, Q):
    """Q ← the orthogonal factor of S Q (k, k), its columns sorted by eigenvalue, in float64.

    Returns (k,): which old direction each new one continues. A little of the identity keeps S from
    being singular. Where something has overflowed, Q becomes NaN: compiled, LAPACK would raise.
    """
    S, old = S.astype(np.float64), Q.astype(np.float64)
    S = S + 1e-9 * max(np.trace(S), 1e-200) * np.eye(len(S))
    product = np.dot(S, old)
    if not np.isfinite(product).all():
        Q[...] = np.nan
        return np.arange(len(S))
    order = np.argsort(-(old * product).sum(axis=0), kind="mergesort")
    Q[...] = np.linalg.qr(np.ascontiguousarray(product[:, order]))[0].astype(Q.dtype)
    return order
