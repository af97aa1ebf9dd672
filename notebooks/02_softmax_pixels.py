# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 02 · Softmax pixels: 256 values and no prior
#
# **What you will do.** Write the softmax and its log-likelihood so that no exponential overflows,
# derive the gradient in three lines, and let it compete with bell curves: on pixels of photographs
# and in a network, as §5.3 does.
#
# **What you will learn.** What a model gains when it treats the 256 values of a pixel as mere
# names, and what that costs when data are few; when a probability and a density may be compared,
# and how a density cheats when they may not.
#
# **What you need.** The chain rule of probabilities and nats ([01](01_pixel_by_pixel.ipynb)),
# derivatives, and NumPy. Nothing here needs the internet or more than a minute.

# %%
from math import erf

import numpy as np

import pixelrnn_np as pr
from pixelrnn_np import course, figures, likelihood
from pixelrnn_np.course import n02 as check
from pixelrnn_np.inspection import gradcheck
from pixelrnn_np.training.optim import Adam

rng = np.random.default_rng(2)
values = np.arange(256)

# %% [markdown]
# ## The idea
#
# [01](01_pixel_by_pixel.ipynb) had pixels of two values, and a sigmoid said all there is to say of
# them. A colour of a photograph is one of 256 values. Which *shape* has its distribution?
#
# The first thought is a bell curve: around some most likely value, less and less probable to both
# sides. Look at the data before you agree. Here is the red of all pixels in crops of two
# photographs, and a Gaussian of the same mean and variance.


# %%
def bell(mean, std):
    """A Gaussian's density at the values 0 … 255: (256,)."""
    return np.exp(-(((values - mean) / std) ** 2) / 2) / (std * np.sqrt(2 * np.pi))


def pairs(split):
    """Red of every pixel and of its right neighbour: two uint8 arrays (N,)."""
    red = pr.load_data("photos", split)[..., 0]
    return red[:, :, :-1].ravel(), red[:, :, 1:].ravel()


(left, right), (left_test, right_test) = pairs("train"), pairs("test")
marginal = np.bincount(right, minlength=256) / len(right)
smooth = bell(right.mean(), right.std())
print(
    f"red 0 has {marginal[0]:.1%} of the pixels; the bell has {1 - smooth.sum():.1%} off the scale"
)
figures.distributions({"red of all pixels": {"counted": marginal, "Gaussian": smooth}}, top=0.02)

# %% [markdown]
# The bar at 0 goes on far beyond the figure: more than an eighth of all pixels have no red at all.
# The rest is a landscape with several hills. The bell is high where there is little, and a good
# part of it lies below 0 and above 255, where there is nothing at all.
#
# But a model predicts a pixel *given* others. Perhaps the bell is right there? Here is the red of a
# pixel, given the red of its left neighbour. Move the neighbour.


# %%
def conditional(a):
    """The values of all right neighbours of pixels with value a."""
    return right[left == a]


def draw_neighbour(a=60):
    seen = conditional(a)
    counted = np.bincount(seen, minlength=256) / len(seen)
    title = f"left neighbour {a}: red of the next pixel"
    panel = {title: {"counted": counted, "Gaussian": bell(seen.mean(), seen.std())}}
    return figures.distributions(panel, values={title: a}, top=0.9 if a == 0 else 0.08)


course.interactive(draw_neighbour, a=(0, 255), static=[{"a": 0}, {"a": 60}, {"a": 250}])

