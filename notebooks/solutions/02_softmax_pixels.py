# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Solutions of 02 · Softmax pixels
#
# Each exercise of [the notebook](../02_softmax_pixels.ipynb), a solution, and mistakes that are
# easily made, with what the check says of them.

# %%
import numpy as np

from pixelrnn_np import course
from pixelrnn_np.course import n02 as check

# %% [markdown]
# ## Exercise 2.1 · A logarithm that survives
#
# The largest logit of every row is taken out, and no probability is ever made: the logarithm is
# written down directly. The sum lies between 1 and $K$.


# %%
def log_softmax(z):
    z = z - z.max(axis=-1, keepdims=True)
    return z - np.log(np.exp(z).sum(axis=-1, keepdims=True))


check.log_softmax(log_softmax)

# %% [markdown]
# Three ways to fail. Without the maximum large logits overflow. With *one* maximum for the whole
# array a row far below it becomes all zeros. And whoever computes the softmax first, even a stable
# one, takes the logarithm of probabilities that were rounded to 0.


# %%
def as_it_stands(z):
    return z - np.log(np.exp(z).sum(axis=-1, keepdims=True))


def one_maximum_for_all(z):
    z = z - z.max()
    return z - np.log(np.exp(z).sum(axis=-1, keepdims=True))


def logarithm_afterwards(z):
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return np.log(e / e.sum(axis=-1, keepdims=True))


course.show(*(check.log_softmax(f) for f in (as_it_stands, one_maximum_for_all)))
course.show(check.log_softmax(logarithm_afterwards))

# %% [markdown]
# ## Exercise 2.2 · The gradient of a batch
#
# What the model said minus what happened, divided by the number of images.


# %%
def batch_gradient(logits, x):
    e = np.exp(logits - logits.max(axis=-1, keepdims=True))
    p = e / e.sum(axis=-1, keepdims=True)
    return (p - np.eye(logits.shape[-1])[x]) / len(x)


check.batch_gradient(batch_gradient)

# %% [markdown]
# Dividing by the number of sub-pixels as well gives the gradient of another loss, nats per
# dimension. It points the same way, but is hundreds of times shorter: with a learning rate made for
# the one, the other does not move. Public implementations have divided twice.


# %%
def divided_twice(logits, x):
    return batch_gradient(logits, x) / x[0].size


def of_the_sum(logits, x):
    return batch_gradient(logits, x) * len(x)


def uphill(logits, x):
    return -batch_gradient(logits, x)


course.show(*(check.batch_gradient(f) for f in (divided_twice, of_the_sum, uphill)))

# %% [markdown]
# ## Exercise 2.3 · A bell in bins
#
# Between `levels` bins there are `levels - 1` edges. Below the first bin the distribution function
# counts from 0, above the last it ends at 1: so the tails are in the outer bins.


# %%
def bins(cdf, levels):
    below = [cdf(v - 0.5) for v in range(1, levels)]
    return np.diff([0, *below, 1])


check.bins(bins)

# %% [markdown]
# Edges all the way round leave the tails out, and the rest does not sum to one: such a model pays
# for mass outside the scale. To take the curve's slope at the whole numbers instead is to mix up
# density and mass: for a narrow curve it is far too much.


# %%
def without_the_tails(cdf, levels):
    return np.diff([cdf(v - 0.5) for v in range(levels + 1)])


def density_at_the_values(cdf, levels):
    v, eps = np.arange(levels), 1e-4
    return (cdf(v + eps) - cdf(v - eps)) / (2 * eps)


def bins_from_v_to_v_plus_1(cdf, levels):
    return np.diff([0, *(cdf(float(v)) for v in range(1, levels)), 1])


course.show(check.bins(without_the_tails), check.bins(density_at_the_values))

# %% tags=["answers"]
RIGHT = {"log_softmax": log_softmax, "batch_gradient": batch_gradient, "bins": bins}
WRONG = {
    "log_softmax": [as_it_stands, one_maximum_for_all, logarithm_afterwards],
    "batch_gradient": [divided_twice, of_the_sum, uphill],
    "bins": [without_the_tails, density_at_the_values, bins_from_v_to_v_plus_1],
}
