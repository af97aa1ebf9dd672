"""The course: notebooks run, are in step with their sources, and checks tell right from wrong.

Each source is run top to bottom as a script in a fresh process without a network, the short form
(PIXELRNN_FAST=1) of the long ones. PIXELRNN_FAST=0 pytest tests/test_notebooks.py runs them whole.
"""

import ast
import importlib
import importlib.util
import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import nbformat
import numpy as np
import pytest

import pixelrnn_np as pr
from pixelrnn_np import course
from pixelrnn_np.course import results
from pixelrnn_np.course.checking import EXERCISES
from pixelrnn_np.figures.course_map import COURSE

FOLDER = Path(pr.__file__).parents[1] / "notebooks"
build = runpy.run_path(str(FOLDER / "build.py"))
SOURCES = build["sources"]()
NOTEBOOKS = [p for p in SOURCES if p.parent == FOLDER]
SOLUTIONS = [p for p in SOURCES if p.parent != FOLDER]

RUN = """
import os, runpy, socket, sys
def refuse(*args, **kwargs):
    raise OSError("a notebook asked for the network")
socket.socket.connect = socket.create_connection = refuse
os.chdir(os.path.dirname(sys.argv[1]))
runpy.run_path(sys.argv[1], run_name="__main__")
"""


def named(paths):
    return pytest.mark.parametrize("path", paths, ids=lambda p: str(p.relative_to(FOLDER))[:-3])


def exercises(path):
    """{name: check} of a notebook's or a solution's module in the course, n05 of 05_row_lstm."""
    module = f"pixelrnn_np.course.n{path.name.split('_')[0]}"
    importlib.import_module(module)
    return EXERCISES[module]


def needs_the_coder(path):
    if path.name.startswith("12_") and not importlib.util.find_spec("constriction"):
        pytest.skip("notebook 12 needs the extra `coding`")


@named(SOURCES)
def test_runs_from_top_to_bottom(path, tmp_path):
    needs_the_coder(path)
    environment = {
        **os.environ, "MPLBACKEND": "Agg", "PIXELRNN_STATIC": "1",
        "PIXELRNN_FAST": os.environ.get("PIXELRNN_FAST", "1"),
        "PYTHONPATH": os.pathsep.join([str(FOLDER.parent), os.environ.get("PYTHONPATH", "")]),
    }  # fmt: skip
    environment.pop("PIXELRNN_DATA", None)
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(path)],
        env=environment, capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]


@named(SOURCES)
def test_the_pair_is_in_step(path):
    made = nbformat.read(path.with_suffix(".ipynb"), as_version=4)
    nbformat.validate(made)
    source = [(c.cell_type, c.source) for c in build["read"](path).cells]
    kept = [(c.cell_type, c.source) for c in made.cells]
    assert source == kept, f"run: make notebooks NB={path.name.split('_')[0]}"


@named(SOURCES)
def test_the_committed_outputs(path):
    """Run in order, to the end, without an error; no widget stands where a picture should."""
    made = nbformat.read(path.with_suffix(".ipynb"), as_version=4)
    code = [c for c in made.cells if c.cell_type == "code"]
    assert [c.execution_count for c in code] == list(range(1, len(code) + 1))
    outputs = [o for c in code for o in c.outputs]
    assert not [o for o in outputs if o.output_type == "error"]
    assert not [o for o in outputs if o.get("name") == "stderr"]
    assert not any("widget" in kind for o in outputs for kind in o.get("data", {}))
    assert path.with_suffix(".ipynb").stat().st_size < 3_000_000


@named(SOURCES)
def test_pictures_have_words(path):
    made = nbformat.read(path.with_suffix(".ipynb"), as_version=4)
    outputs = [o for c in made.cells for o in c.get("outputs", [])]
    for output in (o for o in outputs if "image/png" in o.get("data", {})):
        assert len(output.metadata["image/png"].get("alt", "")) > 20


@named(SOURCES)
def test_no_word_to_a_linter_is_shown(path):
    code = path.read_text()
    assert "noqa" not in code and "fmt: skip" not in code and "fmt: off" not in code


