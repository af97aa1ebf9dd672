"""Runs the examples of the command line's guide again: what they print and draw, for the site.

    PIXELRNN_DATA=FOLDER python tools/guide_examples.py [NAME …]

docs/guide/examples.json has the commands, docs/guide/examples/ what this writes: NAME.txt, and
NAME-1.png and so on for the pictures that an example shows.
"""

import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

GUIDE = Path(__file__).resolve().parent.parent / "docs" / "guide"
WORK = Path("runs") / "guide"


def run(example):
    """Runs one in runs/guide, where those before it left their files."""
    words = shlex.split(example["command"])[1:]
    root = str(GUIDE.parent.parent)
    done = subprocess.run(
        [sys.executable, "-c", "from pixelrnn_np.cli.app import main; main()", *words],
        cwd=WORK, capture_output=True, text=True, env=environment(root),
    )  # fmt: skip
    if done.returncode:
        sys.exit(f"{example['command']}\n{done.stderr}")
    out = GUIDE / "examples"
    if not example.get("shows"):
        (out / f"{example['name']}.txt").write_text(done.stdout, encoding="utf-8", newline="\n")
    for k, shown in enumerate(example.get("shows", ()), 1):
        path = WORK / shown
        shutil.copy(path, out / f"{example['name']}-{k}{path.suffix}")


def environment(root):
    paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "COLUMNS": "90"}


def main(chosen):
    examples = json.loads((GUIDE / "examples.json").read_text(encoding="utf-8"))
    WORK.mkdir(parents=True, exist_ok=True)
    (GUIDE / "examples").mkdir(exist_ok=True)
    for example in examples:
        if not chosen or example["name"] in chosen:
            run(example)
            print(example["name"], flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
