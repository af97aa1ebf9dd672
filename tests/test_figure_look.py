"""What makes figures readable: words within their boxes, names apart, one colour for one thing."""

import itertools

import numpy as np
import pytest
from matplotlib.patches import FancyBboxPatch

from pixelrnn_np import figures
from pixelrnn_np.figures.charts import spread
from pixelrnn_np.figures.course_map import COURSE
from pixelrnn_np.figures.palette import DPI, WIDTH, colour_of

SKETCHES = {
    **{f"map {n}": (figures.you_are_here, (n,), {}) for n in (None, *COURSE)},
    **{f"{f.__name__} {back}": (f, (), {"back": back})
       for f in (figures.conv_block, figures.lstm_sketch, figures.block_sketch,
                 figures.conditional_sketch) for back in (False, True)},
    "network": (figures.network, ("block",), {"blocks": 3}),
    "network with skips": (figures.network, ("two scans\n1×1",), {"blocks": 2, "skip": True}),
}  # fmt: skip


@pytest.mark.parametrize("name", SKETCHES)
def test_words_stay_within_boxes_and_figures(name):
    function, arguments, options = SKETCHES[name]
    figure = function(*arguments, **options)
    figure.draw_without_rendering()
    (axes,) = figure.axes
    boxes = [p.get_window_extent() for p in axes.patches if isinstance(p, FancyBboxPatch)]
    for text in axes.texts:
        found = text.get_window_extent()
        assert found.x0 > -1 and found.x1 < figure.bbox.width + 1, text.get_text()
        middle = (found.x0 + found.x1) / 2, (found.y0 + found.y1) / 2
        around = [b for b in boxes if b.contains(*middle)]
        if around and text.get_text():
            box = min(around, key=lambda b: b.width)
            assert box.x0 - 1 < found.x0 and found.x1 < box.x1 + 1, text.get_text()


def test_names_of_columns_are_apart():
    """The names of notebook 11's tests, in its grid of verdicts."""
    names = ("gradient", "perturbation", "sum", "finite differences", "twin", "field", "zeros")
    figure = figures.verdicts({"masked once, before training": dict.fromkeys(names, True)})
    figure.draw_without_rendering()
    boxes = [label.get_window_extent() for label in figure.axes[0].get_xticklabels()]
    for left, right in itertools.pairwise(boxes):
        assert left.x1 + 6 < right.x0


def test_a_figure_is_as_wide_as_a_page_shows():
    figure = figures.lines({"a": ([1, 2], [3, 4])}, "x", "y")
    assert round(figure.get_figwidth() * figure.dpi) == round(WIDTH * DPI) <= 760


def test_names_at_the_ends_of_curves_are_apart():
    curves = {f"run {k}": ([0, 1, 2], [3, 2, 1 + 0.01 * k]) for k in range(4)}
    figure = figures.lines(curves, "epoch", "nats", levels={"the least": 1.0})
    figure.draw_without_rendering()
    axes = figure.axes[0]
    assert axes.get_legend() is None
    boxes = {t.get_text(): t.get_window_extent() for t in axes.texts if t.get_text()}
    assert set(boxes) == {*curves, "the least"}
    ordered = sorted(boxes.values(), key=lambda b: b.y0)
    for lower, upper in itertools.pairwise(ordered):
        assert lower.y1 <= upper.y0 + 2
    assert all(b.x1 <= figure.bbox.width + 1 for b in boxes.values())
    for text in axes.texts:
        if text.get_text() in curves:
            (line,) = [x for x in axes.lines if x.get_label() == text.get_text()]
            assert text.get_color() == line.get_color()


def test_names_of_a_roofline_lie_on_no_line():
    """The points of notebook 10: one close to a slope, one close to the flat roof."""
    points = {"3 per tap": (1.6, 4.96e10), "4 one product": (2.22, 3.2e10),
              "5 loops, compiled": (20, 3.5e9), "6 side by side": (20, 8.8e9),
              "7 a tile": (20, 3.2e10), "8 the kernel": (20, 1.01e11)}  # fmt: skip
    figure = figures.roofline(points, 1.05e11, {"a cache": 8.4e10, "memory": 2.3e10})
    figure.draw_without_rendering()
    (axes,) = figure.axes
    boxes = {t.get_text(): t.get_window_extent() for t in axes.texts}
    assert set(points) < set(boxes)
    for line in axes.lines:
        ends = line.get_transform().transform(line.get_xydata())
        for dot in np.concatenate([np.linspace(a, b, 500) for a, b in itertools.pairwise(ends)]
                                  or [ends]):  # fmt: skip
            assert not [name for name, box in boxes.items() if box.contains(*dot)]
    for one, other in itertools.combinations(boxes.values(), 2):
        assert not one.overlaps(other)


def test_the_axis_of_a_ladder_ends_with_its_longest_bar():
    figure = figures.ladder({"loops": 0.191, "kernel": 80e-6}, 8e6, 1e11)
    figure.draw_without_rendering()
    (axes,) = figure.axes
    assert max(axes.get_xticks()) <= 0.191 and axes.spines["bottom"].get_bounds()[1] == 0.191


