"""Weights that ship with the package: files, cards, README and the command line agree."""

import hashlib
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import ship
import table4

import pixelrnn_np as pr
from pixelrnn_np import pretrained
from pixelrnn_np.course import results
from pixelrnn_np.data import DATASETS, files

ROOT = Path(__file__).resolve().parent.parent
NAMES = pr.list_pretrained()
DIGITS = "digits-diagonal_bilstm"
each = pytest.mark.parametrize("name", NAMES)


def is_here(data):
    """Whether a data set can be loaded without asking the network."""
    needed = {"binarized_mnist": ("binarized_mnist.npz", "binarized_mnist_test.amat"),
              "mnist": ("t10k-images-idx3-ubyte.gz",),
              "cifar10": ("cifar-10-binary.tar.gz",)}  # fmt: skip
    return data["name"] not in needed or files.find(*needed[data["name"]]) is not None


# What is there


def test_a_grey_and_a_colour_model_are_there():
    assert {DIGITS, "colour_digits-diagonal_bilstm"} <= set(NAMES)


@each
def test_files(name):
    path = pretrained.path_of(name)
    sizes = {".safetensors": ship.WEIGHTS, ".json": 20_000, ".csv": 12_000, ".md": 20_000,
             ".png": 60_000}  # fmt: skip
    assert all(0 < path.with_suffix(k).stat().st_size < most for k, most in sizes.items())
    assert (ROOT / "docs" / f"pretrained_{name}.png").stat().st_size <= ship.SHEET
    card = pr.pretrained_card(name)
    assert hashlib.sha256(path.read_bytes()).hexdigest() == card["sha256"]
    assert path.with_suffix(".md").read_text(encoding="utf-8") == ship.markdown(card)


@each
def test_the_records_of_a_run_end_where_its_card_says(name):
    card, records = pr.pretrained_card(name), pretrained.records_of(name)
    assert records[-1]["images"] == card["run"]["images"]
    assert np.nanmin([r["valid"] for r in records]) == pytest.approx(
        card["nats"]["valid"], abs=1e-3
    )
    (last,) = (float(f"{r['valid']:.4g}") for r in records[-1:])
    assert f"{last:.4g} at " in results.curve(name).alt


@each
def test_the_course_has_pictures_for_it(name):
    model, card = pr.load_pretrained(name), pr.pretrained_card(name)
    images, _ = results.pictures(card, 2)
    assert images.shape == (2, *model.image_shape) and images.max() < model.levels


IN_A_ZIP = f"""
import sys
sys.path.insert(0, sys.argv[1])
import numpy as np
import pixelrnn_np as pr
from pixelrnn_np.kernels import relu_forward
assert pr.__file__.startswith(sys.argv[1]) and pr.list_pretrained() == ["{DIGITS}"]
assert pr.load_pretrained("{DIGITS}").name == pr.pretrained_card("{DIGITS}")["model"]["name"]
relu_forward(np.zeros(1), np.zeros(1))
print(sum(relu_forward.stats.cache_hits.values()))
"""


def test_the_package_works_within_a_zip_file(tmp_path):
    """Weights are read from it, and kernels are kept elsewhere."""
    package, path = Path(pr.__file__).parent, tmp_path / "all.zip"
    with zipfile.ZipFile(path, "w") as z:
        for file in [*package.rglob("*.py"), *package.glob(f"pretrained/{DIGITS}.*")]:
            z.write(file, file.relative_to(package.parent))
    command = [sys.executable, "-c", IN_A_ZIP, str(path)]
    env = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "kernels"), "TMPDIR": str(tmp_path)}
    for hits in (0, 1):
        done = subprocess.run(command, env=env, cwd=tmp_path, capture_output=True, text=True)
        assert (done.stdout, done.stderr) == (f"{hits}\n", "")
    assert {p.name for p in tmp_path.iterdir()} == {"all.zip", "kernels"}, "copies were left"


@each
def test_card(name):
    card, model = pr.pretrained_card(name), pr.load_pretrained(name)
    assert card["name"] == name
    assert name.startswith(f"{card['data']['name']}-{model.name}")
    assert card["model"] == model.config and card["parameters"] == model.flat.size
    assert card["splits"] == DATASETS[card["data"]["name"]].splits
    assert 0 < card["seen"]["images"] <= card["run"]["images"]
    assert card["seen"]["minutes"] > 0
    for split in card["nats"]:
        nats = card["bits_per_dim"][split] * model.dimensions * np.log(2)
        assert card["nats"][split] == pytest.approx(nats)
        assert 0 < card["standard_error"][split] < 0.1 * card["nats"][split]
    assert {"optimizer", "lr", "batch_size", "schedule", "ema", "seed", "epochs"} < set(
        card["recipe"]
    )
    assert 0 < card["schedule_done"] <= 1
    first = card["sessions"][0]
    assert first["from_update"] == 0 and first["processor"] and first["versions"]["numpy"]
    assert re.fullmatch("[0-9a-f]{12}(-dirty)?", first["commit"])
    for session in card["sessions"]:
        assert session["command"].startswith("python -m pixelrnn_np train ")
        assert f"--out runs/{name}" in session["command"] and " /" not in session["command"]


