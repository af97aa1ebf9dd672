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
# **What you will do.** Build the residual block of §3.5 from masked convolutions, derive its
# backward pass, and stack blocks to a network. Find out what it sees and what it never will, and
# build images that only the blind spot could explain.
#
# **What you will learn.** How a field of view grows with depth; why a wedge up and to the right
# stays unseen at any depth, and what that costs; why there is no pooling; what a PixelCNN has over
# the recurrent networks (all pixels at once, in training) and what it has not (neither is drawing
# any faster, nor does it see the whole context).
#
# **What you need.** Masked convolutions and their gradient ([03](03_masked_convolution.ipynb)), and
# NumPy. Nothing here needs the internet or more than a minute.

# %%
import numpy as np

import pixelrnn_np as pr
from pixelrnn_np import course, figures, sampling
from pixelrnn_np.course import n04 as check
from pixelrnn_np.inspection import explain, gradcheck
from pixelrnn_np.layers.masks import conv_mask, feature_groups
from pixelrnn_np.layers.residual import ConvBlock

rng = np.random.default_rng(4)

# %% [markdown]
# ## The idea
#
# The recurrent networks of this paper see far, and pay for it in time: row 2 of a Row LSTM has to
# wait for row 1, in training as well. A convolution waits for nothing. All its outputs can be
# computed side by side, on as many processors as there are.
#
# So drop the recurrence. Take masked convolutions only, and stack them. The first one, of 7×7, sees
# three rows up, and each one of 3×3 after it a row more. The field of view has an end, in exchange
# for speed: this is the PixelCNN.
#
# What the field looks like follows from the masks alone. Walk backwards: an output reads the
# offsets that its mask leaves, each of these was made from the offsets of the layer below, and so
# on down to the image.


