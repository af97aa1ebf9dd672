"""Figures that move by themselves: an SVG whose stages follow each other, and a PNG of the last.

Where nothing moves (on paper, for readers who want it so, where a page drops what it does not know)
the SVG shows its last stage; a program that shows no SVG has the PNG. No script is in either.
"""

import base64
import io
from html import escape

from PIL import Image

from .palette import BLACK, CURRENT, DPI, WIDTH, drawn
from .style import OwnFigure
from .words import sentence

PIXELS = DPI * WIDTH  # the width of all figures
FONT = "DejaVu Sans, Verdana, sans-serif"
LAST = """<style>@media print, (prefers-reduced-motion: reduce) {
.stage-gone {visibility: hidden !important} .stage-last {visibility: visible !important}}</style>"""


class Moving:
    """Stages of squares, frames, words and arrows, in units with x to the right and y down.

    alt: what it shows, in words; seconds: for how long a stage stays (the last one: three times).
    """

    def __init__(self, width, height, alt, seconds=1.2):
        self.width, self.height, self.seconds = width, height, seconds
        self.alt = sentence(" ".join(alt.split()))
        self.stages = []

    def stage(self):
        """Begins the next stage; what is drawn from now on is seen in this one only."""
        self.stages.append([])

    def square(self, x, y, colour, text="", ink=BLACK):
        """A square of side 1 whose upper left corner is (x, y)."""
        self._add(0, "square", x, y, colour, str(text), ink)

    def frame(self, x, y, width=1, height=1, colour=CURRENT):
        self._add(1, "frame", x, y, width, height, colour)

    def words(self, x, y, text, size=11, ink=BLACK, middle=True):
        """A line of text around (x, y), or from there; size: points of a figure."""
        self._add(2, "words", x, y, text, size, ink, middle)

    def arrow(self, x, y, to_x, to_y, colour=BLACK):
        self._add(3, "arrow", x, y, to_x, to_y, colour)

    def grid(self, x, y, rows, cols, look):
        """Squares from (x, y) on; look(r, q): (colour, text) of one."""
        for r in range(rows):
            for q in range(cols):
                self.square(x + q, y + r, *look(r, q))

    def legend(self, colours, y):
        """A square of each colour and what it means, {label: colour}, centred in a line."""
        letter = 8.4 * self.width / PIXELS  # its mean width at this size
        lengths = [0.55 + letter * (len(label) + 3) for label in colours]
        x = (self.width - sum(lengths) + 3 * letter) / 2
        for (label, colour), length in zip(colours.items(), lengths, strict=True):
            self._add(0, "patch", x, y - 0.2, colour)
            self.words(x + 0.55, y, label, 9, middle=False)
            x += length

    def _add(self, level, *mark):
        self.stages[-1].append((level, mark))

    def svg(self):
        """The film, as text."""
        scale, count = PIXELS / self.width, len(self.stages)
        total = self.seconds * (count + 2)
        parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{PIXELS:.0f}" '
            f'height="{self.height * scale:.0f}" viewBox="0 0 {self.width:g} {self.height:g}" '
            f'role="img" font-family="{FONT}"><title>{escape(self.alt)}</title>{LAST}'
            f'<rect width="{self.width:g}" height="{self.height:g}" fill="white"/>'
        ]
        for (_, first, last), marks in sorted(self._runs().items()):
            drawn = "".join(DRAWN[mark[0]](scale, *mark[1:]) for mark in marks)
            if (first, last) != (0, count):
                drawn = _while(first, last, count, self.seconds, total) + drawn + "</g>"
            parts.append(drawn)
        return "".join(parts) + "</svg>\n"

    def _runs(self):
        """{(level, first stage, the one after the last): marks}, each mark once a run."""
        open_since, runs = {}, {}
        for k, stage in enumerate([*self.stages, []]):
            now = dict.fromkeys(stage)
            for key in [key for key in open_since if key not in now]:
                runs.setdefault((key[0], open_since.pop(key), k), []).append(key[1])
            for key in now:
                open_since.setdefault(key, k)
        return runs

    def picture(self):
        """The last stage as a Figure."""

        @drawn
        def last():
            figure = OwnFigure(figsize=(WIDTH, WIDTH * self.height / self.width))
            axes = figure.add_axes((0, 0, 1, 1))
            axes.set(xlim=(0, self.width), ylim=(self.height, 0))
            axes.axis("off")
            for _, mark in sorted(self.stages[-1], key=lambda found: found[0]):
                PAINTED[mark[0]](axes, *mark[1:])
            return figure

        return last(alt=self.alt)

    def _repr_mimebundle_(self, include=None, exclude=None):
        still, buffer = io.BytesIO(), io.BytesIO()
        self.picture().savefig(still, format="png", dpi=2 * DPI, metadata={"Software": None})
        colours = Image.open(still).convert("RGB").quantize(64, method=Image.Quantize.MEDIANCUT)
        colours.save(buffer, "PNG", optimize=True)
        size = {"width": round(PIXELS), "height": round(PIXELS * self.height / self.width)}
        about = size | {"alt": self.alt}
        found = {
            "image/svg+xml": self.svg(),
            "image/png": base64.b64encode(buffer.getvalue()).decode(),
            "text/plain": "a figure that moves",
        }
        return found, {"image/svg+xml": about, "image/png": about}

    def draw_without_rendering(self):
        """For a plain script, as a Figure's."""
        self.svg(), self.picture()


