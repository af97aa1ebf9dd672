"""Make the golden values in this folder: what the paper's models compute, according to PyTorch.

The tests replay these files against pixelrnn_np. They need NumPy and safetensors; PyTorch is
needed only to make the files anew:

    python -m venv torch-env && torch-env/bin/pip install torch==2.13.0 numpy safetensors
    torch-env/bin/python tests/golden/make_golden.py

Source: van den Oord, Kalchbrenner and Kavukcuoglu, "Pixel Recurrent Neural Networks", 2016,
arXiv 1601.06759v3, implemented independently in torch_models.py; gradients are autograd's.
Running it twice on one machine gives the same bytes.

`<model>_<binary|colour>.safetensors`, float64 throughout, D = H*W*C:
    param/<name>   random, dense: masked taps are non-zero in the file and must not matter
    x              (B, H, W, C) uint8 in [0, levels)
    logits         (B, H, W, C) for two levels, (B, H, W, C, levels) for more
    nll            (B,) nats per image
    grad/<name>    of the mean of nll over the batch
    dinput         (B, H, W, C), of the same loss for the scaled input, its targets held fixed
    metadata       "config": JSON arguments of the model; "torch": the version used

`pixelcnn_training.safetensors`: STEPS updates on one batch from pixelcnn_binary's parameters.
The optimisers see gradients per dimension (those of mean nats per image, over D), clipped to
[-1, 1] elementwise:
    x              (B, H, W, C) uint8, the batch (pixelcnn_binary's)
    loss           (STEPS,) RMSProp: mean nats per image before each update
    param/<name>   RMSProp: after the last update
    adam/loss, adam/param/<name>   the same with Adam
    metadata       "config", "torch", and "training": JSON of steps, lr, decay, eps, betas, clip

Before it writes a case, the script asserts: no logit has a gradient for its own or a later
sub-pixel; each logit has one for every earlier sub-pixel in reach (these images are small
enough that this is all of them); gradients are zero at masked taps and mostly non-zero elsewhere;
and the two forms of the Diagonal BiLSTM agree.
"""

import json
from pathlib import Path

import numpy as np
import torch
import torch_models as models
from safetensors.numpy import save

HERE = Path(__file__).parent
BATCH = 3
STEPS, LR, DECAY, EPS, BETAS, CLIP = 5, 1e-3, 0.95, 1e-8, (0.9, 0.999), 1.0
BINARY = {"image_shape": [5, 4, 1], "levels": 2, "h": 4, "layers": 2, "head": 6}
COLOUR = {"image_shape": [4, 3, 3], "levels": 5, "h": 5, "layers": 2, "head": 7}
# Seeds were picked, of the first 60, so that ReLUs leave at least 70 % of each gradient non-zero.
SEEDS = {
    "pixelcnn_binary": 48,
    "pixelcnn_colour": 55,
    "row_lstm_binary": 36,
    "row_lstm_colour": 19,
    "diagonal_bilstm_binary": 8,
    "diagonal_bilstm_colour": 30,
}
CASES = {
    f"{name}_{kind}": {"name": name, **sizes, "residual": True, "skip": True}
    for name in ("pixelcnn", "row_lstm", "diagonal_bilstm")
    for kind, sizes in (("binary", BINARY), ("colour", COLOUR))
}


def draw(config, seed):
    """Random parameters, every entry non-zero, and a batch of random images."""
    rng = np.random.default_rng(seed)
    params = {}
    for name, shape in models.shapes(config).items():
        if len(shape) == 1:
            value = rng.normal(0.3, 0.3, shape)  # mostly positive, to keep ReLUs open
        else:
            value = rng.normal(0.0, np.prod(shape[:3]) ** -0.5, shape)
        params[name] = torch.tensor(value, requires_grad=True)
    x = rng.integers(0, config["levels"], (BATCH, *config["image_shape"]), dtype=np.uint8)
    return params, torch.tensor(x)


def evaluate(params, x, config, **kwargs):
    """(logits, nll, {name: gradient}, dinput); gradients of mean nats per image."""
    u = models.scale(x, config["levels"]).requires_grad_()
    y = models.logits(params, u, config, **kwargs)
    nll = models.nll(y, x, config["levels"])
    *grads, dinput = torch.autograd.grad(nll.mean(), [*params.values(), u])
    return y.detach(), nll.detach(), dict(zip(params, grads, strict=True)), dinput


def check_causality(params, config):
    """Each logit depends on all earlier sub-pixels, in raster order, and on no other.

    The models' blind spots lie outside images as small as these.
    """
    H, W, C = config["image_shape"]
    # Many random real inputs, not a few images: a ReLU shut on all of them hides no path.
    generator = torch.Generator().manual_seed(1)
    u = torch.randn(32, H, W, C, generator=generator, dtype=torch.float64, requires_grad=True)
    y = models.logits(params, u, config).reshape(32, H * W * C, -1)
    weights = torch.randn(y.shape, generator=generator, dtype=torch.float64)
    for k in range(H * W * C):
        (du,) = torch.autograd.grad((y * weights)[:, k].sum(), u, retain_graph=True)
        reached = (du != 0).any(dim=0).reshape(-1)
        assert not reached[k:].any(), f"logit {k} sees its own or a later sub-pixel"
        assert reached[:k].all(), f"logit {k} misses some of its context"


