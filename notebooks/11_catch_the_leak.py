# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 11 · Catch the leak: tests that no loss can fool
#
# **What you will do.** Plant into this project's networks, one by one, bugs that were found in
# real, public implementations of PixelCNN and PixelRNN. Train some of them, admire their
# likelihoods, look at their samples, and write the tests that expose each.
#
# **What you will learn.** Why an autoregressive network can be wrong and look better for it; four
# tests that need nothing but the network's answers; which bugs each of them finds, and which it
# cannot find.
#
# **What you need.** Masks ([03](03_masked_convolution.ipynb)), the two LSTMs
# ([05](05_row_lstm.ipynb), [06](06_diagonal_bilstm.ipynb)) and nats
# ([01](01_pixel_by_pixel.ipynb)). Nothing here needs the internet or more than a minute.

# %%
import itertools
from contextlib import ExitStack
from unittest import mock

import numpy as np

import pixelrnn_np as pr
from pixelrnn_np import course, figures
from pixelrnn_np.course import n11 as check
from pixelrnn_np.inspection import checks, explain, gradcheck
from pixelrnn_np.layers.base import prefixed
from pixelrnn_np.layers.diagonal_bilstm import DiagonalBiLSTM, DiagonalLSTM
from pixelrnn_np.layers.masked_conv import MaskedConv
from pixelrnn_np.layers.masks import conv_mask, feature_groups, gate_groups
from pixelrnn_np.layers.residual import ConvBlock

rng = np.random.default_rng(11)

# %%
figures.you_are_here("11")

# %% [markdown]
# ## The idea
#
# Here are two small PixelCNNs. They have the same sizes, the same data, the same optimiser and the
# same number of updates. One word differs in their code. You will see the nats of both, and sixteen
# images that each has drawn. Which one would you publish?
#
# To plant a bug, a part of the package is replaced *while a network is being built*, and put back
# afterwards. The name says where the part lives, and what stands beside it is the bug. Python's
# standard library has a tool for that, meant for tests: `with mock.patch(name, replacement):` puts
# another object under that name, and at the end of the `with` the old one is back. (`ExitStack` opens
# several such `with`s, as many as `bug` has entries.)


# %%
def planted(base, bug, shape=(8, 8, 1), **sizes):
    """A network built while `bug`, {name in the package: what replaces it}, is in place."""
    sizes = {"h": 8, "layers": 2, "head": 16} | sizes
    with ExitStack() as stack:
        for name, replacement in bug.items():
            stack.enter_context(mock.patch(f"pixelrnn_np.{name}", replacement))
        return pr.build_model(base, shape, 2, **sizes)


def mask_b_everywhere(kind, *args):
    return conv_mask("B", *args)


MASK_B = {"layers.masked_conv.conv_mask": mask_b_everywhere}

# %% [markdown]
# And a way to draw images that trusts nobody: it runs the whole network for every pixel, and takes
# images `start` that may hold anything to begin with. An honest network never notices what stands
# in a pixel that is not drawn yet.


# %%
def draw(model, start, seed=0):
    """Fills binary images (n, H, W, 1) in raster order, whatever they hold at the start."""
    x, coin = start.copy(), np.random.default_rng(seed)
    for r, q in np.ndindex(*x.shape[1:3]):
        p = 1 / (1 + np.exp(-model.logits(x)[:, r, q].astype(float)))
        x[:, r, q] = coin.random(p.shape) < p
    return x


def trained(model, images, epochs):
    pr.Trainer(model, optimizer="adam", lr=3e-3).fit(images, epochs=epochs, progress=False)
    return model


train, test = (pr.load_data("digits", split, levels=2) for split in ("train", "test"))
zeros = np.zeros((16, 8, 8, 1), np.uint8)
noise = rng.integers(0, 2, zeros.shape, np.uint8)

honest = trained(planted("pixelcnn", {}), train, epochs=8)
copying = trained(planted("pixelcnn", MASK_B), train, epochs=8)
first, second = (f"{m.nll(test).mean():.2f} nats" for m in (honest, copying))
sides = {f"one: {first}": draw(honest, noise), f"the other: {second}": draw(copying, noise)}
figures.sheets(sides, 2)

# %% [markdown]
# By its likelihood the second network is better than anything that was ever published: it predicts
# handwriting, every pixel of it, with next to no doubt. Its samples are the noise that the
# images held before drawing began.
#
# In the second network the first layer has mask B, so that it sees the pixel that it is to predict,
# and it has learned to copy. That is called a **leak**. A leak never shows in the loss as an error;
# it shows as success. One can go on for weeks, make the network larger, and see the number improve.
#
# So the loss is the one number that must not be asked. This notebook is about what to ask instead.

# %% [markdown]
# ## What the paper takes for granted
#
# Its equation (1), of [01](01_pixel_by_pixel.ipynb):
#
# $$p(\mathbf x) = \prod_i p(x_i \mid x_1, \dots, x_{i-1})$$
#
# That its networks compute this, the paper does not show, and it says nothing of how to make sure.
# But the equation says three things that can be tested, for any network, from its answers alone:
#
# **Causality.** The factor of $x_i$ depends on $x_1 \dots x_{i-1}$. Not on $x_i$, not on what comes
# later. Change a pixel, and no prediction at its place or before it may move, not by one bit.
#
# **Normalisation.** Each factor is a distribution of $x_i$, given earlier values. So their product is a
# distribution of whole images, and its probabilities sum to 1:
#
# $$\sum_{\mathbf x} p(\mathbf x) = 1.$$
#
# On 3×3 binary images there are $2^9 = 512$ terms, and one can add them all.
#
# **Coins.** No distribution predicts fair coins. Over all images that they can make, the mean cost of
# one is $D \ln 2$ nats or more, whoever does the predicting. This holds for the mean alone. A single
# image can cost less, if the network happens to favour it. So take many *fresh* ones: over $n$ images
# luck moves the mean by about the deviation between images over $\sqrt n$. A network that does better
# than that has seen the coins.
#
# To these we add the **drawing test** from above: draw twice with the same random numbers, from
# images that hold zeros and from images that hold noise. The results have to be equal.

