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
# this package. Each time the numbers are the same, and each time one idea is new. You guess, measure,
# and read the machine code to see why.
#
# **What you will learn.** Where the time goes: calls, arithmetic, memory. What Numba does, and what a
# compiler needs before it uses the vector unit; what a tile of registers is; why fresh memory is slow;
# how two threads give the same bits as one.
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
from pixelrnn_np import course, figures, kernels, reference
from pixelrnn_np.course import machine
from pixelrnn_np.course import n10 as check
from pixelrnn_np.layers.masked_conv import MaskedConv
from pixelrnn_np.layers.masks import feature_groups
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
# The sum stays the same sum. What changes is how often Python is asked, how often numbers travel between
# memory and processor, and how many of them one instruction takes. Here are the eight rungs, each with
# its idea. Before you climb one, say by which factor it will be faster, or whether it will be slower.
#
# | rung | idea |
# |---|---|
# | 1 plain Python | the sum as one would explain it |
# | 2 per pixel and tap | ask Python less often |
# | 3 per tap | move the whole map, not a pixel |
# | 4 one product | lay side by side what is summed |
# | 5 loops, compiled | no Python at all |
# | 6 side by side | give the compiler something to take at once |
# | 7 a tile | use each number that was loaded four times |
# | 8 the kernel | gather nothing, and write the instruction yourself |
#
# The unit is the **GFLOP/s**: $10^9$ operations on floating-point numbers in a second. A multiplication
# is one, an addition is another. To see how far there is to go, we ask the machine for its best: a
# product of two large matrices, which does most arithmetic per number read. That is **peak**. And since
# all times depend on it, here is the machine.

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
# (The clock counts only the time for which this thread had a processor. Of many runs we take the median;
# of the peak, the best.)
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
# ## Slowly: what does one multiplication cost?
#
# **Rung 1: plain Python.** Lists, loops, one multiplication at a time.


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
print(f"{1e3 * times['1 plain Python']:.0f} ms:", end=" ")
print(f"{2e9 * times['1 plain Python'] / work:.0f} ns for a multiply-add")

# %% [markdown]
# In these nanoseconds the processor could have done a thousand and more. For each product Python
# looks up two lists, checks types, makes a new float object and forgets an old one.
#
# **Rung 2: one product per pixel and tap.** So ask Python less often: a row vector times a matrix is
# one call of NumPy. The readable twin of the package does that, `reference/masked_conv.py`. Four million
# passes become 15,000 calls.


# %%
def note(name, function):
    """Times a way of computing y, after making sure that it is the same y."""
    got = function()
    assert np.allclose(got, wanted, rtol=0, atol=1e-4), name
    times[name] = timed(function)
    faster = list(times.values())[-2] / times[name]
    ratio = f"{faster:.3g} times as fast" if faster > 1 else f"{1 / faster:.3g} times as slow"
    print(f"{name}: {1e3 * times[name]:.3g} ms, {ratio} as the one before")


def conv_reference():
    reference.conv_forward(x, taps, offsets, b, y)
    return y


note("2 per pixel and tap", conv_reference)

# %% [markdown]
# ## Fast: must every pixel be asked?
#
# **Rung 3: one product per tap.** All pixels read tap $t$ in the same direction. So the whole map
# moves by $t$, and is multiplied at once. A border of zeros around the image saves all questions
# about what lies outside. Ten calls are left: guess the factor.


# %%
def with_border(x):
    wide = np.zeros((len(x), H + 2, W + 2, F), x.dtype)
    wide[:, 1:-1, 1:-1] = x
    return wide


def conv_slices(x):
    wide, y = with_border(x), np.zeros_like(x)
    for (dr, dq), K in zip(offsets, taps, strict=True):
        y += wide[:, 1 + dr : 1 + dr + H, 1 + dq : 1 + dq + W] @ K
    return y + b


note("3 per tap", lambda: conv_slices(x))

# %% [markdown]
# <details><summary>And what do the masked taps cost?</summary>
#
# With all nine taps, four of them zero, this takes nearly nine fifths of the time: a product with zero
# takes as long as any other. That is why the package leaves masked taps out, and does not multiply by
# a mask.
# </details>
#
# **Rung 4: one product.** Put what a pixel reads side by side, 5 × 16 = 80 numbers, in one row of a
# matrix; write the taps beneath each other, 80 × 16. Then the sum over taps *is* the sum inside a
# matrix product. This is known as *im2col*, image to columns. It is a single product. But a matrix of
# five times the image has to be written first. Which will win?


