"""§2.1: what is drawn has the model's own law, the same with any number of threads."""

import math

import numpy as np
import pytest
from scipy import stats

import pixelrnn_np as pr
from pixelrnn_np.inspection.checks import all_images, small_model
from pixelrnn_np.likelihood import probabilities
from pixelrnn_np.sampling import draw

SHAPE, LEVELS = (4, 3, 1), 5
DRAWS = 20_000
SHAPES = [((1, 3, 1), 2), ((2, 2, 1), 2), ((1, 2, 1), 5), ((1, 1, 3), 3), ((2, 1, 3), 2)]


@pytest.fixture
def model(rng):
    return small_model("pixelcnn", rng, SHAPE, LEVELS)


def images(n, seed=1):
    return np.random.default_rng(seed).integers(0, LEVELS, (n, *SHAPE), np.uint8)


def assert_drawn_from(x, every, p):
    """Chi-square of the images x against the probabilities p of all images `every`."""
    flat, listed = x.reshape(len(x), -1), every.reshape(len(every), -1)
    counts = np.array([(flat == image).all(axis=1).sum() for image in listed])
    assert counts.sum() == len(x)
    order = np.argsort(-p)
    counts, expected = counts[order], len(x) * p[order]
    # The last bin takes all rare images: fewer than ten expected are too few for the limit.
    bins = np.arange((expected >= 10).sum())
    assert len(bins) >= 3, "too few bins to tell anything"
    observed, expected = np.add.reduceat(counts, bins), np.add.reduceat(expected, bins)
    statistic = ((observed - expected) ** 2 / expected).sum()
    assert stats.chi2.sf(statistic, len(bins) - 1) > 0.01


@pytest.mark.parametrize(("shape", "levels"), SHAPES)
def test_samples_have_the_law_of_the_model(rng, shape, levels):
    model = small_model("pixelcnn", rng, shape, levels)
    every = all_images(shape, levels)
    p = np.exp(-model.nll(every))
    assert p.sum() == pytest.approx(1, abs=1e-9)
    assert_drawn_from(pr.sample(model, DRAWS, seed=7), every, p)
    with pytest.raises(AssertionError):
        assert_drawn_from(pr.sample(model, DRAWS, seed=7), every, np.roll(p, 1))


@pytest.mark.parametrize("temperature", [0.5, 2.0])
def test_temperature_sharpens_every_conditional(rng, temperature):
    shape, levels = (1, 3, 1), 3
    model = small_model("pixelcnn", rng, shape, levels)
    every = all_images(shape, levels)
    z = model.logits(every) / temperature
    chosen = np.take_along_axis(probabilities(z, levels), every[..., None], -1)
    p = chosen.reshape(len(every), -1).prod(axis=1)
    assert p.sum() == pytest.approx(1, abs=1e-9)
    x = pr.sample(model, DRAWS, seed=3, temperature=temperature)
    assert_drawn_from(x, every, p)


def test_completions_have_the_conditional_law(rng):
    shape = (2, 2, 1)
    model = small_model("pixelcnn", rng, shape, 2)
    every = all_images(shape, 2)
    p = np.exp(-model.nll(every))
    start = np.array([1, 0], np.uint8)
    given = (every.reshape(-1, 4)[:, :2] == start).all(axis=1)
    known = np.array([[[True], [True]], [[False], [False]]])
    x = np.zeros((DRAWS, *shape), np.uint8)
    x[:, 0, :, 0] = start
    drawn = pr.complete(model, x, known, seed=2)
    assert_drawn_from(drawn, every[given], p[given] / p[given].sum())


# draw


def test_draw_inverts_the_distribution_function():
    p = np.array([[0.25, 0.5, 0.25]])
    below = np.nextafter
    u = np.array([0, below(0.25, 0), 0.25, below(0.75, 0), 0.75, below(1, 0)])
    drawn = draw(p.repeat(len(u), axis=0), u)
    assert drawn.dtype == np.uint8 and drawn.tolist() == [0, 0, 1, 1, 2, 2]


@pytest.mark.parametrize("p", [[0, 1], [1, 0], [0, 0, 1, 0, 0], [0, 0.5, 0, 0.5, 0],
                               [0.1] * 10 + [0], [0.7, 0.2, 0.1, 0], [1 / 3] * 3 + [0],
                               [0] + [1 / 255] * 255])  # fmt: skip
