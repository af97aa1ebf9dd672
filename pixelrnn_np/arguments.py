"""Checks of arguments at the public edge: a ValueError that names the argument. Not the paper."""

import difflib
import math
import operator

import numpy as np


class BadVariable(ValueError):
    """A variable of the environment that has no meaning. It is never the fault of a library."""


def shown(value):
    """`value` in a line, for a message: whoever mixes up arguments may hand over an array."""
    text = " ".join(repr(value).split("\n"))
    return text if len(text) <= 100 else f"{text[:97]}..."


def choose(argument, value, allowed):
    """Returns `value` if it is one of `allowed`; else a ValueError that names the nearest one."""
    if isinstance(value, (str, int, np.bool_)) and value in allowed:
        return value
    spelled = {str(a).lower(): str(a) for a in allowed}
    near = difflib.get_close_matches(str(value).lower(), spelled, n=1)
    hint = f" (did you mean {spelled[near[0]]!r}?)" if near else ""
    names = ", ".join(repr(a) for a in allowed)
    raise ValueError(f"{argument} is {shown(value)}{hint}; it has to be one of {names}")


def check_int(argument, value, low, high):
    """`value`, any integer of Python or NumPy, as an int within [low, high]; else ValueError."""
    try:
        if isinstance(value, (bool, np.bool_)):
            raise TypeError
        value = operator.index(value)
    except TypeError:
        raise ValueError(f"{argument} is {shown(value)}; it has to be an int") from None
    if not low <= value <= high:
        raise ValueError(f"{argument} is {value}; it has to be from {low} to {high}")
    return value


def check_number(argument, value, low, high, low_too=False):
    """`value` as a float, low < value < high (or low itself where low_too); else ValueError."""
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise ValueError(f"{argument} is {shown(value)}; it has to be a number")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf if value > 0 else -math.inf
    if not (low < number < high or (low_too and number == low)):
        least = "at least" if low_too else "above"
        raise ValueError(f"{argument} is {value}; it has to be {least} {low:g} and below {high:g}")
    return number


def check_bool(argument, value):
    """`value`, Python's or NumPy's, as a bool; else ValueError."""
    return bool(choose(argument, value, (True, False)))
