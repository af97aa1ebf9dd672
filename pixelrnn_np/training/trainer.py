"""§5.2 Training: one update, and the loop around it.

The gradient is that of the mean nats per image over the batch, divided by D (so per dimension) and
clipped elementwise; the paper gives neither a clip nor a learning rate.
"""

import contextlib
import copy
import math
import time

import numpy as np

from ..arguments import check_int, check_number, choose
from ..models.base import NotFinite, check_images, require_model
from ..parallel.alone import Alone
from ..parallel.threads import Pool, cut, one_blas_thread
from . import state
from .interrupts import stop_requests
from .optim import OPTIMIZERS, SCHEDULES, build_optimizer, learning_rate, matrices
from .progress import Progress
from .session import opened
from .state import COLUMNS

__all__ = ["COLUMNS", "Diverged", "Trainer"]


class Diverged(ArithmeticError):
    """The loss, a gradient or a weight became NaN or infinite.

    The weights are those before that update.
    """


def _nobody():
    """Whether somebody asked to stop, outside of `fit`."""
    return False


class Trainer:
    """Updates a model, one batch at a time, and keeps all that a resumed run needs.

    optimizer: "rmsprop" (the paper's), "adam" or "soap"; lr: learning rate; threads: None for all
    processors, changes speed only; batch_size: images per update (16 in the paper); clip: bound of
    each entry of the gradient per dimension; schedule: "constant" or "cosine", after `warmup`
    updates of linear growth; weight_decay: each update takes lr · weight_decay of every kernel off
    it (0: none); dropout: share of each block's inner features that a shard of the batch leaves out
    (not the paper's); total_steps: where "cosine" ends, which `fit` fills in; ema: decay of
    the moving average of the weights (0: none), which is then what is validated and kept; seed: of
    the shuffling; scale: None, or the one network of a multi-scale model to train, 0 the smallest;
    ranks: None for one process, or `ranks.world()`: all of them then call the same methods with
    the same arguments, and hold the same weights after each.
    Raises ValueError for values out of range.
    """

    def __init__(self, model, optimizer="rmsprop", lr=1e-3, threads=None, *, batch_size=16,
                 clip=1.0, schedule="constant", warmup=0, weight_decay=0.0, dropout=0.0,
                 total_steps=None, ema=0.0, seed=0, scale=None, ranks=None):  # fmt: skip
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
        self._asked, self._on_record, self._bar = _nobody, None, None
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

    def __getstate__(self):
        # A copy trains for itself: it answers nobody, and shows nothing.
        return {**self.__dict__, "_asked": _nobody, "_on_record": None, "_bar": None}

    def __setstate__(self, state):
        self.__dict__.update(state)
        arrays = self.optimizer.arrays  # what pickle gives may be read-only
        arrays.update({name: a.copy() for name, a in arrays.items()})
        self.average = None if self.average is None else self.average.copy()

    def __copy__(self):
        return copy.deepcopy(self)  # two trainers of one model would undo each other's work

    @property
    def lr(self):
        """The learning rate of the next update."""
        s = self.settings
        if s["schedule"] == "cosine" and self.total_steps is None:
            raise ValueError("total_steps is None; the cosine schedule needs it, or use fit")
        return learning_rate(s["schedule"], s["lr"], self.step_count, s["warmup"], self.total_steps)

    def step(self, x):
        """One update on the batch x; returns the mean nats per image before it.

        x: uint8 (B, H, W, C). Raises ValueError for bad images, Diverged for a loss or gradient
        that is not finite; the weights are then unchanged.
        """
        nats, g = self._loss_and_gradient(x)
        self._update(g)
        return nats

    def _loss_and_gradient(self, x):
        """Mean nats per image, and the gradient of that mean: forward and backward, by shards."""
        x = self.model.check_images(x)
        shards = self.ranks.part(cut(len(x), self.model.shard_size))
        keep = self._keep if self.settings["dropout"] else None
        with np.errstate(all="ignore"):  # what overflows is reported below, once
            nats, g = self.model.flat_gradient(x, self.pool, self.settings["scale"], shards, keep)
            nats, g, self._agreed = self.ranks.sum_step(
                nats, g, shards[0].start if shards else 0, len(x), self._asked()
            )
            nats = float(nats.mean())
        self._require_finite(nats, f"the loss is {nats}")
        self._require_finite(g, "the gradient is not finite")
        return nats, g

    def _update(self, g):
        """Clips the gradient per dimension, moves the weights, and the average after them."""
        w, before = self.model.flat, self.model.flat.copy()
        g = np.clip(g / self.model.dimensions, -self.settings["clip"], self.settings["clip"])
        with np.errstate(all="ignore"), one_blas_thread():
            self.optimizer.update(w, g, self.lr, self.step_count)
            self._decay_kernels(before)
            if not np.isfinite(w).all():
                w[...] = before
                raise self._diverged("the weights are not finite")
            self.step_count += 1
            self._update_average()

    def _decay_kernels(self, before):
        """w ← w - lr · weight_decay · w, beside the gradient (Loshchilov and Hutter, 2019)."""
        share = self.model.dtype.type(self.lr * self.settings["weight_decay"])
        old = self.model.unflatten(before)
        for name, array in self.model.params.items() if share else ():
            if array.ndim > 1:  # biases and initial states stay
                array -= share * old[name]

    def _update_average(self):
        """A young average would remember the random start: it forgets faster at first."""
        if self.average is not None:
            t = self.step_count
            decay = min(self.settings["ema"], (1 + t) / (10 + t))
            self.average += self.model.dtype.type(1 - decay) * (self.model.flat - self.average)

    def _keep(self, place):
        """The shard's factors of dropout: from seed, update and place, so that threads are free."""
        rng = np.random.default_rng([self.settings["seed"], self.step_count, place])
        return self.model.draw_keep(rng, self.settings["dropout"])

    def _require_finite(self, numbers, what):
        if not np.isfinite(numbers).all():
            raise self._diverged(what)

    def _diverged(self, what):
        return Diverged(
            f"{what} after {self.step_count} updates; "
            f"a lower learning rate than {self.settings['lr']:g} may help"
        )

    @contextlib.contextmanager
    def averaged(self):
        """Within the block the model has the averaged weights, if there is an average."""
        if self.average is None:
            yield self.model
            return
        kept = self.model.flat.copy()
        self.model.flat[...] = self.average
        try:
            yield self.model
        finally:
            self.model.flat[...] = kept

    def fit(self, train, valid=None, epochs=10, *, run=None, on_record=None, log_every=100,
            checkpoint_every=500, progress=True):  # fmt: skip
        """Trains until `epochs` passes over `train` are done, counted from the very first.

        train, valid: uint8 (N, H, W, C); run: a `Run` whose folder receives checkpoints, metrics
        and pictures, or the path of such a folder, "runs/x"; on_record: a function that is handed
        each record; log_every, checkpoint_every: updates between records and checkpoints; progress:
        whether a bar is shown. Of several ranks only rank 0 has a run, records to hand on, a bar.
        A new model first predicts the shares of the values in `train` (Model.start_at).
        Ctrl-C ends the update under way, saves, and returns.
        Returns the records: dicts with the keys of COLUMNS, nats per image, NaN where absent.
        Raises ValueError for bad arguments and Diverged; the last good checkpoint is then kept.
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

    def _count(self, nats, images):
        """After an update on so many images, with that loss before it."""
        self.position += images
        self.images += images
        self.sums = [self.sums[0] + nats * images, self.sums[1] + images]
        self._clock()
        self._bar.update(images, nats)

    def _clock(self):
        self.seconds = time.monotonic() - self._begun[0]
        self.cpu_seconds = time.process_time() - self._begun[1]

    def _validate(self, valid, run):
        score = math.nan
        if valid is not None:
            with self.averaged() as model, np.errstate(all="ignore"):
                score = self._valid_nats(model, valid)
                self._require_finite(score, f"the validation loss is {score}")
                if score < self.best:
                    self.best, self.best_updates = score, self.step_count
                    self.best_weights = model.flat.copy()
                    if run is not None:
                        run.save_best(self, score)
        self._clock()
        self._record(score)

    def _valid_nats(self, model, valid):
        scale, threads = self.settings["scale"], self.pool.threads

        def nats(part):
            try:
                if scale is None:
                    return model.nll(valid[part], threads)
                return model.stage_nats(scale, valid[part], threads)
            except NotFinite:
                return np.full(len(valid[part]), math.nan)

        return float(self.ranks.nats(nats, len(valid), model.shard_size).mean())

    def _record(self, valid):
        nats, images = self.sums
        record = {
            "step": self.step_count, "epoch": self.epoch, "images": self.images,
            "seconds": self.seconds, "cpu_seconds": self.cpu_seconds, "lr": self.lr,
            "train": nats / images if images else math.nan, "valid": valid,
        }  # fmt: skip
        self.sums = [0.0, 0]
        self.history.append(record)
        if self._on_record is not None and self.ranks.first:
            self._on_record(dict(record))

    def _save(self, run):
        self._unite()
        self._require_finite(self.model.flat, "the weights are not finite")
        if self.average is not None:
            self._require_finite(self.average, "the weights are not finite")
        if run is not None:
            run.save_checkpoint(self)

    def state(self):
        """Everything a resumed run needs besides the weights: arrays, and what JSON holds."""
        return state.gather(self)

    def restore(self, arrays, meta):
        """The inverse of `state`; ValueError if the state is another trainer's or damaged."""
        state.restore(self, arrays, meta)
