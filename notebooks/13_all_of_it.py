# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 13 · All of it: a PixelRNN on one page
#
# **What you will do.** Write a whole PixelRNN with Diagonal BiLSTM layers, from the mask to the
# sampler, in one page of NumPy. Check its gradient, make it learn sixteen images by heart, train it
# on digits, let it draw, and hold it against the package.
#
# **What you will learn.** How the pieces of the course fit together, and how few lines they are;
# how the skewed scan runs backwards with its padding; what to try, and in which order, before a
# network that you wrote yourself deserves an hour of training.
#
# **What you need.** The masked convolution ([03](03_masked_convolution.ipynb)), head, initial
# weights and Adam ([04](04_pixelcnn.ipynb)), the LSTM and its gradient ([05](05_row_lstm.ipynb)),
# the skew and the shift ([06](06_diagonal_bilstm.ipynb)), residual and skip connections
# ([07](07_residual_and_skip.ipynb)). Nothing here needs the internet or more than three minutes.

# %%
import numpy as np
from threadpoolctl import threadpool_limits

import pixelrnn_np as pr
from pixelrnn_np import course, figures
from pixelrnn_np.course import n13 as check
from pixelrnn_np.inspection import gradcheck

rng = np.random.default_rng(13)
one_core = threadpool_limits(1)  # matrices as small as these are multiplied fastest by one core

# %%
figures.you_are_here("13")

# %% [markdown]
# ## The idea
#
# Each notebook so far took one part of the paper and checked it against the package. This one takes
# nothing apart. It puts the parts together, and the package is only asked whether it agrees. What
# you get is a program that you can carry away: copy the cells of the network into a file, and it
# needs NumPy and nothing else.

# %%
figures.network("two scans\n1×1", blocks=2, skip=True)

# %% [markdown]
# ## What the paper says (Table 1, and all of §3)
#
# For images of one colour and two values, $B$ of them at a time:
#
# | part | shape | from |
# |---|---|---|
# | 7×7 with mask A | $B \times H \times W \times 1 \to 2h$ | [03](03_masked_convolution.ipynb) |
# | in each block: $K^{is}$, 1×1, for each direction | $2h \to 4h$ | [06](06_diagonal_bilstm.ipynb) |
# | the scan, with $K^{ss}$, for each direction | $4h \to h$ | [06](06_diagonal_bilstm.ipynb) |
# | right-to-left moves down by a row, then the sum | $h$ | [06](06_diagonal_bilstm.ipynb) |
# | up, 1×1, plus the block's input | $h \to 2h$ | [07](07_residual_and_skip.ipynb) |
# | skip, 1×1, to the sum before the head | $h \to 2h$ | [07](07_residual_and_skip.ipynb) |
# | head: three times ReLU and 1×1 | $2h \to 32 \to 32 \to 1$ | [04](04_pixelcnn.ipynb) |
# | loss | nats per image | [01](01_pixel_by_pixel.ipynb) |
#
# With one colour mask B hides nothing from a 1×1, so only the first layer has a mask to speak of.
# Where the paper is silent we do as everywhere in this course: no ReLU after the first layer,
# initial states that begin at 0, forget gates with a bias of 1.
#
# ## Convolutions
#
# All parameters are in one dictionary `p`, under the names that the package gives them. Gradients
# go into another one with the same names. A 1×1 convolution is a product of all pixels with a
# matrix. The 7×7 is one too, once what each pixel may read stands side by side as 24 features: mask
# A leaves the first 24 of 49 taps in raster order, the ones before the middle.


# %%
MASK_A = np.arange(49).reshape(7, 7) < 24


def flat(x):
    """(…, features) → (all rows, features)."""
    return x.reshape(-1, x.shape[-1])


def windows(x):
    """What mask A shows to each pixel: (B, H, W, 1) → (B, H, W, 24)."""
    H, W = x.shape[1:3]
    wide = np.pad(x, ((0, 0), (3, 3), (3, 3), (0, 0)))
    return np.concatenate([wide[:, r : r + H, q : q + W] for r, q in np.argwhere(MASK_A)], axis=3)


