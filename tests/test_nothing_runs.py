"""A file from a stranger executes nothing: by what Python itself says that it does."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import pixelrnn_np as pr

PACKAGE = Path(pr.__file__).parent
# Loads good files, so that imports are done; then hostile ones, while Python tells what it does.
WORK = """
import contextlib, io, json, os, pickle, sys, tempfile
from pathlib import Path
import numpy as np
from tests.soak.fuzz_readers import READERS, Trap
from pixelrnn_np import checkpoint
from pixelrnn_np.runs.reading import load_run

armed, found = False, set()
FORBIDDEN = ("exec", "import", "pickle.", "os.system", "os.exec", "os.fork", "os.posix_spawn",
             "subprocess.", "socket.", "ctypes.", "marshal.", "code.")

def hear(event, args):
    if armed and event.startswith(FORBIDDEN):
        found.add(event)
    if armed and event == "open":
        path, mode, flags = args
        if (mode and set(mode) & set("wax+")) or (flags or 0) & (os.O_WRONLY | os.O_RDWR):
            found.add("write")

sys.addaudithook(hear)
folder = Path(tempfile.mkdtemp())
evil = pickle.dumps(Trap())

def hostile(good):
    code = "__import__('os').system('echo run')"
    yield from (evil, b"\\x80\\x04" + evil, code.encode(), b"PK\\3\\4" + evil, evil + good)
    meta = {"model": {"name": code, "dtype": code}, "trainer": {"settings": {"lr": code}}}
    meta["data"] = {"name": code}
    arrays = {"first.K": np.frombuffer(evil, np.uint8), code: np.zeros(3)}
    checkpoint.save(folder / "s", arrays, meta)
    yield (folder / "s").read_bytes()
    file = io.BytesIO()
    np.savez(file, test=np.array([Trap()], object), train=np.array([Trap()], object))
    yield file.getvalue()
    file = io.BytesIO()
    np.save(file, np.array([Trap()], object))
    yield file.getvalue()
    yield from (good[:k] + evil + good[k:] for k in (8, 64, len(good) // 2))

def calm(read):
    with contextlib.suppress(ValueError, OSError):
        read()

if sys.argv[1] == "self":
    armed = True
    with contextlib.redirect_stdout(io.StringIO()):
        pickle.loads(evil)
    import wave
    open(folder / "x", "w").close()
    exec("1")
else:
    reader = READERS[sys.argv[1]](folder)
    reader.warm()
    for k in range(40):
        reader.write(1, k)
        calm(reader.read)
    good = reader.path.read_bytes()
    reader.run = None  # what a run writes is its own
    for data in hostile(good):
        for again in range(2):  # the first time something may be imported to say what is wrong
            reader.path.write_bytes(data)
            armed = again == 1
            calm(lambda: load_run(folder) if sys.argv[1] == "checkpoint" else reader.read())
            armed = False
print(json.dumps(sorted(found)))
"""


def events(name):
    command, root = [sys.executable, "-c", WORK, name], Path(__file__).resolve().parent.parent
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_watch_sees_what_runs():
    found = events("self").splitlines()[-1]
    for event in ("pickle.find_class", "os.system", "import", "exec", "write"):
        assert f'"{event}"' in found


@pytest.mark.parametrize("name", ["model", "checkpoint", "npz", "idx", "cifar"])
def test_loading_executes_nothing(name):
    assert events(name) == "[]"


def test_nothing_in_the_package_could():
    """No pickle, no eval; NumPy reads arrays with allow_pickle=False."""
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                names = {a.name.split(".")[0] for a in node.names}
                names.add((getattr(node, "module", None) or "").split(".")[0])
                assert not names & {"pickle", "marshal", "shelve", "dill", "joblib", "cloudpickle"}
            if isinstance(node, ast.Call):
                name = getattr(node.func, "id", None) or getattr(node.func, "attr", None)
                owner = getattr(getattr(node.func, "value", None), "id", None)
                builtin = isinstance(node.func, ast.Name) or owner == "builtins"
                assert not builtin or name not in ("eval", "exec", "compile", "__import__"), path
                if name == "read_array" or (owner == "np" and name == "load"):
                    allowed = {k.arg: getattr(k.value, "value", None) for k in node.keywords}
                    assert allowed.get("allow_pickle") is False, path
