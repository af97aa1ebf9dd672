# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 05 · Row LSTM: a memory that runs down the image
#
# **What you will do.** Train small networks to remember one number, and see which of them cannot
# learn it. Build the Row LSTM of §3.1 from equation (3), first as loops that you can read aloud,
# then with the package's compiled layer. Derive its backward pass, row by row, check it against
# finite differences, and let it draw beside a PixelCNN that was trained as long.
#
# **What you will learn.** What gates are for; why one recurrent layer reaches the top of the image
# when a convolution cannot; why what it sees has the shape of a triangle, and what the triangle
# leaves out; how a gradient travels up the rows, and what the forget gate has to do with how far it
# gets.
#
# **What you need.** Masks A and B ([03](03_masked_convolution.ipynb)), Adam
# ([04](04_pixelcnn.ipynb)), the chain rule, and NumPy. Nothing here needs the internet or more than
# three minutes.

# %%
import numpy as np
from threadpoolctl import threadpool_limits

import pixelrnn_np as pr
from pixelrnn_np import course, figures
from pixelrnn_np.course import n05 as check
from pixelrnn_np.inspection import explain, gradcheck
from pixelrnn_np.layers.masks import feature_groups
from pixelrnn_np.layers.row_lstm import RowLSTM

rng = np.random.default_rng(5)
one_core = threadpool_limits(1)  # matrices as small as these are multiplied fastest by one core

# %%
figures.you_are_here("05")

# %% [markdown]
# ## Memory first
#
# Before images, one column of pixels. A network reads 28 pixels, each black or white, from the top
# to the bottom, and is then asked: *what was the first one?* The other 27 are noise. It has nothing
# to work with but a state $h$, eight numbers that it hands from pixel to pixel.
#
# The plainest network with a state, a *recurrent neural network*, makes a new state of the old one
# and of what it reads:
#
# $$z_r = x_r K^{is} + h_{r-1} K^{ss} + b, \qquad h_r = \tanh(z_r).$$
#
# The paper's names for the two matrices: *is* leads from the input to the state, *ss* from state to
# state.
#
# The way back goes through the same steps in the opposite order: $dz = dh \odot (1 - h^2)$, since
# $\tanh' = 1 - \tanh^2$, and then $dh_{r-1} = dz\,K^{ss\top}$. So on its way from the last pixel to
# the first a gradient is multiplied 27 times by a matrix and by numbers of at most 1. If the
# product shrinks, as it mostly does, the first pixel gets no word of the mistake at the end.
#
# ## Gates
#
# An *LSTM* (Hochreiter and Schmidhuber, 1997) keeps a second set of numbers, the *cell* $c$, which
# no matrix touches on its way. Three *gates*, numbers between 0 and 1, say what happens to it:
#
# $$c_r = f \odot c_{r-1} + i \odot g, \qquad h_r = o \odot \tanh(c_r).$$
#
# Read it as a sentence: *forget* all but a share of what the cell remembered ($f$), put *in* ($i$)
# some new *content* ($g$), and put *out* ($o$) a part of the result. With $f = 1$ and $i = 0$ the
# cell stays as it is, for as long as one likes. The content lies between $-1$ and 1; the paper
# calls it a gate too. All four are again computed at each pixel from $x_r$ and $h_{r-1}$, so the
# network learns when to open and when to close.


# %%
def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def cell(z, c_above):
    """Gates from z (…, 4h), and from the cell before, (…, h): the gates, c and h."""
    z_o, z_f, z_i, z_g = np.split(z, 4, axis=-1)
    o, f, i, g = sigmoid(z_o), sigmoid(z_f), sigmoid(z_i), np.tanh(z_g)
    c = f * c_above + i * g
    return {"o": o, "f": f, "i": i, "g": g, "c": c, "h": o * np.tanh(c)}


def cell_back(dh, dc, m, c_above):
    """→ dz (…, 4h), and what goes back to the cell before; why, comes in steps 2 to 4 below."""
    o, f, i, g, tanh_c = m["o"], m["f"], m["i"], m["g"], np.tanh(m["c"])
    dc = dc + dh * o * (1 - tanh_c**2)
    parts = dh * tanh_c * o * (1 - o), dc * c_above * f * (1 - f), dc * g * i * (1 - i)
    return np.concatenate([*parts, dc * i * (1 - g**2)], axis=-1), dc * f


def plain(z, c_above):
    return {"h": np.tanh(z), "c": c_above}


def plain_back(dh, dc, m, c_above):
    return dh * (1 - m["h"] ** 2), dc


# %% [markdown]
# Around either of them the network is the same: walk down, ask the last state, walk up again.


