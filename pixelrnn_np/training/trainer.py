"""§5.2 Training: a trainer's settings and state, and the loop. update.py has one update."""

import contextlib
import math
import time
from collections.abc import Callable
from os import PathLike

import numpy as np

from ..arguments import check_int, check_number, choose
from ..models.base import Model, require_model
from ..models.checks import check_images
from ..parallel.alone import Alone
from ..parallel.threads import Pool
from .interrupts import stop_requests
from .optim import OPTIMIZERS, SCHEDULES, build_optimizer, matrices
from .progress import Progress
from .records import Records
from .session import Keeps, opened
from .state import COLUMNS, State, nobody
from .update import Diverged, Update

__all__ = ["COLUMNS", "Diverged", "Trainer"]


class Trainer(Update, Records, State):
    """Updates a model, one batch at a time, and keeps all that a resumed run needs.

    Parameters
    ----------
    model : Model
        What to train, in place.
    optimizer : {"rmsprop", "adam", "soap"}
        "rmsprop" is the paper's, and wants a rate near 0.001; "adam" and "soap" one near 0.003.
    lr : float
        Learning rate, above 0.
    threads : int, optional
        None: all processors. It changes speed, and not one bit of the result.
    batch_size : int
        Images per update in `fit`. The paper has 16.
    clip : float
        Bound of each entry of the gradient of the nats per dimension.
    schedule : {"constant", "cosine"}
        How the rate goes on after `warmup` updates of linear growth.
    warmup : int
        Updates of growing rate.
    weight_decay : float
        Each update takes lr · weight_decay of every kernel off it. 0: none.
    dropout : float
        Share of each block's inner features that a shard of the batch leaves out. 0: none.
    total_steps : int, optional
        The update at which "cosine" ends. `fit` fills it in.
    ema : float
        Decay of the moving average of the weights, which is then what is validated and kept.
        0: none.
    seed : int
        Of the shuffling and of dropout.
    scale : int, optional
        Of a multi-scale model, the one network to train; 0 is the smallest. None: all.
    ranks : Ranks, optional
        None: this process alone. `pixelrnn_np.parallel.ranks.world()`: all ranks of an MPI job.
        They call the same methods with the same arguments, and hold the same weights after each.

    Raises
    ------
    ValueError
        A value is out of range. The message says what is allowed.

    Notes
    -----
    Section 5.2. Averaging, SOAP, weight decay, dropout and the cosine are not the paper's.

    Examples
    --------
    >>> model = pr.build_model("pixelcnn", (4, 4, 1), h=2, layers=1)
    >>> trainer = pr.Trainer(model, "adam", 0.003)
    >>> x = np.random.default_rng(0).integers(0, 2, (32, 4, 4, 1), np.uint8)
    >>> records = trainer.fit(x, epochs=2, progress=False)
    >>> [record["step"] for record in records]
    [2, 4]
    """

    def __init__(
        self,
        model: Model,
        optimizer: str = "rmsprop",
        lr: float = 1e-3,
        threads: int | None = None,
        *,
        batch_size: int = 16,
        clip: float = 1.0,
        schedule: str = "constant",
        warmup: int = 0,
        weight_decay: float = 0.0,
        dropout: float = 0.0,
        total_steps: int | None = None,
        ema: float = 0.0,
        seed: int = 0,
        scale: int | None = None,
        ranks: Alone | None = None,
    ) -> None:
        self.model, self.ranks = require_model(model), ranks or Alone()
        self.settings = {
            "optimizer": choose("optimizer", optimizer, tuple(OPTIMIZERS)),
            "lr": check_number("lr", lr, 0, math.inf),
            "batch_size": check_int("batch_size", batch_size, 1, 10**6),
            "clip": check_number("clip", clip, 0, math.inf),
            "schedule": choose("schedule", schedule, SCHEDULES),
            "warmup": check_int("warmup", warmup, 0, 10**9),
            "weight_decay": check_number("weight_decay", weight_decay, 0, 1e3, low_too=True),
            "dropout": check_number("dropout", dropout, 0, 1, low_too=True),
            "ema": check_number("ema", ema, 0, 1, low_too=True),
            "seed": check_int("seed", seed, 0, 2**63),
            "scale": self._scale(scale),
        }
        self.pool = Pool(self.ranks.threads(threads))
        self.optimizer = build_optimizer(optimizer, model.flat.size, model.dtype, matrices(model))
        self.average = model.flat.copy() if ema > 0 else None
        self.rng = np.random.default_rng(self.settings["seed"])
        self.order_state = self.rng.bit_generator.state
        if total_steps is not None:
            total_steps = check_int("total_steps", total_steps, 1, 10**12)
        self.total_steps = total_steps
        self.step_count = self.epoch = self.position = 0
        self.interrupted = self._agreed = False
        self._asked, self._on_record, self._bar = nobody, None, None
        self.sums = [0.0, 0]  # nats and images since the last record
        self.images, self.seconds, self.cpu_seconds = 0, 0.0, 0.0
        self.history, self.best = [], math.inf
        self.best_weights = self.best_updates = None  # those with `best` nats, and when

    def _scale(self, scale):
        networks = len(getattr(self.model, "networks", ()))
        if scale is None:
            return None
        if networks == 0:
            raise ValueError(f"scale is {scale}; a {self.model.name} has no scales: leave it None")
        return check_int("scale", scale, 0, networks - 1)

    def fit(
        self,
        train: np.ndarray,
        valid: np.ndarray | None = None,
        epochs: int = 10,
        *,
        run: Keeps | str | PathLike | None = None,
        on_record: Callable[[dict], object] | None = None,
        log_every: int = 100,
        checkpoint_every: int = 500,
        progress: bool = True,
    ) -> list[dict]:
        """Trains until `epochs` passes over `train` are done, counted from the very first.

        Ctrl-C ends the update under way, saves, and returns.

        Parameters
        ----------
        train : ndarray, uint8 (N, H, W, C)
            The training images. A new model first predicts the shares of their values
            (`Model.start_at`).
        valid : ndarray, uint8 (N, H, W, C), optional
            The validation images. They choose the best weights.
        epochs : int
            Passes over `train`.
        run : Run, str or path, optional
            A `Run`, or the path of its folder. It receives checkpoints, metrics and pictures.
        on_record : callable, optional
            It is given each record as it is made.
        log_every : int
            Updates between records. Each epoch ends with one.
        checkpoint_every : int
            Updates between checkpoints. Each epoch ends with one.
        progress : bool
            Whether to show a bar.

        Returns
        -------
        list of dict
            The records, with the keys step, epoch, images, seconds, cpu_seconds, lr, train and
            valid. Losses are in nats per image, NaN where there is none.

        Raises
        ------
        ValueError
            An argument is bad, or `run` is in use by another run.
        Diverged
            The loss, the gradient or a weight is not finite. The last good checkpoint stays.

        Notes
        -----
        Section 5.2. Of several ranks only rank 0 writes the run, hands on records, shows a bar.

        Examples
        --------
        >>> model = pr.build_model("pixelcnn", (4, 4, 1), h=2, layers=1)
        >>> x = np.random.default_rng(0).integers(0, 2, (32, 4, 4, 1), np.uint8)
        >>> trainer = pr.Trainer(model, "soap", 0.003)
        >>> records = trainer.fit(x[:16], x[16:], epochs=3, progress=False)
        >>> len(records), trainer.best == min(record["valid"] for record in records)
        (3, True)
        """
        epochs = check_int("epochs", epochs, 1, 10**6)
        log_every = check_int("log_every", log_every, 1, 10**9)
        checkpoint_every = check_int("checkpoint_every", checkpoint_every, 1, 10**9)
        for name, images in (("train", train), ("valid", valid)):
            if images is not None or name == "train":
                check_images(images, self.model.image_shape, self.model.levels, name)
        with opened(run, self, epochs) as run, self._session(train, epochs, on_record, progress):
            while self.epoch < epochs and not self._stopped():
                order = self._shuffled(len(train))
                while self.position < len(train) and not self._stopped():
                    batch = train[order[self.position :][: self.settings["batch_size"]]]
                    nats, g = self._loss_and_gradient(batch)
                    if self.position and self.step_count % checkpoint_every == 0:
                        self._save(run)  # not before the loss of these weights is known
                    self._update(g)
                    self._count(nats, len(batch))
                    if self.position < len(train) and self.step_count % log_every == 0:
                        self._record(math.nan)
                if self.position == len(train):
                    self._next_epoch()
                    self._validate(valid, run)
                self._save(run)
        self.interrupted = self.epoch < epochs
        return self.history

    @contextlib.contextmanager
    def _session(self, train, epochs, on_record, progress):
        """What surrounds the loop: a new model's start, the bar, the clock, requests to stop."""
        self.total_steps = math.ceil(len(train) / self.settings["batch_size"]) * epochs
        self._agreed, self._on_record = False, on_record
        if self.step_count == 0 and self.model.untouched:
            self.model.start_at(train)
            if self.average is not None:
                self.average[...] = self.model.flat
        self._unite()
        seen = self.epoch * len(train) + self.position
        with Progress(epochs * len(train), seen, progress) as self._bar:
            self._begun = time.monotonic() - self.seconds, time.process_time() - self.cpu_seconds
            with stop_requests() as self._asked:
                yield
        self._on_record = self._bar = None

    def _stopped(self):
        """Whether to stop: ranks say it with their gradients, so that all stop after one update."""
        return self._agreed if self.ranks.size > 1 else self._asked()

    def _unite(self):
        """Hosts of unlike processors may round unlike: no difference outlives a checkpoint."""
        arrays = [self.model.flat, *self.optimizer.arrays.values()]
        self.ranks.alike(arrays if self.average is None else [*arrays, self.average])

    def _shuffled(self, count):
        """This epoch's order of the images; the same again where an epoch goes on."""
        self.rng.bit_generator.state = self.order_state
        return self.rng.permutation(count)

    def _next_epoch(self):
        self.order_state = self.rng.bit_generator.state
        self.epoch, self.position = self.epoch + 1, 0

    def _save(self, run):
        self._unite()
        self._require_finite(self.model.flat, "the weights are not finite")
        if self.average is not None:
            self._require_finite(self.average, "the weights are not finite")
        if run is not None:
            run.save_checkpoint(self)
