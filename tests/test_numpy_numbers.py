"""Any integer, float or bool of NumPy is one, wherever a setting is taken; files hold Python's."""

import json

import numpy as np
import pytest
from small_trainer import assert_same, build, images

import pixelrnn_np as pr
from pixelrnn_np.runs.reading import load_checkpoint

INTS = [np.int64, np.uint8, np.int16, lambda n: np.array(n)]
SIZES = {"levels": 2, "h": 4, "layers": 1, "head": 4, "seed": 3, "factor": 2, "scales": 2}


def kinds(value):
    """The types inside a nested setting."""
    if isinstance(value, dict):
        return {kind for v in value.values() for kind in kinds(v)}
    if isinstance(value, (list, tuple)):
        return {kind for v in value for kind in kinds(v)}
    return {type(value)}


@pytest.mark.parametrize("kind", INTS)
def test_models(kind, tmp_path):
    given = {k: kind(v) for k, v in SIZES.items()}
    flags = {"residual": np.True_, "skip": np.False_, "exact": np.True_}
    model = pr.build_model("multi_scale", (kind(6), kind(6), kind(1)), **given, **flags)
    same = pr.build_model("multi_scale", (6, 6, 1), **SIZES, residual=True, skip=False, exact=True)
    assert model.flat.tobytes() == same.flat.tobytes() and model.config == same.config
    assert kinds(model.config) == {int, bool, str}
    model.save(tmp_path / "a")
    assert pr.load(tmp_path / "a").config == same.config
    x = pr.sample(model, kind(3), seed=kind(7), temperature=np.float32(0.5), threads=kind(2))
    assert x.tobytes() == pr.sample(same, 3, seed=7, temperature=0.5, threads=2).tobytes()
    known = np.arange(36).reshape(6, 6, 1) < kind(9)
    y = pr.complete(model, x, known, seed=kind(2), threads=kind(1))
    assert y.tobytes() == pr.complete(same, x, known, seed=2).tobytes()
    assert model.nll(x, threads=kind(2)).tobytes() == same.nll(x).tobytes()


@pytest.mark.parametrize("ones", [1, 0])
@pytest.mark.parametrize("name", ["residual", "skip"])
def test_flags_are_kept_as_bools(name, ones):
    assert pr.build_model("pixelcnn", (4, 4, 1), h=2, **{name: ones}).config[name] is bool(ones)


@pytest.mark.parametrize("kind", [np.uint8, np.int64])
def test_trainers(kind, tmp_path):
    """300 updates do not fit into a uint8."""
    numbers = {"lr": np.float32(2**-8), "clip": np.float64(0.5), "ema": np.float16(0.5),
               "weight_decay": np.float32(0.25)}  # fmt: skip
    ints = {"batch_size": 1, "warmup": 3, "seed": 5, "threads": 2}
    one = pr.Trainer(build(), "adam", schedule="cosine", **numbers,
                     **{k: kind(v) for k, v in ints.items()})  # fmt: skip
    two = pr.Trainer(build(), "adam", schedule="cosine", **ints,
                     **{k: float(v) for k, v in numbers.items()})  # fmt: skip
    x = images(100)
    one.fit(x, x[:9], kind(3), run=tmp_path / "x", log_every=kind(30), checkpoint_every=kind(70),
            progress=np.False_)  # fmt: skip
    two.fit(x, x[:9], 3, log_every=30, checkpoint_every=70, progress=False)
    assert_same(one, two)
    assert one.settings == two.settings and one.total_steps == 300 == two.total_steps
    assert json.loads(json.dumps(one.settings)) == two.settings
    assert load_checkpoint(tmp_path / "x")[2]["settings"] == two.settings


@pytest.mark.parametrize("kind", INTS)
def test_one_network_of_several(kind, tmp_path):
    model = pr.build_model("multi_scale", (4, 4, 1), h=2, layers=1, head=2)
    trainer = pr.Trainer(model, scale=kind(1), total_steps=kind(9))
    x = np.ones((4, 4, 4, 1), np.uint8)
    trainer.fit(x, x, 1, run=tmp_path / "x", progress=False)
    assert type(trainer.settings["scale"]) is type(trainer.total_steps) is int
    for bad in (2, np.int64(-1), True, np.True_, 1.0):
        with pytest.raises(ValueError, match="scale is"):
            pr.Trainer(model, scale=bad)


@pytest.mark.parametrize("bad", [np.True_, np.float64(2), np.array([2]), np.array(2.0), "2",
                                 np.array(True), None, 2 + 0j])  # fmt: skip
def test_what_is_no_integer_is_refused(bad):
    for argument in ("levels", "h", "head", "seed"):
        with pytest.raises(ValueError, match=f"^{argument} is "):
            pr.build_model("pixelcnn", (4, 4, 1), **{argument: bad})
    if bad is not None:
        with pytest.raises(ValueError, match=r"threads is .*; it has to be an int from 1 to 1024"):
            pr.Trainer(build(), threads=bad)
    with pytest.raises(ValueError, match="n is "):
        pr.sample(build(), bad)


@pytest.mark.parametrize("bad", [np.True_, np.nan, np.float64("inf"), 10**400, np.float32(0)])
def test_what_is_no_rate_is_refused(bad):
    with pytest.raises(ValueError, match=r"^lr is "):
        pr.Trainer(build(), lr=bad)


@pytest.mark.parametrize("kind", INTS)
def test_data(kind):
    x = pr.load_data("digits", "test", levels=kind(2), seed=kind(1))
    assert x.tobytes() == pr.load_data("digits", "test", levels=2).tobytes()
