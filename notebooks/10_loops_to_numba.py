# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 10 · From loops to kernels: why the same sum takes a second or a millisecond
#
# **What you will do.** Write one masked convolution eight times, from plain Python to the kernel of
# this package, and one layer of the Row LSTM five times. Each time the numbers are the same, and
# each time you measure what has changed.
#
# **What you will learn.** Where the time goes: calls, arithmetic, and memory. What
# keeps a compiler from using the vector unit; why a matrix product is best cut into blocks; what a
# skewed map costs; why fresh memory is slow; how two threads give the same bits as one.
#
# **What you need.** The convolution of [03](03_masked_convolution.ipynb) and the cell of
# [05](05_row_lstm.ipynb). No internet needed; about one minute. Your times will differ from those printed
# here: look at their ratios.

# %%
import gc
import resource
import statistics
import subprocess
import sys
import time

import numba
import numpy as np
import scipy.linalg.cython_blas  # noqa: F401  the matrix products that compiled code calls
from threadpoolctl import threadpool_limits

import pixelrnn_np as pr
from pixelrnn_np import compiled, course, figures, kernels, reference
from pixelrnn_np.course import n10 as check
from pixelrnn_np.kernels.tiles.multiply import matrix, multiply_taps
from pixelrnn_np.kernels.tiles.panels import panels
from pixelrnn_np.layers.masked_conv import MaskedConv
from pixelrnn_np.layers.masks import feature_groups
from pixelrnn_np.layers.residual import ConvBlock
from pixelrnn_np.layers.row_lstm import RowLSTM

rng = np.random.default_rng(10)
one_thread = threadpool_limits(
    1, user_api="blas"
)  # one core for all, until threads are the subject

# %% [markdown]
# ## The idea
#
# A training step of a small PixelCNN is several hundred million multiplications. A core of a
# present-day machine does more than ten thousand million in a second. So a step *could* take some ten
# milliseconds. Written as the equation stands, it takes half a minute.
#
# Between the two lies no cleverness about the network. The sum stays the same sum. What changes is
# how often Python is asked, how often numbers travel between memory and processor, and how many of
# them one instruction takes.
#
# To see how far there is to go, we first ask the machine for its best: a product of two large
# matrices, which does most arithmetic per number read. Everything below is measured against that,
# as a share of **peak**.


# %%
def timed(function, seconds=0.3, average=statistics.median, clock=time.thread_time):
    """Median time of a call, after one that is not counted (it may compile something)."""
    function()
    gc.collect()
    times, end = [], time.perf_counter() + (0.03 if course.fast() else seconds)
    while len(times) < 3 or (time.perf_counter() < end and len(times) < 2000):
        start = clock()
        function()
        times.append(clock() - start)
    return average(times)


def square_product(n):
    """Operations per second of a product of two n × n matrices, the best of many runs."""
    a = rng.standard_normal((n, n)).astype("float32")
    room = np.empty_like(a)
    return 2 * n**3 / timed(lambda: np.dot(a, a, room), average=min)


peak = max(square_product(n) for n in (256, 512, 1024))
print(f"peak of one core here: {peak / 1e9:.0f} thousand million operations per second (float32)")

# %% [markdown]
# A machine does other things too. So the clock counts only the time for which this thread has had a
# processor, and of many runs we take the median, which one slow run leaves where it was (of the
# peak, the best). The first call is not counted, since it may compile, or fetch memory.
#
# ## What is computed
#
# The 3×3 convolution with mask B inside a block of the PixelCNN (§3.5): 16 features in and out,
# four images of 28×28. The mask leaves five taps of nine.
#
# $$y_p = b + \sum_{t} x_{p+t} K_t$$
#
# Useful work: 3,136 pixels × 5 taps × 16 × 16 = four million multiply-adds, and a multiply-add
# counts as two operations. What is multiplied by a masked zero counts as nothing.

# %%
B, H, W, F = 4, 28, 28, 16
conv = MaskedConv("B", 3, 3, feature_groups(F, 1), feature_groups(F, 1), rng)
conv.params["b"][...] = rng.standard_normal(F)
x = rng.standard_normal((B, H, W, F)).astype("float32")
taps, offsets, b = conv.weights(), conv.offsets, conv.params["b"]  # taps: (5, 16, 16)
y = np.empty_like(x)
work = 2 * B * H * W * taps.size
print(f"taps at {[tuple(map(int, o)) for o in offsets]}, {work / 2e6:.2f} million multiply-adds")

# %% [markdown]
# ## Slowly
#
# **Step 1: plain Python.** Lists, loops, one multiplication at a time. This is the sum as one would
# explain it.


