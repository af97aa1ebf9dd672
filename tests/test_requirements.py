"""What has to be installed: each with a reason, and nothing that one of the systems lacks."""

import re
import sys
import tomllib
from pathlib import Path

import pytest
import tiers
from packaging.requirements import Requirement
from test_structure import FILES, imports

ROOT = Path(__file__).resolve().parents[1]
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
TEXT = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
PROJECT = tomllib.loads(TEXT)["project"]
EXTRAS = PROJECT["optional-dependencies"]
SYSTEMS = ("linux", "darwin", "win32")
IMPORTED = {"PIL": "pillow", "sklearn": "scikit-learn", "llvmlite": "numba"}


def names(lines, system="linux", machine="x86_64"):
    wanted = map(Requirement, lines)
    environment = {"sys_platform": system, "platform_machine": machine}
    return {r.name for r in wanted if r.marker is None or r.marker.evaluate(environment)}


def test_each_says_why_it_is_there():
    for line in (*PROJECT["dependencies"], *(x for extra in EXTRAS.values() for x in extra)):
        assert re.search(rf'"{re.escape(line)}", +# \w+', TEXT), line
        own = line.startswith("pixelrnn_np[")
        assert own or re.fullmatch(r"[\w-]+>=[\d.]+(; .*)?", line), "one lower bound, as tried"


def test_the_extras():
    assert set(EXTRAS) == {
        "notebooks", "mnist5k", "coding", "mpi", "test", "dev", "bench", "docs", "release",
    }  # fmt: skip
    for system in SYSTEMS:
        wheels = {"mpi4py"} if system == "win32" else {"mpi4py", "mpich"}
        assert names(EXTRAS["mpi"], system) == wheels


def test_what_a_learner_installs_is_neither_mpi_nor_a_developers_tool():
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    (line,) = (line for line in lines if line and not line.startswith("#"))
    extras = re.fullmatch(r"-e \.\[(.*)\]", line)[1].split(",")
    installed = names([x for extra in extras for x in EXTRAS[extra]])
    assert {"pytest", "hypothesis", "jupyter", "nbformat"} <= installed
    assert not {"mpi4py", "mpich", "torch", "ruff", "pre-commit"} & installed


def test_what_a_learner_installs_needs_no_compiler():
    """Constriction has wheels for all but Linux on ARM, where the rest installs without it."""
    for extra in ("test", "notebooks"):
        assert "pixelrnn_np" not in names(EXTRAS[extra], "linux", "aarch64")
        for system, machine in (("linux", "x86_64"), ("darwin", "arm64"), ("win32", "AMD64")):
            assert "pixelrnn_np" in names(EXTRAS[extra], system, machine)


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


@pytest.mark.parametrize("target", ["test", "test-slow", "lint", "demo"])
def test_makes_own_environment_has_mpi_and_the_linter(target):
    assert "install --quiet -r requirements.txt -e '.[dev,mpi]'" in MAKEFILE
    assert f"{target}: $(READY)" in MAKEFILE


def test_ci_runs_both_tiers_once_and_the_site():
    lines = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    run = [line.removeprefix("make ") for line in lines if line.startswith("make ")]
    assert run == ["browser", "lint", "test", "test-slow", "docs", "test-site"]
    assert '-m "not slow"' in MAKEFILE and "-m slow" in MAKEFILE


def test_the_slow_tests_exist_and_no_oracle_is_among_them():
    for name in tiers.SLOW:
        file, _, function = name.partition("::")
        text = (ROOT / "tests" / file).read_text(encoding="utf-8")
        assert f"def {function or 'test_'}" in text, name
    oracles = {"golden", "gradcheck", "kernels", "layers", "lstm", "models", "optim", "step"}
    assert not {f"test_{name}.py" for name in oracles} & tiers.SLOW
