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
# **What you will do.** Write one masked convolution nine times, from plain Python to the kernel of
# this package, and one layer of the Row LSTM five times. Each time the numbers are the same, and
# each time you measure what has changed. You also read the machine code, to see why.
#
# **What you will learn.** Where the time goes: calls, arithmetic, and memory. What Numba does, and what
# keeps a compiler from using the vector unit; what a tile of registers is; why a matrix product is
# best cut into blocks; what a skewed map costs; why fresh memory is slow; how two threads give the same
# bits as one.
#
# **What you need.** The convolution of [03](03_masked_convolution.ipynb) and the cell of
# [05](05_row_lstm.ipynb). No internet needed; about one minute. Your times will differ from those printed
# here: look at their ratios.

# %%
import gc
import statistics
import time

import numba
import numpy as np

import pixelrnn_np as pr
from pixelrnn_np import compiled, course, figures, kernels, reference
from pixelrnn_np.course import machine
from pixelrnn_np.course import n10 as check
from pixelrnn_np.layers.masked_conv import MaskedConv
from pixelrnn_np.layers.masks import feature_groups
from pixelrnn_np.layers.residual import ConvBlock
from pixelrnn_np.layers.row_lstm import RowLSTM

rng = np.random.default_rng(10)
one_thread = machine.one_thread()  # one core, until threads are the subject

# %%
figures.you_are_here("10")

# %% [markdown]
# ## The idea
#
# A training step of a small PixelCNN is several hundred million multiplications. A core of a
# present-day machine does more than $10^{10}$ in a second. So a step *could* take some ten
# milliseconds. Written as the equation stands, it takes half a minute.
#
# A factor of two thousand, then, and between the two lies no cleverness about the network. The sum stays
# the same sum. What changes is how often Python is asked, how often numbers travel between memory and
# processor, and how many of them one instruction takes.
#
# Guess as you go. Before each step, say by which factor it will be faster, or whether it will be slower.
# The figure after step 9 keeps the score.
#
# The unit of this notebook is the **GFLOP/s**: $10^9$ operations on floating-point numbers in a
# second. A multiplication is one, an addition is another.
#
# This is a long notebook, and need not be read in one go. The main road is *Slowly*, *Fast*, *Compiled
# loops*, *A tile of registers* with its figure of all steps, and then *Fresh memory* and *Threads*: half
# an hour. The other sections are closer looks at one cause each (*What stops the vector unit*, *Why
# blocks*, *A whole block*, *What gathering costs*, *A recurrence*, *σ by way of tanh*, *The skewed map*).
# Each can be read by itself, and what it finds stands in *What to take away*.
#
# To see how far there is to go, we first ask the machine for its best: a product of two large
# matrices, which does most arithmetic per number read. Everything below is measured against that,
# as a share of **peak**. And since all times depend on it, here is the machine.

# %%
machine.machine()


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
print(f"peak of one core here: {peak / 1e9:.0f} GFLOP/s (float32)")

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
# makes a new float object and forgets an old one. The multiplication itself is a hundredth of that, or
# less.
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
# arithmetic only. What does it do?
#
# - **Types.** At the first call it looks at the arguments: arrays of float32, say, in C's order. From
#   these it finds the type of every variable, and gives the result to LLVM, which translates C too. For
#   other types it compiles once more. What has no fixed type, such as a list of anything, it refuses.
# - **Caching.** Compiling takes from a tenth of a second to several. With `cache=True` the machine code
#   goes to a file, for the next start. This package keeps its own folder of it (`kernels/cache.py`).
# - **prange.** With `parallel=True` a loop over `prange` is shared out among threads. This package does
#   not use it: it shares out images instead, for a reason that comes under *Threads*.
# - **nogil.** While compiled code runs, Python's lock can be released. Then Python's threads really run
#   side by side.
#
# And `NUMBA_DISABLE_JIT=1` runs the same function as plain Python, so that a debugger can step through
# it. Here is a function that meets two types:


