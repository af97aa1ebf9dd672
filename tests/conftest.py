"""Shared by the tests: random numbers; for the data sets an empty cache and no network."""

import numpy as np
import pooch
import pytest

from pixelrnn_np.data import files


@pytest.fixture
def rng():
    return np.random.default_rng(20160125)


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
