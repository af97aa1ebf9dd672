"""The page "Draw half a digit": a trained network, and what draws with it, in one HTML file.

network.js and sampling.js are the network and §2.1 in JavaScript; maps.js shows, page.js listens.
"""

import numpy as np

from .template import fill, packed

MOST_PIXELS = 128 * 128  # of an image that a browser draws in time
MOST_REACH = 32 * 32  # of an image whose map of what each pixel sees goes with the page
KINDS = {"pixelcnn": "PixelCNN", "row_lstm": "Row LSTM", "diagonal_bilstm": "Diagonal BiLSTM"}
DECADES = 4  # of that map, below the most important pixel


def check_model(model, name):
    """ValueError for a model that the page cannot draw with."""
    if hasattr(model, "networks"):
        raise ValueError(
            f"{name} is a {model.name} of {len(model.networks)} networks; a page takes models of "
            "one network, such as binarized_mnist-diagonal_bilstm-7x16"
        )
    H, W, channels = model.image_shape
    if channels != 1:
        raise ValueError(f"{name} has images of {channels} channels; a page takes models of one")
    if H * W > MOST_PIXELS:
        raise ValueError(
            f"{name} has images of {H}x{W} pixels; a page takes up to {MOST_PIXELS:,} of them, "
            "as of 128x128, for a browser draws more in minutes"
        )
    if not np.isfinite(model.flat).all():
        raise ValueError(f"the weights of {name} are not finite; its file is damaged")


def drawing_page(model, name, facts, images, reach=None):
    """The page as text.

    model: of one network, one channel and up to 16,384 pixels; name: what to call it; facts:
    further lines about it; images: uint8 (n, H, W, 1) to start from, or none; reach: float
    (H·W, H·W) of `influences`, or None. Raises ValueError for another model, and for weights that
    are not finite.
    """
    check_model(model, name)
    shapes, weights = masked_weights(model)
    H, W, _ = model.image_shape
    data = {
        "config": {k: model.config[k] for k in ("name", "image_shape", "levels", "layers",
                                                "residual", "skip")},
        "shapes": shapes,
        "weights": packed(weights, "<f4"),
        "images": [packed(x, np.uint8) for x in images],
        "reach": None if reach is None else packed(graded(reach), np.uint8),
    }  # fmt: skip
    title = "Draw half a digit" if is_of_digits(name) else "Draw half an image"
    about = f"{name}: a {KINDS[model.name]}, {H}×{W} pixels of {model.levels} levels"
    return fill(
        "page.html", ("network.js", "sampling.js", "maps.js", "page.js"), data, title=title,
        count=f"{model.flat.size:,}", facts=" · ".join([about, *facts]),
    )  # fmt: skip


def is_of_digits(name):
    return any(word in str(name).lower() for word in ("digit", "mnist"))


def masked_weights(model):
    """{name: shape} in the order of the numbers, and all numbers, masks applied."""
    masks = dict(model.masks())
    arrays = {k: a * masks[k] if k in masks else a for k, a in model.params.items()}
    shapes = {k: list(a.shape) for k, a in arrays.items()}
    return shapes, np.concatenate([a.ravel() for a in arrays.values()])


def graded(reach):
    """How strongly each pixel is seen by each later one, in 255 steps of its logarithm; 0: not.

    reach: float (H·W, H·W), row p for pixel p → uint8, row after row up to the pixel itself.
    """
    rows = [np.empty(0, np.uint8)]
    for p in range(1, len(reach)):
        before = reach[p, :p]
        top = max(before.max(), np.finfo(float).tiny)
        with np.errstate(divide="ignore"):
            logs = 1 + np.log10(before / top) / DECADES
        steps = 1 + np.round(np.clip(logs, 0, 1) * 254)
        rows.append(np.where(before > 0, steps, 0).astype(np.uint8))
    return np.concatenate(rows)