@named(NOTEBOOKS)
def test_the_parts_that_every_notebook_has(path):
    text = path.read_text()
    for part in ("**What you will do.**", "**What you will learn.**", "**What you need.**"):
        assert part in text, part
    found = exercises(path)
    assert 2 <= len(found) <= 4
    assert text.count("<summary>Hint</summary>") == len(found)
    for name, check in found.items():
        assert f"check.{name}(" in text
        assert f"## Exercise {check.number}" in text
    solution = FOLDER / "solutions" / path.name
    assert solution in SOLUTIONS
    assert f"solutions/{path.stem}.ipynb" in text
    made = nbformat.read(path.with_suffix(".ipynb"), as_version=4)
    shown = "".join(str(c.get("outputs")) for c in made.cells)
    assert shown.count("not done yet</b>") == len(found), "as it is, no exercise is solved"
    assert "image/png" in shown and "course.interactive(" in text


# Those built since the course has a map; 10 and 11 follow as they are built again.
MAPPED = [p for p in NOTEBOOKS if p.name[:2] != "90"]  # an appendix lies on no map


@named(MAPPED)
def test_it_says_where_you_are(path):
    number = path.name.split("_")[0]
    cells = build["read"](path).cells
    assert cells[2].source == f'figures.you_are_here("{number}")'


@named(NOTEBOOKS)
def test_it_says_what_to_read_next(path):
    last = build["read"](path).cells[-1].source
    assert "## Further reading" in last and "arxiv.org/abs/1601.06759" in last
    assert "](../pixelrnn_np/" in last, "a link to the source"


@named(MAPPED)
def test_minutes_to_read_are_about_right(path):
    """As the site counts them (docs/_ext/course.py): 180 words or 20 lines of code a minute."""
    words = lines = 0
    for cell in build["read"](path).cells:
        markdown = cell.cell_type == "markdown"
        words += len(cell.source.split()) if markdown else 0
        lines += 0 if markdown else sum(bool(x.strip()) for x in cell.source.splitlines())
    counted = words / 180 + lines / 20
    assert abs(COURSE[path.name.split("_")[0]][2] - counted) < max(5, counted / 5), counted


@named([p for p in NOTEBOOKS if p.name[:2] in ("04", "07", "08", "09", "12", "13")])
def test_every_figure_has_words(path):
    made = nbformat.read(path.with_suffix(".ipynb"), as_version=4)
    outputs = [o for c in made.cells if c.cell_type == "code" for o in c.outputs]
    figures = [o.metadata["image/png"] for o in outputs if "image/png" in o.get("data", {})]
    assert figures and all(len(figure.get("alt", "")) > 40 for figure in figures)


@named([p for p in NOTEBOOKS if p.name[:2] in ("00", "01", "02", "03", "04", "05", "90")])
def test_cells_show_what_they_teach(path):
    """Tables get values and forms, no f-strings; a long text about a figure is the figure's own."""
    for call in (c for c in ast.walk(ast.parse(code_of(path))) if isinstance(c, ast.Call)):
        name = ast.unparse(call.func)
        if name == "figures.Table":
            assert not [n for n in ast.walk(call) if isinstance(n, ast.JoinedStr)], name
        for word in (k for k in call.keywords if k.arg == "alt"):
            assert len(ast.unparse(word.value)) < 80, name


@named([p for p in NOTEBOOKS if p.name[:2] in ("00", "01", "02", "03", "04", "05", "90")])
def test_rows_are_r_and_columns_q(path):
    """No loop over pixels or taps has other letters; in 00 a third one is the colour."""
    for loop in ast.walk(ast.parse(code_of(path))):
        pair = getattr(loop, "target", None)
        if isinstance(loop, (ast.For, ast.comprehension)) and isinstance(pair, ast.Tuple):
            letters = [n.id for n in pair.elts if isinstance(n, ast.Name)]
            if "ndindex" in ast.unparse(loop.iter) and "K.shape)" not in ast.unparse(loop.iter):
                assert letters[:2] == ["r", "q"], ast.unparse(loop.iter)


@named([p for p in NOTEBOOKS if p.name[:2] in ("03", "04", "05", "06")])
def test_one_figure_moves_and_has_a_still(path):
    """Small, with words; beside the SVG stands a PNG of its last stage, for paper."""
    made = nbformat.read(path.with_suffix(".ipynb"), as_version=4)
    outputs = [o for c in made.cells if c.cell_type == "code" for o in c.outputs]
    (moving,) = [o for o in outputs if "image/svg+xml" in o.get("data", {})]
    assert "<animate" in moving.data["image/svg+xml"] and "image/png" in moving.data
    assert sum(map(len, moving.data.values())) < 200_000
    for kind in ("image/svg+xml", "image/png"):
        assert len(moving.metadata[kind]["alt"]) > 100


