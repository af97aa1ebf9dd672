"""Networks, blocks and the LSTM as diagrams: Table 1, Figure 5 left, equation (3), and back.

Boxes compute, a name on an arrow is a tensor, the grey word beside it its size.
"""

from itertools import pairwise

from .palette import BLACK, BLUE, CURRENT, GATES, GREY, WIDTH, drawn, new

LAYER, PLAIN = "#DCEBF5", "#F2F2F2"  # what has weights, what has none


class Diagram:
    """Boxes and arrows in units of which the figure's width has `width`; y upwards."""

    def __init__(self, width, height, inches=WIDTH):
        self.figure = new(inches * height / width, inches)
        self.axes = self.figure.subplots()
        self.axes.set(xlim=(0, width), ylim=(0, height), aspect="equal")
        self.axes.axis("off")
        self.places, self.patches = {}, {}

    def box(self, name, x, y, text=None, width=1.3, height=0.9, colour=LAYER, edge=GREY):
        """A box around (x, y); colour: "none" for a tensor that is only named."""
        from matplotlib.patches import FancyBboxPatch

        patch = FancyBboxPatch(
            (x - width / 2, y - height / 2), width, height,
            boxstyle="round,pad=0,rounding_size=0.12", facecolor=colour,
            edgecolor="none" if colour == "none" else edge, lw=1.4, zorder=2,
        )  # fmt: skip
        self._add(name, x, y, patch, name if text is None else text)

    def node(self, name, x, y, text, radius=0.27, colour="white", size=12):
        """A circle: a sum, a product, a number."""
        from matplotlib.patches import Circle

        patch = Circle((x, y), radius, facecolor=colour, edgecolor=BLACK, lw=1.4, zorder=2)
        self._add(name, x, y, patch, text, size)

    def _add(self, name, x, y, patch, text, size=9.5):
        self.axes.add_patch(patch)
        self.axes.text(x, y, text, ha="center", va="center", fontsize=size, color=BLACK, zorder=3)
        self.places[name], self.patches[name] = (x, y), patch

    def arrow(self, first, last, label="", size="", back=False, bend=0.0, lift=0.12, colour=None):
        """From edge to edge; label above the arrow, size in grey below; back: a gradient."""
        start, end = self.places[first], self.places[last]
        colour = colour or (CURRENT if back else BLACK)
        self.axes.annotate(
            "", end, start, zorder=1,
            arrowprops={
                "arrowstyle": "-|>,head_width=0.22,head_length=0.4", "color": colour, "lw": 1.4,
                "linestyle": "--" if back else "-", "connectionstyle": f"arc3,rad={bend}",
                "shrinkA": 0, "shrinkB": 0, "patchA": self.patches[first],
                "patchB": self.patches[last],
            },
        )  # fmt: skip
        x, y = (start[0] + end[0]) / 2, (start[1] + end[1]) / 2
        x = self.between(first, last) if start[1] == end[1] else x
        if label:
            self.axes.text(x, y + lift, label, ha="center", va="bottom", fontsize=9.5, color=colour)
        if size:
            self.axes.text(x, y - lift, size, ha="center", va="top", fontsize=9, color="#666666")

    def between(self, first, last):
        """The middle of the gap between two things in a row: where an arrow's words stand."""
        ends = [self.patches[name] for name in (first, last)]
        ends = [p.get_patch_transform().transform_path(p.get_path()).get_extents() for p in ends]
        left, right = sorted(ends, key=lambda box: box.x0)
        return (left.x1 + right.x0) / 2

    def corner(self, points, last, colour=BLACK, back=False):
        """A line along `points`, ending with an arrowhead at the edge of a box."""
        style = "--" if back else "-"
        *before, turn = points
        xs, ys = zip(*points, strict=True)
        if before:
            self.axes.plot(xs, ys, style, color=colour, lw=1.4, zorder=1, solid_capstyle="round")
        self.axes.annotate(
            "", self.places[last], turn, zorder=1,
            arrowprops={"arrowstyle": "-|>,head_width=0.22,head_length=0.4", "color": colour,
                        "lw": 1.4, "linestyle": style, "shrinkA": 0, "shrinkB": 0,
                        "patchB": self.patches[last]},
        )  # fmt: skip

    def say(self, x, y, text, size=9, colour="#666666", **options):
        self.axes.text(x, y, text, fontsize=size, color=colour, ha="center", va="center", **options)


