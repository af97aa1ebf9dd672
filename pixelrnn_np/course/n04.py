"""Checks of notebook 04, the PixelCNN and its blind spot."""

import numpy as np

from .checking import Wrong, exercise, same, same_columns


@exercise("4.1")
def columns_seen(answer):
    for q, d, L, W in [(10, 0, 0, 25), (10, 1, 0, 25), (10, 1, 4, 25), (10, 3, 4, 25),
                       (10, 6, 4, 25), (10, 7, 4, 25), (10, 8, 4, 25), (10, 0, 4, 25),
                       (2, 2, 5, 25), (23, 4, 5, 25)]:  # fmt: skip
        right = q - 1 if d == 0 else q + 3 + min(d - 1, L)
        wanted = set(range(max(0, q - 3 - L), min(W, right + 1))) if d <= 3 + L else set()
        what, got = f"columns_seen({q}, {d}, {L}, {W})", answer(q, d, L, W)
        why = " That row is too far up." if d > 3 + L else ""
        if d == 0:
            why = " In its own row it sees neither itself nor what comes after it."
        elif d <= 3 + L and isinstance(got, set) and max(got, default=0) > right:
            why = " To the right each layer gains a column only where it climbs a row."
        same_columns(what, got, wanted, W, why)


@exercise("4.2")
def leaked(answer):
    for r, q, W in [(0, 0, 2), (0, 0, 8), (2, 5, 8), (3, 4, 8), (5, 7, 8), (4, 1, 6)]:
        last = (r // 2 * 2 + 1) * W + q // 2 * 2 + 1
        wanted, got = max(0, last - (r * W + q)), answer(r, q, W)
        what = f"leaked({r}, {q}, {W})"
        if W > 2 and np.ndim(got) == 0 and got < wanted:
            raise Wrong(f"{what} gives {got}; it sees more than these.")
        if np.ndim(got) == 0 and got == wanted - 1:
            raise Wrong(f"{what} gives {got}; the pixel itself counts as well.")
        if np.ndim(got) == 0 and got > wanted:
            raise Wrong(f"{what} gives {got}; some of these no feature of the block has seen.")
        same(what, got, wanted)


@exercise("4.3")
def relu_after(answer):
    rng = np.random.default_rng(0)
    # With as many features in a as in x a kernel that is turned round still fits.
    for H, W, h, F in [(1, 1, 1, 1), (2, 3, 3, 3), (3, 4, 2, 5), (2, 3, 4, 2)]:
        x, dy = rng.standard_normal((2, H, W, F))
        a, K = rng.standard_normal((H, W, h)), rng.standard_normal((h, F))
        through = dy * (x + a @ K > 0)
        wanted = through, through @ K.T, np.einsum("rqh,rqf->hf", a, through)
        got = answer(*(v.copy() for v in (dy, x, a, K)))
        if not isinstance(got, (tuple, list)) or len(got) != 3:
            raise Wrong("Return three arrays: dx, da, dK.")
        if F > 1 and np.shape(got[0]) == x.shape:
            if np.allclose(got[0], dy):
                raise Wrong("dx is dy, as if there were no ReLU after the sum.")
            if np.allclose(got[0], dy * (x > 0)):
                raise Wrong("dx asks where x is positive; the ReLU's input is another.")
            if np.allclose(got[0], dy * (dy > 0)):
                raise Wrong("dx asks where dy is positive; a ReLU asks that of its input.")
        if h == F > 1 and np.shape(got[1]) == a.shape and np.allclose(got[1], through @ K):
            raise Wrong("da went forward through K again; the way back is through K transposed.")
        if h == F > 1 and np.shape(got[2]) == K.shape and np.allclose(got[2], wanted[2].T):
            raise Wrong("dK is turned round: as in K, its rows are the features of a.")
        if F > 1 and np.shape(got[1]) == a.shape and np.allclose(got[1], dy @ K.T):
            raise Wrong(
                "What arrives at a has not passed the ReLU: both sides of the sum come before it."
            )
        if F > 1 and np.shape(got[1]) == a.shape and np.allclose(got[1], wanted[1] * (a > 0)):
            raise Wrong("da asks where a is positive; here a has no ReLU of its own.")
        past = np.einsum("rqh,rqf->hf", a, dy)
        if F > 1 and np.shape(got[2]) == K.shape and np.allclose(got[2], past):
            raise Wrong(
                "dK is made of dy as it was before the ReLU; a K is on the other side of it."
            )
        for name, mine, right in zip(("dx", "da", "dK"), got, wanted, strict=True):
            same(f"With x of shape {x.shape}, {name}", mine, right)


@exercise("4.4")
def first_loss(answer):
    rng = np.random.default_rng(0)
    for shape, ink in [((4, 8, 8, 1), 0.3), ((3, 2, 5, 1), 0.5), ((2, 3, 3, 1), 0.9)]:
        x = np.zeros(int(np.prod(shape)), np.uint8)
        x[: round(ink * x.size)] = 1
        x = rng.permutation(x).reshape(shape)
        got = answer(x.copy())
        if not isinstance(got, (tuple, list)) or len(got) != 2:
            raise Wrong("Return two numbers: the bias and the nats.")
        v, D, what = x.mean(), x[0].size, f"For {len(x)} images of {shape[1]}×{shape[2]} pixels"
        bias, pixel = np.log(v / (1 - v)), -v * np.log(v) - (1 - v) * np.log(1 - v)
        named(f"{what} the bias", got[0], bias, [
            (v, "is the share itself; σ of it is another number."),
            (np.log(v), "is ln v̄, and σ of that is not v̄: the zeros have a say too."),
            (v / (1 - v), "is the odds; the logit is their logarithm."),
            (-bias, "has the wrong sign: that is the logit of a zero."),
            (1 / (1 + np.exp(-v)), "is σ of the share; what is asked for has the share as its σ."),
        ])  # fmt: skip
        named(f"{what} the cost", got[1], D * pixel, [
            (pixel, "is that of one pixel, not of an image."),
            (x.size * pixel, "is that of all images together, not of one."),
            (D * pixel / np.log(2), "is in bits: the logarithm is not natural."),
            (-D * v * np.log(v), "leaves the zeros out: they cost -ln(1 - v̄) each."),
            (-D * np.log(v), "counts every pixel as a one: a zero costs -ln(1 - v̄)."),
            (D * np.log(2), "is that of a coin for each pixel; the bias has made it cheaper."),
            (-D * pixel, "is the log-likelihood; what it costs is minus that."),
        ])  # fmt: skip


def named(what, got, wanted, mistakes):
    """Raises `Wrong` unless `got` is `wanted`; mistakes: (number, the sentence about it)."""
    if np.ndim(got) == 0 and isinstance(got, (int, float, np.number)):
        for value, sentence in mistakes:
            if np.isclose(got, value) and not np.isclose(value, wanted):
                raise Wrong(f"{what} {sentence}")
    same(what, got, wanted)
