"""§2.1 What a network computes of one pixel, written down as a list for drawing.py: its program.

The layers write it (`write_step`), with the arithmetic of their `begin`, `begin_row` and `step`, as
lines of six kinds: a product, a cell, a sum, a ReLU, a copy, a fill. Nothing in it depends on the
number of images, so that parts of a batch share one. A line names places: number `start` of a
map, `column` numbers further on in each next column, images `stride` numbers apart. A map is
(places, images, features). `start` and `column` count the numbers of one image.
"""

from typing import NamedTuple

import numpy as np

from .tiles.panels import panel_width

PRODUCT, CELL, SUM, RELU, COPY, FILL, SCAN = range(7)
# The columns of a line. Operands take three: start, column, stride.
KIND, FEATURES, PLACES, LOW, BIAS, K, ROWS, WIDTH, TAPS, TAP_COUNT, OUT, A, B, C = (
    *range(10), 10, 13, 16, 19
)  # fmt: skip
LINE = 22
NONE = -1


class Place(NamedTuple):
    """Where a line reads or writes, see above."""

    start: int
    column: int
    stride: int


class Map(NamedTuple):
    """Memory for some places, of `features` numbers each."""

    start: int
    features: int

    def at(self, place=0):
        """The same place in every column."""
        return Place(self.start + place * self.features, 0, self.features)

    def here(self, place=0):
        """That place for column 0, the next one for column 1, and so on."""
        return Place(self.start + place * self.features, self.features, self.features)


class Lines:
    """A part of a program. Operands are Places; `places` of them in a row are one matrix."""

    def __init__(self, program):
        self._program, self.table = program, []

    def product(self, out, a, K, bias=None, plus=None, relu=False, taps=(0,), places=1):
        """out = plus + bias + Σ_t a[t places on] K[t], ReLU; K: (T·I, N), bias: (N,)."""
        program, N = self._program, K.shape[-1]
        start, rows, width = program.store_panels(K.reshape(-1, N))
        where = program.store_taps([t * a.stride for t in taps])
        bias = NONE if bias is None else program.store(bias)
        self._add(PRODUCT, N, places, not relu, bias, start, rows, width, where, len(taps),
                  out=out, a=a, b=plus)  # fmt: skip

    def cell(self, gates, c_before, c, h):
        """Equation (3) from z in `gates`, of which o, f and i are halved (see lstm_cell.py)."""
        self._add(CELL, h.stride, 1, out=c, a=gates, b=c_before, c=h)

    def sum(self, out, a, b):
        self._add(SUM, out.stride, 1, out=out, a=a, b=b)

    def relu(self, out, a):
        self._add(RELU, out.stride, 1, out=out, a=a)

    def copy(self, out, a, places=1):
        self._add(COPY, out.stride, places, out=out, a=a)

    def fill(self, out, vector, places=1):
        """Every image's numbers at these places become the vector."""
        self._add(FILL, out.stride, places, bias=self._program.store(vector), out=out)

    def scan(self, lines):
        """These lines in every column, from the last one to the first."""
        self._add(SCAN, len(lines.table), 1)
        self.table += lines.table

    def _add(self, kind, features, places, linear=True, bias=NONE, start=0, rows=0, width=0,
             taps=0, count=0, out=None, a=None, b=None, c=None):  # fmt: skip
        """One line, LINE integers: its numbers in the order of the columns, then its Places."""
        line = [kind, features, places, int(linear), bias, start, rows, width, taps, count]
        for operand in (out, a, b, c):
            line += [NONE] * 3 if operand is None else operand
        self.table.append(line)


def aligned_zeros(size, dtype):
    """(size,) numbers that begin with a cache line."""
    raw = np.zeros(size * dtype.itemsize + 64, np.uint8)
    start = -raw.ctypes.data % 64
    return raw[start : start + size * dtype.itemsize].view(dtype)


class Program:
    """The program of a network for rows of `width` pixels.

    begin: once, before the first row; later: before every other row; row: before every row; pixel:
    for every pixel and colour group. `later` finds the row before as it was left. Memory is zero
    at first. A model sets `values`, (levels,): the network's input for each level; `x`, the map
    of a row's inputs, with as many empty places before it as `left` says; `logits`, a map; and
    `given`, the map of a row's given features (§3.6), or None.
    """

    def __init__(self, width, dtype):
        self.width, self.dtype = width, np.dtype(dtype)
        self.begin, self.later, self.row, self.pixel = (Lines(self) for _ in range(4))
        self.values = self.x = self.left = self.logits = self.given = None
        self.size, self._taken = 0, 0  # numbers of one image; weights
        self._weights, self._taps, self._shared = [], [], {}

    def map(self, places, features):
        start = self.size
        self.size -= places * features // -16 * 16  # so that vectors stay within cache lines
        return Map(start, features)

    def scratch(self, name, places, features):
        """Memory that all who ask for the name and the size share."""
        key = name, places, features
        if key not in self._shared:
            self._shared[key] = self.map(places, features)
        return self._shared[key]

    def lines(self):
        """Lines for a `scan`."""
        return Lines(self)

    def store(self, array):
        """Where the weights in it begin among all weights."""
        start, size = self._taken, -(array.size // -16) * 16
        self._weights.append((start, np.asarray(array, self.dtype).ravel()))
        self._taken += size
        return start

    def store_panels(self, K):
        """start, rows, width of the panels (tiles/panels.py) of K, (R, N)."""
        (R, N), L = K.shape, panel_width(*K.shape)
        made = np.zeros((-(N // -L), R, L), self.dtype)
        for i in range(len(made)):
            made[i, :, : N - i * L] = K[:, i * L : (i + 1) * L]
        return self.store(made), R, L

    def store_taps(self, taps):
        self._taps += taps
        return len(self._taps) - len(taps)

    def finish(self):
        """Makes its arrays, for draw_row: table, layout, taps, weights."""
        parts = [part.table for part in (self.begin, self.later, self.row, self.pixel)]
        self.table = np.array([line for part in parts for line in part], np.int64)
        widest = self.table[:, FEATURES].max()
        zeros = self.store(np.zeros(widest))
        bias = self.table[:, BIAS]
        bias[bias == NONE] = zeros
        given = (NONE, 0) if self.given is None else self.given
        ends = np.cumsum([len(part) for part in parts])
        self.layout = np.array([*ends, *self.x, self.left, *self.logits, *given], np.int64)
        self.taps = np.array(self._taps, np.int64)
        self.weights = aligned_zeros(self._taken, self.dtype)
        for start, array in self._weights:
            self.weights[start : start + array.size] = array
        self._weights = None
        return self

    def begin_images(self, M):
        """taps and memory for M images."""
        return self.taps * M, aligned_zeros(self.size * M, self.dtype)
