"""What the tests of the data sets share: where the real files are, checksums, and what is asked."""

import hashlib
import os
import re
from pathlib import Path

import numpy as np
import pytest

from pixelrnn_np.data import DATASETS

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
