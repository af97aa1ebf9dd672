# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 90 · Appendix to 02: mixtures of bells
#
# **What you will do.** Let a mixture of bells compete with a free histogram for the next pixel of a
# photograph, on few data and on many; see how a density cheats, and how it is compared with a
# probability; derive the way back through a mixture.
#
# **What you will learn.** What a prior is worth, in bits and in data; why the paper's rival of the
# softmax, the MCGSM, was a strong one; how a mixture is fitted, by expectation maximisation and by
# gradient.
#
# **What you need.** [02](02_softmax_pixels.ipynb). Of what follows, §5.1 in
# [09](09_training_and_results.ipynb) needs "Probability and density".

# %%
import numpy as np

import pixelrnn_np as pr
from pixelrnn_np import course, figures
from pixelrnn_np.course import n90 as check
from pixelrnn_np.course.n90 import gaussian_bins
from pixelrnn_np.inspection import gradcheck

rng = np.random.default_rng(90)
values = np.arange(256)

# %% [markdown]
# ## The idea
#
# By how much does the red of a pixel differ from that of its left neighbour? Here is how often each
# difference occurs in the crops of two photographs, and a Gaussian of the same mean and width. The
# axis is logarithmic, and there a Gaussian is a parabola.


# %%
def pairs(split):
    """Red of every pixel and of its right neighbour: two uint8 arrays (N,)."""
    red = pr.load_data("photos", split)[..., 0]
    return red[:, :, :-1].ravel(), red[:, :, 1:].ravel()


(left, right), (left_test, right_test) = pairs("train"), pairs("test")
difference = right.astype(int) - left
shown = np.arange(-150, 151)
share = np.bincount(difference + 255, minlength=511)[shown + 255] / len(difference)
mean, std = difference.mean(), difference.std()
gaussian = np.exp(-(((shown - mean) / std) ** 2) / 2) / (std * np.sqrt(2 * np.pi))
figures.lines(
    {"counted": (shown, share), "one Gaussian": (shown, gaussian)},
    "red of a pixel minus red of its left neighbour",
    "p, logarithmic",
    log=True,
    ylim=(1e-5, 1),
    markers=False,
)

# %% [markdown]
# The data have a sharp top and long tails: mostly the pixel goes on as its neighbour, and sometimes
# an edge begins. No single bell has both.
#
# The paper's rival (§5.3) is therefore a mixture: several bells of different widths, each with a
# weight. A narrow one makes the top, a wide one the tails. So much is *told* to such a model. A
# free distribution over 256 values is told nothing.
#
# A bell is a curve, and a pixel has whole values. So each value $v$ gets a *bin*, from
# $v - \tfrac12$ to $v + \tfrac12$. The area of the curve over it is the *mass* of the value, its
# probability. What lies off the scale is gathered in the two outer bins. `gaussian_bins(mean, std)`
# gives these masses for the values 0 to 255.
#
# ## Exercise 90.1 · A bell in bins
#
# Write it, for **any** distribution function: `cdf(y)` gives the share below a number `y`. Return
# the masses of the values $0, \dots, \text{levels} - 1$, an array `(levels,)` that sums to 1.
#
# <details><summary>Hint</summary>
#
# The mass between two edges is a difference of two values of `cdf`. How many edges lie *between*
# `levels` bins, and which values of the distribution function stand at the two ends?
# </details>


# %%
def bins(cdf, levels):
    masses = ...  # your code: an array (levels,)
    return masses


check.bins(bins)

# %% [markdown]
# ## A contest by counting
#
# Predict the red of a pixel from its left neighbour, in three ways, all fitted to pairs from the
# training crops and measured on pairs from other parts of the photographs. (The crops overlap: the
# more pairs are taken, the more of them are the same ones again.)
#
# - **A Gaussian** for every value of the neighbour, with its own mean and width.
# - **A mixture** of four Gaussians around the neighbour's value: the widths are the same for all
#   neighbours, the weights depend on the neighbour. (The figures call it *four widths*.)
# - **A free histogram** for every value of the neighbour: 256 numbers each, the softmax's way.


# %%
def counted(a, b):
    """(256, 256): how often value b followed value a."""
    return np.bincount(256 * a.astype(int) + b, minlength=65536).reshape(256, 256)


def free(a, b):
    table = counted(a, b) + 0.1  # nothing is impossible
    return table / table.sum(axis=1, keepdims=True)


