"""Pictures are drawn with matplotlib's defaults, and not with those of the user's matplotlibrc.

Such a file may draw images upside down (image.origin), or need programs that are not there
(text.usetex). Labels of ticks are made when a figure is drawn, so it takes the settings along.
"""

from matplotlib import style
from matplotlib.figure import Figure


def own_settings():
    """A context with the settings of all pictures; the user's come back after it."""
    return style.context("default")


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
