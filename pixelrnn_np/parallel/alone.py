"""What a trainer or a sampler asks of its ranks, and the answers of one process. Not the paper.

ranks.py has those of several.
"""

import contextlib

import numpy as np

from .threads import available_threads, cut


class Alone:
    """One process: nobody to share with."""

    rank, size, hosts = 0, 1, 1

    @property
    def first(self):
        """Whether this is rank 0, which alone writes and speaks."""
        return self.rank == 0

    def threads(self, wanted=None):
        """How many threads this rank uses: `wanted`, or the processors that fall to it."""
        return available_threads() if wanted is None else wanted

    def part(self, items):
        """This rank's share of a list: consecutive items, the first ranks' shares never smaller."""
        low, high = (-(-r * len(items) // self.size) for r in (self.rank, self.rank + 1))
        return items[low:high]

    def nats(self, function, count, size):
        """function(slice(0, count)), of which each rank does some of the shards of `size`.

        function: slice of images → float64 (images,).
        """
        shards = self.part(cut(count, size))
        mine = slice(shards[0].start, shards[-1].stop) if shards else None
        return self.gather(np.empty(0) if mine is None else function(mine))

    def gather(self, part):
        """The ranks' arrays, one after the other; they differ in the length of axis 0 only."""
        return part

    def sum_step(self, nats, g, place, count, stop):
        """The ranks' sums, by one Allreduce: nats (count,), gradient, whether any says stop.

        nats: of this rank's images, float64; place: the index of the first one among `count`.
        """
        return nats, g, stop

    def alike(self, arrays):
        """Gives all ranks rank 0's values where their bits differ; returns whether they did."""
        return False

    def check_same(self, **values):
        """ValueError on all ranks if one has other bytes than rank 0 under one of the names."""

    @contextlib.contextmanager
    def mirrored(self, path, names=()):
        """The path under which this rank reads the file `path`, or the files `names` in it.

        It is `path` on rank 0; the others, whose machine may not have it, get a copy.
        """
        yield path

    def meet(self):
        """Waits for all ranks; SystemExit where one of them came with an error."""

    def first_then_all(self, load):
        """load(), on rank 0 before the others: what it downloads lies in the cache for them."""
        if self.first:
            loaded = load()
        self.meet()
        if not self.first:
            loaded = load()
        self.meet()
        return loaded

    def leave(self, code, text):
        """The last words, which all ranks exchange: the job's exit code, and what to print here."""
        return code, text
