# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 07 · Residual and skip connections: what depth needs
#
# **What you will do.** Stack a dozen Row LSTM layers and watch the stack fail; add the residual and
# skip connections of §3.3, derive their gradient and measure how much of it arrives at each layer;
# then run small versions of the paper's Tables 2 and 3.
#
# **What you will learn.** Why depth alone does harm; how a sum gives signals and gradients a way of
# their own, and why two kinds of sum are nearly as good as each other; what sums ask of the initial
# weights; how to read a table of small differences.
#
# **What you need.** The Row LSTM ([05](05_row_lstm.ipynb)), 1×1 convolutions
# ([03](03_masked_convolution.ipynb)), and NumPy. No internet needed; the tables at the end train 24 small
# models, which takes a minute or two.

# %%
import numpy as np

import pixelrnn_np as pr
from pixelrnn_np import course, figures
from pixelrnn_np.course import n07 as check
from pixelrnn_np.inspection import gradcheck

rng = np.random.default_rng(7)
train, valid = (pr.load_data("digits", split, levels=2) for split in ("train", "valid"))

# %%
figures.you_are_here("07")

# %% [markdown]
# ## The idea
#
# More layers should see more and express more. So let us put twelve Row LSTM layers on top of each
# other, each reading what the one below it makes, and look at the network before any training. How
# large are the numbers after each layer, and how large is the gradient of the loss that comes back
# to them?
#
# Guess first. What is left of a signal after twelve layers: a half, a hundredth, a millionth?
# `pr.record` has all these numbers.

# %%
KINDS = {  # name: (residual, skip)
    "neither": (False, False),
    "skip": (False, True),
    "residual": (True, False),
    "both": (True, True),
}


def network(kind, layers, seed=0, **options):
    """A Row LSTM network for 8×8 digits with h = 8."""
    residual, skip = KINDS[kind]
    options = {"levels": 2, "h": 8, "head": 16, "residual": residual, "skip": skip} | options
    return pr.build_model("row_lstm", (8, 8, 1), layers=layers, seed=seed, **options)


def sizes(model, images):
    """Root mean square of each block's output, and of the gradient that arrives there."""
    record = pr.record(model, images)
    names = [f"blocks.{k}" for k in range(model.layers)]
    rms = [np.sqrt(np.mean(record[n] ** 2)) for n in names]
    return rms, [np.sqrt(np.mean(record[f"d{n}"] ** 2)) for n in names]


signal, gradient = sizes(network("neither", 12), train[:8])
blocks = np.arange(1, 13)
figures.lines(
    {"signal": (blocks, signal), "gradient": (blocks, gradient)},
    "layer",
    "root mean square",
    log=True,
)

# %% [markdown]
# From left to right, the way up: the signal shrinks at each layer, from a tenth to some millionths.
# The last layer hands nearly the same numbers to the head for every image. From right to left, the way
# down: the gradient shrinks as well, by four powers of ten. The first layers hear next to nothing of
# what they should do better, and the last ones have nothing to work with.
#
# It is no accident of one seed. A state is $h = o \odot \tanh(c)$ with $o$ around $\tfrac12$ and
# $c$ small, so a layer hands on a fraction of what it reads; and a fraction to the twelfth power is
# tiny. The forget gate protects a gradient on its way up the *rows* ([05](05_row_lstm.ipynb)). From
# *layer* to layer there is no such gate.
#
# The cure is a sum. If a layer **adds** to what it reads instead of replacing it, what was there
# remains there.
#
# ## What the paper says (§3.3, §5.4; Figure 5, right)
#
# All layers of the trunk have $2h$ features, and the LSTM inside works with $h$. One block turns
# the trunk's features $x_l$ into $x_{l+1}$:
#
# $$a_l = \text{LSTM}_l(x_l), \qquad x_{l+1} = x_l + a_l\,K^{up}_l + b^{up}_l,$$
#
# with $a_l$ of $h$ features, and $K^{up}_l$ a 1×1 convolution (mask B) from $h$ to $2h$, so that both
# terms fit. The names are those of [04](04_pixelcnn.ipynb), whose block has another inside and the
# same way out. This is the **residual connection**: the block learns the difference between what
# comes in and what should go out.
#
# Beside them the paper has **skip connections** from each layer to the output, with weights of
# their own:
#
# $$x_{head} = x_{L+1} + \sum_{l=1}^{L} \left(a_l\,K^{skip}_l + b^{skip}_l\right),$$
#
# and $x_{head}$ goes into the head. Without residual connections $x_{l+1} = a_l K^{up}_l + b^{up}_l$;
# without skips $x_{head} = x_{L+1}$.

