"""§3.6 Multi-Scale PixelRNN: a small image first, then each larger one given the next smaller.

Network 0 is unconditional and sees every f^(scales-1)-th row and column of the image; network s is
conditional on what network s-1 generates. An upsampler makes features of that image, and an
unmasked 1×1 adds them to the input-to-state map of every layer (to a PixelCNN's 3×3 maps).

Subsampling is strided, x[:, ::f, ::f], so that the small image's pixels are pixels of the large one
(Figure 2). Then p(small) · p(large | small) is the probability of a pair, of which only the pairs
that agree are images: its nats are an upper bound of an image's nats, and over all images it sums
to less than 1. With exact=True the conditional networks take the pixels that the small image fixes
as given, at no cost, which makes it a distribution that sums to 1.
"""

import numpy as np

from .. import likelihood
from ..arguments import check_int
from ..layers.base import Sequential, prefixed
from .base import Model, check_images


class MultiScale(Model):
    """base: the class of the networks; factor: even f; scales: number of networks, at least 2.

    nll is the sum over all networks. `logits` and `forward` are those of the largest network, whose
    small image is `given`, or by default x's own subsample. Raises ValueError for bad numbers.
    """

    name = "multi_scale"

    def __init__(self, *, base, factor, scales, exact, **config):
        factor, scales = check_int("factor", factor, 2, 64), check_int("scales", scales, 2, 8)
        if factor % 2:
            raise ValueError(f"factor is {factor}; it has to be even: 2, 4, ...")
        self.factor, self.exact = factor, bool(exact)
        super().__init__(**config, base=base.name, factor=factor, scales=scales, exact=self.exact)
        H, W, C = self.image_shape
        self.shapes = [(-(-H // factor**k), -(-W // factor**k), C) for k in range(scales)][::-1]
        seeds = np.random.default_rng(self.seed).integers(2**31, size=scales)
        self.networks = [
            base(
                **{**config, "image_shape": shape, "seed": int(seed)},
                given=factor if s else None,
            )
            for s, (shape, seed) in enumerate(zip(self.shapes, seeds, strict=True))
        ]  # fmt: skip
        self._finish(networks=Sequential(**{str(s): n for s, n in enumerate(self.networks)}))

    def move_to(self, flat):
        super().move_to(flat)
        start = 0
        for network in self.networks:
            network.move_to(flat[start : start + network.flat.size])
            start += network.flat.size

    @property
    def untouched(self):
        return all(network.untouched for network in self.networks)

    def start_at(self, x):
        for network, images in zip(self.networks, self.pyramid(self.check_images(x)), strict=True):
            network.start_at(images)

    def pyramid(self, x):
        """The images of all networks, smallest first: x[:, ::f^k, ::f^k], each contiguous."""
        steps = [self.factor**k for k in range(len(self.networks))][::-1]
        return [np.ascontiguousarray(x[:, ::k, ::k]) for k in steps]

    def fixed(self, s):
        """Which sub-pixels of network s's image cost nothing: bool (H, W, C), or None."""
        if not self.exact or s == 0:
            return None
        mask = np.zeros(self.shapes[s], bool)
        mask[:: self.factor, :: self.factor] = True
        return mask

    def given(self, x):
        """The small image that the largest network is given with x."""
        return np.ascontiguousarray(x[:, :: self.factor, :: self.factor])

    def network_input(self, s, x, small):
        """What network s's forward takes: x alone, or (x, small), scaled."""
        scaled = self.networks[s].scaled
        return scaled(x) if s == 0 else (scaled(x), scaled(small))

    def forward(self, x, given=None):
        """The largest network: x uint8 or scaled (B, H, W, C); given: uint8 or scaled, or None."""
        small = self.given(x) if given is None else given
        return self.networks[-1].forward_scaled(self.network_input(-1, x, small))

    def backward(self, dy, cache, need_dx=True):
        """Of the largest network, the small image held; the other networks' gradients are 0."""
        dx, top = self.networks[-1].backward(dy, cache, need_dx)
        grads = {name: np.zeros_like(a) for name, a in self.params.items()}
        return dx, grads | prefixed(f"networks.{len(self.networks) - 1}", top)

    def logits(self, x, threads=None, *, given=None):
        """The largest network's logits of x, given the small images `given` (x's own if None).

        given: uint8 (B, ⌈H/f⌉, ⌈W/f⌉, C). Raises ValueError for bad images, as `nll` does.
        """
        x = self.check_images(x)
        small = self.given(x) if given is None else given
        check_images(small, self.shapes[-2], self.levels, "given")
        if len(small) != len(x):
            raise ValueError(f"given has {len(small)} images for {len(x)} in x")
        return self._mapped(
            "logits", lambda s: self.forward(x[s], small[s])[0].copy(), len(x), threads
        )

    def draw_keep(self, rng, rate):
        return [network.draw_keep(rng, rate) for network in self.networks]

    def stage_nll(self, s, x, keep=None):
        """Nats of network s alone, for a shard of whole images x: (B,), cache."""
        images = self.pyramid(x)
        logits, cache = self.networks[s].forward_scaled(
            self.network_input(s, images[s], images[s - 1] if s else None),
            None if keep is None else keep[s],
        )
        nats, loss_cache = likelihood.nll_forward(logits, images[s], self.fixed(s))
        return nats, (loss_cache, cache)

    def stage_nats(self, s, x, threads=None):
        """Nats of network s alone: whole images x, uint8 (B, H, W, C) → float64 (B,)."""
        x = self.check_images(x)
        return self._mapped("nats", lambda i: self.stage_nll(s, x[i])[0], len(x), threads)

    def nll_forward(self, x, only=None, keep=None):
        """The sum over all networks, or the nats of network `only`."""
        chosen = range(len(self.networks)) if only is None else [only]
        parts = {s: self.stage_nll(s, x, keep) for s in chosen}
        return sum(nats for nats, _ in parts.values()), {s: part[1] for s, part in parts.items()}

    def nll_backward(self, scale, cache):
        """The networks share no parameter, so each has its own gradient."""
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

    def receptive_field(self):
        return f"the whole smaller image, and: {self.networks[-1].receptive_field()}"