# %% [markdown]
# Two things happen that a bell cannot follow. Values pile up **at the ends** of the scale: where
# a colour is clipped, the next one is clipped too, and half of the bell lies off the scale. Around
# the neighbour's value the data are **sharper** than their variance says, with tails that are
# longer: the pixel goes on as its neighbour, or an edge begins and it is something else. (Bars that
# end at the top go on beyond it. The small spikes mean little: the crops overlap, so that the same
# place of a photograph is counted many times.)
#
# ## What the paper says (§2.2 and §5.3; Figure 6)
#
# Do not choose a shape. Give each of the 256 values its own number, a logit $z_k$, and let
#
# $$p(v) = \frac{e^{z_v}}{\sum_{k=0}^{255} e^{z_k}} = \operatorname{softmax}(z)_v .$$
#
# For a coloured pixel there are three of these, one per colour and each with its own 256 logits, in
# the order of equation (2). The network computes the logits from the earlier pixels.
#
# This distribution can have any number of hills, and puts no mass below 0 or above 255. It also
# knows nothing: that 17 lies beside 18 is not built in, and has to be learned from data. To the
# softmax the values are names.
#
# The paper compares it with a mixture of *conditional Gaussian scale mixtures* (MCGSM), bells of
# several widths whose weights depend on the earlier pixels, in the same Row LSTM and on the validation images of CIFAR-10: **3.06** bits/dim with the softmax, **3.22** with the
# mixture. Its Figure 6 shows what such softmaxes look like. We shall do both, in small.
#
# Easily missed: the *inputs* of the network are numbers after all, scaled and centred (§5.2); only
# the *targets* are names. And two values need no softmax of two: one logit and a sigmoid do, as for
# MNIST.

# %% [markdown]
# ## Slowly
#
# What a pixel of value $v$ costs is
#
# $$-\ln p(v) = \ln \sum_k e^{z_k} - z_v .$$
#
# Written down as it stands, this fails: $e^{z}$ is infinite in float64 from $z = 710$ on (in
# float32 from 89 on), and a network's logits can be anything.

# %%
z = np.array([1000.0, 998.0, 0.0])
with np.errstate(over="ignore", invalid="ignore"):
    print("as it stands:", np.log(np.exp(z).sum()) - z)

# %% [markdown]
# The cure is an identity. Softmax does not change if the same number is taken from all logits,
# since it cancels in the fraction. Take the largest, $m = \max_k z_k$:
#
# $$\ln \sum_k e^{z_k} = m + \ln \sum_k e^{z_k - m}.$$
#
# Now the largest exponential is $e^0 = 1$. None overflows; small ones may become 0, where nothing
# is lost, as the sum is at least 1 and its logarithm harmless.


# %%
def softmax_nll_slow(z, v):
    """-ln p(v) of one sub-pixel: logits z (levels,), its value v."""
    m = max(z)
    total = sum(np.exp(z_k - m) for z_k in z)
    return m + np.log(total) - z[v]


print("with the largest taken out:", np.array([softmax_nll_slow(z, v) for v in range(3)]))

# %% [markdown]
# ## Fast
#
# `pixelrnn_np/likelihood.py` does this for whole batches, logits of shape
# $(B, H, W, C, \text{levels})$, and adds up each image. Wild logits on purpose:

# %%
logits = rng.standard_normal((2, 3, 4, 3, 256)) * 30
x = rng.integers(0, 256, (2, 3, 4, 3), np.uint8)
nats, cache = likelihood.nll_forward(logits, x)
slow = [sum(softmax_nll_slow(logits[n][p], x[n][p]) for p in np.ndindex(3, 4, 3)) for n in range(2)]
assert np.allclose(nats, slow, rtol=1e-12)
print("slow and fast agree:", np.round(nats, 3), "nats per image")

# %% [markdown]
# With two values a softmax has one number too many: only the difference of its logits matters.
#
# $$\frac{e^{z_1}}{e^{z_0} + e^{z_1}} = \frac{1}{1 + e^{-(z_1 - z_0)}} = \sigma(z_1 - z_0)$$
#
# So one logit is enough, with $z_0$ fixed at 0. In this project images of two levels have one logit
# per pixel, and more levels one per value.

# %%
two = rng.standard_normal((5, 4, 4, 1, 2)) * 5
bits = rng.integers(0, 2, (5, 4, 4, 1), np.uint8)
as_softmax, _ = likelihood.nll_forward(two, bits)
as_sigmoid, _ = likelihood.nll_forward(two[..., 1] - two[..., 0], bits)
assert np.allclose(as_softmax, as_sigmoid, rtol=0, atol=1e-9)
print("a sigmoid is a softmax of two values; largest difference below 1e-9")

