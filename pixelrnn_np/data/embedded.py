"""Data that lie in the files of an installed package: read there, without importing the package.

Importing scikit-learn takes a second, as long as a first network needs to be ready.
"""

import importlib.util
from pathlib import Path

import numpy as np

DIGITS = "datasets/data/digits.csv.gz"
PHOTOGRAPHS = "datasets/images"


def inside(package, file):
    """The path of a file of an installed package, or None."""
    spec = importlib.util.find_spec(package)
    places = [] if spec is None else spec.submodule_search_locations or []
    return next((path for p in places if (path := Path(p) / file).is_file()), None)


def digits():
    """scikit-learn's handwritten digits: int64 (1797, 8, 8), 0 to 16."""
    path = inside("sklearn", DIGITS)
    if path is None:  # an edition that keeps it elsewhere
        from sklearn.datasets import load_digits

        return load_digits().images.astype(np.int64)
    rows = np.loadtxt(path, delimiter=",")
    return rows[:, :-1].reshape(-1, 8, 8).astype(np.int64)


def photograph(name):
    """One of scikit-learn's photographs: uint8 (427, 640, 3)."""
    path = inside("sklearn", f"{PHOTOGRAPHS}/{name}")
    if path is None:
        from sklearn.datasets import load_sample_image

        return load_sample_image(name)
    from PIL import Image

    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"))
