"""§3.4 Masks A and B, and the colour groups of features.

Every feature belongs to one of the image's colours. At the pixel itself a feature of colour o may
read a feature of colour i if i comes earlier (mask A), or is o itself (mask B). Pixels above, and
those to the left in the same row, may be read by all; later ones by none. The paper does not say
how to share out features if three does not divide them, nor that each gate is shared out by itself.
"""

import numpy as np


def feature_groups(features, channels):
    """The colour of each feature: g(k) = ⌊C·k / features⌋, so R, G, B are contiguous.

    features: number of features, channels: C of the image. Returns int (features,).
    Raises ValueError if there are fewer features than colours: a colour would have none.
    """
    if features < channels:
        raise ValueError(
            f"{features} features cannot be shared by {channels} colours; use at least {channels}"
        )
    return np.arange(features) * channels // features


def gate_groups(h, channels, gates=4):
    """Groups of the 4h gate features: gate-major, so feature gate·h + k has the colour of k.

    Splitting 4h itself in contiguous thirds would hand R's own value to R's prediction.
    """
    return np.tile(feature_groups(h, channels), gates)


def logit_groups(channels, per_channel):
    """Groups of the logits, `colour·levels + value`: int (channels·per_channel,)."""
    return np.repeat(np.arange(channels), per_channel)


def conv_mask(kind, rows, cols, groups_in, groups_out):
    """The 0/1 mask of a rows × cols kernel: uint8 (rows, cols, in, out).

    kind: "A" (own colour not visible: first layer only), "B", or None for a kernel that reads all
    that it covers; rows and cols odd.
    Raises ValueError for another kind or an even size.
    """
    if kind not in ("A", "B", None):
        raise ValueError(f'mask is {kind!r}; it has to be "A" or "B", or None for no mask')
    if rows % 2 == 0 or cols % 2 == 0 or rows < 1 or cols < 1:
        raise ValueError(f"kernel size is {rows}x{cols}; both have to be odd and positive")
    r, q = rows // 2, cols // 2
    mask = np.zeros((rows, cols, len(groups_in), len(groups_out)), np.uint8)
    if kind is None:
        mask[:] = 1
        return mask
    mask[:r] = 1
    mask[r, :q] = 1
    i, o = np.asarray(groups_in)[:, None], np.asarray(groups_out)[None, :]
    mask[r, q] = o > i if kind == "A" else o >= i
    return mask