def code_of(path):
    cells = build["read"](path).cells
    return "\n".join(c.source for c in cells if c.cell_type == "code")


def test_all_of_it_is_one_page():
    """Exercises and figures included."""
    code = code_of(FOLDER / "13_all_of_it.py")
    assert len([line for line in code.splitlines() if line.strip()]) <= 250


@pytest.mark.parametrize(
    "name, functions",
    [
        ("04_pixelcnn", "mask beside beside_back conv_fast conv_fast_back chain chain_back scaled "
                        "forward nats_and_grads initial adam draw"),
        ("13_all_of_it", "windows product product_back skew unskew scan scan_back two_scans "
                         "two_scans_back forward backward nats_and_grads initial adam fit draw"),
    ],
)  # fmt: skip
def test_the_students_network_is_made_of_the_notebook_alone(name, functions):
    tree = ast.parse(code_of(FOLDER / f"{name}.py"))
    found = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    package = {
        "pr",
        "sampling",
        "explain",
        "gradcheck",
        "baselines",
        "ConvBlock",
        "model",
        "theirs",
    }
    for function in functions.split():
        used = {node.id for node in ast.walk(found[function]) if isinstance(node, ast.Name)}
        assert not used & package, function


def test_10_shows_the_kernel_as_it_is():
    """The twenty lines on the page are those of the package, but for the case of a 1×1."""
    package = FOLDER.parent / "pixelrnn_np" / "kernels" / "masked_conv.py"
    trees = ast.parse(package.read_text()), ast.parse(code_of(FOLDER / "10_loops_to_numba.py"))
    lines = []
    for tree, name in zip(trees, ("conv_forward", "conv_inline"), strict=True):
        (found,) = [f for f in tree.body if isinstance(f, ast.FunctionDef) and f.name == name]
        lines.append([ast.unparse(s) for s in found.body if not isinstance(s, ast.If)])
    assert lines[0] == lines[1]


def test_11_shows_its_scan():
    """The layer into which bugs are planted is written out there; the course hides none of it."""
    assert "class Scan(DiagonalLSTM)" in code_of(FOLDER / "11_catch_the_leak.py")
    assert not hasattr(importlib.import_module("pixelrnn_np.course.n11"), "Scan")


def test_09_trains_with_its_own_loop():
    """The loop and SOAP are written out; they do not call the package's trainer."""
    tree = ast.parse(code_of(FOLDER / "09_training_and_results.py"))
    found = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    for name in ("fit", "soap_slow", "run"):
        used = {node.id for node in ast.walk(found[name]) if isinstance(node, ast.Name)}
        assert "Trainer" not in ast.dump(found[name]) and "trainer" not in used, name


def test_the_paper_s_four_networks_stand_beside_ours():
    pairs = results.beside_the_paper()
    assert [paper for paper, _ in pairs.values()] == [nats for *_, nats in results.OWN_4]
    for name, (_, ours) in pairs.items():
        model, size, took = name.split(", ")
        card = results.ours(model, size)
        assert ours == card["nats"]["test"] and took == f"{results.minutes(card):.0f} min"


def test_no_prose_of_09_quotes_a_card():
    """New weights may ship any day; tables read the cards."""
    text = (FOLDER / "09_training_and_results.py").read_text()
    for card in results.cards().values():
        for split in ("valid", "test"):
            assert f"{card['nats'][split]:.2f}" not in text


@named(NOTEBOOKS)
def test_links_lead_somewhere(path):
    for target in re.findall(r"\]\((?!http)([^)#]+)[^)]*\)", path.read_text()):
        assert (FOLDER / target).exists(), target


