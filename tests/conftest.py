"""Shared by the tests: random numbers; the command line; for data sets no cache and no network."""

import sys

import numpy as np
import pooch
import pytest
import requests
from command_line import TINY, tree
from tiers import is_slow

from pixelrnn_np.cli import app as cli
from pixelrnn_np.data import files

pytest.register_assert_rewrite("data_checks", "small_trainer")


def pytest_collection_modifyitems(items):
    for item in items:
        if is_slow(item):
            item.add_marker(pytest.mark.slow)


@pytest.fixture
def rng():
    return np.random.default_rng(20160125)


@pytest.fixture
def call(monkeypatch, capsys):
    """Runs a command line in this process: (exit code, stdout, stderr)."""

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["pixelrnn", *map(str, words)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as e:
            cli.main()
        shown = capsys.readouterr()
        return e.value.code or 0, shown.out, shown.err

    return run


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """The folder of a run of one epoch; no test changes it."""
    out = tmp_path_factory.mktemp("runs") / "digits"
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as e:
        words = ["train", "--out", out, *TINY, "--epochs", 1, "--samples", 9, "--seed", 3]
        patch.setattr(sys, "argv", ["pixelrnn", *map(str, words)])
        cli.main()
    assert not e.value.code
    return out


@pytest.fixture
def refuse(call, tmp_path):
    """Runs a command line that has to fail in one line, and to change no file."""

    def run(*words, code=2):
        before = tree(tmp_path)
        found, out, err = call(*words)
        assert (found, out) == (code, "")
        assert err.startswith("error: ") and err.endswith("\n") and err.count("\n") == 1, err
        assert "Traceback" not in err and tree(tmp_path) == before
        return err

    return run


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache, no PIXELRNN_DATA, and a network that fails the test."""
    folder = tmp_path / "cache"
    monkeypatch.setattr(files, "cache_folder", lambda: folder)
    monkeypatch.delenv("PIXELRNN_DATA", raising=False)

    def refuse(self, url, *args, **kwargs):
        pytest.fail(f"a test asked the network for {url}")

    monkeypatch.setattr(pooch.HTTPDownloader, "__call__", refuse)
    return folder


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder that PIXELRNN_DATA names."""
    path = tmp_path / "data"
    path.mkdir()
    monkeypatch.setenv("PIXELRNN_DATA", str(path))
    return path


@pytest.fixture
def network(monkeypatch):
    """A fake network {url: bytes, or an exception to raise half-way}, and the list of its calls."""
    pages, asked = {}, []

    def download(self, url, output_file, pooch):
        asked.append(url)
        page = pages.get(url, requests.exceptions.ConnectionError(f"no route\nto {url}"))
        with open(output_file, "wb") as file:
            if isinstance(page, BaseException):
                file.write(b"the first half")
                raise page
            file.write(page)

    monkeypatch.setattr(pooch.HTTPDownloader, "__call__", download)
    return pages, asked


@pytest.fixture(scope="session", autouse=True)
def no_word_of_compiling():
    """That kernels are compiled is said once per process: which test is first is chance."""
    from pixelrnn_np.kernels import cache

    cache.tell_compiling()
