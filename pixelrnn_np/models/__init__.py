"""`build_model` and `load`: the names of the models, and what each needs."""

import inspect
from os import PathLike

from .. import checkpoint
from ..arguments import check_bool, check_int, choose
from .base import Model
from .checks import check_shape
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
    name: str,
    image_shape: tuple[int, int, int] = (28, 28, 1),
    levels: int = 2,
    h: int = 16,
    layers: int | None = None,
    head: int = 32,
    seed: int = 0,
    dtype: str = "float32",
    *,
    residual: bool = True,
    skip: bool = True,
    base: str = "diagonal_bilstm",
    factor: int = 2,
    scales: int = 2,
    exact: bool = False,
    around: int = 0,
) -> Model:
    """A new model with random weights.

    Parameters
    ----------
    name : {"pixelcnn", "row_lstm", "diagonal_bilstm", "multi_scale"}
        The architecture.
    image_shape : tuple of int
        (H, W, C): height, width and channels in pixels.
    levels : int
        Values of a sub-pixel: 2 (a sigmoid) to 256 (a softmax).
    h : int
        Features inside a block. The trunk has 2h.
    layers : int, optional
        Residual blocks. None: 15 for the PixelCNN, 7 for the others.
    head : int
        Width of the two hidden 1×1 layers of the head.
    seed : int
        Of the initial weights.
    dtype : {"float32", "float64"}
        Of weights and maps.
    residual, skip : bool
        Whether there are residual connections (section 3.3) and skip connections to the output.
    base : {"pixelcnn", "row_lstm", "diagonal_bilstm"}
        "multi_scale" only: what each of its networks is.
    factor : int
        "multi_scale" only: the ratio of neighbouring sizes, even.
    scales : int
        "multi_scale" only: the number of networks.
    exact : bool
        "multi_scale" only: whether pixels that the smaller image fixes cost nothing. That makes
        it a proper distribution.
    around : int
        "multi_scale" only: how many unmasked 3×3 layers read the smaller image before it is
        upsampled. Each shows a pixel one pixel more of it on every side.

    Returns
    -------
    Model
        See `pixelrnn_np.models.base.Model` for what it can do.

    Raises
    ------
    ValueError
        A name is unknown, or a number is out of range.

    Notes
    -----
    Section 3 and Table 1: "row_lstm" is section 3.1, "diagonal_bilstm" 3.2, "pixelcnn" 3.5,
    "multi_scale" 3.6. Section 5.4 compares the connections.

    Examples
    --------
    >>> model = pr.build_model("diagonal_bilstm", (8, 8, 1), levels=17, h=4, layers=2)
    >>> model.flat.size
    3585
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
        own = {"factor": factor, "scales": scales, "exact": exact, "around": around}
        return cls(**config, base=BASES[base], **own)
    return cls(**config)


def same_weights(model, **options):
    """A model with the weights of `model`, and with some other options of build_model."""
    made = build_model(**{**model.config, **options})
    made.flat[...] = model.flat
    return made


def is_bound(model):
    """Whether `nll` is an upper bound of the nats only: of an inexact multi-scale model (§3.6)."""
    return isinstance(model, MultiScale) and not model.exact


def load(path: str | PathLike) -> Model:
    """The model that `Model.save` or a training run wrote.

    Parameters
    ----------
    path : str or path
        A safetensors file. Nothing in it is executed.

    Returns
    -------
    Model
        The model with its weights.

    Raises
    ------
    OSError
        The file cannot be read.
    ValueError
        The file is damaged, or holds no model of this package.

    Examples
    --------
    >>> import tempfile
    >>> model = pr.build_model("pixelcnn", (4, 4, 1), h=2, layers=1)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     model.save(f"{folder}/model.safetensors")
    ...     again = pr.load(f"{folder}/model.safetensors")
    >>> again.config == model.config
    True
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
    around = check_int("around", chosen["around"], 0, 64)
    read = [C, *around * [h]]  # features that each layer before the blocks reads
    given = 4 * factor**2 * read[-1] * h + sum(9 * n * h for n in read[:-1])
    return scales * network + (scales - 1) * given, scales * layers
