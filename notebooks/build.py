"""Makes each notebook's .ipynb from its .py source: `python notebooks/build.py [05 …]`.

Cells are run from the top in a fresh kernel, the repository's root its folder on the path. What
changes from run to run (times, identifiers, addresses) is left out, so that a notebook that did not
change is the same file again.
"""

import os
import re
import sys
import time
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient

FOLDER = Path(__file__).parent
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")


def sources(chosen=()):
    """The .py files of the notebooks and their solutions, in order; those named, or all."""
    paths = sorted(FOLDER.glob("[0-9][0-9]*_*.py")) + sorted(FOLDER.glob("solutions/[0-9]*.py"))
    return [p for p in paths if not chosen or p.name.startswith(tuple(f"{c}_" for c in chosen))]


def read(path):
    """The notebook that a py:percent file describes, without outputs."""
    notebook = jupytext.read(path, fmt="py:percent")
    notebook.metadata = nbformat.from_dict({"kernelspec": KERNEL})
    for k, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{k:02d}"
        tags = cell.metadata.get("tags")
        cell.metadata = nbformat.from_dict({"tags": tags} if tags else {})
    return notebook


def run(notebook):
    """Runs it in place. Raises CellExecutionError if a cell fails."""
    os.environ["PIXELRNN_STATIC"] = "1"
    root = str(FOLDER.parent)
    os.environ["PYTHONPATH"] = os.pathsep.join(
        [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    )
    NotebookClient(
        notebook, timeout=600, record_timing=False, resources={"metadata": {"path": str(FOLDER)}}
    ).execute()
    notebook.metadata = nbformat.from_dict(
        {"kernelspec": KERNEL, "language_info": {"name": "python"}}
    )
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = [steady(output) for output in joined(cell.outputs)]


def joined(outputs):
    """Text that arrived in several pieces as one."""
    found = []
    for output in outputs:
        last = found[-1] if found else {}
        if output.output_type == "stream" and last.get("name") == output.name:
            last["text"] += output.text
        else:
            found.append(output)
    return found


def steady(output):
    """The output without memory addresses; a figure is described by its picture alone."""
    data = output.get("data", {})
    if "image/png" in data:
        data["text/plain"] = "a figure"
    for where, key in ((output, "text"), (data, "text/plain"), (data, "text/html")):
        if isinstance(where.get(key), str):
            where[key] = ADDRESS.sub("", where[key])
    return output


def main(chosen):
    paths = sources(chosen)
    if not paths:
        sys.exit(f"no notebook begins with {' or '.join(chosen)}")
    for path in paths:
        start = time.perf_counter()
        notebook = read(path)
        run(notebook)
        nbformat.write(notebook, path.with_suffix(".ipynb"))
        print(f"{path.relative_to(FOLDER)!s:<44}{time.perf_counter() - start:6.1f} s", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
