"""The user's matplotlibrc changes no picture, and a picture that fails ends no training."""

import os
import subprocess
import sys

import matplotlib
import numpy as np
import pytest
from command_line import TINY
from matplotlib.figure import Figure
from test_figures import records  # noqa: F401  a fixture

import pixelrnn_np as pr
from pixelrnn_np import figures
from pixelrnn_np.runs.reading import CURVE
from pixelrnn_np.runs.run import Run
from pixelrnn_np.training.trainer import Trainer

HOSTILE = {
    "text.usetex": True, "text.latex.preamble": r"\nonsense", "image.origin": "lower",
    "image.interpolation": "bicubic", "axes.facecolor": "red", "figure.dpi": 30, "font.size": 3,
    "savefig.dpi": 11, "savefig.bbox": "tight", "savefig.format": "pdf", "xtick.labelsize": 30,
    "axes.formatter.use_locale": True, "figure.constrained_layout.h_pad": 2, "axes.grid": True,
}  # fmt: skip


def image(n=3):
    return np.random.default_rng(1).integers(0, 4, (n, 6, 5, 3)).astype(np.uint8)


def half():
    return np.arange(6)[:, None, None] * np.ones((1, 1, 5, 1)) > 2


LETTERS = [list("abcd"), list("efgh")]
GATED = {"prefix": "blocks.0.lstm"}
DRAWN = {
    "block_sketch": lambda r: figures.block_sketch(),
    "conv_block": lambda r: figures.conv_block(back=True),
    "conditional_sketch": lambda r: figures.conditional_sketch(back=True),
    "given_fields": lambda r: figures.given_fields(np.eye(2), np.eye(4), (1, 1), 2),
    "decided": lambda r: figures.decided(7, size=4),
    "sketches": lambda r: figures.sketches(image()[:, ::2, :4:2], image()[:, None, :, :4], 4, 2),
    "two_scales_drawn": lambda r: figures.two_scales_drawn(
        [np.ones((1, 2, 2, 1), np.uint8)] * 2 + [np.eye(4, dtype=np.uint8)[None, ..., None]] * 4,
        2,
        (1,),
    ),
    "you_are_here": lambda r: figures.you_are_here("05"),
    "convolution": lambda r: figures.convolution(np.eye(4), np.ones((3, 3)), (1, 1)),
    "network": lambda r: figures.network("block", skip=True),
    "lstm_sketch": lambda r: figures.lstm_sketch(back=True),
    "row_taps": lambda r: figures.row_taps(),
    "sketch": lambda r: figures.sketch({"a": (0, 0), "b": (1, 0)}, [("a", "b", "K")]),
    "bars": lambda r: figures.bars({"a": 81.3, "b": 80.5}, "nats"),
    "lines": lambda r: figures.lines({"a": ([1, 2], [3, 2])}, "x", "y", levels={"coin": 4}),
    "curves": lambda r: figures.curves({"a": [3, 2]}, "epoch", levels={"coin": 4}),
    "training_curve": lambda r: figures.training_curve(
        [{"images": k, "train": 3.0 / k, "valid": 4.0 / k} for k in (1, 2)], {"test": 2.0}
    ),
    "both_ways": lambda r: figures.both_ways({"both": ([1.0, 1.0], [0.1, 0.2])}),
    "seeds": lambda r: figures.seeds({"both": [1.0, 2.0]}, "nats", {"coin": 3.0}),
    "ladder": lambda r: figures.ladder({"a": 1e-3, "b": 1.0}),
    "roofline": lambda r: figures.roofline({"a": (1.0, 2e9)}, 9e9, {"memory": 1e9}),
    "verdicts": lambda r: figures.verdicts({"a": {"b": True, "c": "false alarm"}}, ("a",)),
    "colour_groups": lambda r: figures.colour_groups({"a": [list("RGB")] * 4}),
    "mask_sliding": lambda r: figures.mask_sliding(np.eye(2, dtype=int), np.tri(3)).picture(),
    "field_growing": lambda r: figures.field_growing({"a": np.tri(3)}, (2, 2)).picture(),
    "rows_scanned": lambda r: figures.rows_scanned(2, 3).picture(),
    "diagonals_scanned": lambda r: figures.diagonals_scanned(2, 3).picture(),
    "dumbbells": lambda r: figures.dumbbells({"a": (1.0, 2.0)}, ("one", "other"), "nats"),
    "register_tile": lambda r: figures.register_tile(),
    "distributions": lambda r: figures.distributions({"a": np.ones(4) / 4}),
    "gallery": lambda r: figures.gallery({"a": image()[0]}, 4),
    "raster": lambda r: figures.raster({"a": np.arange(6).reshape(2, 3)}, 4),
    "letters": lambda r: figures.letters({"a": LETTERS}, current="b"),
    "skewed": lambda r: figures.skewed(LETTERS),
    "states_kept": lambda r: figures.states_kept(3, 4, 1, 2),
    "wavefront": lambda r: figures.wavefront(3, 4, 2),
    "mixture_parts": lambda r: figures.mixture_parts(),
    "masks": lambda r: figures.masks({"A": np.tri(3, k=-1)}, labels="RGB"),
    "neurons": lambda r: figures.neurons(
        np.ones(2), np.eye(2, 3), np.ones(3), np.ones((3, 1)), [1]
    ),
    "numbers": lambda r: figures.numbers({"K": np.eye(3)}, current=(1, 1)),
    "gate_maps": lambda r: figures.gate_maps(r, **GATED),
    "gate_lines": lambda r: figures.gate_lines(r, **GATED),
    "passes": lambda r: figures.passes(r, **GATED),
    "tensor": lambda r: figures.tensor(r, "first"),
    "feature_maps": lambda r: figures.feature_maps({"a": np.tri(5)}, pixel=(0, 0)),
    "fields": lambda r: figures.fields({"a": np.tri(5)}, (2, 2)),
    "frames": lambda r: figures.frames(np.stack([image()] * 6), 4, (0, 2)),
    "guess": lambda r: figures.guess(image()[0], (2, 2), np.ones(4) / 4, 4),
    "colour_guess": lambda r: figures.colour_guess(image()[0], (2, 2), np.full((3, 256), 1 / 256)),
    "completions": lambda r: figures.completions(image(), half()[0], image()[:, None], 4),
    "influence": lambda r: figures.influence({(2, 2): np.tri(5), (3, 1): np.tri(5)}),
    "opinions": lambda r: figures.opinions(
        image()[0, :, :, :1], {(1, 2): {"a": np.ones(4) / 4, "b": np.eye(4)[1]}}, 4
    ),
    "marked": lambda r: figures.marked(image()[0], [(1, 2)], 4),
    "intervals": lambda r: figures.intervals([({"a": 0.3, "b": 0.7}, "b")] * 2, ["1", "2"]),
    "nats": lambda r: figures.nats(image(), np.ones((3, 6, 5)), 4),
    "sheet": lambda r: figures.sheet(image(), 4, waiting=half(), title="a"),
    "sheets": lambda r: figures.sheets({"a": image(), "b": image()}, 4),
}
HISTORY = [{"step": 1, "train": 3.0, "valid": 4.0}, {"step": 2, "train": 2.0, "valid": np.nan}]
SAVED = {
    "save_completions": lambda p: figures.save_completions(
        p, image(), np.broadcast_to(half(), (3, 6, 5, 3)), image()[:, None], 4
    ),
    "save_explanation": lambda p: figures.save_explanation(
        p, image(), np.ones((3, 6, 5)), np.tri(6, 5), (2, 2), 4
    ),
    "save_loss_curve": lambda p: figures.save_loss_curve(p, HISTORY, {"coin": 3.5}),
    "save_scales": lambda p: figures.save_scales(p, [image()[:, ::2, ::2], image()], 4),
    "save_sheet": lambda p: figures.save_sheet(p, image(), 4),
}


