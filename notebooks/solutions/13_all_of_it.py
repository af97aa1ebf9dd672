# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Solutions of 13 · All of it
#
# Each exercise of [the notebook](../13_all_of_it.ipynb), a solution, and mistakes that are easily
# made, with what the check says of them.

# %%
import numpy as np

from pixelrnn_np import course
from pixelrnn_np.course import n13 as check

# %% [markdown]
# ## Exercise 13.1 · Who reads the padding?
#
# $h$ is read from above and from the left. The $W$ pixels of the first row have nothing above them,
# the $H$ pixels of the first column nothing on the left: $H + W$ readings, the corner being one of
# both. A cell comes from the left only: $H$.


# %%
def readings(H, W):
    return H + W, H


check.readings(readings)

# %% [markdown]
# The corner reads $h_0$ twice. Cells do not come from above. And the padding of the skewed map,
# $H(H-1)$ cells in two triangles, is for the most part read by nobody.


# %%
def corner_once(H, W):
    return H + W - 1, H


def first_column_only(H, W):
    return H, H


def cells_from_above_too(H, W):
    return H + W, H + W


def all_padding(H, W):
    return H * (H - 1), H * (H - 1)


def first_cell_forgotten(H, W):
    return H + W, H - 1


mistakes_1 = corner_once, first_column_only, cells_from_above_too, all_padding, first_cell_forgotten
course.show(*(check.readings(f) for f in mistakes_1))

# %% [markdown]
# ## Exercise 13.2 · How low can it go?
#
# A model has one unit of probability to give away. On the batch it costs $-\sum_j w_j \ln p_j$,
# with $w_j$ the share of image $j$ in the batch, and that is least for $p_j = w_j$: the entropy of
# the batch. For sixteen different images it is $\ln 16 = 2.77$ nats. The network gets there, since
# a chain of conditionals can be any distribution.


# %%
def floor(x):
    _, counts = np.unique(x.reshape(len(x), -1), axis=0, return_counts=True)
    w = counts / len(x)
    return -(w * np.log(w)).sum()


check.floor(floor)

# %% [markdown]
# Nothing costs nothing: a model that gave the probability 1 to each of sixteen images would give
# away 16. Images that are there twice deserve twice the share. And nats have the natural logarithm.


# %%
def by_heart_is_free(x):
    return 0.0


def every_image_anew(x):
    return np.log(len(x))


def equal_shares(x):
    return np.log(len(np.unique(x.reshape(len(x), -1), axis=0)))


def in_bits(x):
    return floor(x) / np.log(2)


def of_the_batch(x):
    return floor(x) * len(x)


mistakes_2 = by_heart_is_free, every_image_anew, equal_shares, in_bits, of_the_batch
course.show(*(check.floor(f) for f in mistakes_2))

# %% [markdown]
# ## Exercise 13.3 · Finish the image
#
# The logits are computed anew for every pixel, since each drawn pixel changes those to come.


# %%
def sigmoid(z):
    return 0.5 + 0.5 * np.tanh(0.5 * z)


def complete(logits, x, known, u):
    finished = np.where(known, x, 0)
    for r, q in np.ndindex(x.shape[1:3]):
        new = u[:, r, q] >= sigmoid(-logits(finished)[:, r, q])
        finished[:, r, q] = np.where(known[:, r, q], finished[:, r, q], new)
    return finished


check.complete(complete)

# %% [markdown]
# One run for all pixels is fast and wrong: each is drawn without knowledge of the others. A
# comparison the wrong way round draws negatives, and $p > \frac12$ draws the same image every time.


# %%
def at_once(logits, x, known, u):
    hidden = np.where(known, x, 0)
    return np.where(known, x, u >= sigmoid(-logits(hidden)))


def forgets_what_is_known(logits, x, known, u):
    return complete(logits, x, np.zeros_like(known), u)


def likeliest(logits, x, known, u):
    return complete(logits, x, known, np.full(u.shape, 0.5))


def other_way_round(logits, x, known, u):
    return complete(logits, x, known, 1 - u)


def in_place(logits, x, known, u):
    x[...] = complete(logits, x, known, u)
    return x


mistakes_3 = at_once, forgets_what_is_known, likeliest, other_way_round, in_place
course.show(*(check.complete(f) for f in mistakes_3))

# %% tags=["answers"]
RIGHT = {"readings": readings, "floor": floor, "complete": complete}
WRONG = {
    "readings": list(mistakes_1),
    "floor": list(mistakes_2),
    "complete": list(mistakes_3),
}
