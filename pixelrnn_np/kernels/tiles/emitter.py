"""Vectors and loops in LLVM's language, for the tiles of columns.py.

Numba turns loops into vectors only where LLVM is sure of them. A tile of sums that stays in
registers is beyond that, so its instructions are emitted here one by one. They name no processor:
LLVM splits a vector that is longer than the machine's.
"""

from numba import types

from .internals import cgutils, ir


class Operands:
    """The values of a named tuple of addresses, integers and numbers, by its names."""

    def __init__(self, context, builder, kind, value):
        self.dtype = kind.types[0].dtype
        for name, field, v in zip(
            kind.fields, kind.types, cgutils.unpack_tuple(builder, value), strict=True
        ):
            wanted = types.int64 if isinstance(field, types.Integer) else self.dtype
            pointer = isinstance(field, types.CPointer)
            setattr(self, name, v if pointer else context.cast(builder, v, field, wanted))

    def matrix(self, name):
        """The address of its first row, and how far rows are apart."""
        return getattr(self, name), getattr(self, f"{name}_stride")


def integers(context, builder, values, kinds):
    """Such values, of Numba types `kinds`, as 64-bit integers."""
    pairs = zip(values, kinds, strict=True)
    return [context.cast(builder, v, kind, types.int64) for v, kind in pairs]


class Emitter:
    """Emits addresses, vectors of `lanes` numbers of a Numba type, multiply-adds, and loops.

    part: None, or a value: what is loaded and stored is so many numbers of a vector, the rest is 0.
    """

    def __init__(self, context, builder, dtype, lanes, part=None):
        self.context, self.builder = context, builder
        self.vector = ir.VectorType(context.get_data_type(dtype), lanes)
        self.lanes, self.align = lanes, dtype.bitwidth // 8
        self.inside = None if part is None else self._inside(part)

    def _inside(self, part):
        lanes = ir.VectorType(ir.IntType(64), self.lanes)
        numbers = ir.Constant(lanes, list(range(self.lanes)))
        return self.builder.icmp_signed("<", numbers, self.splat(part))

    def constant(self, value):
        return ir.Constant(ir.IntType(64), value)

    def smaller(self, x, y):
        return self.builder.select(self.builder.icmp_signed("<", x, y), x, y)

    def moved(self, address, *distances):
        """The address so many numbers further on."""
        for distance in distances:
            address = self.builder.gep(address, [distance])
        return address

    def row_distances(self, stride, rows, count):
        """Of `rows` rows from the first; from row `count` on they are the last one again."""
        b, distances = self.builder, [self.constant(0)]
        for _ in range(1, rows):
            distances.append(b.add(distances[-1], stride))

        def clipped(distances):
            return [distances[0], *(self._clipped(m, stride, count) for m in range(1, rows))]

        return self.when(b.icmp_signed("<", count, self.constant(rows)), distances, clipped)

    def _clipped(self, m, stride, count):
        last = self.builder.sub(count, self.constant(1))
        return self.builder.mul(stride, self.smaller(self.constant(m), last))

    def rows(self, address, stride, first, column, rows, count, places=None):
        """Addresses of such rows, from row `first` on, of a matrix, at one of its columns.

        places: None, or the address, which may be null, of a distance for each row beside that.
        """
        start = self.moved(address, self.builder.mul(stride, first), column)
        addresses = [self.moved(start, d) for d in self.row_distances(stride, rows, count)]
        if places is None:
            return addresses

        def elsewhere(addresses):
            numbers = self.row_distances(self.constant(1), rows, count)
            moves = [self.builder.load(self.moved(places, first, n)) for n in numbers]
            return [self.moved(a, d) for a, d in zip(addresses, moves, strict=True)]

        return self.when(self.given(places), addresses, elsewhere)

    def load(self, address, whole=False):
        """The vector at an address; `whole`: beyond the part as well."""
        address = self.builder.bitcast(address, self.vector.as_pointer())
        if whole or self.inside is None:
            return self.builder.load(address, align=self.align)
        arguments = [address, self._align(), self.inside, self.zeros()]
        return self._masked("load", self.vector, arguments)

    def store(self, value, address):
        address = self.builder.bitcast(address, self.vector.as_pointer())
        if self.inside is None:
            self.builder.store(value, address, align=self.align)
        else:
            self._masked("store", ir.VoidType(), [value, address, self._align(), self.inside])

    def _masked(self, what, result, arguments):
        name = f"llvm.masked.{what}.v{self.lanes}{self.vector.element.intrinsic_name}.p0"
        kind = ir.FunctionType(result, [v.type for v in arguments])
        function = cgutils.get_or_insert_function(self.builder.module, kind, name)
        return self.builder.call(function, arguments)

    def _align(self):
        return ir.Constant(ir.IntType(32), self.align)

    def splat(self, number):
        """A vector of this number, or integer, in every lane."""
        index, vector = ir.IntType(32), ir.VectorType(number.type, self.lanes)
        start = ir.Constant(vector, ir.Undefined)
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

    def given(self, address):
        return self.builder.icmp_unsigned("!=", address, ir.Constant(address.type, None))

    def when(self, condition, values, body):
        """body(values) if the condition holds, else the values as they are."""
        b, before = self.builder, self.builder.block
        with b.if_then(condition):
            changed, inside = body(values), b.block
        return [self._either(v, before, w, inside) for v, w in zip(values, changed, strict=True)]

    def _either(self, first, after_first, second, after_second):
        phi = self.builder.phi(first.type)
        phi.add_incoming(first, after_first)
        phi.add_incoming(second, after_second)
        return phi

    def number(self, value):
        """A vector of this number, known beforehand, in every lane."""
        return ir.Constant(self.vector, [value] * self.lanes)

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

    def tiles(self, first, last, rows, body, few=None):
        """body(m, count, rows) for tiles of `rows` from `first` to `last`; the last may be short.

        few: None, or the rows of smaller tiles for the end: one of them, or two in place of a
        large one, where that leaves less of the last tile unused.
        """
        b, number = self.builder, self.constant
        missing, small = b.sub(last, first), number(0)
        if few is not None:
            rest = b.srem(missing, number(rows))
            some = b.icmp_signed(">", rest, number(0))
            fits = b.and_(some, b.icmp_signed("<=", rest, number(few)))
            small = b.zext(fits, rest.type)
            two = b.icmp_signed("==", rest, number(2 * few - rows))
            two = b.and_(two, b.icmp_signed(">", missing, number(rows)))
            small = b.select(two, number(2), small)
        large = b.sub(b.add(missing, number(rows - 1)), b.mul(small, number(few or 0)))
        large = b.sdiv(large, number(rows))
        self._tiles(first, last, rows, large, body)
        if few is not None:
            start = b.add(first, b.mul(large, number(rows)))
            self._tiles(start, last, few, small, body)

    def _tiles(self, first, last, rows, count, body):
        b = self.builder

        def tile(m):
            body(*m, self.smaller(b.sub(last, *m), self.constant(rows)), rows)
            return [b.add(*m, self.constant(rows))]

        with b.if_then(b.icmp_signed(">", count, self.constant(0))):
            self.loop(count, [first], tile)
