"""A first start in a process of its own, for compile_times.py; not to be called by hand.

    python first_start.py MODEL

Makes one update of MODEL on the data set digits and draws 64 images, both as the command line does
by default. Prints what that took of the processor as one line of JSON. It uses nothing of the
package but its public face, so that older versions can be measured by it too.
"""

import json
import sys
import time

from numba.core import event

import pixelrnn_np as pr

MODELS = ("pixelcnn", "row_lstm", "diagonal_bilstm", "multi_scale")


class Outermost(event.Listener):
    """{kernel: seconds}; what it is the first to call counts for a kernel that Python calls."""

    def __init__(self):
        self.seconds, self.depth = {}, 0

    def on_start(self, happening):
        self.depth += 1
        if self.depth == 1:
            self.begun = time.process_time()

    def on_end(self, happening):
        self.depth -= 1
        if self.depth == 0:
            name = happening.data["dispatcher"].py_func.__name__
            spent = time.process_time() - self.begun
            self.seconds[name] = self.seconds.get(name, 0.0) + spent


def trainer_of(model):
    """With the optimiser of the command line; older versions have Adam."""
    try:
        return pr.Trainer(model, "soap", lr=0.003, ema=0.995)
    except ValueError:
        return pr.Trainer(model, "adam", lr=0.003, ema=0.995)


def measure(name, batch=16, drawn=64):
    """{"package", "update", "sample", "kernels": {"update": {name: seconds}, "sample": …}}."""
    start = time.process_time()
    x = pr.load_data("digits", "train")
    trainer = trainer_of(pr.build_model(name, x.shape[1:], int(x.max()) + 1))
    updating, drawing = Outermost(), Outermost()
    with event.install_listener("numba:compile", updating):
        trainer.step(x[:batch])
    between = time.process_time()
    with event.install_listener("numba:compile", drawing):
        pr.sample(trainer.model, drawn)
    end = time.process_time()
    kernels = {"update": updating.seconds, "sample": drawing.seconds}
    return {
        "package": pr.__file__, "update": between - start, "sample": end - between,
        "kernels": kernels,
    }  # fmt: skip


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1])))
