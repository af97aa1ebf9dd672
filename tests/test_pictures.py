"""Films, heat maps and explanations, as functions and from the command line."""

import numpy as np
import pytest
from PIL import Image

import pixelrnn_np as pr
from pixelrnn_np import figures, sampling
from pixelrnn_np.cli.app import app
from pixelrnn_np.figures import animation
from pixelrnn_np.inspection.checks import dependence, small_model
from pixelrnn_np.inspection.explain import influence, pixel_nats


@pytest.fixture
def model(rng):
    return small_model("diagonal_bilstm", rng, (4, 5, 1), 2)


def draw(rng, model, n=3):
    return rng.integers(0, model.levels, (n, *model.image_shape)).astype(np.uint8)


def test_film_as_gif(model, tmp_path):
    film = animation.Film(model.levels)
    x = pr.sample(model, 5, seed=1, on_row=film.add)
    film.save(tmp_path / "film.gif", seconds=1)
    with Image.open(tmp_path / "film.gif") as gif:
        assert gif.n_frames == 4
        gif.seek(3)
        last = np.asarray(gif.convert("L"))
        gif.seek(0)
        assert gif.info["loop"] == 0
        first = np.asarray(gif.convert("RGB"))
    sheet = figures.enlarged(figures.tile(x, 2, 3), 480)[..., 0]
    np.testing.assert_allclose(last, sheet * 255, atol=3)
    waiting = (np.abs(first - 255 * np.array(figures.WAITING)) < 4).all(axis=-1)
    assert waiting.any() and not waiting[: len(waiting) // 10].any()


def test_film_as_a_page(model, tmp_path):
    film = animation.Film(model.levels)
    pr.sample(model, 2, seed=1, on_row=film.add)
    film.save(tmp_path / "film.html")
    text = (tmp_path / "film.html").read_text()
    assert text.startswith("<!doctype html>")
    assert text.count("data:image/png;base64") == 4
    assert "http" not in text, "the page has to work without a network"
    with pytest.raises(ValueError, match=r"\.gif or \.html"):
        film.save(tmp_path / "film.mp4")


@pytest.mark.parametrize("levels", [2, 5, 32])
def test_nats_of_pixels_add_up(rng, levels):
    model = small_model("row_lstm", rng, (4, 3, 3), levels)
    x = draw(rng, model)
    nats = pixel_nats(model, x)
    assert nats.shape == (3, 4, 3)
    np.testing.assert_allclose(nats.sum(axis=(1, 2)), model.nll(x), rtol=1e-10)


@pytest.mark.parametrize("levels", [2, 32])
def test_influence_is_where_the_network_looks(rng, levels):
    model = small_model("pixelcnn", rng, (4, 5, 1), levels)
    x = draw(rng, model)
    reads = dependence(model, x)[2 * 5 + 3].reshape(4, 5)
    np.testing.assert_array_equal(influence(model, x, 2, 3) > 0, reads)


def test_masks(rng):
    shape = (50, 8, 6, 3)
    known = {kind: sampling.known_mask(kind, shape, 3, rng) for kind in sampling.MASKS}
    assert all(k.shape == shape and k.dtype == bool for k in known.values())
    assert known["top"][:, :3].all() and not known["top"][:, 3:].any()
    assert known["left"][:, :, :3].all() and not known["left"][:, :, 3:].any()
    assert not known["hole"][:, 2:6, 1:5].any() and known["hole"][:, :2].all()
    assert 0.2 < known["scattered"].mean() < 0.3
    assert (known["scattered"][..., 0] == known["scattered"][..., 2]).all()


def test_explanation_without_any_context(rng, tmp_path):
    """The first pixel depends on nothing: the picture says so instead of failing."""
    model = small_model("pixelcnn", rng, (4, 5, 1), 2)
    x = draw(rng, model)
    reach = influence(model, x, 0, 0)
    assert (reach == 0).all()
    path = tmp_path / "a.png"
    figures.save_explanation(path, x, pixel_nats(model, x), reach, (0, 0), 2)
    with Image.open(path) as picture:
        assert picture.size[0] > 400


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "r"
    words = [
        "--h",
        "2",
        "--layers",
        "1",
        "--head",
        "4",
        "--epochs",
        "1",
        "--samples",
        "0",
        "--quiet",
    ]
    app(["train", "--out", str(out), *words], standalone_mode=False)
    return out


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (["animate", "-n", "2"], "a.gif"),
        (["animate", "-n", "2"], "a.html"),
        (["explain", "-n", "2"], "a.png"),
        (["explain", "-n", "1", "--row", "0", "--column", "0"], "a.png"),
        *((["complete", "-n", "2", "--mask", kind], "a.png") for kind in sampling.MASKS),
    ],
)
def test_commands(run, tmp_path, words, name):
    app([words[0], str(run), *words[1:], "-o", str(tmp_path / name)], standalone_mode=False)
    assert (tmp_path / name).stat().st_size > 500


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["animate", "-o", "a.mp4"], r"a.mp4: name a file that ends in .gif or .html"),
        (["animate", "-o", "a.gif", "--seconds", "0"], "--seconds is 0"),
        (["animate", "-o", "a.gif", "-n", "0"], "-n is 0"),
        (["explain", "-o", "a.png", "--row", "8"], "--row is 8; it has to be from 0 to 7"),
        (["explain", "-o", "a.png", "-n", "0"], "-n is 0"),
        (["complete", "-o", "a.png", "--mask", "tp"], "--mask is 'tp' .did you mean 'top'"),
    ],
)
def test_bad_words(run, tmp_path, monkeypatch, words, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=message):
        app([words[0], str(run), *words[1:]], standalone_mode=False)
    assert not list(tmp_path.iterdir())


