"""The files of a training run, and how they are read.

config.json                      model, data, settings; command, commit, versions, machine of each
                                 session
checkpoint.safetensors           weights, best weights, optimiser, generator state, position,
                                 history: all that --resume needs, and from which the rest is made
checkpoint.previous.safetensors  the one before
best.safetensors                 the weights with the lowest validation nats; a model file
metrics.csv  loss.png  samples.png  scales.png (multi-scale)
"""

import json
from pathlib import Path

from .. import checkpoint
from ..models import from_arrays

CHECKPOINT, PREVIOUS = "checkpoint.safetensors", "checkpoint.previous.safetensors"
BEST, CONFIG, METRICS, CURVE = "best.safetensors", "config.json", "metrics.csv", "loss.png"
FILES = (CHECKPOINT, PREVIOUS, BEST, CONFIG, METRICS, CURVE, "samples.png", "scales.png")
LARGEST_CONFIG = 2**22  # bytes; a session takes up about one KiB


def has_checkpoint(folder):
    return any((Path(folder) / name).exists() for name in (CHECKPOINT, PREVIOUS))


def sessions(folder):
    """What config.json, or else the checkpoint, says of each `train` command, oldest first."""
    found = recorded(Path(folder) / CONFIG)
    if found is None:
        try:
            found = _valid(load_checkpoint(folder)[3].get("sessions"))
        except (OSError, ValueError):
            found = None
    return found or []


def recorded(path):
    """The sessions in config.json; None if it cannot be read."""
    try:
        if not path.is_file() or path.stat().st_size > LARGEST_CONFIG:
            return None
        config = json.loads(path.read_text())
        first = {k: config.get(k) for k in ("command", "versions", "threads", "epochs")}
        found = config.get("sessions", [{**first, "from_update": 0}])  # as it was before sessions
        json.dumps(found, indent=2)  # what is nested too deeply cannot be written again
        return _valid(found)
    except (OSError, ValueError, AttributeError, RecursionError):
        return None


def _valid(found):
    if not isinstance(found, list):
        return None
    good = all(isinstance(s, dict) and isinstance(s.get("from_update"), int) for s in found)
    return found if good else None


def newest(folder, read, unusable=None):
    """read(path) of the newest checkpoint that `read` can read; nothing is changed.

    unusable: a dict that receives {path: why} of one that is newer, but damaged or missing. Raises
    OSError or ValueError, which say what to do, if there is none.
    """
    path, previous = (Path(folder) / name for name in (CHECKPOINT, PREVIOUS))
    errors = {}
    for candidate in (path, previous) if previous.exists() else (path,):
        try:
            found = read(candidate)
        except PermissionError:
            raise
        except (OSError, ValueError) as e:
            errors[candidate] = e
        else:
            if unusable is not None:
                unusable.update(errors)
            return found
    if not has_checkpoint(folder):
        raise errors[path]
    init = f" --init {Path(folder) / BEST}" if (Path(folder) / BEST).exists() else ""
    why = "; ".join(str(e) for e in errors.values())
    raise ValueError(
        f"{why}. Nothing was changed. Put back a copy, or start a new run with another --out{init}"
    )


def load_checkpoint(folder):
    """The model, trainer arrays, trainer meta and the rest of a run's newest whole checkpoint.

    Raises OSError if there is none that can be read, ValueError if all are damaged or foreign.
    """
    return newest(folder, read_checkpoint)


def read_checkpoint(path):
    """The same of one file. Raises OSError and ValueError."""
    arrays, meta = checkpoint.load(path)
    start = "weights."
    weights = {k[len(start) :]: a for k, a in arrays.items() if k.startswith(start)}
    model = from_arrays(weights, meta, path)
    state = meta.get("trainer")
    if not isinstance(state, dict) or not isinstance(state.get("settings"), dict):
        raise ValueError(f"{path} holds a model but no state of a trainer")
    rest = {k: a for k, a in arrays.items() if not k.startswith(start)}
    return model, rest, state, meta


def load_run(path):
    """(model, meta) of a run's folder (its best weights) or of a model file."""
    path = Path(path)
    if path.is_dir():
        if (path / BEST).exists():
            return _load_best(path)
        if has_checkpoint(path):
            model, _, _, meta = load_checkpoint(path)
            return model, meta
        raise FileNotFoundError(f"{path} holds no {BEST}; name the folder of a training run")
    arrays, meta = checkpoint.load(path)
    return from_arrays(arrays, meta, path), meta


def _load_best(folder):
    try:
        return load_run(folder / BEST)
    except ValueError as e:
        if not has_checkpoint(folder):
            raise
        again = f"train --out {folder} --resume makes it again from the checkpoint"
        raise ValueError(f"{e}; {again}") from None
