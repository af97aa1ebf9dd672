"""Mistakes that a reader of notebooks 06 to 90 made: each is told what it is."""

import numpy as np
import pytest

from pixelrnn_np.course import n06, n07, n08, n09, n10, n11, n12, n13, n90


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


def border_repeated(x, K, dr, dq):
    rows, columns = np.arange(x.shape[1]) + dr, np.arange(x.shape[2]) + dq
    inside = x[:, rows.clip(0, x.shape[1] - 1)]
    return inside[:, :, columns.clip(0, x.shape[2] - 1)] @ K


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


def taps_collected(dy, K, before=None, step=None, taps=None, add=True, back="transposed"):
    """8.2 as asked for, or with one thing wrong."""
    f = len(K) // 2
    height, width = dy.shape[0] // f, dy.shape[1] // f
    start, step = f // 2 if before is None else before, step or f
    wide = np.pad(dy, ((start, 2 * f), (start, 2 * f), (0, 0)))
    dx = np.zeros((height, width, K.shape[2]))
    for t in np.ndindex(taps or 2 * f, taps or 2 * f):
        rows, columns = (
            slice(k, k + step * n, step) for k, n in zip(t, (height, width), strict=True)
        )
        sent = wide[rows, columns] @ (K[t].T if back == "transposed" else K[t])
        dx = dx + sent if add else sent
    return dx


def numbers(h, layers, head):
    """The right answer of 9.1."""
    block = 2 * (16 * h * h + 6 * h) + 4 * h * h + 4 * h
    return 100 * h + layers * block + 2 * h * head + head * head + 3 * head + 1


