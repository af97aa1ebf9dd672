# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 06 · Diagonal BiLSTM: two scans that see everything above
#
# **What you will do.** Build the Diagonal BiLSTM of §3.2 twice, as the paper draws it, on a skewed
# map, and as a plain recurrence over pixels; see that they are one. Join two directions without
# letting the future in. Draw with it a pixel at a time. Derive the gradient twice, pixel by pixel and
# on the skewed map with its padding, and check it.
#
# **What you will learn.** How a skew turns diagonals into columns, and why that is worth a trick;
# why one of the two outputs has to move down by a row; what a pixel sees then, and which single
# pixel it still misses; why memory lasts longer along a row than down a column.
#
# **What you need.** Equation (3) and its gradient ([05](05_row_lstm.ipynb)), mask A
# ([03](03_masked_convolution.ipynb)), and NumPy. Nothing here needs the internet or more than a
# minute.

# %%
import numpy as np
from threadpoolctl import threadpool_limits

import pixelrnn_np as pr
from pixelrnn_np import course, figures
from pixelrnn_np.course import n06 as check
from pixelrnn_np.inspection import checks, explain, gradcheck
from pixelrnn_np.layers.diagonal_bilstm import DiagonalBiLSTM, DiagonalLSTM
from pixelrnn_np.layers.masks import feature_groups
from pixelrnn_np.layers.row_lstm import RowLSTM

rng = np.random.default_rng(6)
one_core = threadpool_limits(1)  # matrices as small as these are multiplied fastest by one core

# %%
figures.you_are_here("06")

# %% [markdown]
# ## The idea
#
# The Row LSTM reads a few states of the row above, and so on upwards: a triangle. Whatever lies
# outside it is lost, and depth does not bring back what lies up and to the right.
#
# Let each pixel read only two states instead: that of the pixel **above** and that of the pixel to
# its **left**. Both of these have read their own neighbours above and to the left, and so on. What
# reaches the pixel is the whole rectangle up to the corner of the image, without a gap.
#
# A second scan of the same kind starts in the other upper corner and reads **above** and
# **right**. It covers the other side. Two scans, and nothing above is left out.
#
# The price seems to be time. A pixel waits for its left neighbour, so a row can no longer be done
# at once, as in the Row LSTM. With 784 pixels, is it 784 steps? Look for pixels that do *not* wait for
# each other.

# %%
figures.wavefront(5, 8, 5)

# %% [markdown]
# They are those of one diagonal, from lower left to upper right. None of them reads another, and all
# that they read stands on the diagonal before. So a whole diagonal is one step, and 28×28 pixels take
# 55 of them.
#
# On the right is the paper's trick to say this with arrays. Move row 1 by one column, row 2 by two,
# and so on: each diagonal becomes a column, and in the column before it stand, in the same row, the
# pixel's left neighbour, and one row higher the pixel above.
#
# Watch a whole scan. The numbers are the steps.

# %%
figures.diagonals_scanned()

# %% [markdown]
# And a step of the other direction.


# %%
def draw_step(t=3, direction="left to right"):
    return figures.wavefront(5, 8, t, mirrored=direction == "right to left")


course.interactive(
    draw_step,
    static=[{"t": 4, "direction": "right to left"}],
    t=(0, 11),
    direction=["left to right", "right to left"],
)

# %% [markdown]
# ## What the paper says (§3.2; Figure 3; Figure 4, right)
#
# For an input $x$ of $2h$ features on $n \times n$ pixels, and for each of the two directions:
#
# 1. **Input-to-state.** A 1×1 convolution $K^{is}$ with mask B makes $4h$ numbers of each pixel.
# 2. **Skew.** Row $r$ moves right by $r$: the map is now $n \times (2n-1)$, with padding. (The paper
#    skews first; a 1×1 gives the same on the real pixels before or after.)
# 3. **State-to-state.** Column by column, a convolution $K^{ss}$ of size 2×1 runs over the states
#    $h$ of the column before. It needs no mask, for that column is finished. Its result is added
#    to what step 1 gave, and the gates, $c$ and $h$ follow as in equation (3).
# 4. **Skew back**, to $n \times n$.
# 5. The other direction does the same from the other corner; its output is **shifted down by one
#    row** and added to the first one's.
#
# Skews move pixels about and compute nothing. Without them, steps 1 to 4 from left to right read
#
# $$z_{r,q} = x_{r,q} K^{is} + h_{r-1,q}\,K^{ss}_0 + h_{r,q-1}\,K^{ss}_1 + b$$
#
# $$o = \sigma(z^o), \quad f = \sigma(z^f), \quad i = \sigma(z^i), \quad g = \tanh(z^g),$$
#
# $$c_{r,q} = f \odot c_{r,q-1} + i \odot g, \qquad h_{r,q} = o \odot \tanh(c_{r,q}),$$
#
# and from right to left the same with $q+1$ in place of $q-1$.
#
# Three things are easily missed.
#
# *Two states come in, but one cell.* In the skewed map, time runs from column to column, and a cell
# hands its memory on in its own skewed row, to the horizontal neighbour. A cell with two
# predecessors would need a rule to mix two memories, with a forget gate for each; here there is one
# forget gate and one predecessor. What comes from above comes through $h$ alone.
#
# *Two taps are enough.* In the Row LSTM a wider kernel widens the triangle. Here the field already
# is all there is; a larger kernel would see nothing new.
#
# *What stands beside the image.* The paper learns the initial states (§5.2) but does not say where
# they are. Here every neighbour outside is the same learned pair $(h_0, c_0)$, above the first row
# as well as beside the first column. In the skewed map this means that padding has to be set back
# to $(h_0, c_0)$ at each step. Otherwise it would compute, and hand on, states of pixels that do not
# exist.

# %% [markdown]
# ## Slowly, as the paper draws it
#
# The skew, and its inverse:


