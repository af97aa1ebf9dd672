"""PyTorch models that take this project's weights, and the proof that they compute the same.

`Peer` is one full training step, as pixelrnn_np.Trainer takes it: mean nats per image, the gradient
per dimension, an elementwise clip to ±1, Adam. VARIANTS are the ways in which PyTorch is written:
    usual     as public code writes it                         peers_usual.py
    well      by someone who knows how                         peers_fast.py
    compiled  `well` with torch.compile on every block: a block is compiled once for all layers, and
              the whole of a PixelCNN takes no less time than its blocks
"""

import ctypes

import numpy as np
import torch
from peers_fast import Fast
from peers_usual import Usual

VARIANTS = ("usual", "well", "compiled")
LR, CLIP = 1e-3, 1.0


def keep_memory():
    """Tells glibc to keep freed memory, as the allocators that experts preload do.

    Large arrays otherwise come fresh from the system at every step, one page fault per 4 KiB.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return
    mallopt(-3, 1 << 30)  # M_MMAP_THRESHOLD
    mallopt(-1, 2**31 - 1)  # M_TRIM_THRESHOLD


class Peer:
    """One variant of one model. config, params: of this project's model, two levels, one channel.

    Raises ValueError for a configuration that the peers do not cover.
    """

    def __init__(self, variant, config, params):
        if config["levels"] != 2 or config["image_shape"][2] != 1:
            raise ValueError("the peers are written for binary images of one channel")
        if not (config["residual"] and config["skip"]):
            raise ValueError("the peers have residual and skip connections")
        self.model = (Usual if variant == "usual" else Fast)(config)
        dtype = getattr(torch, config["dtype"])
        self.model.to(dtype).load(params)
        self.dtype, self.dimensions = dtype, int(np.prod(config["image_shape"]))
        self.shapes = {name: a.shape for name, a in params.items()}
        if self.model.malloc_keeps_memory:
            keep_memory()
        if variant == "compiled":
            self.model.block = torch.compile(self.model.block, dynamic=False)
        self.optimiser, self.parameters = self.model.optimiser(LR)

    def images(self, x):
        """uint8 images as the step takes them; done once, since ours reads uint8 as fast."""
        return torch.from_numpy(x).to(self.dtype)

    def loss_and_grads(self, x):
        """Mean nats per image of uint8 images x, {name: gradient}: like `Model.loss_and_grads`."""
        self.optimiser.zero_grad(set_to_none=True)
        loss = self.model(self.images(x))
        loss.backward()
        return loss.item(), self.model.gradients(self.shapes)

    def step(self, x):
        """One update on images from `images`; mean nats per image before it."""
        self.optimiser.zero_grad(set_to_none=True)
        loss = self.model(x)
        loss.backward()
        with torch.no_grad():
            grads = [p.grad for p in self.parameters]
            torch._foreach_div_(grads, self.dimensions)
            torch._foreach_clamp_min_(grads, -CLIP)
            torch._foreach_clamp_max_(grads, CLIP)
        self.optimiser.step()
        return loss.item()
