"""Table 1: the layers before the logits, and the nats of what these say.

`head_step` is for one pixel; its readable twin is reference/head.py. Three products of a few
microseconds: as NumPy calls they and their ReLUs took a third of the time that a PixelCNN's images
take to draw (benchmarks/README.md, "Sampling").

The others are for training, on one image at a time, as parts of the kernels that go through a
whole network (pixelcnn.py, pixelrnn.py): its maps stay in the caches. They have no twin:
layers/head.py and likelihood.py give the same, and are how to read them.
"""

import numpy as np

from .jit import inlined, inner, kernel
from .likelihood import bernoulli_gradient, bernoulli_nats, softmax_gradient, softmax_nats
from .masked_conv import PIXELS
from .pointwise import relu_forward, relu_of_run
from .tiles.multiply import add_outer, matrix, multiply
from .tiles.panels import one_of, panels, panels_at


@kernel
def head_step(x, K1, b1, K2, b2, K3, b3, y):
    """x: (M, F); K1: (F, N1), K2: (N1, N2), K3: (N2, N3) and their biases; y: (M, N3)."""
    M, F = x.shape
    N1, N2, N3, zero = b1.size, b2.size, b3.size, x.dtype.type(0)
    active, a1 = np.empty((M, F), x.dtype), np.empty((M, N1), x.dtype)
    a2 = np.empty((M, N2), x.dtype)
    relu_forward(x, active)
    multiply(matrix(a1, 0, N1), matrix(active, 0, F), panels(K1), M, N1, bias=b1, at_least=zero)
    multiply(matrix(a2, 0, N2), matrix(a1, 0, N1), panels(K2), M, N2, bias=b2, at_least=zero)
    multiply(matrix(y, 0, N3), matrix(a2, 0, N2), panels(K3), M, N3, bias=b3)


@inlined
def head_forward(w, at, weights, z, start, active, hidden, logits):
    """The first half of `logits`, of the map z from number `start` on.

    Written: active: (…, H, W, F), its last map, the ReLU of z; hidden: (4, H, W, N), its first
    half, a ReLU each; logits: (2, H·W·C, levels), or (2, H·W·C) for two levels.
    """
    (_, H, W, F), N, zero = z.shape, hidden.shape[3], z.dtype.type(0)
    D, O = H * W, logits.size // (2 * H * W)
    first, second, third = weights[:3]
    for p in range(0, D, PIXELS):
        M, last = min(PIXELS, D - p), active.size - D * F + p * F
        read = matrix(active, last, F)
        a1, a2 = matrix(hidden, p * N, N), matrix(hidden, (D + p) * N, N)
        relu_of_run(z, start + p * F, M * F, read)
        multiply(a1, read, one_of(first, 0), M, N, bias=matrix(w, at[1], 0), at_least=zero)
        multiply(a2, a1, one_of(second, 0), M, N, bias=matrix(w, at[3], 0), at_least=zero)
        multiply(matrix(logits, p * O, O), a2, one_of(third, 0), M, O, bias=matrix(w, at[5], 0))


@inlined
def head_backward(at, weights, active, hidden, logits, dz, start, g):
    """What head_forward left, and the second half of `logits`, their gradient → dz and g.

    dz: a map of it from number `start` on. Added to: g.
    """
    (_, H, W, F), N = dz.shape, hidden.shape[3]
    D, O = H * W, logits.size // (2 * H * W)
    first, second, third = weights[3:]
    for p in range(0, D, PIXELS):
        M, last = min(PIXELS, D - p), active.size - D * F + p * F
        read = matrix(active, last, F)
        a1, a2 = matrix(hidden, p * N, N), matrix(hidden, (D + p) * N, N)
        d1, d2 = matrix(hidden, (2 * D + p) * N, N), matrix(hidden, (3 * D + p) * N, N)
        sent = matrix(logits, (D + p) * O, O)
        add_outer(matrix(g, at[4], O), a2, sent, M, N, O, total=matrix(g, at[5], 0))
        multiply(d2, sent, one_of(third, 0), M, N, gate=a2)
        add_outer(matrix(g, at[2], N), a1, d2, M, N, N, total=matrix(g, at[3], 0))
        multiply(d1, d2, one_of(second, 0), M, N, gate=a1)
        add_outer(matrix(g, at[0], N), read, d1, M, F, N, total=matrix(g, at[1], 0))
        multiply(matrix(dz, start + p * F, F), d1, one_of(first, 0), M, F, gate=read)


@inlined
def head_panels(w, at, F, N, O):
    """Of the three 1×1, and of the same transposed."""
    return (
        panels_at(w, at[0], 0, 1, 1, F, N, 0, N, 1),
        panels_at(w, at[2], 0, 1, 1, N, N, 0, N, 1),
        panels_at(w, at[4], 0, 1, 1, N, O, 0, O, 1),
        panels_at(w, at[0], 0, 1, 1, N, F, 0, 1, N),
        panels_at(w, at[2], 0, 1, 1, N, N, 0, 1, N),
        panels_at(w, at[4], 0, 1, 1, O, N, 0, 1, O),
    )


@inner
def nats_of(images, n, logits):
    """Nats of image n, whose logits are the first half of `logits`.

    Numba compiles one of the branches, as ndim is a part of the type.
    """
    D = images.size // images.shape[0]
    if logits.ndim == 2:
        return bernoulli_nats(logits, 0, images, n * D, D)
    return softmax_nats(logits, 0, images, n * D, D, logits.shape[2])


@inner
def nats_backward(images, n, scale, logits):
    """The second half of `logits`: the gradient of scale · nats of image n."""
    D, half = images.size // images.shape[0], logits.size // 2
    if logits.ndim == 2:
        bernoulli_gradient(logits, 0, images, n * D, D, scale, logits, half)
    else:
        softmax_gradient(logits, 0, images, n * D, D, logits.shape[2], scale, logits, half)
