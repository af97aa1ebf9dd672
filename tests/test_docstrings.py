"""The public face has types, numpydoc sections, and examples that run."""

import doctest
import importlib
import inspect
import pkgutil
import re

import numpy as np
import pytest

import pixelrnn_np as pr
from pixelrnn_np.models.base import Model
from pixelrnn_np.models.multi_scale import MultiScale

MODULES = [
    "pixelrnn_np",
    *(m.name for m in pkgutil.walk_packages(pr.__path__, "pixelrnn_np.") if "__main__" not in m[1]),
]


@pytest.mark.parametrize("name", MODULES)
def test_examples_run(name, monkeypatch, tmp_path):
    """On the readable twins, so that nothing is compiled."""
    monkeypatch.chdir(tmp_path)
    examples = {"np": np, "pr": pr}
    with pr.use_backend("reference"):
        failed, _ = doctest.testmod(importlib.import_module(name), extraglobs=examples)
    assert not failed


LAYERED = r"pixelrnn_np\.(models|training)\."  # not the Layer below a Model


def public():
    """(name, function, property or class) of the public face."""
    yield from ((name, getattr(pr, name)) for name in pr.__all__)
    for owner in (Model, MultiScale, pr.Trainer):
        for name, member in inspect.getmembers(owner):
            function = called(member)
            ours = inspect.isfunction(function) and re.match(LAYERED, function.__module__)
            if ours and not name.startswith("_"):
                yield f"{owner.__name__}.{name}", member


def called(member):
    return member.fget if isinstance(member, property) else member


FACE = dict(public())


def sections(text):
    """{title: lines} of a numpydoc docstring."""
    parts = re.split(r"^(\w[\w ]*)\n-{3,}\n", text, flags=re.M)
    return dict(zip(parts[1::2], (part.splitlines() for part in parts[2::2]), strict=True))


@pytest.mark.parametrize("name", FACE)
def test_the_public_face_has_types(name):
    function = called(FACE[name])
    function = function.__init__ if inspect.isclass(function) else function
    signature = inspect.signature(function)
    for parameter in signature.parameters.values():
        assert parameter.name == "self" or parameter.annotation is not parameter.empty, parameter
    assert signature.return_annotation is not signature.empty


@pytest.mark.parametrize("name", FACE)
def test_the_public_face_has_sections(name):
    text, signature = inspect.getdoc(FACE[name]), inspect.signature(called(FACE[name]))
    assert re.match(r".*\.\n\n", text), "a summary is one line, and a sentence"
    found = sections(text)
    described = [
        argument.strip()
        for line in found.get("Parameters", []) if line[:1].strip() and " : " in line
        for argument in line.split(" : ")[0].split(",")
    ]  # fmt: skip
    assert described == [p for p in signature.parameters if p != "self"]
    if not inspect.isclass(FACE[name]) and signature.return_annotation is not None:
        assert found["Returns"]
    assert any(line.startswith(">>>") for line in found["Examples"])


def test_the_reader_of_docstrings_sees_what_is_missing():
    text = "Sums.\n\nParameters\n----------\na, b : int\n    Numbers.\n\nReturns\n-------\nint\n"
    assert sections(text)["Parameters"][:2] == ["a, b : int", "    Numbers."]
    assert list(sections(text)) == ["Parameters", "Returns"]
    assert {"sample", "Trainer", "Trainer.fit", "Model.nll", "MultiScale.logits"} <= set(FACE)
