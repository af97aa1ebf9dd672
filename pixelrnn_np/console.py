"""Text for consoles and files whose code page lacks some characters, × or ⊙. Not the paper.

Where an encoding has no such character, it is spelt in ASCII.
"""

import codecs
import sys

NAME = "pixelrnn_np.ascii"
SPELT = {
    "×": "x", "±": "+/-", "·": "*", "⊙": "*", "≤": "<=", "≥": ">=", "≈": "~", "→": "->", "−": "-",
    "–": "-", "…": "...", "²": "^2", "ᵀ": "^T", "√": "sqrt", "Σ": "sum", "σ": "sigma",
    "ε": "eps", "µ": "u", "✔": "+", "✘": "-",
}  # fmt: skip


def spelt(error):
    """The codecs' error handler: what cannot be encoded in ASCII, or else as "?"."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    missing = error.object[error.start : error.end]
    return "".join(SPELT.get(c, "?") for c in missing), error.end


codecs.register_error(NAME, spelt)


def shown(text):
    """`text` such that printing it cannot fail: as it is where standard output has its characters.

    For what users print themselves, such as the table of a record.
    """
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    return text.encode(encoding, NAME).decode(encoding)


def forgive():
    """From now on no character is an error to standard output and standard error.

    For our own command line, whose process they are.
    """
    for stream in (sys.stdout, sys.stderr):
        if getattr(stream, "errors", None) in ("strict", "backslashreplace"):
            stream.reconfigure(errors=NAME)


def brief(e):
    """An exception of another library in a line: some have pages to say."""
    first = next(iter(str(e).splitlines()), "")
    return f"{type(e).__name__}: {first}"[:200]


def plural(count, noun):
    """ "1 image", "2 images"."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