# %%
def skew(x):
    """(H, W, F) → (H, H + W - 1, F): row r moves right by r; padding is zero."""
    H, W, F = x.shape
    y = np.zeros((H, H + W - 1, F))
    for r in range(H):
        y[r, r : r + W] = x[r]
    return y


def unskew(y):
    """(H, H + W - 1, F) → (H, W, F)."""
    H, W = len(y), y.shape[1] - len(y) + 1
    return np.stack([y[r, r : r + W] for r in range(H)])


# %% [markdown]
# Nine pixels, skewed. The pixel `e` comes to stand in column 2 (counted from 0). One column back,
# in its own row, stands `d`, its left neighbour; one row above that stands `b`, the pixel above
# `e`.

# %%
image = np.array([list("abc"), list("def"), list("ghi")])
numbers = np.arange(9.0).reshape(3, 3, 1)
assert np.array_equal(unskew(skew(numbers)), numbers)
figures.skewed(image)

# %% [markdown]
# Now the scan. A step takes the states of the last column, one in each skewed row. Its tap
# $K^{ss}_1$ reads the same row, $K^{ss}_0$ the row above, which is the same array moved down by one
# place, with $h_0$ on top.


# %%
def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def scan_skewed(x, p):
    """Steps 1 to 4, from left to right: x (H, W, 2h) → h (H, W, h), and what backward needs."""
    H, W, _ = x.shape
    z_is = skew(x @ p["K_is"][0, 0] + p["b"])
    real = skew(np.ones((H, W, 1))) == 1
    h, c = np.tile(p["h0"], (H, 1)), np.tile(p["c0"], (H, 1))
    columns, kept = [], []
    for t in range(H + W - 1):
        h_above = np.concatenate([p["h0"][None], h[:-1]])
        z = z_is[:, t] + h_above @ p["K_ss"][0, 0] + h @ p["K_ss"][1, 0]
        z_o, z_f, z_i, z_g = np.split(z, 4, axis=1)
        o, f, i, g = sigmoid(z_o), sigmoid(z_f), sigmoid(z_i), np.tanh(z_g)
        new = f * c + i * g
        kept.append((h_above, h, c, o, f, i, g, np.tanh(new)))
        columns.append(o * np.tanh(new))
        h = np.where(real[:, t], columns[-1], p["h0"])  # the padding
        c = np.where(real[:, t], new, p["c0"])
    return unskew(np.stack(columns, axis=1)), (real, kept)


# %% [markdown]
# $H + W - 1$ steps, each on a whole column: this is what makes the layer affordable.
#
# ## Slowly, without a skew
#
# The recurrence over pixels, one at a time. Around $h$ and $c$ there is a frame of one row and one
# column that holds the initial states, so pixel $(r, q)$ stands at $[r+1, q+1]$, and every pixel
# has both neighbours.


# %%
def scan_pixels(x, p):
    """From left to right: x (H, W, 2h) → gates (H, W, 4h), and h, c (H + 1, W + 1, h), framed."""
    H, W, _ = x.shape
    h, c = np.tile(p["h0"], (H + 1, W + 1, 1)), np.tile(p["c0"], (H + 1, W + 1, 1))
    gates = np.zeros((H, W, 4 * len(p["h0"])))
    for r, q in np.ndindex(H, W):
        here, above, left = (r + 1, q + 1), (r, q + 1), (r + 1, q)
        z = x[r, q] @ p["K_is"][0, 0] + p["b"]
        z += h[above] @ p["K_ss"][0, 0] + h[left] @ p["K_ss"][1, 0]
        z_o, z_f, z_i, z_g = np.split(z, 4)
        o, f, i, g = sigmoid(z_o), sigmoid(z_f), sigmoid(z_i), np.tanh(z_g)
        c[here] = f * c[left] + i * g
        h[here] = o * np.tanh(c[here])
        gates[r, q] = np.concatenate([o, f, i, g])
    return gates, h, c


# %% [markdown]
# ## Right to left: flip first, then skew
#
# There is no need to write it all again. Flip the image from left to right, scan as before, flip
# the result back. Only the order matters: the image is flipped **before** it is skewed. Here are
# both orders for nine pixels. Find `e`, and look one column back, in its own row and in the row
# above.


# %%
def skew_letters(grid):
    rows = [["·"] * r + list(row) + ["·"] * (len(grid) - 1 - r) for r, row in enumerate(grid)]
    return np.array(rows)


right_order, wrong_order = skew_letters(image[:, ::-1]), skew_letters(image)[:, ::-1]
figures.letters(
    {"flipped, then skewed: right": right_order, "skewed, then flipped: wrong": wrong_order},
    current="e",
    reads={
        "flipped, then skewed: right": [(1, 1), (0, 1)],
        "skewed, then flipped: wrong": [(1, 1), (0, 1)],
    },
)

# %% [markdown]
# Blue is what `e` reads: one column back, in its own row and in the row above. In the first panel these
# are `f` and `b`, its right neighbour and the pixel above, as they should be. In the second, `f` is in
# place, but where `b` should be there is padding.
#
# No error is raised. The shapes agree, nothing of the future leaks, and training works. The network
# just sees less than it should.
#
# ## Exercise 6.1 · The wrong order
#
# Which two pixels does pixel $(r, q)$ read when a map is skewed first and flipped then? Return a
# set of two pairs (row, column), without caring about the edge of the image.
#
# <details><summary>Hint</summary>
#
# Let the map have $n$ rows and columns. After the skew, pixel $(r, q)$ stands in column $q + r$;
# after the flip in column $(2n - 2) - (q + r)$. One column before it, in row $r$ and in row
# $r - 1$, stand two pixels: solve for their $q$. On a 5×5 map of numbers you can also look it up.
# </details>


# %%
def wrong_order_reads(r, q):
    pixels = ...  # your code: a set of two pairs
    return pixels


