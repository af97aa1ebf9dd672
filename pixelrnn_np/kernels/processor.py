"""What kernels are compiled for: the processor, its features, and the width of vectors.

Not the paper. Numba's variables NUMBA_CPU_NAME, NUMBA_CPU_FEATURES and NUMBA_ENABLE_AVX count.
PIXELRNN_VECTOR_BITS=256 besides leaves out whatever needs registers of 512 bits, in tiles and in
all else that Numba compiles in this process: what a processor without AVX-512 would run.
"""

import os

import llvmlite.binding as llvm
from numba import config

from ..arguments import BadVariable

VARIABLE = "PIXELRNN_VECTOR_BITS"
WIDE = ("avx512", "avx10", "evex512", "amx")  # how features that bring such registers begin


def narrowed():
    """Whether the variable asks for 256 bits; BadVariable if it asks for what there is not."""
    text = os.environ.get(VARIABLE, "")
    if text not in ("", "256", "512"):
        raise BadVariable(
            f"{VARIABLE} is {text!r}; it has to be 256 (vectors of AVX2 also where there is "
            "AVX-512) or 512 (as wide as the processor's), or unset, which is the same as 512"
        )
    return text == "256"


def host_features():
    found = llvm.get_host_cpu_features()
    if not config.ENABLE_AVX:
        found |= {name: False for name in found if name.startswith("avx")}
    return ",".join(f"{'+' if there else '-'}{name}" for name, there in sorted(found.items()))


def chosen_features():
    """LLVM's list of features, "+fma,-avx512f,…"; a later mention of one counts."""
    given = host_features() if config.CPU_FEATURES is None else config.CPU_FEATURES
    if not narrowed():
        return given
    without = (f"-{name}" for name in llvm.get_host_cpu_features() if name.startswith(WIDE))
    return ",".join([*(f for f in given.split(",") if f and not f[1:].startswith(WIDE)), *without])


def hold_numba(features):
    """Makes Numba compile for these features; BadVariable if it began before."""
    from numba.core.registry import cpu_target

    config.CPU_FEATURES = features
    if cpu_target.target_context.codegen().magic_tuple()[2] != features:
        raise BadVariable(
            f"{VARIABLE} is {os.environ[VARIABLE]}, which comes too late: something else has been "
            "compiled by Numba in this process; use a model first, or leave the variable unset"
        )


NAME = config.CPU_NAME or llvm.get_host_cpu_name()
FEATURES = chosen_features()
HAS_AVX512 = "+avx512f" in FEATURES.split(",")
if narrowed() and not config.DISABLE_JIT:
    hold_numba(FEATURES)
