"""Figures of the course: each draws, whatever the sizes, and keeps within reading width."""

import base64
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.colors import to_hex

import pixelrnn_np as pr
from pixelrnn_np import figures
from pixelrnn_np.figures.course_map import COURSE
from pixelrnn_np.figures.gates import apart
from pixelrnn_np.figures.palette import CURRENT, FUTURE, SEEN, WIDTH


@pytest.fixture(scope="module")
def records():
    x = np.random.default_rng(0).integers(0, 2, (2, 6, 5, 1), np.uint8)
    build = {"h": 2, "layers": 1, "head": 4}
    return {
        name: pr.record(pr.build_model(name, (6, 5, 1), **build), x)
        for name in ("row_lstm", "diagonal_bilstm", "multi_scale")
    }


def drawn(figure):
    figure.draw_without_rendering()
    assert figure.get_size_inches()[0] <= WIDTH + 1e-9
    return figure


def test_grids():
    drawn(figures.masks({"A": [[1, 1, 1], [1, 0, 0], [0, 0, 0]], "B": np.ones((1, 3))}))
    drawn(figures.masks({"A": np.tri(3, k=-1)}, labels="RGB"))
    drawn(figures.numbers({"K": np.zeros((3, 3)), "dK": np.eye(3)}, current=(1, 1)))
    drawn(figures.skewed([list("abcd"), list("efgh")]))


def test_fields_mark_leaks():
    reach = np.zeros((4, 5))
    reach[1, 2] = reach[2, 2] = 1

    def crosses(**options):
        figure = drawn(figures.fields({"a": reach}, (2, 2), **options))
        return len(figure.axes[0].lines[0].get_xdata())

    assert crosses() == 1
    assert crosses(own=True) == 0
    drawn(figures.fields({str(k): reach for k in range(5)}, (0, 0), columns=3))


def test_maps(rng):
    images = rng.integers(0, 4, (3, 6, 5, 3)).astype(np.uint8)
    drawn(figures.feature_maps({str(k): np.zeros((6, 5)) for k in range(7)}, pixel=(0, 0)))
    drawn(figures.feature_maps({"a": rng.random((6, 5))}, signed=False, label="size"))
    drawn(figures.nats(images, np.zeros((3, 6, 5)), 4))
    half = np.zeros((1, 6, 5, 1), bool)
    half[:, 3:] = True
    drawn(figures.sheet(images, 4, waiting=half, title="known"))
    drawn(figures.sheet(images, 4, generated=half))
    drawn(figures.frames(np.stack([images] * 6), 4, (0, 2, 5)))


def test_only_drawn_pixels_are_tinted():
    images, half = np.zeros((2, 4, 4, 1), np.uint8), np.zeros((1, 4, 4, 1), bool)
    half[:, 2:] = True
    picture = figures.sheet(images, 2, generated=half).axes[0].images[0].get_array()
    assert (picture[1:11, 1:21] == 0).all() and (picture[11:21, 1:21, 0] > 0.2).all()
    assert np.allclose(picture[0], 0.6)


def test_a_sheet_of_few_small_images_stays_small():
    """Neither the images nor the grey between them fill the page."""
    figure = drawn(figures.sheet(np.zeros((2, 8, 8, 1), np.uint8), 2))
    height, width, _ = figure.axes[0].images[0].get_array().shape
    assert figure.get_size_inches()[0] < 4
    assert (height, width) == (16 + 2, 2 * 16 + 3), "an image is 16 dots across, a gap 1"
    wide = drawn(figures.sheet(np.zeros((3, 30, 30, 1), np.uint8), 2))
    assert wide.axes[0].images[0].get_array().shape[:2] == (32, 94)


def test_one_image_has_its_nats_beside_it():
    figure = drawn(figures.nats(np.zeros((1, 6, 5, 1), np.uint8), np.ones((1, 6, 5)), 2))
    assert figure.get_size_inches()[0] > figure.get_size_inches()[1]
    assert "beside it" in figure.alt


def tick_labels(axis):
    low, high = axis.get_view_interval()
    ticks = axis.get_major_ticks()
    return [t.label1.get_text() for t in ticks if low <= t.get_loc() <= high]


