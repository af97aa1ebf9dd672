# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Solutions of 00 · A tour
#
# Each exercise of [the notebook](../00_tour.ipynb), a solution, and mistakes that are easily made,
# with what the check says of them.

# %%
import numpy as np

from pixelrnn_np import course
from pixelrnn_np.course import n00 as check

# %% [markdown]
# ## Exercise 0.1 · How much more probable?
#
# $p_a / p_b = e^{-a} / e^{-b} = e^{b-a}$, and $e^{b-a} = 10^{(b-a) / \ln 10}$. Ten nats are a bit
# more than four powers of ten.


# %%
def powers_of_ten(a, b):
    return (b - a) / np.log(10)


check.powers_of_ten(powers_of_ten)


# %%
def the_wrong_way_round(a, b):
    return (a - b) / np.log(10)


def still_in_nats(a, b):
    return b - a


def whole_number(a, b):
    return round((b - a) / np.log(10))


course.show(*(check.powers_of_ten(f) for f in (the_wrong_way_round, still_in_nats, whole_number)))

# %% [markdown]
# To make the two probabilities first looks safe with 80 nats. With 1000 both are 0: the smallest
# number of float64 is about $e^{-745}$. Logarithms are not only shorter to write.


# %%
def probabilities_first(a, b):
    return np.log10(np.exp(-a) / np.exp(-b))


check.powers_of_ten(probabilities_first)

# %% [markdown]
# ## Exercise 0.2 · The weighted die
#
# Value $v$ has the part from $p_0 + \dots + p_{v-1}$ to $p_0 + \dots + p_v$, whose length is $p_v$.
# The number of parts that end at or before $u$ is the value itself. A part of length 0 ends where
# it begins, so it is never hit.


# %%
def pick(p, u):
    return int((np.cumsum(p) <= u).sum())


check.pick(pick)

# %% [markdown]
# Taking the most probable value every time is a natural idea, and a bad one: the drawing then has
# no chance in it, all images are the same one, and as a rule a blank one.


# %%
def most_probable(p, u):
    return int(np.argmax(p))


def nearest(p, u):
    return round(u * (len(p) - 1))


def includes_the_upper_end(p, u):
    return int((np.cumsum(p) < u).sum())


course.show(check.pick(most_probable), check.pick(includes_the_upper_end))

# %% [markdown]
# ## Exercise 0.3 · Who steers whom?
#
# There are $rW + q$ pixels before it, and itself is one: $HW - 1 - (rW + q)$ come later. A known
# pixel in the last row steers nearly nothing, however telling it is. Only another order of the
# pixels would help ([08](../08_multi_scale.ipynb) has one).


# %%
def steered(r, q, H, W):
    return H * W - 1 - (r * W + q)


check.steered(steered)


# %%
def rows_below(r, q, H, W):
    return (H - 1 - r) * W


def with_itself(r, q, H, W):
    return H * W - (r * W + q)


def all_others(r, q, H, W):
    return H * W - 1


def columns_first(r, q, H, W):
    return H * W - 1 - (q * H + r)


def rows_and_columns_swapped(r, q, H, W):
    return H * W - 1 - (q * W + r)


def rows_as_long_as_columns(r, q, H, W):
    return H * W - 1 - (r * H + q)


shown = rows_below, with_itself, columns_first, rows_and_columns_swapped
course.show(*(check.steered(f) for f in shown))

# %% tags=["answers"]
RIGHT = {"powers_of_ten": powers_of_ten, "pick": pick, "steered": steered}
WRONG = {
    "powers_of_ten": [the_wrong_way_round, still_in_nats, whole_number, probabilities_first],
    "pick": [most_probable, nearest, includes_the_upper_end],
    "steered": [
        rows_below,
        with_itself,
        all_others,
        columns_first,
        rows_and_columns_swapped,
        rows_as_long_as_columns,
    ],
}