# %%
@numba.njit
def half(x):
    return 0.5 * x


seconds = []
for argument in (np.ones(3, "float32"), np.ones(3, "float32"), np.ones(3)):
    start = time.perf_counter()
    half(argument)
    seconds.append(time.perf_counter() - start)
assert half.signatures == [(numba.float32[::1],), (numba.float64[::1],)]
figures.Table(
    ["call", "ms"],
    [
        ["the first with float32: it compiles", 1e3 * seconds[0]],
        ["the second", 1e3 * seconds[1]],
        ["the first with float64: it compiles", 1e3 * seconds[2]],
    ],
    form="{:.4g}",
)

# %% [markdown]
# **Step 5: the twin of step 2, as it stands.** Not a letter of `reference/masked_conv.py` changes;
# Numba compiles what you can read there. It is compiled now: will it beat NumPy's step 3? What is saved is
# Python between the products. Each product is still a call of the matrix library, and much too small for
# it. `pr.use_backend("compiled")` runs
# every model in this way.
#
# **Step 6: the loops of step 1**, three times. In 6a the innermost loop sums over inputs. Each addition
# has to wait for the one before, and the compiler must not reorder them, since rounding would change.
# In 6b we allow just that, with *fastmath*: `reassoc` permits another order of a sum, `contract` a
# product and a sum in one instruction. (Not all of fastmath: NaN and infinity have to survive, so that a
# run that diverges is noticed.) 6c also lays the taps out anew: `[tap, out, in]`. The arithmetic is the
# same in all three. Which is the fastest, and which the slowest?


# %%
def conv_compiled():
    compiled.conv_forward(x, taps, offsets, b, y)
    return y


def loops(x, taps, offsets, b, y):
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


def loops_transposed(x, taps, offsets, b, y):
    """taps: (T, out, in)."""
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
                                total += x[n, row, column, i] * taps[t, o, i]
                    y[n, r, q, o] = total
    return y


ALLOWED = {"reassoc", "contract", "nsz"}
conv_loops, conv_fastmath = numba.njit(loops), numba.njit(fastmath=ALLOWED)(loops)
conv_transposed = numba.njit(fastmath=ALLOWED)(loops_transposed)
across = np.ascontiguousarray(taps.swapaxes(1, 2))  # (T, out, in)

note("5 Numba, the twin of step 2", conv_compiled)
note("6a Numba, loops", lambda: conv_loops(x, taps, offsets, b, y))
note("6b with fastmath", lambda: conv_fastmath(x, taps, offsets, b, y))
note("6c and taps transposed", lambda: conv_transposed(x, across, offsets, b, y))
figures.bars(
    {name: 1e3 * t for name, t in times.items() if name.startswith("6")}, "ms", form="{:.2f}"
)

# %% [markdown]
# On the machine of this page *fastmath* alone is a loss (on yours it may be a small gain). Two things
# follow from leave to reorder. The good one: the sum over inputs may be cut into as many sums as a
# register holds. The bad one: their weights `taps[t, 0, o]`, `taps[t, 1, o]`, … do not lie side by side
# but a row apart. A register is then filled number by number, and that takes longer than the
# multiplications which it saves. In 6c they lie side by side; one load fills a register, and the same
# flag pays. **A flag gives the compiler leave. The data have to give it something to take.**
#
# **Step 7: outputs inside.** No leave is needed if the innermost loop runs over outputs: these sums do
# not know each other, and nothing is reordered. Their weights lie side by side as they are.


# %%
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


note("7 Numba, outputs inside", lambda: conv_outputs_inside(x, taps, offsets, b, y))

# %% [markdown]
# ## A tile of registers
#
# Step 7 does one useful thing with a number that it has loaded, and then loads the next: for each
# multiplication it fetches a weight and a sum, and stores the sum. The arithmetic waits for that
# traffic. The cure is to keep a *rectangle* of results in registers. Take 4 pixels and 4 outputs, 16
# sums. Of each input, 4 numbers of $x$ and 4 weights are loaded, 8 in all, and **each is used four
# times**: 16 multiplications. Only at the end are the sums stored, once.

