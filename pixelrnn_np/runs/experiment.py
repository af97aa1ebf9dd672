"""What a training run starts from: a new model, or a checkpoint; and which data it goes with."""

import math
from pathlib import Path

from ..arguments import check_int, choose
from ..data import DATASETS, OWN_OPTIONS, dataset_levels, find_dataset, is_own, known
from ..models import MODELS, build_model
from ..parallel.threads import MOST_THREADS, Pool
from ..training.optim import SCHEDULES, learning_rate
from ..training.trainer import Trainer
from .reading import BEST, CHECKPOINT, has_checkpoint, load_run, newest, read_checkpoint

# Schedule and average took RMSProp on digits from 84.5 to 80.0 nats (benchmarks/README.md).
DEFAULTS = {
    "model": "diagonal_bilstm", "data": "digits", "epochs": 15, "seed": 0, "batch_size": 16,
    "optimizer": "soap", "lr": 0.003, "schedule": "cosine", "warmup": 100, "ema": 0.995,
    "clip": 1.0,
}  # fmt: skip
MODEL_OPTIONS = ("h", "layers", "head", "residual", "skip")
SCALE_OPTIONS = ("base", "factor", "scales", "exact", "around", "scale")
TRAINER_OPTIONS = (
    "optimizer", "lr", "batch_size", "clip", "schedule", "warmup", "weight_decay", "dropout", "ema",
    "seed", "scale",
)  # fmt: skip
# They change no weight, so a resumed run may have others; those not named stay as they were.
FLAGS = {"threads": (1, MOST_THREADS), "checkpoint_every": (1, 10**9), "samples": (0, 10**6)}


def fresh(out, given, threads, init=None, ranks=None):
    """A new trainer, and {"data", "epochs"} for the run's files.

    given: the options that were named, by the names above; init: a run or model file whose weights
    are the first ones. Raises ValueError if `out` has a run already and for what does not fit.
    """
    if has_checkpoint(out):
        raise ValueError(f"{out} holds a run already; add --resume to go on, or name another --out")
    options = {**DEFAULTS, **given}
    data = named(options)
    dataset, levels = find_dataset(**data), dataset_levels(**data)
    data["levels"] = levels
    if dataset.fingerprint is not None:
        data["fingerprint"] = dataset.fingerprint
    name = choose("model", options["model"], tuple(MODELS))
    for key in SCALE_OPTIONS:
        if key in given and name != "multi_scale":
            raise ValueError(f"--{key} goes with --model multi_scale, not with {name}")
    wanted = {k: options[k] for k in (*MODEL_OPTIONS, *SCALE_OPTIONS[:-1]) if k in options}
    net = build_model(name, dataset.image_shape, levels, seed=options["seed"], **wanted)
    if init is not None:
        start_from(net, init)
    trainer = Trainer(
        net, threads=threads, ranks=ranks,
        **{k: options[k] for k in TRAINER_OPTIONS if k in options},
    )  # fmt: skip
    about = {"data": data, "epochs": options["epochs"]}
    return trainer, about if init is None else {**about, "init": str(init)}


def check_flags(flags):
    """`flags`, {name of FLAGS: int}. Raises ValueError for other names and numbers."""
    names = [choose("flag", name, tuple(FLAGS)) for name in flags]
    return {k: check_int(k.replace("_", "-"), flags[k], *FLAGS[k]) for k in names}


def named(options):
    """Arguments for `load_data` of the data that options name. Raises ValueError for no data."""
    data = {"name": place(options["data"])}
    data |= {k: options[k] for k in ("levels", *OWN_OPTIONS) if k in options}
    return data | (
        {"stochastic": True, "seed": options["seed"]} if options.get("stochastic") else {}
    )


def place(name):
    """The name of a data set, or the whole path of own data, as a run's files have it."""
    return str(Path(name).resolve()) if is_own(name) else known(name, "data")


def start_from(net, path):
    """Copies the weights of a run or model file into `net`; ValueError if they do not fit."""
    other, _ = load_run(path)
    if {k: a.shape for k, a in other.params.items()} != {k: a.shape for k, a in net.params.items()}:
        raise ValueError(f"--init {path} holds a {other.name} of another size or shape")
    net.flat[...] = other.flat


def resumed(out, given, threads, unusable=None, ranks=None):
    """The trainer as the newest whole checkpoint in `out` left it; {"data", "epochs", "flags"}.

    threads: None leaves them as the run has them. unusable: see `newest`. Raises ValueError if
    options disagree, or no checkpoint is whole.
    """
    Pool(threads)  # refuses bad values, which are no fault of a checkpoint
    trainer, meta = newest(out, lambda path: _trainer(path, threads, ranks), unusable)
    net, saved = trainer.model, trainer.settings
    data = source(out / CHECKPOINT, net, meta, given.get("data"), {**saved, **given}, same=True)
    before = {"stochastic": False, "grey": False, **net.config, **saved, **data,
              "model": net.name, "data": data["name"]}  # fmt: skip
    for name, value in given.items():
        if name not in ("epochs", "data", "schedule") and before.get(name) != value:
            was, name = before.get(name), name.replace("_", "-")
            raise ValueError(f"--{name} is {value}, but the run in {out} has {was}")
    epochs = given.get("epochs", meta.get("epochs"))
    if epochs is None:
        raise ValueError(f"{out} does not say how many epochs to train; name --epochs")
    _find_best(trainer, out)
    trainer.total_steps = steps(trainer, data, meta.get("epochs"))
    return trainer, {"data": data, "epochs": epochs, "flags": meta["flags"]}


