# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 02 · Softmax pixels: 256 values and no prior
#
# **What you will do.** Write the softmax and its log-likelihood so that no exponential overflows,
# derive the gradient in three lines, and let it compete with bell curves in a network, as §5.3
# does.
#
# **What you will learn.** What a model gains when it treats the 256 values of a pixel as mere
# names, and what that costs; why a contest of two models says nothing before both have been
# trained to the end. (A *prior* is what a model takes for granted before it has seen any data.)
#
# **What you need.** The chain rule of probabilities, nats, and learning by gradient
# ([01](01_pixel_by_pixel.ipynb)), derivatives, and NumPy. From "A contest in a network" on, small
# networks are trained and used as a tool; nobody has to know what is inside. If you would rather
# know first, read [02b](02b_networks_in_ten_minutes.ipynb) before that section: it needs 01 alone.
# Nothing here needs the internet or more than a minute.

# %%
import numpy as np

import pixelrnn_np as pr
from pixelrnn_np import course, figures, likelihood
from pixelrnn_np.course import n02 as check
from pixelrnn_np.inspection import gradcheck

rng = np.random.default_rng(2)
values = np.arange(256)

# %%
figures.you_are_here("02")

# %% [markdown]
# ## The idea
#
# [01](01_pixel_by_pixel.ipynb) had pixels of two values, and a sigmoid said all there is to say of
# them. A colour of a photograph is one of 256 values. Which *shape* has its distribution?
#
# The first thought is a bell curve: around some most likely value, less and less probable to both
# sides. Look at the data before you agree. Here is the red of all pixels in crops of two
# photographs, and a Gaussian of the same mean and variance.


# %%
def bell(mean, std):
    """A Gaussian's density at the values 0 … 255: (256,)."""
    return np.exp(-(((values - mean) / std) ** 2) / 2) / (std * np.sqrt(2 * np.pi))


def counted(some):
    """How often each value occurs among some: (256,)."""
    return np.bincount(some, minlength=256) / len(some)


red = pr.load_data("photos", "train")[..., 0]
left, right = red[:, :, :-1].ravel(), red[:, :, 1:].ravel()  # a pixel and its right neighbour
marginal, smooth = counted(right), bell(right.mean(), right.std())
print(f"of the pixels, {marginal[0]:.1%} have no red at all")
print(f"of the bell, {1 - smooth.sum():.1%} lie off the scale")
figures.distributions({"red of all pixels": {"counted": marginal, "Gaussian": smooth}}, top=0.02)

# %% [markdown]
# The bar at 0 goes on far beyond the figure. The bell is high where there is little, and a fifth of
# it lies off the scale, where there is nothing.
#
# But a model predicts a pixel *given* others. Perhaps the bell is right there? Here is the red of a
# pixel, given the red of its left neighbour: for a neighbour at either end of the scale, and for
# one between. Before you look: how wide do you expect these to be? (Mind the axes. The outer panels
# show 31 values at an end of the scale, and $p$ has a scale of its own in each.)


# %%
def draw_neighbour(a=60):
    panels, ends = {}, {"left neighbour 0": (0, 30), "left neighbour 255": (225, 255)}
    for low, high in ((0, 0), (a - 2, a + 2), (255, 255)):
        seen = right[(left >= low) & (left <= high)]
        name = f"left neighbour {low}" + (f" to {high}" if high > low else "")
        panels[name] = {"counted": counted(seen), "Gaussian": bell(seen.mean(), seen.std())}
    return figures.distributions(panels, windows=ends)


course.interactive(draw_neighbour, a=(3, 252))

# %% [markdown]
# Two things happen that a bell cannot follow. Values pile up **at the ends** of the scale: where a
# colour is clipped, the next one is clipped too. Beside a neighbour of 0 seven pixels in ten are 0
# as well, and more than a third of the bell lies off the scale. Around the neighbour's value the
# data are **sharper** than their variance says, with tails that are longer: the pixel goes on as
# its neighbour, or an edge begins and it is something else. (The crops overlap, so that some pairs
# are counted several times: hence the small spikes.)
#
# ## What the paper says (§2.2 and §5.3; Figure 6)
#
# Do not choose a shape. Give each of the 256 values its own number, a logit $z_v$, and let
#
# $$p(v) = \frac{e^{z_v}}{\sum_{k=0}^{255} e^{z_k}} = \operatorname{softmax}(z)_v .$$
#
# For a coloured pixel there are three of these, one per colour and each with its own 256 logits, in
# the order of equation (2). The network computes the logits from the earlier pixels.
#
# This distribution can have any number of hills, and gives nothing to values below 0 or above 255.
# It has no prior: that 17 lies beside 18 has to be learned from data. To the softmax the values are
# names.
#
# The paper compares it with a mixture of *conditional Gaussian scale mixtures* (MCGSM), bells of
# several widths whose weights depend on the earlier pixels. In the same network, a Row LSTM
# ([05](05_row_lstm.ipynb)), on the validation images of CIFAR-10, the softmax has **3.06** bits/dim
# and the mixture **3.22**.
#
# Easily missed: the *inputs* of the network are numbers after all, scaled and centred (§5.2). Only
# the *targets* are names. And two values need no softmax of two: one logit and a sigmoid do, as for
# MNIST.

