"""Where the taps of a kernel read, if zeros lie around the image.

Then each tap is one distance for all pixels, and the tiles read it where it lies: see
tiles/multiply.py. `reach` pixels of zeros after each row are also those before the next.
"""

import numpy as np

from .jit import inlined, inner
from .runs import copy
from .tiles.shared import Numbers, shared


@inner
def surroundings(offsets, W):
    """wide, above, below, taps of an image between zeros, in pixels; offsets: (T, 2).

    wide: a row with the zeros after it; above, below: zeros before the first row and after the
    last; taps: (T,), how far each is from its pixel.
    """
    reach, above, below = 0, 0, 0
    for t in range(offsets.shape[0]):
        above, below = max(above, -offsets[t, 0]), max(below, offsets[t, 0])
        reach = max(reach, abs(offsets[t, 1]))
    wide, taps = W + reach, np.empty(offsets.shape[0], np.int64)
    for t in range(taps.size):
        taps[t] = offsets[t, 0] * wide + offsets[t, 1]
    return wide, (above + 1) * wide, (below + 1) * wide, taps


@inlined
def distances(taps, stride):
    """Taps in pixels as distances in numbers, of which a pixel has `stride`."""
    return first_distances(taps, taps.size, stride)


@inlined
def first_distances(taps, T, stride):
    """The same of the first T taps, for taps that may be an address."""
    out = np.empty(T, np.int64)
    for t in range(T):
        out[t] = taps[t] * stride
    return out


@inlined
def multiples(count, step):
    """Taps that are all `step` apart."""
    out = np.empty(count, np.int64)
    for k in range(count):
        out[k] = k * step
    return out


@inlined
def common_part(I, F):
    """The largest number that divides both."""
    part = F
    while I % part != 0 or F % part != 0:
        part -= 1
    return part


@inlined
def in_parts(taps, size, part):
    """Taps that read `size` numbers each as taps that read `part`, which divides it."""
    n = size // part
    out = np.empty(taps.size * n, np.int64)
    for t in range(out.size):
        out[t] = taps[t // n] + t % n * part
    return out


@inner
def places_of(rows, W, size, wide):
    """How far the pixels of such rows, `size` numbers each, are from the first, row after row.

    wide: how far rows are apart.
    """
    places = np.empty(rows * W, np.int64)
    for r in range(rows):
        for q in range(W):
            places[r * W + q] = r * wide + q * size
    return places


@shared
def copy_rows(
    source: Numbers, s: int, source_stride: int, target: Numbers, t: int, target_stride: int,
    rows: int, count: int,
):  # fmt: skip
    """`count` numbers of each of `rows` rows, from number s and to number t on."""
    for k in range(rows):
        copy(target, t + k * target_stride, source, s + k * source_stride, count)