def as_png(figure, path):
    figure.savefig(path, format="png", metadata={"Software": None})
    return path.read_bytes()


def test_every_picture_is_here():
    """Another one that the package draws has to stand in one of the tables above."""
    functions = {k for k in figures.__all__ if callable(getattr(figures, k))}
    assert functions == {*DRAWN, *SAVED, "Table", "enlarged", "tile", "to_rgb"}


@pytest.mark.parametrize("name", DRAWN)
def test_figures_are_the_same(records, name, tmp_path):  # noqa: F811
    record = records["row_lstm"]
    before = as_png(DRAWN[name](record), tmp_path / "before.png")
    with matplotlib.rc_context(HOSTILE):
        figure = DRAWN[name](record)
        assert as_png(figure, tmp_path / "after.png") == before
        DRAWN[name](record).draw_without_rendering()
        assert matplotlib.rcParams["text.usetex"] and matplotlib.rcParams["savefig.dpi"] == 11


@pytest.mark.parametrize("name", SAVED)
def test_files_are_the_same(name, tmp_path):
    SAVED[name](tmp_path / "before.png")
    with matplotlib.rc_context(HOSTILE):
        SAVED[name](tmp_path / "after.png")
    assert (tmp_path / "after.png").read_bytes() == (tmp_path / "before.png").read_bytes()


