# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 00 · A tour: what a PixelRNN does
#
# **What you will do.** Take a trained network from the package and question it. How probable is
# this image? Which of its pixels was a surprise? Draw me some new ones. Here is the upper half of a
# digit; what might the lower half be? And what did you look at?
#
# **What you will learn.** What it means for a network to *be* a distribution over images, and what
# that is good for. How it is done is the matter of the other notebooks; at the end of this one
# there is a map of them.
#
# **What you need.** Nothing but some Python. If a word is new, read on: each has its notebook.

# %%
import numpy as np

import pixelrnn_np as pr
from pixelrnn_np import course, figures
from pixelrnn_np.course import n00 as check
from pixelrnn_np.data import baselines
from pixelrnn_np.inspection import explain
from pixelrnn_np.likelihood import probabilities

rng = np.random.default_rng(0)

# %%
figures.you_are_here("00")

# %% [markdown]
# No hand has written these digits. A network has drawn them, pixel by pixel, and each is a new one.

# %%
name = check.best()
model, card = pr.load_pretrained(name), pr.pretrained_card(name)
H, W, C = model.image_shape
drawn = pr.sample(model, 24, seed=2)
figures.sheet(drawn, model.levels, columns=8, alt="24 digits that a network has drawn.")

# %% [markdown]
# The network comes with the package, with its weights. Of those for handwritten digits we take the
# best.

# %%
check.about(model, card)

# %% [markdown]
# And here are images to show to it: white ink on black paper. It has never seen them, and they are
# from another set. (The one that it was trained on has to be downloaded, and this page needs no
# internet.) They are small grey digits, enlarged; each pixel was then made white with a probability
# that is its brightness.

# %%
images, what = check.pictures(card)
print(what)
figures.sheet(images[24:48], model.levels, columns=12, alt="24 handwritten digits, enlarged.")

# %% [markdown]
# ## The idea
#
# Cover an image with a sheet of paper and uncover it pixel by pixel, row after row, each row from
# the left to the right. Before each pixel, guess its value; not a single value, but a probability
# for each that it could have. Whoever is good at this game knows a lot about images: that strokes
# go on, that they end, that a loop that has begun will close.
#
# A PixelRNN is a player of this game. Here are two of its guesses. On the left are the pixels that
# it was allowed to see; dark blue is hidden, and the orange frame is the one that is asked for.
# Black or white? Say it yourself before you look to the right. There is the network's answer, a
# probability for black (0) and one for white (1); the triangle marks the truth. The second guess is
# the one in this digit's lower half that was furthest from the truth. (Where the notebook runs,
# sliders move the pixel: try where a stroke begins, goes on, or stops.)
#
# In the code, `model.logits` hands out the guesses in a raw form, and `probabilities` turns them
# into probabilities. `H` and `W` are height and width, and `C` is the number of colours, here one.


# %%
def guess(image, row, column):
    """p of each value of one pixel (first colour), from earlier pixels alone: (levels,)."""
    earlier = (np.arange(H * W) < row * W + column).reshape(H, W, 1)
    seen = np.where(earlier, image, 0).astype(np.uint8)
    return probabilities(model.logits(seen[None])[0, row, column, 0], model.levels)


