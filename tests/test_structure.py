"""The house: imports point one way, backends and workspaces behave, everything runs without JIT."""

import ast
import inspect
import os
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import pixelrnn_np as pr
from pixelrnn_np import backend, memory
from pixelrnn_np.layers.base import Layer
from pixelrnn_np.parallel.threads import Pool

PACKAGE = Path(pr.__file__).parent
# Each may import those before it, and itself.
ORDER = [
    ["arguments", "reference", "console"], ["kernels"], ["compiled"],
    ["backend", "checkpoint", "container", "memory"], ["figures"], ["pages"],
    ["data", "likelihood", "parallel"], ["layers"], ["models"],
    ["inspection", "sampling", "training"], ["coding", "pretrained"], ["course"], ["runs"], ["cli"],
]  # fmt: skip
LEVEL = {name: i for i, names in enumerate(ORDER) for name in names}


def imports(path):
    """Top-level names within the package that a file imports, wherever in the file."""
    depth = len(path.relative_to(PACKAGE).parts) - 1
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level == depth + 1:
            yield from [node.module.split(".")[0]] if node.module else [a.name for a in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            yield node.module.split(".")[0]
        elif isinstance(node, ast.Import):
            yield from (a.name.split(".")[0] for a in node.names)


FILES = sorted(p for p in PACKAGE.rglob("*.py") if p.name not in ("__main__.py",))


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_point_one_way(path):
    own = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    if own == "__init__":
        return
    assert own in LEVEL, f"{own} has no place in the order of imports"
    for name in imports(path):
        assert name not in ("torch", "jax", "tensorflow", "autograd", "pickle")
        if name in LEVEL and name != own:
            assert LEVEL[name] < LEVEL[own], f"{path.name} imports {name}"
    if own == "reference":
        assert set(imports(path)) <= {"numpy", "math"}


def test_every_folder_is_a_package():
    """One without __init__.py is imported from here and is missing in a wheel."""
    for path in FILES:
        assert (path.parent / "__init__.py").exists(), path.parent


def test_no_message_names_what_is_not_installed():
    """Scripts of the repository; docstrings may."""
    for path in FILES:
        tree = ast.parse(path.read_text())
        notes = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                named = re.search(r"(benchmarks|tools|tests)/|`make ", node.value)
                assert id(node) in notes or not named, f"{path}: {node.value}"


OTHER_LETTERS = re.compile(r"\br, ?c\b|\b[xy]_c\b|\bdW\b|\bWd\b|row \$?i\b|column \$?[cj]\b")


# K is weights and never a number of levels; a pixel that is one number is p, a column is q.
OTHER_USES = re.compile(
    r"K levels|\bD, K\b|\beye\(K\)|(\.\.\.|\\dots|\bC|\*shape), K\)|Σ_q|\[q[+-]t\]"
)


def prose_and_code():
    """Every text of ours in which letters have meanings: package, course, documents."""
    root = PACKAGE.parent
    yield from FILES
    yield from (root / "notebooks").rglob("*.py")
    pages = [root / "README.md", root / "CONTRIBUTING.md", root / "notebooks" / "README.md"]
    for path in [*pages, *(root / "docs").rglob("*.md")]:
        if not {"_build", "generated", "course", "source"} & set(path.relative_to(root).parts):
            yield path


def test_one_letter_has_one_meaning():
    """r is a row, q a column, c the cell, K weights and W the width: package, course and docs."""
    for path in prose_and_code():
        text = path.read_text(encoding="utf-8")
        assert not OTHER_USES.findall(text), path.name
        if path.suffix == ".md" or "kernels" not in path.relative_to(PACKAGE.parent).parts:
            assert not OTHER_LETTERS.findall(text), path.name
    for layer in layer_classes(Layer):
        assert list(inspect.signature(layer.step).parameters)[1:5] == [
            "x_q", "state", "q", "group",
        ], layer  # fmt: skip


# "after" is meant: a layer is behind nothing.
BEHIND = re.compile(r"[Bb]ehind (a|the|each|it|its|mask|them|those|three|which|ReLUs)\b")
REWRITTEN = ("03", "04", "05", "06", "09", "10", "11", "13")


def test_what_comes_later_is_not_behind():
    folder = PACKAGE.parent / "notebooks"
    for path in folder.rglob("*.py"):
        if path.name.startswith(REWRITTEN):
            assert not BEHIND.search(path.read_text(encoding="utf-8")), path


def layer_classes(kind):
    for inner in kind.__subclasses__():
        yield inner
        yield from layer_classes(inner)


def test_numba_is_named_where_functions_are_compiled_only():
    for path in FILES:
        if "numba" in imports(path):
            assert path.relative_to(PACKAGE).parts[0] in ("kernels", "compiled.py")


def test_workspace_hands_out_the_same_memory_again():
    space = memory.Workspace()
    with memory.workspace(space):
        a, b = memory.empty((3, 4), "float32"), memory.zeros((5,), "float64")
        a[...], b[...] = 1, 2
        assert not np.shares_memory(a, b)
        assert a.ctypes.data % 64 == 0
    with memory.workspace(space):
        assert np.shares_memory(a, memory.empty((3, 4), "float32"))
        larger = memory.empty((50,), "float64")
        assert larger.size == 50
    assert not np.shares_memory(a, memory.empty((3, 4), "float32"))


def test_backend_reaches_the_threads():
    with Pool(2) as pool:
        with pr.use_backend("reference"):
            names = pool.map(lambda _: backend.ops().__name__, range(4))
        assert names == ["pixelrnn_np.reference"] * 4
        assert pool.map(lambda _: backend.ops().__name__, [0, 1]) == ["pixelrnn_np.kernels"] * 2


def test_backward_runs_on_the_backend_of_forward():
    model = pr.build_model("pixelcnn", (3, 3, 1), h=4, layers=1, dtype="float64")
    x = np.ones((1, 3, 3, 1), np.uint8)
    with pr.use_backend("reference"):
        logits, cache = model.forward(x)
    first_cache = cache[1]
    assert first_cache[0].__name__ == "pixelrnn_np.reference"
    model.backward(np.ones_like(logits), cache)


def test_errors_in_threads_reach_the_caller():
    with Pool(2) as pool, pytest.raises(ZeroDivisionError):
        pool.map(lambda i: 1 / i, range(4))


def test_pool_keeps_the_order():
    with Pool(3) as pool:
        assert pool.map(lambda i: i * i, range(20)) == [i * i for i in range(20)]


WITHOUT_JIT = """
import numpy as np
import pixelrnn_np as pr
from pixelrnn_np.inspection.gradcheck import relative_error
from pixelrnn_np import compiled, kernels
from pixelrnn_np.models import MODELS
for module in (kernels, compiled):
    assert not hasattr(module.conv_forward, "py_func"), "JIT is on"
for name in MODELS:
    for shape, levels in (((2, 3, 1), 2), ((2, 2, 3), 100)):
        model = pr.build_model(name, shape, levels, h=3, layers=1, head=3, dtype="float64")
        x = np.random.default_rng(0).integers(0, levels, (2, *shape)).astype(np.uint8)
        loss, grads = model.loss_and_grads(x)
        for twin in ("compiled", "reference"):
            with pr.use_backend(twin):
                slow_loss, slow = model.loss_and_grads(x)
            assert abs(loss - slow_loss) < 1e-12 * loss
            assert all(relative_error(grads[k], slow[k]) < 1e-12 for k in grads)
        drawn = pr.sample(model, 3, threads=2)
        with pr.use_backend("reference"):
            assert (pr.sample(model, 3) == drawn).all()
    float32 = pr.build_model(name, (2, 2, 1), h=2, layers=1, head=2)
    trainer, x = pr.Trainer(float32, "soap"), np.ones((1, 2, 2, 1), np.uint8)
    first, last = trainer.step(x), [trainer.step(x) for _ in range(3)][-1]
    assert last < first
"""


def test_everything_runs_without_jit():
    """So that a debugger can step into any line."""
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_JIT],
        env={**os.environ, "NUMBA_DISABLE_JIT": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_nothing_heavy_is_imported_at_the_start():
    heavy = "{'sklearn', 'pooch', 'matplotlib.pyplot'}"
    code = f"import sys, pixelrnn_np; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_what_is_made_of_the_weights_is_made_once_per_map():
    weights, made = [1], []

    def prepared(_):
        return memory.once("key", lambda: made.append(0) or weights[0])

    with Pool(2) as pool:
        assert pool.map(prepared, range(8)) == [1] * 8
        assert len(made) <= 2  # two threads may both have made it
        weights[0] = 2
        assert pool.map(prepared, range(2)) == [2, 2]
        with pytest.raises(ZeroDivisionError):
            pool.map(lambda _: prepared(_) / 0, range(3))
    weights[0] = 3
    assert prepared(0) == 3  # outside of a map nothing is kept
    assert prepared(1) == 3


def test_a_limit_of_threads_costs_time_only(monkeypatch):
    """As a process limit does; the threads that are there by then do all the work."""
    start, left = threading.Thread.start, [1]

    def limited(thread):
        if not left:
            raise RuntimeError("can't start new thread")
        left.pop()
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", limited)
    for _ in range(2):  # without the one thread that is allowed at first, the second time
        with Pool(4) as pool:
            for _ in range(50):
                assert pool.map(lambda i: i * i, range(9)) == [i * i for i in range(9)]


def test_after_an_error_in_a_thread_nobody_is_at_work():
    running, begun = [], []

    def work(i):
        begun.append(i)
        if i == 0:
            raise ValueError("the first")
        running.append(i)
        time.sleep(0.05)
        running.remove(i)

    with Pool(2) as pool, pytest.raises(ValueError, match="the first"):
        pool.map(work, range(100))
    assert not running
    assert len(begun) < 10, "the others go on after an error"


def test_a_workspace_gives_the_arrays_of_the_last_step_again():
    space = memory.Workspace()
    first = [space.empty((3, 4), np.float32), space.empty((5,), np.float64)]
    space.rewind()
    assert space.empty((3, 4), np.float32) is first[0]
    other = space.empty((6,), np.float64)  # from here on it is another step
    assert other.shape == (6,) and not np.shares_memory(other, first[0])
    assert space.empty((5,), np.float64) is not first[1]
    a, b, c = space.empty((7,), np.float64), space.empty((memory.SLAB,), np.uint8), other
    assert not any(np.shares_memory(x, y) for x, y in ((a, b), (b, c), (a, c)))


def test_kernels_with_many_arguments_say_their_shapes():
    for path in (PACKAGE / "kernels").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and len(node.args.args) >= 8:
                assert ast.get_docstring(node), f"{path.name}: {node.name}"
