"""§3.1, §3.2: the recurrences against their twins, the skew, and what each network can see."""

import numpy as np
import pytest

import pixelrnn_np as pr
from pixelrnn_np import compiled, kernels, reference
from pixelrnn_np.backend import BACKENDS
from pixelrnn_np.inspection.checks import dependence, small_model
from pixelrnn_np.inspection.gradcheck import check_layer, randomise, redraw
from pixelrnn_np.layers.diagonal_bilstm import DiagonalBiLSTM, skew, unskew
from pixelrnn_np.layers.masks import feature_groups
from pixelrnn_np.layers.residual import LSTMBlock
from pixelrnn_np.layers.row_lstm import RowLSTM

SHAPES = [(2, 3, 5), (3, 5, 2), (1, 1, 4), (1, 4, 1), (2, 4, 4), (1, 1, 1)]
I, F = 6, 3


def run(module, case, x, K_is, K_ss, b, h0, c0, dy, before):
    """y and every gradient of one twin; what is added to starts at `before`, the rest at NaN."""

    def empty(*shape):
        return np.full(shape, np.nan, x.dtype)

    (B, H, W), grads = x.shape[:3], [empty(*a.shape) for a in (K_is, K_ss, b, h0, c0)]
    gates, dx = empty(B, H, W, 4 * F), before[..., :I].copy()
    if case.startswith("row"):
        taps, c, y = np.arange(1 - len(K_is), 1), empty(B, H, W, F), empty(B, H, W, F)
        module.row_lstm_forward(x, K_is, taps, K_ss, b, h0, c0, gates, c, y)
        args = (dy, x, y, K_is, taps, K_ss, h0, c0, gates, c, dx, *grads)
        module.row_lstm_backward(*args)
    else:
        shifted, how = "shifted" in case, ("right to left" in case, "shifted" in case)
        y = before[..., I:].copy() if shifted else empty(B, H, W, F)
        c, h = empty(B, H + 2, W + 2, F), empty(B, H + 2, W + 2, F)
        module.diagonal_lstm_forward(x, K_is, K_ss, b, h0, c0, *how, gates, c, h, y)
        args = (dy, x, K_is, K_ss, *how, gates, c, h, dx, *grads)
        module.diagonal_lstm_backward(*args)
    return [y, dx, *grads]


