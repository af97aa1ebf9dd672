"""Mistakes that a reader of notebooks 06 to 90 made: each is told what it is."""

import numpy as np
import pytest

from pixelrnn_np.course import n06, n07, n08, n09, n10, n11, n12, n90


def up(a):
    """Rows move up by one; the last is zero."""
    return np.vstack([a[1:], 0 * a[:1]])


def takes_both_taps(dz, K):
    above, beside = dz @ K[0].T, dz @ K[1].T
    return beside + up(above), above[0] + beside[0]


def gates_as_ifog(z_is, h_above, K, h0, c0):
    states, h, c = np.zeros_like(h_above), h0, c0
    for q in reversed(range(len(z_is))):
        i, f, o, g = np.split(z_is[q] + h_above[q] @ K[0] + h @ K[1], 4)
        i, f, o = (1 / (1 + np.exp(-z)) for z in (i, f, o))
        c = f * c + i * np.tanh(g)
        states[q] = h = o * np.tanh(c)
    return states


def least_probable_taken_out(small, large):
    pairs = small[:, None] + large
    most = pairs.max(axis=0)
    return most - np.log(np.exp(most - pairs).sum(axis=0))


def half_missing(z):
    scale = np.repeat([0.5, 0.5, 0.5, 1], z.shape[1] // 4)
    return scale * np.tanh(z) + 1 - scale


def axes_exchanged(x, K, dr, dq):
    B, H, W, _ = x.shape
    y = np.zeros((B, H, W, K.shape[1]))
    for r, q in np.ndindex(H, W):
        if 0 <= r + dq < H and 0 <= q + dr < W:
            y[:, r, q] = x[:, r + dq, q + dr] @ K
    return y


def pairs_turned(logits, x):
    before, found = logits(x).reshape(len(x), -1), set()
    for j in range(before.shape[1]):
        changed = x.copy().reshape(len(x), -1)
        changed[:, j] = 1 - changed[:, j]
        moved = (logits(changed.reshape(x.shape)).reshape(before.shape) != before).any(axis=0)
        found |= {(j, i) for i in range(j + 1) if moved[i]}
    return found


def past_the_part(message, p):
    low, width = 0, 1
    for v in message:
        low, width = low + width * sum(p[: v + 1]), width * p[v]
    return low, width


def ends_instead_of_widths(message, p):
    low, width = 0, 1
    for v in message:
        low, width = low + width * sum(p[:v]), width * p[v]
    return low, low + width


def turned_sign(p, q):
    here = p > 0
    return float((p[here] * np.log2(q[here] / p[here])).sum())


def edges_too_far_right(cdf, levels):
    return np.diff([0, *(cdf(v + 0.5) for v in range(1, levels)), 1])


def all_bells_alike(w, m, s):
    return m.mean(), np.sqrt(w @ (s**2 + m**2) - (w @ m) ** 2)


TOLD = [
    (n06.wrong_order_reads, lambda r, q: {(q + 1, r), (q + 2, r - 1)}, "(row, column) is asked"),
    (n06.wrong_order_reads, lambda r, q: {(r, q + 1), (r - 1, q - 2)}, "both lie to the right"),
    (n06.how_many_miss, lambda H, W, k: (H - 1) * max(0, W - k), "k // 2 to the right"),
    (n06.how_many_miss, lambda H, W, k: H - 1, "one in each row"),
    (n06.one_diagonal_back, takes_both_taps, "takes both taps"),
    (n06.one_diagonal_back, lambda dz, K: (dz @ K[0].T + up(dz @ K[1].T), dz[0]), "exchanged"),
    (n06.finish_row, gates_as_ifog, "cuts z in another order"),
    (n07.ways, lambda L, residual, skip: 2**L if residual else 1, "at each block"),
    (n07.block_back, lambda dy, ds, U, S, f: f((dy + ds @ S.T) @ U.T) + ds @ S.T, "dy go through"),
    (n07.block_back, lambda dy, ds, U, S, f: f((dy + ds) @ U.T) + dy + ds, "past K_skip"),
    (n07.spread, lambda L, a, b, f: np.sqrt(a**2 + (L * f * b) ** 2), "L squared"),
    (n07.spread, lambda L, a, b, f: np.sqrt(L) * f * b, "leaves out x_1"),
    (n07.spread, lambda L, a, b, f: np.sqrt(L * (a**2 + (f * b) ** 2)), "L times"),
    (n08.true_nats, least_probable_taken_out, "take out the largest probability"),
    (n08.true_nats, lambda s, z: (s[:, None] + z).sum(axis=0), "probabilities that are summed"),
    (n09.comparable, lambda n, D, k: n / (D * np.log(2)) + np.log(k), "width is in nats"),
    (n09.comparable, lambda n, D, k: (n + D * np.log(k)) / np.log(2), "of a whole image"),
    (n09.step_size, lambda lr, decay, t: lr / np.sqrt((1 - decay) * t), "old squares fade"),
    (n10.one_tap, axes_exchanged, "rows move by dq"),
    (n10.one_tanh, half_missing, "half inside tanh is missing"),
    (n10.share_of_padding, lambda H, W: (H - 1) / 2 / (H + W - 1), "one of the two triangles"),
    (n11.leaks, pairs_turned, "a pair is (output, input)"),
    (n12.interval, past_the_part, "behind the part of v"),
    (n12.interval, ends_instead_of_widths, "where the interval ends"),
    (n12.extra_bits, turned_sign, "less than nothing"),
    (n90.bins, edges_too_far_right, "first inner one is at 1/2"),
    (n90.fair_bits, lambda nats, D, s: (nats / D + np.log(256)) / np.log(2), "not always 256"),
    (n90.mean_and_std, all_bells_alike, "count by their weights"),
]


@pytest.mark.parametrize(("check", "answer", "words"), TOLD, ids=lambda a: str(a)[:30])
def test_it_is_told_what_it_is(check, answer, words):
    verdict = check(answer)
    assert verdict.state == "wrong"
    assert words in verdict.message, verdict.message
