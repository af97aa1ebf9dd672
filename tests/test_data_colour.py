"""The sets in colour that are always there: photographs and coloured digits."""

import hashlib
import re

import numpy as np
import pytest
from sklearn.datasets import load_digits, load_sample_image

from pixelrnn_np.data import (
    DATASETS,
    colour_digits,
    dataset_levels,
    digits,
    embedded,
    load_data,
    photos,
)
from pixelrnn_np.data.quantise import quantise

pytestmark = pytest.mark.usefixtures("cache")

SPLITS = ("train", "valid", "test")
PHOTOS = {"photos": 32, "photos16": 16, "photos8": 8}
EMBEDDED = ("colour_digits", *PHOTOS)


def fails(*parts):
    """The context in which a ValueError is raised, of one line that holds the parts."""
    pattern = "".join(f"(?=.*{re.escape(part)})" for part in parts)
    return pytest.raises(ValueError, match=rf"\A{pattern}[^\n]+\Z")


# --- all ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", EMBEDDED)
def test_what_the_registry_says(name):
    dataset = DATASETS[name]
    assert "no download" in dataset.description
    for split in SPLITS:
        images = load_data(name, split)
        assert images.shape == (dataset.splits[split], *dataset.image_shape)
        assert images.dtype == np.uint8 and images.max() == dataset.levels - 1
        assert images.flags.c_contiguous and images.flags.writeable and images.flags.owndata
        before = images.copy()
        images[:] = 0
        np.testing.assert_array_equal(load_data(name, split, seed=5), before)


@pytest.mark.parametrize("name", [*EMBEDDED, "cifar10"])
def test_arguments_that_are_not_allowed(name):
    for levels in (1, 257):
        with fails("levels", repr(name), "from 2 to 256"):
            load_data(name, levels=levels)
    with fails("split", "'all'", "'valid'"):
        load_data(name, "all")
    with fails("stochastic", repr(name), "'mnist'"):
        load_data(name, stochastic=True)


