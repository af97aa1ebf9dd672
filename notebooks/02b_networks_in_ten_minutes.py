# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 02b · Networks in ten minutes: features, layers, kernels
#
# **What you will do.** Find a rule that no weighted sum can learn, let a network of two layers
# learn it with thirteen numbers, and compute one number of a convolution by hand.
#
# **What you will learn.** The words that all later notebooks use: feature, layer, parameter, ReLU,
# kernel, convolution, backpropagation. If you know them, do the two exercises and go on to
# [03](03_masked_convolution.ipynb).
#
# **What you need.** Weighted sum, sigmoid, loss, gradient, step and learning rate
# ([01](01_pixel_by_pixel.ipynb), "Let it learn"), and matrix products.

# %%
import numpy as np

from pixelrnn_np import course, figures
from pixelrnn_np.course import n02b as check
from pixelrnn_np.inspection import gradcheck

rng = np.random.default_rng(9)

# %%
figures.you_are_here("02b")

# %% [markdown]
# ## The idea
#
# In [01](01_pixel_by_pixel.ipynb) a pixel's logit was a weighted sum of its neighbours. Each
# neighbour adds its share, whatever the others are. Now take this rule: *a pixel is white if
# exactly one of its left and its upper neighbour is*. There are four cases:

# %%
x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], float)  # left, above
v = np.array([[0], [1], [1], [0]], float)  # the pixel
figures.Table(["left", "above", "the pixel"], np.hstack([x, v]).astype(int).tolist())

# %% [markdown]
# Before you read on, try it: two weights and a bias, so that the sum is above zero for the two
# white pixels and below zero for the two black ones.
#
# No weights can do this. With a weight $w_1$ for the left, $w_2$ for the upper neighbour and a bias
# $b$, the logit has to be below zero in the first case, so $b < 0$. It has to be above zero in the
# next two: $w_1 + b > 0$ and $w_2 + b > 0$. Add these two, and $w_1 + w_2 + b > -b > 0$: the last
# case is white as well. The cheapest that a weighted sum can do is to say $\tfrac12$ to everything,
# as a coin would.
#
# What would help are other inputs. If one input said "at least one of the two is white" and another
# "both are", the rule would be the first minus the second, a weighted sum again. Such inputs, made
# from the raw ones, are called **features**. A network *learns* its features.
#
# ## Slowly
#
# A **layer** turns the features of a pixel, a row vector $x$ of $m$ numbers, into $n$ others: each
# is a weighted sum of all of $x$ plus a bias. All weights together are a matrix $K$ of shape
# $(m, n)$, the biases a vector $b$ of $n$:
#
# $$a = x K + b.$$
#
# Two such layers on top of each other would be one, since a weighted sum of weighted sums is a
# weighted sum. So something bent goes between. The paper takes the **ReLU** (*rectified linear
# unit*), $\max(a, 0)$: what is negative becomes 0.
#
# Here is a network: two inputs, a *hidden* layer $h$ of three features with a ReLU, then one logit.
# Its **parameters**, the numbers to be learned, are $2 \cdot 3 + 3$ and $3 \cdot 1 + 1$, thirteen
# in all. At first they are drawn by chance. The picture shows all of them at work on the second
# case, *left* black and *above* white: weights on the arrows, biases above the circles. Follow one
# way with a pencil, say $0.7 \cdot 1 - 0.8 \cdot 0 + 0.4 = 1.1$. The pixel should be white, and
# this network says 0.02. It has learned nothing yet.

# %%
K1, b1 = rng.standard_normal((2, 3)).round(1), rng.standard_normal(3).round(1)
K2, b2 = rng.standard_normal((3, 1)).round(1), rng.standard_normal(1).round(1)
figures.neurons(x[1], K1, b1, K2, b2)

# %% [markdown]
# One layer as two loops:


