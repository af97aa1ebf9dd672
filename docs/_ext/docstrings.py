"""Docstrings that list arguments one below the other become lists."""

import re

NAMED = re.compile(r"(\w[\w, ]*): ")


def as_list(paragraph):
    """A paragraph of lines `name: text`, the rest of each indented, as a list; others as they are.

    Lines may already be indented as a whole, as those of a method are not.
    """
    margin = min(len(line) - len(line.lstrip()) for line in paragraph)
    lines = [line[margin:] for line in paragraph]
    heads = [line for line in lines if not line[0].isspace()]
    if len(heads) == len(lines) or not all(map(NAMED.match, heads)):
        return paragraph
    return [("  " if line[0].isspace() else "- ") + line.strip() for line in lines]


def tidy(app, what, name, obj, options, lines):
    """For autodoc, before numpydoc: each paragraph in turn."""
    paragraphs, found = "\n".join(lines).split("\n\n"), []
    for paragraph in paragraphs:
        rows = [row for row in paragraph.splitlines() if row.strip()]
        found += [*(as_list(rows) if rows else rows), ""]
    lines[:] = found


def setup(app):
    app.connect("autodoc-process-docstring", tidy, priority=400)
    return {"parallel_read_safe": True}