# %% [markdown]
# ## Exercise 2.1 · A logarithm that survives
#
# Return $\ln \operatorname{softmax}(z)$ along the last axis, for logits `z` of any shape
# $(\dots, K)$: an array of the same shape, finite for all finite logits.
#
# <details><summary>Hint</summary>
#
# Stay with logarithms: $\ln p_k = z_k - m - \ln \sum_j e^{z_j - m}$. Each row has its own largest
# logit; `keepdims=True` keeps it where it can be subtracted. What is the logarithm of a probability
# that was rounded to 0?
# </details>


# %%
def log_softmax(z):
    log_p = ...  # your code
    return log_p


check.log_softmax(log_softmax)

# %% [markdown]
# ## Backwards, step by step
#
# The loss of one sub-pixel is $\ell = \ln \sum_j e^{z_j} - z_v$. We want $dz_k$, the derivative for
# every logit.
#
# **1. The sum.** $\ln$ of a sum has the derivative $1/\text{sum}$ times the derivative of the sum,
# in which $z_k$ occurs once:
#
# $$\frac{\partial}{\partial z_k} \ln \sum_j e^{z_j} = \frac{e^{z_k}}{\sum_j e^{z_j}} =
#   \operatorname{softmax}(z)_k .$$
#
# **2. The logit of the value.** $-z_v$ gives $-1$ for $k = v$ and nothing elsewhere: $-[k = v]$.
#
# **3. Together:**
#
# $$dz_k = \operatorname{softmax}(z)_k - [k = v].$$
#
# *What the model said, minus what happened.* The value that happened is pushed up by what was
# missing to 1; all others are pushed down, each in proportion to the probability that it had been
# given. The pushes sum to zero. When the model was sure and right, nothing moves.
#
# **4. The sigmoid** is the same with $z_0 = 0$ fixed: $dz = \sigma(z) - v$.
#
# **5. Many sub-pixels.** Their nats are added, so each has its own gradient and no other. For the
# mean over $B$ images every gradient is divided by $B$, and by nothing else.


# %%
def nll_slow_backward(logits, x):
    """Gradient of the mean nats per image; logits (B, H, W, C, levels), x (B, H, W, C)."""
    dlogits = np.empty_like(logits)
    for place in np.ndindex(x.shape):
        z = logits[place]
        e = np.exp(z - z.max())
        dz = e / e.sum()  # 1
        dz[x[place]] -= 1  # 2, 3
        dlogits[place] = dz / len(x)  # 5
    return dlogits


dlogits = likelihood.nll_backward(1 / len(x), cache)
assert np.allclose(nll_slow_backward(logits, x), dlogits, rtol=0, atol=1e-14)

one = two[..., 1].copy()
dz = likelihood.nll_backward(1.0, likelihood.nll_forward(one, bits)[1])
assert np.allclose(dz, 1 / (1 + np.exp(-one)) - bits, rtol=0, atol=1e-14)  # 4
print("slow and fast gradients agree, softmax and sigmoid")

# %% [markdown]
# ### Are they right?
#
# One logit by hand, then all of two small batches against finite differences:

# %%
place, eps = (1, 2, 3, 0, 77), 1e-5
gentle = logits / 30
losses = []
for step in (eps, -eps):
    moved = gentle.copy()
    moved[place] += step
    losses.append(likelihood.nll_forward(moved, x)[0].mean())
by_hand = nll_slow_backward(gentle, x)[place]
print(f"numerically {(losses[0] - losses[1]) / (2 * eps):.10f}, by hand {by_hand:.10f}")

rows = []
for name, z, v in [
    ("softmax of 256", gentle[:, :1, :1].copy(), x[:, :1, :1]),
    ("sigmoid", one, bits),
]:
    v = np.ascontiguousarray(v)
    exact = likelihood.nll_backward(1.0, likelihood.nll_forward(z, v)[1])
    error = gradcheck.compare(
        lambda z=z, v=v: likelihood.nll_forward(z, v)[0].sum(), {"z": z}, {"z": exact}, rng
    )["z"]
    assert error < 1e-6
    rows.append([name, z.size, f"{error:.0e}"])
