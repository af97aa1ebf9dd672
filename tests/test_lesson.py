"""benchmarks/renew.py and distill.py: the same function, and the gradient of another's targets."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

import pixelrnn_np as pr
from pixelrnn_np import checkpoint, cli_train, likelihood, provenance
from pixelrnn_np.pretrained import card_text
from pixelrnn_np.run import BEST, CHECKPOINT, CONFIG, PREVIOUS, Run, load_run

FOLDER = Path(__file__).resolve().parent.parent / "benchmarks"
sys.path.append(str(FOLDER))

import distill  # noqa: E402
import renew  # noqa: E402
import ship  # noqa: E402
import table4  # noqa: E402


def small(name="pixelcnn", seed=0, **options):
    options = {"h": 6, "layers": 3, "head": 7, "dtype": "float64", **options}
    net = pr.build_model(name, (5, 6, 1), 2, seed=seed, **options)
    net.flat += np.random.default_rng(seed).normal(0, 0.05, net.flat.shape)
    return net


def images(rng, n):
    return rng.integers(0, 2, (n, 5, 6, 1), dtype=np.uint8)


@pytest.mark.parametrize("skip", [True, False])
@pytest.mark.parametrize("factor", [1.0, 3.0])
@pytest.mark.parametrize(
    ("dead", "reader"),
    [("blocks.1.down", "blocks.1.conv"), ("blocks.1.conv", "blocks.1.up"),
     ("head.conv1", "head.conv2"), ("head.conv2", "head.logits")],
)  # fmt: skip
def test_a_renewed_model_computes_the_same_and_has_no_dead_feature(rng, skip, factor, dead, reader):
    net, x = small(skip=skip), images(rng, 64)
    net.params[f"{dead}.K"][..., 2] = 0
    net.params[f"{dead}.b"][2] = -1
    before = net.logits(x)
    assert renew.renewed(net, x, factor) > 0
    np.testing.assert_allclose(net.logits(x), before, rtol=0, atol=1e-12 * np.abs(before).max())
    _, grads = net.loss_and_grads(x)
    assert (net.params[f"{reader}.K"][:, :, 2] == 0).all(), "what reads it begins at zero"
    assert np.abs(grads[f"{reader}.K"][:, :, 2]).max() > 1e-6, "and can be learned"
    assert renew.renewed(net, x) == 0


def sizes(layers, alive=slice(None)):
    """Root mean squares of the weights that the masks leave, where both ends are alive."""
    found = []
    for k, layer in enumerate(layers):
        rows, columns = alive if k else slice(None), alive if k < 2 else slice(None)
        K = layer.own["K"][:, :, rows][..., columns]
        seen = layer.mask[:, :, rows][..., columns] > 0
        found.append(np.sqrt(np.mean(K[seen] ** 2)))
    return found


def test_weights_that_follow_one_another_are_of_like_size(rng):
    net = small()
    for name in renew.INNER:
        net.params[f"blocks.2.{name}.b"][...] = 9  # all pass, so that nothing is drawn anew
    net.params["blocks.2.conv.K"][1, 1:] = 50  # masked taps but for the centre
    net.params["blocks.2.conv.K"][2] = 50
    renew.renewed(net, images(rng, 64))
    layers = [net.blocks.children["2"].children[name] for name in renew.INNER]
    np.testing.assert_allclose(sizes(layers), sizes(layers)[0], rtol=1e-9)


def test_the_heads_weights_are_balanced_over_what_is_alive(rng):
    net = small()
    for name, b in (("conv1", 9), ("conv2", 99)):
        net.params[f"head.{name}.b"][...] = b
        net.params[f"head.{name}.K"][..., 2] = 1e-9  # would lower the mean, were it counted
        net.params[f"head.{name}.b"][2] = -1
    renew.renewed(net, images(rng, 64))
    layers = [net.head.children[name] for name in ("conv1", "conv2", "logits")]
    alive = np.arange(7) != 2
    np.testing.assert_allclose(sizes(layers, alive), sizes(layers, alive)[0], rtol=1e-9)


def test_the_factor_divides_what_is_summed(rng):
    nets, x = (small(), small()), images(rng, 64)
    for net, factor in zip(nets, (1.0, 4.0), strict=True):
        renew.renewed(net, x, factor)
    one, four = ([net.first.forward(net.scale(x))[0]] for net in nets)
    np.testing.assert_allclose(one[0], 4 * four[0], rtol=1e-12)


def digits_model(tmp_path, **options):
    """A model of black and white digits in a file that says so."""
    net, path = pr.build_model("pixelcnn", (8, 8, 1), 2, **options), tmp_path / "m.safetensors"
    x = pr.load_data("digits", "train", levels=2)[:256]
    return net, path, x


def test_a_feature_that_passes_now_and_then_is_dead_and_what_it_cost_is_said(tmp_path):
    net, path, x = digits_model(tmp_path, h=3, layers=1, head=4, seed=0, dtype="float64")
    z = net.blocks.children["0"].down.forward(np.maximum(0, net.first.forward(net.scale(x))[0]))[0]
    z = np.sort(z[..., 0], axis=None)
    net.params["blocks.0.down.b"][0] -= (z[-8] + z[-9]) / 2  # 8 of 16,384 pixels pass
    before, out = net.logits(x), tmp_path / "n.safetensors"
    checkpoint.save(path, dict(net.params), {"model": net.config,
                                             "data": {"name": "digits", "levels": 2}})  # fmt: skip
    said = renew.write(path, out, 2.5, 1)
    change = np.abs(pr.load(out).logits(x) - before).max()
    assert change > 1e-6
    assert f"no logit changed by more than {change:.2g}" in said
    assert "0 new features" in renew.write(out, tmp_path / "again.safetensors", 1.0, 1)


@pytest.mark.parametrize("factor", [0.0, -1.0, float("inf"), float("nan")])
def test_a_bad_factor_writes_nothing(tmp_path, factor):
    net, path, _ = digits_model(tmp_path, h=2, layers=1, head=3, seed=0)
    checkpoint.save(path, dict(net.params), {"model": net.config,
                                             "data": {"name": "digits", "levels": 2}})  # fmt: skip
    with pytest.raises(ValueError, match="--factor is"):
        renew.write(path, tmp_path / "out", factor, 1)
    assert not (tmp_path / "out").exists()


def test_a_head_without_a_living_feature_stays_finite(rng):
    net, x = small(), images(rng, 64)
    net.params["head.conv2.b"][...] = -100
    before = net.logits(x)
    renew.renewed(net, x)
    np.testing.assert_allclose(net.logits(x), before, rtol=0, atol=1e-12)


def test_what_cannot_be_renewed_is_refused(rng):
    for net in (small("row_lstm"), small(residual=False)):
        with pytest.raises(ValueError, match="only a pixelcnn with residual connections"):
            renew.renewed(net, images(rng, 4))


def cross_entropy(net, x, p):
    z = net.logits(x)
    return float((p * np.logaddexp(0, -z) + (1 - p) * np.logaddexp(0, z)).sum() / len(x))


@pytest.mark.parametrize("name", ["pixelcnn", "diagonal_bilstm"])
def test_the_gradient_is_that_of_the_cross_entropy_with_the_teacher(rng, name):
    net, teacher, x = small(name), small(seed=1), images(rng, 5)
    p = likelihood.probabilities(teacher.logits(x), 2)[..., 1]
    nats = net.nll(x)
    distill.teach(net, distill.Lesson(teacher, x))
    loss, grads = net.loss_and_grads(x)
    assert np.isclose(loss, nats.mean())
    g = np.concatenate([grads[k].ravel() for k in net.params])
    direction, flat = rng.normal(size=g.shape), net.flat.copy()
    values = []
    for step in (1e-7, -1e-7):
        net.flat[...] = flat + step * direction
        values.append(cross_entropy(net, x, p))
    assert np.isclose((values[0] - values[1]) / 2e-7, g @ direction, rtol=1e-5)


def test_a_student_with_its_teachers_weights_has_nothing_to_learn(rng):
    net, x = small(seed=1), images(rng, 4)
    distill.teach(net, distill.Lesson(small(seed=1), x))
    _, grads = net.loss_and_grads(x)
    assert max(np.abs(g).max() for g in grads.values()) < 1e-12


@pytest.fixture
def school(monkeypatch):
    """A teacher of black and white digits that is in no package."""
    teacher = pr.build_model("pixelcnn", (8, 8, 1), 2, h=3, layers=1, head=4, seed=5)
    monkeypatch.setattr(pr, "load_pretrained", lambda name: teacher)
    card = {"data": {"name": "digits", "levels": 2}, "sha256": "one"}
    monkeypatch.setattr(pr, "pretrained_card", lambda name: card)
    return card


HOW = {"resume": False, "threads": 1, "quiet": True}


@pytest.fixture
def first(tmp_path):
    """The file of a student's first weights."""
    path = tmp_path / "first.safetensors"
    pr.build_model("pixelcnn", (8, 8, 1), 2, h=2, layers=2, head=3, seed=0).save(path)
    return path


