# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Solutions of 01 · Pixel by pixel
#
# Each exercise of [the notebook](../01_pixel_by_pixel.ipynb), a solution, and mistakes that are
# easily made, with what the check says of them.

# %%
import numpy as np

from pixelrnn_np import course
from pixelrnn_np.course import n01 as check

# %% [markdown]
# ## Exercise 1.1 · How many choices are left?
#
# One value costs $\text{nats}/D$ on average, a fair choice among $m$ costs $\ln m$: so
# $m = e^{\text{nats}/D}$. This number is known as the *perplexity*. In bits/dim it is
# $2^{\text{bits/dim}}$: the paper's 3.00 bits/dim on CIFAR-10 are 8 choices of 256, and 79.20 nats
# on MNIST are 1.106 of 2.


# %%
def choices(nats, D):
    return np.exp(nats / D)


check.choices(choices)

# %% [markdown]
# To forget $D$ asks how many *images* are left, which is a number beyond all bounds. And
# $2^{\dots}$ belongs to bits.


# %%
def of_the_whole_image(nats, D):
    with np.errstate(over="ignore"):
        return np.exp(nats)


def nats_for_bits(nats, D):
    return 2 ** (nats / D)


course.show(check.choices(of_the_whole_image), check.choices(nats_for_bits))

# %% [markdown]
# ## Exercise 1.2 · Fill in
#
# It is the sampler of the notebook, with an `if`. What counts is that `p_one` is given the image
# that is being filled, so that a drawn pixel is known to all that follow.


# %%
def fill(x, known, p_one, u):
    image = x.copy()
    for r, q in np.ndindex(x.shape):
        if not known[r, q]:
            image[r, q] = u[r, q] < p_one(image, r, q)
    return image


check.fill(fill)

# %% [markdown]
# The first mistake draws all unknown pixels at once from the image as it was. It looks like a
# speed-up; what it draws are pixels that know nothing of each other. The second one goes on drawing
# where the picture was known.


# %%
def all_at_once(x, known, p_one, u):
    H, W = x.shape
    p = np.array([[p_one(x, r, q) for q in range(W)] for r in range(H)])
    return np.where(known, x, u < p)


def draws_known_ones(x, known, p_one, u):
    image = x.copy()
    for r, q in np.ndindex(x.shape):
        image[r, q] = u[r, q] < p_one(image, r, q)
    return image


def column_by_column(x, known, p_one, u):
    image = x.copy()
    for q, r in np.ndindex(x.shape[::-1]):
        if not known[r, q]:
            image[r, q] = u[r, q] < p_one(image, r, q)
    return image


def coin_the_other_way(x, known, p_one, u):
    image = x.copy()
    for r, q in np.ndindex(x.shape):
        if not known[r, q]:
            image[r, q] = u[r, q] > p_one(image, r, q)
    return image


def most_probable(x, known, p_one, u):
    image = x.copy()
    for r, q in np.ndindex(x.shape):
        if not known[r, q]:
            image[r, q] = p_one(image, r, q) > 0.5
    return image


course.show(*(check.fill(f) for f in (all_at_once, draws_known_ones, column_by_column)))

# %% [markdown]
# $u > p$ is as good a coin, but one that falls on 1 with probability $1 - p$. And without $u$ there
# is no chance at all: the most probable pixels, one after the other, are one image and no sample.

# %%
course.show(check.fill(coin_the_other_way), check.fill(most_probable))

# %% [markdown]
# ## Exercise 1.3 · Where does it rest?
#
# $db = \sum (\sigma(b) - v)$ is zero when $\sigma(b)$ is the mean of the pixels: the model says "1" as
# often as it happens. Solve $p = 1 / (1 + e^{-b})$ for $b$: $e^{-b} = (1 - p)/p$, and
# $b = \ln \frac{p}{1 - p}$, the *log-odds*. This project starts its networks with such biases, so that
# they need not spend their first steps on learning how much ink there is.


# %%
def resting_bias(x):
    p = np.mean(x)
    return np.log(p / (1 - p))


check.resting_bias(resting_bias)

# %% [markdown]
# The share itself is a probability, between 0 and 1; a logit is any number, 0 at one half.


# %%
def the_share(x):
    return np.mean(x)


def log_of_the_share(x):
    return np.log(np.mean(x))


def upside_down(x):
    return np.log((1 - np.mean(x)) / np.mean(x))


course.show(*(check.resting_bias(f) for f in (the_share, log_of_the_share, upside_down)))

# %% [markdown]
# ## Exercise 1.4 · Split a colour
#
# Add up over what is not asked for, then divide. Multiplied together the three give `joint` again,
# which is equation (2).


# %%
def split_colours(joint):
    p_RG = joint.sum(axis=2)
    p_R = p_RG.sum(axis=1)
    return p_R, p_RG / p_R[:, None], joint / p_RG[:, :, None]


check.split_colours(split_colours)

# %% [markdown]
# `p_RG / p_R` without the new axis divides by $p(g)$'s place: NumPy lines up the *last* axes. The
# shapes fit, and the numbers are those of another question. The second mistake forgets what the bar
# means: it gives each colour for itself.


# %%
def wrong_axis(joint):
    p_RG = joint.sum(axis=2)
    p_R = p_RG.sum(axis=1)
    return p_R, p_RG / p_R, joint / p_RG


def each_for_itself(joint):
    shape = joint.shape
    p_R, p_G, p_B = joint.sum((1, 2)), joint.sum((0, 2)), joint.sum((0, 1))
    return p_R, np.broadcast_to(p_G, shape[:2]), np.broadcast_to(p_B, shape)


course.show(check.split_colours(wrong_axis), check.split_colours(each_for_itself))

# %% tags=["answers"]
RIGHT = {
    "choices": choices,
    "fill": fill,
    "split_colours": split_colours,
    "resting_bias": resting_bias,
}
WRONG = {
    "choices": [of_the_whole_image, nats_for_bits],
    "fill": [all_at_once, draws_known_ones, column_by_column, coin_the_other_way, most_probable],
    "split_colours": [wrong_axis, each_for_itself],
    "resting_bias": [the_share, log_of_the_share, upside_down],
}
