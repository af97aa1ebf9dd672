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
# images: add up the probabilities of all 512 images of 3×3 pixels, write a sampler by hand, measure
# real digits with it, and split a coloured pixel into its three values.
#
# **What you will learn.** What the chain rule gives for free (probabilities that sum to one, exact
# likelihoods, exact samples) and what it asks in return (an order, and one step per pixel when
# drawing); what nats, bits and bits per dimension are, and what a number like 79.20 nats means.
#
# **What you need.** Conditional probabilities, logarithms and NumPy. Nothing here needs the internet
# or more than a minute.

# %%
import numpy as np

import pixelrnn_np as pr
from pixelrnn_np import course, figures, likelihood, sampling
from pixelrnn_np.course import n01 as check
from pixelrnn_np.data import baselines
from pixelrnn_np.inspection import checks

rng = np.random.default_rng(1)

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

# %%
order = np.arange(1, 26).reshape(5, 5)
figures.raster({"raster order: pixel 13 and what it may know": order}, 13)

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
# $$p(x_i \mid \mathbf{x}_{<i}) = p(x_{i,R} \mid \mathbf{x}_{<i})\;
#   p(x_{i,G} \mid \mathbf{x}_{<i}, x_{i,R})\;
#   p(x_{i,B} \mid \mathbf{x}_{<i}, x_{i,R}, x_{i,G}) \tag{2}$$
#
# Three points are easily missed.
#
# - Equation (1) is no approximation. It holds for every distribution, because it only applies the
#   definition $p(a, b) = p(a)\,p(b \mid a)$ again and again. The models of this course differ in
#   how they *guess* the factors, and only there can they be wrong.
# - Nothing in (1) asks for the raster order. Any order would do; the paper takes this one, and
#   makes the convolutions and recurrences that follow for it.
# - Each factor depends on a different number of pixels, yet §2 uses one set of parameters for all
#   positions. How one network answers $n^2$ questions of different lengths at once is the subject
#   of [03](03_masked_convolution.ipynb) and all after it.

# %% [markdown]
# ## Slowly
#
# A whole image model needs one function: the probability that a pixel is 1, given the pixels before
# it. Here is one made by hand. It looks at the left and at the upper neighbour only: where they are
# white, this pixel is probably white as well.


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
titles = [f"{n}. {p[k]:.4f}" for n, k in enumerate(best, 1)]
figures.gallery(dict(zip(titles, every[best][..., None], strict=True)), 2)

# %% [markdown]
# Above are the eight most probable images. The sum is one, to the last digit, and **nobody
# normalised anything**. A model that scores whole images would have to divide by a sum over all of
# them; here that sum is 1 by construction.
#
# Why? Add up over the last pixel first. It occurs in one factor only, and its two values have $p$
# and $1-p$: together 1, whatever the other pixels are. That factor is gone. Now the last pixel but
# one is the last, and so on back to the first:
#
# $$\sum_{x_1} p(x_1) \sum_{x_2} p(x_2 \mid x_1) \cdots
#   \underbrace{\sum_{x_{9}} p(x_{9} \mid x_1, \dots, x_{8})}_{=\,1} = 1.$$
#
# The argument has one condition: a later pixel must not occur in an earlier factor. Here is a
# function that breaks it, by looking at the *right* neighbour too. It knows more when it guesses,
# and is no longer a distribution.


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
# More than everything. Such a model claims likelihoods that no honest model can reach, and cannot
# be drawn from. [11](11_catch_the_leak.ipynb) is about bugs of this kind; the sum over all small
# images is one of the tests that catch them.
#
# ## Nats, bits, and bits per dimension
#
# Products of many small numbers are a trap of their own. A colour image of CIFAR-10 has
# $32 \cdot 32 \cdot 3 = 3072$ values, each with a probability around $1/8$:

# %%
print("a product of 3072 factors 1/8:", np.prod(np.full(3072, 1 / 8)))
print("minus the sum of their logarithms:", round(3072 * np.log(8), 2))

# %% [markdown]
# Zero: the smallest number that float64 can hold is $5 \cdot 10^{-324}$. So everyone works with
# $-\ln p$, the *negative log-likelihood* (NLL). Products become sums,
#
# $$-\ln p(\mathbf{x}) = \sum_i -\ln p(x_i \mid \mathbf{x}_{<i}),$$
#
# and each pixel has a price. A pixel that was predicted with probability 1 costs nothing; one that
# got $\tfrac12$ costs $\ln 2 = 0.69$; a surprise is expensive.
#
# The unit of a natural logarithm is the **nat**. With base 2 it is the **bit**, and
# $1 \text{ nat} = 1/\ln 2 = 1.4427$ bits. Bits have a meaning that one can hold on to: with $p$ at
# hand, a compressor can store the image in about $-\log_2 p(\mathbf{x})$ bits. A better model makes
# smaller files, and the likelihood says how small.
#
# **Bits per dimension** divide by $D$, the number of values ($n^2$, or $3n^2$ in colour), so that
# the number no longer grows with the size of the image ([09](09_training_and_results.ipynb), §5.1):
#
# $$\text{bits/dim} = \frac{-\ln p(\mathbf{x})}{D \ln 2}.$$
#
# A file without any compression has 8 bits per value: this is the model for which all 256 values
# are equally likely. The paper gives MNIST in nats per image and colour images in bits per
# dimension. Here are some of its numbers in all three units.