def _while(first, last, count, seconds, total):
    """The beginning of a group that is seen from stage `first` up to `last`, over and over."""
    values, times = [], []
    for value, time in (("hidden", 0), ("visible", first), ("hidden", last)):
        if (value == "hidden" and time == 0 == first) or time == count:
            continue
        values.append(value)
        times.append(f"{time * seconds / total:.4g}")
    kind = "last" if last == count else "gone"
    return (
        f'<g class="stage-{kind}" visibility="{"visible" if kind == "last" else "hidden"}">'
        f'<animate attributeName="visibility" calcMode="discrete" values="{";".join(values)}" '
        f'keyTimes="{";".join(times)}" dur="{total:g}s" repeatCount="indefinite"/>'
    )


def _square(scale, x, y, colour, text, ink):
    box = (
        f'<rect x="{x:g}" y="{y:g}" width="1" height="1" fill="{colour}" stroke="white" '
        f'stroke-width="{1.5 / scale:.3g}"/>'
    )
    return box + (_words(scale, x + 0.5, y + 0.5, text, 10, ink, True) if text else "")


def _patch(scale, x, y, colour):
    return (
        f'<rect x="{x:g}" y="{y:g}" width=".4" height=".4" fill="{colour}" stroke="#777777" '
        f'stroke-width="{1 / scale:.3g}"/>'
    )


def _frame(scale, x, y, width, height, colour):
    return (
        f'<rect x="{x + 0.04:g}" y="{y + 0.04:g}" width="{width - 0.08:g}" '
        f'height="{height - 0.08:g}" fill="none" stroke="{colour}" stroke-width="{3 / scale:.3g}"/>'
    )


def _words(scale, x, y, text, size, ink, middle):
    pixels = size / 72 * DPI / scale
    anchor = ' text-anchor="middle"' if middle else ""
    return (
        f'<text x="{x:g}" y="{y + 0.36 * pixels:.3f}" font-size="{pixels:.3g}" fill="{ink}"'
        f"{anchor}>{escape(text)}</text>"
    )


def _arrow(scale, x, y, to_x, to_y, colour):
    length = max(((to_x - x) ** 2 + (to_y - y) ** 2) ** 0.5, 1e-9)
    u, v, head = (to_x - x) / length, (to_y - y) / length, 9 / scale
    base_x, base_y, half = to_x - head * u, to_y - head * v, 0.4 * head
    points = f"{to_x:.3f},{to_y:.3f}"
    for side in (1, -1):
        points += f" {base_x - side * half * v:.3f},{base_y + side * half * u:.3f}"
    return (
        f'<path d="M{x:g} {y:g}L{base_x:.3f} {base_y:.3f}" stroke="{colour}" '
        f'stroke-width="{2 / scale:.3g}"/><polygon points="{points}" fill="{colour}"/>'
    )


DRAWN = {"square": _square, "patch": _patch, "frame": _frame, "words": _words, "arrow": _arrow}


def _box(axes, x, y, width, height, **look):
    from matplotlib.patches import Rectangle

    axes.add_patch(Rectangle((x, y), width, height, **look))


def _paint_square(axes, x, y, colour, text, ink):
    _box(axes, x, y, 1, 1, facecolor=colour, edgecolor="white", lw=1.1)
    if text:
        _write(axes, x + 0.5, y + 0.5, text, 10, ink, True)


def _write(axes, x, y, text, size, ink, middle):
    axes.text(
        x, y, text, fontsize=size, color=ink, ha="center" if middle else "left",
        va="center", zorder=3,
    )  # fmt: skip


def _paint_arrow(axes, x, y, to_x, to_y, colour):
    axes.annotate(
        "", (to_x, to_y), (x, y), zorder=4,
        arrowprops={"arrowstyle": "-|>,head_width=0.18,head_length=0.4", "color": colour, "lw": 1.4,
                    "shrinkA": 0, "shrinkB": 0},
    )  # fmt: skip


PAINTED = {
    "square": _paint_square,
    "patch": lambda axes, x, y, colour: _box(
        axes, x, y, 0.4, 0.4, facecolor=colour, edgecolor="#777777", lw=0.7
    ),
    "frame": lambda axes, x, y, width, height, colour: _box(
        axes, x + 0.04, y + 0.04, width - 0.08, height - 0.08,
        fill=False, edgecolor=colour, lw=2.2, zorder=2,
    ),
    "words": _write,
    "arrow": _paint_arrow,
}  # fmt: skip
