"""Ships the weights of a training run: into the package, with a card that says where they are from.

    PIXELRNN_DATA=FOLDER python tools/ship.py RUN [--name NAME] [--force]
    python tools/ship.py --curves

RUN is a folder of `train --out RUN`, without --init (a card counts all that its weights have seen),
finished or interrupted after an epoch at least. Written are
pixelrnn_np/pretrained/NAME.{safetensors,json,csv,md,png}, docs/pretrained_NAME.png and the table in
README.md. The weights are written first, to a temporary folder, loaded from there and evaluated on
valid, on test and on as many images of train as valid has: a card has no other numbers. RUN itself
stays as it is: it is what goes on, here or where it is copied to. --curves draws the curves of all
weights that ship, again, from their NAME.csv.
"""

import argparse
import csv
import hashlib
import io
import json
import math
import re
import shlex
import sys
import tempfile
from pathlib import Path

import numpy as np
import table4
from PIL import Image

import pixelrnn_np as pr
from pixelrnn_np import checkpoint, figures, pretrained
from pixelrnn_np.course import results
from pixelrnn_np.data import DATASETS
from pixelrnn_np.likelihood import bits_per_dim
from pixelrnn_np.models import is_bound
from pixelrnn_np.pretrained import card_text
from pixelrnn_np.runs import provenance
from pixelrnn_np.runs.experiment import resumed
from pixelrnn_np.runs.reading import BEST, CHECKPOINT, CONFIG, sessions

ROOT = Path(__file__).resolve().parent.parent
FIRST = 100  # test images whose nats a test repeats
SESSION = ("from_update", "epochs", "commit", "versions", "processor", "cores", "threads")
WEIGHTS, CURVE, SHEET = 2_500_000, 60_000, 200_000  # bytes at most