# %%
figures.block_sketch()

# %% [markdown]
# The paper leaves open where the skips leave and where they arrive. Here they leave from $a_l$, the
# $h$ features inside the block, and arrive before the head's first ReLU. Nothing is said of the
# initial weights either; there is a section on them below.
#
# ## Slowly
#
# The LSTM is done ([05](05_row_lstm.ipynb)), and we take it from the package. New are the sums,
# written here pixel by pixel:


# %%
def one_by_one(a, K, b):
    """A 1×1 convolution, pixel by pixel: a (B, H, W, in), K (in, out) → (B, H, W, out)."""
    y = np.zeros((*a.shape[:3], len(b)))
    for pixel in np.ndindex(a.shape[:3]):
        y[pixel] = a[pixel] @ K + b
    return y


def trunk_slow(model, x):
    """x (B, H, W, 2h) from the first layer → x_head, and of each block (a, the cache)."""
    skips, kept = 0, []
    for block in model.blocks.children.values():
        p = block.params
        a, cache = block.lstm.forward(x)
        up = one_by_one(a, p["up.K"][0, 0], p["up.b"])
        if block.has_skip:
            skips = skips + one_by_one(a, p["skip.K"][0, 0], p["skip.b"])
        x = x + up if block.residual else up
        kept.append((a, cache))
    return x + skips, kept


# %% [markdown]
# ## Fast
#
# The package computes $[\,a K^{up} \mid a K^{skip}\,]$ as one product with a matrix of $h \times 4h$,
# and adds the skips up in place (`layers/residual.py`). All four kinds of network, random biases
# included:

# %%
nets = {kind: network(kind, 3, dtype="float64", h=3, head=6) for kind in KINDS}
images = train[:2]
for model in nets.values():
    gradcheck.randomise(model, rng)
    first, _ = model.first.forward(model.scale(images))
    x_head, _ = trunk_slow(model, first)
    assert np.allclose(model.head.forward(x_head)[0], model.logits(images), rtol=0, atol=1e-12)
print("slow and fast agree:", ", ".join(nets))

# %% [markdown]
# ## Unrolled
#
# Put the residual sums into each other, and nothing is left of the nesting but a sum:
#
# $$x_{L+1} = x_1 + \sum_l \left(a_l K^{up}_l + b^{up}_l\right),$$
#
# $$x_{head} = x_1 + \sum_l \left(a_l\,(K^{up}_l + K^{skip}_l) + b^{up}_l + b^{skip}_l\right).$$
#
# So with residual connections every layer reaches the head already, and skips reach nothing new:
# they add short ways beside it, and let a layer tell the head something that it does not tell the
# layers above. *Without* residual connections skips are the one short way to the head, but the
# layers still feed on each other's ever smaller outputs. Four networks can be built: with neither
# connection, with one, with the other, with both. From this alone, in which order would you put them,
# and which would you expect to be nearly as good as each other? Write it down. (The paper's Table 2 has
# the answer, and so has ours, below.)
#
# ## Exercise 7.1 · How many ways?
#
# Take the network apart into ways from $x_1$ to $x_{head}$. At each block, a way may go through the
# LSTM and $K^{up}$ to the next block; or, with a residual connection, past the LSTM to the next
# block; or, with a skip connection, through the LSTM and $K^{skip}$ straight to $x_{head}$. After the
# last block it arrives at $x_{head}$. How many different ways are there through $L$ blocks? Return a
# whole number.
#
# <details><summary>Hint</summary>
#
# Let $N_l$ be the number of ways that are left when $l$ blocks are still to come. $N_0 = 1$. Write
# $N_l$ with the help of $N_{l-1}$, one term for each of the three choices.
# </details>


# %%
def ways(L, residual, skip):
    count = ...  # your code
    return count


check.ways(ways)

