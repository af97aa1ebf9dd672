"""exp and tanh, written so that LLVM can vectorise a flat float32 loop over them.

Under Numba, a call of libm is a scalar call per element. In float32 exp is 2**n · e**r with
|r| <= ln(2)/2, r by subtracting n·ln(2) in two parts (Cody and Waite), and e**r by the minimax
polynomial of Cephes' expf.c (S. L. Moshier, public domain); relative error below 3e-7. From 88.4 on
the result is infinity, a little before expf's; below -87.7 it is 0, where expf's is subnormal.
tanh is a ratio of two polynomials in x², clamped where it is 1 in float32 (the coefficients of
Eigen's MathFunctionsImpl.h); absolute error below 3e-7. NaN stays NaN in both. float64, which the
gradient checks use, keeps the exact functions.
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


@overload(exp)
def _exp(x):
    return exp_float32 if x == numba.float32 else lambda x: math.exp(x)


def tanh(x):
    """tanh of a scalar; the float32 version is the one that vectorises."""
    return np.tanh(x)


def tanh_float32(x):
    v = x if x < F(7.90531110763549805) else F(7.90531110763549805)
    v = v if v > F(-7.90531110763549805) else F(-7.90531110763549805)
    s = v * v
    p = F(-2.76076847742355e-16)
    p = p * s + F(2.00018790482477e-13)
    p = p * s + F(-8.60467152213735e-11)
    p = p * s + F(5.12229709037114e-08)
    p = p * s + F(1.48572235717979e-05)
    p = p * s + F(6.37261928875436e-04)
    p = p * s + F(4.89352455891786e-03)
    q = F(1.19825839466702e-06)
    q = q * s + F(1.18534705686654e-04)
    q = q * s + F(2.26843463243900e-03)
    q = q * s + F(4.89352518554385e-03)
    y = v * p / q
    return y if x == x else x


@overload(tanh)
def _tanh(x):
    return tanh_float32 if x == numba.float32 else lambda x: math.tanh(x)