def test_bars_and_rungs_have_plain_numbers_on_a_logarithmic_axis():
    """No power of ten where a number is as short, and none like 6×10⁰."""
    figure = drawn(figures.lines({"a": ([1, 2], [2.8, 40.0])}, "x", "nats", log=True))
    assert tick_labels(figure.axes[0].yaxis) == ["3", "5", "10", "20", "30"]
    sizes = {"b": 11.0, "K": 0.0039}
    figure = drawn(figures.bars(sizes, "gradient", log=True))
    assert tick_labels(figure.axes[0].xaxis) == ["0.001", "0.01", "0.1", "1", "10"]
    widths = [bar.get_x() + bar.get_width() for bar in figure.axes[0].patches]
    assert np.allclose(widths, list(sizes.values()))
    figure = drawn(figures.ladder({"loops": 0.102, "tiles": 230e-6}))
    shown = tick_labels(figure.axes[0].xaxis)
    assert {"1 ms", "10 ms", "100 ms"} <= set(shown)
    figure = drawn(figures.roofline({"a": (1.0, 2e9)}, 9e9, {"memory": 1e9}))
    assert not any("10^" in s for axis in (figure.axes[0].xaxis, figure.axes[0].yaxis)
                   for s in tick_labels(axis))  # fmt: skip


@pytest.mark.parametrize(
    "model, prefix",
    [
        ("row_lstm", "blocks.0.lstm"),
        ("diagonal_bilstm", "blocks.0.lstm.r2l"),
        ("multi_scale", "networks.1.blocks.0.lstm.l2r"),
    ],
)
def test_gates(records, model, prefix):
    drawn(figures.gate_maps(records[model], prefix, feature=1))
    drawn(figures.gate_lines(records[model], prefix, image=1))
    drawn(figures.gate_lines(records[model], prefix, gradient=True))
    drawn(figures.passes(records[model], prefix, keys="ogch", image=1))


def test_any_recorded_tensor_can_be_shown(records):
    record = records["row_lstm"]
    for name in record.forward | record.backward:
        drawn(figures.tensor(record, name))


def test_charts():
    drawn(figures.lines({"row_lstm": ([1, 2], [3, 2])}, "epoch", "nats", levels={"coin": 4}))
    drawn(figures.lines({"a": ([0.1, 1], [1, 2]), "b": ([0.1], [1])}, "x", "y", log=True))
    drawn(figures.bars({"PixelCNN": 81.3, "Row LSTM": 80.5}, "nats", highlight=("Row LSTM",)))
    drawn(figures.sketch({"a": (0, 0), "b": (1, 0)}, [("a", "b", "K")], back=[("b", "a")]))


def test_networks():
    for figure in (figures.network("block"), figures.network("scans", 1, skip=True)):
        assert "mask A" in drawn(figure).alt
    assert drawn(figures.conv_block()).alt != drawn(figures.conv_block(back=True)).alt
    assert "tanh" in drawn(figures.lstm_sketch()).alt
    assert "dz" in drawn(figures.lstm_sketch(back=True)).alt
    assert "q-2 to q+2" in drawn(figures.row_taps(k=5)).alt
    assert ("skip" in figures.network("block", skip=True).alt) > (
        "skip" in figures.network("b").alt
    )


@pytest.mark.parametrize("options", [{"blocks": 3}, {"blocks": 2, "skip": True}, {"blocks": 1}])
def test_the_head_of_a_network_stands_below_its_last_sum(options):
    """So that the arrow between them is straight; only the lines around the blocks turn."""
    axes = drawn(figures.network("block", **options)).axes[0]
    sums, head = ([t.get_position() for t in axes.texts if t.get_text() == name]
                  for name in ("+", "ReLU\n1×1"))  # fmt: skip
    assert max(x for x, _ in sums) == max(x for x, _ in head)
    assert max(len(line.get_xdata()) for line in axes.lines) <= 3


