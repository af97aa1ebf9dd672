"""What the kernels take from Numba and llvmlite that is not a promise of theirs.

It is imported here and nowhere else, so that a Numba without it gives one kind of error.
"""


class NumbaChanged(ImportError):
    """This Numba lacks something of which the kernels are built."""


try:
    import llvmlite.binding as llvm
    from llvmlite import ir
    from numba import _helperlib, types
    from numba.core import cgutils
    from numba.core.compiler_lock import global_compiler_lock
    from numba.core.imputils import impl_ret_borrowed
    from numba.core.typing.templates import infer_global, make_intrinsic_template
    from numba.extending import intrinsic
    from numba.np.arrayobj import make_array
    from numba.np.numpy_support import as_dtype

    for name in ("ez_geqrf", "ez_xxgqr"):  # soap.py calls LAPACK by these
        _helperlib.c_helpers[name]
except (ImportError, AttributeError, KeyError) as e:
    raise NumbaChanged(f"this version of Numba does not have what the kernels need: {e}") from e

__all__ = [
    "NumbaChanged", "as_dtype", "cgutils", "global_compiler_lock", "impl_ret_borrowed",
    "infer_global", "intrinsic", "ir", "llvm", "make_array", "stands_for",
]  # fmt: skip


def stands_for(function):
    """Makes of what `intrinsic` takes that which compiled code does where it calls `function`.

    `overload` would compile a function for each combination of types: 0.03 to 0.05 s each, of which
    there were 25 to 30 in a first update.
    """

    def register(definition):
        template = make_intrinsic_template(function, definition, function.__name__)
        infer_global(function, types.Function(template))
        return definition

    return register
