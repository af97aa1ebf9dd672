"""All parameters of a model in one flat vector, so that an optimiser is one line. Not the paper."""

import copy
from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from ..layers.base import Layer


class Vector(Layer):
    """A layer whose parameters are views into one vector, `flat`."""

    def _finish(self, **children):
        super().__init__(**children)
        self.move_to(np.empty(sum(a.size for _, a in self._named()), self.dtype))

    def move_to(self, flat: np.ndarray) -> None:
        """Makes `flat` the vector that holds all parameters. Their values move with them.

        Parameters
        ----------
        flat : ndarray, (parameters,)
            Memory of the model's dtype. What it held is lost.

        Examples
        --------
        >>> model = pr.build_model("pixelcnn", (4, 4, 1), h=2, layers=1)
        >>> flat = np.zeros_like(model.flat)
        >>> model.move_to(flat)
        >>> np.shares_memory(model.params["first.K"], flat)
        True
        """
        self.bind(self.unflatten(flat, dict(self._named())))
        self.flat = flat
        self._params = MappingProxyType(dict(self._named()))

    def __getstate__(self):
        """For copy and pickle. A network of a multi-scale model takes its part of the vector."""
        state = super().__getstate__()
        del state["_params"]
        state.pop("_joint_kept", None)  # see joint.py
        return state

    def __setstate__(self, state):
        super().__setstate__(state)
        self.move_to(self.flat.copy())  # what pickle gives may be read-only

    def __copy__(self):
        return copy.deepcopy(self)  # two models that share some of their arrays are none

    @property
    def params(self) -> Mapping[str, np.ndarray]:
        """The parameters by their dotted names.

        Returns
        -------
        mapping of str to ndarray
            The mapping is read-only. The arrays are not: each is a view into the vector `flat`.

        Examples
        --------
        >>> model = pr.build_model("pixelcnn", (4, 4, 1), h=2, layers=1)
        >>> model.params["first.K"].shape
        (7, 7, 1, 4)
        >>> model.params["first.b"][:] = 0
        """
        return self._params

    def unflatten(
        self, flat: np.ndarray, like: Mapping[str, np.ndarray] | None = None
    ) -> dict[str, np.ndarray]:
        """Views of `flat` with the names and shapes of the parameters.

        Parameters
        ----------
        flat : ndarray, (parameters,)
            A vector such as `flat` itself, a gradient, or an average.
        like : mapping of str to ndarray, optional
            Names and shapes. None: those of `params`.

        Returns
        -------
        dict of str to ndarray
            The views, by dotted name.

        Examples
        --------
        >>> model = pr.build_model("pixelcnn", (4, 4, 1), h=2, layers=1)
        >>> model.unflatten(np.zeros_like(model.flat))["first.b"]
        array([0., 0., 0., 0.], dtype=float32)
        """
        views, start = {}, 0
        for name, array in (like or self.params).items():
            views[name] = flat[start : start + array.size].reshape(array.shape)
            start += array.size
        return views