@drawn
def conv_block(back=False):
    """Figure 5 left with its tensors; back: the same, and dashed what a gradient passes."""
    plan = Diagram(14.5, 3.1)
    names = ["ReLU", "1×1", "ReLU", "3×3 B", "ReLU", "1×1"]
    keys = ["r1", "down", "r2", "conv", "r3", "up"]
    xs = [2.0, 3.8, 5.6, 7.4, 9.2, 11.0]
    plan.box("x", 0.35, 0.9, "x", 0.45, 0.6, "none")
    for key, text, x in zip(keys, names, xs, strict=True):
        plain = text == "ReLU"
        plan.box(key, x, 0.9, text, 1.2, 0.9, PLAIN if plain else LAYER)
    plan.node("+", 12.75, 0.9, "+")
    plan.box("y", 14.15, 0.9, "y", 0.45, 0.6, "none")
    road = ["x", *keys, "+", "y"]
    labels = ["", "", "u", "", "z", "a", "", ""]
    gradients = ["dx", "", "du", "", "dz", "da", "dy", "dy"]
    sizes = ["2h", "2h", "h", "h", "h", "h", "2h", "2h"]
    steps = ["6", "5", "4", "4", "3", "2", "1", ""]
    for k, (a, b) in enumerate(pairwise(road)):
        if back:
            plan.arrow(b, a, gradients[k], f"({steps[k]})" if steps[k] else "", back=True)
        else:
            plan.arrow(a, b, labels[k], sizes[k])
    top = 2.35
    if back:
        plan.corner([(12.75, 1.17), (12.75, top), (0.35, top)], "x", CURRENT, back=True)
        plan.say(6.55, top + 0.3, "dy, unchanged (1)", 9.5, CURRENT)
        plan.figure.alt = (
            "The block from right to left: dy goes unchanged to x, and through 1×1, ReLU, 3×3, "
            "ReLU, 1×1 and ReLU as da, dz, du and dx; at x the two are added."
        )
    else:
        plan.corner([(0.35, 1.2), (0.35, top), (12.75, top)], "+")
        plan.say(6.55, top + 0.3, "x, unchanged")
        plan.figure.alt = (
            "x goes two ways. One passes ReLU, 1×1, ReLU, 3×3 with mask B, ReLU and 1×1; on it the "
            "maps u, z and a have h features. The other leads unchanged to a sum with the first, y."
        )
    return plan.figure


