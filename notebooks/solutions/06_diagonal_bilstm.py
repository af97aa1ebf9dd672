# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Solutions of 06 · Diagonal BiLSTM
#
# Each exercise of [the notebook](../06_diagonal_bilstm.ipynb), a solution, and mistakes that are
# easily made, with what the check says of them.

# %%
import numpy as np

from pixelrnn_np import course
from pixelrnn_np.course import n06 as check

# %% [markdown]
# ## Exercise 6.1 · The wrong order
#
# Skewed and then flipped, pixel $(r, q)$ stands in column $t = (2n-2) - (r+q)$. In column $t - 1$
# stand the pixels with $r' + q' = r + q + 1$: in row $r$ that is $q' = q + 1$, the right neighbour,
# and in row $r - 1$ it is $q' = q + 2$.
#
# So what comes from above comes from two columns to the right: a knight's move. The pixel straight
# above is not reached on any way: each step leads at least one column to the right, and each row up
# two. The rectangle has become a slanted wedge.


# %%
def wrong_order_reads(r, q):
    return {(r, q + 1), (r - 1, q + 2)}


check.wrong_order_reads(wrong_order_reads)


# %%
def as_if_right(r, q):
    return {(r, q + 1), (r - 1, q)}


def forgets_the_flip(r, q):
    return {(r, q - 1), (r - 1, q)}


def one_too_few(r, q):
    return {(r, q + 1), (r - 1, q + 1)}


course.show(check.wrong_order_reads(as_if_right), check.wrong_order_reads(one_too_few))

# %% [markdown]
# ## Exercise 6.2 · How many miss it?
#
# With a $k \times k$ kernel the last pixel of the row above is found from column $W - 1 - (k-1)/2$
# on. Before it there are $W - 1 - (k-1)/2$ columns, or none in a narrow image; and the first row has
# no row above it. For $k = 7$ and MNIST these are $27 \cdot 24 = 648$ of 784 predictions, each of
# which misses one pixel.


# %%
def how_many_miss(H, W, k):
    return (H - 1) * max(0, W - 1 - k // 2)


check.how_many_miss(how_many_miss)


# %%
def first_row_too(H, W, k):
    return H * max(0, W - 1 - k // 2)


def one_column_more(H, W, k):
    return (H - 1) * max(0, W - k // 2)


def below_zero(H, W, k):
    return (H - 1) * (W - 1 - k // 2)


def always_three(H, W, k):
    return (H - 1) * max(0, W - 4)


course.show(check.how_many_miss(first_row_too), check.how_many_miss(below_zero))

# %% [markdown]
# ## Exercise 6.3 · One diagonal back
#
# Row $r$ of `h_above` was row $r - 1$ of `h`, so the gradient of `h_above` moves up by one row; its
# first row was `h0`.


# %%
def one_diagonal_back(dz, K):
    dh_above = dz @ K[0].T
    dh = dz @ K[1].T
    dh[:-1] += dh_above[1:]
    return dh, dh_above[0]


check.one_diagonal_back(one_diagonal_back)

# %% [markdown]
# To move the gradient the way that the states were moved is the classic mistake; `np.roll` hands what
# belongs to `h0` to the last row.


# %%
def moves_down(dz, K):
    dh_above = dz @ K[0].T
    dh = dz @ K[1].T
    dh[1:] += dh_above[:-1]
    return dh, dh_above[0]


def rolls(dz, K):
    dh_above = dz @ K[0].T
    return dz @ K[1].T + np.roll(dh_above, -1, axis=0), dh_above[0]


def not_moved(dz, K):
    return dz @ K[1].T + dz @ K[0].T, dz[0] @ K[0].T


def one_tap_only(dz, K):
    return dz @ K[1].T, dz[0] @ K[0].T


course.show(check.one_diagonal_back(moves_down), check.one_diagonal_back(rolls))

# %% [markdown]
# And $h_0$ stood above one row only. Its gradient is that row's share, not the sum of all.


# %%
def sums_for_h0(dz, K):
    return one_diagonal_back(dz, K)[0], (dz @ K[0].T).sum(axis=0)


def last_row_for_h0(dz, K):
    return one_diagonal_back(dz, K)[0], dz[-1] @ K[0].T


course.show(check.one_diagonal_back(sums_for_h0), check.one_diagonal_back(last_row_for_h0))

# %% [markdown]
# ## Exercise 6.4 · A row of R, when it is finished
#
# From the last column to the first. The first pixel of the walk finds $h_0$ and $c_0$ beside it, and
# each hands its own pair on.


# %%
def cell(z, c):
    z_o, z_f, z_i, z_g = np.split(z, 4)
    o, f, i = (1 / (1 + np.exp(-z)) for z in (z_o, z_f, z_i))
    c = f * c + i * np.tanh(z_g)
    return o * np.tanh(c), c


def finish_row(z_is, h_above, K, h0, c0):
    states, h, c = np.zeros_like(h_above), h0, c0
    for q in reversed(range(len(z_is))):
        h, c = cell(z_is[q] + h_above[q] @ K[0] + h @ K[1], c)
        states[q] = h
    return states


check.finish_row(finish_row)

# %% [markdown]
# Easily gone wrong: the direction, the order of what is returned, what stands beside the last pixel,
# a cell that is not carried, and a state that is not handed on.


# %%
def left_to_right(z_is, h_above, K, h0, c0):
    return finish_row(z_is[::-1], h_above[::-1], K, h0, c0)[::-1]


def appended(z_is, h_above, K, h0, c0):
    return finish_row(z_is, h_above, K, h0, c0)[::-1]


def taps_exchanged(z_is, h_above, K, h0, c0):
    return finish_row(z_is, h_above, K[::-1], h0, c0)


def begins_with_zeros(z_is, h_above, K, h0, c0):
    return finish_row(z_is, h_above, K, 0 * h0, 0 * c0)


def cell_not_carried(z_is, h_above, K, h0, c0):
    states, h = np.zeros_like(h_above), h0
    for q in reversed(range(len(z_is))):
        states[q] = h = cell(z_is[q] + h_above[q] @ K[0] + h @ K[1], c0)[0]
    return states


def h_not_handed_on(z_is, h_above, K, h0, c0):
    states, c = np.zeros_like(h_above), c0
    for q in reversed(range(len(z_is))):
        states[q], c = cell(z_is[q] + h_above[q] @ K[0] + h0 @ K[1], c)
    return states


course.show(
    check.finish_row(left_to_right),
    check.finish_row(cell_not_carried),
    check.finish_row(h_not_handed_on),
)

# %% tags=["answers"]
RIGHT = {
    "wrong_order_reads": wrong_order_reads,
    "how_many_miss": how_many_miss,
    "one_diagonal_back": one_diagonal_back,
    "finish_row": finish_row,
}
WRONG = {
    "wrong_order_reads": [as_if_right, forgets_the_flip, one_too_few],
    "how_many_miss": [first_row_too, one_column_more, below_zero, always_three],
    "one_diagonal_back": [
        moves_down,
        rolls,
        not_moved,
        one_tap_only,
        sums_for_h0,
        last_row_for_h0,
    ],
    "finish_row": [
        left_to_right,
        appended,
        taps_exchanged,
        begins_with_zeros,
        cell_not_carried,
        h_not_handed_on,
    ],
}
