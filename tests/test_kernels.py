"""Every kernel equals its twin of plain loops, in both precisions, forward and backward.

The twins as they stand and compiled are run each time: three ways to the same numbers.
"""

import inspect

import numpy as np
import pytest

from pixelrnn_np import compiled, kernels, reference
from pixelrnn_np.kernels.residual import chunk

DTYPES = ["float32", "float64"]
TOLERANCE = {"float32": 1e-5, "float64": 1e-12}
BACKENDS = (kernels, compiled, reference)


def test_same_names_and_signatures():
    assert kernels.__all__ == compiled.__all__ == reference.__all__
    for name in kernels.__all__:
        wanted = inspect.signature(getattr(reference, name))
        for module in (kernels, compiled):
            fast = getattr(module, name)
            assert inspect.signature(getattr(fast, "py_func", fast)) == wanted, name


def all_three(name, inputs, outputs):
    """Runs kernel and twins into separate buffers full of NaN; returns the lists of buffers."""
    results = []
    for module in BACKENDS:
        buffers = [np.full(shape, np.nan, dtype) for shape, dtype in outputs]
        getattr(module, name)(*inputs, *buffers)
        results.append(buffers)
    return results


def assert_twins(name, inputs, outputs, tolerance):
    assert_equal(all_three(name, inputs, outputs), tolerance)


def assert_equal(results, tolerance):
    """What each of BACKENDS computed, lists; tolerance: of the largest number."""
    for *others, slow in zip(*results, strict=True):
        size = np.abs(slow).max(initial=0) or 1
        for found in others:
            assert np.isfinite(found).all()
            np.testing.assert_allclose(found, slow, rtol=0, atol=tolerance * size)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("shape", "taps"),
    [
        ((2, 4, 5, 3), [(0, 0)]),
        ((1, 1, 1, 2), [(-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 0)]),
        ((3, 5, 4, 2), [(-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 0)]),
        ((2, 3, 2, 1), [(r, c) for r in range(-3, 1) for c in range(-3, 4) if (r, c) < (0, 0)]),
        ((2, 3, 6, 2), [(0, -1), (0, 0)]),
        ((2, 470, 1, 2), [(-1, 0), (0, 0)]),
        ((1, 3, 460, 2), [(-1, 1), (0, 0)]),
        ((5, 11, 9, 2), [(0, 0)]),
        ((2, 5, 4, 9), [(-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 0)]),
        ((1, 2, 300, 70), [(-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 0)]),
    ],
    ids=str,
)
@pytest.mark.parametrize("need_dx", [True, False])
def test_conv(rng, dtype, shape, taps, need_dx):
    O = 3 if shape[3] < 70 else 50  # the last is too wide for the blocks of small products
    x = rng.standard_normal(shape).astype(dtype)
    W = rng.standard_normal((len(taps), shape[3], O)).astype(dtype)
    b = rng.standard_normal(O).astype(dtype)
    offsets = np.array(taps)
    dy = rng.standard_normal((*shape[:3], O)).astype(dtype)
    tolerance = TOLERANCE[dtype]
    assert_twins("conv_forward", (x, W, offsets, b), [(dy.shape, dtype)], tolerance)
    dx_shape = shape if need_dx else (0, *shape[1:])
    outputs = [(dx_shape, dtype), (W.shape, dtype), (b.shape, dtype)]
    assert_twins("conv_backward", (dy, x, W, offsets), outputs, tolerance)


