"""SOAP's products, matrix after matrix. The readable twin is reference/soap.py.

They are small and many: as calls from Python they took twice the time, and threads could not share
them, as each small call waits for the interpreter.
"""

import numpy as np

from .jit import kernel, vector_kernel


@kernel
def soap_follow(G, L, R, share):
    left, right = np.empty(L.shape[1:], G.dtype), np.empty(R.shape[1:], G.dtype)
    for k in range(len(G)):
        np.dot(G[k], G[k].T, left)
        mix(L[k], left, share)
        np.dot(G[k].T, G[k], right)
        mix(R[k], right, share)


@vector_kernel
def mix(S, product, share):
    for i in range(len(S)):
        for j in range(len(S)):
            S[i, j] += share * (product[i, j] - S[i, j])


@kernel
def soap_step(G, M, V, Q_L, Q_R, share, correction, eps):
    half, g, m = np.empty_like(G[0]), np.empty_like(G[0]), np.empty_like(G[0])
    for k in range(len(G)):
        change_basis(Q_L[k].T, G[k], Q_R[k], half, g)
        change_basis(Q_L[k].T, M[k], Q_R[k], half, m)
        divide(g, m, V[k], share, correction, eps)
        np.dot(Q_L[k], m, half)
        np.dot(half, Q_R[k].T, M[k])


@kernel
def change_basis(left, Y, right, half, out):
    np.dot(left, Y, half)
    np.dot(half, right, out)


@vector_kernel
def divide(g, m, V, share, correction, eps):
    for i in range(V.shape[0]):
        for j in range(V.shape[1]):
            V[i, j] += share * (g[i, j] * g[i, j] - V[i, j])
            m[i, j] /= np.sqrt(V[i, j]) * correction + eps
