"""Vectors and loops in LLVM's language, for the tiles of columns.py.

Numba turns loops into vectors only where LLVM is sure of them. A tile of sums that stays in
registers is beyond that, so its instructions are emitted here one by one. They name no processor:
LLVM splits a vector that is longer than the machine's.
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.np.arrayobj import make_array


class Emitter:
    """Emits addresses, vectors of `lanes` numbers, their multiply-adds, and loops.

    arguments: a tuple's value, of the Numba type `kinds`.
    """

    def __init__(self, context, builder, kinds, arguments, lanes):
        self.context, self.builder, self.kinds = context, builder, kinds.types
        self.arguments = cgutils.unpack_tuple(builder, arguments)
        self.dtype = self.kinds[0].dtype
        self.vector = ir.VectorType(context.get_data_type(self.dtype), lanes)
        self.lanes, self.align = lanes, self.dtype.bitwidth // 8

    def has(self, k):
        """Whether something other than None was given for k."""
        return not isinstance(self.kinds[k], types.NoneType)

    def integer(self, k):
        return self.context.cast(self.builder, self.arguments[k], self.kinds[k], types.intp)

    def integers(self, values, kinds):
        """Such values, of Numba types `kinds`, as 64-bit integers."""
        return [
            self.context.cast(self.builder, v, kind, types.intp)
            for v, kind in zip(values, kinds, strict=True)
        ]

    def number(self, k):
        """The scalar k as one of the arrays' numbers."""
        return self.context.cast(self.builder, self.arguments[k], self.kinds[k], self.dtype)

    def constant(self, value):
        return ir.Constant(ir.IntType(64), value)

    def data(self, k):
        """The address of the first number of the flat array k."""
        return make_array(self.kinds[k])(self.context, self.builder, self.arguments[k]).data

    def rows(self, k, first, column, count):
        """Addresses of `count` rows, from number `first` on, of the matrix k, k + 1, k + 2."""
        if not self.has(k):
            return [None] * count
        b, stride = self.builder, self.integer(k + 2)
        start = b.add(b.add(self.integer(k + 1), column), b.mul(stride, first))
        address = b.gep(self.data(k), [start])
        return [b.gep(address, [b.mul(stride, self.constant(m))]) for m in range(count)]

    def load(self, address):
        address = self.builder.bitcast(address, self.vector.as_pointer())
        return self.builder.load(address, align=self.align)

    def store(self, value, address):
        address = self.builder.bitcast(address, self.vector.as_pointer())
        self.builder.store(value, address, align=self.align)

    def splat(self, number):
        index = ir.IntType(32)
        start = ir.Constant(self.vector, ir.Undefined)
        start = self.builder.insert_element(start, number, ir.Constant(index, 0))
        lanes = ir.Constant(ir.VectorType(index, self.lanes), [0] * self.lanes)
        return self.builder.shuffle_vector(start, start, lanes)

    def broadcast(self, address):
        return self.splat(self.builder.load(address))

    def multiply_add(self, x, y, total):
        fused = ("contract",)
        return self.builder.fadd(self.builder.fmul(x, y, flags=fused), total, flags=fused)

    def zeros(self):
        return ir.Constant(self.vector, None)

    def loop(self, count, carried, body):
        """carried = body(carried), `count` times, count > 0; returns the last values."""
        b, entry = self.builder, self.builder.block
        head, end = b.append_basic_block("loop"), b.append_basic_block("end")
        b.branch(head)
        b.position_at_end(head)
        phis = [b.phi(v.type) for v in [count, *carried]]
        after = [b.sub(phis[0], self.constant(1)), *body(phis[1:])]
        for phi, first, last in zip(phis, [count, *carried], after, strict=True):
            phi.add_incoming(first, entry)
            phi.add_incoming(last, b.block)
        b.cbranch(b.icmp_signed(">", after[0], self.constant(0)), head, end)
        b.position_at_end(end)
        return after[1:]

    def tiles(self, first, last, rows, body):
        """body(m) for as many blocks of `rows` as fit from first to last; where they end."""
        b = self.builder
        count = b.sdiv(b.sub(last, first), self.constant(rows))

        def block(m):
            body(*m)
            return [b.add(*m, self.constant(rows))]

        with b.if_then(b.icmp_signed(">", count, self.constant(0))):
            self.loop(count, [first], block)
        return b.add(first, b.mul(count, self.constant(rows)))