# %%
figures.register_tile()

# %% [markdown]
# Why a rectangle? One pixel by 16 outputs makes 16 products too, and loads 17 numbers for them. A larger
# rectangle would be better still, as long as its sums fit in the registers: of these a core has 16, or
# 32.
#
# **Step 8** is this in plain Numba. First what the pixels of a row read is gathered side by side, as in
# step 4, but for one row of the image only. It is small, and stays in the fastest cache. The loop over `i` runs
# along both `read` and the weights, so with leave to reorder it fills whole registers.


# %%
@numba.njit
def gather_row(x, n, r, offsets, read):
    """What each pixel of row r reads, side by side: read (W, taps · in); 0 outside."""
    _, H, W, I = x.shape
    for q in range(W):
        for t in range(len(offsets)):
            row, column = r + offsets[t, 0], q + offsets[t, 1]
            inside = 0 <= row < H and 0 <= column < W
            for i in range(I):
                read[q, t * I + i] = x[n, row, column, i] if inside else 0


@numba.njit(fastmath=ALLOWED)
def tile_4_by_4(read, weights, q, o, b, out):
    """out (W, O) at 4 pixels from q and 4 outputs from o; weights: (O, taps · in)."""
    zero = np.float32(0)
    s00 = s01 = s02 = s03 = s10 = s11 = s12 = s13 = zero
    s20 = s21 = s22 = s23 = s30 = s31 = s32 = s33 = zero
    for i in range(read.shape[1]):
        v0, v1, v2, v3 = read[q, i], read[q + 1, i], read[q + 2, i], read[q + 3, i]
        k0, k1, k2, k3 = weights[o, i], weights[o + 1, i], weights[o + 2, i], weights[o + 3, i]
        s00, s01, s02, s03 = s00 + v0 * k0, s01 + v0 * k1, s02 + v0 * k2, s03 + v0 * k3
        s10, s11, s12, s13 = s10 + v1 * k0, s11 + v1 * k1, s12 + v1 * k2, s13 + v1 * k3
        s20, s21, s22, s23 = s20 + v2 * k0, s21 + v2 * k1, s22 + v2 * k2, s23 + v2 * k3
        s30, s31, s32, s33 = s30 + v3 * k0, s31 + v3 * k1, s32 + v3 * k2, s33 + v3 * k3
    b0, b1, b2, b3 = b[o], b[o + 1], b[o + 2], b[o + 3]
    out[q, o], out[q, o + 1] = s00 + b0, s01 + b1
    out[q, o + 2], out[q, o + 3] = s02 + b2, s03 + b3
    q += 1
    out[q, o], out[q, o + 1] = s10 + b0, s11 + b1
    out[q, o + 2], out[q, o + 3] = s12 + b2, s13 + b3
    q += 1
    out[q, o], out[q, o + 1] = s20 + b0, s21 + b1
    out[q, o + 2], out[q, o + 3] = s22 + b2, s23 + b3
    q += 1
    out[q, o], out[q, o + 1] = s30 + b0, s31 + b1
    out[q, o + 2], out[q, o + 3] = s32 + b2, s33 + b3


@numba.njit
def conv_tiles(x, weights, offsets, b, y):
    """For widths and outputs that 4 divides."""
    B, H, W, _ = x.shape
    read = np.empty((W, weights.shape[1]), x.dtype)
    for n in range(B):
        for r in range(H):
            gather_row(x, n, r, offsets, read)
            for q in range(0, W, 4):
                for o in range(0, b.size, 4):
                    tile_4_by_4(read, weights, q, o, b, y[n, r])
    return y


beside = np.ascontiguousarray(taps.reshape(-1, F).T)  # (out, taps · in)
note("8 Numba, tiles of 4 × 4", lambda: conv_tiles(x, beside, offsets, b, y))