# %%
def offsets(kind, size):
    """The steps (row, column) that a mask leaves to a kernel of size × size, one colour."""
    left = np.argwhere(conv_mask(kind, size, size, [0], [0])[..., 0, 0])
    return [(a - size // 2, b - size // 2) for a, b in left.tolist()]


def reach(row, column, blocks, height, width):
    """What the prediction at (row, column) sees through `blocks` 3×3 B and the 7×7 A: (H, W)."""
    seen = {(row, column)}
    for kind, size in [("B", 3)] * blocks + [("A", 7)]:
        steps = offsets(kind, size)
        moved = {(r + dr, q + dq) for r, q in seen for dr, dq in steps}
        seen = {(r, q) for r, q in moved if 0 <= r < height and 0 <= q < width}
    found = np.zeros((height, width), bool)
    found[tuple(np.array(sorted(seen)).reshape(-1, 2).T)] = True
    return found


figures.fields({f"{n} blocks": reach(11, 10, n, 13, 21) for n in (0, 2, 6)}, (11, 10))

# %% [markdown]
# ## What the paper says (§3.5; Figure 4, left; Figure 5, left)
#
# A PixelCNN is a 7×7 convolution with mask A, then a number of layers with 3×3 convolutions and
# mask B, then the head of 1×1 convolutions that all three networks share. Nothing is pooled: the
# map has the size of the image from the first layer to the last. Its field of view is large but
# bounded, and in training and evaluation all positions are computed in parallel. For CIFAR-10 the
# paper takes 15 layers with $h = 128$.
#
# Each layer is a residual block (Figure 5, left). The map that runs through the network has $2h$
# features; inside the block there are $h$:
#
# $$u = \operatorname{ReLU}(x)\,K^{down} + b^{down}, \qquad
#   z = K^{conv} \circledast \operatorname{ReLU}(u) + b^{conv},$$
#
# $$a = \operatorname{ReLU}(z), \qquad y = x + a\,K^{up} + b^{up}.$$
#
# $x$ and $y$ are $H \times W \times 2h$, the others $H \times W \times h$; $K^{down}$ and $K^{up}$
# are 1×1, $K^{conv}$ is 3×3, and all have mask B. The 1×1 convolutions make the costly one cheap: a
# 3×3 over $2h$ features would have four times as many weights as one over $h$.
#
# Easily missed: the 1×1 convolutions look at one pixel only, and with three colours they need their
# mask no less, or G tells R what it knows. And the paper's "15 layers" can be counted in more than
# one way; this project takes 15 blocks.


# %%
def draw_block():
    boxes = {
        "x": (0, 0), "ReLU(x)": (1.3, 0.8), "u": (3.3, 0.8), "ReLU(u)": (4.7, 0.8),
        "z": (6.7, 0.8), "a = ReLU(z)": (8.3, 0.8), "+": (10.9, 0), "y": (12, 0),
    }  # fmt: skip
    arrows = [
        ("x", "ReLU(x)"), ("ReLU(x)", "u", "K_down"), ("u", "ReLU(u)"), ("ReLU(u)", "z", "K_conv"),
        ("z", "a = ReLU(z)"), ("a = ReLU(z)", "+", "K_up"), ("x", "+"), ("+", "y"),
    ]  # fmt: skip
    return figures.sketch(boxes, arrows, height=1.7)


draw_block()

# %% [markdown]
# ## Slowly
#
# The masked convolution of [03](03_masked_convolution.ipynb), tap by tap, and the block around it.
# `K` is masked already.


# %%
def windows(r, q, size, H, W):
    """Pairs (a, b), (row, column): tap of the kernel, pixel of the image under it."""
    for a, b in np.ndindex(size, size):
        row, column = r + a - size // 2, q + b - size // 2
        if 0 <= row < H and 0 <= column < W:
            yield (a, b), (row, column)


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
# ## Fast
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
# ## What it sees
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
# Move the pixel and the depth. What stays yellow, however deep?


# %%
def draw_reach(blocks=4, row=11, column=10):
    title = f"{blocks} blocks, pixel ({row}, {column})"
    return figures.fields({title: reach(row, column, blocks, 13, 21)}, (row, column))


course.interactive(
    draw_reach,
    blocks=(0, 15),
    row=(0, 12),
    column=(0, 20),
    static=[{"blocks": 4}, {"blocks": 15}],
)

# %% [markdown]
# ## The blind spot
#
# With 15 blocks everything above is seen on the left. On the right a wedge stays unseen, beginning
# four columns from the pixel, and more blocks do not help.
#
# The reason is in the masks. **In its own row, a layer moves to the left or not at all.** The only
# way to get one column further to the right is to go up by one row at the same time. So every 3×3
# layer that gains a column also leaves a row, and what it left behind on the right it never comes
# back to.
#
# Put it in numbers. To get to the row that is $d$ rows up, the path climbs $d$ steps in all. The
# 7×7 layer climbs at least one row of these if it is to go to the right, and then gains 3 columns;
# the other $d - 1$ steps belong to 3×3 layers, which gain one column each. So whatever the depth,
# row $r - d$ is seen up to column
#
# $$q + 3 + (d - 1) = q + d + 2,$$
#
# and all that lies further to the right, $d$ rows up, is the blind spot.
#
# ## Exercise 4.1 · The field in numbers
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
# ## How much is lost?
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
levels = {
    f"{name}: {share(seen, *place):.1%}": share(seen, *place)
    for name, seen in fields.items()
    if "layer" in name
}
curve = [share(reach(*place, n, side, side), *place) for n in depth]
figures.lines({"pixelcnn": (depth, curve)}, "blocks", "share of the context seen", levels=levels)

# %%
figures.fields(fields, place)

# %% [markdown]
# The PixelCNN gains a row with every block, and 15 blocks, our reading of the paper's 15 layers, see a
# bit more than half. One
# Row LSTM layer reaches the top at once, with a wedge on both sides; one Diagonal BiLSTM layer sees
# all but a single pixel, of which [06](06_diagonal_bilstm.ipynb) has more to say. The paper's
# results have the same order: **the larger the field, the better the likelihood** (bits/dim on
# CIFAR-10: PixelCNN 3.14, Row LSTM 3.07, Diagonal BiLSTM 3.00; the whole of Table 5 is in
# [09](09_training_and_results.ipynb)).
#
# ## What the blind spot costs
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


coin = 24 * np.log(2)
found, rows = {}, []
for s in (2, 3, 4, 5):
    train, test = copies(1500, s, seed=0), copies(500, s, seed=1)
    row = [f"{s} columns", f"{(12 + s) * np.log(2):.2f}"]
    for name, layers, epochs in (("pixelcnn", 3, 20), ("diagonal_bilstm", 1, 40)):
        net = pr.build_model(name, (2, 12, 1), h=8, layers=layers, head=16, seed=0)
        pr.Trainer(net, optimizer="adam", lr=4e-3).fit(train, epochs=epochs, progress=False)
        found[name, s] = net
        row.append(f"{net.nll(test).mean():.2f}")
    rows.append([*row, f"{coin:.2f}"])
figures.Table(["copied from", "best possible", "pixelcnn", "diagonal_bilstm", "a coin"], rows)

# %% [markdown]
# Up to three columns it finds the rule. From four on it stays with the coin, and no training and no
# depth would change that: all that it sees is independent of what it has to predict. The Diagonal
# BiLSTM sees the pixel in question, but for one: the last pixel of the row above, which it never sees
# from more than three columns away ([06](06_diagonal_bilstm.ipynb)). From $s = 4$ on one copied pixel
# stays a coin for it too, so that its own best is $(13 + s) \ln 2$: 11.78 for $s = 4$ and 12.48 for
# $s = 5$. And it has to *remember* what it saw over more and more steps, as far as its short training
# lets it.
#
# Here is what each pixel costs, for two images with $s = 4$. The upper row is worth $\ln 2 = 0.69$
# nats each, for everybody. Column 7 of the lower row is the copy that the Diagonal BiLSTM cannot see.

# %%
pictures = copies(2, 4, seed=2)
cost = {
    f"{name}, image {k}": explain.pixel_nats(found[name, 4], pictures)[k]
    for name in ("pixelcnn", "diagonal_bilstm")
    for k in range(2)
}
figures.feature_maps(
    cost,
    columns=2,
    signed=False,
    label="nats",
)

# %% [markdown]
# These images are made to show the cost at its worst. In a photograph much of what lies in the
# wedge can be guessed from pixels nearer by. (Later work closed the wedge with two stacks of
# convolutions, one for the rows above and one for the row itself; that is outside this paper.)
#
# ## Why there is no pooling
#
# Networks that recognise things shrink their maps on the way and so see far with few layers. Here
# that would be a leak. A pooled value mixes features of several pixels, the last of which has
# already seen the first.
#
# ## Exercise 4.2 · The leak in the pool
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
# ## Backwards, step by step
#
# The sketch again: each arrow backwards, and where two arrows leave a box, two gradients are added.
# Only $x$ has two.

# %%
draw_block()

# %% [markdown]
# **1. The sum.** $y = x + \dots$ hands $dy$ on unchanged, to both sides. This is what a residual
# connection is for: whatever the block does, the gradient reaches $x$ whole.
#
# **2. Up.** A 1×1 convolution is one product of a row vector and a matrix per pixel, so
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

total = {name: np.zeros_like(g) for name, g in grads.items()}
for n in range(len(x)):
    dx_slow, g = block_slow_backward(dy[n], masked, slow[n][1])
    assert np.allclose(dx[n], dx_slow, rtol=0, atol=1e-12)
    for name in total:
        total[name] += g[name]
for name, gradient in grads.items():
    mask = block.children[name[:-2]].mask if name.endswith(".K") else 1
    assert np.allclose(gradient, total[name] * mask, rtol=0, atol=1e-11), name
print("slow and fast gradients agree for dx and", ", ".join(grads))

# %% [markdown]
# ### Are they right?
#
# One weight of the 3×3 convolution by hand, with the loss $\ell = \sum y \odot dy$. Then all of
# them. A ReLU has a corner, where no difference is right; `redraw` takes another point if one is
# met.

# %%
K, eps = block.params["conv.K"], 1e-6
spot = np.unravel_index(np.abs(grads["conv.K"]).argmax(), K.shape)
losses = []
for step in (eps, -2 * eps):
    K[spot] += step
    losses.append((block.forward((x, None))[0][0] * dy).sum())
K[spot] += eps
numeric = (losses[0] - losses[1]) / (2 * eps)
print(f"numerically {numeric:.8f}, by hand {grads['conv.K'][spot]:.8f}")


def at_a_random_point(rng):
    return gradcheck.check_layer(block, (rng.standard_normal((1, 4, 4, 8)), None), rng)


errors = gradcheck.redraw(at_a_random_point, rng)
assert max(errors.values()) < 1e-6
figures.Table(
    ["gradient of", "largest relative error"],
    [["x" if name == "x0" else name, f"{error:.0e}"] for name, error in errors.items()],
)

# %% [markdown]
# ## Exercise 4.3 · A ReLU in the wrong place
#
# Other residual networks put a ReLU *behind* the sum. Take $y = \operatorname{ReLU}(x + a K)$ with
# $x$ and $y$ of shape $(H, W, F)$, $a$ of $(H, W, h)$ and $K$ of $(h, F)$. Given `dy`, return `dx`,
# `da` and `dK`.
#
# <details><summary>Hint</summary>
#
# Begin at the end. Which pixels and features let a gradient through the ReLU? What gets through
# arrives at the sum, and from there it goes both ways. Over all pixels at once, $dK$ is
# `np.einsum("rch,rcf->hf", …)`.
# </details>


# %%
def relu_behind(dy, x, a, K):
    dx, da, dK = ..., ..., ...  # your code
    return dx, da, dK


check.relu_behind(relu_behind)

# %% [markdown]
# Compare `dx` with step 1. Behind the sum, the ReLU stands in the way of every gradient, block
# after block; in Figure 5 the road along the sums is free from the last block to the first.
#
# ## Measured at once, drawn one by one
#
# Train a small PixelCNN on 8×8 digits. Every step of training computes all pixels of all images of
# the batch in one go.

# %%
train, test = (pr.load_data("digits", split, levels=2) for split in ("train", "test"))
model = pr.build_model("pixelcnn", (8, 8, 1), levels=2, h=16, layers=4, head=32, seed=0)
before = model.nll(test).mean()
pr.Trainer(model, optimizer="adam").fit(train, epochs=12, progress=False)
print(f"nats per image: {before:.1f} before, {model.nll(test).mean():.1f} after training")

# %% [markdown]
# Drawing is another matter. Being parallel in training does not help here: the second pixel needs
# the value of the first. The plain way runs the whole network once per pixel and uses a single
# logit each time, 64 runs of 64 pixels each. Almost all of it has been computed before, since
# earlier pixels never change. So each layer can keep what it has computed and do one pixel at a
# time (`step`), and the 64 pixels together cost one run's arithmetic. The images are the same:

# %%
plain = sampling.whole_network(model, 16, seed=0)
stepwise = pr.sample(model, 16, seed=0)
assert np.array_equal(plain, stepwise)
print("pixels computed per image and layer: 4096 by whole runs, 64 by steps; the same images")
figures.sheet(stepwise, 2, columns=8, title="drawn")

# %% [markdown]
# Completion uses the same steps and leaves the known rows alone. The tinted halves are drawn.

# %%
known = np.zeros((1, 8, 8, 1), bool)
known[:, :4] = True
halves = np.repeat(test[:2], 8, axis=0)
figures.sheet(pr.complete(model, halves, known, seed=1), 2, columns=8, generated=~known)

# %% [markdown]
# And what does a trained network make of its field? The influence of each earlier pixel on one
# prediction, averaged over test images: strongest next to the pixel, and, for (6, 4), weak in the top
# row, at the far end of what the masks allow. (Four blocks and the first layer see seven rows: for
# (3, 3) that is everything above, and the upper left corner counts as well.) A field of view is what a network *may* use; how much it does use is up to
# the data.

# %%
pixels = [(3, 3), (6, 4)]
found = {f"pixel ({r}, {q})": explain.influence(model, test[:100], r, q) for r, q in pixels}
figures.feature_maps(found, signed=False, columns=2, pixel=pixels, label="|d logit / d pixel|")

# %% [markdown]
# ## What to take away
#
# - A block is ReLU, 1×1 down, ReLU, 3×3 with mask B, ReLU, 1×1 up, plus its own input. Along the
#   sums a gradient passes unchanged.
# - $L$ blocks see $3 + L$ rows up and columns to the left. To the right they see $d + 2$ columns,
#   $d$ rows up, and never more: the blind spot.
# - No pooling, no stride: a pooled feature has seen pixels that come later than some of its
#   readers.
# - All pixels at once when the image is given, one after the other when it is drawn. The recurrent
#   networks draw one by one too; what they lose to the PixelCNN is time in training, and what they
#   win is context.
#
# In the package: `models/pixelcnn.py` and `models/trunk.py` (Table 1), `layers/residual.py` (the
# block, with this derivation in its docstring), `reference/conv_block.py` (the chain of layers),
# `kernels/conv_block.py` (compiled, a whole block at once).
#
# Solutions: [solutions/04_pixelcnn](solutions/04_pixelcnn.ipynb). Next:
# [05 · Row LSTM](05_row_lstm.ipynb).