check.wrong_order_reads(wrong_order_reads)

# %% [markdown]
# ## Joining the two: the shift
#
# Now there are two maps of the same size. $L_{r,q}$ knows everything above and to the left of
# $(r, q)$; $R_{r,q}$ everything above and to the right, **and what lies to the right in the same
# row**. Those pixels come later in the raster order. To add $R_{r,q}$ to pixel $(r, q)$ would hand
# it the future.
#
# One row higher, $R_{r-1,q}$ knows only of rows up to $r-1$: all of it is past. So $R$ moves down
# by one row before the sum, and the first row gets zeros.

# %%
left = np.array([[f"l{3 * r + q + 1}" for q in range(3)] for r in range(3)])
right = np.array([[f"r{3 * r + q + 1}" for q in range(3)] for r in range(3)])
moved = np.concatenate([[["0"] * 3], right[:-1]])
both = np.char.add(np.char.add(left, "+"), moved)
figures.letters(
    {"L": left, "R": right, "R, shifted": moved, "L + shifted R": both},
    current="l5+r2",
    reads=["l5", "r2"],
)


# %% [markdown]
# The pixel in the middle, `e` of the nine letters, is given `l5`, which has seen a, b, d and e, and
# `r2`, which has seen b and c. The last row of $R$, r7 to r9, is used by nobody.
#
# Gradients can tell what each of these maps sees. We send a 1 back from one state and look at the
# layer's input. Look for the crosses.


# %%
def seen_by_scan(mirrored, row, column, height=7, width=11):
    """|d h[row, column] / d x| for one direction, not shifted: (H, W)."""
    seed = np.random.default_rng(0)
    scan = DiagonalLSTM(feature_groups(4, 1), 2, 1, seed, reverse=mirrored, dtype="float64")
    y, cache = scan.forward(seed.standard_normal((1, height, width, 4)))
    dy = np.zeros_like(y)
    dy[0, row, column] = 1
    return np.abs(scan.backward(dy, cache)[0][0]).sum(axis=-1)


def draw_scans(row=4, column=5):
    L, R = seen_by_scan(False, row, column), seen_by_scan(True, row, column)
    R_shifted = seen_by_scan(True, row - 1, column) if row else np.zeros_like(R)
    shown = {"L": L, "R, not shifted": R, "R, shifted": R_shifted, "L + shifted R": L + R_shifted}
    return figures.fields(shown, (row, column), columns=2, own=True)


course.interactive(draw_scans, row=(0, 6), column=(0, 10))

# %% [markdown]
# A cross is a pixel that is seen and must not be: without the shift there are five of them. With
# it, the two halves overlap above and leave no yellow pixel. Inside the network this is as it
# should be: a layer after mask A may see its own pixel's features, which know nothing of the
# pixel's value.
#
# Two mistakes are easily made. One sets the last row of $R$ to zero where it should move
# all rows down: everything stays in place, crosses included. The other pads the 2×1 convolution
# below instead of above, so that it reads row $r+1$. Either gives wonderful likelihoods and useless
# samples; [11](11_catch_the_leak.ipynb) rebuilds such bugs and shows the tests that find them.
#
# ## Fast
#
# `pixelrnn_np/layers/diagonal_bilstm.py` scans the real pixels of each diagonal and skips the
# padding. Three answers, then, to one question: on the skewed map, pixel by pixel, and compiled.
# Random parameters again, initial states included.


# %%
def shift_down(R):
    """Row r of the result is row r - 1 of R; the first row is zero."""
    moved = np.zeros_like(R)
    moved[1:] = R[:-1]
    return moved


def flip(x):
    return x[:, ::-1]


F = 3  # h
bilstm = DiagonalBiLSTM(feature_groups(2 * F, 1), F, 1, rng, dtype="float64")
gradcheck.randomise(bilstm, rng)
p_left, p_right = bilstm.l2r.params, bilstm.r2l.params

x = rng.standard_normal((2, 4, 6, 2 * F))
y, cache = bilstm.forward(x)
for image_x, image_y in zip(x, y, strict=True):
    skewed = scan_skewed(image_x, p_left)[0]
    skewed = skewed + shift_down(flip(scan_skewed(flip(image_x), p_right)[0]))
    L = scan_pixels(image_x, p_left)[1][1:, 1:]
    R = flip(scan_pixels(flip(image_x), p_right)[1][1:, 1:])
    assert np.allclose(skewed, L + shift_down(R), rtol=0, atol=1e-12)
    assert np.allclose(skewed, image_y, rtol=0, atol=1e-12)
difference = np.abs(skewed - image_y).max()
print(f"skewed, pixel by pixel and compiled agree; largest difference: {difference:.0e}")

# %% [markdown]
# With three colours there is one thing more: $K^{is}$ stands for $K^{is} \odot M$ with mask B, as
# in [03](03_masked_convolution.ipynb). A 1×1 mask B on one colour is all ones. $K^{ss}$ has no mask
# in either case: it reads finished pixels only.
#
# ## What it costs
#
# The Row LSTM takes a step per row, the Diagonal BiLSTM one per diagonal and direction, a loop over
# pixels one per pixel. Fewer steps mean larger ones, and large steps are what arrays and processors
# are good at.

# %%
sizes = (8, 28, 32, 64)
padding = [f"{(n - 1) / (2 * n - 1):.0%}" for n in sizes]
figures.Table(
    ["image", "pixels", "Row LSTM, steps", "diagonal, steps of each scan", "skewed map, padding"],
    [[f"{n}×{n}", n * n, n, 2 * n - 1, p] for n, p in zip(sizes, padding, strict=True)],
)