@pytest.mark.parametrize("name", EMBEDDED)
def test_levels(name):
    full = load_data(name, "valid", levels=256)
    for levels in (2, 3, 16, 255):
        images = load_data(name, "valid", levels=levels)
        assert images.dtype == np.uint8 and list(np.unique(images)) == list(range(levels))
        np.testing.assert_array_equal(images, full.astype(int) * levels // 256)


@pytest.mark.parametrize("levels", [2, 3, 7, 16, 255, 256])
def test_quantise(levels):
    values = np.arange(256, dtype=np.uint8)
    found = quantise(values, levels)
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, [x * levels // 256 for x in range(256)])
    assert found[0] == 0 and found[255] == levels - 1


@pytest.mark.parametrize("name", EMBEDDED)
def test_no_image_occurs_twice(name):
    images = np.concatenate([load_data(name, split) for split in SPLITS])
    assert len({image.tobytes() for image in images}) == len(images)


# --- photos ------------------------------------------------------------------------------------


def pixels(split):
    """Which pixels of the two photographs one split uses: bool (2, 427, 640)."""
    used = np.zeros((2, 427, 640), bool)
    for photograph, top, left in photos.corners(split):
        window = used[photograph, top : top + 32, left : left + 32]
        assert window.shape == (32, 32)
        window[:] = True
    return used


def test_photo_splits_share_no_pixel_and_no_compressed_block():
    used = {split: pixels(split).any(axis=(0, 1)) for split in SPLITS}
    columns = {split: set(np.flatnonzero(used[split])) for split in SPLITS}
    assert [len(columns[split]) for split in SPLITS] == [320, 96, 96]
    for split in SPLITS:
        others = set().union(*(columns[other] for other in SPLITS if other != split))
        assert min(abs(a - b) for a in columns[split] for b in others) == 17
        # JPEG stores colour in blocks that cover 16 columns at most.
        assert not {c // 16 for c in columns[split]} & {c // 16 for c in others}


def test_photo_corners_are_for_good():
    first = {
        "train": [[1, 140, 28], [0, 76, 0], [0, 80, 300]],
        "valid": [[0, 340, 368], [0, 368, 84], [0, 104, 384]],
        "test": [[0, 340, 512], [0, 368, 228], [0, 104, 528]],
    }
    for split, corners in first.items():
        found = photos.corners(split)
        assert found.shape == (DATASETS["photos"].splits[split], 3)
        assert len(np.unique(found, axis=0)) == len(found)
        assert found[:3].tolist() == corners
        assert set(found[:, 0]) == {0, 1}


def test_photos_are_cut_from_the_photographs():
    china = load_sample_image("china.jpg")
    images = load_data("photos", "valid")
    for image, (photograph, top, left) in zip(images, photos.corners("valid"), strict=True):
        if photograph == 0:
            np.testing.assert_array_equal(image, china[top : top + 32, left : left + 32])
    # JPEG decoders may differ by a level or two.
    np.testing.assert_allclose(images[0, 0, 0], [64, 90, 63], atol=2)
    means = [load_data("photos", split).mean() for split in SPLITS]
    np.testing.assert_allclose(means, [99.3, 109.3, 100.9], atol=0.2)


@pytest.mark.parametrize("name", ["photos16", "photos8"])
def test_smaller_photos_are_means(name):
    images, small = load_data("photos", "test"), load_data(name, "test")
    factor = 32 // PHOTOS[name]
    for image, less in zip(images[:20].astype(float), small[:20], strict=True):
        for r, c in np.ndindex(less.shape[:2]):
            square = image[r * factor : (r + 1) * factor, c * factor : (c + 1) * factor]
            np.testing.assert_array_equal(less[r, c], np.floor(square.mean(axis=(0, 1)) + 0.5))


# --- colour digits -----------------------------------------------------------------------------


def test_colours_are_distinguishable_with_any_number_of_levels():
    paper, ink = colour_digits.colours()
    assert paper.shape == ink.shape == (1797, 3) and paper.dtype == ink.dtype == np.uint8
    assert np.abs(paper.astype(int) - ink).max(axis=1).min() == 128
    for levels in range(2, 257):
        assert (quantise(paper, levels) != quantise(ink, levels)).any(axis=1).all()
    assert min(paper.mean(), ink.mean()) > 110 and max(paper.mean(), ink.mean()) < 145


def test_colour_digits_are_the_digits():
    paper, ink = colour_digits.colours()
    grey = load_digits().images
    for split in SPLITS:
        images = load_data("colour_digits", split, levels=256)
        for k, index in enumerate(digits.split_indices(split)):
            t = grey[index][:, :, None] / 16
            exact = (1 - t) * paper[index] + t * ink[index]
            assert np.abs(images[k] - exact).max() <= 0.5
            np.testing.assert_array_equal(images[k][t[..., 0] == 0][0], paper[index])
            assert len(np.unique(images[k].reshape(-1, 3), axis=0)) > 1


DIGITS_SHA256 = "3bd56ec228c8fd096517a403cfb64165617b149a649d2871b9c7095537173af2"


def test_colour_digits_are_for_good():
    assert dataset_levels("colour_digits") == 8
    first = [load_data("colour_digits", split)[0, 0, 0].tolist() for split in SPLITS]
    assert first == [[4, 2, 0], [6, 5, 2], [5, 1, 7]]
    images = np.concatenate([load_data("colour_digits", split) for split in SPLITS])
    assert hashlib.sha256(images.tobytes()).hexdigest() == DIGITS_SHA256


def test_embedded_files_are_what_scikit_learn_loads(monkeypatch):
    """Read without importing it; and where an edition has no such file, by it."""
    for _ in range(2):
        assert np.array_equal(embedded.digits(), load_digits().images)
        for name in ("china.jpg", "flower.jpg"):
            assert np.array_equal(embedded.photograph(name), load_sample_image(name))
        monkeypatch.setattr(embedded, "inside", lambda package, file: None)