# %% [markdown]
# One Gaussian for each value of the neighbour: the mean and the width of the steps from it. (A
# neighbour that was seldom seen borrows from all others.)


# %%
def one_gaussian(a, b):
    step = b.astype(float) - a
    n, few = np.bincount(a, minlength=256), 10  # as if each had seen 10 average pairs as well
    mean = (np.bincount(a, step, 256) + few * step.mean()) / (n + few)
    square = (np.bincount(a, step**2, 256) + few * (step**2).mean()) / (n + few)
    std = np.sqrt(square - mean**2)
    return np.stack([gaussian_bins(v + mean[v], std[v]) for v in values])


# %% [markdown]
# The mixture is fitted by *expectation maximisation*, which takes turns. Given widths and weights,
# every difference belongs to each bell with some share, the bell's part of the whole density there.
# Given shares, a bell's weight is its mean share, and its width the root of the mean square of the
# differences, each counted with its share. No such turn makes the data less probable. (The code
# adds two precautions: no bell gets narrower than 0.4, and each neighbour borrows 20 average
# pairs.)


# %%
def four_widths(a, b, rounds=40):
    counts, difference = counted(a, b), np.arange(-255, 256)
    histogram = np.bincount((255 + values[None] - values[:, None]).ravel(), counts.ravel(), 511)
    weight, std = np.full(4, 0.25), np.array([1.0, 4, 12, 40])
    for _ in range(rounds):  # the widths, from all neighbours together
        share = weight * np.exp(-(difference[:, None] ** 2) / (2 * std**2)) / std + 1e-300
        share *= (histogram / share.sum(axis=1))[:, None]
        weight = share.sum(axis=0) / share.sum()
        std = np.sqrt((share * difference[:, None] ** 2).sum(axis=0) / share.sum(axis=0)).clip(0.4)
    bells = np.stack([[gaussian_bins(v, s) for s in std] for v in values])  # (256, 4, 256)
    weights = np.tile(weight, (256, 1))
    for _ in range(rounds):  # each neighbour's weights, as if it had seen 20 average pairs as well
        p = np.einsum("vk,vkx->vx", weights, bells) + 1e-300
        weights = weights * np.einsum("vx,vkx->vk", counts / p, bells) + 20 * weight
        weights /= weights.sum(axis=1, keepdims=True)
    return np.einsum("vk,vkx->vx", weights, bells)


# %% [markdown]
# Now all three on more and more pairs:

# %%
shuffled = rng.permutation(len(left))
sizes = [300, 1000, 3000, 10_000, 30_000, 100_000, 300_000]
ways = {"free histogram": free, "one Gaussian": one_gaussian, "four widths": four_widths}
bits, learned = {name: [] for name in ways}, {}
for n in sizes:
    few = shuffled[:n]
    for name, way in ways.items():
        learned[name] = way(left[few], right[few])
        p = np.maximum(learned[name][left_test, right_test], 1e-12)
        bits[name].append(float(-np.log2(p).mean()))
figures.lines(
    {name: (sizes, found) for name, found in bits.items()},
    "pairs to learn from",
    "bits per value, test",
    logx=True,
    ylim=(4, 6.5),
)

# %% [markdown]
# (Every value equally likely would cost 8 bits.) Read it from the right. With many pairs the free
# histogram is far ahead of the Gaussian, which pays dearly for every edge: a value in its tails has
# almost no mass. (It is even spared the worst: no value costs more than 40 bits here.) The mixture
# is better still, because it was told what photographs are like: near the neighbour, and sometimes
# far off.
#
# Read it from the left, and you see the price of having no prior. A free distribution learns every
# value by itself. It needs 100,000 pairs for what the mixture knows after 300. With 300,000 it is
# still behind, and still falling.

# %%
assert bits["free histogram"][4] > bits["four widths"][0] >= bits["free histogram"][5] - 0.02
assert bits["four widths"][-1] < bits["free histogram"][-1] < bits["one Gaussian"][-1] - 0.5
figures.Table(
    ["bits per value, test", "300 pairs", "100,000", "300,000"],
    [[name, found[0], found[5], found[6]] for name, found in bits.items()],
    form="{:.2f}",
)

# %% [markdown]
# Here is what each has made of 300,000 pairs, for two values of the left neighbour. The Gaussian
# falls faster and faster, and leaves nothing for an edge. The mixture has a sharp top and long
# tails. The free histogram, the pale area, is jagged: shared out among 256 neighbours, 300,000 pairs
# are few. (Its floor is the 0.1 that every count begins with. At the ends the two others jump, since
# what lies off the scale is gathered there.)