# %% [markdown]
# All this is about an image that is *known*: in training, or to compute a likelihood. To **draw**
# an image, a pixel has to wait for its left neighbour's value, not only for its state, and takes
# $n^2$ steps with either network.
#
# ## The one pixel that it misses
#
# A layer sees all features of earlier pixels. Does the *network* see all earlier pixels? The
# features come from the 7×7 convolution with mask A at the entrance, so we ask the whole network,
# from logit to image. Guess first, with pencil and paper: which pixel could be left out?


# %%
def network_field(row, column, layers=1, height=7, width=13):
    size = {"h": 4, "layers": layers, "head": 8, "dtype": "float64"}
    net = pr.build_model("diagonal_bilstm", (height, width, 1), **size)
    gradcheck.randomise(net, np.random.default_rng(2))
    images = np.random.default_rng(3).integers(0, 2, (8, height, width, 1), np.uint8)
    return explain.influence(net, images, row, column)


def draw_network(row=5, column=4, layers=1):
    title = f"row {row}, column {column}; {layers} layer{'s' * (layers > 1)}"
    return figures.fields({title: network_field(row, column, layers)}, (row, column))


course.interactive(
    draw_network,
    static=[{"row": 5, "column": 4, "layers": 2}, {"row": 2, "column": 8}],
    row=(0, 6),
    column=(0, 12),
    layers=[1, 2, 3],
)

# %% [markdown]
# One square stays yellow: the last pixel of the previous row. Why that one? Let $n$ be the number
# of columns, and ask where the value at $(r-1, q')$ first shows.
#
# Mask A hides a pixel from its own features. So its value shows first in the features of its three
# *right* neighbours, and of pixels in the three rows below. The right-to-left scan, shifted, reads
# features of rows up to $r-1$. In them it finds every pixel of row $r-1$ but the one that has no right
# neighbour: the last.
#
# In row $r$ there are features that hold it, from column $n-4$ on. But of its own row, pixel $(r, q)$
# reads only up to its own column. So it finds the value when $q \ge n-4$, and misses it when the last
# column lies **more than three columns to its right**. Further layers do not help: they pass on
# features, and no feature that they may read holds that value. (With three colours it is the last
# colour of that pixel.)
#
# The paper speaks of the entire context, which is true of the layers, and of the pixels up to this
# one. How much does it matter? Little: it is one pixel of hundreds, at the edge, and the pixels
# around it are all seen. But a test that demands the *whole* context fails on a correct network,
# and one that excuses too much lets real bugs through. So this project's tests ask for exactly
# this:

# %%
net = checks.small_model("diagonal_bilstm", np.random.default_rng(4), (3, 8, 1), 2)
reads = checks.dependence(net, rng.integers(0, 2, (16, 3, 8, 1), np.uint8))
earlier = np.tri(24, k=-1, dtype=bool)
assert not (reads & ~earlier).any(), "no prediction may see its own or a later pixel"
missed = [[divmod(int(k), 8) for k in pair] for pair in np.argwhere(earlier & ~reads)]
figures.Table(["prediction of (row, column)", "misses"], missed)

# %% [markdown]
# ## Exercise 6.2 · How many miss it?
#
# In an $H \times W$ image of one colour, with a first layer of $k \times k$ ($k$ odd; 7 in the
# paper) and mask A, how many predictions miss a pixel? Return a whole number.
#
# <details><summary>Hint</summary>
#
# For $k = 7$, in which columns of a row do predictions miss it? What becomes of the 3 for another
# $k$? Which row has no previous row? And take care of images that are narrower than the kernel.
# </details>


# %%
def how_many_miss(H, W, k):
    count = ...  # your code
    return count


check.how_many_miss(how_many_miss)

# %% [markdown]
# ## Inside a trained network
#
# Two layers, trained for a few seconds on 8×8 digits. First what the left-to-right scan of the
# first layer makes of a test image, then the other direction, not yet shifted; one of the eight
# features each, picked since they show it well.

# %%
model = pr.build_model("diagonal_bilstm", (8, 8, 1), levels=2, h=8, layers=2, head=16, seed=0)
train, test = (pr.load_data("digits", split, levels=2) for split in ("train", "test"))
before = model.nll(test).mean()
pr.Trainer(model, optimizer="adam", lr=3e-3).fit(train, epochs=8, progress=False)
print(f"nats per image: {before:.1f} before, {model.nll(test).mean():.1f} after training")

record = pr.record(model, test[:1])
course.show(
    figures.gate_maps(record, "blocks.0.lstm.l2r", feature=5),
    figures.gate_maps(record, "blocks.0.lstm.r2l", feature=0),
)

# %% [markdown]
# Compare the two cells, c. In the first the forget gate is open over most of each row, and what the
# content gate adds piles up from left to right, until in the last columns the content changes its
# sign. In the second it piles up from right to left. Each row begins anew, at its own end: that is
# the carried cell. What is piled up differs from row to row, as the input and the $h$ from above
# decide.
#
# `pr.record` keeps all tensors of both passes; `shifted` is $R$ one row down, and `lstm` the sum.
# Step through them; `record.to_html("record.html")` writes the steps as a page, with their equations.


# %%
def draw_tensor(name="blocks.0.lstm.shifted"):
    maps = record[name][0]
    shown = {f"feature {k}": maps[..., k] for k in range(8)}
    return figures.feature_maps(shown, columns=4, signed=bool(maps.min() < 0), label=name)


steps = [name for name in [*record.forward, *record.backward] if "blocks.0" in name]
course.interactive(draw_tensor, name=steps)

