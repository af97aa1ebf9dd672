"""§3.6, Figure 2: the networks of all scales, and the image of each.

multi_scale.py makes one model of them.
"""

import numpy as np

from ..arguments import check_int
from ..layers.base import Sequential
from .base import Model


class Pyramid(Model):
    """Networks from the smallest to the largest, and the images that they see."""

    def __init__(self, *, base, factor, scales, exact, around, **config):
        factor, scales = check_int("factor", factor, 2, 64), check_int("scales", scales, 2, 8)
        around = check_int("around", around, 0, 64)
        self.factor, self.exact = factor, bool(exact)
        super().__init__(
            **config, base=base.name, factor=factor, scales=scales, exact=self.exact, around=around
        )
        H, W, C = self.image_shape
        self.shapes = [(-(-H // factor**k), -(-W // factor**k), C) for k in range(scales)][::-1]
        seeds = np.random.default_rng(self.seed).integers(2**31, size=scales)
        self.networks = [
            base(
                **{**config, "image_shape": shape, "seed": int(seed)},
                **({"given": factor, "around": around} if s else {}),
            )
            for s, (shape, seed) in enumerate(zip(self.shapes, seeds, strict=True))
        ]  # fmt: skip
        self._finish(networks=Sequential(**{str(s): n for s, n in enumerate(self.networks)}))

    def move_to(self, flat: np.ndarray) -> None:
        super().move_to(flat)
        start = 0
        for network in self.networks:
            network.move_to(flat[start : start + network.flat.size])
            start += network.flat.size

    @property
    def untouched(self) -> bool:
        return all(network.untouched for network in self.networks)

    def start_at(self, x: np.ndarray) -> None:
        for network, images in zip(self.networks, self.pyramid(self.check_images(x)), strict=True):
            network.start_at(images)

    def pyramid(self, x: np.ndarray) -> list[np.ndarray]:
        """The images of all networks.

        Parameters
        ----------
        x : ndarray, uint8 (B, H, W, C)
            Whole images.

        Returns
        -------
        list of ndarray, uint8
            x[:, ::f^k, ::f^k], smallest first, x itself last. Each is contiguous.

        Examples
        --------
        >>> model = pr.build_model("multi_scale", (4, 4, 1), h=2, layers=1, base="pixelcnn")
        >>> x = np.ones((2, 4, 4, 1), np.uint8)
        >>> [small.shape for small in model.pyramid(x)]
        [(2, 2, 2, 1), (2, 4, 4, 1)]
        """
        steps = [self.factor**k for k in range(len(self.networks))][::-1]
        return [np.ascontiguousarray(x[:, ::k, ::k]) for k in steps]

    def fixed(self, s: int) -> np.ndarray | None:
        """Which sub-pixels of a network's image cost nothing.

        Parameters
        ----------
        s : int
            The network, 0 the smallest.

        Returns
        -------
        ndarray, bool (H, W, C) of that network, or None
            True where the smaller image fixes the value. None if every sub-pixel counts.

        Raises
        ------
        ValueError
            There is no network s.

        Examples
        --------
        >>> model = pr.build_model("multi_scale", (4, 4, 1), h=2, layers=1, exact=True)
        >>> int(model.fixed(1).sum())
        4
        """
        s = check_int("s", s, 0, len(self.networks) - 1)
        if not self.exact or s == 0:
            return None
        mask = np.zeros(self.shapes[s], bool)
        mask[:: self.factor, :: self.factor] = True
        return mask

    def given(self, x: np.ndarray) -> np.ndarray:
        """The small images that go with x.

        Parameters
        ----------
        x : ndarray, (B, H, W, C)
            Whole images.

        Returns
        -------
        ndarray, (B, ⌈H/f⌉, ⌈W/f⌉, C)
            x[:, ::f, ::f], contiguous.

        Notes
        -----
        Section 3.6, Figure 2.

        Examples
        --------
        >>> model = pr.build_model("multi_scale", (4, 4, 1), h=2, layers=1, base="pixelcnn")
        >>> x = np.ones((2, 4, 4, 1), np.uint8)
        >>> model.given(x).shape
        (2, 2, 2, 1)
        """
        return np.ascontiguousarray(x[:, :: self.factor, :: self.factor])

    def network_input(
        self, s: int, x: np.ndarray, small: np.ndarray | None
    ) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
        """What the forward pass of a network takes.

        Parameters
        ----------
        s : int
            The network, 0 the smallest.
        x : ndarray
            Its images, uint8 or scaled.
        small : ndarray or None
            The images of the next smaller network. Network 0 has none.

        Returns
        -------
        ndarray, or a pair of them
            x, or (x, small), scaled.

        Examples
        --------
        >>> model = pr.build_model("multi_scale", (4, 4, 1), h=2, layers=1, base="pixelcnn")
        >>> x = np.ones((2, 4, 4, 1), np.uint8)
        >>> [a.shape for a in model.network_input(1, x, model.given(x))]
        [(2, 4, 4, 1), (2, 2, 2, 1)]
        """
        scaled = self.networks[s].scaled
        return scaled(x) if s == 0 else (scaled(x), scaled(small))

    def draw_keep(self, rng: np.random.Generator, rate: float) -> list[np.ndarray]:
        return [network.draw_keep(rng, rate) for network in self.networks]

    def receptive_field(self) -> str:
        n = 2 + 2 * self.config["around"]
        own = self.networks[-1].receptive_field()
        return (
            f"{n}x{n} pixels of the smaller image at (r, q) and, at most, at each of these: {own}"
        )
