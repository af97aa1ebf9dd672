"""The lossless coder: what it gives back, how many bytes it takes, and what it refuses."""

import os
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_properties import configurations, images_of, repeatable

import pixelrnn_np as pr
from pixelrnn_np import coding
from pixelrnn_np.container import CHECKSUM, FIELDS, LARGEST_GROUP, MAGIC, checksum, unpack
from pixelrnn_np.models import is_bound

constriction = pytest.importorskip("constriction", reason="the coder needs the extra `coding`")

TOTAL = 2**coding.PRECISION


def small(**changed):
    config = {"name": "pixelcnn", "image_shape": (4, 3, 1), "levels": 3, "h": 2, "layers": 1,
              "head": 2, "seed": 1}  # fmt: skip
    return pr.build_model(**config | changed)


def exact(model):
    """The model, of a multi-scale one by the exact rule."""
    if not is_bound(model):
        return model
    copy = pr.build_model(**{**model.config, "exact": True})
    copy.flat[...] = model.flat
    return copy


def streams(data):
    return sum(len(s) for s in unpack(data).streams)


# Frequencies


@pytest.mark.parametrize("levels", [2, 3, 17, 256])
@pytest.mark.parametrize("scale", [0, 1, 10, 1000])
def test_frequencies(rng, levels, scale):
    """Whole, at least 1 each, 2**24 together, and as near to the probabilities as that allows."""
    shape = (50,) if levels == 2 else (50, levels)
    z = rng.standard_normal(shape) * scale
    with np.errstate(all="ignore"):  # as the coder does
        counts = coding.frequencies(z, levels) + 1
    assert (counts >= 1).all() and (counts == np.floor(counts)).all()
    assert (counts.sum(axis=1) == TOTAL).all()
    p = coding.probabilities(z, levels)
    assert (np.abs(counts - p * TOTAL) <= levels + 1).all()


def test_frequencies_of_logits_that_are_not_finite():
    for bad in (np.nan, np.inf, -np.inf):
        with pytest.raises(ValueError, match="logits are not finite"):
            coding.frequencies(np.array([0, bad]), 2)


@repeatable
@given(st.integers(2, 256), st.integers(0, 999), st.integers(0, 300))
def test_the_range_coder_takes_frequencies_as_they_are(levels, seed, sharp):
    """Its interval after a value is the one that whole numbers give: nothing is rounded inside."""
    rng = np.random.default_rng(seed)
    z = rng.standard_normal(levels) * sharp / 10
    counts = coding.frequencies(z[None] if levels > 2 else z[1:] - z[:1], levels)
    freq = [int(n) + 1 for n in counts[0]]
    family = constriction.stream.model.Categorical(perfect=False)
    for value in {0, levels - 1, int(np.argmax(freq)), int(rng.integers(levels))}:
        encoder = constriction.stream.queue.RangeEncoder()
        encoder.encode(np.array([value], np.int32), family, counts)
        step = (2**64 - 1) // TOTAL
        low, size = step * sum(freq[:value]), step * freq[value]
        while size < 2**32:
            low, size = low << 32 & 2**64 - 1, size << 32
        assert encoder.pos()[1] == (low, size)


# Round trips


@repeatable
@given(configurations(), st.integers(1, 9), st.integers(0, 9), st.integers(1, 9))
def test_round_trips(config, n, seed, group):
    """All models, channels, levels and shapes, in groups of any size, by one thread and by two."""
    model = exact(pr.build_model(**config))
    x = images_of(model, n, seed)
    data = pr.compress(model, x, group=group, threads=1)
    assert pr.compress(model, x, group=group, threads=2) == data
    for threads in (1, 2):
        y = pr.decompress(model, data, threads=threads)
        assert y.dtype == np.uint8 and y.flags.writeable and np.array_equal(x, y)


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 5, 3), (5, 1, 1)])
def test_256_levels(shape):
    model = small(image_shape=shape, levels=256, h=3, head=3)
    x = images_of(model, 3, 0)
    assert np.array_equal(pr.decompress(model, pr.compress(model, x)), x)


@pytest.mark.parametrize("name", pr.list_pretrained())
def test_trained_weights(name):
    """Images drawn by the weights themselves: they cost what the model says, and come back."""
    model = exact(pr.load_pretrained(name))
    x, nats = pr.sample(model, 6, return_nll=True)
    data = pr.compress(model, x)
    assert np.array_equal(pr.decompress(model, data), x)
    assert streams(data) == pytest.approx(nats.sum() / np.log(2) / 8, rel=0.01, abs=6)


