"""§2.1: the compiled row against the layers' `step`, and that an image does not see the others."""

import threading

import numpy as np
import pytest
from test_step import SHAPES

import pixelrnn_np as pr
from pixelrnn_np import kernels
from pixelrnn_np.kernels.vector_math import exp_below_0
from pixelrnn_np.layers.residual import ConvBlock
from pixelrnn_np.models import BASES
from pixelrnn_np.models.pixelcnn import PixelCNN
from pixelrnn_np.models.walk import Rows, Steps, walker

# Sizes below, at and above those of tiles and vectors; 256 levels; one row, column or pixel.
LARGER = [((3, 4, 1), 17), ((2, 3, 3), 256), ((1, 5, 1), 2)]
TOLERANCE = {"float32": 1e-5, "float64": 1e-12}


def model_of(name, shape, levels, rng, h=5, **options):
    model = pr.build_model(name, shape, levels, h=h, head=7, **{"layers": 2, **options})
    model.flat += (0.3 * rng.standard_normal(model.flat.size)).astype(model.dtype)
    return model


def images_of(shape, levels, rng, n):
    return rng.integers(0, levels, (n, *shape)).astype(np.uint8)


def assert_same_walk(network, x, rng, small=None, fixed=None, temperature=1.0):
    """Logits of given values, in two calls for a row, and then values drawn where not known."""
    n, H, W, C = x.shape
    fast, slow = walker(network)(x, small), Steps(network, x, small)
    assert isinstance(fast, Rows)
    for r in range(H):
        cut = int(rng.integers(W * C + 1))
        found = [fast.logits(r, a, b) for a, b in ((0, cut), (cut, W * C)) if a < b]
        wanted = slow.logits(r, 0, W * C)
        size = max(1, np.abs(wanted).max())
        tolerance = TOLERANCE[network.dtype.name] * size
        np.testing.assert_allclose(np.concatenate(found), wanted, rtol=0, atol=tolerance)
    images, known = (x.copy(), x.copy()), rng.random(x.shape) < 0.3
    fast, slow = walker(network)(images[0], small), Steps(network, images[1], small)
    for r in range(H):
        u = rng.random((n, W, C))
        nats = [walk.draw(r, u, known, temperature, fixed).copy() for walk in (fast, slow)]
        np.testing.assert_array_equal(images[0][:, r], images[1][:, r])
        np.testing.assert_allclose(*nats, rtol=0, atol=20 * TOLERANCE[network.dtype.name] * W * C)
    np.testing.assert_array_equal(images[0][known], x[known])


@pytest.mark.parametrize("name", BASES)
@pytest.mark.parametrize(("shape", "levels"), SHAPES + LARGER)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_rows_are_steps(rng, name, shape, levels, dtype):
    model = model_of(name, shape, levels, rng, dtype=dtype)
    assert_same_walk(model, images_of(shape, levels, rng, 9), rng)


@pytest.mark.parametrize("name", BASES)
@pytest.mark.parametrize("temperature", [0.3, 4.0])
@pytest.mark.parametrize("levels", [2, 17])
def test_temperatures(rng, name, temperature, levels):
    model = model_of(name, (3, 4, 1), levels, rng, h=16, dtype="float64")
    assert_same_walk(model, images_of((3, 4, 1), levels, rng, 8), rng, temperature=temperature)


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize(("shape", "levels"), [((5, 6, 1), 2), ((4, 5, 3), 5)])
@pytest.mark.parametrize("exact", [True, False])
def test_given_features_and_fixed_values(rng, base, shape, levels, exact):
    model = model_of("multi_scale", shape, levels, rng, base=base, exact=exact, dtype="float64")
    x = images_of(shape, levels, rng, 8)
    assert_same_walk(model.networks[1], x, rng, small=x[:, ::2, ::2].copy(), fixed=model.fixed(1))


@pytest.mark.parametrize("name", BASES)
@pytest.mark.parametrize(
    "options", [{"residual": False}, {"skip": False}, {"residual": False, "skip": False},
                {"layers": 0}, {"layers": 1}],
)  # fmt: skip
def test_connections_and_depths(rng, name, options):
    model = model_of(name, (3, 4, 1), 2, rng, dtype="float64", **options)
    assert_same_walk(model, images_of((3, 4, 1), 2, rng, 8), rng)


