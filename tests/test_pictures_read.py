"""Picture files as people have them: read as a viewer would show them, and told when inverted."""

import numpy as np
import pytest
from data_checks import fails
from PIL import Image

import pixelrnn_np as pr
from pixelrnn_np.data.picture import read_picture

EXIF_ORIENTATION = 0x0112


@pytest.fixture
def ink(rng):
    """Intensities 0 to 255, (6, 8): dark strokes have low numbers."""
    return rng.integers(0, 256, (6, 8), np.uint8)


def read(path, shape=(6, 8, 1), **options):
    return read_picture(path, shape, 256, **options)[0]


@pytest.mark.parametrize("mode", ["LA", "RGBA", "P", "L", "RGB"])
def test_what_is_transparent_is_white_paper(tmp_path, ink, mode):
    """Black ink of some opacity: the paper's white shows through, in every way to say so."""
    path = tmp_path / "a.png"
    drawn = Image.new("LA", (8, 6), (0, 0))
    drawn.putalpha(Image.fromarray(255 - ink))
    if mode in ("LA", "RGBA"):
        drawn.convert(mode).save(path)
        np.testing.assert_allclose(read(path)[..., 0], ink, atol=1)
        np.testing.assert_allclose(read(path, (6, 8, 3))[..., 2], ink, atol=1)
        return
    black = (ink < 128).astype(np.uint8)  # one colour is declared transparent: black ink on black
    picture = Image.fromarray(np.where(black, 0, 7).astype(np.uint8)).convert(mode)
    if mode == "P":
        picture = Image.new("P", (8, 6))
        picture.putdata((1 - black).ravel().tolist())
        picture.putpalette([0, 0, 0] * 2)
        picture.save(path, transparency=1)
    else:
        picture.save(path, transparency=7 if mode == "L" else (7, 7, 7))
    np.testing.assert_array_equal(read(path)[..., 0], 255 * (1 - black))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_turns_the_picture(tmp_path, ink, orientation):
    """As cameras store it; JPEG, whose sensor may lie on its side."""
    stored = {
        1: ink, 2: ink[:, ::-1], 3: ink[::-1, ::-1], 4: ink[::-1], 5: ink.T, 6: np.rot90(ink),
        7: ink[::-1, ::-1].T, 8: np.rot90(ink, -1),
    }[orientation]  # fmt: skip
    exif = Image.Exif()
    exif[EXIF_ORIENTATION] = orientation
    path = tmp_path / "a.png"
    Image.fromarray(np.ascontiguousarray(stored)).save(path, exif=exif)
    np.testing.assert_array_equal(read(path)[..., 0], ink)
    path = tmp_path / "a.jpg"
    smooth = np.ascontiguousarray(stored.repeat(16, 0).repeat(16, 1))
    Image.fromarray(smooth).save(path, exif=exif, quality=95)
    np.testing.assert_allclose(read(path)[..., 0], ink, atol=8)


def test_a_picture_on_its_side_that_no_exif_turns(tmp_path, ink):
    path = tmp_path / "a.png"
    Image.fromarray(np.ascontiguousarray(ink.T)).save(path)
    with fails(ValueError, str(path), "6x8 pixels, not 8x6"):
        read(path)


def test_cmyk(tmp_path, ink):
    """From a press: a fourth ink, still 8 bits each."""
    path = tmp_path / "a.jpg"
    smooth = ink.repeat(16, 0).repeat(16, 1)
    Image.fromarray(smooth).convert("RGB").convert("CMYK").save(path, quality=95)
    np.testing.assert_allclose(read(path)[..., 0], ink, atol=8)


def test_sixteen_bits(tmp_path, ink):
    path = tmp_path / "a.png"
    Image.fromarray(ink.astype(np.uint16) * 256 + 99).save(path)
    np.testing.assert_array_equal(read(path)[..., 0], ink)


def test_invert(tmp_path, ink):
    path = tmp_path / "a.png"
    Image.fromarray(ink).save(path)
    np.testing.assert_array_equal(read(path, invert=True)[..., 0], 255 - ink)


@pytest.fixture
def written(tmp_path):
    """A digit of the test set in dark ink on white paper, as a pen writes it."""
    digit = pr.load_data("digits", "test")[3, ..., 0]
    path = tmp_path / "ink.png"
    Image.fromarray(255 - (digit.astype(int) * 255 // 16).astype(np.uint8)).save(path)
    return path


def test_dark_ink_on_white_paper_is_told(call, tmp_path, written):
    words = ["complete", "--pretrained", "digits-diagonal_bilstm", "--image", written, "--times", 1,
             "--rows", 4, "--quiet", "-o"]  # fmt: skip
    code, _, said = call(*words, tmp_path / "a.png")
    assert (
        code == 0 and f"{written} looks inverted to the model, dark for light; add --invert" in said
    )
    code, _, said = call(*words, tmp_path / "b.png", "--invert")
    assert code == 0 and "inverted" not in said
    assert (tmp_path / "a.png").read_bytes() != (tmp_path / "b.png").read_bytes()
    with Image.open(written) as picture:
        Image.fromarray(255 - np.asarray(picture)).save(written)
    code, _, said = call(*words, tmp_path / "c.png", "--invert")
    assert code == 0 and "leave out --invert" in said
    code, _, said = call(*words, tmp_path / "d.png")
    assert code == 0 and "inverted" not in said


def test_invert_needs_a_picture(refuse, tmp_path):
    words = ["complete", "--pretrained", "digits-diagonal_bilstm", "-o", tmp_path / "a.png"]
    assert "--invert needs an --image" in refuse(*words, "--invert", "--quiet")