# %% [markdown]
# ## Slowly
#
# What a pixel of value $v$ costs is
#
# $$-\ln p(v) = \ln \sum_k e^{z_k} - z_v .$$
#
# Written down as it stands, this fails: $e^{z}$ is infinite in float64 from $z = 710$ on (in
# float32 from 89 on), and a network's logits can be anything.

# %%
z = np.array([1000.0, 998.0, 0.0])
with np.errstate(over="ignore", invalid="ignore"):
    print("as it stands:", np.log(np.exp(z).sum()) - z)

# %% [markdown]
# The cure is an identity. Softmax does not change if the same number is taken from all logits,
# since it cancels in the fraction. Take the largest:
#
# $$\ln \sum_k e^{z_k} = z_{\max} + \ln \sum_k e^{z_k - z_{\max}}.$$
#
# Now the largest exponential is $e^0 = 1$, and none overflows. The smallest may be rounded to 0.
# That does no harm: beside a sum of at least 1 they count for nothing.


# %%
def softmax_nll_slow(z, v):
    """-ln p(v) of one sub-pixel: logits z (levels,), its value v."""
    top = max(z)
    total = sum(np.exp(z_k - top) for z_k in z)
    return top + np.log(total) - z[v]


print("with the largest taken out:", [round(float(softmax_nll_slow(z, v)), 3) for v in range(3)])

# %% [markdown]
# ## Fast
#
# `pixelrnn_np/likelihood.py` does this for whole batches, logits of shape
# $(B, H, W, C, \text{levels})$, and adds up each image. Wild logits on purpose:

# %%
logits = rng.standard_normal((2, 3, 4, 3, 256)) * 30
x = rng.integers(0, 256, (2, 3, 4, 3), np.uint8)
nats, cache = likelihood.nll_forward(logits, x)
places = list(np.ndindex(3, 4, 3))
slow = [sum(softmax_nll_slow(logits[n][at], x[n][at]) for at in places) for n in range(2)]
assert np.allclose(nats, slow, rtol=1e-12)
print("slow and fast agree:", np.round(nats, 3), "nats per image")

# %% [markdown]
# With two values a softmax has one number too many: only the difference of its logits matters.
#
# $$\frac{e^{z_1}}{e^{z_0} + e^{z_1}} = \frac{1}{1 + e^{-(z_1 - z_0)}} = \sigma(z_1 - z_0)$$
#
# So one logit is enough, with $z_0$ fixed at 0. In this project images of two levels have one logit
# per pixel, and more levels one per value.

# %%
two = rng.standard_normal((5, 4, 4, 1, 2)) * 5
bits = rng.integers(0, 2, (5, 4, 4, 1), np.uint8)
as_softmax, _ = likelihood.nll_forward(two, bits)
as_sigmoid, _ = likelihood.nll_forward(two[..., 1] - two[..., 0], bits)
assert np.allclose(as_softmax, as_sigmoid, rtol=0, atol=1e-9)
print("a sigmoid is a softmax of two values; largest difference below 1e-9")

# %% [markdown]
# ## Exercise 2.1 · A logarithm that survives
#
# Return $\ln \operatorname{softmax}(z)$ along the last axis, for logits `z` of any shape
# $(\dots, \text{levels})$: an array of the same shape, finite for all finite logits.
#
# <details><summary>Hint</summary>
#
# Stay with logarithms: $\ln p_k = z_k - z_{\max} - \ln \sum_j e^{z_j - z_{\max}}$. Each row has its
# own largest logit; `keepdims=True` keeps it where it can be subtracted. What is the logarithm of a
# probability that was rounded to 0?
# </details>


