"""Table 1: one pixel through the layers before the logits. The readable twin is reference/head.py.

Three products of a few microseconds: as NumPy calls they and their ReLUs took a third of the time
that a PixelCNN's images take to draw (benchmarks/README.md, "Sampling").
"""

import numpy as np

from .jit import kernel
from .pointwise import relu_forward
from .tiles.multiply import matrix, multiply
from .tiles.panels import panels


@kernel
def head_step(x, K1, b1, K2, b2, K3, b3, y):
    """x: (M, F); K1: (F, N1), K2: (N1, N2), K3: (N2, N3) and their biases; y: (M, N3)."""
    M, F = x.shape
    N1, N2, N3, zero = b1.size, b2.size, b3.size, x.dtype.type(0)
    active, a1 = np.empty((M, F), x.dtype), np.empty((M, N1), x.dtype)
    a2 = np.empty((M, N2), x.dtype)
    relu_forward(x, active)
    multiply(matrix(a1, 0, N1), matrix(active, 0, F), panels(K1), M, N1, bias=b1, at_least=zero)
    multiply(matrix(a2, 0, N2), matrix(a1, 0, N1), panels(K2), M, N2, bias=b2, at_least=zero)
    multiply(matrix(y, 0, N3), matrix(a2, 0, N2), panels(K3), M, N3, bias=b3)