# %% [markdown]
# ## Backwards, step by step
#
# The head hands us $dx_{head}$. The blocks are taken from the last to the first. Here is the sketch
# again, each arrow turned round, with the numbers of the steps.

# %%
figures.block_sketch(back=True)

# %% [markdown]
# **1. Into the last block, and into every skip.** $x_{head}$ is a sum, and a sum hands its gradient
# to each of its terms: $dx_{L+1} = dx_{head}$, and every skip gets $dx_{head}$ too, however deep it
# is. That is all that skips are for.
#
# **2. Into the inner map.** Two arrows leave $a_l$, so two gradients come back:
#
# $$da_l = dx_{l+1}\,K^{up\top}_l + dx_{head}\,K^{skip\top}_l.$$
#
# **3. The weights.** As for any product. The sums are over all pixels of all images:
#
# $$dK^{up}_l = \sum a_l^\top\, dx_{l+1}, \qquad db^{up}_l = \sum dx_{l+1},$$
#
# $$dK^{skip}_l = \sum a_l^\top\, dx_{head}, \qquad db^{skip}_l = \sum dx_{head}.$$
#
# **4. Through the LSTM**, as in [05](05_row_lstm.ipynb): $da_l$ becomes
# $\text{LSTM}_l^\top(da_l)$, where $^\top$ stands for its whole backward pass.
#
# **5. The residual connection.** Two arrows leave $x_l$ as well, one into the LSTM and one past it:
#
# $$dx_l = \text{LSTM}_l^\top(da_l) + dx_{l+1}.$$
#
# Without it, the second term is missing, and the first is all there is. Write $J_l$ for the matrix
# that takes $dx_{l+1}$ through $K^{up}_l$ and the LSTM to $dx_l$, and $I$ for the identity. Then,
# leaving out the skips,
#
# $$dx_1 = dx_{head}\,J_L\,J_{L-1} \cdots J_1$$
#
# without residual connections, and with them
#
# $$dx_1 = dx_{head}\,(I + J_L)(I + J_{L-1}) \cdots (I + J_1).$$
#
# Where every $J_l$ is small, the first product vanishes; the second goes to $dx_{head}$. Multiply it
# out, and you have the $2^L$ ways of the exercise.


# %%
def trunk_slow_backward(dx_head, model, kept):
    """dx_head → d of the first layer's output, {parameter: gradient} of up and skip."""
    dx, grads = dx_head, {}  # 1
    for k, block in reversed(list(enumerate(model.blocks.children.values()))):
        p, (a, cache) = block.params, kept[k]
        da = dx @ p["up.K"][0, 0].T  # 2
        grads[f"blocks.{k}.up.K"] = np.einsum("brqi,brqo->io", a, dx)[None, None]  # 3
        grads[f"blocks.{k}.up.b"] = dx.sum(axis=(0, 1, 2))
        if block.has_skip:
            da = da + dx_head @ p["skip.K"][0, 0].T  # 2
            grads[f"blocks.{k}.skip.K"] = np.einsum("brqi,brqo->io", a, dx_head)[None, None]  # 3
            grads[f"blocks.{k}.skip.b"] = dx_head.sum(axis=(0, 1, 2))
        through, _ = block.lstm.backward(da, cache)  # 4
        dx = through + dx if block.residual else through  # 5
    return dx, grads


for model in nets.values():
    logits, cache = model.forward(images)
    dlogits = rng.standard_normal(logits.shape)
    dx, grads = model.backward(dlogits.copy(), cache)
    first, first_cache = model.first.forward(model.scale(images))
    x_head, kept = trunk_slow(model, first)
    dx_head, _ = model.head.backward(dlogits.copy(), model.head.forward(x_head)[1])
    dfirst, slow = trunk_slow_backward(dx_head, model, kept)
    assert np.allclose(model.first.backward(dfirst, first_cache)[0], dx, rtol=0, atol=1e-11)
    for name, gradient in slow.items():
        assert np.allclose(gradient, grads[name], rtol=0, atol=1e-11), name
print("slow and fast gradients agree for the image and all up and skip weights")

# %% [markdown]
# ### Are they right?
#
# One weight of the first block's $K^{up}$, in each kind of network. It has to get through all later
# blocks to be noticed:

