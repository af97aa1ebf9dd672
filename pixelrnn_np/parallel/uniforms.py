"""Random numbers that do not depend on how images are shared out. Not the paper."""

import copy

import numpy as np

from ..arguments import check_int


def generator(seed):
    """The Generator of an int seed, of None (new every time), or `seed` itself if it is one."""
    if seed is None or isinstance(seed, np.random.Generator):
        return np.random.default_rng(seed)
    if isinstance(seed, np.random.RandomState):
        raise ValueError(
            "seed is a RandomState; it has to be an int, a numpy.random.Generator or None"
        )
    return np.random.default_rng(check_int("seed", seed, 0, 2**63))


class Uniforms:
    """The numbers of n images that a Generator would give, from its present state on.

    Every part of the images takes those of all, and uses its own: a few hundredths of its work.
    """

    def __init__(self, rng, n):
        self.start, self.n = copy.deepcopy(rng), n

    def of(self, part):
        """rows(width, channels): the next row's numbers for these images, (n, W, C)."""
        rng = copy.deepcopy(self.start)
        return lambda width, channels: rng.random((self.n, width, channels))[part]
