"""The data sets: what every one promises, and the digits, which are always there.

No test of data reads the user's cache or reaches the network: both are replaced for every test.
"""

import ast
from pathlib import Path

import numpy as np
import pytest
from data_checks import check, fails

from pixelrnn_np.data import DATASETS, dataset_levels, digits, files, load_data

pytestmark = pytest.mark.usefixtures("cache")


# --- the public face ---------------------------------------------------------------------------


def test_registry():
    assert set(DATASETS) >= {"digits", "mnist", "binarized_mnist"}
    for name, dataset in DATASETS.items():
        assert dataset.name == name and "\n" not in dataset.description
        assert tuple(dataset.splits) == ("train", "valid", "test")
        assert dataset.allowed_levels[0] <= dataset.levels <= dataset.allowed_levels[1]
        assert dataset_levels(name) == dataset.levels


def test_dataset_levels():
    assert dataset_levels("digits") == 17
    assert dataset_levels("digits", 2) == 2
    assert dataset_levels("mnist", np.int64(16)) == 16
    assert dataset_levels("mnist", stochastic=True) == 2
    assert dataset_levels("mnist", 2, stochastic=True) == 2
    assert dataset_levels("binarized_mnist", 2) == 2


@pytest.mark.parametrize(
    "arguments, parts",
    [
        ({"name": "minst"}, ("name", "'minst'", "did you mean 'mnist'", "'digits'")),
        ({"name": None}, ("name", "None", "'digits'")),
        ({"name": ["digits"]}, ("name", "digits")),
        ({"split": "validation"}, ("split", "'validation'", "did you mean 'valid'", "'test'")),
        ({"split": 0}, ("split", "0", "'train'")),
        ({"levels": 18}, ("levels", "18", "from 2 to 17")),
        ({"levels": 1}, ("levels", "1", "from 2 to 17")),
        ({"levels": 2.0}, ("levels", "2.0", "an int")),
        ({"name": "mnist", "levels": 257}, ("levels", "257", "from 2 to 256")),
        ({"name": "mnist", "levels": 4, "stochastic": True}, ("levels", "4", "stochastic", "be 2")),
        ({"name": "binarized_mnist", "levels": 3}, ("levels", "3", "be 2")),
        ({"stochastic": True}, ("stochastic", "'digits'", "'mnist'")),
        ({"stochastic": "yes"}, ("stochastic", "'yes'", "one of False, True")),
        ({"seed": -1}, ("seed", "-1", "from 0 to")),
        ({"seed": None}, ("seed", "None", "an int")),
    ],
)
def test_arguments_that_are_not_allowed(arguments, parts):
    with fails(ValueError, *parts):
        load_data(**{"name": "digits"} | arguments)


def test_import_is_light():
    for path in Path(files.__file__).parent.glob("*.py"):
        for node in ast.parse(path.read_text()).body:
            names = [a.name for a in getattr(node, "names", [])] + [getattr(node, "module", "")]
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                assert not {str(n).split(".")[0] for n in names} & {"pooch", "sklearn", "requests"}


# --- digits ------------------------------------------------------------------------------------


@pytest.mark.parametrize("split, size", [("train", 1297), ("valid", 250), ("test", 250)])
def test_digits_splits(split, size):
    images = load_data("digits", split)
    check(images, "digits", split, 17)
    assert len(images) == size and images.max() == 16
    images[:] = 0
    assert load_data("digits", split).any()


def test_digits_splits_are_disjoint_and_for_good():
    indices = [digits.split_indices(split) for split in digits.SPLITS]
    assert sorted(np.concatenate(indices)) == list(range(1797))
    first = [[855, 921, 269], [1335, 758, 85], [556, 1416, 319]]
    assert [list(i[:3]) for i in indices] == first
    with fails(ValueError, "split", "'all'"):
        digits.split_indices("all")


def test_digits_levels():
    images = load_data("digits", "test")
    np.testing.assert_array_equal(load_data("digits", "test", levels=17), images)
    np.testing.assert_array_equal(load_data("digits", "test", levels=2), images >= 8)
    for levels in range(2, 18):
        few = load_data("digits", "test", levels=levels)
        assert few.dtype == np.uint8
        assert list(np.unique(few)) == list(range(levels))
        order = np.argsort(images, axis=None)
        assert (np.diff(few.ravel()[order].astype(int)) >= 0).all()
