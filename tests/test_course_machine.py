"""What notebook 10 asks of the machine: its versions, its instructions, its page faults."""

import subprocess
import sys

import numpy as np

from pixelrnn_np.course import machine

CODE = """
    vfmadd231ps %zmm1, %zmm2, %zmm3
    vfmadd231ps %zmm4, %zmm5, %zmm6
    vmulss  %xmm0, %xmm1, %xmm1
    mulps   %xmm0, %xmm1
    fmla    v0.4s, v1.4s, v2.s[0]
    fmul    s0, s1, s2
    vaddps  %ymm0, %ymm1, %ymm2
"""


class Compiled:
    def inspect_asm(self):
        return {"float32": CODE}


def test_multiplications_are_counted_by_kind():
    counted = {(True, 512): 2, (False, 32): 2, (False, 128): 1, (True, 128): 1}
    assert machine.instructions(CODE) == counted
    table = machine.multiplications({"loops": Compiled()})
    assert table.headers == ["rung", "16", "4", "one", "fused"]
    assert table.values == [["loops", 2, 2, 2, 3]]


LOOPS = """
    vmulss  %xmm0, %xmm1, %xmm1
    jne     .LBB0_7
.LBB0_2:
    vmovups\t(%rax,%rdx,4), %zmm1
    vfmadd231ps\t%zmm1, %zmm2, %zmm3
    vfmadd231ps\t%zmm4, %zmm5, %zmm6
    cmpq    %rdx, %r13
    jne     .LBB0_2
    vaddps  %ymm0, %ymm1, %ymm2
"""


def test_the_innermost_loop_is_the_stretch_that_multiplies_most(monkeypatch):
    monkeypatch.setattr(Compiled, "inspect_asm", lambda self: {"float32": LOOPS})
    shown = machine.inner_loop(Compiled()).splitlines()
    assert [line.split()[0] for line in shown] == ["vmovups", "vfmadd231ps", "vfmadd231ps", "cmpq"]
    assert shown[0] == "vmovups      (%rax,%rdx,4), %zmm1"
    assert machine.inner_loop(Compiled(), 1).splitlines() == [shown[0], "…"]
    assert machine.inner_loop(Compiled(), register="xmm") == "vmulss       %xmm0, %xmm1, %xmm1"
    assert machine.inner_loop(Compiled(), register="q17").splitlines() == shown


def test_the_machine_says_its_versions():
    shown = repr(machine.machine())
    assert np.__version__ in shown and "float32 in a vector register" in shown


def test_page_faults_of_fresh_and_of_kept_memory():
    small, large = machine.page_sizes()
    assert 0 < small < large
    setup = """
import subprocess
import sys

import numpy as np
kept = np.empty(1 << 26, np.uint8)
def fresh(): np.empty(1 << 26, np.uint8).fill(1)
def reused(): kept.fill(1)
"""
    (fresh_seconds, fresh), (_, kept) = machine.in_a_process_of_its_own(
        setup, ["fresh", "reused"], 3
    )
    assert fresh_seconds > 0 and fresh >= (1 << 26) / large > kept


NUMBA_MULTIPLIES = """
from pixelrnn_np.course import machine
kept = machine.one_thread()
import numba, numpy as np
from threadpoolctl import threadpool_info
numba.njit(lambda a: np.dot(a, a))(np.eye(2))
print({b["num_threads"] for b in threadpool_info() if b["user_api"] == "blas"})
"""


def test_one_thread_holds_the_library_that_numba_calls_as_well():
    done = subprocess.run(
        [sys.executable, "-c", NUMBA_MULTIPLIES], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "{1}"