# %% [markdown]
# ## Slowly
#
# Causality is first tested by gradient. Send a 1 back from one logit: where it arrives, that logit
# looks. Any framework with derivatives can do this.


# %%
def reads(model, x, output):
    """Which of the D pixels does logit number `output` depend on, at images x? bool (D,)."""
    logits, cache = model.forward(x)
    d = np.zeros_like(logits)
    d.reshape(len(x), -1)[:, output] = 1
    dx, _ = model.backward(d, cache)
    return (dx.reshape(len(x), -1) != 0).any(axis=0)


def leaks_slow(model, x):
    """Pairs (output, input) of pixels, numbered in raster order, with input ≥ output."""
    D = x[0].size
    return [(i, j) for i in range(D) for j in range(i, D) if reads(model, x, i)[j]]


# %% [markdown]
# And the sum, one factor at a time, from nothing but logits:


# %%
def total_slow(logits, H, W):
    """Σ p(x) over all binary images of H × W pixels; logits: of uint8 (1, H, W, 1)."""
    total = 0.0
    for values in itertools.product((0, 1), repeat=H * W):
        x = np.array(values, np.uint8).reshape(1, H, W, 1)
        p_one = 1 / (1 + np.exp(-logits(x)))
        total += np.where(x == 1, p_one, 1 - p_one).prod()
    return total


# %% [markdown]
# ## Fast
#
# `pixelrnn_np/inspection/checks.py` has both, and causality a second time by **perturbation**: change one
# sub-pixel, run the network again, and compare every bit. That needs no derivative at all. It also
# sees what a gradient misses, such as a path through a rounding or a comparison, whose derivative
# is zero.
#
# The networks are small, in float64, and all their numbers are random: biases as well, since a zero
# can hide a path.


# %%
def small(base, bug, shape=(4, 5, 1), noisy=True, **sizes):
    model = planted(base, bug, shape, **{"h": 4, "head": 6, "dtype": "float64"} | sizes)
    if noisy:
        gradcheck.randomise(model, np.random.default_rng(1))
    return model


x = rng.integers(0, 2, (4, 4, 5, 1), np.uint8)
for name, bug in {"honest": {}, "mask B": MASK_B}.items():
    model, tiny = small("pixelcnn", bug), small("pixelcnn", bug, (3, 3, 1))
    by_gradient, by_change = (
        checks.leaks_by_gradient(model, x),
        checks.leaks_by_perturbation(model, x),
    )
    assert sorted(by_gradient) == by_change == sorted(leaks_slow(model, x))
    total = checks.total_probability(tiny)
    assert np.isclose(total, total_slow(tiny.logits, 3, 3), rtol=1e-12)
    print(f"{name}: {len(by_change)} leaks, all probabilities sum to {total:.10f}")
print("slow and fast agree, and so do gradient and perturbation")

# %% [markdown]
# Twenty leaks for twenty pixels: each prediction sees its own pixel. The sum is off already with
# random weights; training makes it grotesque. Here the copying network learns the middles of the
# digits, 3×3 pixels, and then we add up what it thinks of all 512 images there are.

# %%
middles = train[:, 2:5, 2:5].copy()
for name, bug in {"honest": {}, "mask B": MASK_B}.items():
    model = trained(planted("pixelcnn", bug, (3, 3, 1)), middles, epochs=8)
    print(f"{name}: Σ p = {checks.total_probability(model):.4f} after training")

# %% [markdown]
# It holds nearly every one of the 512 images to be certain. A number called $p$ that sums to 512 is not a
# probability, and its logarithm is not a likelihood. *Nats* of such a network cannot be compared
# with anybody's, not even as "slightly too good".
#
# ## Exercise 11.1 · Causality of a black box
#
# You are handed a function `logits(x)`: binary images `x`, uint8 $(B, H, W, 1)$, to logits of the
# same shape. You cannot see inside, and there are no gradients. Return its leaks at the images `x`:
# the set of pairs `(output, input)`, pixels numbered in raster order from 0, where a change of
# pixel `input` changes the logit of a pixel `output` that does not come after it, in at least one
# of the images.
#
# <details><summary>Hint</summary>
#
# Flip pixel `input` in all images at once: `1 - value`, in a copy, since setting it to 1 does
# nothing where it is 1. Compare the new logits with the old ones by `!=`, without any tolerance: a
# faint leak is a leak. Which outputs may not move? Those up to `input`, that one included.
# </details>


# %%
def leaks(logits, x):
    found = ...  # your code: a set of pairs (output, input)
    return found


check.leaks(leaks)

# %% [markdown]
# ## Leak 1: the wrong mask at the entrance
#
# This is the bug that you have just seen. It comes about when one masked layer is written for the
# whole network and used at the entrance as well, or when A and B are mixed up. *Where it was found:* an
# early re-implementation of this paper had such a leak for a while. Its author noted the symptom: the
# network restored any image, and could not draw one from an empty page.
#
# What does one prediction see? `fields` marks with a cross what it must not. (Yellow is earlier and not
# seen: here the PixelCNN's blind spot, [04](04_pixelcnn.ipynb); in the Diagonal BiLSTM the pixel that
# the shift loses, [06](06_diagonal_bilstm.ipynb).)


# %%
def seen(base, bug, row=4, column=3, shape=(8, 8, 1), **sizes):
    """|d logit / d pixel| of one prediction in a small random network: (H, W)."""
    model = small(base, bug, shape, **sizes)
    images = np.random.default_rng(2).integers(0, 2, (8, *shape), np.uint8)
    return explain.influence(model, images, row, column)