# %%
def conv_python(x, taps, offsets, b):
    B, H, W = len(x), len(x[0]), len(x[0][0])
    I, O = len(taps[0]), len(b)
    y = [[[list(b) for _ in range(W)] for _ in range(H)] for _ in range(B)]
    for n in range(B):
        for r in range(H):
            for q in range(W):
                for (dr, dq), K in zip(offsets, taps, strict=True):
                    if 0 <= r + dr < H and 0 <= q + dq < W:
                        pixel = x[n][r + dr][q + dq]
                        for o in range(O):
                            total = 0.0
                            for i in range(I):
                                total += pixel[i] * K[i][o]
                            y[n][r][q][o] += total
    return y


lists = x.tolist(), taps.tolist(), offsets.tolist(), b.tolist()
start = time.thread_time()
wanted = np.array(conv_python(*lists))
times = {"1 plain Python": time.thread_time() - start}


def note(name, function):
    """Times a way of computing y, after making sure that it is the same y."""
    got = function()
    assert np.allclose(got, wanted, rtol=0, atol=1e-4), name
    times[name] = timed(function)
    print(f"{name}: largest difference {np.abs(got - wanted).max():.0e}")


# %% [markdown]
# Four million passes through the innermost line. In each, Python looks up two lists, checks types,
# makes a new float object and forgets an old one. The multiplication itself is a hundredth of that.
#
# **Step 2: one product per pixel and tap.** A row vector times a matrix is one call of NumPy. This
# is what the readable twin does, `reference/masked_conv.py`; 15,000 calls are left of four million.


# %%
def conv_reference():
    reference.conv_forward(x, taps, offsets, b, y)
    return y


note("2 NumPy, per pixel and tap", conv_reference)

# %% [markdown]
# ## Fast: all pixels at once
#
# **Step 3: one product per tap.** All pixels read tap $t$ in the same direction, so the whole map
# moves by $t$ and is multiplied at once. A border of zeros around the image saves all questions
# about what lies outside. First with all nine taps, four of them zero, then with the five that are
# not:


# %%
def conv_slices(x, taps, offsets):
    wide = np.zeros((len(x), H + 2, W + 2, F), x.dtype)
    wide[:, 1:-1, 1:-1] = x
    y = np.zeros_like(x)
    for (dr, dq), K in zip(offsets, taps, strict=True):
        y += wide[:, 1 + dr : 1 + dr + H, 1 + dq : 1 + dq + W] @ K
    return y + b


nine = (conv.params["K"] * conv.mask).reshape(9, F, F)
everywhere = [(r, q) for r in (-1, 0, 1) for q in (-1, 0, 1)]
note("3a NumPy, nine taps", lambda: conv_slices(x, nine, everywhere))
note("3b NumPy, five taps", lambda: conv_slices(x, taps, offsets))

# %% [markdown]
# **Step 4: one product.** Put what a pixel reads side by side, 5 × 16 = 80 numbers, in one row of a
# matrix; write the taps beneath each other, 80 × 16. Then the sum over taps *is* the sum inside a
# matrix product. This is known as *im2col*, image to columns.


# %%
def gathered(x):
    wide = np.zeros((len(x), H + 2, W + 2, F), x.dtype)
    wide[:, 1:-1, 1:-1] = x
    parts = [wide[:, 1 + dr : 1 + dr + H, 1 + dq : 1 + dq + W] for dr, dq in offsets]
    return np.concatenate(parts, axis=3).reshape(-1, len(offsets) * F)


def conv_im2col(x):
    return (gathered(x) @ taps.reshape(-1, F) + b).reshape(x.shape)


note("4 NumPy, one product", lambda: conv_im2col(x))

# %% [markdown]
# ## Exercise 10.1 · One tap, all pixels
#
# The heart of step 3, without a border. Given `x` of shape $(B, H, W, \text{in})$, one matrix `K`
# (in, out) and an offset `(dr, dq)`, return what this tap adds to $y$, an array $(B, H, W,
# \text{out})$: `x[:, r + dr, q + dq] @ K` at each pixel $(r, q)$, and zero where that lies outside.
# Offsets are zero or negative in rows and of any sign in columns; they may be larger than the
# image. No loop over pixels.
#
# <details><summary>Hint</summary>
#
# Which rows $r$ have $0 \le r + dr < H$? From $\max(0, -dr)$ to $\min(H, H - dr)$, the end
# excluded. These are the rows to write; the rows to read lie `dr` further. `max(0, …)` helps where
# nothing is left: a slice that ends at a negative number counts from the end.
# </details>


# %%
def one_tap(x, K, dr, dq):
    y = ...  # your code: an array (B, H, W, out)
    return y


check.one_tap(one_tap)

# %% [markdown]
# ## Compiled loops
#
# Numba translates a Python function to machine code. So we can go back to loops and pay for the
# arithmetic only.
#
# **Step 5: the twin of step 2, as it stands.** Not a letter of `reference/masked_conv.py` changes;
# Numba compiles what you can read there. What is saved is Python between the products. Each product
# is still a call of the matrix library, and much too small for it. `pr.use_backend("compiled")` runs
# every model in this way.
#
# **Step 6: the loops of step 1,** and **step 7: the same loops in another order.** In step 6
# the innermost loop sums over inputs: each addition has to wait for the one before, and the
# compiler must not reorder them, since rounding would change. In step 7 it runs over outputs: 16
# sums that do not know each other, and 16 floats are one vector register here.


