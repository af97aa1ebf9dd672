"""What training asks of a model besides its gradients. Not the paper's."""

import numpy as np


class Trainable:
    """A part of Model: a first prediction, and dropout."""

    def draw_keep(self, rng: np.random.Generator, rate: float) -> np.ndarray | list[np.ndarray]:
        """Factors of dropout for one shard. Not the paper's.

        Each inner feature of each block is dropped for all pixels of the shard at once.

        Parameters
        ----------
        rng : numpy.random.Generator
            Draws what is dropped.
        rate : float
            The probability to be dropped, in [0, 1).

        Returns
        -------
        ndarray, (layers, h)
            0 where dropped, else 1 / (1 - rate). Of a multi-scale model, a list with the array of
            each network.

        Examples
        --------
        >>> model = pr.build_model("pixelcnn", (4, 4, 1), h=2, layers=1)
        >>> model.draw_keep(np.random.default_rng(0), 0.5)
        array([[2., 0.]], dtype=float32)
        """
        raise NotImplementedError

    @property
    def untouched(self) -> bool:
        """Whether no training has begun.

        Returns
        -------
        bool
            True while the biases of the logits are 0.

        Examples
        --------
        >>> model = pr.build_model("pixelcnn", (4, 4, 1), h=2, layers=1)
        >>> model.untouched
        True
        """
        raise NotImplementedError

    def start_at(self, x: np.ndarray) -> None:
        """Makes the first prediction of each pixel the shares of the values in x.

        It sets the biases of the logits: for two levels to the log-odds of a 1, for more to the
        log of each value's share, per colour. `Trainer.fit` calls it for a new model.

        Parameters
        ----------
        x : ndarray, uint8 (N, H, W, C)
            The training images.

        Raises
        ------
        ValueError
            The images are not the model's.

        Notes
        -----
        Not the paper's.

        Examples
        --------
        >>> model = pr.build_model("pixelcnn", (4, 4, 1), h=2, layers=1)
        >>> x = np.ones((2, 4, 4, 1), np.uint8)
        >>> before = model.nll(x).mean()
        >>> model.start_at(x)
        >>> bool(model.nll(x).mean() < before)
        True
        """
        raise NotImplementedError