# %%
def conv_im2col(x):
    wide = with_border(x)
    parts = [wide[:, 1 + dr : 1 + dr + H, 1 + dq : 1 + dq + W] for dr, dq in offsets]
    cols = np.concatenate(parts, axis=3).reshape(-1, len(offsets) * F)
    return (cols @ taps.reshape(-1, F) + b).reshape(x.shape)


note("4 one product", lambda: conv_im2col(x))

# %% [markdown]
# On the machine of this page the copy costs more than the calls did. Keep the idea all the same: rungs
# 7 and 8 are this product without the large matrix.
#
# ## Exercise 10.1 · One tap, all pixels
#
# The heart of rung 3, without a border. Given `x` of shape $(B, H, W, \text{in})$, one matrix `K`
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
# ## Compiled loops: what does the machine really do?
#
# Numba translates a Python function to machine code. So we can go back to loops and pay for the
# arithmetic only. What does it do?
#
# - **Types.** At the first call it looks at the arguments: arrays of float32, say. From these it finds
#   the type of every variable, and gives the result to LLVM, which translates C too. For other types it
#   compiles once more. What has no fixed type, such as a list of anything, it refuses.
# - **Caching.** Compiling takes from a tenth of a second to several. With `cache=True` the machine code
#   goes to a file, for the next start. This package keeps its own folder of it (`kernels/cache.py`).
# - **prange.** With `parallel=True` a loop over `prange` is shared out among threads. This package
#   shares out images instead, for a reason that comes under *Threads*.
# - **nogil.** While compiled code runs, Python's lock can be released. Then Python's threads really run
#   side by side.
#
# (`NUMBA_DISABLE_JIT=1` runs the same function as plain Python, so that a debugger can step through it.)
#
# **Rung 5: the loops of rung 1.** Not one call of Python is left inside. Will it beat rung 3?


# %%
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


conv_loops = numba.njit(loops)
note("5 loops, compiled", lambda: conv_loops(x, taps, offsets, b, y))
print(machine.inner_loop(conv_loops, 9))

# %% [markdown]
# It loses. The machine code says why: `inspect_asm` gives it as text, and above is the beginning of
# the innermost loop, several passes of it one after the other. (On x86 the operand that is written stands
# last, and `ss` at the end of a name is for *one* float32. A register has room for more: `xmm` for 4,
# `ymm` for 8, `zmm` for 16. ARM has other names.) Find the register into which *every* product is added.
#
# It is `xmm0`. Each addition waits for the one before, since the sum has to be built in the order in which
# it was written: in another order it would be rounded differently. So the processor multiplies one number
# at a time, and mostly waits.
#
# **Rung 6: side by side.** We may give leave to reorder, with *fastmath*: `reassoc` allows another order
# of a sum, and `contract` a product and a sum in one instruction, a *fused* one. (Not all of fastmath: NaN
# and infinity have to survive, so that a run that diverges is noticed.) With leave, and nothing else
# changed, will rung 5 be faster? Below are leave of either kind, and both. The last bar has both, and the
# taps laid out anew, `[tap, out, in]`.


# %%
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


across = np.ascontiguousarray(taps.swapaxes(1, 2))  # (T, out, in)
ALLOWED = {"reassoc", "contract", "nsz"}  # nsz: -0 may become 0
leave = {
    "no leave": False,
    "contract": {"contract"},
    "reassoc": {"reassoc", "nsz"},
    "both": ALLOWED,
}
found = {}
for name, flags in leave.items():
    conv_fastmath = numba.njit(fastmath=flags)(loops)
    found[name] = timed(lambda f=conv_fastmath: f(x, taps, offsets, b, y), 0.5, min)
conv_transposed = numba.njit(fastmath=ALLOWED)(loops_transposed)
note("6 side by side", lambda: conv_transposed(x, across, offsets, b, y))
found["both, taps transposed"] = timed(
    lambda: conv_transposed(x, across, offsets, b, y), average=min
)
figures.bars({name: 1e3 * t for name, t in found.items()}, "ms", form="{:.2f}")

# %% [markdown]
# On the machine of this page the whole leave *alone* makes it slower. Here is the loop that runs then,
# and below it that of rung 6. (`machine.inner_loop` finds the loop that multiplies most; for rung 6 it is
# asked for the one in `ymm`, which sums of 16 take. For 64 numbers and more there is a wider one.)

# %%
print(machine.inner_loop(conv_fastmath, 9))
print("\n" + "-" * 40 + "\n")
print(machine.inner_loop(conv_transposed, register="ymm"))

