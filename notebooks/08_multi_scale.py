# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 08 · Multi-Scale: a small image first, then a larger one given it
#
# **What you will do.** Take an image apart into a small one and the rest, build the upsampling of
# §3.6 in loops, derive its gradient, and lead it into every layer of a network. Train a model of
# two scales on digits and watch it draw, first a sketch and then the picture. Then let a larger one,
# which comes with the package, draw several pictures of one sketch.
#
# **What you will learn.** Why a transposed convolution is called so; how one network is told what
# another one has drawn; and why the nats of the two networks, added up, are *not* the nats of the
# image but only an upper bound. You will sum over all images of a tiny case to see the gap, and
# close it.
#
# **What you need.** The Row LSTM ([05](05_row_lstm.ipynb)), residual blocks
# ([07](07_residual_and_skip.ipynb)), and NumPy. Nothing here needs the internet or more than three
# minutes.

# %%
import numpy as np

import pixelrnn_np as pr
from pixelrnn_np import course, figures
from pixelrnn_np.course import n08 as check
from pixelrnn_np.course import results
from pixelrnn_np.inspection import checks, explain, gradcheck
from pixelrnn_np.layers.masks import feature_groups
from pixelrnn_np.layers.row_lstm import RowLSTM
from pixelrnn_np.layers.upsample import Upsample

rng = np.random.default_rng(8)

# %%
figures.you_are_here("08")

# %% [markdown]
# ## The idea
#
# A network that draws in raster order settles the top of an image before it has given any thought
# to the bottom. If the first rows turn out as half of an ear and half of a wheel, the rest has to
# be made to fit. The longer the image, the more such accidents.
#
# A person would sketch first. So let one network draw a small image, a few pixels that lie far apart, and
# let a second one draw the full image around them. When the second network begins, the large
# decisions have been made, for the bottom as well as for the top; what is left is to fill in.
#
# This is still a chain rule; what has changed is the order. Here are the orders in which the 64
# pixels of an 8×8 image are decided. On the right, every second pixel of every second row comes
# first. As before, what may be seen is light blue. Is something wrong with pixel 39?

# %%
figures.decided(place=39)

# %% [markdown]
# On the right it sees blue pixels *below* itself. That is no leak. They have been decided earlier, so
# they are part of its past.
#
# ## What the paper says (§3.6; Figure 2, centre; Figure 8)
#
# A Multi-Scale PixelRNN has one *unconditional* network and one or more *conditional* ones. The
# first draws an image of $s \times s$ pixels, subsampled from the original; the second draws the
# image of $n \times n$ pixels given the small one, and a third could go on from there. All of them
# are PixelRNNs as we know them. New is only how the small image gets into the conditional network:
#
# 1. A few transposed convolutions, which the paper calls a deconvolutional network, enlarge the
#    small image to a map $e$ of $n \times n$ pixels: not an image, but several *features* at each
#    pixel of the large one.
# 2. For **each** layer, a 1×1 convolution makes $4h$ numbers per pixel of them, and these are added
#    to the layer's input-to-state map, like a bias that differs from pixel to pixel:
#
# $$z_{r,q} = \sum_{t \le 0} x_{r,q+t}\,K^{is}_t + \sum_{v} h_{r-1,q+v}\,K^{ss}_v + b + e_{r,q}\,K^{fs}.$$
#
# That is the line of [05](05_row_lstm.ipynb) with one term more. $K^{fs}$, our name for it, has no mask.
# It need not have one: the small image is given, all of it.
#
# For images of 64×64 pixels the paper found samples with more coherence across the image (Figure 8,
# ImageNet) at a likelihood much like that of one scale (§5.7).
#
# The paper leaves open how to subsample, what the upsampling looks like inside, and how the
# likelihoods of the networks are to be combined. This project takes every $f$-th row and column (so
# the small image's pixels are pixels of the large one, as in Figure 2), one transposed convolution
# of stride $f$ with a kernel of $2f \times 2f$ and a ReLU, and $h$ features; other layers may come
# before it, as you will see. ($f$ is the factor
# between the sizes in this notebook. The forget gate, which has the same letter, is only in `cell`.)
# The third question has a section of its own below.

# %%
figures.conditional_sketch()

# %% [markdown]
# ## Slowly
#
# Subsampling is a slice. The other direction asks: where does a small pixel $(r, q)$ lie in the
# large image? At $(fr, fq)$. A transposed convolution puts a *stamp* there: the pixel's value times
# a kernel of $2f \times 2f$, with the upper left corner $f/2$ further up and to the left. Where
# stamps overlap, they are added:
#
# $$y_{\,fr+t_r-f/2,\; fq+t_q-f/2} \;\mathrel{+}=\; x_{r,q}\, K_{t}, \qquad t = (t_r, t_q),$$
#
# for $0 \le t_r, t_q < 2f$, with what falls outside cut off, and a bias on top. $f$ is even, so that
# $f/2$ is a whole number.


