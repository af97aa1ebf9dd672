"""§5.2 SOAP's products, matrix after matrix; training/optim.py derives them. Not the paper's.

G, M, V: (n, rows, cols) gradients, their averages, and those of their squares in the bases;
L, Q_L: (n, rows, rows), R, Q_R: (n, cols, cols).
"""

import numpy as np


def soap_follow(G, L, R, share):
    """L += share · (G Gᵀ - L),  R += share · (Gᵀ G - R); in place."""
    for k in range(len(G)):
        L[k] += share * (np.dot(G[k], G[k].T) - L[k])
        R[k] += share * (np.dot(G[k].T, G[k]) - R[k])


def soap_step(G, M, V, Q_L, Q_R, share, correction, eps):
    """V += share · (G'² - V), G' = Q_Lᵀ G Q_R;  M ← Q_L [(Q_Lᵀ M Q_R) / (√V c + ε)] Q_Rᵀ.

    c: the correction of √V. In place.
    """
    for k in range(len(G)):
        turned = np.dot(np.dot(Q_L[k].T, G[k]), Q_R[k])
        V[k] += share * (turned * turned - V[k])
        step = np.dot(np.dot(Q_L[k].T, M[k]), Q_R[k]) / (np.sqrt(V[k]) * correction + eps)
        M[k] = np.dot(np.dot(Q_L[k], step), Q_R[k].T)
