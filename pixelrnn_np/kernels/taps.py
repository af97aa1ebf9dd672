"""Gathers what the taps of a kernel read into rows of a matrix, and its adjoint.

Taps that stand beside each other in a row of the kernel read numbers that stand beside each other
in the image: a run of L taps is one copy of L·I numbers for each pixel. (The 3×3 kernel of mask B
has two runs, the 7×7 of mask A four.)
"""

from .jit import kernel
from .runs import accumulate, clear, copy


@kernel
def run_length(offsets, t):
    """The number of taps from t on that stand beside each other in one row of the kernel."""
    L = 1
    while (
        t + L < offsets.shape[0]
        and offsets[t + L, 0] == offsets[t, 0]
        and offsets[t + L, 1] == offsets[t, 1] + L
    ):
        L += 1
    return L


@kernel
def gather(x, offsets, first, count, cols, column):
    """cols[pixel, column + t·I + i] = x[pixel + offset t, i], zero outside.

    x: (H, W, I); the pixels are those of `count` rows from `first` on.
    """
    H, W, I = x.shape
    source, target = x.reshape(x.size), cols.reshape(cols.size)
    t = 0
    while t < offsets.shape[0]:
        L = run_length(offsets, t)
        for m in range(count):
            r = first + m + offsets[t, 0]
            inside = 0 <= r < H
            for c in range(W):
                q = c + offsets[t, 1]
                a, s = (m * W + c) * cols.shape[1] + column + t * I, (r * W + q) * I
                if inside and q >= 0 and q + L <= W:
                    copy(target, a, source, s, L * I)
                    continue
                low = min(max(0, -q), L) * I if inside else L * I
                high = max(min(L, W - q) * I, low)
                clear(target, a, low)
                copy(target, a + low, source, s + low, high - low)
                clear(target, a + high, L * I - high)
        t += L


@kernel
def scatter(cols, column, offsets, first, count, dx):
    """The adjoint of `gather`: dx[pixel + offset t, i] += cols[pixel, column + t·I + i]."""
    H, W, I = dx.shape
    source, target = cols.reshape(cols.size), dx.reshape(dx.size)
    t = 0
    while t < offsets.shape[0]:
        L = run_length(offsets, t)
        for m in range(count):
            r = first + m + offsets[t, 0]
            if 0 <= r < H:
                for c in range(W):
                    q = c + offsets[t, 1]
                    a, s = (r * W + q) * I, (m * W + c) * cols.shape[1] + column + t * I
                    low = max(0, -q) * I
                    high = max(min(L, W - q) * I, low)
                    accumulate(target, a + low, source, s + low, high - low)
        t += L


@kernel
def gather_transposed(x, offsets, first, count, cols):
    """cols[t·I + i, pixel] = x[pixel + offset t, i], zero outside; arguments as in `gather`.

    For few features: a tap copies a row of the image at a time, and not single numbers.
    """
    H, W, I = x.shape
    source, target = x.reshape(x.size), cols.reshape(cols.size)
    for t in range(offsets.shape[0]):
        dc = offsets[t, 1]
        low, high = min(W, max(0, -dc)), max(0, min(W, W - dc))
        for m in range(count):
            r = first + m + offsets[t, 0]
            inside = 0 <= r < H and low < high
            lo, hi = (low, high) if inside else (W, W)
            for i in range(I):
                a, s = (t * I + i) * cols.shape[1] + m * W, (r * W + dc) * I + i
                clear(target, a, lo)
                if I == 1:
                    copy(target, a + lo, source, s + lo, hi - lo)
                else:
                    for c in range(lo, hi):
                        target[a + c] = source[s + c * I]
                clear(target, a + hi, W - hi)


@kernel
def scatter_transposed(cols, offsets, first, count, dx):
    """The adjoint of `gather_transposed`."""
    H, W, I = dx.shape
    for t in range(offsets.shape[0]):
        dr, dc = offsets[t, 0], offsets[t, 1]
        for m in range(count):
            r = first + m + dr
            if 0 <= r < H:
                for i in range(I):
                    for c in range(max(0, -dc), min(W, W - dc)):
                        dx[r, c + dc, i] += cols[t * I + i, m * W + c]
