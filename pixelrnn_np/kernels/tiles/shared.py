"""Functions that are compiled once for each dtype, and that kernels call by name.

Numba links the code of a function into each of its callers, and optimises and translates it there
anew. The tiles are large, and nearly every kernel has products, so that this was most of a first
start. A shared function has a name instead: kernels, also those in the cache, hold its name alone,
which LLVM looks up when their code is made ready to run. So the function has to be there first:
typing a call compiles it, and what the cache keeps of a kernel says which it needs (see cache.py).
An error in it, such as that there is no memory, is handed on by its callers.
"""

import functools
import inspect

import numpy as np
from numba import types
from numba.core.errors import TypingError

from .. import jit
from .internals import cgutils, global_compiler_lock, ir, llvm, make_array, stands_for


class Numbers:
    """A contiguous array of the dtype, taken as flat, or None; or a matrix, for where it starts.

    Within the function: the address of the first number.
    """


class Integers:
    """The same of 64-bit integers."""


class Number:
    """One number of the dtype; None is -∞."""


class Matrix:
    """(array, start, stride) or None, see multiply.py. Within the function: where it starts."""


class Taps:
    """A contiguous array of 64-bit integers, or (array, start, number): a part of one.

    None is one that is 0. Within the function: the address.
    """


class Rows:
    """A contiguous array of 64-bit integers, one for each row, or None: 0 for all of them.

    Within the function: the address; and 1, or 0 where all rows have the first.
    """


class Panels:
    """Weights as of panels.py, or (array, start, rows, width): some that begin there in an array.

    Within the function: their address.
    """


class Implied:
    """Of the argument before it: a matrix's stride, the taps' number, the panels' rows and width.

    Kernels do not give it.
    """


def shared(function=None, **options):
    """Makes a shared function of one whose parameters are annotated by the above or by int.

    options: of jit.kernel. Called from Python, it gets flat arrays.
    """
    if function is None:
        return functools.partial(shared, **options)

    @functools.wraps(function)
    def on_flat(*args):
        return function(*map(_flat, args))

    if not jit.JIT_DISABLED:
        on_flat.shared = Shared(function, options)
        on_flat.shared.answers(on_flat)
    return on_flat


def _flat(argument):
    """Such an argument without JIT."""
    if isinstance(argument, tuple):
        return argument[0].reshape(-1)[argument[1] :]
    return argument.reshape(-1) if isinstance(argument, np.ndarray) else argument


def answers(on_flat, function, **others):
    """Kernels that call `function` call a shared one, with its arguments of the same names.

    Arguments that `function` does not have, or that the call leaves out, are None. others: by an
    argument's name, the shared function that answers calls which give it.
    """
    if not jit.JIT_DISABLED:
        on_flat.shared.answers(function, {name: f.shared for name, f in others.items()})


class Shared:
    def __init__(self, function, options):
        self.name, self.parameters = function.__name__, inspect.signature(function).parameters
        options = {"no_cpython_wrapper": True, **options}
        self.kernel, self.there = jit.kernel(**options)(function), set()
        jit.shared[self.name] = self

    def symbol(self, dtype):
        return f"{jit.PREFIX}{self.name}_{dtype}"

    def arguments(self, dtype):
        """The Numba types of what it takes."""
        numbers, integers = types.CPointer(dtype), types.CPointer(types.int64)
        kinds = {Numbers: numbers, Matrix: numbers, Panels: numbers, Number: dtype}
        kinds |= {Integers: integers, Rows: integers, Taps: integers}
        kinds |= {int: types.int64, Implied: types.int64}
        return tuple(kinds[p.annotation] for p in self.parameters.values())

    def ready(self, dtype):
        """Compiles it for that Numba type, or loads it, once."""
        with global_compiler_lock:
            if dtype in self.there:
                return
            arguments = self.arguments(dtype)
            self.kernel.compile(arguments)
            compiled = self.kernel.overloads[arguments]
            name = compiled.fndesc.llvm_func_name
            llvm.add_symbol(self.symbol(dtype), compiled.library.get_pointer_to_function(name))
            self.there.add(dtype)

    def answers(self, function, others=()):
        simple = (p.replace(annotation=p.empty) for p in self._given(function))
        called = inspect.Signature(simple)
        defaults = {p.name: types.none for p in called.parameters.values() if p.default is None}

        def definition(typing, *args, **more):
            given = defaults | called.bind(*args, **more).arguments
            special = [others[name] for name in others if not _absent(given[name])]
            chosen = special[0] if special else self
            wanted = {p.name: p.annotation for p in self._given(chosen.kernel.py_func)}
            kinds = {name: given.get(name, types.none) for name in wanted}
            dtype = _dtype(chosen.name, wanted, kinds)
            chosen.ready(dtype)

            def generate(context, builder, signature, args):
                convert, values = Convert(context, builder, dtype), []
                args = dict(zip(called.parameters, args, strict=True))
                for name, want in wanted.items():
                    values += convert(want, kinds[name], args.get(name))
                called_as, taken = context.call_conv, chosen.arguments(dtype)
                kind = called_as.get_function_type(types.none, taken)
                symbol = chosen.symbol(dtype)
                function = cgutils.get_or_insert_function(builder.module, kind, symbol)
                status, _ = called_as.call_function(builder, function, types.none, taken, values)
                with cgutils.if_unlikely(builder, status.is_error):  # no memory
                    called_as.return_status_propagate(builder, status)
                return context.get_dummy_value()

            return types.void(*(given[name] for name in called.parameters)), generate

        typing = inspect.Parameter("typing", inspect.Parameter.POSITIONAL_OR_KEYWORD)
        definition.__signature__ = inspect.Signature([typing, *called.parameters.values()])
        stands_for(function)(definition)

    @staticmethod
    def _given(function):
        """The parameters that calls give."""
        every = inspect.signature(function).parameters.values()
        return [p for p in every if p.annotation is not Implied]


