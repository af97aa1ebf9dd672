"""The command line, end to end on real digits; each bad input gets one line and leaves nothing."""

import json
import signal
import subprocess
import sys

import matplotlib.image
import numpy as np
import pytest

import pixelrnn_np as pr
from pixelrnn_np import checkpoint, cli, experiment, figures, sampling
from pixelrnn_np.run import CHECKPOINT, load_checkpoint, load_run

TINY = ["--model", "pixelcnn", "--h", "2", "--layers", "1", "--head", "4", "--quiet"]
COMMANDS = ("train", "evaluate", "sample", "complete", "check")


@pytest.fixture
def call(monkeypatch, capsys):
    """Runs a command line in this process: (exit code, stdout, stderr)."""

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["pixelrnn", *map(str, words)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as e:
            cli.main()
        shown = capsys.readouterr()
        return e.value.code or 0, shown.out, shown.err

    return run


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The folder of a run of one epoch."""
    out = tmp_path_factory.mktemp("runs") / "digits"
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as e:
        words = ["train", "--out", out, *TINY, "--epochs", 1, "--samples", 9, "--seed", 3]
        patch.setattr(sys, "argv", ["pixelrnn", *map(str, words)])
        cli.main()
    assert not e.value.code
    return out


@pytest.fixture
def refuse(call, tmp_path):
    """Runs a command line that has to fail in one line, and to change no file."""

    def run(*words, code=2):
        before = tree(tmp_path)
        found, out, err = call(*words)
        assert (found, out) == (code, "")
        assert err.startswith("error: ") and err.endswith("\n") and err.count("\n") == 1, err
        assert "Traceback" not in err and tree(tmp_path) == before
        return err

    return run


def tree(folder):
    return {p: p.is_file() and p.read_bytes() for p in folder.rglob("*")}


def assert_picture(path, shape=None):
    assert path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    pixels = matplotlib.image.imread(path)
    assert pixels.std() > 0.01, "one colour only"
    if shape:
        assert pixels.shape[:2] == shape
    return pixels


# What works


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
    assert code == 0 and "has its 1 epochs already; for more, raise --epochs" in said
    after = tree(out)
    assert {p.name for p in before if before[p] != after[p]} == {"config.json"}

    code, _, said = call(*words, "--resume", "--epochs", 2, "--samples", 4)
    assert code == 0 and "going on after update 82, in epoch 2 of 2" in said
    assert_picture(out / "samples.png")
    assert len((out / "metrics.csv").read_text().splitlines()) == 4


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
    assert code == 0 and "1 images, ±0.00" in one


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
    assert (code, shown) == (0, "") and "3 images; what is known, 2 completions, original" in said
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
    assert (code, shown) == (0, "") and "1 images; what is known, 2 completions" in said
    sheet = assert_picture(out)[..., 0]
    factor = len(sheet) // 10
    small = sheet[::factor, ::factor]
    cells = [small[1:, 1 + 9 * j :][:8, :8] for j in range(4)]
    np.testing.assert_array_equal(np.rint(16 * cells[3]), digit)
    for cell in cells[:3]:
        np.testing.assert_array_equal(cell[:3], cells[3][:3])
    for more in (["--data", "digits"], ["-n", 1]):
        assert "it takes the place of --data and -n" in refuse(*words, *more)
    assert "nothing" in refuse(*words[:2], "--image", tmp_path / "nothing.png", *words[4:])


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


def test_no_words_show_the_help(call):
    code, shown, said = call()
    assert (code, said) == (0, "") and call("--help") == (0, shown, "")
    assert all(f"  {command} " in shown for command in COMMANDS)


# What is refused


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--model", "transformer"], "model is 'transformer'"),
        (["--model", "pixelcn"], "did you mean 'pixelcnn'"),
        (["--data", "digit"], "data is 'digit' (did you mean 'digits'?)"),
        (["--optimizer", "sgd"], "optimizer is 'sgd'"),
        (["--schedule", "linear"], "schedule is 'linear'"),
        (["--levels", 1], "levels is 1"),
        (["--levels", 18], "levels is 18 for 'digits'; it has to be from 2 to 17"),
        (["--data", "binarized_mnist", "--levels", 3], "levels is 3"),
        (["--stochastic"], "stochastic"),
        (["--epochs", 0], "epochs is 0"),
        (["--epochs", -3], "epochs is -3"),
        (["--epochs", "many"], "'--epochs'"),
        (["--seed", -1], "seed is -1"),
        (["--threads", 0], "threads is 0"),
        (["--h", 0], "h is 0"),
        (["--h", 10**9], "h is 1000000000"),
        (["--layers", -1], "layers is -1"),
        (["--head", 0], "head is 0"),
        (["--batch-size", 0], "batch_size is 0"),
        (["--lr", 0], "lr is 0"),
        (["--lr", "nan"], "lr is nan"),
        (["--lr", "inf"], "lr is inf"),
        (["--lr", "fast"], "'--lr'"),
        (["--warmup", -1], "warmup is -1"),
        (["--ema", 1], "ema is 1"),
        (["--ema", "nan"], "ema is nan"),
        (["--clip", 0], "clip is 0"),
        (["--samples", -1], "samples is -1"),
        (["--checkpoint-every", 0], "checkpoint-every is 0"),
        (["--colour"], "--colour"),
        (["surplus"], "surplus"),
        (["--lr"], "--lr"),
    ],
)
def test_bad_options_of_train(refuse, tmp_path, words, named):
    assert named in refuse("train", "--out", tmp_path / "run", "--quiet", *words)


def test_train_needs_out(refuse):
    assert "--out" in refuse("train")


@pytest.mark.parametrize("words", [["trian"], ["--colour"], ["evaluate"], ["sample"], ["complete"]])
def test_incomplete_commands(refuse, words):
    assert "--help lists what there is" in refuse(*words)


def test_folders_that_cannot_be_written(refuse, tmp_path):
    (tmp_path / "file").write_text("kept")
    for out in (tmp_path / "file", tmp_path / "file" / "run"):
        error = refuse("train", "--out", out, *TINY)
        assert str(tmp_path / "file") in error and "[Errno" not in error


def test_data_that_cannot_be_read(refuse, tmp_path, monkeypatch):
    monkeypatch.setenv("PIXELRNN_DATA", str(tmp_path / "nowhere"))
    error = refuse("train", "--out", tmp_path / "run", "--data", "binarized_mnist", *TINY)
    assert "PIXELRNN_DATA" in error
    (tmp_path / "binarized_mnist.npz").write_bytes(b"PK foreign")
    monkeypatch.setenv("PIXELRNN_DATA", str(tmp_path))
    error = refuse("train", "--out", tmp_path / "run", "--data", "binarized_mnist", *TINY)
    assert "binarized_mnist.npz" in error


def test_a_run_is_not_overwritten(refuse, trained):
    before = tree(trained)
    error = refuse("train", "--out", trained, *TINY)
    assert "holds a run already; add --resume" in error and tree(trained) == before


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--lr", 0.5], "--lr is 0.5, but the run in {} has 0.003"),
        (["--batch-size", 8], "--batch-size is 8, but the run in {} has 16"),
        (["--h", 3], "--h is 3, but the run in {} has 2"),
        (["--model", "row_lstm"], "--model is row_lstm, but the run in {} has pixelcnn"),
        (["--data", "mnist"], "--data is mnist, but the run in {} has digits"),
        (["--levels", 2], "--levels is 2, but the run in {} has 17"),
        (["--seed", 0], "--seed is 0, but the run in {} has 3"),
        (["--stochastic"], "--stochastic is True, but the run in {} has False"),
        (["--ema", 0.5], "--ema is 0.5, but the run in {} has 0.995"),
        (["--epochs", 0], "epochs is 0"),
        (["--threads", 0], "threads is 0"),
    ],
)
def test_resume_with_other_options(refuse, trained, words, named):
    before = tree(trained)
    error = refuse("train", "--out", trained, "--resume", *words)
    assert named.format(trained) in error and tree(trained) == before


def damage(path, change):
    if isinstance(change, bytes):
        path.write_bytes(change)
    elif change == "truncate":
        path.write_bytes(path.read_bytes()[:-1])
    else:
        arrays, meta = checkpoint.load(path)
        change(meta)
        checkpoint.save(path, arrays, meta)


@pytest.mark.parametrize(
    "change",
    [
        b"",
        b"foreign",
        "truncate",
        lambda meta: meta.pop("model"),
        lambda meta: meta.pop("trainer"),
        lambda meta: meta.pop("data"),
        lambda meta: meta.pop("epochs"),
        lambda meta: meta.update(epochs="many"),
        lambda meta: meta.update(data=["digits"]),
        lambda meta: meta.update(data={"levels": 17}),
        lambda meta: meta["data"].update(name="faces"),
        lambda meta: meta["data"].update(name="mnist"),
        lambda meta: meta["data"].update(name=["digits"]),
        lambda meta: meta["data"].update(split="test"),
        lambda meta: meta["data"].update(levels="2"),
        lambda meta: meta["data"].update(levels=9),
        lambda meta: meta["data"].update(seed=-1),
        lambda meta: meta["trainer"].update(settings=[]),
        lambda meta: meta["trainer"]["settings"].update(lr="fast"),
        lambda meta: meta["trainer"]["settings"].update(momentum=0.9),
        lambda meta: meta["trainer"]["settings"].update(model="pixelcnn"),
        lambda meta: meta["trainer"]["settings"].update(threads=9),
        lambda meta: meta["trainer"].pop("sums"),
        lambda meta: meta["trainer"].update(order_state={}),
        lambda meta: meta["trainer"].update(position=-1),
    ],
)
def test_resume_from_a_damaged_checkpoint(refuse, trained, tmp_path, change):
    out = tmp_path / "run"
    out.mkdir()
    (out / CHECKPOINT).write_bytes((trained / CHECKPOINT).read_bytes())
    damage(out / CHECKPOINT, change)
    refuse("train", "--out", out, "--resume", "--quiet")


@pytest.mark.parametrize(
    "change",
    [
        b"",
        b"foreign",
        "truncate",
        lambda meta: meta.pop("model"),
        lambda meta: meta.update(model={"name": "pixelcnn"}),
        lambda meta: meta.update(data="digits"),
        lambda meta: meta.update(data={"name": "digits", "split": "train"}),
        lambda meta: meta["data"].update(name=None),
        lambda meta: meta["data"].update(stochastic=[]),
    ],
)
def test_damaged_models(refuse, trained, tmp_path, change):
    path = tmp_path / "model"
    path.write_bytes((trained / "best.safetensors").read_bytes())
    damage(path, change)
    refuse("evaluate", path)
    refuse("complete", path, "-o", tmp_path / "a.png", "--quiet")
    if not callable(change) or "data" not in checkpoint.load(path)[1]:
        refuse("sample", path, "-o", tmp_path / "a.png", "--quiet")


@pytest.mark.parametrize("command", [["evaluate"], ["sample", "-o", "x.png"],
                                     ["complete", "-o", "x.png"]])  # fmt: skip
def test_runs_that_are_not_there(refuse, tmp_path, command):
    (tmp_path / "file").write_text("kept")
    for path in ("nothing", "", "file", "file/below"):
        refuse(*command, tmp_path / path)


def test_damaged_weights(refuse, trained, tmp_path):
    model, _ = load_run(trained)
    model.flat[...] = np.nan
    model.save(tmp_path / "m")
    words = ["-o", tmp_path / "a.png", "--quiet"]
    assert "not finite" in refuse("sample", tmp_path / "m", *words)
    assert "not finite" in refuse("complete", tmp_path / "m", "--data", "digits", *words)
    assert "not finite" in refuse("evaluate", tmp_path / "m", "--data", "digits")


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--split", "tset"], "split is 'tset' (did you mean 'test'?)"),
        (["--data", "faces"], "data is 'faces'"),
        (["--data", "binarized_mnist"], "levels is 17 for 'binarized_mnist'"),
        (["--data", "mnist"], "the images of mnist are 28×28×1 of 17 levels, those of the model"),
        (["--limit", 0], "--limit is 0"),
        (["--limit", 251], "--limit is 251; test has 250 images"),
        (["--threads", 0], "threads is 0"),
        (["--threads", "two"], "'--threads'"),
    ],
)
def test_bad_options_of_evaluate(refuse, trained, words, named):
    assert named in refuse("evaluate", trained, *words)


@pytest.mark.parametrize("command", ["sample", "complete"])
@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["-n", 0], "n is 0"),
        (["-n", -1], "n is -1"),
        (["--seed", -1], "seed is -1"),
        (["--temperature", 0], "temperature is 0"),
        (["--temperature", -1], "temperature is -1"),
        (["--temperature", "nan"], "temperature is nan"),
        (["--temperature", "warm"], "'--temperature'"),
        (["--threads", 0], "threads is 0"),
    ],
)
def test_bad_options_of_drawing(refuse, trained, tmp_path, command, words, named):
    error = refuse(command, trained, "-o", tmp_path / "a.png", "--quiet", *words)
    assert named in error


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--rows", 0], "--rows is 0; it has to be from 1 to 8"),
        (["--rows", 9], "--rows is 9; it has to be from 1 to 8"),
        (["--rows", -1], "--rows is -1"),
        (["-n", 251], "n is 251; it has to be from 1 to 250"),
        (["--times", 0], "--times is 0"),
        (["--data", "faces"], "data is 'faces'"),
    ],
)
def test_bad_options_of_complete(refuse, trained, tmp_path, words, named):
    assert named in refuse("complete", trained, "-o", tmp_path / "a.png", "--quiet", *words)


@pytest.mark.parametrize("command", ["sample", "complete"])
@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("a.jpg", "name a file that ends in .png"),
        ("a", "name a file that ends in .png"),
        ("", "name a file that ends in .png"),
        ("none/a.png", "none does not exist; create it first"),
        ("file/a.png", "file is not a folder"),
        ("folder.png", "folder.png is a folder"),
    ],
)
def test_pictures_that_cannot_be_written(refuse, trained, tmp_path, monkeypatch, command, path,
                                         named):  # fmt: skip
    (tmp_path / "file").write_text("kept")
    (tmp_path / "folder.png").mkdir()
    monkeypatch.setattr(sampling, "_fill", None)  # refused before the work, not after it
    assert named in refuse(command, trained, "-o", tmp_path / path, "--quiet")


def test_drawing_needs_an_output(refuse, trained):
    assert "-o" in refuse("sample", trained) and "-o" in refuse("complete", trained)


@pytest.mark.parametrize(
    ("words", "named"),
    [(["--model", "cnn"], "model is 'cnn'"), (["--seed", -1], "seed is -1")],
)
def test_bad_options_of_check(refuse, words, named):
    assert named in refuse("check", *words)


@pytest.mark.parametrize("lr", ["1e30", "1e300"])
def test_divergence(call, tmp_path, lr):
    out = tmp_path / "run"
    code, _, said = call("train", "--out", out, *TINY, "--lr", lr)
    error = said.splitlines()[1]
    assert code == 2 and said.count("\n") == 2
    assert error.startswith("error: the ") and "a lower learning rate than" in error
    assert [p.name for p in out.iterdir()] == ["config.json"]
    code, _, said = call("train", "--out", out, *TINY, "--lr", lr, "--checkpoint-every", 1)
    assert code == 2
    if (out / CHECKPOINT).exists():
        assert said.strip().endswith(f"{out / CHECKPOINT} is the last good one")
        model, *_ = load_checkpoint(out)
        assert np.isfinite(model.nll(pr.load_data("digits", "valid"))).all()


def test_not_enough_memory_is_one_line(refuse, trained, tmp_path, monkeypatch):
    def fail(*_, **__):
        raise MemoryError("Unable to allocate 9 TiB")

    monkeypatch.setattr(sampling, "sample", fail)
    assert "9 TiB" in refuse("sample", trained, "-o", tmp_path / "a.png")


@pytest.fixture
def ctrl_c():
    """Python's own handler: a shell's background job, such as a test runner, may ignore SIGINT."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("ctrl_c")
def test_ctrl_c_outside_of_training(call, trained, tmp_path, monkeypatch):
    monkeypatch.setattr(sampling, "sample", lambda *_, **__: signal.raise_signal(signal.SIGINT))
    code, _, said = call("sample", trained, "-o", tmp_path / "a.png")
    assert (code, said) == (130, "stopped\n") and not list(tmp_path.iterdir())


def test_ctrl_c_in_training(call, tmp_path, monkeypatch):
    out = tmp_path / "a run"
    update = pr.Trainer._update

    def interrupting(trainer, g):
        update(trainer, g)
        if trainer.step_count == 4:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(pr.Trainer, "_update", interrupting)
    code, _, said = call("train", "--out", out, *TINY, "--epochs", 2)
    _, how, last = said.splitlines()
    assert code == 130 and last == "stopped" and how.startswith("saved after update 4; ")
    assert how.endswith(f"python -m pixelrnn_np train --out '{out}' --resume")


# As other processes see it


def shell(*words):
    return subprocess.run(
        [sys.executable, "-m", "pixelrnn_np", *map(str, words)], capture_output=True, text=True
    )


def test_exit_codes_of_the_process(trained, tmp_path):
    done = shell("evaluate", trained, "--limit", 5)
    assert (done.returncode, done.stderr) == (0, "") and "digits test, 5 images" in done.stdout
    bad = shell("sample", tmp_path, "-o", tmp_path / "a.png")
    assert (bad.returncode, bad.stdout) == (2, "")
    assert bad.stderr == (
        f"error: {tmp_path} holds no best.safetensors; name the folder of a training run\n"
    )
    usage = shell("train", "--lr", "fast", "--out", tmp_path)
    assert usage.returncode == 2 and usage.stderr.startswith("error: ")
    assert usage.stderr.count("\n") == 1 and not list(tmp_path.iterdir())


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


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--base", "row_lstm"], "--base goes with --model multi_scale, not with pixelcnn"),
        (["--scale", 0], "--scale goes with --model multi_scale"),
        (["--model", "multi_scale", "--factor", 3], "factor is 3; it has to be even"),
        (["--model", "multi_scale", "--scale", 5], "scale is 5"),
        (["--init", "nowhere"], "nowhere does not exist"),
    ],
)
def test_bad_multi_scale_options(call, tmp_path, words, message):
    code, shown, said = call("train", "--out", tmp_path / "r", *TINY, *words)
    assert (code, shown) == (2, "")
    assert message in said and said.count("\n") == 1
    assert not (tmp_path / "r").exists()