figures.fields(
    {"honest": seen("pixelcnn", {}), "mask B at the entrance": seen("pixelcnn", MASK_B)}, (4, 3)
)

# %% [markdown]
# ## Leak 2: a mask that training undoes
#
# The weights are multiplied by the mask once, when the layer is made; forward and backward know
# nothing of it. Then the first update fills the hole, because nothing holds those weights at zero.
# *Where it was found:* a library for learned compression had a cousin of it. Its coder read the weights
# without their mask, and was right only where training had set them to zero before.


# %%
def all_open(kind, rows, cols, groups_in, groups_out):
    return np.ones((rows, cols, len(groups_in), len(groups_out)), np.uint8)


class MaskedOnce(MaskedConv):
    def __init__(self, kind, *args, **options):
        with mock.patch("pixelrnn_np.layers.masked_conv.conv_mask", all_open):
            super().__init__(kind, *args, **options)
        self.params["K"][...] *= conv_mask(kind, *args[:4])


ONCE = {"models.trunk.MaskedConv": MaskedOnce}
model = small("pixelcnn", ONCE, (8, 8, 1), noisy=False)
before = explain.influence(model, test[:50], 4, 3)
pr.Trainer(model, optimizer="adam").step(train[:64])
after = explain.influence(model, test[:50], 4, 3)
stages = {"before training": before, "after one update": after}
figures.fields(stages, (4, 3))

# %% [markdown]
# Left, a network without fault: a test at construction passes. Right, the same network one update
# later. **Test what has been trained**, or train for a step within the test.

# %% [markdown]
# ## Leak 3: the row that was zeroed instead of shifted
#
# In the Diagonal BiLSTM, the right-to-left output moves down by one row, because in its own row it
# comes from pixels to the right ([06](06_diagonal_bilstm.ipynb)). "Drop the last row and put zeros
# there" has all the words of a shift, gives the right shape, and does not shift. *Where it was found:*
# in the same early re-implementation, and in three projects that began as copies of it. A reader named
# the right line a year later.


# %%
class ShiftByHand(DiagonalBiLSTM):
    """y = L + shift(R) with the shift and its adjoint in functions of their own."""

    def shift(self, right):
        return np.concatenate([np.zeros_like(right[:, :1]), right[:, :-1]], axis=1)

    def adjoint(self, d):
        return np.concatenate([d[:, 1:], np.zeros_like(d[:, :1])], axis=1)

    def forward(self, x):
        left, left_cache = self.l2r.forward(x)
        right, right_cache = self.r2l.forward(x)
        return left + self.shift(right), (left_cache, right_cache)

    def backward(self, dy, cache, into=None):
        dx, left = self.l2r.backward(dy, cache[0], into)
        dx, right = self.r2l.backward(self.adjoint(dy), cache[1], into=dx)
        return dx, prefixed("l2r", left) | prefixed("r2l", right)


class LastRowZeroed(ShiftByHand):
    def shift(self, right):
        return np.concatenate([right[:, :-1], np.zeros_like(right[:, :1])], axis=1)

    adjoint = shift  # to put zeros into a row is its own adjoint


by_hand = small("diagonal_bilstm", {"models.pixelrnn.DiagonalBiLSTM": ShiftByHand})
assert np.allclose(by_hand.logits(x), small("diagonal_bilstm", {}).logits(x), rtol=0, atol=1e-12)
print("with the shift by hand it is the package's network")

# %% [markdown]
# ## Leak 4: padding on the wrong side
#
# The paper computes a diagonal with a convolution of two rows and one column on the skewed map:
# each state reads, in the column before, its own row and the one above. Two rows have no middle, so
# "same size" needs one row of padding. Above the map it is right. Below, each state reads its own
# row and the one *beneath*, which in the unskewed image is a pixel of the next row.

# %%
letters = np.array([list("abcd"), list("efgh"), list("ijkl")])
figures.skewed(letters)

# %% [markdown]
# Take `g`, in column 3 of the skewed map. Padded above it reads `f` and `c`, to its left and above
# it in the image. Padded below it reads `f`, and `i`, which is one row down and two columns to the
# left. *Where it was found:* there too. "Same" padding of a kernel with two rows goes below in that
# framework, and nobody is told.
#
# To plant this, we need a scan whose every choice can be changed. It is that of
# [06](06_diagonal_bilstm.ipynb), pixel by pixel and for a whole batch, with its choices named at the top.
# Around $h$ and $c$ stands a frame of initial states, wide enough for all bugs to come. You built all
# this in 06: read the names at the top and skim the rest.


# %%
def sigmoid(z):
    return 1 / (1 + np.exp(-z))