# %%
def remember(x, p, step, step_back):
    """Columns x (B, 28) of -1 and 1 → mean nats of "the first was 1", and gradients."""
    h, c = np.zeros((2, len(x), len(p["K_ss"])))
    before, kept = [], []
    for pixel in x.T:
        before.append((h, c))
        kept.append(step(pixel[:, None] * p["K_is"] + h @ p["K_ss"] + p["b"], c))
        h, c = kept[-1]["h"], kept[-1]["c"]
    first, logit = x[:, 0] == 1, h @ p["w"]
    dlogit = (sigmoid(logit) - first) / len(x)
    grads = {name: np.zeros_like(a) for name, a in p.items()} | {"w": h.T @ dlogit}
    dh, dc = np.outer(dlogit, p["w"]), np.zeros_like(h)
    for pixel, (h, c), m in zip(x.T[::-1], before[::-1], kept[::-1], strict=True):
        dz, dc = step_back(dh, dc, m, c)
        grads["K_ss"] += h.T @ dz
        grads["K_is"] += pixel @ dz
        grads["b"] += dz.sum(axis=0)
        dh = dz @ p["K_ss"].T
    return (np.logaddexp(0, logit) - first * logit).mean(), grads


# %% [markdown]
# Now a plain network and three LSTMs, whose forget gates start with a bias of 0, 1 and 4. Each is
# trained five times, from different weights. Guess before you look: which of them learn to remember
# the first pixel?


# %%
def learn(step, step_back, forget=None, seed=0, updates=400, F=8):
    """Nats after each update, with new columns every time; forget: the bias of f in an LSTM."""
    rng, wide = np.random.default_rng(seed), F if forget is None else 4 * F
    shapes = {"K_is": wide, "K_ss": (F, wide), "w": F}
    p = {name: rng.standard_normal(shape) / F**0.5 for name, shape in shapes.items()}
    p["b"] = np.zeros(wide)
    if forget is not None:
        p["b"][F : 2 * F] = forget
    means, nats = {name: np.zeros((2, *a.shape)) for name, a in p.items()}, []
    for n in range(1, updates + 1):
        cost, grads = remember(rng.choice([-1.0, 1.0], (64, 28)), p, step, step_back)
        nats.append(cost)
        for name, g in grads.items():  # Adam, as in 04
            mean, square = means[name]
            mean += (1 - 0.9) * (g - mean)
            square += (1 - 0.999) * (g * g - square)
            p[name] -= 0.01 * mean / (1 - 0.9**n) / (np.sqrt(square / (1 - 0.999**n)) + 1e-8)
    return np.array(nats)


seeds = range(1 if course.fast() else 5)
curves = {"plain": [learn(plain, plain_back, seed=s) for s in seeds]}
for forget in (0, 1, 4):
    curves[f"LSTM, forget bias {forget}"] = [learn(cell, cell_back, forget, s) for s in seeds]
figures.curves(
    {name: np.mean(found, axis=0) for name, found in curves.items()},
    "update",
    "nats, mean of five networks",
    mean_of=20,
    levels={"a guess: ln 2": np.log(2)},
    ylim=(0, 0.8),
)

# %%
rows = []
for name, found in curves.items():
    ends = [nats[-20:].mean() for nats in found]
    rows.append([name, sum(end < 0.1 for end in ends), min(ends), max(ends)])
figures.Table(
    ["network", "of five, have learnt it", "nats at the end, best", "worst"], rows, form="{:.3f}"
)

# %% [markdown]
# Did you expect the plain network to be no worse than two of the LSTMs? It *can* remember: a number
# of its state that is driven far to one side stays there, and one bit is kept. But whether training
# finds that is luck, for the gradient that should say so has mostly died on its way. (Three of
# five, and two of five with a bias of 1: so few runs do not tell these apart.) Of the LSTMs with a
# forget bias of 0 none finds it. Their gates start half open, and $0.5^{27}$ is seven billionths:
# gates alone are no memory. **The LSTMs whose forget gates start open, with a bias of 4, learn it
# all five times.** Keep this in mind for the end of this notebook, where we measure how far a
# gradient gets.
#
# So a memory is a cell and a forget gate near 1. Now let it run through an image.
#
# ## The idea
#
# A stack of $L$ masked 3×3 convolutions sees $L$ rows up, and not one more. To let the bottom of a
# 28×28 digit know about its top, a PixelCNN needs two dozen layers.
#
# A recurrence has no such limit. The Row LSTM walks through the image from the top row to the
# bottom one and carries a state along: whatever row 0 put into it may still be there in row 27. A
# whole row is updated at once, so there are only as many steps as rows.
#
# Two convolutions feed each step, and both run along the row:
#
# | | reads | kernel | mask |
# |---|---|---|---|
# | input-to-state $K^{is}$ | the layer's input, the same row | $1 \times k$ | B: the pixel and those to its left |
# | state-to-state $K^{ss}$ | the state $h$ of the row above | $1 \times k$ | none |
#
# (We write rows × columns everywhere. The paper writes $k \times 1$ for the same kernel.)
#
# Why does $K^{ss}$ need no mask? Because the row above is finished by the time this row begins: all
# its pixels come earlier in the raster order, those up and to the right as well.
#
# Here are both in their places, for $k = 3$. The orange frame is the current pixel.

