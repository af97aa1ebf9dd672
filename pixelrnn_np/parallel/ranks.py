"""Shares out shards among the processes ("ranks") of an MPI job, on one machine or on several.

Every rank holds the model and the data; of a batch it computes its part of the shards, and one
Allreduce gives all ranks the sum. Which shards there are depends on the model alone, so that N
ranks give what one process gives, to rounding. Rank 0 alone reads and writes the run's folder.
mpi4py is imported only under a launcher that started more than one process. No pickle: what goes
between ranks are arrays and bytes. Not the paper.
"""

import contextlib
import functools
import os
import platform
import sys
import tempfile
import time
import zlib
from pathlib import Path

import numpy as np

from .alone import Alone
from .threads import available_threads

LAUNCHERS = (
    ("PMI_RANK", "PMI_SIZE"), ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"),
    ("SLURM_PROCID", "SLURM_STEP_NUM_TASKS"),
)  # fmt: skip
PATIENCE = 3.0  # seconds that a rank with an error waits for the others before it ends the job
MESSAGE = 4096  # bytes of an error that reach the other ranks
PIECES = 3  # float32 that together hold one float64


def launched():
    """(rank, size) that an MPI launcher gave to this process; (0, 1) if there was none."""
    rank, size, names = _named()
    return (0, 1) if _left_behind(names) else (rank, size)


def _named():
    """(rank, size, the names of the variables that say it)."""
    for names in LAUNCHERS:
        with contextlib.suppress(KeyError, ValueError):
            rank, size = (int(os.environ[name]) for name in names)
            return rank, size, names
    return 0, 1, ()


def _left_behind(names):
    """Whether the variables are a shell's inside a Slurm job: to its tasks srun gives no terminal,
    and where it does (--pty), only to one."""
    if names != LAUNCHERS[-1]:
        return False
    with contextlib.suppress(AttributeError, ValueError):  # there is no stdin, or it is closed
        return "SLURM_PTY_PORT" in os.environ or sys.stdin.isatty()
    return False


@functools.cache
def world():
    """All ranks of this job: `Ranks`, or `Alone` where no launcher started several processes.

    Raises ValueError if there are several, but they cannot reach each other.
    """
    _, size, names = _named()
    if size > 1 and _left_behind(names):
        print(f"this shell is in a Slurm step of {size} tasks: this process goes on alone; srun "
              "or mpiexec starts several", file=sys.stderr, flush=True)  # fmt: skip
        size = 1
    if size == 1:
        return Alone()
    alone = f"if this process runs alone, as a shell in a job does, unset {names[0]}"
    try:
        import mpi4py

        mpi4py.rc.thread_level = "funneled"
        from mpi4py import MPI
    except (ImportError, RuntimeError) as e:
        raise ValueError(
            f"{size} processes were started. They need mpi4py, which cannot be imported ({e}); "
            f"pip install 'pixelrnn_np[mpi]'; {alone}"
        ) from None
    if MPI.COMM_WORLD.size != size:
        raise ValueError(
            f"{size} processes were started, but mpi4py finds {MPI.COMM_WORLD.size}: its MPI "
            f"({MPI.Get_library_version().split(',')[0].splitlines()[0]}) is not the "
            f"launcher's; {alone}"
        )
    return Ranks(MPI)


def joined():
    """`world()` if this process has asked for it; else one process, which needs no others."""
    return world() if world.cache_info().currsize else Alone()