def product(x, K, b=0.0):
    """Every row of x (…, in) times K (…, in, out), whose leading axes are 1 or joined with in."""
    return (flat(x) @ flat(K)).reshape(*x.shape[:-1], -1) + b


def product_back(dy, x, K):
    """dx, dK, db."""
    return product(dy, flat(K).T), (flat(x).T @ flat(dy)).reshape(K.shape), flat(dy).sum(axis=0)


# %% [markdown]
# ## The scan
#
# The skew puts diagonal $t$ of the image, the pixels with $r + q = t$, into column $t$ of a map
# with $T = H + W - 1$ columns. The loop runs over columns, so columns come first in memory:
# $(T, B, H, \text{features})$. A step computes one diagonal of all images at once.
#
# A pixel reads $h$ from above and from the left. In column $t-1$ these stand in rows $r-1$ and $r$.
# Keep the states with $h_0$ on top. Then `h[:, :-1]` are the states above, and `h[:, 1:]` those on the
# left. Side by side they meet $K^{ss}_0$ and $K^{ss}_1$ in one product.
#
# The corners of the skewed map are padding. What a step computes there is thrown away and replaced
# by $h_0$ and $c_0$, since that is what a pixel at the border has to find beside it.

# %%
figures.wavefront(4, 7, 5)


# %%
def sigmoid(z):
    return 0.5 + 0.5 * np.tanh(0.5 * z)


def skew(x):
    """(B, H, W, F) → (T, B, H, F): row r begins in column r; padding is zero."""
    B, H, W, F = x.shape
    y = np.zeros((H + W - 1, B, H, F), x.dtype)
    for r in range(H):
        y[r : r + W, :, r] = x[:, r].swapaxes(0, 1)
    return y


def unskew(y):
    """(T, B, H, F) → (B, H, W, F): the inverse, and the adjoint."""
    H, W = y.shape[2], len(y) - y.shape[2] + 1
    return np.stack([y[r : r + W, :, r].swapaxes(0, 1) for r in range(H)], axis=1)


def scan(x, p, name):
    """From left to right: x (B, H, W, 2h) → (B, H, W, h), and what backward needs."""
    K_ss, h0, c0 = (p[f"{name}.{k}"] for k in ("K_ss", "h0", "c0"))
    z = skew(product(x, p[f"{name}.K_is"], p[f"{name}.b"]))
    real = skew(np.ones((1, *x.shape[1:3], 1), bool))  # (T, 1, H, 1): where pixels are
    T, B, H, F = *z.shape[:3], len(h0)
    h, c = np.tile(h0, (B, H + 1, 1)), np.tile(c0, (B, H, 1))
    y, pairs, kept = np.zeros((T, B, H, F)), [], []
    for t in range(T):
        pair = np.concatenate([h[:, :-1], h[:, 1:]], axis=2)  # above, left
        z_o, z_f, z_i, z_g = np.split(z[t] + product(pair, K_ss), 4, axis=2)
        o, f, i, g = sigmoid(z_o), sigmoid(z_f), sigmoid(z_i), np.tanh(z_g)
        c_left, c = c, f * c + i * g
        y[t] = o * np.tanh(c)
        pairs.append(pair)
        kept.append((o, f, i, g, c_left, np.tanh(c)))
        h[:, 1:] = np.where(real[t], y[t], h0)
        c = np.where(real[t], c, c0)
    return unskew(y), (x, real, np.stack(pairs), kept)


