# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Solutions of 90 · Mixtures of bells
#
# Each exercise of [the notebook](../90_bells.ipynb), a solution, and mistakes that are easily made,
# with what the check says of them.

# %%
import numpy as np

from pixelrnn_np import course
from pixelrnn_np.course import n90 as check

# %% [markdown]
# ## Exercise 90.1 · A bell in bins
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


course.show(*(check.bins(f) for f in (without_the_tails, density_at_the_values)))
course.show(check.bins(bins_from_v_to_v_plus_1))

# %% [markdown]
# ## Exercise 90.2 · On another scale
#
# $y$ lives on an axis that is $s$ times shorter, so its density is $s$ times as high in each
# dimension: $f(\mathbf y) = s^D f(\mathbf v + \mathbf u)$. The fair score is larger than the reported
# one by $D \ln s$ nats. A model of $[-1, 1]$ has $s = 127.5$ (moving the axis changes nothing), and
# its bits per dimension look seven too good.


# %%
def fair_bits(nats, D, s):
    return (nats / D + np.log(s)) / np.log(2)


check.fair_bits(fair_bits)

# %% [markdown]
# The sign is the usual mistake. A check for it: a scale of 256 must make a score *worse*, by 8 bits.


# %%
def wrong_way_round(nats, D, s):
    return (nats / D - np.log(s)) / np.log(2)


def one_dimension(nats, D, s):
    return (nats + np.log(s)) / D / np.log(2)


def scale_forgotten(nats, D, s):
    return nats / D / np.log(2)


def nats_and_bits(nats, D, s):
    return nats / D + np.log2(s)


course.show(*(check.fair_bits(f) for f in (wrong_way_round, one_dimension, nats_and_bits)))

# %% [markdown]
# ## Exercise 90.3 · How wide is a mixture?
#
# $y$ and $y^2$ have means that mix with the weights; a standard deviation does not.


# %%
def mean_and_std(w, m, s):
    mean = float(w @ m)
    return mean, float(np.sqrt(w @ (s**2 + m**2) - mean**2))


check.mean_and_std(mean_and_std)

# %% [markdown]
# Two narrow bells far apart make a wide mixture. The mean of the widths does not know of it, and
# neither does the mean of the variances.


# %%
def mean_of_the_widths(w, m, s):
    return w @ m, w @ s


def mean_of_the_variances(w, m, s):
    return w @ m, np.sqrt(w @ s**2)


def the_variance(w, m, s):
    return w @ m, w @ (s**2 + m**2) - (w @ m) ** 2


course.show(*(check.mean_and_std(f) for f in (mean_of_the_widths, mean_of_the_variances)))
course.show(check.mean_and_std(the_variance))

# %% tags=["answers"]
RIGHT = {"bins": bins, "fair_bits": fair_bits, "mean_and_std": mean_and_std}
WRONG = {
    "bins": [without_the_tails, density_at_the_values, bins_from_v_to_v_plus_1],
    "fair_bits": [wrong_way_round, one_dimension, scale_forgotten, nats_and_bits],
    "mean_and_std": [mean_of_the_widths, mean_of_the_variances, the_variance],
}
