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
# **What you will do.** Read Table 1 as a program and count its parameters by hand. Build RMSProp
# and Adam in a few lines each and race them. Then put the paper's Table 4 beside the weights that
# come with this package, look at their samples and completions, and see how far they are from the
# paper.
#
# **What you will learn.** What "the same learning rate for all parameters" gets wrong, and how two
# optimisers mend it; what a schedule and an average of the weights are worth; what bits per
# dimension are, and when two of them may be compared; and how much a paper leaves for its readers
# to find out.
#
# **What you need.** The models ([04](04_pixelcnn.ipynb) to [08](08_multi_scale.ipynb)) as far as
# you have read them. About two minutes of two processor cores.

# %%
import numpy as np

import pixelrnn_np as pr
from pixelrnn_np import course, figures
from pixelrnn_np.course import n00
from pixelrnn_np.course import n09 as check
from pixelrnn_np.likelihood import bits_per_dim
from pixelrnn_np.pretrained import size_of
from pixelrnn_np.training.optim import build_optimizer, learning_rate

rng = np.random.default_rng(9)

# %% [markdown]
# ## The idea
#
# A model of this kind has *one* number that says how good it is, $-\ln p$ of images that it has not
# seen, and the same number is what it is trained on. There is no adversary, no bound, no weighing
# of several losses. Follow its gradient downhill; what remains to be decided is how long the steps
# are, and in which units one steps.
#
# That last point is less innocent than it sounds. Here is the size of the gradient in each array of
# parameters of a fresh network. The loss is the same for all of them, and the slopes differ by a
# factor of hundreds: a step that suits one is far too long or too short for another.

# %%
splits = "train", "valid", "test"
train, valid, test = (pr.load_data("digits", split, levels=2) for split in splits)
small = {"image_shape": (8, 8, 1), "h": 10, "layers": 2, "head": 20, "seed": 0}
fresh = pr.build_model("diagonal_bilstm", **small)
_, grads = fresh.loss_and_grads(train[:64])
sizes = {name: float(np.sqrt((g**2).mean())) for name, g in grads.items()}
chosen = [
    "head.logits.b", "head.logits.K", "head.conv1.K", "blocks.1.up.K", "blocks.1.lstm.l2r.b",
    "blocks.1.lstm.l2r.K_ss", "blocks.0.lstm.r2l.K_ss", "blocks.0.lstm.r2l.c0", "first.K",
]  # fmt: skip
figures.bars(
    {name: sizes[name] for name in chosen}, "root mean square of the gradient", form="{:.2g}"
)

# %% [markdown]
# ## What the paper says (§4, Table 1)
#
# The three networks have one plan. A 7×7 convolution with mask A; then blocks, in which alone they
# differ; then a head of 1×1 convolutions behind ReLUs; then 256 logits per colour, or one for a
# binary image. Blocks have residual connections, and each is also connected to the head. In this
# package the plan is `models/trunk.py`, and here it is for MNIST, one line per part, with the paper's
# size where it gives one. ("1×1 B twice" at the end of a block: one to the trunk, one to the head.)


# %%
def parts(model):
    """{part: number of its parameters} of a network."""
    count = {}
    for name, a in model.params.items():
        key = name.split(".")[0] if "blocks" not in name else "blocks"
        count[key] = count.get(key, 0) + a.size
    return count


blocks = {"pixelcnn": 15, "row_lstm": 7, "diagonal_bilstm": 7}
networks = {
    name: pr.build_model(name, (28, 28, 1), h=16, layers=layers, head=32)
    for name, layers in blocks.items()
}
counts = {name: parts(model) for name, model in networks.items()}
inside = {
    "pixelcnn": "15 × (1×1 B, 3×3 B, 1×1 B twice)",
    "row_lstm": "7 × (i-s 1×3 B, s-s 1×3, 1×1 B twice)",
    "diagonal_bilstm": "7 × (two of [i-s 1×1 B, s-s 2×1], 1×1 B twice)",
}
figures.Table(
    ["", *networks],
    [
        ["first layer", *["7×7, mask A, 1 → 32"] * 3],
        ["its parameters", *(f"{c['first']:,}" for c in counts.values())],
        ["blocks", *(inside[name] for name in networks)],
        ["their parameters", *(f"{c['blocks']:,}" for c in counts.values())],
        ["head", *["ReLU, 1×1 B to 32, twice; ReLU, 1×1 B to 1"] * 3],
        ["its parameters", *(f"{c['head']:,}" for c in counts.values())],
        ["all parameters", *(f"{m.flat.size:,}" for m in networks.values())],
    ],
)

