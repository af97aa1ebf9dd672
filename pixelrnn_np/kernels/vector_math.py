"""exp, written so that LLVM can vectorise a flat float32 loop over it.

Under Numba, a call of libm's expf is a scalar call per element. In float32 the function here is
2**n · e**r with |r| <= ln(2)/2, r by subtracting n·ln(2) in two parts (Cody and Waite), and e**r by
the minimax polynomial of Cephes' expf.c (S. L. Moshier, public domain); relative error below 3e-7.
float64, which the gradient checks use, keeps the exact function. From 88.4 on the result is
infinity, a little before expf's; below -87.7 it is 0, where expf's is subnormal; NaN stays NaN.
"""

import math

import numba
import numpy as np
from numba.extending import overload

F = np.float32


def exp(x):
    """e**x of a scalar; the float32 version is the one that vectorises."""
    return np.exp(x)


def exp_float32(x):
    v = x if x < F(89) else F(89)
    v = v if v > F(-88) else F(-88)
    n = math.floor(v * F(1.44269504) + F(0.5))
    r = v - n * F(0.693359375)
    r = r - n * F(-2.12194440e-4)
    p = F(1.9875691500e-4)
    p = p * r + F(1.3981999507e-3)
    p = p * r + F(8.3334519073e-3)
    p = p * r + F(4.1665795894e-2)
    p = p * r + F(1.6666665459e-1)
    p = p * r + F(5.0000001201e-1)
    p = p * (r * r) + r + F(1)
    # n + 127 in the exponent bits is 2**n; 0 gives zero and 255 gives infinity.
    y = p * (np.int32((np.int32(n) + np.int32(127)) << np.int32(23))).view(np.float32)
    return y if x == x else x


@overload(exp, inline="always")
def _exp(x):
    return exp_float32 if x == numba.float32 else lambda x: math.exp(x)
