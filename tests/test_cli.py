"""The command line, end to end on real digits: what each command makes and says."""

import json

import matplotlib.image
import numpy as np
import pytest
from command_line import TINY, tree

import pixelrnn_np as pr
from pixelrnn_np import figures
from pixelrnn_np.cli import app as cli
from pixelrnn_np.runs import experiment
from pixelrnn_np.runs.reading import CHECKPOINT, load_checkpoint, load_run

COMMANDS = ("train", "evaluate", "sample", "complete", "check")


def assert_picture(path, shape=None):
    assert path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    pixels = matplotlib.image.imread(path)
    assert pixels.std() > 0.01, "one colour only"
    if shape:
        assert pixels.shape[:2] == shape
    return pixels


# Training


def test_train(trained):
    names = {"best.safetensors", CHECKPOINT, "config.json", "metrics.csv", "loss.png",
             "samples.png"}  # fmt: skip
    assert {p.name for p in trained.iterdir()} == names
    assert_picture(trained / "loss.png")
    assert_picture(trained / "samples.png")
    config = json.loads((trained / "config.json").read_text())
    assert config["data"] == {"name": "digits", "levels": 17} and config["epochs"] == 1
    assert config["model"]["h"] == 2 and config["training"]["seed"] == 3
    rows = (trained / "metrics.csv").read_text().splitlines()
    assert rows[-1].startswith("82,1,1297,")
    model, meta = load_run(trained)
    valid = model.nll(pr.load_data("digits", "valid")).mean()
    assert valid == pytest.approx(meta["valid_nats"]) and valid < 64 * np.log(17)


def test_what_train_says(call, tmp_path):
    out = tmp_path / "a run"
    words = ["train", "--out", out, *TINY, "--epochs", 1, "--samples", 0]
    code, shown, said = call(*words, "--resume")
    assert (code, shown) == (0, "")
    first, new, best = said.splitlines()
    assert first == "pixelcnn, 397 parameters, on digits, 17 levels"
    assert new == f"{out} has no checkpoint: a new run of 1"
    assert best.startswith("best validation: ") and str(out) in best
    assert not (out / "samples.png").exists()

    before = tree(out)
    code, _, said = call("train", "--out", out, "--resume", "--quiet", "--samples", 0)
    assert code == 0 and "has its 1 epoch already; raise --epochs for more" in said
    after = tree(out)
    assert {p.name for p in before if before[p] != after[p]} == {"config.json"}

    code, _, said = call(*words, "--resume", "--epochs", 2, "--samples", 4)
    assert code == 0 and "going on after update 82, in epoch 2 of 2" in said
    assert_picture(out / "samples.png")
    assert len((out / "metrics.csv").read_text().splitlines()) == 4


def test_a_resumed_run_keeps_its_flags(call, tmp_path):
    """Those that change no weight, as those that do: until another number is named."""
    out = tmp_path / "run"
    words = ["train", "--out", out, "--quiet", "--resume", "--epochs"]

    def flags():
        config = json.loads((out / "config.json").read_text())
        return config["flags"], config["sessions"][-1]["threads"]

    first = ["--threads", 3, "--samples", 0, "--checkpoint-every", 5]
    assert call(*words, 1, *TINY, "--batch-size", 400, *first)[0] == 0
    assert flags() == ({"threads": 3, "samples": 0, "checkpoint_every": 5}, 3)
    assert call(*words, 2)[0] == 0
    assert flags() == ({"threads": 3, "samples": 0, "checkpoint_every": 5}, 3)
    assert not (out / "samples.png").exists()
    assert call(*words, 3, "--threads", 1, "--samples", 2)[0] == 0
    assert flags() == ({"threads": 1, "samples": 2, "checkpoint_every": 5}, 1)
    assert_picture(out / "samples.png")


def test_the_progress_bar(call, tmp_path):
    words = ["train", "--out", tmp_path / "r", *TINY[:-1], "--epochs", 1, "--samples", 1]
    code, _, said = call(*words)
    assert code == 0 and "nats=" in said and "1297/1297" in said and "8/8" in said


