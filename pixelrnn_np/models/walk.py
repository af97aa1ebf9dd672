"""§2.1 Through the pixels of images in raster order, R before G before B: drawn, or given.

The sampler and the lossless coder go this way. The logits of a sub-pixel are made of the values
before it. `Steps` makes them by `step`, a layer and a pixel at a time. `Rows` runs the network's
program, which is the same arithmetic (kernels/drawing.py): all layers of a row in one call.
"""

import numpy as np

from .. import backend
from ..likelihood import draw_values, nats_per_pixel
from .checks import check_finite


def stages_of(model):
    """(network, subsampling step, fixed sub-pixels) of each network, smallest first."""
    if not hasattr(model, "networks"):
        return [(model, 1, None)]
    last = len(model.networks) - 1
    return [
        (network, model.factor ** (last - s), model.fixed(s))
        for s, network in enumerate(model.networks)
    ]


def walkers_of(model):
    """(walk, subsampling step, fixed sub-pixels) of each network; walk(x, small) begins a walk.

    Made once for all parts of a batch: the weights must not change meanwhile.
    """
    return [(walker(network), step, fixed) for network, step, fixed in stages_of(model)]


def walker(network):
    """walk(x, small): x, uint8 (n, H, W, C), is read and drawn in place; small: the smaller images
    of a conditional network, uint8, or None.
    """
    ops = backend.ops()
    if not hasattr(ops, "Program"):
        return lambda x, small: Steps(network, x, small)
    program = network.program(ops.Program)
    return lambda x, small: Rows(ops.draw_row, program, network, x, small)


def alike():
    """Whether an image's logits are the same bit for bit, whichever images are beside it."""
    return hasattr(backend.ops(), "Program")


def visit(stages, x, see, most=1, rows=None):
    """Goes through images x (n, H, W, C), a multi-scale model's networks in turn; returns them.

    see(logits, values) → values: of one sub-pixel of all images, what is put into a copy of x.
    With most > 1 it is asked for up to so many sub-pixels at once, one after the other, and returns
    `values` as they are. Fixed sub-pixels (§3.6) are not asked for. rows: how many of each network,
    None for all; stages: of `walkers_of`.
    """
    small = None
    for walk, step, fixed in stages:
        image = x[:, ::step, ::step].copy()
        if fixed is not None:
            image[:, fixed] = small.reshape(len(x), -1)
        pixels = walk(image, small)
        for r in range(len(image[0]) if rows is None else min(rows, len(image[0]))):
            free = None if fixed is None else ~fixed[r].ravel()
            _visit_row(pixels, image, r, free, see, most)
        small = image
    return small


def _visit_row(pixels, x, r, free, see, most):
    """One row of `visit`; free: bool (W·C,), what is asked for, or None for all of it."""
    n, _, W, C = x.shape
    row = x[:, r].reshape(n, W * C)  # a view
    for first in range(0, W * C, most):
        last = min(first + most, W * C)
        logits, asked = pixels.logits(r, first, last), np.arange(first, last)
        if free is not None:
            asked = asked[free[first:last]]
            logits = logits[asked - first]
        if len(asked):
            values = see(logits.reshape(-1, *logits.shape[2:]), row[:, asked].T.ravel())
            row[:, asked] = values.reshape(-1, n).T


class Steps:
    """The readable way, and that of the backends that are slow."""

    def __init__(self, network, x, small):
        self.network, self.x = network, x
        self.state = network.begin(len(x), None if small is None else network.scale(small))
        self.pixel = None

    def logits(self, r, first, last):
        """Of sub-pixels `first` to last - 1 of row r: (last - first, n) or (…, n, levels).

        A row's first call begins with sub-pixel 0; the others follow each other without a gap. What
        is asked for next may depend on values that were put into x since.
        """
        found, channels = [], self.x.shape[3]
        for p in range(first, last):
            self._begin(r, *divmod(p, channels))
            found.append(self.network.step(self.pixel, self.state, p // channels, p % channels))
            found[-1] = found[-1][:, p % channels].copy()
        return np.stack(found)

    def _begin(self, r, q, k):
        """The pixel's inputs, as far as they are known before its colour k."""
        if k > 0:
            self.pixel[:, k - 1] = self.network.scale(self.x[:, r, q, k - 1])
            return
        if q > 0:
            self._keep(r, q - 1)
        else:
            if r > 0:
                self._keep(r - 1, self.x.shape[2] - 1)
            self.network.begin_row(self.state, r)
        self.pixel = np.zeros((len(self.x), self.x.shape[3]), self.network.dtype)

    def _keep(self, r, q):
        self.pixel[:, -1] = self.network.scale(self.x[:, r, q, -1])
        self.network.keep(self.pixel, self.state, q)

    def draw(self, r, u, known, temperature, fixed):
        """Draws row r where `known`, bool like x, is False; the nats of the row, (n,).

        u: uniforms (n, W, C); fixed: sub-pixels that cost nothing, bool (H, W, C), or None.
        """
        x, logits = self.x, []
        n, _, width, channels = x.shape
        for p in range(width * channels):
            q, k = divmod(p, channels)
            logits.append(self.logits(r, p, p + 1)[0])
            values = draw_values(logits[-1], u[:, q, k], temperature, self.network.levels)
            x[:, r, q, k] = np.where(known[:, r, q, k], x[:, r, q, k], values)
        logits = np.stack(logits, axis=1)
        check_finite("logits", logits)
        costs = nats_per_pixel(logits, x[:, r].reshape(n, -1))
        return costs.sum(axis=1) if fixed is None else costs @ ~fixed[r].reshape(-1)


class Rows:
    """The same by a network's program."""

    def __init__(self, draw_row, program, network, x, small):
        self.draw_row, self.program, self.x = draw_row, program, x
        (n, H, W, C), levels = x.shape, len(program.values)
        self.taps, self.memory = program.begin_images(n)
        self.size, self.nothing = 1 if levels == 2 else levels, np.empty((0, W, C))
        self.known, self.free = np.empty((0, H, W, C), bool), np.empty((0, W, C), bool)
        self.nats = np.empty(n)
        features = np.empty((0, W, n, 1), program.dtype)
        if small is not None:
            features = network.features(network.scale(small)).transpose(1, 2, 0, 3)
        self.given = np.ascontiguousarray(features)
        self.unwanted = np.empty((0, n, self.size), program.dtype)

    def logits(self, r, first, last):
        logits = np.empty((last - first, len(self.x), self.size), self.program.dtype)
        self._run(r, first, last, self.known, self.nothing, 1.0, None, logits)
        return logits[:, :, 0] if self.size == 1 else logits

    def draw(self, r, u, known, temperature, fixed):
        self.nats[:] = 0
        _, _, W, C = self.x.shape
        finite = self._run(r, 0, W * C, known, u, temperature, fixed, self.unwanted)
        check_finite("logits", 0.0 if finite else np.nan)
        return self.nats

    def _run(self, r, first, last, known, u, temperature, fixed, logits):
        p, fixed = self.program, self.free if fixed is None else fixed
        return self.draw_row(
            self.x, r, first, last, known.view(np.uint8), u, temperature, fixed.view(np.uint8),
            p.values, p.table, p.layout, self.taps, p.weights, self.given, self.memory, logits,
            self.nats,
        )  # fmt: skip