@pytest.mark.parametrize("sketch", [figures.block_sketch, figures.conditional_sketch])
def test_a_sketch_has_its_mirror(sketch):
    """Backwards the same boxes stand in the same places, and every arrow is a gradient's."""
    there, back = drawn(sketch()), drawn(sketch(back=True))

    def boxes(figure):
        found = [(p.get_patch_transform(), p.get_path()) for p in figure.axes[0].patches]
        return np.array([t.transform_path(path).get_extents().bounds for t, path in found])

    assert np.allclose(boxes(there), boxes(back))
    assert there.alt != back.alt


@pytest.mark.parametrize("number", COURSE)
def test_you_are_here(number):
    """The notebook in orange, earlier ones in the blue of what is seen, later ones grey."""
    boxes = [p for p in drawn(figures.you_are_here(number)).axes[0].patches if p.get_visible()]
    colours = [to_hex(p.get_facecolor(), keep_alpha=False) for p in boxes]
    place = list(COURSE).index(number)
    assert colours.count(CURRENT.lower()) == 1
    assert colours.count(SEEN.lower()) == place
    assert colours.count(FUTURE.lower()) == len(COURSE) - 1 - place


def test_given_fields():
    small, large = np.zeros((3, 3)), np.zeros((6, 6))
    small[:2] = large[:3] = 1
    figure = drawn(figures.given_fields(small, large, (3, 1), 2))
    assert "6 of 9 pixels, in rows 0 to 1" in figure.alt and "rows 0 to 2" in figure.alt
    full = [line.get_markerfacecolor() != "none" for line in figure.axes[1].lines[:9]]
    assert full == [True] * 6 + [False] * 3
    assert "nothing" in drawn(figures.given_fields(0 * small, large, (3, 1), 2)).alt


def test_curves_count_from_one():
    figure = drawn(figures.curves({"training": [3.0, 2.0]}, "epoch", levels={"coin": 4}))
    assert figure.axes[0].lines[0].get_xdata().tolist() == [1, 2]
    drawn(figures.curves({"a": np.ones(300)}, "update", log=True))


def test_a_point_may_be_a_mean():
    figure = drawn(figures.curves({"a": np.arange(7.0)}, "update", mean_of=2))
    assert figure.axes[0].lines[0].get_xdata().tolist() == [1.5, 3.5, 5.5]
    assert figure.axes[0].lines[0].get_ydata().tolist() == [0.5, 2.5, 4.5]


@pytest.mark.parametrize(
    "y, labels",
    [
        ([0.5, 80], ["1", "10", "100"]),
        ([2, 9], ["2", "3", "5"]),
        ([300, 3e5], ["1,000", "10,000", "100,000"]),
    ],
)
def test_logarithmic_axes_have_plain_numbers(y, labels):
    """Not 10⁰, and never 6×10⁰."""
    axes = drawn(figures.lines({"a": ([1, 2], y)}, "x", "y", log=True)).axes[0]
    low, high = axes.get_ylim()
    major = zip(axes.get_yticks(), axes.get_yticklabels(), strict=True)
    assert [label.get_text() for v, label in major if low <= v <= high] == labels
    assert not any(label.get_text() for label in axes.get_yticklabels(minor=True))


def test_guesses_in_words():
    image = np.zeros((4, 4, 1), np.uint8)
    image[1, 2] = 3
    p = {"softmax": np.array([0.1, 0.1, 0.3, 0.5]), "a bell": np.ones(4) / 4}
    figure = drawn(figures.opinions(image, {(1, 2): p}, 4))
    assert "Pixel (1, 2) has value 3; its p: softmax 0.500 and a bell 0.250." in figure.alt
    assert [t.get_text() for t in figure.legends[0].get_texts()] == ["softmax", "a bell"]
    colours = np.full((4, 4, 3), 7, np.uint8)
    figure = drawn(figures.colour_guess(colours, (1, 2), np.eye(256)[[7, 7, 9]] + 1e-9))
    assert "red is 7, with probability 1.000" in figure.alt and "has 9" in figure.alt
    reach = np.zeros((3, 3))
    reach[0, 1], reach[1, 0] = 2, 1
    alt = drawn(figures.influence({(1, 1): reach})).alt
    assert "Pixel (1, 1) depends most on (0, 1), (1, 0)" in alt and "no later one" in alt


