"""Builds sdist and wheel, checks their metadata and contents, and runs the wheel alone.

    python tools/release_check.py

The wheel is installed in a new environment without extras, where `train`, `sample` and `evaluate`
have to work in an empty folder. The sdist has to hold the tests, and what they need. dist/ is made
anew. Exits with the first thing that is wrong.
"""

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DIST = ROOT / "dist"
IN_SDIST = (
    "LICENSE", "CHANGELOG.md", "CITATION.cff", "Makefile", "requirements.txt", "tests/conftest.py",
    "tests/test_models.py", "tests/golden/pixelcnn_binary.safetensors", "tests/soak/run.py",
    "tools/ship.py", "benchmarks/report.py", "docs/conf.py", "notebooks/05_row_lstm.ipynb",
    "notebooks/solutions/05_row_lstm.py",
)  # fmt: skip
IN_WHEEL = (
    "pixelrnn_np/__init__.py", "pixelrnn_np/pretrained/digits-diagonal_bilstm.safetensors",
    "pixelrnn_np/pages/page.html", "pixelrnn_np/pages/network.js", "pixelrnn_np/pages/style.css",
)  # fmt: skip
COMMANDS = (
    "train --data digits --epochs 1 --layers 1 --h 4 --head 4 --out run --quiet",
    "sample run -n 4 -o samples.png --quiet",
    "evaluate run --split test",
    "evaluate --pretrained digits-diagonal_bilstm --split test --limit 8",
    "page run -o page.html --quiet",
)


def run(*words, cwd=ROOT):
    print("$", *words, flush=True)
    alone = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    if subprocess.run([str(w) for w in words], cwd=cwd, env=alone).returncode:
        sys.exit(f"failed: {' '.join(map(str, words))}")


def build():
    """dist/ with one sdist and one wheel, whose metadata twine accepts: (sdist, wheel)."""
    shutil.rmtree(DIST, ignore_errors=True)
    run(sys.executable, "-m", "build", "--outdir", DIST, ROOT)
    (sdist,), (wheel,) = DIST.glob("*.tar.gz"), DIST.glob("*.whl")
    run(sys.executable, "-m", "twine", "check", "--strict", sdist, wheel)
    return sdist, wheel


def check_contents(sdist, wheel):
    with tarfile.open(sdist) as archive:
        inside = {name.partition("/")[2] for name in archive.getnames()}
    with zipfile.ZipFile(wheel) as archive:
        packed = set(archive.namelist())
    lacking = [n for n in IN_SDIST if n not in inside] + [n for n in IN_WHEEL if n not in packed]
    if lacking:
        sys.exit(f"missing in dist: {', '.join(lacking)}")
    stray = [n for n in packed if not n.startswith("pixelrnn_np")]
    if stray:
        sys.exit(f"the wheel holds more than the package: {', '.join(stray)}")


def try_wheel(wheel):
    """The wheel and its dependencies alone, in an empty folder."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "environment"
        venv.create(home, with_pip=True)
        scripts = home / ("Scripts" if sys.platform == "win32" else "bin")
        run(scripts / "python", "-m", "pip", "install", "--quiet", wheel, cwd=folder)
        for command in COMMANDS:
            run(scripts / "pixelrnn", *command.split(), cwd=folder)
        if not (Path(folder) / "samples.png").stat().st_size:
            sys.exit("sample wrote nothing")


def main():
    sdist, wheel = build()
    check_contents(sdist, wheel)
    try_wheel(wheel)
    sizes = ", ".join(f"{p.name} {p.stat().st_size / 1e6:.1f} MB" for p in (sdist, wheel))
    print(f"{sizes}: ready")


if __name__ == "__main__":
    main()
