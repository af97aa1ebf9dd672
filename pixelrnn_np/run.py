"""The folder of a training run: what is written there, and how a run goes on.

config.json              model, data, settings; command, commit, versions, machine of each session
checkpoint.safetensors   weights, optimiser, generator state, position; what --resume reads
best.safetensors         the weights with the lowest validation nats; a model file
metrics.csv  loss.png  samples.png  scales.png (multi-scale)
"""

import csv
import io
import json
from pathlib import Path

from . import checkpoint, figures, provenance
from .models import from_arrays
from .training import COLUMNS

CHECKPOINT, BEST, CONFIG = "checkpoint.safetensors", "best.safetensors", "config.json"
LARGEST_CONFIG = 2**22  # bytes; a session takes up about one KiB


class Run:
    """One folder. `about` (what JSON holds: the data set's name and levels) goes into every file.

    baselines: {name: nats per image}, lines in the loss curve. Raises OSError if the folder cannot
    be made or written to.
    """

    def __init__(self, folder, about, baselines=None):
        self.folder, self.about, self.baselines = Path(folder), about, baselines or {}
        self._drawn = -1  # records in loss.png
        if self.folder.exists() and not self.folder.is_dir():
            raise NotADirectoryError(f"{self.folder} is a file; name a folder for the run")
        self.folder.mkdir(parents=True, exist_ok=True)
        probe = self.folder / ".writable"
        checkpoint.write_atomically(probe, b"")
        probe.unlink()

    @property
    def has_checkpoint(self):
        return (self.folder / CHECKPOINT).exists()

    def write_config(self, trainer, epochs):
        """Adds the session that begins now; one is what one `train` command did."""
        session = {**provenance.describe(), "threads": trainer.pool.threads,
                   "ranks": trainer.ranks.size, "hosts": trainer.ranks.hosts, "epochs": epochs,
                   "from_update": trainer.step_count}  # fmt: skip
        # What came after the checkpoint that this session goes on from is done again, and is lost.
        kept = [s for s in sessions(self.folder) if s["from_update"] < trainer.step_count]
        config = {
            "model": trainer.model.config, **self.about, "training": trainer.settings,
            "epochs": epochs, "sessions": [*kept, session],
        }  # fmt: skip
        text = json.dumps(config, indent=2) + "\n"
        checkpoint.write_atomically(self.folder / CONFIG, text.encode())

    def save_checkpoint(self, trainer):
        arrays, meta = trainer.state()
        arrays |= {f"weights.{k}": a for k, a in trainer.model.params.items()}
        meta = {"model": trainer.model.config, "trainer": meta, **self.about}
        checkpoint.save(self.folder / CHECKPOINT, arrays, meta)
        self._metrics(trainer.history)
        if len(trainer.history) != self._drawn:
            figures.save_loss_curve(self.folder / "loss.png", trainer.history, self.baselines)
            self._drawn = len(trainer.history)

    def save_best(self, trainer, nats):
        """Called while the model has the weights that were validated."""
        about = {**self.about, "valid_nats": nats, "updates": trainer.step_count}
        about = {"model": trainer.model.config, **about}
        checkpoint.save(self.folder / BEST, dict(trainer.model.params), about)

    def _metrics(self, history):
        text = io.StringIO()
        writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
        writer.writeheader()
        for h in history:
            writer.writerow({k: "" if v != v else v for k, v in h.items()})
        checkpoint.write_atomically(self.folder / "metrics.csv", text.getvalue().encode())


def sessions(folder):
    """What config.json says of each `train` command, oldest first; [] if it does not say."""
    path = Path(folder) / CONFIG
    try:
        if not path.is_file() or path.stat().st_size > LARGEST_CONFIG:
            return []
        config = json.loads(path.read_text())
        first = {k: config.get(k) for k in ("command", "versions", "threads", "epochs")}
        found = config.get("sessions", [{**first, "from_update": 0}])  # as it was before sessions
        json.dumps(found, indent=2)  # what is nested too deeply cannot be written again
        return [s for s in found if isinstance(s["from_update"], int)]
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return []


def load_checkpoint(folder):
    """The model, trainer arrays, trainer meta and the rest of a run's checkpoint.

    Raises OSError if it cannot be read, ValueError if it is damaged or foreign.
    """
    path = Path(folder) / CHECKPOINT
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
            path = path / BEST
        elif (path / CHECKPOINT).exists():
            model, _, _, meta = load_checkpoint(path)
            return model, meta
        else:
            raise FileNotFoundError(f"{path} holds no {BEST}; name the folder of a training run")
    arrays, meta = checkpoint.load(path)
    return from_arrays(arrays, meta, path), meta