# %% [markdown]
# **Step 9: the package's kernel.** Its tile is 7 pixels by 16 outputs (on a processor with registers of 16
# numbers), and it differs from step 8 in two ways.
#
# *Nothing is gathered.* A copy of the image is laid between zeros. Then a tap is one distance in memory,
# the same for all pixels: what pixel $p$ reads at tap $t$ stands at `here + p * I + taps[t]`. So the tile
# walks over the taps where they lie.
#
# *A register holds 16 outputs, not 16 inputs.* For each input number the tile loads one register of 16
# weights. It spreads the number of each of its 7 pixels over a register, and does 7 multiply-adds. No
# sum has to be added up across a register at the end. The compiler would not do this by itself, so
# `kernels/tiles/emitter.py` writes these instructions. Bias and ReLU happen before the tile is stored.
#
# Around the tile there are twenty lines of plain Numba. These are the ones of
# [kernels/masked_conv.py](../pixelrnn_np/kernels/masked_conv.py), without the case of a 1×1:

# %%
from pixelrnn_np.kernels.taps import copy_rows, distances, surroundings
from pixelrnn_np.kernels.tiles.multiply import matrix, multiply_taps
from pixelrnn_np.kernels.tiles.panels import panels


@numba.njit
def conv_inline(x, K, offsets, b, y):
    B, H, W, I = x.shape
    O, weights = b.size, panels(K)
    wide, above, below, taps = surroundings(offsets, W)
    around, taps = np.zeros((above + H * wide + below) * I, x.dtype), distances(taps, I)
    for n in range(B):
        copy_rows(x, n * H * W * I, W * I, around, above * I, wide * I, H, W * I)
        for r in range(H):
            row, here = matrix(y, (n * H + r) * W * O, O), matrix(around, (above + r * wide) * I, I)
            multiply_taps(row, here, taps, weights, W, O, bias=b)


# %% [markdown]
# - `panels` lays the weights out in strips of 16 columns, in the order in which the tiles read them.
# - `surroundings` says how many zeros are needed: above, below, and after each row. Those after a row are also
#   those before the next.
# - `distances` turns the taps from pixels into numbers, and `copy_rows` puts an image between the zeros.
# - `matrix(array, start, stride)` is a matrix that is not cut out: where its first row begins, and how
#   far rows are apart.
# - `multiply_taps` is the product: a row of the image, in tiles.


# %%
def conv_kernel(x, y):
    kernels.conv_forward(x, taps, offsets, b, y)
    return y


conv_inline(x, taps, offsets, b, y)
assert np.array_equal(y, conv_kernel(x, np.empty_like(x))), "the same bits"
note("9 the package's kernel", lambda: conv_kernel(x, y))

# %%
figures.ladder(times, work, peak)

# %% [markdown]
# The scale is logarithmic: from one power of ten to the next it is ten times less. Where did it go?
# Below is what each step asks for: calls from Python, and the megabytes that are read and written
# as whole maps, counted by hand, whether a cache holds them or not. The last columns are what came of it.

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
    "6a Numba, loops": (1, 2 * mb),
    "6b with fastmath": (1, 2 * mb),
    "6c and taps transposed": (1, 2 * mb),
    "7 Numba, outputs inside": (1, 2 * mb),
    "8 Numba, tiles of 4 × 4": (1, 2 * mb),
    "9 the package's kernel": (1, 2 * mb),
}
figures.Table(
    ["step", "calls from Python", "MB moved", "ms", "GFLOP/s", "share of peak"],
    [
        [
            name,
            calls,
            "" if moved is None else f"{moved:.1f}",
            1e3 * times[name],
            work / times[name] / 1e9,
            100 * work / times[name] / peak,
        ]
        for name, (calls, moved) in asked.items()
    ],
    form=["", "", "", "{:.3g}", "{:.3g}", "{:.3g} %"],
)

