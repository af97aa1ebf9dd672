"""§5.2 RMSProp, which the paper trains with, Adam and SOAP; learning-rate schedules.

An optimiser works on the flat vector of all parameters. The paper sets learning rates by hand and
gives no numbers; this project's are RMSProp lr 1e-3, decay 0.95, ε 1e-8 outside the root, Adam's
published β1 0.9, β2 0.999, ε 1e-8, and a constant rate or a cosine. SOAP, which is not the paper's,
learns here three to ten times as fast per update (docs/training.md).
"""

import itertools
import math

import numpy as np

from ..arguments import choose
from ..backend import ops

SMALLEST_TURN = 100_000  # rows³ + cols³: some 0.1 ms of QR decompositions


class RMSProp:
    """s ← ρ s + (1-ρ) g²;  w ← w - lr · g / (√s + ε)   (Tieleman and Hinton, 2012)."""

    def __init__(self, size, dtype, decay=0.95, eps=1e-8):
        self.decay, self.eps = decay, eps
        self.arrays = {"square": np.zeros(size, dtype)}

    def update(self, w, g, lr, step):
        s = self.arrays["square"]
        s += (1 - self.decay) * (g * g - s)
        w -= lr * g / (np.sqrt(s) + self.eps)


class Adam:
    """m ← β1 m + (1-β1) g;  v ← β2 v + (1-β2) g²;  w ← w - lr · m̂ / (√v̂ + ε)

    with m̂ = m / (1-β1^t), v̂ = v / (1-β2^t) at update t = 1, 2, …   (Kingma and Ba, 2015).
    """

    def __init__(self, size, dtype, beta1=0.9, beta2=0.999, eps=1e-8):
        self.beta1, self.beta2, self.eps = beta1, beta2, eps
        self.arrays = {"m": np.zeros(size, dtype), "v": np.zeros(size, dtype)}

    def update(self, w, g, lr, step):
        m, v = self.arrays["m"], self.arrays["v"]
        m += (1 - self.beta1) * (g - m)
        v += (1 - self.beta2) * (g * g - v)
        c1, c2 = 1 - self.beta1 ** (step + 1), 1 - self.beta2 ** (step + 1)
        w -= (lr / c1) * m / (np.sqrt(v) / math.sqrt(c2) + self.eps)


class Soap:
    """Adam in the eigenbasis of Shampoo's two factors (Vyas and others, 2024).

    The weights of a layer and its bias, as one more row, are a matrix W (in + 1, out) with gradient
    G. Shampoo (Gupta, Koren and Singer, 2018) follows how rows and columns of G vary together:
        L ← s L + (1-s) G Gᵀ        R ← s R + (1-s) Gᵀ G
    and its update is L^-¼ G R^-¼. With eigenvectors L = Q_L Λ Q_Lᵀ, R = Q_R Λ' Q_Rᵀ that is three
    steps: a change of basis, G' = Q_Lᵀ G Q_R; a division of each entry (i, j) by (λ_i λ'_j)^¼; and
    the way back. If rows and columns varied independently, λ_i λ'_j / tr L would be the mean square
    of G'_ij. Adam's v measures that mean square itself, at every update. So SOAP is Adam on G':
        m ← β1 m + (1-β1) G         v ← β2 v + (1-β2) G' ⊙ G'
        W ← W - lr · Q_L [(Q_Lᵀ m̂ Q_R) / (√v̂ + ε)] Q_Rᵀ        m̂, v̂ as Adam's
    The first update decomposes L and R. After that the eigenvectors move slowly, and one step of
    orthogonal iteration every `every` updates follows them: Q ← the orthogonal factor of L Q (by QR
    decomposition). Where it changes the order of the columns, v's rows and columns move with them.
    In the first `every` updates all bases take that step; later the matrices take turns, so that
    no update is much slower than another. Few small ones take it together.
    Rotate the problem, W → U W Vᵀ, and Q_L, Q_R and the whole path rotate with it.

    Why it helps: what leaves a ReLU has a mean far from zero. One direction of each layer's input
    then carries most of the gradient and shares it with the bias. In the eigenbasis it has a rate
    of its own.

    matrices: (n, rows, cols) arrays of places in the flat vector, see `matrices`. What stands in
    none of them, such as h0 and c0, gets Adam's update.
    """

    def __init__(self, size, dtype, matrices=(), beta1=0.95, beta2=0.99, shampoo=0.99, eps=1e-8,
                 every=10):  # fmt: skip
        self.shapes, self.every, self.eps = [place.shape for place in matrices], every, eps
        self.beta1, self.beta2, self.shampoo = beta1, beta2, shampoo
        self.arrays = {"m": np.zeros(size, dtype), "v": np.zeros(size, dtype)}
        for i, (n, rows, cols) in enumerate(self.shapes):
            for side, k in (("L", rows), ("R", cols)):
                self.arrays[f"{side}{i}"] = np.zeros((n, k, k), dtype)
                self.arrays[f"Q_{side}{i}"] = np.tile(np.eye(k, dtype=dtype), (n, 1, 1))
        self.places = [np.ascontiguousarray(place, np.int64) for place in matrices]
        taken = np.concatenate([np.empty(0, int), *(place.ravel() for place in matrices)])
        self.rest = np.setdiff1d(np.arange(size), taken)
        self.turns = turns(self.shapes, every)

    def update(self, w, g, lr, step):
        m, v = self.arrays["m"], self.arrays["v"]
        c1, c2 = 1 - self.beta1 ** (step + 1), math.sqrt(1 - self.beta2 ** (step + 1))
        shares = 1 - self.beta1, 1 - self.beta2, 1 - self.shampoo
        rates = np.array([*shares, 1 / c2, self.eps, lr / c1], w.dtype)
        for i, place in enumerate(self.places):
            L, Q_L, R, Q_R = (self.arrays[f"{name}{i}"] for name in ("L", "Q_L", "R", "Q_R"))
            ops().soap_follow(place, g, L, R, rates)
            own = slice(None) if step < self.every else self.turns[i][step % self.every]
            if step == 0:
                Q_L[...], Q_R[...] = eigenvectors(L), eigenvectors(R)
            elif len(place[own]):
                ops().soap_turn(place[own], L[own], R[own], Q_L[own], Q_R[own], v)
            ops().soap_step(place, w, g, m, v, Q_L, Q_R, rates)
        self._move_rest(w, g, m, v, rates)

    def _move_rest(self, w, g, m, v, rates):
        """Adam's update. Most of the rest is closed by masks, and has never had a gradient."""
        live = self.rest[(g[self.rest] != 0) | (m[self.rest] != 0)]
        if len(live):
            m[live] += rates[0] * (g[live] - m[live])
            v[live] += rates[1] * (g[live] ** 2 - v[live])
            w[live] -= rates[5] * m[live] / (np.sqrt(v[live]) * rates[3] + rates[4])