figures.Table(["gradient of", "logits", "largest relative error"], rows)

# %% [markdown]
# ### What the gradient does
#
# Take a softmax without any network: 256 logits, all zero, one distribution for every red value.
# Follow the mean gradient downhill. Averaged over data, "what happened" is how often each value
# happened, so
#
# $$dz_k = \operatorname{softmax}(z)_k - \text{frequency}_k,$$
#
# which is zero just where the softmax *is* the histogram. Nobody told it the shape, and it grows
# the spike at 0 as readily as the hills.

# %%
z, film = np.zeros(256), {}
for step in range(3001):
    p = np.exp(z - z.max())
    p /= p.sum()
    if step in (0, 30, 300, 3000):
        film[step] = p
    z -= 3.0 * (p - marginal)


def draw_steps(steps=3000):
    panel = {"counted": marginal, f"softmax after {steps} steps": film[steps]}
    return figures.distributions({"red of all pixels": panel}, top=0.02)


course.interactive(draw_steps, steps=list(film), static=[{"steps": 30}, {"steps": 3000}])

# %% [markdown]
# ## Exercise 2.2 · The gradient of a batch
#
# Without a loop: for `logits` $(B, H, W, C, K)$ and images `x` $(B, H, W, C)$ of whole numbers,
# return the gradient of the **mean nats per image**, of the logits' shape. The logits are tame.
#
# <details><summary>Hint</summary>
#
# Softmax along the last axis; then subtract 1 at the values that occurred: `np.eye(K)[x]` has the
# logits' shape. Step 5 above says what to divide by.
# </details>


# %%
def batch_gradient(logits, x):
    dlogits = ...  # your code
    return dlogits


check.batch_gradient(batch_gradient)

# %% [markdown]
# ## Probability and density
#
# Other models of images give a *density*: a curve $f(y)$ over real numbers whose area is 1. Can its
# $-\ln f$ be compared with a softmax's $-\ln p$?
#
# Not just so. Pixels are whole numbers, and a density may put a needle on each of them. The
# needle's area is small and its height is not:


# %%
def gaussian_bins(mean, std, levels=256):
    """Mass of a Gaussian on each value v: from v - 1/2 to v + 1/2; the tails to the ends."""
    edges = (np.arange(1, levels) - 0.5 - mean) / std
    below = np.array([0, *(0.5 * (1 + erf(e / 2**0.5)) for e in edges), 1])
    return np.diff(below)


rows = []
for std in (1.0, 0.1, 0.01, 0.001):
    density = sum(marginal[v] * bell(v, std) for v in values)
    mass = sum(marginal[v] * gaussian_bins(v, std) for v in values)
    rows.append(
        [
            f"{std:g}",
            f"{-(marginal * np.log2(density)).sum():.2f}",
            f"{-(marginal * np.log2(mass)).sum():.2f}",
        ]
    )
figures.Table(["width of the needles", "bits of the density", "bits of the mass in each bin"], rows)

# %% [markdown]
# The density's score falls without end, although nothing is learned. The probability of the *bin*
# around each value, its area, does not: it ends at the price of the histogram.
#
# So there are two honest ways to compare a density with probabilities, besides taking its bins.
#
# - **Add noise to the data.** To every value $v$ add a number $u$ drawn evenly from $[0, 1)$, and
#   measure densities on $y = v + u$. A needle catches next to none of these.
# - **Read the discrete model as a density**: over the interval $[v, v+1)$ it has the constant
#   height $p(v)$. The interval has length 1, so area and height are the same number, and
#   $-\ln f(v + u) = -\ln p(v)$ for every $u$.
#
# This is how the paper puts softmaxes and densities into one table
# ([09](09_training_and_results.ipynb), §5.1). And a density measured on noisy data never beats its own bins: $-\ln$ is convex, so (Jensen's inequality)
#
# $$\int_0^1 -\ln f(v + u)\,du \;\ge\; -\ln \int_0^1 f(v + u)\,du = -\ln(\text{mass of the bin}).$$

