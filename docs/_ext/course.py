"""The course as pages: docs/course/ is made of notebooks/ at each build.

A page is the notebook with one line more under its title (how long it takes to read, the notebook
to download) and links that point within the site.
"""

import copy
import posixpath
import re
from pathlib import Path

import nbformat
from docutils import nodes
from files import keep_only, write
from sources import page_of
from tryout import IN_NOTEBOOK

LINK = re.compile(r"(\]\()(?!\w+:|#)([^)\s#]+)")
PAGES = {  # files outside of the course that are pages too
    "benchmarks/README.md": "/benchmarks.md",
    "CONTRIBUTING.md": "/contributing.md",
    "notebooks/README.md": "/course/index.md",
}
# An unhurried reader of a text with formulas, and of code that does something new.
WORDS_A_MINUTE, LINES_A_MINUTE = 180, 20
TABLE_ROW = re.compile(r"^\|\s*`(\d\d\w+)`\s*\|(.*)\|(.*)\|$", re.M)


def minutes(notebook):
    """How long reading takes, without the exercises, to five minutes as on the course's map."""
    words = lines = 0
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            words += len(cell.source.split())
        else:
            lines += sum(bool(line.strip()) for line in cell.source.splitlines())
    return max(5, 5 * round((words / WORDS_A_MINUTE + lines / LINES_A_MINUTE) / 5))


def title(notebook):
    return notebook.cells[0].source.splitlines()[0].removeprefix("# ")


def relinked(text, path, root):
    """Markdown of the file `path`, from the root, with the site's links.

    Raises ValueError if a link leads to a file that has no page.
    """

    def link(match):
        target = posixpath.normpath(posixpath.join(posixpath.dirname(path), match[2]))
        page = PAGES.get(target) or (page_of(target) if "pixelrnn_np/" in target else None)
        if target.startswith("docs/"):
            page = target.removeprefix("docs")
        if target.startswith("notebooks/") and not page:
            page = match[2]  # from one page of the course to another
        if page is None or not (root / target).exists():
            raise ValueError(f"{path} links to {match[2]}, which has no page; docs/_ext/course.py")
        return match[1] + page

    return LINK.sub(link, text)


def header(notebook, path):
    """The line under a page's title."""
    up = "/".join([".."] * (path.count("/") + 1))
    download = f"{{download}}`download the notebook <{up}/{path}>`"
    kind = "solutions" if "/solutions/" in path else f"about {minutes(notebook)} minutes to read"
    return f"{{.facts}}\n{kind} · {download}{stepping(path)}"


def stepping(path):
    """For notebooks with a record: the page that steps through it."""
    record = IN_NOTEBOOK.get(path.removeprefix("notebooks/").removesuffix(".ipynb"))
    if record is None:
        return ""
    return f' · <a href="../try/record_{record}.html">step through both passes of its model</a>'


def page(notebook, path, root):
    """The notebook of a page, from the one at `path`."""
    found = copy.deepcopy(notebook)
    for cell in found.cells:
        if cell.cell_type == "markdown":
            cell.source = relinked(cell.source, path, root)
    first = found.cells[0]
    heading, _, rest = first.source.partition("\n")
    first.source = f"{heading}\n\n{header(notebook, path)}\n{rest}"
    return found


def table(notebooks, readme):
    """The course at a glance, from the table in notebooks/README.md."""
    facts = {name: (paper, built) for name, paper, built in TABLE_ROW.findall(readme)}
    lines = ["| notebook | of the paper | what you build | minutes to read |", "|---|---|---|--:|"]
    for name, notebook in notebooks.items():
        (paper, built), short = facts[name], title(notebook).partition(":")[0]
        lines.append(f"| [{short}](/course/{name}.ipynb) |{paper}|{built}| {minutes(notebook)} |")
    return "\n".join(lines) + "\n"


def write_pages(root, docs):
    """docs/course/*.ipynb, docs/course/solutions/ and docs/generated/course.md."""
    pages, notebooks = [], {}
    for source in sorted((root / "notebooks").glob("**/[0-9][0-9]*_*.ipynb")):
        path = source.relative_to(root).as_posix()
        notebook = nbformat.read(source, as_version=4)
        target = docs / "course" / source.relative_to(root / "notebooks")
        write(target, nbformat.writes(page(notebook, path, root)))
        pages.append(target)
        if source.parent.name == "notebooks":
            notebooks[source.stem] = notebook
    keep_only(docs / "course", "**/*.ipynb", pages)
    readme = (root / "notebooks" / "README.md").read_text(encoding="utf-8")
    write(docs / "generated" / "course.md", table(notebooks, readme))


def describe_pictures(app, doctree):
    """Gives each picture of a course's page the words that its output in the notebook carries."""
    path = Path(app.env.doc2path(app.env.docname))
    if not app.env.docname.startswith("course/") or path.suffix != ".ipynb":
        return
    notebook = nbformat.read(path, as_version=4)
    outputs = [o for cell in notebook.cells for o in cell.get("outputs", [])]
    # Here a figure that moves still has both its forms; the builder chooses one later.
    words = [
        output.metadata.get("image/png", {}).get("alt")
        for output in outputs
        for kind in output.get("data", {})
        if kind.startswith("image/")
    ]
    for node, alt in zip(list(doctree.findall(nodes.image)), words, strict=True):
        if alt:
            node["alt"] = alt
