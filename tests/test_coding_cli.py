"""compress and decompress on the command line, and what they are compared with."""

import json
import runpy
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import pixelrnn_np as pr
from pixelrnn_np.cli import coding as cli_coding
from pixelrnn_np.data.compressors import pack, sizes
from pixelrnn_np.data.picture import as_picture, read_picture

pytest.importorskip("constriction", reason="the coder needs the extra `coding`")

NAME = "digits-diagonal_bilstm"
OTHERS = {"gzip -9", "xz -9e", "PNG", "PNG, a file each", "WebP", "WebP, a file each"}


@pytest.fixture
def images():
    return pr.load_data("digits", "test")[:5]


@pytest.fixture
def packed(call, tmp_path, images):
    """A file of five digits."""
    np.save(tmp_path / "in.npy", images)
    path = tmp_path / "digits.pxr"
    code, *_ = call("compress", tmp_path / "in.npy", "-o", path, "--pretrained", NAME, "--quiet")
    assert code == 0
    return path


def test_a_split_into_pictures_and_back(call, tmp_path):
    path, folder = tmp_path / "test.pxr", tmp_path / "pictures"
    code, shown, said = call("compress", "test", "--limit", 20, "-o", path, "--pretrained", NAME,
                             "--quiet")  # fmt: skip
    assert code == 0 and said.endswith(f"{path}: 20 images\n")
    head, *rows = shown.splitlines()
    assert head.split() == ["bits/image", "bits/dim"]
    found = {row[:32].strip(): [float(v) for v in row[32:].split()] for row in rows}
    labels = list(found)
    file = f"the file, {path.stat().st_size:,} bytes"
    assert labels[:3] == ["the model's nats", "coded", file]
    nats, coded, file = (found[label][0] for label in labels[:3])
    assert nats < coded < file < found["raw"][0] == 64 * 5
    assert file == pytest.approx(8 * path.stat().st_size / 20, abs=0.01)
    assert set(found) >= OTHERS
    assert "CCITT Group 4 (TIFF)" not in found

    code, shown, said = call("decompress", path, "-o", folder, "--quiet")
    assert (code, shown) == (0, "") and said.endswith(f"{folder}: 20 images\n")
    names = sorted(p.name for p in folder.iterdir())
    assert names == [f"{i:04}.png" for i in range(20)]
    again = tmp_path / "again.pxr"
    call("compress", folder, "-o", again, "--pretrained", NAME, "--quiet")
    assert again.read_bytes() == path.read_bytes()
    one = tmp_path / "one.pxr"
    call("compress", *sorted(folder.iterdir()), "-o", one, "--pretrained", NAME, "--quiet")
    assert one.read_bytes() == path.read_bytes()


def test_arrays(call, tmp_path, images, packed):
    out = tmp_path / "out.npy"
    assert call("decompress", packed, "-o", out, "--quiet")[0] == 0
    assert np.array_equal(np.load(out), images)


def test_a_run_of_ones_own(call, trained, tmp_path):
    path, out = tmp_path / "x.pxr", tmp_path / "x.npy"
    words = ["compress", "valid", "--limit", 9, "-o", path, "--run", trained, "--quiet"]
    assert call(*words)[0] == 0
    assert "name the model with --run" in call("decompress", path, "-o", out, "--quiet")[2]
    assert call("decompress", path, "-o", out, "--run", trained, "--quiet")[0] == 0
    valid = pr.load_data("digits", "valid")
    assert np.array_equal(np.load(out), valid[np.random.default_rng(0).permutation(len(valid))[:9]])