# %% [markdown]
# Two reasons, and you can see both.
#
# - **The chain got slower.** In rung 5 only the additions waited for each other; the products ran
#   ahead. A fused instruction is both, so all of it waits: each of them reads the register that the one
#   before has written. And it takes longer than an addition (on this processor about four cycles
#   instead of three). `reassoc` alone avoids that, and gains a little: it makes two chains of one.
# - **The data do not lie side by side.** The weights of a sum, `taps[t, 0, o]`, `taps[t, 1, o]`, …, are
#   a row of 16 numbers apart, and cannot be loaded together. The compiler did write wide loops, but
#   only for the case that there is one output. For our 16 it takes the narrow one.
#
# In rung 6 the weights lie side by side. One load takes 8 of them, and one instruction multiplies and adds
# 8 times. **A flag gives the compiler leave. The data have to give it something to take.**
#
# <details><summary>One more thing that stops the vector unit: an index that might be negative</summary>
#
# In Python, `a[-1]` is the last entry, and Numba keeps the promise: for an index that might be
# negative, it asks each time whether to count from the end. The two cases read from different places, so
# the loop cannot become one wide instruction. An index from `range(n)` is known not to be negative, and an
# unsigned one (`np.uintp`) never is. This is why `kernels/runs.py` looks as it does. The
# [solutions](solutions/10_loops_to_numba.ipynb) measure it.
# </details>
#
# ## A tile of registers: how often is a number used?
#
# Look at rung 6's loop again: for one multiplication it reads twice, once into a register and once within
# the instruction. Each number that was fetched is used **once**. The arithmetic waits for the traffic.
# And after every 16 products the register's 8 sums have to be added up to one.
#
# The cure is to keep a *rectangle* of results in registers. Take 4 pixels and 4 outputs, 16 sums. Of
# each input, 4 numbers of $x$ and 4 weights are loaded, 8 in all, and each is used four times: 16
# multiplications. Only at the end are the sums stored, once. Why not one pixel by many outputs? Count the
# loads in both pictures.


# %%
def draw_tile(pixels=4, outputs=4):
    return figures.register_tile(pixels, outputs)


course.interactive(
    draw_tile,
    static=[{"pixels": 4, "outputs": 4}, {"pixels": 1, "outputs": 8}],
    pixels=[1, 2, 4],
    outputs=[1, 2, 4, 8],
)

# %% [markdown]
# The square loads 8 numbers for 16 products, the strip 9 for 8. A rectangle loads its two sides and
# multiplies its area. A larger one would be better still, as long as its sums fit in the registers: of
# these a core has 16, or 32.
#
# **Rung 7** is this in plain Numba. What the pixels of a row read is gathered side by side, as in
# rung 4, but for one row of the image only. It is small, and stays in the fastest cache. The loop over
# `i` runs along both `read` and the weights, as in rung 6; but it is 80 long, through all taps at once.


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
    s00 = s01 = s02 = s03 = s10 = s11 = s12 = s13 = np.float32(0)
    s20 = s21 = s22 = s23 = s30 = s31 = s32 = s33 = np.float32(0)
    for i in range(read.shape[1]):
        v0, v1, v2, v3 = read[q, i], read[q + 1, i], read[q + 2, i], read[q + 3, i]
        k0, k1, k2, k3 = weights[o, i], weights[o + 1, i], weights[o + 2, i], weights[o + 3, i]
        s00, s01, s02, s03 = s00 + v0 * k0, s01 + v0 * k1, s02 + v0 * k2, s03 + v0 * k3
        s10, s11, s12, s13 = s10 + v1 * k0, s11 + v1 * k1, s12 + v1 * k2, s13 + v1 * k3
        s20, s21, s22, s23 = s20 + v2 * k0, s21 + v2 * k1, s22 + v2 * k2, s23 + v2 * k3
        s30, s31, s32, s33 = s30 + v3 * k0, s31 + v3 * k1, s32 + v3 * k2, s33 + v3 * k3
    sums = (
        (s00, s01, s02, s03),
        (s10, s11, s12, s13),
        (s20, s21, s22, s23),
        (s30, s31, s32, s33),
    )
    for r in range(4):
        for k in range(4):
            out[q + r, o + k] = sums[r][k] + b[o + k]


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
note("7 a tile", lambda: conv_tiles(x, beside, offsets, b, y))
print(machine.inner_loop(tile_4_by_4))