# %%
def conv_compiled():
    compiled.conv_forward(x, taps, offsets, b, y)
    return y


@numba.njit
def conv_loops(x, taps, offsets, b, y):
    B, H, W, I = x.shape
    for n in range(B):
        for r in range(H):
            for q in range(W):
                for o in range(b.size):
                    total = b[o]
                    for t in range(len(offsets)):
                        row, column = r + offsets[t, 0], q + offsets[t, 1]
                        if 0 <= row < H and 0 <= column < W:
                            for i in range(I):
                                total += x[n, row, column, i] * taps[t, i, o]
                    y[n, r, q, o] = total
    return y


@numba.njit
def conv_outputs_inside(x, taps, offsets, b, y):
    B, H, W, I = x.shape
    for n in range(B):
        for r in range(H):
            for q in range(W):
                out = y[n, r, q]
                out[:] = b
                for t in range(len(offsets)):
                    row, column = r + offsets[t, 0], q + offsets[t, 1]
                    if 0 <= row < H and 0 <= column < W:
                        for i in range(I):
                            value = x[n, row, column, i]
                            for o in range(b.size):
                                out[o] += value * taps[t, i, o]
    return y


note("5 Numba, the twin of step 2", conv_compiled)
note("6 Numba, loops", lambda: conv_loops(x, taps, offsets, b, y))
note("7 Numba, outputs inside", lambda: conv_outputs_inside(x, taps, offsets, b, y))

# %% [markdown]
# **Step 8: blocks.** The product of step 4 is the better arithmetic: the library keeps a tile of
# the result in registers, while step 7 fetches and stores its 16 sums for each input. But step 4
# writes a matrix of 80 columns to memory and reads it back. The package's kernel does both: it
# gathers some rows of the image, as many as stay in the cache, multiplies them, adds the bias, and
# takes the next.


# %%
def conv_kernel(x, y):
    kernels.conv_forward(x, taps, offsets, b, y)
    return y


note("8 the package's kernel", lambda: conv_kernel(x, y))

# %%
figures.ladder(times, work, peak)

# %% [markdown]
# The scale is logarithmic: from one power of ten to the next it is ten times less. Where did it go?
# Below is what each step asks for: calls from Python, and the megabytes that are read and written
# as whole maps, counted by hand, whether a cache holds them or not.

