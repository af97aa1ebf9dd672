"""The Layer protocol, ReLU, and chains of layers.

    y, cache  = layer.forward(x)            x, y: (B, H, W, F); cache: what backward needs
    dx, grads = layer.backward(dy, cache)   grads: the names and shapes of layer.params
    layer.params                            read-only mapping of names to arrays

A layer holds its parameters and no other state, so that one layer serves several shards of a batch
at once. x and y may be tuples; dx and dy then mirror them.

Generation, one pixel at a time (§2.1):
    state = layer.begin(batch, width)           weights prepared, memory for a few rows
    layer.begin_row(state, r)                   all that finished rows determine, once per row
    y_q   = layer.step(x_q, state, q, group)    (B, F_in) → (B, F_out) at column q of that row
step is called once for each colour group, with the inputs known by then; what it gives for features
of that group and earlier ones equals forward at that pixel, and the last call's inputs are kept.
The state is float arrays of a few rows, so a pixel costs the same wherever it stands.

`write_step` writes the same arithmetic down as a program (kernels/program.py), which one kernel
runs for all layers at once: this is how images are drawn, and `step` is how to read it.
"""

from types import MappingProxyType

import numpy as np

from .. import backend, memory


class Layer:
    """Parameters of its `own`, and child layers whose parameters carry dotted names.

    A layer with a `mask` says which of its own parameters is `masked`.
    """

    masked = "K"

    def __init__(self, params=None, **children):
        self.own = dict(params or {})
        self.children = MappingProxyType(children)
        for name, layer in children.items():
            self.__dict__.setdefault(name, layer)

    @property
    def params(self):
        """{name: array}; the mapping is read-only, the arrays are not: write `params[k][:] = a`."""
        return MappingProxyType(dict(self._named()))

    def _named(self, prefix=""):
        for name, array in self.own.items():
            yield prefix + name, array
        for child, layer in self.children.items():
            yield from layer._named(f"{prefix}{child}.")

    def masks(self, prefix=""):
        """(dotted name, mask) of each parameter that a mask acts on."""
        if hasattr(self, "mask"):
            yield prefix + self.masked, self.mask
        for child, layer in self.children.items():
            yield from layer.masks(f"{prefix}{child}.")

    def bind(self, views):
        """Moves each parameter into the array of its name in `views`, values included."""
        for name, array in self.own.items():
            views[name][...] = array
            self.own[name] = views[name]
        for child, layer in self.children.items():
            start = child + "."
            layer.bind({k[len(start) :]: v for k, v in views.items() if k.startswith(start)})

    def __getstate__(self):
        return {**self.__dict__, "children": dict(self.children)}  # its proxy cannot be copied

    def __setstate__(self, state):
        self.__dict__.update(state, children=MappingProxyType(state["children"]))

    def forward(self, x):
        raise NotImplementedError

    def backward(self, dy, cache):
        raise NotImplementedError

    def begin(self, batch, width):
        """For layers without memory; the others say what they keep."""

    def begin_row(self, state, r):
        pass

    def step(self, x_q, state, q, group):
        raise NotImplementedError


def prefixed(prefix, grads):
    """{"conv.K": ...} from ("conv", {"K": ...})."""
    return {f"{prefix}.{name}": g for name, g in grads.items()}


class ReLU(Layer):
    """y = max(x, 0), elementwise; any shape.

    Backward: dy/dx is 1 where x > 0 and 0 elsewhere (at 0 as well), and x > 0 just where y > 0,
    so that y is all that backward needs:  dx = dy ⊙ [y > 0].
    """

    def forward(self, x):
        ops = backend.ops()
        y = memory.empty(x.shape, x.dtype)
        ops.relu_forward(x, y)
        return y, (ops, y)

    def backward(self, dy, cache):
        ops, (y,) = backend.ops(cache), cache[1:]
        dx = memory.empty(y.shape, y.dtype)
        ops.relu_backward(dy, y, dx)
        return dx, {}

    def step(self, x_q, state, q, group):
        return np.maximum(x_q, 0)


class Sequential(Layer):
    """A plain chain: Sequential(relu=ReLU(), conv=MaskedConv(...)) has parameters conv.K, conv.b.

    Backward is the chain rule, last layer first:  d_in = J_1ᵀ (J_2ᵀ (... J_nᵀ dy)).
    """

    def __init__(self, **layers):
        super().__init__(**layers)

    def forward(self, x):
        caches = {}
        for name, layer in self.children.items():
            x, caches[name] = layer.forward(x)
        return x, caches

    def backward(self, dy, cache):
        grads = {}
        for name, layer in reversed(self.children.items()):
            dy, g = layer.backward(dy, cache[name])
            grads.update(prefixed(name, g))
        return dy, grads

    def begin(self, batch, width):
        return [(layer, layer.begin(batch, width)) for layer in self.children.values()]

    def begin_row(self, state, r):
        for layer, s in state:
            layer.begin_row(s, r)

    def step(self, x_q, state, q, group):
        for layer, s in state:
            x_q = layer.step(x_q, s, q, group)
        return x_q


def uniform(rng, shape, fan_in, gain, dtype):
    """Weights uniform in ±√3·s, whose standard deviation is s = gain / √fan_in (not the paper's:
    it says nothing of initial weights).

    fan_in counts the unmasked inputs of an output; it may be an array that broadcasts to `shape`.
    """
    s = gain / np.sqrt(np.maximum(fan_in, 1))
    return (np.sqrt(3) * s * rng.uniform(-1, 1, shape)).astype(dtype)