# %% [markdown]
# The picture has become machine code. On the machine of this page, count 8 loads (`vmovups`) and 16
# multiply-adds (`vfmadd…`), no two of which write to the same register. Each of them takes 16 values of
# `i` at once.
#
# **Rung 8: the package's kernel.** Its tile is 7 pixels by 16 outputs (on a processor with registers of
# 16 numbers), and it differs from rung 7 in two ways.
#
# *Nothing is gathered.* A copy of the image is laid between zeros. Then a tap is one distance in memory,
# the same for all pixels: what pixel $p$ reads at tap $t$ stands at `here + p * I + taps[t]`. So the tile
# walks over the taps where they lie.
#
# *A register holds 16 outputs, not 16 inputs.* For each input number the tile loads one register of 16
# weights. It spreads the number of each of its 7 pixels over a register, and does 7 multiply-adds. No
# sum has to be added up across a register at the end. The compiler would not do this by itself, so
# `kernels/tiles/emitter.py` writes these instructions.
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
    around, taps = (
        np.zeros((above + H * wide + below) * I, x.dtype),
        distances(taps, I),
    )
    for n in range(B):
        copy_rows(x, n * H * W * I, W * I, around, above * I, wide * I, H, W * I)
        for r in range(H):
            row, here = (
                matrix(y, (n * H + r) * W * O, O),
                matrix(around, (above + r * wide) * I, I),
            )
            multiply_taps(row, here, taps, weights, W, O, bias=b)


# %% [markdown]
# - `panels` lays the weights out in strips of 16 columns, as the tiles read them.
# - `surroundings` says how many zeros are needed above, below, and after each row; `copy_rows` puts an
#   image between them; `distances` turns the taps from pixels into numbers.
# - `matrix(array, start, stride)` is a matrix that is not cut out: where its first row begins, and how
#   far rows are apart. `multiply_taps` is the product: a row of the image, in tiles.


# %%
def conv_kernel(x, y):
    kernels.conv_forward(x, taps, offsets, b, y)
    return y


conv_inline(x, taps, offsets, b, y)
assert np.array_equal(y, conv_kernel(x, np.empty_like(x))), "the same bits"
note("8 the kernel", lambda: conv_kernel(x, y))
figures.ladder(times, work, peak)

# %% [markdown]
# All eight rungs; on this axis ten times less is always the same way. How many had you guessed?
#
# ## Where did the time go?
#
# Three suspects, and a piece of evidence for each. **Calls** and **memory** can be counted by hand: how
# often Python is asked, and how many megabytes are read and written as whole maps (gathered tiles
# and small rows, which a cache holds, are left out).

# %%
mb = x.nbytes / 1e6
pixels = B * H * W
asked = {
    "1 plain Python": (work // 2, None),
    "2 per pixel and tap": (pixels * 5, None),
    "3 per tap": (5 * 2, 5 * 5 * mb),  # read x; write, read the product; read, write y
    "4 one product": (5, (5 + 5 + 5 + 1 + 2) * mb),  # gather, write, read; y; bias
    "5 loops, compiled": (1, 2 * mb),
    "6 side by side": (1, 2 * mb),
    "7 a tile": (1, 2 * mb),
    "8 the kernel": (1, 2 * mb),
}
figures.Table(
    ["rung", "calls", "MB", "GFLOP/s"],
    [
        [name, f"{calls:,}", "" if moved is None else f"{moved:.1f}", work / times[name] / 1e9]
        for name, (calls, moved) in asked.items()
    ],
    form=["", "", "", "{:.3g}"],
)

# %% [markdown]
# From rung 2 to rung 3 only the calls become fewer, and with them nearly all of the time is gone. From
# rung 5 on calls and megabytes are the least that they can be, and yet rungs 5 and 6 are far slower
# than rung 3, and rung 7 is a little slower. (Rung 3 has tiles as well: those of the library that
# multiplies its matrices.) What they lack is **arithmetic**. Its evidence is the machine code, now
# of all compiled rungs.
# Predict one line before you look: how many multiplications does rung 5 have in the wide columns?

# %%
from pixelrnn_np.kernels.tiles.products import product

# The kernel's product comes from a file of compiled code, so it is compiled again to be read.
again = numba.njit(no_cpython_wrapper=True, error_model="numpy")(product.shared.kernel.py_func)
types = next(s for s in product.shared.kernel.signatures if numba.types.float32 in s)
again.compile(types)
machine.multiplications(
    {
        "5 loops": conv_loops,
        "5, both flags": conv_fastmath,
        "6 side by side": conv_transposed,
        "7 a tile": tile_4_by_4,
        "8 the product": again,
    }
)

# %% [markdown]
# A column says how many numbers an instruction multiplies (16 is `zmm`, 8 `ymm`, 4 `xmm`). *Fused* stands
# only where leave was given to contract, or where the instruction was asked for. A count says what is
# *there*, not how often it runs: the wide ones of "5, both flags" never do here, nor those of 16 in rung
# 6. But what is not there cannot run. Rung 7 has one wide instruction for each of its 16 sums.
# (`course/machine.py` counts, by regular expressions for x86 and ARM.)
#
# ### Two roofs
#
# How fast *can* a rung be? There are two limits. One is peak. The other is memory: who does $n$ operations
# for each byte that has to come and go cannot be faster than $n$ times the bytes per second. In a figure
# with operations per byte to the right and GFLOP/s upwards, both on scales of powers, the two limits are
# a **roofline**: a slope, then a flat roof. The slope is steeper for what a cache holds. Where will rungs
# 5 to 8 stand?


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
    name: (work / (1e6 * moved), work / times[name])
    for name, (_, moved) in asked.items()
    if moved is not None
}
figures.roofline(points, peak, roofs)

