"""The backends: what falls back to the compiled twins, their cache, and what an editor finds."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import jedi
import pytest

import pixelrnn_np as pr
from pixelrnn_np import backend, compiled, kernels, reference

PACKAGE = Path(pr.__file__).parent

# Takes away what a future Numba may lack, from this package alone: Numba itself goes on.
FUTURE_NUMBA = """
import builtins, sys
from types import SimpleNamespace
missing, found = sys.argv[1], builtins.__import__
def without(name, globals=None, locals=None, wanted=(), level=0):
    by = (globals or {}).get("__name__", "")
    if by.startswith("pixelrnn_np.") and missing in [f"{name}.{w}" for w in wanted or ()]:
        raise ImportError(f"cannot import name {missing.split('.')[-1]!r}")
    return found(name, globals, locals, wanted, level)
builtins.__import__ = without

import numpy as np
import pixelrnn_np as pr
from pixelrnn_np import backend
backend.announce_compiling(print)
model = pr.build_model("pixelcnn", (3, 2, 1), h=2, layers=1, head=2, dtype="float64")
x = np.ones((200, 3, 2, 1), np.uint8)
loss, grads = model.loss_and_grads(x, threads=4)
assert "compiled, numba" in backend.target()
assert backend.ops().__name__ == "pixelrnn_np.compiled"
assert hasattr(backend.ops().conv_forward, "py_func") != numba_is_off
with pr.use_backend("reference"):
    slow, twins = model.loss_and_grads(x)
assert abs(loss - slow) < 1e-12 and all(np.allclose(grads[k], twins[k]) for k in grads)
assert len(pr.Trainer(model).fit(x, epochs=1, progress=False)) == 1
"""


@pytest.mark.parametrize("off", [False, True])
@pytest.mark.parametrize(
    "missing", ["numba.core.cgutils", "numba.np.arrayobj.make_array", "numba.extending.intrinsic"]
)
def test_without_the_internals_of_numba_the_compiled_twins_compute(missing, off):
    done = subprocess.run(
        [sys.executable, "-c", f"numba_is_off = {off}\n{FUTURE_NUMBA}", missing],
        env={**os.environ, "NUMBA_DISABLE_JIT": str(int(off))}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    assert "kernels do not work with Numba" in done.stderr
    assert f"cannot import name '{missing.split('.')[-1]}'" in done.stderr


def test_kernels_that_fail_to_compile_are_noticed(monkeypatch):
    assert backend.fault_of_kernels() is None

    def fails(*args):
        raise AttributeError("module 'numba' has no\n  attribute 'x'")

    monkeypatch.setattr(kernels, "trial", fails)
    assert backend.fault_of_kernels() == "AttributeError: module 'numba' has no attribute 'x'"
    monkeypatch.setattr(kernels, "trial", lambda out, a, K: out.fill(3))
    assert "wrong" in backend.fault_of_kernels()


def test_the_compiled_functions_are_those_of_the_reference():
    """And so are all that they call: nothing runs in Python."""
    for name in reference.__all__:
        function, twin = getattr(compiled, name), getattr(reference, name)
        function = getattr(function, "py_func", function)
        assert function.__code__ is twin.__code__
        for used in function.__code__.co_names:
            inner = function.__globals__.get(used)
            if inner is not None and getattr(inner, "__module__", "").startswith("pixelrnn_np"):
                assert hasattr(inner, "py_func") == hasattr(getattr(compiled, name), "py_func")
        assert not hasattr(twin, "py_func"), "the reference itself stays plain"


COPY = """
import numpy as np
from pixelrnn_np import compiled
x, y = np.ones((1, 2, 2, 1)), np.empty((1, 2, 2, 1))
offsets = np.zeros((1, 2), np.int64)
for dtype in {dtypes}:
    x, y = x.astype(dtype), y.astype(dtype)
    compiled.conv_forward(x, np.ones((1, 1, 1), dtype), offsets, np.ones(1, dtype), y)
print(y.sum(), sum(compiled.conv_forward.stats.cache_hits.values()))
"""


def test_compiled_twins_are_kept_until_any_of_their_files_changes(tmp_path):
    """Also where it is a file of which a function is taken, and looks older than what is kept."""
    shutil.copytree(PACKAGE, tmp_path / "pixelrnn_np", ignore=shutil.ignore_patterns("__pycache__"))
    env = {k: v for k, v in os.environ.items() if not k.startswith("NUMBA_")}

    def run(*dtypes):
        done = subprocess.run(
            [sys.executable, "-c", COPY.format(dtypes=dtypes)],
            env=env | {"PYTHONPATH": str(tmp_path)}, cwd=tmp_path,
            capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout.split()

    folder = tmp_path / "pixelrnn_np" / "reference"
    taps, conv = folder / "taps.py", folder / "masked_conv.py"
    text = conv.read_text()
    start, end = text.index("def taps"), text.index("def conv_forward")
    taps.write_text(text[start:end].strip() + "\n")
    conv.write_text(text[:start] + "from .taps import taps\n\n\n" + text[end:])
    init = folder / "__init__.py"
    init.write_text(init.read_text() + "from . import taps\n")
    assert run("float64") == ["8.0", "0"]
    assert run("float64") == ["8.0", "1"]
    assert run("float64", "float32") == ["8.0", "1"], "one more type beside the kept code"
    each = "            yield t, row, column\n"
    taps.write_text(taps.read_text().replace(each, 2 * each))
    os.utime(taps, (0, 0))
    assert run("float64") == ["12.0", "0"]


CALL = re.compile(r"\bops(?:\(\))?\.([a-z]\w+)")
CALLS = [
    (path, line, found.start(1), found[1])
    for path in sorted([*PACKAGE.glob("layers/*.py"), *PACKAGE.glob("models/*.py"),
                        PACKAGE / "likelihood.py"])
    for line, text in enumerate(path.read_text().splitlines(), 1)
    for found in CALL.finditer(text)
]  # fmt: skip


@pytest.mark.parametrize(
    ("path", "line", "column", "name"), CALLS, ids=[f"{c[0].stem}-{c[1]}-{c[3]}" for c in CALLS]
)
def test_an_editor_leads_from_a_call_to_the_kernel(path, line, column, name):
    script = jedi.Script(path=path, project=jedi.Project(PACKAGE.parent))
    (there,) = script.goto(line, column, follow_imports=True)
    assert there.name == name and there.type == "function"
    assert Path(there.module_path).parent == PACKAGE / "kernels"


def test_an_editor_leads_from_the_chosen_backend_to_the_kernel():
    source = "from pixelrnn_np import backend\nbackend.ops().relu_forward\n"
    script = jedi.Script(source, project=jedi.Project(PACKAGE.parent))
    (there,) = script.goto(2, 20, follow_imports=True)
    assert Path(there.module_path) == PACKAGE / "kernels" / "pointwise.py"


def test_another_backend_is_refused():
    wanted = "'kernels', 'compiled', 'reference'"
    with pytest.raises(ValueError, match=wanted), pr.use_backend("numba"):
        pass