# %% [markdown]
# Every array of the smaller Diagonal BiLSTM of Table 4, one layer with $h = 32$, in the order of
# computation:

# %%
print(pr.build_model("diagonal_bilstm", (28, 28, 1), h=32, layers=1, head=32).summary())

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
# ## Exercise 9.1 · Count it
#
# The Diagonal BiLSTM with 7 layers and $h = 16$ has 70,049 parameters, about as many numbers as a
# grey picture of 265×265 pixels. Where do they come from? Return the number of parameters for any
# $h$, number of layers and width of the head, for images of one colour with two levels. Weights
# behind a mask count.
#
# <details><summary>Hint</summary>
#
# The summary above names every array with its shape. In each block: two directions, each with
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
# ## How it is measured (§5.1)
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
        ["MNIST, a coin per pixel", 784, f"{784 * np.log(2):.2f}", "1.0000"],
        ["MNIST, the paper's best", 784, "79.20", f"{bits_per_dim(79.20, 784):.4f}"],
        ["CIFAR-10, every value equally likely", 3072, f"{3072 * np.log(256):.0f}", "8.0000"],
        ["CIFAR-10, the paper's best", 3072, f"{3 * 3072 * np.log(2):.0f}", "3.0000"],
    ],
)

# %% [markdown]
# Some models are *densities* over real numbers, and a density may be as large as it likes. How can
# they stand in one table with a probability of integers? ([02](02_softmax_pixels.ipynb) tries it
# out.) Spread each integer $v$ over the interval
# from $v$ to $v + 1$: add uniform noise to the data. A discrete model, read as a density that is
# flat on each such interval, then has exactly its old likelihood, as the interval has length 1. So
# a density's likelihood *on data with noise* is in the same unit. (On data without noise it could
# put a spike on each integer and win everything.)
#
# ## Exercise 9.2 · May these be compared?
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
# ## RMSProp and Adam (§5.2)
#
# The paper trains everything with RMSProp. Let $g$ be the gradient of one parameter $w$, and say we
# want steps of about the same length $\eta$ for all of them. The gradient divided by its own size
# would have length 1. Its size is not known, but it can be estimated as we go, by a moving average
# of $g^2$:
#
# $$s \leftarrow \rho\, s + (1 - \rho)\, g^2, \qquad
#   w \leftarrow w - \eta\, \frac{g}{\sqrt{s} + \varepsilon}.$$
#
# All of this is entry by entry. If $g$ keeps its sign, $g / \sqrt s$ is near $\pm 1$ and the
# parameter moves by $\eta$ per step. If $g$ is all noise around zero, steps still have length
# $\eta$ but cancel out. **Scaling the loss by 1000 changes nothing**, nor does scaling one
# parameter's gradient.
#
# There is one flaw. $s$ begins at 0 and needs some $1/(1-\rho)$ steps to arrive at the size of
# $g^2$. How wrong is it before? Put in a $g$ whose square has the mean $E$ at each step:
#
# $$\mathbb E\, s_t = (1-\rho) \sum_{k=1}^{t} \rho^{t-k} E = (1 - \rho^t)\, E.$$
#
# Too small by the factor $1 - \rho^t$, so the first steps are too long. **Adam** divides by this
# factor, and replaces $g$ by a moving average as well, which takes out part of the noise:
#
# $$m \leftarrow \beta_1 m + (1-\beta_1) g, \quad v \leftarrow \beta_2 v + (1-\beta_2) g^2, \quad
#   w \leftarrow w - \eta\, \frac{m / (1-\beta_1^t)}{\sqrt{v / (1-\beta_2^t)} + \varepsilon}.$$
#
# ## Slowly
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
# ## Fast
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
# ## Exercise 9.3 · The first steps
#
# The gradient of a parameter is the same $g \ne 0$ at every step. How long is RMSProp's $t$-th step
# ($t = 1, 2, \dots$), as a function of the learning rate and the decay? Leave $\varepsilon$ aside.
#
# <details><summary>Hint</summary>
#
# The sum above, with $E = g^2$, holds for $s_t$ itself here. The step does not depend on $g$.
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
# of its way along the flat one. The two others go equally fast in both. With the rate 0.1 RMSProp is
# there after ten updates and then hops itself: a step's length does not shrink when the bottom is
# near. Adam, which carries its momentum along, runs through the bottom, is thrown back, and settles
# after some forty. With a tenth of the rate they need ten times as long, and the level at which they
# hop is ten times lower. (Adam's $v$ remembers the steep slopes of the beginning for a thousand
# updates; RMSProp's $s$ forgets in twenty.)
#
# Long steps to arrive, short ones to settle: the next section follows from that.
#
# ## A schedule, and an average
#
# First long steps, then short ones: a **schedule**. The paper sets its rates by hand per data set,
# as high as converges well, and prints none. The default of `python -m pixelrnn_np train` goes from the
# full rate to zero along half a cosine, after some warm-up.
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
figures.lines(
    {
        "constant": (steps, [learning_rate("constant", 1, t, 0, 400) for t in steps]),
        "cosine after 50 updates of warm-up": (
            steps,
            [learning_rate("cosine", 1, t, 50, 400) for t in steps],
        ),
    },
    "update",
    "share of the full rate",
    markers=False,
    height=2.6,
    legend="above",
)

