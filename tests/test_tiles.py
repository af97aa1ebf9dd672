"""Products in registers: equal to NumPy for every width, with and without what is optional."""

import functools
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import pixelrnn_np
from pixelrnn_np.kernels import jit
from pixelrnn_np.kernels.tiles import multiply as tiles
from pixelrnn_np.kernels.tiles.fetch import no_notes, will_need
from pixelrnn_np.kernels.tiles.multiply import add_outer, matrix, multiply_taps
from pixelrnn_np.kernels.tiles.panels import panels
from pixelrnn_np.kernels.tiles.shared import Numbers, shared

SIZES = [(28, 16, 16, 1), (13, 5, 3, 2), (1, 4, 40, 1), (30, 7, 29, 5), (20, 16, 24, 2),
         (9, 3, 8, 1), (2, 1, 1, 1), (15, 33, 64, 3)]  # fmt: skip
# Not cached: a cached one would keep the tiles of the day on which it was compiled.
kernel = functools.partial(jit.kernel, cache=False)
TOLERANCE = {"float32": 2e-5, "float64": 1e-12}


@kernel
def with_all(out, init, gate, low, bias, a, taps, K):
    M, N = out.shape
    multiply_taps(matrix(out, 0, N), matrix(a, 1, 2), taps, panels(K), M, N, bias=bias,
                  gate=matrix(gate, 0, N), plus=matrix(init, 0, N), at_least=low)  # fmt: skip


@kernel
def with_nothing(out, a, taps, K):
    M, N = out.shape
    multiply_taps(matrix(out, 0, N), matrix(a, 1, 2), taps, panels(K), M, N)


@kernel
def outer(out, a, b):
    add_outer(matrix(out, 0, out.shape[1]), matrix(a, 0, a.shape[1]), matrix(b, 0, b.shape[1]),
              a.shape[0], a.shape[1], b.shape[1])  # fmt: skip


@kernel
def outer_with_rows(out, a, b, total):
    add_outer(matrix(out, 0, out.shape[1]), matrix(a, 0, a.shape[1]), matrix(b, 0, b.shape[1]),
              a.shape[0], a.shape[1], b.shape[1], total)  # fmt: skip


@kernel
def moved_rows(out, a, a_rows, out_rows, K):
    M, N = a_rows.size, K.shape[1]
    target = matrix(out, 0, 0)
    multiply_taps(target, matrix(a, 1, 0), np.zeros(1, np.int64), panels(K), M, N, plus=target,
                  a_rows=a_rows, out_rows=out_rows)  # fmt: skip


@kernel
def outer_of_moved_rows(out, a, rows, b):
    add_outer(matrix(out, 0, out.shape[1]), matrix(a, 1, 2), matrix(b, 0, b.shape[1]), b.shape[0],
              out.shape[0], b.shape[1], a_rows=rows)  # fmt: skip


@kernel
def two_matrices(out, a, taps, more, more_taps, rows, K):
    M, N = out.shape
    notes = no_notes()
    will_need(notes, matrix(a, 0, 2), N)
    will_need(notes, matrix(more, 0, 0), 1, rows)
    multiply_taps(matrix(out, 0, N), matrix(a, 0, 2), taps, panels(K), M, N,
                  more=matrix(more, 1, 0), more_taps=more_taps, more_rows=rows,
                  notes=notes)  # fmt: skip


def close(a, b, dtype):
    np.testing.assert_allclose(a, b, rtol=0, atol=TOLERANCE[dtype] * max(1, np.abs(b).max()))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("M", "I", "N", "T"), SIZES)
def test_product(rng, dtype, M, I, N, T):
    def draw(*size):
        return rng.standard_normal(size).astype(dtype)

    taps = 3 * np.arange(T) - 1  # rows overlap: they begin 2 numbers apart, from the second on
    a, K, bias = draw(2 * M + I + 3 * T), draw(T * I, N), draw(N)
    rows = np.array([np.concatenate([a[1 + 2 * m + t :][:I] for t in taps]) for m in range(M)])
    out, init, gate, low = np.full((M, N), np.nan, dtype), draw(M, N), draw(M, N), np.dtype(dtype)
    low = low.type(-0.5)
    with_all(out, init, gate, low, bias, a, taps, K)
    close(out, np.maximum(init + np.where(gate > 0, rows @ K + bias, 0), low), dtype)
    with_nothing(out, a, taps, K)
    close(out, rows @ K, dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("M", "I", "N", "T"), SIZES)