def test_what_is_impossible_is_never_drawn(p):
    u = np.array([0, 5e-324, 1e-300, 0.1, 0.5, 0.9, np.nextafter(1, 0)])
    p = np.array(p, float)
    values = draw(p[None].repeat(len(u), axis=0), u)
    assert (p[values] > 0).all()
    assert values[0] == np.flatnonzero(p)[0] and values[-1] == np.flatnonzero(p)[-1]


def test_draw_against_exact_probabilities(rng):
    p = rng.dirichlet(np.ones(7))
    u = (np.arange(10**5) + 0.5) / 10**5
    counts = np.bincount(draw(p[None].repeat(len(u), axis=0), u), minlength=7)
    assert np.abs(counts / len(u) - p).max() <= 1e-5


# sample


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_seeds_and_threads(dtype):
    model = pr.build_model("pixelcnn", SHAPE, LEVELS, h=4, layers=1, head=4, dtype=dtype)
    first = pr.sample(model, 70, seed=1, threads=1)
    assert first.shape == (70, *SHAPE) and first.dtype == np.uint8 and first.max() == LEVELS - 1
    for threads in (1, 2, 4, None):
        again = pr.sample(model, 70, seed=1, threads=threads)
        assert again.tobytes() == first.tobytes()
    assert (pr.sample(model, 70, seed=2) != first).any()
    assert pr.sample(model, 70, np.random.default_rng(1)).tobytes() == first.tobytes()
    assert (pr.sample(model, 70, None) != pr.sample(model, 70, None)).any()
    generator = np.random.default_rng(1)
    pr.sample(model, 70, generator)
    assert (pr.sample(model, 70, generator) != first).any(), "a generator goes on"
    assert pr.sample(model, 70).tobytes() == pr.sample(model, 70, seed=0).tobytes()


@pytest.mark.parametrize("twin", ["compiled", "reference"])
def test_all_backends_draw_the_same(model, twin):
    with pr.use_backend(twin):
        slow = pr.sample(model, 3, seed=1)
    assert slow.tobytes() == pr.sample(model, 3, seed=1).tobytes()


def test_nll_of_samples(model):
    x, nats = pr.sample(model, 9, seed=1, return_nll=True)
    np.testing.assert_allclose(nats, model.nll(x), rtol=1e-12)
    assert nats.shape == (9,)
    assert x.tobytes() == pr.sample(model, 9, seed=1).tobytes()