# %%
def subsample(x, f):
    """(H, W, C) → (⌈H/f⌉, ⌈W/f⌉, C): pixels of x, not averages of pixels."""
    return x[::f, ::f]


def stamps(f, height, width, H, W):
    """Every (small pixel), (tap), (large pixel) that meet inside the large image."""
    for r, q, t_r, t_q in np.ndindex(height, width, 2 * f, 2 * f):
        R, Q = f * r + t_r - f // 2, f * q + t_q - f // 2
        if 0 <= R < H and 0 <= Q < W:
            yield (r, q), (t_r, t_q), (R, Q)


def upsample_slow(x, K, b, size):
    """x (height, width, C), K (2f, 2f, C, F), b (F,) → (H, W, F)."""
    y = np.tile(b, (*size, 1))
    for small, tap, large in stamps(len(K) // 2, *x.shape[:2], *size):
        y[large] += x[small] @ K[tap]
    return y


# %% [markdown]
# ## Fast
#
# `Upsample` in `pixelrnn_np/layers/upsample.py`, for whole batches. The large image has an odd side
# here, so that the cutting off is tried as well.

# %%
f, size = 2, (7, 6)
layer = Upsample(size, f, 3, 5, rng, dtype="float64")
gradcheck.randomise(layer, rng)
K, b = layer.params["K"], layer.params["b"]

x = rng.standard_normal((2, 4, 3, 3))
y, cache = layer.forward(x)
slow = np.stack([upsample_slow(image, K, b, size) for image in x])
assert np.allclose(y, slow, rtol=0, atol=1e-12)
print("slow and fast agree; largest difference:", f"{np.abs(y - slow).max():.0e}")

# %% [markdown]
# ### Why "transposed"?
#
# Here is an ordinary convolution with stride $f$ that goes the other way, from the large map to the
# small one. It visits the same triples; it collects where the other one distributes.


# %%
def strided_convolution(y, K, shape):
    """y (H, W, F) → (height, width, C): each small pixel reads 2f × 2f large ones."""
    x = np.zeros((*shape, K.shape[2]))
    for small, tap, large in stamps(len(K) // 2, *shape, *y.shape[:2]):
        x[small] += K[tap] @ y[large]
    return x


anything = rng.standard_normal(y[0].shape)
left = (upsample_slow(x[0], K, 0 * b, size) * anything).sum()
right = (x[0] * strided_convolution(anything, K, x[0].shape[:2])).sum()
assert np.isclose(left, right)
print(f"<up(x), y> = {left:.10f}, <x, down(y)> = {right:.10f}")

# %% [markdown]
# Both maps are linear, so each is a matrix on flattened arrays, and the equality of these two inner
# products for any $x$ and $y$ says that one matrix is the transpose of the other. Nothing is
# inverted: "deconvolution" promises more than it does. You met such a pair in every backward pass
# so far, where a forward convolution sends its gradient through its transpose. Here the two have
# changed places.
#
# What does a single small pixel reach? Below, one pixel is 1 and the rest 0: a stamp of
# $2f \times 2f$, cut off at the border. How many stamps lie on one large pixel? (Move the pixel, and try
# $f = 4$.)


# %%
def draw_stamp(row=1, column=2, f=2):
    one = np.zeros((1, 4, 4, 1))
    one[0, row, column] = 1
    up = Upsample((4 * f, 4 * f), f, 1, 3, np.random.default_rng(0), dtype="float64")
    shown = {f"small, pixel ({row}, {column})": one[0, ..., 0].repeat(f, 0).repeat(f, 1)}
    y = up.forward(one)[0][0]
    shown |= {f"feature {k}, f = {f}": y[..., k] for k in range(3)}
    return figures.feature_maps(shown, pixel=(f * row, f * column))


course.interactive(
    draw_stamp,
    row=(0, 3),
    column=(0, 3),
    f=[2, 4],
    static=[{"row": 1, "column": 2}, {"row": 3, "column": 0}],
)

# %% [markdown]
# The first panel is the small image, enlarged; the orange frame is the place of the small pixel in the
# large one. Each feature has a stamp of
# its own, and training decides what is on it. Stamps are $2f$ wide and begin $f$ apart, so two of them
# lie on each row and on each column: four on a large pixel, but at the border.
#
# ## Exercise 8.1 · From the other side
#
# Which rows of the small image does row $R$ of the large one read, given $f$ (even) and the number
# of small rows, `height`? Return a set. (Columns are the same.)
#
# <details><summary>Hint</summary>
#
# Row $r$ stamps the rows from $fr - f/2$ to $fr + 3f/2 - 1$. For which $r$ is $R$ among these?
# There are two of them, or one at the border. `stamps` can tell you whether you are right.
# </details>


# %%
def rows_read(R, f, height):
    rows = ...  # your code
    return rows


check.rows_read(rows_read)

# %% [markdown]
# ## Into the layer
#
# Now the second step of §3.6, for a Row LSTM. Below is the code of [05](05_row_lstm.ipynb), line for
# line; lay the two beside each other. What is new is `e` among the arguments and **one line**. It is
# the same in the Diagonal BiLSTM. A PixelCNN has no input-to-state map; there this project adds the
# term to the map of each 3×3 convolution.


# %%
def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def cell(z, c_above):
    """Gates from z (…, 4h), and from the cell before, (…, h): the gates, c and h."""
    z_o, z_f, z_i, z_g = np.split(z, 4, axis=-1)
    o, f, i, g = sigmoid(z_o), sigmoid(z_f), sigmoid(z_i), np.tanh(z_g)
    c = f * c_above + i * g
    return {"o": o, "f": f, "i": i, "g": g, "c": c, "h": o * np.tanh(c)}


def above(maps, p, r):
    """h and c of row r - 1, (W, h) each; above the first row, the learned initial states."""
    if r > 0:
        return maps["h"][r - 1], maps["c"][r - 1]
    W = maps["h"].shape[1]
    return np.tile(p["h0"], (W, 1)), np.tile(p["c0"], (W, 1))


def taps(q, k, W, first, last):
    """Pairs (index in the kernel, column) for the offsets first..last that stay in the image."""
    return [(t + k // 2, q + t) for t in range(first, last + 1) if 0 <= q + t < W]


def row_lstm_slow(x, e, p):
    """One image x (H, W, 2h), features e (H, W, h) → maps o f i g c h, each (H, W, h)."""
    H, W, _ = x.shape
    k = p["K_is"].shape[1]
    maps = {name: np.zeros((H, W, len(p["h0"]))) for name in "ofigch"}
    for r in range(H):
        h_above, c_above = above(maps, p, r)
        for q in range(W):
            z = p["b"].copy()
            z += e[r, q] @ p["K_fs"][0, 0]  # new: what the small image says here
            for t, column in taps(q, k, W, -(k // 2), 0):  # mask B hides the taps to the right
                z += x[r, column] @ p["K_is"][0, t]
            for v, column in taps(q, k, W, -(k // 2), k // 2):
                z += h_above[column] @ p["K_ss"][0, v]
            for name, value in cell(z, c_above[q]).items():
                maps[name][r, q] = value
    return maps


# %% [markdown]
# The package gets by without a new kernel. $x K^{is} + e K^{fs}$ is one product of the joined row
# vector $[x, e]$ with the two matrices stacked. So the features are handed over *after* those of the
# input, and are read by the middle tap only.

# %%
F = 3
lstm = RowLSTM(feature_groups(2 * F, 1), F, 1, rng, features=4, dtype="float64")
gradcheck.randomise(lstm, rng)
inputs, e = rng.standard_normal((2, 5, 6, 2 * F)), rng.standard_normal((2, 5, 6, 4))
h, _ = lstm.forward(np.concatenate([inputs, e], axis=3))
slow = [row_lstm_slow(*pair, lstm.params)["h"] for pair in zip(inputs, e, strict=True)]
assert np.allclose(h, slow, rtol=0, atol=1e-12)
print("slow and fast agree; largest difference:", f"{np.abs(h - slow).max():.0e}")

# %% [markdown]
# `build_model("multi_scale", …)` puts all of it together: network 0 draws the small image, network
# 1 the large one. Every layer of network 1 is given the whole small image. So every prediction knows
# all of it, does it not?
#
# Let us ask. A gradient sent back from one of its
# logits shows which pixels of the **large** image it reads: the field that you know. For the
# **small** image we change one pixel after the other and see whether the logit moves.


# %%
def moved_by(model, images, row, column):
    """Mean |change| of one logit when a pixel of the small image is flipped: (height, width)."""
    small = model.given(images)
    before = model.logits(images)[:, row, column, 0]
    found = np.zeros(small.shape[1:3])
    for r, q in np.ndindex(*found.shape):
        flipped = small.copy()
        flipped[:, r, q] ^= 1
        after = model.logits(images, given=flipped)[:, row, column, 0]
        found[r, q] = np.abs(after - before).mean()
    return found


options = {"h": 8, "layers": 1, "base": "diagonal_bilstm"}
fresh = checks.small_model("multi_scale", rng, (8, 8, 1), 2, **options)
noise = rng.integers(0, 2, (16, 8, 8, 1), np.uint8)
place = (4, 3)
reads = moved_by(fresh, noise, *place), explain.influence(fresh, noise, *place)
figures.given_fields(*reads, place, factor=2)

# %% [markdown]
# It does not. Of the small image this logit reads the first three rows, which lie at rows 0, 2 and
# 4 of the large one (full dots): so it knows what is coming in its own row, to its right. It does
# not read the last, which lies at row 6 (open dots). (The yellow pixel of the large image is the
# one that [06](06_diagonal_bilstm.ipynb) found.) The features enter a layer at every pixel, and
# from there they travel the way of all features, down and sideways, never up.
#
# This is easily overlooked: each layer is given all of the small image, but a single prediction
# looks ahead only as far as a stamp, which is $f/2$ rows. What the small image says about the
# bottom acts when the drawing gets there.
#
# ### Looking around first
#
# Nothing forbids a look further ahead: the small image is known as a whole. The paper speaks of a
# *convolutional network* with deconvolutional layers, and gives no sizes. With `around=n` this project
# puts $n$ plain 3×3 convolutions on the small image before the stamps, each with a ReLU. They
# have no mask. Each shows a pixel one small pixel more on every side. Here is the same logit with one
# of them:

# %%
wider = checks.small_model("multi_scale", rng, (8, 8, 1), 2, **options, around=1)
reads = moved_by(wider, noise, *place), explain.influence(wider, noise, *place)
figures.given_fields(*reads, place, factor=2)

# %% [markdown]
# Now it reads the last row of the small image too: it knows what lies below before that is drawn. The
# large image's field is as it was.
#
# This costs a tenth more time, and is worth more than all else that we tried. With the same blocks,
# one run each, the exact nats of MNIST's validation images were 85.68 after the first epoch without
# such layers, and 83.04 with four of them ([docs/training.md](../docs/training.md)).
#
# ## Backwards, step by step
#
# The gradient comes down through the conditional network as it always does. Two things are new:
# what leaves through $K^{fs}$, and how it gets through the stamps. Let $dz^{(l)}$ be the gradient
# at the pre-activations of layer $l$, as derived in [05](05_row_lstm.ipynb). Here is the sketch, each
# arrow turned round, with the numbers of the steps.

# %%
figures.conditional_sketch(back=True)

# %% [markdown]
# **1. Through $e\,K^{fs}$.** A row vector times a matrix, at every pixel:
#
# $$dK^{fs(l)} = \sum_{r,q} e_{r,q}^\top\, dz^{(l)}_{r,q},$$
#
# $$de_{r,q} = \sum_l dz^{(l)}_{r,q}\, K^{fs(l)\top}.$$
#
# The sum over $l$ is there because *one* map $e$ has an arrow to *every* layer. Each layer has a
# matrix of its own, so its gradient is not summed.
#
# **2. Through the ReLU.** $y$ is the sum of stamps and bias, and $e = \max(y, 0)$. So $dy = de$ where $y > 0$, and
# zero elsewhere.
#
# **3. Through the stamps.** Every product $x_{r,q} K_t$ went to one large pixel. So each gets its
# gradient from there, and each of its factors gets that times the other factor:
#
# $$dx_{r,q} = \sum_t dy_{fr+t_r-f/2,\; fq+t_q-f/2}\, K_t^\top,$$
#
# $$dK_t = \sum_{r,q} x_{r,q}^\top\, dy_{fr+t_r-f/2,\; fq+t_q-f/2}, \qquad db = \sum dy.$$
#
# The first is the strided convolution from above, as it had to be. Who needs $dx$? Without layers that
# look around, nobody: $x$ is then the small image, and an image is data, not something to improve. With
# them $x$ is their output, and $dx$ goes on through their convolutions.


# %%
def upsample_slow_backward(dy, x, K):
    """dy (H, W, F) of one image → dx, dK, db."""
    dx, dK = np.zeros_like(x), np.zeros_like(K)
    for small, tap, large in stamps(len(K) // 2, *x.shape[:2], *dy.shape[:2]):
        dx[small] += dy[large] @ K[tap].T  # 3
        dK[tap] += np.outer(x[small], dy[large])
    return dx, dK, dy.sum(axis=(0, 1))


dy = rng.standard_normal(y.shape)
dx, grads = layer.backward(dy, cache)
parts = [upsample_slow_backward(dy[n], x[n], K) for n in range(2)]
assert np.allclose(dx, np.stack([p[0] for p in parts]), rtol=0, atol=1e-12)
assert np.allclose(grads["K"], sum(p[1] for p in parts), rtol=0, atol=1e-12)
assert np.allclose(grads["b"], sum(p[2] for p in parts), rtol=0, atol=1e-12)
print("slow and fast gradients agree for dx, K and b")

# %% [markdown]
# Now all three steps in a whole model of two scales with two Row LSTM blocks. `pr.record` hands us
# the $dz$ of each block; from there we go to the upsampler's kernel on our own, and compare with
# the model's gradients.

# %%
model = checks.small_model("multi_scale", rng, (6, 6, 1), 2, h=3, layers=2, base="row_lstm")
record = pr.record(model, rng.integers(0, 2, (1, 6, 6, 1), np.uint8))
top = "networks.1."  # the conditional network


def from_dz_to_the_upsampler(record, model, blocks=2):
    """One image → the gradients of each K_fs, and of the upsampler's K and b."""
    e, small = record[top + "upsample_relu"][0], record[top + "small"][0]
    de, found = np.zeros_like(e), {}
    for block in range(blocks):
        name = f"{top}blocks.{block}.lstm"
        dz = record[f"d{name}.z"][0]
        found[f"{name}.K_fs"] = np.einsum("rqc,rqz->cz", e, dz)[None, None]  # 1
        de += dz @ model.params[f"{name}.K_fs"][0, 0].T
    dy = de * (e > 0)  # 2
    _, dK, db = upsample_slow_backward(dy, small, model.params[top + "upsample.K"])
    return found | {top + "upsample.K": dK, top + "upsample.b": db}


for name, gradient in from_dz_to_the_upsampler(record, model).items():
    assert np.allclose(gradient, record[f"d{name}"], rtol=0, atol=1e-12), name
print("from dz of both blocks to the upsampler: the same gradients as the model's")

# %% [markdown]
# ### Are they right?
#
# One entry of the kernel by hand, in the model's own loss, and then every array of the upsampler
# and of the whole model.

# %%
x_one = rng.integers(0, 2, (2, 6, 6, 1), np.uint8)
_, grads = model.loss_and_grads(x_one)
theta, spot, eps = model.params["networks.1.upsample.K"], (1, 2, 0, 1), 1e-5
losses = []
for sign in (1, -1):
    theta[spot] += sign * eps
    losses.append(model.nll(x_one).mean())
    theta[spot] -= sign * eps
numeric = (losses[0] - losses[1]) / (2 * eps)
print(f"numerically {numeric:.9f}, by hand {grads['networks.1.upsample.K'][spot]:.9f}")


def at_a_random_point(rng):
    model = checks.small_model("multi_scale", rng, (4, 6, 1), 2, layers=1, base="row_lstm")
    x = rng.integers(0, 2, (2, 4, 6, 1), np.uint8)
    return gradcheck.check_model(model, x, rng, entries=10)


errors = {f"upsample alone: {k}": v for k, v in gradcheck.check_layer(layer, x, rng).items()}
whole = gradcheck.redraw(at_a_random_point, rng)
errors |= {k: v for k, v in whole.items() if "upsample" in k or "K_fs" in k}
errors["the largest of all arrays"] = max(whole.values())
assert max(errors.values()) < 1e-6
figures.Table(["gradient of", "largest relative error"], errors.items(), form="{:.0e}")

# %% [markdown]
# ## Exercise 8.2 · The gradient without loops over pixels
#
# Write $dx$ of step 3 with a loop over the taps only. Given `dy` $(H, W, F)$ and `K`
# $(2f, 2f, C, F)$, where $f$ divides $H$ and $W$, return `dx` $(H/f, W/f, C)$.
#
# <details><summary>Hint</summary>
#
# Surround `dy` with zeros, $f/2$ rows and columns before it and enough after it. Then tap
# $(t_r, t_q)$ of small pixel $(r, q)$ is at $(fr + t_r, fq + t_q)$: in rows a slice that begins at
# $t_r$ and has step $f$.
# </details>


# %%
def small_gradient(dy, K):
    dx = ...  # your code: an array (H/f, W/f, C)
    return dx


check.small_gradient(small_gradient)

# %% [markdown]
# ## What is the likelihood?
#
# Let $s(x)$ be the subsampled $x$ (so $s$ is a small image from here on, no longer its side). Two
# networks give us $p_0(s)$ for small images and $p_1(x \mid s)$ for large ones. The obvious thing is to
# add their nats:
#
# $$-\ln p_0\big(s(x)\big) - \ln p_1\big(x \mid s(x)\big).$$
#
# Is this the cost of the image? Before you read on, ask what else the model could have drawn beside
# this $x$.
#
# These are the nats of the **pair** $(s(x), x)$. The model as a whole is a distribution over
# pairs of a small and a large image, and nothing stops it from drawing a pair that does not agree:
# a 1 in the small image, and a 0 at the same place of the large one. What it thinks of $x$ is the
# sum over *all* small images that could have stood beside it:
#
# $$p(x) = \sum_s p_0(s)\, p_1(x \mid s) \;\ge\; p_0\big(s(x)\big)\, p_1\big(x \mid s(x)\big).$$
#
# One term of a sum of positive terms is at most the sum. So **the networks' nats added up are an
# upper bound of $-\ln p(x)$**, and over all images their probabilities sum to less than 1. What is
# missing is on the pairs that disagree.
#
# For an image of 2×2 pixels all of this can be counted: 16 images, 2 small ones, 32 pairs.

# %%
tiny = checks.small_model("multi_scale", rng, (2, 2, 1), 2, base="row_lstm")
images, smalls = checks.all_images((2, 2, 1), 2), checks.all_images((1, 1, 1), 2)


def nats_given(model, images, small):
    """-ln p1 of each image, with one small image beside all of them."""
    given = np.repeat(small[None], len(images), axis=0)
    z = model.logits(images, given=given)[..., 0]
    return (np.logaddexp(0, z) - images[..., 0] * z).sum(axis=(1, 2))


nats_small = tiny.networks[0].nll(smalls)
nats_large = np.stack([nats_given(tiny, images, s) for s in smalls])  # (2, 16)
pairs = nats_small[:, None] + nats_large

agree = images[:, 0, 0, 0] == smalls[:, 0, 0, 0][:, None]
bound = tiny.nll(images)
assert np.allclose(bound, pairs[agree.argmax(axis=0), np.arange(16)])

true = -np.log(np.exp(-pairs).sum(axis=0))
assert (true <= bound).all()
counted = {
    "all 32 pairs": pairs,
    "the 16 that agree (the networks' nats added up)": bound,
    "the 16 images, summed over the small ones": true,
}
figures.Table(
    ["the probabilities of", "sum to"],
    [[name, float(np.exp(-nats).sum())] for name, nats in counted.items()],
    form="{:.9f}",
)

# %% [markdown]
# The sum over all small images is the truth, and it is out of reach: for 14×14 binary pixels there
# are $2^{196}$ of them.
#
# ### The exact way
#
# There is a better idea than estimating the sum. We *know* what the fixed pixels of $x$ are:
# copies. So do not ask the network for them. In the conditional network every sub-pixel whose row
# and column are multiples of $f$ is copied from the small image, is never drawn, and costs nothing:
#
# $$p(x) = p_0\big(s(x)\big) \prod_{i \text{ not fixed}} p_1(x_i \mid x_{<i}, s(x)).$$
#
# Now each image is drawn in exactly one way, as in the figure at the top, and this is the chain
# rule in that order: it sums to 1. `exact=True` builds that model; it has the same parameters.

# %%
exact = pr.build_model(**{**tiny.config, "exact": True})
exact.flat[...] = tiny.flat
assert np.isclose(checks.total_probability(exact), 1, rtol=0, atol=1e-9)
assert (exact.nll(images) <= bound).all()
print(f"exact: the 16 probabilities sum to {checks.total_probability(exact):.9f}")

by_bound = np.argsort(bound)
nats_of = {
    "added up, the bound": bound,
    "summed over all small": true,
    "exact": exact.nll(images),
}
figures.lines(
    {name: (range(16), nats[by_bound]) for name, nats in nats_of.items()},
    "the 16 images, in the order of the bound",
    "nats",
)

# %% [markdown]
# With the same weights, "exact" and "summed over all small" are two different distributions,
# both proper ones; neither is above the bound anywhere.
#
# Does the paper mean the bound? It does not say. Whoever compares such a number with a single scale
# should know that it errs on the careful side: a bound makes the model look worse than it is. The
# common mistake goes the other way, to compare one *network's* nats, without those of the small
# image, with a whole model's.
#
# ## Exercise 8.3 · The sum without underflow
#
# Above, `true` took the logarithm of a sum of exponentials. With larger images, whose nats are in
# the thousands, `np.exp(-pairs)` is 0 and the result infinite. Given `nats_small`, shape
# $(S,)$, and `nats_large`, shape $(S, N)$, return the $N$ true nats.
#
# <details><summary>Hint</summary>
#
# Take the largest probability out of the sum before you exponentiate, and put its logarithm back
# afterwards; it is a different one for every image.
# </details>


# %%
def true_nats(nats_small, nats_large):
    nats = ...  # your code: an array (N,)
    return nats


check.true_nats(true_nats)

# %% [markdown]
# ## Two scales on digits
#
# Four models with the same blocks: one scale, two scales with the bound as their loss, two scales in
# the exact way, and the same with two layers that look around. Network 0 draws 4×4 pixels, network 1
# the 8×8. Which will be cheapest, and will the sketch's 16 pixels cost more or less when they come
# first?

# %%
train, test = (pr.load_data("digits", part, levels=2) for part in ("train", "test"))
kinds = {
    "one scale": ("diagonal_bilstm", {}),
    "two scales, bound": ("multi_scale", {"exact": False}),
    "two scales, exact": ("multi_scale", {"exact": True}),
    "two scales, exact, around": ("multi_scale", {"exact": True, "around": 2}),
}
epochs = 2 if course.fast() else 16
trained, rows = {}, []
for title, (name, options) in kinds.items():
    net = pr.build_model(name, (8, 8, 1), h=12, layers=2, head=24, seed=0, **options)
    recipe = {"optimizer": "adam", "lr": 4e-3, "schedule": "cosine", "ema": 0.98}
    trainer = pr.Trainer(net, **recipe)
    trainer.fit(train, epochs=epochs, progress=False)
    net.flat[...] = trainer.average
    trained[title] = net
    per_pixel = explain.pixel_nats(net, test)  # of two scales: network 1's
    sketch = net.stage_nats(0, test) if options else per_pixel[:, ::2, ::2].sum(axis=(1, 2))
    nats = net.nll(test)
    parts = (float(n.mean()) for n in (sketch, nats - sketch, nats))
    rows.append([title, f"{net.flat.size:,}", *parts])
figures.Table(
    ["", "numbers", "the sketch's 16 pixels", "the rest", "nats per test image"],
    rows,
    form="{:.2f}",
)

# %% [markdown]
# Read the columns. For the sketch's 16 pixels two scales pay more than one scale does. Network 0 sees
# nothing between them; one scale has seen what lies between when it comes to them. For the rest it is
# the other way round: network 1 has been told the sketch. Both are chain rules, so in theory neither
# order is better; a network may find one easier to learn.
#
# Where network 1 sees only its neighbours in the sketch, two scales come out a little *worse* than one.
# Where it looks around they come out a little better: it knows something of what lies below, and who
# goes from the top to the bottom cannot know that. But these models have more than twice as many numbers,
# and it is one seed of each, so the table does not say that two scales are better. What they are meant
# for is in the figures further down.
#
# What does the bound cost? Its network is asked for the fixed pixels too, and has to learn what it
# could have been told: that they are copies. Here is what each pixel of six test images cost it.

# %%
bound_net = trained["two scales, bound"]
per_pixel = explain.pixel_nats(bound_net, test)
lost, all_of_it = (a.sum(axis=(1, 2)).mean() for a in (per_pixel[:, ::2, ::2], per_pixel))
print(f"nats per image at the fixed pixels: {lost:.2f} of {all_of_it:.2f}")
figures.nats(test[:6], per_pixel[:6], 2)

# %% [markdown]
# (The nats above the images are those of network 1 alone.) At every second row and column the squares
# are dark: it has learned to copy, and pays next to nothing there. So for a *trained* model the bound is
# close to its own exact nats; it was wide open for the random weights above. (That the two lines of the
# table differ has another reason: they are two networks, trained on two losses.)
#
# ## Drawing
#
# First network 0 draws the small images (first line, enlarged). Then they are put in their places
# (second line), and network 1 fills in the rest from the top to the bottom. Dark blue is not drawn
# yet.

# %%
model, film = trained["two scales, exact"], []
drawn = pr.sample(model, 10, seed=3, on_row=lambda images, r: film.append(images))
figures.two_scales_drawn(film, factor=2, rows=(2, 5))

# %% [markdown]
# How much is left open once the small image is there? Take the 16 pixels of a test digit and let
# network 1 draw the rest several times. On the left what network 1 starts from, then six drawings
# (the drawn pixels are tinted), and on the right the digit that the 16 pixels came from.

# %%
fixed = np.zeros((8, 8, 1), bool)
fixed[::2, ::2] = True


def draw_given(first=26):
    originals = test[first : first + 3]
    drawings = pr.complete(model, originals.repeat(6, axis=0), fixed, seed=first)
    return figures.completions(originals, fixed, drawings.reshape(3, 6, 8, 8, 1), 2)


course.interactive(draw_given, first=(0, 247))

# %% [markdown]
# The drawings agree in the coarse shape and differ in the detail. With 16 of 64 pixels the detail
# can still be what tells one digit from another.
#
# And which pixels of the small image does the trained network look at? Each small pixel is flipped
# and the change of one logit measured; small $(r, q)$ lies at large $(2r, 2q)$.

# %%
places = [(1, 1), (3, 4), (4, 3), (7, 5)]
figures.feature_maps(
    {f"for large ({r}, {q})": moved_by(bound_net, test[:100], r, q) for r, q in places},
    signed=False,
    label="|change of the logit|",
)

# %% [markdown]
# Strongest are the small pixels beside the predicted one, those to its right and just below
# included. A little further down the reading ends, as found above.
#
# ## 28×28: one sketch, several pictures
#
# Sixteen pixels are hardly a sketch. The package ships a model of two scales for MNIST's digits:
# 14×14 pixels first, then 28×28, in the exact way. Beside it stands a network of one scale with the
# layers of [06](06_diagonal_bilstm.ipynb), trained on the same images. What their cards say:

# %%
cards = {
    "two scales": results.ours("multi_scale"),
    "one scale": results.ours("diagonal_bilstm", "7×16"),
}
large = {title: pr.load_pretrained(card["name"]) for title, card in cards.items()}
figures.Table(
    ["", "numbers", "images seen in training", "nats per test image"],
    [
        [k, f"{c['parameters']:,}", f"{c['seen']['images']:,}", c["nats"]["test"]]
        for k, c in cards.items()
    ],
    form="{:.2f}",
)

# %% [markdown]
# Both numbers are nats of the same test images, so they can be compared. Before you do, look at the
# columns between: the networks differ in size and in how long they were trained, and a difference of
# nats may be due to either. The table does not say what a second scale is worth.
#
# Now network 0 draws four sketches, and network 1 draws six pictures of each. Nothing is picked. How
# different can six pictures of one sketch be?

# %%
model = large["two scales"]
grid = np.zeros((28, 28, 1), bool)
grid[::2, ::2] = True

sketches = pr.sample(model, 4, seed=1)[:, ::2, ::2]
placed = np.zeros((4, 28, 28, 1), np.uint8)
placed[:, ::2, ::2] = sketches
pictures = pr.complete(model, placed.repeat(6, axis=0), grid, seed=0)
figures.sketches(sketches, pictures.reshape(4, 6, 28, 28, 1), 2, factor=2)

# %% [markdown]
# Look along a row. The strokes are where the sketch has them, and most of what differs is at their
# edges. Where more than an edge was left open, a picture may turn out as another digit than its
# neighbours, or as none. And where the sketch itself is no digit, no picture of it is one: that was
# decided by network 0.
#
# ### What a quarter of the pixels settles
#
# The sketch is 196 pixels of 784. So are the upper seven rows. Give either to a network that was made
# for it, and let it draw the rest several times. How far are two drawings of the same beginning
# apart, and which beginning settles more?

# %%
originals, what = results.pictures(cards["two scales"], 4 if course.fast() else 12)
upper = np.zeros((28, 28, 1), bool)
upper[:7] = True
given = {"two scales": grid, "one scale": upper}
drawings, apart = {}, []
for title, known in given.items():
    repeated = originals.repeat(4, axis=0)
    found = pr.complete(large[title], repeated, known, seed=0).reshape(-1, 4, 28, 28, 1)
    drawings[title] = found
    pairs = [found[:, j] != found[:, k] for j in range(4) for k in range(j)]
    wrong = [found[:, k] != originals for k in range(4)]
    apart.append([title, *(float(np.mean(a) * 784) for a in (pairs, wrong))])
ink = float(originals.mean() * 784)
print(f"{len(originals)} {what}; {ink:.0f} of 784 pixels are white on average")
figures.Table(
    ["given", "pixels in which two drawings differ", "in which drawing and digit differ"],
    [["14×14 sketch", *apart[0][1:]], ["upper seven rows", *apart[1][1:]]],
    form="{:.0f}",
)


# %%
def draw_both(digit=1):
    return figures.completions(
        originals[[digit, digit]],
        np.stack(list(given.values())),
        np.stack([drawings[title][digit] for title in given]),
        2,
    )


shown = [{"digit": k} for k in (1, 2)]
course.interactive(draw_both, digit=(0, len(originals) - 1), static=shown)

# %% [markdown]
# Compare the two lines of the table. Drawings from the same sketch are much closer to each other than
# drawings from the same seven rows, and closer to the digit that the sketch came from. That is no
# merit of a network. The upper rows of a
# digit say little, and some are blank, as in the second figure; then anything may follow. The sketch
# has its pixels everywhere. So when network 1 begins, most of the picture is settled, at the bottom as
# well as at the top.
#
# Does this make images more coherent, as the paper reports for 64×64 pixels? These figures do not say
# so. A digit of 28 rows is small enough for one scale to keep its thread.
#
# ## What to take away
#
# - A small image first, then the large one with the small one given: the chain rule in another
#   order.
# - The small image is enlarged to *features* by a transposed convolution, the adjoint of a strided
#   one; an unmasked 1×1 adds them to the input-to-state map of every layer.
# - Its gradient: each layer sends $dz\,K^{fs\top}$ to the same features, where they are added up;
#   the stamps send theirs back through a strided convolution.
# - The networks' nats added up are an upper bound, since pairs that disagree have probability too.
#   If the fixed pixels are copied and cost nothing, the nats are exact and the sum over images is
#   1.
# - What a conditional network sees of the small image decides how much it is worth: looking around in it
#   took more nats off than all else that we tried.
# - On the digits here the likelihood gained little by a second scale, or nothing. What changes is
#   *when* things are decided: the sketch settles the strokes, all over the image, before any detail is drawn.
#
# In the package: `models/multi_scale.py`, `layers/upsample.py` (with this derivation in its
# docstring), `reference/upsample.py` (the loops), `kernels/upsample.py` (compiled).
#
# ## Further reading
#
# - The paper: §3.6 and §5.7 of [Pixel Recurrent Neural Networks](https://arxiv.org/abs/1601.06759).
# - The source: [models/multi_scale.py](../pixelrnn_np/models/multi_scale.py),
#   [layers/upsample.py](../pixelrnn_np/layers/upsample.py).
# - S. Reed and others, *Parallel Multiscale Autoregressive Density Estimation* (2017,
#   [arXiv:1703.03664](https://arxiv.org/abs/1703.03664)): many scales, and groups of pixels drawn
#   at once.
# - V. Dumoulin and F. Visin, *A guide to convolution arithmetic for deep learning* (2016,
#   [arXiv:1603.07285](https://arxiv.org/abs/1603.07285)): transposed convolutions in pictures.
#
# Solutions: [solutions/08_multi_scale](solutions/08_multi_scale.ipynb). Next:
# [09 · Training and results](09_training_and_results.ipynb).
