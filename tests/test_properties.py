"""Properties of the public functions over inputs that hypothesis draws: right, or a clear error.

The draws are the same every time.
"""

import re
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import pixelrnn_np as pr
from pixelrnn_np.inspection.checks import all_images
from pixelrnn_np.models import claimed

repeatable = settings(
    derandomize=True, deadline=None, database=None, max_examples=6,
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
many = settings(repeatable, max_examples=80)
BASES = ("pixelcnn", "row_lstm", "diagonal_bilstm")


@st.composite
def configurations(draw, side=5):
    """Arguments of build_model for a small model."""
    C = draw(st.integers(1, 3))
    name = draw(st.sampled_from((*BASES, "multi_scale")))
    config = {
        "name": name,
        "image_shape": (draw(st.integers(1, side)), draw(st.integers(1, side)), C),
        "levels": draw(st.integers(2, 5)), "h": draw(st.integers(C, 5)),
        "layers": draw(st.integers(0, 2)), "head": draw(st.integers(C, 5)),
        "seed": draw(st.integers(0, 2**63)), "dtype": draw(st.sampled_from(["float32", "float64"])),
        "residual": draw(st.booleans()), "skip": draw(st.booleans()),
    }  # fmt: skip
    if name == "multi_scale":
        config |= {"base": draw(st.sampled_from(BASES)), "factor": draw(st.sampled_from([2, 4])),
                   "scales": draw(st.integers(2, 3)), "exact": draw(st.booleans()),
                   "around": draw(st.integers(0, 2))}  # fmt: skip
    return config


def thin(*more):
    """Adds all models on images of one or two pixels, whose arrays hardly look cut out of others.

    more: the other arguments of the test, for these examples.
    """

    def decorated(test):
        for name in (*BASES, "multi_scale"):
            for shape in ((1, 1, 1), (9, 1, 1), (1, 2, 1), (2, 1, 3), (2, 2, 1)):
                config = {"name": name, "image_shape": shape, "levels": 2 + len(name) % 2, "h": 4,
                          "layers": 1, "head": 3, "dtype": "float32"}  # fmt: skip
                test = example(config, *more)(test)
        return test

    return decorated


def images_of(model, n, seed):
    shape = (n, *model.image_shape)
    return np.random.default_rng(seed).integers(0, model.levels, shape, np.uint8)


# What holds for every model


@repeatable
@given(configurations(), st.integers(1, 5), st.integers(0, 9))
@thin(2, 0)
def test_likelihood(config, n, seed):
    model = pr.build_model(**config)
    x = images_of(model, n, seed)
    nats = model.nll(x, threads=1)
    assert nats.shape == (n,) and nats.dtype == np.float64
    assert np.isfinite(nats).all() and (nats >= 0).all()
    logits = model.logits(x)
    assert logits.shape == x.shape + (() if model.levels == 2 else (model.levels,))
    assert logits.dtype == model.dtype and np.isfinite(logits).all()
    loss, grads = model.loss_and_grads(x)
    assert loss == nats.mean()
    assert {k: (g.shape, g.dtype) for k, g in grads.items()} == {
        k: (a.shape, a.dtype) for k, a in model.params.items()
    }
    assert all(np.isfinite(g).all() for g in grads.values())
    each = np.concatenate([model.nll(x[i : i + 1]) for i in range(n)])
    np.testing.assert_allclose(each, nats, rtol=1e-4 if model.dtype == "float32" else 1e-10)
    assert f"{model.flat.size:,}" in model.summary()


@repeatable
@given(configurations(), st.integers(0, 9))
@thin(0)
def test_threads_change_no_bit(config, seed):
    model = pr.build_model(**config)
    x = images_of(model, 2 * model.shard_size + 1, seed)
    (loss, grads), (again, more) = (model.loss_and_grads(x, threads=t) for t in (1, 3))
    assert loss == again and all(g.tobytes() == more[k].tobytes() for k, g in grads.items())
    assert model.nll(x, 1).tobytes() == model.nll(x, 2).tobytes()


@repeatable
@given(configurations(), st.integers(0, 9))
def test_the_seed_decides_the_weights_and_a_file_keeps_them(config, seed):
    model, twin = pr.build_model(**config), pr.build_model(**config)
    assert model.flat.tobytes() == twin.flat.tobytes()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "m"
        model.save(path)
        again = pr.load(path)
    assert again.config == model.config and again.flat.tobytes() == model.flat.tobytes()
    x = images_of(model, 2, seed)
    assert again.nll(x).tobytes() == model.nll(x).tobytes()


@repeatable
@given(configurations(), st.integers(1, 4), st.integers(0, 2**63), st.floats(0.1, 10))
@thin(2, 0, 1.0)
def test_samples(config, n, seed, temperature):
    model = pr.build_model(**config)
    options = {"seed": seed, "temperature": temperature}
    x, nats = pr.sample(model, n, return_nll=True, **options)
    assert x.shape == (n, *model.image_shape) and x.dtype == np.uint8 and x.max() < model.levels
    np.testing.assert_allclose(nats, model.nll(x), rtol=1e-3, atol=1e-4)
    np.testing.assert_array_equal(x, pr.sample(model, n, threads=2, **options))


@repeatable
@given(configurations(), st.integers(1, 4), st.integers(0, 99), st.floats(0, 1))
@thin(2, 0, 0.5)
def test_completions_keep_what_is_known(config, n, seed, share):
    model = pr.build_model(**config)
    x, rng = images_of(model, n, seed), np.random.default_rng(seed)
    known = rng.random(x.shape) < share
    garbage = np.where(known, x, 255).astype(np.uint8)
    before = garbage.copy()
    y = pr.complete(model, garbage, known, seed)
    assert y.shape == x.shape and y.dtype == np.uint8 and y.max() < model.levels
    np.testing.assert_array_equal(y[known], x[known])
    np.testing.assert_array_equal(garbage, before)
    np.testing.assert_array_equal(y, pr.complete(model, x, known, seed))
    np.testing.assert_array_equal(pr.complete(model, x, np.array(True)), x)
    none = pr.complete(model, x, np.array(False), seed)
    np.testing.assert_array_equal(none, pr.sample(model, n, seed))


@settings(repeatable, max_examples=4)
@given(configurations(side=2))
def test_probabilities_sum_to_one(config):
    config = {**config, "dtype": "float64", "levels": 2, "exact": True}
    if config["name"] != "multi_scale":
        config.pop("exact")
    model = pr.build_model(**config)
    if model.dimensions <= 8:
        every = all_images(model.image_shape, 2)
        assert np.exp(-model.nll(every)).sum() == pytest.approx(1, abs=1e-9)


@settings(repeatable, max_examples=4)
@given(configurations(side=3), st.integers(0, 9))
@thin(0)
def test_backends_and_records_agree(config, seed):
    model = pr.build_model(**{**config, "dtype": "float64"})
    x = images_of(model, 2, seed)
    loss, grads = model.loss_and_grads(x)
    for backend in ("compiled", "reference"):
        with pr.use_backend(backend):
            slow, twin = model.loss_and_grads(x)
        assert slow == pytest.approx(loss, rel=1e-10)
        for name, g in grads.items():
            np.testing.assert_allclose(twin[name], g, atol=1e-10)
    assert pr.record(model, x).loss == pytest.approx(loss, rel=1e-10)


@repeatable
@given(configurations(), st.sampled_from(["rmsprop", "adam"]), st.floats(1e-5, 1e-2),
       st.floats(0.01, 10), st.integers(0, 3), st.floats(0, 0.99), st.integers(1, 4))  # fmt: skip
@thin("adam", 1e-3, 1.0, 0, 0.5, 2)
def test_training_is_the_same_every_time(config, optimizer, lr, clip, warmup, ema, batch):
    runs = []
    for threads in (1, 2):
        model = pr.build_model(**config)
        x = images_of(model, 5, 0)
        trainer = pr.Trainer(
            model, optimizer, lr, threads, clip=clip, warmup=warmup, ema=ema, batch_size=batch
        )
        before = model.nll(x).mean()
        assert trainer.step(x) == before
        history = trainer.fit(x, x, epochs=1, progress=False)
        assert np.isfinite(model.flat).all() and history[-1]["valid"] > 0
        runs.append(model.flat.tobytes())
    assert runs[0] == runs[1]


@settings(repeatable, max_examples=25)
@given(configurations())
def test_what_a_configuration_claims_is_near_what_it_makes(config):
    """A stranger's file is judged by it: never more than the truth, never much less."""
    model = pr.build_model(**config)
    weights, blocks = claimed(config)
    assert weights <= sum(a.size for k, a in model.params.items() if k.split(".")[-1][0] == "K")
    assert blocks * 4 <= len(model.params)
    large = {**config, "h": 40, "head": 40}
    if config["name"] == "multi_scale":
        large["around"] = 30
    assert claimed(large)[0] >= pr.build_model(**large).flat.size / 3


# What is refused

ODD = [
    None, True, "", "x", b"x", -1, 0, 3, 1.5, -1e-9, float("nan"), float("inf"), 10**30, -(10**30),
    10**400, 1j, [], [1], [[1], [1, 2]], {}, {"a": 1}, set(), object, np.zeros(2), np.zeros((0, 3)),
    np.array([1, 2]), np.int64(3), np.float32(2), np.complex64(1), np.array("x"),
    "a\0b", "ü\n", range(3), np.zeros((1, 4, 3, 1)), np.full((1, 4, 3, 1), 9, np.uint8), 2**63 + 1,
    np.zeros((0, 4, 3, 1), np.uint8), np.array([None]), np.zeros((1, 4, 3, 1), "U1"),
]  # fmt: skip
MODEL = pr.build_model("pixelcnn", (4, 3, 1), 3, h=2, layers=1, head=2)
SCALES = pr.build_model("multi_scale", (4, 3, 1), 3, h=2, layers=1, head=2, base="pixelcnn")
X = np.ones((2, 4, 3, 1), np.uint8)
DATA = pr.compress(MODEL, X)


def build(**changed):
    return pr.build_model(**{"name": "multi_scale", "image_shape": (4, 3, 1), "levels": 3, "h": 2,
                             "layers": 1, "head": 2, "base": "pixelcnn", **changed})  # fmt: skip


def train(**changed):
    arguments = {"train": X, "valid": X, "epochs": 1, "progress": False, **changed}
    trainer = pr.Trainer(pr.build_model(**MODEL.config), threads=1)
    return trainer.fit(**arguments)


def backend(name):
    with pr.use_backend(name):
        return MODEL.nll(X)


# Each function by the arguments that something odd is put in place of.
CALLS = {
    "build_model": (build, ["name", "image_shape", "levels", "h", "layers", "head", "seed", "dtype",
                            "residual", "skip", "base", "factor", "scales", "exact", "around"]),
    "nll": (lambda **k: MODEL.nll(**{"x": X} | k), ["x", "threads"]),
    "logits": (lambda **k: SCALES.logits(**{"x": X} | k), ["x", "threads", "given"]),
    "loss_and_grads": (lambda **k: MODEL.loss_and_grads(**{"x": X} | k), ["x", "threads"]),
    "save": (lambda path: MODEL.save(path), ["path"]),
    "load": (pr.load, ["path"]),
    "load_pretrained": (pr.load_pretrained, ["name"]),
    "pretrained_card": (pr.pretrained_card, ["name"]),
    "load_data": (lambda **k: pr.load_data(**{"name": "digits", "split": "test"} | k),
                  ["name", "split", "levels", "stochastic", "seed"]),
    "sample": (lambda **k: pr.sample(**{"model": MODEL, "n": 1} | k),
               ["model", "n", "seed", "temperature", "on_row", "threads"]),
    "complete": (lambda **k: pr.complete(**{"model": MODEL, "images": X,
                                            "known": np.array(True)} | k),
                 ["model", "images", "known", "seed", "temperature", "on_row", "threads"]),
    "compress": (lambda **k: pr.compress(**{"model": MODEL, "images": X} | k),
                 ["model", "images", "group", "threads"]),
    "decompress": (lambda **k: pr.decompress(**{"model": MODEL, "data": DATA} | k),
                   ["model", "data", "threads"]),
    "record": (lambda **k: pr.record(**{"model": MODEL, "x": X} | k), ["model", "x"]),
    "use_backend": (backend, ["name"]),
    "Trainer": (lambda **k: pr.Trainer(**{"model": SCALES, "threads": 1} | k),
                ["model", "optimizer", "lr", "threads", "batch_size", "clip", "schedule", "warmup",
                 "total_steps", "ema", "seed", "scale"]),
    "fit": (train, ["train", "valid", "epochs", "log_every", "checkpoint_every"]),
    "step": (lambda x: pr.Trainer(pr.build_model(**MODEL.config), threads=1).step(x), ["x"]),
}  # fmt: skip
CALLED = {("build_model", "name"): "model", ("load_pretrained", "name"): "pretrained",
          ("pretrained_card", "name"): "pretrained", ("use_backend", "name"): "backend",
          ("save", "path"): "", ("load", "path"): ""}  # fmt: skip
# What the list of odd values holds that is right: numbers mostly.
RIGHT = {
    "levels": [3, np.int64(3)], "h": [3, np.int64(3)], "head": [3, np.int64(3)],
    "layers": [None, 0, 3, np.int64(3)], "residual": [True, 0], "skip": [True, 0],
    "exact": [True, 0], "around": [0, 3, np.int64(3)], "scales": [3, np.int64(3)], "factor": [],
    "threads": [None, 3, np.int64(3)],
    "given": [None], "valid": [None], "seed": [None, 0, 3, np.int64(3)],
    "on_row": [None], "known": [True],
    "temperature": [3, 1.5, 10**30, np.int64(3), np.float32(2), 2**63 + 1],
    "lr": [3, 1.5, 10**30, np.int64(3), np.float32(2), 2**63 + 1],
    "clip": [3, 1.5, 10**30, np.int64(3), np.float32(2), 2**63 + 1],
    "n": [3, np.int64(3)], "group": [None, 3, np.int64(3)], "batch_size": [3, np.int64(3)],
    "epochs": [3, np.int64(3)],
    "log_every": [3, np.int64(3)], "checkpoint_every": [3, np.int64(3)],
    "warmup": [0, 3, np.int64(3)], "total_steps": [None, 3, np.int64(3)], "ema": [0],
    "scale": [None, 0],
}  # fmt: skip
EITHER = {("build_model", "seed"): [None], ("Trainer", "seed"): [None],
          ("load_data", "seed"): [None, True, 10**30, 10**400, 2**63 + 1],
          ("load_data", "levels"): [None, True], ("load_data", "stochastic"): [0],
          ("sample", "on_row"): [object], ("complete", "on_row"): [object],
          ("sample", "temperature"): [True], ("complete", "temperature"): [True],
          ("save", "path"): ["x", "ü\n"]}  # fmt: skip


def test_an_array_in_the_wrong_place_is_shown_in_a_line(tmp_path):
    """Where arguments are mixed up, pages of numbers would hide what is wrong."""
    many = np.arange(4000).reshape(20, 10, 20)
    for call in (
        lambda: pr.sample(MODEL, many), lambda: pr.sample(MODEL, 1, many),
        lambda: pr.sample(MODEL, 1, on_row=many), lambda: MODEL.nll(X, many),
        lambda: pr.build_model(many), lambda: pr.build_model("pixelcnn", many),
        lambda: pr.load(many), lambda: pr.Trainer(MODEL, many), lambda: pr.Trainer(MODEL, lr=many),
        lambda: pr.Run(many), lambda: pr.Run(tmp_path, many), lambda: pr.Run(tmp_path, {}, many),
        lambda: train(run=many), lambda: pr.load_data(many), lambda: pr.load_data("digits", many),
        lambda: backend(many), lambda: pr.load_pretrained(many),
    ):  # fmt: skip
        with pytest.raises(ValueError) as e:
            call()
        assert "\n" not in str(e.value) and len(str(e.value)) < 600


def test_what_a_tired_user_mixes_up():
    for call, message in [
        (lambda: pr.build_model("PixelCNN"), "(did you mean 'pixelcnn'?)"),
        (lambda: pr.Trainer(MODEL, "SOAP"), "(did you mean 'soap'?)"),
        (lambda: pr.sample(MODEL, 1, np.random.RandomState(0)), "a numpy.random.Generator or None"),
        (lambda: pr.Run(None), "folder is None; it has to be a str or a Path"),
        (lambda: pr.Run("x", [1]), "about is [1]; it has to be a dict"),
        (lambda: pr.Run("x", {}, {"a": "b"}), "baselines['a'] is 'b'; it has to be a number"),
        (lambda: SCALES.stage_nats(2, X), "s is 2; it has to be from 0 to 1"),
        (lambda: SCALES.stage_nats(-1, X), "s is -1; it has to be from 0 to 1"),
        (lambda: SCALES.fixed("0"), "s is '0'; it has to be an int"),
    ]:
        with pytest.raises(ValueError, match=re.escape(message)):
            call()


def same(a, b):
    return type(a) is type(b) and not isinstance(a, np.ndarray) and (a is b or a == b)


@pytest.mark.parametrize(
    ("function", "argument"), [(f, a) for f, (_, names) in CALLS.items() for a in names]
)
def test_odd_arguments(function, argument, tmp_path, monkeypatch):
    """Every odd value for every argument: taken where it is right, else an error that names it."""
    monkeypatch.chdir(tmp_path)
    call = CALLS[function][0]
    for value in ODD:
        if any(same(value, v) for v in EITHER.get((function, argument), ())):
            continue
        right = any(same(value, v) for v in RIGHT.get(argument, ()))
        try:
            call(**{argument: value})
        except (ValueError, OSError) as e:
            said = str(e)
            assert not right, (value, said)
            assert CALLED.get((function, argument), argument) in said or repr(value) in said, said
            assert "\n" not in said or "\n" in str(value), said
        else:
            assert right, f"{argument}={value!r} was taken"


@many
@given(st.sampled_from(sorted(CALLS)), st.data())
def test_two_odd_arguments(function, data):
    """Whatever is wrong at once, only ValueError and OSError come out."""
    call, names = CALLS[function]
    if function == "save":
        return
    chosen = data.draw(st.lists(st.sampled_from(names), min_size=1, max_size=3, unique=True))
    values = st.one_of(st.sampled_from(ODD), st.text(max_size=9), st.integers(-(2**70), 5),
                       st.floats())  # fmt: skip
    try:
        call(**{name: data.draw(values) for name in chosen})
    except (ValueError, OSError) as e:
        assert str(e)
