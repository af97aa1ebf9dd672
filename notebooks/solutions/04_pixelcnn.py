# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Solutions of 04 · PixelCNN
#
# Each exercise of [the notebook](../04_pixelcnn.ipynb), a solution, and mistakes that are easily
# made, with what the check says of them.

# %%
import numpy as np

from pixelrnn_np import course
from pixelrnn_np.course import n04 as check

# %% [markdown]
# ## Exercise 4.1 · The field in numbers
#
# Each layer climbs as far as its kernel: $3 + L$ rows in all. To the left each goes as far as its
# kernel too, and may climb meanwhile: $3 + L$ columns in every row. To the right the 7×7 layer
# gains 3 columns, if it climbs at least one row; the other $d - 1$ steps up can gain one column
# each, as long as there are layers: $3 + \min(d - 1, L)$. In the row itself only what lies to the
# left is seen.


# %%
def columns_seen(q, d, L, W):
    if d > 3 + L:
        return set()
    right = q - 1 if d == 0 else q + 3 + min(d - 1, L)
    return set(range(max(0, q - 3 - L), min(W - 1, right) + 1))


check.columns_seen(columns_seen)

# %% [markdown]
# Without the blind spot the field would be as wide to the right as to the left: this is how it
# looks if one thinks of ordinary convolutions. To forget the $\min$ lets the field grow beyond what
# $L$ layers can reach. And in its own row, mask A hides the pixel itself.


# %%
def without_a_blind_spot(q, d, L, W):
    if d > 3 + L:
        return set()
    right = q - 1 if d == 0 else q + 3 + L
    return set(range(max(0, q - 3 - L), min(W - 1, right) + 1))


def any_depth(q, d, L, W):
    right = q - 1 if d == 0 else q + 2 + d
    return set(range(max(0, q - 3 - L), min(W - 1, right) + 1))


def sees_itself(q, d, L, W):
    return columns_seen(q, d, L, W) | ({q} if d == 0 else set())


course.show(*(check.columns_seen(f) for f in (without_a_blind_spot, any_depth, sees_itself)))

# %% [markdown]
# ## Exercise 4.2 · The leak in the pool
#
# The lower right feature of the block is the last in raster order, and has seen all before it: from
# $(r, q)$ on, the rest of that row, and if $r$ is the upper row of the block, the next row up to
# it. In raster order these are consecutive, so it is the difference of two places. Only the last
# pixel of a block sees nothing that it must not see.


# %%
def leaked(r, q, W):
    last = (r // 2 * 2 + 1) * W + (q // 2 * 2 + 1)
    return last - (r * W + q)


check.leaked(leaked)

# %% [markdown]
# Whoever counts within the block finds three at most, and misses the rest of the row.


# %%
def within_the_block(r, q, W):
    return 3 - (r % 2 * 2 + q % 2)


def with_the_last_pixel(r, q, W):
    return leaked(r, q, W) + 1


course.show(check.leaked(within_the_block), check.leaked(with_the_last_pixel))

# %% [markdown]
# ## Exercise 4.3 · A ReLU in the wrong place
#
# The ReLU's input is the whole sum. What it lets through goes to $x$ as it is and to $a$ through
# $K^\top$.


# %%
def relu_after(dy, x, a, K):
    through = dy * (x + a @ K > 0)
    return through, through @ K.T, np.einsum("rqh,rqf->hf", a, through)


check.relu_after(relu_after)

# %% [markdown]
# `dx = dy` is right for Figure 5, where nothing stands after the sum, and wrong here. Asking for
# the sign of $x$ alone is step 5's question.


# %%
def as_in_figure_5(dy, x, a, K):
    through = dy * (x + a @ K > 0)
    return dy, through @ K.T, np.einsum("rqh,rqf->hf", a, through)


def sign_of_x(dy, x, a, K):
    through = dy * (x > 0)
    return through, through @ K.T, np.einsum("rqh,rqf->hf", a, through)


def mask_for_x_only(dy, x, a, K):
    return dy * (x + a @ K > 0), dy @ K.T, np.einsum("rqh,rqf->hf", a, dy)


course.show(*(check.relu_after(f) for f in (as_in_figure_5, sign_of_x, mask_for_x_only)))

# %% [markdown]
# ## Exercise 4.4 · The first loss
#
# $\sigma(\beta) = \bar v$ for $\beta = \ln \frac{\bar v}{1 - \bar v}$. A share $\bar v$ of the
# pixels costs $-\ln \bar v$ each and the rest $-\ln(1 - \bar v)$, and an image has $H W$ of them.
# For the digits that is 40.3 nats, and a network with small random weights begins close to it.


# %%
def first_loss(x):
    v, pixels = x.mean(), x[0].size
    nats = -pixels * (v * np.log(v) + (1 - v) * np.log(1 - v))
    return np.log(v / (1 - v)), nats


check.first_loss(first_loss)

# %% [markdown]
# The bias is a logit and no probability, and its logarithm is one of a ratio. The cost is of a
# whole image, of ones and zeros, in nats; a bias of 0 would make it a coin's.


# %%
def share_for_logit(x):
    return x.mean(), first_loss(x)[1]


def log_share(x):
    return np.log(x.mean()), first_loss(x)[1]


def of_one_pixel(x):
    return first_loss(x)[0], first_loss(x)[1] / x[0].size


def in_bits(x):
    return first_loss(x)[0], first_loss(x)[1] / np.log(2)


def ones_only(x):
    v = x.mean()
    return np.log(v / (1 - v)), -x[0].size * v * np.log(v)


mistakes = share_for_logit, log_share, of_one_pixel, in_bits, ones_only
course.show(*(check.first_loss(f) for f in mistakes))

# %% tags=["answers"]
RIGHT = {
    "columns_seen": columns_seen,
    "leaked": leaked,
    "relu_after": relu_after,
    "first_loss": first_loss,
}
WRONG = {
    "columns_seen": [without_a_blind_spot, any_depth, sees_itself],
    "leaked": [within_the_block, with_the_last_pixel],
    "relu_after": [as_in_figure_5, sign_of_x, mask_for_x_only],
    "first_loss": list(mistakes),
}
