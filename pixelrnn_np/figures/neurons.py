"""A small network with all its numbers: circles that hold them, arrows that multiply."""

import numpy as np

from .network import PLAIN, Diagram
from .palette import BLACK, CURRENT, FUTURE, QUIET, SEEN, drawn
from .words import listed, written

LESS, MORE = "#B35806", "#542788"  # weights below and above zero, as in `numbers`
COLUMNS = {"x": 1.0, "a": 5.9, "ReLU": 7.6, "h": 9.2, "z": 13.4, "p": 15.2}
GAP = 1.75  # between two circles of a column


@drawn
def neurons(x, K1, b1, K2, b2, names=("left", "above")):
    """Two layers at work on one case: x → a = x K1 + b1 → ReLU → h → z = h K2 + b2 → p = σ(z).

    x: (m,); K1 (m, n), b1 (n,), K2 (n, 1), b2 (1,); names: of the m inputs. A weight stands on its
    arrow, whose colour is its sign, a bias above its circle; a feature that is 0 is grey.
    """
    a = x @ K1 + b1
    h = np.maximum(a, 0)
    z = float((h @ K2 + b2)[0])
    p = 1 / (1 + np.exp(-z))
    m, n = K1.shape
    plan = Diagram(16.2, n * GAP + 1.2)
    middle = n * GAP / 2
    x_at, h_at = (
        middle + gap * ((k - 1) / 2 - np.arange(k)) for k, gap in ((m, 1.7 * GAP), (n, GAP))
    )
    for j, y in enumerate(x_at):
        _circle(plan, f"x{j}", "x", y, f"{x[j]:g}", names[j])
    _circle(plan, "z", "z", middle, _short(z), f"bias {_short(b2[0])}")
    _circle(plan, "p", "p", middle, f"{p:.2f}", "", CURRENT)
    plan.axes.texts[-1].set_color("white")
    plan.arrow("z", "p")
    plan.say(14.3, middle + 0.3, "σ", 10.5, BLACK)
    for k, y in enumerate(h_at):
        _circle(plan, f"a{k}", "a", y, _short(a[k]), f"bias {_short(b1[k])}")
        plan.box(f"ReLU{k}", COLUMNS["ReLU"], y, "ReLU", 1.2, 0.7, PLAIN)
        _circle(plan, f"h{k}", "h", y, _short(h[k]), "", SEEN if h[k] else FUTURE)
        plan.arrow(f"a{k}", f"ReLU{k}")
        plan.arrow(f"ReLU{k}", f"h{k}")
        _weight(plan, f"h{k}", "z", K2[k, 0], 0.36)
    for (j, k), weight in np.ndenumerate(K1):
        _weight(plan, f"x{j}", f"a{k}", weight, 0.25)
    _headings(plan, n * GAP + 0.85)
    inputs = listed(f"{name} {v:g}" for name, v in zip(names, x, strict=True))
    plan.figure.alt = (
        f"A network at work. Inputs: {inputs}. "
        f"Its sums, {listed(_short(v) for v in a)}, are {listed(_short(v) for v in h)} after the "
        f"ReLU. The logit is {_short(z)}, the probability {p:.2f}."
    )
    return plan.figure


def _headings(plan, y):
    """The names of the arrays above their columns."""
    for name, place in COLUMNS.items():
        if name != "ReLU":
            plan.say(place, y, f"${name}$", 11, BLACK)
    for matrix, bias, first, last in (("K_1", "b_1", "x", "a"), ("K_2", "b_2", "h", "z")):
        plan.say(
            (COLUMNS[first] + COLUMNS[last]) / 2, y, f"$\\times\\, {matrix} + {bias}$", 11, QUIET
        )


def _short(number):
    return written(number, "{:.1f}")


def _circle(plan, name, column, y, text, above, colour="white"):
    plan.node(name, COLUMNS[column], y, text, 0.5, colour, 10)
    if above:
        plan.say(COLUMNS[column], y + 0.72, above, 9)


def _weight(plan, first, last, weight, share):
    """An arrow with its weight on it, a share of the way along."""
    colour = MORE if weight > 0 else LESS
    plan.arrow(first, last, colour=colour)
    (x, y), (end, top) = plan.places[first], plan.places[last]
    plan.say(x + share * (end - x), y + share * (top - y), _short(weight), 9.5, colour,
             bbox={"boxstyle": "round,pad=0.12", "fc": "white", "ec": "none"})  # fmt: skip