class Shipment:
    """A run's folder read, and what of it goes where. Raises OSError and ValueError."""

    def __init__(self, run, name=None, threads=None, commit=None):
        self.run, self.commit = Path(run), commit
        if not (self.run / BEST).exists():
            raise FileNotFoundError(f"{run} holds no {BEST}: finish an epoch, so that it validates")
        self.trainer, self.about = resumed(self.run, {}, threads)
        self.data, self.threads = self.about["data"], threads
        if self.data["name"] not in DATASETS:
            raise ValueError(f"{run} learnt own pictures: cards are of data sets that all can have")
        self.arrays, self.meta = checkpoint.load(self.run / BEST)
        config = self.meta["model"]
        first = f"{self.data['name']}-{config['name']}"
        self.name = name or f"{first}-{config['layers']}x{config['h']}"
        if not re.fullmatch(rf"{re.escape(first)}(-[a-z0-9_]+)?", self.name):
            raise ValueError(f"--name is {self.name}; it has to be {first} or {first}-SIZE")

    def weights(self):
        """The bytes of the model file."""
        meta = {"model": self.meta["model"], "data": self.data, "updates": self.meta["updates"]}
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "weights"
            checkpoint.save(path, self.arrays, meta)
            return path.read_bytes()

    def validated(self):
        """The record of the validation that chose these weights."""
        for h in self.trainer.history:
            if h["step"] == self.meta["updates"] and not math.isnan(h["valid"]):
                return h
        raise ValueError(f"{self.run}/{CHECKPOINT} is older than {BEST}; train on with --resume")

    def card(self, weights):
        """Everything that the card says; `weights`: the bytes that are shipped."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "weights"
            path.write_bytes(weights)
            model = pr.load(path)
        trainer, best = self.trainer, self.validated()
        done = self.sessions(best["step"])
        images = {s: pr.load_data(split=s, **self.data) for s in ("train", "valid", "test")}
        drawn = np.random.default_rng(0).permutation(len(images["train"]))[: len(images["valid"])]
        images["train"] = images["train"][drawn]
        nats = {split: model.nll(x, self.threads) for split, x in images.items()}
        mean = {split: float(n.mean()) for split, n in nats.items()}
        whole = trainer.settings["scale"] is None
        if whole and not math.isclose(mean["valid"], self.meta["valid_nats"], rel_tol=1e-5):
            raise ValueError(
                f"the weights in {self.run}/{BEST} give {mean['valid']:.4f} nats on valid; "
                f"{self.meta['valid_nats']:.4f} were measured in training"
            )
        dataset = DATASETS[self.data["name"]]
        card = {
            "name": self.name, "data": self.data, "description": dataset.description,
            "splits": dict(dataset.splits), "model": model.config, "parameters": model.flat.size,
            "recipe": {**trainer.settings, "epochs": self.about["epochs"]},
            "seen": {"updates": best["step"], "images": best["images"],
                     **self.times(best["seconds"], best["cpu_seconds"])},
            "run": {"updates": trainer.step_count, "images": trainer.images,
                    **self.times(trainer.seconds, trainer.cpu_seconds)},
            "nats": mean, "bound": is_bound(model),
            "standard_error": {s: float(n.std() / np.sqrt(len(n))) for s, n in nats.items()},
            "bits_per_dim": {s: float(bits_per_dim(n, model.dimensions)) for s, n in mean.items()},
            "first": {"split": "test", "images": min(FIRST, len(nats["test"])),
                      "nats": float(nats["test"][:FIRST].mean())},
            "falling": falling(trainer.history),
            "schedule_done": round(trainer.step_count / trainer.total_steps, 4),
            "sessions": done, "sha256": hashlib.sha256(weights).hexdigest(),
        }  # fmt: skip
        return model, card

    def times(self, wall, cpu):
        """Seconds as the card's minutes; CPU time is None where it is not all known."""
        alone = all((s.get("ranks") or 1) == 1 for s in sessions(self.run))  # rank 0 counts its own
        known = alone and not math.isnan(cpu)
        cpu = round(cpu / 60, 2) if known else None
        return {"minutes": round(wall / 60, 2), "cpu_minutes": cpu}

    def sessions(self, updates):
        """Those that began before so many updates, with the paths of this machine taken out."""
        done = [s for s in sessions(self.run) if s["from_update"] < updates]
        if not done or not all(isinstance(s.get("command"), str) for s in done):
            raise ValueError(f"{self.run}/{CONFIG} does not say by which command it was trained")
        words = [word for s in done for word in shlex.split(s["command"])]
        if any(word.partition("=")[0] == "--init" for word in words):
            raise ValueError(
                f"{self.run} began with other weights (--init), and a card has no place for what "
                "those had seen; ship a run that was trained without it"
            )
        if self.commit is not None:  # the caller vouches for what an older run did not record
            here = {**provenance.describe(), "commit": self.commit}
            done = [{**s, **{k: here[k] for k in here if s.get(k) is None}} for s in done]
        if not all(s.get("commit") for s in done):
            raise ValueError(f"{self.run}/{CONFIG} does not say with which commit; name --commit")
        return [
            {**{k: s.get(k) for k in SESSION}, "command": generic(s["command"], self.name)}
            for s in done
        ]  # fmt: skip


def generic(command, name):
    """A recorded command of `train` with --out runs/NAME, whatever the folder was."""
    words = shlex.split(command)
    if "train" not in words:
        raise ValueError(f"{command!r} is no command of train")
    words = ["python", "-m", "pixelrnn_np", *words[words.index("train") :]]
    for i, word in enumerate(words):
        if word == "--out":
            words[i + 1] = f"runs/{name}"
        elif word.startswith("--out="):
            words[i] = f"--out=runs/{name}"
    return shlex.join(words)


def falling(history):
    """Nats that validation fell over the last tenth of the images; None: too few validations."""
    points = [(h["images"], h["valid"]) for h in history if not math.isnan(h["valid"])]
    if len(points) < 2:
        return None
    images, valid = zip(*points, strict=True)
    return round(float(np.interp(0.9 * images[-1], images, valid) - valid[-1]), 4)