@drawn
def network(block, blocks=3, skip=False):
    """Table 1 as one picture: first layer, blocks with their sums, head.

    block: what one is called; blocks: how many are drawn; skip: with the connections from each
    block to the output (§3.3).
    """
    plan = Diagram(15.8, 5.4)
    start = 3.2 * (3 - blocks)  # the last sum stands above the head's first pair
    plan.box("image", start + 1.1, 4.0, "image\nB×H×W×1", 2.2, 0.9, "none")
    plan.box("first", start + 3.5, 4.0, "7×7\nmask A", 1.5, 1.0)
    plan.arrow("image", "first")
    before, xs = "first", [start + 6.5 + 3.2 * k for k in range(blocks)]
    for k, x in enumerate(xs):
        plan.box(f"b{k}", x, 4.0, block, 2.0, 1.05)
        plan.node(f"+{k}", x + 1.6, 4.0, "+")
        plan.arrow(before, f"b{k}", "", "2h" if k == 0 else "")
        plan.arrow(f"b{k}", f"+{k}")
        turn = x - 1.25
        plan.corner([(turn, 4.0), (turn, 5.0), (x + 1.6, 5.0)], f"+{k}")
        before = f"+{k}"
    end = xs[-1] + 1.6
    if skip:
        for x in xs:
            plan.axes.plot([x, x], [3.5, 2.75], color=BLUE, lw=1.4, zorder=1)
        plan.node("skips", end, 2.75, "+")
        plan.corner([(xs[0], 2.75)], "skips", BLUE)
        plan.say(xs[0] - 1.7, 2.75, "skip connections", 9, BLUE)
        plan.arrow(before, "skips")
        before = "skips"
    places = [end, 11.6, 8.7, 6.2, 4.1, 1.3]
    words = ["ReLU\n1×1", "ReLU\n1×1", "ReLU\n1×1", "logit", "σ", "p(pixel = 1)"]
    for k, (x, text) in enumerate(zip(places, words, strict=True)):
        colour = LAYER if k < 3 else "none" if k in (3, 5) else PLAIN
        plan.box(f"h{k}", x, 0.9, text, 2.6 if k == 5 else 1.3, 1.0, colour)
    plan.arrow(before, "h0")
    plan.say(end + 0.5, 1.85 if skip else 2.5, "2h")
    for k, size in enumerate(["head", "head", "1", "", ""]):
        plan.arrow(f"h{k}", f"h{k + 1}", "", size)
    skips = " A skip connection leads from each block to the sum before the head." if skip else ""
    plan.figure.alt = (
        "An image passes a 7×7 convolution with mask A and becomes 2h features. Blocks follow, "
        f"each with a line around it to a sum.{skips} The head: three times ReLU and 1×1, to one "
        "logit per pixel, σ, and the probability that the pixel is 1."
    )
    return plan.figure


# The LSTM's arrows: from, to, what goes forward, its size, its gradient with the step.
CELL = [
    ("h[r-1]", "K_ss", "", "h", "dh (5)"), ("x[r]", "K_is", "", "2h", "dx (5)"),
    ("K_ss", "sum", "", "4h", ""), ("K_is", "sum", "", "4h", ""),
    ("sum", "zf", "z", "4h", "dz"), ("c[r-1]", "keep", "", "h", "dc (3)"),
    ("keep", "add", "", "h", "dc"), ("put", "add", "", "", "dc"), ("add", "c[r]", "", "h", "dc"),
    ("c[r]", "tanh", "", "", "(2)"), ("tanh", "show", "", "", ""),
    ("show", "h[r]", "", "h", "dh (2)"), ("c[r]", "below c", "", "h", "dc"),
    ("h[r]", "below h", "", "h", "dh"), ("h[r]", "above", "", "h", "dy (1)"),
]  # fmt: skip