# Pixels and h; the last has more numbers than a chunk, as some have in test_conv_block.
RESIDUAL_SHAPES = [((2, 3, 4), 3), ((1, 1, 1), 3), ((2, 30, 40), 20)]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("shape", "h"), RESIDUAL_SHAPES, ids=str)
@pytest.mark.parametrize(("residual", "skip"), [(True, True), (False, True), (True, False)])
def test_residual(rng, dtype, shape, h, residual, skip):
    F = 2 * h
    outputs = 2 * F if skip else F
    assert h < 20 or np.prod(shape) > chunk(h)

    def draw(*size):
        return rng.standard_normal(size).astype(dtype)

    a, x, K, b = draw(*shape, h), draw(*shape, F), draw(h, outputs), draw(outputs)
    before, results = draw(*shape, F)[: None if skip else 0], []
    for module in BACKENDS:
        y, skips = np.full_like(x, np.nan), before.copy()
        module.residual_forward(a, x[: None if residual else 0], K, b, y, skips)
        results.append((y, skips))
    assert_equal(results, TOLERANCE[dtype])
    dy, dskip = draw(*shape, F), draw(*shape, F)[: None if skip else 0]
    outputs = [(v.shape, dtype) for v in (a, dy[: None if residual else 0], K, b)]
    assert_twins("residual_backward", (dy, dskip, a, K), outputs, TOLERANCE[dtype])


TAPS = {3: [(-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 0)], 1: [(0, 0)]}
TAPS[5] = [(r, c) for r in (-2, -1, 0) for c in range(-2, 3) if (r, c) <= (0, 0)]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(2, 3, 4), (1, 1, 1), (2, 35, 28), (1, 3, 460)], ids=str)
@pytest.mark.parametrize(("size", "h"), [(1, 3), (3, 3), (5, 3), (3, 20)])
@pytest.mark.parametrize(
    ("residual", "skip", "given"),
    [(True, True, False), (False, True, True), (True, False, False)],
)
def test_conv_block(rng, dtype, shape, size, h, residual, skip, given):
    F, offsets = 2 * h, np.array(TAPS[size])
    assert (h, shape) != (20, (1, 3, 460)) or np.prod(shape) > chunk(h)
    outputs = 2 * F if skip else F

    def draw(*size):
        return rng.standard_normal(size).astype(dtype) / 2

    x, given = draw(*shape, F), draw(*shape, h)[: None if given else 0]
    K_down, K_conv, K_out = draw(F, h), draw(len(offsets), h, h), draw(h, outputs)
    b = [draw(h), draw(h), draw(outputs)]
    before, results = draw(*shape, F)[: None if skip else 0], []
    dy, dskip = draw(*shape, F), draw(*shape, F)[: None if skip else 0]
    for module in BACKENDS:
        down, a, y = (np.full((*shape, n), np.nan, dtype) for n in (h, h, F))
        skips = before.copy()
        module.conv_block_forward(
            x, K_down, b[0], K_conv, offsets, b[1], given, K_out, b[2], residual, down, a, y, skips
        )
        buffers = (x, a, K_down, b[0], K_conv, b[1], K_out, b[2])
        grads = [np.full(v.shape, np.nan, dtype) for v in buffers]
        module.conv_block_backward(
            dy, dskip, x, down, a, K_down, K_conv, offsets, K_out, residual, *grads
        )
        results.append((y, skips, down, a, *grads))
    assert_equal(results, TOLERANCE[dtype])


@pytest.mark.parametrize("dtype", DTYPES)
def test_relu(rng, dtype):
    x = rng.standard_normal((2, 3, 4, 5)).astype(dtype)
    x[0, 0, 0] = [0, -0.0, 1e-30, -1e-30, np.inf]
    y = np.maximum(x, 0)
    for a in all_three("relu_forward", (x,), [(x.shape, dtype)]):
        np.testing.assert_array_equal(a[0], y)
    dy = rng.standard_normal(x.shape).astype(dtype)
    for a in all_three("relu_backward", (dy, y), [(x.shape, dtype)]):
        np.testing.assert_array_equal(a[0], np.where(x > 0, dy, 0))


def test_relu_keeps_nan():
    for a in all_three("relu_forward", (np.array([np.nan, -1.0]),), [((2,), "float64")]):
        assert np.isnan(a[0][0])
        assert a[0][1] == 0


