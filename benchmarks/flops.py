"""How many multiply-adds a model needs: section 3 and Table 1, counted from the configuration.

Convention: every weight that its mask leaves counts once per pixel, also where a tap falls outside
the image; the padding of a skewed map counts nothing, nor do biases, gates and ReLUs. Backward is
one product for dx and one for dW, twice forward; the first layer needs no dx. A multiply-add is two
floating-point operations.
"""

import numpy as np

from pixelrnn_np.layers.masks import feature_groups, gate_groups, logit_groups


def pairs(kind, groups_in, groups_out):
    """Pairs of features that the centre tap of mask `kind` ("A" or "B") connects."""
    i, o = np.asarray(groups_in)[:, None], np.asarray(groups_out)[None, :]
    return int((i < o if kind == "A" else i <= o).sum())


def lstm(config, trunk, gates):
    """{name: multiply-adds per pixel} of one block's recurrent layers."""
    h, centre = config["h"], pairs("B", trunk, gates)
    if config["name"] == "row_lstm":
        return {"lstm": len(trunk) * len(gates) + centre + 3 * h * 4 * h}
    return {f"lstm.{d}": centre + 2 * h * 4 * h for d in ("l2r", "r2l")}


def by_layer(config):
    """{layer's path: multiply-adds per pixel, forward}; config: a network's `model.config`."""
    C, h, head = config["image_shape"][2], config["h"], config["head"]
    colours, inner, trunk, wide = (feature_groups(n, C) for n in (C, h, 2 * h, head))
    per_channel = 1 if config["levels"] == 2 else config["levels"]
    found = {"first": 24 * C * 2 * h + pairs("A", colours, trunk)}
    if config["name"] == "pixelcnn":
        inside = {"down": pairs("B", trunk, inner), "conv": 4 * h * h + pairs("B", inner, inner)}
    else:
        inside = lstm(config, trunk, gate_groups(h, C))
    inside["up"] = pairs("B", inner, trunk)
    if config.get("skip", True):
        inside["skip"] = inside["up"]
    for i in range(config["layers"]):
        found |= {f"blocks.{i}.{name}": n for name, n in inside.items()}
    found["head.conv1"] = pairs("B", trunk, wide)
    found["head.conv2"] = pairs("B", wide, wide)
    found["head.logits"] = pairs("B", wide, logit_groups(C, per_channel))
    return found


def forward_macs(config):
    """Multiply-adds of one image, forward."""
    height, width, _ = config["image_shape"]
    return height * width * sum(by_layer(config).values())


def step_macs(config):
    """Multiply-adds of one image in a training step, forward and backward."""
    height, width, _ = config["image_shape"]
    return 3 * forward_macs(config) - height * width * by_layer(config)["first"]
