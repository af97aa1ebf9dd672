"""tools/ship.py: from a run's folder to the package, and again after it went on."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import ship
import table4

import pixelrnn_np as pr
from pixelrnn_np import checkpoint, pretrained
from pixelrnn_np.cli import app as cli
from pixelrnn_np.runs import provenance
from pixelrnn_np.runs.reading import BEST, CHECKPOINT, CONFIG, PREVIOUS, load_checkpoint, sessions
from pixelrnn_np.training.state import COLUMNS

ROOT = Path(__file__).resolve().parent.parent
NAME = "digits-pixelcnn-1x2"
TINY = ["--model", "pixelcnn", "--h", "2", "--layers", "1", "--head", "4"]


def train(out, *words, code=0):
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as e:
        patch.setattr(provenance, "commit", lambda: "0123456789ab")  # the tests may run outside git
        words = ["train", "--out", out, "--quiet", "--samples", 0, *words]
        patch.setattr(sys, "argv", ["/somewhere/bin/pixelrnn", *map(str, words)])
        cli.main()
    assert (e.value.code or 0) == code


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "a run"
    train(out, *TINY, "--epochs", 2, "--batch-size", 100)
    return out


@pytest.fixture
def run(trained, tmp_path):
    """A copy of the run, to be changed."""
    return Path(shutil.copytree(trained, tmp_path / "a run"))


@pytest.fixture
def root(tmp_path):
    """A project without weights."""
    folder = tmp_path / "project"
    (folder / "pixelrnn_np" / "pretrained").mkdir(parents=True)
    (folder / "README.md").write_text(f"before\n{table4.START}\n{table4.END}\nafter\n")
    return folder


def read(root):
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}


def without_sessions(run):
    """As checkpoints were before they repeated what config.json says."""
    arrays, meta = checkpoint.load(run / CHECKPOINT)
    meta.pop("sessions")
    checkpoint.save(run / CHECKPOINT, arrays, meta)
    (run / PREVIOUS).unlink(missing_ok=True)


@pytest.mark.parametrize("init", ["--init x", "--init=x"])
def test_a_run_that_began_with_other_weights_is_refused(run, root, init):
    """Whatever came after: the card would not count what those weights had seen."""
    train(run, "--resume", "--epochs", 3)
    before, config = read(root), json.loads((run / CONFIG).read_text())
    config["sessions"][0]["command"] += f" {init}"
    (run / CONFIG).write_text(json.dumps(config))
    with pytest.raises(ValueError, match="began with other weights"):
        ship.ship(run, root=root)
    assert read(root) == before


def test_ship(run, root):
    card = ship.ship(run, root=root)
    files = read(root)
    assert set(files) == {
        *(f"pixelrnn_np/pretrained/{NAME}.{k}"
          for k in ("safetensors", "json", "csv", "md", "png")),
        f"docs/pretrained_{NAME}.png", "README.md",
    }  # fmt: skip
    assert json.loads(files[f"pixelrnn_np/pretrained/{NAME}.json"]) == card
    shipped = root / "pixelrnn_np" / "pretrained" / f"{NAME}.safetensors"
    model = pr.load(shipped)
    assert checkpoint.load(shipped)[1]["data"] == {"name": "digits", "levels": 17}
    nats = {s: model.nll(pr.load_data("digits", s)) for s in ("valid", "test")}
    train = pr.load_data("digits", "train")[np.random.default_rng(0).permutation(1297)[:250]]
    nats["train"] = model.nll(train)
    assert card["nats"] == {s: n.mean() for s, n in nats.items()}
    assert card["standard_error"] == {s: n.std() / np.sqrt(250) for s, n in nats.items()}
    gap, text = card["nats"]["valid"] - card["nats"]["train"], pretrained.card_text(card)
    assert f"on 250 images drawn by seed 0; valid − train: {gap:+.2f} (± " in text
    assert f" CPU minutes (threads: {card['sessions'][0]['threads']})" in text
    records = load_checkpoint(run)[2]
    assert card["run"]["cpu_minutes"] == round(records["cpu_seconds"] / 60, 2)
    assert card["seen"] == card["run"], "the last epoch was the best"
    assert card["first"]["nats"] == nats["test"][:100].mean()
    assert card["seen"]["images"] == 2 * 1297 and card["seen"]["updates"] == 26
    assert card["schedule_done"] == 1 and card["recipe"]["epochs"] == 2
    (session,) = card["sessions"]
    assert session["command"] == (
        f"python -m pixelrnn_np train --out runs/{NAME} --quiet --samples 0 "
        "--model pixelcnn --h 2 --layers 1 --head 4 --epochs 2 --batch-size 100"
    )
    assert files["README.md"].decode() == (
        f"before\n{table4.START}\n{table4.section([card])}\n{table4.END}\nafter\n"
    )
    for data in files.values():  # nothing of this machine
        assert str(run.parent).encode() not in data and b"somewhere" not in data


def test_curves_are_drawn_again_from_what_was_shipped(run, root, tmp_path, monkeypatch):
    card = ship.ship(run, root=root)
    folder = root / "pixelrnn_np" / "pretrained"
    monkeypatch.setattr(pretrained, "FOLDER", folder)
    (found,) = [r for r in pretrained.records_of(NAME) if r["images"] == card["seen"]["images"]]
    assert found["valid"] == pytest.approx(card["nats"]["valid"], abs=1e-3)
    shipped = (folder / f"{NAME}.png").read_bytes()
    ship.draw_curves(tmp_path)
    assert (tmp_path / f"{NAME}.png").read_bytes()[:8] == shipped[:8] == b"\x89PNG\r\n\x1a\n"
    assert not np.isnan([r["train"] for r in pretrained.records_of(NAME)]).all()


def test_the_command_wants_a_run_or_the_curves(monkeypatch, capsys):
    for words in ([], ["runs/a", "--curves"]):
        monkeypatch.setattr(sys, "argv", ["ship.py", *words])
        with pytest.raises(SystemExit):
            ship.main()
        assert "name a run, or --curves" in capsys.readouterr().err


def test_nothing_is_replaced_unasked(run, root):
    ship.ship(run, root=root)
    before = read(root)
    with pytest.raises(FileExistsError, match="--force replaces it"):
        ship.ship(run, root=root)
    assert read(root) == before
    ship.ship(run, root=root, force=True)
    assert read(root) == before


def test_what_is_too_large_is_not_shipped(run, root, monkeypatch):
    before = read(root)
    for limit, named in (("WEIGHTS", "the model file has"), ("CURVE", "the curve has")):
        with monkeypatch.context() as patch, pytest.raises(ValueError, match=named):
            patch.setattr(ship, limit, 100)
            ship.ship(run, root=root)
        assert read(root) == before


@pytest.mark.parametrize("name", ["mnist-pixelcnn", "digits-row_lstm", f"{NAME}/../x", "digits"])
def test_names_say_data_and_model(run, root, name):
    with pytest.raises(ValueError, match="it has to be digits-pixelcnn or digits-pixelcnn-SIZE"):
        ship.ship(run, name, root=root)


def test_runs_that_cannot_be_shipped(run, root, tmp_path):
    config = (run / CONFIG).read_text()
    (run / CONFIG).unlink()
    without_sessions(run)
    with pytest.raises(ValueError, match="does not say by which command"):
        ship.ship(run, root=root)
    (run / CONFIG).write_text(config.replace('"0123456789ab"', "null"))
    with pytest.raises(ValueError, match="name --commit"):
        ship.ship(run, root=root)
    (run / CONFIG).write_text(config)
    arrays, meta = checkpoint.load(run / BEST)
    checkpoint.save(run / BEST, {k: 2 * a for k, a in arrays.items()}, meta)
    with pytest.raises(ValueError, match="were measured in training"):
        ship.ship(run, root=root)
    checkpoint.save(run / BEST, arrays, {**meta, "updates": 30})
    with pytest.raises(ValueError, match="is older than"):
        ship.ship(run, root=root)
    (run / BEST).unlink()
    with pytest.raises(FileNotFoundError, match="finish an epoch"):
        ship.ship(run, root=root)
    assert not list((root / "pixelrnn_np" / "pretrained").iterdir())


def test_a_copied_run_goes_on_and_ships_again(run, root, tmp_path, capsys):
    """Another day: the learning rate's jump is said, and both commands are on the card."""
    first = ship.ship(run, root=root)
    again = tmp_path / "again"
    shutil.copytree(run, again)
    capsys.readouterr()
    train(again, "--resume", "--epochs", 4)
    said = capsys.readouterr().err
    assert "going on after update 26, in epoch 3 of 4" in said
    assert "the cosine ends at update 52 now, not 26: the learning rate goes from " in said
    card = ship.ship(again, root=root, force=True)
    assert [s["from_update"] for s in card["sessions"]] == [0, 26]
    assert card["sessions"][1]["command"].endswith("--resume --epochs 4")
    assert card["seen"]["images"] == 4 * 1297
    assert card["nats"]["valid"] < first["nats"]["valid"]


