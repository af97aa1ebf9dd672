"""A page for each file of the package, and links to it wherever another page names the file."""

import posixpath
from pathlib import Path

from docutils import nodes
from files import keep_only, write
from sphinx import addnodes

PACKAGE = Path(__file__).resolve().parents[2] / "pixelrnn_np"
PAGE = """---
orphan: true
nosearch: true
---
# {title}

```{{literalinclude}} {up}/pixelrnn_np/{name}
:language: python
:linenos:
```
"""


def page_of(name):
    """The page that shows a file, named as `layers/masks.py` or with `pixelrnn_np/`; or None."""
    name = posixpath.normpath(name).removeprefix("pixelrnn_np/")
    if name.endswith(".py") and "/" in name + "/" and (PACKAGE / name).is_file():
        return f"/source/{name.removesuffix('.py')}"
    return None


def write_pages(docs):
    """docs/source/…: one page per file."""
    pages = []
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE).as_posix()
        page = docs / "source" / f"{name.removesuffix('.py')}.md"
        up = "/".join([".."] * (name.count("/") + 2))
        write(page, PAGE.format(name=name, title=name.replace("_", "\\_"), up=up))
        pages.append(page)
    keep_only(docs / "source", "**/*.md", pages)


def link_names(app, doctree):
    """Makes each `file.py` in the text a link to its page."""
    for literal in list(doctree.findall(nodes.literal)):
        page = page_of(literal.astext())
        if page and not isinstance(literal.parent, (nodes.reference, nodes.title)):
            link = addnodes.pending_xref(
                "", refdomain="std", reftype="doc", reftarget=page, refexplicit=True,
                refwarn=True, refdoc=app.env.docname,
            )  # fmt: skip
            literal.replace_self(link)
            link += literal