# %% [markdown]
# In one line, one above the other: the same operations per byte, and the way up is arithmetic alone.
# Rungs 3 and 4 stand further left, since they write maps and read them again. A point may stand above
# the slope of memory: four images are so little that a map stays in a cache. But above peak? **A number
# above the roof is a bug report**, as a likelihood that is too good is one
# ([11](11_catch_the_leak.ipynb)). An earlier version of this page had one at 180 %: two cores were at work,
# and the clock counted one.
#
# Memory shows as soon as the maps outgrow the cache. Which of the rungs 3, 4 and 8 will suffer from more
# images?

# %%
rows = []
for images in (4, 16, 64):
    many = rng.standard_normal((images, H, W, F)).astype("float32")
    out = np.empty_like(many)
    ways = (
        lambda many=many: conv_slices(many),
        lambda many=many: conv_im2col(many),
        lambda many=many, out=out: conv_kernel(many, out),
    )
    rows.append([images, *(1e9 * timed(way, 0.5) / (images * H * W) for way in ways)])
figures.Table(["ns per pixel, images", "rung 3", "rung 4", "rung 8"], rows, form="{:.0f}")

# %% [markdown]
# The kernel costs about the same per pixel, however many there are: one image between zeros never leaves
# the cache. Rung 3 hardly suffers, as long as its maps of 3 MB fit a large cache. Rung 4 writes a matrix
# of five times the image, 16 MB here, into memory that is fresh each time, and costs the most per pixel.
#
# ## Fresh memory: what does `np.empty` cost?
#
# Nothing, or so it looks. Fill 64 MiB, once in fresh memory and once in memory that you have kept: which
# factor do you expect between the two?
#
# For a large array NumPy asks the system for memory, and gets a promise. Whenever a page is touched for
# the first time, the processor stops, and the system finds a page and fills it with zeros. That is a
# **page fault**. And when the array is freed, the page goes back, so that the next step pays again.

# %%
size = 64 << 20
kept = np.empty(size, np.uint8)


def fresh():
    np.empty(size, np.uint8).fill(1)


def reused():
    kept.fill(1)


SMALL, LARGE = machine.page_sizes()
found = []
for function in (fresh, reused):
    seconds, faults = timed(function), machine.page_faults(function)
    large = round((size - faults * SMALL) / (LARGE - SMALL)) if faults * LARGE > size else 0
    found.append([f"{1e3 * seconds:.1f}", faults, max(0, large), faults - max(0, large)])
names = "ms", "page faults", f"of these {LARGE >> 20} MiB", f"of these {SMALL >> 10} KiB"
figures.Table(
    ["filling 64 MiB", "fresh", "reused"],
    [list(row) for row in zip(names, *found, strict=True)],
)

