"""Pixel Recurrent Neural Networks (van den Oord, Kalchbrenner, Kavukcuoglu, 2016) in NumPy.

Exact-likelihood models of images, pixel by pixel; inner loops in Numba, every backward pass
written by hand. See README.md, and `build_model` to begin.
"""

__version__ = "0.2.0"

from .backend import use_backend
from .coding import compress, decompress
from .data import load_data
from .inspection.record import record
from .models import build_model, load
from .pretrained import list_pretrained, load_pretrained, pretrained_card
from .runs.run import Run
from .sampling import complete, sample
from .training.trainer import Trainer

__all__ = [
    "Run",
    "Trainer",
    "build_model",
    "complete",
    "compress",
    "decompress",
    "list_pretrained",
    "load",
    "load_data",
    "load_pretrained",
    "pretrained_card",
    "record",
    "sample",
    "use_backend",
]