# %% [markdown]
# ## Backwards, step by step
#
# As in [05](05_row_lstm.ipynb), with other neighbours. The layer above hands us $dy$, the gradient
# of the loss with respect to the sum. The rule is the old one: where two arrows leave a box, two
# gradients come back and are added.
#
# **1. Through the sum and the shift.** $y = L + \text{shift}(R)$, so $dL = dy$. Row $r-1$ of $R$
# went into row $r$ of $y$ and nowhere else, hence
#
# $$dR_{r} = dy_{r+1}, \qquad dR_{H-1} = 0:$$
#
# a shift up, the *adjoint* of the shift down: the same arrows, backwards. Nobody read the last row of
# $R$, and nothing comes back to it.
#
# **2. Through the flip.** It moves pixels about; its adjoint moves them back. So $R$ is treated as
# $L$ on the flipped image, and from here on we look at left to right alone.
#
# **3. Into the state.** Three arrows leave $h_{r,q}$: to the layer above, to the pixel below and to
# the pixel on the right.
#
# $$dh_{r,q} = dy_{r,q} + \left(\text{from } (r+1,q)\right) + \left(\text{from } (r,q+1)\right).$$
#
# Both must have been done before. They stand on the next diagonal, so diagonals are taken from the
# last to the first, and within one the order does not matter.
#
# **4. Through $h = o \odot \tanh(c)$ and $c = f \odot c_{r,q-1} + i \odot g$.** As before, but the
# cell has just one reader, on its right:
#
# $$do = dh \odot \tanh(c),$$
#
# $$dc = dh \odot o \odot (1 - \tanh^2(c)) + \left(\text{from } (r,q+1)\right),$$
#
# $$df = dc \odot c_{r,q-1}, \qquad di = dc \odot g, \qquad dg = dc \odot i,$$
#
# $$dc_{r,q-1} \mathrel{+}= dc \odot f.$$
#
# **5. Through the nonlinearities.** As before, and $dz$ is these four side by side:
#
# $$dz^o = do \odot o(1-o), \qquad dz^f = df \odot f(1-f),$$
#
# $$dz^i = di \odot i(1-i), \qquad dz^g = dg \odot (1-g^2).$$
#
# **6. Through the products.** $z$ is a sum of three products and a bias. Each of $x$, $h_{r-1,q}$
# and $h_{r,q-1}$ gets its share, and so does each matrix:
#
# $$dx_{r,q} = dz\,K^{is\top}, \qquad dK^{is} = \sum x_{r,q}^\top dz,$$
#
# $$dh_{r-1,q} \mathrel{+}= dz\,K^{ss\top}_0, \qquad dK^{ss}_0 = \sum h_{r-1,q}^\top dz,$$
#
# $$dh_{r,q-1} \mathrel{+}= dz\,K^{ss\top}_1, \qquad dK^{ss}_1 = \sum h_{r,q-1}^\top dz,$$
#
# and $db = \sum dz$, each sum over all pixels. (With colours, $dK^{is}$ gets the mask of $K^{is}$,
# as in [03](03_masked_convolution.ipynb).)
#
# **7. Outside.** Whatever was sent to a neighbour outside the image belongs to $h_0$ and $c_0$,
# which stand there everywhere: it is summed up. In the code below it has collected in the frame.


# %%
def scan_pixels_backward(dy, x, p, gates, h, c):
    """One direction of one image: dy (H, W, h) → dx (H, W, 2h), {parameter: gradient}."""
    H, W, _ = x.shape
    dx, grads = np.zeros_like(x), {name: np.zeros_like(a) for name, a in p.items()}
    dh, dc = np.zeros_like(h), np.zeros_like(c)
    dh[1:, 1:] = dy  # 3
    for t in reversed(range(H + W - 1)):
        for r in range(max(0, t - W + 1), min(H, t + 1)):
            q = t - r
            here, above, left = (r + 1, q + 1), (r, q + 1), (r + 1, q)
            o, f, i, g = np.split(gates[r, q], 4)
            do = dh[here] * np.tanh(c[here])  # 4
            dc[here] += dh[here] * o * (1 - np.tanh(c[here]) ** 2)
            df, di, dg = dc[here] * c[left], dc[here] * g, dc[here] * i
            dc[left] += dc[here] * f
            parts = do * o * (1 - o), df * f * (1 - f), di * i * (1 - i), dg * (1 - g**2)
            dz = np.concatenate(parts)  # 5
            dx[r, q] = dz @ p["K_is"][0, 0].T  # 6
            dh[above] += dz @ p["K_ss"][0, 0].T
            dh[left] += dz @ p["K_ss"][1, 0].T
            grads["K_is"][0, 0] += np.outer(x[r, q], dz)
            grads["K_ss"][0, 0] += np.outer(h[above], dz)
            grads["K_ss"][1, 0] += np.outer(h[left], dz)
            grads["b"] += dz
    grads["h0"] = dh[0].sum(axis=0) + dh[1:, 0].sum(axis=0)  # 7
    grads["c0"] = dc[0].sum(axis=0) + dc[1:, 0].sum(axis=0)
    return dx, grads


def bilstm_backward(dy, x, p_left, p_right):
    """One image: dy (H, W, h) → dx, the gradients of both directions' parameters."""
    dR = np.zeros_like(dy)
    dR[:-1] = dy[1:]  # 1
    dx_L, grads_L = scan_pixels_backward(dy, x, p_left, *scan_pixels(x, p_left))
    kept = scan_pixels(flip(x), p_right)
    dx_R, grads_R = scan_pixels_backward(flip(dR), flip(x), p_right, *kept)  # 2
    grads = {f"l2r.{k}": g for k, g in grads_L.items()}
    return dx_L + flip(dx_R), grads | {f"r2l.{k}": g for k, g in grads_R.items()}


dy = rng.standard_normal(y.shape)
dx, grads = bilstm.backward(dy, cache)
parts = [bilstm_backward(dy[n], x[n], p_left, p_right) for n in range(len(x))]
for n, (dx_slow, _) in enumerate(parts):
    assert np.allclose(dx[n], dx_slow, rtol=0, atol=1e-12)
for name, gradient in grads.items():
    assert np.allclose(gradient, sum(part[1][name] for part in parts), rtol=0, atol=1e-11), name
