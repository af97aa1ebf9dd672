"""A whole network in one kernel call: the nats of a shard's images, and their gradient.

Not the paper. The layers' own forward and backward give the same, and serve the other backends and
networks that differ from what the kernels know (kernels/pixelcnn.py, kernels/pixelrnn.py).
"""

import numpy as np

from .. import backend, memory
from ..layers.base import ReLU, Sequential
from ..layers.diagonal_bilstm import DiagonalBiLSTM, DiagonalLSTM
from ..layers.head import Head
from ..layers.masked_conv import MaskedConv
from ..layers.residual import ConvBlock, LSTMBlock
from ..layers.row_lstm import RowLSTM

# What a class of one's own, or one object, may do in another way than the kernel.
METHODS = ("forward", "forward_scaled", "backward", "nll_forward", "nll_backward")
SETTINGS = ("residual", "has_skip", "reverse")  # of layers
EVERYWHERE = {Head, MaskedConv, ReLU, Sequential}
HEAD, OUTER = ("conv1", "conv2", "logits"), ("up", "skip")
LSTM = ("K_is", "K_ss", "b", "h0", "c0")


def both(layers):
    """The names of the layers' K and b."""
    return tuple(f"{layer}.{kind}" for layer in layers for kind in "Kb")


def joint_of(model):
    """A Joint, or None where the layers have to do it one by one.

    The model keeps it: to make one takes 0.3 ms. A method, a class, a layer or one of SETTINGS that
    was exchanged since is noticed; masks and taps are read once, as the layers do.
    """
    kind, layers = JOINTS.get(model.name), list(_layers(model))
    if kind is None or not hasattr(backend.ops(), kind.kernel):
        return None
    if not {type(layer) for layer in layers} <= EVERYWHERE | kind.own:
        return None
    if not _as_written(model, layers):
        return None
    now = [(layer, *(vars(layer).get(name) for name in SETTINGS)) for layer in layers]
    found, before = vars(model).get("_joint_kept", (None, None))
    if before != now:
        found = _joint_with(model, kind, layers)
        model._joint_kept = found, now
    return found


def _joint_with(model, kind, layers):
    if not all(layer.leading for layer in layers if isinstance(layer, MaskedConv)):
        return None
    if not _regular(model, kind):
        return None
    taps = [kind.taps_of(block) for block in model.blocks.children.values()] or [kind.no_taps]
    if not all(np.array_equal(a, b) for t in taps for a, b in zip(t, taps[0], strict=True)):
        return None
    return kind(model, *taps[0])


def _as_written(model, layers):
    modules = [getattr(type(model), name).__module__ for name in METHODS]
    if not all(module.startswith(__package__) for module in modules):
        return False
    return all(set(METHODS).isdisjoint(vars(layer)) for layer in (model, *layers))


def _regular(model, kind):
    """Whether every block has what the kernel looks for, and all have it in the same places."""
    config, blocks = model.config, list(model.blocks.children.values())
    wanted = {*kind.block, *both(OUTER if config["skip"] else OUTER[:1])}
    found = [[(name, a.shape) for name, a in block._named()] for block in blocks]
    return len(blocks) == model.layers and all(
        own == found[0]
        and {name for name, _ in own} == wanted
        and block.up.own["K"].shape[2] == model.h
        and (block.residual, block.has_skip) == (config["residual"], config["skip"])
        and kind.knows(block)
        for block, own in zip(blocks, found, strict=True)
    )