def test_completions_tint_what_was_drawn():
    images = np.zeros((2, 4, 4, 1), np.uint8)
    known = (np.arange(4) < 2)[:, None, None]
    figure = drawn(figures.completions(images, known, np.zeros((2, 3, 4, 4, 1), np.uint8), 2))
    picture = figure.axes[0].images[0].get_array()
    dots = 5  # along the side of a pixel, so that a gap of one dot is thin
    assert picture.shape == (8 * dots + 3, 20 * dots + 6, 3) and "3 completions" in figure.alt
    first, original = 4 * dots + 2, 16 * dots + 5  # columns of dots, after a gap each
    black, tinted = picture[1, first], picture[4 * dots, first]
    assert not black.any() and tinted.any() and not picture[4 * dots, original].any()


def test_a_figure_takes_its_words():
    assert figures.bars({"a": 1.0}, "x", alt="one  bar\n    of 1").alt == "one bar of 1"
    assert figures.bars({"a": 1.0}, "x").alt == "X: a 1."


def test_places_are_numbered():
    reach = np.ones((9, 20))
    for figure in (
        figures.fields({"a": reach}, (8, 3), places=True),
        figures.feature_maps({"a": reach}, places=True),
    ):
        axes = drawn(figure).axes[0]
        assert (axes.get_ylabel(), axes.get_xlabel()) == ("row", "column")
        assert axes.get_xticks()[-1] < 20 and axes.get_yticks()[0] == 0


def test_table():
    table = figures.Table(["model", "nats"], [["Row <LSTM>", 80.5], ["b", 1]])
    assert repr(table).splitlines()[1] == "Row <LSTM>  80.5"
    assert repr(table).splitlines()[2] == "b              1"
    assert "Row &lt;LSTM&gt;" in table._repr_html_()


def test_labels_are_kept_apart():
    moved = apart({"a": 0.0, "b": 0.01, "c": 1.0}, 0.1)
    assert moved == {"a": 0.0, "b": pytest.approx(0.1), "c": 1.0}


def test_every_figure_has_words():
    """What the function says, what can be read off the figure, or what the caller says."""
    assert figures.masks({"A": [[1, 0]]}).alt == "A: 1 0."
    assert figures.numbers({"K": [[-0.04, 2]]}, form="{:.1f}").alt == "K: 0.0 2.0."
    curves = figures.lines({"test": ([0, 3], [5.0, 2.5])}, "steps", "nats", levels={"coin": 4})
    assert curves.alt == "Nats against steps; test: 5 at 0, 2.5 at 3. Dashed: coin."
    assert figures.lines({"test": ([1, 2], [1, 2])}, "x", "y", alt="A rise.").alt == "A rise."
    reach = np.zeros((3, 3))
    reach[0] = reach[1, 1] = 1
    assert (
        "3 of 4 earlier pixels, and 1 that it must not see"
        in figures.fields({"B": reach}, (1, 1)).alt
    )
    for figure in (
        figures.skewed([list("abc"), list("def")]),
        figures.distributions({"p": np.ones(4) / 4}),
        figures.sheet(np.zeros((3, 5, 4, 1), np.uint8), 2),
    ):
        assert len(figure.alt) > 10


def test_what_is_read_is_marked_where_it_stands():
    figure = drawn(figures.letters({"a": [["b", "·"], ["e", "b"]]}, "e", {"a": [(0, 1)]}))
    colours = [patch.get_facecolor() for patch in figure.axes[0].patches]
    assert len({colours[0], colours[1]}) == 2, "the padding is read, b is not"
    assert "row 1 and nothing of row 2" in drawn(figures.states_kept(4, 5, 2, 3)).alt


def test_both_maps_of_a_skew_have_squares_of_one_size():
    figure = drawn(figures.skewed([list("abc"), list("def"), list("ghi")]))
    sides = [a.get_window_extent().width / np.ptp(a.get_xlim()) for a in figure.axes]
    assert abs(sides[0] - sides[1]) < 0.05 * sides[0]


def test_one_number_of_a_convolution():
    image, kernel = np.arange(12.0).reshape(3, 4), np.ones((3, 3))
    figure = drawn(figures.convolution(image, kernel, (1, 1)))
    assert "sum 45." in figure.alt
    assert "sum 10." in drawn(figures.convolution(image, kernel, (0, 0))).alt