# %%
figures.row_taps(k=3)

# %% [markdown]
# And the walk down the image, a row in each step. Each number is the step that made a state. All
# states of a row are made at once; arrows lead to one of them.

# %%
figures.rows_scanned(k=3)

# %% [markdown]
# ## What the paper says (§3.1, equation 3; Figure 4, middle)
#
# Let $x_{r,q}$ be the layer's input at row $r$ and column $q$, a row vector of $2h$ features. (As
# in the paper, $h$ is the number of features, and with an index, $h_{r,q}$, the state, which has so
# many.) The two convolutions give $4h$ numbers, the *pre-activations*:
#
# $$z_{r,q} \;=\; \sum_{t \le 0} x_{r,q+t}\,K^{is}_t \;+\; \sum_{v} h_{r-1,q+v}\,K^{ss}_v \;+\; b$$
#
# with $t$ and $v$ (here an offset, no value) from $-(k-1)/2$ to $(k-1)/2$; what lies beside the
# image is zero. The numbers $z$ are cut into four gates of $h$ features each, in this order:
#
# $$o = \sigma(z^o), \quad f = \sigma(z^f), \quad i = \sigma(z^i), \quad g = \tanh(z^g)$$
#
# and the cell and the state of the pixel follow, with $\odot$ for the product entry by entry:
#
# $$\begin{aligned} c_{r,q} &= f \odot c_{r-1,q} + i \odot g, \cr
#   h_{r,q} &= o \odot \tanh(c_{r,q}) \end{aligned} \tag{3}$$
#
# This is the cell of the toy, with the pixel above in place of the pixel before. As a picture, with
# the number of features at the arrows (o stands last there, so that no arrows cross):

# %%
figures.lstm_sketch()

# %% [markdown]
# Two details are easily missed. The paper's formula writes one $\sigma$ around all four gates; its
# text then says that the content gate has $\tanh$, and only with it can a cell go down as well as
# up. And $c$ is carried from the pixel straight above, while $h$ is read from $k$ pixels above:
# in the recurrence, information moves sideways through $h$ alone.
#
# Row $-1$ does not exist. Its state is learned (§5.2): one vector $h_0$ and one $c_0$, the same at
# every column. (They stand *above* row 0. The states of row 0 have two indices, $h_{0,q}$.)

# %% [markdown]
# ## Slowly
#
# The same in Python, one pixel at a time. `p` holds the parameters under the paper's names. A
# single pixel is `cell` from above, with `z` of shape $(4h)$ and the cell of the pixel above. What
# is left is the walk. `above` answers the question of what stands above row $r$, and `taps` lists
# the columns that a kernel of width $k$ reads without leaving the image.


# %%
def above(maps, p, r):
    """h and c of row r - 1, (W, h) each; above the first row, the learned initial states."""
    if r > 0:
        return maps["h"][r - 1], maps["c"][r - 1]
    W = maps["h"].shape[1]
    return np.tile(p["h0"], (W, 1)), np.tile(p["c0"], (W, 1))