@named(SOLUTIONS)
def test_checks_tell_right_from_wrong(path):
    needs_the_coder(path)
    answers = runpy.run_path(str(path))
    found = exercises(path)
    assert set(answers["RIGHT"]) == set(answers["WRONG"]) == set(found)
    for name, check in found.items():
        right = answers["RIGHT"][name]
        right = right if isinstance(right, tuple) else (right,)
        assert check(*right).state == "right", check(*right)
        assert answers["WRONG"][name], f"{name} has no plausible wrong answer"
        for wrong in answers["WRONG"][name]:
            verdict = check(*(wrong if isinstance(wrong, tuple) else (wrong,)))
            assert verdict.state == "wrong", wrong
            assert verdict.message
        assert check(*[...] * len(right)).state == "not done yet"
        assert check(*[lambda *a, **k: None] * len(right)).state == "not done yet"


@named([p for p in SOLUTIONS if p.name[:2] in ("04", "13")])
def test_each_mistake_has_a_sentence_of_its_own(path):
    answers = runpy.run_path(str(path))
    for name, check in exercises(path).items():
        said = {check(wrong).message for wrong in answers["WRONG"][name]}
        assert len(said) == len(answers["WRONG"][name]), name


def test_every_notebook_has_one_source():
    for path in [*FOLDER.glob("*.ipynb"), *FOLDER.glob("solutions/*.ipynb")]:
        assert path.with_suffix(".py") in SOURCES, f"{path.name} has no source"


@course.exercise("0.0")
def doubled(answer):
    course.same("doubled(2)", answer(2), 4)
    course.same("doubled of an array", answer(np.arange(3.0)), np.array([0, 2, 4.0]))


EXERCISES.pop(__name__)


@pytest.mark.parametrize(
    "answer, state, message",
    [
        (lambda x: 2 * x, "right", ""),
        (lambda x: x + 2, "wrong", r"first at \[0\]: 2"),
        (lambda x: 3 * x, "wrong", r"doubled\(2\) gives 6"),
        (lambda x: 2 * np.atleast_1d(x), "wrong", r"shape \(1,\)"),
        (lambda x: x / 0, "wrong", "ZeroDivisionError"),
        (lambda x: "four", "wrong", "should be numbers"),
        (lambda x: np.nan * x, "wrong", "NaN"),
        (lambda: 4, "wrong", "TypeError"),
        (5, "wrong", "not callable"),
        (None, "not done yet", ""),
        (..., "not done yet", ""),
        (lambda x: ..., "not done yet", ""),
        (lambda x: None, "not done yet", ""),
    ],
)
def test_a_check_never_raises(answer, state, message):
    verdict = doubled(answer)
    assert verdict.state == state
    assert re.search(message, verdict.message)
    assert state in repr(verdict) and state in verdict._repr_html_()


def test_not_implemented_is_not_done():
    def later(x):
        raise NotImplementedError

    assert doubled(later).state == "not done yet"


def test_same_compares_sets_and_lists():
    course.same("f", {1, 2}, {2, 1})
    course.same("f", [1, 2], [1, 2])
    for got in ({1}, [1, 2]):
        with pytest.raises(course.Wrong):
            course.same("f", got, {1, 2})


def test_mistaken_names_a_mistake_and_spares_the_right_answer():
    mistakes = {"has the wrong sign.": -4, "is rounded.": 4}
    course.mistaken("f", 4.0, 4.0, mistakes)
    course.mistaken("f", 5.0, 4.0, mistakes)
    course.mistaken("f", [4, 4], 4.0, mistakes)
    course.mistaken("f", "four", 4.0, mistakes)
    with pytest.raises(course.Wrong, match="f has the wrong sign"):
        course.mistaken("f", -4.0, 4.0, mistakes)