# %% [markdown]
# Read it from the top. From step 2 to step 3 only the **calls** become fewer, and with them nearly
# all of the time is gone. From 3a to 3b the masked taps are left out: a product with zero takes as
# long as any other. Step 5 is step 2 without Python, but its 15,000 small products remain, and it
# stays far behind step 3. Steps 6
# and 7 are one call and move the least that can be moved, and yet they are slower than step 3: what they
# lack is **arithmetic**, many multiplications in one instruction, and few loads for each.
# Step 8 has both, in plain Numba. On the machine of this page it draws level with step 4, but not with
# 3b: it copies what it reads, and adds up its sums across the registers at the end. Step 9 does neither,
# and its tiles are wider.
#
# ### Evidence
#
# Is that so? The machine code says. `inspect_asm` gives it as text, and we count instructions: products
# fused with a sum (`vfmadd…` on x86, `fmla` on ARM), products by themselves, and the size of the
# registers they work on: `zmm` holds 16 float32, `ymm` 8, `xmm` 4. (`course/machine.py` has the two
# regular expressions that count them.) A count says what is *there*, not how often it runs; but what is
# not there cannot run.

# %%
from pixelrnn_np.kernels.tiles.products import product

# The kernel's product comes from a file of compiled code, so it is compiled again to be read.
again = numba.njit(no_cpython_wrapper=True, error_model="numpy")(product.shared.kernel.py_func)
types = next(s for s in product.shared.kernel.signatures if numba.types.float32 in s)
again.compile(types)
machine.multiplications(
    {
        "6a loops": conv_loops,
        "6b with fastmath": conv_fastmath,
        "6c and taps transposed": conv_transposed,
        "7 outputs inside": conv_outputs_inside,
        "8 the tile of 4 × 4": tile_4_by_4,
        "9 the product in tiles": again,
    }
)

# %% [markdown]
# Look first at the columns that say *one*: a multiplication of one number by one. Step 6a should have
# nothing else. Where a step has wide instructions, it uses the vector unit, and those of one number beside
# them do what is left over at the end of a loop. In step 8 expect one wide instruction for each of the
# 16 sums. *Fused* stands only where leave was given to contract, or where the instruction was asked for.
# The table has the columns that were found: a processor without registers of 16 numbers shows none. (If
# a processor of another kind shows nothing at all, its instructions have names that are not counted
# here.)
#
# ### Two roofs
#
# How fast *can* a step be? There are two limits. One is peak. The other is memory: who does $n$ operations
# for each byte that has to come and go cannot be faster than $n$ times the bytes per second. In a figure
# with operations per byte to the right and GFLOP/s upwards, both on scales of powers, the two limits are
# a **roofline**: a slope, then a flat roof. The slope is steeper for what a cache holds.