def metrics(history):
    """NAME.csv: what of a run's records its curve needs."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(("images", "train", "valid"))
    for h in history:
        nats = ("" if math.isnan(h[key]) else f"{h[key]:.3f}" for key in ("train", "valid"))
        rows.writerow((int(h["images"]), *nats))
    return text.getvalue().encode()


def curve(history, card):
    """The training curve as PNG bytes, with the card's test nats and the paper's."""
    figure = figures.training_curve(history, results.marks(card))
    full, small = io.BytesIO(), io.BytesIO()
    figure.savefig(full, format="png", dpi=figure.dpi)
    Image.open(full).convert("RGB").quantize(64).save(small, format="png", optimize=True)
    return small.getvalue()


def draw_curves(folder):
    """Draws the curves of all weights that ship, from their records, into a folder."""
    for name in pr.list_pretrained():
        found = curve(pretrained.records_of(name), pr.pretrained_card(name))
        checkpoint.write_atomically(Path(folder) / f"{name}.png", found)


def check_size(what, data, most):
    if len(data) > most:
        raise ValueError(f"{what} has {len(data):,} bytes; it has to have at most {most:,}")


def ship(run, name=None, *, root=ROOT, force=False, threads=None, commit=None):
    """Writes all files below `root`; returns the card. Raises ValueError and OSError, see main."""
    shipment = Shipment(run, name, threads, commit)
    name = shipment.name
    target = root / "pixelrnn_np" / "pretrained" / f"{name}.safetensors"
    if target.exists() and not force:
        raise FileExistsError(f"{target} is there already; --force replaces it")
    weights = shipment.weights()
    check_size("the model file", weights, WEIGHTS)
    model, card = shipment.card(weights)
    files = {
        target.with_suffix(".png"): curve(shipment.trainer.history, card),
        target.with_suffix(".csv"): metrics(shipment.trainer.history),
        target.with_suffix(".json"): (json.dumps(card, indent=1) + "\n").encode(),
        target.with_suffix(".md"): markdown(card).encode(),
    }
    check_size("the curve", files[target.with_suffix(".png")], CURVE)
    for path, data in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        checkpoint.write_atomically(path, data)
    sheet = root / "docs" / f"pretrained_{name}.png"
    sheet.parent.mkdir(exist_ok=True)
    x = pr.sample(model, 64, seed=0, threads=threads)
    figures.save_sheet(sheet, x, model.levels, least=500)
    check_size(sheet.name, sheet.read_bytes(), SHEET)
    checkpoint.write_atomically(target, weights)  # last: what is listed has all its files
    cards = target.parent.glob("*.json")
    table4.write(root / "README.md", [json.loads(p.read_text(encoding="utf-8")) for p in cards])
    return card


def markdown(card):
    """NAME.md: the card with its pictures."""
    name = card["name"]
    return (
        f"{card_text(card)}\n![training curve]({name}.png)\n\n"
        f"![64 images that it draws](../../docs/pretrained_{name}.png)\n"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("run", type=Path, nargs="?", help="folder of a training run")
    parser.add_argument("--curves", action="store_true", help="draw all curves again, no more")
    parser.add_argument("--name", help="default: DATA-MODEL-LAYERSxH")
    parser.add_argument("--force", action="store_true", help="replace what is there")
    parser.add_argument("--threads", type=int, help="default: all processors")
    parser.add_argument("--commit", help="of a run that did not record it, trained on this machine")
    o = parser.parse_args()
    if o.curves == (o.run is not None):
        parser.error("name a run, or --curves")
    if o.curves:
        return draw_curves(ROOT / "pixelrnn_np" / "pretrained")
    try:
        card = ship(o.run, o.name, force=o.force, threads=o.threads, commit=o.commit)
    except (OSError, ValueError) as e:
        sys.exit(f"error: {e}")
    print(card_text(card))


if __name__ == "__main__":
    main()
