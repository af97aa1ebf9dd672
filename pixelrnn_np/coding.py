"""Nats are bits (§5.1): a lossless coder of images, the model its price list. Not in the paper.

A value of probability p takes -log2 p bits, by range coding (Martin 1979). The coder goes through
an image as `sample` does (models/walk.py), and draws no value: it writes the value that the image
has, or reads it. Each value's frequency is a whole number of at least 1; together they
are 2**24. `constriction` codes them; it is given frequencies minus one as float64 and adds the one
itself, which is exact: whole numbers below 2**53, and a scale of 1.

A decoder reads nonsense from the first value on whose frequencies are not the encoder's. They are
the same bit for bit on the same machine, since one and the same code makes the logits at both ends,
in float64, each sum in the same order whichever images are beside (kernels/drawing.py; the other
backends: on arrays of the same shapes, `group` images at a time, which the file records, with BLAS
on one thread for each group). An encoder, which knows the values, has the frequencies of several
sub-pixels made at once, each number by itself. Threads share out the groups and nothing else.

Another machine, or another version of NumPy or Numba, may round a sum differently. In float64 that
rarely moves a frequency. Whether it does is checked twice: before decoding by a canary, a hash of
the frequencies of fixed images, made sub-pixel by sub-pixel as a decoder has them made, and after
it by a checksum of the images. If one of them differs, `decompress` raises and gives no image.
"""

import hashlib
import json

import numpy as np
from tqdm.auto import tqdm

from . import __version__, backend
from .arguments import check_int
from .backend import target
from .container import LARGEST_GROUP, Container, checksum, unpack
from .likelihood import probabilities
from .models import Model, is_bound, same_weights
from .models.base import require_model
from .models.checks import check_finite, check_images
from .models.walk import alike, visit, walkers_of
from .parallel.threads import Pool, blas_in_use, cut

PRECISION = 24  # log2 of what frequencies sum to: constriction's choice
CANARY_ROWS = 2  # the second row has a first one above it
CANARY_IMAGES = 8  # more rows than a tile of products has (kernels/tiles)
AT_ONCE = 2**17  # frequencies that an encoder asks for together


def compress(
    model: Model,
    images: np.ndarray,
    *,
    group: int | None = None,
    threads: int | None = None,
    progress: bool = False,
) -> bytes:
    """Codes images without loss, in about as many bits as the model finds them improbable.

    Parameters
    ----------
    model : Model
        Its probabilities are the price list. `decompress` needs the same model.
    images : ndarray, uint8 (N, H, W, C)
        Values in [0, levels).
    group : int, optional
        Images that are coded side by side into one stream, 1 to 256. More streams can use more
        threads, and each costs about 4 bytes. None: N / 8, within 32 and 256.
    threads : int, optional
        None: all processors. The bytes do not depend on it.
    progress : bool
        Whether to show a bar.

    Returns
    -------
    bytes
        The streams, after a header of about 200 bytes.

    Raises
    ------
    ValueError
        The images are bad, weights or logits are not finite, the model is multi-scale and not
        exact, or `constriction` is not installed.

    Notes
    -----
    Section 5.1: nats / log 2 are the bits that an optimal code takes. The coder is not in the
    paper. Only a machine that rounds alike can read the bytes; any other one refuses.

    Examples
    --------
    >>> model = pr.build_model("pixelcnn", (4, 4, 1), h=2, layers=1)
    >>> images = pr.sample(model, 3, seed=0)
    >>> data = pr.compress(model, images)
    >>> np.array_equal(pr.decompress(model, data), images)
    True
    """
    _codable(model)
    x = check_images(images, model.image_shape, model.levels, "images")
    group = _group_size(len(x)) if group is None else check_int("group", group, 1, LARGEST_GROUP)
    stages, parts = walkers_of(same_weights(model, dtype="float64")), cut(len(x), group)
    streams = _spread(
        lambda i: _encode(stages, x[parts[i]], model.levels), parts, threads, progress
    )
    return Container(
        image_shape=model.image_shape, levels=model.levels, count=len(x), group=group,
        fingerprint=fingerprint(model),
        canary=_canary(stages, parts, model.image_shape, model.levels, threads),
        pixels=checksum(x.tobytes()), made_by=made_by(), streams=tuple(streams),
    ).pack()  # fmt: skip