# %% [markdown]
# ## The scan, backwards
#
# Columns from the last to the first. `dh` and `dc` are what column $t + 1$ has sent back to the
# states of column $t$.
#
# **1. The padding.** Where column $t$ is padding, column $t+1$ did not read a computed state but
# $h_0$ and $c_0$. So what arrives there belongs to these two, and **ends there**. Throw it away
# instead, and every array is right but two: $h_0$ and $c_0$ miss what all rows but the first read
# at their left end. Let it run on, and $K^{ss}$ is wrong as well, by the gates of pixels that do
# not exist.
#
# **2. Into the state.** What is left of `dh` meets $dy$, from the layer above. On padding $dy$ is
# zero.
#
# **3. Through the cell and the gates**, as in [05](05_row_lstm.ipynb):
#
# $$do = dh \odot \tanh c, \qquad dc \mathrel{+}= dh \odot o \odot (1 - \tanh^2 c),$$
#
# $$df = dc \odot c_{left}, \qquad di = dc \odot g, \qquad dg = dc \odot i,$$
#
# $$dz^o = do \odot o(1-o), \qquad dz^f = df \odot f(1-f),$$
#
# $$dz^i = di \odot i(1-i), \qquad dz^g = dg \odot (1-g^2),$$
#
# and $dz$ is the last four side by side.
#
# **4. Through $K^{ss}$.** The pair gets $dz\,K^{ss\top}$. Its right half goes to the same row of
# column $t-1$. Its left half goes one row up, and from the top row to $h_0$.
#
# **5. The cell** hands on $dc \odot f$, in its own row.
#
# **6. Before the first column** all states were $h_0$ and $c_0$: whatever is left belongs to them.
#
# The gradients of $K^{ss}$, $K^{is}$ and $b$ do not have to wait for each other. They are one
# product each, over all columns, when $dz$ is complete.


# %%
def scan_back(dy, p, name, cache, grads):
    """dy (B, H, W, h) → dx; the gradients of the scan's parameters go into grads."""
    x, real, pairs, kept = cache
    K_ss, dy = p[f"{name}.K_ss"], skew(dy)
    T, B, H, F = dy.shape
    dz = np.zeros((T, B, H, 4 * F))
    (dh, dc), (dh0, dc0) = np.zeros((2, B, H, F)), np.zeros((2, F))
    for t in reversed(range(T)):
        o, f, i, g, c_left, tanh_c = kept[t]
        dh0 += (dh * ~real[t]).sum(axis=(0, 1))  # 1
        dc0 += (dc * ~real[t]).sum(axis=(0, 1))
        dh, dc = dh * real[t] + dy[t], dc * real[t]  # 2
        dc = dc + dh * o * (1 - tanh_c**2)  # 3
        parts = dh * tanh_c * o * (1 - o), dc * c_left * f * (1 - f)
        parts += dc * g * i * (1 - i), dc * i * (1 - g**2)
        dz[t] = np.concatenate(parts, axis=2)
        dabove, dh = np.split(product(dz[t], flat(K_ss).T), 2, axis=2)  # 4
        dh[:, :-1] += dabove[:, 1:]
        dh0 += dabove[:, 0].sum(axis=0)
        dc = dc * f  # 5
    grads[f"{name}.h0"] = dh0 + dh.sum(axis=(0, 1))  # 6
    grads[f"{name}.c0"] = dc0 + dc.sum(axis=(0, 1))
    grads[f"{name}.K_ss"] = product_back(dz, pairs, K_ss)[1]
    dx, grads[f"{name}.K_is"], grads[f"{name}.b"] = product_back(unskew(dz), x, p[f"{name}.K_is"])
    return dx


# %% [markdown]
# ## Exercise 13.1 · Who reads the padding?
#
# In one scan over an image of $H \times W$ pixels, how many times does a **real pixel** read $h_0$,
# and how many times $c_0$? A pixel that reads $h_0$ in two places reads it twice. Return two whole
# numbers. ($dh_0$ and $dc_0$ would be just these two, if every such reading sent back a 1.)
#
# <details><summary>Hint</summary>
#
# $h$ comes from two neighbours and $c$ from one. Which pixels have no neighbour above, which none
# on the left? The corner counts too.
# </details>


# %%
def readings(H, W):
    of_h0, of_c0 = ..., ...  # your code
    return of_h0, of_c0


check.readings(readings)

