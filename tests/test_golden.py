"""Logits, nats and every gradient against PyTorch's autograd (golden/make_golden.py made them)."""

import json
from pathlib import Path

import numpy as np
import pytest
import safetensors

import pixelrnn_np as pr
from pixelrnn_np.backend import BACKENDS
from pixelrnn_np.inspection.gradcheck import relative_error
from pixelrnn_np.likelihood import nll_backward, nll_forward

GOLDEN = Path(__file__).parent / "golden"
CASES = [
    f"{model}_{kind}"
    for model in ("pixelcnn", "row_lstm", "diagonal_bilstm")
    for kind in ("binary", "colour")
]
MULTI_SCALE = [
    f"multi_scale_{kind}"
    for kind in ("row_lstm", "diagonal_bilstm", "diagonal_bilstm_around", "pixelcnn_colour")
]


def golden_model(case, **options):
    """The model of a golden file with its parameters, and the file's arrays."""
    with safetensors.safe_open(GOLDEN / f"{case}.safetensors", "numpy") as f:
        arrays = {k: f.get_tensor(k) for k in f.keys()}  # noqa: SIM118
        config = json.loads(f.metadata()["config"])
    model = pr.build_model(**config, **options, dtype="float64")
    for name, array in model.params.items():
        array[...] = arrays[f"param/{name}"]
    return model, arrays


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("backend", BACKENDS)
def test_equal_to_autograd(case, backend):
    model, golden = golden_model(case)
    names = {k.removeprefix("param/") for k in golden if k.startswith("param/")}
    assert names == set(model.params)
    with pr.use_backend(backend):
        np.testing.assert_allclose(
            model.logits(golden["x"]), golden["logits"], rtol=1e-11, atol=1e-12
        )
        np.testing.assert_allclose(model.nll(golden["x"]), golden["nll"], rtol=1e-12)
        loss, grads = model.loss_and_grads(golden["x"])
    assert loss == pytest.approx(golden["nll"].mean(), rel=1e-12)
    for name, grad in grads.items():
        assert relative_error(grad, golden[f"grad/{name}"]) < 1e-10, name


@pytest.mark.parametrize("case", CASES)
def test_gradient_of_the_input(case):
    model, golden = golden_model(case)
    x = golden["x"]
    logits, cache = model.forward(x)
    dx, _ = model.backward(nll_backward(1 / len(x), nll_forward(logits, x)[1]), cache)
    assert relative_error(dx, golden["dinput"]) < 1e-10


@pytest.mark.parametrize("case", MULTI_SCALE)
@pytest.mark.parametrize("exact", [False, True])
def test_multi_scale(case, exact):
    """§3.6: the bound and the exact likelihood, and the gradients of both."""
    model, golden = golden_model(case, exact=exact)
    assert {k.removeprefix("param/") for k in golden if k.startswith("param/")} == set(model.params)
    suffix = "_exact" if exact else ""
    np.testing.assert_allclose(model.logits(golden["x"]), golden["logits"], rtol=1e-11, atol=1e-12)
    loss, grads = model.loss_and_grads(golden["x"])
    np.testing.assert_allclose(model.nll(golden["x"]), golden[f"nll{suffix}"], rtol=1e-12)
    assert loss == pytest.approx(golden[f"nll{suffix}"].mean(), rel=1e-12)
    for name, grad in grads.items():
        assert relative_error(grad, golden[f"grad{suffix}/{name}"]) < 1e-10, name
