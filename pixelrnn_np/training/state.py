"""What a checkpoint holds of a Trainer besides the weights. Not the paper."""

import copy
import math

import numpy as np

from ..arguments import check_int

COLUMNS = ("step", "epoch", "images", "seconds", "cpu_seconds", "lr", "train", "valid")


def nobody():
    """Whether somebody asked to stop, outside of `fit`."""
    return False


class State:
    """A part of Trainer: copies of it, and what a checkpoint holds."""

    def __getstate__(self):
        # A copy trains for itself: it answers nobody, and shows nothing.
        return {**self.__dict__, "_asked": nobody, "_on_record": None, "_bar": None}

    def __setstate__(self, state):
        self.__dict__.update(state)
        arrays = self.optimizer.arrays  # what pickle gives may be read-only
        arrays.update({name: a.copy() for name, a in arrays.items()})
        self.average = None if self.average is None else self.average.copy()

    def __copy__(self):
        return copy.deepcopy(self)  # two trainers of one model would undo each other's work

    def state(self) -> tuple[dict, dict]:
        """Everything besides the weights that a resumed run needs.

        Returns
        -------
        arrays : dict of ndarray
            The optimiser's arrays, the average, the best weights, the records.
        meta : dict
            Settings, position, generator state: what JSON can hold.

        Examples
        --------
        >>> model = pr.build_model("pixelcnn", (4, 4, 1), h=2, layers=1)
        >>> arrays, meta = pr.Trainer(model).state()
        >>> sorted(arrays), meta["step_count"]
        (['history', 'optimizer.square'], 0)
        """
        return gather(self)

    def restore(self, arrays: dict, meta: dict) -> None:
        """The inverse of `state`.

        Parameters
        ----------
        arrays, meta : dict
            What `state` gave, from a trainer with the same settings and a model of the same size.

        Raises
        ------
        ValueError
            The state is another trainer's, or damaged.

        Examples
        --------
        >>> model = pr.build_model("pixelcnn", (4, 4, 1), h=2, layers=1)
        >>> trainer, other = pr.Trainer(model), pr.Trainer(model)
        >>> nats = trainer.step(np.ones((2, 4, 4, 1), np.uint8))
        >>> other.restore(*trainer.state())
        >>> other.step_count
        1
        """
        restore(self, arrays, meta)


def gather(trainer):
    """Everything a resumed run needs besides the weights: arrays, and what JSON holds."""
    arrays = {f"optimizer.{k}": a for k, a in trainer.optimizer.arrays.items()}
    arrays["history"] = np.array(
        [[record[name] for name in COLUMNS] for record in trainer.history], np.float64
    ).reshape(-1, len(COLUMNS))
    if trainer.average is not None:
        arrays["average"] = trainer.average
    if trainer.best_weights is not None:
        arrays["best"] = trainer.best_weights
    meta = {
        "settings": trainer.settings, "order_state": trainer.order_state, "sums": trainer.sums,
        "best": None if math.isinf(trainer.best) else trainer.best,
        "best_updates": trainer.best_updates, "images": trainer.images,
        "seconds": trainer.seconds, "cpu_seconds": trainer.cpu_seconds,
        "step_count": trainer.step_count, "epoch": trainer.epoch, "position": trainer.position,
    }  # fmt: skip
    return arrays, meta


def restore(trainer, arrays, meta):
    """The inverse of `gather`; ValueError if the state is another trainer's or damaged."""
    try:
        for name, a in trainer.optimizer.arrays.items():
            copy_into(a, arrays[f"optimizer.{name}"])
        if trainer.average is not None:
            copy_into(trainer.average, arrays["average"])
        trainer.rng.bit_generator.state = meta["order_state"]
        trainer.order_state = trainer.rng.bit_generator.state
        trainer.sums = [float(meta["sums"][0]), int(meta["sums"][1])]
        for name in ("step_count", "epoch", "position", "images"):
            setattr(trainer, name, check_int(name, meta[name], 0, 2**62))
        trainer.seconds = float(meta["seconds"])
        _restore_best(trainer, arrays, meta)
        trainer.cpu_seconds = float(meta.get("cpu_seconds", math.nan))
        history = arrays["history"]
        if history.shape[1:] == (len(COLUMNS) - 1,):  # from before CPU time was recorded
            history = np.insert(history, COLUMNS.index("cpu_seconds"), math.nan, axis=1)
        rows = history.reshape(-1, len(COLUMNS)).tolist()
        trainer.history = [dict(zip(COLUMNS, row, strict=True)) for row in rows]
        for record in trainer.history:
            record.update({k: int(record[k]) for k in ("step", "epoch", "images")})
    except (LookupError, TypeError, AttributeError, ValueError, OverflowError) as e:
        raise ValueError(f"the checkpoint's trainer is damaged or incomplete: {e}") from None


def _restore_best(trainer, arrays, meta):
    """Checkpoints of before this was kept have the nats alone."""
    trainer.best = math.inf if meta["best"] is None else float(meta["best"])
    trainer.best_weights = trainer.best_updates = None
    if "best" in arrays:
        trainer.best_updates = check_int("best_updates", meta["best_updates"], 0, 2**62)
        trainer.best_weights = np.empty_like(trainer.model.flat)
        copy_into(trainer.best_weights, arrays["best"])


def copy_into(target, source):
    if target.shape != source.shape or target.dtype != source.dtype:
        raise ValueError(
            f"an array is {source.dtype} {source.shape}, not {target.dtype} {target.shape}"
        )
    target[...] = source