def check_gradients(grads, config):
    """Zero at each tap that is masked or always off the image; non-zero at most others.

    A few entries are zero by right: both ends of a weight may never be past their ReLUs at once.
    """
    H, W, _ = config["image_shape"]
    M = models.masks(config)
    for name, grad in grads.items():
        expected = M[name].bool() if name in M else torch.ones_like(grad, dtype=torch.bool)
        if name == "first.K":
            far = (torch.arange(7) - 3).abs()
            expected = expected & (far < H)[:, None, None, None] & (far < W)[:, None, None]
        assert not (grad != 0)[~expected].any(), f"{name}: a gradient at a masked tap"
        live = (grad != 0)[expected].double().mean().item()
        assert live >= (1.0 if ".lstm." in name else 0.7), f"{name}: only {live:.0%} non-zero"


def check_skew(params, x, config, direct):
    """The skewed recurrence gives the direct one's logits and gradients, to rounding."""
    y, nll, grads, dinput = evaluate(params, x, config, diagonal=models.diagonal_skewed)
    pairs = [(y, direct[0]), (nll, direct[1]), (dinput, direct[3])]
    pairs += [(grads[name], direct[2][name]) for name in params]
    for skewed, unskewed in pairs:
        torch.testing.assert_close(skewed, unskewed, rtol=1e-10, atol=1e-12)


def make_case(config, seed):
    """The tensors of one case, checked."""
    params, x = draw(config, seed)
    y, nll, grads, dinput = result = evaluate(params, x, config)
    check_causality(params, config)
    check_gradients(grads, config)
    if config["name"] == "diagonal_bilstm":
        check_skew(params, x, config, result)
    tensors = {"x": x, "logits": y, "nll": nll, "dinput": dinput}
    tensors |= {f"param/{name}": value for name, value in params.items()}
    return tensors | {f"grad/{name}": value for name, value in grads.items()}


def train(params, x, config, optimizer):
    """STEPS updates from copies of params: (losses, parameters after the last)."""
    D = np.prod(config["image_shape"]).item()
    params = {name: value.detach().clone().requires_grad_() for name, value in params.items()}
    square = {name: torch.zeros_like(value) for name, value in params.items()}
    adam = torch.optim.Adam(params.values(), lr=LR, betas=BETAS, eps=EPS)
    losses = []
    for _ in range(STEPS):
        _, nll, grads, _ = evaluate(params, x, config)
        losses.append(nll.mean())
        for name, grad in grads.items():
            params[name].grad = g = (grad / D).clamp(-CLIP, CLIP)
            if optimizer == "rmsprop":
                square[name] = DECAY * square[name] + (1 - DECAY) * g**2
                params[name].data -= LR * g / (square[name].sqrt() + EPS)
        if optimizer == "adam":
            adam.step()
    return torch.stack(losses), params


def make_training(config, seed):
    """The tensors of the training case."""
    params, x = draw(config, seed)
    tensors = {"x": x}
    for optimizer, prefix in (("rmsprop", ""), ("adam", "adam/")):
        loss, trained = train(params, x, config, optimizer)
        assert (loss.diff() < 0).all(), f"{optimizer} does not learn"
        tensors[f"{prefix}loss"] = loss
        tensors |= {f"{prefix}param/{name}": value for name, value in trained.items()}
    return tensors


def write(case, tensors, **metadata):
    """Write HERE/case.safetensors; metadata values are JSON, or strings as they are."""
    metadata["torch"] = torch.__version__.split("+")[0]
    text = {k: v if isinstance(v, str) else json.dumps(v) for k, v in metadata.items()}
    arrays = {name: np.ascontiguousarray(t.detach().numpy()) for name, t in tensors.items()}
    data = save(arrays, text)
    # safetensors may order the metadata differently from run to run: sort the header.
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    packed = json.dumps(header, separators=(",", ":")).encode()
    assert len(packed) <= size
    path = HERE / f"{case}.safetensors"
    path.write_bytes(data[:8] + packed.ljust(size) + data[8 + size :])
    print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB")


def main():
    torch.set_num_threads(1)
    for case, config in CASES.items():
        write(case, make_case(config, SEEDS[case]), config=config)
    recipe = {"steps": STEPS, "lr": LR, "decay": DECAY, "eps": EPS, "betas": BETAS, "clip": CLIP}
    config, seed = CASES["pixelcnn_binary"], SEEDS["pixelcnn_binary"]
    write("pixelcnn_training", make_training(config, seed), config=config, training=recipe)


if __name__ == "__main__":
    main()