# %% [markdown]
# <details><summary>Do they add up?</summary>
#
# A page is small, 4 KiB on most machines, or large, where the system and NumPy agree on it. If all were
# small, 64 MiB would take 16,384 faults. With fewer, some are large: so many that together they make
# 64 MiB, which the last lines work out. (On the machine of this page 31 large ones are 62 MiB, and 513 small
# ones the other two and a page more, since the array does not begin where a page begins.)
# </details>
#
# A training step makes the same arrays in the same order as the step before. So each thread has a
# `Workspace`, where the k-th request of a step gets the k-th buffer again. Here are forward and backward
# of a small PixelCNN on 16 images, both ways. They run in a process of their own: this one has freed large
# arrays before, whereupon the library keeps more, and one would measure luck.

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
each = (fresh_seconds - kept_seconds) / max(1, fresh_faults - kept_faults)
print(f"a page fault costs about {1e6 * each:.1f} µs here, filling the page with zeros included")
figures.Table(
    ["forward and backward", "ms", "page faults"],
    [
        [name, 1e3 * seconds, faults]
        for name, (seconds, faults) in zip(("fresh arrays", "a workspace"), found, strict=True)
    ],
    form="{:.1f}",
)

# %% [markdown]
# The same arithmetic, and the difference is all memory.
#
# ## A recurrence: what if the sum has an order?
#
# In the Row LSTM row $r$ needs row $r-1$. What can be done at once is a row, in all images. Four
# images of 28×28, $h = 16$, $k = 3$; the readable twin first, pixel by pixel.

# %%
trunk = rng.standard_normal((B, H, W, 2 * F)).astype("float32")
lstm = RowLSTM(feature_groups(2 * F, 1), F, 1, rng)
lstm.params["h0"][...], lstm.params["c0"][...] = rng.standard_normal((2, F))
p = lstm.params
start = time.thread_time()
with pr.use_backend("reference"):
    wanted, _ = lstm.forward(trunk)
times = {"per pixel": time.thread_time() - start}

# %% [markdown]
# The idea of rung 4 carries over. What a pixel reads stands side by side, two pixels of the row itself
# and three states of the row above, $2 \cdot 32 + 3 \cdot 16 = 112$ numbers. That is one product per row,
# 28 of them, each followed by the cell.


# %%
def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def cell(z, c):
    o, f, i, g = np.split(z, 4, axis=-1)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return c, sigmoid(o) * np.tanh(c)


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


note("NumPy, one product per row", one_product_per_row)
note("the package's layer", lambda: lstm.forward(trunk)[0])
macs = pixels * (2 * 2 * F * 4 * F + 3 * F * 4 * F)
figures.ladder(times, 2 * macs, peak)

# %% [markdown]
# The package's layer is the same 28 steps, compiled, with tiles for the product. What keeps it below
# peak is above all the cell, which takes time and is not counted as work.
#
# A cell takes five nonlinear functions per feature, and the processor has no instruction for any of
# them. `exp` of the system's library takes one number at a time. The kernels have a tanh of their own, a
# ratio of two polynomials, which the compiler turns into vector code. Then σ should use it as well:
#
# $$\sigma(z) = \tfrac12 + \tfrac12 \tanh\tfrac{z}{2}$$
#
# With that, all $4h$ gates are one loop over tanh. Three cells: NumPy, a compiled loop that calls the
# library, and the package's. Which is the slowest?


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
    ["equation (3)", "ns per pixel and feature"],
    [[name, 1e9 * t / c.size] for name, t in cells.items()],
    form="{:.1f}",
)

# %% [markdown]
# Compiled is not yet vectorised. NumPy brings vector code of its own for `exp` and `tanh` of float32. A
# loop that calls the system's library for each single number cannot do that, and may well lose.
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
# $r$ columns to the right, and diagonals become columns ([06](06_diagonal_bilstm.ipynb)). Which share of
# this picture is empty?

# %%
figures.skewed([list("abcd"), list("efgh"), list("ijkl")])

# %% [markdown]
# Taken literally, that is an array of $H \times (H + W - 1)$ positions, and the dots are computed too. The
# kernels of this package take it as an *order*, diagonal by diagonal: *a*, *b e*, *c f i*, … Gates and
# states are stored like this. A diagonal of them is then one piece of memory, and there are no dots. What
# that saves is for you to count.
#
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
# ## Threads: can two add in the same order?
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
# Half would be perfect. What is missing is what the two cores share: caches, memory, and whoever else
# works on the machine. ([benchmarks/README.md](../benchmarks/README.md) compares all of it with PyTorch.)
#
# ## What to take away
#
# - First the calls, then the arithmetic, then the memory. Measure before each, for it is seldom
#   where one thinks. Then read the machine code, for it is seldom what one wrote.
# - A compiler vectorises a loop whose passes are independent and whose numbers lie side by side.
# - A number that has been loaded should be used more than once: keep a tile of results in registers.
# - A convolution is a matrix product of what its taps read. Masked taps are left out, not
#   multiplied by zero.
# - Cut large work into pieces that stay in the cache, and reuse memory.
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
