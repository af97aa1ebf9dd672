"""§3.6 Multi-Scale PixelRNN: a small image first, then each larger one given the next smaller.

Network 0 is unconditional and sees every f^(scales-1)-th row and column of the image; network s is
conditional on what network s-1 generates. `around` unmasked layers of 3×3 and an upsampler make
features of that image. An unmasked 1×1 adds them to the input-to-state map of every layer (to a
PixelCNN's 3×3 maps).

Subsampling is strided, x[:, ::f, ::f], so that the small image's pixels are pixels of the large one
(Figure 2). Then p(small) · p(large | small) is the probability of a pair. Only pairs that agree are
images, so over all images it sums to less than 1, and its nats are an upper bound of an image's
nats. With exact=True the conditional networks take the pixels of the small image as given, at no
cost. Then the sum is 1: it is a distribution.
"""

import numpy as np

from .. import likelihood
from ..arguments import check_int
from ..console import plural
from ..layers.base import prefixed
from .checks import check_images
from .pyramid import Pyramid


class MultiScale(Pyramid):
    """A pyramid of networks, each conditional on the image of the next smaller one.

    `nll` is the sum over all networks. `logits` and `forward` are those of the largest network.

    Parameters
    ----------
    base : type
        The class of the networks.
    factor : int
        The ratio f of neighbouring sizes, even.
    scales : int
        The number of networks, at least 2.
    exact : bool
        Whether pixels that the smaller image fixes cost nothing.
    around : int
        How many unmasked 3×3 layers read the smaller image before it is upsampled.
    **config
        Arguments that every model has.

    Raises
    ------
    ValueError
        A number is out of range.
    """

    name = "multi_scale"

    def forward(self, x: np.ndarray, given: np.ndarray | None = None) -> tuple[np.ndarray, tuple]:
        """All conditionals of the largest network in one pass.

        Parameters
        ----------
        x : ndarray, (B, H, W, C)
            uint8 images, or the scaled input in the model's dtype.
        given : ndarray, (B, ⌈H/f⌉, ⌈W/f⌉, C), optional
            The small images, uint8 or scaled. None: those of x.

        Returns
        -------
        logits : ndarray
            (B, H, W, C) for two levels, (B, H, W, C, levels) for more.
        cache : tuple
            What `backward` needs.

        Examples
        --------
        >>> model = pr.build_model("multi_scale", (4, 4, 1), h=2, layers=1, base="pixelcnn")
        >>> x = np.ones((2, 4, 4, 1), np.uint8)
        >>> logits, cache = model.forward(x)
        >>> logits.shape
        (2, 4, 4, 1)
        """
        small = self.given(x) if given is None else given
        return self.networks[-1].forward_scaled(self.network_input(-1, x, small))

    def backward(
        self, dy: np.ndarray, cache: tuple, need_dx: bool = True
    ) -> tuple[np.ndarray | None, dict[str, np.ndarray]]:
        """The gradient through the largest network. The small images are data.

        Parameters
        ----------
        dy : ndarray
            The gradient of the logits of `forward`.
        cache : tuple
            From `forward`.
        need_dx : bool
            Whether dx is wanted.

        Returns
        -------
        dx : ndarray, (B, H, W, C), or None
            The gradient of the scaled input.
        grads : dict of str to ndarray
            With the names and shapes of `params`. Those of the other networks are 0.

        Examples
        --------
        >>> model = pr.build_model("multi_scale", (4, 4, 1), h=2, layers=1, base="pixelcnn")
        >>> x = np.ones((2, 4, 4, 1), np.uint8)
        >>> logits, cache = model.forward(x)
        >>> dx, grads = model.backward(np.ones_like(logits), cache)
        >>> dx.shape, float(np.abs(grads["networks.0.first.K"]).max())
        ((2, 4, 4, 1), 0.0)
        """
        dx, top = self.networks[-1].backward(dy, cache, need_dx)
        grads = {name: np.zeros_like(a) for name, a in self.params.items()}
        return dx, grads | prefixed(f"networks.{len(self.networks) - 1}", top)

    def logits(
        self, x: np.ndarray, threads: int | None = None, *, given: np.ndarray | None = None
    ) -> np.ndarray:
        """The logits of the largest network.

        Parameters
        ----------
        x : ndarray, uint8 (B, H, W, C)
            Images, values in [0, levels).
        threads : int, optional
            None: all processors.
        given : ndarray, uint8 (B, ⌈H/f⌉, ⌈W/f⌉, C), optional
            The small images. None: those of x.

        Returns
        -------
        ndarray
            (B, H, W, C) for two levels, (B, H, W, C, levels) for more.

        Raises
        ------
        ValueError
            The images are not the model's, x and `given` differ in number, or the logits are not
            finite (`NotFinite`).

        Examples
        --------
        >>> model = pr.build_model("multi_scale", (4, 4, 1), h=2, layers=1, base="pixelcnn")
        >>> x = np.ones((2, 4, 4, 1), np.uint8)
        >>> model.logits(x, given=np.zeros((2, 2, 2, 1), np.uint8)).shape
        (2, 4, 4, 1)
        """
        x = self.check_images(x)
        small = self.given(x) if given is None else given
        check_images(small, self.shapes[-2], self.levels, "given")
        if len(small) != len(x):
            raise ValueError(f"given has {plural(len(small), 'image')} for {len(x)} in x")
        return self._mapped(
            "logits", lambda s: self.forward(x[s], small[s])[0].copy(), len(x), threads
        )

    def stage_nll(
        self, s: int, x: np.ndarray, keep: list[np.ndarray] | None = None
    ) -> tuple[np.ndarray, tuple]:
        """Nats of one network, for one shard.

        Parameters
        ----------
        s : int
            The network, 0 the smallest.
        x : ndarray, uint8 (B, H, W, C)
            Whole images.
        keep : list of ndarray, optional
            Factors of dropout of all networks. None: no dropout.

        Returns
        -------
        nats : ndarray, float64 (B,)
            Nats of each image under that network alone.
        cache : tuple
            Its part of what `nll_backward` needs.

        Examples
        --------
        >>> model = pr.build_model("multi_scale", (4, 4, 1), h=2, layers=1, base="pixelcnn")
        >>> x = np.ones((2, 4, 4, 1), np.uint8)
        >>> nats, cache = model.stage_nll(0, x)
        >>> nats.shape
        (2,)
        """
        images = self.pyramid(x)
        logits, cache = self.networks[s].forward_scaled(
            self.network_input(s, images[s], images[s - 1] if s else None),
            None if keep is None else keep[s],
        )
        nats, loss_cache = likelihood.nll_forward(logits, images[s], self.fixed(s))
        return nats, (loss_cache, cache)

    def stage_nats(self, s: int, x: np.ndarray, threads: int | None = None) -> np.ndarray:
        """Nats of one network, for any number of images.

        Parameters
        ----------
        s : int
            The network, 0 the smallest.
        x : ndarray, uint8 (B, H, W, C)
            Whole images.
        threads : int, optional
            None: all processors.

        Returns
        -------
        ndarray, float64 (B,)
            Nats of each image under that network alone. Over all networks they sum to `nll`.

        Raises
        ------
        ValueError
            As `nll`, or there is no network s.

        Examples
        --------
        >>> model = pr.build_model("multi_scale", (4, 4, 1), h=2, layers=1, base="pixelcnn")
        >>> x = np.ones((2, 4, 4, 1), np.uint8)
        >>> parts = model.stage_nats(0, x) + model.stage_nats(1, x)
        >>> np.allclose(parts, model.nll(x))
        True
        """
        x, s = self.check_images(x), check_int("s", s, 0, len(self.networks) - 1)
        return self._mapped("nats", lambda i: self.stage_nll(s, x[i])[0], len(x), threads)

    def nll_forward(
        self, x: np.ndarray, only: int | None = None, keep: list[np.ndarray] | None = None
    ) -> tuple[np.ndarray, dict]:
        """Nats of one shard: the sum over all networks, or one of them.

        Parameters
        ----------
        x : ndarray, uint8 (B, H, W, C)
            The images of the shard.
        only : int, optional
            The one network that counts. None: all.
        keep : list of ndarray, optional
            Factors of dropout of all networks. None: no dropout.

        Returns
        -------
        nats : ndarray, float64 (B,)
            Nats of each image.
        cache : dict
            What `nll_backward` needs.

        Notes
        -----
        Section 3.6: p(small) · p(large | small), so the nats of the networks add up.

        Examples
        --------
        >>> model = pr.build_model("multi_scale", (4, 4, 1), h=2, layers=1, base="pixelcnn")
        >>> x = np.ones((2, 4, 4, 1), np.uint8)
        >>> nats, cache = model.nll_forward(x, only=1)
        >>> nats.shape
        (2,)
        """
        chosen = range(len(self.networks)) if only is None else [only]
        parts = {s: self.stage_nll(s, x, keep) for s in chosen}
        return sum(nats for nats, _ in parts.values()), {s: part[1] for s, part in parts.items()}

    def nll_backward(self, scale: float, cache: dict) -> dict[str, np.ndarray]:
        # The networks share no parameter, so each has its own gradient.
        grads = {}
        for s, network in enumerate(self.networks):
            if s in cache:
                loss_cache, part = cache[s]
                dlogits = likelihood.nll_backward(scale, loss_cache)
                _, g = network.backward(dlogits, part, need_dx=False)
            else:
                g = {name: np.zeros_like(a) for name, a in network.params.items()}
            grads |= prefixed(f"networks.{s}", g)
        return grads
