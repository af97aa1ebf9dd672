"""Bits per image of a model and of general compressors, each measured: docs/compression.md.

    PIXELRNN_DATA=FOLDER python tools/compression.py [NAME …] [--run photos16=RUN]

NAME: trained weights of the package, or a data set, of which the first weights in the package are
taken, or the run or model that --run names. A set's whole test split is compressed, decompressed
and compared. Without a NAME all of `MEASURED` are. A measurement replaces that of the same set in
docs/compression.json, of which the page is made.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np

import pixelrnn_np as pr
from pixelrnn_np import coding
from pixelrnn_np.container import unpack
from pixelrnn_np.data.compressors import sizes
from pixelrnn_np.runs import provenance
from pixelrnn_np.runs.reading import load_run

ROOT = Path(__file__).resolve().parent.parent
PAGE, FIGURES = ROOT / "docs" / "compression.md", ROOT / "docs" / "compression.json"
MEASURED = (
    "binarized_mnist-diagonal_bilstm-1x32", "digits-diagonal_bilstm",
    "colour_digits-diagonal_bilstm", "photos16-diagonal_bilstm",
)  # fmt: skip
TEXT = """# Nats are bits

`compress` stores images in about as many bits as the model finds them improbable, and `decompress`
makes them again, bit for bit. Every number here is measured: the whole test split was compressed,
decompressed and compared. Bits per image; the file's header and its checksum count.

{table}

What the lines mean. *Nats in bits*: the model's −ln p over ln 2, by its ordinary forward pass.
*The file*: all that `compress` wrote. *Raw*: the values packed, one bit for two levels, five for
seventeen, eight for 256. gzip and xz were given all images in one run, packed or a byte per value,
whichever came out smaller. PNG, lossless WebP and CCITT Group 4 (Pillow has no JBIG2) were given
all images below each other on tall sheets, so that none pays for a header per image; *a file each*
is with a header per image.

What they do not say. The model's own size is not counted, nor are the compressors' programs. The
model was trained on images of the same kind, the general compressors were not. It takes each image
for itself, where compressors that get all images at once find again what another image had. That is
why gzip, xz and the sheets do so well on `photos16`: its images are crops of two photographs, and
overlap. Only the lines *a file each* compare there.

{runs}

Made by `python tools/compression.py`; `docs/compression.json` has the bytes.
"""


def measure(name, run=None, threads=None):
    """The figures of one model on its test split; AssertionError if an image comes back changed."""
    if run is None:
        name = next((n for n in pr.list_pretrained() if n.startswith(f"{name}-")), name)
        model, data = pr.load_pretrained(name), pr.pretrained_card(name)["data"]
    else:
        model, meta = load_run(run)
        data = meta["data"]
    images = pr.load_data(split="test", **data)
    nats = float(model.nll(images, threads).sum())
    start = time.perf_counter()
    packed = pr.compress(model, images, threads=threads, progress=True)
    middle = time.perf_counter()
    equal = np.array_equal(pr.decompress(model, packed, threads=threads, progress=True), images)
    end = time.perf_counter()
    assert equal, f"{name}: what came back is not what went in"
    return {
        "name": name, "data": data["name"], "levels": model.levels, "images": len(images),
        "shape": list(model.image_shape), "parameters": model.flat.size, "nats": nats,
        "model": f"{model.name}, {model.layers}×{model.h}", "file": len(packed),
        "streams": sum(len(s) for s in unpack(packed).streams),
        "others": sizes(images, model.levels), "made_by": coding.made_by(),
        "seconds": [round(middle - start, 1), round(end - middle, 1)],
        "processor": provenance.processor(), "commit": provenance.commit(),
    }  # fmt: skip


def page(figures):
    """The text of docs/compression.md."""
    others = list(dict.fromkeys(name for f in figures for name in f["others"]))
    columns = [["bits per image", "---", "nats in bits", "**the file**", *others]]
    for f in figures:
        bits = [f["nats"] / np.log(2), 8 * f["file"], *(8 * f["others"].get(o, 0) for o in others)]
        cells = [f"{b / f['images']:,.1f}" if b else "" for b in bits]
        cells[1] = f"**{cells[1]}**"
        size = f"{'×'.join(map(str, f['shape']))}, {f['levels']} levels"
        columns.append([f"{f['data']}<br>{size}<br>{f['model']}", "---:", *cells])
    lines = list(zip(*columns, strict=True))
    table = "\n".join("| " + " | ".join(line) + " |" for line in lines)
    return TEXT.format(table=table, runs="\n".join(map(sentence, figures)))


def sentence(f):
    """What was done, and how far from the model's nats the bytes are."""
    ideal = f["nats"] / np.log(2) / 8
    took = " s to compress, ".join(f"{s:,.0f}" for s in f["seconds"])
    return (
        f"- `{f['name']}`: {f['images']:,} images of test in {f['file']:,} bytes, decoded equal. "
        f"The model's nats are {ideal:,.0f} bytes: the file is {f['file'] / ideal - 1:.2%} above "
        f"them, the streams without the header {f['streams'] / ideal - 1:.2%}. {took} s to "
        f"decompress, on a machine that did other work as well."
        + (
            ""
            if "-" in f["name"]
            else " Its weights, of a short run, do not ship with the package."
        )
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="what to measure; default: all")
    parser.add_argument("--run", action="append", default=[], metavar="DATA=RUN")
    parser.add_argument("--threads", type=int)
    options = parser.parse_args()
    runs = dict(pair.split("=", 1) for pair in options.run)
    found = {f["name"]: f for f in json.loads(FIGURES.read_text())} if FIGURES.exists() else {}
    for name in options.names or MEASURED:
        figures = measure(name, runs.get(name), options.threads)
        found = {n: f for n, f in found.items() if f["data"] != figures["data"]}
        found[name] = figures
        sets = [n.split("-")[0] for n in MEASURED]
        figures = sorted(found.values(), key=lambda f: (*sets, f["data"]).index(f["data"]))
        FIGURES.write_text(json.dumps(figures, indent=1, ensure_ascii=False) + "\n")
        PAGE.write_text(page(figures))
        print(sentence(found[name]), flush=True)


if __name__ == "__main__":
    main()
