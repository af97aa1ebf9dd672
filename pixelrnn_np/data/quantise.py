"""Fewer levels than a file has (§5.5). The paper itself keeps all 256 of colour images."""

import numpy as np


def quantise(images, levels):
    """uint8 images of 256 levels → uint8 in [0, levels): x becomes x * levels // 256.

    All 256 levels are kept as they are, and two levels are a threshold, 1 where x >= 128.
    """
    if levels == 256:
        return images
    return (np.arange(256) * levels // 256).astype(np.uint8)[images]


def binarise(images, rng):
    """uint8 images of 256 levels → {0, 1}: a Bernoulli draw of probability x / 255 for each."""
    # An integer uniform on 0 ... 254 lies below x with probability x / 255, exactly.
    return (rng.integers(255, size=images.shape, dtype=np.uint8) < images).astype(np.uint8)
