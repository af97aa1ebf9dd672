# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 01 · Pixel by pixel: an image as a chain of small decisions
#
# **What you will do.** Turn one function that guesses one pixel into a distribution over whole
# images: add up the probabilities of all 512 images of 3×3 pixels, write a sampler by hand, let a
# model learn from real digits, and split a coloured pixel into its three values.
#
# **What you will learn.** What the chain rule gives for free (probabilities that sum to one, exact
# likelihoods, exact samples) and what it asks in return (an order, and one step per pixel when
# drawing); what nats, bits and bits per dimension are, and what a number like 79.20 nats means;
# what maximum likelihood is, and how a model follows a gradient to it, batch by batch.
#
# **What you need.** Conditional probabilities, logarithms, derivatives and NumPy. Nothing here
# needs the internet or more than a minute.

# %%
import numpy as np

import pixelrnn_np as pr
from pixelrnn_np import course, figures, likelihood, sampling
from pixelrnn_np.course import n01 as check
from pixelrnn_np.course.n01 import NEIGHBOURS, neighbours
from pixelrnn_np.data import baselines
from pixelrnn_np.inspection import checks

rng = np.random.default_rng(1)

# %%
figures.you_are_here("01")

# %% [markdown]
# ## The idea
#
# We want a model of images: a rule that gives every possible image a probability, high for images
# like those that we have seen, and from which new ones can be drawn.
#
# The plain way is a table with one number per image. A black and white image of 3×3 pixels is one
# of $2^9 = 512$, and that works. With 28×28 pixels there are $2^{784}$ images, and no table will
# ever hold them.
#
# So instead of one hard question ask many easy ones. Number the pixels row by row from the top,
# each row from left to right: the *raster order*. Then ask at each pixel only for **this** pixel,
# with all pixels before it already known. Each answer is one number between 0 and 1.
#
# Two images in raster order. In both, pixel 8 (orange) may know the seven before it (blue), and
# none of those after it (grey).

# %%
small, order = np.arange(1, 10).reshape(3, 3), np.arange(1, 26).reshape(5, 5)
figures.raster({"an image of 3×3": small, "an image of 5×5": order}, 8)

# %% [markdown]
# ## What the paper says (§2 and §2.1, equations 1 and 2; Figure 2, left)
#
# An image of $n \times n$ pixels, written in raster order, is $x_1, \dots, x_{n^2}$. Its
# probability is the product of one conditional probability per pixel:
#
# $$p(\mathbf{x}) = \prod_{i=1}^{n^2} p(x_i \mid x_1, \dots, x_{i-1}) \tag{1}$$
#
# The factor for pixel $i$ is the probability of the value that the pixel *has*, given all values
# before it, written $\mathbf{x}_{<i}$. A coloured pixel has three values, and they follow each
# other in the same manner, red, green, blue:
#
# $$\begin{aligned} p(x_i \mid \mathbf{x}_{<i}) = {}& p(x_{i,R} \mid \mathbf{x}_{<i}) \cr
#   &\cdot p(x_{i,G} \mid \mathbf{x}_{<i}, x_{i,R}) \cr
#   &\cdot p(x_{i,B} \mid \mathbf{x}_{<i}, x_{i,R}, x_{i,G}) \end{aligned} \tag{2}$$
#
# Three points are easily missed.
#
# - Equation (1) is no approximation. It holds for every distribution, because it only applies
#   $p(a, b) = p(a)\,p(b \mid a)$ again and again. The models of this course differ in how they
#   *guess* the factors, and only there can they be wrong.
# - Nothing in (1) asks for the raster order. Any order would do; the paper takes this one, and
#   makes the convolutions and recurrences that follow for it.
# - Each factor depends on a different number of pixels, yet §2 uses one set of parameters for all
#   positions. How one network answers $n^2$ questions of different lengths at once is the subject
#   of [03](03_masked_convolution.ipynb) and all after it.

# %% [markdown]
# ## Slowly
#
# A model of whole images needs one function: the probability that a pixel is 1, given the pixels
# before it. Here is one made by hand. It looks at the left and at the upper neighbour only: where
# they are white (1), this pixel is probably white as well. The *sigmoid*
# $\sigma(z) = 1 / (1 + e^{-z})$ turns any number into one between 0 and 1.


# %%
def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def by_hand(x, r, q):
    """p(x[r, q] = 1 | earlier pixels) of an image x (H, W); outside the image there is 0."""
    left = x[r, q - 1] if q > 0 else 0
    above = x[r - 1, q] if r > 0 else 0
    return sigmoid(-1.5 + 2 * left + 2 * above)


# %% [markdown]
# Equation (1) is a loop around it:


