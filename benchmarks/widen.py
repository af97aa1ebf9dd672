"""Makes a wider PixelCNN that computes what a trained one does, for `train --init` to go on with.

    python benchmarks/widen.py training/binarized_mnist-pixelcnn-15x16 --h 24 --head 48 \\
        --out runs/wide.safetensors
    python -m pixelrnn_np train --model pixelcnn … --h 24 --head 48 --init runs/wide.safetensors

The old features are the first of their colour and keep their weights; what an old feature reads
of a new one begins at zero (after Chen, Goodfellow and Shlens, "Net2Net", 2016, who copy
features where this makes new ones). So the function stays what it was, and its gradient says at
once what the new features are good for. Their weights are drawn as any new ones are, then scaled
and shifted until each has mean zero and the spread of the old ones on training images. Without
that most of them were dead behind their ReLUs: the maps of a trained network are far larger than
those of a new one.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

import pixelrnn_np as pr
from pixelrnn_np import checkpoint
from pixelrnn_np.experiment import source
from pixelrnn_np.layers.masks import feature_groups
from pixelrnn_np.run import load_run


def widened(model, h, head, seed=0):
    """A PixelCNN like `model` with h and `head` features where that has fewer, same function.

    Raises ValueError for another kind of model, and for fewer features than it has.
    """
    if model.name != "pixelcnn":
        raise ValueError(f"a {model.name} cannot be widened, only a pixelcnn")
    if h < model.h or head < model.head_width:
        raise ValueError(f"it has h = {model.h} and head = {model.head_width} already")
    wide = pr.build_model(**{**model.config, "h": h, "head": head, "seed": seed})
    channels = model.image_shape[2]
    for name, new in wide.params.items():
        old = model.params[name]
        kept = [places(a, b, channels) for a, b in zip(old.shape, new.shape, strict=True)]
        if new.ndim == 4:
            unread = np.setdiff1d(np.arange(new.shape[2]), kept[2])
            new[:, :, unread[:, None], kept[3]] = 0
        new[np.ix_(*kept)] = old
    return wide


def settled(wide, model, images):
    """Gives each new feature of `wide` mean 0 and the spread of the old ones, on these images."""

    def through(name, layer, x):
        y, new = layer.forward(x)[0], layer.own["b"].size
        old = places(model.params[f"{name}.b"].size, new, model.image_shape[2])
        shift, spread = y.mean(axis=(0, 1, 2)), y.std(axis=(0, 1, 2))
        factor = np.median(spread[old]) / np.maximum(spread, 1e-6)
        factor[old], shift[old] = 1, 0
        layer.own["K"] *= factor
        layer.own["b"][:] = (layer.own["b"] - shift) * factor
        return (y - shift) * factor

    z = x = through("first", wide.first, wide.scale(images))
    for i, block in wide.blocks.children.items():
        a = relu(through(f"blocks.{i}.down", block.down, relu(x)))
        a = relu(through(f"blocks.{i}.conv", block.conv, a))
        up = through(f"blocks.{i}.up", block.up, a)
        skip = through(f"blocks.{i}.skip", block.skip, a) if block.has_skip else 0
        before, x = x, x + up if block.residual else up
        z = z + x - before + skip
    for name in ("conv1", "conv2"):
        z = through(f"head.{name}", wide.head.children[name], relu(z))
    return wide


def read(path, name):
    """The model of a run or model file, its data (`name`, where it does not say), 256 images."""
    model, meta = load_run(path)
    data = source(path, model, meta, name)
    return model, data, pr.load_data(**data, split="train")[:256]


def write(model, data, out):
    """The model file, which says its data; its folder is made."""
    out.parent.mkdir(parents=True, exist_ok=True)
    checkpoint.save(out, dict(model.params), {"model": model.config, "data": data})


def relu(x):
    return np.maximum(x, 0)


def places(old, new, channels):
    """Where `old` features are among `new` ones: the first ones of each colour."""
    if old == new:
        return np.arange(new)
    before, after = (np.bincount(feature_groups(n, channels)) for n in (old, new))
    starts = np.cumsum(after) - after
    return np.concatenate([s + np.arange(n) for s, n in zip(starts, before, strict=True)])


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path, help="the run or model file of a PixelCNN")
    parser.add_argument("--h", type=int, required=True, help="features inside its blocks")
    parser.add_argument("--head", type=int, required=True, help="width of its head")
    parser.add_argument("--seed", type=int, default=0, help="of the new weights")
    parser.add_argument("--out", type=Path, required=True, help="the model file to write")
    parser.add_argument("--data", help="of a model file that does not say what it learned")
    options = parser.parse_args()
    try:
        model, data, images = read(options.run, options.data)
        wide = widened(model, options.h, options.head, options.seed)
        write(settled(wide, model, images), data, options.out)
    except (OSError, ValueError) as e:
        sys.exit(f"error: {e}")
    print(f"{model.flat.size:,} parameters, now {wide.flat.size:,}: {options.out}")


if __name__ == "__main__":
    main()
