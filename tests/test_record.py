"""`record`: the same numbers as the model's own passes, for every model, by name and in order."""

import numpy as np
import pytest

import pixelrnn_np as pr
from pixelrnn_np.inspection.checks import small_model
from pixelrnn_np.inspection.gradcheck import compare, relative_error
from pixelrnn_np.inspection.record.lstm import scan, scan_back
from pixelrnn_np.models import BASES, MODELS

CASES = [(name, {}) for name in BASES]
CASES += [("multi_scale", {"base": base, "exact": base == "pixelcnn"}) for base in BASES]
CASES += [("multi_scale", {"base": "pixelcnn", "around": 2})]


def case(name, options, rng, shape=(4, 5, 1), levels=2):
    model = small_model(name, rng, shape, levels, **options)
    return model, rng.integers(0, levels, (2, *shape), np.uint8)


@pytest.mark.parametrize("shape, levels", [((4, 5, 1), 2), ((3, 4, 3), 4)])
@pytest.mark.parametrize("name, options", CASES)
def test_equals_the_model(name, options, shape, levels, rng):
    model, x = case(name, options, rng, shape, levels)
    record = pr.record(model, x)
    top = f"networks.{len(model.networks) - 1}." if hasattr(model, "networks") else ""
    assert relative_error(record[f"{top}logits"], model.logits(x)) < 1e-12
    loss, grads = model.loss_and_grads(x)
    assert record.loss == loss
    assert {k[1:] for k in record.grads} == set(grads)
    nats = sum(a.sum() for k, a in record.forward.items() if k.endswith("nats"))
    assert nats / len(x) == pytest.approx(loss, rel=1e-12)
    # The gradient of a bias is that of its layer's output, summed over pixels.
    for key, g in grads.items():
        name, kind = key.rsplit(".", 1)
        if kind != "b":
            continue
        dy = record[f"d{name}.z"] if f"d{name}.z" in record else record[f"d{name}"]
        assert relative_error(dy.sum(axis=(0, 1, 2)), g) < 1e-10, key


@pytest.mark.parametrize("name, options", CASES)
def test_every_layer_and_its_gradient(name, options, rng):
    model, x = case(name, options, rng)
    record = pr.record(model, x)
    for key in model.params:
        layer = key.rsplit(".", 1)[0]
        assert layer in record.forward or f"{layer}.h" in record.forward
    for key, d in record.backward.items():
        assert d.shape == record[key[1:]].shape, key
    without = {k for k in record.forward if "d" + k not in record.backward}
    assert {k.split(".")[-1] for k in without} <= {"nats"}


def test_gradients_of_the_input_and_of_activations(rng):
    model, x = case("diagonal_bilstm", {}, rng)
    record = pr.record(model, x)
    _, cache = model.forward(x)
    dx, _ = model.backward(record["dlogits"].copy(), cache)
    assert relative_error(record["dx"], dx) < 1e-12
    assert list(record.forward)[:2] == ["x", "first"] and list(record.forward)[-1] == "nats"
    assert next(iter(record.backward)) == "dlogits" and list(record.backward)[-1] == "dx"


@pytest.mark.parametrize("name", ["row_lstm", "diagonal_bilstm"])
def test_inside_an_lstm(name, rng):
    model, x = case(name, {}, rng)
    record = pr.record(model, x)
    for prefix in ["blocks.1.lstm"] if name == "row_lstm" else ["blocks.1.lstm.l2r"]:
        o, f, i, g, c, h, z = (record[f"{prefix}.{k}"] for k in "ofigchz")
        assert np.allclose(h, o * np.tanh(c), atol=1e-14)
        assert np.allclose(z[..., -h.shape[3] :], np.arctanh(g))
        before = np.zeros_like(c)
        c0 = model.params[f"{prefix}.c0"]
        if name == "row_lstm":
            before[:, 0], before[:, 1:] = c0, c[:, :-1]
            assert relative_error(record["blocks.1.lstm"], h) < 1e-12
        else:
            before[:, :, 0], before[:, :, 1:] = c0, c[:, :, :-1]
        assert np.allclose(c, f * before + i * g, atol=1e-14)
        assert np.allclose(record[f"d{prefix}.f"], record[f"d{prefix}.c"] * before, atol=1e-14)


@pytest.mark.parametrize("name", ["row_lstm", "diagonal_bilstm"])
def test_gate_gradients_by_finite_differences(name, rng):
    """b is added to every z, so dz summed is the derivative along b; K_ss closes the recurrence."""
    model, _ = case(name, {}, rng)
    lstm = model.blocks.children["0"].lstm
    layer, mirrored = (lstm, False) if name == "row_lstm" else (lstm.r2l, True)
    x, v = rng.standard_normal((1, 3, 4, 8)), rng.standard_normal((1, 3, 4, 4))
    found = scan(layer, x, mirrored)
    dz = scan_back(layer, v, found, mirrored)["z"].sum(axis=(0, 1, 2))

    def f():
        return np.vdot(scan(layer, x, mirrored)["h"], v)

    assert compare(f, {"b": layer.params["b"]}, {"b": dz}, rng)["b"] < 1e-6


@pytest.mark.parametrize("options", [{"skip": False}, {"residual": False}, {"layers": 0}])
@pytest.mark.parametrize("name", list(MODELS))
def test_other_connections(name, options, rng):
    model = pr.build_model(name, (3, 4, 1), **{"h": 2, "layers": 1, "head": 3, **options})
    x = rng.integers(0, 2, (2, 3, 4, 1), np.uint8)
    assert np.isfinite(pr.record(model, x).loss)


def test_a_record_is_a_copy_and_a_table(rng):
    model, x = case("row_lstm", {}, rng)
    record = pr.record(model, x)
    loss = model.nll(x).mean()
    for a in record.values():
        a[...] = 0
    assert model.nll(x).mean() == loss
    part = pr.record(model, x).under("blocks.0.lstm")
    assert "blocks.0.lstm.o" in part and "dblocks.0.lstm.o" in part and "first" not in part
    assert "dblocks.0.lstm.K_ss" in part.grads
    assert "blocks.0.lstm.o" in repr(part) and "2×4×5×4" in repr(part)
    assert ">dblocks.0.lstm.z<" in part._repr_html_()
    with pytest.raises(KeyError, match=r"blocks\.0\.lstm"):
        record["blocks.0.lsmt"]


def test_bad_images_are_refused(rng):
    model, x = case("pixelcnn", {}, rng)
    with pytest.raises(ValueError, match="dtype"):
        pr.record(model, x.astype(float))


def test_disagreement_is_an_error(rng, monkeypatch):
    model, x = case("row_lstm", {}, rng)
    monkeypatch.setattr(type(model), "logits", lambda *a: None)
    lstm = model.blocks.children["0"].lstm
    forward = type(lstm).forward

    def wrong(self, x):
        h, cache = forward(self, x)
        return h * 1.1, cache

    monkeypatch.setattr(type(lstm), "forward", wrong)
    with pytest.raises(RuntimeError, match="LSTM"):
        pr.record(model, x)
