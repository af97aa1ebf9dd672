"""§3.4: the masks, number by number, and the colour groups."""

import numpy as np
import pytest

from pixelrnn_np.layers.masks import conv_mask, feature_groups, gate_groups, logit_groups

ONE = np.zeros(1, int)
RGB = np.arange(3)


def test_spatial_masks_of_one_channel():
    a, b = (conv_mask(kind, 3, 3, ONE, ONE)[:, :, 0, 0] for kind in "AB")
    np.testing.assert_array_equal(a, [[1, 1, 1], [1, 0, 0], [0, 0, 0]])
    np.testing.assert_array_equal(b, [[1, 1, 1], [1, 1, 0], [0, 0, 0]])
    a, b = (conv_mask(kind, 1, 3, ONE, ONE)[:, :, 0, 0] for kind in "AB")
    np.testing.assert_array_equal(a, [[1, 0, 0]])
    np.testing.assert_array_equal(b, [[1, 1, 0]])


def test_centre_tap_of_colours():
    # Kernels are (in, out); written here as (out, in), a row for each output colour.
    a, b = (conv_mask(kind, 3, 3, RGB, RGB)[1, 1].T for kind in "AB")
    np.testing.assert_array_equal(a, [[0, 0, 0], [1, 0, 0], [1, 1, 0]])
    np.testing.assert_array_equal(b, [[1, 0, 0], [1, 1, 0], [1, 1, 1]])


def test_first_layer_has_24_full_taps():
    mask = conv_mask("A", 7, 7, RGB, feature_groups(32, 3))
    assert sum(tap.all() for tap in mask.reshape(49, 3, 32)) == 24
    assert mask[3, 4:].sum() == mask[4:].sum() == 0


@pytest.mark.parametrize(
    ("features", "sizes"),
    [(128, (43, 43, 42)), (256, (86, 85, 85)), (512, (171, 171, 170)), (1024, (342, 341, 341))],
)
def test_group_sizes(features, sizes):
    groups = feature_groups(features, 3)
    assert tuple(np.bincount(groups)) == sizes
    assert (np.diff(groups) >= 0).all()


def test_gates_are_split_each_for_itself():
    np.testing.assert_array_equal(gate_groups(5, 3), [0, 0, 1, 1, 2] * 4)
    np.testing.assert_array_equal(logit_groups(3, 2), [0, 0, 1, 1, 2, 2])


@pytest.mark.parametrize(("size", "kind"), [((2, 3), "A"), ((3, 0), "B"), ((3, 3), "C")])
def test_refused(size, kind):
    with pytest.raises(ValueError, match=r"mask is|kernel size is"):
        conv_mask(kind, *size, ONE, ONE)


def test_too_few_features():
    with pytest.raises(ValueError, match="2 features cannot be shared by 3 colours"):
        feature_groups(2, 3)
