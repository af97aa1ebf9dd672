"""The bells of notebook 02's contest are the bells that it shows, and their ways back are right."""

import numpy as np
import pytest

from pixelrnn_np.course import n02
from pixelrnn_np.likelihood import probabilities


@pytest.mark.parametrize("levels", [5, 17])
def test_a_bell_cut_off_is_a_gaussians_heights(levels, rng):
    o = rng.standard_normal((4, levels))
    a, b = o[:, :1], np.log1p(np.exp(o[:, 1:2]))
    unit = (levels - 1) / 4  # of t, in values
    mean, width = (levels - 1) / 2 + unit * a / (2 * b), unit / np.sqrt(2 * b)
    height = np.exp(-(((np.arange(levels) - mean) / width) ** 2) / 2)
    p = probabilities(n02.cut_off(o)[0], levels)
    assert np.allclose(p, height / height.sum(axis=-1, keepdims=True))


@pytest.mark.parametrize("levels", [5, 17])
def test_a_bell_gathered_is_a_logistics_areas(levels, rng):
    o = rng.standard_normal((4, levels))
    mean = (levels - 1) / 2 + 1.5 * (levels - 1) * np.tanh(o[:, :1] / 3)
    width = np.exp(-3 * np.tanh(o[:, 1:2] / 3))
    below = 1 / (1 + np.exp(-(np.arange(1, levels) - 0.5 - mean) / width))
    areas = np.diff(below, prepend=0, append=1)
    logits, _ = n02.gathered(o)
    assert np.allclose(np.exp(logits), areas), "they sum to 1 without a softmax"


def test_the_ways_back_are_checked_and_a_wrong_one_is_found(rng):
    def wrong(outputs):
        logits, back = n02.gathered(outputs)
        return logits, lambda dlogits: back(dlogits) * [1.0005, *[1] * 16]

    lasts = {"cut off": n02.cut_off, "gathered": n02.gathered, "wrong": wrong}
    errors = n02.ways_back(lasts, 17, rng)
    assert errors["cut off"] < 1e-6 and errors["gathered"] < 1e-6 < errors["wrong"]