SENTENCES = {  # the mistakes that students make, and what they are told
    "00": {
        "whole_number": "do not round",
        "probabilities_first": "smaller than the smallest float64",
        "columns_first": "down the columns",
        "rows_and_columns_swapped": "r for the column",
    },
    "01": {"coin_the_other_way": "turns the coin round", "the_share": "logit"},
    "02": {"probabilities": "gives probabilities", "divided_twice": "also divided"},
    "02b": {"mirrored": "not mirrored", "for_each_pixel": "all pixels share"},
    "03": {"rolled": "np.roll", "not_transposed": "transpose", "how_many_ways": "counts the ways"},
    "05": {
        "without_the_mask": "a leak",
        "without_the_input": "K_is has not been read",
        "not_flipped": "wrong direction",
        "wraps_around": "np.roll",
        "not_moved": "not moved the shares",
        "forgets_the_sigmoid": "the gate f itself",
        "a_share_per_row": "multiply, not add",
        "thirds_of_all": "would leak",
        "each_four_times": "would leak",
        "in_turns": "take turns",
    },
    "06": {
        "as_if_right": "what the right order reads",
        "one_too_few": "rows also stand apart",
        "first_row_too": "first row",
        "one_column_more": "one column too many",
        "always_three": "right for k = 7",
        "moves_down": "goes to row r + 1",
        "rolls": "np.roll",
        "not_moved": "where it is",
        "one_tap_only": "tap above",
        "sums_for_h0": "adds up all rows",
        "last_row_for_h0": "above the first row",
        "left_to_right": "from left to right",
        "appended": "column 0 comes first",
        "taps_exchanged": "exchanged",
        "begins_with_zeros": "not with h0",
        "cell_not_carried": "carried along",
    },
    "07": {
        "skips_double_too": "it ends at the head",
        "skips_beside_the_trunk": "counts each skip once",
        "not_transposed": "K_skip where its transpose belongs",
        "as_in_the_notebook": "but not past it",
        "past_but_not_through": "but not through it",
        "without_the_residual": "x enters y directly",
        "without_the_skip": "knows nothing of the skip",
        "adds_deviations": "variances add up",
        "forgets_the_root": "is a variance",
        "factor_not_squared": "where its square belongs",
    },
    "08": {
        "begins_at_the_pixel": "begins f/2 before its pixel",
        "flipped": "nothing is flipped",
        "only_the_middle": "stamps overlap",
        "underflows": "0 for a computer",
        "one_shift_for_all": "needs a shift of its own",
        "a_mean": "mean over small images",
        "the_best_one": "most probable small image only",
        "without_the_small_ones": "how probable each small image is",
    },
    "09": {
        "without_biases_of_up_and_skip": "biases of up and skip",
        "without_initial_states": "initial states of both directions",
        "one_direction": "one direction only",
        "a_second_bias": "K_is has the only one",
        "no_root": "the root is missing",
        "the_root_above": "in the denominator",
        "always_the_rate": "s is not g² yet",
        "against_a_coin": "a coin",
        "down_to_zero": "not 0 for several images",
        "too_short": "above the floor",
        "never_trained": "nothing has trained",
    },
    "10": {
        "rolls": "other side",
        "the_other_way": "wrong direction",
        "without_a_limit": "nothing is left to read",
        "forgets_the_half_inside": "half inside tanh",
        "sigma_on_g_as_well": "it is tanh itself",
        "with_exp": "still an exp",
        "twice": "2 times",
        "always_half": "large squares",
        "exchanged": "exchanged",
        "per_pixel": "for each pixel",
    },
    "11": {
        "only_later_pixels": "its own pixel",
        "with_a_tolerance": "faintly",
        "the_wrong_way_round": "which of them reads which",
        "an_earlier_pixel": "it comes earlier",
    },
    "12": {
        "shrinks_first": "needs the old width",
        "never_shrinks_the_step": "a share of the present width",
        "adds_up": "the sum of the probabilities",
        "rounds": "could not be coded",
        "lifts_to_one": "the frequencies sum to",
        "floats": "whole numbers",
        "turned_round": "which of the two makes the images",
        "in_nats": "these are nats",
        "the_whole_bill": "the whole bill",
        "zero_times_infinity": "never occurs",
    },
    "90": {
        "mean_of_the_variances": "means differ",
        "without_the_tails": "tails",
        "wrong_way_round": "wrong way round",
    },
}


@named([p for p in SOLUTIONS if p.name.split("_")[0] in SENTENCES])
def test_each_typical_mistake_gets_its_own_sentence(path):
    needs_the_coder(path)
    answers = runpy.run_path(str(path))
    told = {
        wrong.__name__: exercises(path)[name](wrong).message
        for name, found in answers["WRONG"].items()
        for wrong in found
    }
    for mistake, words in SENTENCES[path.name.split("_")[0]].items():
        assert words in told[mistake], told[mistake]


def test_figures_that_move_are_drawn_without_widgets():
    drawn = []

    def draw(row=3):
        drawn.append(row)

    course.interactive(draw, row=(0, 7))
    course.interactive(draw, static=[{"row": 1}, {"row": 2}], row=(0, 7))
    assert drawn == [3, 1, 2]