# %%
def log_softmax(z):
    log_p = ...  # your code
    return log_p


check.log_softmax(log_softmax)

# %% [markdown]
# ## Backwards, step by step
#
# The loss of one sub-pixel is $\ell = \ln \sum_j e^{z_j} - z_v$. We want $dz_k$, the derivative for
# every logit.
#
# **1. The sum.** $\ln$ of a sum has the derivative $1/\text{sum}$ times the derivative of the sum,
# in which $z_k$ occurs once:
#
# $$\frac{\partial}{\partial z_k} \ln \sum_j e^{z_j} = \frac{e^{z_k}}{\sum_j e^{z_j}} =
#   \operatorname{softmax}(z)_k .$$
#
# **2. The logit of the value.** $-z_v$ gives $-1$ for $k = v$ and nothing elsewhere: $-[k = v]$,
# where the bracket is 1 if what stands in it is true, and 0 if not.
#
# **3. Together:**
#
# $$dz_k = \operatorname{softmax}(z)_k - [k = v].$$
#
# *What the model said, minus what happened.* The value that happened is pushed up by what was
# missing to 1; all others are pushed down, each in proportion to the probability that it had been
# given. The pushes sum to zero. When the model was sure and right, nothing moves.
#
# **4. The sigmoid** is the same with $z_0 = 0$ fixed: $dz = \sigma(z) - v$, as in
# [01](01_pixel_by_pixel.ipynb).
#
# **5. Many sub-pixels.** Their nats are added, and the logits of one sub-pixel occur in its own
# nats alone. So steps 1 to 3 hold for each of them. For the mean over $B$ images every gradient is
# divided by $B$, and by nothing else.


# %%
def nll_slow_backward(logits, x):
    """Gradient of the mean nats per image; logits (B, H, W, C, levels), x (B, H, W, C)."""
    dlogits = np.empty_like(logits)
    for place in np.ndindex(x.shape):
        z = logits[place]
        e = np.exp(z - z.max())
        dz = e / e.sum()  # 1
        dz[x[place]] -= 1  # 2, 3
        dlogits[place] = dz / len(x)  # 5
    return dlogits


dlogits = likelihood.nll_backward(1 / len(x), cache)
assert np.allclose(nll_slow_backward(logits, x), dlogits, rtol=0, atol=1e-14)

one = two[..., 1].copy()
dz = likelihood.nll_backward(1.0, likelihood.nll_forward(one, bits)[1])
assert np.allclose(dz, 1 / (1 + np.exp(-one)) - bits, rtol=0, atol=1e-14)  # 4
print("slow and fast gradients agree, softmax and sigmoid")

# %% [markdown]
# ### Are they right?
#
# All logits of two small batches against *finite differences*, as in [01](01_pixel_by_pixel.ipynb):
# move each number a little up and down, and see how much the loss changes.


# %%
def largest_error(z, v):
    """Of the gradient of the nats of all values v, relative, against finite differences."""
    exact = likelihood.nll_backward(1.0, likelihood.nll_forward(z, v)[1])
    return gradcheck.compare(
        lambda: likelihood.nll_forward(z, v)[0].sum(), {"z": z}, {"z": exact}, rng
    )["z"]


gentle, few = logits[:, :1, :1] / 30, x[:, :1, :1].copy()
errors = {"softmax of 256": largest_error(gentle, few), "sigmoid": largest_error(one, bits)}
assert max(errors.values()) < 1e-6
course.errors(errors, {"softmax of 256": gentle, "sigmoid": one})

# %% [markdown]
# ### What the gradient does
#
# Take a softmax without any network: 256 logits, all zero at first, which make one distribution,
# the same for the red of every pixel. Follow the mean gradient downhill. Averaged over data, "what
# happened" is how often each value happened, so
# $dz_k = \operatorname{softmax}(z)_k - \text{frequency}_k$. This is zero just where the softmax
# *is* the histogram. Nobody told it the shape, and it grows the spike at 0 as readily as the hills.

# %%
z, film = np.zeros(256), {}
for step in range(3001):
    p = np.exp(z - z.max())
    p /= p.sum()
    if step in (0, 30, 300, 3000):
        film[step] = p
    z -= 3.0 * (p - marginal)


def draw_steps(steps=3000):
    panel = {"counted": marginal, f"softmax after {steps} steps": film[steps]}
    return figures.distributions({"red of all pixels": panel}, top=0.02)


