"""Hostile model files and checkpoints: text, header or arrays of a safetensors file gone wrong."""

import json

import numpy as np
import safetensors.numpy

from pixelrnn_np import checkpoint

from . import fuzz_bytes as fuzz
from .fuzz_bytes import damage, pick


def hostile_file(arrays, meta, rng):
    """Bytes of a model file or checkpoint with something wrong in its text, header or arrays."""
    kind = rng.random()
    if kind < 0.45:
        meta = fuzz.odd_json(meta, rng)
    elif kind < 0.5:
        meta = {**meta, "model": {**meta["model"], "h": 65536, "layers": 1000, "head": 65536,
                                  "image_shape": [4096, 4096, 1]}}  # fmt: skip
        for key in rng.permutation(["h", "layers", "head", "image_shape"])[: rng.integers(4)]:
            meta["model"].pop(str(key))
    elif kind < 0.6:
        arrays = dict(arrays)
        name = pick(rng, list(arrays))
        a = arrays[name]
        arrays[name] = pick(
            rng,
            [np.full_like(a, np.nan), np.full_like(a, 1e38), a[:0], a[None], a.astype(np.int8),
             np.zeros(0, np.float16), a.astype("f8")],
        )  # fmt: skip
    text = fuzz.deep(rng) if 0.6 < kind < 0.62 else json.dumps(meta)
    tensors = {k: np.ascontiguousarray(v) for k, v in arrays.items()}
    data = safetensors.numpy.save(tensors, {checkpoint.FORMAT: text})
    if kind > 0.85:
        return damage(data, rng)
    if kind > 0.65:
        end = 8 + int.from_bytes(data[:8], "little")
        header = odd_header(json.loads(data[8:end]), rng)
        size = pick(rng, fuzz.NUMBERS) % 2**64 if rng.random() < 0.1 else len(header)
        data = size.to_bytes(8, "little") + header + data[end:]
    return data


def odd_header(header, rng):
    """The text of a safetensors header with tensors that overlap, overflow or come twice."""
    names = [n for n in header if n != "__metadata__"]
    for _ in range(rng.integers(1, 3)):
        entry, other = (header[pick(rng, names)] for _ in range(2))
        kind = rng.integers(6)
        if kind == 0:
            entry["data_offsets"] = other["data_offsets"]
        elif kind == 1:
            entry["data_offsets"] = [int(pick(rng, fuzz.NUMBERS)) for _ in range(2)]
        elif kind == 2:
            entry["dtype"] = pick(rng, ["F64", "BF16", "F16", "I8", "F8_E5M2", "BOOL", "X", "U64"])
        elif kind == 3:
            entry["shape"] = pick(rng, [[2**31, 2**31], [2**63], [-1], [0], [], [1] * 70, ["1"]])
        elif kind == 4:
            header[pick(rng, ["empty", "../up", "a" * 9999])] = {
                "dtype": "F32", "shape": [0, 2**40], "data_offsets": [0, 0]
            }  # fmt: skip
        else:
            header = fuzz.odd_json(header, rng)
            names = [n for n in header if n != "__metadata__" and isinstance(header[n], dict)]
            if not names or any("data_offsets" not in header[n] for n in names):
                break
    text = json.dumps(header)
    if rng.random() < 0.2:
        text = "{" + text[1:-1] + ", " + text[1:]  # every key twice
    return text.encode("utf-8", "surrogatepass")