# %%
eps, place, found = 1e-5, (0, 0, 1, 2), []
for kind, model in nets.items():
    theta, (_, grads) = model.params["blocks.0.up.K"], model.loss_and_grads(images)
    value, losses = theta[place], []
    for step in (eps, -eps):
        theta[place] = value + step
        losses.append(model.nll(images).mean())
    theta[place] = value
    numeric = (losses[0] - losses[1]) / (2 * eps)
    found.append([kind, float(numeric), float(grads["blocks.0.up.K"][place])])
figures.Table(["connections", "numerically", "by hand"], found, form="{:.8f}")

# %% [markdown]
# The two columns agree in every line, so the derivation holds for this weight, with and without each
# connection. The lines themselves cannot be compared: one weight among random ones may be heard well
# or badly by chance. How much arrives is a question about all of them, which comes below.
#
# And every entry of every array of one block with both connections, its LSTM's included:

# %%
block = nets["both"].blocks.children["0"]
x = rng.standard_normal((2, 4, 5, 6))
errors = gradcheck.check_layer(block, (x, None), rng)
assert max(errors.values()) < 1e-6
figures.Table(["gradient of", "largest relative error"], errors.items(), form="{:.0e}")

# %% [markdown]
# ## Exercise 7.2 · Skips that leave elsewhere
#
# The paper does not say where in a block the skip leaves. In another reading of it, it leaves from
# the block's **output**:
#
# $$y = x + a\,K^{up}, \qquad skip = y\,K^{skip},$$
#
# with $K^{skip}$ now of shape $(2h, 2h)$. Given $dy$ (from the next block), $dskip$ (from the sum
# before the head), both of shape $(n, 2h)$ for $n$ pixels, $K^{up}$ of shape $(h, 2h)$, $K^{skip}$, and
# a function `lstm_back` that turns $da$ of shape $(n, h)$ into the LSTM's share of $dx$, return $dx$,
# shape $(n, 2h)$.
#
# <details><summary>Hint</summary>
#
# Which arrows leave $y$ now? Collect everything that comes back to $y$ before you go on to $a$ and
# to $x$.
# </details>


# %%
def block_back(dy, dskip, K_up, K_skip, lstm_back):
    dx = ...  # your code
    return dx


check.block_back(block_back)

# %% [markdown]
# ## How much arrives
#
# The figure from the beginning again, for all four kinds of network, before any training: how large each
# block's output is, and how large the gradient is that comes back to it. One of the four has a gradient
# that lives and a signal that dies. Which?


# %%
def draw_sizes(layers=12):
    return figures.both_ways({kind: sizes(network(kind, layers), train[:8]) for kind in KINDS})


course.interactive(draw_sizes, layers=[3, 6, 12, 24])

# %% [markdown]
# With residual connections both curves are flat: every layer is heard, and every layer hears.
#
# The one in question is the network with skips alone. Each layer gets a gradient, down to the first,
# for $dx_{head}$ comes directly to every $a_l$, and from there has one LSTM to pass, not twelve. But the
# signal still dies on its way up, so that the upper layers have little to say. It does little harm: the
# lower ones do the work, and their skips hand it to the head.
#
# Only where there is neither does next to nothing arrive from either side.
#
# ## What sums ask of the initial weights
#
# A sum has a danger of its own. Each block adds to the trunk, and with $L$ blocks the sum may
# become large. This project therefore starts $K^{up}$ and $K^{skip}$ with a factor $1/\sqrt L$ (for
# $K^{up}$ only where it is a summand, that is, with residual connections). The paper does not say what
# it did.
#
# ## Exercise 7.3 · How large does the trunk get?
#
# Say that the features of $x_1$ have the standard deviation `first`. Each of $L$ blocks adds something
# independent of all else, with the standard deviation `added` times a `factor` on $K^{up}$. What is
# the standard deviation of $x_{L+1}$? Try the factors 1 and $1/\sqrt L$ in your formula before you
# read on.
#
# <details><summary>Hint</summary>
#
# Of independent numbers, it is the variances that add up.
# </details>


# %%
def spread(L, first, added, factor):
    deviation = ...  # your code
    return deviation


check.spread(spread)

