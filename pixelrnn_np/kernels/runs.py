"""Copying and adding runs of numbers: plain loops over flat arrays.

Indices are unsigned here. Numba lets a negative index count from the end, and a loop whose index
might be negative is not vectorised: a copy of 16 float32 then took 38 ns, of slices 10, and takes
0.8 like this.
"""

import numpy as np

from .jit import kernel

U = np.uintp


@kernel
def copy(target, t, source, s, n):
    """target[t : t + n] = source[s : s + n] of flat arrays."""
    t, s = U(t), U(s)
    for i in range(U(n)):
        target[t + i] = source[s + i]


@kernel
def accumulate(target, t, source, s, n):
    """target[t : t + n] += source[s : s + n] of flat arrays."""
    t, s = U(t), U(s)
    for i in range(U(n)):
        target[t + i] += source[s + i]


@kernel
def clear(target, t, n):
    """target[t : t + n] = 0 of a flat array."""
    t = U(t)
    for i in range(U(n)):
        target[t + i] = 0