CASES = ["row, k = 3", "row, k = 5", "left to right", "right to left", "right to left, shifted"]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [*SHAPES, (9, 28, 5), (3, 3, 60)])
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("twin", [compiled, reference], ids=["compiled", "reference"])
def test_kernels_equal_twins(rng, case, shape, dtype, twin):
    """The larger shapes are more than one block of rows in the gradients of the kernels."""

    def draw(*size):
        return rng.standard_normal(size).astype(dtype) / 2

    x, dy, before = draw(*shape, I), draw(*shape, F), draw(*shape, I + F)
    k = int(case[-1]) if case.startswith("row") else 0
    K_is, K_ss = (
        (draw(k // 2 + 1, I, 4 * F), draw(k, F, 4 * F))
        if k
        else (draw(I, 4 * F), draw(2, F, 4 * F))
    )
    args = (x, K_is, K_ss, draw(4 * F), draw(F), draw(F), dy, before)
    tolerance = 1e-12 if dtype == "float64" else 1e-5
    for a, s in zip(run(kernels, case, *args), run(twin, case, *args), strict=True):
        np.testing.assert_allclose(a, s, rtol=0, atol=tolerance * np.abs(s).max())


def make(name, rng, channels=1, k=3):
    groups = feature_groups(I, channels)
    if name == "row":
        return RowLSTM(groups, F, channels, rng, k=k, dtype="float64")
    return DiagonalBiLSTM(groups, F, channels, rng, dtype="float64")


@pytest.mark.parametrize("name", ["row", "diagonal"])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [(1, 3, 5), (3, 4, 2)])
@pytest.mark.parametrize("backend", BACKENDS)
def test_finite_differences(rng, name, channels, size, backend):
    """Every entry of every parameter, initial states included, and of the input."""

    def check(rng):
        layer = make(name, rng, channels)
        randomise(layer, rng)
        entries = None if backend == "kernels" else 4
        return check_layer(layer, rng.standard_normal((*size, I)), rng, entries=entries)

    with pr.use_backend(backend):
        errors = redraw(check, rng)
    assert max(errors.values()) < 1e-6, errors
    assert {k.split(".")[-1] for k in errors} == {"x", "K_is", "K_ss", "b", "h0", "c0"}


@pytest.mark.parametrize("name", ["row", "diagonal"])
@pytest.mark.parametrize(("residual", "skip"), [(True, True), (True, False), (False, True)])
def test_block(rng, name, residual, skip):
    layer = LSTMBlock(
        make(name, rng), np.zeros(F, int), np.zeros(I, int), rng, dtype="float64",
        residual=residual, skip=skip,
    )  # fmt: skip
    randomise(layer, rng)
    errors = check_layer(layer, (rng.standard_normal((2, 3, 4, I)), None), rng, entries=30)
    assert max(errors.values()) < 1e-6, errors


@pytest.mark.parametrize("backend", BACKENDS)
def test_skew_of_the_paper(backend):
    x = np.array(list("abcdefghi")).view(np.int32).reshape(1, 3, 3, 1).astype(float)
    with pr.use_backend(backend):
        for reverse, expected in ((False, "abdcegfhi"), (True, "cbfaeidhg")):
            y = skew(x, reverse)
            assert "".join(chr(int(v)) for v in y.ravel()) == expected
            np.testing.assert_array_equal(unskew(y, 3, 3, reverse), x)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("size", [(3, 5), (5, 2), (1, 4)])
def test_skew_and_unskew_are_adjoint(rng, reverse, size):
    H, W = size
    x, y = rng.standard_normal((2, H, W, 3)), rng.standard_normal((H * W, 2, 3))
    assert np.vdot(skew(x, reverse), y) == pytest.approx(np.vdot(x, unskew(y, H, W, reverse)))


def test_sum_and_shift_of_the_paper(rng):
    """output = L + R moved down by one row: e gets l5 + r2."""
    layer = make("diagonal", rng)
    x = rng.standard_normal((1, 3, 3, I))
    y, _ = layer.forward(x)
    left, right = layer.l2r.forward(x)[0], layer.r2l.forward(x)[0]
    np.testing.assert_array_equal(y[0, 0], left[0, 0])
    np.testing.assert_array_equal(y[0, 1:], left[0, 1:] + right[0, :-1])


def test_adjoint_of_sum_and_shift(rng):
    """dL = dy, dR_r = dy_(r+1), 0 for the last row; both directions' dx are added."""
    layer = make("diagonal", rng)
    x, dy = rng.standard_normal((2, 3, 4, I)), rng.standard_normal((2, 3, 4, F))
    up = np.zeros_like(dy)
    up[:, :-1] = dy[:, 1:]
    dx, grads = layer.backward(dy, layer.forward(x)[1])
    left, left_grads = layer.l2r.backward(dy, layer.l2r.forward(x)[1])
    right, right_grads = layer.r2l.backward(up, layer.r2l.forward(x)[1])
    np.testing.assert_allclose(dx, left + right, rtol=1e-12, atol=1e-14)
    for name in left_grads:
        np.testing.assert_array_equal(grads[f"l2r.{name}"], left_grads[name])
        np.testing.assert_allclose(grads[f"r2l.{name}"], right_grads[name], rtol=1e-12)


def test_right_to_left_is_the_mirror_image(rng):
    layer = make("diagonal", rng)
    for name, array in layer.r2l.params.items():
        array[...] = layer.l2r.params[name]
    x = rng.standard_normal((2, 4, 5, I))
    np.testing.assert_allclose(
        layer.r2l.forward(x)[0], layer.l2r.forward(x[:, :, ::-1].copy())[0][:, :, ::-1], rtol=1e-13
    )


@pytest.mark.parametrize("name", ["row", "diagonal"])
def test_gates(rng, name):
    """Order o, f, i, g; the content gate has tanh: it alone can be negative."""
    layer = make(name, rng)
    lstm = layer if name == "row" else layer.l2r
    for key, array in layer.params.items():
        array[...] = 0
        if key.split(".")[-1] == "b":
            array[:] = np.repeat([20, -20, 20, -20], F)
    h, _ = lstm.forward(np.zeros((1, 2, 3, I)))
    np.testing.assert_allclose(h, np.tanh(-1), rtol=1e-7)


@pytest.mark.parametrize("name", ["row_lstm", "diagonal_bilstm"])
def test_forget_gate_starts_open(name):
    model = pr.build_model(name, (4, 4, 1), h=4, layers=1)
    for key, array in model.params.items():
        if "lstm" in key and key.endswith(".b"):
            np.testing.assert_array_equal(array, np.repeat([0, 1, 0, 0], 4))
        if key.endswith(("h0", "c0")):
            assert (array == 0).all()


def test_size_of_the_papers_mnist_model():
    assert pr.build_model("diagonal_bilstm").flat.size == 70_049


def reads_of(name, shape, layers, seeds=6):
    """Which outputs read which inputs, the union over seeds: a dead ReLU can hide a path."""
    D = int(np.prod(shape))
    reads = np.zeros((D, D), bool)
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        model = small_model(name, rng, shape, 2, layers=layers)
        reads |= dependence(model, rng.integers(0, 2, (4, *shape)).astype(np.uint8))
    return reads


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("shape", [(4, 9, 1), (3, 6, 3), (6, 3, 1)])
def test_diagonal_bilstm_reads_everything_but_one_pixel(shape, layers):
    """The last channel of (r-1, n-1) never reaches (r, q) when q + 3 < n - 1."""
    H, W, C = shape
    D = H * W * C
    expected = np.tri(D, D, -1, dtype=bool)
    for r in range(1, H):
        for q in range(W - 4):
            expected[(r * W + q) * C : (r * W + q + 1) * C, r * W * C - 1] = False
    np.testing.assert_array_equal(reads_of("diagonal_bilstm", shape, layers), expected)


@pytest.mark.parametrize("layers", [1, 2])
def test_row_lstm_reads_its_triangle(layers):
    """Row r-d: columns q-(3+L)-d to q+2+d; own row: q-(3+L) to q-1."""
    H, W = 4, 16
    reads = reads_of("row_lstm", (H, W, 1), layers).reshape(H, W, H, W)
    expected = np.zeros_like(reads)
    for r in range(H):
        for q in range(W):
            expected[r, q, r, max(0, q - 3 - layers) : q] = True
            for d in range(1, r + 1):
                first, last = max(0, q - 3 - layers - d), q + 2 + d
                expected[r, q, r - d, first : last + 1] = True
    np.testing.assert_array_equal(reads, expected)


def test_even_width_is_refused(rng):
    with pytest.raises(ValueError, match="1x4; both have to be odd"):
        make("row", rng, k=4)