course.interactive(draw_steps, steps=list(film), static=[{"steps": 30}, {"steps": 3000}])

# %% [markdown]
# ## Exercise 2.2 · The gradient of a batch
#
# Without a loop: for `logits` $(B, H, W, C, \text{levels})$ and images `x` $(B, H, W, C)$ of whole
# numbers, return the gradient of the **mean nats per image**, of the logits' shape. The logits are
# tame.
#
# <details><summary>Hint</summary>
#
# Softmax along the last axis; then subtract 1 at the values that occurred: `np.eye(levels)[x]` has
# the logits' shape. Step 5 above says what to divide by.
# </details>


# %%
def batch_gradient(logits, x):
    dlogits = ...  # your code
    return dlogits


check.batch_gradient(batch_gradient)

# %% [markdown]
# ## A contest in a network
#
# Now §5.3, in small: the same network with different last steps. A PixelCNN
# ([04](04_pixelcnn.ipynb)) of digits with their 17 shades of grey gives 17 numbers per pixel. (How
# it makes them from the earlier pixels is not needed here; what a network is,
# [02b](02b_networks_in_ten_minutes.ipynb) says.) Each last step turns them into a distribution over
# the 17 values, in its own way:
#
# - **A softmax**: the 17 numbers *are* the logits.
# - **A bell, cut off** at the ends of the scale. Two of the numbers give a mean and a width. The
#   height of this bell at each value is divided by the sum of all 17 heights.
# - **A bell, gathered** at the ends. The probability of a value $v$ is the *area* of the bell from
#   $v - \tfrac12$ to $v + \tfrac12$. What lies below the scale is added to 0, what lies above it to
#   16. (A *logistic* bell is handiest: its area up to a point is a sigmoid.)
#
# Here are both for a bell whose middle is 14. Two values further right the scale ends. Where does
# its right half go?

# %%
LEVELS = 17
shades = np.arange(LEVELS)


def cut_off(mean, width):
    height = np.exp(-(((shades - mean) / width) ** 2) / 2)
    return height / height.sum()


def gathered(mean, width):
    below = 1 / (1 + np.exp(-(shades[1:] - 0.5 - mean) / width))  # the area up to each inner edge
    return np.diff(below, prepend=0, append=1)


shapes = {"a bell, cut off": cut_off(14, 3), "a bell, gathered": gathered(14, 1.7)}
figures.distributions(shapes, columns=2, top=0.32)

# %% [markdown]
# In the network a last step has a way back as well: from the gradient of the logits to that of the
# 17 numbers. `check.cut_off` and `check.gathered` are these bells with their ways back. They keep
# mean and width within bounds, and with reason. A free mean can run far off the scale, where it
# hardly gets any gradient. The pixel stays flat, and one compares accidents of training instead of
# shapes. (The derivation is in [course/n02.py](../pixelrnn_np/course/n02.py).)

# %%
LAST = {
    "a bell, cut off": check.cut_off,
    "a bell, gathered": check.gathered,
    "softmax": lambda outputs: (outputs, lambda dlogits: dlogits),
}
errors = check.ways_back(LAST, LEVELS, rng)
assert max(errors.values()) < 1e-6
course.errors(errors)

# %% [markdown]
# Each is trained for the same number of epochs, from the same first weights, at a rate that falls
# to zero. `check.train` is the loop of [01](01_pixel_by_pixel.ipynb), shuffle, batch, step, with
# Adam, which chooses the length of each weight's step ([09](09_training_and_results.ipynb) says
# how). What it asks for is this:


# %%
def loss_and_gradients(net, last, x):
    """Mean nats of images x, and the gradient of each weight, through a last step and back."""
    outputs, kept = net.forward(x)
    logits, back = last(outputs)
    nats, cache = likelihood.nll_forward(logits, x)
    dlogits = likelihood.nll_backward(1 / len(x), cache)
    _, grads = net.backward(back(dlogits).astype(outputs.dtype), kept, need_dx=False)
    return nats.mean(), grads


digits, digits_test = (pr.load_data("digits", split) for split in ("train", "test"))
trained = {name: check.train(loss_and_gradients, last, digits) for name, last in LAST.items()}
figures.curves(
    {name: bits for name, (_, bits) in trained.items()},
    "epoch",
    "bits per pixel, training",
    ylim=(1.8, 2.6),
)

