"""Wrong answers that a reader of 00 to 05 has given, and what the checks say of them."""

import numpy as np
import pytest

from pixelrnn_np.course import n00, n01, n02, n02b, n03, n04, n05


def softmax(z):
    return np.exp(z) / np.exp(z).sum(axis=-1, keepdims=True)


def happened(z, x):
    return np.eye(z.shape[-1])[x]


def from_the_last(x, known, p_one, u):
    image = np.where(known, x, 0)
    for r, q in reversed(list(np.ndindex(x.shape))):
        if not known[r, q]:
            image[r, q] = u[r, q] < p_one(image, r, q)
    return image


def top_not_taken_back(z):
    top = z.max(axis=-1, keepdims=True)
    return z - np.log(np.exp(z - top).sum(axis=-1, keepdims=True))


def later_taps_too(kind, k, m):
    return (k * k - 1) * m * m + (m * m // 3 if kind == "A" else 2 * m * m // 3)


def own_pixel_too(q, d, L, W):
    right = q if d == 0 else q + 3 + min(d - 1, L)
    return set(range(max(0, q - 3 - L), min(W, right + 1))) if d <= 3 + L else set()


def as_far_to_the_right(q, d, L, W):
    right = q - 1 if d == 0 else q + 3 + L
    return set(range(max(0, q - 3 - L), min(W, right + 1))) if d <= 3 + L else set()


def without_itself(r, q, W):
    return max(0, (r // 2 * 2 + 1) * W + q // 2 * 2 - (r * W + q))


def back(dy, x, a, K):
    through = dy * (x + a @ K > 0)
    return through, through @ K.T, np.einsum("rqh,rqf->hf", a, through)


def a_had_a_relu(dy, x, a, K):
    dx, da, dK = back(dy, x, a, K)
    return dx, da * (a > 0), dK


def kernel_before_the_relu(dy, x, a, K):
    return *back(dy, x, a, K)[:2], np.einsum("rqh,rqf->hf", a, dy)


def odds(x):
    v = x.mean()
    return v / (1 - v), 0.0


def all_ones(x):
    v = x.mean()
    return np.log(v / (1 - v)), -x[0].size * np.log(v)


def rolled_back(dz, K):
    return sum(np.roll(dz @ tap.T, len(K) // 2 - v, axis=0) for v, tap in enumerate(K))


def turned_kernel(dy, x, a, K):
    through = back(dy, x, a, K)[0]
    return through, through @ K, back(dy, x, a, K)[2]


def turned_gradient(dy, x, a, K):
    dx, da, dK = back(dy, x, a, K)
    return dx, da, dK.T


def logit(p):
    return np.log(p / (1 - p))


def kernel(row, column=1):
    found = np.zeros((3, 3))
    found[row, column : column + 2] = 1, -1
    return found


def forgets_to_take_the_root(rows):
    return logit(0.5**rows)


SAID = [
    (n00.powers_of_ten, lambda a, b: b / a, "that is b / a; nats are logarithms"),
    (n00.powers_of_ten, lambda a, b: a / b, "that is a / b; nats are logarithms"),
    (n00.powers_of_ten, lambda a, b: np.log10(b / a), "the logarithm of b / a"),
    (n00.powers_of_ten, lambda a, b: np.log10(a / b), "the logarithm of a / b"),
    (n00.powers_of_ten, lambda a, b: (b - a) * np.log(10), "a power of ten is ln 10 nats"),
    (n00.powers_of_ten, lambda a, b: np.log(10) / (b - a), "upside down"),
    (n00.pick, lambda p, u: np.cumsum(p) <= u, "it should be one whole number"),
    (n01.split_colours, lambda p: (p.sum((0, 1)), p.sum(2), p), "p_R is p(B)"),
    (n01.choices, lambda nats, D: 2 ** (nats / D), "takes nats for bits"),
    (n01.choices, lambda nats, D: 10 ** (nats / D), "has the base 10"),
    (n01.choices, lambda nats, D: np.exp(nats / D / np.log(2)), "those are bits, which have"),
    (n01.choices, lambda nats, D: 2 ** (nats / D * np.log(2)), "divided by ln 2 to be bits"),
    (n01.resting_bias, lambda x: x.mean(), "that is a probability"),
    (n01.resting_bias, lambda x: np.log(x.mean()), "not of the odds"),
    (n01.resting_bias, lambda x: -np.log(x.mean()), "what a 1 would cost"),
    (n01.resting_bias, lambda x: np.log(1 - x.mean()), "the share of zeros"),
    (n01.resting_bias, lambda x: logit(1 - x.mean()), "the odds are upside down; where"),
    (n01.resting_bias, lambda x: x.mean() / (1 - x.mean()), "those are the odds; b is"),
    (n01.resting_bias, lambda x: (1 - x.mean()) / x.mean(), "those are the odds, upside"),
    (n01.resting_bias, lambda x: logit(x.mean()) / np.log(10), "powers of 10"),
    (n01.resting_bias, lambda x: 1 / (1 + np.exp(-x.mean())), "has the share as its σ"),
    (n01.resting_bias, lambda x: 0.5 - x.mean(), "that is the gradient at b = 0"),
    (n01.resting_bias, lambda x: x.mean() - 0.5, "one step from b = 0"),
    (n01.resting_bias, lambda x: logit(x.mean(axis=0) * 0.8 + 0.1), "all pixels of all images"),
    (n01.resting_bias, lambda x: logit(np.clip(x[0].mean(), 1e-9, 1 - 1e-9)), "first image only"),
    (n02b.difference_kernel, lambda: kernel(0), "row 0, which lies on the pixels above"),
    (n02b.difference_kernel, lambda: kernel(2), "row 2, which lies on the pixels below"),
    (n02b.difference_kernel, lambda: kernel(1, 0), "a column too early"),
    (n04.relu_after, turned_kernel, "the way back is through K transposed"),
    (n04.relu_after, turned_gradient, "dK is turned round"),
    (n05.bias_for, lambda rows: -logit(0.5 ** (1 / rows)), "wrong sign"),
    (n05.bias_for, forgets_to_take_the_root, "Which gate leaves a half?"),
    (n00.pick, lambda p, u: int(np.argmax(p > u)), "it compares u with"),
    (n00.steered, lambda r, q, H, W: (H - r) * (W - q) - 1, "the rectangle"),
    (n01.fill, from_the_last, "begins with the last pixel"),
    (n02.log_softmax, top_not_taken_back, "z has to lose it as well"),
    (n02.batch_gradient, lambda z, x: (z - happened(z, x)) / len(x), "takes the logits"),
    (
        n02.batch_gradient,
        lambda z, x: (np.exp(z) / np.exp(z).sum() - happened(z, x)) / len(x),
        "one softmax",
    ),
    (
        n02.batch_gradient,
        lambda z, x: (softmax(z) - 1) * happened(z, x) / len(x),
        "that happened only",
    ),
    (n02b.parameter_count, lambda r, c, m, n, H, W: r * c * m * n * H * W + n, "pixels share"),
    (n02b.parameter_count, lambda r, c, m, n, H, W: r * c * (m + n), "adds m and n"),
    (n03.living_weights, later_taps_too, "later taps too"),
    (
        n03.input_gradient,
        lambda dy, K: sum(dy @ K[tap].T for tap in np.ndindex(K.shape[:2])),
        "has not moved the shares",
    ),
    (n03.input_gradient, lambda dy, K: n03.correct(dy, K[::-1]), "the wrong row of each tap"),
    (n03.input_gradient, lambda dy, K: n03.correct(dy, K[:, ::-1]), "the wrong column of each tap"),
    (n04.columns_seen, own_pixel_too, "neither itself"),
    (n04.columns_seen, as_far_to_the_right, "only where it climbs a row"),
    (n04.leaked, without_itself, "the pixel itself counts"),
    (n04.relu_after, a_had_a_relu, "no ReLU of its own"),
    (n04.relu_after, kernel_before_the_relu, "before the ReLU"),
    (n04.first_loss, odds, "is the odds"),
    (n04.first_loss, all_ones, "every pixel as a one"),
    (n05.one_row_back, rolled_back, "goes round the edges, and the wrong way"),
    (n05.one_row_back, lambda dz, K: dz @ K[len(K) // 2].T, "the middle tap"),
]


@pytest.mark.parametrize(("check", "answer", "words"), SAID, ids=[words for *_, words in SAID])
def test_the_sentence_names_the_mistake(check, answer, words):
    verdict = check(answer)
    assert verdict.state == "wrong" and words in verdict.message, verdict.message
