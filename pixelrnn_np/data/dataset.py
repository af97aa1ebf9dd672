"""What a data set tells about itself (§5: one image shape, one number of levels each)."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Dataset:
    """A data set, described without reading any of it.

    name: the key in `DATASETS`, and what `load_data` takes.
    description: one line.
    image_shape: (H, W, C).
    splits: {"train": N, ...}, the number of images of each split.
    levels: the number of values of a pixel unless another is asked for.
    allowed_levels: (smallest, largest) number that may be asked for.
    loader: loader(split, levels, rng) -> uint8 (N, H, W, C) in [0, levels). The arguments are
        already validated; rng is a numpy Generator if stochastic=True was asked for, else None.
    stochastic: whether the set offers stochastic binarisation.
    where: where(split) -> what `loader` would read, unverified: a path, or words for what comes
        with a library; None if it is not here.
    fingerprint: SHA-256 of pictures of one's own; None for published data, which have no other.
    """

    name: str
    description: str
    image_shape: tuple[int, int, int]
    splits: dict[str, int]
    levels: int
    allowed_levels: tuple[int, int]
    loader: Callable
    stochastic: bool = False
    where: Callable = lambda split: "inside scikit-learn"
    fingerprint: str | None = None