# %%
def probability(x, p_one):
    """p(x) of one image x (H, W) of zeros and ones."""
    product = 1.0
    for r, q in np.ndindex(x.shape):
        p = p_one(x, r, q)
        product *= p if x[r, q] == 1 else 1 - p
    return product


every = checks.all_images((3, 3, 1), 2)[..., 0]  # (512, 3, 3)
p = np.array([probability(x, by_hand) for x in every])
best = np.argsort(-p, kind="stable")[:8]
print(f"{len(every)} images, and their probabilities sum to {p.sum():.12f}")
figures.gallery({f"{n}. {p[k]:.4f}": every[k][..., None] for n, k in enumerate(best, 1)}, 2)

# %% [markdown]
# Above are the eight most probable images, each under its place and its probability. The sum of all
# 512 is one, to the last digit shown, and **nobody normalised anything**. A model that scores whole
# images would have to divide by a sum over all of them; here that sum is 1 by construction.
#
# Why? Add up over the last pixel first. It occurs in one factor only, and its two values have $p$
# and $1-p$: together 1, whatever the other pixels are. That factor is gone. Now the last pixel but
# one is the last, and so on back to the first:
#
# $$\sum_{x_1} p(x_1) \sum_{x_2} p(x_2 \mid x_1) \cdots
#   \underbrace{\sum_{x_{9}} p(x_{9} \mid x_1, \dots, x_{8})}_{=\,1} = 1.$$
#
# The argument has one condition: a later pixel must not occur in an earlier factor. Here is a
# function that breaks it, by looking at the *right* neighbour too. What will the 512 probabilities
# sum to now: still 1, less, or more?


# %%
def peeks(x, r, q):
    """As by_hand, and looks at the right neighbour, which comes later."""
    left = x[r, q - 1] if q > 0 else 0
    above = x[r - 1, q] if r > 0 else 0
    right = x[r, q + 1] if q + 1 < x.shape[1] else 0
    return sigmoid(-2.5 + 2 * left + 2 * above + 2 * right)


total = sum(probability(x, peeks) for x in every)
print(f"sum of the probabilities of all images: {total:.4f}")

# %% [markdown]
# More than everything: this is no distribution any longer. Its numbers cannot be compared with the
# likelihoods of an honest model, and nothing can be drawn from it. [11](11_catch_the_leak.ipynb) is
# about bugs of this kind; the sum over all small images is one of the tests that catch them.
#
# ## Nats, bits, and bits per dimension
#
# Products of many small numbers are a trap of their own. CIFAR-10 is a set of small colour
# photographs, one of three that the paper uses. Each has $32 \cdot 32 \cdot 3 = 3072$ values. A
# good model gives each value a probability around $1/8$, as if eight of the 256 possible ones were
# left and equally likely. The product of these:

# %%
print("a product of 3072 factors 1/8:", np.prod(np.full(3072, 1 / 8)))
print("minus the sum of their logarithms:", round(3072 * np.log(8), 2))

# %% [markdown]
# Zero: the smallest positive number that float64 can hold is $5 \cdot 10^{-324}$. So everyone works
# with $-\ln p$, the *negative log-likelihood* (NLL). Products become sums,
#
# $$-\ln p(\mathbf{x}) = \sum_i -\ln p(x_i \mid \mathbf{x}_{<i}),$$
#
# and each pixel has a price. A pixel that was predicted with probability 1 costs nothing; one that
# got $\tfrac12$ costs $\ln 2 = 0.69$; a surprise is expensive.
#
# The unit of a natural logarithm is the **nat**. With base 2 it is the **bit**, and
# $1 \text{ nat} = 1/\ln 2 = 1.4427$ bits. A probability of $\tfrac12$ costs one bit, $\tfrac14$
# two, and the $\tfrac18$ from above three. Bits have a meaning that one can hold on to: with $p$ at
# hand, a compressor can store the image in about $-\log_2 p(\mathbf{x})$ bits. A better model makes
# smaller files, and the likelihood says how small.
#
# **Bits per dimension** divide by $D$, the number of values ($n^2$, or $3n^2$ in colour), so that
# the number no longer grows with the size of the image ([09](09_training_and_results.ipynb), §5.1):
#
# $$\text{bits/dim} = \frac{-\ln p(\mathbf{x})}{D \ln 2}.$$
#
# A file without any compression has 8 bits per value: this is the model for which all 256 values
# are equally likely. The paper gives MNIST (handwritten digits, 28×28, black and white) in nats per
# image and colour photographs in bits per dimension. Here are two of its results, each below the
# model that knows nothing, in all three units.

