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

# %% [markdown]
# ## Exercise 3.1 · How much is left?
#
# Of $s^2$ taps all but the middle one come in pairs, one earlier and one later, so
# $(s^2 - 1)/2$ are earlier, with $m^2$ weights each. In the middle three of nine colour pairs live
# under mask A, six under mask B; each pair has $(m/3)^2$ weights.


# %%
def living_weights(kind, s, m):
    pairs = {"A": 3, "B": 6}[kind]
    return (s * s - 1) // 2 * m * m + pairs * (m // 3) ** 2


check.living_weights(living_weights)

# %% [markdown]
# For one colour the middle is all or nothing. With three it is a third or two thirds.


# %%
def as_for_one_colour(kind, s, m):
    return ((s * s - 1) // 2 + (kind == "B")) * m * m


def half_of_everything(kind, s, m):
    return s * s * m * m // 2


course.show(check.living_weights(as_for_one_colour), check.living_weights(half_of_everything))

# %% [markdown]
# ## Exercise 3.2 · A table for a whole stack
#
# A way from an input colour to an output colour takes one step in each layer. The product of the
# tables counts these ways: entry (output, input) of $M_2 M_1$ is a sum over the colours in between.
# Later layers stand to the left. Where the count is not zero, there is a way.


# %%
def stack_table(kinds):
    table = np.eye(3)
    for kind in kinds:
        table = {"A": np.tri(3, k=-1), "B": np.tri(3)}[kind] @ table
    return (table > 0).astype(int)


check.stack_table(stack_table)

# %% [markdown]
# `"AB"` gives the table of A again: B adds nothing that A did not let through, and takes nothing
# away. `"BBB"` is the leak of the page. `"AA"` is safe, and blind: G no longer learns its pixel's R,
# and with three A no colour knows any other. So A belongs in a network once; in which layer does not
# matter for this table, but only at the entrance is the middle of the window the value itself.


# %%
def layer_by_layer(kinds):
    table = np.ones((3, 3))
    for kind in kinds:
        table = table * {"A": np.tri(3, k=-1), "B": np.tri(3)}[kind]
    return table


def any_layer(kinds):
    return sum({"A": np.tri(3, k=-1), "B": np.tri(3)}[kind] for kind in kinds) > 0


def how_many_ways(kinds):
    table = np.eye(3)
    for kind in kinds:
        table = {"A": np.tri(3, k=-1), "B": np.tri(3)}[kind] @ table
    return table


def inputs_in_rows(kinds):
    return stack_table(kinds).T


course.show(*(check.stack_table(f) for f in (layer_by_layer, any_layer)))
course.show(*(check.stack_table(f) for f in (how_many_ways, inputs_in_rows)))

# %% [markdown]
# ## Exercise 3.3 · Back through a convolution
#
# The reader at $p$ sends through tap $t$ to $p + t$. In an array with half a kernel of margin on
# each side, the tap in row $r$ and column $q$ of the kernel moves the whole of $dy$ to the slice that
# starts at $(r, q)$.


# %%
def input_gradient(dy, K):
    H, W, _ = dy.shape
    rows, cols = K.shape[:2]
    wide = np.zeros((H + rows - 1, W + cols - 1, K.shape[2]))
    for r, q in np.ndindex(rows, cols):
        wide[r : r + H, q : q + W] += dy @ K[r, q].T
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
    for r, q in np.ndindex(rows, cols):
        wide[r : r + len(dy), q : q + dy.shape[1]] += dy @ K[r, q].T
    return wide


course.show(check.input_gradient(not_flipped), check.input_gradient(keeps_the_margin))

# %% [markdown]
# `np.roll` moves an array in one call, and is wrong at every edge: what is pushed out on the right
# comes in again on the left. A kernel's transpose is easily forgotten where it has as many features
# in as out; with other numbers NumPy complains.


# %%
def rolled(dy, K):
    rows, cols = K.shape[:2]
    return sum(
        np.roll(dy @ K[r, q].T, (r - rows // 2, q - cols // 2), axis=(0, 1))
        for r, q in np.ndindex(rows, cols)
    )


def not_transposed(dy, K):
    return input_gradient(dy, K.swapaxes(2, 3))


course.show(check.input_gradient(rolled), check.input_gradient(not_transposed))

# %% tags=["answers"]
RIGHT = {
    "living_weights": living_weights,
    "stack_table": stack_table,
    "input_gradient": input_gradient,
}
WRONG = {
    "living_weights": [as_for_one_colour, half_of_everything],
    "stack_table": [layer_by_layer, any_layer, how_many_ways, inputs_in_rows],
    "input_gradient": [not_flipped, keeps_the_margin, rolled, not_transposed],
}
