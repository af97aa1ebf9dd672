# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 04 · PixelCNN: many small windows, and one blind spot
#
# **What you will do.** Find out what a stack of masked convolutions sees and what it never will.
# Then build the residual block of §3.5, derive its backward pass, and make of it a whole PixelCNN
# of your own that you train on digits and that draws.
#
# **What you will learn.** How a field of view grows with depth; why a wedge up and to the right
# stays unseen at any depth, and what that costs; why there is no pooling; what a head is for; how
# large weights should be before training; what a PixelCNN has over the recurrent networks, and what
# it has not.
#
# **What you need.** Masked convolutions and their gradient ([03](03_masked_convolution.ipynb)), the
# nats of a coin ([01](01_pixel_by_pixel.ipynb)), and NumPy. Nothing here needs the internet or more
# than two minutes.
#
# This page is two lessons, and between them is a place to rest. Part 1 is about what the network
# sees. It needs no gradient by hand and has the surprise. In part 2 you build.

# %%
import numpy as np
from threadpoolctl import threadpool_limits

import pixelrnn_np as pr
from pixelrnn_np import course, figures, sampling
from pixelrnn_np.course import n04 as check
from pixelrnn_np.data import baselines
from pixelrnn_np.inspection import explain, gradcheck
from pixelrnn_np.layers.masks import feature_groups
from pixelrnn_np.layers.residual import ConvBlock

rng = np.random.default_rng(4)
one_core = threadpool_limits(1)  # matrices as small as these are multiplied fastest by one core

# %%
figures.you_are_here("04")

# %% [markdown]
# ## Part 1 · What a PixelCNN sees
#
# ### The idea
#
# The recurrent networks of this paper see far, and pay for it in time: row 2 of a Row LSTM
# ([05](05_row_lstm.ipynb)) has to wait for row 1, in training as well. A convolution waits for
# nothing. All its outputs can be computed side by side, on as many processors as there are.
#
# So drop the recurrence. Take masked convolutions only, and stack them. The first one, of 7×7, sees
# three rows up. After it come *blocks*, each with one convolution of 3×3, which sees a row more.
# The field of view has an end, in exchange for speed: this is the PixelCNN.
#
# What the field looks like follows from the masks alone. Walk backwards: an output reads the
# offsets that its mask leaves, each of these was made from the offsets of the layer below, and so
# on down to the image. Here is the field as it grows, a block at a time. A number says with which
# block a pixel came into view; 0 is the 7×7 alone.


# %%
def mask(kind, size):
    """The taps that mask A or B leaves to a kernel of size × size, one colour: bool."""
    M, middle = np.zeros((size, size), bool), size // 2
    M[:middle] = True
    M[middle, : middle + (kind == "B")] = True
    return M


