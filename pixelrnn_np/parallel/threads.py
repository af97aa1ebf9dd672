"""Shares out the shards of a batch among threads. It changes speed and not one bit of the result.

How a batch is cut depends on the model alone (`Model.shard_size`); results come back in the order
of the shards. Every worker has a workspace of its own, inherits the caller's backend, and runs
BLAS on one thread: one shard per thread beat both threaded BLAS and Numba's parallel loops.
"""

import contextvars
import functools
import os
from concurrent.futures import ThreadPoolExecutor, wait

from .. import memory
from ..arguments import check_int, shown

MOST_THREADS = 1024


def available_threads():
    """The processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@functools.cache
def _blas():
    import scipy.linalg.cython_blas  # noqa: F401  the BLAS that Numba's np.dot calls
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def blas_in_use():
    """Which BLAS multiplies matrices: "openblas 0.3.29 SkylakeX", several joined by commas."""
    found = [b for b in _blas().info() if b["user_api"] == "blas"]
    names = (f"{b['internal_api']} {b['version']} {b.get('architecture', '')}" for b in found)
    return ", ".join(sorted({name.strip() for name in names}))


def one_blas_thread():
    """Within the block BLAS runs on one thread, so that no sum depends on the number of cores."""
    return _blas().limit(limits=1, user_api="blas")


class Pool:
    """`map` over shards with `threads` threads (None: all processors that this process may use).

    Raises ValueError unless threads is None or an int from 1 to 1024.
    """

    def __init__(self, threads=None):
        wanted = available_threads() if threads is None else threads
        try:
            self.threads = check_int("threads", wanted, 1, MOST_THREADS)
        except ValueError:
            raise ValueError(
                f"threads is {shown(threads)}; it has to be an int from 1 to "
                f"{MOST_THREADS}, or None"
            ) from None
        self._spaces = [memory.Workspace() for _ in range(self.threads)]
        self._executors, self._process = [], os.getpid()  # executors of one thread each

    def __reduce__(self):
        return Pool, (self.threads,)  # a copy has threads and memory of its own

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for executor in self._executors:
            executor.shutdown()
        self._executors = []

    def map(self, function, shards):
        """[function(s) for s in shards]; what it returns must not live in the workspace.

        `function` must not change the weights: what is prepared of them is shared (memory.once).
        """
        shards = list(shards)
        workers = min(self.threads, len(shards))
        with one_blas_thread(), memory.sharing():
            if workers <= 1:
                return [self._run(0, function, s) for s in shards]
            return self._threaded(function, shards, workers)

    def _threaded(self, function, shards, workers):
        if self._process != os.getpid():  # threads are lost in a fork
            self._executors, self._process = [], os.getpid()
        results = [None] * len(shards)
        queue = iter(range(len(shards)))  # next() on a range iterator is atomic

        def work(slot):
            try:
                for i in queue:
                    results[i] = self._run(slot, function, shards[i])
            except BaseException:
                for _ in queue:  # the others end with the shard that they have in hand
                    pass
                raise

        futures = [
            executor.submit(contextvars.copy_context().run, work, slot)
            for slot, executor in enumerate(self._helpers(workers - 1), 1)
        ]
        try:
            work(0)
        finally:
            wait(futures)  # also after an error: nobody may be at work in memory that is used again
        for future in futures:
            future.result()
        return results

    def _helpers(self, count):
        """Up to `count` threads beside the caller's: fewer where the system allows no more."""
        while len(self._executors) < count:
            executor = ThreadPoolExecutor(1, "pixelrnn")
            try:
                executor.submit(int)  # starts the thread, or fails, before there is work for it
            except RuntimeError:
                break
            self._executors.append(executor)
        return self._executors[:count]

    def _run(self, slot, function, shard):
        with memory.workspace(self._spaces[slot]):
            return function(shard)


def cut(count, size):
    """Slices of at most `size` that cover range(count), in order."""
    return [slice(i, min(i + size, count)) for i in range(0, count, size)]