# %% [markdown]
# ## Two directions, and a network around them
#
# The other direction is the same scan on the flipped image, flipped back, and moved down by one
# row. Backwards, the gradient moves up by one row, is flipped, scanned back, and flipped again.
#
# The network is a list of sums. The trunk $y$ goes from block to block, each adds its `up` to it
# and its `skip` to the sum before the head. Backwards, the gradient of that sum is what every `skip`
# gets, and where the trunk's own gradient begins. (`z` below is no gate: it is the sum before the head,
# then what each 1×1 of the head makes of it, at last the logits. `dz` goes the same way back.)


# %%
HEAD = "head.conv1", "head.conv2", "head.logits"


def two_scans(x, p, name):
    left, left_cache = scan(x, p, f"{name}.l2r")
    right, right_cache = scan(x[:, :, ::-1], p, f"{name}.r2l")
    left[:, 1:] += right[:, :-1, ::-1]
    return left, (left_cache, right_cache)


def two_scans_back(da, p, name, cache, grads):
    dright = np.zeros_like(da)
    dright[:, :-1] = da[:, 1:, ::-1]
    dx = scan_back(da, p, f"{name}.l2r", cache[0], grads)
    return dx + scan_back(dright, p, f"{name}.r2l", cache[1], grads)[:, :, ::-1]


def forward(x, p):
    """Images (B, H, W, 1) of zeros and ones → logits (B, H, W, 1), and what backward needs."""
    seen = windows(x.astype(float))
    y, skips, blocks, inputs = product(seen, p["first.K"][MASK_A], p["first.b"]), 0.0, [], []
    for k in range(sum(name.endswith("up.K") for name in p)):
        a, cache = two_scans(y, p, f"blocks.{k}.lstm")
        y = y + product(a, p[f"blocks.{k}.up.K"], p[f"blocks.{k}.up.b"])
        skips = skips + product(a, p[f"blocks.{k}.skip.K"], p[f"blocks.{k}.skip.b"])
        blocks.append((a, cache))
    z = y + skips
    for name in HEAD:
        inputs.append(np.maximum(z, 0))
        z = product(inputs[-1], p[f"{name}.K"], p[f"{name}.b"])
    return z, (seen, blocks, inputs)


# %% [markdown]
# And the same list from its end:


# %%
def backward(dz, p, cache):
    """The gradient of the logits → those of all parameters, {name: gradient}."""
    (seen, blocks, inputs), grads = cache, {}

    def back(dy, x, name):
        dx, grads[f"{name}.K"], grads[f"{name}.b"] = product_back(dy, x, p[f"{name}.K"])
        return dx

    for name, x in zip(reversed(HEAD), reversed(inputs), strict=True):
        dz = back(dz, x, name) * (x > 0)
    dy = dz
    for k, (a, kept) in reversed(list(enumerate(blocks))):
        da = back(dy, a, f"blocks.{k}.up") + back(dz, a, f"blocks.{k}.skip")
        dy = dy + two_scans_back(da, p, f"blocks.{k}.lstm", kept, grads)
    grads["first.K"] = np.zeros_like(p["first.K"])
    grads["first.K"][MASK_A] = product_back(dy, seen, p["first.K"][MASK_A])[1]
    grads["first.b"] = flat(dy).sum(axis=0)
    return grads


def nats_and_grads(x, p):
    """Nats of each image, (B,), and the gradients of their mean."""
    z, cache = forward(x, p)
    nats = (np.logaddexp(0, z) - x * z).sum(axis=(1, 2, 3))
    return nats, backward((sigmoid(z) - x) / len(x), p, cache)


# %% [markdown]
# ## Initial weights
#
# As in [04](04_pixelcnn.ipynb): a weight's deviation is one over the root of the number of living
# inputs, times $\sqrt 2$ after a ReLU, over $\sqrt L$ in `up` and `skip`, where $L$ blocks add up;
# a tenth in the last layer, whose bias is the log-odds of ink. In the LSTM, $K^{ss}$ has $2h$
# inputs, above and left.