# %% [markdown]
# Now a race on 8×8 digits with two levels: the same network, the same images in the same order, and
# four recipes. Every epoch ends with a validation; the averaged weights are validated where there
# are some.

# %%
epochs = 3 if course.fast() else 14
recipes = {
    "rmsprop 0.001, constant": {"optimizer": "rmsprop", "lr": 1e-3},
    "rmsprop 0.002, cosine, averaged": {
        "optimizer": "rmsprop", "lr": 2e-3, "schedule": "cosine", "ema": 0.98,
    },
    "adam 0.004, constant": {"optimizer": "adam", "lr": 4e-3},
    "adam 0.004, cosine, averaged": {
        "optimizer": "adam", "lr": 4e-3, "schedule": "cosine", "ema": 0.98,
    },
}  # fmt: skip
curves, rows = {}, []
for title, recipe in recipes.items():
    model = pr.build_model("diagonal_bilstm", **small)
    trainer = pr.Trainer(model, **recipe)
    history = trainer.fit(train, valid, epochs=epochs, log_every=10**6, progress=False)
    points = [(h["epoch"], h["valid"]) for h in history]
    curves[title] = tuple(zip(*points, strict=True))
    with trainer.averaged() as averaged:
        rows.append([title, f"{trainer.best:.2f}", f"{averaged.nll(test).mean():.2f}"])
figure = figures.lines(curves, "epoch", "nats per validation image", legend="above")
figure.axes[0].set_ylim(top=max(y[1] for _, y in curves.values()))
figure

# %%
figures.Table(["recipe", "best valid nats", "test nats at the end"], rows)

# %% [markdown]
# One seed, one small set, seconds of training: this is no verdict. What can be read from it:
# RMSProp at a constant rate jumps by more than a nat from one epoch to the next, at times out of the
# figure; with a schedule and an average its curve is smooth, and ends far lower (its rate is twice as
# high, too). Adam is ahead of
# it from the start, with a rate that is higher, and gains nothing from them *here*: its constant
# rate jumps as well, but in so short a race long steps pay to the end.
#
# In longer runs of this project (30 epochs, 17 levels; `benchmarks/README.md`) RMSProp at a
# constant 0.001 came to 84.5 test nats, RMSProp with schedule and average to 80.0, and Adam with
# both to 79.0. Hence the schedule and the average of the command line. Its optimiser is SOAP by now:
# Adam in a basis that follows the gradients (`pixelrnn_np/training/optim.py`).
#
# What is the average worth, in one and the same run? We stop a run with a constant rate in its
# middle and validate twice.