@pytest.mark.parametrize(
    "words",
    [
        ["--levels", 2, "--optimizer", "adam", "--ema", 0.9],
        ["--levels", 4, "--schedule", "cosine", "--warmup", 5, "--batch-size", 400, "--clip", 0.1],
    ],
    ids=["binary", "cosine"],
)
def test_train_with_options(call, tmp_path, words):
    code, _, _ = call(
        "train", "--out", tmp_path / "r", *TINY, "--epochs", 1, "--samples", 4, *words
    )
    assert code == 0
    *_, state, meta = load_checkpoint(tmp_path / "r")
    for name, value in zip(words[::2], words[1::2], strict=True):
        name = name.strip("-").replace("-", "_")
        assert {**state["settings"], **meta["data"]}[name] == value
    code, shown, _ = call("evaluate", tmp_path / "r", "--limit", 20)
    assert code == 0 and "digits test, 20 images" in shown


def test_the_seed_decides_every_byte(call, tmp_path):
    runs = {}
    for name, seed, threads in (("a", 1, 1), ("b", 1, 2), ("c", 2, 1)):
        out = tmp_path / name
        code, *_ = call("train", "--out", out, *TINY, "--epochs", 1, "--samples", 4, "--seed", seed,
                        "--threads", threads)  # fmt: skip
        assert code == 0
        runs[name] = [load_run(out)[0].flat.tobytes(), (out / "samples.png").read_bytes()]
    assert runs["a"] == runs["b"]
    assert runs["a"][0] != runs["c"][0] and runs["a"][1] != runs["c"][1]


def test_multi_scale(call, tmp_path):
    """§3.6 from the command line: jointly, one scale at a time from those weights, exact."""
    out = tmp_path / "both"
    words = ["--model", "multi_scale", "--base", "row_lstm", "--exact", *TINY[2:], "--epochs", 1]
    assert call("train", "--out", out, *words, "--samples", 4)[0] == 0
    assert (out / "samples.png").stat().st_size > 0
    assert_picture(out / "scales.png")
    top = tmp_path / "top"
    code, _, said = call("train", "--out", top, *words, "--samples", 0, "--scale", 1, "--init", out)
    assert code == 0, said
    before, after = pr.load(out / "best.safetensors"), load_run(top)[0]
    changed = {k.split(".")[1] for k, a in before.params.items() if (a != after.params[k]).any()}
    assert changed == {"1"}
    assert call("evaluate", top)[0] == 0
    assert call("complete", top, "-o", tmp_path / "a.png", "-n", 2, "--times", 2)[0] == 0


# With what was trained


def test_evaluate(call, trained):
    code, shown, said = call("evaluate", trained)
    assert (code, said) == (0, "")
    title, head, *rows = shown.splitlines()
    assert title.startswith("digits test, 250 images, ±") and head.split() == [
        "nats/image", "bits/dim"
    ]  # fmt: skip
    values = {row[:20].strip(): [float(v) for v in row[20:].split()] for row in rows}
    assert list(values) == ["pixelcnn", "independent pixels", "one histogram", "uniform"]
    nats = load_run(trained)[0].nll(pr.load_data("digits", "test")).mean()
    assert values["pixelcnn"] == pytest.approx([nats, nats / 64 / np.log(2)], abs=0.006)
    assert values["uniform"] == pytest.approx([64 * np.log(17), np.log2(17)], abs=0.006)
    assert values["independent pixels"][0] == pytest.approx(histograms(17), abs=0.006)


def histograms(levels):
    """Nats of the test images if every pixel has its own histogram, counted from 1."""
    train, test = (pr.load_data("digits", s).reshape(-1, 64) for s in ("train", "test"))
    p = (np.stack([(train == v).sum(0) for v in range(levels)]) + 1) / (len(train) + levels)
    return -sum(np.log(p[test[:, i], i]).mean() for i in range(64))


