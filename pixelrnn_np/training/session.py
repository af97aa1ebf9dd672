"""What `fit(run=…)` takes: a Run, the path of one, or None. Not the paper.

Training knows no files. runs/run.py puts its own Run in `open_run`, so that a path is enough.
"""

import contextlib
import os
from typing import Protocol

from ..arguments import shown

open_run = None


class Keeps(Protocol):
    """A run: it keeps what a trainer hands it. `begin(trainer, epochs)`, if it has that, is first.

    Each raises OSError if it cannot write.
    """

    def save_checkpoint(self, trainer) -> None: ...

    def save_best(self, trainer, nats: float) -> None: ...


@contextlib.contextmanager
def opened(run, trainer, epochs):
    """The run in which `trainer` trains within the block; one of a path is closed after it.

    Of several ranks only rank 0 has one. Raises ValueError if `run` is none of these, or is closed,
    and for a path where another trainer's run is.
    """
    if run is not None and not isinstance(run, (str, os.PathLike)):
        if not hasattr(run, "save_checkpoint"):
            raise ValueError(
                f"run is {shown(run)}; it has to be a Run, the path of a folder, or None"
            )
        if hasattr(run, "begin"):
            run.begin(trainer, epochs)
        yield run
    elif run is None or not trainer.ranks.first:
        yield None
    else:
        with open_run(run, fresh=trainer.step_count == 0) as made:
            made.begin(trainer, epochs)
            yield made
