"""The opponent in JAX: `jit`, `lax.scan` for the recurrences, `optax`; float32, channels last.

Source: van den Oord, Kalchbrenner and Kavukcuoglu, "Pixel Recurrent Neural Networks", 2016,
sections 3.1 to 3.5; the same functions as peers_usual.py. Binary images of one channel only.

Written as a JAX user would: pure functions of a dictionary of parameters, one compiled function for
the whole update, whose memory is given back to it (donated). Known ways to make it fast are taken:
kernels cut to the rows that the mask leaves; up- and skip projection in one product; one product
for all neighbours in a scan's step; the maps in the order in which the scan reads them; both
directions of the Diagonal BiLSTM in one scan; the skew as padding and reshaping. What was tried and
is slower is in benchmarks/README.md.
"""

import os

os.environ.setdefault("JAX_PLATFORMS", "cpu")

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax

LR, CLIP = 1e-3, 1.0
LAYOUT = ("NHWC", "HWIO", "NHWC")


def conv(x, K, b, padding):
    return lax.conv_general_dilated(x, K, (1, 1), padding, dimension_numbers=LAYOUT) + b


def project(x, K, b):
    """A 1×1 convolution, K (1, 1, in, out)."""
    return x @ K[0, 0] + b


def masked(K, rows, seen):
    """The rows of K that a mask leaves, of the last one only the first `seen` taps."""
    mask = np.ones((rows, K.shape[1], 1, 1), K.dtype)
    mask[-1, seen:] = 0
    return K[:rows] * mask


def cell(z, c):
    """Equation (3) along the last axis: z (…, 4h), c (…, h) to the new h and c."""
    o, f, i, g = jnp.split(z, 4, axis=-1)
    c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
    return jax.nn.sigmoid(o) * jnp.tanh(c), c


def row_lstm(p, x):
    """§3.1: (B, H, W, 2h) to (B, H, W, h)."""
    B, _, W, _ = x.shape
    z = conv(x, p["K_is"][:, :2], p["b"], ((0, 0), (1, 0)))
    K = p["K_ss"].reshape(-1, p["K_ss"].shape[-1])  # left, above, right

    def row(state, z):
        h, c = state
        padded = jnp.pad(h, ((0, 0), (1, 1), (0, 0)))
        around = jnp.concatenate([padded[:, :-2], h, padded[:, 2:]], axis=-1)
        h, c = cell(z + around @ K, c)
        return (h, c), h

    start = tuple(jnp.broadcast_to(p[k], (B, W, p[k].size)) for k in ("h0", "c0"))
    return lax.scan(row, start, z.swapaxes(0, 1))[1].swapaxes(0, 1)


def skew(x):
    """Row r moves r columns to the right: (…, H, W, F) to (…, H, W + H - 1, F)."""
    *outer, H, W, F = x.shape
    x = jnp.pad(x, [(0, 0)] * (x.ndim - 2) + [(0, H), (0, 0)]).reshape(*outer, H * (W + H), F)
    return x[..., : H * (W + H - 1), :].reshape(*outer, H, W + H - 1, F)


def unskew(y):
    """The inverse: (…, H, W + H - 1, F) to (…, H, W, F)."""
    *outer, H, N, F = y.shape
    y = jnp.pad(y.reshape(*outer, H * N, F), [(0, 0)] * (y.ndim - 3) + [(0, H), (0, 0)])
    return y.reshape(*outer, H, N + 1, F)[..., : N + 1 - H, :]