def _matters(mask, first):
    """Taps that are masked as a whole are not read, but for the pixel itself after the first layer.

    There the masks of this package are open; someone may try another one.
    """
    here = mask[mask.shape[0] // 2, mask.shape[1] // 2]
    return (mask != mask[:, :, :1, :1]).any() or not (first or here.all())


def _layers(layer):
    for child in layer.children.values():
        yield child
        yield from _layers(child)


class Joint:
    """Where in `flat` the kernel finds what. It holds nothing that depends on weights.

    A subclass says which kernel, of which layers of its own, and the names of a block's parameters
    up to its up and skip. taps: what `taps_of` gives, the same for all blocks.
    """

    def __init__(self, model, *taps):
        self.taps = taps
        outer = OUTER if model.config["skip"] else OUTER[:1]
        sizes = [array.size for array in model.params.values()]
        at = dict(zip(model.params, np.cumsum([0, *sizes]).tolist(), strict=False))

        def places(prefix, names):
            return np.array([at.get(prefix + name, 0) for name in names], np.int64)

        self.scaled = [f"blocks.{k}.{name}.K" for k in range(model.layers) for name in outer]
        step = at["blocks.1.up.K"] - at["blocks.0.up.K"] if model.layers > 1 else 0
        self.places = (
            places("first.", "Kb"), places("blocks.0.", self.block).reshape(self.shape),
            places("blocks.0.", both(outer)), places("head.", both(HEAD)), step,
        )  # fmt: skip
        self.masks = [(name, m) for name, m in model.masks() if _matters(m, name == "first.K")]

    @staticmethod
    def knows(block):
        return True

    def nats(self, model, x):
        """(B,) nats of images x, uint8 (B, H, W, C)."""
        return self._run(model, x, 1, self._factors(model, None), model.flat[:0])

    def gradient(self, model, x, scale, keep=None):
        """The same, and (P,), the gradient of scale · Σ nats; keep: as in Trunk.forward_scaled."""
        factors, g = self._factors(model, keep), np.zeros_like(model.flat)
        nats = self._run(model, x, scale, factors, g)
        return nats, g if factors is None else g * factors

    def _run(self, m, x, scale, factors, g):
        nats = np.empty(len(x))
        w = m.flat if factors is None else m.flat * factors
        (H, W, C), N = m.image_shape, m.head_width
        logits = (2, H * W * C) if m.levels == 2 else (2, H * W * C, m.levels)
        maps, head = self._shapes(m, len(x), g.size > 0), [(1, H, W, 2 * m.h), (4, H, W, N), logits]
        scratch = [tuple(memory.empty(s, m.dtype) for s in shapes) for shapes in (maps, head)]
        getattr(backend.ops(), self.kernel)(
            m.scale(x), x, w, self.places, (m.first.offsets, *self.taps), m.config["residual"],
            m.dtype.type(scale), *scratch, g, nats,
        )  # fmt: skip
        return nats

    def _factors(self, model, keep):
        """(P,), what masks and dropout multiply weights and their gradients by; None: all by 1.

        Features that dropout takes from a are rows of K_up and K_skip, see ResidualBlock.
        """
        if not self.masks and keep is None:
            return None
        factors = np.ones_like(model.flat)
        views = model.unflatten(factors)
        for name, mask in self.masks:
            views[name][...] = mask
        if keep is not None:
            for name in self.scaled:
                views[name] *= keep[int(name.split(".")[1]), :, None]
        return factors


class JointPixelCNN(Joint):
    """One image after the other."""

    kernel, own = "pixelcnn_gradient", {ConvBlock}
    block, shape = both(("down", "conv")), (4,)
    no_taps = (np.zeros((1, 2), np.int64),)

    @staticmethod
    def taps_of(block):
        return (block.conv.offsets,)

    def _shapes(self, m, images, back):
        """Of the kernel's maps, for a model; back: whether the gradient is wanted."""
        (H, W, _), L, F = m.image_shape, m.layers, 2 * m.h
        inner = (L, H, W, m.h)
        return (2, H, W, F), (1 + L, H, W, F), inner, inner


class JointRowLSTM(Joint):
    """All images together. Where there is no way back, all blocks use the maps of one."""

    kernel, own = "row_lstm_gradient", {LSTMBlock, RowLSTM}
    block, shape = tuple(f"lstm.{name}" for name in LSTM), (5,)
    no_taps = np.zeros(1, np.int64), 1

    @staticmethod
    def taps_of(block):
        return block.lstm.taps, block.lstm.mask.shape[1]

    def _shapes(self, m, images, back):
        (H, W, _), L, B = m.image_shape, m.layers, images
        kept, pixels = (L if back else 0), B * H * W
        return (
            ((kept + 2) * B, H, W, 2 * m.h), (L, B * H, W, m.h), (B, H, W, m.h),
            *self._cells(m.h, max(kept, 1), pixels, B * (H + 2) * (W + 2)),
        )  # fmt: skip

    def _cells(self, h, blocks, pixels, framed):
        """The shapes of gates and c. framed: pixels, with a frame around each image."""
        return (blocks, pixels * 4 * h), (blocks, pixels * h)


class JointDiagonalBiLSTM(JointRowLSTM):
    kernel, own = "diagonal_bilstm_gradient", {LSTMBlock, DiagonalBiLSTM, DiagonalLSTM}
    block = tuple(f"lstm.{direction}.{name}" for direction in ("l2r", "r2l") for name in LSTM)
    shape, no_taps = (2, 5), ()

    @staticmethod
    def knows(block):
        return (block.lstm.l2r.reverse, block.lstm.r2l.reverse) == (False, True)

    @staticmethod
    def taps_of(block):
        return ()

    def _cells(self, h, blocks, pixels, framed):
        """The shapes of gates, c and h of both directions."""
        return (blocks, 2, pixels * 4 * h), (blocks, 2, framed * h), (blocks, 2, framed * h)


JOINTS = {
    "pixelcnn": JointPixelCNN,
    "row_lstm": JointRowLSTM,
    "diagonal_bilstm": JointDiagonalBiLSTM,
}