def test_evaluate_other_splits_and_files(call, trained, tmp_path):
    code, shown, _ = call("evaluate", trained, "--split", "valid", "--threads", 1)
    best = load_run(trained)[1]["valid_nats"]
    assert code == 0 and f"{best:.2f}" in shown
    file = trained / "best.safetensors"
    code, again, _ = call("evaluate", file, "--split", "valid", "--data", "digits")
    assert code == 0 and again == shown
    load_run(trained)[0].save(tmp_path / "bare")
    code, again, _ = call("evaluate", tmp_path / "bare", "--split", "valid", "--data", "digits")
    assert code == 0 and again == shown
    code, one, _ = call("evaluate", trained, "--limit", 1)
    assert code == 0 and "1 image, ±0.00" in one


def test_evaluate_takes_the_levels_of_the_model(call, tmp_path):
    pr.build_model("pixelcnn", (8, 8, 1), 2, h=2, layers=0, head=2).save(tmp_path / "m")
    code, shown, _ = call("evaluate", tmp_path / "m", "--data", "digits")
    assert code == 0 and f"{64 * np.log(2):.2f}" in shown


def test_sample(call, trained, tmp_path):
    words = ["sample", trained, "-n", 9, "--quiet"]
    code, shown, said = call(*words, "-o", tmp_path / "a.png")
    assert (code, shown) == (0, "") and said.startswith(f"9 images in {tmp_path / 'a.png'}, ")
    assert_picture(tmp_path / "a.png")
    call(*words, "-o", tmp_path / "b.PNG", "--threads", 1, "--seed", 0)
    call(*words, "-o", tmp_path / "c.png", "--seed", 1)
    call(*words, "-o", tmp_path / "d.png", "--temperature", 0.5)
    a, b, c, d = (p.read_bytes() for p in sorted(tmp_path.iterdir()))
    assert a == b and len({a, c, d}) == 3
    x = pr.sample(load_run(trained)[0], 9, seed=0)
    figures.save_sheet(tmp_path / "e.png", x, 17)
    assert (tmp_path / "e.png").read_bytes() == a


