"""What make_golden.py asserts of a case before it writes it."""

import itertools

import torch
import torch_models as models


def causality(params, config):
    """Each logit depends on all earlier sub-pixels in reach, in raster order, and on no other.

    A conditional network's smaller image is held fixed, and each logit reads its pixel there, all
    channels of it. In images as small as these, only one sub-pixel can be out of reach: the last
    channel of the rightmost pixel in the row above, which the first layer sees up to three columns
    away and the recurrences on their way from two rows above do not pass.
    """
    H, W, C = config["image_shape"]
    f = config.get("factor")
    # Many random real inputs, not a few images: a ReLU shut on all of them hides no path.
    generator = torch.Generator().manual_seed(1)

    def draw(*shape):
        return torch.randn(32, *shape, generator=generator, dtype=torch.float64)

    u = draw(H, W, C).requires_grad_()
    small = draw(-(-H // f), -(-W // f), C).requires_grad_() if f else None
    y = models.logits(params, u, config, small=small).reshape(32, H * W * C, -1)
    weights = draw(*y.shape[1:])
    for k in range(H * W * C):
        inputs = [u, small] if f else [u]
        du, *dsmall = torch.autograd.grad((y * weights)[:, k].sum(), inputs, retain_graph=True)
        reached = (du != 0).any(dim=0).reshape(-1)
        assert not reached[k:].any(), f"logit {k} sees its own or a later sub-pixel"
        i, j = divmod(k // C, W)
        expected = torch.ones(k, dtype=torch.bool)
        if i > 0 and j + 3 < W - 1:
            expected[i * W * C - 1] = False
        assert (reached[:k] == expected).all(), f"logit {k} misses some of its context"
        if f:
            assert (dsmall[0][:, i // f, j // f] != 0).any(0).all(), f"logit {k}: no small image"


def gradients(grads, config, exact=False):
    """Zero at each tap that is masked or always off the image; non-zero at most others.

    A few entries are zero by right: both ends of a weight may never be past their ReLUs at once.
    """
    H, W, _ = config["image_shape"]
    M = models.masks(config)
    for name, grad in grads.items():
        expected = M[name].bool() if name in M else torch.ones_like(grad, dtype=torch.bool)
        if name == "upsample.K":
            f = config["factor"]
            rows, cols = upsampler_taps(H, f), upsampler_taps(W, f)
            expected = expected & rows[:, None, None, None] & cols[:, None, None]
            if exact and config["name"] == "pixelcnn" and config["layers"] == 1:
                # These make the features of given pixels, which then nothing else reads.
                expected[f // 2 :: f, f // 2 :: f] = False
        elif grad.ndim == 4 and grad.shape[0] % 2:
            rows, cols = ((torch.arange(n) - n // 2).abs() for n in grad.shape[:2])
            expected = expected & (rows < H)[:, None, None, None] & (cols < W)[:, None, None]
        assert not (grad != 0)[~expected].any(), f"{name}: a gradient at a masked tap"
        live = (grad != 0)[expected].double().mean().item()
        every = ".lstm." in name and not name.endswith("K_fs")  # K_fs is past a ReLU
        assert live >= (1.0 if every else 0.7), f"{name}: only {live:.0%} non-zero"


def upsampler_taps(n, factor):
    """Which of the 2 * factor taps put some small pixel on some pixel of n, along one axis."""
    small = torch.arange(-(-n // factor))
    large = small[None] * factor - factor // 2 + torch.arange(2 * factor)[:, None]
    return ((large >= 0) & (large < n)).any(dim=1)


def upsampling(params, config):
    """The upsampler is what its definition says, one small pixel and tap at a time."""
    H, W, _ = config["image_shape"]
    f, K, b = config["factor"], params["upsample.K"], params["upsample.b"]
    rows, cols = -(-H // f), -(-W // f)
    generator = torch.Generator().manual_seed(2)
    small = torch.randn(2, rows, cols, K.shape[2], generator=generator, dtype=torch.float64)
    y = b.repeat(2, f * rows, f * cols, 1)
    for i, j, r, s in itertools.product(range(rows), range(cols), range(2 * f), range(2 * f)):
        at = f * i - f // 2 + r, f * j - f // 2 + s
        if 0 <= at[0] < f * rows and 0 <= at[1] < f * cols:
            y[:, at[0], at[1]] += small[:, i, j] @ K[r, s]
    same([models.upsample(small, K, b, f)], [y.relu()])


def normalisation(params, config):
    """The exact probabilities of all binary images sum to one, the others to less."""
    shape = config["image_shape"]
    count = shape[0] * shape[1] * shape[2]
    images = list(itertools.product((0, 1), repeat=count))
    x = torch.tensor(images, dtype=torch.uint8).reshape(-1, *shape)
    with torch.no_grad():
        _, nll, exact = models.multi_scale(params, x, config)
    assert abs((-exact).exp().sum() - 1) < 1e-9, "exact probabilities do not sum to one"
    assert (-nll).exp().sum() < 1, "the bound's probabilities sum to one or more"


def same(results, expected):
    """Two lists of tensors, or of dictionaries of tensors, agree to rounding."""
    torch.testing.assert_close(list(results), list(expected), rtol=1e-10, atol=1e-12)