def test_the_rate_after_another_number_of_epochs(tmp_path, capsys):
    """Ended, then twice as long: half the rate. Fewer epochs: a lower rate. The same: silence."""
    out = tmp_path / "r"
    train(out, *TINY, "--epochs", 1, "--batch-size", 100, "--warmup", 0, "--lr", 0.01)
    capsys.readouterr()
    train(out, "--resume", "--epochs", 2)
    assert "the learning rate goes from 0 to 0.005 here" in capsys.readouterr().err
    train(out, "--resume", "--epochs", 2)
    assert "learning rate" not in capsys.readouterr().err
    trainer, _ = ship.resumed(out, {}, 1)
    assert trainer.total_steps == 26 and trainer.lr == 0
    assert [h["lr"] for h in trainer.history] == pytest.approx([0, 0])


def test_a_checkpoint_alone_gets_a_best_again(run):
    """What counts as best is what is there: not a number whose weights are lost."""
    (run / BEST).unlink()
    train(run, "--resume", "--epochs", 3)
    *_, state, _ = load_checkpoint(run)
    assert (run / BEST).exists() and checkpoint.load(run / BEST)[1]["updates"] == 39
    assert state["best"] == checkpoint.load(run / BEST)[1]["valid_nats"]


def test_sessions_of_a_run(run):
    (first,) = sessions(run)
    assert first["from_update"] == 0 and first["epochs"] == 2 and first["cores"] >= 1
    assert set(first["versions"]) == {"pixelrnn_np", "python", "numpy", "numba", "scipy"}
    for _ in range(2):
        train(run, "--resume")
        assert [s["from_update"] for s in sessions(run)] == [0, 26]
    for text in ("", "[]", "{", '{"sessions": 3}', '{"sessions": [{}]}'):
        (run / CONFIG).write_text(text)
        assert [s["from_update"] for s in sessions(run)] == [0], "the checkpoint's"
    without_sessions(run)
    assert sessions(run) == []
    train(run, "--resume", "--epochs", 3)
    assert sessions(run)[-1]["from_update"] == 26