# %%
mb = x.nbytes / 1e6
pixels = B * H * W
asked = {
    "1 plain Python": (work // 2, None),
    "2 NumPy, per pixel and tap": (pixels * 5, None),
    "3a NumPy, nine taps": (9 * 2, 9 * 5 * mb),  # read x; write, read the product; read, write y
    "3b NumPy, five taps": (5 * 2, 5 * 5 * mb),
    "4 NumPy, one product": (5, (5 + 5 + 5 + 1 + 2) * mb),  # gather, write, read; y; bias
    "5 Numba, the twin of step 2": (1, None),
    "6 Numba, loops": (1, 2 * mb),
    "7 Numba, outputs inside": (1, 2 * mb),
    "8 the package's kernel": (1, 2 * mb),
}
figures.Table(
    ["step", "calls from Python", "MB moved", "ms", "million multiply-adds per ms",
     "share of peak"],
    [
        [name, f"{calls:,}", "" if moved is None else f"{moved:.1f}", f"{1e3 * times[name]:.3g}",
         f"{work / 2e9 / times[name]:.3g}", f"{work / times[name] / peak:.2%}"]
        for name, (calls, moved) in asked.items()
    ],
)  # fmt: skip

# %% [markdown]
# Read it from the top. From step 2 to step 3 only the **calls** become fewer, and with them nearly
# all of the time is gone. From 3a to 3b the masked taps are left out: a product with zero takes as
# long as any other. Step 5 is step 2 without Python, but its 15,000 small products remain. Steps 6
# and 7 are one call and move the least that can be moved, and yet they are slower than step 3:
# what they lack is **arithmetic**, many multiplications in one instruction. Step 8 has all three.
#
# Are five small products in NumPy then nearly as good as a kernel? Here they are, since four images
# are so little: a map of 200 kilobytes stays in the cache, temporary or not. The third wall is
# **memory**, and it shows with more images:

# %%
rows = []
for images in (4, 16, 64):
    many = rng.standard_normal((images, H, W, F)).astype("float32")
    out = np.empty_like(many)
    ways = (
        lambda: conv_slices(many, taps, offsets),  # noqa: B023
        lambda: conv_im2col(many),  # noqa: B023
        lambda: conv_kernel(many, out),  # noqa: B023
    )
    rows.append([images, *(f"{1e9 * timed(way, 0.5) / (images * H * W):.0f}" for way in ways)])
figures.Table(["images", "3b: ns per pixel", "4: ns per pixel", "8: ns per pixel"], rows)

# %% [markdown]
# The kernel costs about the same per pixel, however many there are, since its blocks never leave
# the cache. Step 3b does not suffer either: its maps of 3 MB still fit a large cache. Step 4, the
# better arithmetic on paper, writes a matrix of five times the image, 16 MB here, into memory that is
# fresh each time (more of that below), and costs the most per pixel.

# %% [markdown]
# ## What stops the vector unit
#
# A kernel that gathers copies short runs of numbers, 16 or 32 or 48 of them. That ought to be one
# or two instructions. Here are three ways to write it.


# %%
@numba.njit
def copy_slices(target, source, n, runs):
    for k in range(runs):
        target[k * n : (k + 1) * n] = source[k * n : (k + 1) * n]


@numba.njit
def copy_signed(target, source, n, runs):
    for k in range(runs):
        t, s = target.size - (runs - k) * n, source.size - (runs - k) * n
        for i in range(n):
            target[t + i] = source[s + i]


@numba.njit
def copy_unsigned(target, source, n, runs):
    for k in range(runs):
        t, s = np.uintp(target.size - (runs - k) * n), np.uintp(source.size - (runs - k) * n)
        for i in range(np.uintp(n)):
            target[t + i] = source[s + i]


runs, n = 1000, 16
source, target = rng.standard_normal(runs * n).astype("float32"), np.zeros(runs * n, "float32")
rows = []
for name, function in (
    ("slices", copy_slices), ("a loop, signed index", copy_signed),
    ("a loop, unsigned index", copy_unsigned),
):  # fmt: skip
    target[:] = 0
    function(target, source, n, runs)
    assert np.array_equal(target, source)
    nanoseconds = 1e9 * timed(lambda: function(target, source, n, runs)) / runs  # noqa: B023
    rows.append([name, f"{nanoseconds:.1f}"])
figures.Table(["copying 16 floats by", "nanoseconds"], rows)

# %% [markdown]
# In Python, `a[-1]` is the last entry, and Numba keeps the promise: for an index that *might* be
# negative, it asks each time whether to count from the end. The two cases read from different
# places, so the loop cannot become one wide instruction. An unsigned index is never negative. A
# slice asks only once, but it is an object, with a start, an end and a stride to be checked, for 16
# numbers.
#
# This is why `kernels/runs.py` looks as it does. (In step 7 the inner loop counts over `range`,
# which is known not to be negative; there nothing is lost.)
#
# ## Why blocks
#
# A product $(M, 80) \cdot (80, 16)$ of 3,136 rows, cut into blocks of so many rows. Nothing else
# changes.


# %%
@numba.njit
def blockwise(a, w, y, rows):
    for i in range(0, a.shape[0], rows):
        np.dot(a[i : i + rows], w, y[i : i + rows])


def draw_blocks(h=16, taps=5):
    a, w = (rng.standard_normal(s).astype("float32") for s in ((3136, taps * h), (taps * h, h)))
    out, found = np.empty((3136, h), "float32"), []
    sizes = (4, 8, 16, 32, 64, 112, 224, 448, 784, 1568, 3136)
    for rows in sizes:
        seconds = timed(lambda: blockwise(a, w, out, rows), 0.06)  # noqa: B023
        found.append(100 * 2 * a.size * h / seconds / peak)
    assert np.allclose(out, a @ w, rtol=0, atol=1e-3)
    label = f"rows in a block of (rows, {taps * h}) · ({taps * h}, {h})"
    figure = figures.lines({"share": (np.array(sizes), found)}, label, "% of peak", height=2.8)
    axes = figure.axes[0]
    axes.set_xscale("log", base=2)
    axes.set_xticks(sizes, sizes, minor=False)
    axes.set_ylim(0)
    return figure


course.interactive(draw_blocks, static=[{"h": 16}, {"h": 64}], h=[16, 32, 64], taps=[1, 5])

# %% [markdown]
# Small blocks pay for the call. Large ones are not better, as one might think, but may be worse:
# for matrices with more than about $10^6$ multiply-adds, OpenBLAS first copies both factors into
# buffers arranged to its liking. For square matrices that is repaid many times; for a thin one it
# is not. Below the limit it multiplies where the numbers lie. The limit is at 781 rows in the first
# figure, between the points at 448 and 784, and at 48 in the second. So `kernels/products.py` takes as
# many rows as stay below it, and blocks of 448 where those would be few: for the second shape that is
# not what this figure advises, but there is more to a block than its product, and 48 rows would be
# fewer than two of the image's. The block that was just gathered is then still in the cache.
#
# More than 100 % is no mistake: what is called peak here is NumPy's product of large squares, which
# pays for the copying.
#
# Where exactly the curve bends depends on the library and the machine; yours may have no bend at
# all.
#
# ## A whole block of the network
#
# The same thought, one level up. A block of the PixelCNN is ReLU → 1×1 → ReLU → 3×3 → ReLU → 1×1
# ([04](04_pixelcnn.ipynb)). Layer by layer, each result is written out as a map and read again by
# the next. The package takes a piece of the image that stays in the cache through all of it: here one
# image of the four.

# %%
block = ConvBlock(feature_groups(F, 1), feature_groups(2 * F, 1), rng)
trunk = rng.standard_normal((B, H, W, 2 * F)).astype("float32")


def layer_by_layer():
    a = block.down.forward(np.maximum(trunk, 0))[0]
    a = block.conv.forward(np.maximum(a, 0))[0]
    a = np.maximum(a, 0)
    return block.up.forward(a)[0] + trunk, block.skip.forward(a)[0]


def fused():
    return block.forward((trunk, None))[0]


for one, other in zip(layer_by_layer(), fused(), strict=True):
    assert np.allclose(one, other, rtol=0, atol=1e-4)
layers = {"layer by layer": timed(layer_by_layer), "image by image through the block": timed(fused)}
weights = sum(layer.weights().size for layer in (block.down, block.conv, block.up, block.skip))
figures.bars(
    {f"{name}, {2 * pixels * weights / t / peak:.0%} of peak": 1e3 * t for name, t in layers.items()},
    "ms", form="{:.2f}",
)  # fmt: skip

# %% [markdown]
# ## Nothing gathered: products in registers
#
# Gathering is still a copy of five numbers for each one read, and bias and ReLU are passes over the
# result. BLAS asks for that: a factor has to be one matrix in memory. `kernels/tiles/multiply.py` asks for
# less. Its tile is 7 pixels by 16 features of the *result*, in 7 of the processor's registers. For
# each input number of a tap it loads the 16 weights once, spreads the number of each of the 7
# pixels over a register, and does 7 vector multiply-adds. A tap is then only a distance in memory,
# the same for all pixels, if zeros lie around the image. Bias and ReLU happen before the tile is
# written. The compiler would not do that by itself, so `kernels/tiles/emitter.py` writes the instructions
# itself.
#
# The 3×3 of one image, with its bias and its ReLU:

# %%
image = np.maximum(rng.standard_normal((H, W, F)), 0).astype("float32")
cols, one, two = (np.zeros((H * (W + 1), n), "float32") for n in (5 * F, F, F))
wide = W + 1  # one pixel of zeros behind each row is also the one before the next
around = np.zeros((H + 3, wide, F), "float32")  # the first tap of the first pixel is 30 before it
around[2:-1, :W] = image
distances = (offsets[:, 0] * wide + offsets[:, 1]) * F


@numba.njit
def gather(image, offsets, cols):
    H, W, F = image.shape
    cols[:] = 0
    for t in range(len(offsets)):
        for r in range(max(0, -offsets[t, 0]), H):
            for q in range(max(0, -offsets[t, 1]), min(W, W - offsets[t, 1])):
                here = image[r + offsets[t, 0], q + offsets[t, 1]]
                for i in range(F):
                    cols[r * W + q, t * F + i] = here[i]


@numba.njit
def gathered_and_multiplied(image, offsets, K, b, cols, y):
    gather(image, offsets, cols)
    np.dot(cols, K, y)
    for m in range(y.shape[0]):
        for j in range(y.shape[1]):
            v = y[m, j] + b[j]
            y[m, j] = 0 if v < 0 else v


@numba.njit
def in_registers(around, start, distances, K, b, y):
    # multiply_taps(out, a, taps, K, M, N): out = Σ_t a moved by taps[t] · K_t. A matrix is an array,
    # where its first row begins, and how far rows are apart; panels(K) is K cut in strips of 16 or 32
    # columns.
    M, N = y.shape
    out, a = matrix(y, 0, N), matrix(around, start, N)
    multiply_taps(out, a, distances, K, M, N, bias=b, at_least=np.float32(0))


K, K_panels = taps.reshape(-1, F), panels(taps.reshape(-1, F))
exact = cols[: H * W], one[: H * W]  # the other one also computes the pixels behind the rows
ways = {
    "gather, product, bias and ReLU": timed(
        lambda: gathered_and_multiplied(image, offsets, K, b, *exact)
    ),
    "in registers": timed(lambda: in_registers(around, 2 * wide * F, distances, K_panels, b, two)),
}
assert np.allclose(one[: H * W].reshape(H, W, F), two.reshape(H, wide, F)[:, :W], atol=1e-4)
figures.bars(
    {f"{name}, {2 * H * W * K.size / t / peak:.0%} of peak": 1e6 * t for name, t in ways.items()},
    "µs", form="{:.1f}",
)  # fmt: skip

# %% [markdown]
# The whole block above is made of such products. Its backward pass needs one more kind, the sum of
# $x^\top dz$ over pixels, where the tile is 16 inputs by 16 outputs and the loop runs over pixels.
#
# ## A recurrence: the Row LSTM
#
# Here the time has an order: row $r$ needs row $r-1$. What can be done at once is a row, in all
# images. Four images of 28×28, $h = 16$, $k = 3$.
#
# **Step 1** is the readable twin, pixel by pixel, as it stands (1a) and compiled by Numba (1b).

# %%
lstm = RowLSTM(feature_groups(2 * F, 1), F, 1, rng)
lstm.params["h0"][...], lstm.params["c0"][...] = rng.standard_normal((2, F))
p = lstm.params
start = time.thread_time()
with pr.use_backend("reference"):
    wanted, _ = lstm.forward(trunk)
times = {"1a per pixel": time.thread_time() - start}


def compiled_twin():
    with pr.use_backend("compiled"):
        return lstm.forward(trunk)[0]


note("1b per pixel, compiled", compiled_twin)

# %% [markdown]
# **Step 2: a row at a time.** The input-to-state map does not depend on the recurrence, so it is
# made beforehand for the whole image, as the paper says (§3.1). Then 28 steps follow, each with
# three products for $K^{ss}$ and the cell.


# %%
def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def cell(z, c):
    o, f, i, g = np.split(z, 4, axis=-1)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return c, sigmoid(o) * np.tanh(c)


def row_by_row():
    wide = np.pad(trunk, ((0, 0), (0, 0), (1, 0), (0, 0)))
    K_is, K_ss = p["K_is"][0], p["K_ss"][0]
    z = wide[:, :, :-1] @ K_is[0] + wide[:, :, 1:] @ K_is[1] + p["b"]
    above, c = np.zeros((B, W + 2, F), "float32"), np.tile(p["c0"], (B, W, 1))
    above[:, 1:-1] = p["h0"]
    y = np.empty((B, H, W, F), "float32")
    for r in range(H):
        step = z[:, r] + sum(above[:, v : v + W] @ K_ss[v] for v in range(3))
        c, y[:, r] = cell(step, c)
        above[:, 1:-1] = y[:, r]
    return y


note("2 NumPy, per row", row_by_row)

# %% [markdown]
# **Step 3: one product per row.** What a pixel reads, side by side: two pixels of the row itself
# and three states of the row above, $2 \cdot 32 + 3 \cdot 16 = 112$ numbers. The input-to-state map
# is no longer made beforehand, and that is right: the multiplications are the same, and a map of
# $4h$ features is neither written nor read.


# %%
def one_product_per_row():
    wide = np.pad(trunk, ((0, 0), (0, 0), (1, 0), (0, 0)))
    K = np.concatenate([*p["K_is"][0, :2], *p["K_ss"][0]])
    above, c = np.zeros((B, W + 2, F), "float32"), np.tile(p["c0"], (B, W, 1))
    above[:, 1:-1] = p["h0"]
    y = np.empty((B, H, W, F), "float32")
    for r in range(H):
        parts = [wide[:, r, :-1], wide[:, r, 1:], *(above[:, v : v + W] for v in range(3))]
        c, y[:, r] = cell(np.concatenate(parts, axis=2) @ K + p["b"], c)
        above[:, 1:-1] = y[:, r]
    return y


note("3 NumPy, one product per row", one_product_per_row)
note("4 the package's layer", lambda: lstm.forward(trunk)[0])
macs = pixels * (2 * 2 * F * 4 * F + 3 * F * 4 * F)
figures.ladder(times, 2 * macs, peak)

# %% [markdown]
# Step 4 is step 3, compiled: 28 times a product and a cell, without Python in between and without a
# fresh array per operation. It does not build step 3's matrix: a row of $x$ and the row of $h$ above
# are copied between zeros, and the product reads their taps from there, as in the last section.
# The sums are longer than the convolution's, 112 numbers instead of 80, and feed 64 outputs instead of
# 16. What keeps it below peak is above all the cell, which takes time and is not counted as work. How
# that became so cheap is the next section.
#
# ## σ by way of tanh
#
# A cell takes five nonlinear functions per feature. The processor has no instruction for any of
# them; `exp` of the system's library takes one number at a time. The kernels have a tanh of their
# own, a ratio of two polynomials, which the compiler turns into vector code. Then σ should use it
# as well:
#
# $$\sigma(z) = \tfrac12 + \tfrac12 \tanh\tfrac{z}{2}$$
#
# With that, all $4h$ gates are one loop over tanh. The halves need no instruction of their own:
# those inside are multiplied into the weights before the scan, and those outside are a
# multiply-add.


# %%
@numba.njit
def cell_of_the_library(z, c_before, c, h):
    M, F = c.shape
    for m in range(M):
        for j in range(F):
            o = np.float32(1) / (np.float32(1) + np.exp(-z[m, j]))
            f = np.float32(1) / (np.float32(1) + np.exp(-z[m, F + j]))
            i = np.float32(1) / (np.float32(1) + np.exp(-z[m, 2 * F + j]))
            c[m, j] = f * c_before[m, j] + i * np.tanh(z[m, 3 * F + j])
            h[m, j] = o * np.tanh(c[m, j])


z = rng.standard_normal((B * W, 4 * F)).astype("float32")
before, c, h, other = (rng.standard_normal((B * W, F)).astype("float32") for _ in range(4))
scratch = z.copy()
cell_of_the_library(z, before, c, h)
kernels.lstm_step(scratch, before, c, other)  # z becomes the gates in place
assert np.allclose(h, other, rtol=0, atol=1e-5)


def vector_cell():
    scratch[:] = z
    kernels.lstm_step(scratch, before, c, other)


cells = {
    "NumPy, a ufunc each": timed(lambda: cell(z, before)),
    "Numba, exp and tanh of the library": timed(lambda: cell_of_the_library(z, before, c, h)),
    "the package: one loop over tanh": timed(vector_cell),
}
figures.Table(
    ["equation (3) for one row of four images", "µs", "ns per pixel and feature"],
    [[name, f"{1e6 * t:.1f}", f"{1e9 * t / c.size:.1f}"] for name, t in cells.items()],
)

# %% [markdown]
# ## Exercise 10.2 · One tanh for four gates
#
# Given `z` of shape $(M, 4h)$, the pre-activations of o, f, i, g in this order, return the gates,
# $(M, 4h)$: σ for the first three, tanh for $g$. Call `np.tanh` once, and `np.exp` never.
#
# <details><summary>Hint</summary>
#
# Make a row `scale` of $4h$ numbers, ½ for the columns of o, f and i and 1 for those of g. It
# stands in front of $z$ inside tanh, and in front of tanh; what remains to be added is ½ or 0,
# which is `1 - scale`.
# </details>


# %%
def one_tanh(z):
    gates = ...  # your code
    return gates


check.one_tanh(one_tanh)

# %% [markdown]
# ## The skewed map is an order
#
# The Diagonal BiLSTM computes a diagonal at a time. The paper skews the map for that: row $r$ moves
# $r$ columns to the right, and diagonals become columns ([06](06_diagonal_bilstm.ipynb)).

# %%
figures.skewed([list("abcd"), list("efgh"), list("ijkl")])

# %% [markdown]
# Taken literally, that is an array of $H \times (H + W - 1)$ positions, and the dots are computed
# too. The kernels of this package take it as an *order*: pixels are stored diagonal by diagonal,
# *a*, *b e*, *c f i*, … A diagonal is then one piece of memory, which a column of the padded map is
# not, and there are no dots.

# %%
K = p["K_is"][0, 1]
padded = np.zeros((B, H, H + W - 1, 2 * F), "float32")
for r in range(H):
    padded[:, r, r : r + W] = trunk[:, r]
ordered = np.empty((H * W, B, 2 * F), "float32")
kernels.skew(trunk, False, ordered)
results = np.empty((*padded.shape[:3], 4 * F), "float32"), np.empty((H * W, B, 4 * F), "float32")
ways = {
    "padded map": timed(lambda: np.matmul(padded, K, out=results[0])),
    "in the order of the diagonals": timed(lambda: np.matmul(ordered, K, out=results[1])),
}
unskewed = np.empty((B, H, W, 4 * F), "float32")
kernels.unskew(results[1], False, unskewed)
for r in range(H):
    assert np.allclose(results[0][:, r, r : r + W], unskewed[:, r], rtol=0, atol=1e-4)
figures.Table(
    ["input-to-state product of 4 × 28 × 28 pixels", "positions", "ms"],
    [[name, a.size // a.shape[-1], f"{1e3 * ways[name]:.2f}"]
     for name, a in zip(ways, (padded, ordered), strict=True)],
)  # fmt: skip

# %% [markdown]
# ## Exercise 10.3 · How much is padding?
#
# Which share of the positions of a padded skewed map holds no pixel? The image is $H \times W$;
# return a number between 0 and 1.
#
# <details><summary>Hint</summary>
#
# Every row has $W$ pixels and is $H + W - 1$ wide. Mind that it is not symmetrical: try one row,
# and one column.
# </details>


# %%
def share_of_padding(H, W):
    share = ...  # your code
    return share


check.share_of_padding(share_of_padding)

# %% [markdown]
# ## Fresh memory
#
# `np.empty` is free, or so it looks. For a large array NumPy asks the system for memory, and gets a
# promise. Whenever a page is touched for the first time, the processor stops, and the
# system finds a page and fills it with zeros. That is a **page fault**. And when the array is
# freed, the page goes back, so that the next step pays again.

# %%
size = 64 << 20
kept = np.empty(size, np.uint8)


def fresh():
    np.empty(size, np.uint8).fill(1)


def reused():
    kept.fill(1)


def page_faults(function):
    """Of this process, per call."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        function()
    return (resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) // 10


rows = [
    [name, f"{1e3 * timed(function):.2f}", page_faults(function)]
    for name, function in (("fresh", fresh), ("reused", reused))
]
figures.Table(["filling 64 MiB", "ms", "page faults"], rows)

# %% [markdown]
# (A page is 4 KiB, or 2 MiB where the system and NumPy agree on large ones. Smaller arrays may be
# lucky: the library keeps some freed memory for the next caller.) A training step makes the same
# arrays in the same order as the step before. So each thread has a `Workspace`, where the k-th
# request of a step gets the k-th buffer again. Here are forward and backward of a small PixelCNN on
# 16 images, both ways, in a fresh process:

# %%
TRAINING = """
import resource, statistics, time
import numpy as np
import pixelrnn_np as pr
from pixelrnn_np import backend, memory

model, space = pr.build_model("pixelcnn", layers=5), memory.Workspace()
digits = (np.random.default_rng(0).random((16, 28, 28, 1)) < 0.15).astype(np.uint8)

def passes():
    _, cache = model.nll_forward(digits)
    return model.nll_backward(1 / len(digits), cache)

def passes_in_a_workspace():
    with memory.workspace(space):
        return passes()

for function in (passes, passes_in_a_workspace):
    function()
    times, before = [], resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(12):
        start = time.thread_time()
        function()
        times.append(time.thread_time() - start)
    faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
    print(statistics.median(times), faults // 12)
"""
done = subprocess.run([sys.executable, "-c", TRAINING], capture_output=True, text=True, check=True)
figures.Table(
    ["forward and backward", "ms", "page faults"],
    [
        [name, f"{1e3 * float(seconds):.1f}", int(faults)]
        for name, (seconds, faults) in zip(
            ("fresh arrays", "a workspace"), map(str.split, done.stdout.splitlines()), strict=True
        )
    ],
)

# %% [markdown]
# The same arithmetic, and the difference is all memory. A process of its own, because this one has
# freed large arrays before, whereupon the library keeps more: here one would measure luck.
#
# ## Threads
#
# The last factor is the second core. Threads that share one matrix product have to meet at its end,
# several times per layer, for a few microseconds of work. So the batch is cut instead: into shards
# of a few images, each of which goes through forward and backward on its own. Numba's kernels
# release Python's lock, so that Python threads really run at the same time.
#
# How a batch is cut depends on the model alone, and the gradients of the shards are added in their
# order. So the sum does not depend on who computed what: one thread and two give **the same bits**.

# %%
model = pr.build_model("pixelcnn", layers=5)
batch = (rng.random((32, 28, 28, 1)) < 0.15).astype(np.uint8)
_, one = model.loss_and_grads(batch, threads=1)
_, two = model.loss_and_grads(batch, threads=2)
assert all(np.array_equal(one[name], two[name]) for name in one)
threads = {}
for k in (1, 2):  # by the clock on the wall, since both threads count, and the best of many
    step = lambda: model.loss_and_grads(batch, threads=k)  # noqa: B023, E731
    threads[f"{k} thread{'s' * (k > 1)}"] = timed(step, 2.0, min, time.perf_counter)
figures.bars({name: 1e3 * t for name, t in threads.items()}, "ms", form="{:.0f}")

# %% [markdown]
# On two free cores the second bar is close to half of the first; on a busy machine it is not.
#
# How does all of it compare with a grown-up framework? `make bench` trains the same networks here
# and in PyTorch, alternating on the same cores, after making sure that both compute the same
# gradients. [benchmarks/README.md](../benchmarks/README.md) says how it measures, and what was
# tried for either side.
#
# ## What to take away
#
# - First the calls, then the arithmetic, then the memory. Measure before each, for it is seldom
#   where one thinks.
# - A convolution is a matrix product of what its taps read. Masked taps are left out, not
#   multiplied by zero.
# - A compiler vectorises a loop whose passes are independent, and whose indices cannot be negative.
# - Cut large work into pieces that stay in the cache, and take each piece through as many steps as
#   possible. Reuse memory.
# - Every version gives the same numbers, and a test says so. Without the slow version nobody would
#   believe the fast one.
#
# In the package: `kernels/` (each file says what was measured), `reference/` (the same functions in
# plain loops), `compiled.py`, `parallel/`, `memory.py`; `make breakdown` says where the time of a step
# goes.
#
# Solutions: [solutions/10_loops_to_numba](solutions/10_loops_to_numba.ipynb). Next:
# [11 · Catch the leak](11_catch_the_leak.ipynb).