# %%
results = {
    "MNIST, a coin for each pixel": (784, 784 * np.log(2)),
    "MNIST, Diagonal BiLSTM": (784, 79.20),
    "CIFAR-10, 256 equal values": (3072, 3072 * np.log(256)),
    "CIFAR-10, Diagonal BiLSTM": (3072, 3.00 * 3072 * np.log(2)),
}
rows = [
    [name, float(nats), float(nats / np.log(2)), likelihood.bits_per_dim(nats, D)]
    for name, (D, nats) in results.items()
]
figures.Table(
    ["", "nats per image", "bits per image", "bits/dim"],
    rows,
    form=["", "{:,.2f}", "{:,.1f}", "{:.4f}"],
)

# %% [markdown]
# ## Exercise 1.1 · How many choices are left?
#
# A model gives an image of $D$ values `nats` nats. If each of its values had been as uncertain as a
# fair choice among $m$ equally likely ones, the image would have cost the same. Return $m$, a
# float.
#
# (For the coin it is 2, and for 256 equal values 256.)
#
# <details><summary>Hint</summary>
#
# A fair choice among $m$ costs $-\ln\frac1m = \ln m$ nats. How much does *one* of the $D$ values
# cost on average?
# </details>


# %%
def choices(nats, D):
    m = ...  # your code
    return m


check.choices(choices)

# %% [markdown]
# ## Fast: all pixels at once
#
# The loop asks for pixel 1, then pixel 2, and so on. But when an image is *given*, as it is in
# training, nothing has to wait: every factor of (1) can be computed at the same moment, because all
# the pixels it depends on are there already.
#
# For our hand-made model this is a line of arithmetic on shifted copies of the image. The result is
# a *logit* per pixel, the number before the sigmoid, and the package takes over from there.


# %%
def logits_by_hand(x):
    """Images x (B, H, W, 1) → logits (B, H, W, 1): all conditionals in one pass."""
    wide = np.pad(x.astype(float), ((0, 0), (1, 0), (1, 0), (0, 0)))
    left, above = wide[:, 1:, :-1], wide[:, :-1, 1:]
    return -1.5 + 2 * left + 2 * above


def nats_slow(x, p_one):
    """-ln p of one image (H, W), pixel by pixel: (H, W)."""
    nats = np.empty(x.shape)
    for r, q in np.ndindex(x.shape):
        p = p_one(x, r, q)
        nats[r, q] = -np.log(p if x[r, q] == 1 else 1 - p)
    return nats


images = every[..., None]
fast, _ = likelihood.nll_forward(logits_by_hand(images), images)
slow = np.array([nats_slow(x, by_hand).sum() for x in every])
assert np.allclose(fast, slow, rtol=0, atol=1e-12)
assert np.allclose(np.exp(-fast), p, rtol=1e-12)
print(f"slow and fast agree on all {len(fast)} images; {fast.min():.3f} to {fast.max():.3f} nats")

# %% [markdown]
# Real networks are no different. Take a PixelCNN ([04](04_pixelcnn.ipynb)), one of the paper's
# three kinds, with random weights. The probabilities that it gives to the 512 images are arbitrary,
# and they sum to one:

# %%
network = checks.small_model("pixelcnn", rng, (3, 3, 1), 2)
print(f"{checks.total_probability(network):.12f}")

# %% [markdown]
# ## Drawing: one pixel after the other
#
# To draw an image, go through (1) from the left. Ask for $p(x_1)$, throw a coin with this
# probability, **write the result into the image**, ask for $p(x_2 \mid x_1)$, and so on. The first
# pixels are drawn when the later ones are still empty, and the function never looks at those.
#
# A coin with probability $p$ is a uniform number $u$ between 0 and 1: it falls on 1 if $u < p$.


# %%
def sample_slow(p_one, H, W, rng):
    """One image (H, W) from equation (1), and its -ln p added up on the way."""
    x, nats = np.zeros((H, W), np.uint8), 0.0
    for r, q in np.ndindex(H, W):
        p = p_one(x, r, q)
        x[r, q] = rng.random() < p
        nats -= np.log(p if x[r, q] else 1 - p)
    return x, nats


drawn, nats = sample_slow(by_hand, 12, 12, rng)
assert np.isclose(nats, nats_slow(drawn, by_hand).sum())
print(f"this image cost {nats:.2f} nats while it was drawn, and as much when it is measured")

# %% [markdown]
# Does it draw each image as often as $p$ says? For 3×3 we can count. Of 20,000 drawn images, how
# many are the blank one, how many are each of the other seven above?

# %%
counts, place_values = np.zeros(512), 2 ** np.arange(9)[::-1]  # an image is a binary number
for _ in range(20000):
    x, _ = sample_slow(by_hand, 3, 3, rng)
    counts[x.ravel() @ place_values] += 1
