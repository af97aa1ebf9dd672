"""The folder of a training run: one writer, what it writes, and what it mends. Not the paper."""

import csv
import gc
import io
import json
import math
import os
import sys
import weakref

from tqdm import tqdm

from .. import checkpoint, figures
from ..arguments import check_number
from ..console import brief
from ..training import session as training_session
from ..training.state import COLUMNS
from . import provenance
from .folder import Lock, remove_leftovers, set_aside
from .reading import (
    BEST,
    CHECKPOINT,
    CONFIG,
    CURVE,
    FILES,
    METRICS,
    PREVIOUS,
    has_checkpoint,
    load_run,
    recorded,
    sessions,
)

_left_open = weakref.WeakValueDictionary()  # {(process, folder): Run}


class Run:
    """The folder of a training run, for `Trainer.fit`.

    `fit` writes there as it goes. `checkpoint.safetensors` has all that is needed to go on.
    `best.safetensors` is a model file: the weights with the lowest validation nats, for `pr.load`.
    `config.json`, `metrics.csv` and `loss.png` tell what was done. The commands take the folder.

    Parameters
    ----------
    folder : str or path
        It is made if it is missing. No other run can write there until `close()`, or the end of
        a `with` block. A Run of the same folder that this process has left open is closed, so
        that a notebook's cell can be run again.
    about : dict, optional
        What JSON can hold, such as {"data": {"name": "digits", "levels": 17}}. It goes into every
        file.
    baselines : dict of str to float, optional
        Nats per image by name: lines in the loss curve.

    Raises
    ------
    OSError
        The folder cannot be made or written to.
    ValueError
        Another run is writing there, JSON cannot hold `about`, or a baseline is no number.

    Examples
    --------
    >>> import tempfile
    >>> model = pr.build_model("pixelcnn", (4, 4, 1), h=2, layers=1)
    >>> x = np.ones((16, 4, 4, 1), np.uint8)
    >>> with tempfile.TemporaryDirectory() as folder, pr.Run(folder) as run:
    ...     records = pr.Trainer(model).fit(x, x, epochs=1, run=run, progress=False)
    ...     best = pr.load(f"{folder}/best.safetensors")
    >>> np.array_equal(best.flat, model.flat)
    True
    """

    def __init__(
        self,
        folder: str | os.PathLike,
        about: dict | None = None,
        baselines: dict[str, float] | None = None,
    ) -> None:
        self.folder = checkpoint.as_path(folder, "folder")
        self.about = checkpoint.as_json("about", {} if about is None else about)
        self.baselines = checkpoint.as_json("baselines", {} if baselines is None else baselines)
        for name, nats in self.baselines.items():
            check_number(f"baselines[{name!r}]", nats, -math.inf, math.inf)
        self._in_block = False
        self.sessions = []
        self.unwritten = {}  # of what is made from the checkpoint: {name: OSError}
        self._drawn, self._undrawable = -1, False  # records in loss.png; whether drawing failed
        if self.folder.exists() and not self.folder.is_dir():
            raise NotADirectoryError(f"{self.folder} is a file; name a folder for the run")
        place = os.getpid(), self.folder.resolve()
        if (older := _left_open.get(place)) is not None and not older._in_block:
            older.close()
        lock = Lock(self.folder)
        self.close = weakref.finalize(self, lock.release)
        _left_open[place] = self
        if not lock.held:
            self._say("its file system has no locks; make sure that no other run writes there")
        remove_leftovers(self.folder, FILES)

    def __enter__(self):
        self._in_block = True
        return self

    def __exit__(self, *_):
        self._in_block = False
        self.close()

    def require_open(self):
        """ValueError if this Run no longer has its folder."""
        if not self.close.alive:
            raise ValueError(
                f"this Run of {self.folder} is closed, by itself or by a newer one of this "
                f"process; make another: pr.Run({str(self.folder)!r})"
            )

    def begin(self, trainer, epochs):
        """What `fit` calls first. Raises ValueError if this Run no longer has its folder."""
        self.require_open()
        if not self.sessions:  # the command line has written them, with what it knows besides
            self.write_config(trainer, epochs)

    @property
    def has_checkpoint(self):
        return has_checkpoint(self.folder)

    def write_config(self, trainer, epochs):
        """Adds the session that begins now; one is what one `train` command did, or one `fit`."""
        self.require_open()
        session = {**provenance.describe(), "threads": trainer.pool.threads,
                   "ranks": trainer.ranks.size, "hosts": trainer.ranks.hosts, "epochs": epochs,
                   "from_update": trainer.step_count}  # fmt: skip
        # What came after the checkpoint that this session goes on from is done again, and is lost.
        kept = [s for s in sessions(self.folder) if s["from_update"] < trainer.step_count]
        self.sessions = [*kept, session]
        path = self.folder / CONFIG
        if path.exists() and recorded(path) is None:
            self._set_aside(path, "it is damaged")
        config = {
            "model": trainer.model.config, **self.about, "training": trainer.settings,
            "epochs": epochs, "sessions": self.sessions,
        }  # fmt: skip
        text = json.dumps(config, indent=2) + "\n"
        checkpoint.write_atomically(path, text.encode())

    def save_checkpoint(self, trainer):
        """Keeps the one before as well. Raises OSError; what was there is then as it was.

        What is made from it, metrics and curve, does not stop training: a failure is said, kept in
        `unwritten`, and tried again with the next checkpoint.
        """
        self.require_open()
        arrays, meta = trainer.state()
        arrays |= {f"weights.{k}": a for k, a in trainer.model.params.items()}
        meta = {"model": trainer.model.config, "trainer": meta, **self.about,
                "sessions": self.sessions}  # fmt: skip
        checkpoint.save(self.folder / CHECKPOINT, arrays, meta, self._keep_previous)
        self._write_metrics_and_curve(trainer.history)

    def _keep_previous(self):
        path = self.folder / CHECKPOINT
        if not path.exists():
            return
        try:
            checkpoint.load(path)
        except (OSError, ValueError) as e:
            self._set_aside(path, e)  # it must not take the place of a whole one
        else:
            path.replace(self.folder / PREVIOUS)

    def save_best(self, trainer, nats):
        """Writes the trainer's best weights, which have `nats` in validation."""
        self.require_open()
        about = {**self.about, "valid_nats": nats, "updates": trainer.best_updates}
        about = {"model": trainer.model.config, **about}
        weights = trainer.model.unflatten(trainer.best_weights)
        checkpoint.save(self.folder / BEST, weights, about)

    def repair(self, trainer, unusable):
        """Sets aside what is damaged, and makes again what the trainer's checkpoint can give.

        unusable: {path: why} of checkpoints that were newer than the trainer's.
        """
        for path, why in unusable.items():
            if path.exists():
                self._set_aside(path, why)
            else:
                self._say(f"{path} is missing")
            self._say(f"going on from the checkpoint before, after update {trainer.step_count}")
        best = self._whole_best(trainer)
        if trainer.best_weights is not None and (best is None or self._other_data(best)):
            self.save_best(trainer, trainer.best)
            if best is None:
                self._say(f"{BEST} was made again from the checkpoint")
        if trainer.step_count:
            self._write_metrics_and_curve(trainer.history)

    def _other_data(self, best):
        """Whether best weights name another place of the data than this session does."""
        return "data" in self.about and best.get("data") != self.about["data"]

    def _whole_best(self, trainer):
        """What is said of the best weights; None if they are missing, damaged or another run's."""
        path = self.folder / BEST
        if not path.exists():
            return None
        try:
            model, meta = load_run(path)
        except ValueError as e:
            self._set_aside(path, e)
            return None
        updates, known = meta.get("updates"), trainer.best_updates
        if model.config == trainer.model.config and known in (None, updates):
            return meta
        self._set_aside(path, "it belongs to another run, or to another checkpoint")
        return None

    def keep_old_best(self):
        """Before a run that starts afresh: best weights without a checkpoint keep their numbers."""
        if (self.folder / BEST).exists():
            self._set_aside(self.folder / BEST, "it has no checkpoint", "old")

    def _set_aside(self, path, why, kind="damaged"):
        self._say(f"{path} is set aside as {set_aside(path, kind).name}: {why}")

    def _say(self, text):
        tqdm.write(f"{self.folder}: {text}", file=sys.stderr)

    def _write_metrics_and_curve(self, history):
        self._attempt(METRICS, lambda path: checkpoint.write_atomically(path, _table(history)))
        if len(history) != self._drawn and self._attempt(CURVE, lambda p: self._draw(p, history)):
            self._drawn = len(history)
            gc.collect()  # a figure is a megabyte of cyclic garbage

    def _draw(self, path, history):
        try:
            figures.save_loss_curve(path, history, self.baselines)
        except OSError:
            raise
        except Exception as e:  # whatever matplotlib meets on this machine: it is only a picture
            if not self._undrawable:
                self._say(f"{CURVE} could not be drawn ({brief(e)}); training goes on")
            self._undrawable = True

    def _attempt(self, name, write):
        try:
            write(self.folder / name)
        except OSError as e:
            if name not in self.unwritten:
                self._say(f"{name} could not be written ({e.strerror or e}); training goes on")
            self.unwritten[name] = e
            return False
        self.unwritten.pop(name, None)
        return True


def open_run(folder, fresh):
    """The Run of `fit(run=folder)`; ValueError if a fresh trainer finds another's checkpoint."""
    if fresh and has_checkpoint(folder):
        raise ValueError(f"{folder} holds a run already; name another folder, or remove it first")
    return Run(folder)


training_session.open_run = open_run


def _table(history):
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for record in history:
        writer.writerow({k: "" if v != v else v for k, v in record.items()})
    return text.getvalue().encode()
