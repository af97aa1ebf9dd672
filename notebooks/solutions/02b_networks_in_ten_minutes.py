# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Solutions of 02b · Networks in ten minutes
#
# Each exercise of [the notebook](../02b_networks_in_ten_minutes.ipynb), a solution, and mistakes that
# are easily made, with what the check says of them.

# %%
import numpy as np

from pixelrnn_np import course
from pixelrnn_np.course import n02b as check

# %% [markdown]
# ## Exercise 2b.1 · How many parameters?
#
# At each of `rows * cols` places a matrix of $m n$ weights, and $n$ biases. The image's size does not
# occur: the same kernel is used at every pixel. That is the point of a convolution. It learns from
# every pixel of every image, and works for images of another size.


# %%
def parameter_count(rows, cols, m, n, H, W):
    return rows * cols * m * n + n


check.parameter_count(parameter_count)


# %%
def without_biases(rows, cols, m, n, H, W):
    return rows * cols * m * n


def for_each_pixel(rows, cols, m, n, H, W):
    return (rows * cols * m * n + n) * H * W


def one_bias(rows, cols, m, n, H, W):
    return rows * cols * m * n + 1


course.show(*(check.parameter_count(f) for f in (without_biases, for_each_pixel, one_bias)))

# %% [markdown]
# ## Exercise 2b.2 · Make a kernel
#
# The kernel's middle, at (1, 1), lies on the pixel, and (1, 2) on its right neighbour.


# %%
def difference_kernel():
    return np.array([[0, 0, 0], [0, 1, -1], [0, 0, 0]])


check.difference_kernel(difference_kernel)

# %% [markdown]
# In signal processing a convolution mirrors its kernel first. Here, as in all networks, it is laid on
# as it is. For learned weights that makes no difference; for masks it does.


# %%
def mirrored():
    return difference_kernel()[:, ::-1]


def rows_and_columns_swapped():
    return difference_kernel().T


def neighbour_minus_pixel():
    return -difference_kernel()


course.show(*(check.difference_kernel(f) for f in (mirrored, rows_and_columns_swapped)))

# %% tags=["answers"]
RIGHT = {"parameter_count": parameter_count, "difference_kernel": difference_kernel}
WRONG = {
    "parameter_count": [without_biases, for_each_pixel, one_bias],
    "difference_kernel": [mirrored, rows_and_columns_swapped, neighbour_minus_pixel],
}