class Ranks(Alone):
    """The ranks of an MPI job."""

    def __init__(self, MPI):
        self.MPI, self.comm = MPI, MPI.COMM_WORLD
        self.rank, self.size = self.comm.rank, self.comm.size
        self._control = self.comm.Dup()  # of `meet`, which no other message may overtake
        self._words = None  # what all ranks said when they last met
        host = self.comm.Split_type(MPI.COMM_TYPE_SHARED)
        self.hosts = int(self._total(host.rank == 0))
        self._own = available_threads()
        self._share = max(1, self._processors(host) // host.size)

    def __reduce__(self):
        return world, ()  # a copied trainer stands in the same job

    def _processors(self, host):
        """Processors that the ranks of this host may use, each counted once."""
        if not hasattr(os, "sched_getaffinity"):
            return self._own
        mask = np.zeros(2**14, np.uint8)
        mask[list(os.sched_getaffinity(0))] = 1
        host.Allreduce(self.MPI.IN_PLACE, mask, self.MPI.MAX)
        return int(mask.sum())

    @staticmethod
    def _wait(request):
        """MPI's own waiting burns a processor; this leaves it to the ranks that still compute."""
        while not request.Test():
            time.sleep(5e-5)

    def _total(self, number):
        total = np.array([number], np.int64)
        self._wait(self.comm.Iallreduce(self.MPI.IN_PLACE, total))
        return total[0]

    def threads(self, wanted=None):
        return min(self._own, self._share) if wanted is None else wanted

    def gather(self, part):
        part = np.ascontiguousarray(part)
        lengths = np.zeros(self.size, np.int64)
        self._wait(self.comm.Iallgather(np.array([len(part)], np.int64), lengths))
        whole = np.empty((lengths.sum(), *part.shape[1:]), part.dtype)
        row = int(np.prod(part.shape[1:], dtype=np.int64))
        self._wait(self.comm.Iallgatherv(part, [whole, lengths * row]))
        return whole

    def sum_step(self, nats, g, place, count, stop):
        # Each image's nats have places of their own, where a float32 gradient's vector holds them
        # as a sum of three: adding the other ranks' zeros leaves them exact.
        vector = np.zeros(g.size + PIECES * count + 1, g.dtype)
        vector[: g.size], vector[-1] = g, stop
        pieces = vector[g.size : -1].reshape(PIECES, count)
        with np.errstate(all="ignore"):
            for piece in pieces[:, place : place + len(nats)]:
                piece[...] = nats
                nats = nats - piece
            self._wait(self.comm.Iallreduce(self.MPI.IN_PLACE, vector))
            return pieces.astype(np.float64).sum(axis=0), vector[: g.size], bool(vector[-1])

    def alike(self, arrays):
        sums = [zlib.crc32(a) for a in arrays]
        equal = self._equal(np.array(sums, np.int64).tobytes())
        if equal.all():
            return False
        for a in arrays:
            self._wait(self.comm.Ibcast(a))
        return True

    def _equal(self, data):
        """Which ranks have rank 0's bytes, told by their length and a checksum: bool (size,)."""
        mine = np.array([len(data), zlib.crc32(data)], np.int64)
        sums = self.gather(mine[None])
        return (sums == sums[0]).all(axis=1)

    def check_same(self, **values):
        for name, data in values.items():
            equal = self._equal(data)
            if not equal.all():
                other = int(np.argmin(equal))
                raise ValueError(f"rank {other} has other {name.replace('_', ' ')} than rank 0")

    @contextlib.contextmanager
    def mirrored(self, path, names=()):
        if path is None:
            yield None
            return
        with contextlib.ExitStack() as stack:
            near = path
            if not self.first:
                near = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "copy"
            for name in ("", *names):  # path / "" is path itself
                data = self._from_first(path / name)
                if data is not None and not self.first:
                    (near / name).parent.mkdir(exist_ok=True)
                    (near / name).write_bytes(data)
            yield near

    def _from_first(self, path):
        """The content of a file as rank 0 sees it; None if it cannot be read there."""
        data = None
        if self.first:
            with contextlib.suppress(OSError):  # rank 0 meets it again, where it opens the file
                data = np.frombuffer(path.read_bytes(), np.uint8)
        size = self._total(0 if data is None else len(data) + 1) - 1
        if size < 0:
            return None
        buffer = np.empty(size, np.uint8)
        if self.first:
            buffer[...] = data
        self._wait(self.comm.Ibcast(buffer))
        return buffer.tobytes()

    def meet(self):
        self._words = self._exchange(0, "")
        if any(code for code, _ in self._words):
            raise SystemExit(2)

    def leave(self, code, text):
        words = self._words
        if words is None or not any(code for code, _ in words):
            words = self._exchange(code, text)
        if words is None:
            self._abort(code, text)
        speaker = next((r for r, (_, text) in enumerate(words) if text), 0)
        text = words[speaker][1]
        if speaker:
            text = f"{self._name(speaker)}: {text}"
        return max(code for code, _ in words), text if self.first else ""

    def _exchange(self, code, text):
        """(code, text) of every rank; None if this one has an error and not all came in time."""
        mine, every = np.zeros(MESSAGE, np.uint8), np.empty((self.size, MESSAGE), np.uint8)
        data = f"{code} ".encode()
        data += text.encode()[-(MESSAGE - len(data)) :]  # a traceback ends with what happened
        mine[: len(data)] = np.frombuffer(data, np.uint8)
        request = self._control.Iallgather(mine, every)
        # The lowest rank with an error is the first to give up: the others then never speak.
        end = time.monotonic() + PATIENCE + 0.2 * min(self.rank, 50)
        while not request.Test():
            if code and time.monotonic() > end:
                return None
            time.sleep(0.005)  # not a busy wait: rank 0 may be drawing pictures
        lines = [bytes(row).rstrip(b"\0").decode(errors="replace") for row in every]
        return [(int(code), text) for code, _, text in (line.partition(" ") for line in lines)]

    def _name(self, rank):
        return f"rank {rank} of {self.size}"

    def _abort(self, code, text):
        """Ends all ranks: the others are waiting in an Allreduce for one that will not come."""
        name = f"{self._name(self.rank)}, on {platform.node()}"
        print(f"{name}: {text}", file=sys.__stderr__, flush=True)
        time.sleep(0.5)  # an abort may overtake the words on their way through the launcher
        self.comm.Abort(code)
        time.sleep(10)  # MPICH's returns; the launcher ends this process meanwhile
        os._exit(code)


@contextlib.contextmanager
def silent():
    """Within the block nothing is printed."""
    with (
        open(os.devnull, "w", encoding="utf-8", errors="replace") as nowhere,
        contextlib.redirect_stdout(nowhere),
        contextlib.redirect_stderr(nowhere),
    ):
        yield
