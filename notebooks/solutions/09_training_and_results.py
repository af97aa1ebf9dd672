# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Solutions of 09 · Training and results
#
# Each exercise of [the notebook](../09_training_and_results.ipynb), a solution, and mistakes that
# are easily made, with what the check says of them.

# %%
import numpy as np

import pixelrnn_np as pr
from pixelrnn_np import course
from pixelrnn_np.course import n09 as check

# %% [markdown]
# ## Exercise 9.1 · Count it
#
# - First layer: $7 \cdot 7 \cdot 2h$ weights and $2h$ biases. For $h = 16$: 1,600.
# - One direction of a block: $K^{is}$ $2h \cdot 4h$, $K^{ss}$ $2 \cdot h \cdot 4h$, bias $4h$,
#   $h_0$ and $c_0$ $2h$, together $16h^2 + 6h$. For $h = 16$: 4,192, twice.
# - The two 1×1 of a block: $2 (h \cdot 2h + 2h)$. For $h = 16$: 1,088. A block has 9,472.
# - Head: $2hF + F$, $F^2 + F$, $F + 1$. For $h = 16$, $F = 32$: 1,056 + 1,056 + 33 = 2,145.
#
# $1600 + 7 \cdot 9472 + 2145 = 70{,}049$.


# %%
def parameters(h, layers, head):
    first = 49 * 2 * h + 2 * h
    direction = 2 * h * 4 * h + 2 * h * 4 * h + 4 * h + 2 * h
    block = 2 * direction + 2 * (h * 2 * h + 2 * h)
    return first + layers * block + 2 * h * head + head + head * head + head + head + 1


check.parameters(parameters)


# %%
def without_the_skips(h, layers, head):
    return parameters(h, layers, head) - layers * (2 * h * h + 2 * h)


def without_initial_states(h, layers, head):
    return parameters(h, layers, head) - layers * 4 * h


def one_hidden_layer(h, layers, head):
    return parameters(h, layers, head) - head * head - head


def without_masked_weights(h, layers, head):
    return parameters(h, layers, head) - 25 * 2 * h


def without_biases_of_up_and_skip(h, layers, head):
    return parameters(h, layers, head) - layers * 4 * h


def one_direction(h, layers, head):
    return parameters(h, layers, head) - layers * (16 * h * h + 6 * h)


def a_second_bias(h, layers, head):
    return parameters(h, layers, head) + layers * 8 * h


course.show(
    check.parameters(without_the_skips),
    check.parameters(without_biases_of_up_and_skip),
    check.parameters(one_hidden_layer),
)

# %% [markdown]
# Per block, the initial states are $2 \cdot 2h$ numbers, and so are the biases of `up` and `skip`. A
# count that lacks $4h$ per block may lack either, and the check can only name both.

# %% [markdown]
# ## Exercise 9.2 · May these be compared?
#
# A box with sides $dx$ has sides $dx / \text{levels}$ in $y$, so the density in $y$ is larger by
# $\text{levels}^D$: $-\ln p(x) = -\ln p(y) + D \ln \text{levels}$. For 256 levels that is 8 bits
# per dimension, which is why densities on $[0, 1]$ can have negative nats and still be poor models.


# %%
def comparable(nats, D, levels):
    return (nats + D * np.log(levels)) / (D * np.log(2))


check.comparable(comparable)


# %%
def units_forgotten(nats, D, levels):
    return nats / (D * np.log(2))


def the_other_way(nats, D, levels):
    return (nats - D * np.log(levels)) / (D * np.log(2))


def one_dimension_only(nats, D, levels):
    return (nats + np.log(levels)) / (D * np.log(2))


course.show(check.comparable(units_forgotten), check.comparable(the_other_way))

# %% [markdown]
# ## Exercise 9.3 · The first steps
#
# $s_t = (1 - \rho^t) g^2$, so the step has length $\eta / \sqrt{1 - \rho^t}$. With $\rho = 0.95$
# the first is 4.5 times as long as it should be, the tenth 1.6 times. Adam's correction makes all
# of them $\eta$; a warm-up does something similar by hand.


# %%
def step_size(lr, decay, t):
    return lr / np.sqrt(1 - decay**t)


check.step_size(step_size)


# %%
def always_the_rate(lr, decay, t):
    return lr


def always_the_first(lr, decay, t):
    return lr / np.sqrt(1 - decay)


def the_root_above(lr, decay, t):
    return lr * np.sqrt(1 - decay**t)


def no_root(lr, decay, t):
    return lr / (1 - decay**t)


def one_step_late(lr, decay, t):
    return lr / np.sqrt(1 - decay ** (t + 1))


course.show(
    check.step_size(always_the_first), check.step_size(the_root_above), check.step_size(no_root)
)

# %% [markdown]
# ## Exercise 9.4 · Before training
#
# The shares' cost is the entropy of one pixel times the number of pixels. The fresh network lies a
# little off it: its last layer begins at a tenth of its size, not at zero. The floor of $N$ different
# images is $\ln N$, and a few hundred updates bring a small network there.


# %%
def shares_cost(x):
    p = x.mean()
    return -x[0].size * (p * np.log(p) + (1 - p) * np.log(1 - p))


def by_heart(model, x, epochs=400):
    pr.Trainer(model, "adam", 0.02, threads=1).fit(x, epochs=epochs, progress=False)
    return float(model.nll(x).mean())


def before_training(model, x):
    above_shares = float(model.nll(x).mean()) - shares_cost(x)
    return above_shares, by_heart(model, x) - np.log(len(x))


check.before_training(before_training)


# %%
def against_a_coin(model, x):
    first = float(model.nll(x).mean())
    return first - x[0].size * np.log(2), by_heart(model, x) - np.log(len(x))


def against_one_pixel(model, x):
    first = float(model.nll(x).mean())
    return first - shares_cost(x) / x[0].size, by_heart(model, x) - np.log(len(x))


def down_to_zero(model, x):
    above_shares = float(model.nll(x).mean()) - shares_cost(x)
    return above_shares, by_heart(model, x)


def measured_afterwards(model, x):
    last = by_heart(model, x)
    return last - shares_cost(x), last - np.log(len(x))


def too_short(model, x):
    above_shares = float(model.nll(x).mean()) - shares_cost(x)
    return above_shares, by_heart(model, x, epochs=5) - np.log(len(x))


def never_trained(model, x):
    first = float(model.nll(x).mean())
    return first - shares_cost(x), first - np.log(len(x))


course.show(
    check.before_training(against_a_coin),
    check.before_training(down_to_zero),
    check.before_training(too_short),
)

# %% tags=["answers"]
RIGHT = {
    "parameters": parameters,
    "comparable": comparable,
    "step_size": step_size,
    "before_training": before_training,
}
WRONG = {
    "parameters": [
        without_the_skips,
        without_initial_states,
        without_biases_of_up_and_skip,
        one_direction,
        a_second_bias,
        one_hidden_layer,
        without_masked_weights,
    ],
    "comparable": [units_forgotten, the_other_way, one_dimension_only],
    "step_size": [always_the_rate, always_the_first, the_root_above, no_root, one_step_late],
    "before_training": [
        against_a_coin,
        against_one_pixel,
        down_to_zero,
        measured_afterwards,
        too_short,
        never_trained,
    ],
}