def test_a_run_from_before_sessions(run, root):
    """Its one command is known; commit and machine are what the caller vouches for."""
    config = json.loads((run / CONFIG).read_text())
    (session,) = config.pop("sessions")
    for key in ("versions", "threads"):
        config[key] = session[key]
    config["command"] = f"/x/pixelrnn_np/__main__.py train --out {run.name.replace(' ', '_')}"
    (run / CONFIG).write_text(json.dumps(config))
    (found,) = ship.ship(run, root=root, commit="abc")["sessions"]
    assert found["commit"] == "abc" and found["processor"] == provenance.processor()
    assert found["command"] == f"python -m pixelrnn_np train --out runs/{NAME}"
    assert found["threads"] == session["threads"] and found["versions"] == session["versions"]


def test_cpu_time_is_said_where_all_of_it_is_known(run, root):
    """Not of a run from before it was recorded, nor of several ranks: each counts its own."""
    known = ship.ship(run, root=root)
    config = (run / CONFIG).read_text()
    (run / CONFIG).write_text(config.replace('"ranks": 1', '"ranks": 2'))
    assert ship.ship(run, root=root, force=True)["run"]["cpu_minutes"] is None
    (run / CONFIG).write_text(config)
    arrays, meta = checkpoint.load(run / CHECKPOINT)
    arrays["history"] = np.delete(arrays["history"], COLUMNS.index("cpu_seconds"), 1)
    meta["trainer"].pop("cpu_seconds")
    checkpoint.save(run / CHECKPOINT, arrays, meta)
    train(run, "--resume", "--epochs", 3)
    card = ship.ship(run, root=root, force=True)
    assert card["seen"]["cpu_minutes"] is card["run"]["cpu_minutes"] is None
    assert "CPU" in pretrained.card_text(known) and "CPU" not in pretrained.card_text(card)
    assert len(table4.row(card)) == len(table4.row(known)) == len(table4.HEAD)


