"""Pages that run in the browser: two trained networks to draw with, two records to step through.

They are written into docs/generated/site/try, which Sphinx copies into the site as it is. What
takes time is kept from build to build: what pixels see, and the weights behind the records.
"""

import hashlib

import numpy as np

import pixelrnn_np as pr
from pixelrnn_np.cli import page
from pixelrnn_np.data import find_dataset
from pixelrnn_np.inspection.explain import influences
from pixelrnn_np.pages.drawing import drawing_page

DRAWING = {
    "diagonal_bilstm": "binarized_mnist-diagonal_bilstm-7x16",
    "pixelcnn": "binarized_mnist-pixelcnn-15x48",
}
RECORDS = {  # as the notebooks train them
    "row_lstm": {"lr": 1e-3},
    "diagonal_bilstm": {"lr": 3e-3},
}
IN_NOTEBOOK = {"05_row_lstm": "row_lstm", "06_diagonal_bilstm": "diagonal_bilstm"}


def test_images(model, card):
    """From all over the test split where it is at hand, or drawn: a build asks no network."""
    data = card["data"]
    if find_dataset(data["name"]).where("test") is None:
        return pr.sample(model, page.STARTS, seed=0)
    images = pr.load_data(split="test", **data)
    return images[np.arange(page.STARTS) * len(images) // page.STARTS]


def kept(folder, name, model, images, make):
    """An array that `make` gives, from an earlier build if weights and images are the same."""
    digest = hashlib.sha256(model.flat.tobytes() + images.tobytes()).hexdigest()[:12]
    path = folder / f"{name}-{digest}.npy"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        np.save(path, make())
    return np.load(path)


def drawing(name, folder):
    """The page of a trained network, as text."""
    model, card = pr.load_pretrained(name), pr.pretrained_card(name)
    images = test_images(model, card)
    asked = images[: page.ASKED]
    reach = kept(folder, "reach", model, asked, lambda: influences(model, asked))
    return drawing_page(model, name, page.facts(name), images, reach)


def record(name, options, folder):
    """The record of a test digit, of the small model that the notebook trains."""
    model = pr.build_model(name, (8, 8, 1), levels=2, h=8, layers=2, head=16, seed=0)
    train, test = (pr.load_data("digits", split, levels=2) for split in ("train", "test"))

    def trained():
        pr.Trainer(model, optimizer="adam", **options).fit(train, epochs=8, progress=False)
        return model.flat

    model.flat[...] = kept(folder, f"record-{name}", model, train, trained)
    return pr.record(model, test[:1])


def write_pages(docs):
    """docs/generated/site/try/*.html."""
    folder, memory = docs / "generated" / "site" / "try", docs / "generated" / "kept"
    folder.mkdir(parents=True, exist_ok=True)
    for short, name in DRAWING.items():
        text = drawing(name, memory)
        (folder / f"{short}.html").write_text(text, encoding="utf-8", newline="\n")
    for name, options in RECORDS.items():
        record(name, options, memory).to_html(folder / f"record_{name}.html")
