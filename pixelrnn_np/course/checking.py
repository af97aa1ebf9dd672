"""Exercises: a check says "right", what is wrong, or "not done yet", and never raises.

So every notebook runs to its end as it is. A module of this package holds the checks of one
notebook, such as `n05`. A check takes the learner's answer. It raises `Wrong` with a helpful
sentence, or returns:

    @exercise("5.1")
    def triangle(answer):
        same("triangle(5, 3, 3)", answer(5, 3, 3), {2, 3, 4, 5, 6, 7, 8})

and the notebook's cell is `check.triangle(triangle)`.
"""

import functools
import traceback

import numpy as np

from ..console import shown

EXERCISES = {}  # {module: {function's name: check}}, for the tests


class Wrong(Exception):
    """The answer is wrong; the message says in what, without giving the solution away."""


class NotDone(Exception):
    """The answer is still `...`, None, or raises NotImplementedError."""


# A sign and a colour for each state, beside the word: none is needed alone.
STYLE = {"right": ("✔", "#007A58"), "wrong": ("✘", "#B84F00"), "not done yet": ("…", "#666666")}


class Verdict:
    """state: "right", "wrong" or "not done yet"; message: what is wrong. Shows itself."""

    def __init__(self, number, state, message=""):
        self.number, self.state, self.message = number, state, message

    def __repr__(self):
        sign = STYLE[self.state][0]
        message = f". {self.message}" if self.message else ""
        return shown(f"{sign} Exercise {self.number}: {self.state}{message}")

    def _repr_html_(self):
        from html import escape

        sign, colour = STYLE[self.state]
        message = f"<br>{escape(self.message)}" if self.message else ""
        return (
            f"<div style='border-left:4px solid {colour};padding:0.3em 0.8em'>"
            f"<b style='color:{colour}'>{sign} Exercise {self.number}: {self.state}</b>"
            f"{message}</div>"
        )


def exercise(number):
    """Makes a check of a function that raises `Wrong`; see the top of this file."""

    def decorate(check):
        @functools.wraps(check)
        def verdict(*answers):
            try:
                check(*(_done(a) for a in answers))
            except NotDone:
                return Verdict(number, "not done yet")
            except Wrong as e:
                return Verdict(number, "wrong", str(e))
            except Exception as e:
                line = _line_of_the_learner(e)
                return Verdict(number, "wrong", f"It raised {type(e).__name__}: {e}{line}")
            return Verdict(number, "right")

        verdict.number = number
        EXERCISES.setdefault(check.__module__, {})[check.__name__] = verdict
        return verdict

    return decorate


def _done(answer):
    """The answer; a function is wrapped, so that returning nothing is `NotDone` as well."""
    if answer is None or answer is ...:
        raise NotDone
    if isinstance(answer, (tuple, list)) and any(a is None or a is ... for a in answer):
        raise NotDone
    if not callable(answer):
        return answer

    @functools.wraps(answer)
    def guarded(*args, **kwargs):
        try:
            return _done(answer(*args, **kwargs))
        except NotImplementedError:
            raise NotDone from None

    return guarded


def _line_of_the_learner(error):
    own = [f for f in traceback.extract_tb(error.__traceback__) if f.filename != __file__]
    return f' (line {own[-1].lineno}: "{own[-1].line}")' if own and own[-1].line else ""


def same(what, got, wanted, tolerance=1e-9):
    """Raises `Wrong` unless `got` equals `wanted`: type, shape, then the first number that differs.

    what: how the sentence calls it, such as "h" or "field(5, 3)".
    """
    if isinstance(wanted, (str, bool, set, frozenset, tuple, list, dict)):
        if not isinstance(got, type(wanted)):
            kinds = type(got).__name__, type(wanted).__name__
            raise Wrong(f"{what} gives a {kinds[0]}; it should be a {kinds[1]}.")
        if got != wanted:
            raise Wrong(f"{what} gives {got!r}, which is not right.")
        return
    try:
        got = np.asarray(got, dtype=float)
    except (TypeError, ValueError):
        raise Wrong(f"{what} is a {type(got).__name__}; it should be numbers.") from None
    wanted = np.asarray(wanted, dtype=float)
    if got.shape != wanted.shape:
        raise Wrong(f"{what} has shape {got.shape}; it should have {wanted.shape}.")
    if not np.isfinite(got).all():
        raise Wrong(f"{what} holds NaN or infinity.")
    size = max(1.0, float(np.abs(wanted).max(initial=0)))
    off = np.argwhere(np.abs(got - wanted) > tolerance * size)
    if len(off) and got.ndim == 0:
        raise Wrong(f"{what} gives {float(got):.6g}, which is not right.")
    if len(off):
        place = ", ".join(map(str, off[0]))
        raise Wrong(
            f"{what} is not right in {len(off)} of {got.size} numbers, the first at [{place}]: "
            f"{got[tuple(off[0])]:.6g}."
        )


def same_places(what, got, wanted, size, words, why=""):
    """Raises Wrong unless `got` is the set `wanted` of numbers below `size`.

    words: what they are, those outside, those too many, those missed; why: said of too many.
    """
    kind, outside, many, missed = words
    try:
        got = {int(place) for place in got}
    except (TypeError, ValueError):
        raise Wrong(f"{what} gives a {type(got).__name__}; return a set of {kind}.") from None
    if beyond := {place for place in got if not 0 <= place < size}:
        raise Wrong(f"{what} has {outside}: {sorted(beyond)}.")
    if got - wanted:
        raise Wrong(f"{what} has {many}: {sorted(got - wanted)}.{why}")
    if wanted - got:
        raise Wrong(f"{what} misses {missed}: {sorted(wanted - got)}.")


def same_columns(what, got, wanted, width, why=""):
    """`same_places` of the columns that a pixel sees."""
    words = ("columns", "columns outside the image", "columns that cannot be seen",
             "columns that can be seen")  # fmt: skip
    same_places(what, got, wanted, width, words, why)


def mistaken(what, got, wanted, mistakes, tolerance=1e-9):
    """Raises `Wrong` if `got` is not `wanted` but what a known mistake gives.

    mistakes: {how the sentence ends: what that mistake gives}.
    """
    try:
        got, wanted = np.asarray(got, dtype=float), np.asarray(wanted, dtype=float)
    except (TypeError, ValueError):
        return
    if got.shape != wanted.shape or np.allclose(got, wanted, rtol=tolerance, atol=tolerance):
        return
    for why, value in mistakes.items():
        value = np.asarray(value, dtype=float)
        if got.shape == value.shape and np.allclose(got, value, rtol=tolerance, atol=tolerance):
            raise Wrong(f"{what} {why}")
