# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Solutions of 10 · From loops to kernels
#
# Each exercise of [the notebook](../10_loops_to_numba.ipynb), a solution, and mistakes that are
# easily made, with what the check says of them.

# %%
import time

import numba
import numpy as np

from pixelrnn_np import course, figures
from pixelrnn_np.course import n10 as check

# %% [markdown]
# ## Exercise 10.1 · One tap, all pixels
#
# Write to the pixels whose partner lies inside, read from the partners. With `low < high` in both
# directions the two slices have the same shape; elsewhere nothing is left to do.


# %%
def one_tap(x, K, dr, dq):
    B, H, W, _ = x.shape
    y = np.zeros((B, H, W, K.shape[1]), x.dtype)
    top, bottom = max(0, -dr), min(H, H - dr)
    left, right = max(0, -dq), min(W, W - dq)
    if top < bottom and left < right:
        read = x[:, top + dr : bottom + dr, left + dq : right + dq]
        y[:, top:bottom, left:right] = read @ K
    return y


check.one_tap(one_tap)

# %% [markdown]
# `np.roll` lets what leaves on one side enter on the other. The sign is easily turned round: the
# map moves *down* when the tap reads *up*. And an offset larger than the image turns a slice's end
# negative.


# %%
def rolls(x, K, dr, dq):
    return np.roll(x @ K, (-dr, -dq), axis=(1, 2))


def the_other_way(x, K, dr, dq):
    return one_tap(x, K, -dr, -dq)


def without_a_limit(x, K, dr, dq):
    B, H, W, _ = x.shape
    y = np.zeros((B, H, W, K.shape[1]))
    rows, columns = slice(max(0, -dr), H - max(0, dr)), slice(max(0, -dq), W - max(0, dq))
    read = x[:, max(0, dr) : H + min(0, dr), max(0, dq) : W + min(0, dq)]
    y[:, rows, columns] = read @ K
    return y


course.show(*(check.one_tap(a) for a in (rolls, the_other_way, without_a_limit)))

# %% [markdown]
# ## Exercise 10.2 · One tanh for four gates
#
# With `scale` ½ or 1, $\text{scale} \cdot \tanh(\text{scale} \cdot z) + (1 - \text{scale})$ is σ or
# tanh. It cannot overflow either, where $1/(1+e^{-z})$ warns for $z = -2000$.


# %%
def one_tanh(z):
    scale = np.ones(z.shape[1])
    scale[: 3 * (z.shape[1] // 4)] = 0.5
    return scale * np.tanh(scale * z) + (1 - scale)


check.one_tanh(one_tanh)


# %%
def forgets_the_half_inside(z):
    scale = np.ones(z.shape[1])
    scale[: 3 * (z.shape[1] // 4)] = 0.5
    return scale * np.tanh(z) + (1 - scale)


def sigma_on_g_as_well(z):
    return 0.5 + 0.5 * np.tanh(0.5 * z)


def with_exp(z):
    o_f_i, g = np.split(z, [3 * z.shape[1] // 4], axis=1)
    return np.concatenate([1 / (1 + np.exp(-o_f_i)), np.tanh(g)], axis=1)


def twice(z):
    o_f_i, g = np.split(z, [3 * z.shape[1] // 4], axis=1)
    return np.concatenate([0.5 + 0.5 * np.tanh(0.5 * o_f_i), np.tanh(g)], axis=1)


wrong = forgets_the_half_inside, sigma_on_g_as_well, with_exp, twice
course.show(*(check.one_tanh(a) for a in wrong))

# %% [markdown]
# ## Exercise 10.3 · How much is padding?
#
# Of $H + W - 1$ positions in a row $W$ are pixels. For 28×28 the padding is 27 of 55, nearly half;
# for a single row it is nothing, for a single column all but one position of each row.


# %%
def share_of_padding(H, W):
    return (H - 1) / (H + W - 1)


check.share_of_padding(share_of_padding)


# %%
def always_half(H, W):
    return 0.5


def exchanged(H, W):
    return (W - 1) / (H + W - 1)


def per_pixel(H, W):
    return (H - 1) / W


wrong_shares = always_half, exchanged, per_pixel
course.show(*(check.share_of_padding(f) for f in wrong_shares))

# %% [markdown]
# ## A closer look: an index that might be negative
#
# Three ways to copy a thousand runs of 16 numbers. Which is the fastest?


# %%
@numba.njit
def copy_slices(target, source, n, runs):
    for k in range(runs):
        target[k * n : (k + 1) * n] = source[k * n : (k + 1) * n]


@numba.njit
def copy_signed(target, source, n, runs):
    for k in range(runs):
        t, s = target.size - (runs - k) * n, source.size - (runs - k) * n
        for i in range(n):
            target[t + i] = source[s + i]


@numba.njit
def copy_unsigned(target, source, n, runs):
    for k in range(runs):
        t, s = np.uintp(target.size - (runs - k) * n), np.uintp(source.size - (runs - k) * n)
        for i in range(np.uintp(n)):
            target[t + i] = source[s + i]


runs, n = 1000, 16
source = np.arange(runs * n, dtype="float32")
copies = {
    "slices": copy_slices,
    "a loop, signed index": copy_signed,
    "a loop, unsigned index": copy_unsigned,
}
rows = []
for name, copy in copies.items():
    target, seconds = np.zeros_like(source), []
    for _ in range(200):
        start = time.perf_counter()
        copy(target, source, n, runs)
        seconds.append(time.perf_counter() - start)
    assert np.array_equal(target, source)
    rows.append([name, 1e9 * min(seconds) / runs])
figures.Table(["copying 16 numbers by", "nanoseconds"], rows, form="{:.1f}")

# %% [markdown]
# The signed index asks each time whether to count from the end, so that no wide instruction can do the
# work. A slice asks only once; but it is an object, with a start, an end and a stride to be checked,
# for 16 numbers.

# %% tags=["answers"]
RIGHT = {"one_tap": one_tap, "one_tanh": one_tanh, "share_of_padding": share_of_padding}
WRONG = {
    "one_tap": [rolls, the_other_way, without_a_limit],
    "one_tanh": list(wrong),
    "share_of_padding": list(wrong_shares),
}