# %%
rows = []
noise = (np.arange(200)[:, None] + 0.5) / 200  # evenly over [0, 1)
for std in (0.2, 1.0, 5.0):
    y = (noise - 0.5) / std  # value v, a Gaussian around the middle of its bin
    on_noise = np.mean(0.5 * y**2 + np.log(std * np.sqrt(2 * np.pi)))
    in_bin = -np.log(gaussian_bins(10, std, 21)[10])
    rows.append([f"{std:g}", f"{on_noise / np.log(2):.3f}", f"{in_bin / np.log(2):.3f}"])
figures.Table(
    ["width of the Gaussian", "density on noisy data, bits", "mass of the bin, bits"], rows
)

# %% [markdown]
# For wide curves both agree; narrow ones pay for their corners.
#
# One more trap: the scale. If values are divided by 256, a density becomes 256 times as high, and
# its score falls by $\ln 256$, or 8 bits per dimension, for nothing. Whoever reports a density in
# bits/dim means values from 0 to 256.
#
# ## Exercise 2.3 · A bell in bins
#
# Return the masses that a Gaussian puts on the values $0, \dots, \text{levels} - 1$: the bin of $v$
# goes from $v - \tfrac12$ to $v + \tfrac12$. What lies below the first bin belongs to value 0, what
# lies above the last one to the last value, so that the masses sum to 1. This is `gaussian_bins`
# above; write it for **any** distribution function: `cdf(y)` gives the share below a number `y`.
# Return an array `(levels,)`.
#
# <details><summary>Hint</summary>
#
# The mass between two edges is a difference of two values of `cdf`. How many edges lie *between*
# `levels` bins, and which values of the distribution function stand at the two ends?
# </details>


# %%
def bins(cdf, levels):
    masses = ...  # your code: an array (levels,)
    return masses


check.bins(bins)

# %% [markdown]
# ## A contest by counting
#
# Now a first version of §5.3: predict the red of a pixel from its left neighbour, in three ways,
# all fitted to pairs from the training crops and measured on pairs from other parts of the
# photographs. (The crops overlap, so that pairs repeat, the more the more of them are taken.)
#
# - **A Gaussian** for every value of the neighbour, with its own mean and variance.
# - **A mixture of Gaussians around the neighbour's value**: four widths, the same for all, whose
#   weights depend on the neighbour. A mixture of widths has a sharp top and long tails; this is a
#   small relative of the MCGSM.
# - **A free histogram** for every value of the neighbour: 256 numbers each, the softmax's way.
#
# (Widths and weights of the mixture are fitted by *expectation maximisation*, a method that nothing
# else in this course needs; read over it if it is new to you.)


# %%
def counted(a, b, prior):
    """(256, 256): how often value b followed value a, `prior` added to each."""
    counts = np.bincount(256 * a.astype(int) + b, minlength=65536).reshape(256, 256)
    return counts + prior


def free(a, b):
    table = counted(a, b, 0.1)
    return table / table.sum(axis=1, keepdims=True)


def one_gaussian(a, b):
    step = b.astype(float) - a
    n, few = np.bincount(a, minlength=256), 10  # as if each had seen 10 average pairs as well
    first = np.bincount(a, step, 256) + few * step.mean()
    second = np.bincount(a, step**2, 256) + few * (step**2).mean()
    mean = first / (n + few)
    std = np.sqrt(second / (n + few) - mean**2)
    return np.stack([gaussian_bins(v + mean[v], std[v]) for v in values])


