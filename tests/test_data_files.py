"""Where the files of the data sets come from: a folder, the cache, mirrors; no wrong one stays."""

import pooch
import pytest
import requests
from data_checks import fails, sha

from pixelrnn_np.data import files, load_data

pytestmark = pytest.mark.usefixtures("cache")

DATA = b"published bytes"
CACHE_FOLDER = files.cache_folder  # the real one, which the fixture `cache` takes away
URLS = ["https://one.example/f.bin", "https://two.example/f.bin"]


def test_present_file_in_another_form(folder, cache, network):
    """Nearer folders come first, and of one folder the published name; a folder is no file."""
    cache.mkdir()
    (cache / "f.bin").write_bytes(DATA)
    (folder / "f.bin").mkdir()
    assert files.locate("f.bin", sha(DATA), URLS, others=["f"]) == cache / "f.bin"
    (folder / "f").write_bytes(DATA)
    assert files.locate("f.bin", sha(DATA), URLS, others=["f"]) == folder / "f"
    assert network[1] == []


def test_present_file_is_not_downloaded(folder, cache, network):
    cache.mkdir()
    (cache / "f.bin").write_bytes(DATA)
    assert files.locate("f.bin", sha(DATA), URLS) == cache / "f.bin"
    (folder / "f.bin").write_bytes(DATA)
    assert files.locate("f.bin", sha(DATA), URLS) == folder / "f.bin"
    assert network[1] == []


@pytest.mark.parametrize("kind", ["missing", "file"])
def test_variable_that_names_no_folder(kind, tmp_path, monkeypatch):
    path = tmp_path / "nowhere"
    if kind == "file":
        path.write_bytes(b"")
    monkeypatch.setenv("PIXELRNN_DATA", str(path))
    for name in ("mnist", "binarized_mnist"):
        with fails(ValueError, "PIXELRNN_DATA", str(path), "existing folder"):
            load_data(name)
    assert len(load_data("digits")) == 1297


@pytest.mark.parametrize("answer", [RuntimeError("no home"), "~/.cache/pixelrnn_np"])
def test_a_user_without_a_home(answer, folder, network, monkeypatch):
    """A uid without an entry in passwd: platformdirs raises, or leaves the ~ as it is."""

    def os_cache(project):
        if isinstance(answer, str):
            return answer
        raise answer

    monkeypatch.setattr(files, "cache_folder", CACHE_FOLDER)
    monkeypatch.setattr(pooch, "os_cache", os_cache)
    (folder / "f.bin").write_bytes(DATA)
    assert files.locate("f.bin", sha(DATA), URLS) == folder / "f.bin"
    with fails(OSError, "no home", "set HOME", "PIXELRNN_DATA"):
        files.locate("g.bin", sha(DATA), URLS)
    assert network[1] == []


# --- downloads ---------------------------------------------------------------------------------


def test_download_message(network, cache, capfd, monkeypatch):
    network[0][URLS[0]] = DATA
    logger, records = pooch.get_logger(), []
    monkeypatch.setattr(logger, "handle", records.append)
    level = logger.level
    path = files.locate("f.bin", sha(DATA), URLS, size=12_345_678)
    assert path == cache / "f.bin" and path.read_bytes() == DATA
    out, err = capfd.readouterr()
    assert records == [] and logger.level == level
    assert out == ""
    assert err == f"downloading f.bin (12.3 MB) from {URLS[0]} to {cache}\n"


def test_what_is_missing_is_said_before_the_network_is_asked(network, folder, capfd):
    network[0][URLS[0]] = DATA
    for name in "abcdefg":
        (folder / f"{name}.bin").write_bytes(b"x")
    (folder / "MNIST").mkdir()
    (folder / ".hidden").mkdir()
    files.locate("f2.bin", sha(DATA), URLS, others=["f3"], forms="F3", note="G is no good")
    first, second = capfd.readouterr().err.splitlines()
    assert first == (
        f"PIXELRNN_DATA: {folder} has no f2.bin (or F3); it holds MNIST/, a.bin, b.bin, c.bin, "
        "d.bin and 3 more. G is no good"
    )
    assert second.startswith("downloading f2.bin from")


def test_a_progress_bar_is_asked_for(monkeypatch, network):
    network[0][URLS[0]] = DATA
    asked = []
    retrieve = pooch.retrieve
    monkeypatch.setattr(pooch, "retrieve", lambda *a, **k: asked.append(k) or retrieve(*a, **k))
    files.locate("f.bin", sha(DATA), URLS)
    assert asked == [{"progressbar": True}]


BROKEN = [
    requests.exceptions.ConnectionError("connection\nreset"),
    requests.exceptions.HTTPError("404"),
    OSError("no space left"),
    b"another file, or half of it",
]


@pytest.mark.parametrize("first", BROKEN, ids=["reset", "404", "disk", "checksum"])
def test_mirrors_are_tried_in_turn(first, network, cache):
    pages, asked = network
    pages.update(zip(URLS, [first, DATA], strict=True))
    assert files.locate("f.bin", sha(DATA), URLS).read_bytes() == DATA
    assert asked == URLS
    assert [p.name for p in cache.iterdir()] == ["f.bin"]


@pytest.mark.parametrize("page", BROKEN, ids=["reset", "404", "disk", "checksum"])
def test_all_mirrors_fail(page, network, cache):
    pages, asked = network
    pages.update(dict.fromkeys(URLS, page))
    with fails(OSError, "f.bin", *URLS, str(cache / "f.bin"), "by hand", "PIXELRNN_DATA"):
        files.locate("f.bin", sha(DATA), URLS)
    assert asked == URLS
    assert list(cache.iterdir()) == []


def test_an_interrupted_download_leaves_nothing(network, cache):
    network[0][URLS[0]] = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        files.locate("f.bin", sha(DATA), URLS)
    assert list(cache.iterdir()) == []
