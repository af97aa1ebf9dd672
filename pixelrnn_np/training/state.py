"""What a checkpoint holds of a Trainer besides the weights. Not the paper."""

import math

import numpy as np

from ..arguments import check_int

COLUMNS = ("step", "epoch", "images", "seconds", "cpu_seconds", "lr", "train", "valid")


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
