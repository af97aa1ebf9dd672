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

`multi_scale_<base>[_colour|_around].safetensors`, float64: networks.0 models the smallest image
alone, networks.s the image `factor` times as large given the next smaller one,
x[:, ::factor, ::factor]; _around: after two unmasked 3×3 convolutions of it:
    param/networks.<s>.<name>, x      as above
    logits         the largest network's, given x's own subsample
    nll            (B,) all networks' nats added, an upper bound
    nll_exact      (B,) the same without the sub-pixels that the next smaller image gives
    grad/<name>, grad_exact/<name>    of the mean of nll, of nll_exact, over the batch
    metadata       "config", "torch"

Before it writes a case, the script makes the assertions of checks.py: no logit has a gradient for
its own or a later sub-pixel (the smaller image held fixed); each logit has one for every earlier
sub-pixel in reach; gradients are zero at masked taps and mostly non-zero elsewhere; the two forms
of the Diagonal BiLSTM agree, as do two forms of the upsampler; and the exact probabilities of all
tiny images sum to one, the others to less.
"""

import json
from pathlib import Path

import checks
import numpy as np
import torch
import torch_models as models
from safetensors.numpy import save

HERE = Path(__file__).parent
BATCH = 3
STEPS, LR, DECAY, EPS, BETAS, CLIP = 5, 1e-3, 0.95, 1e-8, (0.9, 0.999), 1.0
BINARY = {"image_shape": [5, 4, 1], "levels": 2, "h": 4, "layers": 2, "head": 6}
COLOUR = {"image_shape": [4, 3, 3], "levels": 5, "h": 5, "layers": 2, "head": 7}
# Seeds, one per network, were picked, of the first 60, so that ReLUs leave at least 70 % of each
# gradient non-zero.
SEEDS = {
    "pixelcnn_binary": 48,
    "pixelcnn_colour": 55,
    "row_lstm_binary": 36,
    "row_lstm_colour": 19,
    "diagonal_bilstm_binary": 8,
    "diagonal_bilstm_colour": 30,
    "multi_scale_row_lstm": (5, 1),
    "multi_scale_diagonal_bilstm": (4, 1),
    "multi_scale_diagonal_bilstm_around": (4, 4),
    "multi_scale_pixelcnn_colour": (24, 21, 1),
}
CASES = {
    f"{name}_{kind}": {"name": name, **sizes, "residual": True, "skip": True}
    for name in ("pixelcnn", "row_lstm", "diagonal_bilstm")
    for kind, sizes in (("binary", BINARY), ("colour", COLOUR))
}
MULTI_SCALE = {
    f"multi_scale_{case}": {
        "name": "multi_scale",
        "base": case.removesuffix("_colour").removesuffix("_around"),
        "factor": 2,
        "scales": scales,
        "image_shape": image_shape,
        "levels": levels,
        **sizes,
        "residual": True,
        "skip": True,
        **({"around": 2} if case.endswith("_around") else {}),
    }
    for case, scales, image_shape, levels, sizes in (
        ("row_lstm", 2, [4, 5, 1], 2, {"h": 4, "layers": 2, "head": 6}),
        ("diagonal_bilstm", 2, [5, 6, 1], 2, {"h": 4, "layers": 2, "head": 6}),
        ("diagonal_bilstm_around", 2, [5, 6, 1], 2, {"h": 4, "layers": 2, "head": 6}),
        ("pixelcnn_colour", 3, [4, 4, 3], 4, {"h": 5, "layers": 1, "head": 7}),
    )
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


def make_case(config, seed):
    """The tensors of one case, checked."""
    params, x = draw(config, seed)
    y, nll, grads, dinput = result = evaluate(params, x, config)
    checks.causality(params, config)
    checks.gradients(grads, config)
    if config["name"] == "diagonal_bilstm":
        checks.same(evaluate(params, x, config, diagonal=models.diagonal_skewed), result)
    tensors = {"x": x, "logits": y, "nll": nll, "dinput": dinput}
    tensors |= {f"param/{name}": value for name, value in params.items()}
    return tensors | {f"grad/{name}": value for name, value in grads.items()}


def draw_multi_scale(config, seeds):
    """The parameters of all networks, each from its own seed, and a batch of large images."""
    params = {}
    for s, (network, seed) in enumerate(zip(models.networks(config), seeds, strict=True)):
        own, x = draw(network, seed)
        params |= {f"networks.{s}.{name}": value for name, value in own.items()}
    return params, x


def evaluate_multi_scale(params, x, config, **kwargs):
    """(logits, nll, exact nll, {name: gradient}, {name: exact gradient})."""
    y, nll, exact = models.multi_scale(params, x, config, **kwargs)
    grads = torch.autograd.grad(nll.mean(), params.values(), retain_graph=True)
    grads_exact = torch.autograd.grad(exact.mean(), params.values())
    by_name = [dict(zip(params, g, strict=True)) for g in (grads, grads_exact)]
    return y.detach(), nll.detach(), exact.detach(), *by_name


def make_multi_scale(config, seeds):
    """The tensors of one multi-scale case, checked."""
    params, x = draw_multi_scale(config, seeds)
    y, nll, exact, grads, grads_exact = result = evaluate_multi_scale(params, x, config)
    for s, network in enumerate(models.networks(config)):
        own = models.of_network(params, s)
        checks.causality(own, network)
        checks.gradients(models.of_network(grads, s), network)
        checks.gradients(models.of_network(grads_exact, s), network, exact=True)
        if s:
            checks.upsampling(own, network)
    if config["base"] == "diagonal_bilstm":
        skewed = evaluate_multi_scale(params, x, config, diagonal=models.diagonal_skewed)
        checks.same(skewed, result)
    for image_shape, scales in (([2, 2, 1], 2), ([3, 2, 1], 3)):
        tiny = config | {"image_shape": image_shape, "scales": scales, "levels": 2}
        checks.normalisation(draw_multi_scale(tiny, range(scales))[0], tiny)
    tensors = {"x": x, "logits": y, "nll": nll, "nll_exact": exact}
    tensors |= {f"param/{name}": value for name, value in params.items()}
    tensors |= {f"grad/{name}": value for name, value in grads.items()}
    return tensors | {f"grad_exact/{name}": value for name, value in grads_exact.items()}


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
    for case, config in MULTI_SCALE.items():
        write(case, make_multi_scale(config, SEEDS[case]), config=config)
    recipe = {"steps": STEPS, "lr": LR, "decay": DECAY, "eps": EPS, "betas": BETAS, "clip": CLIP}
    config, seed = CASES["pixelcnn_binary"], SEEDS["pixelcnn_binary"]
    write("pixelcnn_training", make_training(config, seed), config=config, training=recipe)


if __name__ == "__main__":
    main()
