"""What has to be installed: each with a reason, and nothing that one of the systems lacks."""

import re
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from test_structure import FILES, imports

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
PROJECT = tomllib.loads(TEXT)["project"]
EXTRAS = PROJECT["optional-dependencies"]
SYSTEMS = ("linux", "darwin", "win32")
IMPORTED = {"PIL": "pillow", "sklearn": "scikit-learn", "llvmlite": "numba"}


def names(lines, system="linux"):
    wanted = map(Requirement, lines)
    environment = {"sys_platform": system}
    return {r.name for r in wanted if r.marker is None or r.marker.evaluate(environment)}


def test_each_says_why_it_is_there():
    for line in (*PROJECT["dependencies"], *(x for extra in EXTRAS.values() for x in extra)):
        assert re.search(rf'"{re.escape(line)}", +# \w+', TEXT), line
        own = line.startswith("pixelrnn_np[")
        assert own or re.fullmatch(r"[\w-]+>=[\d.]+(; .*)?", line), "one lower bound, as tried"


def test_the_extras():
    assert set(EXTRAS) == {
        "notebooks", "mnist5k", "coding", "mpi", "dev", "bench", "docs", "release",
    }  # fmt: skip
    for system in SYSTEMS:
        wheels = {"mpi4py"} if system == "win32" else {"mpi4py", "mpich"}
        assert names(EXTRAS["mpi"], system) == wheels


def test_what_a_learner_installs_has_no_mpi():
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    (line,) = (line for line in lines if line and not line.startswith("#"))
    extras = re.fullmatch(r"-e \.\[(.*)\]", line)[1].split(",")
    installed = names([x for extra in extras for x in EXTRAS[extra]])
    assert {"pytest", "hypothesis", "jupyter", "nbformat"} <= installed
    assert not {"mpi4py", "mpich", "torch"} & installed


def test_all_that_is_imported_is_asked_for():
    own = {"pixelrnn_np", "__version__", *sys.stdlib_module_names, *(p.stem for p in FILES)}
    own |= {p.parent.name for p in FILES}
    needed = {IMPORTED.get(n, n) for p in FILES for n in imports(p)} - own
    optional = {
        "IPython",
        *names(EXTRAS["notebooks"]),
        *names(EXTRAS["mpi"]),
        *names(EXTRAS["coding"]),
    }
    assert needed - optional <= names(PROJECT["dependencies"]) <= needed


@pytest.mark.parametrize("target", ["test", "lint", "demo"])
def test_makes_own_environment_has_mpi(target):
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert "install --quiet -r requirements.txt -e '.[mpi]'" in makefile
    assert f"{target}: $(READY)" in makefile and "make test" in (ROOT / ".ci" / "run").read_text()