# %%
def bytes_per_second(size):
    """Of reading and writing, when one array of so many bytes is copied to another."""
    a, room = np.ones(size // 4, "float32"), np.ones(size // 4, "float32")
    return 2 * a.nbytes / timed(lambda: np.copyto(room, a), average=min)


roofs = {
    "a cache, 200 kB": bytes_per_second(200_000),
    "memory, 64 MiB": bytes_per_second(64 << 20),
}
points = {
    name.split()[0]: (work / (1e6 * moved), work / times[name])
    for name, (_, moved) in asked.items()
    if moved is not None
}
figures.roofline(points, peak, roofs)

# %% [markdown]
# The points are the steps of the table. Those from 6 to 9 stand in one line, one above the other: the same
# operations per byte, and the way up is arithmetic alone. Steps 3 and 4 stand further left, since they
# write maps and read them again. They may stand above the slope of memory: four images are so little that
# a map stays in a cache.
#
# Calls, arithmetic: the third cause of slowness, **memory**, shows with more images only. Which of the
# steps 3b, 4 and 9 will suffer?

# %%
rows = []
for images in (4, 16, 64):
    many = rng.standard_normal((images, H, W, F)).astype("float32")
    out = np.empty_like(many)
    ways = (
        lambda many=many: conv_slices(many, taps, offsets),
        lambda many=many: conv_im2col(many),
        lambda many=many, out=out: conv_kernel(many, out),
    )
    rows.append([images, *(1e9 * timed(way, 0.5) / (images * H * W) for way in ways)])
figures.Table(
    ["images", "3b: ns per pixel", "4: ns per pixel", "9: ns per pixel"], rows, form="{:.0f}"
)

# %% [markdown]
# The kernel costs about the same per pixel, however many there are: one image between zeros never leaves
# the cache. Step 3b hardly suffers, as long as its maps of 3 MB fit a large cache. Step 4, the better
# arithmetic on paper, writes a matrix of five times the image, 16 MB here, into memory that is fresh each
# time (more of that below), and costs the most per pixel.

# %% [markdown]
# ## What stops the vector unit
#
# A kernel that gathers, or puts an image between zeros, copies short runs of numbers. That ought to be a
# few instructions. Here are three ways to write it. Which would you write, and which is the fastest?


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
copies = {
    "slices": copy_slices,
    "a loop, signed index": copy_signed,
    "a loop, unsigned index": copy_unsigned,
}
for name, function in copies.items():
    target[:] = 0
    function(target, source, n, runs)
    assert np.array_equal(target, source)
    seconds = timed(lambda function=function: function(target, source, n, runs))
    rows.append([name, 1e9 * seconds / runs])
figures.Table(["copying 16 floats by", "nanoseconds"], rows, form="{:.1f}")

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
# changes. One call for all rows ought to be best, ought it not?


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
        seconds = timed(lambda rows=rows: blockwise(a, w, out, rows), 0.06)
        found.append(100 * 2 * a.size * h / seconds / peak)
    assert np.allclose(out, a @ w, rtol=0, atol=1e-3)
    label = f"rows in a block of (rows, {taps * h}) · ({taps * h}, {h})"
    return figures.lines(
        {"share": (np.array(sizes), found)},
        label,
        "% of peak",
        height=2.8,
        logx=True,
        ylim=(0, 1.1 * max(found)),
    )


course.interactive(draw_blocks, static=[{"h": 16}, {"h": 64}], h=[16, 32, 64], taps=[1, 5])

# %% [markdown]
# Small blocks pay for the call. Large ones are not better, as one might think, but may be worse:
# for products of more than about $10^6$ multiply-adds, OpenBLAS first copies both factors into
# buffers arranged to its liking. For square matrices that is repaid many times; for a thin one it
# is not. Below the limit it multiplies where the numbers lie.
#
# <details><summary>Where the limit is, and what this package did about it</summary>
#
# It is at 781 rows in the first figure, between the points at 448 and 784, and at 48 in the second. While
# this package called the library, it took as many rows as stay below it, and blocks of 448 where those
# would be few: for the second shape that is not what this figure advises, but 48 rows would be fewer than
# two of the image's. The block that was just written is then still in the cache.
# </details>
#
# A little more than 100 % is no mistake: what is called peak here is NumPy's product of large squares,
# which pays for the copying. Much more is one. In an earlier version of this page the curve went up to
# 180 %. Numba multiplies with SciPy's library, not with NumPy's, and only NumPy's had been held to one
# thread. Two cores were at work, and the clock counted one. **A number above the roof is a bug report**,
# as a likelihood that is too good is one ([11](11_catch_the_leak.ipynb)).
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
layers = {"layer by layer": timed(layer_by_layer)}
layers["image by image through the block"] = timed(fused)
weights = sum(layer.weights().size for layer in (block.down, block.conv, block.up, block.skip))
figures.bars(
    {
        f"{name}, {2 * pixels * weights / t / peak:.0%} of peak": 1e3 * t
        for name, t in layers.items()
    },
    "ms",
    form="{:.2f}",
)

# %% [markdown]
# The same products, in little more than half the time here. What is saved is the writing and reading of
# maps between the layers, and the ReLUs as passes of their own.
#
# ## What gathering costs
#
# Step 9 reads the taps where they lie. What does that save against a gathered copy and the library's
# product? BLAS asks for the copy: a factor has to be one matrix in memory. Bias and ReLU are then passes
# of their own over the result; in the tile they happen before it is stored.
#
# The 3×3 of one image, with its bias and its ReLU:

# %%
image = np.maximum(rng.standard_normal((H, W, F)), 0).astype("float32")
cols, one, two = (np.zeros((H * (W + 1), n), "float32") for n in (5 * F, F, F))
wide = W + 1  # one pixel of zeros after each row is also the one before the next
around = np.zeros((H + 3, wide, F), "float32")  # the first tap of the first pixel is 30 before it
around[2:-1, :W] = image
moved = (offsets[:, 0] * wide + offsets[:, 1]) * F


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
def in_registers(around, start, taps, K, b, y):
    # multiply_taps(out, a, taps, K, M, N): out = Σ_t a moved by taps[t] · K_t. A matrix is an
    # array, where its first row begins, and how far rows are apart; panels(K) is K cut in strips
    # of 16 or 32 columns.
    M, N = y.shape
    out, a = matrix(y, 0, N), matrix(around, start, N)
    multiply_taps(out, a, taps, K, M, N, bias=b, at_least=np.float32(0))


K, K_panels = taps.reshape(-1, F), panels(taps.reshape(-1, F))
exact = cols[: H * W], one[: H * W]  # the other one also computes the pixels after the rows
ways = {
    "gather, product, bias and ReLU": timed(
        lambda: gathered_and_multiplied(image, offsets, K, b, *exact)
    ),
    "in registers": timed(lambda: in_registers(around, 2 * wide * F, moved, K_panels, b, two)),
}
assert np.allclose(one[: H * W].reshape(H, W, F), two.reshape(H, wide, F)[:, :W], atol=1e-4)
figures.bars(
    {f"{name}, {2 * H * W * K.size / t / peak:.0%} of peak": 1e6 * t for name, t in ways.items()},
    "µs",
    form="{:.1f}",
)

# %% [markdown]
# In registers it takes less than half the time: the product is as fast as the library's at its best, and
# the copy and the passes are gone. The whole block above is made of such products. Its backward pass needs one more kind, the sum of
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
    [[name, 1e6 * t, 1e9 * t / c.size] for name, t in cells.items()],
    form="{:.1f}",
)