def test_curves_that_end_elsewhere_have_a_legend():
    figure = figures.lines({"a": ([1, 2], [3, 4]), "b": ([1, 5], [3, 4])}, "x", "y")
    assert figure.axes[0].get_legend() is not None


def test_labels_move_no_further_than_they_must():
    assert spread([("a", 0.1, 0.1), ("b", 0.5, 0.1)]) == pytest.approx({"a": 0.1, "b": 0.5})
    low = spread([("a", 0.0, 0.1), ("b", 0.02, 0.1), ("c", 0.03, 0.1), ("d", 1.0, 0.1)])
    assert low == pytest.approx({"a": 0.05, "b": 0.15, "c": 0.25, "d": 0.95})
    found = spread([("a", 0.5, 0.1), ("b", 0.5, 0.1), ("c", 0.9, 0.1)])
    assert found["b"] - found["a"] == pytest.approx(0.1)
    assert (found["a"] + found["b"]) / 2 == pytest.approx(0.5) and found["c"] == 0.9


def test_a_thing_has_one_colour_in_every_figure():
    def of(*labels):
        shown = figures.lines({k: ([1, 2], [3, 4]) for k in labels}, "x", "y").axes[0].lines
        return {line.get_label(): line.get_color() for line in shown}

    first = of("plain descent, 0.0005", "rmsprop, 0.010", "adam, 0.010")
    second = of("rmsprop, 0°", "adam, 0°", "soap, 0°")
    assert first["rmsprop, 0.010"] == second["rmsprop, 0°"]
    assert (
        first["adam, 0.010"] == second["adam, 0°"] == of("SOAP, 1×32", "Adam, 1×32")["Adam, 1×32"]
    )
    kinds = ("neither", "skip", "residual", "both")
    assert of("both", "skip")["both"] == of(*kinds)["both"] != of(*kinds)["neither"]
    biases = of("plain", "LSTM, forget bias 0", "LSTM, forget bias 1")
    assert biases["LSTM, forget bias 1"] == of("forget bias 0", "forget bias 1")["forget bias 1"]
    assert colour_of("PyTorch, Adam, 1×32") != colour_of("Adam, 1×32")
    shapes = ("softmax", "a bell, cut off", "a bell, gathered")
    p = np.full(17, 1 / 17)
    image = np.zeros((8, 8, 1), np.uint8)
    opinions = figures.opinions(image, {(0, 0): dict.fromkeys(shapes, p)}, 17)
    drawn = {line.get_label(): line.get_color() for line in opinions.axes[1].lines}
    assert {drawn[k] for k in shapes[1:]} == {of(*reversed(shapes))[k] for k in shapes[1:]}
    assert len({colour_of(k) for k in shapes}) == 3


def test_curves_of_one_colour_differ_in_their_line():
    curves = {"Adam, 1×32": ([1, 2], [3, 4]), "Adam, 7×16": ([1, 2], [2, 3])}
    styles = [line.get_linestyle() for line in figures.lines(curves, "x", "y").axes[0].lines]
    assert len(set(styles)) == 2


def test_a_colour_bar_is_as_high_as_its_maps():
    named = {str(k): np.eye(8) for k in range(8)}
    for figure in (figures.feature_maps(named, columns=4),
                   figures.influence({(1, 2): np.eye(9), (3, 4): np.eye(9)})):  # fmt: skip
        figure.draw_without_rendering()
        *maps, bar = (a.get_window_extent() for a in figure.axes)
        assert bar.height == pytest.approx(max(m.y1 for m in maps) - min(m.y0 for m in maps), abs=3)


def test_numbers_stand_right_whatever_their_kind():
    table = figures.Table(
        ["name", "NumPy", "text", "share", "word", "nothing"],
        [["a", np.int64(3), "9.0", "2.1×", "one", ""], ["b", np.float32(2), "", "4,000", "2", ""]],
    )
    assert table.right == [False, True, True, True, False, False]


def test_dumbbells_say_both_numbers():
    figure = figures.dumbbells({"pixelcnn, 15×48": (81.3, 82.76)}, ("the paper", "here"), "nats")
    shown = {t.get_text() for t in figure.axes[0].texts}
    assert shown == {"81.30", "82.76", "the paper", "here"}
    assert "81.30 and 82.76" in figure.alt


def test_a_tile_of_registers_loads_less_than_it_multiplies():
    figure = figures.register_tile(4, 4)
    figure.draw_without_rendering()
    assert len(figure.axes[0].patches) == 16 + 8
    assert "8 numbers are loaded for 16 products" in figure.alt


def test_a_curve_without_points_has_no_name_at_its_end():
    figure = figures.lines({"train": ([1, 20_000], [3, 2]), "valid": ([], [])}, "x", "y")
    figure.draw_without_rendering()
    axes = figure.axes[0]
    assert [t.get_text() for t in axes.texts] == ["train"]
    assert "20,000" in {t.get_text() for t in axes.get_xticklabels()}