@pytest.mark.parametrize(("shape", "levels"), [(SHAPE, 2), (SHAPE, LEVELS), ((2, 2, 3), 2)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("temperature", [1e-6, 1e-40, 1e-320])
def test_the_coldest_sample_is_the_mode(shape, levels, dtype, temperature):
    model = pr.build_model("pixelcnn", shape, levels, h=4, layers=1, head=4, seed=3, dtype=dtype)
    model.flat += np.random.default_rng(0).normal(0, 0.3, model.flat.size).astype(dtype)
    mode = np.zeros((1, *shape), np.uint8)
    for r, c, k in np.ndindex(shape):
        p = probabilities(model.logits(mode), levels)[0, r, c, k]
        mode[0, r, c, k] = p.argmax()
    x = pr.sample(model, 5, seed=1, temperature=temperature)
    np.testing.assert_array_equal(x, mode.repeat(5, axis=0))


@pytest.mark.parametrize("temperature", [1e12, 1e300, 1.7e308])
def test_the_hottest_sample_is_uniform(model, temperature):
    x = pr.sample(model, 6, seed=1, temperature=temperature)
    rng = np.random.default_rng(1)
    u = np.stack([rng.random((6, *SHAPE[1:])) for _ in range(SHAPE[0])], axis=1)
    np.testing.assert_array_equal(x, (u * LEVELS).astype(np.uint8))


def test_temperatures_of_other_types(model):
    x = pr.sample(model, 4, seed=1, temperature=2)
    for t in (2.0, np.float32(2), np.int64(2)):
        assert pr.sample(model, 4, seed=1, temperature=t).tobytes() == x.tobytes()


def test_progress(model, capsys):
    pr.sample(model, 2)
    assert capsys.readouterr().err == ""
    pr.sample(model, 2, progress=True)
    assert f"{SHAPE[0]}/{SHAPE[0]}" in capsys.readouterr().err


# complete


def test_known_pixels_are_kept(model, rng):
    x, known = images(40), rng.random((40, *SHAPE)) < 0.5
    before = x.copy()
    y = pr.complete(model, x, known, seed=1)
    assert y.dtype == np.uint8 and y.shape == x.shape and not np.shares_memory(x, y)
    np.testing.assert_array_equal(y[known], x[known])
    assert (y[~known] != x[~known]).any() and y.max() < LEVELS
    assert x.tobytes() == before.tobytes()
    for threads in (1, 2, 4):
        again = pr.complete(model, x, known, seed=1, threads=threads)
        assert again.tobytes() == y.tobytes()


def test_all_or_nothing_known(model):
    x = images(7)
    everything = pr.complete(model, x, np.True_)
    assert everything.tobytes() == x.tobytes() and not np.shares_memory(everything, x)
    nothing = pr.complete(model, x, np.False_, seed=4)
    assert nothing.tobytes() == pr.sample(model, 7, seed=4).tobytes()


def test_masks_are_broadcast(model, rng):
    x, rows = images(6), np.zeros((4, 1, 1), bool)
    rows[:2] = True
    whole = np.broadcast_to(rows, x.shape)
    wanted = pr.complete(model, x, whole, seed=1)
    for mask in (rows, rows[None], whole[0], whole[:1], rows.tolist()):
        assert pr.complete(model, x, mask, seed=1).tobytes() == wanted.tobytes()


def test_unknown_pixels_do_not_matter(model):
    x = images(5)
    known = np.zeros((1, *SHAPE), bool)
    known[:, :2] = True
    wanted = pr.complete(model, x, known, seed=1)
    x[:, 2:] = 255  # no level of the model
    assert pr.complete(model, x, known, seed=1).tobytes() == wanted.tobytes()


def test_a_later_known_pixel_leaves_the_earlier_ones(model):
    x, known = images(5), np.zeros((1, *SHAPE), bool)
    known[:, -1, -1] = True
    y = pr.complete(model, x, known, seed=4).reshape(5, -1)
    free = pr.sample(model, 5, seed=4).reshape(5, -1)
    np.testing.assert_array_equal(y[:, :-1], free[:, :-1])
    np.testing.assert_array_equal(y[:, -1], x.reshape(5, -1)[:, -1])


# Errors


@pytest.mark.parametrize("temperature", [0, -1, 0.0, math.nan, math.inf, "1", None, 1j, [1.0]])
def test_bad_temperatures(model, temperature):
    with pytest.raises(ValueError, match=r"temperature is .*; it has to be "):
        pr.sample(model, 1, temperature=temperature)
    with pytest.raises(ValueError, match="temperature"):
        pr.complete(model, images(1), np.True_, temperature=temperature)


@pytest.mark.parametrize("n", [0, -1, 1.0, "3", None, True])
def test_bad_n(model, n):
    with pytest.raises(ValueError, match="n is"):
        pr.sample(model, n)


@pytest.mark.parametrize("seed", [-1, 1.5, "abc", [1, 2], True])
def test_bad_seeds(model, seed):
    with pytest.raises(ValueError, match="seed is"):
        pr.sample(model, 1, seed)
    with pytest.raises(ValueError, match="seed is"):
        pr.complete(model, images(1), np.False_, seed)


@pytest.mark.parametrize("threads", [0, -2, 1.5])
def test_bad_threads(model, threads):
    with pytest.raises(ValueError, match="threads is"):
        pr.sample(model, 1, threads=threads)


@pytest.mark.parametrize(
    "known",
    [
        np.ones((2, *SHAPE)),
        np.ones((2, *SHAPE), np.uint8),
        None,
        "all",
        np.ones((3, *SHAPE), bool),
        np.ones((4, 3), bool),
        np.ones((1, 2, *SHAPE), bool),
        np.ones((0, *SHAPE), bool),
    ],
)
def test_bad_masks(model, known):
    with pytest.raises(ValueError, match="known has"):
        pr.complete(model, images(2), known)


@pytest.mark.parametrize(
    "x",
    [
        images(2)[:0],
        images(2)[0],
        images(2)[:, :, :2],
        images(2).astype(np.int64),
        images(2).astype(float),
        images(2) + np.uint8(LEVELS),
        images(2).tolist(),
        [[1], [1, 2]],
        None,
        "image",
    ],
)
def test_bad_images(model, x):
    with pytest.raises(ValueError) as e:
        pr.complete(model, x, np.True_)
    assert "\n" not in str(e.value)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_damaged_weights_draw_nothing(model, value):
    model.flat[...] = value
    with pytest.raises(ValueError, match="weights are not finite"):
        pr.sample(model, 2)
