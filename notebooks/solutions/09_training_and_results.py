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


course.show(
    check.parameters(without_the_skips),
    check.parameters(without_initial_states),
    check.parameters(one_hidden_layer),
)

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


course.show(check.step_size(always_the_first), check.step_size(the_root_above))

# %% tags=["answers"]
RIGHT = {"parameters": parameters, "comparable": comparable, "step_size": step_size}
WRONG = {
    "parameters": [
        without_the_skips,
        without_initial_states,
        one_hidden_layer,
        without_masked_weights,
    ],
    "comparable": [units_forgotten, the_other_way, one_dimension_only],
    "step_size": [always_the_rate, always_the_first, the_root_above],
}
