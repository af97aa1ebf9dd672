"""README.md: its length, links, pictures, commands, its Python, and what the package index gets."""

import re
import shlex
import sys
import tomllib
from pathlib import Path

import pytest
import typer

import pixelrnn_np as pr
from pixelrnn_np.cli.app import app

ROOT = Path(__file__).resolve().parent.parent
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
LINKS = re.findall(r"(!?)\[([^\]]*)\]\(([^)]+)\)", TEXT)


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", TEXT, re.S)


def test_it_is_short():
    assert len(TEXT.splitlines()) <= 150


def headings(text):
    return {
        re.sub(r"[^\w -]", "", line.lstrip("# ").lower()).replace(" ", "-")
        for line in text.splitlines()
        if line.startswith("#")
    }


def test_links_lead_somewhere_and_pictures_have_words():
    for mark, words, target in LINKS:
        assert words or not mark, target
        if target.startswith("https://"):
            continue
        path, _, part = target.partition("#")
        assert (ROOT / path).exists(), target
        text = (ROOT / path).read_text(encoding="utf-8") if path and part else TEXT
        assert not part or part in headings(text), target


def test_the_paper_s_sections_link_to_their_files():
    rows = re.findall(r"^\| §.*?\| (.*?) \|", TEXT, re.M)
    assert len(rows) == 10
    for cell in rows:
        assert re.fullmatch(r"\[`(pixelrnn_np/[\w/]+\.py)`\]\(\1\)", cell), cell


def test_files_that_it_names_are_there():
    for path in re.findall(r"`(pixelrnn_np/[\w/]+\.py)`", TEXT):
        assert (ROOT / path).is_file(), path
    for name in re.findall(r"--pretrained ([\w-]+)", TEXT):
        assert name == "NAME" or name in pr.list_pretrained()


def test_extras_that_the_texts_name_are_there():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras, found = project["optional-dependencies"], []
    for path in [*ROOT.glob("*.md"), *(ROOT / "docs").glob("**/*.md")]:
        text = path.read_text(encoding="utf-8")
        found += re.findall(r"(?:pixelrnn_np|['\" ]\.)\[([\w,]+)\]", text)
    assert len(found) >= 2
    assert {name for names in found for name in names.split(",")} <= set(extras)


def test_its_commands_are_the_package_s():
    known = typer.main.get_command(app).commands
    lines = [line for block in blocks("shell") for line in block.splitlines()]
    found = [shlex.split(line, comments=True) for line in lines if line.startswith("pixelrnn")]
    assert len(found) >= 4
    for _, name, *words in found:
        options = {option for p in known[name].params for option in p.opts}
        assert {word for word in words if word.startswith("-")} <= options, name


def test_its_python_runs(monkeypatch):
    pytest.importorskip("constriction", reason="compress needs the extra `coding`")
    code = blocks("python")[0].replace("epochs=5", "epochs=1").replace("layers=3", "layers=1")
    names = {}
    exec(code, names)
    assert (pr.decompress(names["model"], names["data"]) == names["test"]).all()
    exec(blocks("python")[1], names)


def test_the_package_index_gets_addresses(monkeypatch):
    monkeypatch.syspath_prepend(ROOT)
    monkeypatch.delitem(sys.modules, "setup", raising=False)
    from setup import with_addresses

    text = with_addresses(TEXT, "https://example.org/source")
    assert "](docs/" not in text and "](https://example.org/source/docs/guide" in text
    assert "](https://arxiv.org/abs/1601.06759)" in text and "](#results)" in text
