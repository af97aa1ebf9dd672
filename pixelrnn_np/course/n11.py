"""For notebook 11: a Diagonal BiLSTM's scan that can be told what to read, and the checks."""

import numpy as np

from ..layers.diagonal_bilstm import DiagonalLSTM
from .checking import Wrong, exercise


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def send(d, places, values):
    """d[places] += values; of all places only the last, the initial state, may occur twice."""
    inside = places < len(d) - 1
    d[places[inside]] += values[inside]
    d[-1] += values[~inside].sum(axis=0)


class Scan(DiagonalLSTM):
    """One direction of §3.2 in NumPy, with every choice that a bug can change written out.

    above, beside: where the two states are read, as (row, column) offsets of left to right; right
    to left mirrors the columns. gates: the order in which z is cut. content, slope: g's
    nonlinearity, and its derivative written with g. As they stand here, the layer equals
    DiagonalLSTM, parameters included; offsets have to lead to earlier diagonals.
    """

    above, beside = (-1, 0), (0, -1)
    gates = "ofig"
    content, slope = staticmethod(np.tanh), staticmethod(lambda g: 1 - g * g)

    def places(self, H, W):
        """Diagonals of pixel numbers, and for every pixel the numbers of its two neighbours."""
        side = -1 if self.reverse else 1
        grid = np.arange(H * W).reshape(H, W)
        around = np.full((2, H * W), H * W)  # outside stands one state more, the initial one
        for k, (dr, dq) in enumerate((self.above, self.beside)):
            for r, q in np.ndindex(H, W):
                R, Q = r + dr, q + side * dq
                if 0 <= R < H and 0 <= Q < W:
                    around[k, grid[r, q]] = grid[R, Q]
        r, q = np.indices((H, W))
        order = (r + (W - 1 - q if self.reverse else q)).ravel()
        return [np.flatnonzero(order == t) for t in np.unique(order)], *around

    def forward(self, x, into=None):
        (B, H, W, _), p = x.shape, self.params
        diagonals, above, beside = self.places(H, W)
        K_is, (K_up, K_side) = (p["K_is"] * self.mask)[0, 0], p["K_ss"][:, 0]
        inputs = x.reshape(B, H * W, -1).swapaxes(0, 1)
        z = inputs @ K_is + p["b"]
        h, c = (np.tile(p[name], (H * W + 1, B, 1)) for name in ("h0", "c0"))
        found = {name: np.zeros_like(h) for name in "ofig"}
        for d in diagonals:
            z[d] += h[above[d]] @ K_up + h[beside[d]] @ K_side
            for name, part in zip(self.gates, np.split(z[d], 4, axis=-1), strict=True):
                found[name][d] = self.content(part) if name == "g" else sigmoid(part)
            o, f, i, g = (found[name][d] for name in "ofig")
            c[d] = f * c[beside[d]] + i * g
            h[d] = o * np.tanh(c[d])
        y = h[:-1].swapaxes(0, 1).copy().reshape(B, H, W, -1)
        if into is not None:
            into[:, 1:] += y[:, :-1]
        return y if into is None else into, (inputs, h, c, found, into is not None)

    def backward(self, dy, cache, into=None):
        inputs, h, c, found, shifted = cache
        (B, H, W, F), p = dy.shape, self.params
        diagonals, above, beside = self.places(H, W)
        if shifted:
            dy = np.concatenate([dy[:, 1:], np.zeros_like(dy[:, :1])], axis=1)
        dh, dc = np.zeros_like(h), np.zeros_like(c)
        dh[:-1] = dy.reshape(B, H * W, F).swapaxes(0, 1)
        dz = np.zeros((H * W, B, 4 * F), dy.dtype)
        for d in reversed(diagonals):
            o, f, i, g = (found[name][d] for name in "ofig")
            t = np.tanh(c[d])
            dc[d] += dh[d] * o * (1 - t * t)
            parts = {"o": dh[d] * t * o * (1 - o), "f": dc[d] * c[beside[d]] * f * (1 - f),
                     "i": dc[d] * g * i * (1 - i), "g": dc[d] * i * self.slope(g)}  # fmt: skip
            dz[d] = np.concatenate([parts[name] for name in self.gates], axis=-1)
            send(dc, beside[d], dc[d] * f)
            for k, source in enumerate((above, beside)):
                send(dh, source[d], dz[d] @ p["K_ss"][k, 0].T)
        flat = dz.reshape(-1, 4 * F)
        K_is = (p["K_is"] * self.mask)[0, 0]
        dx = (dz @ K_is.T).swapaxes(0, 1).copy().reshape(B, H, W, -1)
        if into is not None:
            dx = np.add(into, dx, out=into)
        K_ss = [h[source].reshape(-1, F).T @ flat for source in (above, beside)]
        grads = {
            "K_is": (inputs.reshape(len(flat), -1).T @ flat * self.mask[0, 0])[None, None],
            "K_ss": np.stack(K_ss)[:, None], "b": flat.sum(axis=0),
            "h0": dh[-1].sum(axis=0), "c0": dc[-1].sum(axis=0),
        }  # fmt: skip
        return dx, grads