@drawn
def lstm_sketch(back=False):
    """Equation (3) in one row of the Row LSTM, with its operators; back: the gradient's way."""
    plan = Diagram(19, 6.9)
    for name, x, y in (("c[r-1]", 0.8, 6.1), ("h[r-1]", 0.8, 2.5), ("x[r]", 0.8, 0.8),
                       ("c[r]", 14.7, 6.1), ("h[r]", 16.9, 3.5)):  # fmt: skip
        plan.box(name, x, y, name.replace("-", "−"), 1.45, 0.7, "none")
    for name, x, y, text in (("below c", 18.0, 6.1, "row r+1"), ("below h", 18.0, 2.1, "row r+1"),
                             ("above", 17.6, 4.9, "layer above")):  # fmt: skip
        plan.box(name, x, y, text, 2.4 if name == "above" else 1.9, 0.7, "none")
    plan.box("K_ss", 4.0, 2.5, "$K^{ss}$, 1×k", 1.9, 0.85)
    plan.box("K_is", 4.05, 0.8, "$K^{is}$, B, 1×k", 2.25, 0.85)
    for name, x, y, text in (("sum", 5.75, 1.65, "Σ"), ("keep", 8.1, 6.1, "⊙"),
                             ("put", 10.5, 4.9, "⊙"), ("add", 10.5, 6.1, "+"),
                             ("show", 14.7, 3.5, "⊙")):  # fmt: skip
        plan.node(name, x, y, text)
    plan.box("tanh", 14.7, 4.8, "tanh", 1.1, 0.7, PLAIN)
    for gate, x, to in (("f", 8.1, "keep"), ("i", 9.7, "put"), ("g", 11.3, "put"),
                        ("o", 12.9, "show")):  # fmt: skip
        colour = GATES[gate]
        plan.box(f"z{gate}", x, 1.65, f"$z^{gate}$", 1.55, 0.8, "white", colour)
        plan.box(gate, x, 3.5, "tanh" if gate == "g" else "σ", 1.1, 0.7, PLAIN, colour)
        middle = (plan.places[gate][0] + plan.places[to][0]) / 2
        level = (plan.places[gate][1] + plan.places[to][1]) / 2
        if back:
            plan.arrow(gate, f"z{gate}", back=True)
            plan.arrow(to, gate, back=True)
            plan.say(x + 0.62, 2.55, "(4)", 9, CURRENT)
        else:
            plan.arrow(f"z{gate}", gate)
            plan.arrow(gate, to)
        side = -0.5 if gate in "fi" else 0.45
        place = (middle, 3.85) if gate == "o" else (middle + side, level)
        plan.say(*place, f"d{gate}" if back else gate, 10.5, CURRENT if back else BLACK)
    for first, last, label, size, gradient in CELL:
        flat = plan.places[first][1] == plan.places[last][1]
        if back:
            plan.arrow(last, first, gradient if flat else "", back=True)
            if not flat and gradient:
                (x, y), (u, v) = plan.places[first], plan.places[last]
                aside = 1.1 if last == "above" else 0.7
                plan.say((x + u) / 2 + aside, (y + v) / 2, gradient, 9.5, CURRENT)
        else:
            plan.arrow(first, last, label, size if flat else "")
    if back:
        plan.figure.alt = (
            "The same from right to left. dh is dy and what row r+1 sends; through ⊙ it gives do "
            "and a share of dc, to which row r+1 adds; dc gives df, di, dg and dc of row r-1; the "
            "four become dz, which goes through K_ss to the row above and through K_is to x."
        )
    else:
        plan.figure.alt = (
            "h of row r-1 through K_ss and x of row r through K_is, mask B, are summed to z with "
            "4h features. σ makes the gates f, i and o of three quarters, tanh g of the fourth. c "
            "is c of row r-1 times f, plus i times g; h is tanh of c, times o. c goes to row r+1, "
            "h to row r+1 and to the layer above."
        )
    return plan.figure


@drawn
def row_taps(k=3, width=7):
    """What one pixel of the Row LSTM reads: K_ss in the row above, K_is in its own row."""
    from .grids import _frame, cell, outline
    from .palette import FUTURE, SEEN, colour_legend

    figure = new(2.3)
    axes, middle, s = figure.subplots(), width // 2, k // 2
    for r, q in ((r, q) for r in range(2) for q in range(width)):
        offset = q - middle
        read = abs(offset) <= s and (r == 0 or offset <= 0)
        later = r == 1 and offset > 0
        name = f"$K^{{{'is' if r else 'ss'}}}_{{{offset}}}$" if read else ""
        cell(axes, r, q, SEEN if read else FUTURE if later else "#F2F2F2", name)
    outline(axes, 1, middle)
    _frame(axes, (2, width), "", None)
    axes.set_yticks([0, 1], ["row r − 1: states h", "row r: inputs x"])
    right = [f"q + {q}" for q in range(1, width - middle)]
    left = [f"q − {q}" for q in range(middle, 0, -1)]
    axes.set_xticks(range(width), [*left, "q", *right])
    axes.tick_params(length=0, labelsize=9.5)
    colour_legend(figure, {"read": SEEN, "not read": "#F2F2F2", "later, hidden by mask B": FUTURE})
    figure.alt = (
        f"Two rows. Pixel q of row r, framed, reads the states of row r-1 in columns q-{s} to "
        f"q+{s} and the inputs of its own row in columns q-{s} to q; those to its right come later."
    )
    return figure