def diagonal_bilstm(p, x):
    """§3.2: (B, H, W, 2h) to (B, H, W, h)."""
    B, H, _, _ = x.shape
    both = {k: jnp.stack([p[f"l2r.{k}"], p[f"r2l.{k}"]]) for k in ("K_ss", "h0", "c0")}
    maps = [
        project(a, p[f"{k}.K_is"], p[f"{k}.b"]) for a, k in ((x, "l2r"), (x[:, :, ::-1], "r2l"))
    ]
    z = jnp.moveaxis(skew(jnp.stack(maps)), 3, 0)  # (columns, 2, B, H, 4h)
    K = both["K_ss"].reshape(2, -1, z.shape[-1])  # above, left
    h0, c0 = (jnp.broadcast_to(both[k][:, None, None], (2, B, H, K.shape[1] // 2))
              for k in ("h0", "c0"))  # fmt: skip
    rows = jnp.arange(H)[:, None]

    def column(state, at):
        (h, c), (t, z) = state, at
        above = jnp.concatenate([h0[:, :, :1], h[:, :, :-1]], axis=2)
        around = jnp.concatenate([above, h], axis=-1).reshape(2, B * H, -1)
        h, c = cell(z + (around @ K).reshape(z.shape), c)
        before = rows > t  # these rows have not begun: their left neighbour is (h0, c0)
        h, c = jnp.where(before, h0, h), jnp.where(before, c0, c)
        return (h, c), h

    columns = lax.scan(column, (h0, c0), (jnp.arange(len(z)), z))[1]
    left, right = unskew(jnp.moveaxis(columns, 0, 3))
    return left + jnp.pad(right[:, :-1, ::-1], ((0, 0), (1, 0), (0, 0), (0, 0)))


def conv_inner(p, x):
    """§3.5: (B, H, W, 2h) to (B, H, W, h)."""
    x = jax.nn.relu(project(jax.nn.relu(x), p["down.K"], p["down.b"]))
    return jax.nn.relu(conv(x, masked(p["conv.K"], 2, 2), p["conv.b"], ((1, 0), (1, 1))))


INNER = {"pixelcnn": conv_inner, "row_lstm": row_lstm, "diagonal_bilstm": diagonal_bilstm}


def within(params, prefix):
    return {k.removeprefix(prefix): v for k, v in params.items() if k.startswith(prefix)}


def loss(params, x, name, layers):
    """Mean nats per image of x (B, H, W, 1)."""
    y = conv(x, masked(params["first.K"], 4, 3), params["first.b"], ((3, 0), (3, 3)))
    total = 0
    for i in range(layers):
        p = within(params, f"blocks.{i}.")
        a = INNER[name](p if name == "pixelcnn" else within(p, "lstm."), y)
        K, b = (jnp.concatenate([p[f"up.{k}"], p[f"skip.{k}"]], axis=-1) for k in ("K", "b"))
        up, skip = jnp.split(project(a, K, b), 2, axis=-1)
        y, total = y + up, total + skip
    y = y + total
    for part in ("conv1", "conv2", "logits"):
        y = project(jax.nn.relu(y), params[f"head.{part}.K"], params[f"head.{part}.b"])
    return optax.sigmoid_binary_cross_entropy(y, x).sum() / len(x)


class Peer:
    """One full training step, as peers.py's. config, params: of this project's model.

    Raises ValueError for a configuration that the peers do not cover.
    """

    def __init__(self, config, params):
        if config["levels"] != 2 or config["image_shape"][2] != 1:
            raise ValueError("the peers are written for binary images of one channel")
        if not (config["residual"] and config["skip"]):
            raise ValueError("the peers have residual and skip connections")
        if config["dtype"] == "float64":
            jax.config.update("jax_enable_x64", True)
        self.dtype = config["dtype"]
        self.params = {name: jnp.array(a, self.dtype) for name, a in params.items()}
        scale = optax.scale(1 / np.prod(config["image_shape"]))
        optimiser = optax.chain(scale, optax.clip(CLIP), optax.adam(LR))
        self.state = optimiser.init(self.params)
        one = functools.partial(loss, name=config["name"], layers=config["layers"])
        self.value_and_grad = jax.jit(jax.value_and_grad(one))

        @functools.partial(jax.jit, donate_argnums=(0, 1))
        def update(params, state, x):
            nats, grads = jax.value_and_grad(one)(params, x)
            changes, state = optimiser.update(grads, state, params)
            return optax.apply_updates(params, changes), state, nats

        self.update = update

    def images(self, x):
        """uint8 images as the step takes them; done once."""
        return jnp.array(x, self.dtype)

    def loss_and_grads(self, x):
        """Mean nats per image of uint8 images x, {name: gradient}: like `Model.loss_and_grads`."""
        nats, grads = self.value_and_grad(self.params, self.images(x))
        return float(nats), {name: np.asarray(g) for name, g in grads.items()}

    def step(self, x):
        """One update on images from `images`; mean nats per image before it."""
        done = self.update(self.params, self.state, x)
        self.params, self.state, nats = jax.block_until_ready(done)
        return float(nats)