def taps(q, k, W, first, last):
    """Pairs (index in the kernel, column) for the offsets first..last that stay in the image."""
    return [(t + k // 2, q + t) for t in range(first, last + 1) if 0 <= q + t < W]


def row_lstm_slow(x, p):
    """One image x (H, W, 2h) → maps o f i g c h, each (H, W, h)."""
    H, W, _ = x.shape
    k = p["K_is"].shape[1]
    maps = {name: np.zeros((H, W, len(p["h0"]))) for name in "ofigch"}
    for r in range(H):
        h_above, c_above = above(maps, p, r)
        for q in range(W):
            z = p["b"].copy()
            for t, column in taps(q, k, W, -(k // 2), 0):  # mask B hides the taps to the right
                z += x[r, column] @ p["K_is"][0, t]
            for v, column in taps(q, k, W, -(k // 2), k // 2):
                z += h_above[column] @ p["K_ss"][0, v]
            for name, value in cell(z, c_above[q]).items():
                maps[name][r, q] = value
    return maps


# %% [markdown]
# ## Fast
#
# `pixelrnn_np/layers/row_lstm.py` is the same layer on compiled kernels, for whole batches. Before
# we trust either, both get the same input and the same parameters, random ones, biases and initial
# states included: a zero would hide a mistake.

# %%
F = 4  # h, the features of a state; what runs between the layers has 2h
lstm = RowLSTM(feature_groups(2 * F, 1), F, 1, rng, dtype="float64")
gradcheck.randomise(lstm, rng)

x = rng.standard_normal((2, 5, 6, 2 * F))
y, cache = lstm.forward(x)
slow = [row_lstm_slow(image, lstm.params) for image in x]

for image, maps in zip(y, slow, strict=True):
    assert np.allclose(image, maps["h"], rtol=0, atol=1e-12)
print("slow and fast agree; largest difference:", f"{np.abs(y[1] - slow[1]['h']).max():.0e}")

# %% [markdown]
# ## The triangle
#
# What does one state see? There is a question that the network can answer itself: change an input a
# little, does $h_{r,q}$ change? That is a gradient. We send a 1 back from $h_{r,q}$ and look where
# it arrives.


# %%
def seen_by_one_layer(row, column, k, height=9, width=15):
    """|d h[row, column] / d x| at every pixel, for one Row LSTM layer: (H, W)."""
    layer = RowLSTM(feature_groups(4, 1), 2, 1, np.random.default_rng(0), k=k, dtype="float64")
    x = np.random.default_rng(1).standard_normal((1, height, width, 4))
    y, cache = layer.forward(x)
    dy = np.zeros_like(y)
    dy[0, row, column] = 1
    return np.abs(layer.backward(dy, cache)[0][0]).sum(axis=-1)


figures.fields(
    {f"one layer, k = {k}": seen_by_one_layer(7, 7, k) for k in (3, 5)}, (7, 7), own=True
)

# %% [markdown]
# A triangle, standing on its tip. Each row up, $K^{ss}$ reaches $(k-1)/2$ columns further to either
# side; the mask B of $K^{is}$ adds $(k-1)/2$ columns to the left in every row, so the triangle
# leans. In its own row the layer sees only what $K^{is}$ gives it: the recurrence starts one row
# up.
#
# The yellow pixels come earlier and stay unseen. The paper says so openly: the Row LSTM does not
# capture the whole context. [06](06_diagonal_bilstm.ipynb) is about the layer that does.
#
# Near the left edge, $k = 3$ and a wider kernel. On its left such a pixel misses little; on its
# right, as much as any other.


# %%
def draw_field(row=7, column=3, k=7):
    found = {f"k = {width}": seen_by_one_layer(row, column, width) for width in (3, k)}
    return figures.fields(found, (row, column), own=True)


course.interactive(draw_field, row=(0, 8), column=(0, 14), k=[5, 7, 9])

# %% [markdown]
# ## Exercise 5.1 · Say it in numbers
#
# Which columns of row $r-d$ can $h_{r,q}$ of **one** layer see? Both kernels have width $k$ (odd),
# $K^{is}$ has mask B, and columns run from 0 to $W-1$. Return a set of columns.
#
# <details><summary>Hint</summary>
#
# Go backwards. Each of the $d$ steps up takes you at most $(k-1)/2$ columns to the left or to the
# right. Once you have arrived, $K^{is}$ is read there: which way can it take you?
# </details>


# %%
def columns_seen(q, d, k, W):
    columns = ...  # your code
    return columns


check.columns_seen(columns_seen)

# %% [markdown]
# ## Inside a trained network
#
# Random weights have no habits. A network of two Row LSTM layers, trained for a second on 8×8
# digits, has some.

# %%
model = pr.build_model("row_lstm", (8, 8, 1), levels=2, h=8, layers=2, head=16, seed=0)
train, test = (pr.load_data("digits", split, levels=2) for split in ("train", "test"))
before = model.nll(test).mean()
pr.Trainer(model, optimizer="adam").fit(train, epochs=8, progress=False)
print(f"nats per image: {before:.1f} before, {model.nll(test).mean():.1f} after training")

# %% [markdown]
# `pr.record` runs an image forward and its loss backward and keeps every tensor under its name, in
# the order of computation. Here is the part of it that belongs to the first layer's LSTM. What the
# layer hands on is called `y`, and the gradient of `y` is `dy`; the derivation below says how each
# of these `d…` comes about.

# %%
record, part = pr.record(model, test[:1]), "blocks.0.lstm"
rows = [
    [name.replace(f"{part}.", "").replace(part, "y"), shape, how]
    for _, name, shape, _, _, how in record.under(part).rows()
]
figures.Table(["tensor", "shape", "how"], rows)

# %% [markdown]
# What is in them? Here is one of its eight features at every pixel. In the upper row are the gates
# that open (yellow) and close (blue), in the lower row what they act on, each on a scale of its
# own; the bars have the gates' colours, which are the same in all notebooks. Under the image is
# what each of its pixels cost.

# %%
figures.gate_maps(record, "blocks.0.lstm", feature=3)

# %% [markdown]
# In this feature the forget gate is about four fifths open, and the content is close to −1 almost
# everywhere but on the right. So $c$ sinks row by row: most of what the pixel above had, and a
# little more. The state $h$ shows little of that growth, for $\tanh$ has long reached −1.
#
# `figures.tensor(record, "blocks.0.lstm.i")` draws any tensor of the record by its full name, and
# `record.to_html("record.html")` writes a page with all of them and the equation of each step.
#
# ## Backwards, step by step
#
# The loss $\ell$ depends on every $h_{r,q}$. The layer above hands us $\partial\ell/\partial h$ as
# *it* sees it; call that $dy$. We want the gradient of everything that went in: $x$ and the
# parameters. As everywhere in this project, the gradient of $\ell$ with respect to $a$ is called
# $da$ and has the shape of $a$.
#
# Here is the sketch from above with its arrows turned round, and the steps in brackets. **Where two
# arrows leave a box, two gradients come back and are added.** That rule is the whole derivation.
# (Only $z$ is another matter: each of its four arrows takes a quarter of its numbers, so what comes
# back is put side by side.)

# %%
figures.lstm_sketch(back=True)

# %% [markdown]
# **1. Into the state.** Two arrows leave $h_{r}$: one to the layer above, one to the next row. So
#
# $$dh_r = dy_r + \left(\text{what row } r+1 \text{ sends back}\right).$$
#
# The last row has no successor, and there the second term is zero. This is why we go from the
# bottom row to the top: when we arrive at row $r$, row $r+1$ has already sent its share.
#
# **2. Through $h = o \odot \tanh(c)$.** The product rule gives a share to each factor, and
# $\tanh' = 1 - \tanh^2$. The cell also has two arrows, so it collects:
#
# $$do = dh \odot \tanh(c),$$
#
# $$\begin{aligned} dc = {}& dh \odot o \odot (1 - \tanh^2(c))\\
#   &+ \left(\text{what row } r+1 \text{ sends back}\right). \end{aligned}$$
#
# **3. Through $c_r = f \odot c_{r-1} + i \odot g$.** Four factors, four shares:
#
# $$df = dc \odot c_{r-1}, \qquad di = dc \odot g, \qquad dg = dc \odot i,$$
#
# $$dc_{r-1} \mathrel{+}= dc \odot f.$$
#
# The last one is the "what row $r+1$ sends back" of the row above.
#
# **4. Through the nonlinearities.** $\sigma' = \sigma(1-\sigma)$, and both derivatives can be
# written with the gate's own value, so that $z$ need not be kept:
#
# $$\begin{aligned} dz = \bigl[\;& do \odot o(1-o),\;\; df \odot f(1-f),\\
#   & di \odot i(1-i),\;\; dg \odot (1-g^2)\;\bigr]. \end{aligned}$$
#
# **5. Through the convolutions.** One term of the sum for $z_{r,q}$ is $h_{r-1,q+v} K^{ss}_v$, a
# row vector times a matrix. For $z = aK$ we have $da = dz\,K^\top$ and $dK = a^\top dz$. A value
# $h_{r-1,q'}$ was read by every pixel with $q + v = q'$, so all of these send something back:
#
# $$dh_{r-1,q'} \mathrel{+}= \sum_v dz_{r,q'-v}\, K^{ss\top}_v,$$
#
# $$dK^{ss}_v = \sum_{r,q} h_{r-1,q+v}^\top\, dz_{r,q}.$$
#
# Mind the sign: forward reads at $q+v$, backward collects from $q'-v$. The kernel is flipped. In
# the same way $dx_{r,q'} = \sum_t dz_{r,q'-t} K^{is\top}_t$ and
# $dK^{is}_t = \sum x_{r,q+t}^\top dz_{r,q}$, for $t \le 0$ only: a tap that the mask hides gets no
# gradient. The bias is added once everywhere, so $db = \sum_{r,q} dz_{r,q}$.
#
# **6. Above the first row.** What arrives at row $-1$ belongs to $h_0$ and $c_0$, which are the
# same at every column: sum over the columns.
#
# Line by line, in Python. `dh_below` and `dc_below` are what the row below has sent back.


# %%
def row_lstm_slow_backward(dy, x, p, maps):
    """dy (H, W, h) of one image → dx (H, W, 2h), {parameter: gradient}."""
    H, W, _ = x.shape
    k = p["K_is"].shape[1]
    dx, grads = np.zeros_like(x), {name: np.zeros_like(a) for name, a in p.items()}
    dh_below, dc_below = np.zeros_like(dy[0]), np.zeros_like(dy[0])
    for r in reversed(range(H)):
        h_above, c_above = above(maps, p, r)
        o, f, i, g, c = (maps[name][r] for name in "ofigc")
        dh = dy[r] + dh_below  # 1
        do = dh * np.tanh(c)  # 2
        dc = dh * o * (1 - np.tanh(c) ** 2) + dc_below
        df, di, dg = dc * c_above, dc * g, dc * i  # 3
        dc_below = dc * f
        parts = do * o * (1 - o), df * f * (1 - f), di * i * (1 - i), dg * (1 - g**2)
        dz = np.concatenate(parts, axis=1)  # 4
        dh_below = np.zeros_like(dh)
        for q in range(W):  # 5
            for v, column in taps(q, k, W, -(k // 2), k // 2):
                dh_below[column] += dz[q] @ p["K_ss"][0, v].T
                grads["K_ss"][0, v] += np.outer(h_above[column], dz[q])
            for t, column in taps(q, k, W, -(k // 2), 0):
                dx[r, column] += dz[q] @ p["K_is"][0, t].T
                grads["K_is"][0, t] += np.outer(x[r, column], dz[q])
        grads["b"] += dz.sum(axis=0)
    grads["h0"], grads["c0"] = dh_below.sum(axis=0), dc_below.sum(axis=0)  # 6
    return dx, grads


# %% [markdown]
# Step 5 never wrote $q' - v$: the loop walks over the *readers* $q$ and adds to the column that
# each has read, which is the same sum in another order. "Each term sends its gradient to where its
# value came from" is the form in which backward passes are least often wrong.
#
# The same numbers as the fast layer, for each of the two images added up:

# %%
dy = rng.standard_normal(y.shape)
dx, grads = lstm.backward(dy, cache)

total = {name: np.zeros_like(a) for name, a in grads.items()}
for n in range(len(x)):
    dx_slow, grads_slow = row_lstm_slow_backward(dy[n], x[n], lstm.params, slow[n])
    assert np.allclose(dx[n], dx_slow, rtol=0, atol=1e-12)
    for name, gradient in grads_slow.items():
        total[name] += gradient
for name, gradient in grads.items():
    assert np.allclose(gradient, total[name], rtol=0, atol=1e-11), name
print("slow and fast gradients agree for dx and", ", ".join(grads))

# %% [markdown]
# ### The way back in the trained network
#
# The record has the gradients too. Here is the feature from above: forward from the left to the
# right, and below, backward from the right to the left. Each map has its own scale.


# %%
def draw_passes(feature=3):
    return figures.passes(record, "blocks.0.lstm", feature=feature)


course.interactive(draw_passes, feature=(0, 7))

# %% [markdown]
# $dh$ arrives nearly everywhere, and $dc$ is white in the lower middle. There $c$ lies below $-2$,
# where $\tanh$ is flat: the factor $1 - \tanh^2(c)$ of step 2 is nearly 0, and lets nothing
# through. On the right $c$ is small, and $dc$ gets through. In the last column it also runs up from
# row to row, as step 3 says, and adds up on its way.
#
# ### Are they right?
#
# Both could share one mistake, since both follow one derivation. Finite differences
# ([03](03_masked_convolution.ipynb)) know nothing of it. Here they are for every entry of every
# array, in float64, with the loss $\ell = \sum y \odot dy$. A correct gradient has an error around
# $10^{-10}$; a forgotten term shows as something like $10^{-1}$.

# %%
errors = gradcheck.check_layer(lstm, x, rng)
assert max(errors.values()) < 1e-6
course.errors(errors, {"x": x, **lstm.params})

# %% [markdown]
# ## Exercise 5.2 · One row back
#
# Step 5, without the loop over readers. Given `dz` of one row, shape $(W, 4h)$, and a kernel `K` of
# shape $(k, h, 4h)$ with $k$ odd, return what arrives at the row above: an array $(W, h)$ with
# $\sum_v dz_{q'-v} K_v^\top$ at index $q'$. Here $v$ runs from $-(k-1)/2$ to $(k-1)/2$, and $K_v$
# stands in `K[v + k // 2]`.
#
# <details><summary>Hint</summary>
#
# Start with zeros of shape $(W, h)$. For each tap, `dz @ K[v + k // 2].T` is what *all* readers
# send back through it. It has to be moved by $v$ columns before it is added, and what leaves the
# image is dropped. To see whether you moved it the right way: backward is the transpose of forward,
# so `(forward(h) * dz).sum()` and `(h * backward(dz)).sum()` are the same number for any `h` and
# `dz`.
# </details>


# %%
def one_row_back(dz, K):
    dh = ...  # your code: an array (W, h)
    return dh


check.one_row_back(one_row_back)

# %% [markdown]
# ## How far does a gradient get?
#
# Follow $dc$ upwards. From row to row it is multiplied by the forget gate and by nothing else:
#
# $$\begin{aligned} dc_{r-1} &= dc_r \odot f_r + \dots, \quad\text{and so}\\
#   dc_{r-d} &= dc_r \odot f_r \odot f_{r-1} \odot \dots \odot f_{r-d+1} + \dots \end{aligned}$$
#
# No matrix, no $\tanh'$: this is the road for which LSTMs were made. If $f$ is near 1, the bottom
# row can teach the top row. If $f$ is 0.5, it cannot.
#
# Below is a fresh layer over 28 rows. A gradient of 1 enters at the last row only; the curves go
# up from there and show how much of it arrives in each row, on a logarithmic scale, for different
# biases of the forget gate.


# %%
def gradient_by_row(bias, height=28, width=9, features=8):
    """Mean |dx| in every row, when the last row alone has a loss: (H,)."""
    layer = RowLSTM(feature_groups(2 * features, 1), features, 1, np.random.default_rng(0))
    layer.params["b"][features : 2 * features] = bias
    x = np.random.default_rng(1).standard_normal((4, height, width, 2 * features))
    y, cache = layer.forward(x.astype("float32"))
    dy = np.zeros_like(y)
    dy[:, -1] = 1
    return np.abs(layer.backward(dy, cache)[0]).mean(axis=(0, 2, 3))


def draw_gradient(bias=4.0):
    biases = sorted({0.0, 1.0, bias})
    curves = {f"forget bias {b:g}": (np.arange(28), gradient_by_row(b)[::-1]) for b in biases}
    return figures.lines(curves, "rows above the loss", "mean |dx|", log=True, markers=False)


course.interactive(draw_gradient, static=[{"bias": 4.0}], bias=(-2.0, 6.0, 0.5))

# %%
found = {bias: gradient_by_row(bias) for bias in (0, 1, 4)}
figures.Table(
    ["forget bias", "σ(bias)", "row 0 / row 27"],
    [[bias, float(sigmoid(bias)), float(g[0] / g[-1])] for bias, g in found.items()],
    form=["", "{:.2f}", "{:.2g}"],
)

# %% [markdown]
# The two lower curves are nearly straight, which on a logarithmic scale means the same factor per
# row. With a bias of 4 most of it arrives. (With a bias of 0 more arrives than $0.5^{27}$: the
# gates only start near one half, and the dots in the formula, the roads through $h$, bring
# something too.) Here is why the toy was learnt with 4, never with 0, and now and then with 1. The
# forget gates of this project start with a bias of 1 (the paper does not say where its start), and
# training moves them to where the data want them.
#
# ## Exercise 5.3 · The half-life of a memory
#
# Suppose the forget gate's pre-activation is $\beta$ at every pixel. Which $\beta$ makes half of a
# gradient survive `rows` steps along the cells?
#
# <details><summary>Hint</summary>
#
# First find the $f$ with $f^{\text{rows}} = \tfrac12$, then the $\beta$ with $\sigma(\beta) = f$.
# The inverse of $\sigma$ is $\ln\frac{f}{1-f}$.
# </details>


# %%
def bias_for(rows):
    beta = ...  # your code
    return beta


check.bias_for(bias_for)

# %% [markdown]
# ## Three colours
#
# In a network for colour images each feature belongs to R, G or B, and masks keep R from knowing
# this pixel's G and B ([03](03_masked_convolution.ipynb)). $K^{is}$ makes $4h$ features. Which of
# them belongs to which colour?
#
# ## Exercise 5.4 · Four gates
#
# $K^{is}$ makes $h$ features for each of the gates o, f, i, g, one gate after the other. Then
# feature $j$ of every gate is multiplied with feature $j$ of the others. Return the colour of each
# of the $4h$ features, an array of ints (0 for R, 1 for G, 2 for B), for $C$ colours.
# `feature_groups(h, C)` gives the colours of $h$ features.
#
# <details><summary>Hint</summary>
#
# If a feature of o belongs to G while the same feature of g belongs to R, their product knows what
# only G may know, and hands it to R. So what has to be the same for all four gates?
# </details>


# %%
def gate_colours(h, C):
    colours = ...  # your code
    return colours


check.gate_colours(gate_colours)

# %% [markdown]
# ## The whole network
#
# A Row LSTM network puts a 7×7 mask A convolution before its layers. It widens the triangle by
# three columns on the left, and by two on the right: to go right, mask A has to climb a row first,
# in which $K^{ss}$ would have won a column as well. Each layer's $K^{is}$ leans one more column to
# the left. So $L$ layers with $k = 3$ see, in row $r-d$ with $d \ge 1$, the columns $q-d-L-3$ to
# $q+d+2$. The triangle stays a triangle: depth does not fill the corner up and to the right.

# %%
fields = {}
for layers in (1, 3):
    net = pr.build_model("row_lstm", (9, 15, 1), h=4, layers=layers, head=8, dtype="float64")
    gradcheck.randomise(net, np.random.default_rng(2))
    images = np.random.default_rng(3).integers(0, 2, (8, 9, 15, 1), np.uint8)
    fields[f"layers in the network: {layers}"] = explain.influence(net, images, 7, 7)
figures.fields(fields, (7, 7))

# %% [markdown]
# ## It draws, beside a PixelCNN
#
# The PixelCNN of [04](04_pixelcnn.ipynb) once more, from the package, and a Row LSTM network of
# about as many numbers. Both get the same digits for the same number of updates: 16 epochs in
# batches of 16, Adam, the rate 0.004 falling along half a cosine.

# %%
epochs = 1 if course.fast() else 16
rows, drawn = [], {}
for kind, h, layers in (("pixelcnn", 16, 4), ("row_lstm", 14, 2)):
    net = pr.build_model(kind, (8, 8, 1), levels=2, h=h, layers=layers, head=32, skip=False, seed=0)
    trainer = pr.Trainer(net, optimizer="adam", lr=4e-3, schedule="cosine")
    trainer.fit(train, epochs=epochs, progress=False)
    size = sum(a.size for a in net.params.values())
    rows.append([kind, size, *(float(net.nll(images).mean()) for images in (train, test))])
    drawn[kind] = pr.sample(net, 16, seed=0)

figures.Table(["network", "numbers", "nats, training", "nats, test"], rows, form="{:.2f}")

# %%
figures.sheets(drawn, 2)

# %% [markdown]
# The Row LSTM is about half a nat better on test images, with two layers in place of four blocks.
# On the training images it is the PixelCNN that is ahead, by a third of a nat: it knows more of
# them by heart. Do the samples of the Row LSTM look better? Hardly. So small a share of eighteen
# nats cannot be seen in sixteen images of 8×8 pixels; the likelihood, over all test images, sees
# it. It is one run of each, and another seed moves such numbers too.
# [09](09_training_and_results.ipynb) measures what a longer memory is worth on 28 rows.

# %% [markdown]
# ## What to take away
#
# - One layer reaches the first row. The width that it reaches grows by $(k-1)/2$ columns per row on
#   either side, so part of the context stays unseen: a triangle.
# - $K^{is}$ is masked because it reads the row that is being predicted. $K^{ss}$ is not, because it
#   reads a finished one.
# - Going back, add wherever an arrow left twice; go from the last row to the first, so that every
#   gradient is complete when it is used.
# - Along the cells a gradient is multiplied by forget gates and nothing else. Gates are a memory
#   only when the forget gate is near 1.
#
# In the package: `layers/row_lstm.py` (the layer, and this derivation in its docstring),
# `reference/row_lstm.py` (the loops above, for all batches), `kernels/row_lstm.py` (compiled).
# [10](10_loops_to_numba.ipynb) shows how the one becomes the other.
#
# ## Further reading
#
# - The paper: §3.1 of [Pixel Recurrent Neural Networks](https://arxiv.org/abs/1601.06759).
# - The source: [layers/row_lstm.py](../pixelrnn_np/layers/row_lstm.py),
#   [reference/row_lstm.py](../pixelrnn_np/reference/row_lstm.py).
# - S. Hochreiter and J. Schmidhuber, *Long Short-Term Memory*, Neural Computation 9 (1997): where
#   the cell comes from. The forget gate was added later.
# - R. Jozefowicz, W. Zaremba and I. Sutskever, *An Empirical Exploration of Recurrent Network
#   Architectures* (ICML 2015): what the forget gate's bias is worth.
#
# Solutions: [solutions/05_row_lstm](solutions/05_row_lstm.ipynb). Next:
# [06 · Diagonal BiLSTM](06_diagonal_bilstm.ipynb), which sees all of it.
