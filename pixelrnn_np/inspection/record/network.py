"""Every intermediate tensor of a forward and a backward pass, by name, in the order of computation.

§3, Figure 5 and Table 1 as an interpreter: each function below is one part of the network written
as an equation, runs it, notes its result and returns how to go back. So that a pass can be stepped
through, the network is run part by part here instead of by the model; logits and gradients are then
held equal to the model's own. For one or a few small images: LSTMs go pixel by pixel in NumPy.

A tensor is called as its layer is: "first", "blocks.0.lstm", "head.conv1"; the gradient of the loss
with respect to it is "dfirst", "dblocks.0.lstm", "dhead.conv1". Inside an LSTM there are z, the
gates o, f, i, g, and c, h (see lstm.py).
"""

import numpy as np

from ... import likelihood
from ...layers.masked_conv import MaskedConv
from ...layers.row_lstm import RowLSTM
from ...models.base import Model, require_model
from .lstm import scan, scan_back
from .tape import Record, Tape


def record(model: Model, x: np.ndarray) -> Record:
    """Every tensor of a forward and a backward pass, by name.

    Parameters
    ----------
    model : Model
        What to run. All networks of a multi-scale model are run, the first with names that begin
        with "networks.0.".
    x : ndarray, uint8 (B, H, W, C)
        A few small images, values in [0, levels).

    Returns
    -------
    Record
        A mapping of str to ndarray, which shows itself as a table. Its names are those of the
        layers, "blocks.0.lstm.o". With a "d" before it, a name is that of the gradient of the
        mean nats: "dblocks.0.lstm.o". `forward`, `backward` and `grads` have them apart.

    Raises
    ------
    ValueError
        The images are not the model's, or the logits are not finite (`NotFinite`).
    RuntimeError
        The recorded pass and the model disagree.

    Notes
    -----
    Section 3, Figure 5 and Table 1.

    Examples
    --------
    >>> model = pr.build_model("row_lstm", (4, 4, 1), h=2, layers=1)
    >>> record = pr.record(model, np.ones((1, 4, 4, 1), np.uint8))
    >>> record["blocks.0.lstm.o"].shape, record["dblocks.0.lstm.o"].shape
    ((1, 4, 4, 2), (1, 4, 4, 2))
    """
    x = require_model(model).check_images(x)
    loss, grads = model.loss_and_grads(x)
    tape = Tape()
    if hasattr(model, "networks"):
        images = model.pyramid(x)
        for s, network in enumerate(model.networks):
            scaled = model.network_input(s, images[s], images[s - 1] if s else None)
            one_network(tape.under(f"networks.{s}."), network, images[s], scaled, model.fixed(s))
    else:
        one_network(tape, model, x, model.scale(x))
    nats = sum(a.sum() for name, a in tape.forward.items() if name.split(".")[-1] == "nats")
    agree("the mean nats", nats / len(x), loss, model.dtype)
    return Record(tape, grads, loss)


def agree(what, mine, theirs, dtype):
    tolerance = 1e-9 if dtype == np.float64 else 1e-3
    if not np.allclose(mine, theirs, rtol=tolerance, atol=tolerance):
        raise RuntimeError(f"record and model disagree about {what}; the recorded pass is wrong")


def one_network(tape, model, x, scaled, fixed=None):
    """Forward to the nats, then backward from them: d nats / d logits, and the chain rule."""
    logits, back = trunk(tape, model, scaled)
    agree("the logits", logits, model.forward_scaled(scaled)[0], model.dtype)
    nats = likelihood.nats_per_pixel(logits, x)
    if fixed is not None:
        nats[:, fixed] = 0
    tape.put("nats", nats, "-ln p of each sub-pixel")
    _, cache = likelihood.nll_forward(logits, x, fixed)
    back(likelihood.nll_backward(1 / len(x), cache))


