"""The bar of `fit`: images, nats, and the compilation that may come first. Not the paper."""

import contextlib

from tqdm.auto import tqdm

from ..backend import compiling


class Progress:
    """A bar over `total` images of which `seen` are done; shown: whether it is to be seen.

    What passes before the first update is done, such as compilation, does not count in the images
    per second.
    """

    def __init__(self, total, seen, shown):
        self.bar = tqdm(
            total=total, initial=seen, unit="img", disable=not shown, desc="training",
            smoothing=0.05,
        )  # fmt: skip
        self.started = False

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            stack.enter_context(self.bar)
            stack.enter_context(compiling(self._say_compiling))
            self._end = stack.pop_all().close
        return self

    def __exit__(self, *_):
        self._end()

    def _say_compiling(self):
        if not self.started:
            self.bar.set_description("compiling the kernels, once")

    def update(self, images, nats):
        if not self.started:
            self.started = True
            self.bar.unpause()
            self.bar.set_description("training", refresh=False)
        self.bar.update(images)
        self.bar.set_postfix(nats=f"{nats:.2f}", refresh=False)