# %%
def initial(rng, F, blocks, width, ink):
    """All parameters by name. F: the paper's h; width: of the head; ink: share of ones."""
    p = {}

    def add(name, shape, gain=1.0, inputs=None):
        s = gain / np.sqrt(inputs or np.prod(shape[:-1]))
        p[name] = np.sqrt(3) * s * rng.uniform(-1, 1, shape)

    add("first.K", (7, 7, 1, 2 * F), inputs=MASK_A.sum())
    p["first.b"] = np.zeros(2 * F)
    for k in range(blocks):
        for name in (f"blocks.{k}.lstm.l2r", f"blocks.{k}.lstm.r2l"):
            add(f"{name}.K_is", (1, 1, 2 * F, 4 * F))
            add(f"{name}.K_ss", (2, 1, F, 4 * F))
            p[f"{name}.b"] = np.repeat([0.0, 1.0, 0.0, 0.0], F)  # o, f, i, g
            p[f"{name}.h0"], p[f"{name}.c0"] = np.zeros((2, F))
        for name in (f"blocks.{k}.up", f"blocks.{k}.skip"):
            add(f"{name}.K", (1, 1, F, 2 * F), blocks**-0.5)
            p[f"{name}.b"] = np.zeros(2 * F)
    for name, size in zip(HEAD, [(2 * F, width), (width, width), (width, 1)], strict=True):
        add(f"{name}.K", (1, 1, *size), 2**0.5 * (0.1 if name == "head.logits" else 1))
        p[f"{name}.b"] = np.zeros(size[1])
    p["head.logits.b"] += np.log(ink / (1 - ink))
    return p


# %% [markdown]
# The network is complete. Before it trains, three questions, in the order of what they cost. A bug
# that one of them finds is found in seconds; without them it costs an evening, and may look like a
# network that "does not learn very well".
#
# ## First question: is the gradient right?
#
# Finite differences, in float64, on images that are not square, with random biases and initial
# states. Half of the weights that are tried have a gradient; the others are anywhere, masked ones
# too.


# %%
def at_random_weights(rng):
    p = initial(rng, 3, 2, 5, 0.4)
    p = {name: a + 0.2 * rng.standard_normal(a.shape) for name, a in p.items()}
    x = rng.integers(0, 2, (2, 5, 4, 1))
    grads = nats_and_grads(x, p)[1]
    return gradcheck.compare(lambda: nats_and_grads(x, p)[0].mean(), p, grads, rng, entries=6)


errors = gradcheck.redraw(at_random_weights, rng)
assert max(errors.values()) < 1e-6
print(f"{len(errors)} arrays, largest relative error {max(errors.values()):.0e}")

# %% [markdown]
# ## Second question: is it the same network?
#
# You have what few people who write a network have: a second one, written by somebody else. Both
# get the same weights. Nats and gradients should agree to the last digits, and the first loss
# should be near what pixels cost that are all ink with probability $\bar v$, the share of ink in the
# training images: 40.3 nats.

# %%
train, valid, test = (pr.load_data("digits", s, levels=2) for s in ("train", "valid", "test"))
theirs = pr.build_model("diagonal_bilstm", (8, 8, 1), h=16, layers=2, head=32, dtype="float64")


def compare(p):
    """Largest difference between this page and the package: nats, gradients."""
    for name, a in p.items():
        theirs.params[name][...] = a
    (nats, grads), (_, wanted) = nats_and_grads(train[:16], p), theirs.loss_and_grads(train[:16])
    apart = {name: np.abs(grads[name] - wanted[name]).max() for name in theirs.params}
    return np.abs(nats - theirs.nll(train[:16])).max(), max(apart.values())


p = initial(np.random.default_rng(0), 16, 2, 32, train.mean())
first = nats_and_grads(train[:16], p)[0].mean()
shaken = {name: a + 0.1 * rng.standard_normal(a.shape) for name, a in p.items()}
assert max(compare(p)) < 1e-10 and max(compare(shaken)) < 1e-10
numbers = sum(a.size for a in p.values())
print(f"{len(p)} arrays, {numbers:,} numbers; first loss {first:.1f} nats")
print("nats and gradients agree with the package to 1e-10")