def test_add_outer(rng, dtype, M, I, N, T):
    a, b, out = (rng.standard_normal(s).astype(dtype) for s in ((M, I), (M, N), (I, N)))
    expected = out + a.T @ b
    outer(out, a, b)
    close(out, expected, dtype)
    expected, total = out + a.T @ b, rng.standard_normal(N).astype(dtype)
    rows = total + b.sum(axis=0)
    outer_with_rows(out, a, b, total)
    close(out, expected, dtype)
    close(total, rows, dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("N", [3, 16, 32, 64])
def test_every_number_of_rows(rng, dtype, N):
    """The last tiles are short, or smaller; the rows after them stay."""
    for M in range(1, 24):
        a, K = rng.standard_normal(2 * M + 5).astype(dtype), rng.standard_normal((5, N))
        rows, more = np.array([a[1 + 2 * m :][:5] for m in range(M)]), np.full((M + 8, N), 7, dtype)
        with_nothing(more[:M], a, np.zeros(1, np.int64), K.astype(dtype))
        close(more[:M], rows @ K, dtype)
        assert (more[M:] == 7).all()
        b = rng.standard_normal((5, N)).astype(dtype)
        left, out = rng.standard_normal((5, M)).astype(dtype), np.zeros((M + 8, N), dtype)
        outer(out[:M], left, b)
        close(out[:M], left.T @ b, dtype)
        assert (out[M:] == 0).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("M", "I", "N", "T"), SIZES)
def test_two_matrices(rng, dtype, M, I, N, T):
    """One product of two matrices side by side; what is asked for on the way changes nothing."""
    taps, more_taps = np.arange(T), np.arange(T + 1)
    a, more = rng.standard_normal(2 * M + I + T), rng.standard_normal(40 + I + T + 2)
    a, more, places = a.astype(dtype), more.astype(dtype), rng.integers(0, 40, M)
    K = rng.standard_normal(((2 * T + 1) * I, N)).astype(dtype)
    rows = [
        np.concatenate(
            [a[2 * m + t :][:I] for t in taps] + [more[1 + places[m] + t :][:I] for t in more_taps]
        )
        for m in range(M)
    ]
    for function in (two_matrices, getattr(two_matrices, "py_func", two_matrices)):
        out = np.full((M, N), np.nan, dtype)
        function(out, a, taps, more, more_taps, places, K)
        close(out, np.array(rows) @ K, dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("M", "I", "N", "T"), SIZES)
def test_rows_anywhere(rng, dtype, M, I, N, T):
    """A table says where rows are: of what is read, and of what is added to."""
    a_rows, out_rows = rng.integers(0, 60, M), N * rng.permutation(M + 3)[:M]
    a, K = rng.standard_normal(2 * M + 61 + I).astype(dtype), rng.standard_normal((I, N))
    out = rng.standard_normal((M + 3) * N).astype(dtype)
    K, expected, before = K.astype(dtype), out.copy(), out.copy()
    for i, o in zip(a_rows, out_rows, strict=True):
        expected[o : o + N] += a[1 + i :][:I] @ K
    moved_rows(out, a, a_rows, out_rows, K)
    close(out, expected, dtype)
    moved_rows.py_func(before, a, a_rows, out_rows, K)
    close(before, expected, dtype)
    b, total = rng.standard_normal((M, N)).astype(dtype), np.zeros((I, N), dtype)
    outer_of_moved_rows(total, a, a_rows, b)
    rows = np.array([a[1 + 2 * m + k :][:I] for m, k in enumerate(a_rows)])
    close(total, rows.T @ b, dtype)
    total[...] = 0
    outer_of_moved_rows.py_func(total, a, a_rows, b)
    close(total, rows.T @ b, dtype)


def test_what_is_written_is_no_more_than_the_tile():
    """Odd widths, where a vector would reach into the next row, and the last row's end."""
    for N in range(1, 40):
        out, a = np.zeros(3 * N + 40, np.float32), np.ones(8, np.float32)
        K = np.ones((2, N), np.float32)
        with_nothing(out[20 : 20 + 3 * N].reshape(3, N), a, np.zeros(1, np.int64), K)
        assert not out[:20].any() and not out[20 + 3 * N :].any()
        assert (out[20 : 20 + 3 * N] == 2).all()