# %%
def draw_learned(a=100):
    panel = {name: table[a] for name, table in learned.items()}  # the first is drawn as an area
    title = f"red of a pixel whose left neighbour has {a}"
    return figures.distributions({title: panel}, ylabel="p, logarithmic", low=1e-5, top=1)


course.interactive(draw_learned, a=(0, 255), static=[{"a": 100}, {"a": 250}])

# %% [markdown]
# That is the trade, and it says when the softmax can win: when data are plenty, and when what there
# is to learn goes beyond the prior. The paper has 150 million sub-pixels of CIFAR-10 and a network
# that sees more than one neighbour, shares what it learns among all contexts, and then finds shapes
# that no one had thought of.

# %% [markdown]
# ## Probability and density
#
# Other models of images give a *density*: a curve $f(y)$ over real numbers whose area is 1. Can its
# $-\ln f$ be compared with a softmax's $-\ln p$?
#
# Not just so. Pixels are whole numbers, and a density may put a needle on each of them, a very
# narrow bell. The narrower it is, the higher it must be to keep its area. Here a needle stands on
# each of the 256 values of red, and its area is how often the value occurs. The thinner the
# needles, the better the score, although nothing is learned:

# %%
marginal = np.bincount(right, minlength=256) / len(right)


def bell(mean, std):
    """A Gaussian's density at the values 0 … 255: (256,)."""
    return np.exp(-(((values - mean) / std) ** 2) / 2) / (std * np.sqrt(2 * np.pi))


rows = []
for std in (1.0, 0.1, 0.01, 0.001):
    height = sum(marginal[v] * bell(v, std) for v in values)
    rows.append([std, float(-(marginal * np.log2(height)).sum())])
figures.Table(
    ["width of the needles", "bits of the density at the values"], rows, form=["{:g}", "{:.2f}"]
)

# %% [markdown]
# The last one claims less than nothing. Two comparisons are honest.
#
# - **Take the density's area over each value's bin**, from $v - \tfrac12$ to $v + \tfrac12$. An
#   area is a probability.
# - **Add noise to the data.** To every value $v$ add a number $u$ drawn evenly from $[0, 1)$, and
#   measure densities on $y = v + u$. A needle catches next to none of these. A discrete model is
#   then a density too, one of constant height $p(v)$ over $[v, v + 1)$. The interval has length 1,
#   so area and height are the same number, and $-\ln f(v + u) = -\ln p(v)$ for every $u$.
#
# The second is how the paper puts softmaxes and densities into one table
# ([09](09_training_and_results.ipynb), §5.1). One trap is left, the **scale**: if values are
# divided by 256, a density becomes 256 times as high, and its score falls by 8 bits per dimension
# for nothing. Whoever reports a density in bits/dim means values from 0 to 256.
#
# ### A density is never cheaper than its bins
#
# With such noise the bin of $v$ is $[v, v + 1)$. The function $-\ln$ is convex, and so (Jensen's
# inequality) the mean of $-\ln f$ over the bin is at least $-\ln$ of the mean of $f$. As the bin
# has length 1, this mean is its mass:
#
# $$\begin{aligned} \int_0^1 -\ln f(v + u)\,du &\ge -\ln \int_0^1 f(v + u)\,du\\
#   &= -\ln(\text{mass}). \end{aligned}$$
#
# Here are both sides for Gaussians around the middle of a bin:

# %%
rows = []
noise = (np.arange(200) + 0.5) / 200  # evenly over [0, 1)
for std in (0.2, 1.0, 5.0):
    distance = (noise - 0.5) / std
    on_noise = float(np.mean(distance**2 / 2 + np.log(std * np.sqrt(2 * np.pi))) / np.log(2))
    in_bin = float(-np.log2(gaussian_bins(128, std)[128]))
    assert on_noise >= in_bin
    rows.append([std, on_noise, in_bin])
figures.Table(
    ["width of the Gaussian", "density on noisy data, bits", "mass of the bin, bits"],
    rows,
    form=["{:g}", "{:.3f}", "{:.3f}"],
)