@each
def test_the_weights_give_the_nats_of_the_card(name):
    """On the first images of test, where the data is on this machine; finite nats anywhere."""
    card, model = pr.pretrained_card(name), pr.load_pretrained(name)
    assert np.isfinite(model.flat).all()
    if is_here(card["data"]):
        first = card["first"]
        x = pr.load_data(split=first["split"], **card["data"])[: first["images"]]
        assert model.nll(x).mean() == pytest.approx(first["nats"], rel=1e-5)


def test_all_of_the_digits_card():
    card, model = pr.pretrained_card(DIGITS), pr.load_pretrained(DIGITS)
    for split in ("valid", "test"):
        found = model.nll(pr.load_data("digits", split)).mean()
        assert found == pytest.approx(card["nats"][split], rel=1e-5)


def test_readme_is_in_step_with_the_cards():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    between = text.partition(table4.START)[2].partition(table4.END)[0].strip("\n")
    assert between == table4.section([pr.pretrained_card(name) for name in NAMES])


# The public face


@pytest.mark.parametrize("find", [pr.load_pretrained, pr.pretrained_card])
@pytest.mark.parametrize("name", ["digit-diagonal_bilstm", "", "../run", None, 3])
def test_unknown_names(find, name):
    with pytest.raises(ValueError, match="it has to be one of '") as e:
        find(name)
    if name == "digit-diagonal_bilstm":
        assert f"(did you mean {DIGITS!r}?)" in str(e.value)


def test_list(call):
    code, shown, said = call("pretrained")
    assert (code, said) == (0, "")
    head, *rows = shown.splitlines()
    assert head.split()[0] == "name" and [row.split()[0] for row in rows] == NAMES
    nats = f"{pr.pretrained_card(DIGITS)['nats']['test']:.2f}"
    assert nats in rows[NAMES.index(DIGITS)].split()
    code, shown, said = call("pretrained", DIGITS)
    assert (code, said) == (0, "") and shown == pretrained.card_text(pr.pretrained_card(DIGITS))
    code, shown, said = call("pretrained", "digits-diagonal")
    assert (code, shown) == (2, "") and f"did you mean {DIGITS!r}" in said


@pytest.mark.parametrize("split", ["valid", "test"])
def test_evaluate_shows_the_card(call, split):
    code, shown, said = call("evaluate", "--pretrained", DIGITS, "--split", split)
    assert (code, said) == (0, "")
    _, _, own, card, *_ = shown.splitlines()
    assert card.startswith("card, all 250 ") and own.split()[1:] == card.split()[3:]


def test_evaluate_on_what_the_card_does_not_know(call, monkeypatch):
    """Of the training images it has some, if any, and not the whole split."""
    card = pr.pretrained_card(DIGITS)
    nats = {**card["nats"], "train": 70.0}
    monkeypatch.setattr(pretrained, "pretrained_card", lambda _: {**card, "nats": nats})
    code, shown, _ = call("evaluate", "--pretrained", DIGITS, "--split", "train")
    assert code == 0 and "card" not in shown
    code, shown, _ = call("evaluate", "--pretrained", DIGITS, "--limit", 20)
    assert code == 0 and "digits test, 20 images" in shown and "card, all 250" in shown
    code, shown, said = call("evaluate", "--pretrained", DIGITS, "--data", "mnist")
    assert (code, shown) == (2, "") and f"those of the model in {DIGITS}" in said


def test_drawing(call, tmp_path):
    common = ["--pretrained", DIGITS, "-n", 2]
    for words in (["sample", "--quiet"], ["complete", "--times", 2, "--quiet"], ["explain"]):
        path = tmp_path / f"{words[0]}.png"
        code, _, said = call(*words, *common, "-o", path)
        assert code == 0 and path.stat().st_size > 0, said
    code, _, said = call("animate", "--quiet", *common, "-o", tmp_path / "a.gif")
    assert code == 0 and (tmp_path / "a.gif").stat().st_size > 0, said


@pytest.mark.parametrize("command", ["evaluate", "sample", "complete", "animate", "explain"])
def test_run_or_pretrained(call, tmp_path, command):
    words = [command] if command == "evaluate" else [command, "-o", tmp_path / "a.png"]
    for more, named in (
        ([], "name a RUN or --pretrained NAME; `pretrained` lists the names"),
        (["run", "--pretrained", DIGITS], "name a RUN or --pretrained NAME, not both"),
        (["--pretrained", "digits"], "pretrained is 'digits'"),
    ):
        code, shown, said = call(*words, *more)
        assert (code, shown) == (2, "") and said.count("\n") == 1
        assert said.startswith(f"error: {named}")
    assert not list(tmp_path.iterdir())