# %% [markdown]
# ## Third question: can it learn sixteen images by heart?
#
# A network with 22,000 numbers can know sixteen images. If it cannot, then something is wrong with
# the optimiser, the rate, or the way that batches are made, which finite differences do not see. And if
# it can, how many nats will it pay in the end?
#
# ## Exercise 13.2 · How low can it go?
#
# Given a batch `x`, zeros and ones of shape $(N, H, W, 1)$, what is the lowest mean cost in nats
# that **any** model can reach on it? Some images may be in the batch more than once.
#
# <details><summary>Hint</summary>
#
# A model is a distribution: its probabilities sum to 1 over all images. How should it share that 1
# among the images of the batch? `np.unique(…, axis=0, return_counts=True)` counts them.
# </details>


# %%
def floor(x):
    nats = ...  # your code
    return nats


check.floor(floor)

# %% [markdown]
# Adam, as in [04](04_pixelcnn.ipynb), and the loop: shuffle, take a batch, compute nats and
# gradients, update; after each epoch validate. The rate falls along half a cosine.


# %%
def adam(p, grads, means, n, rate):
    """Update n of all parameters, in place; means: {name: (mean, mean square)} of gradients."""
    for name, g in grads.items():
        mean, square = means[name]
        mean += (1 - 0.9) * (g - mean)
        square += (1 - 0.999) * (g * g - square)
        p[name] -= rate * mean / (1 - 0.9**n) / (np.sqrt(square / (1 - 0.999**n)) + 1e-8)


