"""Table 1: one pixel through the layers before the logits. The readable twin is reference/head.py.

Three products of a few microseconds: as NumPy calls they and their ReLUs took a third of the time
that a PixelCNN's images take to draw (benchmarks/README.md, "Sampling").
"""

import numpy as np

from .jit import kernel
from .pointwise import relu_forward
from .tiles.multiply import HERE, NOTHING, matrix, panels, product


@kernel
def head_step(x, K1, b1, K2, b2, K3, b3, y):
    M, F = x.shape
    N, zero = b1.size, x.dtype.type(0)
    active = np.empty_like(x)
    a1, a2 = np.empty((M, N), x.dtype), np.empty((M, b2.size), x.dtype)
    relu_forward(x, active)
    product(
        matrix(a1, 0, N), NOTHING, NOTHING, zero, b1, matrix(active, 0, F), HERE, panels(K1), M, N
    )
    product(
        matrix(a2, 0, b2.size), NOTHING, NOTHING, zero, b2, matrix(a1, 0, N), HERE, panels(K2),
        M, b2.size,
    )  # fmt: skip
    product(
        matrix(y, 0, b3.size), NOTHING, NOTHING, None, b3, matrix(a2, 0, b2.size), HERE,
        panels(K3), M, b3.size,
    )  # fmt: skip
