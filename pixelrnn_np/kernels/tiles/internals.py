"""What the kernels take from Numba and llvmlite that is not a promise of theirs.

It is imported here and nowhere else, so that a Numba without it gives one kind of error.
"""


class NumbaChanged(ImportError):
    """This Numba lacks something of which the kernels are built."""


try:
    import llvmlite.binding as llvm
    from llvmlite import ir
    from numba.core import cgutils
    from numba.extending import intrinsic
    from numba.np.arrayobj import make_array
except (ImportError, AttributeError) as e:
    raise NumbaChanged(f"this version of Numba does not have what the kernels need: {e}") from e

__all__ = ["NumbaChanged", "cgutils", "intrinsic", "ir", "llvm", "make_array"]
