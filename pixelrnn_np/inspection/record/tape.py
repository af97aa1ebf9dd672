"""What `record` returns: tensors by name, in the order of computation, shown as a table."""

from collections.abc import Mapping

import numpy as np

from ...checkpoint import as_path, write_atomically
from ...figures.charts import Table
from ...pages.recording import as_map, recording_page
from .equations import equation, line_number


class Tape:
    """Collects copies of tensors. `under("blocks.0.")` writes to the same tape with that prefix."""

    def __init__(self, prefix="", forward=None, backward=None, notes=None):
        self.prefix = prefix
        self.forward = {} if forward is None else forward
        self.backward = {} if backward is None else backward
        self.notes = {} if notes is None else notes

    def under(self, prefix):
        return Tape(self.prefix + prefix, self.forward, self.backward, self.notes)

    def put(self, name, array, how=""):
        self._keep(self.forward, self._full(name), array, how)

    def put_d(self, name, array, how=""):
        """The gradient with respect to `name`."""
        self._keep(self.backward, "d" + self._full(name), array, how)

    def _full(self, name):
        return (self.prefix + name).removesuffix(".")

    def _keep(self, where, name, array, how):
        where[name] = np.array(array)
        self.notes[name] = how


class Record(Mapping):
    """Tensors of one pass by name: record["first"], record["dfirst"], record["dfirst.K"].

    forward, backward: {name: array} in the order of computation; grads: {"d" + parameter: array};
    loss: mean nats per image. A record is a mapping of all three, and shows the first two as a
    table; `under("blocks.0")` is the part of it whose names begin so.
    """

    def __init__(self, tape, grads, loss):
        self.forward, self.backward = dict(tape.forward), dict(tape.backward)
        self.grads = {f"d{name}": np.array(g) for name, g in grads.items()}
        self.loss, self._notes = loss, tape.notes
        self._all = self.forward | self.backward | self.grads

    def __getitem__(self, name):
        if name not in self._all:
            import difflib

            near = difflib.get_close_matches(str(name), self._all, n=1, cutoff=0.4)
            hint = f" (did you mean {near[0]!r}?)" if near else ""
            raise KeyError(f"{name!r} was not recorded{hint}")
        return self._all[name]

    def __iter__(self):
        return iter(self._all)

    def __len__(self):
        return len(self._all)

    def under(self, prefix):
        """The record of one part of the network only, gradients included."""

        def inside(name):
            return name == prefix or name.startswith(prefix + ".")

        part = Tape("", notes=self._notes)
        part.forward = {k: a for k, a in self.forward.items() if inside(k)}
        part.backward = {k: a for k, a in self.backward.items() if inside(k[1:])}
        grads = {k[1:]: g for k, g in self.grads.items() if inside(k[1:])}
        return Record(part, grads, self.loss)

    def rows(self):
        """[(step, name, shape, smallest, largest, how)], forward and then backward."""
        both = self.forward | self.backward
        return [
            (k, name, "×".join(map(str, a.shape)), float(a.min()), float(a.max()),
             self._notes.get(name, ""))
            for k, (name, a) in enumerate(both.items())
        ]  # fmt: skip

    def _table(self):
        return Table(("step", "tensor", "shape", "min", "max", "how"), self.rows(), "{:.3g}")

    def to_html(self, path):
        """Writes the record of the first image as one HTML page to step through both passes.

        Each tensor is a heat map beside its gradient, with the equation and the line of the package
        that gives it.

        Parameters
        ----------
        path : str or path
            The file to write; its name ends in .html.

        Raises
        ------
        ValueError
            The name has another ending, or the record is too large for a page: then
            `record.under("blocks.0").to_html(path)` writes a part of it.
        OSError
            The file cannot be written.
        """
        if as_path(path).suffix.lower() not in (".html", ".htm"):
            raise ValueError(f"{path}: name a file that ends in .html")
        write_atomically(path, recording_page(self._steps(), self.loss).encode())

    def _steps(self):
        """What the page shows, forward and then backward."""
        steps, softmax = [], any(a.ndim == 5 for a in self.forward.values())
        both = [(name, False) for name in self.forward] + [(name, True) for name in self.backward]
        for full, backward in both:
            name = full[1:] if backward else full
            text, file, line = equation(name, backward, softmax)
            steps.append({
                "name": name, "backward": backward, "how": self._notes.get(full, ""),
                "value": as_map(self.forward[name]) if name in self.forward else None,
                "gradient": as_map(self.backward["d" + name]) if "d" + name in self.backward
                else None,
                "equation": text, "file": file, "line": line,
                "number": line_number(file, line) if line else 0,
            })  # fmt: skip
        return steps

    def __repr__(self):
        return repr(self._table())

    def _repr_html_(self):
        return self._table()._repr_html_()