def earlier(x, seed):
    """Logits (B, H, W, 1) that read every earlier pixel of x, and no other."""
    B, H, W, _ = x.shape
    weights = np.tril(np.random.default_rng(seed).standard_normal((H * W, H * W)), -1)
    return (x.reshape(B, -1) @ weights.T).reshape(x.shape)


def reads_itself(x):
    return earlier(x, 1) + 0.5 * x


def reads_one_later(x):
    z = earlier(x, 2)
    z[:, 0, 1] += x[:, 1, 2]
    return z


def reads_later_in_the_dark(x):
    """Only where the first pixel is black, and only a little."""
    z = earlier(x, 3)
    z[:, 1, 0] += 1e-7 * (1 - x[:, 0, 0]) * x[:, 1, 1]
    return z


@exercise("11.1")
def leaks(answer):
    x = np.array([[1, 0, 1, 1, 0, 1], [0, 1, 1, 0, 1, 1], [1, 1, 0, 1, 0, 0]], np.uint8)
    x = x.reshape(3, 2, 3, 1)
    cases = [
        ("an honest function", lambda z: earlier(z, 0), set()),
        ("a function in which every logit reads its own pixel", reads_itself,
         {(i, i) for i in range(6)}),
        ("a function in which logit 1 reads pixel 5", reads_one_later, {(1, 5)}),
        ("a function in which logit 3 reads pixel 4, faintly and only where pixel 0 is 0",
         reads_later_in_the_dark, {(3, 4)}),
    ]  # fmt: skip
    for what, logits, wanted in cases:
        kept = x.copy()
        got = answer(logits, x)
        if not np.array_equal(kept, x):
            raise Wrong("It changed the images that it was given; work on a copy.")
        try:
            got = {(int(i), int(j)) for i, j in got}
        except (TypeError, ValueError):
            raise Wrong(f"It gives {got!r}; return a set of pairs (output, input).") from None
        if got - wanted:
            raise Wrong(f"For {what} it reports {sorted(got - wanted)}, which are no leaks.")
        if wanted - got:
            raise Wrong(f"For {what} it misses {sorted(wanted - got)}.")


def mystery(x):
    """A black box for exercise 11.2: uint8 (B, 4, 4, 1) → logits. Do not read on.

    .
    .
    """
    z = earlier(x, 4)
    z[:, 1, 2] += 0.01 * x[:, 0, 1] * (1 - x[:, 0, 3]) * x[:, 2, 3]
    return z


@exercise("11.2")
def find_the_leak(answer):
    try:
        output, read = (tuple(int(v) for v in place) for place in answer())
    except (TypeError, ValueError):
        raise Wrong("Return two places, ((row, column), (row, column)).") from None
    if output == (2, 3) and read == (1, 2):
        raise Wrong("These are the right two pixels; which of them reads which?")
    if not all(len(place) == 2 and all(0 <= v < 4 for v in place) for place in (output, read)):
        raise Wrong("Both places are (row, column), each from 0 to 3.")
    if read < output:
        raise Wrong(f"That {output} reads {read} is allowed: it comes earlier.")
    if (output, read) != ((1, 2), (2, 3)):
        raise Wrong(f"The prediction of {output} does not depend on {read}, at no image at all.")


def model_a(x):
    """Sure of itself, but from earlier pixels."""
    return 40 * np.sign(earlier(x, 5) + 0.1)


def model_b(x):
    """Earlier pixels, scaled by a statistic of the whole image."""
    return earlier(x, 6) / (1 + 1e-3 * x.mean(axis=(1, 2, 3), keepdims=True))


def model_c(x):
    """Earlier pixels, but column by column."""
    return earlier(x.swapaxes(1, 2), 7).swapaxes(1, 2)


@exercise("11.3")
def verdicts(answer):
    got = answer()
    names = ("honest", "leaks", "another order")
    if not isinstance(got, (tuple, list)) or len(got) != 3 or any(v not in names for v in got):
        raise Wrong(f"Return three of {names}, for a, b and c.")
    why = {
        "a": "Look at what it depends on, not at how sure it is.",
        "b": "Does its sum differ from 1 by more than rounding, and what does a perturbation say?",
        "c": "It fails one test and passes another. Which tests are these?",
    }
    for name, said, wanted in zip("abc", got, ("honest", "leaks", "another order"), strict=True):
        if said != wanted:
            raise Wrong(f"Model {name} is not {said!r}. {why[name]}")