def test_influence_ignores_a_shift_of_all_logits(rng):
    """Colour, many levels: logits that x moves all together say nothing of the prediction."""
    model = small_model("pixelcnn", rng, (3, 4, 3), 17)
    K = model.params["head.logits.K"]
    K[...] = np.repeat(K.reshape(*K.shape[:3], 3, 17)[..., :1], 17, axis=-1).reshape(K.shape)
    x = draw(rng, model)
    assert influence(model, x, 2, 2).max() < 1e-12


def test_pixels_that_are_given_cost_nothing(rng):
    model = small_model("multi_scale", rng, (4, 4, 1), 2, base="row_lstm", exact=True)
    x = draw(rng, model)
    nats = pixel_nats(model, x)
    assert (nats[:, ::2, ::2] == 0).all()
    np.testing.assert_allclose(nats.sum(axis=(1, 2)), model.stage_nll(1, x)[0], rtol=1e-10)


def test_scales_side_by_side(rng, tmp_path):
    """The small image's pixels are the corners of the large one's 2×2 blocks."""
    model = small_model("multi_scale", rng, (4, 6, 1), 2, base="row_lstm")
    x = draw(rng, model)
    figures.save_scales(tmp_path / "s.png", model.pyramid(x), 2)
    with Image.open(tmp_path / "s.png") as picture:
        pixels = np.asarray(picture.convert("L"))
    small = pixels[:: pixels.shape[0] // 11, :: pixels.shape[1] // 22]
    np.testing.assert_array_equal(small[1:5:2, 1:7:2] > 200, x[0, ::2, ::2, 0] == 1)
    np.testing.assert_array_equal(small[6:10, 1:7] > 200, x[0, :, :, 0] == 1)


@pytest.mark.parametrize("command", ["sample", "complete", "animate", "explain"])
def test_all_that_draws_takes_quiet(call, trained, tmp_path, command):
    picture = tmp_path / ("a.gif" if command == "animate" else "a.png")
    code, _, said = call(command, trained, "-n", 2, "--quiet", "-o", picture)
    assert code == 0 and picture.exists(), said
    assert said.count("\n") == 1 and "%" not in said