print(f"slow and fast gradients agree for dx and {len(grads)} arrays of parameters")

# %% [markdown]
# ## Exercise 6.3 · One diagonal back
#
# Step 6 for a whole column of the skewed map, without a loop. (The next section needs it.) Going
# forward, a column of states `h`, shape $(H, F)$ with $F$ for the paper's $h$, gives the next column
#
#     h_above = np.concatenate([h0[None], h[:-1]])
#     z = h_above @ K[0] + h @ K[1]
#
# with `K` of shape $(2, F, 4F)$. Given `dz`, shape $(H, 4F)$, return two arrays: what arrives at
# `h`, shape $(H, F)$, and what arrives at `h0`, shape $(F,)$. (Leave the padding aside.)
#
# <details><summary>Hint</summary>
#
# `dz @ K[0].T` is the gradient of `h_above`, row by row. Which row of `h` was in row $r$ of
# `h_above`? And which row of `h_above` was not in `h` at all?
# </details>


# %%
def one_diagonal_back(dz, K):
    dh = ...  # your code: (H, F)
    dh0 = ...  # and (F,)
    return dh, dh0


check.one_diagonal_back(one_diagonal_back)

# %% [markdown]
# ## Backwards on the skewed map
#
# The derivation above is right and slow: a loop over pixels. What one would really write walks back
# over the **columns** of the skewed map, a whole diagonal at a step, as the scan went forward. The
# products are the same. New is one question: what becomes of the padding?
#
# Column $t$ hands states to column $t+1$. On real pixels they are what it computed. On padding they
# were **set** to $h_0$ and $c_0$. So, with $m_t = 1$ on real pixels and 0 on padding, one number for
# each skewed row:
#
# $$h_t^{\text{handed on}} = m_t \odot h_t + (1 - m_t) \odot h_0,$$
#
# and the same for $c$. Two arrows lead into each entry, and one of them is always shut. The
# gradient takes the open one. Column by column, from the last to the first; `dh` and `dc` are what
# column $t+1$ has sent back:
#
# **1. The padding.** What arrives where $m_t = 0$ goes to $h_0$ and $c_0$, and ends there:
# $dh_0 \mathrel{+}= \sum_r (1 - m_t)\, dh$ and $dc_0 \mathrel{+}= \sum_r (1 - m_t)\, dc$.
#
# **2. Into the state.** The rest meets what the layer above sends: $dh_t = m_t \odot dh + dy_t$ and
# $dc_t = m_t \odot dc$. The skewed $dy$ is zero on padding. So from here on all of a padding row's
# gradients are zero, $dz$ too: the gates of a pixel that does not exist teach nobody.
#
# **3. Through cell and gates**, as in steps 4 and 5 above, for all rows of the column at once.
#
# **4. Through $K^{ss}$.** Forward, row $r$ read `h[r]` with $K^{ss}_1$ and `h_above[r]`, that is
# `h[r - 1]`, with $K^{ss}_0$; row 0 read $h_0$. Backward, with $a = dz\,K^{ss\top}_0$:
#
# $$dh_{t-1}[r] = \left(dz\,K^{ss\top}_1\right)[r] + a[r+1], \qquad dh_0 \mathrel{+}= a[0].$$
#
# Forward the column moved down, backward it moves **up**. And the cell hands $dc \odot f$ to its own
# row.
#
# **5. Before column 0** every row held $h_0$ and $c_0$: what is left in `dh` and `dc` is theirs.
#
# $K^{ss}$, $K^{is}$ and $b$ do not wait for one another. Collect $dz$, and each is a product over all
# columns.
#
# Which padding is read by a real pixel? The cells just before a row's first pixel: with $H$ rows,
# $H - 1$ of them, and column "−1" for row 0. Here `0` marks them in nine pixels; the others are read by
# padding only, and what *they* send back is zero.

# %%
padded = skew_letters(image)
for r in range(1, 3):
    padded[r, r - 1] = "0"
figures.letters(
    {"padding that is read": padded},
    reads="0",
    alt="""The nine letters skewed, three rows of five columns. The padding cell just before d,
    and the one just before g, are marked: there a real pixel reads h0 and c0.""",
)


# %%
def scan_skewed_backward(dy, x, p, cache):
    """One direction of one image: dy (H, W, h) → dx (H, W, 2h), {parameter: gradient}."""
    real, kept = cache
    dy = skew(dy)
    dh, dc = np.zeros_like(dy[:, 0]), np.zeros_like(dy[:, 0])
    dh0, dc0, dz = np.zeros_like(p["h0"]), np.zeros_like(p["c0"]), [None] * len(kept)
    for t in reversed(range(len(kept))):
        _, _, c, o, f, i, g, tanh_c = kept[t]
        dh0 += (~real[:, t] * dh).sum(axis=0)  # 1
        dc0 += (~real[:, t] * dc).sum(axis=0)
        dh, dc = real[:, t] * dh + dy[:, t], real[:, t] * dc  # 2
        dc = dc + dh * o * (1 - tanh_c**2)  # 3
        parts = dh * tanh_c * o * (1 - o), dc * c * f * (1 - f), dc * g * i * (1 - i)
        dz[t] = np.concatenate([*parts, dc * i * (1 - g**2)], axis=1)
        dabove, dh = dz[t] @ p["K_ss"][0, 0].T, dz[t] @ p["K_ss"][1, 0].T  # 4
        dh[:-1] += dabove[1:]
        dh0 += dabove[0]
        dc = dc * f
    grads = {"h0": dh0 + dh.sum(axis=0), "c0": dc0 + dc.sum(axis=0)}  # 5
    dK = [sum(column[k].T @ d for column, d in zip(kept, dz, strict=True)) for k in (0, 1)]
    dz = unskew(np.stack(dz, axis=1))
    grads |= {"K_ss": np.stack(dK)[:, None], "b": dz.sum(axis=(0, 1))}
    grads["K_is"] = np.einsum("rqa,rqb->ab", x, dz)[None, None]
    return dz @ p["K_is"][0, 0].T, grads