# %% [markdown]
# A wide curve is nearly flat over the bin, and both agree. A narrow one is not, and pays for it.
#
# ## Exercise 90.2 · On another scale
#
# A model of densities was trained on $y = (v + u) / s$, with values $v$ from 0 to 255, noise $u$
# and a scale $s$. Its mean score is $-\ln f(\mathbf y) =$ `nats` per image of `D` values; the score
# may be negative. Return what stands beside a softmax's number in a table: bits per dimension of
# the density of $v + u$.
#
# <details><summary>Hint</summary>
#
# Squeeze the axis by $s$, and a curve of area 1 becomes $s$ times as high, in each of the $D$
# dimensions. So which of the two densities is the higher one, and what happens to its $-\ln$?
# </details>


# %%
def fair_bits(nats, D, s):
    bits_per_dim = ...  # your code
    return bits_per_dim


check.fair_bits(fair_bits)

# %% [markdown]
# ## Backwards through a mixture, step by step
#
# A network that ends in a mixture hands out three numbers for each bell $k$: the logarithm of a
# weight, $a_k$; a mean, $m_k$; and $l_k$, the logarithm of how narrow it is, $s_k = e^{l_k}$, which is
# one over a width. Value $v$ lies at $y_v$ on a scale from $-1$ to 1.

# %%
figures.mixture_parts()

# %% [markdown]
# How far is the value from the bell, in widths? That is $\text{distance}_{k,v} = (y_v - m_k)\, s_k$. The
# bell's height there, up to a constant that all bells share, is given by its logarithm,
#
# $$\ln \text{height}_{k,v} = a_k + l_k - \tfrac12\, \text{distance}_{k,v}^2,$$
#
# and the logarithm of the sum of all heights is the value's logit:
#
# $$z_v = \ln \sum_k \text{height}_{k,v}.$$
#
# A softmax turns the $z_v$ into probabilities $p_v$. If the value $x$ happened, $dz_v = p_v - [v = x]$.
# (This is the gradient of [02](02_softmax_pixels.ipynb); there $k$ counted the values, here it counts the
# bells.)
#
# **1. From the sum to the bells.** Each bell gets its *share* of the value, as in the picture:
# $\text{share}_{k,v} = \text{height}_{k,v} / e^{z_v}$. That is the gradient of a softmax, now over the
# bells: $d\ln\text{height}_{k,v} = \text{share}_{k,v}\, dz_v$.
#
# **2. The weight** is in the height at all values: $da_k = \sum_v d\ln\text{height}_{k,v}$.
#
# **3. The mean.** The height falls with the square of the distance, and the distance falls as the
# mean grows: $dm_k = \sum_v d\ln\text{height}_{k,v} \cdot \text{distance}_{k,v}\; s_k$.
#
# **4. The width** comes in twice, by itself and in the distance, whose derivative with respect to
# $l_k$ is the distance: $dl_k = \sum_v d\ln\text{height}_{k,v}\,(1 - \text{distance}_{k,v}^2)$.
#
# The code adds constants, so that outputs of zero are bells side by side: `start` to the means, and
# 1 to `log_s`, which gives $l$. (In the height this 1 is left out. What is added to all
# heights alike does not change a softmax.)

# %%
LEVELS = 17
scale = np.linspace(-1, 1, LEVELS)


def mixture(count):
    """A last step with `count` bells: outputs (…, 3, count) → logits (…, 17), and the way back."""
    start = np.linspace(-1, 1, count + 2)[1:-1, None]  # the means begin spread out

    def last(outputs):
        log_weight, mean, log_s = (outputs[..., k, :, None] for k in range(3))
        s = np.exp(log_s + 1)
        distance = (scale - mean - start) * s
        log_height = log_weight + log_s - distance**2 / 2
        top = log_height.max(axis=-2, keepdims=True)
        logits = top + np.log(np.exp(log_height - top).sum(axis=-2, keepdims=True))

        def back(dlogits):
            share = np.exp(log_height - logits)
            dlog_height = share * dlogits[..., None, :]  # 1
            return np.stack(
                [
                    dlog_height.sum(axis=-1),  # 2
                    (dlog_height * distance * s).sum(axis=-1),  # 3
                    (dlog_height * (1 - distance**2)).sum(axis=-1),  # 4
                ],
                axis=-2,
            )

        return logits[..., 0, :], back

    return last


outputs, weight = rng.standard_normal((4, 3, 5)) / 10, rng.standard_normal((4, LEVELS)) / 10
_, back = mixture(5)(outputs)
exact = back(weight)
errors = gradcheck.compare(
    lambda: (mixture(5)(outputs)[0] * weight).sum(), {"outputs": outputs}, {"outputs": exact}, rng
)
error = errors["outputs"]
assert error < 1e-6
print(f"the way back through five bells: relative error {error:.0e}")