@pytest.mark.parametrize("name", ["digits-diagonal_bilstm", "colour_digits-diagonal_bilstm"])
def test_bytes_are_nats(name):
    """A thousand images within 0.5 % of their nats / ln 2 / 8; the header takes 0.2 kB more."""
    model = pr.load_pretrained(name)
    x = np.concatenate([pr.load_data(**pr.pretrained_card(name)["data"], split=s)
                        for s in ("test", "valid", "train")])[:1000]  # fmt: skip
    data, bits = pr.compress(model, x), model.nll(x).sum() / np.log(2)
    assert bits / 8 < streams(data) < 1.005 * bits / 8
    assert len(data) - streams(data) < 300 and len(unpack(data).streams) == 8
    assert np.array_equal(pr.decompress(model, data), x)


def test_values_that_the_model_thinks_impossible(rng):
    """They cost 24 bits at most, and come back."""
    model = small(levels=2)
    model.params["head.logits.b"][...] = 1e4
    x = np.zeros((3, 4, 3, 1), np.uint8)
    data = pr.compress(model, x)
    assert streams(data) <= 3 * 12 * 3 + 4
    assert np.array_equal(pr.decompress(model, data), x)
    likely = pr.compress(model, x + 1)
    assert streams(likely) <= 4 and np.array_equal(pr.decompress(model, likely), x + 1)


def test_another_process_reads_it(tmp_path):
    model, path = small(levels=2), tmp_path / "model"
    model.save(path)
    x = images_of(model, 40, 0)
    (tmp_path / "data").write_bytes(pr.compress(model, x, threads=2))
    code = (
        "import sys, pixelrnn_np as pr; model, data = sys.argv[1:]; "
        "x = pr.decompress(pr.load(model), open(data, 'rb').read(), threads=1); "
        "sys.stdout.buffer.write(x.tobytes())"
    )
    done = subprocess.run([sys.executable, "-c", code, path, tmp_path / "data"],
                          capture_output=True, check=True, env=os.environ)  # fmt: skip
    assert done.stdout == x.tobytes()


# What is refused


def test_an_inexact_multi_scale_model_is_refused_with_the_reason():
    model = small(name="multi_scale", base="pixelcnn")
    with pytest.raises(ValueError, match=r"paid for twice. Copy its weights to .*exact=True"):
        pr.compress(model, images_of(model, 1, 0))
    with pytest.raises(ValueError, match="exact=False"):
        pr.decompress(model, b"")


def test_weights_that_are_not_finite():
    model = small()
    model.flat[3] = np.nan
    with pytest.raises(ValueError, match="weights are not finite"):
        pr.compress(model, images_of(model, 1, 0))


def test_another_model_is_refused():
    model = small()
    data = pr.compress(model, images_of(model, 2, 0))
    other = small()
    other.flat[7] = np.nextafter(other.flat[7], np.float32(9))
    for wrong in (other, small(seed=2), small(dtype="float64"), small(levels=2)):
        with pytest.raises(ValueError, match="compressed with another model"):
            pr.decompress(wrong, data)


def test_every_changed_byte_and_every_cut_is_found():
    model = small()
    x = images_of(model, 3, 0)
    data = pr.compress(model, x)
    for i in range(len(data)):
        changed = bytearray(data)
        changed[i] ^= 1 << i % 8
        for wrong in (bytes(changed), data[:i], data + data[: i + 1]):
            with pytest.raises(ValueError, match=r"\Adata is [^\n]+\Z"):
                pr.decompress(model, wrong)
    for wrong in (None, "text", [1], 3, np.zeros(3, np.uint8)):
        with pytest.raises(ValueError, match=r"data is a .*it has to be bytes"):
            pr.decompress(model, wrong)
    assert np.array_equal(pr.decompress(model, memoryview(data)), x)


def sealed(data, **changed):
    """A container with other fields, and the checksum that goes with them: a stranger's work."""
    names = ("magic", "version", "H", "W", "C", "levels", "count", "group", "fingerprint",
             "canary", "pixels", "length", "rest")  # fmt: skip
    fields = dict(zip(names, FIELDS.unpack_from(data), strict=False))
    fields["rest"] = data[FIELDS.size : -CHECKSUM]
    fields |= changed
    rest = fields.pop("rest")
    body = FIELDS.pack(*fields.values()) + rest
    return body + checksum(body)


