"""What the notebooks need beside the package: checks of exercises, figures that move, display.

Importing it lets a notebook show every matplotlib Figure that a cell ends with.
"""

from .checking import NotDone, Verdict, Wrong, exercise, mistaken, same
from .showing import errors, fast, interactive, show, show_figures

__all__ = [
    "NotDone", "Verdict", "Wrong", "errors", "exercise", "fast", "interactive", "mistaken", "same",
    "show", "show_figures",
]  # fmt: skip

show_figures()