# %% [markdown]
# First the question that comes before any comparison: has each of them been trained? The curves are
# flat at the end. Alone that proves little: at a rate that falls to zero, any curve ends flat. So a
# second test: on the images that it has learned from, a network that knows the earlier pixels has
# to be as good as the same shape without a network: one distribution for each of the 64 places,
# fitted by gradient descent as the histogram was. (The first row is left out: there is nothing to
# know yet, except the place, which a convolution is not told.)
#
# Then the test images. Which will be best, and by how much? Guess before you look.

# %%
rows = []
for name, last in LAST.items():
    net, bits = trained[name]
    assert bits[-5] - bits[-1] < 0.03, f"{name} is not trained to the end"
    alone = last(check.without_network(last, digits, LEVELS))[0]
    known, found = (last(net.forward(x)[0])[0] for x in (digits, digits_test))
    worse = check.bits_by_place(known, digits) - check.bits_by_place(alone, digits)
    assert worse[1:].max() < 0.05, f"{name}: at a place worse than without a network"
    in_bits = [float(check.bits_by_place(z, digits_test).mean()) for z in (alone, found)]
    rows.append([name, *in_bits])
figures.Table(
    ["bits per pixel, test", "without a network", "with the network"], rows, form="{:.3f}"
)

# %% [markdown]
# All have passed, so the last column is about shapes. The bell that is cut off is an eighth of a
# bit behind. What it lacks most is probability at the ends: nearly half of all pixels are paper
# (0), and about a tenth are full ink (16). (The paper remarks something like it of its photographs:
# 0 and 255 are more frequent than other values, and get more probability.) Gather the bell's tails
# at the ends, and it comes close. The softmax is ahead of it by a hair, and nobody had to tell it
# about ends.
#
# So on small and simple images the gain is small. But each better bell had to be *designed* by
# somebody who had looked at the data. And a bell has one hill, whatever piles up at the ends. Pixel
# (2, 5) of the digit below is a place where that matters, and (3, 3) one where it does not. Bars
# are the softmax, lines the bells, and the orange mark is the value that the pixel has.

# %%
image = digits_test[21:22]
logits = {name: last(trained[name][0].forward(image)[0])[0] for name, last in LAST.items()}
said, prices = {}, []
for r, q in [(2, 5), (3, 3)]:
    p = {name: likelihood.probabilities(z[0, r, q, 0], LEVELS) for name, z in logits.items()}
    said[r, q] = {name: p[name] for name in ("softmax", "a bell, cut off", "a bell, gathered")}
    prices.append([str((r, q)), *(float(-np.log2(p[name][image[0, r, q, 0]])) for name in LAST)])
course.show(figures.opinions(image[0], said, LEVELS, top=0.32))
figures.Table(["bits of one pixel", *LAST], prices, form="{:.2f}")

# %% [markdown]
# At (2, 5) the ring of a zero may come round, or paper may go
# on. The softmax has one hill on paper and another between 12 and 15, and little in between. The
# bells have to put most of their probability into that valley. At (3, 3) a bell is luckier: the
# softmax cannot decide, and the gathered bell, which leans to ink, pays less.
#
# ### Let them draw
#
# Who can guess can draw ([00](00_tour.ipynb)). Here are twelve digits by each of the three, a pixel
# at a time and all with the same random numbers. Before you look: which fault do you expect of the
# bell that is cut off?


# %%
def draw(name, u):
    """One image for each u (8, 8) of uniform numbers: (n, 8, 8, 1)."""
    (net, _), last, x = trained[name], LAST[name], np.zeros((*u.shape, 1), np.uint8)
    for r, q in np.ndindex(8, 8):
        logits, _ = last(net.forward(x)[0])
        p = likelihood.probabilities(logits[:, r, q, 0], LEVELS)
        x[:, r, q, 0] = (np.cumsum(p[:, :-1], axis=1) <= u[:, r, q, None]).sum(axis=1)
    return x


u = np.random.default_rng(6).random((200, 8, 8))
drawn = {name: draw(name, u) for name in LAST}
rows = [
    [name, float((x == 0).mean()), float((x == 16).mean())]
    for name, x in {"test images": digits_test, **drawn}.items()
]
course.show(figures.sheets({name: x[:12] for name, x in drawn.items()}, LEVELS, columns=3))
figures.Table(["", "pixels that are paper, 0", "full ink, 16"], rows, form="{:.1%}")

