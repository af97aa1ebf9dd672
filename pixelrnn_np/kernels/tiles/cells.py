"""Equation (3) and its gradient in registers: so many features of one pixel after the other.

As loops that LLVM vectorises, the gates were one pass and the states another, and each began by
asking whether its arrays overlap: for the 16 features of a pixel that took as long as the work.
lstm_cell.py has what the kernels call.
"""

from typing import NamedTuple

from numba import types

from .emitter import Emitter, Operands, integers
from .internals import intrinsic, ir
from .shared import Integers, Numbers, shared

LANES = 16


class Cells(NamedTuple):
    """z: (M, 4F); b: (4F,) or null; c_before, c, h: (M, F); y: null, or where h goes as well, row m
    to places[m], below 0 nowhere; adds: whether it is added there."""

    z: object
    b: object
    c_before: object
    c: object
    h: object
    y: object
    places: object
    adds: int
    M: int
    F: int


class Gradients(NamedTuple):
    """gates, dz: (M, 4F); c, c_before, dh, dc, dc_before: (M, F); dy: null, or what is added to dh,
    row m from places[m], below 0 nothing."""

    gates: object
    c: object
    c_before: object
    dh: object
    dy: object
    places: object
    dc: object
    dc_before: object
    dz: object
    M: int
    F: int


class V:
    """A vector of an Emitter, for formulas; a number beside it stands for a vector of it."""

    def __init__(self, e, value):
        self.e, self.value = e, value

    def _with(self, make, other):
        other = other.value if isinstance(other, V) else self.e.number(other)
        return V(self.e, make(self.value, other, flags=("contract", "nsz")))

    def __add__(self, other):
        return self._with(self.e.builder.fadd, other)

    def __sub__(self, other):
        return self._with(self.e.builder.fsub, other)

    def __mul__(self, other):
        return self._with(self.e.builder.fmul, other)

    def __truediv__(self, other):
        return self._with(self.e.builder.fdiv, other)

    def __rsub__(self, number):
        return V(self.e, self.e.number(number)) - self

    def compared(self, sign, number):
        return self.e.builder.fcmp_ordered(sign, self.value, self.e.number(number))

    def where(self, condition, other):
        """This vector where the condition holds, else the other."""
        return V(self.e, self.e.builder.select(condition, self.value, other.value))

    def at_most(self, number):
        """NaN stays."""
        return V(self.e, self.e.number(number)).where(self.compared(">", number), self)

    def at_least(self, number):
        return V(self.e, self.e.number(number)).where(self.compared("<", number), self)


def polynomial(x, *coefficients):
    """Of the vector x, the highest power first."""
    total = x * coefficients[0] + coefficients[1]
    for a in coefficients[2:]:
        total = total * x + a
    return total


def tanh(x):
    """As in vector_math.py, which says where the numbers come from."""
    if x.e.align == 4:
        top, bottom = _tanh_float32(x)
        return top / bottom
    return _tanh_float64(x)


def four_tanh(vectors):
    """The tanh of four vectors; in float32 by one division, which costs as much as ten products.

    The divisors are between 0.004 and 1, so their product and its reciprocal are far from the ends.
    """
    if vectors[0].e.align > 4:
        return [tanh(x) for x in vectors]
    tops, (a, b, c, d) = zip(*map(_tanh_float32, vectors), strict=True)
    ab, cd = a * b, c * d
    whole = V(a.e, a.e.number(1)) / (ab * cd)
    cd, ab = whole * ab, whole * cd  # their reciprocals
    return [t * r for t, r in zip(tops, (ab * b, ab * a, cd * d, cd * c), strict=True)]


def _tanh_float32(x):
    """Numerator and denominator."""
    v = x.at_most(7.90531110763549805).at_least(-7.90531110763549805)
    s = v * v
    p = polynomial(
        s, -2.76076847742355e-16, 2.00018790482477e-13, -8.60467152213735e-11, 5.12229709037114e-08,
        1.48572235717979e-05, 6.37261928875436e-04, 4.89352455891786e-03,
    )  # fmt: skip
    q = polynomial(
        s, 1.19825839466702e-06, 1.18534705686654e-04, 2.26843463243900e-03, 4.89352518554385e-03
    )
    return v * p, q


def _tanh_float64(x):
    e, b, rounds = x.e, x.e.builder, 1.5 * 2.0**52
    s = x * x
    p = polynomial(
        s, -9.64399179425052238628e-1, -9.92877231001918586564e1, -1.61468768441708447952e3
    )
    q = (s + 1.12811678491632931402e2) * s + 2.23548839060100448583e3
    q = q * s + 4.84406305325125486048e3
    near_zero = x * s * (p / q) + x
    negative = x.compared("<", 0.0)
    a = (0.0 - x).where(negative, x).at_most(20.0)
    t = a * 2.88539008177792681472 + rounds
    n = t - rounds
    r = a * 2.0 - n * 6.93145751953125e-1
    r = r - n * 1.42860682030941723212e-6
    rr = r * r
    u = polynomial(rr, 1.26177193074810590878e-4, 3.02994407707441961300e-2, 1.0) * r
    v = polynomial(
        rr, 3.00198505138664455042e-6, 2.52448340349684104192e-3, 2.27265548208155028766e-1, 2.0
    )
    whole = ir.VectorType(ir.IntType(64), e.lanes)
    bits = b.add(b.bitcast(t.value, whole), ir.Constant(whole, [1023] * e.lanes))
    power = V(e, b.bitcast(b.shl(bits, ir.Constant(whole, [52] * e.lanes)), e.vector))
    y = 1.0 - (v - u) * 2.0 / (power * (v + u) + (v - u))
    y = (0.0 - y).where(negative, y)
    return near_zero.where(a.compared("<", 0.625), y)