def decompress(
    model: Model, data: bytes, *, threads: int | None = None, progress: bool = False
) -> np.ndarray:
    """Makes the images again, from what `compress` returned.

    Parameters
    ----------
    model : Model
        The model that compressed them.
    data : bytes
        What `compress` returned.
    threads : int, optional
        None: all processors.
    progress : bool
        Whether to show a bar.

    Returns
    -------
    ndarray, uint8 (N, H, W, C)
        The images, bit for bit.

    Raises
    ------
    ValueError
        The data are none of `compress`, are damaged, or were made with another model or on a
        machine whose probabilities differ in their last bits.

    Examples
    --------
    >>> model = pr.build_model("pixelcnn", (4, 4, 1), h=2, layers=1)
    >>> other = pr.build_model("pixelcnn", (4, 4, 1), h=2, layers=1, seed=1)
    >>> data = pr.compress(model, pr.sample(model, 3, seed=0))
    >>> pr.decompress(other, data)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    ValueError: data was compressed with another model: ...
    """
    _codable(model)
    found = unpack(data)
    if found.fingerprint != fingerprint(model):
        raise ValueError("data was compressed with another model: its weights or its configuration "
                         "differ")  # fmt: skip
    if (found.image_shape, found.levels) != (model.image_shape, model.levels):
        raise ValueError(f"data is damaged: its header claims images of {found.image_shape}, "
                         f"{found.levels} levels, the model has others")  # fmt: skip
    stages, parts = walkers_of(same_weights(model, dtype="float64")), cut(found.count, found.group)
    if _canary(stages, parts, model.image_shape, model.levels, threads) != found.canary:
        raise ValueError(f"data cannot be read here: the probabilities differ in their last bits "
                         f"{_machines(found)}")  # fmt: skip

    def decoded(i):
        x = np.zeros((parts[i].stop - parts[i].start, *model.image_shape), np.uint8)
        return _decode(stages, x, found.streams[i], model.levels)

    images = np.concatenate(_spread(decoded, parts, threads, progress))
    if checksum(images.tobytes()) != found.pixels:
        raise ValueError(f"data cannot be read here: the images are not those that were compressed "
                         f"{_machines(found)}")  # fmt: skip
    return images


def fingerprint(model):
    """16 bytes that stand for a model's weights and configuration."""
    digest = hashlib.blake2b(digest_size=16)
    digest.update(json.dumps(model.config, sort_keys=True).encode())
    digest.update(model.flat.astype(model.dtype.newbyteorder("<")).tobytes())
    return digest.digest()


def made_by():
    """What computes probabilities here: versions, backend, BLAS and processor, in one line."""
    return (
        f"pixelrnn_np {__version__}, {backend.ops().__name__.rpartition('.')[2]}, "
        f"numpy {np.__version__}, {target()}, {blas_in_use()}"
    )


def frequencies(logits, levels):
    """Frequencies of the values, each less by one: float64 (n, levels), whole numbers.

    logits: (n,) for two levels, else (n, levels). With one added to each they sum to 2**24, so that
    a value costs at most 24 bits. What rounding down leaves over goes to the likeliest value,
    or, of two levels, to 0. Raises ValueError (NotFinite) for logits that are not finite.
    """
    check_finite("logits", logits)
    free = 2**PRECISION - levels
    if levels == 2:  # the same in a fifth of the calls: they were a sixth of all time
        counts = np.empty((len(logits), 2))
        counts[:, 1] = np.floor(free / (1 + np.exp(-logits)))
        counts[:, 0] = free - counts[:, 1]
        return counts
    counts = np.floor(probabilities(logits, levels) * free)
    rows = np.arange(len(counts))
    counts[rows, counts.argmax(axis=1)] += free - counts.sum(axis=1)
    return counts