def test_a_run_says_what_it_learned_from_and_goes_on_with_it(school, first, tmp_path, monkeypatch):
    out, lesson = tmp_path / "run", {"teacher": "t", "sha256": "one"}
    monkeypatch.setattr(sys, "argv", [str(FOLDER / "distill.py"), "--out", str(out)])
    distill.distill(out, first, "t", {"epochs": 1}, **HOW)
    with pytest.raises(ValueError, match=r"go on with: python benchmarks/distill\.py --out .* --r"):
        cli_train.train(out, {}, resume=True, init=None, threads=1, checkpoint_every=500,
                        samples=0, quiet=True)  # fmt: skip
    with pytest.raises(ValueError, match=r"--teacher is other, but the run in .* has t"):
        distill.distill(out, None, "other", {}, **{**HOW, "resume": True})
    for init in (first, None):
        with pytest.raises(ValueError, match="add --resume"):
            distill.distill(out, init, "t", {}, **HOW)
    school["sha256"] = "two"
    with pytest.raises(ValueError, match="t are other weights now"):
        distill.distill(out, None, None, {"epochs": 2}, **{**HOW, "resume": True})
    school["sha256"] = "one"
    distill.distill(out, None, None, {"epochs": 2}, **{**HOW, "resume": True})
    for name in (CHECKPOINT, BEST):
        assert checkpoint.load(out / name)[1]["distilled"] == lesson, name
    sessions = json.loads((out / CONFIG).read_text())["sessions"]
    assert [s["from_update"] for s in sessions] == [0, 82]
    assert load_run(out)[0].config == load_run(first)[0].config
    shipment = ship.Shipment(out, commit="c0ffee")
    _, card = shipment.card(shipment.weights())
    assert card["distilled"] == lesson == json.loads(shipment.state()[CONFIG])["distilled"]
    assert card["name"] == "digits-pixelcnn-2x2_distilled"
    assert card["sessions"][0]["command"] == (
        "python benchmarks/distill.py --out runs/digits-pixelcnn-2x2_distilled"
    )
    assert "- targets: not the pixels, but the probabilities that t gives them" in card_text(card)
    assert table4.row(card)[1] == "2×2, distilled"
    with pytest.raises(ValueError, match="of distilled weights it ends in _distilled"):
        ship.Shipment(out, "digits-pixelcnn-2x2")


