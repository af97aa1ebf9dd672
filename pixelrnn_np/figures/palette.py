"""One visual language: the same thing has the same colour in every figure.

The colours are Okabe and Ito's, which colour-blind readers can tell apart; none of them carries a
meaning alone, there is always a label, a number or a place as well.
"""

import functools

BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#999999"
GREEN, PURPLE, AMBER, SKY, BLACK = "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#222222"

# The tensors of an LSTM, equation (3).
GATES = {"o": BLUE, "f": AMBER, "i": GREEN, "g": PURPLE, "c": SKY, "h": BLACK, "z": GREY}

# Pixels: the one that is predicted, what it sees, what it could see and misses, the future.
CURRENT, SEEN, MISSED, FUTURE = ORANGE, "#A9D5F0", "#FBE3A6", "#D9D9D9"

# Images: pixels that are not drawn yet, or not known (a darker blue); the tint of drawn ones.
WAITING = (0.0, 0.27, 0.42)
GENERATED = AMBER

MODELS = {"pixelcnn": GREEN, "row_lstm": BLUE, "diagonal_bilstm": ORANGE, "multi_scale": PURPLE}
OPTIMISERS = {"pytorch": BLACK, "plain descent": GREY, "rmsprop": AMBER, "adam": BLUE,
              "soap": PURPLE}  # fmt: skip
SHAPES = {"softmax": BLUE, "a bell, cut off": ORANGE, "a bell, gathered": GREEN}  # §5.3's contest
CONNECTIONS = {"neither": BLUE, "skip": ORANGE, "residual": GREEN, "both": PURPLE}  # §3.3
MEMORIES = {"plain": BLUE, "forget bias 0": ORANGE, "forget bias 1": GREEN, "forget bias 4": PURPLE}
SERIES = (BLUE, ORANGE, GREEN, PURPLE, AMBER, SKY, BLACK)
PALE = "#9EC5DE"  # BLUE, lighter: bars behind lines
QUIET, FAINT = "#555555", "#E6E6E6"  # words and frames of axes; lines behind curves

SIZES = "cividis"  # for numbers from 0 up
SIGNED = "PuOr"  # for numbers of both signs: orange below zero, white at zero, purple above

WIDTH, DPI = 6.6, 115  # inches, and dots in each: 759, what a page shows without scaling


def drawn(function):
    """Decorates what draws: matplotlib's defaults hold, not the user's settings (style.py).

    A figure gets words for those who do not see it, `figure.alt`: what the caller says (alt="…"),
    else what the function says, else what can be read off the figure (words.py).
    """

    @functools.wraps(function)
    def draw(*args, alt=None, **options):
        from .style import own_settings
        from .words import words

        with own_settings():
            found = function(*args, **options)
        if hasattr(found, "axes"):
            _write_minus(found)
            found.alt = (
                (alt and " ".join(alt.split())) or getattr(found, "alt", None) or words(found)
            )
        return found

    return draw


def _write_minus(figure):
    """No number of a figure begins with a hyphen; matplotlib sees to the ticks alone."""
    from matplotlib.text import Text

    from .words import minus

    for text in figure.findobj(Text):
        if "-" in text.get_text():
            text.set_text(minus(text.get_text()))


def new(height, width=WIDTH, layout="constrained"):
    """An empty figure of reading width; drawn without pyplot, so that nothing is kept."""
    from .style import OwnFigure

    return OwnFigure(figsize=(width, height), layout=layout)


def panels(count, height=None, columns=None, width=WIDTH, ratio=1.0, cells=10, extra=0.0):
    """A figure with `count` axes in a row (or in `columns`), and the list of axes.

    ratio: height of a panel by its width, for the figure's height if none is given; cells: squares
    in a row of a panel, which few do not make huge; extra: inches below all, for a legend.
    """
    columns = min(count, columns or count)
    rows = -(-count // columns)
    side = min(width / columns, 3.4, 0.78 * cells)
    height = height or rows * (side * ratio + 0.35) + extra
    # Compressed: pictures stand close to each other, and a colour bar is as high as they are.
    figure = new(height, min(width, columns * side), "compressed")
    axes = figure.subplots(rows, columns, squeeze=False).ravel().tolist()
    for a in axes[count:]:
        a.axis("off")
    return figure, axes[:count]


def bare(axes):
    """No ticks and no frame: for pictures."""
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)


def colour_of(label, place=0):
    """A thing's own colour, if `label` is, begins or ends with its name; else that of its place."""
    own = MODELS | SHAPES | OPTIMISERS | CONNECTIONS | MEMORIES
    text = f"{label}".lower()
    for name, colour in own.items():
        if text == name or text.startswith(f"{name}, ") or text.endswith(f", {name}"):
            return colour
    return SERIES[place % len(SERIES)]


def plain(axes):
    """Only the left and lower frame: for curves and bars."""
    axes.spines[["top", "right"]].set_visible(False)


def colour_legend(figure, colours):
    """Below the figure: a patch of each colour, {label: colour}."""
    from matplotlib.patches import Patch

    figure.legend(
        handles=[Patch(facecolor=c, edgecolor="#777777", label=k) for k, c in colours.items()],
        loc="outside lower center", ncols=len(colours), frameon=False, fontsize=9.5,
        handlelength=1.0, columnspacing=1.4,
    )  # fmt: skip
