"""What the tests of the data sets share: where the real files are, checksums, and what is asked."""

import gzip
import hashlib
import os
import re
import struct
from pathlib import Path

import numpy as np
import pytest

from pixelrnn_np.data import DATASETS, mnist

BESIDE = Path(__file__).parents[2] / "shared" / "data"
REAL = Path(os.environ.get("PIXELRNN_DATA") or BESIDE)


def needs(*filenames):
    missing = [name for name in filenames if not (REAL / name).is_file()]
    return pytest.mark.skipif(bool(missing), reason=f"{', '.join(missing)} not in {REAL}")


def sha(data):
    return hashlib.sha256(data).hexdigest()


def check(images, name, split, levels):
    dataset = DATASETS[name]
    assert images.shape == (dataset.splits[split], *dataset.image_shape)
    assert images.dtype == np.uint8
    assert images.flags.c_contiguous and images.flags.writeable and images.flags.owndata
    assert images.max() < levels


def fails(error, *parts):
    """The context in which `error` is raised, with a message of one line that holds the parts."""
    pattern = "".join(f"(?=.*{re.escape(part)})" for part in parts)
    return pytest.raises(error, match=rf"\A{pattern}[^\n]+\Z")


def idx(images, magic=0x803, shape=None, compress=True):
    n, h, w = shape or images.shape[:3]
    data = struct.pack(">4I", magic, n, h, w) + images.tobytes()
    return gzip.compress(data, 1, mtime=0) if compress else data


def replace_mnist(monkeypatch, train, test):
    """Lets `mnist` expect these files of the published names and sizes."""
    new = {
        f.filename: f._replace(sha256=sha(data), size=len(data), content=sha(gzip.decompress(data)))
        for f, data in ((mnist.TRAIN, train), (mnist.TEST, test))
    }
    for split, (file, part) in list(mnist.SPLITS.items()):
        monkeypatch.setitem(mnist.SPLITS, split, (new[file.filename], part))
