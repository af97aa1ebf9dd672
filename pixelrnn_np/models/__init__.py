"""`build_model` and `load`: the names of the models, and what each needs."""

import inspect

from .. import checkpoint
from ..backend import choose
from .base import Model
from .multi_scale import MultiScale
from .pixelcnn import PixelCNN
from .pixelrnn import DiagonalBiLSTMPixelRNN, RowLSTMPixelRNN

BASES = {cls.name: cls for cls in (PixelCNN, RowLSTMPixelRNN, DiagonalBiLSTMPixelRNN)}
MODELS = {**BASES, MultiScale.name: MultiScale}
DEFAULT_LAYERS = {"pixelcnn": 15, "row_lstm": 7, "diagonal_bilstm": 7}

__all__ = ["BASES", "MODELS", "Model", "build_model", "load"]


def build_model(
    name,
    image_shape=(28, 28, 1),
    levels=2,
    h=16,
    layers=None,
    head=32,
    seed=0,
    dtype="float32",
    *,
    residual=True,
    skip=True,
    base="diagonal_bilstm",
    factor=2,
    scales=2,
    exact=False,
):
    """A new model with random weights.

    name: "pixelcnn", "row_lstm", "diagonal_bilstm" or "multi_scale"; image_shape: (H, W, C);
    levels: 2 (sigmoid) to 256 (softmax); h: features inside a block, the trunk has 2h; layers:
    residual blocks (None: 15 for the PixelCNN, 7 for the others); head: width of the head's two
    hidden 1×1 layers; seed: of the initial weights; dtype: "float32" or "float64"; residual, skip:
    the connections of §3.3 and §5.4. For "multi_scale" (§3.6) only: base: which of the three every
    network is; factor: even ratio of neighbouring sizes; scales: number of networks; exact: whether
    pixels that the smaller image fixes cost nothing, which makes it a proper distribution.
    Raises ValueError for an unknown name and for numbers out of range.
    """
    cls = MODELS[choose("model", name, tuple(MODELS))]
    for argument, value in (("residual", residual), ("skip", skip), ("exact", exact)):
        choose(argument, value, (True, False))
    kind = choose("base", base, tuple(BASES)) if cls is MultiScale else name
    layers = DEFAULT_LAYERS[kind] if layers is None else layers
    config = {
        "image_shape": image_shape, "levels": levels, "h": h, "layers": layers, "head": head,
        "seed": seed, "dtype": dtype, "residual": residual, "skip": skip,
    }  # fmt: skip
    if cls is MultiScale:
        return cls(**config, base=BASES[base], factor=factor, scales=scales, exact=exact)
    return cls(**config)


def is_bound(model):
    """Whether `nll` is an upper bound of the nats only: of an inexact multi-scale model (§3.6)."""
    return isinstance(model, MultiScale) and not model.exact


def load(path):
    """The model that `save` or a training run wrote to `path`.

    Raises OSError if the file cannot be read and ValueError if it is not a model of this project
    or is damaged; nothing in the file is executed.
    """
    arrays, meta = checkpoint.load(path)
    return from_arrays(arrays, meta, path)


def from_arrays(arrays, meta, path="the file"):
    """The model of `meta["model"]` with the weights in `arrays`; ValueError if they disagree."""
    config = meta.get("model")
    known = set(inspect.signature(build_model).parameters)
    if not isinstance(config, dict) or not set(config) <= known or "name" not in config:
        raise ValueError(f"{path} holds no configuration of a model")
    if not affordable(config, arrays):
        raise ValueError(f"{path}: the configuration and the arrays differ in size")
    try:
        model = build_model(**config)
    except (TypeError, ValueError) as e:
        raise ValueError(f"{path}: {e}") from None
    if set(arrays) != set(model.params):
        wrong = sorted(set(arrays) ^ set(model.params))[0]
        raise ValueError(f"{path}: the arrays are not those of a {config['name']} ({wrong})")
    for key, array in model.params.items():
        if arrays[key].shape != array.shape or arrays[key].dtype != array.dtype:
            raise ValueError(
                f"{path}: {key} is {arrays[key].dtype} {arrays[key].shape}, "
                f"the configuration asks for {array.dtype} {array.shape}"
            )
        array[...] = arrays[key]
    return model


def affordable(config, arrays):
    """Whether a stranger's configuration asks for no more memory than its arrays take up."""
    total = sum(a.size for a in arrays.values())
    layers = config.get("layers", 0)
    networks = config.get("scales", 1) if config["name"] == MultiScale.name else 1
    sizes = [config.get("h", 1), config.get("head", 1), layers, networks]
    if not all(isinstance(n, int) for n in sizes):
        return False
    h, head, layers, networks = sizes
    return max(head**2, h * 98, networks * layers * max(1, h) ** 2) <= total