@pytest.mark.parametrize("dtype", DTYPES)
def test_bernoulli(rng, dtype):
    x = rng.integers(0, 2, (3, 4, 5, 2), np.uint8)
    z = (30 * rng.standard_normal(x.shape)).astype(dtype)
    z[0, 0, 0] = [1e4, -1e4]
    assert_twins("bernoulli_nll", (z, x), [((3,), "float64")], 1e-12)
    scale = np.dtype(dtype).type(0.25)
    assert_twins("bernoulli_backward", (z, x, scale), [(z.shape, dtype)], TOLERANCE[dtype])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("levels", [2, 3, 17, 256])
def test_softmax(rng, dtype, levels):
    x = rng.integers(0, levels, (2, 3, 2, 3)).astype(np.uint8)
    z = (20 * rng.standard_normal((*x.shape, levels))).astype(dtype)
    z[0, 0, 0, 0] = np.linspace(-1e4, 1e4, levels)
    assert_twins("softmax_nll", (z, x), [((2,), "float64")], TOLERANCE[dtype])
    scale = np.dtype(dtype).type(0.25)
    assert_twins("softmax_backward", (z, x, scale), [(z.shape, dtype)], TOLERANCE[dtype])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("left", [0, 1, 2])
@pytest.mark.parametrize(("residual", "skip"), [(True, True), (False, True), (True, False)])
def test_conv_block_step(rng, dtype, left, residual, skip):
    M, h, W, column = 5, 3, 4, 2

    def draw(*size):
        return rng.standard_normal(size).astype(dtype)

    x, before, row = draw(M, 2 * h), draw(M, 2 * h)[: None if skip else 0], draw(left + W, M, h)
    outputs, results = 4 * h if skip else 2 * h, []
    weights = draw(2 * h, h), draw(h)
    more = draw(left + 1, h, h), draw(1, h), draw(h, outputs), draw(outputs), residual
    for module in BACKENDS:
        y, r, skips = np.full((M, 2 * h), np.nan, dtype), row.copy(), before.copy()
        module.conv_block_step(x, *weights, r, column, *more, y, skips)
        results.append((r, y, skips))
    assert_equal(results, TOLERANCE[dtype])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("L", [1, 2, 3])
@pytest.mark.parametrize(("residual", "skip"), [(True, True), (False, True), (True, False)])
def test_conv_blocks_step(rng, dtype, L, residual, skip):
    M, h, W, left, column = 5, 3, 4, 1, 2

    def draw(*size):
        return rng.standard_normal(size).astype(dtype)

    x, before, rows = draw(M, 2 * h), draw(M, 2 * h)[: None if skip else 0], draw(L, left + W, M, h)
    outputs, results = 4 * h if skip else 2 * h, []
    weights = draw(L, 2 * h, h), draw(L, h)
    more = draw(L, left + 1, h, h), draw(L, W, M, h), draw(L, h, outputs), draw(L, outputs)
    for module in BACKENDS:
        y, r, skips, given = (
            np.full((M, 2 * h), np.nan, dtype),
            rows.copy(),
            before.copy(),
            x.copy(),
        )
        module.conv_blocks_step(given, *weights, r, column, *more, residual, y, skips)
        np.testing.assert_array_equal(given, x)
        results.append((r, y, skips))
    assert_equal(results, TOLERANCE[dtype])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("taps", [1, 3])
