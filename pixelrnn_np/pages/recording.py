"""The page of a record: both passes step by step, each tensor as a heat map, and its gradient."""

import numpy as np

from .template import fill, packed

MOST_BYTES = 64 * 10**6  # of a page; a browser opens larger ones slowly or not at all


def recording_page(steps, loss):
    """The page as text.

    steps: a list of dicts with name, backward (bool), value and gradient (arrays (H, W, F), or None
    where there is none), equation, file, line (its text) and number; loss: mean nats per image.
    A tensor and its gradient are stored once, for both of their steps. Raises ValueError for a
    record that would make a page of more than 64 MB.
    """
    arrays = {}
    for step in steps:
        for kind, key in (("value", step["name"]), ("gradient", "d" + step["name"])):
            if step[kind] is not None:
                arrays[key] = step[kind]
    size = sum(a.size for a in arrays.values()) * 4 * 4 // 3
    if size > MOST_BYTES:
        raise ValueError(
            f"the page would take {size / 1e6:.0f} MB, more than {MOST_BYTES / 1e6:.0f}; write a "
            'part of the record, such as record.under("blocks.0").to_html(path)'
        )
    data = {
        "steps": [{k: v for k, v in s.items() if k not in ("value", "gradient")} for s in steps],
        "tensors": {
            key: {"shape": list(a.shape), "data": packed(a, "<f4")} for key, a in arrays.items()
        },
    }
    forward = sum(not s["backward"] for s in steps)
    facts = f"{forward} steps forward, {len(steps) - forward} backward · {loss:.2f} nats per image"
    return fill("record.html", ("record.js",), data, facts=facts)


def as_map(array):
    """The first image of a tensor (B, H, W, F…) as float (H, W, F)."""
    one = np.asarray(array[0], np.float64)
    return one.reshape(*one.shape[:2], -1)
