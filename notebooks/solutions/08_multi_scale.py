# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Solutions of 08 · Multi-Scale
#
# Each exercise of [the notebook](../08_multi_scale.ipynb), a solution, and mistakes that are easily
# made, with what the check says of them.

# %%
import numpy as np

from pixelrnn_np import course
from pixelrnn_np.course import n08 as check

# %% [markdown]
# ## Exercise 8.1 · From the other side
#
# Row $r$ reaches $R$ if $fr - f/2 \le R < fr + 3f/2$. Add $f/2$ and divide by $f$: with $m =
# \lfloor (R + f/2) / f \rfloor$ this says $r \le m$ and $r > m - 2$. So it is $m - 1$ and $m$, as
# far as they exist. Every large row reads two small ones: that is why a kernel of $2f$ is natural
# for a stride of $f$; all rows are treated alike. With a kernel of $2f - 1$ some rows would get two
# stamps and others one, which shows as a pattern of stripes.


# %%
def rows_read(R, f, height):
    m = (R + f // 2) // f
    return {r for r in (m - 1, m) if 0 <= r < height}


check.rows_read(rows_read)


# %%
def the_row_it_came_from(R, f, height):
    return {R // f}


def this_and_the_next(R, f, height):
    return {r for r in (R // f, R // f + 1) if r < height}


def forgets_the_border(R, f, height):
    m = (R + f // 2) // f
    return {m - 1, m}


course.show(check.rows_read(the_row_it_came_from), check.rows_read(this_and_the_next))

# %% [markdown]
# ## Exercise 8.2 · The gradient without loops over pixels
#
# With $f/2$ zeros before it, tap $(t_r, t_q)$ of pixel $(r, q)$ is at $(fr + t_r, fq + t_q)$ of the
# wide map. For one tap and all pixels that is a slice with step $f$. The last pixel's last tap is at $H - f +
# 2f - 1 = H + f - 1$, so the wide map needs $H + f$ rows, $f/2$ of them after `dy`.


# %%
def small_gradient(dy, K):
    f = len(K) // 2
    height, width = dy.shape[0] // f, dy.shape[1] // f
    wide = np.pad(dy, ((f // 2, f // 2), (f // 2, f // 2), (0, 0)))
    dx = np.zeros((height, width, K.shape[2]))
    for t in np.ndindex(2 * f, 2 * f):
        rows, columns = (slice(k, k + f * n, f) for k, n in zip(t, (height, width), strict=True))
        dx += wide[rows, columns] @ K[t].T
    return dx


check.small_gradient(small_gradient)

# %% [markdown]
# Two ways to go astray: to begin the stamp at its own pixel, and to flip the kernel out of habit. A
# backward pass flips when forward *reads* at $q + t$; here forward *writes* there, and backward
# reads at the same place.


# %%
def begins_at_the_pixel(dy, K):
    f = len(K) // 2
    height, width = dy.shape[0] // f, dy.shape[1] // f
    wide = np.pad(dy, ((0, f), (0, f), (0, 0)))
    dx = np.zeros((height, width, K.shape[2]))
    for t in np.ndindex(2 * f, 2 * f):
        rows, columns = (slice(k, k + f * n, f) for k, n in zip(t, (height, width), strict=True))
        dx += wide[rows, columns] @ K[t].T
    return dx


def flipped(dy, K):
    return small_gradient(dy, K[::-1, ::-1])


def only_the_middle(dy, K):
    f = len(K) // 2
    middle, half = np.zeros_like(K), slice(f // 2, f // 2 + f)
    middle[half, half] = K[half, half]
    return small_gradient(dy, middle)


course.show(check.small_gradient(begins_at_the_pixel), check.small_gradient(flipped))

# %% [markdown]
# ## Exercise 8.3 · The sum without underflow
#
# $-\ln \sum_s e^{-a_s} = m - \ln \sum_s e^{-(a_s - m)}$ for any $m$. With $m = \min_s a_s$ the
# largest exponent is 0, so the sum is at least 1 and its logarithm is fine. NumPy has it as
# `-np.logaddexp.reduce(-pairs, axis=0)`.


# %%
def true_nats(nats_small, nats_large):
    pairs = nats_small[:, None] + nats_large
    least = pairs.min(axis=0)
    return least - np.log(np.exp(least - pairs).sum(axis=0))


check.true_nats(true_nats)


# %%
def underflows(nats_small, nats_large):
    return -np.log(np.exp(-(nats_small[:, None] + nats_large)).sum(axis=0))


def a_mean(nats_small, nats_large):
    return true_nats(nats_small, nats_large) + np.log(len(nats_small))


def the_best_one(nats_small, nats_large):
    return (nats_small[:, None] + nats_large).min(axis=0)


def one_shift_for_all(nats_small, nats_large):
    pairs = nats_small[:, None] + nats_large
    return pairs.min() - np.log(np.exp(pairs.min() - pairs).sum(axis=0))


def without_the_small_ones(nats_small, nats_large):
    return true_nats(0 * nats_small, nats_large)


course.show(check.true_nats(underflows), check.true_nats(one_shift_for_all))

# %% [markdown]
# One shift for all images saves the cheapest image only. Beside an image of 3 nats, one of 2,000 has
# $e^{3 - 2000}$, which is 0 again. So the minimum is taken along the small images, `axis=0`.

# %%
course.show(check.true_nats(a_mean), check.true_nats(the_best_one))

# %% tags=["answers"]
RIGHT = {"rows_read": rows_read, "small_gradient": small_gradient, "true_nats": true_nats}
WRONG = {
    "rows_read": [the_row_it_came_from, this_and_the_next, forgets_the_border],
    "small_gradient": [begins_at_the_pixel, flipped, only_the_middle],
    "true_nats": [
        underflows,
        one_shift_for_all,
        a_mean,
        the_best_one,
        without_the_small_ones,
    ],
}