def turns(shapes, every):
    """Which matrices of each shape (n, rows, cols) turn their bases when: [[slice] · every].

    A QR decomposition costs about k³. Each turn gets a like share, of at least SMALLEST_TURN.
    """
    costs = [rows**3 + cols**3 for n, rows, cols in shapes for _ in range(n)]
    share = max(sum(costs) / every, SMALLEST_TURN)
    when = np.minimum((np.cumsum(costs) - costs) // share, every - 1)
    ends = np.cumsum([n for n, _, _ in shapes])
    found = []
    for own in np.split(when, ends[:-1]):
        starts = np.searchsorted(own, np.arange(every + 1))
        found.append([slice(*pair) for pair in itertools.pairwise(starts)])
    return found


def scaled(S):
    """S (n, k, k) in float64, with trace 1 and a little of the identity: no matrix is singular."""
    S = S.astype(np.float64)
    size = np.maximum(np.trace(S, axis1=1, axis2=2), 1e-300)[:, None, None]
    return S / size + 1e-9 * np.eye(S.shape[1])


def eigenvectors(S):
    """Of S (n, k, k), as columns, the largest eigenvalue first; NaN for what has overflowed.

    LAPACK would raise an error of its own where the trainer is to say that the run diverged.
    """
    A = scaled(S)
    finite = np.isfinite(A).all(axis=(1, 2))
    Q = np.full_like(A, np.nan)
    Q[finite] = np.linalg.eigh(A[finite])[1][..., ::-1]
    return Q


def matrices(model):
    """Where the matrices of `model` stand in its flat vector: [(n, rows, cols), …], n of one shape.

    Each is a kernel as (taps · in, out) with the layer's bias as its last row. What a mask closes
    stands in none. A kernel whose columns have unlike masks (colours) is cut into groups of
    columns, each with the rows that its mask leaves.
    """
    places, masks = model.unflatten(np.arange(model.flat.size)), dict(model.masks())
    found, taken = {}, set()
    for name, place in places.items():
        if place.ndim < 2:
            continue
        W = place.reshape(-1, place.shape[-1])
        left = np.asarray(masks.get(name, np.ones(place.shape)), bool).reshape(W.shape)
        bias = name.rpartition(".")[0] + ".b"
        has_bias = bias in places and bias not in taken
        taken.add(bias)
        for rows in np.unique(left, axis=1).T:
            if rows.any():
                columns = (left == rows[:, None]).all(axis=0)
                M = W[rows][:, columns]
                if has_bias:
                    M = np.concatenate([M, places[bias][None, columns]])
                found.setdefault(M.shape, []).append(M)
    return [np.stack(group) for group in found.values()]


OPTIMIZERS = {"rmsprop": RMSProp, "adam": Adam, "soap": Soap}
SCHEDULES = ("constant", "cosine")


def build_optimizer(name, size, dtype, places=()):
    """One of OPTIMIZERS for `size` parameters; places: those of `matrices`, which SOAP takes.

    Raises ValueError for another name.
    """
    kind = OPTIMIZERS[choose("optimizer", name, tuple(OPTIMIZERS))]
    return kind(size, dtype, *([places] if kind is Soap else []))


def learning_rate(schedule, lr, step, warmup, total):
    """The rate of update `step` (from 0): linear over `warmup` updates, then the schedule.

    "constant": lr; "cosine": from lr to 0 at update `total`, along half a cosine.
    """
    rate = lr * min(1.0, (step + 1) / (warmup + 1))
    if schedule == "cosine" and step > warmup:
        done = min(1.0, (step - warmup) / max(1, total - warmup))
        rate *= 0.5 * (1 + math.cos(math.pi * done))
    return rate