figures.Table(
    ["image", "p", "share of 20,000 draws"],
    [[number, float(p[i]), float(counts[i] / 20000)] for number, i in enumerate(best, 1)],
    form="{:.4f}",
)

# %% [markdown]
# They agree up to the luck of the draw. Nothing had to settle down and no correction was needed:
# each sample is an exact and independent one.
#
# The price: pixel $i$ cannot be drawn before pixel $i-1$ is known. **Measuring an image is one pass
# of the network; drawing one is as many steps as there are values.** That asymmetry stays with all
# models of the paper. A network does not change it, as this shows: draw from a PixelCNN by running
# all of it for every pixel, and only ever use the one logit that is due.
#
# One line needs a word. Our coin fell on 1 where $u < p$. The package lays the values end to end
# from 0 to 1, as [00](00_tour.ipynb) does with its weighted die: first the part of 0, whose length
# is $1 - p$, then that of 1. So the pixel is 1 where $u \ge 1 - p$. That has probability $p$ as
# well, and the same rule works for 256 values. With $p = \sigma(z)$, the number $1 - p$ is
# $\sigma(-z)$.

# %%
network = checks.small_model("pixelcnn", rng, (6, 6, 1), 2)
x = np.zeros((1, 6, 6, 1), np.uint8)
u = np.random.default_rng(7).random((6, 6))
passes = 0
for r, q in np.ndindex(6, 6):
    z = network.logits(x)[0, r, q, 0]
    x[0, r, q, 0] = u[r, q] >= sigmoid(-z)
    passes += 1

assert np.array_equal(x, pr.sample(network, 1, seed=7))
print(f"drawn in {passes} passes of the network; pr.sample gives the same image")
print(f"measured in 1 pass: {network.nll(x)[0]:.2f} nats")

# %% [markdown]
# (`pr.sample` keeps what earlier pixels have computed, so that its 36 steps together cost little
# more than a few passes. It draws the same images.)
#
# ## Exercise 1.2 · Fill in
#
# Known pixels stay, unknown ones are drawn: completion, as in Figure 1 of the paper. Given an image
# `x` $(H, W)$, `known` $(H, W)$ of bools, a function `p_one(x, r, q)` and uniform numbers `u`
# $(H, W)$, return a **new** image in which each unknown pixel is 1 where $u < p$, and 0 elsewhere.
# The old values at unknown pixels mean nothing.
#
# <details><summary>Hint</summary>
#
# Start from a copy and go through it in raster order. Which image has to be handed to `p_one`: the
# one that you got, or the one that you are filling?
# </details>


# %%
def fill(x, known, p_one, u):
    image = ...  # your code: an array (H, W)
    return image


check.fill(fill)

# %% [markdown]
# ## A model of real digits, by counting
#
# Our hand-made weights were a guess. The honest way is to let data speak, and for a few neighbours
# that needs no network: **count**. For every pattern of $k$ near earlier neighbours, how
# often was the pixel white?
#
# The digits are 8×8, black and white. The model learns from the *training* images. What we choose
# ourselves, such as the number of neighbours, is judged on *validation* images. The *test* images
# come last. They are asked once the choices are made, so that nothing has been fitted to them.
#
# Of the pixels that come earlier we take those at most three rows and three columns away, 24 of
# them, the nearest first. `neighbours(x, k)` has the first `k` of them for each pixel, an array
# $(B, H, W, k)$ of zeros and ones. Outside the image there is 0.

# %%
train, valid, test = (
    pr.load_data("digits", split, levels=2) for split in ("train", "valid", "test")
)


def patterns(x, k):
    """The pattern of the first k neighbours at every pixel, as a number in [0, 2^k)."""
    return (neighbours(x, k) @ 2 ** np.arange(k)).astype(int)


def count(x, k):
    """p(1 | pattern) for each of the 2^k patterns; counts start at 1: nothing is impossible."""
    seen = patterns(x, k)
    ones = 1 + np.bincount(seen.ravel(), x.ravel(), minlength=2**k)
    both = 2 + np.bincount(seen.ravel(), minlength=2**k)
    return ones / both


def nats_of(table, x, k):
    """-ln p of every pixel of images x: (B, H, W)."""
    p = table[patterns(x, k)]
    return -np.log(np.where(x[..., 0] == 1, p, 1 - p))


# %% [markdown]
# One table serves all positions, as in §2. How does the NLL fall as the model looks at more
# neighbours? Dashed are two models that look at no neighbour at all: the coin, and one histogram
# for each position (it knows that corners are black). Guess: how many neighbours does a table need
# to beat that histogram?

# %%
tables = {k: count(train, k) for k in range(15)}


def counted(k, x):
    """Mean nats of images x under the table of k neighbours."""
    return float(nats_of(tables[k], x, k).sum(axis=(1, 2)).mean())