# %% [markdown]
# ### How many bells make a histogram?
#
# Without a network: one distribution for each of the 64 places of the 8×8 digits, fitted to their
# frequencies by gradient descent. The histogram of the place is the best that there can be.

# %%
digits = pr.load_data("digits", "train")[..., 0]
frequency = np.eye(LEVELS)[digits].mean(axis=0)  # (8, 8, 17)


def fitted(count, steps=2000):
    """The distributions of all places by `count` bells each: (8, 8, 17)."""
    outputs, last = np.zeros((8, 8, 3, count)), mixture(count)
    for _ in range(steps):
        logits, back = last(outputs)
        p = np.exp(logits - logits.max(axis=-1, keepdims=True))
        p /= p.sum(axis=-1, keepdims=True)
        outputs -= 0.1 * np.clip(back(p - frequency), -1, 1)
    return p


places = {count: fitted(count) for count in (1, 2, 5)}
costs = {
    f"bells: {count}": float(-(frequency * np.log2(p)).sum(axis=-1).mean())
    for count, p in places.items()
}
best = -(frequency * np.log2(np.maximum(frequency, 1e-300))).sum(axis=-1).mean()
costs["the histogram"] = float(best)
assert list(costs.values()) == sorted(costs.values(), reverse=True)
figures.bars(costs, "bits per pixel, training", form="{:.3f}")

# %% [markdown]
# Look at two places: paper and ink at once is what a single bell cannot say. The best that it can
# do is to lie flat. Two bells say both; five also follow the step at the upper end of the scale. At
# place (2, 5) even five fall short of the bar at 0.


# %%
def draw_place(row=2, column=5):
    found = {}
    for r, q in ((row, column), (3, 3)):
        found[f"place ({r}, {q})"] = {"counted": frequency[r, q]} | {
            f"bells: {count}": p[r, q] for count, p in places.items()
        }
    return figures.distributions(found, top=0.3)


course.interactive(draw_place, row=(0, 7), column=(0, 7))

# %% [markdown]
# ## Exercise 90.3 · How wide is a mixture?
#
# A mixture has weights `w` that sum to 1, means `m` and standard deviations `s`, three arrays of
# the same length. Return its own mean and standard deviation, two floats.
#
# <details><summary>Hint</summary>
#
# The mean of $y^2$ in one bell is $s_k^2 + m_k^2$. A variance is the mean of $y^2$ minus the square
# of the mean of $y$, in a mixture too.
# </details>


# %%
def mean_and_std(w, m, s):
    mean, std = ..., ...  # your code
    return mean, std


check.mean_and_std(mean_and_std)

# %% [markdown]
# ## What to take away
#
# - A prior is worth data: four widths know after 300 pairs what a free distribution learns from
#   100,000.
# - Nothing limits a free distribution but the data: with enough of them it ends at the histogram,
#   whatever its shape.
# - Each bell of a mixture gets its share of the gradient, $\text{share}_{k,v}\,dz_v$.
# - Compare densities with probabilities on data with noise from $[0, 1)$, or by bins; never at the
#   whole numbers themselves, and never on another scale.
#
# ## Further reading
#
# - The paper: §5.3 of [Pixel Recurrent Neural Networks](https://arxiv.org/abs/1601.06759).
# - The source: [likelihood.py](../pixelrnn_np/likelihood.py),
#   [course/n90.py](../pixelrnn_np/course/n90.py).
# - L. Theis and M. Bethge, *Generative Image Modeling Using Spatial LSTMs* (2015,
#   [arXiv:1506.03478](https://arxiv.org/abs/1506.03478)): the MCGSM at the end of a recurrent
#   network, the paper's rival.
# - T. Salimans, A. Karpathy, X. Chen and D. P. Kingma, *PixelCNN++* (2017,
#   [arXiv:1701.05517](https://arxiv.org/abs/1701.05517)): a mixture of logistic bells in place of
#   the softmax, trained by a gradient like the one derived here.
# - L. Theis, A. van den Oord and M. Bethge, *A note on the evaluation of generative models* (2015,
#   [arXiv:1511.01844](https://arxiv.org/abs/1511.01844)): densities, probabilities, and noise.
#
# Solutions: [solutions/90_bells](solutions/90_bells.ipynb). Back to
# [02 · Softmax pixels](02_softmax_pixels.ipynb).
