"""Figures in a notebook: sharp, the same bytes every time, and moving where widgets run."""

import inspect
import os


def fast():
    """Whether to run in the short form: the tests set PIXELRNN_FAST=1 for long notebooks."""
    return os.environ.get("PIXELRNN_FAST", "") not in ("", "0")


def _shell():
    """The running IPython, or None in a plain script."""
    try:
        from IPython import get_ipython
    except ImportError:
        return None
    return get_ipython()


def show_figures():
    """Lets IPython show each matplotlib Figure, at twice the resolution, without a time stamp.

    Its words (figures/words.py) go along as the picture's alternative text.
    """
    shell = _shell()
    if shell is None:
        return
    from IPython.core.pylabtools import select_figure_formats
    from matplotlib.figure import Figure

    select_figure_formats(shell, {"retina"}, metadata={"Software": None})
    png = shell.display_formatter.formatters["image/png"]
    draw = png.lookup_by_type(Figure)

    def with_words(figure):
        found = draw(figure)
        alt = getattr(figure, "alt", None)
        if alt is None or found is None:
            return found
        data, size = found if isinstance(found, tuple) else (found, {})
        return data, size | {"alt": alt}

    png.for_type(Figure, with_words)


def show(*things):
    """Displays figures and tables in the middle of a cell; a plain script draws them unseen."""
    if _shell() is not None:
        from IPython.display import display

        display(*things)
        return
    for thing in things:
        if hasattr(thing, "draw_without_rendering"):
            thing.draw_without_rendering()


def interactive(draw, static=None, **sliders):
    """draw(**values) → a figure, redrawn as sliders move.

    sliders: name=(low, high) for whole numbers, (low, high, step), or a list of choices, as in
    `ipywidgets.interact`; draw's own defaults are where they start. Where no widget can run (a page
    on the web, a script, or PIXELRNN_STATIC=1) the figures for the values in `static` are shown: a
    list of {name: value}, or None for one figure of the defaults.
    """
    if _shell() is None or os.environ.get("PIXELRNN_STATIC", "") not in ("", "0") or not _widgets():
        for values in static or [{}]:
            show(draw(**values))
        return
    import ipywidgets

    starts = {k: p.default for k, p in inspect.signature(draw).parameters.items()}
    chosen = {k: _widget(v, starts.get(k)) for k, v in sliders.items()}
    ipywidgets.interact(draw, **chosen)


def errors(found, arrays=None):
    """A table of relative errors against finite differences, {name: error}.

    arrays: None, or {name: array}, of which the table says how many numbers each has.
    """
    from ..figures import Table

    size = {name: [a.size] for name, a in (arrays or {}).items()}
    rows = [[name, *size.get(name, []), float(error)] for name, error in found.items()]
    numbers = ["numbers"] if arrays else []
    return Table(["gradient of", *numbers, "largest relative error"], rows, form="{:.0e}")


def _widgets():
    try:
        import ipywidgets  # noqa: F401
    except ImportError:
        return False
    return True


def _widget(allowed, start):
    import ipywidgets

    start = {} if start in (None, inspect.Parameter.empty) else {"value": start}
    if isinstance(allowed, list):
        return ipywidgets.SelectionSlider(options=allowed, continuous_update=False, **start)
    low, high, *step = allowed
    kind = ipywidgets.IntSlider if all(isinstance(v, int) for v in allowed) else None
    kind = kind or ipywidgets.FloatSlider
    return kind(min=low, max=high, step=step[0] if step else 1 if kind is ipywidgets.IntSlider
                else (high - low) / 50, continuous_update=False, **start)  # fmt: skip
