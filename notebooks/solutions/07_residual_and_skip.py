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
# With $l$ blocks to come: through the LSTM and $K^{up}$, then $N_{l-1}$ ways; past it, if there is a
# residual connection, $N_{l-1}$ more; and one way out through $K^{skip}$, if there is a skip. So
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
# Two arrows leave $y$: to the next block and, through $K^{skip}$, to the head. So first collect
# $d = dy + dskip\,K^{skip\top}$, and from there go on as if it were the $dy$ of a block without a
# skip: $da = d\,K^{up\top}$, $dx = \text{LSTM}^\top(da) + d$.


# %%
def block_back(dy, dskip, K_up, K_skip, lstm_back):
    d = dy + dskip @ K_skip.T
    return lstm_back(d @ K_up.T) + d


check.block_back(block_back)

# %% [markdown]
# The formula of the notebook, with its parts exchanged, sends the skip's gradient into the LSTM but
# not past it. And the matrix of this skip is square. Whoever forgets to transpose it gets no error
# from NumPy, and a wrong gradient.


# %%
def as_in_the_notebook(dy, dskip, K_up, K_skip, lstm_back):
    return lstm_back((dy + dskip @ K_skip.T) @ K_up.T) + dy


def past_but_not_through(dy, dskip, K_up, K_skip, lstm_back):
    return lstm_back(dy @ K_up.T) + dy + dskip @ K_skip.T


def without_the_residual(dy, dskip, K_up, K_skip, lstm_back):
    return lstm_back((dy + dskip @ K_skip.T) @ K_up.T)


def without_the_skip(dy, dskip, K_up, K_skip, lstm_back):
    return lstm_back(dy @ K_up.T) + dy


def not_transposed(dy, dskip, K_up, K_skip, lstm_back):
    d = dy + dskip @ K_skip
    return lstm_back(d @ K_up.T) + d


course.show(check.block_back(as_in_the_notebook), check.block_back(not_transposed))

# %% [markdown]
# ## Exercise 7.3 · How large does the trunk get?
#
# $\operatorname{Var}(x_{L+1}) = first^2 + L\,(factor \cdot added)^2$. With the factor $1/\sqrt L$
# that is $first^2 + added^2$ for any $L$. Were the summands all the same, and not independent, the deviations would add up, and the right
# factor would be $1/L$.


# %%
def spread(L, first, added, factor):
    return np.sqrt(first**2 + L * (factor * added) ** 2)


check.spread(spread)


# %%
def adds_deviations(L, first, added, factor):
    return first + L * factor * added


def forgets_the_root(L, first, added, factor):
    return first**2 + L * (factor * added) ** 2


def factor_not_squared(L, first, added, factor):
    return np.sqrt(first**2 + L * factor * added**2)


def blocks_beside_x_1(L, first, added, factor):
    return first + np.sqrt(L) * factor * added


course.show(
    check.spread(adds_deviations),
    check.spread(factor_not_squared),
    check.spread(blocks_beside_x_1),
)

# %% tags=["answers"]
RIGHT = {"ways": ways, "block_back": block_back, "spread": spread}
WRONG = {
    "ways": [skips_double_too, skips_beside_the_trunk, forgets_the_trunk],
    "block_back": [
        as_in_the_notebook,
        past_but_not_through,
        without_the_residual,
        without_the_skip,
        not_transposed,
    ],
    "spread": [adds_deviations, forgets_the_root, factor_not_squared, blocks_beside_x_1],
}
