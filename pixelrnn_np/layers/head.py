"""Table 1: the layers between the sum of trunk and skips and the logits."""

import numpy as np

from .. import backend
from .base import ReLU, Sequential
from .masked_conv import MaskedConv


class Head(Sequential):
    """ReLU → 1×1 → ReLU → 1×1 → ReLU → 1×1 to the logits, all mask B: (B, H, W, 2h) → logits.

    The paper says "(ReLU followed by 1×1 conv, mask B) × 2" and a softmax or sigmoid; here two
    hidden layers of the same width and then the logits. The logits' weights begin at a tenth of the
    others' size, so that `start_at` decides what is predicted first. groups_in, groups_hidden,
    groups_out: the colour of every feature (masks.py); rng: numpy Generator. Backward is
    Sequential's.
    """

    def __init__(self, groups_in, groups_hidden, groups_out, rng, dtype="float32"):
        def conv(before, after, gain=1.0):
            return MaskedConv(
                "B", 1, 1, before, after, rng, relu_before=True, gain=gain, dtype=dtype
            )

        super().__init__(
            relu1=ReLU(),
            conv1=conv(groups_in, groups_hidden),
            relu2=ReLU(),
            conv2=conv(groups_hidden, groups_hidden),
            relu3=ReLU(),
            logits=conv(groups_hidden, groups_out, gain=0.1),
        )

    @property
    def untouched(self):
        """Whether the logits' biases are all 0, as a new network's are."""
        return not self.logits.own["b"].any()

    def start_at(self, x, levels):
        """Sets the logits' biases to the log-odds of images x, (N, H, W, C), per colour.

        Of more than two levels to the log of each level's share. One more image, with every level
        equally often, keeps the logarithms finite.
        """
        counts = np.zeros((x.shape[3], levels))
        for image in x:
            for k in range(x.shape[3]):
                counts[k] += np.bincount(image[..., k].ravel(), minlength=levels)
        shares = np.log(counts + x[0, ..., 0].size / levels)
        if levels == 2:
            self.logits.own["b"][...] = shares[:, 1] - shares[:, 0]
        else:
            shares -= np.log(np.exp(shares).sum(axis=1, keepdims=True))
            self.logits.own["b"][...] = shares.ravel()

    def begin(self, batch, width):
        """The masked weights; nothing is remembered from pixel to pixel."""
        layers = self.conv1, self.conv2, self.logits
        weights = [array for layer in layers for array in (layer.weights()[0], layer.own["b"])]
        return backend.ops().head_step, weights

    def begin_row(self, state, r):
        pass

    def step(self, x_q, state, q, group):
        head_step, weights = state
        y = np.empty((len(x_q), weights[-1].size), x_q.dtype)
        head_step(x_q, *weights, y)
        return y

    def write_step(self, p, x):
        """x: the map of a pixel, which may be written over. Returns that of its logits."""
        layers, y = (self.conv1, self.conv2, self.logits), x
        p.pixel.relu(y.at(), x.at())
        for i, layer in enumerate(layers):
            K, b = layer.weights()[0], layer.own["b"]
            x, y = y, p.map(1, b.size)
            p.pixel.product(y.at(), x.at(), K, b, relu=i < len(layers) - 1)
        return y