def _cells(one_pixel, partly):
    """What is done for all pixels, LANES features or, `partly`, fewer, from `column` on.

    one_pixel(e, operands, column) gives a function of a pixel m and the place k of its features.
    """

    @intrinsic
    def all_pixels(typing, operands, column):
        def generate(context, builder, signature, args):
            p = Operands(context, builder, signature.args[0], args[0])
            (column,) = integers(context, builder, args[1:], signature.args[1:])
            part = builder.sub(p.F, column) if partly else None
            e = Emitter(context, builder, p.dtype, LANES, part)
            one = one_pixel(e, p, column)

            def body(carried):
                m, k = carried
                one(m, k)
                return [builder.add(m, e.constant(1)), builder.add(k, p.F)]

            with builder.if_then(builder.icmp_signed(">", p.M, e.constant(0))):
                e.loop(p.M, [e.constant(0), column], body)
            return context.get_dummy_value()

        return types.void(operands, column), generate

    return all_pixels


def _gates(e, p, m, k):
    """Where the gates of pixel m are, o f i g, given that feature k of all is the first of its."""
    first = e.builder.add(k, e.builder.mul(m, e.builder.mul(p.F, e.constant(3))))
    starts = [first]
    for _ in range(3):
        starts.append(e.builder.add(starts[-1], p.F))
    return starts


def _forward(e, p, column):
    b, none = e.builder, [e.zeros()] * 4

    def bias(_):
        return [e.load(e.moved(p.b, a)) for a in _gates(e, p, e.constant(0), column)]

    biases = e.when(e.given(p.b), none, bias)

    def one(m, k):
        places = [e.moved(p.z, a) for a in _gates(e, p, m, k)]
        z = [V(e, b.fadd(e.load(a), v)) for a, v in zip(places, biases, strict=True)]
        *halves, g = four_tanh(z)
        o, f, i = (t * 0.5 + 0.5 for t in halves)
        for gate, a in zip((o, f, i, g), places, strict=True):
            e.store(gate.value, a)
        c = f * V(e, e.load(e.moved(p.c_before, k))) + i * g
        h = o * tanh(c)
        e.store(c.value, e.moved(p.c, k))
        e.store(h.value, e.moved(p.h, k))
        with b.if_then(e.given(p.y)):
            place = b.load(e.moved(p.places, m))
            with b.if_then(b.icmp_signed(">=", place, e.constant(0))):
                y = e.moved(p.y, place, column)
                adds = b.icmp_signed("!=", p.adds, e.constant(0))
                before = e.when(adds, [e.zeros()], lambda _: [e.load(y)])
                e.store(b.fadd(before[0], h.value), y)

    return one


def _backward(e, p, column):
    b = e.builder

    def one(m, k):
        o, f, i, g = (V(e, e.load(e.moved(p.gates, a))) for a in _gates(e, p, m, k))
        c, c_before, dh, dc = (V(e, e.load(e.moved(a, k))) for a in (p.c, p.c_before, p.dh, p.dc))

        def more(_):
            place = b.load(e.moved(p.places, m))
            inside = b.icmp_signed(">=", place, e.constant(0))
            return e.when(inside, [e.zeros()], lambda _: [e.load(e.moved(p.dy, place, column))])

        dh = V(e, b.fadd(dh.value, e.when(e.given(p.dy), [e.zeros()], more)[0]))
        t = tanh(c)
        through = dh * o
        dc = dc + through * (1.0 - t * t)
        dz = (
            through * t * (1.0 - o),
            dc * c_before * f * (1.0 - f),
            dc * g * i * (1.0 - i),
            dc * i * (1.0 - g * g),
        )
        for d, a in zip(dz, _gates(e, p, m, k), strict=True):
            e.store(d.value, e.moved(p.dz, a))
        e.store((dc * f).value, e.moved(p.dc_before, k))

    return one


_forward_16 = _cells(_forward, False)
_forward_rest = _cells(_forward, True)
_backward_16 = _cells(_backward, False)
_backward_rest = _cells(_backward, True)


@shared
def cells(
    z: Numbers, b: Numbers, c_before: Numbers, c: Numbers, h: Numbers, y: Numbers, places: Integers,
    adds: int, M: int, F: int,
):  # fmt: skip
    """See Cells."""
    p, column = Cells(z, b, c_before, c, h, y, places, adds, M, F), 0
    while F - column >= LANES:
        _forward_16(p, column)
        column += LANES
    if column < F:
        _forward_rest(p, column)


@shared
def cell_gradients(
    gates: Numbers, c: Numbers, c_before: Numbers, dh: Numbers, dy: Numbers, places: Integers,
    dc: Numbers, dc_before: Numbers, dz: Numbers, M: int, F: int,
):  # fmt: skip
    """See Gradients."""
    p, column = Gradients(gates, c, c_before, dh, dy, places, dc, dc_before, dz, M, F), 0
    while F - column >= LANES:
        _backward_16(p, column)
        column += LANES
    if column < F:
        _backward_rest(p, column)
