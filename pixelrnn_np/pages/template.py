"""Fills the templates of this folder: text is escaped, data is JSON that no tag can end.

A page is one HTML file with one script. That script is several files joined, for each of them is
the twin of something else: network.js of layers/ and models/, sampling.js of sampling.py and
likelihood.py, record.js of the record; maps.js and page.js show and listen, shared.js serves all.
They are no modules, since a browser refuses `import` to a page from the disk.

A page may run the one script that it was written with, and may ask no host for anything: that is
its Content-Security-Policy. So markup that came in by a mistake would still do nothing.
"""

import base64
import hashlib
import html
import json
import re
from importlib import resources

import numpy as np

from ..figures import palette

FOLDER = resources.files(__package__)  # a path, or a place in the zip file of the package
BLANK = re.compile(r"\{\{(\w+)\}\}")
COLOURS = ("CURRENT", "SEEN", "MISSED", "FUTURE", "GENERATED", "BLUE", "ORANGE", "GREY")
STEPS = 64  # of a colour map


def read(name):
    return (FOLDER / name).read_text(encoding="utf-8")


def fill(template, scripts, data, **texts):
    """The page: `template` with the joined scripts, data as JSON, and texts, which are escaped."""
    script = "\n".join(read(name) for name in ("shared.js", *scripts))
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    parts = {
        "policy": f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
                  f"script-src 'sha256-{digest}'",
        "style": read("style.css"),
        "script": script,
        "data": as_json(data | {"colours": colours()}),
        **{name: html.escape(printable(text)) for name, text in texts.items()},
    }  # fmt: skip
    return BLANK.sub(lambda match: parts[match[1]], read(template))


def printable(text):
    """A file's name may hold bytes that are no text; they become question marks."""
    return text.encode(errors="replace").decode()


def as_json(data):
    """JSON for a <script>: a "<" in a text could end it."""
    return json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")


def packed(array, dtype):
    """The bytes of an array, little-endian, in base64."""
    return base64.b64encode(np.ascontiguousarray(array, dtype).tobytes()).decode()


def colours():
    """The colours of the figures by name, and the two colour maps as lists."""
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    found = {name.lower(): getattr(palette, name) for name in COLOURS}
    found["waiting"] = to_hex(palette.WAITING)
    for name in ("SIZES", "SIGNED"):
        shades = colormaps[getattr(palette, name)](np.linspace(0, 1, STEPS))
        found[name.lower()] = [to_hex(shade) for shade in shades]
    return found