# %% [markdown]
# The first two lines may surprise: here NumPy can be faster than Numba's loop. NumPy brings vector code
# of its own for `exp` and `tanh` of float32, and takes many numbers in each instruction. A loop that
# calls the system's library for each single number cannot. Compiled is not yet vectorised.
#
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
# too. The kernels of this package take it as an *order*, diagonal by diagonal: *a*, *b e*, *c f i*, …
# Gates and states are stored like this. A diagonal of them is then one piece of memory, which a column
# of the padded map is not, and there are no dots. The input stays where it is; a table says where the
# pixels of a diagonal lie.

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
    [
        [name, a.size // a.shape[-1], 1e3 * ways[name]]
        for name, a in zip(ways, (padded, ordered), strict=True)
    ],
    form="{:.2f}",
)

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
# `np.empty` is free, or so it looks. Fill 64 MiB, once in fresh memory and once in memory that you have
# kept: which factor do you expect between the two? For a large array NumPy asks the system for memory, and gets a
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


SMALL, LARGE = machine.page_sizes()
rows = []
for name, function in (("fresh", fresh), ("reused", reused)):
    seconds, faults = timed(function), machine.page_faults(function)
    large = max(0, round((size - faults * SMALL) / (LARGE - SMALL))) if faults else 0
    memory = (large * LARGE + (faults - large) * SMALL) / 2**20
    rows.append([name, 1e3 * seconds, faults, large, faults - large, memory])
figures.Table(
    [
        "filling 64 MiB",
        "ms",
        "page faults",
        f"of {LARGE >> 20} MiB",
        f"of {SMALL >> 10} KiB",
        "MiB",
    ],
    rows,
    form="{:.1f}",
)

