"""§5.1 What a trainer notes while it trains: loss, time, and nats of the validation images."""

import math
import time

import numpy as np

from ..models.checks import NotFinite


class Records:
    """The part of a Trainer that measures. Its records become metrics.csv and the loss curve."""

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
