"""§2.1, §5.1 The likelihood of images and its gradient, shard by shard."""

from collections.abc import Callable

import numpy as np

from .. import likelihood
from ..parallel.threads import Pool, cut
from .checks import check_finite


class Nats:
    """The part of a Model that works on batches. A shard is what a thread does at a time."""

    def logits(self, x: np.ndarray, threads: int | None = None) -> np.ndarray:
        """The logits of images.

        Parameters
        ----------
        x : ndarray, uint8 (B, H, W, C)
            Images, values in [0, levels).
        threads : int, optional
            None: all processors.

        Returns
        -------
        ndarray
            (B, H, W, C) for two levels, (B, H, W, C, levels) for more.

        Raises
        ------
        ValueError
            The images are not the model's, or the logits are not finite (`NotFinite`).

        Examples
        --------
        >>> model = pr.build_model("pixelcnn", (4, 4, 1), levels=5, h=2, layers=1)
        >>> x = np.ones((2, 4, 4, 1), np.uint8)
        >>> model.logits(x).shape
        (2, 4, 4, 1, 5)
        """
        x = self.check_images(x)
        return self._mapped("logits", lambda s: self.forward(x[s])[0].copy(), len(x), threads)

    def nll(self, x: np.ndarray, threads: int | None = None) -> np.ndarray:
        """The negative log-likelihood of each image.

        It works shard by shard, so memory does not grow with the batch.

        Parameters
        ----------
        x : ndarray, uint8 (B, H, W, C)
            Images, values in [0, levels).
        threads : int, optional
            None: all processors.

        Returns
        -------
        ndarray, float64 (B,)
            -ln p(x), in nats per image. An inexact multi-scale model gives an upper bound.

        Raises
        ------
        ValueError
            The images have another dtype, shape or range, there are none, or the result is not
            finite (`NotFinite`).

        Notes
        -----
        Section 2.1, equation 1, and section 5.1: the sum over the pixels of -ln p of each, given
        the pixels before it.

        Examples
        --------
        >>> model = pr.build_model("pixelcnn", (4, 4, 1), h=2, layers=1)
        >>> x = np.ones((2, 4, 4, 1), np.uint8)
        >>> model.nll(x).shape
        (2,)
        """
        x = self.check_images(x)
        return self._mapped("nats", lambda s: self._shard_nats(x[s]), len(x), threads)

    def _mapped(self, what, function, count, threads):
        with Pool(threads) as pool, np.errstate(all="ignore"):  # what overflows is said once
            found = np.concatenate(pool.map(function, cut(count, self.shard_size)))
        check_finite(what, found)
        return found

    def loss_and_grads(
        self, x: np.ndarray, threads: int | None = None
    ) -> tuple[float, dict[str, np.ndarray]]:
        """The loss of a batch and its gradient.

        Parameters
        ----------
        x : ndarray, uint8 (B, H, W, C)
            Images, values in [0, levels).
        threads : int, optional
            None: all processors.

        Returns
        -------
        loss : float
            The mean nats per image over the batch.
        grads : dict of str to ndarray
            The gradient of that mean, with the names and shapes of `params`.

        Raises
        ------
        ValueError
            As `nll`, or a gradient is not finite.

        Examples
        --------
        >>> model = pr.build_model("pixelcnn", (4, 4, 1), h=2, layers=1)
        >>> x = np.ones((2, 4, 4, 1), np.uint8)
        >>> loss, grads = model.loss_and_grads(x)
        >>> grads["first.K"].shape
        (7, 7, 1, 4)
        """
        with Pool(threads) as pool, np.errstate(all="ignore"):
            nats, flat = self.flat_gradient(self.check_images(x), pool)
            loss = float(nats.mean())
        check_finite("nats", loss)
        check_finite("gradients", flat)
        return loss, self.unflatten(flat)

    def flat_gradient(
        self,
        x: np.ndarray,
        pool: Pool,
        only: int | None = None,
        shards: list[slice] | None = None,
        keep: Callable[[int], np.ndarray] | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """`loss_and_grads` as a Trainer wants it: with one vector, or a part of the shards.

        Parameters
        ----------
        x : ndarray, uint8 (B, H, W, C)
            Images that were checked.
        pool : Pool
            The threads.
        only : int, optional
            The one network of a multi-scale model that counts. The others get zeros.
        shards : list of slice, optional
            The images to go through. None: all.
        keep : callable, optional
            From the index of a shard's first image to its `draw_keep`.

        Returns
        -------
        nats : ndarray, float64 (images of the shards,)
            Nats of each image.
        gradient : ndarray, (parameters,)
            The shards' part of the gradient of the mean over all of x, laid out as `flat`.

        Examples
        --------
        >>> from pixelrnn_np.parallel.threads import Pool
        >>> model = pr.build_model("pixelcnn", (4, 4, 1), h=2, layers=1)
        >>> x = np.ones((2, 4, 4, 1), np.uint8)
        >>> with Pool(1) as pool:
        ...     nats, gradient = model.flat_gradient(x, pool)
        >>> nats.shape, gradient.shape == model.flat.shape
        ((2,), True)
        """
        chosen = {} if only is None else {"only": only}

        def shard(s):
            dropped = {} if keep is None else {"keep": keep(s.start)}
            return self._shard_gradient(x[s], 1 / len(x), **chosen, **dropped)

        parts = pool.map(shard, cut(len(x), self.shard_size) if shards is None else shards)
        if not parts:
            return np.empty(0), np.zeros_like(self.flat)
        flat = parts[0][1]
        for _, part in parts[1:]:
            flat += part
        return np.concatenate([nats for nats, _ in parts]), flat

    def _shard_nats(self, x):
        """Nats of the images of a shard."""
        return self.nll_forward(x)[0]

    def _shard_gradient(self, x, scale, **options):
        """The same, and the gradient of scale · Σ nats, laid out as `flat`.

        options: of `nll_forward`.
        """
        nats, cache = self.nll_forward(x, **options)
        grads = self.nll_backward(scale, cache)
        return nats, np.concatenate([grads[name].ravel() for name in self.params])

    def nll_forward(
        self, x: np.ndarray, keep: np.ndarray | None = None
    ) -> tuple[np.ndarray, tuple]:
        """Nats of one shard.

        Parameters
        ----------
        x : ndarray, uint8 (B, H, W, C)
            The images of the shard.
        keep : ndarray, (layers, h), optional
            Factors of dropout. None: no dropout.

        Returns
        -------
        nats : ndarray, float64 (B,)
            Nats of each image.
        cache : tuple
            What `nll_backward` needs.

        Examples
        --------
        >>> model = pr.build_model("pixelcnn", (4, 4, 1), h=2, layers=1)
        >>> x = np.ones((2, 4, 4, 1), np.uint8)
        >>> nats, cache = model.nll_forward(x)
        >>> nats.shape
        (2,)
        """
        logits, cache = self.forward_scaled(self.scaled(x), keep)
        nats, loss_cache = likelihood.nll_forward(logits, x)
        return nats, (loss_cache, cache)

    def nll_backward(self, scale: float, cache: tuple) -> dict[str, np.ndarray]:
        """The gradient of scale · Σ nats of one shard.

        Parameters
        ----------
        scale : float
            1 / B makes it the gradient of the mean over a batch of B images.
        cache : tuple
            From `nll_forward`.

        Returns
        -------
        dict of str to ndarray
            With the names and shapes of `params`.

        Examples
        --------
        >>> model = pr.build_model("pixelcnn", (4, 4, 1), h=2, layers=1)
        >>> x = np.ones((2, 4, 4, 1), np.uint8)
        >>> nats, cache = model.nll_forward(x)
        >>> model.nll_backward(1 / 2, cache)["first.b"].shape
        (4,)
        """
        loss_cache, cache = cache
        return self.backward(likelihood.nll_backward(scale, loss_cache), cache, need_dx=False)[1]