def scale_mixture(a, b, rounds=40):
    """Expectation maximisation, first of the widths, then of each neighbour's weights."""
    counts, step = counted(a, b, 0.0), values[None] - values[:, None]
    histogram = np.bincount((step + 255).ravel(), counts.ravel(), 511)
    d = np.arange(-255, 256)[:, None]
    weight, std = np.full(4, 0.25), np.array([1.0, 4, 12, 40])
    for _ in range(rounds):
        share = weight * np.exp(-(d**2) / (2 * std**2)) / std + 1e-300
        share *= (histogram / share.sum(axis=1))[:, None]
        weight = share.sum(axis=0) / share.sum()
        std = np.sqrt((share * d**2).sum(axis=0) / share.sum(axis=0)).clip(0.4)
    bells = np.stack([[gaussian_bins(v, s) for s in std] for v in values])  # (256, 4, 256)
    weights = np.tile(weight, (256, 1))
    for _ in range(rounds):
        p = np.einsum("vk,vkx->vx", weights, bells) + 1e-300
        weights = weights * np.einsum("vx,vkx->vk", counts / p, bells) + 20 * weight
        weights /= weights.sum(axis=1, keepdims=True)
    return np.einsum("vk,vkx->vx", weights, bells)


def bits_of(table):
    return float(-np.log2(np.maximum(table[left_test, right_test], 1e-12)).mean())


shuffled = rng.permutation(len(left))
sizes = [300, 1000, 3000, 10000, 30000, 100000, 300000]
ways = {"one Gaussian": one_gaussian, "four widths": scale_mixture, "free": free}
curves = {name: ([], []) for name in ways}
for n in sizes:
    a, b = left[shuffled[:n]], right[shuffled[:n]]
    for name, way in ways.items():
        curves[name][0].append(float(np.log10(n)))
        curves[name][1].append(bits_of(way(a, b)))
figures.lines(
    curves,
    "pairs to learn from, as a power of ten (3 is a thousand)",
    "bits per value, test",
    levels={"every value equally likely: 8": 8.0},
)

# %% [markdown]
# Read it from the right. With many pairs the free histogram is far ahead of the Gaussian, which
# pays dearly for every edge: a value in its tails has almost no mass. (It is even spared the worst:
# `bits_of` lets no value cost more than 40 bits.) The mixture of widths is better still, because it
# was *told* what photographs are like: near the neighbour, and sometimes far off.
#
# Read it from the left, and you see the price of having no prior. A free distribution learns every
# value by itself. It needs 100,000 pairs for what the mixture knows after 300; by then it is
# catching up.
#
# That is the trade, and it says when the softmax can win: when data are plenty, and when what there
# is to learn goes beyond the prior. The paper has 150 million sub-pixels of CIFAR-10 and a network
# that sees more than one neighbour, shares what it learns among all contexts, and then finds shapes
# that no one had thought of.

# %% [markdown]
# ## A contest in a network
#
# Now a second version, closer to the paper's: the same network with different last steps. A
# PixelCNN ([04](04_pixelcnn.ipynb)) of digits with their 17 shades of grey gives 17 numbers per
# pixel. We use them in three ways, each of which ends in logits over the 17 values:
#
# - **softmax**: they *are* the logits;
# - **one Gaussian**: two of them are a mean $m$ and a width, and the logits lie on a parabola:
#   $z_v = -\tfrac12 d_v^2$ with $d_v = (u_v - m)\,s$, where $u_v$ is the value scaled to $[-1, 1]$
#   and $s$ one over the width;
# - **five Gaussians**: fifteen of them are five logarithms of weights $w$, means and widths, and
#   $z_v = \ln \sum_k e^{t_{k,v}}$ with $t_{k,v} = w_k + \ln s_k - \tfrac12 d_{k,v}^2$.
#
# All end in a softmax over 17 values, which cuts each bell off at the ends: even the bells put no
# mass outside, so they are treated well. What is compared is the *shape* alone.
#
# (The code adds constants to $m$ and $\ln s$, so that the bells begin spread out.)
#
# The gradient needs one more link of the chain rule. Let $x$ be the value that happened,
# $g_v = p_v - [v = x]$ the gradient of the logits, $\rho_{k,v} = e^{t_{k,v}} / \sum_j e^{t_{j,v}}$ the share of bell $k$ in value $v$. Then
# $dt_{k,v} = \rho_{k,v}\, g_v$, and with $s_k = e^{l_k}$
#
# $$dw_k = \sum_v dt_{k,v}, \qquad dm_k = \sum_v dt_{k,v}\, d_{k,v}\, s_k, \qquad
#   dl_k = \sum_v dt_{k,v}\,(1 - d_{k,v}^2).$$