def fit(p, train, valid, epochs, rate, rng, batch=16):
    """Trains p in place. Returns mean nats per image of each epoch: training, validation."""
    means = {name: np.zeros((2, *a.shape)) for name, a in p.items()}
    update, last = 0, epochs * -(-len(train) // batch)
    curve = {"training": [], "validation": []}
    for _ in range(epochs):
        order, costs = rng.permutation(len(train)), []
        for start in range(0, len(train), batch):
            nats, grads = nats_and_grads(train[order[start : start + batch]], p)
            update += 1
            adam(p, grads, means, update, rate * 0.5 * (1 + np.cos(np.pi * update / last)))
            costs.extend(nats)
        curve["training"].append(np.mean(costs))
        curve["validation"].append(nats_and_grads(valid, p)[0].mean())
    return curve


by_heart = {name: a.copy() for name, a in p.items()}
steps = 30 if course.fast() else 300
learnt = fit(by_heart, train[:16], train[:1], steps, 0.01, rng)["training"]
figures.curves({"sixteen images": learnt}, "update", log=True)

# %%
print(f"after {steps} updates: {learnt[-1]:.3f} nats per image")

# %% [markdown]
# It goes down very nearly as far as it can, $\ln 16 = 2.77$ nats. That is the floor of exercise 13.2, and
# a curve that falls *through* it is not a triumph but a leak ([11](11_catch_the_leak.ipynb)).
#
# ## Training
#
# All three answers are yes. Now 1,297 digits, from the weights `p`, which have not trained yet.

# %%
epochs = 1 if course.fast() else 24
curve = fit(p, train, valid, epochs, 0.004, rng)
figures.curves(curve, "epoch")

# %%
final = nats_and_grads(test, p)[0].mean()
print(f"nats per test image: {final:.2f}, that is {final / 64 / np.log(2):.3f} bits per pixel")

# %% [markdown]
# The PixelCNN of [04](04_pixelcnn.ipynb), which is somewhat smaller and was trained somewhat shorter
# on the same images, has 18.5. Part of the difference is what it cannot see. And the two curves part,
# since the network begins to know the training images themselves. With 1,297 of them that is the
# limit, not the time; [09](09_training_and_results.ipynb) is about 50,000.
#
# ## It draws
#
# Row by row, pixel by pixel. Nothing below row $r$ can matter to its logits, so the network is
# shown the rows up to $r$ only: the same function, on an image of fewer rows.


# %%
def draw(p, n, rng, H=8, W=8, temperature=1.0):
    """n images (n, H, W, 1), each pixel drawn given those before it."""
    x = np.zeros((n, H, W, 1), np.uint8)
    for r in range(H):
        u = rng.random((n, W, 1))
        for q in range(W):
            z = forward(x[:, : r + 1], p)[0][:, r, q] / temperature
            x[:, r, q] = u[:, q] >= sigmoid(-z)  # a zero if u falls below p(0)
    return x


def draw_sheet(seed=0, temperature=1.0):
    drawn = draw(p, 24, np.random.default_rng(seed), temperature=temperature)
    title = f"temperature {temperature}: {nats_and_grads(drawn, p)[0].mean():.1f} nats per image"
    return figures.sheet(drawn, 2, columns=12, title=title)


other = {"seed": 1, "temperature": 0.6}
course.interactive(draw_sheet, static=[{}, other], seed=(0, 9), temperature=(0.4, 1.4, 0.1))

# %% [markdown]
# And at last the package once more, with the weights as they are now. Nats and gradients agree, and
# its stepwise sampler, which computes each pixel once, draws the same images as your sixty-four
# runs.

# %%
assert max(compare(p)) < 1e-10
assert np.array_equal(draw(p, 24, np.random.default_rng(0)), pr.sample(theirs, 24, seed=0))
print("after training: nats and gradients agree to 1e-10, and 24 images pixel by pixel")

# %% [markdown]
# ## Exercise 13.3 · Finish the image
#
# Completion is the sampler with a rule more. Given images `x` (zeros and ones, $(n, H, W, 1)$), a
# bool array `known` and uniform numbers `u`, both of the same shape, and a function `logits(x)`
# such as `lambda x: forward(x, p)[0]`, return new images: known pixels are kept, each other pixel
# is a 1 where $u \ge \sigma(-z)$, with $z$ its logit **given all pixels before it**, known or
# drawn. What `x` has where it is not known must not matter, and `x` itself stays as it is.
#
# <details><summary>Hint</summary>
#
# Begin with a copy in which the unknown pixels are 0, and walk through rows and columns as `draw`
# does. `np.where(known, old, new)` for one column of all images.
# </details>


# %%
def complete(logits, x, known, u):
    finished = ...  # your code
    return finished


check.complete(complete)

# %% [markdown]
# ## What to take away
#
# - A PixelRNN is one page: a masked convolution, two scans per block, sums, a head; the gradient is
#   the same page read from the end.
# - The skewed scan makes one step per diagonal. Its padding stands for $(h_0, c_0)$, forwards and
#   backwards: what reaches it is theirs, and goes no further.
# - Before training: finite differences, a second implementation or a slow one, the first loss, and
#   one batch by heart, down to its floor and not below.
# - What the page leaves out: colours (masks between features), a softmax for more values, the small
#   image first ([08](08_multi_scale.ipynb)), and speed ([10](10_loops_to_numba.ipynb)).
#
# In the package: `models/trunk.py` and `models/pixelrnn.py` (the network),
# `layers/diagonal_bilstm.py` (the scan), `training/trainer.py` (the loop), `sampling.py`. What to
# do with it now? Other images, another block, an idea of your own: change the page, and ask it the
# three questions again.
#
# ## Further reading
#
# - The paper, [Pixel Recurrent Neural Networks](https://arxiv.org/abs/1601.06759): §3 and Table 1,
#   once more from the beginning.
# - The source: [models/trunk.py](../pixelrnn_np/models/trunk.py),
#   [models/pixelrnn.py](../pixelrnn_np/models/pixelrnn.py).
# - A. van den Oord and others, *Conditional Image Generation with PixelCNN Decoders* (2016,
#   [arXiv:1606.05328](https://arxiv.org/abs/1606.05328)), and T. Salimans, A. Karpathy, X. Chen and
#   D. P. Kingma, *PixelCNN++* (2017, [arXiv:1701.05517](https://arxiv.org/abs/1701.05517)): what to
#   build next.
#
# Solutions: [solutions/13_all_of_it](solutions/13_all_of_it.ipynb). Back to the start:
# [00 · A tour](00_tour.ipynb).
