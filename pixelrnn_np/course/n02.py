"""Notebook 02: the last steps of its contest (§5.3), their training, and its checks.

A last step takes a network's outputs (…, levels) and gives logits (…, levels) and a way back, from
the gradient of the logits to that of the outputs. Each bell uses the first two outputs.
"""

import numpy as np

from .. import likelihood
from ..training.optim import Adam
from .checking import Wrong, exercise, mistaken, same


def _sigmoid(z):
    return 1 / (1 + np.exp(-z))


def cut_off(outputs):
    """A Gaussian, cut off at the ends of the scale: its logarithm is a parabola, a t - b t².

    t is the value, moved and scaled to [-2, 2], and b = ln(1 + e^o) is positive. The softmax of
    these logits divides by what is left on the scale. In a and b the loss has a single valley.
    """
    levels = outputs.shape[-1]
    t = np.linspace(-2, 2, levels)
    a, b = outputs[..., :1], np.logaddexp(0, outputs[..., 1:2])

    def back(dz):
        doutputs = np.zeros_like(outputs)
        doutputs[..., 0] = (dz * t).sum(axis=-1)
        doutputs[..., 1] = -(dz * t**2).sum(axis=-1) * _sigmoid(outputs[..., 1])
        return doutputs

    return a * t - b * t**2, back


def gathered(outputs):
    """A logistic bell, gathered at the ends: z_v = ln(σ(y⁺) - σ(y⁻)), y± = (v ± 1/2 - mean) s.

    Over a common denominator σ(y⁺) - σ(y⁻) = σ(y⁺) σ(-y⁻) (1 - e^-s), so z_v is a sum of three
    logarithms, none of which overflows. The lowest value has no lower edge, the highest no upper
    one. A tanh keeps the mean within 1.5 scales of the middle, and ln s within 3 of 0.
    """
    levels = outputs.shape[-1]
    values = np.arange(levels)
    above_lowest, below_highest = (values > 0) * 1.0, (values < levels - 1) * 1.0
    bend = np.tanh(outputs[..., :2].astype(float) / 3)
    reach = 1.5 * (levels - 1)
    mean, s = (levels - 1) / 2 + reach * bend[..., :1], np.exp(3 * bend[..., 1:])
    upper, lower = (values + 0.5 - mean) * s, (values - 0.5 - mean) * s
    logits = (
        -below_highest * np.logaddexp(0, -upper)
        - above_lowest * np.logaddexp(0, lower)
        + below_highest * above_lowest * np.log(1 - np.exp(-s))
    )

    def back(dz):
        dupper, dlower = dz * below_highest * _sigmoid(-upper), -dz * above_lowest * _sigmoid(lower)
        between = (dz * below_highest * above_lowest).sum(axis=-1) * (s / np.expm1(s))[..., 0]
        dmean = -((dupper + dlower) * s).sum(axis=-1)
        dlog_s = (dupper * upper + dlower * lower).sum(axis=-1) + between
        doutputs = np.zeros_like(outputs)
        doutputs[..., 0] = dmean * reach / 3 * (1 - bend[..., 0] ** 2)
        doutputs[..., 1] = dlog_s * (1 - bend[..., 1] ** 2)
        return doutputs

    return logits, back


def ways_back(lasts, levels, rng):
    """Largest relative error of each last step's gradient against finite differences."""
    from ..inspection import gradcheck

    outputs, weight = rng.standard_normal((2, 4, 3, levels)) / 10

    def error(last):
        exact = last(outputs)[1](weight)

        def loss():
            return (last(outputs)[0] * weight).sum()

        return gradcheck.compare(loss, {"o": outputs}, {"o": exact}, rng)["o"]

    return {name: error(last) for name, last in lasts.items()}


def train(loss_and_gradients, last, images, epochs=16, batch=16, levels=17):
    """A small PixelCNN that learns with a last step: (network, bits per pixel of each epoch).

    loss_and_gradients(network, last, images) → mean nats per image, {name: gradient}.
    """
    from ..models import build_model

    shape = images.shape[1:]
    net = build_model("pixelcnn", shape, levels=levels, h=16, layers=2, head=32, seed=0)
    net.params["head.logits.K"][...] *= 0.1  # so that every pixel begins with a wide bell
    adam, shuffle = Adam(net.flat.size, net.flat.dtype), np.random.default_rng(0)
    steps, bits = len(images) // batch, []
    for epoch in range(epochs):
        order, total = shuffle.permutation(len(images))[: steps * batch], 0.0
        for step, some in enumerate(order.reshape(steps, batch)):
            nats, grads = loss_and_gradients(net, last, images[some])
            gradient = np.concatenate([grads[name].ravel() for name in net.params])
            rate = 2e-3 * (1 + np.cos(np.pi * (epoch + step / steps) / epochs)) / 2
            adam.update(net.flat, gradient, rate, epoch * steps + step)
            total += nats
        bits.append(float(likelihood.bits_per_dim(total / steps, np.prod(shape))))
    return net, bits