curves = {
    name: (list(tables), [counted(k, x) for k in tables])
    for name, x in (("training", train), ("validation", valid))
}
coin = baselines.uniform_nats((8, 8, 1), 2)
levels = {
    "a coin": coin,
    "one histogram per position": baselines.independent_nats(train, valid, 2),
}
figures.lines(curves, "neighbours that the model looks at", "nats per image", levels=levels)

# %% [markdown]
# Two neighbours do most of the work: ink continues. None of the others helps nearly as much. From
# about ten on the curves part. The table has $2^k$ entries, and of the 16,384 patterns of 14
# neighbours most never occur in the 1297 training images. The table begins to know these images by
# heart.
#
# And it takes thirteen neighbours, 8,192 numbers, to beat 64 numbers that see *no* neighbour. The
# histogram knows something else: *where* it is. Digits of this set stand in the middle and fill
# their square from top to bottom, so that a pixel near the left or right edge is black in nearly
# every image. The table is asked the same question at all places, and cannot tell a blank edge from
# the blank inside of a zero. A better model would use both.
#
# ## Let it learn
#
# Tables run into a wall. To see all 24 neighbours one would need $2^{24}$ entries, to see a whole
# 8×8 image up to $2^{63}$. So write down a function with a few numbers in it, its **parameters**,
# and look for the values of the parameters that suit the data. Our first model was such a function.
# With neighbours $x_1, \dots, x_k$ of a pixel (here $x_j$ counts the neighbours, not the pixels of
# the image), weights $w_1, \dots, w_k$ and a *bias* $b$,
#
# $$p(\text{the pixel is } 1) = \sigma(z), \qquad z = b + \sum_{j=1}^{k} w_j\, x_j .$$
#
# By hand we took two neighbours, weights 2 and 2 and bias $-1.5$. Here the data choose.
# (Statisticians call this *logistic regression*.) It has $k + 1$ parameters where the table had
# $2^k$.
#
# What does "suit" mean? **Maximum likelihood**: of all values that the parameters could have, take
# those for which the images that were really seen are the most probable. The most probable is what
# costs the fewest nats, so we look for the minimum of the mean nats per training image. A number to
# be made small by learning is called a **loss**. (The counted table was maximum likelihood already:
# if a pattern was followed by a 1 in 30 of 100 cases, then $p^{30}(1-p)^{70}$ is largest at
# $p = 0.3$. The added ones only keep it off 0 and 1.)
#
# No formula gives the best weights. But the gradient of the loss tells in which direction it falls.
#
# **1. From the loss to the logit.** A pixel of value $v$ costs $\ell = -\ln \sigma(z)$ if $v = 1$
# and $\ell = -\ln(1 - \sigma(z))$ if $v = 0$. The sigmoid has the derivative $\sigma(1 - \sigma)$.
# So $d\ell/dz$ is $-(1 - \sigma)$ in the first case, $\sigma$ in the second, and in both
#
# $$dz = \sigma(z) - v :$$
#
# *what the model said, minus what happened*. (In this course the gradient of anything is written
# with a $d$ before it: $dz$ is the derivative of the loss with respect to $z$.)
#
# **2. From the logit to the weights.** $w_j$ comes into $z$ multiplied by $x_j$, the bias by 1:
#
# $$dw_j = \sum dz\; x_j, \qquad db = \sum dz,$$
#
# summed over all pixels of an image, and averaged over the images.


# %%
def loss_and_gradient(w, b, seen, x):
    """Mean nats per image, dw (k,) and db; seen (B, H, W, k), x (B, H, W) of 0 and 1."""
    z = b + seen @ w
    nats = np.where(x == 1, -np.log(sigmoid(z)), -np.log(sigmoid(-z)))
    dz = (sigmoid(z) - x) / len(x)  # 1
    return nats.sum() / len(x), np.tensordot(dz, seen, 3), dz.sum()  # 2


seen, ones, eps = neighbours(train, 24), train[..., 0], 1e-5
w, b = rng.standard_normal(24), -0.5
_, dw, db = loss_and_gradient(w, b, seen, ones)
for j in (0, 5):
    step = eps * (np.arange(24) == j)
    up, down = (loss_and_gradient(w + s, b, seen, ones)[0] for s in (step, -step))
    assert np.isclose((up - down) / (2 * eps), dw[j], rtol=1e-6)
    print(f"weight {j}: numerically {(up - down) / (2 * eps):.6f}, by hand {dw[j]:.6f}")