def test_sample_overwrites_and_shows_progress(call, trained, tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(b"old")
    code, _, said = call("sample", trained, "-n", 1, "-o", path)
    assert code == 0 and "8/8" in said
    assert_picture(path)


def test_complete(call, trained, tmp_path):
    words = ["complete", trained, "-n", 3, "--times", 2, "--quiet"]
    code, shown, said = call(*words, "--rows", 5, "-o", tmp_path / "a.png")
    assert (code, shown) == (
        0,
        "",
    ) and "3 images; each row: known part, 2 completions, original" in said
    pixels = assert_picture(tmp_path / "a.png")[..., 0]
    rows, columns = 3 * 9 + 1, 4 * 9 + 1
    factor = len(pixels) // rows
    assert pixels.shape == (rows * factor, columns * factor)
    small = pixels[::factor, ::factor]
    cells = [[small[1 + 9 * i :, 1 + 9 * j :][:8, :8] for j in range(4)] for i in range(3)]
    for known, first, second, original in cells:
        for cell in (known, first, second):
            np.testing.assert_array_equal(cell[:5], original[:5])
        assert (known[5:] == known[7, 7]).all()
    assert any((c[1] != c[2]).any() for c in cells)
    call(*words, "--rows", 8, "-o", tmp_path / "b.png", "--data", "digits")
    assert_picture(tmp_path / "b.png")


def test_complete_a_picture(call, trained, refuse, tmp_path):
    image, out = tmp_path / "picture.png", tmp_path / "a.png"
    digit = pr.load_data("digits", "test")[0, ..., 0]
    matplotlib.image.imsave(image, digit.repeat(5, 0).repeat(5, 1), cmap="gray", vmin=0, vmax=16)
    words = ["complete", trained, "--image", image, "-o", out, "--quiet"]
    code, shown, said = call(*words, "--times", 2, "--rows", 3)
    assert (code, shown) == (0, "") and "1 image; each row: known part, 2 completions" in said
    sheet = assert_picture(out)[..., 0]
    factor = len(sheet) // 10
    small = sheet[::factor, ::factor]
    cells = [small[1:, 1 + 9 * j :][:8, :8] for j in range(4)]
    np.testing.assert_array_equal(np.rint(16 * cells[3]), digit)
    for cell in cells[:3]:
        np.testing.assert_array_equal(cell[:3], cells[3][:3])
    for more in (["--data", "digits"], ["-n", 1]):
        assert "it replaces --data and -n" in refuse(*words, *more)
    assert "nothing" in refuse(*words[:2], "--image", tmp_path / "nothing.png", *words[4:])


# Without a run


def test_check(call):
    code, shown, _ = call("check", "--seed", 1)
    lines = shown.splitlines()
    assert code == 0 and len(lines) == 11 and all(line.endswith("ok") for line in lines[1:])


def test_a_failed_check_is_exit_code_1(call, monkeypatch):
    monkeypatch.setattr(cli, "check_table", lambda name, seed: ("FAILED", False))
    assert call("check") == (1, "FAILED\n", "")


@pytest.mark.parametrize("command", COMMANDS)
def test_help(call, command):
    code, shown, said = call(command, "--help")
    assert (code, said) == (0, "")
    names = {
        "train": "out model data levels stochastic epochs seed threads resume h layers head "
        "batch-size optimizer lr schedule warmup ema clip checkpoint-every samples quiet",
        "evaluate": "split data limit threads",
        "sample": "output seed temperature threads quiet",
        "complete": "output rows times data seed temperature threads quiet",
        "check": "model seed",
    }
    for name in names[command].split():
        assert f"--{name} " in shown or f"--{name}\n" in shown, name
    assert "--no-resume" not in shown
    if command in ("sample", "complete"):
        assert " -n " in shown and "-o" in shown
    if command == "train":
        for name, value in {**experiment.DEFAULTS, "samples": 64, "checkpoint-every": 500}.items():
            text = " ".join(shown.split(f"--{name.replace('_', '-')} ")[1].split())
            assert text.index(f"[default: {value:g}]" if name in ("lr", "ema", "clip") else
                              f"[default: {value}]") < 120  # fmt: skip


@pytest.mark.parametrize("word", ["-o", "--output", "--out"])
def test_every_command_takes_every_word_for_what_it_writes(call, trained, tmp_path, word):
    picture, run = tmp_path / "a.png", tmp_path / "run"
    assert call("sample", trained, "-n", 1, "--quiet", word, picture)[0] == 0
    assert call("train", word, run, *TINY, "--epochs", 1, "--samples", 0, "--quiet")[0] == 0
    assert picture.exists() and (run / CHECKPOINT).exists()
    assert "-o, --output" in call("sample", "--help")[1] and "--out " in call("train", "--help")[1]


def test_no_words_show_the_help(call):
    code, shown, said = call()
    assert (code, said) == (0, "") and call("--help") == (0, shown, "")
    assert all(f"  {command} " in shown for command in COMMANDS)


def test_a_constant_rate_may_end_with_a_cosine(call, tmp_path):
    out = tmp_path / "run"
    words = ("train", "--out", out, "--samples", 0, "--quiet")
    code, _, _ = call(*words, *TINY, "--schedule", "constant", "--epochs", 1)
    assert code == 0
    code, _, said = call(*words, "--resume", "--schedule", "cosine", "--epochs", 2)
    assert code == 0 and "the schedule is cosine now, not constant" in said, said
    lines = (out / "metrics.csv").read_text().splitlines()
    column = lines[0].split(",").index("lr")
    rates = [float(line.split(",")[column]) for line in lines[1:]]
    assert rates[-1] == 0 < rates[-2]
    config = json.loads((out / "config.json").read_text())
    assert config["training"]["schedule"] == "cosine"
    assert ["--schedule cosine" in s["command"] for s in config["sessions"]] == [False, True]
    code, _, said = call(*words, "--resume", "--schedule", "cosine", "--epochs", 2)
    assert code == 0 and "the schedule is" not in said
