# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Solutions of 03 · Masked convolution
#
# Each exercise of [the notebook](../03_masked_convolution.ipynb), a solution, and mistakes that are
# easily made, with what the check says of them.

# %%
import numpy as np

from pixelrnn_np import course
from pixelrnn_np.course import n03 as check
from pixelrnn_np.layers.masks import feature_groups

# %% [markdown]
# ## Exercise 3.1 · How much is left?
#
# Of $k^2$ taps all but the middle one come in pairs, one earlier and one later, so
# $(k^2 - 1)/2$ are earlier, with $m^2$ weights each. In the middle three of nine colour pairs live
# under mask A, six under mask B; each pair has $(m/3)^2$ weights.


# %%
def living_weights(kind, k, m):
    pairs = {"A": 3, "B": 6}[kind]
    return (k * k - 1) // 2 * m * m + pairs * (m // 3) ** 2


check.living_weights(living_weights)

# %% [markdown]
# For one colour the middle is all or nothing. With three it is a third or two thirds.


# %%
def as_for_one_colour(kind, k, m):
    return ((k * k - 1) // 2 + (kind == "B")) * m * m


def half_of_everything(kind, k, m):
    return k * k * m * m // 2


course.show(check.living_weights(as_for_one_colour), check.living_weights(half_of_everything))

# %% [markdown]
# ## Exercise 3.2 · Four gates
#
# Each gate is divided for itself, so that feature $k$ has one colour in all four.


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


course.show(check.gate_colours(thirds_of_all), check.gate_colours(each_four_times))

# %% [markdown]
# ## Exercise 3.3 · Back through a convolution
#
# The reader at $p$ sends through tap $t$ to $p + t$. In an array with half a kernel of margin on
# each side, tap $(a, b)$ moves the whole of $dy$ to the slice that starts at $(a, b)$.


# %%
def input_gradient(dy, K):
    H, W, _ = dy.shape
    rows, cols = K.shape[:2]
    wide = np.zeros((H + rows - 1, W + cols - 1, K.shape[2]))
    for a, b in np.ndindex(rows, cols):
        wide[a : a + H, b : b + W] += dy @ K[a, b].T
    return wide[rows // 2 : rows // 2 + H, cols // 2 : cols // 2 + W]


check.input_gradient(input_gradient)

# %% [markdown]
# Running the forward convolution with transposed matrices forgets to flip the kernel. For a masked
# kernel that sends gradients to the future instead of the past.


# %%
def not_flipped(dy, K):
    return input_gradient(dy, K[::-1, ::-1])


def keeps_the_margin(dy, K):
    rows, cols = K.shape[:2]
    wide = np.zeros((len(dy) + rows - 1, dy.shape[1] + cols - 1, K.shape[2]))
    for a, b in np.ndindex(rows, cols):
        wide[a : a + len(dy), b : b + dy.shape[1]] += dy @ K[a, b].T
    return wide


course.show(check.input_gradient(not_flipped), check.input_gradient(keeps_the_margin))

# %% tags=["answers"]
RIGHT = {
    "living_weights": living_weights,
    "gate_colours": gate_colours,
    "input_gradient": input_gradient,
}
WRONG = {
    "living_weights": [as_for_one_colour, half_of_everything],
    "gate_colours": [thirds_of_all, each_four_times],
    "input_gradient": [not_flipped, keeps_the_margin],
}
