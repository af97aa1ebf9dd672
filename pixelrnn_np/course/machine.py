"""For notebook 10: what machine this is, and what its compiled code consists of."""

import mmap
import os
import platform
import re
import subprocess
import sys
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

import numpy as np

from ..figures import Table

# Products in machine code: those of x86, fused with a sum or not, and those of ARM.
X86 = re.compile(r"^\s+v?(fn?m(?:add|sub)\w*?|mul)([ps])[sd]\s+(.*)$", re.M)
ARM = re.compile(r"^\s+(fml[as]|fmul|fn?madd)\s+(.*)$", re.M)
REGISTERS = {"zmm": 512, "ymm": 256, "xmm": 128}
HOLDS = {512: "16", 256: "8", 128: "4", 32: "one"}  # numbers that an instruction takes


def one_thread():
    """Holds every library that multiplies here to one thread, as long as the result is kept.

    Numba's products call SciPy's library, not NumPy's. It has to be loaded before it can be held.
    """
    from threadpoolctl import threadpool_limits

    import_module("scipy.linalg.blas")
    return threadpool_limits(1, user_api="blas")


def machine():
    """A table of the processor and of the versions on which all times depend."""
    import llvmlite.binding as llvm
    import scipy
    from threadpoolctl import threadpool_info

    features = llvm.get_host_cpu_features()
    lanes = 16 if features.get("avx512f") else 8 if features.get("avx2") else 4
    blas = {
        f"{b['internal_api']} {b['version']}" for b in threadpool_info() if b["user_api"] == "blas"
    }
    versions = platform.python_version(), np.__version__, scipy.__version__
    return Table(
        ["this machine", ""],
        [
            ["processor, as LLVM calls it", f"{llvm.get_host_cpu_name()}, {os.cpu_count()} cores"],
            ["float32 in a vector register", str(lanes)],
            ["Python, NumPy, SciPy", ", ".join(versions)],
            [
                "Numba, its LLVM",
                f"{version('numba')}, {'.'.join(map(str, llvm.llvm_version_info))}",
            ],
            ["matrix products", ", ".join(sorted(blas))],
        ],
    )


def instructions(code):
    """{(fused?, bits): how many} of the multiplications in machine code; 32 bits: one number."""
    found = {}
    for kind, packed, registers in X86.findall(code):
        widest = max((REGISTERS[k] for k in REGISTERS if k in registers), default=128)
        key = (kind != "mul", widest if packed == "p" else 32)
        found[key] = found.get(key, 0) + 1
    for kind, registers in ARM.findall(code):
        key = (kind != "fmul", 128 if ".4s" in registers else 32)
        found[key] = found.get(key, 0) + 1
    return found


def multiplications(functions):
    """A table of what the machine code of compiled functions multiplies with, {name: function}.

    A column for each size of register that was found, and one for those fused with a sum.
    """
    counts = {name: instructions(_code(f)) for name, f in functions.items()}
    sizes = [b for b in HOLDS if any(bits == b for found in counts.values() for _, bits in found)]
    rows = [
        [
            name,
            *(sum(n for (_, bits), n in found.items() if bits == b) for b in sizes),
            sum(n for (fused, _), n in found.items() if fused),
        ]
        for name, found in counts.items()
    ]
    return Table(["rung", *(HOLDS[b] for b in sizes), "fused"], rows)


def inner_loop(function, lines=None, register=""):
    """The stretch without a jump that multiplies most, of a compiled function's machine code: text.

    lines: how many of its beginning, None for all; register: such as "ymm", to look only at
    stretches that use it, if there are any.
    """
    stretches = re.split(r"^\.?\w+:.*$|^\s+(?:j|b\.|cb)\w*\s.*$", _code(function), flags=re.M)
    stretches = [s for s in stretches if register in s] or stretches
    best = max(stretches, key=lambda s: sum(instructions(s).values()))
    found = [line.split(maxsplit=1) for line in best.splitlines() if line.strip()]
    shown = [f"{name:<12} {''.join(rest)}".rstrip() for name, *rest in found]
    if lines is not None and len(shown) > lines:
        shown = [*shown[:lines], "…"]
    return "\n".join(shown)


def _code(function):
    return "\n".join(function.inspect_asm().values())


def page_faults(function, calls=10):
    """How many times a call made the system find a page, on average, in this process."""
    before = _faults_so_far()
    for _ in range(calls):
        function()
    return (_faults_so_far() - before) // calls


def _faults_so_far():
    try:
        import resource
    except ImportError:  # Windows
        import psutil  # Jupyter brings it

        return psutil.Process().memory_info().num_page_faults
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt


def page_sizes():
    """Bytes of a small page and of a large one."""
    setting = Path("/sys/kernel/mm/transparent_hugepage/hpage_pmd_size")
    return mmap.PAGESIZE, int(setting.read_text()) if setting.exists() else 2 << 20


def in_a_process_of_its_own(setup, functions, calls=12):
    """[(median seconds, page faults) of a call] of functions by name, which `setup` defines."""
    script = f"""{setup}
import statistics, time
from pixelrnn_np.course.machine import page_faults
for function in ({", ".join(functions)},):
    function()
    times = []
    def call():
        start = time.thread_time()
        function()
        times.append(time.thread_time() - start)
    faults = page_faults(call, {calls})
    print(statistics.median(times), faults)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    return [(float(s), int(n)) for s, n in map(str.split, done.stdout.splitlines())]
