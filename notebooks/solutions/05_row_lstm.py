# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Solutions of 05 · Row LSTM
#
# Each exercise of [the notebook](../05_row_lstm.ipynb), a solution, and mistakes that are easily
# made, with what the check says of them.

# %%
import numpy as np

from pixelrnn_np import course
from pixelrnn_np.course import n05 as check
from pixelrnn_np.layers.masks import feature_groups

# %% [markdown]
# ## Exercise 5.1 · Say it in numbers
#
# Let $s = (k-1)/2$. Up $d$ rows along $K^{ss}$ leads to the columns $q - ds \dots q + ds$. At each of
# them $K^{is}$ reads the pixel itself and $s$ columns to its left, never one to the right. So the
# left end moves once more, the right end does not: $q - (d+1)s \dots q + ds$.


# %%
def columns_seen(q, d, k, W):
    s = k // 2
    return set(range(max(0, q - (d + 1) * s), min(W - 1, q + d * s) + 1))


check.columns_seen(columns_seen)

# %% [markdown]
# Forgetting $K^{is}$ gives a triangle that does not lean; forgetting its mask one that is too wide
# on the right. In the pixel's own row, $d = 0$, that would be a leak. In the rows above it is only
# wrong: those pixels come earlier, and no rule forbids to see them.


# %%
def without_the_input(q, d, k, W):
    s = k // 2
    return set(range(max(0, q - d * s), min(W - 1, q + d * s) + 1))


def without_the_mask(q, d, k, W):
    s = k // 2
    return set(range(max(0, q - (d + 1) * s), min(W - 1, q + (d + 1) * s) + 1))


def beyond_the_edge(q, d, k, W):
    s = k // 2
    return set(range(q - (d + 1) * s, q + d * s + 1))


course.show(check.columns_seen(without_the_input), check.columns_seen(without_the_mask))

# %% [markdown]
# ## Exercise 5.2 · One row back
#
# Reader $q$ read column $q' = q + v$, so its share moves by $+v$. With zeros around, moving is
# slicing: in an array that is $s$ columns wider on either side, tap $v$ adds to the slice that
# starts at $s + v$, and the middle is the answer.


# %%
def one_row_back(dz, K):
    k, h, _ = K.shape
    W, s = len(dz), k // 2
    wide = np.zeros((W + 2 * s, h))
    for v in range(-s, s + 1):
        wide[s + v : s + v + W] += dz @ K[v + s].T
    return wide[s : s + W]


check.one_row_back(one_row_back)

# %% [markdown]
# The tempting mistake is to run the forward convolution with transposed matrices: it collects from
# $q' + v$ instead of $q' - v$. With a kernel that is symmetrical you would never notice. `np.roll`
# moves the right way, but hands what leaves the image on the left back to the right end.


# %%
def not_flipped(dz, K):
    return one_row_back(dz, K[::-1])


def wraps_around(dz, K):
    s = len(K) // 2
    return sum(np.roll(dz @ K[v + s].T, v, axis=0) for v in range(-s, s + 1))


def not_moved(dz, K):
    return sum(dz @ K[v].T for v in range(len(K)))


course.show(check.one_row_back(not_flipped), check.one_row_back(wraps_around))

# %% [markdown]
# ## Exercise 5.3 · The half-life of a memory
#
# $f^n = \tfrac12$ gives $f = 2^{-1/n}$, and $\beta = \ln\frac{f}{1-f}$. For 28 rows $f = 0.976$ and
# $\beta = 3.69$. With $\beta = 1$, where training starts here, half is gone after about two rows.


# %%
def bias_for(rows):
    f = 0.5 ** (1 / rows)
    return np.log(f / (1 - f))


check.bias_for(bias_for)


# %%
def forgets_the_sigmoid(rows):
    return 0.5 ** (1 / rows)


def a_share_per_row(rows):
    f = 1 - 0.5 / rows
    return np.log(f / (1 - f))


course.show(check.bias_for(forgets_the_sigmoid), check.bias_for(a_share_per_row))

# %% [markdown]
# ## Exercise 5.4 · Four gates
#
# Each gate is divided for itself, so that feature $j$ has one colour in all four.


# %%
def gate_colours(h, C):
    return np.tile(feature_groups(h, C), 4)


check.gate_colours(gate_colours)

# %% [markdown]
# To cut all $4h$ features in three gives the whole of o to R and the whole of g to B. This is a real
# bug of public implementations: R's prediction learns the pixel's own value.


# %%
def thirds_of_all(h, C):
    return feature_groups(4 * h, C)


def each_four_times(h, C):
    return np.repeat(feature_groups(h, C), 4)


def in_turns(h, C):
    return np.arange(4 * h) % h % C


wrong_colours = thirds_of_all, each_four_times, in_turns
course.show(*(check.gate_colours(f) for f in wrong_colours))

# %% tags=["answers"]
RIGHT = {
    "columns_seen": columns_seen,
    "one_row_back": one_row_back,
    "bias_for": bias_for,
    "gate_colours": gate_colours,
}
WRONG = {
    "columns_seen": [without_the_input, without_the_mask, beyond_the_edge],
    "one_row_back": [not_flipped, wraps_around, not_moved],
    "bias_for": [forgets_the_sigmoid, a_share_per_row],
    "gate_colours": list(wrong_colours),
}
