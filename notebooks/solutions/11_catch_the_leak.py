# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Solutions of 11 · Catch the leak
#
# Each exercise of [the notebook](../11_catch_the_leak.ipynb), a solution, and mistakes that are
# easily made, with what the check says of them.

# %%
import numpy as np

from pixelrnn_np import course
from pixelrnn_np.course import n11 as check
from pixelrnn_np.inspection import checks

# %% [markdown]
# ## Exercise 11.1 · Causality of a black box
#
# One run for the images as they are, and one more per pixel. The outputs that may not move are
# those with numbers `0` to `j`.


# %%
def leaks(logits, x):
    before = logits(x).reshape(len(x), -1)
    found = set()
    for j in range(before.shape[1]):
        changed = x.copy().reshape(len(x), -1)
        changed[:, j] = 1 - changed[:, j]
        moved = (logits(changed.reshape(x.shape)).reshape(before.shape) != before).any(axis=0)
        found |= {(i, j) for i in range(j + 1) if moved[i]}
    return found


check.leaks(leaks)

# %% [markdown]
# Four ways to write a test that passes too much: it forgets the pixel itself, which is the
# commonest leak; it sets the pixel instead of flipping it; it allows a tolerance; it tries one
# image.


# %%
def only_later_pixels(logits, x):
    return {(i, j) for i, j in leaks(logits, x) if j > i}


def sets_the_pixel(logits, x):
    before = logits(x).reshape(len(x), -1)
    found = set()
    for j in range(before.shape[1]):
        changed = x.copy().reshape(len(x), -1)
        changed[:, j] = 1
        moved = (logits(changed.reshape(x.shape)).reshape(before.shape) != before).any(axis=0)
        found |= {(i, j) for i in range(j + 1) if moved[i]}
    return found


def with_a_tolerance(logits, x):
    return leaks(lambda v: np.round(logits(v), 5), x)


def at_one_image(logits, x):
    return leaks(logits, x[:1])


course.show(*(check.leaks(a) for a in (only_later_pixels, with_a_tolerance, at_one_image)))

# %% [markdown]
# ## Exercise 11.2 · Find the leak
#
# A few hundred random images, and the test above:

# %%
images = np.random.default_rng(0).integers(0, 2, (300, 4, 4, 1), np.uint8)
places = [(divmod(i, 4), divmod(j, 4)) for i, j in leaks(check.mystery, images)]
print(places)


def find_the_leak():
    return places[0]


check.find_the_leak(find_the_leak)

# %% [markdown]
# At the black image alone nothing is found: the leak opens where pixel (0, 1) is 1 and (0, 3) is 0.

# %%
print(leaks(check.mystery, np.zeros((1, 4, 4, 1), np.uint8)))


def the_wrong_way_round():
    return places[0][::-1]


def an_earlier_pixel():
    return (1, 2), (0, 1)


course.show(check.find_the_leak(the_wrong_way_round), check.find_the_leak(an_earlier_pixel))

# %% [markdown]
# ## Exercise 11.3 · Who is honest?
#
# Causality at all 512 images, and the sum:

# %%
everything = checks.all_images((3, 3, 1), 2)
for name in "abc":
    logits = getattr(check, f"model_{name}")
    p_one = 1 / (1 + np.exp(-logits(everything)))
    p = np.where(everything == 1, p_one, 1 - p_one).prod(axis=(1, 2, 3))
    print(name, len(leaks(logits, everything)), "pairs,", f"sum - 1 = {p.sum() - 1:.0e}")


def verdicts():
    return "honest", "leaks", "another order"


check.verdicts(verdicts)

# %% [markdown]
# **a** has enormous logits, which is no crime: it is certain, and often wrong. **b** divides by a
# mean over the whole image, as a normalisation over all pixels would do. The leak is small, and its
# sum is off by little only; it is a leak all the same, since training can make it large. **c**
# violates causality and sums to one: it reads column by column.


# %%
def suspects_confidence():
    return "leaks", "honest", "another order"


def takes_the_sum_for_all():
    return "honest", "leaks", "honest"


course.show(check.verdicts(suspects_confidence), check.verdicts(takes_the_sum_for_all))

# %% tags=["answers"]
RIGHT = {"leaks": leaks, "find_the_leak": find_the_leak, "verdicts": verdicts}
WRONG = {
    "leaks": [only_later_pixels, sets_the_pixel, with_a_tolerance, at_one_image],
    "find_the_leak": [the_wrong_way_round, an_earlier_pixel],
    "verdicts": [suspects_confidence, takes_the_sum_for_all],
}
