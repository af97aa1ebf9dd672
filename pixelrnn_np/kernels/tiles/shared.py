"""Functions that are compiled once for each dtype, and that kernels call by name.

Numba links the code of a function into each of its callers, and optimises and translates it there
anew. The tiles are large, and nearly every kernel has products, so that this was most of a first
start. A shared function has a name and C's calling convention instead: kernels, also those in the
cache, hold its name alone, which LLVM looks up when their code is made ready to run. So the
function has to be there first; jit.kernel sees to that whenever it compiles or loads a kernel.
"""

import functools
import inspect

import numpy as np
from numba import types
from numba.core.errors import TypingError

from .. import jit
from .internals import cgutils, intrinsic, ir, llvm, make_array


class Numbers:
    """A contiguous array of the dtype, taken as flat, or None. Within the function: its address."""


class Integers:
    """The same of 64-bit integers."""


class Number:
    """One number of the dtype; None is -∞."""


class Matrix:
    """(array, start, stride) or None, see multiply.py. Within the function: where it starts."""


class Stride:
    """Of the matrix before it; kernels do not give it."""


def shared(function=None, **options):
    """Makes a shared function of one whose parameters are annotated by the above or by int.

    options: of jit.kernel. Without JIT the function gets flat arrays.
    """
    if function is None:
        return functools.partial(shared, **options)
    if not jit.JIT_DISABLED:
        return Shared(function, options).called()

    @functools.wraps(function)
    def on_flat(*args):
        return function(*(a.reshape(-1) if isinstance(a, np.ndarray) else a for a in args))

    return on_flat


class Shared:
    def __init__(self, function, options):
        self.name, self.parameters = function.__name__, inspect.signature(function).parameters
        self.kernel = jit.kernel(no_cpython_wrapper=True, **options)(function)
        jit.shared.append(self)

    def symbol(self, dtype):
        return f"pixelrnn_{self.name}_{dtype}"

    def ready(self, dtype):
        """Compiles it for that Numba type, or loads it. Two threads may both do so: no matter."""
        numbers, integers = types.CPointer(dtype), types.CPointer(types.int64)
        kinds = {Numbers: numbers, Matrix: numbers, Integers: integers, Number: dtype}
        kinds |= {int: types.int64, Stride: types.int64}
        arguments = tuple(kinds[p.annotation] for p in self.parameters.values())
        kernel = self.kernel
        if arguments in kernel.overloads:
            return
        kernel.compile(arguments)
        compiled = kernel.overloads[arguments]
        name = compiled.fndesc.llvm_cfunc_wrapper_name
        llvm.add_symbol(self.symbol(dtype), compiled.library.get_pointer_to_function(name))

    def called(self):
        """What kernels call."""

        taken = {k: p for k, p in self.parameters.items() if p.annotation is not Stride}
        wanted = [p.annotation for p in taken.values()]

        def definition(typing, *kinds):
            dtype = _dtype(self.name, wanted, kinds)
            self.ready(dtype)

            def generate(context, builder, signature, args):
                convert = Convert(context, builder, dtype)
                given = zip(wanted, kinds, args, strict=True)
                values = [v for one in given for v in convert(*one)]
                kind = ir.FunctionType(ir.VoidType(), [v.type for v in values])
                name = self.symbol(dtype)
                builder.call(cgutils.get_or_insert_function(builder.module, kind, name), values)
                return context.get_dummy_value()

            return types.void(*kinds), generate

        names = [inspect.Parameter(k, inspect.Parameter.POSITIONAL_OR_KEYWORD)
                 for k in ("typing", *taken)]  # fmt: skip
        definition.__signature__ = inspect.Signature(names)
        definition.__name__ = self.name
        return intrinsic(definition)


def _absent(kind):
    return isinstance(kind, (types.NoneType, types.Omitted))


def _dtype(name, wanted, kinds):
    """The dtype of the arrays among Numba types; TypingError if some cannot be used."""
    dtypes = []
    for want, kind in zip(wanted, kinds, strict=True):
        if want not in (Numbers, Matrix, Integers) or _absent(kind):
            continue
        array = kind.types[0] if want is Matrix else kind
        if not isinstance(array, types.CPointer) and getattr(array, "layout", "") != "C":
            raise TypingError(f"{name} takes contiguous arrays, not {array}")
        if want is not Integers:
            if not isinstance(array.dtype, types.Float):  # jit.kernel has none of these ready
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
        if wanted is int:
            return [self.context.cast(self.builder, value, kind, types.int64)]
        if wanted is Number:
            if _absent(kind):
                return [self.context.get_constant(self.dtype, -float("inf"))]
            return [self.context.cast(self.builder, value, kind, self.dtype)]
        if wanted is Matrix:
            return self.matrix(kind, value)
        return [self.address(kind, value, types.int64 if wanted is Integers else self.dtype)]

    def matrix(self, kind, value):
        if _absent(kind):
            return [self.address(kind, value, self.dtype), ir.Constant(ir.IntType(64), 0)]
        array, *numbers = cgutils.unpack_tuple(self.builder, value)
        start, stride = (
            self.context.cast(self.builder, v, k, types.int64)
            for v, k in zip(numbers, kind.types[1:], strict=True)
        )
        return [self.builder.gep(self.address(kind.types[0], array, self.dtype), [start]), stride]

    def address(self, kind, value, dtype):
        if _absent(kind):
            return ir.Constant(self.context.get_data_type(dtype).as_pointer(), None)
        if isinstance(kind, types.CPointer):
            return value
        return make_array(kind)(self.context, self.builder, value).data
