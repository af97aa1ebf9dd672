"""Pictures are drawn with matplotlib's defaults, and not with those of the user's matplotlibrc.

Such a file may draw images upside down (image.origin), or need programs that are not there
(text.usetex). Labels of ticks are made when a figure is drawn, so it takes the settings along.
"""

from matplotlib import style
from matplotlib.figure import Figure

from .palette import BLACK, DPI, FAINT, QUIET

# What differs from the defaults: quiet frames, so that the eye goes to what is drawn.
LOOK = {
    "figure.dpi": DPI, "axes.edgecolor": "#888888", "axes.labelcolor": QUIET, "axes.labelsize": 10,
    "axes.titlesize": 10, "axes.titlecolor": BLACK, "xtick.color": "#888888",
    "ytick.color": "#888888", "xtick.labelcolor": QUIET, "ytick.labelcolor": QUIET,
    "xtick.labelsize": 9.5, "ytick.labelsize": 9.5, "grid.color": FAINT, "grid.linewidth": 0.8,
    "axes.axisbelow": True, "legend.fontsize": 9.5, "text.color": BLACK, "lines.linewidth": 1.8,
}  # fmt: skip


def own_settings():
    """A context with the settings of all pictures; the user's come back after it."""
    return style.context(["default", LOOK])


class OwnFigure(Figure):
    """A Figure that is drawn and saved with `own_settings`, whoever shows it.

    alt: None, or what it shows, in words.
    """

    alt = None

    def draw(self, renderer):
        with own_settings():
            super().draw(renderer)

    def get_tightbbox(self, *args, **options):
        with own_settings():
            return super().get_tightbbox(*args, **options)

    def savefig(self, *args, **options):
        with own_settings():
            super().savefig(*args, **options)