class Scan(DiagonalLSTM):
    """One direction of §3.2: x (B, H, W, 2h) → (B, H, W, h); what bugs change has a name."""

    above, beside = (-1, 0), (0, -1)  # where the two states are read: (rows, columns) from here
    gates = "ofig"  # the order in which z is cut
    content, slope = staticmethod(np.tanh), staticmethod(lambda g: 1 - g * g)  # of g

    def walk(self, H, W):
        """Pixels by diagonals; and in the frame, their places and those of what they read."""
        for r, q in sorted(np.ndindex(H, W), key=sum):
            steps = (0, 0), self.above, self.beside
            yield (slice(None), r, q), *((r + 1 + down, q + 2 + right) for down, right in steps)

    def flip(self, x):
        return np.ascontiguousarray(x[:, :, ::-1] if self.reverse else x)

    def forward(self, x, into=None):
        (B, H, W, _), p, x = x.shape, self.params, self.flip(x)
        z = x @ (p["K_is"] * self.mask)[0, 0] + p["b"]
        h, c = (np.tile(p[name], (H + 2, W + 2, B, 1)) for name in ("h0", "c0"))
        kept = {}
        for pixel, here, above, beside in self.walk(H, W):
            z_here = z[pixel] + h[above] @ p["K_ss"][0, 0] + h[beside] @ p["K_ss"][1, 0]
            cut = zip(self.gates, np.split(z_here, 4, axis=-1), strict=True)
            m = {name: self.content(v) if name == "g" else sigmoid(v) for name, v in cut}
            c[here] = m["f"] * c[beside] + m["i"] * m["g"]
            h[here] = m["o"] * np.tanh(c[here])
            kept[here] = m
        y = self.flip(h[1:-1, 2:].transpose(2, 0, 1, 3))
        if into is not None:  # the sum of both directions, with this one shifted down
            into[:, 1:] += y[:, :-1]
        return y if into is None else into, (x, h, c, kept, into is not None)

    def backward(self, dy, cache, into=None):
        x, h, c, kept, shifted = cache
        (B, H, W, F), p = dy.shape, self.params
        if shifted:
            dy = np.concatenate([dy[:, 1:], np.zeros_like(dy[:, :1])], axis=1)
        dh, dc, dz = np.zeros_like(h), np.zeros_like(c), np.zeros((B, H, W, 4 * F), dy.dtype)
        dh[1:-1, 2:] = self.flip(dy).transpose(1, 2, 0, 3)
        dK_ss = np.zeros_like(p["K_ss"])
        for pixel, here, above, beside in reversed(list(self.walk(H, W))):
            o, f, i, g = (kept[here][name] for name in "ofig")
            tanh_c = np.tanh(c[here])
            dc[here] += dh[here] * o * (1 - tanh_c**2)
            d = {"o": dh[here] * tanh_c * o * (1 - o), "f": dc[here] * c[beside] * f * (1 - f)}
            d |= {"i": dc[here] * g * i * (1 - i), "g": dc[here] * i * self.slope(g)}
            dz[pixel] = np.concatenate([d[name] for name in self.gates], axis=-1)
            dc[beside] += dc[here] * f
            for k, source in enumerate((above, beside)):
                dh[source] += dz[pixel] @ p["K_ss"][k, 0].T
                dK_ss[k, 0] += h[source].T @ dz[pixel]
        dx = self.flip(dz @ (p["K_is"] * self.mask)[0, 0].T)
        dK_is = np.einsum("brqi,brqo->io", x, dz) * self.mask
        outside = np.ones(h.shape[:2], bool)
        outside[1:-1, 2:] = False  # what was sent there belongs to h0 and c0
        grads = {"K_is": dK_is, "K_ss": dK_ss, "b": dz.sum(axis=(0, 1, 2))}
        grads |= {"h0": dh[outside].sum(axis=(0, 1)), "c0": dc[outside].sum(axis=(0, 1))}
        return dx if into is None else np.add(into, dx, out=into), grads


# %% [markdown]
# As it stands, it equals the package's layer. The bug is one line.

# %%
SCAN = "layers.diagonal_bilstm.DiagonalLSTM"
scan, layer = (small("diagonal_bilstm", bug) for bug in ({SCAN: Scan}, {}))
assert np.allclose(scan.logits(x), layer.logits(x), rtol=0, atol=1e-12)
gradients = [model.loss_and_grads(x)[1] for model in (scan, layer)]
for name, gradient in gradients[0].items():
    assert np.allclose(gradient, gradients[1][name], rtol=0, atol=1e-12), name


class PaddedBelow(Scan):
    above = (1, -2)  # instead of (-1, 0)


ZEROED, BELOW = {"models.pixelrnn.DiagonalBiLSTM": LastRowZeroed}, {SCAN: PaddedBelow}
figures.fields(
    {
        "honest": seen("diagonal_bilstm", {}),
        "last row zeroed": seen("diagonal_bilstm", ZEROED),
        "padded below": seen("diagonal_bilstm", BELOW),
    },
    (4, 3),
)

# %% [markdown]
# In the middle: the pixel itself and what lies to its right, but for the last of the row, which no
# feature of that row shows. On the right it is nearly everything: in every block a staircase down
# to the left, its mirror image, and around each step the window of the first layer.
#
# ## Leak 5: four gates, three colours
#
# An LSTM layer makes $4h$ features, $h$ for each gate, and each feature belongs to a colour. Feature $k$
# of the state is made of feature $k$ of every gate:
#
# $$c_k = f_k\,c_k^{\text{before}} + i_k\,g_k, \qquad h_k = o_k \tanh(c_k).$$
#
# So these four need the same colour. Suppose that somebody cuts all $4h$ into three contiguous thirds
# for R, G and B, as one does with the features of any other layer. Then the four differ. *Where it was
# found:* in a recent re-implementation, in a functional framework. A comment in its code names the leak
# by now.


# %%
def thirds(h, channels):
    return feature_groups(4 * h, channels)  # instead of h features, four times over


THIRDS = {"layers.row_lstm.gate_groups": thirds}
gates = {"honest: h features, four times": gate_groups(6, 3), "4h in thirds": thirds(6, 3)}
figures.colour_groups(
    {name: [["RGB"[k] for k in gate] for gate in a.reshape(4, 6)] for name, a in gates.items()}
)

# %% [markdown]
# Rows are the gates, columns the features of one. On the right every column is framed: its gates are of
# several colours. Look at column 0. The next layer takes state 0 for a feature of R. But its
# content $g$ is a feature of B, and has read this pixel's R and G. What only B may know arrives at R.
#
# A test sees it, if it asks for sub-pixels:

# %%
colours = rng.integers(0, 2, (8, 2, 3, 3), np.uint8)
tables = {}
for name, bug in {"honest": {}, "4h in thirds": THIRDS}.items():
    depends = checks.dependence(small("row_lstm", bug, (2, 3, 3), h=6, head=24), colours)
    tables[f"{name}: on the same pixel"] = depends[12:15, 12:15]
