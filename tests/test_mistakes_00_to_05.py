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


SAID = [
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