@pytest.mark.parametrize("N", [3, 8, 16, 32])
def test_nan_survives(N):
    """A ReLU and a gate must not hide that a run diverges."""
    out, a = np.zeros((2, N), np.float32), np.full(8, np.nan, np.float32)
    ones, K = np.ones((2, N), np.float32), np.ones((2, N), np.float32)
    with_all(out, ones, ones, np.float32(0), ones[0], a, np.zeros(1, np.int64), K)
    assert np.isnan(out).all()
    with_all(out, ones, -ones, np.float32(0), ones[0], a, np.zeros(1, np.int64), K)
    assert (out == 1).all()


def test_without_jit_the_same(rng):
    """The functions that a debugger steps into say the same."""
    a, K, b = rng.standard_normal(60), rng.standard_normal((10, 19)), rng.standard_normal(19)
    init, gate = rng.standard_normal((2, 11, 19))
    taps, fast, slow = np.array([4, -1]), np.empty((11, 19)), np.empty((11, 19))
    with_all(fast, init, gate, 0.1, b, a, taps, K)
    parts = [(v.reshape(-1), 0, 19) for v in (slow, init, gate)]
    tiles.multiply_taps(
        parts[0],
        (a, 1, 2),
        taps,
        panels(K),
        11,
        19,
        bias=b,
        gate=parts[2],
        plus=parts[1],
        at_least=0.1,
    )
    np.testing.assert_allclose(fast, slow, rtol=0, atol=1e-13)
    results = []
    for add in (outer_with_rows, outer_with_rows.py_func):
        out, total = np.zeros((19, 19)), np.ones(19)
        add(out, fast, slow, total)
        results.append(np.concatenate([out, [total]]))
    np.testing.assert_allclose(*results, rtol=0, atol=1e-12)


TWO_KERNELS = """
import sys
import numpy as np, numba
from pixelrnn_np.kernels.jit import kernel
from pixelrnn_np.kernels.tiles.fetch import no_notes, will_need
from pixelrnn_np.kernels.tiles.multiply import add_outer, matrix

@kernel
def first(out, a, b):
    add_outer(matrix(out, 0, 56), matrix(a, 0, 5), matrix(b, 0, 56), 9, 5, 56)

@kernel
def second(out, a, b):
    add_outer(matrix(out, 0, 56), matrix(a, 0, 5), matrix(b, 0, 56), 9, 5, 56)

if __name__ == "__main__":
    for _ in range(int(sys.argv[1])):
        numba.njit(lambda: 0)()  # one more function is compiled before
    a, b = np.ones((9, 5), np.float32), np.ones((9, 56), np.float32)
    import two_kernels
    for name in sys.argv[2:]:
        out = np.zeros((5, 56), np.float32)
        getattr(two_kernels, name)(out, a, b)
        assert (out == 9).all(), out
"""


@pytest.mark.skipif(jit.JIT_DISABLED, reason="NumPy raises it by itself")
def test_an_error_in_a_shared_function_is_raised():
    """Else its callers would go on with what is in memory, and give wrong nats."""
    jit.kernel, cached = kernel, jit.kernel
    try:

        @shared
        def without_memory(a: Numbers, n: int):
            a[0] = np.empty(n)[0]
    finally:
        jit.kernel = cached

    @kernel
    def caller(a, n):
        without_memory(a, n)
        a[1] = 1

    a = np.zeros(2)
    with pytest.raises(MemoryError):
        caller(a, 2**55)
    assert a[1] == 0


def test_kernels_that_different_processes_compiled_work_together(tmp_path):
    """Once their tiles could share a name, so that one ran the other's: see columns.py."""
    (tmp_path / "two_kernels.py").write_text(TWO_KERNELS)
    paths = [str(tmp_path), str(Path(pixelrnn_np.__file__).parents[1])]
    environment = {
        **os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "cache"),
        "PYTHONPATH": os.pathsep.join(paths),
    }  # fmt: skip
    for arguments in (["0", "first"], ["1", "second"], ["0", "first", "second"]):
        command = [sys.executable, str(tmp_path / "two_kernels.py"), *arguments]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