# %%
LEVELS = 17
u = np.linspace(-1, 1, LEVELS)


def bells(count):
    """A last step with `count` Gaussians: outputs (…, 17) → logits (…, 17), way back."""
    start = np.linspace(-1, 1, count + 2)[1:-1, None]

    def head(outputs):
        w, m, l = (outputs[..., k * count : (k + 1) * count, None] for k in range(3))
        s = np.exp(l + 1)
        d = (u - (m + start)) * s
        t = w + l - d**2 / 2
        top = t.max(axis=-2, keepdims=True)
        share = np.exp(t - top)
        total = share.sum(axis=-2, keepdims=True)

        def back(dlogits):
            dt = share / total * dlogits[..., None, :]
            doutputs = np.zeros_like(outputs)
            parts = dt.sum(-1), (dt * d * s).sum(-1), (dt * (1 - d**2)).sum(-1)
            doutputs[..., : 3 * count] = np.concatenate(parts, axis=-1)
            return doutputs

        return (np.log(total) + top)[..., 0, :], back

    return head


def softmax_head(outputs):
    return outputs, lambda dlogits: dlogits


HEADS = {"one Gaussian": bells(1), "five Gaussians": bells(5), "softmax": softmax_head}

outputs, weight = rng.standard_normal((2, 4, 3, LEVELS))
_, back = bells(5)(outputs)
exact = back(weight)
error = gradcheck.compare(
    lambda: (bells(5)(outputs)[0] * weight).sum(), {"o": outputs}, {"o": exact}, rng
)["o"]
assert error < 1e-6
print(f"the way back through five bells: relative error {error:.0e}")


# %% [markdown]
# With one Gaussian the weight $w$ cancels in the softmax, as it should. Train each for the same
# number of steps, from the same first weights:


# %%
def train(head, images, epochs=16, batch=16):
    """A small PixelCNN with this last step, trained with Adam: the network."""
    net = pr.build_model("pixelcnn", (8, 8, 1), levels=LEVELS, h=16, layers=2, head=32, seed=0)
    net.params["head.logits.K"][...] *= 0.1  # bells begin where they were put
    adam, order, step = Adam(net.flat.size, net.flat.dtype), np.random.default_rng(0), 0
    steps = len(images) // batch
    for _ in range(epochs):
        shuffled = order.permutation(len(images))[: steps * batch]
        for x in images[shuffled].reshape(steps, batch, 8, 8, 1):
            outputs, cache = net.forward(x)
            logits, back = head(outputs)
            dlogits = likelihood.nll_backward(1 / batch, likelihood.nll_forward(logits, x)[1])
            doutputs = back(dlogits).astype(outputs.dtype)
            grads = net.backward(doutputs, cache, need_dx=False)[1]
            gradient = np.concatenate([grads[name].ravel() for name in net.params])
            rate = 2e-3 * (1 + np.cos(np.pi * step / (epochs * steps))) / 2
            adam.update(net.flat, gradient, rate, step)
            step += 1
    return net


digits, digits_test = (pr.load_data("digits", split) for split in ("train", "test"))
nets = {name: train(head, digits) for name, head in HEADS.items()}


def predict(name, x):
    """Logits (B, 8, 8, 1, 17) of a trained network with its last step."""
    head, net = HEADS[name], nets[name]
    return head(net.forward(x)[0])[0]


costs = {"every value equally likely": float(np.log2(LEVELS))}
for name in HEADS:
    cost = likelihood.nll_forward(predict(name, digits_test), digits_test)[0].mean()
    costs[name] = float(likelihood.bits_per_dim(cost, 64))
figures.bars(costs, "bits per pixel, test", highlight=("softmax",), form="{:.3f}")

# %% [markdown]
# Here the softmax needs no more than 1297 images to leave the single Gaussian far behind, and to be
# ahead of five by a hair. Why? Look at what they predict at three places (row, column) of one
# digit, framed in the picture. The orange mark is the value that the pixel has.

