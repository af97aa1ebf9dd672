"""What a figure shows, in words: the text that stands for a picture where nobody sees it.

A figure carries it as `figure.alt`. Functions of this package that know better write it themselves;
for all others it is read off the figure: titles, curves with their first and last number, bars.
"""

import re

import numpy as np

HYPHEN = re.compile(r"(?<![\w.)\]}$])-(?=\.?\d)")  # before a number, where a minus belongs


def words(figure):
    """One or two sentences for each panel of a figure that has no text of its own."""
    return " ".join(filter(None, map(panel, figure.axes))) or "A picture."


def panel(axes):
    if axes.get_label() == "<colorbar>":
        return ""
    title = " ".join(axes.get_title().split())
    parts = [title] if title else []
    x, y = axes.get_xlabel(), axes.get_ylabel()
    if axes.lines and x and y:
        parts.append(f"{y} against {x}")
    for line in axes.lines:
        label, (xs, ys) = line.get_label(), line.get_data()
        if not str(label).startswith("_") and len(ys) > 1:
            parts.append(f"{label}: {ys[0]:.4g} at {xs[0]:.4g}, {ys[-1]:.4g} at {xs[-1]:.4g}")
    if axes.images and not parts:
        parts.append("a picture without a title")
    return sentence("; ".join(parts))


def sentence(text):
    """With a capital letter and a full stop."""
    text = text.strip()
    return text and text[0].upper() + text[1:] + ("" if text[-1] in ".!?" else ".")


def listed(things):
    """a, b and c"""
    things = [str(thing) for thing in things]
    return ", ".join(things[:-1]) + " and " + things[-1] if len(things) > 1 else "".join(things)


def titles(named):
    """The panels of a figure by name, each on one line."""
    return listed(" ".join(str(title).split()) for title in named)


def rows_of(array, form="{:g}"):
    """A small array, row by row: 1 1 1 / 1 0 0 / 0 0 0."""
    rows = np.atleast_2d(np.asarray(array))
    return " / ".join(" ".join(written(v, form) for v in row) for row in rows)


def written(number, form):
    """A number in a form; one that is rounded to zero has no sign."""
    text = form.format(number)
    return text.removeprefix("-") if text.startswith("-") and float(text) == 0 else text


def minus(text):
    """A text whose negative numbers have a minus, as long as a plus is wide, and no hyphen."""
    return HYPHEN.sub("\N{MINUS SIGN}", text)


def pictures(images):
    """24 images of 28×28 pixels"""
    n, H, W = np.shape(images)[:3]
    return f"{n} image{'s' * (n != 1)} of {H}×{W} pixels"
