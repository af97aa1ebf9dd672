"""Arrays in .npz files from strangers: no pickle, and no more unpacked than was asked for.

Not the paper. An .npz file is a zip file of .npy files; a header in it may claim anything.
"""

import io
import math
import zipfile

import numpy as np
from numpy.lib import format as npy

NPY_HEADER = 10000  # bytes that the header of an array may have; NumPy's own bound


def read_members(path, what, wanted):
    """The first array of `wanted` that an .npz file has.

    wanted: {name: (shape, dtypes)}, where dtypes are those allowed. Raises ValueError, which names
    path and `what` is wanted, if there is none, or if it is of another kind.
    """
    with open(path, "rb") as file:
        try:
            with zipfile.ZipFile(file) as archive:
                names = set(archive.namelist())
                name = next((n for n in wanted if f"{n}.npy" in names), None)
                if name is None:
                    raise ValueError(f"it has no array {' or '.join(map(repr, wanted))}")
                return _member(archive, f"{name}.npy", *wanted[name])
        except MemoryError:
            raise
        except Exception as error:  # a foreign or cut file makes zipfile and NumPy raise all sorts
            reason = " ".join(str(error).split())
            raise ValueError(f"{path}: no {what} can be read from it: {reason}") from error


def _member(archive, name, shape, dtypes):
    """An array in a zip file; ValueError for another shape or dtype.

    No more is unpacked than the array and its header take up, whatever the file claims.
    """
    info = archive.getinfo(name)
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"it is packed by method {info.compress_type}, which NumPy never does")
    bound = math.prod(shape) * max(np.dtype(d).itemsize for d in dtypes) + NPY_HEADER
    with archive.open(info) as member:
        data = member.read(bound + 1)
    if len(data) > bound:
        raise ValueError(f"it unpacks to more than {bound} bytes")
    file = io.BytesIO(data)
    read = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
    version = npy.read_magic(file)
    if version not in read:
        raise ValueError(f"it is an array file of version {version}")
    found, _, dtype = read[version](file)
    if found != shape or dtype not in dtypes:
        expected = " or ".join(np.dtype(d).name for d in dtypes)
        raise ValueError(f"it is {dtype} {found}, expected {expected} {shape}")
    file.seek(0)
    return npy.read_array(file, allow_pickle=False)