# %%
image = digits_test[172:173]
places = [(0, 0), (3, 3), (7, 4)]
panels, marks = {}, {}
for r, q in places:
    for name in HEADS:
        title = f"{name} ({r}, {q})"
        panels[title] = likelihood.probabilities(predict(name, image)[0, r, q, 0], LEVELS)
        marks[title] = image[0, r, q, 0]
course.show(
    figures.marked(image[0], places, LEVELS), figures.distributions(panels, values=marks, top=1)
)

# %% [markdown]
# Digits are made of paper (0), full ink (16) and some greys. In the corner it is paper, and all
# know it. In the middle, at (3, 3), one Gaussian cannot decide and lies flat, where the others put
# most on full ink and the rest on ever fainter greys. In the last row a stroke may go on or have ended: the softmax has a peak at
# each end and greys between, and the bells lean to paper. At this pixel they were luckier, it is
# paper; over all pixels the softmax wins.
#
# How far do these results go? The networks are tiny, and on photographs of this size, with as few
# images, the mixture would win, as the counting above suggests. The paper's 3.06 against 3.22 is
# for a large network and 50,000 images.

# %% [markdown]
# ## Figure 6, in small
#
# At last 256 values and three colours: a PixelCNN after a few seconds of training on photographs of
# 8×8 pixels. Its softmaxes are still rough, yet each of them has a shape of its own.

# %%
photos, photos_test = (pr.load_data("photos8", split) for split in ("train", "test"))
net = pr.build_model("pixelcnn", (8, 8, 3), levels=256, h=24, layers=2, head=48, seed=0)
pr.Trainer(net, optimizer="adam", lr=2e-3).fit(photos[:2500], epochs=4, progress=False)
cost = likelihood.bits_per_dim(net.nll(photos_test).mean(), net.dimensions)
print(f"{cost:.2f} bits/dim on test images; 8 if every value is equally likely")


def draw_pixel(image=1, row=4, column=4):
    z = net.logits(photos_test[image : image + 1])[0, row, column]
    values_here = photos_test[image, row, column]
    titles = [f"image {image}, ({row}, {column}): {c}" for c in ("red", "green", "blue")]
    panels = {t: likelihood.probabilities(z[k], 256) for k, t in enumerate(titles)}
    return figures.distributions(
        panels, values=dict(zip(titles, values_here, strict=True)), columns=3
    )


figures.sheet(photos_test[:8], 256, title="test images 0 to 7")

# %%
course.interactive(
    draw_pixel,
    image=(0, 7),
    row=(0, 7),
    column=(0, 7),
    static=[
        {"image": 0, "row": 0, "column": 0},
        {"image": 0, "row": 5, "column": 4},
        {"image": 3, "row": 4, "column": 4},
    ],
)

# %% [markdown]
# The first value of the image, red at the upper left, is predicted from nothing: the network gives
# what it knows of red in general, with a spike at 0. In a textured image a later red is hardly better
# known than the first (image 0); in an even one it is nearly certain (image 3). Green and blue, for
# which the values before them in the same pixel are known as well, are much narrower.
#
# ## What to take away
#
# - A softmax over values has no shape of its own: any number of hills, mass at the ends, none
#   outside. What it does not know it has to learn, and that takes data.
# - Take the largest logit out before the exponential, and stay with logarithms.
# - The gradient is what the model said minus what happened: $\operatorname{softmax}(z) - [v]$, and
#   $\sigma(z) - v$ for two values.
# - Compare densities with probabilities on data with noise from $[0, 1)$, or by bins; never at the
#   whole numbers themselves, and never on another scale.
#
# In the package: `likelihood.py` (this derivation in its docstring), `reference/likelihood.py` (the
# loops above), `kernels/likelihood.py` (compiled).
#
# Solutions: [solutions/02_softmax_pixels](solutions/02_softmax_pixels.ipynb). Next:
# [03 · Masked convolution](03_masked_convolution.ipynb).
