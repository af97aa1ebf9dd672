"""Table 1: ReLU → 1×1 → ReLU → 1×1 → ReLU → 1×1 of one pixel of each image."""

import numpy as np


def head_step(x, K1, b1, K2, b2, K3, b3, y):
    """x (B, 2h) → y (B, logits); K: (in, out), b: (out,) of each 1×1 in turn."""
    a = np.maximum(x, 0) @ K1 + b1
    a = np.maximum(a, 0) @ K2 + b2
    y[...] = np.maximum(a, 0) @ K3 + b3
