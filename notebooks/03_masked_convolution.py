# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 03 · Masked convolution: looking back, never ahead
#
# **What you will do.** Build the masks A and B of §3.4, in grey and in colour; write a convolution
# that obeys them, and its gradient; and let a mask fail, to see what a leak looks like.
#
# **What you will learn.** How one convolution computes the features of all pixels at once although
# each may see only earlier ones; why the first layer needs another mask than all later ones; how
# red, green and blue wait for each other inside one pixel.
#
# **What you need.** The chain rule of probabilities ([01](01_pixel_by_pixel.ipynb)), what a layer,
# a kernel and a convolution are ([02b](02b_networks_in_ten_minutes.ipynb)), and NumPy. Nothing here
# needs the internet or more than a minute.

# %%
import numpy as np

import pixelrnn_np as pr
from pixelrnn_np import course, figures
from pixelrnn_np.course import n03 as check
from pixelrnn_np.inspection import checks, gradcheck
from pixelrnn_np.layers.masked_conv import MaskedConv
from pixelrnn_np.layers.masks import conv_mask, feature_groups

rng = np.random.default_rng(3)

# %%
figures.you_are_here("03")

# %% [markdown]
# ## The idea
#
# The model predicts every pixel from the pixels before it, in raster order. Done one pixel at a
# time, a 28×28 image takes 784 runs of the network. In training, though, the whole image is known,
# and a convolution works on all pixels at once. It only has to be kept from looking at what it is
# about to predict.
#
# An ordinary 3×3 convolution looks at all neighbours. Set the weights that point ahead to zero, and
# what remains looks back: at the rows above, and at the pixels to the left.
#
# One question is left: the pixel itself, in the middle.

# %%
figures.masks({f"mask {kind}": conv_mask(kind, 3, 3, [0], [0])[..., 0, 0] for kind in "AB"})

# %% [markdown]
# **Mask A** hides the pixel itself. The first layer needs it, because there the middle of the
# window is the very value that is to be predicted.
#
# **Mask B** shows it. From the second layer on, the middle of the window is a *feature* of that
# pixel, and this feature was made by mask A from earlier pixels alone. To read it is harmless, and
# to hide it again would throw away the best summary there is.
#
# So: A once, at the entrance, and B everywhere after.
#
# Here mask A slides over an image of small numbers. Blue is read, grey is hidden. Follow one sum:
# four numbers of the image, each times the number of the kernel that lies on it.

# %%
image = np.array([[2, 0, 1, 3], [1, 2, 0, 1], [0, 3, 1, 2], [1, 0, 2, 0]])
kernel = np.array([[1, 2, -1], [3, 0, 0], [0, 0, 0]])
figures.mask_sliding(image, kernel, "A")

# %% [markdown]
# ## What the paper says (§3.4; Figure 2, right)
#
# With kernel $K$, mask $M$ and bias $b$, features being row vectors, a masked convolution is
#
# $$y_{r,q} = b + \sum_t x_{r+t_r,\,q+t_q}\,(K \odot M)_t,$$
#
# where $r$ is a row, $q$ a column, and the *tap* $t = (t_r, t_q)$ runs over the kernel with $(0,0)$
# in its middle. $x$ is zero outside the image, and $\odot$ multiplies entry by entry. For one
# colour, $M_t$ is 1 for taps that come before the middle in raster order, $t_r < 0$, or $t_r = 0$
# and $t_q < 0$; in the middle it is 0 (A) or 1 (B); elsewhere 0.
#
# With three colours, a pixel is predicted in three steps: R from earlier pixels, G from those and
# R, B from those and both ([01](01_pixel_by_pixel.ipynb), equation 2). Therefore **every feature
# of every layer belongs to a colour**. A feature of R may never know the pixel's G; a feature of G
# may. In the middle of the kernel the mask becomes a small table between colours: may an output of
# this colour (row) read an input of that colour (column)?

# %%
colours = [0, 1, 2]
figures.masks(
    {
        f"the middle of mask {kind}": conv_mask(kind, 1, 1, colours, colours)[0, 0].T
        for kind in "AB"
    },
    labels="RGB",
)