def _codable(model):
    require_model(model, finite=True)
    if is_bound(model):
        raise ValueError(
            "model is multi_scale with exact=False: it gives a probability to a large and a small "
            "image together, and not to an image. Pixels that both share would be paid for twice. "
            "Copy its weights to build_model(..., exact=True)"
        )
    _constriction()


def _constriction():
    try:
        import constriction
    except ImportError as e:
        raise ValueError(f"the package constriction cannot be imported ({e}); "
                         "pip install 'pixelrnn_np[coding]'") from None  # fmt: skip
    return constriction.stream


def _group_size(count):
    """Wide enough for products to be fast, narrow enough for up to eight threads."""
    return min(LARGEST_GROUP, max(32, -(-count // 8)))


def _spread(function, parts, threads, progress):
    """[function(i) for each part], by several threads."""
    bar = tqdm(total=parts[-1].stop, unit="image", desc="coding", disable=not progress)

    def one(i):
        found = function(i)
        bar.update(parts[i].stop - parts[i].start)
        return found

    with bar, Pool(threads) as pool, np.errstate(all="ignore"):  # what overflows is said once
        return pool.map(one, range(len(parts)))


def _encode(stages, x, levels):
    """The stream of one group, x: (n, H, W, C)."""
    coding = _constriction()
    encoder, family = coding.queue.RangeEncoder(), coding.model.Categorical(perfect=False)

    def write(logits, values):
        encoder.encode(values.astype(np.int32), family, frequencies(logits, levels))
        return values

    # As many at once as fit in a megabyte or two: a call for each was a tenth of the time.
    visit(stages, x, write, most=max(1, AT_ONCE // (len(x) * levels)))
    # High bytes first, so that the zeros at the end, which the decoder supplies, can be left out.
    return encoder.get_compressed().astype(">u4").tobytes().rstrip(b"\0")


def _decode(stages, x, stream, levels):
    """The images of one stream, in the place of x's zeros."""
    coding = _constriction()
    words = np.frombuffer(stream + bytes(-len(stream) % 4), ">u4").astype(np.uint32)
    decoder, family = coding.queue.RangeDecoder(words), coding.model.Categorical(perfect=False)
    damaged = ValueError("data is damaged: a stream was not made with this model")

    def read(logits, _):
        counts = frequencies(logits, levels)
        try:
            return decoder.decode(family, counts)
        except AssertionError:  # what constriction raises for a number that no encoder writes
            raise damaged from None

    images = visit(stages, x, read)
    if not decoder.maybe_exhausted():
        raise damaged
    return images


def _canary(stages, parts, shape, levels, threads):
    """Hash of the frequencies of the first rows of fixed images, as a decoder asks for them."""

    def of(n):
        digest = hashlib.blake2b(digest_size=8)

        def listen(logits, values):
            digest.update(frequencies(logits, levels).astype("<f8").tobytes())
            return values

        size = n * int(np.prod(shape))
        x = (np.arange(size, dtype=np.uint64) * 2654435761 >> 13) % levels
        visit(stages, x.astype(np.uint8).reshape(n, *shape), listen, rows=CANARY_ROWS)
        return digest.digest()

    sizes = {part.stop - part.start for part in parts}
    if alike():  # then a few images stand for any number
        sizes = {min(n, CANARY_IMAGES) for n in sizes}
    with Pool(threads) as pool, np.errstate(all="ignore"):
        return hashlib.blake2b(b"".join(pool.map(of, sorted(sizes))), digest_size=8).digest()


def _machines(found):
    return f"(compressed by: {found.made_by}; here: {made_by()}); read it where it was made"