def _trainer(path, threads, ranks):
    """The trainer of one checkpoint, and the rest of what the file says."""
    net, arrays, state, meta = read_checkpoint(path)
    meta["flags"] = _flags(path, meta)
    threads = meta["flags"].get("threads") if threads is None else threads
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


def _flags(path, meta):
    flags = meta.get("flags", {})  # older runs do not have them
    if not isinstance(flags, dict):
        raise ValueError(f"{path}: flags is {type(flags).__name__}; it has to be a dict")
    try:
        return check_flags(flags)
    except ValueError as e:
        raise ValueError(f"{path}: {e}") from None


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


def steps(trainer, data, epochs):
    """Updates in so many passes over a data set; None where `epochs` is not a number of passes.

    data: arguments of `load_data`.
    """
    batches = math.ceil(find_dataset(**data).splits["train"] / trainer.settings["batch_size"])
    return batches * epochs if isinstance(epochs, int) and epochs > 0 else None


def reschedule(trainer, schedule):
    """Gives a resumed run another schedule; the one that it had, or None if nothing changes."""
    before = trainer.settings["schedule"]
    if schedule in (None, before):
        return None
    trainer.settings["schedule"] = choose("schedule", schedule, SCHEDULES)
    return before


def new_end(trainer, data, epochs, before=None):
    """What --epochs and --schedule do to the rate of a resumed run, in a line; None: nothing.

    A cosine is stretched or compressed: the next update has the rate that a run planned for
    `epochs` from its beginning would have there, and warm-up does not come again.
    before: the schedule that the run had, if it has another one now.
    """
    s, planned, end = trainer.settings, trainer.total_steps, steps(trainer, data, epochs)
    moved = s["schedule"] == "cosine" and planned not in (None, end)
    if trainer.epoch >= epochs or not (moved or before):
        return None

    def rate(schedule, total):
        return learning_rate(schedule, s["lr"], trainer.step_count, s["warmup"], total)

    was, now = rate(before or s["schedule"], planned or end), rate(s["schedule"], end)
    what = f"the cosine ends at update {end} now, not {planned}"
    if before:
        what = f"the schedule is {s['schedule']} now, not {before}"
    return f"{what}: the learning rate goes from {was:.2g} to {now:.2g} here"


def source(path, net, meta, name=None, options=None, same=False):
    """Arguments for `load_data`: the data that `path` was trained on, or others that are named.

    options: of a run that does not say what it was trained on, what was named beside `name`.
    same: a run goes on: what is named may only be another place of the same data.
    """
    saved, wanted = _saved(meta), None if name is None else place(name)
    if wanted is None and saved is None:
        raise ValueError(f"{path} does not say what it was trained on; name it with --data")
    if saved is None:
        found = _fitting(wanted, net, options or {})
    elif wanted in (None, saved["name"]):
        found = saved
    elif same and not ("fingerprint" in saved and is_own(wanted)):
        raise ValueError(f"--data is {name}, but the run in {path.parent} has {saved['name']}")
    else:
        found = _fitting(wanted, net, {k: saved[k] for k in OWN_OPTIONS if k in saved})
    found = {k: v for k, v in found.items() if k != "fingerprint"}
    dataset = _checked(found, path, net, wanted is None)
    if dataset.fingerprint is None:
        return found
    was = (saved or {}).get("fingerprint")
    if was not in (None, dataset.fingerprint) and (same or wanted is None):
        instead = "start a new run with --init" if same else "name what to use with --data"
        raise ValueError(
            f"{found['name']} is not what {path} was trained on: its fingerprint is "
            f"{dataset.fingerprint[:12]}..., it was {was[:12]}...; "
            f"put back the old data, or {instead}"
        )
    return {**found, "fingerprint": dataset.fingerprint}


def _saved(meta):
    """What a run's file says of its data; None if it does not, or not soundly."""
    saved = meta.get("data")
    keys = {"name", "levels", "stochastic", "seed", "fingerprint", *OWN_OPTIONS}
    if not isinstance(saved, dict) or not set(saved) <= keys:
        return None
    own = isinstance(saved.get("fingerprint"), str) and is_own(saved.get("name"))
    return saved if own or saved.get("name") in tuple(DATASETS) else None


def _fitting(name, net, options):
    """Arguments for `load_data` of other data, which should fit the model."""
    data = {"name": name, "levels": net.levels}
    if is_own(name):
        H, W, C = net.image_shape
        own = {k: options[k] for k in OWN_OPTIONS if k in options}
        return {**data, "size": f"{H}x{W}", "grey": C == 1, **own}
    return data | (
        {"stochastic": True, "seed": options["seed"]} if options.get("stochastic") else {}
    )


def _checked(data, path, net, silent):
    """The Dataset of these arguments; ValueError if it does not fit the model.

    silent: it was not named, but is what the file at `path` says.
    """
    name = data["name"]
    try:
        dataset, levels = find_dataset(**data), dataset_levels(**data)
    except FileNotFoundError as e:
        moved = f"{path} was trained on {name}, which is not there; if it has moved, name its new"
        raise FileNotFoundError(f"{moved} place with --data" if silent else str(e)) from None
    except ValueError as e:
        raise ValueError(f"{name} does not fit the model in {path}: {e}") from None
    if (*dataset.image_shape, levels) != (*net.image_shape, net.levels):
        sizes = ["×".join(map(str, s)) for s in (dataset.image_shape, net.image_shape)]
        raise ValueError(
            f"the images of {name} are {sizes[0]} of {levels} levels, "
            f"those of the model in {path} {sizes[1]} of {net.levels}"
        )
    return dataset