def test_a_run_goes_on_from_the_checkpoint_before_a_damaged_one(school, first, tmp_path):
    out = tmp_path / "run"
    distill.distill(out, first, "t", {"epochs": 1}, **HOW)
    (out / PREVIOUS).write_bytes((out / CHECKPOINT).read_bytes())
    (out / CHECKPOINT).write_bytes(b"damaged")
    distill.distill(out, None, None, {"epochs": 2}, **{**HOW, "resume": True})
    assert checkpoint.load(out / CHECKPOINT)[1]["distilled"]["teacher"] == "t"


def test_what_cannot_teach_or_learn_is_refused_before_anything_is_written(
    school, first, tmp_path, monkeypatch
):
    out, scales = tmp_path / "run", tmp_path / "scales.safetensors"
    two = pr.build_model("multi_scale", (8, 8, 1), 2, h=2, layers=1, head=3, seed=0)
    two.save(scales)
    with pytest.raises(ValueError, match="needs --init and --teacher"):
        distill.distill(out, None, "t", {}, **HOW)
    with pytest.raises(ValueError, match=r"--init .* is a multi_scale model"):
        distill.distill(out, scales, "t", {}, **HOW)
    four = pr.build_model("pixelcnn", (8, 8, 1), 4, h=2, layers=1, head=3, seed=0)
    for teacher, why in ((two, "is a multi_scale model"), (four, "has 4 levels")):
        monkeypatch.setattr(pr, "load_pretrained", lambda name, teacher=teacher: teacher)
        with pytest.raises(ValueError, match=f"--teacher t {why}"):
            distill.distill(out, first, "t", {}, **HOW)
    school["data"] = {**school["data"], "stochastic": True, "seed": 0}
    monkeypatch.setattr(pr, "load_pretrained", lambda name: pr.load(first))
    with pytest.raises(ValueError, match="that chance made black and white"):
        distill.distill(out, first, "t", {}, **HOW)
    assert [p.name for p in out.glob("[!.]*")] == []


