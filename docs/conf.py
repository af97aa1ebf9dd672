"""The site: `make docs` puts it into docs/_build. No page asks another host for anything.

What can be read from the package or the repository is generated first, into folders that git
ignores: the course (course.py), pages of source (sources.py), tables (tables.py) and the pages that
run in the browser (tryout.py), all in docs/_ext.
"""

import sys
import tomllib
from pathlib import Path

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent
sys.path[:0] = [str(p) for p in (DOCS / "_ext", ROOT, ROOT / "tools", ROOT / "benchmarks")]

import course  # noqa: E402
import formulas  # noqa: E402
import sources  # noqa: E402
import tables  # noqa: E402
import tryout  # noqa: E402

import pixelrnn_np as pr  # noqa: E402

about = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
project = about["name"]
author = about["authors"][0]["name"]
project_copyright = f"2026, {author}"
version = release = pr.__version__

extensions = [
    "myst_nb",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx-mathjax-offline",
    "commands",
]
exclude_patterns = ["_build", "generated", "optimisers_table.md", "**/.ipynb_checkpoints"]
nitpicky = True
nitpick_ignore_regex = [("py:.*", r".*")]  # docstrings name types in words

nb_execution_mode = "off"
nb_merge_streams = True
myst_enable_extensions = ["amsmath", "attrs_block", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
default_role = "literal"  # docstrings write `name` as Markdown does
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the sections have the types in words
numpydoc_show_class_members = False
copybutton_selector = "div:not(.output) > div.highlight pre"
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

html_theme = "sphinx_book_theme"
html_title = f"{project} {release}"
html_static_path = ["_static"]
html_extra_path = ["generated/site"]  # pages that run by themselves: tryout.py
html_css_files = ["site.css"]
html_show_sourcelink = False
html_copy_source = False
# Summaries of search results are fetched, which a browser refuses for file://.
html_show_search_summary = False
html_context = {"default_mode": "auto"}  # else the theme complains in the console
html_theme_options = {
    "use_download_button": False,  # each page of the course links to its notebook
    "use_repository_button": False,
    "use_fullscreen_button": False,
    "show_navbar_depth": 1,
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "navbar_persistent": [],  # the sidebar has the search
    "footer_content_items": ["copyright.html"],
}


if tags.has("print"):  # noqa: F821  Sphinx gives the tags; `make print`: the course as one page
    root_doc, suppress_warnings = "print", ["toc.not_included"]
    html_theme, html_theme_options, html_css_files = "basic", {}, ["print.css"]
    nb_mime_priority_overrides = [("singlehtml", "image/png", 35)]  # before SVG, which may move
    html_sidebars = {"**": []}
else:
    exclude_patterns.append("print.md")

course.write_pages(ROOT, DOCS)
sources.write_pages(DOCS)
tables.write_tables(ROOT, DOCS)
tryout.write_pages(DOCS)


def setup(app):
    app.connect("doctree-read", sources.link_names)
    app.connect("doctree-read", course.describe_pictures)
    app.connect("doctree-read", formulas.keep_punctuation)
    return {"parallel_read_safe": True}