def test_a_notebook_shows_the_same():
    """IPython does not call savefig: it prints the figure's canvas, and crops it."""
    pylabtools = pytest.importorskip("IPython.core.pylabtools")

    def shown():
        figure = figures.lines({"a": ([1, 2], [3, 2])}, "x", "y")
        return pylabtools.print_figure(figure, metadata={"Software": None})

    before = shown()
    with matplotlib.rc_context({k: v for k, v in HOSTILE.items() if "savefig" not in k}):
        assert shown() == before


# A training


def train(out, *words, **settings):
    """In a process whose matplotlibrc has these settings."""
    rc = out.parent / "matplotlibrc"
    rc.write_text("".join(f"{k}: {v}\n" for k, v in settings.items()))
    return subprocess.run(
        [sys.executable, "-m", "pixelrnn_np", "train", "--out", str(out), *TINY, "--epochs", "1",
         "--samples", "4", *words],
        env={**os.environ, "MATPLOTLIBRC": str(rc)}, capture_output=True, text=True,
    )  # fmt: skip


def test_a_training_under_a_hostile_matplotlibrc(tmp_path, trained):
    done = train(tmp_path / "run", **{"text.usetex": "True", "image.origin": "lower"})
    assert done.returncode == 0 and "could not" not in done.stderr, done.stderr
    plain = train(tmp_path / "plain")
    assert plain.returncode == 0, plain.stderr
    a, b = ((tmp_path / run / "samples.png").read_bytes() for run in ("run", "plain"))
    assert a == b


def test_a_picture_that_fails_ends_no_training(call, tmp_path, monkeypatch):
    def fail(*_, **__):
        raise RuntimeError("Failed to process string with tex\nbecause latex could not be found")

    monkeypatch.setattr(figures, "save_loss_curve", fail)
    monkeypatch.setattr(figures, "save_sheet", fail)
    out = tmp_path / "run"
    words = "train", "--out", out, *TINY, "--epochs", 2, "--samples", 4
    code, _, said = call(*words)
    assert code == 0 and "best validation: " in said, said
    assert said.count(f"{CURVE} could not be drawn (RuntimeError: Failed to process string") == 1
    assert said.count("samples.png could not be drawn (RuntimeError: Failed") == 1
    assert "because latex" not in said and not (out / CURVE).exists()
    assert call(*words, "--resume")[0] == 0
    monkeypatch.undo()


def test_a_curve_that_fails_ends_no_fit(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(Figure, "savefig", lambda *_, **__: 1 / 0)
    x = np.random.default_rng(0).integers(0, 2, (9, 4, 4, 1), np.uint8)
    trainer = Trainer(pr.build_model("pixelcnn", (4, 4, 1), h=2, layers=1, head=2))
    with Run(tmp_path / "run") as run:
        trainer.fit(x, x, epochs=3, run=run, progress=False)
        assert not run.unwritten
    assert trainer.epoch == 3 and capsys.readouterr().err.count("ZeroDivisionError") == 1
