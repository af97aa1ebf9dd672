"""Each bad option of a command gets one line, before any work, and leaves nothing."""

import pytest
from command_line import TINY, tree

from pixelrnn_np import sampling

# Training


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


def test_train_needs_out(refuse):
    assert "--out" in refuse("train")


@pytest.mark.parametrize("words", [["trian"], ["--colour"], ["evaluate"], ["sample"], ["complete"]])
def test_incomplete_commands(refuse, words):
    assert "see --help" in refuse(*words)


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


# With what was trained


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--split", "tset"], "split is 'tset' (did you mean 'test'?)"),
        (["--data", "faces"], "data is 'faces'"),
        (["--data", "binarized_mnist"], "levels is 17 for 'binarized_mnist'"),
        (["--data", "mnist"], "the images of mnist are 28×28×1 of 17 levels, those of the model"),
        (["--limit", 0], "--limit is 0"),
        (["--limit", 251], "--limit is 251; it has to be from 1 to 250"),
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


# Without a run


@pytest.mark.parametrize(
    ("words", "named"),
    [(["--model", "cnn"], "model is 'cnn'"), (["--seed", -1], "seed is -1")],
)
def test_bad_options_of_check(refuse, words, named):
    assert named in refuse("check", *words)
