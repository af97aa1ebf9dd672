"""Compiled kernels that are kept: found again only where they are right, and never in the way."""

import gc
import json
import os
import resource
import shutil
import stat
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from numba import config
from numba.core.errors import TypingError

import pixelrnn_np as pr
from pixelrnn_np.kernels import cache
from pixelrnn_np.kernels.jit import JIT_DISABLED, inner, kernel

PACKAGE = Path(pr.__file__).parent
ONCE = (cache.folder, cache.tell_compiling, cache.tell_not_kept)
pytestmark = pytest.mark.skipif(JIT_DISABLED, reason="nothing is compiled")


def forget():
    for function in ONCE:
        function.cache_clear()


@pytest.fixture
def kept(tmp_path, monkeypatch):
    """An empty folder for compiled code, as after a start of the process."""
    monkeypatch.setattr(config, "CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(cache, "announce", None)
    forget()
    yield tmp_path
    forget()


def made():
    @kernel
    def doubled(x):
        return x + x

    return doubled


def compiles(x=3):
    """Whether a new start has to compile the kernel; what it computes is right in any case."""
    doubled = made()
    assert doubled(x) == x + x
    return not sum(doubled.stats.cache_hits.values())


def files(folder):
    return sorted(p for p in folder.rglob("*") if p.is_file())


def test_code_is_found_again(kept, capsys):
    assert compiles() and not compiles()
    assert compiles(0.5) and not compiles(0.5) and not compiles()
    assert [p.suffix for p in files(kept)] == [".nbc", ".nbi"] * 2
    assert capsys.readouterr().err == ""


def damages(data):
    yield from (b"", b"\x80", data[:-1], data[: len(data) // 2], b"nonsense", data[1:])
    for k in range(0, len(data), max(1, len(data) // 40)):
        yield data[:k] + bytes([data[k] ^ 255]) + data[k + 1 :]


@pytest.mark.parametrize("ending", [".nbi", ".nbc"])
def test_what_is_damaged_is_compiled_again(kept, ending):
    compiles()
    (path,) = (p for p in files(kept) if p.suffix == ending)
    good = path.read_bytes()
    for bad in damages(good):
        path.write_bytes(bad)
        compiles()
        assert not compiles()
        path.write_bytes(good)
    for path in files(kept):
        path.unlink()
        assert compiles() and not compiles()


def test_numba_switches_that_change_the_code_belong_to_it(kept, monkeypatch):
    assert compiles() and not compiles()
    monkeypatch.setattr(config, "BOUNDSCHECK", 1)
    assert compiles() and not compiles()


def test_a_numba_that_cannot_store_code_costs_time_only(kept, monkeypatch, capsys):
    """The compiled twins, which stand in for the kernels then, are kept here too."""

    def changed(_):
        raise AttributeError("_reduce")

    monkeypatch.setattr(cache, "dumps", changed)
    assert compiles() and compiles()
    assert "cannot be kept" in capsys.readouterr().err


# Freshness

GRADIENT = """
import json
import numpy as np
from pixelrnn_np.kernels import bernoulli_backward as f
d = np.zeros((1, 1, 1, 3), np.float32)
f(d, np.zeros(d.shape, np.uint8), np.float32(1), d)
print(json.dumps([float(d.sum()), sum(f.stats.cache_hits.values())]))
"""


def start(folder, code, **more):
    """What the code prints in a new process, with the package that lies in `folder`."""
    left_out = ("NUMBA_CACHE_DIR", "PYTHONDONTWRITEBYTECODE")
    env = {k: v for k, v in os.environ.items() if k not in left_out}
    done = subprocess.run(
        [sys.executable, "-c", code], env=env | {"PYTHONPATH": str(folder)} | more,
        cwd=folder.parent, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout, done.stderr


def copied(folder):
    """Without weights and what is compiled, as a fresh installation."""
    left_out = shutil.ignore_patterns("__pycache__", "*-*")
    return shutil.copytree(PACKAGE, folder / "pixelrnn_np", ignore=left_out)


@pytest.mark.parametrize("age", [-(10**9), 10**6], ids=["old stamp", "future stamp"])
def test_other_content_is_other_code_whatever_its_time_stamp(tmp_path, age):
    path = copied(tmp_path) / "kernels" / "vector_math.py"
    assert json.loads(start(tmp_path, GRADIENT)[0]) == [1.5, 0]
    changed = path.read_text().replace("return y if x == x else x", "return y + 2")
    path.write_text(changed)
    os.utime(path, (time.time() + age,) * 2)
    assert json.loads(start(tmp_path, GRADIENT)[0]) == [0.75, 0]
    assert json.loads(start(tmp_path, GRADIENT)[0]) == [0.75, 1]


def test_content_is_that_of_every_file_in_every_folder(tmp_path):
    def found(name, text):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return list(cache.sources(tmp_path))

    (tmp_path / ".#a.py").symlink_to("nowhere")  # as an editor leaves it
    first = found("a.py", "1")
    assert found("a.py", "2") != first and found("a.py", "1") == first
    assert found("__pycache__/a.py", "3") == found("notes.txt", "4") == first
    assert found("tiles/a.py", "5") == [("a.py", b"1"), ("tiles/a.py", b"5")]


def test_folders_that_nobody_uses_are_dropped(kept):
    path = cache.folder()
    for k in range(cache.KEPT + 3):
        other = path.parent / str(k)
        other.mkdir()
        os.utime(other, (k, k))
    cache.drop_old(path)
    assert {p.name for p in path.parent.iterdir()} == {path.name, "3", "4", "5", "6"}
    shutil.rmtree(path)  # as another process might
    assert compiles() and not compiles()


AT_ONCE = """
import sys, numpy as np
from pixelrnn_np.kernels import relu_forward as f
for name in sys.argv[1:]:
    x = np.array([-1, 2], name[:7]).reshape((2,) if name.endswith("flat") else (1, 2))
    f(x, x)
    assert x.ravel().tolist() == [0, 2] and x.dtype == name[:7]
"""


def test_processes_at_once_share_a_cache(kept):
    names = ["float32 flat", "float64 flat", "float32", "float64"]
    command = [sys.executable, "-c", AT_ONCE]
    env = {**os.environ, "NUMBA_CACHE_DIR": str(kept), "PYTHONPATH": str(PACKAGE.parent)}
    orders = [names[k:] + names[:k] for k in range(4)]
    running = [subprocess.Popen([*command, *order], env=env) for order in orders]
    assert [process.wait(300) for process in running] == [0] * 4
    before = {p: p.stat().st_mtime_ns for p in files(kept)}
    assert len([p for p in before if "relu_forward" in p.name]) == 2 * 4
    assert subprocess.run([*command, *names], env=env).returncode == 0
    assert {p: p.stat().st_mtime_ns for p in files(kept)} == before


# Where it lies, and what is said

ADVICE = "let NUMBA_CACHE_DIR name a folder"


def test_no_folder_can_be_written(kept, monkeypatch, capsys):
    (kept / "file").touch()
    monkeypatch.setattr(cache, "places", lambda: [kept / "file", kept / "file" / "below"])
    assert compiles() and compiles() and cache.folder() is None
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "at every start: no folder" in said and ADVICE in said


def test_a_full_disk(kept, capsys):
    """The system's own error, by a limit on the size of files."""
    cache.folder()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        results = [compiles(), compiles(0.5)]
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    said = capsys.readouterr().err
    assert results == [True, True] and said.count("\n") == 1
    assert f"cannot be kept in {cache.folder()} (File too large)" in said
    assert not [p for p in files(kept) if ".tmp" in p.name]
    assert compiles() and not compiles()


def test_a_user_without_a_home(kept, monkeypatch, tmp_path):
    monkeypatch.setattr(config, "CACHE_DIR", "")
    monkeypatch.setattr(cache.tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)  # as for an unknown uid
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    tree, private = cache.places()
    assert tree == PACKAGE / "kernels" / "__pycache__" and private == cache.temporary()
    assert private.parent == tmp_path and stat.S_IMODE(private.stat().st_mode) == 0o700


def test_a_temporary_folder_is_told_of(kept, monkeypatch, capsys):
    monkeypatch.setattr(cache.tempfile, "tempdir", str(kept))
    monkeypatch.setattr(cache, "places", lambda: [cache.made_private(cache.temporary())])
    assert compiles() and not compiles()
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and f"once: they are kept in {cache.temporary()}" in said


def test_a_temporary_folder_that_is_not_private_is_refused(tmp_path):
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    theirs.chmod(0o777)
    (tmp_path / "link").symlink_to(tmp_path)
    (tmp_path / "file").touch()
    for path in (theirs, tmp_path / "link", tmp_path / "file"):
        with pytest.raises(OSError):
            cache.made_private(path)


DRAWN = """
import pixelrnn_np as pr
from pixelrnn_np.backend import announce_compiling
announce_compiling(print)
model = pr.build_model("pixelcnn", (2, 2, 1), h=2, layers=1, head=2)
pr.sample(model, 1)
"""


def test_that_it_compiles_is_said_once_and_only_if_it_does(tmp_path):
    """Drawing needs few of the kernels; with .pyc files, as in an ordinary installation."""
    folder = copied(tmp_path)
    line = "compiling the kernels; that takes up to a minute, once\n"
    assert start(tmp_path, DRAWN) == (line, "")
    kept = " ".join(p.stem for p in folder.rglob("*.nbi"))
    for word in ("drawing.draw_row", "products.product"):
        assert word in kept
    for word in ("backward", "products.outer", "_step", "conv_forward"):
        assert word not in kept, "drawing compiles what it does not need"
    assert start(tmp_path, DRAWN) == ("", "")
    assert start(tmp_path, DRAWN + "model.nll(pr.sample(model, 1))")[0] == line


# Numba's switches

SWITCHED = """
import numba
{}
import numpy as np
from pixelrnn_np.kernels import relu_forward
x = np.array([-1.0, 2.0])
relu_forward(x, x)
print(x.tolist(), bool(numba.config.DISABLE_JIT), not hasattr(relu_forward, "py_func"))
"""


@pytest.mark.parametrize("name", ["program", "file", "1", "0", "True"])
def test_numba_is_asked_whether_it_compiles(tmp_path, name):
    folder, program, more = tmp_path / "x", "", {}
    folder.mkdir()
    if name == "program":
        program = "numba.config.DISABLE_JIT = True"
    elif name == "file":  # in the folder of the process
        (tmp_path / ".numba_config.yaml").write_text("disable_jit: 1\n")
    else:  # "True" is none of the values that Numba knows: it says so, and compiles
        more = {"NUMBA_DISABLE_JIT": name}
    (folder / "pixelrnn_np").symlink_to(PACKAGE)
    out, err = start(folder, SWITCHED.format(program), **more)
    disabled = name in ("program", "file", "1")
    assert out == f"[0.0, 2.0] {disabled} {disabled}\n"
    assert ("Environment variable 'NUMBA_DISABLE_JIT'" in err) == (name == "True")


def test_a_switch_that_comes_too_late_is_told(kept, monkeypatch):
    doubled = made()
    monkeypatch.setattr(config, "DISABLE_JIT", True)
    with pytest.raises(ValueError, match="before they are first used"):
        doubled(np.float32(1))


# What kernels are made of

ONE_KERNEL = """
import numpy as np
from pixelrnn_np.kernels import relu_forward
x = np.array([-1, 2], np.float32)
relu_forward(x, x)
print(x.tolist(), sum(relu_forward.stats.cache_hits.values()))
"""


def test_a_kernel_brings_along_the_shared_functions_that_it_calls_and_no_others(tmp_path):
    """Compiled, and out of the cache, where only their names are part of it."""
    folder = copied(tmp_path)
    for hits in (0, 1):
        assert start(tmp_path, ONE_KERNEL)[0] == f"[0.0, 2.0] {hits}\n"
        names = {p.stem.split("-")[0] for p in folder.rglob("*.nbi")}
        assert names == {"pointwise.relu_forward", "pointwise.relu_of_run"}
    for path in folder.rglob("pointwise.relu_of_run*"):
        path.unlink()  # as a full disk might have left it out
    assert start(tmp_path, ONE_KERNEL)[0] == "[0.0, 2.0] 1\n"


def test_whether_kernels_work_is_tried_on_one_product(tmp_path):
    """Nothing else is compiled for it, neither for drawing nor for training."""
    folder = copied(tmp_path)
    start(tmp_path, "from pixelrnn_np import backend; assert backend.fault_of_kernels() is None")
    names = {p.stem.split("-")[0] for p in folder.rglob("*.nbi")}
    assert names == {"tiles.products.product", "tiles.trial.trial"}


def test_a_function_inside_of_kernels_is_compiled_once_for_all_constants(kept):
    @inner
    def power(x, n):
        return x**n

    @kernel
    def polynomial(x):
        return power(x, 1) + power(x, 2) + power(x, 3)

    assert polynomial(2) == 14
    assert len(power.compiled.overloads) == 1
    assert power(3, 4) == 81, "Python calls it as it stands"


def test_the_collector_of_garbage_is_as_before_compiling(kept):
    @kernel
    def fails(x):
        return x.nothing

    assert gc.isenabled()
    assert compiles()
    with pytest.raises(TypingError):
        fails(1)
    assert gc.isenabled()
    gc.disable()
    try:
        assert compiles(0.5)
        assert not gc.isenabled()
    finally:
        gc.enable()