def trunk(tape, model, x):
    """Table 1: first → blocks, the skips summed → head. Returns logits and the way back."""
    features, features_back = None, None
    if "upsample" in model.children:
        x, small = x
        features, features_back = upsampled(tape, model, small)
    tape.put("x", x, "the image, scaled")
    y, first_back = plain(tape, "first", model.first, x)
    skips, backs = [], []
    for name, child in model.blocks.children.items():
        (y, skip), back = block(tape.under(f"blocks.{name}."), child, y, features)
        backs.append((f"blocks.{name}", back))
        skips += [] if skip is None else [skip]
    z = sum(skips, y)
    tape.put("z", z, "last block" + " + all skips" * bool(skips))
    out, head_back = chain(tape.under("head."), model.head, z)
    logits = out if model.levels == 2 else out.reshape(*x.shape, model.levels)
    tape.put("logits", logits, "head.logits")

    def back(dlogits):
        tape.put_d("logits", dlogits, "dnats / dlogits, over the batch's size")
        dz = head_back(dlogits.reshape(out.shape))
        tape.put_d("z", dz, "also of every skip")
        dy, dfeatures = dz, []
        for _, block_back in reversed(backs):
            dy, d = block_back(dy, dz)
            dfeatures += [] if d is None else [d]
        tape.put_d("x", first_back(dy), "from first")
        if features_back and dfeatures:
            features_back(sum(dfeatures))

    return logits, back


def upsampled(tape, model, small):
    """§3.6: the small image → features of the large one's pixels, by way of `around` if it has it.

    Named `small` is what the upsampler reads; with 3×3 layers before it the image is around.small,
    and what the last of them gives is `around`.
    """
    read = "around" if "around" in model.children else "small"
    image = "around.small" if read == "around" else "small"
    tape.put(image, small, "the smaller image, scaled")
    if read == "around":
        small, around_back = chain(tape.under("around."), model.around, small, last=(tape, read))
    y, y_back = plain(tape, "upsample", model.upsample, small)
    features, relu_back = relu(tape, "upsample_relu", y)

    def back(dfeatures):
        d = y_back(relu_back(dfeatures))
        tape.put_d(image, around_back(d) if read == "around" else d, "of the image itself")

    return features, back


def chain(tape, layers, y, last=None):
    """Convolutions and ReLUs one after the other, by their own names.

    last: (tape, name) of what the last layer gives, if it is to have another.
    """
    backs = []
    for k, (name, layer) in enumerate(layers.children.items(), 1):
        here, name = last if last and k == len(layers.children) else (tape, name)
        y, back = plain(here, name, layer, y) if layer.params else relu(here, name, y)
        backs.append(back)

    def back(dy):
        for b in reversed(backs):
            dy = b(dy)
        return dy

    return y, back


def plain(tape, name, layer, x):
    """A layer with parameters, by its own forward and backward; x may be (x, features)."""
    y, cache = layer.forward(x)
    tape.put(name, y, describe(layer))

    def back(dy):
        tape.put_d(name, dy)
        return layer.backward(dy.copy(), cache)[0]

    return y, back


def describe(layer):
    """ "7×7, mask A" of a masked convolution, else the layer's class."""
    if not isinstance(layer, MaskedConv):
        return type(layer).__name__
    rows, cols = layer.mask.shape[:2]
    return f"{rows}×{cols}, mask {layer.kind}"


def relu(tape, name, x):
    y = np.maximum(x, 0)
    tape.put(name, y, "max(·, 0)")

    def back(dy):
        tape.put_d(name, dy)
        return dy * (y > 0)

    return y, back


