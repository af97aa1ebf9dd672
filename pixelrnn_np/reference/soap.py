"""§5.2 SOAP's products, matrix after matrix; training/optim.py derives them. Not the paper's.

G, M, V: (n, rows, cols) gradients, their averages, and those of their squares in the bases;
L, Q_L: (n, rows, rows), R, Q_R: (n, cols, cols).
"""

import numpy as np


def soap_follow(G, L, R, keep):
    """L ← keep L + (1-keep) G Gᵀ,  R ← keep R + (1-keep) Gᵀ G; in place."""
    for k in range(len(G)):
        L[k] = keep * L[k] + (1 - keep) * np.dot(G[k], G[k].T)
        R[k] = keep * R[k] + (1 - keep) * np.dot(G[k].T, G[k])


def soap_step(G, M, V, Q_L, Q_R, keep, correction, eps):
    """V ← keep V + (1-keep) G'², G' = Q_Lᵀ G Q_R;  M ← Q_L [(Q_Lᵀ M Q_R) / (√V c + ε)] Q_Rᵀ.

    c: the correction of √V. In place.
    """
    for k in range(len(G)):
        turned = np.dot(np.dot(Q_L[k].T, G[k]), Q_R[k])
        V[k] = keep * V[k] + (1 - keep) * turned * turned
        step = np.dot(np.dot(Q_L[k].T, M[k]), Q_R[k]) / (np.sqrt(V[k]) * correction + eps)
        M[k] = np.dot(np.dot(Q_L[k], step), Q_R[k].T)