assert np.array_equal(tables["honest: on the same pixel"], np.tri(3, k=-1)), "mask A's table"
figures.masks(tables, labels="RGB")

# %% [markdown]
# Left, the table of mask A from [03](03_masked_convolution.ipynb): a row for each prediction, a column
# for each value that it may read. Right, R's prediction depends on R itself and on G, which comes later.
# With grey images there is one colour, and a test passes. A test that asks only which *other* pixels are
# read passes as well. **Test sub-pixels, not pixels.**
#
# ## Move it
#
# Choose a leak and a pixel.

# %%
LEAKS = {
    "mask B": ("pixelcnn", MASK_B),
    "masked once": ("pixelcnn", ONCE),
    "last row zeroed": ("diagonal_bilstm", ZEROED),
    "padded below": ("diagonal_bilstm", BELOW),
}


def draw_leak(leak="masked once", row=2, column=5):
    title = f"{leak}: row {row}, column {column}"
    return figures.fields({title: seen(*LEAKS[leak], row, column)}, (row, column))


course.interactive(draw_leak, leak=list(LEAKS), row=(0, 7), column=(0, 7))

# %% [markdown]
# ## Exercise 11.2 · Find the leak
#
# `check.mystery` is a function from uint8 images $(B, 4, 4, 1)$ to logits. It has exactly one leak:
# one prediction depends on one pixel that it must not see, and only at some images. Find it. Return
# two places, `((row, column) of the prediction, (row, column) of the pixel it reads)`, as numbers;
# reading its source would be a pity.
#
# <details><summary>Hint</summary>
#
# Your test from the exercise above does it, if the images are many: with a leak that opens only
# where certain pixels have certain values, one image is no test. There are $2^{16}$ images of this
# size; a few hundred random ones will do. `divmod(n, 4)` is (row, column) of pixel number $n$.
# </details>


# %%
def find_the_leak():
    prediction, reads_pixel = ..., ...  # your places
    return prediction, reads_pixel


check.find_the_leak(find_the_leak)

# %% [markdown]
# ## What training makes of a leak
#
# Now all of them learn: the digits, and separately a data set of fair coins, for which nobody can
# do better than $64 \ln 2 = 44.36$ nats on average. The nats of both are of images that were not trained
# on; *luck* is how far chance moves the mean of a thousand images. The Diagonal BiLSTMs have one block
# and train for fewer epochs. Will every leak go down to zero nats?

# %%
coins = rng.integers(0, 2, (1280, 8, 8, 1), np.uint8)
fresh = rng.integers(0, 2, (1000, 8, 8, 1), np.uint8)
RUNS = {
    "PixelCNN, honest": ("pixelcnn", {}, 2, 8),
    "mask B": (*LEAKS["mask B"], 2, 8),
    "masked once": (*LEAKS["masked once"], 2, 8),
    "Diagonal BiLSTM, honest": ("diagonal_bilstm", {}, 1, 4),
    "last row zeroed": (*LEAKS["last row zeroed"], 1, 4),
    "padded below": (*LEAKS["padded below"], 1, 4),
}
rows, drawn = [], {}
for name, (base, bug, layers, epochs) in RUNS.items():
    model = trained(planted(base, bug, layers=layers), train, epochs)
    gambler = trained(planted(base, bug, layers=layers), coins, 2)
    pictures = draw(model, zeros), draw(model, noise)
    nats, on_coins = model.nll(test).mean(), gambler.nll(fresh)
    luck = on_coins.std() / len(fresh) ** 0.5
    same = "the same" if np.array_equal(*pictures) else "different"
    rows.append([name, float(nats), float(on_coins.mean()), float(luck), same])
    drawn[f"{name}\n{nats:.2f} nats"] = pictures[1]
figures.Table(
    ["network", "digits, nats", "fresh coins, nats", "luck, ±", "from zeros and from noise"],
    rows,
    form="{:.2f}",
)

# %%
figures.sheets(drawn, 2, across=3)

# %% [markdown]
# Only the honest networks draw strokes like those of digits, and only they draw the same from zeros
# and from noise. All others have much better nats, and each of them beats the coins by far more
# than luck can. No distribution does that.
#
# Not every leak goes to zero: how much a network gains depends on what it sees too much of, and on
# how long it has learned to use it. Small leaks are the dangerous ones. A result that is two nats
# better than all before may be a discovery or a leak, and the number does not say which.

# %% [markdown]
# In colour, with the gates of a Row LSTM in thirds (digits in coloured ink, two levels per channel,
# 192 sub-pixels):

# %%
ink, ink_test = (pr.load_data("colour_digits", split, levels=2) for split in ("train", "test"))
for name, bug in {"honest": {}, "4h in thirds": THIRDS}.items():
    model = trained(planted("row_lstm", bug, (8, 8, 3), h=9, layers=1, head=24), ink, epochs=4)
    print(f"{name:<13}{model.nll(ink_test).mean():6.2f} nats")

# %% [markdown]
# Less than half the nats, from a mistake in how numbers are grouped.
#
# ## What the sum does not see
#
# Normalisation is a strong test, but it asks only whether the network is *some* distribution. Three
# bugs pass it.
#
# **Another order.** Rows and columns are mixed up, and the mask is transposed. Each pixel then
# depends on the columns to its left and on what is above in its own column. That is a chain rule
# too, column by column; the probabilities sum to one and the nats are honest. But whoever draws
# from it row by row gives it conditions that it has never seen. It comes with a change of the axes'
# order: that early re-implementation had several such repairs.
#
# **The skewed map is flipped**, where the image should be flipped before it is skewed. Then the
# second scan reads, in the row above, not the pixel above but one two columns further. Nothing
# leaks; a wedge of the context is lost. The recent re-implementation of leak 5 does it.
#
# **Causal padding and a mask on top.** A kernel padded above and to the left, so that its last tap
# is the pixel itself, needs no mask beyond that. Somebody adds the mask all the same, which hides
# what comes after the kernel's *middle*: the current pixel and its whole row are gone. A two-stage
# autoencoder was asked about such a pair in its issues. A gated PixelCNN came to the same by way of a
# mask on its 1×1 convolutions.