# %% [markdown]
# With R, G, B as 0, 1, 2, for an output feature $k$ and an input feature $j$:
#
# $$M_{(0,0)}[j, k] = \begin{cases} 1 \text{ if } \operatorname{colour}(k) > \operatorname{colour}(j) &
#   \text{mask A,}\\ 1 \text{ if } \operatorname{colour}(k) \ge \operatorname{colour}(j) &
#   \text{mask B,}\end{cases}$$
#
# and 0 otherwise.
#
# Mind the order. Features are row vectors and a product is $x K$, so in the *array* the input comes
# first, $[j, k]$. The *table* above, as is usual, has a row for each output: it is the transpose,
# which is why its code says `.T`.
#
# The rest of the kernel does not ask for colours: an earlier pixel is finished, all of it may be
# read.
#
# How many features does each colour get when three does not divide their number? The paper does not
# say. Here those of a colour stand together, and their numbers are as equal as possible: of $m$
# features and $C$ colours, feature $k$ has colour $\lfloor C k / m \rfloor$.

# %%
figures.Table(
    ["features", "R", "G", "B"],
    [[m, *np.bincount(feature_groups(m, 3)).tolist()] for m in (3, 8, 16, 128)],
)

# %% [markdown]
# ## Slowly
#
# The mask, from its definition, one entry at a time:


# %%
def mask_slow(kind, rows, cols, colours_in, colours_out):
    """0/1 array (rows, cols, in, out), from the colour of each feature."""
    M = np.zeros((rows, cols, len(colours_in), len(colours_out)))
    for place in np.ndindex(M.shape):
        r, q, feature_in, feature_out = place
        tap = (r - rows // 2, q - cols // 2)
        reads, writes = colours_in[feature_in], colours_out[feature_out]
        if tap < (0, 0):  # Python compares rows first, then columns: the raster order
            M[place] = 1
        elif tap == (0, 0):
            M[place] = writes > reads if kind == "A" else writes >= reads
    return M


# %% [markdown]
# And the convolution, one pixel and one tap at a time. `windows` lists what a pixel reads: a place
# in the kernel, and the place in the image that lies under it.


# %%
def windows(r, q, rows, cols, H, W):
    """Pairs of places (row, column): one in the kernel, and the pixel of the image under it."""
    for place in np.ndindex(rows, cols):
        row, column = r + place[0] - rows // 2, q + place[1] - cols // 2
        if 0 <= row < H and 0 <= column < W:
            yield place, (row, column)


def conv_slow(x, K, M, b):
    """One image x (H, W, in) → (H, W, out)."""
    H, W, _ = x.shape
    y = np.zeros((H, W, K.shape[3]))
    for r, q in np.ndindex(H, W):
        y[r, q] = b
        for place, pixel in windows(r, q, *K.shape[:2], H, W):
            y[r, q] += x[pixel] @ (K * M)[place]
    return y


# %% [markdown]
# ## Fast
#
# `pixelrnn_np/layers/masked_conv.py` does the same for batches, and skips the taps that are masked
# as a whole instead of multiplying them by zero. Random weights and biases, seven features in and
# eight out, so that the colours do not divide evenly:

# %%
groups_in, groups_out = feature_groups(7, 3), feature_groups(8, 3)
for kind in "AB":
    M = mask_slow(kind, 5, 3, groups_in, groups_out)
    assert np.array_equal(M, conv_mask(kind, 5, 3, groups_in, groups_out))

conv = MaskedConv("B", 5, 3, groups_in, groups_out, rng, dtype="float64")
gradcheck.randomise(conv, rng)
K, b = conv.params["K"], conv.params["b"]
x = rng.standard_normal((2, 6, 5, 7))
y, cache = conv.forward(x)
for image, result in zip(x, y, strict=True):
    assert np.allclose(conv_slow(image, K, M, b), result, rtol=0, atol=1e-12)
print("slow and fast agree, masks and convolutions")

# %% [markdown]
# ## What a stack of them sees
#
# Put layers on top of each other and ask which pixels one output depends on. Each 3×3 layer reaches
# one row further up. Look at the middle: with mask A at the entrance the pixel itself stays unseen,
# however many layers with mask B follow.


# %%
def seen_by_stack(first, layers, row=5, column=6, height=8, width=13):
    """|d output[row, column] / d image| of a `first` layer and then mask B layers: (H, W)."""
    seed = np.random.default_rng(0)
    stack = [
        MaskedConv(first if n == 0 else "B", 3, 3, [0], [0], seed, dtype="float64")
        for n in range(layers)
    ]
    y, caches = seed.standard_normal((1, height, width, 1)), []
    for layer in stack:
        y, cache = layer.forward(y)
        caches.append(cache)
    d = np.zeros_like(y)
    d[0, row, column] = 1
    for layer, cache in zip(reversed(stack), reversed(caches), strict=True):
        d, _ = layer.backward(d, cache)
    return np.abs(d[0]).sum(axis=-1)


figures.fields({f"A, then {n - 1} × B": seen_by_stack("A", n) for n in (1, 2, 4)}, (5, 6))

# %% [markdown]
# The yellow corner up and to the right never fills. It is the blind spot of the PixelCNN, and
# [04](04_pixelcnn.ipynb) is about it.
#
# Now a mistake that is easily made: mask B in the first layer. On the right, a cross marks a pixel
# that is seen and must not be. It is a single cross, on the pixel itself, and it is fatal: the
# network learns to copy, its likelihood becomes wonderful, and its samples are noise.


# %%
def draw_stack(layers=2):
    found = {f"first layer {kind}, {layers} in all": seen_by_stack(kind, layers) for kind in "AB"}
    return figures.fields(found, (5, 6))


course.interactive(draw_stack, layers=(1, 5))

# %% [markdown]
# ## Exercise 3.1 · How much is left?
#
# A kernel of $s \times s$ with $m$ features in and $m$ out has $s^2 m^2$ weights. There are three
# colours, 3 divides $m$, and $s$ is odd. How many of the weights does the mask (`kind` is `"A"` or
# `"B"`) let live? Return a whole number.
#
# <details><summary>Hint</summary>
#
# Leave the middle tap aside: of the others, half come earlier. Each of these has all $m^2$ weights.
# Then look at the tables of the middle above: which share of their nine entries is 1?
# </details>


# %%
def living_weights(kind, s, m):
    count = ...  # your code
    return count


check.living_weights(living_weights)

# %% [markdown]
# ## Colour by colour
#
# A network of three colours, asked sub-pixel by sub-pixel: which value of a pixel does the
# prediction of which value depend on? It starts with mask A and goes on with B in all that follows
# ([04](04_pixelcnn.ipynb) takes it apart). On the left, the answer for values of the same pixel is
# the table of mask A again. That R depends on nothing there does not mean that it knows nothing: on
# the right, it depends on all three colours of the pixel before.

# %%
network = pr.build_model("pixelcnn", (3, 3, 3), levels=4, h=12, layers=2, head=24, dtype="float64")
gradcheck.randomise(network, rng)
images = rng.integers(0, 4, (8, 3, 3, 3), np.uint8)
depends = checks.dependence(network, images)  # (27, 27): output, input
middle = slice(4 * 3, 5 * 3)  # the sub-pixels of pixel 4, in the middle

assert not np.triu(depends).any(), "a value may depend on earlier ones only"
assert np.array_equal(depends[middle, middle], np.tri(3, k=-1)), "the table of mask A"
figures.masks(
    {"on the same pixel": depends[middle, middle], "on the pixel before": depends[middle, 9:12]},
    labels="RGB",
)

# %% [markdown]
# The first assertion is worth remembering. `depends` is a matrix over all 27 sub-pixels in raster
# order, and a model without leaks fills nothing on or above its diagonal. Every model in this
# project has to pass it, and [11](11_catch_the_leak.ipynb) shows bugs that do not.
#
# ## Exercise 3.2 · A table for a whole stack
#
# Each layer has a table of what may be read on the same pixel. What does a stack of layers let
# through? Given their masks from the first layer on, a string such as `"ABB"`, return the
# $3 \times 3$ table of 0 and 1 for the whole stack: a row for each colour of the last layer's
# output, a column for each colour of the image. Try `"BBB"` and `"AA"`, and say what is wrong with
# each.
#
# <details><summary>Hint</summary>
#
# From the image's R to the output's B there may be several ways, such as R → G → B, one step in
# each layer. Which operation on two tables adds up, over all colours in between, the products of
# the steps? `np.tri(3)` and `np.tri(3, k=-1)` are the two tables.
# </details>


# %%
def stack_table(kinds):
    table = ...  # your code: an array (3, 3) of 0 and 1
    return table


check.stack_table(stack_table)

# %% [markdown]
# ## Backwards, step by step
#
# The layer above hands us $dy$, the gradient of the loss with respect to $y$. Write
# $\hat K = K \odot M$ for the kernel that really acts, and $p$ for a pixel $(r, q)$. (It is no
# probability here.) Then each output is a sum of terms, with $t$ a tap as above:
#
# $$y_{p} = b + \sum_t x_{p+t}\,\hat K_t .$$
#
# Every term sends its share back to what it was made of.
#
# **1. The bias** is in every output once: $db = \sum_p dy_p$.
#
# **2. The kernel.** $\hat K_t$ multiplies $x_{p+t}$ at every pixel $p$. For one product
# $y = x \hat K$ of a row vector and a matrix $d\hat K = x^\top dy$
# ([02b](02b_networks_in_ten_minutes.ipynb)), so over all of them
# $d\hat K_t = \sum_p x_{p+t}^\top\, dy_p$.
#
# **3. The input.** A pixel $p'$ was read by every $p$ of the image with $p + t = p'$. For one product
# $dx = dy\,\hat K^\top$, so $dx_{p'} = \sum_t dy_{p'-t}\,\hat K_t^\top$, where $dy$ is zero outside
# the image: nobody reads from there. Forward reads at $p+t$, backward collects from $p'-t$: the
# same kernel, flipped and transposed.
#
# **4. The mask.** $\hat K = K \odot M$ entry by entry, hence $dK = d\hat K \odot M$: a weight that
# is masked gets no gradient, and training never moves it.
#
# Step 4 is easily forgotten, and nothing breaks at first. The paper sets masked weights back to
# zero after each update, which comes to the same. It is not enough to mask the weights once, when
# the layer is made, and never again.


# %%
def conv_slow_backward(dy, x, K, M):
    """One image: dy (H, W, out), x (H, W, in) → dx, dK, db."""
    H, W, _ = x.shape
    dx, dK, db = np.zeros_like(x), np.zeros_like(K), np.zeros(K.shape[3])
    for r, q in np.ndindex(H, W):
        db += dy[r, q]  # 1
        for place, pixel in windows(r, q, *K.shape[:2], H, W):
            dK[place] += np.outer(x[pixel], dy[r, q])  # 2
            dx[pixel] += dy[r, q] @ (K * M)[place].T  # 3
    return dx, dK * M, db  # 4


dy = rng.standard_normal(y.shape)
dx, grads = conv.backward(dy, cache)
parts = [conv_slow_backward(dy[n], x[n], K, M) for n in range(len(x))]
for n, part in enumerate(parts):
    assert np.allclose(part[0], dx[n], rtol=0, atol=1e-12)
assert np.allclose(sum(p[1] for p in parts), grads["K"], rtol=0, atol=1e-11)
assert np.allclose(sum(p[2] for p in parts), grads["b"], rtol=0, atol=1e-11)
print("slow and fast gradients agree for dx, dK and db")

# %% [markdown]
# Step 3 in the loop is written from the reader's side: the output at $(r, q)$ sends to the pixel
# that it has read. The sum is the same, and no sign can go wrong.
#
# ### Are they right?
#
# A weight that the mask lets live, and one that it hides. Change each by $\pm\varepsilon$ and see
# what becomes of the loss $\ell = \sum y \odot dy$:

# %%
eps = 1e-5


def slope(place):
    """(ℓ(θ + ε) - ℓ(θ - ε)) / 2ε for one weight θ of K."""
    losses = []
    for step in (eps, -2 * eps):
        K[place] += step
        losses.append((conv.forward(x)[0] * dy).sum())
    K[place] += eps
    return (losses[0] - losses[1]) / (2 * eps)


for name, place in {"earlier pixel": (1, 0, 2, 3), "the future": (4, 1, 2, 3)}.items():
    print(f"{name}: numerically {slope(place):.8f}, by hand {grads['K'][place]:.8f}")

# %% [markdown]
# And all of them, input and bias included:

# %%
errors = gradcheck.check_layer(conv, x, rng)
assert max(errors.values()) < 1e-6
course.errors(errors, {"x": x, "K": K, "b": b})

# %% [markdown]
# ## A mask that training undoes
#
# A kernel of one feature, 3×3, with mask A, masked when it is made. Its task is the one that every
# model here has: from a digit, predict that digit, each pixel from earlier ones. 200 steps of
# gradient descent on half the squared error follow, once without step 4 (the gradient is $dK$) and
# once with it ($dK \odot M$). Guess before you look: without step 4, which of the nine weights is
# the largest in the end, and how large is the error?

# %%
picture = pr.load_data("digits", "train")[10] / 16
mask = conv_mask("A", 3, 3, [0], [0])
start = 0.3 * rng.standard_normal((3, 3, 1, 1)) * mask


def descend(kernel, gradient_mask, steps=200):
    """The kernel after training, and its mean squared error; the kernel is not masked again."""
    everything = np.ones_like(kernel)
    for _ in range(steps):
        error = conv_slow(picture, kernel, everything, 0.0) - picture
        _, dK, _ = conv_slow_backward(error, picture, kernel, everything)
        kernel = kernel - 0.02 * dK * gradient_mask
    return kernel, float((error**2).mean())


trained = {"200 steps, dK": descend(start, 1.0), "200 steps, dK ⊙ M": descend(start, mask)}
for title, (_, error) in trained.items():
    print(f"{title}: mean squared error {error:.4f}")
shown = {"masked when made": start, **{title: kernel for title, (kernel, _) in trained.items()}}
figures.numbers({title: a[..., 0, 0] for title, a in shown.items()}, form="{:.2f}", current=(1, 1))

# %% [markdown]
# In the middle picture the future has come in by the back door. The weight of the pixel itself,
# masked when the kernel was made, has grown to 1, and all others have gone. The kernel has learned
# to copy. Its error is zero, and it knows nothing. On the right, step 4 has kept it honest: what is
# above and to the left has to do.
#
# Masking $K$ in every forward pass as well, as the layer here does, makes it certain: whatever is
# in the masked places, nobody reads it.
#
# ## Exercise 3.3 · Back through a convolution
#
# Step 3 with few loops. Given `dy` of one image, shape $(H, W, \text{out})$, and a kernel `K` that
# is masked already, shape $(\text{rows}, \text{cols}, \text{in}, \text{out})$ with odd sizes,
# return $dx$, shape $(H, W, \text{in})$.
#
# <details><summary>Hint</summary>
#
# Loop over the taps only. `dy @ K[r, q].T` is what *all* readers send back through the tap in row
# $r$ and column $q$ of the kernel, each to the pixel that lies
# $(r - \text{rows}//2,\; q - \text{cols}//2)$ away from it. In an array of zeros that is wider than
# the image by half a kernel on each side, that is one slice.
# </details>


# %%
def input_gradient(dy, K):
    dx = ...  # your code
    return dx


check.input_gradient(input_gradient)

# %% [markdown]
# ## Where in a network
#
# The masked convolutions of the paper's Table 1 are this one layer in other sizes. At the entrance
# of all networks stands 7×7 with mask A. After it comes mask B: 3×3 in the PixelCNN's blocks, 1×3
# before the states of the Row LSTM (the paper writes 3×1), 1×1 before those of the Diagonal BiLSTM,
# and 1×1 wherever features are only mixed. What runs from state to state has no mask: it reads
# finished rows or diagonals alone.
#
# What does a trained network make of the taps that mask A leaves? Here are the first layers of
# three networks that the package carries, all trained on the paper's MNIST: how large the weights
# are at each tap, on average over all features, in hundredths. The three rows below are hidden, and
# not shown. Guess first: which tap weighs most?

# %%
networks = {
    "PixelCNN": "binarized_mnist-pixelcnn-15x48",
    "Row LSTM": "binarized_mnist-row_lstm-12x20",
    "Diagonal BiLSTM": "binarized_mnist-diagonal_bilstm-7x16",
}
first = {}
for kind, name in networks.items():
    model = pr.load_pretrained(name)
    first[kind] = (model.params["first.K"] * model.first.mask)[:4, :, 0]  # (4, 7, features)

hundredths = {kind: 100 * np.abs(kernels).mean(axis=2) for kind, kernels in first.items()}
figures.numbers(hundredths, form="{:.0f}", current=(3, 3))

# %% [markdown]
# The pixel to the left weighs most (in the PixelCNN it shares the first place), and what lies two
# or three rows up weighs little. That was to be expected: strokes go on. But look at the right end
# of the row above. In the PixelCNN and in the Row LSTM the last tap, three columns away, weighs
# more than the one right above the pixel. It is the only way in for what lies there: no later layer
# of these two gets further to the right in that row ([04](04_pixelcnn.ipynb) and
# [05](05_row_lstm.ipynb) show why). In the Diagonal BiLSTM later layers do, and there the last tap
# weighs less than the three before it.
#
# A single kernel is a question put to the image. These are the six largest of the PixelCNN's 96,
# each under its number. What lies on violet is added, what lies on orange taken away.

# %%
kernels = first["PixelCNN"]
largest = np.argsort(-(kernels**2).sum(axis=(0, 1)))[:6]
figures.feature_maps({f"{k}": kernels[..., k] for k in largest}, columns=3, pixel=(3, 3))

# %% [markdown]
# Kernel 86 reads the left neighbour and hardly anything else. 82 looks up to the right, to where a
# stroke would come down from. 3 adds up the three pixels to the left: *is there a stroke?* 52 takes
# the two farther ones of these away from the nearest: *has it just begun?* 45 weighs the end of the
# row above against the left neighbour. What does 87 ask? That one is yours. What follows in the
# network is made of such answers. What all layers of another network together look at was the last
# picture of [00](00_tour.ipynb).

# %% [markdown]
# ## What to take away
#
# - A masked convolution computes all pixels at once, and each sees earlier ones only.
# - Mask A at the entrance, where the middle is the value itself; mask B after it, where the middle
#   is a feature made from earlier values.
# - Every feature has a colour, and inside a pixel colours are read in the order R, G, B.
# - The mask acts on the weights in forward and on their gradients in backward.
#
# In the package: `layers/masks.py`, `layers/masked_conv.py` (with this derivation in its
# docstring), `reference/masked_conv.py` (the loops above), `kernels/masked_conv.py` (compiled).
#
# ## Further reading
#
# - The paper: §3.4 of [Pixel Recurrent Neural Networks](https://arxiv.org/abs/1601.06759).
# - The source: [layers/masks.py](../pixelrnn_np/layers/masks.py),
#   [layers/masked_conv.py](../pixelrnn_np/layers/masked_conv.py).
# - M. Germain, K. Gregor, I. Murray and H. Larochelle, *MADE: Masked Autoencoder for Distribution
#   Estimation* (2015, [arXiv:1502.03509](https://arxiv.org/abs/1502.03509)): masks on the weights
#   of a network without convolutions.
#
# Solutions: [solutions/03_masked_convolution](solutions/03_masked_convolution.ipynb). Next:
# [04 · PixelCNN](04_pixelcnn.ipynb).