# %%
half = pr.build_model("diagonal_bilstm", **small)
constant = pr.Trainer(half, optimizer="adam", lr=4e-3, ema=0.98)
constant.fit(train, epochs=max(1, epochs // 2), progress=False)
own = half.nll(valid).mean()
with constant.averaged() as averaged:
    middle = averaged.nll(valid).mean()
_, g = half.loss_and_grads(train[:16])
largest = max(float(np.abs(a).max()) for a in g.values()) / half.dimensions
figures.Table(
    ["adam 0.004, constant, in the middle of its run", "valid nats"],
    [["the weights themselves", f"{own:.2f}"], ["their moving average", f"{middle:.2f}"]],
)

# %% [markdown]
# And the clip? Here is the largest entry of a gradient of that network:

# %%
print(f"largest entry of a gradient per dimension: {largest:.3f}; the clip is at 1")

# %% [markdown]
# It has nothing to do here. It is insurance.
#
# ### What the paper does not say
#
# Whoever rebuilds these models has to fill in the following. The right column is this project's
# choice, with no claim that it is the authors'.
#
# | open | here |
# |---|---|
# | learning rates, their schedule | SOAP or Adam 0.003, cosine to zero; RMSProp 0.001, decay 0.95 |
# | clip, warm-up, averaging | elementwise at 1 per dimension; some updates; yes |
# | initial weights | uniform, of deviation $1/\sqrt n$ where an output reads $n$ numbers; behind a ReLU times $\sqrt 2$; `up` and `skip` times $1/\sqrt{\text{layers}}$; the logits' a tenth, their biases the log-odds of the training images' values |
# | initial states $h_0$, $c_0$ | said to be learned; here they start at 0, one vector per direction |
# | forget gate's bias | 1 |
# | number of updates, when to stop | the best weights on the validation set |
# | sizes of MNIST's PixelCNN and Row LSTM | on the cards |
# | a ReLU after the first layer; where skips leave | none; from the inner $h$ features |
# | which binarisation of MNIST | the fixed one that the compared papers use |
#
# The paper does say: batches of 16 for MNIST and CIFAR-10, since the noise of small batches acts as
# a regulariser; inputs scaled and centred; no augmentation.
#
# ## Table 4, beside ours (§5.5)
#
# Test nats per image on the fixed binarisation of MNIST; lower is better. Our numbers are read from
# the *cards* of the shipped weights (the file beside each that says how it was trained and what it
# reached), whatever there is at the time when this page is made; none is
# written into this notebook. The last four lines are the paper's own models.

# %%
rows, missing = check.table_4()
figures.Table(["model", "the paper's Table 4", "ours", "ours − paper's", "weights"], rows)

# %%
if missing:
    print("not shipped yet:", "; ".join(missing))
else:
    print("all four models of the paper's table are shipped")

# %% [markdown]
# "≈" marks estimates and "≤" bounds: those models cannot compute their own likelihood. An
# autoregressive model can, which is half of what makes this table worth reading.
#
# Ours lie above the paper's, which were trained for longer than a few hours on two cores. When this was
# written the deep Diagonal BiLSTM was not ahead of the shallow one, as it is in the paper: its run
# began at too high a rate and was restarted, the other's was one undisturbed cosine.
#
# The PixelCNN learns slowest; `benchmarks/README.md` has what was tried.
#
# All that ships, with what it took:

# %%
figures.Table(
    ["weights", "blocks × h", "parameters", "images seen", "minutes", "test nats", "bits/dim"],
    [
        [
            name,
            size_of(card),
            f"{card['parameters']:,}",
            f"{card['seen']['images']:,}",
            f"{card['seen']['minutes']:.1f}",
            ("≤ " if card["bound"] else "") + f"{card['nats']['test']:.2f}",
            f"{card['bits_per_dim']['test']:.4f}",
        ]
        for name, card in check.cards().items()
    ],
)

# %% [markdown]
# A number on a card is worth as much as the possibility to check it. Where the package carries the
# test images, we measure again, on the first of them; for the others the command is on the card.

# %%
for name, card in check.cards().items():
    first = card["first"]
    if card["data"]["name"] in ("digits", "colour_digits"):
        images = pr.load_data(**card["data"], split=first["split"])[: first["images"]]
        again = pr.load_pretrained(name).nll(images).mean()
        assert np.isclose(again, first["nats"], rtol=1e-4)
        print(f"{name}: {again:.2f} nats on {len(images)} images; card: {first['nats']:.2f}")
    else:
        print(f"{name}: its images are not in the package; see its card")

# %% [markdown]
# Had the training come to its end? Here is the curve of the best network that ships, and what its
# card says about the last tenth of the run.

# %%
name = n00.best()
card = pr.pretrained_card(name)
fell = card["falling"]
how = "is not known" if fell is None else f"{'fell' if fell > 0 else 'rose'} by {abs(fell):.2f}"
print(f"{name}: {card['run']['updates']:,} updates in {card['run']['minutes']:.1f} minutes;")
print(f"over the last tenth of the run the nats on validation images: {how}")
check.curve(name)

# %% [markdown]
# ("Train" is the mean of some batches with the weights as they were, "valid" the whole set with their
# moving average, so that at the beginning it can lie lower.)
# A curve that still falls at its right end asks for more training; one that rises on validation
# images, while it falls on training images, shows a network that has begun to learn its training
# set by heart. The weights that ship are those of the lowest point.

# %% [markdown]
# ## Samples
#
# Each shipped model draws 24 images, at temperature 1 and from one seed; nothing is picked.


# %%
def draw_samples(which=0, temperature=1.0):
    name = pr.list_pretrained()[which]
    model = pr.load_pretrained(name)
    x = pr.sample(model, 24, seed=0, temperature=temperature)
    return figures.sheet(x, model.levels, columns=12, title=name)


course.interactive(
    draw_samples,
    which=list(range(len(pr.list_pretrained()))),
    temperature=(0.5, 1.5, 0.1),
    static=[{"which": k} for k in range(len(pr.list_pretrained()))],
)

# %% [markdown]
# ## Completions, as in the paper's Figure 1
#
# The upper half is given; then six completions, tinted where they were drawn; then the original. (The
# package does not carry MNIST. The models of it complete scikit-learn's test digits, enlarged to 28×28
# and binarised by chance: strangers to these networks.)
# (The paper's Figure 1 completes natural images of 32×32 pixels. Its Figure 7 has samples from
# CIFAR-10 and ImageNet 32×32, its Figure 9 more completions. Ours are far smaller relatives.)


# %%
def completions(name, count=4):
    model, card = pr.load_pretrained(name), pr.pretrained_card(name)
    images, _ = n00.pictures(card, count)
    H, W, C = model.image_shape
    known = np.zeros((H, W, C), bool)
    known[: H // 2] = True
    six = pr.complete(model, np.repeat(images, 6, axis=0), known, seed=0)
    six = six.reshape(count, 6, H, W, C)
    shown = np.concatenate([images[:, None], six, images[:, None]], axis=1)
    hidden, tint = np.zeros((2, count, 8, H, W, 1), bool)
    hidden[:, 0], tint[:, 1:7] = ~known[..., :1], ~known[..., :1]
    flat = [a.reshape(-1, *a.shape[2:]) for a in (shown, hidden, tint)]
    tinted = flat[2] if C == 1 else None  # a tint would falsify colours
    return figures.sheet(
        flat[0], model.levels, columns=8, waiting=flat[1], generated=tinted, title=name
    )


course.show(*(completions(name) for name in dict.fromkeys([n00.best(), *pr.list_pretrained()])))

# %% [markdown]
# In the coloured ones most lower halves keep the ink and the paper of the upper ones, in all three
# channels, although every colour value is drawn on its own: G is told R, and B both. Where that
# fails, a stray colour in a stroke, you see the limit of a network that was trained for half a
# minute.
#
# ## Tables 5 and 6 (§5.6, §5.7): the paper's numbers
#
# Nothing in this section has been run here: networks with $h = 128$ and more on 32×32 colour images
# are beyond two processor cores. The code would be the same. CIFAR-10,
# test, bits/dim (training set in parentheses):

# %%
table_5 = {
    "Uniform": 8.00,
    "Multivariate Gaussian": 4.70,
    "NICE": 4.48,
    "Deep Diffusion": 4.20,
    "Deep GMMs": 4.00,
    "RIDE": 3.47,
    "PixelCNN (3.08)": 3.14,
    "Row LSTM (3.00)": 3.07,
    "Diagonal BiLSTM (2.93)": 3.00,
}
figures.bars(table_5, "bits per dimension, Table 5", highlight=list(table_5)[-3:], form="{:.2f}")

# %% [markdown]
# The paper's three in blue. Their order is that of their fields of view, which is the paper's
# point: the bounded one, the triangle, the whole context. The gap between training and test is
# small: these networks do not overfit much.
#
# Table 6, ImageNet at two sizes, validation set, Row LSTM:
#
# | images | bits/dim, validation | training |
# |---|---|---|
# | 32×32 | 3.86 | 3.83 |
# | 64×64 | 3.63 | 3.57 |
#
# The larger images are cheaper per dimension, since neighbours are more alike. So bits/dim on two
# sizes are not to be compared, even with the unit the same. In samples of the 64×64 network the
# paper saw less coherence, and more with two scales ([08](08_multi_scale.ipynb)).
#
# ## What to take away
#
# - Table 1 is one trunk with three kinds of blocks; the best MNIST network has 70,049 parameters.
# - RMSProp measures each step in units of that parameter's own gradient; Adam also corrects the
#   start and averages the direction. Constant rates end in hopping: lower the rate, or average the
#   weights.
# - Bits/dim are one unit for all sizes, and still compare models only on the same images at the same
#   size; a density needs noise and the right unit of length first.
# - The paper leaves out learning rates, initial weights and some sizes. A number that is to stand
#   beside the paper's needs the same binarisation, the test set once at the end, and weights to
#   check it.
#
# In the package: `models/trunk.py`, `layers/head.py`, `training/optim.py`, `training/trainer.py`,
# `pretrained/` (weights and cards).
# On the command line: `python -m pixelrnn_np pretrained`, `train`, `evaluate`.
#
# Solutions: [solutions/09_training_and_results](solutions/09_training_and_results.ipynb). Next:
# [10 · Loops to Numba](10_loops_to_numba.ipynb).