# %% [markdown]
# The gradient points uphill. So take a small **step** against it,
#
# $$w \leftarrow w - \eta\, dw, \qquad b \leftarrow b - \eta\, db,$$
#
# ask for the gradient at the new place, and go on. $\eta$ is the **learning rate**. And there is no
# need to ask all 1297 images before each step: 32 of them give nearly the same direction for a
# fortieth of the work. Such a handful is a **batch**. The images are shuffled and dealt in batches,
# and one round through all of them is an **epoch**. This is *stochastic gradient descent*, SGD, and
# every network of this course is trained by it or by a relative.


# %%
def learn(seen, x, rate=0.03, epochs=12, batch=32):
    """SGD from zeros: (w, b) at first and after each epoch; seen (B, H, W, k), x (B, H, W)."""
    w, b, deal = np.zeros(seen.shape[-1]), 0.0, np.random.default_rng(0)
    found = [(w, b)]
    for _ in range(epochs):
        order = deal.permutation(len(x))
        for some in np.split(order, range(batch, len(x), batch)):
            _, dw, db = loss_and_gradient(w, b, seen[some], x[some])
            w, b = w - rate * dw, b - rate * db
        found.append((w, b))
    return found


# %% [markdown]
# How long should a step be? Here are four rates, judged on the validation images. The largest is
# more than three hundred times the smallest. Which one wins?

# %%
seen_valid, curves_of = neighbours(valid, 24), {}
for rate in (0.0003, 0.003, 0.03, 0.1):
    path = learn(seen, ones, rate)
    nats = [float(loss_and_gradient(w, b, seen_valid, valid[..., 0])[0]) for w, b in path]
    curves_of[f"rate {rate}"] = (list(range(len(path))), nats)
figures.lines(curves_of, "epochs", "nats per image, validation", ylim=(25, 46))

# %% [markdown]
# The winner is 0.03, by a little. The rate matters more than anything else here. With 0.0003 the
# loss falls and has far to go. With
# 0.003 it takes all twelve epochs to get down, with 0.03 three of them. With 0.1 the steps are too
# long: each leaps across the valley and lands on the other slope, and nothing settles.
#
# The 24 weights can be looked at, each where its neighbour lies. On the left are those that we
# chose by hand, on the right those that were learned. The orange frame is the pixel.

# %%
w, b = learn(seen, ones)[-1]
ours, kernel = np.zeros((2, 7, 7))
ours[3, 2] = ours[2, 3] = 2
rows, columns = np.transpose(NEIGHBOURS)
kernel[3 + rows, 3 + columns] = w
weights = {"by hand; bias -1.5": ours, f"learned; bias {b:.1f}": kernel}
figures.numbers(weights, form="{:.1f}", current=(3, 3))

# %% [markdown]
# Our guess was not bad: above and left weigh most, and the bias is near $-1.5$. But the second
# pixel to the left has a negative weight, which nobody thought of. Strokes are narrow: one that is
# two pixels wide already is likely to end.
#
# Remember this picture. The same weights at every pixel, each times what lies under it, zero for
# all that comes later: this is a *masked convolution*, 7×7, with mask A, the first layer of every
# network in the paper ([03](03_masked_convolution.ipynb)).
#
# What goes into the sum is up to us; such an input is called a **feature**. The histogram knew the
# place of the pixel. So give the sum 64 features more, one for each place, of which one is 1 and
# the others are 0: then every place has a bias of its own. The choices are made, so here are the
# test images. Can 89 numbers beat the 16,384 of the largest table?


# %%
def with_place(x):
    place = np.broadcast_to(np.eye(64).reshape(8, 8, 64), (len(x), 8, 8, 64))
    return np.concatenate([neighbours(x, 24), place], axis=-1)


def judged(features):
    """Mean nats of the test images, learned from the training images with these features."""
    w, b = learn(features(train), ones)[-1]
    return float(loss_and_gradient(w, b, features(test), test[..., 0])[0])


histogram, placed = baselines.independent_nats(train, test, 2), judged(with_place)
figures.Table(
    ["model", "parameters", "nats per image, test"],
    [
        ["24 neighbours, learned", 24 + 1, judged(lambda x: neighbours(x, 24))],
        ["5 neighbours, counted", 2**5, counted(5, test)],
        ["one histogram per position", 64, histogram],
        ["14 neighbours, counted", 2**14, counted(14, test)],
        ["24 neighbours and the place, learned", 24 + 64 + 1, placed],
    ],
    form="{:.1f}",
)

# %% [markdown]
# Two lessons. A weighted sum of 24 neighbours is worse than a table of 5: each neighbour can only
# add its share, whatever the others are. And the right features are worth more than many
# parameters: with the place, 89 numbers do beat 16,384.
#
# ## Exercise 1.3 · Where does it rest?
#
# With no neighbour at all, only the bias is left, and every pixel has the logit $b$. Given images
# `x` of zeros and ones, an array of any shape with at least one of each, return the $b$ at which
# learning stops, because the gradient of the loss is zero.
#
# <details><summary>Hint</summary>
#
# $db$ is a sum of $\sigma(b) - v$ over all pixels. When is it zero? And $\sigma(b) = p$ has to be
# solved for $b$: a bias is a logit, not a probability.
# </details>