def _absent(kind):
    return isinstance(kind, (types.NoneType, types.Omitted))


def _dtype(name, wanted, kinds):
    """The dtype of the arrays among Numba types; TypingError if some cannot be used."""
    dtypes = []
    for key, want in wanted.items():
        kind = kinds[key]
        if want in (int, Number) or _absent(kind):
            continue
        array = kind.types[0] if isinstance(kind, types.BaseTuple) else kind
        if not isinstance(array, types.CPointer) and getattr(array, "layout", "") != "C":
            raise TypingError(f"{name} takes contiguous arrays, not {array}")
        if want not in (Integers, Rows, Taps):
            if not isinstance(array.dtype, types.Float):
                raise TypingError(f"{name} takes floating-point numbers, not {array}")
            dtypes.append(array.dtype)
        elif array.dtype != types.int64:
            raise TypingError(f"{name} takes 64-bit integers, not {array}")
    if any(dtype != dtypes[0] for dtype in dtypes):
        raise TypingError(f"{name} takes arrays of one dtype, not of {dtypes}")
    return dtypes[0]


class Convert:
    """Makes of an argument of a kernel the arguments that C takes."""

    def __init__(self, context, builder, dtype):
        self.context, self.builder, self.dtype = context, builder, dtype

    def __call__(self, wanted, kind, value):
        if wanted is int and _absent(kind):
            return [ir.Constant(ir.IntType(64), 0)]
        if wanted is int:
            return [self.context.cast(self.builder, value, kind, types.int64)]
        if wanted is Number:
            if _absent(kind):
                return [self.context.get_constant(self.dtype, -float("inf"))]
            return [self.context.cast(self.builder, value, kind, self.dtype)]
        made = {Matrix: self.matrix, Rows: self.rows, Taps: self.taps, Panels: self.panels}
        if wanted in made:
            return made[wanted](kind, value)
        return [self.address(kind, value, types.int64 if wanted is Integers else self.dtype)]

    def matrix(self, kind, value):
        if _absent(kind):
            return [self.address(kind, value, self.dtype), ir.Constant(ir.IntType(64), 0)]
        return self.part(kind, value, self.dtype)

    def part(self, kind, value, dtype):
        """The address of number `start` of an array, and the integers after it: of a tuple."""
        array, *numbers = cgutils.unpack_tuple(self.builder, value)
        start, *numbers = (
            self.context.cast(self.builder, v, k, types.int64)
            for v, k in zip(numbers, kind.types[1:], strict=True)
        )
        return [self.builder.gep(self.address(kind.types[0], array, dtype), [start]), *numbers]

    def rows(self, kind, value):
        if _absent(kind):
            return self.one_number(0)
        return [self.address(kind, value, types.int64), ir.Constant(ir.IntType(64), 1)]

    def one_number(self, step):
        """The address of a 0, and this integer."""
        here = ir.Constant(ir.IntType(64), 0)
        return [cgutils.global_constant(self.builder, "here", here), ir.Constant(here.type, step)]

    def taps(self, kind, value):
        if _absent(kind):
            return self.one_number(1)
        if isinstance(kind, types.BaseTuple):
            return self.part(kind, value, types.int64)
        array = make_array(kind)(self.context, self.builder, value)
        return [array.data, array.nitems]

    def panels(self, kind, value):
        if isinstance(kind, types.BaseTuple):
            return self.part(kind, value, self.dtype)
        array = make_array(kind)(self.context, self.builder, value)
        return [array.data, *cgutils.unpack_tuple(self.builder, array.shape)[1:]]

    def address(self, kind, value, dtype):
        if _absent(kind):
            return ir.Constant(self.context.get_data_type(dtype).as_pointer(), None)
        if isinstance(kind, types.BaseTuple):
            return self.matrix(kind, value)[0]
        if isinstance(kind, types.CPointer):
            return value
        return make_array(kind)(self.context, self.builder, value).data