for n in range(len(x)):
    dx_pixels, by_pixels = scan_pixels_backward(dy[n], x[n], p_left, *scan_pixels(x[n], p_left))
    cache_skewed = scan_skewed(x[n], p_left)[1]
    dx_skewed, by_columns = scan_skewed_backward(dy[n], x[n], p_left, cache_skewed)
    assert np.allclose(dx_skewed, dx_pixels, rtol=0, atol=1e-12)
    for name in p_left:
        assert np.allclose(by_columns[name], by_pixels[name], rtol=0, atol=1e-11), name
print("columns of the skewed map and pixels give the same gradients, h0 and c0 included")

# %% [markdown]
# Two mistakes are worth making once. Throw the padding's gradient away (no step 1), and every array is
# right but $h_0$ and $c_0$. Let it run on (no mask in step 2), and the gates of pixels that do not
# exist get gradients, so $K^{ss}$ is wrong as well. Neither raises an error, and $dx$ is right with both.
# Finite differences of the parameters find them at once, **if the initial states are not zero**. That
# is why `randomise` comes before every check.

# %% [markdown]
# ### Are they right?
#
# Take $c_0$ of the right-to-left scan. It enters at every row's right end, is carried to the left
# by forget gates, shows in $h$, moves down a row in the shift: a wrong sign or a forgotten row
# anywhere on this way would show.

# %%
eps, c0 = 1e-5, p_right["c0"]


def loss_at(value):
    kept = c0[1]
    c0[1] = value
    result = (bilstm.forward(x)[0] * dy).sum()
    c0[1] = kept
    return result


numeric = (loss_at(c0[1] + eps) - loss_at(c0[1] - eps)) / (2 * eps)
print(f"numerically {numeric:.10f}, by hand {grads['r2l.c0'][1]:.10f}")

# %% [markdown]
# And every entry of every array:

# %%
errors = gradcheck.check_layer(bilstm, x, rng)
assert max(errors.values()) < 1e-6
course.errors(errors, {"x": x, **bilstm.params})

# %% [markdown]
# ## Drawing, a pixel at a time
#
# Running the whole layer for every new pixel would compute everything again $n^2$ times. States of
# earlier pixels never change, so keep those that will still be read, and each pixel costs one cell.
# Which are they? Blue in the figure. One row of states is enough (for the Row LSTM one row and
# $(k-1)/2$ states more), and as drawing goes on it is written over from the left.


# %%
def draw_kept(row=2, column=3, k=3):
    return figures.states_kept(5, 8, row, column, k)


shown = [{"row": 2, "column": 3}]
course.interactive(draw_kept, static=shown, row=(1, 4), column=(0, 7), k=[3, 5])

# %% [markdown]
# The Row LSTM keeps $h$ and $c$, the left-to-right scan $h$ of the row and a single $c$, that of the
# left neighbour. The third panel is different: the right-to-left scan has nothing in row $r$ yet. It
# begins at the right end, where no pixel is drawn. **It can only be done when its row is finished, and
# then the whole row at once.** The shift makes that early enough: row $r$ reads $R_{r-1}$.
#
# The Row LSTM as it draws. A pixel of `x` is used only once it would have been drawn.


# %%
def lstm_cell(z, c_before):
    """One pixel: z (4h,), the cell before (h,) → h, c."""
    z_o, z_f, z_i, z_g = np.split(z, 4)
    c = sigmoid(z_f) * c_before + sigmoid(z_i) * np.tanh(z_g)
    return sigmoid(z_o) * np.tanh(c), c


def row_lstm_stepwise(x, p, k=3):
    """The Row LSTM's output, pixel by pixel: x (H, W, 2h) → (H, W, h)."""
    H, W, _ = x.shape
    y, s = np.zeros((H, W, len(p["h0"]))), k // 2
    h, c = np.tile(p["h0"], (W, 1)), np.tile(p["c0"], (W, 1))  # of the row above
    for r in range(H):
        new_h, new_c = np.zeros_like(h), np.zeros_like(c)
        for q in range(W):
            z = p["b"].copy()
            for column in range(max(0, q - s), min(W, q + s + 1)):
                v = column - q + s  # which tap
                z += h[column] @ p["K_ss"][0, v]
                if column <= q:
                    z += x[r, column] @ p["K_is"][0, v]
            y[r, q], new_c[q] = new_h[q], _ = lstm_cell(z, c[q])
        h, c = new_h, new_c
    return y


row_lstm = RowLSTM(feature_groups(2 * F, 1), F, 1, rng, dtype="float64")
gradcheck.randomise(row_lstm, rng)
for image_x, image_y in zip(x, row_lstm.forward(x)[0], strict=True):
    by_pixels = row_lstm_stepwise(image_x, row_lstm.params)
    assert np.allclose(by_pixels, image_y, rtol=0, atol=1e-12)

# %% [markdown]
# And the Diagonal BiLSTM. One row of $h$ is enough for the left-to-right scan: `h_row` holds the
# row above from column $q$ on, and this row before it.


# %%
def bilstm_stepwise(x, p_left, p_right):
    """The Diagonal BiLSTM's output, pixel by pixel: x (H, W, 2h) → (H, W, h)."""
    H, W, _ = x.shape
    p, y = p_left, np.zeros((H, W, len(p_left["h0"])))
    h_row = np.tile(p["h0"], (W, 1))
    for r in range(H):
        h, c = p["h0"], p["c0"]
        for q in range(W):
            z = x[r, q] @ p["K_is"][0, 0] + p["b"]
            z += h_row[q] @ p["K_ss"][0, 0] + h @ p["K_ss"][1, 0]
            h, c = lstm_cell(z, c)
            h_row[q] = y[r, q] = h
        if r:  # R of the finished rows: here all of them again; exercise 6.4 does one
            y[r] += flip(scan_pixels(flip(x[:r]), p_right)[1][1:, 1:])[-1]
    return y


