"""New features for a trained PixelCNN's dead ones, like weights: nearly the same function.

    python benchmarks/renew.py training/binarized_mnist-pixelcnn-15x24 \\
        --out runs/renewed.safetensors
    python benchmarks/distill.py --init runs/renewed.safetensors …

A feature is dead if its ReLU lets at most one of a thousand pixels through, on 256 training images.
It gets the weights of a new one, scaled and shifted to mean 0 and the spread of the living ones of
its layer, and what reads it begins at zero. So the function stays, but for the few pixels that did
pass: there a logit may change by several units, which the command prints, and the mean by a few
thousandths of a nat. Before that the weights of a layer and of the next are balanced: ReLU(s·x) =
s·ReLU(x) for s > 0, so a layer may be multiplied by s and its readers divided, exactly. Adam
moves every weight by about its rate, so that the layer with the smallest weights is the one that
shakes the logits most.

Trained on pixels, a renewed model was no better than the old one, or worse; with the targets of
distill.py it was the same (benchmarks/README.md has the figures).
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import widen

import pixelrnn_np as pr

DEAD = 1e-3  # the share of pixels that pass a dead feature's ReLU, at most
INNER = ("down", "conv", "up")


def rms(K):
    """Root mean square of the weights that are not masked, which are 0 here; 1 if all are."""
    return np.sqrt(np.mean(np.square(K[K != 0], dtype=np.float64))) if K.any() else 1.0


def masked(layer):
    return layer.own["K"] * layer.mask


def scale(layer, factor, bias):
    layer.own["K"] *= factor
    layer.own["b"] *= bias


def balance(layers, weights):
    """Scales layers that follow one another to a common rms of `weights`, one array of each.

    Their product stays: layer k is multiplied by g / rms_k, where g is the geometric mean.
    Returns the scale that the last layer's input has now.
    """
    sizes = [rms(K) for K in weights]
    mean, total, before = np.prod(sizes) ** (1 / len(sizes)), 1.0, 1.0
    for layer, size in zip(layers, sizes, strict=True):
        before, total = total, total * mean / size
        scale(layer, mean / size, total)
    return before


def quieten(model, factor):
    """Divides all that is added to the trunk and to the skips, and multiplies what reads them."""
    scale(model.first, 1 / factor, 1 / factor)
    for block in model.blocks.children.values():
        for name in ("up", "skip")[: 1 + block.has_skip]:
            scale(block.children[name], 1 / factor, 1 / factor)
        scale(block.down, factor, 1)
    scale(model.head.children["conv1"], factor, 1)


class Renewal:
    """Draws the weights of new features from `fresh`, and counts them."""

    def __init__(self, fresh):
        self.fresh, self.count = fresh, 0

    def __call__(self, layer, new, x, readers):
        """The ReLU of `layer` of x, with new features (those of `new`) in place of dead ones."""
        y = layer.forward(x)[0]
        dead = (y > 0).mean(axis=(0, 1, 2)) <= DEAD
        if not dead.any() or dead.all():
            return widen.relu(y)
        self.count += int(dead.sum())
        for reader in readers:
            reader.own["K"][:, :, dead] = 0
        K, b, spread = layer.own["K"], layer.own["b"], np.median(y.std(axis=(0, 1, 2))[~dead])
        K[..., dead], b[dead] = new.own["K"][..., dead], 0
        y = layer.forward(x)[0][..., dead]
        factor = spread / np.maximum(y.std(axis=(0, 1, 2)), 1e-6)
        K[..., dead] *= factor
        b[dead] = -y.mean(axis=(0, 1, 2)) * factor
        return widen.relu(layer.forward(x)[0])


def renewed(model, images, factor=1.0, seed=1):
    """Changes `model` in place; returns the number of new features.

    images: uint8 of its training data; factor: see `quieten`, above 0. Raises ValueError for
    another kind of model, and for one without residual connections, whose trunk nothing sums.
    """
    if model.name != "pixelcnn" or not model.config["residual"]:
        raise ValueError("only a pixelcnn with residual connections can be renewed")
    renew = Renewal(pr.build_model(**{**model.config, "seed": seed}))
    quieten(model, factor)
    z = y = model.first.forward(model.scale(images))[0]
    for i, block in model.blocks.children.items():
        layers, new = [block.children[n] for n in INNER], renew.fresh.blocks.children[i]
        inner = balance(layers, [masked(layer) for layer in layers])
        outer = [block.up, block.skip] if block.has_skip else [block.up]
        if block.has_skip:
            scale(block.skip, 1 / inner, 1)
        a = renew(block.down, new.down, widen.relu(y), [block.conv])
        a = renew(block.conv, new.conv, a, outer)
        u = block.up.forward(a)[0]
        y, z = y + u, z + u
        if block.has_skip:
            z = z + block.skip.forward(a)[0]
    _renew_head(model.head.children, renew, widen.relu(z))
    return renew.count


def _renew_head(head, renew, x):
    layers, new = [head[n] for n in ("conv1", "conv2", "logits")], renew.fresh.head.children
    alive, maps = [slice(None)], x
    for layer in layers[:-1]:
        y = layer.forward(maps)[0]
        alive.append((y > 0).mean(axis=(0, 1, 2)) > DEAD)
        maps = widen.relu(y)
    alive.append(slice(None))
    balance(layers, [
        masked(layer)[:, :, before][..., after]
        for layer, before, after in zip(layers, alive, alive[1:], strict=False)
    ])  # fmt: skip
    x = renew(head["conv1"], new["conv1"], x, [head["conv2"]])
    renew(head["conv2"], new["conv2"], x, [head["logits"]])


def write(path, out, factor, seed, data=None):
    """Renews the model of a run or model file; the line that says what came of it."""
    if not 0 < factor < 1e6:
        raise ValueError(f"--factor is {factor}; it has to be above 0 and below a million")
    model, data, images = widen.read(path, data)
    before, nats = model.logits(images), model.nll(images).mean()
    count = renewed(model, images, factor, seed)
    change, now = np.abs(model.logits(images) - before).max(), model.nll(images).mean()
    widen.write(model, data, out)
    return (
        f"{count} new features; on {len(images)} images {nats:.3f} nats before, {now:.3f} now, "
        f"no logit changed by more than {change:.2g}: {out}"
    )


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path, help="the run or model file of a PixelCNN")
    parser.add_argument("--factor", type=float, default=2.5, help="what the trunk is divided by")
    parser.add_argument("--seed", type=int, default=1, help="of the new weights")
    parser.add_argument("--out", type=Path, required=True, help="the model file to write")
    parser.add_argument("--data", help="of a model file that does not say what it learned")
    o = parser.parse_args()
    try:
        print(write(o.run, o.out, o.factor, o.seed, o.data))
    except (ArithmeticError, OSError, ValueError) as e:
        sys.exit(f"error: {e}")


if __name__ == "__main__":
    main()
