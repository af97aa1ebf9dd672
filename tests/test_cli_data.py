"""Data on the command line: the command `data`, and runs that know where their own pictures are."""

import json
import shutil

import numpy as np
import pytest
from command_line import TINY
from data_checks import idx, replace_mnist
from PIL import Image

import pixelrnn_np as pr
from pixelrnn_np.cli import data as cli_data
from pixelrnn_np.data import DATASETS, mnist
from pixelrnn_np.runs import reading, run
from pixelrnn_np.training.trainer import Trainer

pytestmark = pytest.mark.usefixtures("cache")
WORDS = [*TINY, "--epochs", 1, "--samples", 2]


@pytest.fixture
def pictures(tmp_path, rng):
    """A folder of 20 pictures, 5 x 6 pixels, light on dark."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for k in range(20):
        Image.fromarray(rng.integers(0, 99, (5, 6), np.uint8)).save(folder / f"{k:02}.png")
    return folder


# The command `data`


def test_the_list(call, folder):
    code, shown, said = call("data")
    assert (code, said) == (0, "")
    for dataset in DATASETS.values():
        assert dataset.name in shown and dataset.description in shown
    assert "50000/10000/10000       not here" in shown and "inside scikit-learn" in shown
    (folder / "t10k-images-idx3-ubyte").write_bytes(b"unverified")
    _, shown, _ = call("data")
    assert f"train, valid: not here; test: {folder / 't10k-images-idx3-ubyte'}" in shown


def test_fetch(call, network, monkeypatch, cache):
    """Downloads, verifies, and says where it lies; the second time nothing is downloaded."""
    pages, asked = network
    packed = {}
    for file in (mnist.TRAIN, mnist.TEST):
        images = np.zeros((file.count, 28, 28), np.uint8)
        packed[file.filename] = pages[mnist.MIRRORS[1] + file.filename] = idx(images)
    replace_mnist(monkeypatch, *packed.values())
    for _ in range(2):
        code, shown, _ = call("data", "mnist")
        assert code == 0 and len(asked) == 4
        for file in (mnist.TRAIN, mnist.TEST):
            assert str(cache / file.filename) in shown
        assert "train   50,000 images" in shown and "10,000 test" in shown.splitlines()[-1]


def test_what_cannot_be_fetched(call, network, folder):
    code, shown, said = call("data", "binarized_mnist")
    assert (code, shown) == (2, "") and "put it in place by hand" in said.splitlines()[-1]
    code, _, said = call("data", "mnits")
    assert code == 2 and "did you mean 'mnist'" in said


def test_of_own_pictures(call, pictures):
    code, shown, _ = call("data", pictures, "--size", 4, "--valid-share", 0.2)
    assert code == 0 and "20 pictures, 4x4x1: 12 train, 4 valid, 4 test" in shown
    assert cli_data.places(pr.data.find_dataset(pictures)) == str(pictures)


# Runs on own pictures


@pytest.fixture
def learnt(call, pictures, tmp_path):
    """A run on `pictures`, with every option that there is for them."""
    out = tmp_path / "run"
    words = ["--size", "4x5", "--grey", "--valid-share", 0.2, "--levels", 8]
    code, _, said = call("train", "--out", out, "--data", pictures, *words, *WORDS)
    assert code == 0, said
    assert f"on {pictures}, 8 levels" in said and "12 train, 4 valid, 4 test" in said
    return out


def test_the_run_knows_where_its_data_are(call, learnt, pictures, tmp_path, monkeypatch):
    config = json.loads((learnt / "config.json").read_text())
    data = config["data"]
    assert data.pop("fingerprint") == pr.data.find_dataset(pictures).fingerprint
    assert data == {"name": str(pictures), "size": "4x5", "grey": True, "valid_share": 0.2,
                    "levels": 8}  # fmt: skip
    monkeypatch.chdir(tmp_path / "run")
    code, shown, _ = call("evaluate", learnt)
    assert code == 0 and f"{pictures} test, 4 images" in shown
    for command in (
        ["complete", "-n", 2, "--times", 1, "--rows", 2],
        ["explain", "-n", 2],
        ["sample"],
    ):
        code, _, said = call(command[0], learnt, "-o", tmp_path / "a.png", *command[1:])
        assert code == 0, said
    code, _, said = call("train", "--out", learnt, "--resume", "--epochs", 2, *TINY)
    assert code == 0 and "in epoch 2 of 2" in said


def test_a_path_from_the_folder_at_hand_is_kept_whole(call, pictures, tmp_path, monkeypatch):
    monkeypatch.chdir(pictures.parent)
    out = tmp_path / "run"
    assert call("train", "--out", out, "--data", pictures.name, *WORDS)[0] == 0
    monkeypatch.chdir(out)
    assert call("evaluate", out)[0] == 0
    assert call("train", "--out", out, "--data", "../pictures", "--resume", "--epochs", 2)[0] == 0


def test_pictures_that_moved(call, refuse, learnt, pictures, tmp_path):
    _, before, _ = call("evaluate", learnt)
    new = shutil.move(pictures, tmp_path / "elsewhere")
    for words in (["evaluate", learnt], ["train", "--out", learnt, "--resume", "--epochs", 2]):
        error = refuse(*words)
        assert f"was trained on {pictures}, which is not there" in error and "--data" in error
    code, after, _ = call("evaluate", learnt, "--data", new)
    assert code == 0 and after.splitlines()[1:] == before.splitlines()[1:]
    words = ["train", "--out", learnt, "--resume", "--epochs", 2, "--quiet", "--samples", 0]
    assert call(*words, "--data", new)[0] == 0
    assert reading.load_run(learnt)[1]["data"]["name"] == str(new)
    assert call("evaluate", learnt)[0] == 0, "the new place is not kept"


def test_pictures_that_changed(call, refuse, learnt, pictures, tmp_path):
    Image.fromarray(np.zeros((5, 6), np.uint8)).save(pictures / "03.png")
    resume = ["train", "--out", learnt, "--resume", "--epochs", 2, "--quiet"]
    error = refuse("evaluate", learnt)
    assert f"{pictures} is not what" in error and "fingerprint" in error and "--data" in error
    for words in (resume, [*resume, "--data", pictures]):
        assert "put back the old data, or start a new run with --init" in refuse(*words)
    assert call("evaluate", learnt, "--data", pictures)[0] == 0
    out = tmp_path / "anew"
    words = ["--size", "4x5", "--levels", 8, "--data", pictures]
    assert call("train", "--out", out, *words, *WORDS, "--init", learnt)[0] == 0


@pytest.mark.parametrize(
    "words, named",
    [
        (["--size", 3], "--size is 3x3, but the run in {} has 4x5"),
        (["--valid-share", 0.1], "--valid-share is 0.1, but the run in {} has 0.2"),
        (["--data", "digits"], "--data is digits, but the run in {} has {}"),
    ],
)
def test_resume_with_other_options(refuse, learnt, pictures, words, named):
    error = refuse("train", "--out", learnt, "--resume", *words)
    assert named.format(learnt, pictures) in error


def test_other_data_for_a_model(call, refuse, pictures, tmp_path):
    """Own pictures are scaled and made grey to fit it."""
    words = ["evaluate", "--pretrained", "digits-diagonal_bilstm", "--data"]
    code, shown, _ = call(*words, pictures)
    assert code == 0 and f"{pictures} test, 2 images" in shown
    np.save(tmp_path / "a.npy", np.zeros((9, 7, 7), np.uint8))
    assert "does not fit the model" in refuse(*words, tmp_path / "a.npy")


@pytest.mark.parametrize(
    "words, named",
    [
        (["--data", "./nowhere"], "nowhere does not exist"),
        (["--data", "digits", "--size", 8], "size is '8x8' for 'digits'; it is for own pictures"),
        (["--data", "digits", "--grey"], "grey is True for 'digits'"),
        (["--size", "8by8"], "size is '8by8'; it has to be HEIGHTxWIDTH"),
        (["--data", "digit"], "or the path of a folder of pictures, .npy or .npz"),
        (["--data", "."], "has no picture"),
    ],
)
def test_bad_options_of_train(refuse, tmp_path, monkeypatch, words, named):
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    assert named in refuse("train", "--out", tmp_path / "run", "--quiet", *words)


# Runs made in Python


def test_a_run_made_in_python_goes_on(call, refuse, tmp_path):
    """Its files do not say what it was trained on: they do once --data has named it."""
    out = tmp_path / "run"
    model = pr.build_model("pixelcnn", (8, 8, 1), 17, h=2, layers=1, head=4)
    train, valid = (pr.load_data("digits", s) for s in ("train", "valid"))
    with run.Run(out) as folder:
        Trainer(model, threads=1).fit(train[:64], valid[:9], epochs=1, run=folder, progress=False)
    resume = ["train", "--out", out, "--resume", "--quiet", "--samples", 0]
    assert "name it with --data" in refuse(*resume)
    assert "name --epochs" in refuse(*resume, "--data", "digits")
    assert "the images of photos8" in refuse(*resume, "--data", "photos8", "--epochs", 2)
    code, _, said = call(*resume, "--data", "digits", "--epochs", 2)
    assert code == 0 and "going on" in said
    assert call(*resume, "--epochs", 3)[0] == 0
    assert call("evaluate", out, "--limit", 5)[0] == 0