for image_x, image_y in zip(x, y, strict=True):
    by_pixels = bilstm_stepwise(image_x, p_left, p_right)
    assert np.allclose(by_pixels, image_y, rtol=0, atol=1e-12)
print("pixel by pixel, with one row kept: the same as the whole layers")

# %% [markdown]
# ## Exercise 6.4 · A row of R, when it is finished
#
# Write the step that `bilstm_stepwise` does so wastefully. A row has just been drawn. Given
# `z_is`, shape $(W, 4h)$, which is $x_{r,q} K^{is} + b$ of its pixels, `h_above`, shape $(W, h)$, the
# states of the right-to-left scan in the row above, and `K` ($K^{ss}$, shape $(2, h, 4h)$: above,
# beside), `h0` and `c0`, return the states of the right-to-left scan in this row, $(W, h)$.
#
# <details><summary>Hint</summary>
#
# Which pixel is first? Which $h$ and which $c$ does it find beside it? The cell is carried along the
# row, as in `bilstm_stepwise`. A cell of your own takes four lines; `h_above` must not be changed.
# </details>


# %%
def finish_row(z_is, h_above, K, h0, c0):
    h = ...  # your code: (W, h)
    return h


check.finish_row(finish_row)

# %% [markdown]
# ## Two directions, two kinds of memory
#
# To see something and to be able to learn from it are two things. Follow a gradient back from the
# lower right corner of a fresh left-to-right layer, along the row, and up the column.
#
# Along the row it can travel on the cells, where forget gates are all that it is multiplied by. Up
# the column there are no cells to travel on: at each row it has to pass through
# $h = o \odot \tanh(c)$, through the derivatives of the gates, and through the matrix $K^{ss}_0$.
#
# Guess before you look: of what enters at the corner, which share arrives sixteen pixels to the left,
# and which sixteen pixels up?


# %%
def gradient_by_distance(bias, n=17, features=8):
    """Mean |dx| when the last pixel alone has a loss, d pixels to the left, and d above: (n,)."""
    seed, groups = np.random.default_rng(0), feature_groups(2 * features, 1)
    scan = DiagonalLSTM(groups, features, 1, seed, reverse=False, dtype="float64")
    scan.params["b"][features : 2 * features] = bias
    y, cache = scan.forward(np.random.default_rng(1).standard_normal((8, n, n, 2 * features)))
    dy = np.zeros_like(y)
    dy[:, -1, -1] = 1
    size = np.abs(scan.backward(dy, cache)[0]).mean(axis=(0, 3))
    return size[-1, ::-1], size[::-1, -1]


def draw_distance(bias=4.0):
    named = {}
    for b in (1.0, bias):
        row, column = gradient_by_distance(b)
        named[f"row, forget bias {b:g}"] = np.arange(len(row)), row
        named[f"column, forget bias {b:g}"] = np.arange(len(row)), column
    return figures.lines(named, "distance in pixels", "mean |dx|", log=True, markers=False)


course.interactive(draw_distance, bias=(-1.0, 6.0, 0.5))

# %% [markdown]
# With a forget bias of 1, less than a hundredth along the row. Up the column each row leaves about
# an eighth of what came, and $(1/8)^{16}$ is less than $10^{-14}$. A higher forget
# bias keeps the memory along the row and does nothing for the column. These are initial weights,
# which training changes; and in a network the column is not the only way up, since the first
# layer's kernel reaches three rows up and every further layer climbs again. Still, it is worth
# knowing what a picture of the field does not tell: the cells of a Row LSTM remember down the
# image, those of a Diagonal BiLSTM along its rows.
#
# ## What to take away
#
# - Each pixel reads two finished states, above and beside; two scans from the two upper corners see
#   all features above, and those to the left in the same row.
# - The skew turns a diagonal into a column, so that a whole diagonal is one step: $2n-1$ of them in
#   place of $n^2$. Flip before the skew; keep the padding at $(h_0, c_0)$.
# - The right-to-left map moves down by one row before the sum. Without it the future leaks in.
# - After a 7×7 mask A, one pixel is missed: the last of the previous row, when it lies more than
#   three columns to the right.
# - Backwards, diagonals go from the last to the first. What reaches padding goes to $h_0$ and $c_0$ and
#   ends there. Cells carry gradients along the rows only; between rows it is all $h$ and $K^{ss}$.
# - Drawing keeps one row of states in each scan; the right-to-left one waits until its row is finished.
#
# In the package: `layers/diagonal_bilstm.py`, `reference/diagonal_lstm.py` (the plain twin, which
# knows no skew), `kernels/diagonal_lstm.py` (the fast one).
#
# ## Further reading
#
# - The paper: §3.2 of [Pixel Recurrent Neural Networks](https://arxiv.org/abs/1601.06759).
# - The source: [layers/diagonal_bilstm.py](../pixelrnn_np/layers/diagonal_bilstm.py),
#   [reference/diagonal_lstm.py](../pixelrnn_np/reference/diagonal_lstm.py).
# - A. Graves, S. Fernández and J. Schmidhuber, *Multi-Dimensional Recurrent Neural Networks* (2007,
#   [arXiv:0705.2011](https://arxiv.org/abs/0705.2011)): cells with a forget gate for each
#   direction.
#
# Solutions to the exercises: [solutions/06_diagonal_bilstm](solutions/06_diagonal_bilstm.ipynb).
# Next: [07 · Residual and skip connections](07_residual_and_skip.ipynb), which stacks a dozen Row
# LSTM layers.
