"""PIXELRNN_VECTOR_BITS=256: code without registers of 512 bits, equal results, code of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import pixelrnn_np as pr
from pixelrnn_np.kernels import processor
from pixelrnn_np.kernels.jit import JIT_DISABLED

pytestmark = pytest.mark.skipif(JIT_DISABLED, reason="nothing is compiled")
PACKAGE = Path(pr.__file__).parent.parent
COMPILED = """
import json, sys
import numpy as np
from pixelrnn_np import backend
from pixelrnn_np.kernels import cache, jit, processor
from pixelrnn_np.kernels.tiles import columns
from pixelrnn_np.kernels.tiles.multiply import add_outer, matrix, multiply
from pixelrnn_np.kernels.tiles.panels import panels
from pixelrnn_np.kernels.vector_math import tanh

@jit.vector_kernel(cache=False)
def products(out, back, a, K):
    (M, N), I = out.shape, K.shape[0]
    multiply(matrix(out, 0, N), matrix(a, 0, I), panels(K), M, N)
    flat = out.reshape(-1)
    for i in range(flat.size):
        flat[i] = tanh(flat[i])
    add_outer(matrix(back, 0, N), matrix(a, 0, I), matrix(out, 0, N), M, I, N)

rng = np.random.default_rng(0)
a, K = rng.standard_normal((45, 16)).astype("f"), rng.standard_normal((16, 40)).astype("f")
out, back = np.empty((45, 40), "f"), np.zeros((16, 40), "f")
products(out, back, a, K)
kernels = [products, *(shared.kernel for shared in jit.shared.values())]
asm = "".join(text for k in kernels for text in k.inspect_asm().values())
print(json.dumps({
    "zmm": asm.count("%zmm"), "ymm": asm.count("%ymm"), "rows": columns.PRODUCT_ROWS,
    "folder": cache.machine(), "target": backend.target(), "numbers": back.tolist(),
}))
"""


def python(code, folder, bits, **more):
    """A fresh process with this variable, and an empty folder for what is compiled."""
    environment = os.environ | {"NUMBA_CACHE_DIR": str(folder), "PYTHONPATH": str(PACKAGE)} | more
    environment[processor.VARIABLE] = bits
    return subprocess.run(
        [sys.executable, "-c", code], env=environment, cwd=folder, capture_output=True, text=True
    )


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """What is compiled with the variable, and without."""
    found = {}
    for bits in ("256", ""):
        done = python(COMPILED, tmp_path_factory.mktemp("cache"), bits)
        assert not done.returncode, done.stderr
        found[bits] = json.loads(done.stdout)
    return found


@pytest.mark.skipif("+avx2" not in processor.host_features().split(","), reason="no AVX2 here")
def test_no_register_of_512_bits_is_left(both):
    assert both["256"]["zmm"] == 0 and both["256"]["ymm"] > 100
    assert both["256"]["rows"] == {"16": 6}
    if "+avx512f" in processor.host_features().split(","):
        assert both[""]["zmm"] > 100 and both[""]["rows"] == {"32": 7, "16": 7}


def test_results_agree(both):
    narrow, wide = (np.array(both[bits]["numbers"]) for bits in ("256", ""))
    np.testing.assert_allclose(narrow, wide, rtol=0, atol=2e-5 * np.abs(wide).max())


@pytest.mark.skipif(
    "+avx512f" not in processor.host_features().split(","), reason="nothing is left out"
)
def test_the_two_are_kept_apart_and_told_apart(both):
    assert both["256"]["folder"] != both[""]["folder"]
    assert both["256"]["target"] != both[""]["target"]


def test_numbas_own_variables_count(monkeypatch):
    monkeypatch.setattr(processor.config, "CPU_FEATURES", "+avx2,+avx512f,+avx512vl")
    monkeypatch.setenv(processor.VARIABLE, "")
    assert processor.chosen_features() == "+avx2,+avx512f,+avx512vl"
    monkeypatch.setenv(processor.VARIABLE, "256")
    assert processor.chosen_features().startswith("+avx2")
    assert "+avx512" not in processor.chosen_features()
    monkeypatch.setattr(processor.config, "CPU_FEATURES", None)
    monkeypatch.setattr(processor.config, "ENABLE_AVX", False)
    assert "+avx" not in processor.chosen_features()


USE = """import numpy as np
import pixelrnn_np as pr
pr.build_model("pixelcnn", (2, 2, 1), h=1, layers=1).nll(np.zeros((1, 2, 2, 1), np.uint8))
"""
LATE = "import numba; numba.njit(lambda x: x + 1)(1)\n"


@pytest.mark.parametrize(
    ("bits", "code", "words"),
    [
        ("300", USE, "PIXELRNN_VECTOR_BITS is '300'; it has to be 256"),
        ("256", LATE + USE, "PIXELRNN_VECTOR_BITS is 256, which comes too late"),
    ],
)
@pytest.mark.parametrize("backend", ["kernels", "compiled"])
def test_what_has_no_meaning_is_refused(tmp_path, bits, code, words, backend):
    code = code.replace("pr.build", f"pr.use_backend('{backend}').__enter__()\npr.build")
    done = python(code, tmp_path, bits)
    assert done.returncode and done.stderr.splitlines()[-1].startswith(
        f"pixelrnn_np.arguments.BadVariable: {words}"
    )


AT_ONCE = """
from threading import Barrier, Thread
from pixelrnn_np import backend

gate = Barrier(8)

def one():
    gate.wait()
    try:
        backend.ops()
    except Exception as e:
        print(f"{type(e).__name__}\\n", end="")

threads = [Thread(target=one) for _ in range(8)]
[t.start() for t in threads], [t.join() for t in threads]
"""


def test_many_threads_say_the_same_of_it(tmp_path):
    """One imports the kernels and fails; for the others there once was no module of that name."""
    done = python(AT_ONCE, tmp_path, "300")
    assert (done.stdout.split(), done.stderr) == (8 * ["BadVariable"], "")