# %% [markdown]
# <details><summary>Do they add up?</summary>
#
# A page is small, 4 KiB on most machines, or large, where the system and NumPy agree on it. If all were
# small, 64 MiB would take 16,384 faults of 4 KiB. With fewer, some are large: so many that together they
# make 64 MiB, which the last columns work out. (Small ones are needed where the array does not begin or
# end on a multiple of a large one.) Smaller arrays may be lucky: the library keeps some freed memory for
# the next caller.
# </details>
#
# A training step makes the same arrays in the same order as the step before. So each thread has a
# `Workspace`, where the k-th request of a step gets the k-th buffer again. Here are forward and backward of a small PixelCNN on
# 16 images, both ways, in a fresh process:

# %%
PASSES = """
import numpy as np
import pixelrnn_np as pr
from pixelrnn_np import memory

model, space = pr.build_model("pixelcnn", layers=5), memory.Workspace()
digits = (np.random.default_rng(0).random((16, 28, 28, 1)) < 0.15).astype(np.uint8)

def passes():
    _, cache = model.nll_forward(digits)
    return model.nll_backward(1 / len(digits), cache)

def passes_in_a_workspace():
    with memory.workspace(space):
        return passes()
"""
found = machine.in_a_process_of_its_own(PASSES, ["passes", "passes_in_a_workspace"])
(fresh_seconds, fresh_faults), (kept_seconds, kept_faults) = found
figures.Table(
    ["forward and backward", "ms", "page faults", "MiB, if all are small"],
    [
        [name, 1e3 * seconds, faults, faults * SMALL / 2**20]
        for name, (seconds, faults) in zip(("fresh arrays", "a workspace"), found, strict=True)
    ],
    form="{:.1f}",
)

# %%
each = (fresh_seconds - kept_seconds) / max(1, fresh_faults - kept_faults)
print(f"a page fault costs about {1e6 * each:.1f} µs here, filling the page with zeros included")

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
    name = f"{k} thread{'s' * (k > 1)}"
    threads[name] = timed(
        lambda k=k: model.loss_and_grads(batch, threads=k), 2.0, min, time.perf_counter
    )
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
#   where one thinks. Then read the machine code, for it is seldom what one wrote.
# - A number that has been loaded should be used more than once: keep a tile of results in registers.
# - A convolution is a matrix product of what its taps read. Masked taps are left out, not
#   multiplied by zero.
# - A compiler vectorises a loop whose passes are independent, whose numbers lie side by side, and whose
#   indices cannot be negative.
# - Cut large work into pieces that stay in the cache, and take each piece through as many steps as
#   possible. Reuse memory.
# - Every version gives the same numbers, and a test says so. Without the slow version nobody would
#   believe the fast one.
#
# In the package: `kernels/` (each file says what was measured), `reference/` (the same functions in
# plain loops), `compiled.py`, `parallel/`, `memory.py`; `make breakdown` says where the time of a step
# goes.
#
# ## Further reading
#
# - The paper, [Pixel Recurrent Neural Networks](https://arxiv.org/abs/1601.06759), says nothing of
#   this.
# - The source: [kernels/masked_conv.py](../pixelrnn_np/kernels/masked_conv.py),
#   [compiled.py](../pixelrnn_np/compiled.py).
# - K. Goto and R. A. van de Geijn, *Anatomy of High-Performance Matrix Multiplication*, ACM
#   Transactions on Mathematical Software 34 (2008): blocks that fit in caches and registers.
# - S. Williams, A. Waterman and D. Patterson, *Roofline: An Insightful Visual Performance Model for
#   Multicore Architectures*, Communications of the ACM 52 (2009).
#
# Solutions: [solutions/10_loops_to_numba](solutions/10_loops_to_numba.ipynb). Next:
# [11 · Catch the leak](11_catch_the_leak.ipynb).