@pytest.mark.parametrize("two", [True, False])
@pytest.mark.parametrize(("residual", "skip"), [(True, True), (False, True), (True, False)])
def test_lstm_block_step(rng, dtype, taps, two, residual, skip):
    """two: a state beside, and a second direction's output, as in the Diagonal BiLSTM."""
    M, h, W, place = 5, 3, 4, 2

    def draw(*size):
        return rng.standard_normal(size).astype(dtype)

    x, row, N = draw(M, 2 * h), draw(W, M, 2 * h), 4 * h if skip else 2 * h
    given = draw(taps * 2 * h, 4 * h), draw(M, 4 * h)
    given += draw(M, h)[: M if two else 0], draw(h, 4 * h)[: h if two else 0], draw(M, h)
    behind = draw(M, h)[: M if two else 0], draw(h, N), draw(N), residual
    before, results = draw(M, 2 * h)[: None if skip else 0], []
    for module in (kernels, reference):
        c, state, y, r = (np.full(s, np.nan, dtype) for s in ((M, h), (M, h), x.shape, row.shape))
        r[...], skips = row, before.copy()
        module.lstm_block_step(x.copy(), r, place, *given, c, state, *behind, y, skips)
        results.append((r, c, state, y, skips))
    for fast, slow in zip(*results, strict=True):
        size = np.abs(slow).max(initial=0) or 1
        np.testing.assert_allclose(fast, slow, rtol=0, atol=TOLERANCE[dtype] * size)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("M", "outputs"), [(1, 1), (5, 1), (64, 7), (3, 768)])
def test_head_step(rng, dtype, M, outputs):
    F, N = 6, 19
    arrays = (M, F), (F, N), (N,), (N, N), (N,), (N, outputs), (outputs,)
    inputs = [rng.standard_normal(shape).astype(dtype) for shape in arrays]
    assert_twins("head_step", inputs, [((M, outputs), dtype)], TOLERANCE[dtype])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("R", "V"), [(1, 3), (3, 7), (2, 5)])
def test_conv_above(rng, dtype, R, V):
    W, B, I, O = 4, 3, 2, 5
    arrays = ((R, W + V - 1, B, I), (R, V, I, O), (O,))
    inputs = [rng.standard_normal(shape).astype(dtype) for shape in arrays]
    assert_twins("conv_above", inputs, [((W, B, O), dtype)], TOLERANCE[dtype])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 3, 3), (2, 7, 4), (3, 33, 1), (2, 40, 65)])
def test_soap_turn(rng, dtype, shape):
    """In place, as below. Eigenvalues lie apart: else chance orders the new directions."""
    n, rows, cols = shape
    places = rng.permutation(n * rows * cols + 5)[:-5].reshape(shape)
    v, given = rng.random(places.size + 5).astype(dtype), []
    for k in (rows, cols):
        true = np.linalg.qr(rng.standard_normal((n, k, k)))[0]
        near = np.linalg.qr(true + 0.02 * rng.standard_normal((n, k, k)) / k)[0]
        order = rng.permuted(np.tile(np.arange(k), (n, 1)), axis=1)
        S = true * 0.9 ** np.arange(k) @ true.transpose(0, 2, 1)
        given.append((S.astype(dtype), np.take_along_axis(near, order[:, None], 2).astype(dtype)))
    (L, Q_L), (R, Q_R) = given
    results = []
    for module in BACKENDS:
        bases = [a.copy() for a in (Q_L, Q_R, v)]
        module.soap_turn(places, L, R, *bases)
        results.append(bases)
    assert_equal(results, 50 * TOLERANCE[dtype])
    assert (results[0][2] != v).any() or places[0].size == 1


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(1, 3, 3), (2, 7, 4), (3, 33, 1), (1, 5, 18), (2, 40, 65)])
def test_soap(rng, dtype, shape):
    """In place: each backend gets copies."""
    n, rows, cols = shape
    places = rng.permutation(n * rows * cols + 5)[:-5].reshape(shape)
    w, g, m, v = rng.standard_normal((4, places.size + 5)).astype(dtype)
    square = [rng.standard_normal((n, k, k)).astype(dtype) for k in (rows, cols)]
    rates = np.array([0.1, 0.2, 0.3, 1.5, 1e-8, 0.7], dtype)
    results = []
    for module in BACKENDS:
        L, R, *flat = (a.copy() for a in (*square, w, g, m, v**2))
        module.soap_follow(places, g, L, R, rates)
        module.soap_step(places, *flat, *square, rates)
        results.append([L, R, *flat])
    assert_equal(results, 50 * TOLERANCE[dtype])  # a sum is divided by one that is small