def test_a_table_has_a_form_for_each_column():
    table = figures.Table(["", "a", "b"], [["x", 1.0, 2.0]], form=["", "{:.1f}", "{:.3f}"])
    assert table.rows == [["x", "1.0", "2.000"]]


def test_powers_of_ten_along_an_axis():
    figure = drawn(figures.lines({"a": ([10, 1000], [1, 2])}, "x", "y", logx=True, ylim=(0, 3)))
    axes = figure.axes[0]
    assert axes.get_xscale() == "log" and axes.get_ylim() == (0, 3)


def test_a_roof_a_grid_of_verdicts_and_colour_groups_say_what_they_show():
    points = {"6 side by side": (20.0, 8.2e9), "9": (20.0, 1e11)}
    figure = drawn(figures.roofline(points, 1.02e11, {"memory": 2e10}))
    assert "9 at 20 operations per byte, 100 GFLOP/s" in figure.alt
    found = {"mask B": {"sum": True, "twin": False}, "adjoint": {"sum": False, "twin": "a word"}}
    figure = drawn(figures.verdicts(found, splits=("adjoint",)))
    assert figure.alt == "mask B: found by sum. adjoint: found by twin (a word)."
    assert {text.get_text() for text in figure.axes[0].texts} == {"✓ found", "·", "! word"}
    figure = drawn(figures.colour_groups({"mixed": ["RG", "GG"]}, rows="of"))
    assert figure.alt == "mixed: o: R G / f: G G; 1 of 2 features mix colours."


FILMS = {
    "mask": lambda: figures.mask_sliding(np.arange(6).reshape(2, 3), np.tri(3, dtype=int), "B"),
    "field": lambda: figures.field_growing({"a": np.eye(3, 4), "b": np.tri(3, 4)}, (2, 3)),
    "rows": lambda: figures.rows_scanned(3, 4, k=3),
    "diagonals": lambda: figures.diagonals_scanned(2, 3),
}


@pytest.mark.parametrize("name", FILMS)
def test_figures_that_move_end_with_their_last_stage(name):
    """What is seen without animation is the last stage, in the SVG as in the PNG."""
    film = FILMS[name]()
    found, about = film._repr_mimebundle_()
    root = ElementTree.fromstring(found["image/svg+xml"])
    SVG = "{http://www.w3.org/2000/svg}"
    still = [
        "".join(text.itertext())
        for group in [root, *root.findall(f"{SVG}g")]
        if group.get("visibility") != "hidden"
        for text in group.findall(f"{SVG}text")
    ]
    last = [mark[4] for _, mark in film.stages[-1] if mark[0] == "square" and mark[4]]
    last += [mark[3] for _, mark in film.stages[-1] if mark[0] == "words"]
    assert sorted(still) == sorted(last)
    groups = root.findall(f"{SVG}g")
    assert groups and all(group.find(f"{SVG}animate") is not None for group in groups)
    assert base64.b64decode(found["image/png"])[:4] == b"\x89PNG"
    assert len(about["image/png"]["alt"]) > 80 and root.find(f"{SVG}title").text == film.alt
    assert len(found["image/svg+xml"]) < 100_000


def test_each_stage_of_a_figure_that_moves_shows_its_own_marks():
    """At every moment just one stage's marks are visible."""
    film = FILMS["diagonals"]()
    runs = film._runs()
    for k, stage in enumerate(film.stages):
        here = {run: marks for run, marks in runs.items() if run[1] <= k < run[2]}
        shown = {(run[0], mark) for run, marks in here.items() for mark in marks}
        assert shown == set(stage)
    assert not [k for k in runs if k[1] >= k[2]]


def test_the_sliding_mask_computes_the_masked_convolution():
    image, kernel = np.array([[1, 2], [3, 4]]), np.arange(1, 10).reshape(3, 3)
    for kind, wanted in (("A", ["0", "4", "8", "17"]), ("B", ["5", "14", "23", "37"])):
        film = figures.mask_sliding(image, kernel, kind)
        words = [mark[3] for stage in film.stages for _, mark in stage if mark[0] == "words"]
        assert [w.split("= ")[1] for w in words if "= " in w] == wanted