def test_generic_commands():
    for given, wanted in (
        ("/x/pixelrnn train --out /home/me/r --resume", "train --out runs/N --resume"),
        ("python -m pixelrnn_np train --out='a b' --lr 0.1", "train --out=runs/N --lr 0.1"),
    ):
        assert ship.generic(given, "N") == f"python -m pixelrnn_np {wanted}"
    with pytest.raises(ValueError, match="no command of train"):
        ship.generic("evaluate r", "N")


def test_falling():
    def history(*valid):
        return [{"images": 10 * i, "valid": v} for i, v in enumerate(valid, 1)]

    assert ship.falling(history(5.0)) is None
    assert ship.falling(history(9.0, np.nan, 5.0)) == pytest.approx(0.6)  # 3 of 20 images
    assert ship.falling(history(4.0, 5.0)) == pytest.approx(-0.2)


def test_the_table_has_the_papers_rows():
    lines = table4.section([]).splitlines()
    assert len(lines) == 2 + len(table4.PAPER)
    assert lines[-1] == "| Diagonal BiLSTM | 7×16 | 79.20 |  |  |"
    card = pr.pretrained_card("digits-diagonal_bilstm")
    assert table4.section([card]).splitlines() == lines and table4.papers_nats(card) is None
    mnist = {**card, "data": {"name": "binarized_mnist", "levels": 2}}
    nats = f"{card['nats']['test']:.2f}"
    assert table4.papers_nats(mnist) == 79.20
    assert f"| Diagonal BiLSTM | 7×16 | 79.20 | **{nats}** |" in table4.section([mnist])
    better = {**mnist, "nats": {"test": 70.0}, "seen": {"cpu_minutes": 12.4}}
    for cards in ([mnist, better], [better, mnist]):
        assert "| 79.20 | **70.00** | 12 |" in table4.section(cards)
    mnist["model"] = {**card["model"], "h": 24}
    assert table4.papers_nats(mnist) is None and table4.section([mnist]).splitlines() == lines


def test_provenance(tmp_path):
    (tmp_path / "__init__.py").touch()
    assert provenance.commit(tmp_path) is None
    assert provenance.version("no-such-package") is None and provenance.processor()


def test_a_changed_package_is_no_commits(tmp_path):
    package = tmp_path / "package" / "__init__.py"
    package.parent.mkdir()
    package.touch()
    who = "-c", "user.name=a", "-c", "user.email=a@b"
    for words in (("init", "-q"), ("add", "."), (*who, "commit", "-qm", "x")):
        subprocess.run(["git", *words], cwd=tmp_path, check=True)
    commit = provenance.commit.__wrapped__
    clean = commit(package.parent)
    assert len(clean) == 12
    package.write_text("1")
    assert commit(package.parent) == f"{clean}-dirty"
