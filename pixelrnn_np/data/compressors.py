"""What general compressors make of images, for comparison with a model's nats. Not the paper.

Each is given what suits it best: gzip and xz all images in one run, packed or a byte per value,
whichever comes out smaller; the formats of pictures all images on tall sheets. A header is longer
than a compressed digit, and so it is paid once, not per image. All of these see images beside each
other, and profit where they are alike or overlap. A model takes each image for itself, as PNG and
WebP do where each image is a file of its own ("a file each").
"""

import gzip
import io
import lzma

import numpy as np

TALLEST = 16383  # pixels of a WebP's side at most


def sizes(images, levels):
    """{name: bytes in all} of uint8 images (N, H, W, C) in [0, levels), each measured here.

    Pictures need one or three channels; two levels add the fax code, the best that Pillow has for
    them (it has no JBIG2).
    """
    plain, packed = images.tobytes(), pack(images, levels)
    found = {
        "raw": len(packed),
        "gzip -9": min(len(gzip.compress(d, 9, mtime=0)) for d in (plain, packed)),
        "xz -9e": min(len(lzma.compress(d, preset=9 | lzma.PRESET_EXTREME))
                      for d in (plain, packed)),
    }  # fmt: skip
    if images.shape[3] not in (1, 3):
        return found
    webp = {"lossless": True, "quality": 100, "method": 6, "exact": True}
    for name, options in (("PNG", {"optimize": True}), ("WebP", webp)):
        found[name] = _pictures(images, levels, name, **options)
        found[f"{name}, a file each"] = _pictures(images, levels, name, alone=True, **options)
    if levels == 2 and images.shape[3] == 1:
        found["CCITT Group 4 (TIFF)"] = _pictures(images, levels, "TIFF", compression="group4")
    return found


def pack(images, levels):
    """The values as bits, as few for each as `levels` asks for; the last byte is filled up."""
    width = (levels - 1).bit_length()
    bits = np.unpackbits(images.reshape(-1, 1), axis=1)[:, 8 - width :]
    return np.packbits(bits).tobytes()


def _pictures(images, levels, kind, alone=False, **options):
    """Bytes of all images, each alone or below each other on sheets as high as a WebP may be."""
    from PIL import Image

    step, total = 1 if alone else max(1, TALLEST // images.shape[1]), 0
    for i in range(0, len(images), step):
        sheet = images[i : i + step].reshape(-1, *images.shape[2:])
        if images.shape[3] == 3:
            picture = Image.fromarray(sheet)
        elif levels == 2 and kind != "WebP":
            picture = Image.fromarray(sheet[..., 0] * np.uint8(255)).convert("1", dither=0)
        else:
            picture = Image.fromarray(sheet[..., 0])
        file = io.BytesIO()
        picture.save(file, kind, **options)
        total += len(file.getvalue())
    return total