@pytest.mark.parametrize("size", [1, 3, 5])
@pytest.mark.parametrize("given", [None, 2])
def test_kernels_of_other_sizes(rng, size, given):
    """size 1 has no map from above, to which given features could be added."""

    class Sized(PixelCNN):
        def block(self, groups_h, groups_2h, rng, **options):
            return ConvBlock(groups_h, groups_2h, rng, size=size, **options)

    config = {"image_shape": (4, 4, 1), "levels": 2, "h": 4, "layers": 2, "head": 4, "seed": 0}
    model = Sized(residual=True, skip=True, given=given, dtype="float64", **config)
    model.flat += 0.3 * rng.standard_normal(model.flat.size)
    x = images_of((4, 4, 1), 2, rng, 8)
    assert_same_walk(model, x, rng, small=None if given is None else x[:, ::2, ::2].copy())


@pytest.mark.parametrize("name", BASES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("h", [5, 16])
def test_an_image_is_the_same_beside_any_others(rng, name, dtype, h):
    """Bit for bit, logits too: the sampler and the coder share out images as they like."""
    model = model_of(name, (4, 5, 1), 2, rng, h=h, dtype=dtype)
    x = images_of((4, 5, 1), 2, rng, 40)
    walk = walker(model)

    def logits(part):
        begun = walk(x[part].copy(), None)
        return np.stack([begun.logits(r, 0, 5) for r in range(4)], axis=2).tobytes(), begun

    whole = np.frombuffer(logits(slice(40))[0], dtype).reshape(5, 40, 4)
    for part in (slice(1), slice(3, 10), slice(20, 28), slice(7, 40)):
        assert logits(part)[0] == whole[:, part].tobytes()


@pytest.mark.parametrize("name", ["multi_scale", *BASES])
@pytest.mark.parametrize("part", [1, 5, 64])
def test_any_parts_and_threads_give_the_same_bits(rng, monkeypatch, name, part):
    model = model_of(name, (4, 5, 1), 2, rng, h=8)
    monkeypatch.setattr("pixelrnn_np.sampling.CHUNK", 48)
    wanted = pr.sample(model, 60, seed=3, threads=1, return_nll=True)
    monkeypatch.setattr("pixelrnn_np.sampling.PART", part)
    for threads in (1, 2, 3):
        for a, b in zip(pr.sample(model, 60, seed=3, threads=threads, return_nll=True), wanted,
                        strict=True):  # fmt: skip
            assert a.tobytes() == b.tobytes()
    seen = []
    x = pr.sample(model, 60, seed=3, on_row=lambda images, r: seen.append(images))
    assert x.tobytes() == wanted[0].tobytes() and (seen[-1] == x[:48]).all()


def test_other_generators_and_where_they_go_on(rng):
    model = model_of("pixelcnn", (3, 4, 1), 2, rng)
    for bits in (np.random.MT19937, np.random.SFC64):
        first, second = (np.random.Generator(bits(1)) for _ in range(2))
        assert (pr.sample(model, 40, first, threads=2) == pr.sample(model, 40, second)).all()
        assert first.random() == second.random()


@pytest.mark.parametrize("levels", [2, 5])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_logits_that_are_not_finite(rng, levels, bad):
    """Weights that are finite, and too large for their dtype."""
    model = model_of("pixelcnn", (3, 4, 1), levels, rng)
    x = images_of((3, 4, 1), levels, rng, 3)
    walk = walker(model)(x, None)
    walk.program.weights[walk.program.table[-1, kernels.program.BIAS]] = bad
    with pytest.raises(ValueError, match="logits are not finite"):
        walk.draw(0, rng.random((3, 4, 1)), np.zeros(x.shape, bool), 1.0, None)


def test_exp_below_0():
    x = np.concatenate([-np.geomspace(1e-300, 708, 20_000), -np.linspace(0, 50, 20_000), [0.0]])
    found = np.array([exp_below_0(v) for v in x])
    np.testing.assert_allclose(found, np.exp(x), rtol=5e-16)
    assert exp_below_0(0.0) == 1 and exp_below_0(-np.inf) == 0 and exp_below_0(-709.0) == 0
    assert np.isnan(exp_below_0(np.nan))


@pytest.mark.parametrize("threads", [1, 3])
def test_rows_are_reported_in_the_callers_thread(rng, threads):
    """The figures that they go into may be a window's."""
    model, seen = model_of("pixelcnn", (3, 4, 1), 2, rng), []
    pr.sample(model, 300, threads=threads, on_row=lambda *_: seen.append(threading.get_ident()))
    assert seen == [threading.get_ident()] * 3