def without_network(last, images, levels, steps=1500):
    """Outputs (1, H, W, C, levels): one distribution for each place, by gradient descent."""
    frequency = np.eye(levels)[images].mean(axis=0, keepdims=True)
    outputs = np.zeros_like(frequency)
    for _ in range(steps):
        logits, back = last(outputs)
        outputs -= 0.3 * back(likelihood.probabilities(logits, levels) - frequency)
    return outputs


def bits_by_place(logits, x):
    """Mean bits of images x (B, H, W, 1) at each place, (H, W); logits broadcast to all of x."""
    levels = logits.shape[-1]
    p = np.broadcast_to(likelihood.probabilities(logits, levels), (*x.shape, levels))
    return -np.log2(np.take_along_axis(p, x[..., None].astype(int), -1))[..., 0, 0].mean(axis=0)


@exercise("2.1")
def log_softmax(answer):
    rng = np.random.default_rng(0)
    tame = rng.standard_normal((2, 3, 5))
    wild = np.array([[1000.0, 998.0, 0.0], [-1000.0, -1001.0, -3000.0], [0.0, 1.0, 2.0]])
    for name, z in [("tame logits", tame), ("one row", tame[0, 0]), ("large logits", wild)]:
        kept = z.copy()
        with np.errstate(all="ignore"):
            got = answer(z)
        if not np.array_equal(z, kept):
            raise Wrong("It changed the logits that it was given.")
        top = z.max(axis=-1, keepdims=True)
        wanted = z - top - np.log(np.exp(z - top).sum(axis=-1, keepdims=True))
        if np.shape(got) == z.shape and name == "large logits" and not np.isfinite(got).all():
            row = int(np.argmin(np.isfinite(got).all(axis=1)))
            raise Wrong(f"It is not finite for the logits {z[row].tolist()} in a row of three.")
        mistakes = {
            "gives probabilities; their logarithms are asked for.": np.exp(wanted),
            "has the wrong sign: the logarithm of a probability is never positive.": -wanted,
            "gives logarithms to base 2.": wanted / np.log(2),
            "has the largest logit taken out of the sum only; z has to lose it as well.": wanted
            + top,
        }
        mistaken(f"With {name}, it", got, wanted, mistakes)
        if np.shape(got) == z.shape and z.ndim > 1:
            sums = np.exp(got).sum(axis=-1)
            if not np.allclose(sums, 1):
                raise Wrong(f"With {name}, the probabilities do not sum to 1 over the last axis.")
        same(f"With {name}, log_softmax", got, wanted)


@exercise("2.2")
def batch_gradient(answer):
    rng = np.random.default_rng(0)
    for shape, levels in [((1, 1, 1, 1), 4), ((3, 2, 2, 1), 5), ((2, 2, 3, 3), 8)]:
        logits = rng.standard_normal((*shape, levels))
        x = rng.integers(0, levels, shape).astype(np.uint8)
        kept = logits.copy()
        got = answer(logits, x)
        if not np.array_equal(logits, kept):
            raise Wrong("It changed the logits that it was given.")
        e = np.exp(logits)
        wanted = (e / e.sum(axis=-1, keepdims=True) - np.eye(levels)[x]) / shape[0]
        what = f"For logits of shape {logits.shape} the gradient"
        if np.shape(got) == wanted.shape and not np.allclose(got, wanted):
            for factor, why in [
                (-1, "has the wrong sign: it points uphill."),
                (shape[0], f"is that of the sum over the {shape[0]} images, not of their mean."),
                (1 / np.prod(shape[1:]), "is also divided by the number of sub-pixels."),
            ]:
                if factor != 1 and np.allclose(got, factor * wanted):
                    raise Wrong(f"{what} {why}")
            p = e / e.sum(axis=-1, keepdims=True)
            happened = np.eye(levels)[x]
            said = {
                "is what the model said; what happened is missing.": p / shape[0],
                "takes the logits for what the model said; their softmax is.":
                    (logits - happened) / shape[0],
                "shares one softmax among all sub-pixels; each has its own.":
                    (e / e.sum() - happened) / shape[0],
                "moves the value that happened only; the others are pushed down.":
                    (p - 1) * happened / shape[0],
                "divides what the model said, and not what happened.": p / shape[0] - happened,
                "takes 1 off everywhere; only at the values that occurred.": (p - 1) / shape[0],
                "is divided by the sub-pixels of an image; the mean is over images.":
                    (p - happened) / np.prod(shape[1:]),
            }  # fmt: skip
            mistaken(what, got, wanted, said)
        same(what, got, wanted)
