"""What `fit(run=…)` takes: a Run, the path of one, or None. Not the paper."""

import contextlib
import os

from .run import Run, has_checkpoint


@contextlib.contextmanager
def opened(run, trainer, epochs):
    """The Run in which `trainer` trains within the block; one of a path is closed behind it.

    Of several ranks only rank 0 has one. Raises ValueError if `run` is none of these, or is closed,
    and for a path where another trainer's run is.
    """
    if isinstance(run, (str, os.PathLike)):
        with _new(run, trainer) if trainer.ranks.first else contextlib.nullcontext() as made:
            yield _begun(made, trainer, epochs)
        return
    if run is not None and not hasattr(run, "save_checkpoint"):
        raise ValueError(f"run is {run!r}; it has to be a Run, the path of a folder, or None")
    yield _begun(run, trainer, epochs)


def _new(path, trainer):
    if trainer.step_count == 0 and has_checkpoint(path):
        raise ValueError(f"{path} holds a run already; name another folder, or remove it first")
    return Run(path)


def _begun(run, trainer, epochs):
    if isinstance(run, Run):
        run.require_open()
        if not run.sessions:  # the command line has written them, with what it knows besides
            run.write_config(trainer, epochs)
    return run
