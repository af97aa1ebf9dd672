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


@pytest.mark.parametrize("paper", [1.5, 1.52])
def test_a_training_curve_is_crossed_by_no_line_and_no_word(paper):
    """Not even by the paper's number, where the curve ends next to it."""
    records = [
        {
            "images": 100 * k,
            "train": 1 + 9 / k + k % 3,
            "valid": 1.5 + 5 / k if k % 10 == 0 else np.nan,
        }
        for k in range(1, 101)
    ]
    figure = figures.training_curve(records, {"test": 1.45, "the paper's test": paper})
    figure.draw_without_rendering()
    (axes,) = figure.axes
    marks = [line for line in axes.lines if line.get_label() == "_mark"]
    assert len(marks) == 2 and all(min(line.get_xdata()) > 10_000 for line in marks)
    right = axes.get_window_extent().x1
    boxes = sorted((t.get_window_extent() for t in axes.texts), key=lambda b: b.y0)
    assert len(boxes) == 4 and all(right < b.x0 and b.x1 < figure.bbox.width for b in boxes)
    assert all(a.y1 <= b.y0 + 2 for a, b in itertools.pairwise(boxes))
    assert "train: 11 at 100" not in figure.alt and "valid: 2 at 1000" in figure.alt
    assert figure.alt.endswith(f"the right: test, 1.45 and the paper's test, {paper:.2f}.")


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


def test_negative_numbers_have_a_minus_and_names_their_hyphen():
    figure = figures.numbers({"2-3-1, sum -4": [[-1, 0.04]]}, form="{:.1f}")
    shown = [text.get_text() for text in figure.axes[0].texts]
    assert shown == ["−1.0", "0.0"] and figure.axes[0].get_title() == "2-3-1, sum −4"
    table = figures.Table(["a", "b", "c"], [[-1.5, -2, 1e-6]], form="{:.1g}")
    assert table.rows == [["−2", "−2", "1e-06"]] and all(table.right)
    table = figures.Table(["a", "b"], [[16384, 2016]])
    assert table.rows == [["16,384", "2016"]] and all(table.right)


def test_a_zero_by_construction_has_no_decimals():
    figure = figures.numbers({"masked": [[1.25, 0.0]]}, form="{:.1f}")
    assert [text.get_text() for text in figure.axes[0].texts] == ["1.2", "0"]


@pytest.mark.parametrize("place", [(1, 2), (0, 0), (4, 5)])
def test_a_convolutions_titles_stand_on_its_cells(place):
    """And its window is seen as a whole, also where it reaches out of the image."""
    image = np.eye(5, 6)
    figure = figures.convolution(image, np.ones((3, 3)), place)
    figure.draw_without_rendering()
    for axes in figure.axes:
        cells = axes.transData.transform((0, -0.5))[1]
        reach = max(0.0, 1 - place[0]) * abs(axes.transData.transform((0, 1)) - cells)[1]
        assert axes.title.get_window_extent().y0 - cells < 25 + 1.2 * reach
    window = next(p for p in figure.axes[0].patches if p.get_width() == 3).get_window_extent()
    assert figure.axes[0].get_window_extent().x0 < window.x0
    assert window.x1 < figure.axes[0].get_window_extent().x1


def test_a_network_at_work_shows_every_number_apart():
    rng = np.random.default_rng(0)
    K1, b1, K2, b2 = (rng.standard_normal(shape) for shape in ((2, 3), 3, (3, 1), 1))
    figure = figures.neurons(np.array([1.0, 0.0]), K1, b1, K2, b2)
    figure.draw_without_rendering()
    texts = [t for t in figure.axes[0].texts if t.get_text()]
    shown = [t.get_text() for t in texts]
    for number in (*K1.ravel(), *K2.ravel()):
        assert f"{number:.1f}".replace("-", "−") in shown
    boxes = [t.get_window_extent() for t in texts]
    assert not [(a, b) for a, b in itertools.combinations(boxes, 2) if a.overlaps(b)]
    z = np.maximum(K1[0] + b1, 0) @ K2 + b2
    assert f"the probability {float(1 / (1 + np.exp(-z[0]))):.2f}" in figure.alt


def test_a_panel_may_show_some_values_only_and_says_what_lies_beyond():
    p = np.zeros(256)
    p[0], p[200] = 0.9, 0.1
    figure = figures.distributions({"a": {"counted": p}, "b": p}, top=0.5, windows={"a": (0, 30)})
    left, right = figure.axes
    assert left.get_xlim()[1] < 32 and [int(t) for t in left.get_xticks()] == [0, 10, 20, 30]
    assert right.get_xlim()[1] > 255
    assert all([t.get_text() for t in a.texts] == ["↑ 0.90 at 0"] for a in (left, right))


def test_orders_of_small_and_large_images_have_squares_of_one_size():
    orders = {"small": np.arange(1, 10).reshape(3, 3), "large": np.arange(1, 26).reshape(5, 5)}
    figure = figures.raster(orders, 8)
    figure.draw_without_rendering()
    sides = [a.patches[0].get_window_extent().width for a in figure.axes]
    assert abs(sides[0] - sides[1]) < 0.5


def test_the_future_is_grey_in_a_map_of_influence_unless_something_leaks():
    reach = np.zeros((4, 5))
    reach[1, 1], reach[3, 3] = 1.0, 0.5  # the second comes after (1, 2)
    axes = figures.influence({(1, 2): reach}).axes[0]
    veil = axes.images[-1].get_array()[..., 3]
    grey = np.arange(20).reshape(4, 5) >= 7
    grey[3, 3] = False
    assert np.array_equal(veil > 0, grey)