# %%
rows = []
for name, D, nats in [
    ("MNIST, a coin for each pixel", 784, 784 * np.log(2)),
    ("MNIST, Diagonal BiLSTM", 784, 79.20),
    ("CIFAR-10, 256 equal values", 3072, 3072 * np.log(256)),
    ("CIFAR-10, Diagonal BiLSTM", 3072, 3.00 * 3072 * np.log(2)),
]:
    bits = nats / np.log(2)
    rows.append([name, f"{nats:.2f}", f"{bits:.1f}", f"{likelihood.bits_per_dim(nats, D):.4f}"])
figures.Table(["", "nats per image", "bits per image", "bits/dim"], rows)

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
# The same for real networks. A PixelCNN with random weights, its biases random too, gives the 512
# images probabilities that are arbitrary, and they sum to one:

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
counts = np.zeros(512)
for _ in range(20000):
    x, _ = sample_slow(by_hand, 3, 3, rng)
    counts[int("".join(map(str, x.ravel())), 2)] += 1
figures.Table(
    ["image", "p", "share of 20,000 draws"],
    [[f"number {k + 1}", f"{p[i]:.4f}", f"{counts[i] / 20000:.4f}"] for k, i in enumerate(best)],
)

# %% [markdown]
# They agree up to the luck of the draw. Nothing had to settle down and no correction was needed:
# each sample is an exact and independent one.
#
# The price: pixel $i$ cannot be drawn before pixel $i-1$ is known. **Measuring an image is one
# pass of the network; drawing one is as many steps as there are values.** That asymmetry stays with all
# models of the paper. A network does not change it, as this shows: draw from a PixelCNN by running
# all of it for every pixel, and only ever use the one logit that is due.

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
# (`u >= p(0)` is a coin as well. The package uses this form, since it goes on to 256 values: it
# walks along the values until their probabilities have added up to more than $u$. `pr.sample` also
# keeps what earlier pixels have computed, so that its 36 steps together cost little more than a few
# passes. It draws the same images.)
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
# The digits are 8×8, black and white. Here are the neighbours, in the order in which we take them
# into account, as steps (row, column) from the pixel.

# %%
train, test = (pr.load_data("digits", split, levels=2) for split in ("train", "test"))
NEIGHBOURS = [
    (0, -1), (-1, 0), (-1, -1), (-1, 1), (0, -2), (-2, 0), (-1, -2), (-1, 2), (-2, -1), (-2, 1),
    (0, -3), (-3, 0), (-2, -2), (-2, 2),
]  # fmt: skip


def patterns(x, k):
    """The pattern of the first k neighbours at every pixel, as a number in [0, 2^k)."""
    (H, W), found = x.shape[1:3], np.zeros(x.shape[:3], int)
    wide = np.pad(x[..., 0], ((0, 0), (3, 0), (3, 3)))
    for dr, dc in NEIGHBOURS[:k]:
        found = 2 * found + wide[:, 3 + dr : 3 + dr + H, 3 + dc : 3 + dc + W]
    return found


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
# neighbours? Dashed: two models that look at no neighbour at all, the coin, and one histogram for
# each position (it knows that corners are black).

# %%
ks = list(range(len(NEIGHBOURS) + 1))
tables = {k: count(train, k) for k in ks}
curves = {
    name: (ks, [float(nats_of(tables[k], x, k).sum(axis=(1, 2)).mean()) for k in ks])
    for name, x in (("train", train), ("test", test))
}
coin = baselines.uniform_nats((8, 8, 1), 2)
histogram = baselines.independent_nats(train, test, 2)
levels = {f"a coin: {coin:.1f}": coin, f"one histogram per position: {histogram:.1f}": histogram}
figures.lines(curves, "earlier neighbours that the model looks at", "nats per image", levels=levels)

