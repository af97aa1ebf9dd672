# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Solutions of 07 · Residual and skip connections
#
# Each exercise of [the notebook](../07_residual_and_skip.ipynb), a solution, and mistakes that are
# easily made, with what the check says of them.

# %%
import numpy as np

from pixelrnn_np import course
from pixelrnn_np.course import n07 as check

# %% [markdown]
# ## Exercise 7.1 · How many ways?
#
# With $l$ blocks to come: through the LSTM and $U$, then $N_{l-1}$ ways; past it, if there is a
# residual connection, $N_{l-1}$ more; and one way out through $S$, if there is a skip. So
#
# | | $N_l$ | $N_L$ | $L = 12$ |
# |---|---|---|---|
# | neither | $N_{l-1}$ | $1$ | 1 |
# | skip | $N_{l-1} + 1$ | $L + 1$ | 13 |
# | residual | $2 N_{l-1}$ | $2^L$ | 4,096 |
# | both | $2 N_{l-1} + 1$ | $2^{L+1} - 1$ | 8,191 |
#
# More to the point than their number is their length. With neither, the one way leads through 12
# LSTMs. With skips, the shortest leads through one, but each upper layer is still reached only
# through all lower ones. With residual connections, there is a way past all of them.


# %%
def ways(L, residual, skip):
    count = 1
    for _ in range(L):
        count = count * (1 + residual) + skip
    return count


check.ways(ways)


# %%
def skips_double_too(L, residual, skip):
    return (1 + residual + skip) ** L


def skips_beside_the_trunk(L, residual, skip):
    return (2**L if residual else 1) + L * skip


def forgets_the_trunk(L, residual, skip):
    return 2**L * residual + L * skip


course.show(check.ways(skips_double_too), check.ways(skips_beside_the_trunk))

# %% [markdown]
# The second mistake counts each skip once, but with residual connections there are many ways to
# every skip.
#
# ## Exercise 7.2 · Skips that leave elsewhere
#
# Two arrows leave $y$: to the next block and, through $S$, to the head. So first collect
# $d = dy + ds\,S^\top$, and from there go on as if it were the $dy$ of a block without a skip:
# $da = d\,U^\top$, $dx = \text{LSTM}^\top(da) + d$.


# %%
def block_back(dy, ds, U, S, lstm_back):
    d = dy + ds @ S.T
    return lstm_back(d @ U.T) + d


check.block_back(block_back)

# %% [markdown]
# The formula of the notebook, with its parts exchanged, sends the skip's gradient into the LSTM but
# not past it.


# %%
def as_in_the_notebook(dy, ds, U, S, lstm_back):
    return lstm_back((dy + ds @ S.T) @ U.T) + dy


def past_but_not_through(dy, ds, U, S, lstm_back):
    return lstm_back(dy @ U.T) + dy + ds @ S.T


def without_the_residual(dy, ds, U, S, lstm_back):
    return lstm_back((dy + ds @ S.T) @ U.T)


def not_transposed(dy, ds, U, S, lstm_back):
    d = dy + ds @ S
    return lstm_back(d @ U.T) + d


course.show(check.block_back(as_in_the_notebook), check.block_back(without_the_residual))

# %% [markdown]
# ## Exercise 7.3 · How large does the trunk get?
#
# $\operatorname{Var}(x_{L+1}) = s^2 + L\,g^2 v^2$. With $g = 1/\sqrt L$ that is $s^2 + v^2$ for any
# $L$. Were the summands all the same, and not independent, the deviations would add up, and the right
# factor would be $1/L$.


# %%
def spread(L, s, v, g):
    return np.sqrt(s**2 + L * (g * v) ** 2)


check.spread(spread)


# %%
def adds_deviations(L, s, v, g):
    return s + L * g * v


def forgets_the_root(L, s, v, g):
    return s**2 + L * (g * v) ** 2


def factor_not_squared(L, s, v, g):
    return np.sqrt(s**2 + L * g * v**2)


course.show(check.spread(adds_deviations), check.spread(factor_not_squared))

# %% tags=["answers"]
RIGHT = {"ways": ways, "block_back": block_back, "spread": spread}
WRONG = {
    "ways": [skips_double_too, skips_beside_the_trunk, forgets_the_trunk],
    "block_back": [
        as_in_the_notebook,
        past_but_not_through,
        without_the_residual,
        not_transposed,
    ],
    "spread": [adds_deviations, forgets_the_root, factor_not_squared],
}