# %%
def transposed(kind, rows, cols, *groups):
    return conv_mask(kind, cols, rows, *groups).swapaxes(0, 1)


class FlippedAfterSkew(Scan):
    above = property(lambda self: (-1, -2) if self.reverse else (-1, 0))


class PaddedAndMasked(MaskedConv):
    def __init__(self, kind, rows, cols, *args, **options):
        super().__init__(kind, rows, cols, *args, **options)
        self.offsets = self.offsets - [rows // 2, cols // 2]  # the window ends at the pixel


TRANSPOSED = {"layers.masked_conv.conv_mask": transposed}
FLIPPED = {SCAN: FlippedAfterSkew}
PADDED = {"layers.residual.MaskedConv": PaddedAndMasked}  # changes the 3×3, not the 1×1
chosen = {"PixelCNN": {}, "transposed": TRANSPOSED, "padded and masked": PADDED}
figures.fields({name: seen("pixelcnn", bug, 5, 4) for name, bug in chosen.items()}, (5, 4))

# %% [markdown]
# In the middle, the crosses give the other order away: causality is a statement about *this* order,
# and finds it. On the right one pixel is yellow that was blue. So little, because the 7×7 in front
# and the residual connections carry most of what the 3×3 no longer reads.
#
# The flipped map shows on large images only. Here is a network of one block on 16×16 pixels:

# %%
large = {"row": 15, "column": 4, "shape": (16, 16, 1), "layers": 1}
figures.fields(
    {
        "honest": seen("diagonal_bilstm", {}, **large),
        "flipped after the skew": seen("diagonal_bilstm", FLIPPED, **large),
    },
    (15, 4),
)

# %% [markdown]
# (The one yellow pixel on the left is the exception that the shift leaves, see
# [06](06_diagonal_bilstm.ipynb).) On 8×8 images the first layer's 7×7 window covers the gap, and
# with every further block it closes a little: a test on small images, or of a deep network, sees
# nothing. **Derive the field on paper and compare: not only what must not be seen, also what should
# be.**
#
# What do the first and the last cost on the digits?

# %%
rows = []
for name, bug in {"honest": {}, "transposed": TRANSPOSED, "padded and masked": PADDED}.items():
    model = trained(planted("pixelcnn", bug), train, epochs=8)
    opinion = honest.nll(draw(model, zeros)).mean()
    rows.append([name, float(model.nll(test).mean()), float(opinion)])
header = ["network", "test images, nats", "its samples, nats by the honest network"]
figures.Table(header, rows, form="{:.2f}")

# %% [markdown]
# The transposed network is as good a model as the honest one, in its own order; drawn in raster
# order its samples are worse, as the honest network's opinion of them says. The network that was
# padded and masked lost part of its context: its nats rise by less than one, and its samples are
# worse too. A reader of its loss alone would notice nothing.

# %% [markdown]
# ## Bugs that do not leak
#
# The rest of the collection breaks no rule of probability. The networks are distributions, only not
# those of the paper.
#
# - **σ on the content gate.** The paper's formula writes one σ around all four gates, and its text
#   says that $g$ has tanh. With σ a cell that begins at zero never goes below it: it can forget, but it
#   cannot take back. (This one and the next were found together, in one line of the early
#   re-implementation.)
# - **Gates in another order.** The code cuts $z$ as i, g, f, o; the biases, or somebody's weights,
#   were made for o, f, i, g. Trained from scratch it is the same family of networks under other
#   names; with weights that were trained elsewhere it is nonsense.
# - **The residual added twice**, once in the block and once in the loop over blocks. The trunk
#   doubles with every block.
# - **The adjoint of the shift forgotten.** Forward is right; backward does not move $dy$ up by one
#   row. A framework's derivatives cannot make this mistake. We can.
# - **A loss averaged twice**: the mean over sub-pixels, divided by their number again.
# - **Nats called bits**, or the other way round.


# %%
class SigmaContent(Scan):
    content, slope = staticmethod(sigmoid), staticmethod(lambda g: g * (1 - g))


class OtherOrder(Scan):
    gates = "igfo"


class AddedTwice(ConvBlock):
    def forward(self, x, skips=None, keep=None):
        (y, skips), cache = super().forward(x, skips, keep)
        return (y + x[0], skips), cache

    def backward(self, dy, cache, into=None):
        (dx, dfeatures), grads = super().backward(dy, cache)
        return (dx + dy[0], dfeatures), grads


class AdjointForgotten(ShiftByHand):
    def adjoint(self, d):
        return d


# %% [markdown]
# Which tests see these?
#
# **A twin** is a second implementation, written as plainly as can be, with the same parameters put
# in. It sees any difference in what is computed. Here the twin is the honest network of this
# package. Where you have no twin, copy the equation into a loop: one hour, and every gate is
# settled.
#
# **Finite differences** compare the gradient with the function that is *there*. If both have σ on
# $g$, they agree: finite differences find wrong derivatives, never a wrong network.
#
# **Arithmetic.** Set all parameters to zero. Then every logit is zero, every pixel a coin, and the
# loss is $D \ln 2$ nats, or one bit per sub-pixel. Anything else is a mistake in the loss or in how
# it is reported. And with its kernels at zero, but not its biases, a fresh LSTM has a forget gate
# of $\sigma(1) = 0.731$ here, and all others are at rest:

# %%
rows = []
for name, scan in {"o, f, i, g": Scan, "i, g, f, o": OtherOrder}.items():
    layer = scan(feature_groups(6, 1), 3, 1, rng, reverse=False, dtype="float64")
    for kernel in ("K_is", "K_ss"):
        layer.params[kernel][...] = 0
    _, (*_, kept, _) = layer.forward(np.zeros((1, 2, 2, 6)))
    first = next(iter(kept.values()))
    rows.append([name, *(float(first[gate][0, 0]) for gate in "ofig")])
figures.Table(["z is cut as", "o", "f", "i", "g"], rows, form="{:.3f}")

# %% [markdown]
# ## Wrong data, right network
#
# The best-hidden bug of all is not in the network. "Binary MNIST" is at least three data sets: one
# fixed random binarisation, which the paper and its table use; a fresh random binarisation at every
# epoch; and a threshold at one half. Below, the same network learns the same digits, twice: with a
# threshold, and with each pixel drawn once with its intensity as the probability.

# %%
grey, grey_test = (pr.load_data("digits", split, levels=17) for split in ("train", "test"))
flips = np.random.default_rng(0)
fixed, fixed_test = ((flips.random(a.shape) < a / 16).astype(np.uint8) for a in (grey, grey_test))
rows = []
for name, learned, seen_test in (("threshold", train, test), ("drawn", fixed, fixed_test)):
    model = trained(planted("pixelcnn", {}), learned, epochs=8)
    rows.append([name, float(learned.mean()), float(model.nll(seen_test).mean())])
figures.Table(["binarisation", "mean of the pixels", "nats of test images"], rows, form="{:.3f}")

# %% [markdown]
# Nothing but the data has changed, and the nats rise by more than a fifth. Between the best and the worst
# model of the paper's Table 4 it is a ninth. No test of a network can see this; a fingerprint of
# the data can. Print the number of images, the mean, and a hash, and compare them with those of the
# set whose results you quote.
#
# The units go wrong as easily. With $D$ sub-pixels,
#
# $$\text{bits per sub-pixel} = \frac{\text{nats per image}}{D \ln 2}.$$
#
# The paper's 79.20 nats on MNIST are 0.1457 bits per pixel and 114.26 bits per image. A report of
# "0.101 bits" is 79.20 / 784, nats that were called bits.

# %% [markdown]
# ## Which test finds which bug
#
# No square of this figure is from memory: each is the result of a test on a small random network with
# that bug, and on the honest ones. *Field* asks whether a prediction at 16×16 fails to see an
# earlier pixel that the honest network sees; *zeros* whether a network with all parameters at zero
# reports $D \ln 2$.
#
# Before it appears, take a sheet of paper: which test would you keep, if you could keep only one? And is
# there a pair of tests that finds everything here?
#
# Blue means that the test finds the bug, a dot that it sees nothing. One square is yellow, a *false
# alarm*: the test reports something else than what is wrong. Which one is it, and why there? The
# answer stands below the figure.

# %%
FORGOTTEN = {"models.pixelrnn.DiagonalBiLSTM": AdjointForgotten}
BUGS = {
    "honest PixelCNN": ("pixelcnn", {}),
    "honest Row LSTM, colour": ("row_lstm", {}),
    "honest Diagonal BiLSTM": ("diagonal_bilstm", {}),
    **LEAKS,
    "masked once, before training": ("pixelcnn", ONCE),
    "4h in thirds, colour": ("row_lstm", THIRDS),
    "transposed mask": ("pixelcnn", TRANSPOSED),
    "flipped after the skew": ("diagonal_bilstm", FLIPPED),
    "padded and masked": ("pixelcnn", PADDED),
    "σ on g": ("diagonal_bilstm", {SCAN: SigmaContent}),
    "gates in another order": ("diagonal_bilstm", {SCAN: OtherOrder}),
    "residual added twice": ("pixelcnn", {"models.pixelcnn.ConvBlock": AddedTwice}),
    "adjoint forgotten": ("diagonal_bilstm", FORGOTTEN),
    "loss averaged twice": ("pixelcnn", {}),
    "nats called bits": ("pixelcnn", {}),
}


def specimen(name, shape, **sizes):
    """A small random network with that bug, its report of nats included."""
    model = small(*BUGS[name], shape, **sizes)
    if "before training" in name:
        model.first.params["K"][...] *= small("pixelcnn", {}, shape, **sizes).first.mask
    right = model.nll
    if name == "loss averaged twice":
        model.nll = lambda x: right(x) / model.dimensions**2
    if name == "nats called bits":
        model.nll = lambda x: right(x) / np.log(2)
    return model


# %% [markdown]
# And seven tests. Each takes the name of a bug, and says whether it finds something wrong. The first
# three ask the network alone.


# %%
def shape_of(name):
    return (2, 3, 3) if "colour" in name else (4, 5, 1)


def some_images(shape):
    return np.random.default_rng(4).integers(0, 2, (4, *shape), np.uint8)


def by_gradient(name):
    return bool(
        checks.leaks_by_gradient(specimen(name, shape_of(name)), some_images(shape_of(name)))
    )


def by_perturbation(name):
    model = specimen(name, shape_of(name))
    return bool(checks.leaks_by_perturbation(model, some_images(shape_of(name))))


def by_sum(name):
    model = specimen(name, (1, 3, 3) if "colour" in name else (3, 3, 1))
    return abs(checks.total_probability(model) - 1) > 1e-9


# %% [markdown]
# The other four hold it against something: the slopes of its own loss, its honest twin, what that twin
# sees, and the price of a coin.


# %%
def by_finite_differences(name):
    model = specimen(name, shape_of(name))

    def error(dice):
        batch = dice.integers(0, 2, (1, *shape_of(name)), np.uint8)
        return max(gradcheck.check_model(model, batch, dice, entries=2).values())

    return gradcheck.redraw(error, np.random.default_rng(4)) > 1e-6  # again where a ReLU bends


def by_twin(name):
    shape = shape_of(name)
    model, twin = specimen(name, shape), small(BUGS[name][0], {}, shape)
    images = some_images(shape)
    twin.flat[...] = model.flat
    return not np.allclose(model.logits(images), twin.logits(images), rtol=0, atol=1e-10)


def by_field(name):
    wide = {"shape": (16, 16, shape_of(name)[2]), "layers": 1}
    images = np.random.default_rng(3).integers(0, 2, (4, *wide["shape"]), np.uint8)
    pair = specimen(name, **wide), small(BUGS[name][0], {}, **wide)
    earlier = slice(15 * 16 + 4)  # the pixels before (15, 4)
    sees, derived = (explain.influence(m, images, 15, 4).ravel()[earlier] != 0 for m in pair)
    return bool((derived & ~sees).any())


def by_zeros(name):
    model = specimen(name, shape_of(name))
    model.flat[...] = 0
    nats = model.nll(some_images(shape_of(name)))[0]
    return not np.isclose(nats, model.dimensions * np.log(2))


# %%
TESTS = {
    "gradient": by_gradient,
    "perturbation": by_perturbation,
    "sum": by_sum,
    "finite differences": by_finite_differences,
    "twin": by_twin,
    "field": by_field,
    "zeros": by_zeros,
}
results = {bug: {name: finds(bug) for name, finds in TESTS.items()} for bug in BUGS}
assert not any(any(results[bug].values()) for bug in BUGS if bug.startswith("honest"))
for found in results.values():
    if found["gradient"] and not found["perturbation"]:
        found["gradient"] = "false alarm"
figures.verdicts(results, splits=("mask B", "transposed mask", "σ on g"))

# %% [markdown]
# From the top: what is honest; leaks; another order and lost context; all that leaks nothing. Read it
# by columns.
#
# - *Gradient* and *perturbation* find every leak and the other order. They miss the mask that is
#   applied once, as long as the network is untrained.
# - The yellow square is where these two disagree. With the adjoint forgotten, the gradient reports a
#   leak that perturbation denies. Perturbation is right, for it asks forward, and forward leaks
#   nothing. The gradient test believes backward, and backward is wrong: there is a bug, but no leak.
# - *The sum* misses the other order. In exchange it catches two mistakes of reporting:
#   $e^{-\text{loss}}$ sums to one only if the loss is nats per image.
# - *Finite differences* find one bug of all, the only wrong derivative.
# - *The twin* finds nearly all, provided that it is right itself and gets the same parameters. It
#   is silent where forward is right, and where the mistake is in the report.
# - *The field* is the only one, beside the twin, that notices lost context. Some leaks show here
#   too, since who looks in a wrong place often fails to look in the right one.
#
# No column is enough, and no pair of columns either. Only the twin finds σ on $g$. Beside it one
# needs finite differences (or the false alarm) for the forgotten adjoint, and the sum or the zeros
# for the report. And a mask that is applied once, on an untrained network, is seen by nobody at all.
# Causality and the sum need no twin, no gradient and no trust, so they come first.

# %% [markdown]
# ## Exercise 11.3 · Who is honest?
#
# Three functions from uint8 images $(B, 3, 3, 1)$ to logits: `check.model_a`, `check.model_b` and
# `check.model_c`. Return a verdict for each, a tuple of three words out of `"honest"` (predicts
# each pixel from earlier ones in raster order), `"leaks"` (no distribution at all) and `"another
# order"` (a distribution, but not in raster order).
#
# <details><summary>Hint</summary>
#
# `checks.all_images((3, 3, 1), 2)` lists all 512 images. Two tests separate the three words:
# causality as in 11.1, and `total_slow(check.model_a, 3, 3)`. How far from 1 is far? Rounding is
# about $10^{-13}$ here.
# </details>


# %%
def verdicts():
    a, b, c = ..., ..., ...  # your verdicts
    return a, b, c


check.verdicts(verdicts)

# %% [markdown]
# ## What to take away
#
# To test anybody's PixelCNN (a function `logits(x)` is enough for 1, 2, 4 and 5):
#
# 1. **Perturb** every sub-pixel at many random images, and compare every bit at its own place and
#    before. In colour, with the colours apart; after training, not before.
# 2. **Add up** all probabilities on images small enough to list them.
# 3. **Toss coins**: train on fair coins, evaluate on many fresh ones. No distribution has a mean that lies
#    below $D \ln 2$ by more than luck.
# 4. **Draw twice** from different beginnings with the same random numbers, by running the whole
#    network for each pixel. Then look at the samples.
# 5. **Count what is seen**, and compare it with the field that you derived on paper, on images
#    larger than the first layer's window.
# 6. **Zero all weights**: $D \ln 2$ nats, one bit per sub-pixel. Then say which data, which
#    binarisation, which unit.
#
# A good loss is on none of these lines.
#
# In the package: `inspection/checks.py` (1, 2), `python -m pixelrnn_np check` runs them on small
# models, and `tests/` on all. `inspection/gradcheck.py` has the finite differences, `reference/`
# the twins.
#
# ## Further reading
#
# - The paper: §3.4 of [Pixel Recurrent Neural Networks](https://arxiv.org/abs/1601.06759).
# - The source: [inspection/checks.py](../pixelrnn_np/inspection/checks.py),
#   [inspection/gradcheck.py](../pixelrnn_np/inspection/gradcheck.py).
# - T. Salimans, A. Karpathy, X. Chen and D. P. Kingma, *PixelCNN++* (2017,
#   [arXiv:1701.05517](https://arxiv.org/abs/1701.05517)), and its published code, whose shifted
#   convolutions need no mask: read where they could leak.
#
# Solutions: [solutions/11_catch_the_leak](solutions/11_catch_the_leak.ipynb). Next:
# [12 · Bits on disk](12_bits_on_disk.ipynb), where a leak cannot hide at all.