# %%
def resting_bias(x):
    b = ...  # your code
    return b


check.resting_bias(resting_bias)

# %% [markdown]
# ## And a network
#
# A network makes its features itself, in layers of weighted sums, and learns all of their weights
# by the same gradient descent; [02b](02b_networks_in_ten_minutes.ipynb) is about that. Here is a
# small PixelCNN after a few seconds of learning. ([04](04_pixelcnn.ipynb) explains its sizes, and
# *Adam*, a relative of SGD.)

# %%
model = pr.build_model("pixelcnn", (8, 8, 1), levels=2, h=8, layers=2, head=16, seed=0)
pr.Trainer(model, optimizer="adam").fit(train, epochs=15, progress=False)
found = {
    "a coin": coin,
    "2 neighbours, counted": counted(2, test),
    "one histogram per position": histogram,
    "14 neighbours, counted": counted(14, test),
    "24 neighbours and the place, learned": placed,
    "a small PixelCNN": float(model.nll(test).mean()),
}
figures.bars(found, "nats per image, test", highlight=("a small PixelCNN",), form="{:.1f}")

# %% [markdown]
# Where are these nats? Each pixel has its own price. Here are the prices that the table of 8
# neighbours asks for five test digits. Where black and white meet they are high; the inside of a
# stroke and the empty paper are cheap.

# %%
shown = test[:5]
figures.nats(shown, nats_of(tables[8], shown, 8), 2)

# %% [markdown]
# ## Samples, and how they grow
#
# Draw from the counted models. With no neighbour every pixel is a coin of the same weight; with
# two, ink sticks together; with twelve there are strokes, and still no digits: no pixel sees
# further than two rows.


# %%
def sample_counted(k, n=16, H=8, W=8, seed=3):
    """n images from the table of k neighbours, all drawn side by side: (n, H, W, 1)."""
    u = np.random.default_rng(seed).random((n, H, W))
    x = np.zeros((n, H, W, 1), np.uint8)
    for r, q in np.ndindex(H, W):
        x[:, r, q, 0] = u[:, r, q] < tables[k][patterns(x, k)[:, r, q]]
    return x


def draw_samples(k=2):
    return figures.sheet(sample_counted(k), 2, columns=8, title=f"{k} neighbours")


course.interactive(draw_samples, k=(0, 14), static=[{"k": 0}, {"k": 2}, {"k": 12}])

# %% [markdown]
# And the PixelCNN's, while they are drawn. Dark blue pixels do not exist yet.

# %%
film = []
sampling.sample(model, 9, seed=4, on_row=lambda x, r: film.append(x))
figures.frames(np.stack(film), 2, (1, 3, 5, 7))

# %% [markdown]
# ## Does the order matter?
#
# For the truth it does not: equation (1) gives the same $p(\mathbf{x})$ in every order. For a
# *model* it does, because its guesses are better in one order than in another. Turn the images,
# count again, and measure, with four neighbours. Which of the four orders will be the cheapest, and
# by how much?

# %%
turned = {
    "rows from the top, left to right": lambda x: x,
    "rows from the top, right to left": lambda x: x[:, :, ::-1],
    "rows from the bottom, left to right": lambda x: x[:, ::-1],
    "columns from the left, downwards": lambda x: x.transpose(0, 2, 1, 3),
}
rows = []
for name, turn in turned.items():
    a, b = turn(train), turn(test)
    rows.append([name, float(nats_of(count(a, 4), b, 4).sum(axis=(1, 2)).mean())])
figures.Table(["order", "nats per image, test"], rows, form="{:.2f}")

# %% [markdown]
# In each order below, the blue pixels are what pixel 18 may know. Along the snake its own row comes
# from the right.

# %%
column_order = order.T
snake = order.copy()
snake[1::2] = snake[1::2, ::-1]
figures.raster({"raster": order, "columns": column_order, "snake": snake}, 18)

# %% [markdown]
# The differences in the table above are small. Samples are another matter. In raster order you can
# draw the lower half of an image below a given upper half, and not the upper one above a given
# lower half: a pixel knows only what came before it.
#
# ## Three colours: equation (2)
#
# Red, green and blue of a pixel have much in common: where red is bright, green tends to be.
# Equation (2) lets green know red, and blue know both. How much is that worth?
#
# Count again. Take the pixels of small photographs in 8 levels per colour, forget their neighbours,
# and make one table of all $8^3 = 512$ colours. The conditionals of (2) follow from it by adding up
# and dividing.

