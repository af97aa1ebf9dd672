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
# written down directly. The sum lies between 1 and the number of levels.


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


def probabilities(z):
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


course.show(*(check.log_softmax(f) for f in (as_it_stands, one_maximum_for_all)))
course.show(*(check.log_softmax(f) for f in (logarithm_afterwards, probabilities)))

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

# %% tags=["answers"]
RIGHT = {"log_softmax": log_softmax, "batch_gradient": batch_gradient}
WRONG = {
    "log_softmax": [as_it_stands, one_maximum_for_all, logarithm_afterwards, probabilities],
    "batch_gradient": [divided_twice, of_the_sum, uphill],
}
