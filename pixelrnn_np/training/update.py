"""§5.2 One update: loss and gradient, clip, move, average.

The gradient is that of the mean nats per image over the batch, divided by D (so per dimension) and
clipped elementwise. The paper gives neither a clip nor a learning rate.
"""

import contextlib
from collections.abc import Iterator

import numpy as np

from ..models.base import Model
from ..parallel.threads import cut, one_blas_thread
from .optim import learning_rate


class Diverged(ArithmeticError):
    """The loss, a gradient or a weight became NaN or infinite.

    The weights are those before that update.
    """


class Update:
    """What a Trainer does for each batch. trainer.py has its settings and the loop around it."""

    @property
    def lr(self) -> float:
        """The learning rate of the next update.

        Returns
        -------
        float
            The rate that warm-up and schedule give to update `step_count`.

        Raises
        ------
        ValueError
            The schedule is "cosine" and nothing says yet where it ends.

        Examples
        --------
        >>> model = pr.build_model("pixelcnn", (4, 4, 1), h=2, layers=1)
        >>> pr.Trainer(model, lr=0.01, warmup=3).lr
        0.0025
        """
        s = self.settings
        if s["schedule"] == "cosine" and self.total_steps is None:
            raise ValueError("total_steps is None; the cosine schedule needs it, or use fit")
        return learning_rate(s["schedule"], s["lr"], self.step_count, s["warmup"], self.total_steps)

    def step(self, x: np.ndarray) -> float:
        """One update on one batch.

        Parameters
        ----------
        x : ndarray, uint8 (B, H, W, C)
            The batch, values in [0, levels).

        Returns
        -------
        float
            The mean nats per image of the batch before the update.

        Raises
        ------
        ValueError
            The images are not the model's.
        Diverged
            The loss, the gradient or a weight is not finite. The weights stay as they were.

        Notes
        -----
        Section 5.2. The gradient is that of the mean nats per dimension, clipped elementwise.

        Examples
        --------
        >>> model = pr.build_model("pixelcnn", (4, 4, 1), h=2, layers=1)
        >>> trainer = pr.Trainer(model)
        >>> x = np.ones((2, 4, 4, 1), np.uint8)
        >>> before = trainer.step(x)
        >>> trainer.step(x) < before
        True
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
        clip = self.settings["clip"]
        with np.errstate(all="ignore"), one_blas_thread():
            g = np.clip(g / self.model.dimensions, -clip, clip)
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
        scale = self.settings["scale"]
        trained = "" if scale is None else f"networks.{scale}."
        old = self.model.unflatten(before) if share else {}
        for name, array in self.model.params.items() if share else ():
            if array.ndim > 1 and name.startswith(trained):  # biases and initial states stay
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
    def averaged(self) -> Iterator[Model]:
        """Within the block the model has the averaged weights.

        Returns
        -------
        context manager
            It gives the model. Without an average (ema = 0) the weights stay as they are.

        Examples
        --------
        >>> model = pr.build_model("pixelcnn", (4, 4, 1), h=2, layers=1)
        >>> trainer = pr.Trainer(model, ema=0.9)
        >>> x = np.ones((2, 4, 4, 1), np.uint8)
        >>> for _ in range(3):
        ...     nats = trainer.step(x)
        >>> with trainer.averaged():  # they lag behind
        ...     averaged = model.nll(x).mean()
        >>> bool(model.nll(x).mean() < averaged)
        True
        """
        if self.average is None:
            yield self.model
            return
        kept = self.model.flat.copy()
        self.model.flat[...] = self.average
        try:
            yield self.model
        finally:
            self.model.flat[...] = kept