def draw_guess(row=H // 4, column=W // 2, image=28):
    p = guess(images[image], row, column)
    return figures.guess(images[image], (row, column), p, model.levels)


furthest = check.furthest_off(model, images[28], rows=(H // 2, H))
static = [{"row": H // 4, "column": W // 2}, furthest]
course.interactive(draw_guess, row=(0, H - 1), column=(0, W - 1), image=(0, 49), static=static)

# %% [markdown]
# ## What the paper says, in one line
#
# This is equation (1) of the paper, and [01](01_pixel_by_pixel.ipynb) takes it apart. An image has
# $n \times n$ pixels. Number them in that order, $x_1$ to $x_{n^2}$. The probability of the whole
# image is the product of the guesses, each made with the earlier pixels known:
#
# $$p(\mathbf x) = \prod_{i=1}^{n^2} p(x_i \mid x_1, \dots, x_{i-1}) \tag{1}$$
#
# (Nothing comes before $x_1$: its factor is just $p(x_1)$.) This is the chain rule of probability:
# nothing is approximated, whatever the order. *One* network makes all the guesses, and the paper
# proposes three kinds of it. They differ in how far back a guess can look, and how.
#
# A product of hundreds of probabilities is a very small number. So one takes $-\ln p(\mathbf x)$,
# to which each guess adds minus the logarithm of what it gave to the truth. The unit is the *nat*:
# the fewer, the more probable. A guess of $\tfrac12$ costs $\ln 2 = 0.69$ nats, a guess of 1 costs
# none.
#
# ## Slowly
#
# Play the game as it is told: for each pixel, hide it and all that come later, ask the network, and
# look up what it gave to the truth. (A coloured pixel has three values, red, green and blue, which
# are guessed one after the other. Each of them is called a *sub-pixel*. A grey pixel has one.)


# %%
def nats_slowly(image):
    """-ln p of one image: the network is run once for every sub-pixel."""
    nats = 0.0
    for r, q, k in np.ndindex(H, W, C):  # row, column, colour
        before = (r * W + q) * C + k
        seen = np.zeros_like(image)
        seen.reshape(-1)[:before] = image.reshape(-1)[:before]
        p = probabilities(model.logits(seen[None])[0, r, q, k], model.levels)
        nats -= np.log(p[image[r, q, k]])
    return nats


# %% [markdown]
# ## Fast
#
# `model.nll` shows the whole image to the network and gets all guesses in **one** pass. How can
# that be fair, with the answers in plain sight? The network is built so that no guess can be
# touched by its own pixel or a later one: that is what masks are for
# ([03](03_masked_convolution.ipynb)). If anything leaked, the two numbers would differ.

# %%
slow, fast = nats_slowly(images[0]), model.nll(images[:1])[0]
assert np.isclose(slow, fast, rtol=1e-4)
print(f"slowly {slow:.3f} nats in {H * W * C} runs of the network, fast {fast:.3f} in one")

# %% [markdown]
# ## What is probable?
#
# The same digit in six ways, all with the same ink. Put them in order before you look: which will
# the network find the most probable, which the least?


# %%
def variants(image):
    """{title: image}"""
    pixels = image.reshape(H * W, C)
    return {
        "as it is": image,
        "moved by one": np.roll(image, 1, axis=1),
        "mirrored": image[:, ::-1],
        "upside down": image[::-1],
        "halves swapped": np.roll(image, H // 2, axis=0),
        "shuffled": pixels[rng.permutation(H * W)].reshape(image.shape),
    }


odd = variants(images[13])
several = np.stack(list(odd.values()))
nats = model.nll(several)
per_pixel = explain.pixel_nats(model, several)
assert np.allclose(per_pixel.sum(axis=(1, 2)), nats, rtol=1e-4)
figures.nats(several, per_pixel, model.levels, titles=list(odd), top=4)

# %% [markdown]
# Below each image is what its pixels cost. (The scale ends at 4 nats; a pixel that costs more is as
# yellow as one that costs 4.) Black paper that goes on and strokes that go on are cheap. One pays
# where something begins or ends: that is where the information is.
#
# Compare the others with the first. Did you expect it to win? A move by one column is something
# that a hand might do, and here it even makes the image more probable. A mirrored or an upturned
# digit costs somewhat more. Swapped halves cost far more: a stroke begins out of nothing in the
# first row. The shuffled image costs by far the most. It has lost every relation between
# neighbours.
#
# And what would players without a network pay? The first takes every value to be equally likely.
# The second has counted, on the remaining images, how often each pixel has each value (its
# *histogram*), and asks no neighbour.

# %%
some = images[:100]
coin = baselines.uniform_nats(model.image_shape, model.levels)
alone = baselines.independent_nats(images[100:], some, model.levels)
figures.bars(
    {
        "every value equally likely": coin,
        "each pixel's own histogram": alone,
        model.name: float(model.nll(some).mean()),
    },
    "nats per image, mean of 100",
    form="{:.1f}",
)

# %% [markdown]
# The network's number here is *lower* than the one on its card, on images of a kind that it has not
# learned from. Is it better than it says? No, the images are easier. Small digits, enlarged, have
# shorter and smoother outlines than those that it learned from, and outlines are what costs. Count
# the pairs of neighbouring pixels that differ, here and in the network's own drawings, which are
# like what it learned from:


# %%
def outline(images):
    """Pairs of neighbours that differ, mean per image."""
    x = images.astype(int)
    return float(sum(np.abs(np.diff(x, axis=axis)).sum() for axis in (1, 2)) / len(x))


drawn = pr.sample(model, 100, seed=3)
assert outline(some) < outline(drawn)
figures.Table(
    ["", "pairs that differ", "nats per image"],
    [
        ["the 100 images", outline(some), float(model.nll(some).mean())],
        ["100 drawn by the network", outline(drawn), float(model.nll(drawn).mean())],
    ],
    form="{:.1f}",
)

# %% [markdown]
# Two numbers of nats can be compared only if they are of the same images.

# %% [markdown]
# ## Exercise 0.1 · How much more probable?
#
# One image costs $a$ nats, another one $b$. By how many powers of ten is the first more probable
# than the second? Return the exponent $m$ in $p_a / p_b = 10^m$; it may be negative, and a
# fraction.
#
# <details><summary>Hint</summary>
#
# $p_a = e^{-a}$, so $p_a / p_b = e^{b - a}$. And $10 = e^{\ln 10}$.
# </details>


# %%
def powers_of_ten(a, b):
    exponent = ...  # your code
    return exponent


check.powers_of_ten(powers_of_ten)

# %% [markdown]
# ## Drawing
#
# Whoever can guess can draw. Let the network guess, throw a die that is weighted by its guess,
# write the result down, and go on to the next pixel, which now has one more known before it.
# Nothing else is done here. Dark blue is not drawn yet.

# %%
film = []
drawn = pr.sample(model, 9, seed=1, on_row=lambda images, row: film.append(images))
rows = [H // 4 - 1, H // 2 - 1, 3 * H // 4 - 1, H - 1]
figures.frames(np.stack(film), model.levels, rows)

# %% [markdown]
# The network never sees a whole image while it draws, it has no plan, and it cannot go back. That
# the strokes close all the same is due to guesses that take the past into account.
#
# The die can be loaded. The *logits* are the numbers that the network hands out: the logarithms of
# its guess, up to a constant. (With two values one number is enough: the logarithm of white minus
# that of black.) At *temperature* $T$ they are divided by $T$ before the die is thrown. Below 1
# likely values become likelier still, above 1 unlikely ones come up more often. $T = 1$ is the
# model itself. The nats above the images are what they cost at $T = 1$, whatever $T$ drew them.
# Which of three temperatures will draw the images with the fewest nats, and which the best digits?


# %%
def draw_at(temperature=1.0):
    x, nats = pr.sample(model, 24, seed=2, temperature=temperature, return_nll=True)
    title = f"temperature {temperature:.1f}: {nats.mean():.0f} nats per image on average"
    return figures.sheet(x, model.levels, columns=12, title=title)


course.interactive(
    draw_at,
    temperature=(0.3, 1.6, 0.1),
    static=[{"temperature": 0.5}, {"temperature": 1.0}, {"temperature": 1.4}],
)

# %% [markdown]
# Images drawn at a low temperature cost the fewest nats, and are not the best. At 0.5 the die takes
# the likely way nearly every time: paper stays paper, and a stroke goes on as it was going. Few
# kinds of digits are left, and some have hardly begun.
#
# ## Exercise 0.2 · The weighted die
#
# All that drawing needs beside a network: given the probabilities `p` of the values $0, 1, \dots$
# and a number `u` that is uniform in $[0, 1)$, return a value such that value $v$ comes up with
# probability $p_v$. Lay the probabilities end to end from 0 to 1, in order; on whose part does $u$
# fall? A part includes its lower end and not its upper one.
#
# <details><summary>Hint</summary>
#
# `np.cumsum(p)` has the upper ends. How many of the parts end at or before $u$?
# </details>


# %%
def pick(p, u):
    value = ...  # your code: an int
    return value


check.pick(pick)

# %% [markdown]
# ## Completing
#
# Put known pixels in place of drawn ones, and the same walk completes an image. Each line begins
# with what is known. Then come six ways in which the network goes on, tinted where it drew. The
# original stands last; its lower part the network has not seen. First half of the rows are known,
# then three quarters.


# %%
def draw_completions(known_rows=H // 2, first=26):
    chosen = images[first : first + 4]
    known = np.zeros((H, W, 1), bool)
    known[:known_rows] = True
    six_times = np.repeat(chosen, 6, axis=0)
    drawn = pr.complete(model, six_times, known, seed=first).reshape(4, 6, H, W, C)
    return figures.completions(chosen, known, drawn, model.levels)


course.interactive(
    draw_completions,
    known_rows=(0, H),
    first=(0, 45),
    static=[{"known_rows": H // 2}, {"known_rows": 3 * H // 4}],
)

# %% [markdown]
# Where the upper half leaves several digits possible, you see several. Where it leaves one, the
# completions agree. That they differ is a merit: a network that answered with one average would
# give a grey smear.
#
# ## Exercise 0.3 · Who steers whom?
#
# In an image of $H \times W$ pixels only the pixel at row $r$ and column $q$ is known (counted from
# 0), and the network draws the others in raster order. How many drawn pixels can be influenced by
# the known one?
#
# <details><summary>Hint</summary>
#
# A guess sees what comes earlier, and nothing else. What is drawn before the known pixel cannot
# know of it.
# </details>


# %%
def steered(r, q, H, W):
    count = ...  # your code
    return count


check.steered(steered)

# %% [markdown]
# ## What did it look at?
#
# A network can be asked which of the earlier pixels its guess depends on: how strongly does the
# logit change with each pixel, on average over some images? The orange frame is the pixel that is
# guessed, and grey is what comes after it. (Where the notebook runs, sliders move the right one.)
# Neither that pixel nor any after it has an influence, because the network is built so: a guess
# that knew its own pixel would be none. Of the pixels before it, the nearest count most.
#
# A pale patch far away, such as the one in the upper right corner, is not knowledge but the lack of
# it. No image that this network learned from has ink in that corner. So nothing ever told it what
# ink there would mean. What its weights happen to say does no harm, as long as the corner stays
# black.


# %%
def draw_influence(row=5 * H // 8, column=W // 2):
    pixels = [(3 * H // 8, W // 2), (row, column)]
    return figures.influence(
        {(r, q): explain.influence(model, images[:40], r, q) for r, q in pixels}
    )


course.interactive(draw_influence, row=(0, H - 1), column=(0, W - 1))

# %% [markdown]
# ## The map
#
# | notebook | of the paper | the question |
# |---|---|---|
# | [01 · Pixel by pixel](01_pixel_by_pixel.ipynb) | §2, §2.1 | What is a likelihood, and in which unit? |
# | [02 · Softmax pixels](02_softmax_pixels.ipynb) | §2.2, §5.3 | Why 256 classes for a brightness? |
# | [02b · Networks in ten minutes](02b_networks_in_ten_minutes.ipynb) | | What is a layer, a kernel, backpropagation? |
# | [03 · Masked convolution](03_masked_convolution.ipynb) | §3.4 | How can a guess be kept from its answer? |
# | [04 · PixelCNN](04_pixelcnn.ipynb) | §3.5 | How far do convolutions see, and what never? |
# | [05 · Row LSTM](05_row_lstm.ipynb) | §3.1 | What if a memory runs down the image? |
# | [06 · Diagonal BiLSTM](06_diagonal_bilstm.ipynb) | §3.2 | How does one see everything at once? |
# | [07 · Residual and skip](07_residual_and_skip.ipynb) | §3.3, §5.4 | What does depth need? |
# | [08 · Multi-Scale](08_multi_scale.ipynb) | §3.6 | Can one sketch first? |
# | [09 · Training and results](09_training_and_results.ipynb) | §4, the rest of §5 | How is it trained, and how good is it? |
# | [10 · Loops to Numba](10_loops_to_numba.ipynb) | | How does it get fast? |
# | [11 · Catch the leak](11_catch_the_leak.ipynb) | | How does one find out that it cheats? |
# | [12 · Bits on disk](12_bits_on_disk.ipynb) | | How does a likelihood become a file? |
# | [13 · All of it](13_all_of_it.ipynb) | all of §3 | Can it all stand on one page? |
# | [90 · Appendix to 02](90_bells.ipynb) | §5.3 | How far do mixtures of bell curves get? |
#
# In a hurry? 01, 03 and 05 are the core, with 02b if layers and kernels are new to you. Most of
# what you saw above is behind five names: `pr.load_pretrained`, `model.nll`, `pr.sample`,
# `pr.complete` and `explain.influence`.
#
# ## What to take away
#
# - The model *is* a distribution over images: it gives each a probability, in nats, exactly.
# - It is a product of guesses, one per pixel, each from the earlier pixels alone. All guesses on a
#   known image take one pass; drawing takes one step per pixel.
# - The same guesses rate images, draw new ones and complete old ones.
# - It is blind to what comes later: known pixels at the bottom do not steer what is drawn above
#   them.
#
# ## Further reading
#
# - The paper, [Pixel Recurrent Neural Networks](https://arxiv.org/abs/1601.06759): §1, and its
#   figures of samples and completions.
# - The source: [sampling.py](../pixelrnn_np/sampling.py),
#   [`pretrained/__init__.py`](../pixelrnn_np/pretrained/__init__.py).
# - A. van den Oord and others, *Conditional Image Generation with PixelCNN Decoders* (2016,
#   [arXiv:1606.05328](https://arxiv.org/abs/1606.05328)): the authors' next step, a PixelCNN
#   without a blind spot that can be told what to draw.
#
# Solutions: [solutions/00_tour](solutions/00_tour.ipynb). Next:
# [01 · Pixel by pixel](01_pixel_by_pixel.ipynb).
