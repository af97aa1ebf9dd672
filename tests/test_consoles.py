"""Code pages without × or ⊙ stop no command after its work, and no print of what we give."""

import ast
import io
import os
import subprocess
import sys

import numpy as np
import pytest
from test_structure import FILES

import pixelrnn_np as pr
from pixelrnn_np import console, course, figures
from pixelrnn_np.models import MODELS

PAGES = ["ascii", "cp437", "cp850", "cp932", "cp1251", "cp1252", "latin-1"]


def run(words, page):
    """Standard output of a process with that encoding, as bytes."""
    done = subprocess.run(
        [sys.executable, *words], env={**os.environ, "PYTHONIOENCODING": page, "PYTHONUTF8": "0"},
        capture_output=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("words", [
    ["check", "--model", "pixelcnn"], ["pretrained"], ["pretrained", "digits-diagonal_bilstm"],
    ["evaluate", "--pretrained", "digits-diagonal_bilstm", "--limit", "2"], ["--help"],
    *([name, "--help"] for name in ("train", "complete", "animate", "explain")),
], ids=" ".join)  # fmt: skip
def test_commands_end_well(words):
    said = run(["-m", "pixelrnn_np", *words], "cp1251").decode("cp1251")
    assert said and "?" not in said.replace("falling?", ""), said


def test_what_a_code_page_has_is_kept_and_the_rest_is_spelt():
    words = ["-m", "pixelrnn_np", "check", "--model", "pixelcnn"]
    for page, size in (("cp1252", "3×4×3"), ("cp1251", "3x4x3"), ("utf-8", "3×4×3")):
        assert size in run(words, page).decode(page)


PRINTS = """
import numpy as np, pixelrnn_np as pr
from pixelrnn_np.course.checking import Verdict
for name in ("pixelcnn", "row_lstm", "diagonal_bilstm", "multi_scale"):
    model = pr.build_model(name, (4, 4, 1), h=2, layers=1, head=2)
    print(model.summary(), model, model.receptive_field())
    print(pr.record(model, np.ones((1, 4, 4, 1), np.uint8)))
print(pr.figures.Table(["≤", "⊙"], [["σ", 1.0]]))
for state in ("right", "wrong", "not done yet"):
    print(Verdict("1.1", state, "× and ᵀ"))
"""


def test_what_users_print(tmp_path):
    path = tmp_path / "prints.py"
    path.write_text("import pixelrnn_np.figures" + PRINTS, encoding="utf-8")
    for page in PAGES:
        said = run([str(path)], page).decode(page)
        assert "diagonal_bilstm: 4x4x1" in said and "blocks.0.lstm.l2r.o" in said


@pytest.mark.parametrize("name", MODELS)
def test_a_summary_fits_into_any_file(name):
    assert pr.build_model(name, (4, 4, 3), levels=4, h=4, layers=1).summary().isascii()


def test_tables_keep_their_columns(monkeypatch):
    table = figures.Table(["a", "b"], [["≤ 1", "x"], ["22", "y"]])
    page = io.TextIOWrapper(io.BytesIO(), "ascii")
    monkeypatch.setattr(sys, "stdout", page)
    assert repr(table).splitlines() == ["a     b", "<= 1  x", "22    y"]
    assert "sigma(z_o)" in console.shown("σ(z_o)") and console.shown("語") == "?"


def test_verdicts_say_the_same(monkeypatch):
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), "cp1251"))
    verdict = course.exercise("0.0")(lambda answer: None)(3)
    assert repr(verdict) == "+ Exercise 0.0: right"


def test_streams_that_are_none_or_strange(monkeypatch):
    """A program without a console has None; some programs put an object of their own there."""
    stream = io.TextIOWrapper(io.BytesIO(), "ascii", errors="surrogateescape")
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", stream)
    console.forgive()
    assert stream.errors == "surrogateescape" and console.shown("×") == "×"
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    console.forgive()
    assert console.shown("×") == "×"


def test_a_silent_rank_prints_nowhere_without_an_error():
    """Nowhere has an encoding as well: by default the locale's."""
    code = """
from pixelrnn_np.parallel.ranks import silent
with silent():
    print(chr(0xD7), chr(0xDC80))
"""
    locale = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    done = subprocess.run([sys.executable, "-c", code], env=os.environ | locale)
    assert done.returncode == 0


def test_errors_are_ascii():
    """They are printed too, by `except ValueError as e: print(e)`."""
    for path in (p for p in FILES if p.parent.name != "course"):  # shown by a Verdict
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Raise):
                for part in ast.walk(node):
                    if isinstance(part, ast.Constant) and isinstance(part.value, str):
                        assert part.value.isascii(), f"{path.name}: {part.value}"


def test_the_spelling_covers_what_the_package_says():
    said = str(pr.record(pr.build_model("multi_scale", (4, 4, 1), h=2, layers=1, head=2),
                         np.ones((1, 4, 4, 1), np.uint8)))  # fmt: skip
    said += "".join(map(pr.pretrained.card_text, map(pr.pretrained_card, pr.list_pretrained())))
    assert {c for c in said if not c.isascii()} <= set(console.SPELT)