# %%
def layer_slow(x, K, b):
    """One row vector x (m,) → x K + b (n,), one product at a time."""
    a = b.copy()
    for j, k in np.ndindex(K.shape):
        a[k] += x[j] * K[j, k]
    return a


# %% [markdown]
# ## Fast
#
# All cases at once are the rows of one matrix, and a layer is one product.


# %%
def forward(x, K1, b1, K2, b2):
    """Rows x (B, 2) → hidden features (B, 3) and logits (B, 1)."""
    hidden = np.maximum(x @ K1 + b1, 0)
    return hidden, hidden @ K2 + b2


hidden, z = forward(x, K1, b1, K2, b2)
slow = [layer_slow(np.maximum(layer_slow(row, K1, b1), 0), K2, b2) for row in x]
assert np.allclose(z, slow)
print("slow and fast agree; the four logits:", z.ravel().round(2).tolist())

# %% [markdown]
# ## Backwards, step by step
#
# The loss is the mean nats of the four cases. How does it change with each of the thirteen numbers?
# Go from the loss back to the inputs, one layer at a time, and hand on the gradient of what each
# layer was given. This is **backpropagation**: the chain rule of derivatives, with bookkeeping.
#
# **1. The logit.** As in [01](01_pixel_by_pixel.ipynb): $dz = (\sigma(z) - v) / B$, the mean over
# $B$ cases.
#
# **2. The last layer's weights.** In $z = h K_2 + b_2$, with $h$ the hidden features, weight $j$
# multiplies $h_j$. So $dK_2 = h^\top dz$. The cases are the rows of $h$ and $dz$, so this product
# sums over them by itself. And $db_2 = \sum dz$.
#
# **3. The last layer's input.** $h_j$ came into $z$ through weight $j$: $dh = dz\, K_2^\top$.
#
# **4. The ReLU** let positive numbers pass as they are, so their gradient passes as it is. Where it
# gave 0, a small change of its input changes nothing: $da = dh \odot [h > 0]$. ($\odot$ multiplies
# entry by entry, and the bracket is 1 where what stands in it is true, 0 elsewhere.)
#
# **5. The first layer** is as the last one: $dK_1 = x^\top da$ and $db_1 = \sum da$.
#
# Each layer needs its input again on the way back, which is why a forward pass keeps it. And a
# layer need not know what comes after it: the gradient that it is handed says all.


# %%
def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def nats(z, v):
    return np.where(v == 1, np.logaddexp(0, -z), np.logaddexp(0, z)).mean()


def backward(x, v, hidden, z, K2):
    """Gradients of the mean nats: dK1, db1, dK2, db2."""
    dz = (sigmoid(z) - v) / len(x)  # 1
    dK2, db2 = hidden.T @ dz, dz.sum(axis=0)  # 2
    dhidden = dz @ K2.T  # 3
    da = dhidden * (hidden > 0)  # 4
    return x.T @ da, da.sum(axis=0), dK2, db2  # 5


# %% [markdown]
# ### Are they right?
#
# Move each of the thirteen numbers a little up and down, and see whether the loss changes as the
# gradient says.

# %%
names = ("K1", "b1", "K2", "b2")
parameters = dict(zip(names, (K1, b1, K2, b2), strict=True))
grads = dict(zip(names, backward(x, v, hidden, z, K2), strict=True))
errors = gradcheck.compare(lambda: nats(forward(x, **parameters)[1], v), parameters, grads, rng)
assert max(errors.values()) < 1e-6
course.errors(errors, parameters)

# %% [markdown]
# Now let both learn: the network, and the weighted sum alone, each by 2000 steps against its
# gradient. (The weighted sum is the last layer without the hidden one: its input is $x$ itself.)

