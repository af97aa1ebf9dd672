"""`build_model` and `load`: the names of the models, and what each needs."""

import inspect

from .. import checkpoint
from ..arguments import check_bool, check_int, choose
from .base import Model, check_shape
from .multi_scale import MultiScale
from .pixelcnn import PixelCNN
from .pixelrnn import DiagonalBiLSTMPixelRNN, RowLSTMPixelRNN

BASES = {cls.name: cls for cls in (PixelCNN, RowLSTMPixelRNN, DiagonalBiLSTMPixelRNN)}
MODELS = {**BASES, MultiScale.name: MultiScale}
# Of one block, skips left out, in units of h².
BLOCK_WEIGHTS = {"pixelcnn": 13, "row_lstm": 38, "diagonal_bilstm": 34}
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
    residual, skip = check_bool("residual", residual), check_bool("skip", skip)
    exact = check_bool("exact", exact)
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
    try:
        weights, blocks = claimed(config)
        # Before memory is taken: a stranger's configuration may ask for any amount.
        if weights > sum(a.size for a in arrays.values()) or 4 * blocks > len(arrays):
            raise ValueError("the configuration and the arrays differ in size")
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


def claimed(config):
    """(weights, blocks) that build_model(**config) makes at least, without making any.

    Weights are those of all kernels but K_fs (§3.6), so at least a third of the parameters. Raises
    ValueError for numbers out of range.
    """
    parameters = inspect.signature(build_model).parameters.values()
    chosen = {p.name: p.default for p in parameters} | config
    name = choose("model", chosen["name"], tuple(MODELS))
    kind = choose("base", chosen["base"], tuple(BASES)) if name == MultiScale.name else name
    C, levels = check_shape(chosen["image_shape"])[2], check_int("levels", chosen["levels"], 2, 256)
    layers = DEFAULT_LAYERS[kind] if chosen["layers"] is None else chosen["layers"]
    layers, h = check_int("layers", layers, 0, 1000), check_int("h", chosen["h"], 1, 65536)
    head = check_int("head", chosen["head"], 1, 65536)
    logits = C if levels == 2 else C * levels
    network = 98 * C * h + head * (2 * h + head + logits) + layers * BLOCK_WEIGHTS[kind] * h**2
    if name != MultiScale.name:
        return network, layers
    scales = check_int("scales", chosen["scales"], 2, 8)
    factor = check_int("factor", chosen["factor"], 2, 64)
    return scales * network + (scales - 1) * 4 * factor**2 * C * h, scales * layers
