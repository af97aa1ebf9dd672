"""What a training run starts from: a new model, or a checkpoint; and which data it goes with."""

import math

from ..backend import choose
from ..data import DATASETS, dataset_levels
from ..models import MODELS, build_model
from ..parallel.threads import Pool
from ..training.optim import learning_rate
from ..training.trainer import Trainer
from .run import BEST, CHECKPOINT, has_checkpoint, load_run, newest, read_checkpoint

# Schedule and average took RMSProp on digits from 84.5 to 80.0 nats (benchmarks/README.md).
DEFAULTS = {
    "model": "diagonal_bilstm", "data": "digits", "epochs": 30, "seed": 0, "batch_size": 16,
    "optimizer": "soap", "lr": 0.003, "schedule": "cosine", "warmup": 100, "ema": 0.995,
    "clip": 1.0,
}  # fmt: skip
MODEL_OPTIONS = ("h", "layers", "head", "residual", "skip")
SCALE_OPTIONS = ("base", "factor", "scales", "exact", "scale")
TRAINER_OPTIONS = (
    "optimizer", "lr", "batch_size", "clip", "schedule", "warmup", "weight_decay", "dropout", "ema",
    "seed", "scale",
)  # fmt: skip


def fresh(out, given, threads, init=None, ranks=None):
    """A new trainer, and {"data", "epochs"} for the run's files.

    given: the options that were named, by the names above; init: a run or model file whose weights
    are the first ones. Raises ValueError if `out` has a run already and for what does not fit.
    """
    if has_checkpoint(out):
        raise ValueError(f"{out} holds a run already; add --resume to go on, or name another --out")
    options = {**DEFAULTS, **given}
    data = {"name": choose("data", options["data"], tuple(DATASETS)),
            "levels": options.get("levels")}  # fmt: skip
    if options.get("stochastic"):
        data |= {"stochastic": True, "seed": options["seed"]}
    levels = dataset_levels(data["name"], data["levels"], data.get("stochastic", False))
    name = choose("model", options["model"], tuple(MODELS))
    for key in SCALE_OPTIONS:
        if key in given and name != "multi_scale":
            raise ValueError(f"--{key} goes with --model multi_scale, not with {name}")
    wanted = {k: options[k] for k in (*MODEL_OPTIONS, *SCALE_OPTIONS[:-1]) if k in options}
    shape = DATASETS[data["name"]].image_shape
    net = build_model(name, shape, levels, seed=options["seed"], **wanted)
    if init is not None:
        start_from(net, init)
    trainer = Trainer(
        net, threads=threads, ranks=ranks,
        **{k: options[k] for k in TRAINER_OPTIONS if k in options},
    )  # fmt: skip
    about = {"data": {**data, "levels": levels}, "epochs": options["epochs"]}
    return trainer, about if init is None else {**about, "init": str(init)}


def start_from(net, path):
    """Copies the weights of a run or model file into `net`; ValueError if they do not fit."""
    other, _ = load_run(path)
    if {k: a.shape for k, a in other.params.items()} != {k: a.shape for k, a in net.params.items()}:
        raise ValueError(f"--init {path} holds a {other.name} of another size or shape")
    net.flat[...] = other.flat


def resumed(out, given, threads, unusable=None, ranks=None):
    """The trainer as the newest whole checkpoint in `out` left it, and {"data", "epochs"}.

    unusable: see `run.newest`. Raises ValueError if options disagree, or no checkpoint is whole.
    """
    Pool(threads)  # refuses bad values, which are no fault of a checkpoint
    trainer, meta = newest(out, lambda path: _trainer(path, threads, ranks), unusable)
    net, saved = trainer.model, trainer.settings
    data = source(out / CHECKPOINT, net, meta)
    before = {"stochastic": False, **net.config, **saved, **data, "model": net.name,
              "data": data["name"]}  # fmt: skip
    for name, value in given.items():
        if name != "epochs" and before.get(name) != value:
            was, name = before.get(name), name.replace("_", "-")
            raise ValueError(f"--{name} is {value}, but the run in {out} has {was}")
    _find_best(trainer, out)
    trainer.total_steps = steps(trainer, data["name"], meta.get("epochs"))
    return trainer, {"data": data, "epochs": given.get("epochs", meta.get("epochs"))}


def _trainer(path, threads, ranks):
    """The trainer of one checkpoint, and the rest of what the file says."""
    net, arrays, state, meta = read_checkpoint(path)
    try:
        trainer = Trainer(net, threads=threads, ranks=ranks, **state["settings"])
    except TypeError as e:
        raise ValueError(f"{path} has settings that no trainer has: {e}") from None
    except ValueError as e:
        raise ValueError(f"{path}: {e}") from None
    try:
        trainer.restore(arrays, state)
    except ValueError as e:
        raise ValueError(f"{path}: {e}") from None
    return trainer, meta


def _find_best(trainer, out):
    """An older checkpoint has the best nats without their weights, which are in a file beside it.

    Without the file the next validation is the best.
    """
    if trainer.best_weights is not None or math.isinf(trainer.best):
        return
    try:
        model, meta = load_run(out / BEST)
    except (FileNotFoundError, ValueError):
        trainer.best = math.inf
        return
    if model.config == trainer.model.config and meta.get("valid_nats") == trainer.best:
        trainer.best_weights, trainer.best_updates = model.flat.copy(), meta["updates"]


def steps(trainer, name, epochs):
    """Updates in so many passes over a data set; None where `epochs` is not a number of passes."""
    batches = math.ceil(DATASETS[name].splits["train"] / trainer.settings["batch_size"])
    return batches * epochs if isinstance(epochs, int) and epochs > 0 else None


def new_end(trainer, name, epochs):
    """What another --epochs does to the cosine of a resumed run, in a line; None: nothing.

    The curve is stretched or compressed: the next update has the rate that a run planned for
    `epochs` from its beginning would have there, and warm-up does not come again.
    """
    s, before, after = trainer.settings, trainer.total_steps, steps(trainer, name, epochs)
    if s["schedule"] != "cosine" or before in (None, after) or trainer.epoch >= epochs:
        return None
    was, now = (
        learning_rate("cosine", s["lr"], trainer.step_count, s["warmup"], end)
        for end in (before, after)
    )
    return (
        f"the cosine ends at update {after} now, not {before}: "
        f"the learning rate goes from {was:.2g} to {now:.2g} here"
    )


def source(path, net, meta, name=None):
    """Arguments for `load_data`: the set that `path` was trained on, or another that is named."""
    saved = meta.get("data")
    good = isinstance(saved, dict) and saved.get("name") in tuple(DATASETS)
    good = good and set(saved) <= {"name", "levels", "stochastic", "seed"}
    if name is None and not good:
        raise ValueError(f"{path} does not say what it was trained on; name it with --data")
    if name is None or (good and saved["name"] == name):
        name, found = saved["name"], saved
    else:
        found = {"name": name, "levels": net.levels}
    shape = DATASETS[choose("data", name, tuple(DATASETS))].image_shape
    try:
        levels = dataset_levels(name, found.get("levels"), found.get("stochastic", False))
    except ValueError as e:
        raise ValueError(f"{name} does not fit the model in {path}: {e}") from None
    if (*shape, levels) != (*net.image_shape, net.levels):
        sizes = ["×".join(map(str, s)) for s in (shape, net.image_shape)]
        raise ValueError(
            f"the images of {name} are {sizes[0]} of {levels} levels, "
            f"those of the model in {path} {sizes[1]} of {net.levels}"
        )
    return found