MOST = 2**32 - 1


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"version": 1}, "of version 1; this program reads version 2"),
        ({"count": 0}, "claims 0 images"),
        ({"count": MOST}, "the sizes of its streams"),
        ({"count": MOST, "group": LARGEST_GROUP}, "the sizes of its streams"),
        (
            {"count": 3},
            "probabilities differ|was not made with this model|not those that were compressed",
        ),
        ({"group": 0}, "in groups of 0"),
        ({"group": 257}, "in groups of 257"),
        ({"group": 1}, "the sizes of its streams"),
        ({"length": 0}, "the sizes of its streams"),
        ({"length": 65535}, "no line on what made it"),
        ({"H": 65535, "W": 65535}, "claims images of"),
        ({"levels": 256}, "claims images of"),
        ({"fingerprint": bytes(16)}, "another model"),
        ({"canary": bytes(8)}, "probabilities differ in their last bits .*here: pixelrnn_np"),
        ({"pixels": bytes(8)}, "not those that were compressed .*here: pixelrnn_np"),
        ({"rest": b""}, "no line on what made it"),
    ],
)
def test_hostile_headers(changed, message):
    model = small()
    data = pr.compress(model, images_of(model, 2, 0))
    assert sealed(data) == data
    pr.decompress(model, data)
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=rf"\Adata [^\n]*({message})[^\n]*\Z"):
            pr.decompress(model, sealed(data, **changed))
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


def test_what_made_it_is_shown_only_if_it_is_plain_text():
    model = small()
    data = pr.compress(model, images_of(model, 1, 0))
    rest = data[FIELDS.size : -CHECKSUM]
    with pytest.raises(ValueError, match="no line on what made it"):
        pr.decompress(model, sealed(data, rest=b"\x1b" + rest[1:], canary=bytes(8)))
    assert unpack(data).made_by == coding.made_by()
    assert "numpy " + np.__version__ in coding.made_by() and data.startswith(MAGIC)


def test_sizes_of_streams_that_never_end():
    model = small()
    data = pr.compress(model, images_of(model, 1, 0))
    head = data[FIELDS.size :][: FIELDS.unpack_from(data)[-1]]
    for sizes in (b"\x80" * 9, b"\xff" * 4 + b"\x7f", b"\x80", b"\x01", b""):
        with pytest.raises(ValueError, match="the sizes of its streams"):
            pr.decompress(model, sealed(data, rest=head + sizes))


# Another machine


def shifted(monkeypatch):
    """Probabilities as a machine would compute them that rounds otherwise, and coarsely."""
    right = coding.probabilities
    monkeypatch.setattr(coding, "probabilities", lambda z, levels: right(z * (1 + 1e-6), levels))


def test_other_probabilities_are_noticed_before_decoding(monkeypatch):
    model = small()
    data = pr.compress(model, images_of(model, 2, 0))
    shifted(monkeypatch)
    monkeypatch.setattr(coding, "_decode", lambda *_: pytest.fail("it was decoded"))
    with pytest.raises(ValueError, match="probabilities differ"):
        pr.decompress(model, data)


def test_other_probabilities_that_the_canary_misses_are_noticed_after_it(monkeypatch):
    model = small(image_shape=(8, 8, 1))
    monkeypatch.setattr(coding, "_canary", lambda *_: bytes(8))
    data = pr.compress(model, images_of(model, 20, 0))
    shifted(monkeypatch)
    monkeypatch.setattr(coding, "check_finite", lambda *_: None)
    with pytest.raises(
        ValueError, match=r"not those that were compressed|not made with this model"
    ):
        pr.decompress(model, data)


@pytest.mark.parametrize("base", ["pixelcnn", "row_lstm", "diagonal_bilstm"])
def test_the_readable_twins_give_the_same_images_or_none(base):
    """They add in another order. Whatever that moves, no wrong image comes out."""
    model = small(name=base, levels=2, h=4)
    x = images_of(model, 3, 0)
    data = pr.compress(model, x)
    with pr.use_backend("reference"):
        assert np.array_equal(pr.decompress(model, pr.compress(model, x)), x)
        try:
            y = pr.decompress(model, data)
        except ValueError as e:
            assert "reference" in str(e)
        else:
            assert np.array_equal(x, y)


def test_without_constriction(monkeypatch):
    monkeypatch.setitem(sys.modules, "constriction", None)
    model = small()
    with pytest.raises(ValueError, match=r"pip install 'pixelrnn_np\[coding\]'"):
        pr.compress(model, images_of(model, 1, 0))
    with pytest.raises(ValueError, match=r"pip install 'pixelrnn_np\[coding\]'"):
        pr.decompress(model, b"")