# %%
photos = pr.load_data("photos8", "train", levels=8).reshape(-1, 3)
joint = np.zeros((8, 8, 8))
np.add.at(joint, tuple(photos.T), 1)
joint /= joint.sum()  # p(R, G, B)


def cost(guess, truth):
    """Mean of -log2 guess, where values come with the probabilities truth: bits."""
    real = truth > 0  # what never happens costs nothing
    return float(-(truth[real] * np.log2(np.broadcast_to(guess, truth.shape)[real])).sum())


R, G, B = joint.sum((1, 2)), joint.sum((0, 2)), joint.sum((0, 1))
RG = joint.sum(2)
with np.errstate(invalid="ignore"):  # 0 / 0 where a colour never occurs
    known = R[:, None, None], (RG / R[:, None])[:, :, None], joint / RG[:, :, None]
alone = R[:, None, None], G[None, :, None], B[None, None, :]
rows = [
    [name, cost(a, joint), cost(k, joint)] for name, a, k in zip("RGB", alone, known, strict=True)
]
rows.append(["a pixel", *(sum(row[n] for row in rows) for n in (1, 2))])
figures.Table(["", "each for itself, bits", "equation (2), bits"], rows, form="{:.3f}")

# %% [markdown]
# Green costs two fifths less once red is known. Blue, with both known, costs little more than a
# third of what it costs alone. A model that predicted each colour for itself would pay the left
# column for every pixel.
#
# And the order of the colours? Blue first would give other rows and the same sum, since the sum is
# the price of the joint table itself:

# %%
assert np.isclose(rows[-1][2], cost(joint, joint))
print(f"the joint table: {cost(joint, joint):.3f} bits")

# %% [markdown]
# ## Exercise 1.4 · Split a colour
#
# Given any `joint` $p(R, G, B)$ of shape $(m, m, m)$ with positive entries that sum to 1, return
# the three factors of equation (2): `p_R` of shape $(m,)$, `G_given_R` of shape $(m, m)$ with
# $p(G = g \mid R = r)$ at `[r, g]`, and `B_given_RG` of shape $(m, m, m)$ with
# $p(B = b \mid R = r, G = g)$ at `[r, g, b]`.
#
# <details><summary>Hint</summary>
#
# $p(b \mid r, g) = p(r, g, b) / p(r, g)$. Sums over the values that are not asked for give
# $p(r, g)$ and $p(r)$. A conditional distribution sums to one over the value *before* the bar, for
# each value after it: over which axis is that?
# </details>


# %%
def split_colours(joint):
    p_R, G_given_R, B_given_RG = ..., ..., ...  # your code
    return p_R, G_given_R, B_given_RG


check.split_colours(split_colours)

# %% [markdown]
# ## What to take away
#
# - One function, the next pixel given the earlier ones, makes a distribution over whole images. It
#   sums to one without being normalised, provided that no factor looks ahead.
# - $-\ln p$ adds up over pixels. Nats divided by $\ln 2$ are bits, the size of the file that the
#   model could make of the image; bits divided by the number of values are bits/dim.
# - With the image given, all factors are computed in one pass. Drawing goes pixel by pixel, and
#   value by value in colour.
# - Maximum likelihood makes the images that were seen as probable as it can: the fewest mean nats.
#   The gradient of a logit is $\sigma(z) - v$, and SGD steps against it, batch by batch.
# - The order is a choice. R before G before B is the same idea within a pixel.
#
# In the package: `likelihood.py` (nats, bits/dim), `sampling.py` (drawing and completing),
# `data/baselines.py` (coin and histograms), `inspection/checks.py` (sums over all images).
#
# ## Further reading
#
# - The paper: §2 of [Pixel Recurrent Neural Networks](https://arxiv.org/abs/1601.06759).
# - The source: [likelihood.py](../pixelrnn_np/likelihood.py),
#   [sampling.py](../pixelrnn_np/sampling.py).
# - D. J. C. MacKay, *Information Theory, Inference, and Learning Algorithms* (Cambridge University
#   Press, 2003): why $-\log_2 p$ is a number of bits, from the beginning.
# - B. Uria, M.-A. Côté, K. Gregor, I. Murray and H. Larochelle, *Neural Autoregressive Distribution
#   Estimation* (2016, [arXiv:1605.02226](https://arxiv.org/abs/1605.02226)): the same chain rule
#   before PixelRNN.
#
# Solutions: [solutions/01_pixel_by_pixel](solutions/01_pixel_by_pixel.ipynb). Next:
# [02 · Softmax pixels](02_softmax_pixels.ipynb).