def block(tape, layer, x, features):
    """§3.3: y = up(a) + x, skip = skip(a), a of the inner part. Back: dy, dskip → dx, dfeatures."""
    inner = lstm_inner if "lstm" in layer.children else conv_inner
    a, inner_back = inner(tape, layer, x, features)
    y, up_back = plain(tape, "up", layer.up, a)
    skip, skip_back = plain(tape, "skip", layer.skip, a) if layer.has_skip else (None, None)
    y = y + x if layer.residual else y
    tape.put("", y, "up + the block's input" if layer.residual else "up")

    def back(dy, dskip):
        tape.put_d("", dy)
        da = up_back(dy)
        if skip_back:
            da = da + skip_back(dskip)
        dx, dfeatures = inner_back(da)
        return (dx + dy if layer.residual else dx), dfeatures

    return (y, skip), back


def conv_inner(tape, layer, x, features):
    """§3.5: a = ReLU(conv(ReLU(down(ReLU(x))))), and features added to conv's map (§3.6)."""
    y, back_in = relu(tape, "relu_in", x)
    y, back_down = plain(tape, "down", layer.down, y)
    y, back_middle = relu(tape, "relu_down", y)
    y, back_conv = plain(tape, "conv", layer.conv, y if features is None else (y, features))
    a, back_out = relu(tape, "relu_conv", y)

    def back(da):
        d = back_conv(back_out(da))
        d, dfeatures = d if isinstance(d, tuple) else (d, None)
        return back_in(back_down(back_middle(d))), dfeatures

    return a, back


def lstm_inner(tape, layer, x, features):
    """§3.1, §3.2: a = lstm(x), and what happens inside; features come after x's own."""
    lstm, width = layer.lstm, x.shape[3]
    x = x if features is None else np.concatenate([x, features], axis=3)
    y, cache = lstm.forward(x)
    inside = one_scan if isinstance(lstm, RowLSTM) else two_scans
    h, back_inside = inside(tape.under("lstm."), lstm, x)
    agree("the LSTM's output", h, y, y.dtype)
    tape.put("lstm", y, "h" if inside is one_scan else "l2r.h + shifted")

    def back(da):
        tape.put_d("lstm", da, "from up and skip" if layer.has_skip else "from up")
        back_inside(da)
        dx = lstm.backward(da.copy(), cache)[0]
        return dx[..., :width], (None if features is None else dx[..., width:])

    return y, back


def two_scans(tape, lstm, x):
    """y = L + shift(R): both directions, the right-to-left output moved down by one row."""
    left, left_back = one_scan(tape.under("l2r."), lstm.l2r, x)
    right, right_back = one_scan(tape.under("r2l."), lstm.r2l, x, mirrored=True)
    shifted = np.zeros_like(right)
    shifted[:, 1:] = right[:, :-1]
    tape.put("shifted", shifted, "r2l.h, one row down")

    def back(dy):
        tape.put_d("shifted", dy)
        d_right = np.zeros_like(dy)
        d_right[:, :-1] = dy[:, 1:]
        right_back(d_right)
        left_back(dy)

    return left + shifted, back


def one_scan(tape, lstm, x, mirrored=False):
    """One LSTM's z, gates, c and h; going back, their gradients."""
    found = scan(lstm, x, mirrored)
    for name, how in INSIDE.items():
        tape.put(name, found[name], how)

    def back(dy):
        for name, d in scan_back(lstm, dy, found, mirrored).items():
            tape.put_d(name, d, INSIDE_BACK[name])

    return found["h"], back


INSIDE = {
    "z": "K_is of the input + b + K_ss of earlier h", "o": "σ(z_o)", "f": "σ(z_f)",
    "i": "σ(z_i)", "g": "tanh(z_g)", "c": "f ⊙ earlier c + i ⊙ g", "h": "o ⊙ tanh(c)",
}  # fmt: skip
INSIDE_BACK = {
    "h": "from the layer above + dz of later pixels · K_ssᵀ", "o": "dh ⊙ tanh(c)",
    "c": "dh ⊙ o ⊙ (1 - tanh²(c)) + later dc ⊙ f", "f": "dc ⊙ earlier c", "i": "dc ⊙ g",
    "g": "dc ⊙ i", "z": "do ⊙ o(1-o), …, dg ⊙ (1-g²)",
}  # fmt: skip
