"""Pictures of one's own: folders and arrays, sizes, channels, levels, splits; what is refused."""

import numpy as np
import pytest
from data_checks import fails
from PIL import Image

import pixelrnn_np as pr
from pixelrnn_np.data import dataset_levels, find_dataset, own

pytestmark = pytest.mark.usefixtures("cache")


def save(folder, images, ending="png"):
    """The images as files 000.png … in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for k, image in enumerate(images):
        Image.fromarray(image).save(folder / f"{k:03}.{ending}")
    return folder


@pytest.fixture
def grey(rng):
    return rng.integers(0, 256, (30, 6, 8), np.uint8)


def whole(path, **options):
    """All three splits, {split: images}."""
    return {s: pr.load_data(path, s, **options) for s in own.SPLITS}


def assert_dealt(parts, images, sizes=(24, 3, 3)):
    """Each of the images is in one split, in the order that it had."""
    assert tuple(map(len, parts.values())) == sizes
    numbers = {image.tobytes(): k for k, image in enumerate(images)}
    found = [[numbers[x.tobytes()] for x in part] for part in parts.values()]
    assert sorted(k for part in found for k in part) == list(range(len(images)))
    assert all(part == sorted(part) for part in found)
    return found


@pytest.mark.parametrize("kind", ["folder", "text", "npy", "npz", "npz of several"])
def test_forms(tmp_path, grey, kind):
    path = tmp_path / "mine.npz"
    if kind in ("folder", "text"):
        path = save(tmp_path / "pictures", grey)
        path = str(path) if kind == "text" else path
    elif kind == "npy":
        np.save(path := tmp_path / "mine.npy", grey)
    elif kind == "npz":
        np.savez_compressed(path, whatever=grey[..., None])
    else:
        np.savez(path, x_train=grey, y_train=np.arange(30))
    parts = whole(path)
    for x in parts.values():
        assert x.shape[1:] == (6, 8, 1) and x.dtype == np.uint8
        assert x.flags.c_contiguous and x.flags.writeable and x.flags.owndata
    assert_dealt(parts, grey)
    parts["valid"][:] = 0
    assert pr.load_data(path, "valid").any()
    assert dataset_levels(path) == 256
    dataset = find_dataset(path)
    assert dataset.image_shape == (6, 8, 1) and dataset.splits == {
        k: len(x) for k, x in parts.items()
    }


def test_the_seed_deals_and_no_split_depends_on_anything_else(tmp_path, grey):
    np.save(path := tmp_path / "a.npy", grey)
    first = assert_dealt(whole(path), grey)
    assert first == assert_dealt(whole(path, seed=0), grey)
    assert first[1:] == [[3, 11, 20], [2, 13, 21]]  # for good
    assert first != assert_dealt(whole(path, seed=1), grey)
    assert_dealt(whole(path, valid_share=0.25), grey, (14, 8, 8))
    np.save(path, grey[:3])
    assert_dealt(whole(path), grey[:3], (1, 1, 1))
    np.save(path, grey[:2])
    with fails(ValueError, str(path), "has 2 images for train", "valid and test", "1 each"):
        pr.load_data(path)


def test_folders_named_after_splits_are_kept(tmp_path, grey):
    for name, part in (("train", grey[:20]), ("val", grey[20:24]), ("test", grey[24:])):
        save(tmp_path / "p" / name / "class", part)
    parts = whole(tmp_path / "p")
    for found, part in zip(parts.values(), (grey[:20], grey[20:24], grey[24:]), strict=True):
        np.testing.assert_array_equal(found[..., 0], part)
    for path in (tmp_path / "p" / "val").rglob("*.png"):
        path.unlink()
    save(tmp_path / "p", grey[:2])
    parts = whole(tmp_path / "p")
    assert {k: len(x) for k, x in parts.items()} == {"train": 18, "valid": 2, "test": 6}
    assert "2 more beside the folders" in find_dataset(tmp_path / "p").description


def test_arrays_named_after_splits_are_kept(tmp_path, grey):
    np.savez(tmp_path / "a.npz", train=grey[:20], test=grey[20:])
    parts = whole(tmp_path / "a.npz")
    np.testing.assert_array_equal(parts["test"][..., 0], grey[20:])
    assert_dealt({k: parts[k] for k in ("train", "valid")}, grey[:20], (18, 2))


def test_what_lies_in_a_folder(tmp_path, grey):
    """At any depth, in the order of names; neither other files nor hidden ones."""
    folder = save(tmp_path / "p" / "b", grey[10:])
    save(tmp_path / "p" / "a", grey[:10])
    (folder / "notes.txt").write_text("no picture")
    save(tmp_path / "p" / ".thumbnails", grey[:5])
    (folder / "._001.png").write_bytes(b"a file of the system")
    assert_dealt(whole(tmp_path / "p"), grey)


@pytest.mark.parametrize("ending", ["jpg", "JPEG", "bmp", "gif", "webp", "pgm"])
def test_formats(tmp_path, grey, ending):
    smooth = grey.repeat(16, 1).repeat(16, 2)
    path = save(tmp_path / "p", smooth, ending)
    parts = whole(path, size="6x8", grey=True)
    assert tuple(map(len, parts.values())) == (24, 3, 3) and parts["train"].shape[1:] == (6, 8, 1)
    assert 5 < np.abs(parts["train"].astype(int) - 128).mean() < 100


@pytest.mark.parametrize(
    "size, shape",
    [("3x4", (3, 4)), ((3, 4), (3, 4)), ([12, 16], (12, 16)), (6, (6, 6)), ("6", (6, 6)),
     (None, (6, 8))],
)  # fmt: skip
def test_sizes(tmp_path, grey, size, shape):
    path = save(tmp_path / "p", grey)
    assert pr.load_data(path, size=size).shape[1:] == (*shape, 1)


def test_pictures_are_cut_about_their_middle(tmp_path):
    image = np.zeros((8, 16), np.uint8)
    image[:, 4:12] = 200
    path = save(tmp_path / "p", [image] * 4)
    assert (pr.load_data(path, size=4) == 200).all()


def test_pictures_of_several_sizes(tmp_path, grey):
    path = save(tmp_path / "p", grey)
    Image.fromarray(grey[0, :5]).save(path / "odd.png")
    with fails(ValueError, "odd.png", "5x8", "000.png 6x8", "--size"):
        pr.load_data(path)
    assert pr.load_data(path, size=5).shape == (25, 5, 5, 1)


def test_colour(tmp_path, rng, grey):
    colour = rng.integers(0, 256, (30, 6, 8, 3), np.uint8)
    path = save(tmp_path / "c", colour)
    np.save(tmp_path / "c.npy", colour)
    for place in (path, tmp_path / "c.npy"):
        assert_dealt(whole(place), colour)
        luma = pr.load_data(place, "test", grey=True)
        exact = pr.load_data(place, "test") @ np.array([0.299, 0.587, 0.114])
        assert luma.shape == (3, 6, 8, 1) and np.abs(luma[..., 0] - exact).max() <= 1
    Image.fromarray(grey[0]).save(path / "000.png")
    assert pr.load_data(path).shape[-1] == 3
    grey_path = save(tmp_path / "g", grey)
    np.save(tmp_path / "g.npy", grey)
    for place in (grey_path, tmp_path / "g.npy"):
        three = pr.load_data(place, grey=False)
        assert three.shape[-1] == 3 and (three[..., :1] == three).all()


def test_levels(tmp_path, grey):
    path = save(tmp_path / "p", grey)
    for levels in (2, 5, 256):
        few = pr.load_data(path, levels=levels)
        np.testing.assert_array_equal(few, pr.load_data(path).astype(int) * levels // 256)
    with fails(ValueError, "levels is 1 ", "from 2 to 256"):
        pr.load_data(path, levels=1)


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int64"])
def test_arrays_of_levels_are_taken_as_they_are(tmp_path, rng, dtype):
    """Not as intensities of 255, which would make all of them 0."""
    two = rng.integers(0, 2, (30, 4, 4)).astype(dtype)
    np.save(path := tmp_path / "a.npy", two)
    assert dataset_levels(path) == 2
    assert_dealt(whole(path), two.astype(np.uint8))
    assert pr.load_data(path, levels=4).max() == 1
    if dtype != "bool":
        np.save(path, 8 * two)
        assert dataset_levels(path) == 256
        assert pr.load_data(path, levels=9).max() == 8
        with fails(ValueError, str(path), "with 5 levels all pixels are the same", "from 0 to 8"):
            pr.load_data(path, levels=5)


@pytest.mark.parametrize(
    "array, parts",
    [
        (np.zeros((9, 4, 4)), ("float64 (9, 4, 4)", "whole numbers", "np.rint(255 * x)")),
        (np.full((9, 4, 4), 256), ("from 256 to 256", "from 0 to 255")),
        (np.full((9, 4, 4), -1), ("from -1 to -1",)),
        (np.zeros((9, 4), np.uint8), ("(9, 4)", "(N, H, W)")),
        (np.zeros((9, 3, 4, 4), np.uint8), ("(9, 3, 4, 4)", "(N, H, W, 3)")),
        (np.zeros((0, 4, 4), np.uint8), ("(0, 4, 4)",)),
        (np.array([[["a"]]]), ("<U1",)),
        (np.array([None]), ("cannot be read as arrays",)),
    ],
)
def test_arrays_that_are_no_images(tmp_path, array, parts):
    np.save(path := tmp_path / "a.npy", array)
    with fails(ValueError, str(path), *parts):
        pr.load_data(path)


def test_files_that_are_no_arrays(tmp_path, grey):
    path = tmp_path / "a.npz"
    for data in (b"", b"PK nothing", b"\x93NUMPY"):
        path.write_bytes(data)
        with fails(ValueError, str(path)):
            pr.load_data(path)
    np.savez(path, a=grey, b=grey)
    with fails(ValueError, str(path), "holds the arrays a, b", "`train`"):
        pr.load_data(path)
    np.savez(path, train=grey, test=grey[:, 1:])
    with fails(ValueError, str(path), "several shapes"):
        pr.load_data(path)
    np.savez(path, train=grey)
    with fails(ValueError, str(path), "6x8 pixels, not 5x5", "only pictures in a folder"):
        pr.load_data(path, size=5)


def test_places_without_pictures(tmp_path):
    with fails(FileNotFoundError, "nowhere does not exist"):
        pr.load_data(tmp_path / "nowhere")
    (tmp_path / "a.tiff").write_bytes(b"")
    with fails(ValueError, str(tmp_path), "no picture", ".png", "a.tiff"):
        pr.load_data(tmp_path)
    with fails(ValueError, "a.tiff is not a folder of pictures, an .npy or an .npz"):
        pr.load_data(tmp_path / "a.tiff")
    (tmp_path / "b.png").write_bytes(b"a page that says: not found")
    with fails(ValueError, "b.png", "it is no PNG"):
        pr.load_data(tmp_path)


@pytest.mark.parametrize(
    "options, parts",
    [
        ({"size": 0}, ("size is 0", "28x28")), ({"size": "4x"}, ("size is '4x'",)),
        ({"size": (1, 2, 3)}, ("size is (1, 2, 3)",)), ({"size": 2.5}, ("size is 2.5",)),
        ({"size": "9999999"}, ("from 1 to 4096",)), ({"valid_share": 0}, ("valid_share is 0",)),
        ({"valid_share": 0.5}, ("below 0.5",)), ({"valid_share": "x"}, ("valid_share is 'x'",)),
        ({"grey": "yes"}, ("grey is 'yes'",)), ({"stochastic": True}, ("stochastic", "'mnist'")),
        ({"fingerprint": "abc"}, ("has changed", "not abc")), ({"seed": -1}, ("seed is -1",)),
        ({"split": "all"}, ("split is 'all'",)),
    ],
)  # fmt: skip
def test_arguments_that_are_not_allowed(tmp_path, grey, options, parts):
    path = save(tmp_path / "p", grey)
    with fails(ValueError, *parts):
        pr.load_data(path, **options)


@pytest.mark.parametrize("option", [{"size": 8}, {"grey": True}, {"valid_share": 0.2}])
def test_published_sets_have_no_such_options(option):
    with fails(ValueError, *option, "'digits'", "own pictures only"):
        pr.load_data("digits", **option)


def test_names_come_before_folders_and_a_typing_error_is_no_path(tmp_path, grey, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save(tmp_path / "digits", grey)
    assert pr.load_data("digits").shape == (1297, 8, 8, 1)
    assert pr.load_data("./digits").shape == (24, 6, 8, 1)
    with fails(ValueError, "did you mean 'digits'", "or the path of a folder"):
        pr.load_data("digit")


def test_the_fingerprint_is_of_the_bytes_wherever_they_lie(tmp_path, grey):
    first = find_dataset(save(tmp_path / "a", grey)).fingerprint
    assert find_dataset(save(tmp_path / "b", grey), size=4).fingerprint == first
    (tmp_path / "b" / "notes.txt").write_text("no picture")
    assert find_dataset(tmp_path / "b").fingerprint == first
    (tmp_path / "b" / "000.png").rename(tmp_path / "b" / "other.png")
    assert find_dataset(tmp_path / "b").fingerprint != first
    Image.fromarray(255 - grey[0]).save(tmp_path / "a" / "000.png")
    assert find_dataset(tmp_path / "a").fingerprint != first
