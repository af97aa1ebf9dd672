"""The site: builds without a warning, no link is broken, nothing comes from another host.

Needs the extra `docs`; the pages' console needs Chromium and its driver as well.
"""

import html.parser
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from urllib.parse import unquote, urlsplit

import check_site
import pytest

import pixelrnn_np as pr
from pixelrnn_np.cli.app import app

pytest.importorskip("myst_nb", reason="the site needs the extra `docs`: pip install -e '.[docs]'")
pytest.importorskip("sphinx_book_theme", reason="the site needs the extra `docs`")

ROOT = Path(__file__).resolve().parent.parent

# What a browser fetches by itself; a link to follow is none of them.
FETCHED = {"script": "src", "img": "src", "iframe": "src", "source": "src", "video": "src",
           "audio": "src", "embed": "src", "object": "data", "link": "href"}  # fmt: skip
NOT_FETCHED = {"canonical", "next", "prev", "search", "index", "author"}


class Page(html.parser.HTMLParser):
    """Links, anchors and fetched addresses of a page."""

    def __init__(self, text):
        super().__init__()
        self.links, self.anchors, self.fetched = [], {"", "top"}, []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.anchors |= {found[key] for key in ("id", "name") if found.get(key)}
        if tag == "a" and found.get("href"):
            self.links.append(found["href"])
        address = found.get(FETCHED.get(tag))
        if address and found.get("rel") not in NOT_FETCHED:
            self.fetched.append(address)


def is_foreign(address):
    return urlsplit(address).scheme in ("http", "https") or address.startswith("//")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The folder of a site that was built just now, with warnings as errors."""
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-b", "html",
         "-d", folder / "doctrees", ROOT / "docs", folder / "html"],
        capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder / "html"


@pytest.fixture(scope="module")
def pages(site):
    paths = set(site.rglob("*.html")) - set(site.glob("_static/**/*"))  # there: the theme's parts
    return {p.resolve(): Page(p.read_text(encoding="utf-8")) for p in paths}


def broken(path, link, pages):
    """Whether a link within the site leads nowhere."""
    parts = urlsplit(link)
    if parts.scheme or link.startswith("//"):
        return False
    target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
    if not target.is_file():
        return True
    return target in pages and unquote(parts.fragment) not in pages[target].anchors


def test_no_link_within_the_site_is_broken(site, pages):
    wrong = [
        f"{path.relative_to(site.resolve())}: {link}"
        for path, page in pages.items()
        for link in page.links
        if broken(path, link, pages)
    ]
    assert not wrong, "\n".join(wrong)
    assert sum(len(page.links) for page in pages.values()) > 1000


def test_the_crawler_sees_what_is_broken(site, pages):
    home = (site / "index.html").resolve()
    assert not broken(home, "results.html", pages)
    assert not broken(home, "https://arxiv.org/abs/1601.06759", pages)
    assert broken(home, "nowhere.html", pages) and broken(home, "results.html#nowhere", pages)
    assert Page('<script src="https://cdn.example/x.js"></script>').fetched
    assert Page('<link rel="stylesheet" href="//fonts.example/x.css">').fetched


def test_nothing_comes_from_another_host(site, pages):
    wrong = [(str(path), a) for path, page in pages.items() for a in page.fetched if is_foreign(a)]
    assert not wrong
    for style in site.rglob("*.css"):
        text = style.read_text(encoding="utf-8")
        for mark in ('url("http', "url('http", "url(http", "url(//", '@import "http'):
            assert mark not in text, f"{style.name} fetches from another host"


def test_every_page_of_the_course_is_there(site, pages):
    notebooks = sorted((ROOT / "notebooks").glob("**/[0-9][0-9]*_*.ipynb"))
    assert len(notebooks) == 2 * len(list((ROOT / "notebooks").glob("[0-9][0-9]*_*.py")))
    for source in notebooks:
        name = source.relative_to(ROOT / "notebooks").with_suffix(".html")
        page = pages[(site / "course" / name).resolve()]
        wanted = [link for link in page.links if link.endswith(source.name)]
        assert wanted, f"{name} has no link to its notebook"
        downloaded = (site / "course" / name).parent / wanted[0]
        assert downloaded.read_bytes() == source.read_bytes()
    text = (site / "course" / "05_row_lstm.html").read_text(encoding="utf-8")
    assert "minutes to read" in text and "../source/layers/row_lstm.html" in text


def test_public_names_and_commands_are_described(site, pages):
    described = set().union(*(pages[p].anchors for p in pages if p.parent.name == "api"))
    assert {f"pixelrnn_np.{name}" for name in pr.__all__} <= described
    commands = {c.name or c.callback.__name__ for c in app.registered_commands}
    assert commands <= pages[(site / "guide" / "options.html").resolve()].anchors


def test_search_has_an_index_of_pages_and_none_of_source(site):
    index = (site / "searchindex.js").read_text(encoding="utf-8")
    assert "course/05_row_lstm" in index
    assert index.count('"source/') <= 2 * len(list(site.glob("source/**/*.html")))


def test_pictures_have_words(site):
    """Every figure of a page of ours says what it shows."""
    pages = ("index.html", "guide/command-line.html", "guide/pretrained.html")
    course = ("00_tour", "01_pixel_by_pixel", "02_softmax_pixels", "03_masked_convolution",
              "04_pixelcnn", "05_row_lstm", "06_diagonal_bilstm", "10_loops_to_numba",
              "11_catch_the_leak", "13_all_of_it")  # fmt: skip
    for page in (*pages, *(f"course/{name}.html" for name in course)):
        text = (site / page).read_text(encoding="utf-8")
        alts = Counter("alt=" in tag.split(">")[0] for tag in text.split("<img")[1:])
        assert alts[True] and not alts[False], page


def test_every_page_opens_in_chromium(site):
    """Without an error in the console, a failed request, or a page wider than its window."""
    if lack := check_site.missing():
        pytest.skip(f"{lack} is missing")
    found, count = check_site.check(site)
    assert not found, found
    assert count > 50
