"""Sketches of what is computed from what: boxes and arrows."""

from .palette import BLACK, GATES, GREY, drawn, new


@drawn
def sketch(nodes, edges, height=2.6, back=()):
    """Boxes at places, and arrows between them.

    nodes: {name: (x, y)} or {name: (x, y, colour)}, x to the right, y upwards; a name that is a
    gate's (its first letter before "[" or "_") has the gate's colour. edges: [(from, to)] or
    [(from, to, label)]; back: the same for gradients, which are dashed and bend.
    """
    figure = new(height)
    axes = figure.subplots()
    boxes = {}
    for name, place in nodes.items():
        colour = place[2] if len(place) > 2 else GATES.get(name.split("[")[0], GREY)
        boxes[name] = axes.text(
            *place[:2], name, ha="center", va="center", fontsize=11, color=BLACK, zorder=3,
            bbox={"boxstyle": "round,pad=0.35", "facecolor": "white", "edgecolor": colour, "lw": 2},
        )  # fmt: skip
    for edge in edges:
        _arrow(axes, boxes, edge, BLACK, "-", 0.0)
    for edge in back:
        _arrow(axes, boxes, edge, "#777777", "--", 0.3)
    xs, ys = zip(*(place[:2] for place in nodes.values()), strict=True)
    axes.set(xlim=(min(xs) - 0.7, max(xs) + 0.7), ylim=(min(ys) - 0.5, max(ys) + 0.5))
    axes.axis("off")
    return figure


def _arrow(axes, boxes, edge, colour, style, bend):
    """From the edge of one box to that of another, along the line between their middles."""
    first, last = boxes[edge[0]], boxes[edge[1]]
    start, end = first.get_position(), last.get_position()
    axes.annotate(
        "", end, start, zorder=2,
        arrowprops={"arrowstyle": "->", "color": colour, "linestyle": style, "lw": 1.4,
                    "connectionstyle": f"arc3,rad={bend}", "shrinkA": 2, "shrinkB": 2,
                    "patchA": first.get_bbox_patch(), "patchB": last.get_bbox_patch()},
    )  # fmt: skip
    if len(edge) > 2:
        middle = ((start[0] + end[0]) / 2, (start[1] + end[1]) / 2 + 0.12)
        axes.text(*middle, edge[2], ha="center", va="bottom", fontsize=9, color=colour)