def test_from_the_command_line(school, first, tmp_path, monkeypatch, capsys):
    out = tmp_path / "run"

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["distill.py", "--out", str(out), *map(str, words)])
        with pytest.raises(SystemExit) as e:
            distill.main()
        return e.value.code

    assert "needs --init and --teacher; " in run("--epochs", 1)
    assert run("--ep", 1) == 2, "options are not abbreviated: ship.py looks for whole ones"
    with monkeypatch.context() as patch:
        patch.setattr(distill, "Lesson", interrupt)
        assert run("--init", first, "--teacher", "t", "--epochs", 1) == 130
    assert "stopped before the first update" in capsys.readouterr().err


def interrupt(*_):
    raise KeyboardInterrupt


def test_several_processes_are_refused(first, tmp_path, monkeypatch):
    monkeypatch.setattr(distill, "world", lambda: type("World", (), {"size": 2}))
    with pytest.raises(ValueError, match="2 ranks"):
        distill.distill(tmp_path / "run", first, "t", {}, **HOW)


def test_a_run_without_a_teacher_is_not_resumed(tmp_path):
    net = pr.build_model("pixelcnn", (8, 8, 1), 2, h=2, layers=1, head=3, seed=0)
    data = pr.load_data("digits", "train", levels=2)[:20]
    with Run(tmp_path / "run", {"data": {"name": "digits", "levels": 2}, "epochs": 1}) as run:
        pr.Trainer(net, threads=1).fit(data, data, 1, run=run, progress=False)
    with pytest.raises(ValueError, match="has no teacher"):
        distill.distill(tmp_path / "run", None, None, {}, **{**HOW, "resume": True})


def test_a_recorded_command_names_a_script_without_its_owners_folders(monkeypatch):
    for script, name in ((FOLDER / "distill.py", "benchmarks/distill.py"),
                         ("/home/somebody/mine.py", "mine.py")):  # fmt: skip
        monkeypatch.setattr(sys, "argv", [str(script), "--x"])
        assert provenance.describe()["command"] == f"python {name} --x"