# %% [markdown]
# Two neighbours do most of the work: ink continues. None of the others helps nearly as much, and from about ten
# on the curves part: the table has $2^k$ entries, and of the 16,384 patterns of 14 neighbours most
# never occur in the 1297 training images. The table begins to know these images by heart.
#
# This is the wall that tables run into. To see a whole 8×8 image a table would need up to $2^{63}$
# entries. A network is a way to share what is learned among patterns that are alike, and it sees
# much more with a few thousand numbers. A small PixelCNN ([04](04_pixelcnn.ipynb)), after a few
# seconds of training with Adam ([09](09_training_and_results.ipynb)):

# %%
model = pr.build_model("pixelcnn", (8, 8, 1), levels=2, h=8, layers=2, head=16, seed=0)
pr.Trainer(model, optimizer="adam").fit(train, epochs=15, progress=False)
found = {
    "a coin": coin,
    "one histogram per position": histogram,
    "2 neighbours, counted": curves["test"][1][2],
    "14 neighbours, counted": curves["test"][1][14],
    "a small PixelCNN": float(model.nll(test).mean()),
}
figures.bars(found, "nats per image, test", highlight=("a small PixelCNN",), form="{:.1f}")

# %% [markdown]
# Where are these nats? Each pixel has its own price; here are those of the table of 8 neighbours.
# Edges cost, and the inside of a stroke or of the paper is cheap.

# %%
shown = test[:5]
figures.nats(shown, nats_of(tables[8], shown, 8), 2)

# %% [markdown]
# ## Samples, and how they grow
#
# Draw from the counted models. With no neighbour every pixel is a coin of the same weight; with
# two, ink sticks together; with twelve there are strokes, and still no digits: no pixel sees
# further than three rows.


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
# count again, and measure, with four neighbours:

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
    rows.append([name, f"{nats_of(count(a, 4), b, 4).sum(axis=(1, 2)).mean():.2f}"])
figures.Table(["order", "nats per image, test"], rows)

# %% [markdown]
# In each order below, the blue pixels are what pixel 18 may know. Along the snake its own row comes
# from the right.

# %%
column_order = order.T
snake = order.copy()
snake[1::2] = snake[1::2, ::-1]
figures.raster({"raster": order, "columns": column_order, "snake": snake}, 18)

# %% [markdown]
# The differences in the table above are small. Samples are another matter: with the raster order you can complete
# the lower half of an image and not the upper one, since a pixel knows only what came before it.
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


def cost(p, q):
    """Mean of -log2 p over the distribution q: bits."""
    return float(-(q[q > 0] * np.log2(np.broadcast_to(p, q.shape)[q > 0])).sum())


R, G, B = joint.sum((1, 2)), joint.sum((0, 2)), joint.sum((0, 1))
RG = joint.sum(2)
with np.errstate(invalid="ignore"):  # 0 / 0 where a colour never occurs
    G_given_R = RG / R[:, None]
    B_given_RG = joint / RG[:, :, None]
table = [
    ["R", cost(R[:, None, None], joint), cost(R[:, None, None], joint)],
    ["G", cost(G[None, :, None], joint), cost(G_given_R[:, :, None], joint)],
    ["B", cost(B[None, None, :], joint), cost(B_given_RG, joint)],
]
table.append(["a pixel", sum(row[1] for row in table), sum(row[2] for row in table)])
figures.Table(["", "each for itself, bits", "equation (2), bits"], table, form="{:.3f}")

# %% [markdown]
# Green costs two fifths less once red is known; blue, with both known, costs little more than a third
# of what it costs alone. A model that predicted the three side by side would pay the left column for every pixel.
#
# And the order of the colours? Blue first gives other rows and the same sum, which is the price of
# the joint table itself:

# %%
B_first = cost(B, joint)
G_after = cost(joint.sum(0)[None] / B, joint)
R_after = cost(joint / np.where(joint.sum(0) > 0, joint.sum(0), 1), joint)
print(f"B {B_first:.3f} + G given B {G_after:.3f} + R given both {R_after:.3f}", end=" ")
print(f"= {B_first + G_after + R_after:.3f} bits; the joint table: {cost(joint, joint):.3f}")
assert np.isclose(B_first + G_after + R_after, table[-1][2])

# %% [markdown]
# ## Exercise 1.3 · Split a colour
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
# each value behind it: over which axis is that?
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
# - With the image given, all factors are computed in one pass. Drawing goes pixel by pixel, and value
#   by value in colour.
# - The order is a choice. R before G before B is the same idea within a pixel.
#
# In the package: `likelihood.py` (nats, bits/dim), `sampling.py` (drawing and completing),
# `data/baselines.py` (coin and histograms), `inspection/checks.py` (sums over all images).
#
# Solutions: [solutions/01_pixel_by_pixel](solutions/01_pixel_by_pixel.ipynb). Next:
# [02 · Softmax pixels](02_softmax_pixels.ipynb).