def reach(row, column, blocks, height, width):
    """What the prediction at (row, column) sees through `blocks` 3×3 B and the 7×7 A: (H, W)."""
    seen = {(row, column)}
    for kind, size in [("B", 3)] * blocks + [("A", 7)]:
        steps = (np.argwhere(mask(kind, size)) - size // 2).tolist()
        moved = {(r + down, q + right) for r, q in seen for down, right in steps}
        seen = {(r, q) for r, q in moved if 0 <= r < height and 0 <= q < width}
    found = np.zeros((height, width), bool)
    found[tuple(np.array(sorted(seen)).reshape(-1, 2).T)] = True
    return found


figures.field_growing(
    {f"{n} block{'s' * (n != 1)} and the 7×7": reach(11, 10, n, 13, 21) for n in range(9)}, (11, 10)
)

# %% [markdown]
# ### What the paper says (§3.5; Figure 4, left)
#
# A PixelCNN is a 7×7 convolution with mask A, then a number of layers with 3×3 convolutions and
# mask B, then a *head* of 1×1 convolutions, as in all three kinds of network. Nothing is pooled:
# the map has the size of the image from the first layer to the last. Its field of view is large but
# bounded, and in training and evaluation all positions are computed in parallel. For CIFAR-10 the
# paper takes 15 layers with $h = 128$. (These can be counted in more than one way; this project
# takes 15 blocks.)
#
# ### What it sees
#
# `reach` above counted steps on paper. A network can be asked itself: a 1 is sent back from the
# logit at one pixel, and we look where a gradient arrives. Both have to agree, for every number of
# blocks.


# %%
def network(blocks, height, width):
    """A PixelCNN with random weights and biases."""
    net = pr.build_model(
        "pixelcnn", (height, width, 1), h=8, layers=blocks, head=8, dtype="float64"
    )
    gradcheck.randomise(net, np.random.default_rng(blocks))
    return net


for blocks in (0, 1, 3):
    images = rng.integers(0, 2, (24, 9, 13, 1), np.uint8)
    gradient = explain.influence(network(blocks, 9, 13), images, 7, 6)
    assert np.array_equal(gradient != 0, reach(7, 6, blocks, 9, 13)), blocks
print("gradients and steps on paper find the same fields")

# %% [markdown]
# Guess before you look: which earlier pixels stay unseen, however deep the network? Here are four
# blocks and fifteen.


# %%
def draw_reach(blocks=4, row=11, column=10):
    found = {f"{n} blocks": reach(row, column, n, 13, 21) for n in (blocks, 15)}
    return figures.fields(found, (row, column), places=True)


course.interactive(draw_reach, blocks=(0, 15), row=(0, 12), column=(0, 20))

# %% [markdown]
# ### The blind spot
#
# With 15 blocks the pixel sees all that lies above it and to its left in this image. Above and to
# its right a wedge stays unseen, which begins four columns away, and more blocks do not help.
#
# The reason is in the masks. Follow a path from the prediction back to a pixel of the image, one
# move in each layer. **Within a row, a move goes to the left or stays.** In a 3×3 layer the only
# way to get one column further to the right is to go up by one row at the same time. So a layer
# that gains a column also leaves a row, and to what lay on the right in that row no path comes
# back.
#
# Put it in numbers. To get to the row that is $d$ rows up (here $d$ is a number, no gradient), the
# path climbs $d$ rows in all. In the 7×7 layer it has to climb at least one of these to go to the
# right, and one is enough to gain 3 columns. The other $d - 1$ are best climbed in 3×3 layers, each
# of which gains one column with its row. So whatever the depth, row $r - d$ is seen up to column
#
# $$q + 3 + (d - 1) = q + d + 2,$$
#
# and all that lies further to the right, $d$ rows up, is the blind spot.
#
# ### Exercise 4.1 · The field in numbers
#
# Which columns of row $r - d$ can the prediction at column $q$ see, in a PixelCNN of $L$ blocks,
# far enough from the upper border? Columns run from 0 to $W - 1$, and $d \ge 0$. Return a set of
# columns; it may be empty.
#
# <details><summary>Hint</summary>
#
# How many rows up can it look at all? To the left nothing hinders: each layer goes as far as its
# kernel, in any row. To the right, the rule above holds, but there are only $L$ layers of 3×3. And
# $d = 0$ is a row of its own. `reach` is a way to test your answer.
# </details>


# %%
def columns_seen(q, d, L, W):
    columns = ...  # your code
    return columns


check.columns_seen(columns_seen)

# %% [markdown]
# ### How much is lost?
#
# Count pixels. Take the size of CIFAR-10 and the middle of its last row: of all pixels that come
# before it, which share does a prediction see, as blocks are added? For the recurrent networks
# ([05](05_row_lstm.ipynb), [06](06_diagonal_bilstm.ipynb)) one layer is measured by gradient,
# dashed.


# %%
def share(seen, row, column):
    """Of the pixels earlier in the raster order."""
    earlier = np.arange(seen.size) < row * seen.shape[1] + column
    return float(seen.ravel()[earlier].mean())


side, place, depth = 32, (31, 16), list(range(16))
fields = {"pixelcnn, 15 blocks": reach(*place, 15, side, side)}
for name in ("row_lstm", "diagonal_bilstm"):
    net = pr.build_model(name, (side, side, 1), h=4, layers=1, head=8, seed=0)
    images = rng.integers(0, 2, (8, side, side, 1), np.uint8)
    fields[f"{name}, 1 layer"] = explain.influence(net, images, *place) != 0
curve = [share(reach(*place, n, side, side), *place) for n in depth]
figures.lines(
    {"pixelcnn": (depth, curve)},
    "blocks",
    "share of the context seen",
    levels={name: share(seen, *place) for name, seen in fields.items() if "layer" in name},
)

# %%
figures.fields(fields, place)

# %% [markdown]
# The PixelCNN gains a row with every block, and 15 blocks, our reading of the paper's 15 layers,
# see a bit more than half. One Row LSTM layer reaches the top at once, with a wedge on both sides.
# One Diagonal BiLSTM layer sees all but a single pixel, of which [06](06_diagonal_bilstm.ipynb) has
# more to say. The paper's three results have the same order: **the larger the field, the better the
# likelihood** (bits/dim on CIFAR-10: PixelCNN 3.14, Row LSTM 3.07, Diagonal BiLSTM 3.00; the whole
# of Table 5 is in [09](09_training_and_results.ipynb)). It is an order of three and no proof: the
# networks differ in more than their fields.
#
# ### What the blind spot costs
#
# Is the wedge merely ugly? Let us make images whose explanation lies in it. They have two rows. The
# upper one is thrown by a fair coin. In the lower one each pixel is a copy of the pixel one row up
# and $s$ columns to the right, as long as there is one; the last $s$ are coins again. Of 24 pixels
# $12 + s$ are free, so the best possible model pays $(12 + s) \ln 2$ nats.
#
# One row up the PixelCNN sees three columns to the right ($d = 1$ above). Predict: how does its NLL
# depend on $s$?


# %%
def copies(n, s, seed, width=12):
    """n images (n, 2, width, 1): the lower row copies from s columns to the right."""
    images = np.random.default_rng(seed).integers(0, 2, (n, 2, width, 1), np.uint8)
    images[:, 1, : width - s] = images[:, 0, s:]
    return images


found, rows = {}, []
for s in (2, 3, 4, 5):
    train, test = copies(1500, s, seed=0), copies(500, s, seed=1)
    row = [s, (12 + s) * np.log(2)]
    for name, layers, epochs in (("pixelcnn", 3, 20), ("diagonal_bilstm", 1, 40)):
        net = pr.build_model(name, (2, 12, 1), h=8, layers=layers, head=16, seed=0)
        pr.Trainer(net, optimizer="adam", lr=4e-3).fit(train, epochs=epochs, progress=False)
        found[name, s] = net
        row.append(float(net.nll(test).mean()))
    rows.append([*row, 24 * np.log(2)])
figures.Table(
    ["s", "best possible", "pixelcnn", "diagonal_bilstm", "a coin"],
    rows,
    form=["{:.0f}"] + ["{:.3f}"] * 4,
)

# %% [markdown]
# Up to three columns the PixelCNN finds the rule, and is within a nat of the best possible. From
# four on it stays with the coin, and no training and no depth would change that: all that it sees
# is independent of what it has to predict. The Diagonal BiLSTM sees every pixel that is copied but
# one: the last pixel of the upper row, which it never sees from more than three columns away
# ([06](06_diagonal_bilstm.ipynb)). From $s = 4$ on one copied pixel stays a coin for it too, so
# that its own best is $(13 + s) \ln 2$: 11.783 for $s = 4$ and 12.477 for $s = 5$. It comes
# within two hundredths of a nat of that.
#
# Here is what each pixel costs, for two images with $s = 4$. The upper row is worth $\ln 2 = 0.69$
# nats each, for everybody. The frame marks column 7 of the lower row, the copy that the Diagonal
# BiLSTM cannot see.

# %%
pictures = copies(2, 4, seed=2)
cost = {
    f"{name}, image {k}": explain.pixel_nats(found[name, 4], pictures)[k]
    for name in ("pixelcnn", "diagonal_bilstm")
    for k in range(2)
}
figures.numbers(cost, form="{:.1f}", current=(1, 7), columns=2)

# %% [markdown]
# These images are made to show the cost at its worst. In a photograph much of what lies in the
# wedge can be guessed from pixels nearer by. (Later work closed the wedge with two stacks of
# convolutions, one for the rows above and one for the row itself; that is outside this paper.)
#
# ### Why there is no pooling
#
# Networks that recognise things shrink their maps on the way: they *pool*, that is, they keep one
# value, such as the maximum, of each block of neighbouring pixels. So they see far with few layers.
# Here that would be a leak. A pooled value mixes features of several pixels, the last of which has
# already seen the first.
#
# ### Exercise 4.2 · The leak in the pool
#
# A network of masked convolutions is so deep that the feature at each pixel depends on **all**
# earlier pixels (and not on its own). Someone takes the maximum over blocks of 2×2 features, rows
# $2m, 2m+1$ and columns $2n, 2n+1$, and gives it to all four pixels of the block to predict their
# values from. The image has an even number $W$ of columns. How many pixels does the prediction at
# $(r, q)$ now see that it must not see, itself included?
#
# <details><summary>Hint</summary>
#
# Which of the four features of the block has seen most? List what it has seen from pixel $(r, q)$
# on, in raster order: it is more than the block.
# </details>


# %%
def leaked(r, q, W):
    count = ...  # your code
    return count


check.leaked(leaked)

# %% [markdown]
# Here is a good place to rest. Part 1 took the network as given; now it is made.
#
# ## Part 2 · A PixelCNN of your own
#
# First a block, forwards and backwards, then the whole network. None of it comes from the package,
# which is asked at each stage whether it agrees.

# %%
figures.network("block", blocks=3)

# %% [markdown]
# ### A block (§3.5; Figure 5, left)
#
# Each layer is a *residual* block: what it computes is added to its own input. The map that runs
# through the network, its *trunk*, has $2h$ features; inside the block there are $h$:
#
# $$\begin{aligned}
#   u &= \operatorname{ReLU}(x)\,K^{down} + b^{down},\\
#   z &= K^{conv} \circledast \operatorname{ReLU}(u) + b^{conv},\\
#   a &= \operatorname{ReLU}(z),\\
#   y &= x + a\,K^{up} + b^{up}. \end{aligned}$$
#
# $\circledast$ is the masked convolution of [03](03_masked_convolution.ipynb). $x$ and $y$ are
# $H \times W \times 2h$, the others $H \times W \times h$; $K^{down}$ and $K^{up}$ are 1×1,
# $K^{conv}$ is 3×3, and all have mask B. (In a block $u$ and $z$ are maps. Further below $z$ is also
# a logit, and `u` a random number.) The 1×1 convolutions make the costly one cheap: a 3×3 from $2h$
# to $2h$ features would have four times as many weights as one from $h$ to $h$.
#
# Easily missed: the 1×1 convolutions look at one pixel only, and yet with three colours they need
# their mask, or G tells R what it knows.

# %%
figures.conv_block()

# %% [markdown]
# ### Slowly
#
# The masked convolution of [03](03_masked_convolution.ipynb), tap by tap, and the block around it.
# `K` is masked already.


# %%
def windows(r, q, size, H, W):
    """Pairs of places (row, column): a tap of the kernel, the pixel of the image under it."""
    for tap in np.ndindex(size, size):
        row, column = r + tap[0] - size // 2, q + tap[1] - size // 2
        if 0 <= row < H and 0 <= column < W:
            yield tap, (row, column)


def conv(x, K, b):
    """One image x (H, W, in), masked K (size, size, in, out) → (H, W, out)."""
    H, W, _ = x.shape
    y = np.tile(b, (H, W, 1))
    for r, q in np.ndindex(H, W):
        for tap, pixel in windows(r, q, len(K), H, W):
            y[r, q] += x[pixel] @ K[tap]
    return y


def relu(x):
    return np.maximum(x, 0)


def block_slow(x, p):
    """Figure 5, left: x (H, W, 2h) → y, and what backward needs; p: kernels and biases."""
    u = conv(relu(x), p["down.K"], p["down.b"])
    z = conv(relu(u), p["conv.K"], p["conv.b"])
    a = relu(z)
    y = x + conv(a, p["up.K"], p["up.b"])
    return y, (x, u, z, a)


# %% [markdown]
# ### Fast
#
# `ConvBlock` in `pixelrnn_np/layers/residual.py` does the same. Its other parts, the skip
# connection ([07](07_residual_and_skip.ipynb)) and given features ([08](08_multi_scale.ipynb)), are
# left out here. Three colours, four features inside and eight outside, and random biases:

# %%
block = ConvBlock(
    feature_groups(4, 3), feature_groups(8, 3), rng, skip=False, depth=1, dtype="float64"
)
gradcheck.randomise(block, rng)
masked = {
    name: a * block.children[name[:-2]].mask if name.endswith(".K") else a
    for name, a in block.params.items()
}

x = rng.standard_normal((2, 5, 6, 8))
(y, _), cache = block.forward((x, None))
slow = [block_slow(image, masked) for image in x]
for image, (result, _) in zip(y, slow, strict=True):
    assert np.allclose(image, result, rtol=0, atol=1e-12)
print("slow and fast agree; largest difference:", f"{np.abs(y[1] - slow[1][0]).max():.0e}")

# %% [markdown]
# ### Backwards, step by step
#
# The sketch again, each arrow backwards: where two arrows left a place, two gradients come back and
# are added. Only $x$ has two. The numbers are those of the steps below.

# %%
figures.conv_block(back=True)

# %% [markdown]
# **1. The sum.** $y = x + \dots$ hands $dy$ on unchanged, to both sides. This is what a residual
# connection is for: whatever the block does, the gradient reaches $x$ whole.
#
# **2. Up.** A 1×1 convolution is one product of a row vector and a matrix per pixel $p$, so
# $da = dy\,K^{up\top}$, $dK^{up} = \sum_p a_p^\top dy_p$, $db^{up} = \sum_p dy_p$.
#
# **3. ReLU.** Its slope is 1 where its input is positive and 0 elsewhere: $dz = da \odot [z > 0]$.
#
# **4. The 3×3 convolution**, as in [03](03_masked_convolution.ipynb): each output sends its share
# to where it has read. Then again a ReLU, $du = (\dots) \odot [u > 0]$.
#
# **5. Down**, a 1×1 again, and the first ReLU: its part of $dx$ counts where $x > 0$.
#
# **6. Add** the two that arrive at $x$: $dx = dy + (\dots) \odot [x > 0]$.
#
# The masks act on the gradients of the kernels as they do on the kernels.


# %%
def conv_back(dy, x, K):
    """One image: dy (H, W, out), x (H, W, in), masked K → dx, dK (not masked yet), db."""
    H, W, _ = x.shape
    dx, dK = np.zeros_like(x), np.zeros_like(K)
    for r, q in np.ndindex(H, W):
        for tap, pixel in windows(r, q, len(K), H, W):
            dK[tap] += np.outer(x[pixel], dy[r, q])
            dx[pixel] += dy[r, q] @ K[tap].T
    return dx, dK, dy.sum(axis=(0, 1))


def block_slow_backward(dy, p, kept):
    """dy (H, W, 2h) of one image → dx, {parameter: gradient}, before the masks."""
    (x, u, z, a), g = kept, {}
    da, g["up.K"], g["up.b"] = conv_back(dy, a, p["up.K"])  # 2
    dz = da * (z > 0)  # 3
    du, g["conv.K"], g["conv.b"] = conv_back(dz, relu(u), p["conv.K"])  # 4
    du = du * (u > 0)
    dx, g["down.K"], g["down.b"] = conv_back(du, relu(x), p["down.K"])  # 5
    return dy + dx * (x > 0), g  # 1, 6


dy = rng.standard_normal(y.shape)
(dx, _), grads = block.backward((dy.copy(), None), cache)

back = [block_slow_backward(d, masked, kept) for d, (_, kept) in zip(dy, slow, strict=True)]
assert np.allclose(dx, [dx_slow for dx_slow, _ in back], rtol=0, atol=1e-12)
for name, gradient in grads.items():
    M = block.children[name[:-2]].mask if name.endswith(".K") else 1
    assert np.allclose(gradient, sum(g[name] for _, g in back) * M, rtol=0, atol=1e-11), name
print("slow and fast gradients agree, for the input and all", len(grads), "parameters")

# %% [markdown]
# And every number by finite differences. A ReLU has a corner, where no difference is right;
# `redraw` takes another point if one is met.


# %%
def at_a_random_point(rng):
    return gradcheck.check_layer(block, (rng.standard_normal((1, 4, 4, 8)), None), rng)


errors = gradcheck.redraw(at_a_random_point, rng)
assert max(errors.values()) < 1e-6
course.errors({"x": errors.pop("x0"), **errors})

# %% [markdown]
# ### Exercise 4.3 · A ReLU in the wrong place
#
# Other residual networks put a ReLU *after* the sum. Take $y = \operatorname{ReLU}(x + a K)$ with
# $x$ and $y$ of shape $(H, W, F)$, $a$ of $(H, W, h)$ and $K$ of $(h, F)$. Given `dy`, return `dx`,
# `da` and `dK`.
#
# <details><summary>Hint</summary>
#
# Begin at the end. Which pixels and features let a gradient through the ReLU? What gets through
# arrives at the sum, and from there it goes both ways. Over all pixels at once, $dK$ is
# `np.einsum("rqh,rqf->hf", …)`.
# </details>


# %%
def relu_after(dy, x, a, K):
    dx, da, dK = ..., ..., ...  # your code
    return dx, da, dK


check.relu_after(relu_after)

# %% [markdown]
# Compare `dx` with step 1. After the sum, the ReLU stands in the way of every gradient, block
# after block; in Figure 5 the road along the sums is free from the last block to the first.
#
# ### All pixels at once
#
# `conv` goes pixel by pixel and tap by tap, in Python. But all pixels use the same taps. Take one
# tap: what lies under it, for every pixel of every image, is the whole map moved by a few rows and
# columns. Put these moved maps side by side, one for each living tap, as if they were features.
# Then the convolution is **one** product with the living weights, stacked in the same order.
#
# Backwards, the product is step 2 of the block. `beside` only copied, so each copy sends its
# gradient to where its value came from: the same slices, with `+=`.


# %%
def flat(x):
    """(…, features) → (all pixels, features), to multiply or to sum over pixels."""
    return x.reshape(-1, x.shape[-1])


def beside(x, M):
    """What each pixel reads: (B, H, W, in) → (B, H, W, living taps · in)."""
    reach, (_, H, W, _) = len(M) // 2, x.shape
    wide = np.pad(x, ((0, 0), (reach, reach), (reach, reach), (0, 0)))
    return np.concatenate([wide[:, r : r + H, q : q + W] for r, q in np.argwhere(M)], axis=3)


def beside_back(dseen, M):
    """The way back through beside: (B, H, W, living taps · in) → (B, H, W, in)."""
    reach, (B, H, W, _) = len(M) // 2, dseen.shape
    parts = np.split(dseen, M.sum(), axis=3)
    wide = np.zeros((B, H + 2 * reach, W + 2 * reach, parts[0].shape[3]))
    for (r, q), part in zip(np.argwhere(M), parts, strict=True):
        wide[:, r : r + H, q : q + W] += part
    return wide[:, reach : reach + H, reach : reach + W]


def conv_fast(x, K, b, M):
    """x (B, H, W, in) → y (B, H, W, out), and what backward needs."""
    seen = beside(x, M)
    return (flat(seen) @ flat(K[M])).reshape(*x.shape[:3], -1) + b, seen


def conv_fast_back(dy, seen, K, M):
    """dy (B, H, W, out) → dx, dK (zero where the mask is), db."""
    dK = np.zeros_like(K)
    dK[M] = (flat(seen).T @ flat(dy)).reshape(-1, *K.shape[2:])
    dseen = (flat(dy) @ flat(K[M]).T).reshape(seen.shape)
    return beside_back(dseen, M), dK, flat(dy).sum(axis=0)


M = mask("A", 7)
maps, dmaps = rng.standard_normal((2, 6, 5, 3)), rng.standard_normal((2, 6, 5, 4))
K, b = rng.standard_normal((7, 7, 3, 4)) * M[..., None, None], rng.standard_normal(4)
result, seen = conv_fast(maps, K, b, M)
assert np.allclose(result, [conv(image, K, b) for image in maps], rtol=0, atol=1e-12)

one, other = (conv_back(d, image, K) for d, image in zip(dmaps, maps, strict=True))
both = [one[k] + other[k] for k in (1, 2)]  # dK and db are sums over the batch
slow = np.stack([one[0], other[0]]), both[0] * M[..., None, None], both[1]
for mine, wanted in zip(conv_fast_back(dmaps, seen, K, M), slow, strict=True):
    assert np.allclose(mine, wanted, rtol=0, atol=1e-11)
print("all pixels at once and one by one agree, forwards and backwards:", M.sum(), "living taps")

# %% [markdown]
# ### What goes in, what comes out
#
# **Scaling (§5.2).** The paper only scales and centres its inputs. With two values they stay 0 and
# 1; more of them are spread over $[-1, 1]$. (What is *predicted* are always the values themselves.)
#
# **The head (Table 1)** turns the trunk's $2h$ features into a prediction. The paper has ReLU and a
# 1×1 convolution, twice, before the softmax or sigmoid. Here these are two hidden layers, and one
# more pair makes the logit:
#
# $$\begin{aligned}
#   t_1 &= \operatorname{ReLU}(y)\,K^1 + b^1,\\
#   t_2 &= \operatorname{ReLU}(t_1)\,K^2 + b^2,\\
#   \text{logit} &= \operatorname{ReLU}(t_2)\,K^3 + b^3. \end{aligned}$$
#
# Why not read the logit off the trunk at once? What runs through the trunk is a *sum*, to which
# every block has added, and a linear reading of a sum weighs each part by itself. The head can say
# "this **and** that". It looks at one pixel only, so it adds nothing to the field of view.
#
# Look at the formulas, and at the block's: both are chains of the same pair, a ReLU and then a
# convolution. A block is a chain with a sum around it. So a single function does both, and another
# one goes back.


# %%
def scaled(x, levels=2):
    """Values 0 … levels - 1 as the network reads them."""
    return x.astype(float) if levels == 2 else x * (2 / (levels - 1)) - 1


assert scaled(np.arange(2)).tolist() == [0, 1] and scaled(np.arange(3), 3).tolist() == [-1, 0, 1]
HEAD = ["head.conv1", "head.conv2", "head.logits"]
MASKS = {1: mask("B", 1), 3: mask("B", 3), 7: mask("A", 7)}  # by the size of the kernel


def chain(x, p, names):
    """ReLU and convolution for each of `names`; returns what backward needs as well."""
    kept = []
    for name in names:
        K = p[f"{name}.K"]
        y, seen = conv_fast(relu(x), K, p[f"{name}.b"], MASKS[len(K)])
        kept.append((x > 0, seen))
        x = y
    return x, kept


def block_names(k):
    return [f"blocks.{k}.{part}" for part in ("down", "conv", "up")]


def forward(x, p, blocks):
    """Scaled images (B, H, W, 1) → logits (B, H, W, 1), and what backward needs."""
    y, seen = conv_fast(x, p["first.K"], p["first.b"], MASKS[7])
    kept = []
    for k in range(blocks):
        added, block_kept = chain(y, p, block_names(k))
        y = y + added
        kept.append(block_kept)
    logits, head_kept = chain(y, p, HEAD)
    return logits, (seen, kept, head_kept)


# %% [markdown]
# ### How large should the weights be?
#
# The paper does not say. Too small, and every layer hands on less than it got; too large, and the
# first predictions are shouted nonsense. Three rules follow from one principle: **what comes out of
# a layer should be as large as what went in.**
#
# **1.** An output is a sum of $n$ inputs times weights. If the weights are independent, with mean
# zero and standard deviation $s$ (it was a shift before), the squares add up: the sum is $s\sqrt n$
# times as large as an input. So $s = 1/\sqrt n$, where $n$ counts the inputs that the mask
# **leaves**: 24 of the 49 of the 7×7 A.
#
# **2.** A ReLU sets about half of its inputs to zero, and with them half of the squares. The
# convolution after it gets $s = \sqrt{2/n}$ in return.
#
# **3.** With rules 1 and 2 each block adds to the trunk as much as is there. Squares add, so every
# block doubles them, and after 15 blocks the trunk is $\sqrt{2^{15}} = 181$ times as large. If
# $K^{up}$ gets a factor $1/\sqrt L$ instead, $L$ blocks make it $\sqrt{(1 + 1/L)^L}$, less than
# $\sqrt e = 1.65$ times as large, whatever $L$.
#
# And the end: the last layer begins at a tenth of its size and with a bias. A logit of $\beta$
# everywhere is a model that gives every pixel the probability $\sigma(\beta)$. The best of these is
# the share $\bar v$ of ink in the training images, so $\beta = \ln \frac{\bar v}{1 - \bar v}$, its
# *log-odds* (exercise 1.3 of [01](01_pixel_by_pixel.ipynb)). All that is left to learn is what
# distinguishes one pixel from another.


# %%
def initial(rng, h, blocks, head, ink, relu_gain=2**0.5, up_gain=None):
    """All parameters of a PixelCNN by name; ink: the share of ones in the training images."""
    p = {}

    def add(name, size, inputs, outputs, gain):
        s = gain / np.sqrt(MASKS[size].sum() * inputs)
        K = rng.uniform(-1, 1, (size, size, inputs, outputs))  # its deviation is 1 / √3
        p[f"{name}.K"], p[f"{name}.b"] = np.sqrt(3) * s * K, np.zeros(outputs)

    add("first", 7, 1, 2 * h, 1.0)
    for k in range(blocks):
        down, middle, up = block_names(k)
        add(down, 1, 2 * h, h, relu_gain)
        add(middle, 3, h, h, relu_gain)
        add(up, 1, h, 2 * h, relu_gain * (blocks**-0.5 if up_gain is None else up_gain))
    for name, inputs, outputs in zip(HEAD, [2 * h, head, head], [head, head, 1], strict=True):
        add(name, 1, inputs, outputs, relu_gain * (0.1 if name == "head.logits" else 1))
    p["head.logits.b"][:] = np.log(ink / (1 - ink))
    return p


# %% [markdown]
# Fifteen blocks as the rules make them, and how large the trunk is after each.

# %%
train, valid, test = (pr.load_data("digits", s, levels=2) for s in ("train", "valid", "test"))


def trunk_sizes(blocks=15, **gains):
    """Standard deviation of the trunk after the first layer and after each block."""
    p = initial(np.random.default_rng(0), 16, blocks, 32, 0.3, **gains)
    y, _ = conv_fast(scaled(train[:64]), p["first.K"], p["first.b"], MASKS[7])
    sizes = [y.std()]
    for k in range(blocks):
        y = y + chain(y, p, block_names(k))[0]
        sizes.append(y.std())
    return list(range(blocks + 1)), sizes


figures.lines(
    {
        "rule 1": trunk_sizes(relu_gain=1.0, up_gain=1.0),
        "rules 1 and 2": trunk_sizes(up_gain=1.0),
        "rules 1, 2 and 3": trunk_sizes(),
    },
    "blocks",
    "standard deviation of the trunk",
    log=True,
)

# %% [markdown]
# The rules are rough (images are not independent numbers), and yet the curves do what they say:
# with rules 1 and 2 the trunk grows about 160 times, with all three not even twice. Rule 1 alone
# looks nearly as good as all three, and is not. There each ReLU takes half of the squares and
# nothing gives it back: after the three of a block an eighth is left. A block whispers, and a
# longer chain would whisper more. With all three rules the chain is as loud at its end as at its
# beginning, and only what it adds to the trunk is divided.
#
# ### Exercise 4.4 · The first loss
#
# A network that has not learnt yet gives every pixel the probability $\bar v$. Given training
# images `x`, zeros and ones of shape $(N, H, W, 1)$, return two numbers: the bias $\beta$ of the
# logits, and the mean cost of one of these images in nats. (A loss that begins far from this number
# is the first sign of a bug.)
#
# <details><summary>Hint</summary>
#
# A share $\bar v$ of all pixels costs $-\ln \bar v$, the others $-\ln(1 - \bar v)$. How many pixels
# has an image?
# </details>


# %%
def first_loss(x):
    bias, nats = ..., ...  # your code
    return bias, nats


check.first_loss(first_loss)

# %% [markdown]
# ### The loss, and back through everything
#
# A pixel $v$ with the logit $z$ costs $-\ln p(v) = \ln(1 + e^z) - v z$ nats. The loss is the mean
# over the $B$ images of a batch.
#
# **1. The loss.** Its derivative with respect to $z$ is $\sigma(z) - v$, prediction minus truth.
# The mean divides it by $B$.
#
# **2. A pair of the head, the last one first.** Through the convolution: $dK$, $db$, and what
# arrives at the ReLU's output. Through the ReLU: only where its input was positive.
#
# **3. A block, the last one first.** The same chain backwards, and $dy$ past it, unchanged: they
# meet at the block's input and add up.
#
# **4. The first layer.** $dK$ and $db$; nobody asks for the gradient of an image.


# %%
def sigmoid(z):
    return 0.5 + 0.5 * np.tanh(0.5 * z)  # 1 / (1 + exp(-z)), without overflow


def chain_back(dy, p, names, kept, grads):
    for name, (positive, seen) in zip(reversed(names), reversed(kept), strict=True):
        K = p[f"{name}.K"]
        dx, grads[f"{name}.K"], grads[f"{name}.b"] = conv_fast_back(dy, seen, K, MASKS[len(K)])
        dy = dx * positive
    return dy


def nats_and_grads(x, p, blocks):
    """Values x (B, H, W, 1) → nats of each image (B,), gradients of their mean by name."""
    logits, (seen, kept, head_kept) = forward(scaled(x), p, blocks)
    nats = (np.logaddexp(0, logits) - x * logits).sum(axis=(1, 2, 3))
    grads = {}
    dlogits = (sigmoid(logits) - x) / len(x)  # 1
    dy = chain_back(dlogits, p, HEAD, head_kept, grads)  # 2
    for k in reversed(range(blocks)):
        dy = dy + chain_back(dy, p, block_names(k), kept[k], grads)  # 3
    _, grads["first.K"], grads["first.b"] = conv_fast_back(dy, seen, p["first.K"], MASKS[7])  # 4
    return nats, grads


# %% [markdown]
# ### Is it right?
#
# Finite differences first, for some weights of each array: half of them among those that have a
# gradient, half anywhere, masked ones too.

# %%
few = train[:3]


def at_random_weights(rng):
    p = initial(rng, 4, 2, 6, train.mean())
    p = {name: a + 0.1 * rng.standard_normal(a.shape) for name, a in p.items()}

    def loss():
        return nats_and_grads(few, p, 2)[0].mean()

    return gradcheck.compare(loss, p, nats_and_grads(few, p, 2)[1], rng, entries=8)


errors = gradcheck.redraw(at_random_weights, rng)
assert max(errors.values()) < 1e-6
print(f"{len(errors)} arrays, largest relative error {max(errors.values()):.0e}")

# %% [markdown]
# Then the package. Its PixelCNN takes your weights under the same names; without skip connections,
# which [07](07_residual_and_skip.ipynb) adds, it should be the same network to the last digits.

# %%
h, blocks, head = 16, 4, 32
size = {"h": h, "layers": blocks, "head": head, "skip": False, "dtype": "float64"}
model = pr.build_model("pixelcnn", (8, 8, 1), levels=2, **size)


def give(p, model):
    """Copies weights into a model of the package."""
    assert set(p) == set(model.params)
    for name, a in p.items():
        model.params[name][...] = a


p = initial(np.random.default_rng(4), h, blocks, head, train.mean())
give({name: a + 0.1 * rng.standard_normal(a.shape) for name, a in p.items()}, model)
mine = nats_and_grads(train[:16], dict(model.params), blocks)
theirs = model.loss_and_grads(train[:16])
assert abs(mine[0].mean() - theirs[0]) < 1e-10
assert all(np.allclose(mine[1][k], theirs[1][k], rtol=0, atol=1e-10) for k in p)
print(f"nats and {len(p)} gradients agree to 1e-10")

# %% [markdown]
# ### Training it
#
# Walking downhill by $\theta \mathrel{-}= \text{rate} \cdot d\theta$ has a drawback: arrays with
# large gradients run while others crawl. *Adam* (Kingma and Ba, 2015) keeps two running means for
# each weight, of its gradient and of the square of its gradient, and steps by the first over the
# root of the second. So a weight whose gradients keep their sign moves by about the rate per
# update, large or small as they are, and one whose gradients cancel stays. The factors
# $1 - 0.9^n$ and $1 - 0.999^n$ of update $n$ make up for means that began at zero. (The paper takes
# RMSProp, which has the second mean only; [09](09_training_and_results.ipynb) compares.)


# %%
def adam(p, grads, means, update, rate):
    """Moves all parameters in place; means: {name: [mean, mean square]}; update: 1, 2, …"""
    for name, g in grads.items():
        mean, square = means[name]
        mean += (1 - 0.9) * (g - mean)
        square += (1 - 0.999) * (g * g - square)
        step = mean / (1 - 0.9**update) / (np.sqrt(square / (1 - 0.999**update)) + 1e-8)
        p[name] -= rate * step


# %% [markdown]
# And the loop. An *epoch* shows every training image once, in a new order, in batches of 16. The
# rate falls along half a cosine, from 0.004 to 0, so that the last steps are small. After each
# epoch the network is asked about images that it does not train on.

# %%
epochs = 2 if course.fast() else 16
updates = epochs * -(-len(train) // 16)
means = {name: np.zeros((2, *a.shape)) for name, a in p.items()}
update, curve = 0, {"training": [], "validation": []}
for _ in range(epochs):
    order, costs = rng.permutation(len(train)), []
    for start in range(0, len(train), 16):
        nats, grads = nats_and_grads(train[order[start : start + 16]], p, blocks)
        update += 1
        adam(p, grads, means, update, 0.002 * (1 + np.cos(np.pi * update / updates)))
        costs.extend(nats)
    curve["training"].append(np.mean(costs))
    curve["validation"].append(nats_and_grads(valid, p, blocks)[0].mean())

figures.curves(
    curve,
    "epoch",
    levels={"each pixel's own share of ink": baselines.independent_nats(train, valid, 2)},
)

# %%
cost = nats_and_grads(test, p, blocks)[0].mean()
print(f"nats per test image: {cost:.1f}; a coin for each pixel costs {64 * np.log(2):.1f}")

# %% [markdown]
# At first the training images cost more than the others. Their number is a mean over an epoch in
# which the network learns; validation comes at its end. From about epoch 10 on the training images
# get cheaper and the validation images do not: 1297 digits are few, and the network begins to know
# them by heart.
#
# That is your PixelCNN: 17,313 numbers, and all that moved them is on this page.
#
# ### It draws
#
# One pixel after the other, in raster order: run the network, toss a coin with its probability,
# write the result down. A later pixel cannot change an earlier logit, or the masks would be wrong.


# %%
def draw(p, blocks, n, rng, H=8, W=8):
    """n images, (n, H, W, 1)."""
    x = np.zeros((n, H, W, 1), np.uint8)
    for r in range(H):
        u = rng.random((n, W, 1))
        for q in range(W):
            logits, _ = forward(scaled(x), p, blocks)
            x[:, r, q] = u[:, q] >= sigmoid(-logits[:, r, q])  # a zero if u falls below p(0)
    return x


drawn = draw(p, blocks, 16, np.random.default_rng(0))
figures.sheets({"drawn by your network": drawn, "test images": test[:16]}, 2)

# %% [markdown]
# ### Measured at once, drawn one by one
#
# In training every step computes all pixels of all images of the batch in one go. Drawing is
# another matter. Being parallel does not help: the second pixel needs the value of the first.
# `draw` runs the whole network once per pixel and uses a single logit each time, 64 runs of 64
# pixels each. Almost all of it has been computed before, since earlier pixels never change. So each
# layer can keep what it has computed and do one pixel at a time (`step`), and the 64 pixels
# together cost one run's arithmetic. The package does that. With your weights, and the same random
# numbers, it draws the same images:

# %%
give(p, model)
assert np.array_equal(drawn, sampling.whole_network(model, 16, seed=0))
assert np.array_equal(drawn, pr.sample(model, 16, seed=0))
print("pixels computed per image and layer: 4096 by whole runs, 64 by steps; the same images")

# %% [markdown]
# Completion uses the same steps and leaves the known rows alone. In each line: what is known, six
# completions, tinted where they were drawn, and the digit itself.

# %%
known = np.zeros((8, 8, 1), bool)
known[:4] = True
halves = np.repeat(test[:2], 6, axis=0)
completed = pr.complete(model, halves, known, seed=1).reshape(2, 6, 8, 8, 1)
figures.completions(test[:2], known, completed, 2)

# %% [markdown]
# And what does a trained network make of its field? Below is the influence of each earlier pixel on
# one prediction, averaged over test images. It is strongest close to the pixel. For (6, 4) it is
# weak in the top row, near the far end of what the masks allow. Four blocks and the first layer see
# seven rows up, so from (3, 3) no row is too far. Yet one earlier pixel is dark that no training
# could light: (2, 7), one row up and four columns to the right, lies in the blind spot. A field of
# view is what a network *may* use; how much it does use is up to the data.

# %%
pixels = [(3, 3), (6, 4)]
found = {(r, q): explain.influence(model, test[:100], r, q) for r, q in pixels}
assert found[3, 3][2, 7] == 0
figures.influence(found, places=True)

# %% [markdown]
# ## What to take away
#
# - $L$ blocks see $3 + L$ rows up and columns to the left. To the right they see $d + 2$ columns,
#   $d$ rows up, and never more: the blind spot.
# - No pooling, no stride: a pooled feature has seen pixels that come later than some of its
#   readers.
# - A block is ReLU, 1×1 down, ReLU, 3×3 with mask B, ReLU, 1×1 up, plus its own input. Along the
#   sums a gradient passes unchanged. The head is such a chain without a sum.
# - With the masks, a loss and Adam that is a network, in about a hundred lines.
# - Before training, each sum should be about as large as its terms ($1/\sqrt{\text{inputs}}$, times
#   $\sqrt 2$ after a ReLU, $1/\sqrt L$ where $L$ blocks add up), and the first prediction the
#   share of ink.
# - All pixels at once when the image is given, one after the other when it is drawn. The recurrent
#   networks draw one by one too; what they lose to the PixelCNN is time in training, and what they
#   win is context.
#
# In the package: `models/pixelcnn.py` and `models/trunk.py` (Table 1), `layers/residual.py` (the
# block, with this derivation in its docstring), `reference/conv_block.py` (the chain of layers),
# `kernels/conv_block.py` (compiled, a whole block at once).
#
# ## Further reading
#
# - The paper: §3.5 of [Pixel Recurrent Neural Networks](https://arxiv.org/abs/1601.06759).
# - The source: [models/pixelcnn.py](../pixelrnn_np/models/pixelcnn.py),
#   [layers/residual.py](../pixelrnn_np/layers/residual.py).
# - A. van den Oord and others, *Conditional Image Generation with PixelCNN Decoders* (2016,
#   [arXiv:1606.05328](https://arxiv.org/abs/1606.05328)): two stacks of convolutions close the
#   blind spot.
# - T. Salimans, A. Karpathy, X. Chen and D. P. Kingma, *PixelCNN++* (2017,
#   [arXiv:1701.05517](https://arxiv.org/abs/1701.05517)): what was simplified and added a year
#   later.
#
# Solutions: [solutions/04_pixelcnn](solutions/04_pixelcnn.ipynb). Next:
# [05 · Row LSTM](05_row_lstm.ipynb).
