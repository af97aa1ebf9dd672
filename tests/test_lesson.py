"""benchmarks/renew.py and distill.py: the same function, and the gradient of another's targets."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

import pixelrnn_np as pr
from pixelrnn_np import checkpoint, cli_train, likelihood
from pixelrnn_np.pretrained import card_text
from pixelrnn_np.run import BEST, CHECKPOINT, CONFIG, Run, load_run

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


def test_weights_that_follow_one_another_are_of_like_size(rng):
    net = small()
    renew.renewed(net, images(rng, 64))
    block = net.blocks.children["2"]
    sizes = [renew.rms(block.children[name].own["K"]) for name in renew.INNER]
    np.testing.assert_allclose(sizes, sizes[0], rtol=0.2)


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
    distill.teach(net, distill.Lesson(teacher, x, x[:0]))
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
    distill.teach(net, distill.Lesson(small(seed=1), x, x[:0]))
    _, grads = net.loss_and_grads(x)
    assert max(np.abs(g).max() for g in grads.values()) < 1e-12


def test_drawn_images_take_their_share_of_a_batch(rng):
    x, drawn = images(rng, 50), images(rng, 150)
    lesson = distill.Lesson(small(), x, drawn)
    batch = np.repeat(x, 40, axis=0)
    mixed = lesson.mixed(batch)
    np.testing.assert_array_equal(mixed, lesson.mixed(batch))
    swapped = (mixed != batch).any(axis=(1, 2, 3))
    assert 0.7 < swapped.mean() < 0.8
    known = {image.tobytes() for image in drawn}
    assert all(image.tobytes() in known for image in mixed[swapped])
    none = distill.Lesson(small(), x, x[:0])
    np.testing.assert_array_equal(none.mixed(batch), batch)


def test_a_teacher_of_more_levels_is_refused(rng):
    teacher = pr.build_model("pixelcnn", (5, 6, 1), 4, h=2, layers=1, head=3, seed=0)
    with pytest.raises(ValueError, match="the teacher has 4 levels"):
        distill.Lesson(teacher, images(rng, 2), images(rng, 1))


@pytest.fixture
def school(monkeypatch):
    """A teacher of black and white digits that is in no package."""
    teacher = pr.build_model("pixelcnn", (8, 8, 1), 2, h=3, layers=1, head=4, seed=5)
    monkeypatch.setattr(pr, "load_pretrained", lambda name: teacher)
    data = {"name": "digits", "levels": 2}
    monkeypatch.setattr(pr, "pretrained_card", lambda name: {"data": data})
    return teacher


def test_a_run_says_what_it_learned_from_and_goes_on_with_it(school, tmp_path, monkeypatch):
    first, out = tmp_path / "first.safetensors", tmp_path / "run"
    pr.build_model("pixelcnn", (8, 8, 1), 2, h=2, layers=2, head=3, seed=0).save(first)
    monkeypatch.setattr(sys, "argv", [str(FOLDER / "distill.py"), "--out", str(out)])
    lesson, how = {"teacher": "t", "drawn": 7}, {"resume": False, "threads": 1, "quiet": True}
    x = pr.sample(school, 7, seed=0)
    out.mkdir()
    with (out / distill.DRAWN).open("wb") as f:
        np.savez(f, teacher="t", count=7, bits=np.packbits(x.reshape(7, -1), axis=1))
    with pytest.raises(ValueError, match="needs --init and --teacher"):
        distill.distill(out, None, lesson, {}, **how)
    with pytest.raises(ValueError, match="holds other images"):
        distill.distill(out, first, {**lesson, "drawn": 8}, {"epochs": 1}, **how)
    distill.distill(out, first, lesson, {"epochs": 1}, **how)
    with pytest.raises(ValueError, match=r"go on with benchmarks/distill\.py"):
        cli_train.train(out, {}, resume=True, init=None, threads=1, checkpoint_every=500,
                        samples=0, quiet=True)  # fmt: skip
    distill.distill(out, None, {}, {"epochs": 2}, **{**how, "resume": True})
    for name in (CHECKPOINT, BEST):
        assert checkpoint.load(out / name)[1]["distilled"] == lesson, name
    sessions = json.loads((out / CONFIG).read_text())["sessions"]
    assert [s["from_update"] for s in sessions] == [0, 82]
    assert load_run(out)[0].config == load_run(first)[0].config
    shipment = ship.Shipment(out, commit="c0ffee")
    _, card = shipment.card(shipment.weights())
    assert card["distilled"] == lesson == json.loads(shipment.state()[CONFIG])["distilled"]
    assert card["sessions"][0]["command"] == (
        "python benchmarks/distill.py --out runs/digits-pixelcnn-2x2"
    )
    assert "- targets: the probabilities of t, for training images and 7 " in card_text(card)
    assert table4.row(card)[1] == "2×2, distilled"


def test_a_run_without_a_teacher_is_not_resumed(tmp_path):
    net = pr.build_model("pixelcnn", (8, 8, 1), 2, h=2, layers=1, head=3, seed=0)
    data = pr.load_data("digits", "train", levels=2)[:20]
    with Run(tmp_path / "run", {"data": {"name": "digits", "levels": 2}, "epochs": 1}) as run:
        pr.Trainer(net, threads=1).fit(data, data, 1, run=run, progress=False)
    with pytest.raises(ValueError, match="has no teacher"):
        distill.distill(tmp_path / "run", None, {}, {}, resume=True, threads=1, quiet=True)


def test_drawing_in_processes_gives_the_images_of_the_teacher(tmp_path):
    name = "binarized_mnist-pixelcnn-15x16"
    teacher, path = pr.load_pretrained(name), tmp_path / "drawn.npz"
    lesson = {"teacher": name, "drawn": 3}
    x = distill.drawn_images(path, lesson, teacher, 1)
    np.testing.assert_array_equal(x, pr.sample(teacher, 3, seed=0))
    np.testing.assert_array_equal(distill.drawn_images(path, lesson, teacher, 1), x)
