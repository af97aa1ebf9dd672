"""§3.3 and §3.6 as boxes and arrows: an LSTM block with its sums, and what a small image adds."""

from itertools import pairwise

from .network import PLAIN, Diagram
from .palette import BLACK, BLUE, CURRENT, drawn

THIS, NEXT = "$x_l$", "$x_{l+1}$"


def _flow(plan, first, last, label="", size="", back=False, colour=None):
    """An arrow along a row of boxes, its words in the middle of the gap between them."""
    plan.arrow(first, last, back=back, colour=colour)
    x, y = plan.between(first, last), plan.places[first][1]
    plan.say(x, y + 0.34, label, 9.5, CURRENT if back else BLACK)
    plan.say(x, y - 0.34, size)


@drawn
def block_sketch(back=False):
    """Figure 5 right: one LSTM block with its residual and its skip connection; back: its mirror.

    Numbers in brackets are the steps of notebook 07.
    """
    plan = Diagram(17, 5.2)
    for name, x, y, text in (("x", 0.7, 3.1, THIS), ("a", 6.1, 3.1, "$a_l$"),
                             ("next", 16.2, 3.1, NEXT), ("head", 14.6, 0.9, "sum before the head"),
                             ):  # fmt: skip
        plan.box(name, x, y, text, 4.0 if name == "head" else 1.0, 0.7, "none")
    plan.box("LSTM", 3.4, 3.1, "LSTM", 1.9, 0.9)
    plan.box("up", 8.9, 3.1, "up, 1×1, B", 2.3, 0.9)
    plan.box("skip", 8.9, 0.9, "skip, 1×1, B", 2.5, 0.9)
    plan.node("+", 12.9, 3.1, "+")
    top, (left, right) = 4.55, (plan.places["x"][0], plan.places["+"][0])
    if back:
        _flow(plan, "next", "+", "$dx_{l+1}$", back=True)
        _flow(plan, "+", "up", "$dx_{l+1}$", "(2)", back=True)
        _flow(plan, "up", "a", "", "(2)", back=True)
        _flow(plan, "head", "skip", "$dx_{head}$", "(1)", back=True)
        plan.corner([(7.62, 0.9), (6.1, 0.9)], "a", CURRENT, back=True)
        plan.say(6.55, 1.6, "(2)")
        _flow(plan, "a", "LSTM", "$da_l$", "(4)", back=True)
        _flow(plan, "LSTM", "x", "", "(5)", back=True)
        plan.corner([(right, 3.37), (right, top), (left, top)], "x", CURRENT, back=True)
        plan.say((left + right) / 2, top + 0.3, "$dx_{l+1}$, unchanged (5)", 9.5, CURRENT)
        plan.figure.alt = (
            "The block from right to left. dx of the next block goes unchanged to x, and through "
            "up to a. dx of the head's sum goes through skip to a. There the two are added to da, "
            "which goes through the LSTM to x, and is added to what came unchanged."
        )
        return plan.figure
    for first, last, size in (("x", "LSTM", "2h"), ("LSTM", "a", "h"), ("a", "up", "h"),
                              ("up", "+", "2h"), ("+", "next", "2h")):  # fmt: skip
        _flow(plan, first, last, "", size)
    plan.corner([(left, 3.45), (left, top), (right, top)], "+")
    plan.say((left + right) / 2, top + 0.3, "residual connection: $x_l$, unchanged", 9.5, BLACK)
    plan.corner([(6.1, 2.75), (6.1, 0.9)], "skip", BLUE)
    _flow(plan, "skip", "head", "", "2h", colour=BLUE)
    plan.say(8.9, 0.15, "skip connection", 9.5, BLUE)
    plan.figure.alt = (
        "x, 2h features, goes two ways to a sum, which is the next x: unchanged, and through the "
        "LSTM, which makes a of h features, and up, a 1×1 back to 2h. From a, a skip connection "
        "leads through a 1×1 of its own to the sum before the head."
    )
    return plan.figure


@drawn
def conditional_sketch(back=False):
    """§3.6: how a small image gets into every layer of a conditional network; back: its gradient.

    Numbers in brackets are the steps of notebook 08.
    """
    plan = Diagram(19, 5.4)
    for name, x, y, text, width in (("small", 1.4, 4.6, "small image", 2.7),
                                    ("e", 10.4, 4.6, "e", 0.7),
                                    ("x", 1.1, 0.8, "x", 0.7)):  # fmt: skip
        plan.box(name, x, y, text, width, 0.7, "none")
    plan.box("stamps", 5.2, 4.6, "stamps, 2f×2f", 3.2, 0.9)
    plan.box("ReLU", 8.4, 4.6, "ReLU", 1.3, 0.85, PLAIN)
    plan.box("first", 5.2, 0.8, "7×7, mask A", 2.8, 0.9)
    columns = (10.4, 13.6)
    for k, x in enumerate(columns, 1):
        plan.box(f"K{k}", x, 2.8, f"$K^{{fs({k})}}$, 1×1", 2.9, 0.9)
        plan.box(f"layer{k}", x, 0.8, f"layer {k}", 1.8, 0.9)
    plan.box("head", 16.1, 0.8, "head", 1.4, 0.9)
    plan.box("logits", 18.2, 0.8, "logits", 1.5, 0.7, "none")
    if back:
        road = ["logits", "head", "layer2", "layer1", "first"]
        for a, b in pairwise(road):
            plan.arrow(a, b, back=True)
        for k, x in enumerate(columns, 1):
            plan.arrow(f"layer{k}", f"K{k}", back=True)
            plan.say(x + 0.8, 1.75, f"$dz^{{({k})}}$", 10, CURRENT)
        plan.arrow("K1", "e", back=True)
        plan.say(10.85, 3.7, "(1)")
        plan.corner([(13.6, 3.25), (13.6, 4.6)], "e", CURRENT, back=True)
        plan.say(12.2, 4.9, "de, a sum (1)", 9.5, CURRENT)
        plan.arrow("e", "ReLU", back=True)
        _flow(plan, "ReLU", "stamps", "dy", "(2)", back=True)
        plan.say(5.2, 3.8, "dK, db (3)", 9.5, CURRENT)
        plan.figure.alt = (
            "From right to left: the gradient comes from the logits through head and layers. Each "
            "layer sends its dz through its own K_fs to e, where the two are added to de. It goes "
            "on through the ReLU to the stamps, where dK and db are made, and ends there."
        )
        return plan.figure
    _flow(plan, "small", "stamps", "", "C")
    _flow(plan, "stamps", "ReLU", "y", "h")
    plan.arrow("ReLU", "e")
    plan.arrow("e", "K1")
    plan.say(10.7, 3.7, "h")
    plan.corner([(10.75, 4.6), (13.6, 4.6)], "K2")
    for k, x in enumerate(columns, 1):
        plan.arrow(f"K{k}", f"layer{k}")
        plan.say(x + 0.75, 1.75, "+ 4h")
    for first, last, size in (("x", "first", "C"), ("first", "layer1", "2h"),
                              ("layer1", "layer2", "2h"), ("layer2", "head", "2h")):  # fmt: skip
        _flow(plan, first, last, "", size)
    plan.arrow("head", "logits")
    plan.figure.alt = (
        "Above: the small image is enlarged by stamps and a ReLU to the map e, h features at each "
        "pixel of the large image. Below: x passes the first layer, layer 1, layer 2 and the head. "
        "e enters layer 1 and layer 2, each through a K_fs of its own, 4h numbers each."
    )
    return plan.figure