# %%
losses = {"network, 13 parameters": [], "weighted sum, 3": []}
w, bias = np.zeros((2, 1)), np.zeros(1)
for _ in range(2000):
    hidden, z = forward(x, **parameters)
    for name, gradient in zip(names, backward(x, v, hidden, z, K2), strict=True):
        parameters[name] -= 0.5 * gradient
    alone = x @ w + bias
    dz = (sigmoid(alone) - v) / len(x)
    w, bias = w - 0.5 * x.T @ dz, bias - 0.5 * dz.sum(axis=0)
    for loss, logits in zip(losses.values(), (z, alone), strict=True):
        loss.append(float(nats(logits, v)))
print(", ".join(f"{name}: {loss[-1]:.3f} nats" for name, loss in losses.items()))
figures.curves(losses, "steps, logarithmic", "nats per pixel", logx=True)

# %% [markdown]
# The weighted sum stays where it began, at the coin's $\ln 2 = 0.693$. The network has found
# features that solve it. They need not be those that we thought of. Which are they? Here is the
# same picture after learning, for the second case and for the last one. (Where the notebook runs, a
# slider shows all four.)


# %%
def draw_case(case=1):
    return figures.neurons(x[case], **parameters)


course.interactive(draw_case, case=(0, 3), static=[{"case": 1}, {"case": 3}])

# %% [markdown]
# And all four cases in numbers:

# %%
figures.Table(
    ["left", "above", "feature 0", "feature 1", "feature 2", "p"],
    np.hstack([x, hidden, sigmoid(z)]).tolist(),
    form=["{:.0f}"] * 2 + ["{:.2f}"] * 4,
)

# %% [markdown]
# Feature 0 (the upper circle) says "neither of the two is white", feature 1 "both are", and the
# logit takes both away from its bias, which says "white". Feature 2 is 0 in all four cases. Such a
# feature is called *dead*: where a ReLU gives 0 no gradient passes (step 4), so it will stay as it
# is. Were we lucky that two were left? Guess: of 25 networks that differ in their first weights
# alone, how many learn the rule? And with more features?


# %%
def last_nats(seed, features):
    """What 2000 steps from other first weights reach."""
    shapes, rng = ((2, features), features, (features, 1), 1), np.random.default_rng(seed)
    p = {name: rng.standard_normal(shape) for name, shape in zip(names, shapes, strict=True)}
    for _ in range(2000):
        hidden, z = forward(x, **p)
        for name, gradient in zip(names, backward(x, v, hidden, z, p["K2"]), strict=True):
            p[name] -= 0.5 * gradient
    return nats(forward(x, **p)[1], v)


for features in (3, 6, 12):
    learned = sum(last_nats(seed, features) < 0.1 for seed in range(25))
    print(f"{features} features: {learned} of 25 learn it")

# %% [markdown]
# A dead feature is one reason why networks have more features than their task needs: spare ones make
# up for those that start badly.
#
# ## From a pixel to an image: convolution
#
# An image needs a logit at every pixel, and the same rule should hold everywhere. So let the *same*
# weights read the window around each pixel. The weights are then a small picture themselves, the
# **kernel**, and moving it over all pixels is a **convolution**: lay the kernel on the image, its
# middle on a pixel, multiply what lies on top of each other, and add up. Outside the image there
# are zeros. The result is a new image, a *feature map*. (In mathematics the kernel of a convolution
# is mirrored first. In networks it is not.)

# %%
image = np.zeros((5, 6))
image[1:4, 2:4] = 1
kernel = np.array([[0, -1, 0], [-1, 2, 0], [0, 0, 0]], float)


