"""exp and tanh, written so that LLVM can vectorise a flat loop over them.

Under Numba, a call of libm is a scalar call per element. In float32 exp is 2**n · e**r with
|r| <= ln(2)/2, r by subtracting n·ln(2) in two parts (Cody and Waite), and e**r by the minimax
polynomial of Cephes' expf.c (S. L. Moshier, public domain); relative error below 3e-7. From 88.4 on
the result is infinity, a little before expf's; below -87.7 it is 0, where expf's is subnormal.
tanh is a ratio of two polynomials in x², clamped where it is 1 in float32 (the coefficients of
Eigen's MathFunctionsImpl.h); absolute error below 3e-7. NaN stays NaN in both.

In float64, which the gradient checks and the lossless coder use, exp keeps the exact function. tanh
is Cephes' tanh.c and exp.c in one: relative error below 5e-16, and 1.2 ns where libm takes 9.5. It
is nothing but sums, products and quotients, so that it does not depend on a system's libm either.
"""

import math

import numba
import numpy as np
from numba.extending import overload

from .jit import inlined

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


ROUND = 1.5 * 2.0**52  # added to a small number, it leaves the nearest integer in the last bits


def tanh_float64(x):
    s = x * x
    p = (-9.64399179425052238628e-1 * s - 9.92877231001918586564e1) * s - 1.61468768441708447952e3
    q = s + 1.12811678491632931402e2
    q = (q * s + 2.23548839060100448583e3) * s + 4.84406305325125486048e3
    near_zero = x + x * s * (p / q)
    # Elsewhere 1 - 2 / (E + 1), where E = e**2|x| = 2**n · (v + u) / (v - u).
    a = abs(x)
    a = a if a < 20.0 else 20.0
    t = a * 2.88539008177792681472 + ROUND
    n = t - ROUND
    r = 2.0 * a - n * 6.93145751953125e-1
    r = r - n * 1.42860682030941723212e-6
    rr = r * r
    u = (1.26177193074810590878e-4 * rr + 3.02994407707441961300e-2) * rr + 1.0
    u = u * r
    v = (3.00198505138664455042e-6 * rr + 2.52448340349684104192e-3) * rr
    v = (v + 2.27265548208155028766e-1) * rr + 2.0
    power = np.int64((np.float64(t).view(np.int64) + 1023) << 52).view(np.float64)
    y = 1.0 - 2.0 * (v - u) / (power * (v + u) + (v - u))
    y = y if x > 0 else -y
    y = near_zero if a < 0.625 else y
    return y if x == x else x


@inlined
def exp_below_0(x):
    """e**x of a float64 x <= 0, vectorised: Cephes' exp.c, relative error below 5e-16.

    Below -708 it is 0, where the exact function becomes subnormal. NaN stays NaN.
    """
    v = x if x > -708.0 else -708.0
    t = v * 1.44269504088896340736 + ROUND
    n = t - ROUND
    r = v - n * 6.93145751953125e-1
    r = r - n * 1.42860682030941723212e-6
    rr = r * r
    u = (1.26177193074810590878e-4 * rr + 3.02994407707441961300e-2) * rr + 1.0
    u = u * r
    w = (3.00198505138664455042e-6 * rr + 2.52448340349684104192e-3) * rr
    w = (w + 2.27265548208155028766e-1) * rr + 2.0
    power = np.int64((np.float64(t).view(np.int64) + 1023) << 52).view(np.float64)
    y = power * ((w + u) / (w - u))
    y = y if v == x else 0.0
    return y if x == x else x


@overload(tanh)
def _tanh(x):
    return tanh_float32 if x == numba.float32 else tanh_float64