def goes_round(dy, K):
    f = len(K) // 2
    dx = 0
    for t_r, t_q in np.ndindex(2 * f, 2 * f):
        dx = dx + np.roll(dy, (f // 2 - t_r, f // 2 - t_q), (0, 1))[::f, ::f] @ K[t_r, t_q].T
    return dx


def shares_of(x):
    return np.unique(x.reshape(len(x), -1), axis=0, return_counts=True)[1] / len(x)


def entropy(p):
    p = p[p > 0]
    return float(-(p * np.log2(p)).sum())


def absolute(p, q):
    here = p > 0
    return float(np.abs(p[here] * np.log2(p[here] / q[here])).sum())


def values_of_pixels(x):
    p = np.unique(x, return_counts=True)[1] / x.size
    return -(p * np.log(p)).sum()


def edges_too_far_right(cdf, levels):
    return np.diff([0, *(cdf(v + 0.5) for v in range(1, levels)), 1])


def mean_of_the_means(w, m, s):
    return m.mean(), np.sqrt(w @ (s**2 + m**2) - (w @ m) ** 2)


TOLD = [
    (n06.wrong_order_reads, lambda r, q: {(q + 1, r), (q + 2, r - 1)}, "(row, column) is asked"),
    (n06.wrong_order_reads, lambda r, q: {(r, q + 1), (r - 1, q - 2)}, "both lie to the right"),
    (n06.how_many_miss, lambda H, W, k: (H - 1) * max(0, W - k), "k // 2 to the right"),
    (n06.how_many_miss, lambda H, W, k: H - 1, "one in each row"),
    (n06.how_many_miss, lambda H, W, k: (H - 1) * max(0, W - 2 - k // 2), "one column too few"),
    (n06.how_many_miss, lambda H, W, k: (H - 1) * min(W, 1 + k // 2), "the ones that find it"),
    (n06.one_diagonal_back, takes_both_taps, "takes both taps"),
    (n06.one_diagonal_back, lambda dz, K: (dz @ K[0].T + up(dz @ K[1].T), dz[0]), "exchanged"),
    (n06.finish_row, gates_as_ifog, "cuts z in another order"),
    (n07.ways, lambda L, residual, skip: 2**L if residual else 1, "at each block"),
    (n07.block_back, lambda dy, ds, U, S, f: f((dy + ds @ S.T) @ U.T) + ds @ S.T, "dy go through"),
    (n07.block_back, lambda dy, ds, U, S, f: f((dy + ds) @ U.T) + dy + ds, "past K_skip"),
    (n07.spread, lambda L, a, b, f: np.sqrt(a**2 + (L * f * b) ** 2), "L squared"),
    (n07.spread, lambda L, a, b, f: np.sqrt(L) * f * b, "leaves out x_1"),
    (n07.spread, lambda L, a, b, f: np.sqrt(L * (a**2 + (f * b) ** 2)), "L times"),
    (n08.small_gradient, lambda dy, K: taps_collected(dy, K, len(K) // 2), "f zeros before dy"),
    (n08.small_gradient, lambda dy, K: taps_collected(dy, K, step=1), "stamps begin f apart"),
    (n08.small_gradient, lambda dy, K: taps_collected(dy, K, taps=len(K) // 2), "first f × f"),
    (n08.small_gradient, lambda dy, K: taps_collected(dy, K, add=False), "the taps add up"),
    (n08.small_gradient, lambda dy, K: taps_collected(dy, K, back="as it is"), "tap's transpose"),
    (n08.small_gradient, lambda dy, K: taps_collected(dy, K.transpose(1, 0, 2, 3)), "exchanged"),
    (n08.small_gradient, goes_round, "as np.roll does"),
    (n08.true_nats, least_probable_taken_out, "take out the largest probability"),
    (n08.true_nats, lambda s, z: (s[:, None] + z).sum(axis=0), "probabilities that are summed"),
    (n09.parameters, lambda h, L, head: numbers(h, L, head) + head + 1, "one logit, not two"),
    (n09.parameters, lambda h, L, head: numbers(h, L, head) + 2 * h * h * L, "skip reads the h"),
    (n09.parameters, lambda h, L, head: numbers(h, L, head) + 4 * h * h * L, "up and skip read"),
    (n09.comparable, lambda n, D, k: abs(n) / (D * np.log(2)) + np.log2(k), "keep their sign"),
    (n09.comparable, lambda n, D, k: n / (D * np.log(2)) + np.log(k), "width is in nats"),
    (n09.comparable, lambda n, D, k: (n + D * np.log(k)) / np.log(2), "of a whole image"),
    (n09.step_size, lambda lr, decay, t: lr / np.sqrt((1 - decay) * t), "old squares fade"),
    (n10.one_tap, axes_exchanged, "rows move by dq"),
    (n10.one_tap, border_repeated, "the border is read again outside"),
    (n10.one_tanh, half_missing, "half inside tanh is missing"),
    (n10.share_of_padding, lambda H, W: 1 - W / (H + W), "it is one less"),
    (n10.share_of_padding, lambda H, W: (H - 1) / 2 / (H + W - 1), "one of the two triangles"),
    (n11.leaks, pairs_turned, "a pair is (output, input)"),
    (n12.interval, past_the_part, "behind the part of v"),
    (n12.interval, ends_instead_of_widths, "where the interval ends"),
    (n12.extra_bits, turned_sign, "less than nothing"),
    (n12.extra_bits, lambda p, q: entropy(q) - entropy(p), "as often as q says"),
    (n12.extra_bits, lambda p, q: entropy(p), "what p's own prices cost"),
    (n12.extra_bits, absolute, "no absolute values"),
    (n12.extra_bits, lambda p, q: float(-(p * np.log(q)).sum()), "and in nats"),
    (n12.extra_bits, lambda p, q: np.log2(p / q).sum(), "each needs its weight p"),
    (n12.extra_bits, lambda p, q: (q * np.log2(p / q)).sum(), "as p says, not as q says"),
    (n12.extra_bits, lambda p, q: (p * np.log2((p + 1e-8) / q)).sum(), "leave out what never"),
    (n13.floor, values_of_pixels, "with axis=0"),
    (n13.floor, lambda x: x[0].size * values_of_pixels(x), "one bent coin's"),
    (n13.floor, lambda x: -np.log(shares_of(x)).sum(), "adds up what each image costs"),
    (n13.floor, lambda x: -np.log(shares_of(x)).mean(), "counts each different image once"),
    (n13.floor, lambda x: -np.log(shares_of(x).max()), "the most frequent image"),
    (n13.floor, lambda x: entropy(shares_of(x)) * np.log(2) / len(x), "once too often"),
    (n13.floor, lambda x: entropy(shares_of(x)) * np.log(2) / x[0].size, "is per pixel"),
    (n13.floor, lambda x: 1 / len(x), "is a probability"),
    (n90.bins, edges_too_far_right, "first inner one is at 1/2"),
    (n90.fair_bits, lambda nats, D, s: (nats / D + np.log(256)) / np.log(2), "not always 256"),
    (n90.mean_and_std, mean_of_the_means, "count by their weights"),
]


@pytest.mark.parametrize(("check", "answer", "words"), TOLD, ids=[words for *_, words in TOLD])
def test_it_is_told_what_it_is(check, answer, words):
    verdict = check(answer)
    assert verdict.state == "wrong"
    assert words in verdict.message, verdict.message