def convolve(image, kernel):
    """One image (H, W), one kernel with odd sides → (H, W)."""
    (H, W), (rows, cols) = image.shape, kernel.shape
    wide = np.pad(image, ((rows // 2, rows // 2), (cols // 2, cols // 2)))
    y = np.zeros((H, W))
    for r, q in np.ndindex(H, W):
        y[r, q] = (wide[r : r + rows, q : q + cols] * kernel).sum()
    return y


# %% [markdown]
# At pixel (1, 2), the upper left corner of the white block, the kernel finds 1 under its 2 and 0
# under both $-1$: $2 \cdot 1 - 1 \cdot 0 - 1 \cdot 0 = 2$. What will it find inside, at (2, 3), and
# just behind the block, at (2, 4)? Compute both before you look: below are all three.

# %%
y = convolve(image, kernel)
assert (y[1, 2], y[2, 3], y[2, 4]) == (2, 0, -1)


def draw_window(row=1, column=2):
    return figures.convolution(image, kernel, (row, column))


course.interactive(
    draw_window,
    row=(0, 4),
    column=(0, 5),
    static=[{"row": 1, "column": 2}, {"row": 2, "column": 3}, {"row": 2, "column": 4}],
)

# %% [markdown]
# This kernel is positive where something begins, zero inside, negative where it has ended. Here is
# the whole feature map. A ReLU keeps the beginnings alone:

# %%
figures.numbers({"the feature map": y, "after the ReLU": np.maximum(y, 0)}, form="{:g}")

# %% [markdown]
# A real layer reads $m$ features of each pixel and makes $n$ new ones. Then the kernel is an array
# $(\text{rows}, \text{cols}, m, n)$: at each place of the window a matrix, as the $K$ of the layers
# above. With a window of one pixel, 1×1, it *is* that layer, used at each pixel for itself. Stacked
# layers see further and further: each 3×3 layer reaches one pixel beyond the one before.
#
# One thing is missing. A kernel that reads all of its window also reads the pixels that the model
# is to predict. [03](03_masked_convolution.ipynb) is about that.
#
# ## Exercise 2b.1 · How many parameters?
#
# A convolution has a kernel of `rows` × `cols`, reads `m` features and makes `n`, each with a bias.
# How many parameters has it, for an image of $H \times W$ pixels?
#
# <details><summary>Hint</summary>
#
# On which two of the six numbers does the answer not depend, and why is that the point of a
# convolution?
# </details>


# %%
def parameter_count(rows, cols, m, n, H, W):
    count = ...  # your code
    return count


check.parameter_count(parameter_count)

# %% [markdown]
# ## Exercise 2b.2 · Make a kernel
#
# Return a 3×3 kernel whose convolution, as above, is the difference of each pixel and its right
# neighbour: $y_{r,q} = x_{r,q} - x_{r,q+1}$.
#
# <details><summary>Hint</summary>
#
# The middle of the kernel lies on the pixel itself. What lies on the pixel to its right, in which
# row and column of the kernel, counted from 0?
# </details>


# %%
def difference_kernel():
    kernel = ...  # your code: an array (3, 3)
    return kernel


check.difference_kernel(difference_kernel)

# %% [markdown]
# ## What to take away
#
# - A feature is a number made from others; a layer makes $n$ of $m$, by weighted sums and a bend.
# - Parameters are all weights and biases. Backpropagation gives the gradient of each: from the loss
#   back, every layer hands on the gradient of its input.
# - $y = xK$ has $dK = x^\top dy$ and $dx = dy\,K^\top$. Nearly every gradient in this course is
#   built from these two.
# - A convolution uses one kernel at every pixel, so its size does not depend on the image's.
#
# ## Further reading
#
# - The paper, [Pixel Recurrent Neural Networks](https://arxiv.org/abs/1601.06759), takes all of
#   this for granted.
# - The source: [layers/base.py](../pixelrnn_np/layers/base.py),
#   [layers/masked_conv.py](../pixelrnn_np/layers/masked_conv.py).
# - I. Goodfellow, Y. Bengio and A. Courville, *Deep Learning* (MIT Press, 2016), chapters 6 and 9.
# - V. Dumoulin and F. Visin, *A guide to convolution arithmetic for deep learning* (2016,
#   [arXiv:1603.07285](https://arxiv.org/abs/1603.07285)).
#
# Solutions: [solutions/02b_networks_in_ten_minutes](solutions/02b_networks_in_ten_minutes.ipynb).
# Next: [03 · Masked convolution](03_masked_convolution.ipynb).