# %% [markdown]
# With the factor 1 the trunk grows like $\sqrt L$, with $1/\sqrt L$ it ends where one block would have
# brought it, for any $L$. That is for independent summands. A block reads the sum of all
# blocks before it, so in truth each may add in proportion to what is there, and growth may be
# exponential. What does that do to the first loss, before any training? A coin for each pixel costs
# 44 nats, and a fresh network should know no less than a coin:

# %%
depths = (1, 4, 16, 64)


def first_loss(name, layers, plain, seeds=2):
    """Mean nats per image of fresh networks; plain: without the factor 1/√L."""
    nats = []
    for seed in range(seeds):
        model = pr.build_model(name, (8, 8, 1), h=8, layers=layers, head=16, seed=seed)
        for key, a in model.params.items():
            if plain and key.endswith((".up.K", ".skip.K")):
                a *= np.sqrt(layers)
        nats.append(model.nll(valid[:100]).mean())
    return float(np.mean(nats))


print(f"a coin costs {64 * np.log(2):.0f} nats per image")
figures.Table(
    ["network", "factor 1/√L", *[f"L = {L}" for L in depths]],
    [
        [name, "without" if plain else "with", *(first_loss(name, L, plain) for L in depths)]
        for name in ("pixelcnn", "diagonal_bilstm", "row_lstm")
        for plain in (True, False)
    ],
    form="{:,.0f}",
)

# %% [markdown]
# Two hundred thousand nats, where a coin costs 44. An LSTM bounds what it adds, since $|h| < 1$; the
# PixelCNN's ReLUs bound nothing, and 64 blocks start out astronomically wrong. At 16 blocks little
# is to be seen. There the trunk has grown as well, but the weights of the logits start small and
# hide it. With the factor all networks start near a coin, at any depth. It is one factor,
# it costs nothing, and [benchmarks/README.md](../benchmarks/README.md) has what it is worth after
# training.
#
# ## Table 2, small
#
# Now the experiment of §5.4. The paper trains Row LSTM networks of 12 layers on CIFAR-10, with and
# without each connection, and gives bits per dimension on validation images. We cannot do that in a
# minute. We train networks of 12 layers as well, but with $h = 8$ instead of 128, on 8×8 black and
# white digits, for eight passes over 1,297 images, each with three seeds. The numbers are nats per
# image and cannot be compared with the paper's; their *order* can. You have written yours down. How far
# behind will the last one be?

# %%
SHORT = course.fast()
SEEDS, EPOCHS, LAYERS = (1, 1, 3) if SHORT else (3, 8, 12)


def trained(kind, layers, seed, epochs=EPOCHS):
    """The trained network, and its nats per validation image."""
    model = network(kind, layers, seed)
    trainer = pr.Trainer(model, "adam", lr=0.01, schedule="cosine", warmup=20, seed=seed)
    trainer.fit(train, epochs=epochs, progress=False)
    return model, float(model.nll(valid).mean())


runs = {kind: [trained(kind, LAYERS, seed) for seed in range(SEEDS)] for kind in KINDS}
table_2 = {kind: [nats for _, nats in pairs] for kind, pairs in runs.items()}
paper_2 = {"neither": 3.22, "skip": 3.09, "residual": 3.07, "both": 3.06}
figures.Table(
    ["connections", "the paper, bits/dim", "here, nats"],
    [[kind, paper_2[kind], float(np.mean(nats))] for kind, nats in table_2.items()],
    form="{:.2f}",
)

# %% [markdown]
# How good is the worst of them? Here is something to hold it against: a model without any network. In
# it each of the 64 pixels is a bent coin of its own, which falls white as often as that pixel is white
# in the training images. And here are the three seeds, a dot for each.

# %%
white = (train.sum(axis=0) + 1) / (len(train) + 2)
each_alone = float(
    -np.where(valid == 1, np.log(white), np.log(1 - white)).sum(axis=(1, 2, 3)).mean()
)
coins = {"64 bent coins": each_alone}
figures.seeds(table_2, "nats per validation image", coins)

# %% [markdown]
# Twelve layers with neither connection are no better than 64 coins that know nothing of each other.
# Is that what they have become? Then their logits differ from place to place, but hardly from image
# to image:

