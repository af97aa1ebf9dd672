"""What the tests of training share: a small model, images, and when two trainers are the same."""

import copy
import json

import numpy as np

import pixelrnn_np as pr

SHAPE, LEVELS = (5, 4, 1), 4
SAME = ("step", "epoch", "images", "lr", "train", "valid")  # all but the seconds
ADAM = {"optimizer": "adam", "ema": 0.9, "schedule": "cosine", "warmup": 3}


def build(seed=0, dtype="float32"):
    return pr.build_model("pixelcnn", SHAPE, LEVELS, h=3, layers=1, head=4, seed=seed, dtype=dtype)


def images(n, seed=1):
    return np.random.default_rng(seed).integers(0, LEVELS, (n, *SHAPE), np.uint8)


def records(trainer):
    return np.array([[h[c] for c in SAME] for h in trainer.history])


def assert_same(a, b):
    """Two trainers hold the same bits."""
    assert a.model.flat.tobytes() == b.model.flat.tobytes()
    assert a.optimizer.arrays.keys() == b.optimizer.arrays.keys()
    for name, array in a.optimizer.arrays.items():
        assert array.tobytes() == b.optimizer.arrays[name].tobytes(), name
    assert (a.average is None) == (b.average is None)
    if a.average is not None:
        assert a.average.tobytes() == b.average.tobytes()
    assert records(a).tobytes() == records(b).tobytes()
    assert (a.step_count, a.epoch, a.position) == (b.step_count, b.epoch, b.position)
    assert a.order_state == b.order_state and a.best == b.best


class Stop(Exception):
    pass


class Folder:
    """A run that holds its checkpoints in memory and breaks off after one of them."""

    def __init__(self, stop_at=None):
        self.stop_at, self.saves = stop_at, 0

    def save_best(self, trainer, nats):
        pass

    def save_checkpoint(self, trainer):
        self.saves += 1
        arrays, meta = trainer.state()
        self.saved = copy.deepcopy(arrays), json.loads(json.dumps(meta)), trainer.model.flat.copy()
        if self.saves == self.stop_at:
            raise Stop