def test_inexact_multi_scale_weights(call, refuse, tmp_path):
    """Refused with the reason; with --exact they are taken by the exact rule, at both ends."""
    model = pr.build_model("multi_scale", (8, 8, 1), 17, h=2, layers=1, head=2, base="pixelcnn")
    path, out = tmp_path / "x.pxr", tmp_path / "x.npy"
    model.save(tmp_path / "model")
    x = pr.load_data("digits", "test")[:3]
    np.save(tmp_path / "in.npy", x)
    words = ["compress", tmp_path / "in.npy", "-o", path, "--run", tmp_path / "model", "--quiet"]
    assert "paid for twice" in refuse(*words)
    assert call(*words, "--exact")[0] == 0
    assert call("decompress", path, "-o", out, "--run", tmp_path / "model")[0] == 0
    assert np.array_equal(np.load(out), x)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["test", "-o", "a.pxr"], "name a RUN or --pretrained"),
        (["test", "-o", "no/a.pxr", "--pretrained", NAME], "does not exist; create it first"),
        (["test", "-o", "a.pxr", "--pretrained", NAME, "--limit", 0], "--limit is 0"),
        (["missing.png", "-o", "a.pxr", "--pretrained", NAME], "missing.png"),
        (["missing.npy", "-o", "a.pxr", "--pretrained", NAME], "missing.npy"),
        (["empty", "-o", "a.pxr", "--pretrained", NAME], "empty holds no picture"),
        (["text.npy", "-o", "a.pxr", "--pretrained", NAME], "text.npy: "),
        (["object.npy", "-o", "a.pxr", "--pretrained", NAME], "object.npy: "),
        (["wide.npy", "-o", "a.pxr", "--pretrained", NAME], r"wide.npy: it has shape"),
        (["claims.npy", "-o", "a.pxr", "--pretrained", NAME], "claims.npy: "),
        (["many.npz", "-o", "a.pxr", "--pretrained", NAME], "many.npz cannot be used"),
        (["large.png", "-o", "a.pxr", "--pretrained", NAME], "large.png cannot be used"),
    ],
)
def test_what_compress_refuses(refuse, tmp_path, monkeypatch, words, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.npy").write_text("no array")
    np.save("object.npy", np.array([None]), allow_pickle=True)
    np.save("wide.npy", np.zeros((1, 8, 9, 1), np.uint8))
    np.savez("many.npz", np.zeros((1, 8, 8, 1), np.uint8))
    data = (tmp_path / "wide.npy").read_bytes()
    (tmp_path / "claims.npy").write_bytes(data.replace(b"(1, 8, 9, 1)", b"(1<<40,8,1)"))
    Image.new("L", (8, 9)).save("large.png")
    assert message in refuse("compress", *words, "--quiet")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["missing.pxr", "-o", "a.npy"], "missing.pxr"),
        (["in.npy", "-o", "a.npy"], "in.npy: data is not what `compress` writes"),
        (["digits.pxr", "-o", "a.npy", "--pretrained", "colour_digits-diagonal_bilstm"],
         "digits.pxr: data was compressed with another model than the one you named"),
        (["digits.pxr", "-o", "a.npy", "--pretrained", "x"], "pretrained is 'x'"),
        (["digits.pxr", "-o", "a.npy", "--pretrained", NAME, "--run", "x"], "not both"),
        (["digits.pxr", "-o", "."], ". is not empty"),
        (["digits.pxr", "-o", "digits"], "digits is a file"),
        (["digits.pxr", "-o", "no/folder"], "does not exist; create it first"),
        (["cut.pxr", "-o", "a.npy"], "cut.pxr: data is damaged"),
        (["digits.pxr", "-o", "a.npy", "--threads", "0"], "threads is 0"),
    ],
)  # fmt: skip
def test_what_decompress_refuses(refuse, tmp_path, packed, monkeypatch, words, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "digits").touch()
    (tmp_path / "cut.pxr").write_bytes(packed.read_bytes()[:-9])
    assert message in refuse("decompress", *words, "--quiet")


def test_a_folder_appears_whole_or_not_at_all(tmp_path, monkeypatch, images):
    calls = []

    def fail(image, levels):
        calls.append(image)
        if len(calls) == 3:
            raise OSError("no space")
        return as_picture(image, levels)

    monkeypatch.setattr(cli_coding, "as_picture", fail)
    with pytest.raises(OSError, match="no space"):
        cli_coding.save_pictures(tmp_path / "out", images, 17)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("levels", [2, 3, 17, 100, 200, 255, 256])
def test_pictures_are_read_back(tmp_path, levels):
    image = np.arange(levels, dtype=np.uint8).reshape(1, levels, 1)
    as_picture(image, levels).save(tmp_path / "a.png")
    assert np.array_equal(read_picture(tmp_path / "a.png", image.shape, levels)[0], image)
    colour = image.repeat(3, axis=2)
    as_picture(colour, levels).save(tmp_path / "a.png")
    assert np.array_equal(read_picture(tmp_path / "a.png", colour.shape, levels)[0], colour)
    with pytest.raises(ValueError, match="2 channels"):
        as_picture(image.repeat(2, axis=2), levels)


# What it is compared with


@pytest.mark.parametrize("levels", [2, 3, 17, 256])
def test_packed_values(rng, levels):
    x = rng.integers(0, levels, (3, 5, 4, 1), np.uint8)
    width = (levels - 1).bit_length()
    bits = "".join(f"{v:0{width}b}" for v in x.ravel())
    wanted = bytes(int(bits[i : i + 8].ljust(8, "0"), 2) for i in range(0, len(bits), 8))
    assert pack(x, levels) == wanted


def test_sizes_of_general_compressors(rng):
    blank = np.zeros((200, 28, 28, 1), np.uint8)
    found = sizes(blank, 2)
    assert found.pop("raw") == 200 * 98
    assert OTHERS | {"CCITT Group 4 (TIFF)"} == set(found)
    alone = [found.pop(name) for name in list(found) if name.endswith("each")]
    assert max(found.values()) < 2000 < 200 * 20 < min(alone)
    noise = rng.integers(0, 256, (50, 8, 8, 3), np.uint8)
    found = sizes(noise, 256)
    assert found.pop("raw") == noise.size
    assert set(found) == OTHERS
    assert all(noise.size * 0.99 < size < noise.size * 1.6 for size in found.values())
    assert set(sizes(noise[..., :2], 256)) == {"raw", "gzip -9", "xz -9e"}


def test_the_page_is_made_of_its_figures():
    """docs/compression.md: every number from the JSON beside it; MNIST within 0.5 % of its nats."""
    tool = runpy.run_path(str(Path(pr.__file__).parents[1] / "tools" / "compression.py"))
    figures = json.loads(tool["FIGURES"].read_text())
    assert tool["PAGE"].read_text() == tool["page"](figures)
    found = {f["data"]: f for f in figures}
    assert {"binarized_mnist", "digits", "photos16"} <= set(found)
    mnist = found["binarized_mnist"]
    assert mnist["images"] == 10_000
    assert mnist["file"] < 1.005 * mnist["nats"] / np.log(2) / 8