# %%
logits = {kind: pairs[0][0].logits(valid) for kind, pairs in runs.items()}
figures.Table(
    ["connections", "logits differ between places by", "between images by"],
    [[k, float(z.mean(axis=0).std()), float(z.std(axis=0).mean())] for k, z in logits.items()],
    form="{:.2f}",
)

# %% [markdown]
# So it is. With neither connection, what is left of the signal tells only where in the image a pixel
# lies, since borders look different from within; of the digit it tells nothing. It is not the
# number of weights that fails here: the network with residual connections has as many.
#
# Either connection repairs it, and this is by far the largest effect in the paper's
# table and in ours. The other differences are small: 3.09, 3.07 and 3.06 in the paper, which
# gives one number for each. Are ours more than noise? Look at the seeds.

# %%
for better, worse in (("residual", "skip"), ("both", "residual")):
    a, b = table_2[better], table_2[worse]
    wins = sum(p < q for p, q in zip(a, b, strict=True))
    apart = "do not overlap" if max(a) < min(b) else "overlap"
    print(f"{better} against {worse}: better by {np.mean(b) - np.mean(a):.2f} nats on average,")
    print(f"    with the same seed in {wins} of {len(a)} cases; the two ranges {apart}")

# %% [markdown]
# Three seeds are not many. Where nothing is going on at all, all three still favour the same side in
# one case of four, so agreement alone proves little; ranges that lie apart say more, and ranges that overlap
# would say nothing. That the order is the paper's, too, makes it more credible. And it fits what
# the unrolled sum said: beside residual connections, skips reach nothing new.
#
# ## What training made of it
#
# Perhaps this is only how it begins, and training opens the way? The same figure for the trained
# networks.

# %%
found = {kind: sizes(pairs[0][0], train[:8])[1] for kind, pairs in runs.items()}
figures.lines(
    {kind: (np.arange(1, LAYERS + 1), gradient) for kind, gradient in found.items()},
    "layer",
    "gradient, root mean square",
    log=True,
    ylim=(1e-7, 1e-1),
)

# %% [markdown]
# It does not. With neither connection, what arrives at the first layer is still tens of thousands of
# times smaller than what arrives at the last. A layer that hears nothing hardly learns, and the layers
# above it have settled on something that does not need it. With residual connections both curves are
# nearly flat, as before. With skips alone the ends hear more than the middle: the last layer
# stands beside the head, and all others depend on the first.
#
# One more question to a trained network: which of its layers would it miss most, the first, a
# middle one, the last? Take the sum apart again and leave out one summand: set one block's
# $K^{up}$, $K^{skip}$ and their biases to zero, so that it adds nothing, and see how much more the
# validation images cost.


# %%
def without(model, left_out):
    """Nats per validation image when some blocks, by index, add nothing to trunk and head."""
    kept = model.flat.copy()
    for block in left_out:
        for name in model.params:
            if name.startswith((f"blocks.{block}.up.", f"blocks.{block}.skip.")):
                model.params[name][...] = 0
    nats = float(model.nll(valid).mean())
    model.flat[...] = kept
    return nats


dearer = {}
for kind in ("both", "skip"):
    model, nats = runs[kind][0]
    dearer[kind] = [without(model, [k]) - nats for k in range(LAYERS)]
figures.curves(dearer, "the layer that is left out", "nats more per image", height=2.6)

# %% [markdown]
# With both connections no layer is indispensable: whichever is left
# out, the network loses less than three nats, and the others go on. It behaves like a sum. With skips
# alone it is still a chain. Without its first layer nothing above it makes sense, and the result is
# worse than a fair coin's 44 nats.
#
# What of the layers at the other end? One at a time, each of the last four costs about a nat, or less.
# That does not mean that nobody would miss them. Left out together:

# %%
thirds = {"1 to 4": range(4), "5 to 8": range(4, 8), "9 to 12": range(8, LAYERS)}
figures.Table(
    ["connections", "all layers", *(f"without {name}" for name in thirds)],
    [
        [kind, nats, *(without(model, blocks) for blocks in thirds.values())]
        for kind, ((model, nats), *_) in runs.items()
    ],
    form="{:.1f}",
)

