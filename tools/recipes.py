"""Short runs on binarised MNIST that compare recipes by what they reach per image seen.

    PIXELRNN_DATA=FOLDER python tools/recipes.py [--images 16000] [--only WORD] [--threads 1]

Every run sees the same number of training images, once each, with a schedule that ends there; the
score is the mean over the first 2,000 validation images, of the averaged weights where there are
any. A step's time per image does not depend on the batch, so images stand for CPU time. One seed a
recipe, two for the first: differences below that spread say nothing. Results are appended to the
JSON file, and what is there already is not run again.
"""

import argparse
import json
import time
from pathlib import Path

import pixelrnn_np as pr

DIAGONAL = {"model": "diagonal_bilstm", "layers": 7, "h": 16}
PIXELCNN = {"model": "pixelcnn", "layers": 15, "h": 16}
ADAM = {"optimizer": "adam", "lr": 3e-3, "schedule": "cosine", "warmup": 100, "ema": 0.995}
RECIPES = {
    "diagonal: default, Adam 3e-3, batch 16, cosine, average 0.995": DIAGONAL,
    "diagonal: the same, another seed": {**DIAGONAL, "seed": 1},
    "diagonal: Adam 1e-3": {**DIAGONAL, "lr": 1e-3},
    "diagonal: Adam 6e-3": {**DIAGONAL, "lr": 6e-3},
    "diagonal: Adam 1e-2": {**DIAGONAL, "lr": 1e-2},
    "diagonal: RMSProp 1e-3, constant, no average (the paper's)": {
        **DIAGONAL, "optimizer": "rmsprop", "lr": 1e-3, "schedule": "constant", "ema": 0.0,
    },
    "diagonal: RMSProp 3e-3, cosine": {**DIAGONAL, "optimizer": "rmsprop"},
    "diagonal: RMSProp 6e-3, cosine": {**DIAGONAL, "optimizer": "rmsprop", "lr": 6e-3},
    "diagonal: Adam 2e-2": {**DIAGONAL, "lr": 2e-2},
    "diagonal: batch 8": {**DIAGONAL, "batch_size": 8},
    "diagonal: batch 32": {**DIAGONAL, "batch_size": 32},
    "diagonal: batch 64, Adam 6e-3": {**DIAGONAL, "batch_size": 64, "lr": 6e-3},
    "diagonal: no average": {**DIAGONAL, "ema": 0.0},
    "diagonal: no clipping": {**DIAGONAL, "clip": 1e9},
    "diagonal: clip 0.01": {**DIAGONAL, "clip": 0.01},
    "diagonal: warm-up 10": {**DIAGONAL, "warmup": 10},
    "pixelcnn 15×16: default": PIXELCNN,
    "pixelcnn 15×16: Adam 6e-3": {**PIXELCNN, "lr": 6e-3},
    "pixelcnn 15×16: Adam 1e-2": {**PIXELCNN, "lr": 1e-2},
    "pixelcnn 15×16: RMSProp 3e-3": {**PIXELCNN, "optimizer": "rmsprop"},
    "pixelcnn 15×16: Adam 1e-3": {**PIXELCNN, "lr": 1e-3},
    "pixelcnn 7×32: default": {**PIXELCNN, "layers": 7, "h": 32},
    "pixelcnn 15×32: default": {**PIXELCNN, "h": 32},
    "row 7×16: default": {**DIAGONAL, "model": "row_lstm"},
    "row 7×16: Adam 6e-3": {**DIAGONAL, "model": "row_lstm", "lr": 6e-3},
    "row 7×16: Adam 1e-2": {**DIAGONAL, "model": "row_lstm", "lr": 1e-2},
    "diagonal 1×32: default": {**DIAGONAL, "layers": 1, "h": 32},
}  # fmt: skip


def run(recipe, images, threads, data):
    train, valid = data
    options = ADAM | recipe
    model = pr.build_model(
        options.pop("model"), layers=options.pop("layers"), h=options.pop("h"),
        seed=options.get("seed", 0),
    )  # fmt: skip
    trainer = pr.Trainer(model, threads=threads, **options)
    begun = time.perf_counter()
    try:
        trainer.fit(train[:images], epochs=1)
        with trainer.averaged():
            nats = float(model.nll(valid, threads).mean())
    except pr.Diverged:
        nats = None
    return {"nats": nats, "seconds": round(time.perf_counter() - begun), "images": images}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--images", type=int, default=16000, help="training images of a run")
    parser.add_argument("--only", default="", help="recipes whose name holds this word")
    parser.add_argument("--threads", type=int, default=None)
    parser.add_argument("--json", type=Path, default=Path(__file__).parent / "recipes.json")
    options = parser.parse_args()
    data = pr.load_data("binarized_mnist", "train"), pr.load_data("binarized_mnist", "valid")[:2000]
    results = json.loads(options.json.read_text()) if options.json.exists() else {}
    for name, recipe in RECIPES.items():
        if options.only not in name or name in results:
            continue
        results[name] = run(recipe, options.images, options.threads, data)
        options.json.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")
        print(f"| {name} | {results[name]['nats'] or 'diverged'} |", flush=True)


if __name__ == "__main__":
    main()