# %% [markdown]
# At a glance all three draw equally well. Count, and the bell that is cut off draws too little
# paper, and full ink more than a quarter too seldom: whatever this bell puts on an end it has to
# put beside it as well. The two others have about as much paper as the test images, and lack a
# tenth and a seventh of the full ink. An eye forgives such faults; a likelihood pays for each of
# them at every pixel.
#
# How far do these results go? [The appendix](90_bells.ipynb) shows what *mixtures* of bells can do,
# which are the paper's real opponent, and how many data a distribution without any prior needs. The
# paper's 3.06 against 3.22 is for 256 values, a large network and 50,000 images in colour.

# %% [markdown]
# ## Figure 6, in small
#
# At last 256 values and three colours: a PixelCNN after a few seconds of training on photographs of
# 8×8 pixels. Its softmaxes are still rough, yet each of them has a shape of its own. Red is guessed
# first; blue knows red and green. Which of the three will cost the fewest bits?

# %%
photos, photos_test = (pr.load_data("photos8", split) for split in ("train", "test"))
net = pr.build_model("pixelcnn", (8, 8, 3), levels=256, h=24, layers=2, head=48, seed=0)
pr.Trainer(net, optimizer="adam", lr=2e-3).fit(photos[:2500], epochs=4, progress=False)
p = likelihood.probabilities(net.logits(photos_test), 256)
bits = -np.log2(np.take_along_axis(p, photos_test[..., None].astype(int), -1)).mean((0, 1, 2, 4))
print(f"{bits.mean():.2f} bits/dim on test images; 8 if every value is equally likely")
print(f"red {bits[0]:.2f}, green given red {bits[1]:.2f}, blue given both {bits[2]:.2f}")


figures.sheet(photos_test[:8], 256, title="test images 0 to 7")

# %% [markdown]
# Three pixels: the first one of image 0, pixel (5, 4) of image 0, and pixel (4, 4) of image 3. On
# the left is what the network saw before its guess; dark blue is hidden. Below each axis stand the
# values as they look, and the triangle is at the one that came.


# %%
def draw_pixel(image=1, row=4, column=4):
    return figures.colour_guess(photos_test[image], (row, column), p[image, row, column])


course.interactive(
    draw_pixel,
    image=(0, 7),
    row=(0, 7),
    column=(0, 7),
    static=[
        {"image": 0, "row": 0, "column": 0},
        {"image": 0, "row": 5, "column": 4},
        {"image": 3, "row": 4, "column": 4},
    ],
)

# %% [markdown]
# The first value of the image, red at the upper left, is predicted from nothing: the network gives
# what it knows of red in general, with the spike at 0 and low hills elsewhere. Later it depends. In
# a textured image red is one broad hill (image 0); in an even one nearly all of it stands on two values
# (image 3).
#
# Green and blue know the values before them in the same pixel. Where red is spread wide they are
# narrower (image 0; they cost more there all the same, for the truth lay on their slopes and not at
# their tops). Where red is sure they are the wide ones (image 3). Over all test pixels
# red is even the cheapest of the three, as the line printed above the test images says.
#
# ## What to take away
#
# - A softmax over values has no shape of its own: any number of hills, mass at the ends, none
#   outside. What it does not know it has to learn, and that takes data.
# - Take the largest logit out before the exponential, and stay with logarithms.
# - The gradient is what the model said minus what happened:
#   $\operatorname{softmax}(z)_k - [k = v]$, and $\sigma(z) - v$ for two values.
# - Before two models are compared, show that both have been trained.
#
# In the package: `likelihood.py` (this derivation in its docstring), `reference/likelihood.py` (the
# loops above), `kernels/likelihood.py` (compiled).
#
# ## Further reading
#
# - The paper: §2.2 and §5.3 of [Pixel Recurrent Neural Networks](https://arxiv.org/abs/1601.06759).
# - The source: [likelihood.py](../pixelrnn_np/likelihood.py),
#   [reference/likelihood.py](../pixelrnn_np/reference/likelihood.py).
# - T. Salimans, A. Karpathy, X. Chen and D. P. Kingma, *PixelCNN++* (2017,
#   [arXiv:1701.05517](https://arxiv.org/abs/1701.05517)): a mixture of discretised bells in place
#   of the softmax, and when it pays.
#
# Solutions: [solutions/02_softmax_pixels](solutions/02_softmax_pixels.ipynb). Next:
# [02b · Networks in ten minutes](02b_networks_in_ten_minutes.ipynb); more on bells:
# [90 · Appendix](90_bells.ipynb).