# %% [markdown]
# Together the last four are worth two to six nats in every network that has learnt something. In the
# two of the figure that is more than their prices one by one add up to: each is spared easily because
# the others are still there. With skips alone the first four are worth more than four times as much as
# the last four; with both connections it is not quite twice.
#
# And with neither? There the first four can go: they say nothing about the digit. The later ones cannot,
# for they tell where in the image a pixel lies.
#
# ## Table 3, small
#
# With both connections, does depth help? The paper goes from 1 to 12 layers, and so do we. One layer
# has an eighth of the numbers that twelve have. How much of the way from 64 bent coins to the best will
# it go alone? (The last line is the "both" of Table 2. We leave out 9 layers, for which the paper has
# 3.08.)

# %%
DEPTHS = (1, 2, LAYERS) if SHORT else (1, 2, 3, 6, LAYERS)
paper_3 = {1: 3.30, 2: 3.20, 3: 3.17, 6: 3.09, 9: 3.08, 12: 3.06}
table_3 = {L: [trained("both", L, seed)[1] for seed in range(SEEDS)] for L in DEPTHS[:-1]}
table_3[LAYERS] = table_2["both"]
figures.Table(
    ["layers", "numbers", "the paper, bits/dim", "here, nats"],
    [
        [L, f"{network('both', L).flat.size:,}", paper_3[L], float(np.mean(nats))]
        for L, nats in table_3.items()
    ],
    form="{:.2f}",
)

# %%
by_depth = {f"{L} layer{'s' * (L > 1)}, both": nats for L, nats in table_3.items()}
figures.seeds(by_depth, "nats per validation image", coins)

# %% [markdown]
# One layer goes two thirds of the way. Deeper is better, in the paper's table and in this one, where no
# two lines of dots overlap; and, as a rule, each further layer brings less than the one before. (In the
# paper's table the last three bring 0.02 and the three before them 0.01, which rounding may explain.)
#
# What such a table does not say: a deeper network also has more parameters and takes more time per
# step, and neither table holds these equal. It says that depth *can be used* once there are sums
# for the gradient to travel on, not that it is the best use of a given number of parameters.
#
# What a small version does not say: 12 layers of $h = 8$ on 64 pixels are not 12 layers of
# $h = 128$ on 3,072. In particular, a triangle on 8×8 pixels covers most of what there is to see, and
# four layers see the whole of their own row, while on 32×32 even twelve do not.
#
# ## What to take away
#
# - A stack of layers multiplies; what is multiplied by a fraction twelve times is gone. A sum keeps
#   a term that is multiplied by one.
# - Residual connections keep signal and gradient alive through the trunk; skips give each layer a
#   gradient directly. Either saves a deep network, both together add a little.
# - Backward through a sum is a sum: $dx_l = \text{LSTM}_l^\top(da_l) + dx_{l+1}$, and $da_l$ collects
#   from $K^{up}_l$ and from $K^{skip}_l$.
# - Sums over $L$ blocks want initial weights with a factor $1/\sqrt L$.
# - A difference is worth as much as its spread over seeds allows.
#
# In the package: `layers/residual.py`, `models/trunk.py`; `residual` and `skip` are arguments of
# `pr.build_model`.
#
# ## Further reading
#
# - The paper: §3.3 and §5.4 of [Pixel Recurrent Neural Networks](https://arxiv.org/abs/1601.06759).
# - The source: [layers/residual.py](../pixelrnn_np/layers/residual.py),
#   [models/trunk.py](../pixelrnn_np/models/trunk.py).
# - K. He, X. Zhang, S. Ren and J. Sun, *Deep Residual Learning for Image Recognition* (2015,
#   [arXiv:1512.03385](https://arxiv.org/abs/1512.03385)): where residual connections come from.
# - H. Zhang, Y. N. Dauphin and T. Ma, *Fixup Initialization: Residual Learning Without
#   Normalization* (2019, [arXiv:1901.09321](https://arxiv.org/abs/1901.09321)): what sums ask of
#   the initial weights, for other networks.
#
# Solutions to the exercises:
# [solutions/07_residual_and_skip](solutions/07_residual_and_skip.ipynb). Next: [08 ·
# Multi-scale](08_multi_scale.ipynb).
