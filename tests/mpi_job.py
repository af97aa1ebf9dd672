"""What tests/test_mpi.py has every rank do, and one process for comparison.

mpiexec -n 2 python tests/mpi_job.py compute FOLDER     each rank writes FOLDER/RANK.npz
mpiexec -n 2 python tests/mpi_job.py fail WHAT train …  the command, with a failure on rank 1
sh: every process first writes its id into the file PIDS.RANK, where PIDS is set
"""

import functools
import os
import sys
import zlib
from pathlib import Path

import numpy as np

import pixelrnn_np as pr
from pixelrnn_np import sampling
from pixelrnn_np.cli import app as cli
from pixelrnn_np.parallel.ranks import world
from pixelrnn_np.runs import experiment
from pixelrnn_np.training import trainer as training

SHAPE = (3, 4, 1)


def images(n, levels=2):
    return np.random.default_rng(5).integers(0, levels, (n, *SHAPE)).astype(np.uint8)


def build(name="pixelcnn", dtype="float64", **options):
    return pr.build_model(name, SHAPE, 2, h=4, layers=1, head=4, seed=3, dtype=dtype, **options)


def compute(here):
    """{name: array}: the same with any number of ranks; "crc…" are checksums of the weights."""
    out = {}
    for dtype in ("float64", "float32"):
        for batch in (130, 20):  # five shards, the last of two images; one shard
            trainer = pr.Trainer(build(dtype=dtype), "adam", 0.01, ema=0.9, ranks=here)
            steps = [
                (trainer.step(images(batch)), zlib.crc32(trainer.model.flat)) for _ in range(5)
            ]
            out[f"loss {dtype} {batch}"] = np.array([loss for loss, _ in steps])
            out[f"crc {dtype} {batch}"] = np.array([crc for _, crc in steps])
            out[f"weights {dtype} {batch}"] = trainer.model.flat
            out[f"average {dtype} {batch}"] = trainer.average
    trainer = pr.Trainer(build(), "soap", 0.01, ranks=here)
    out["crc soap"] = np.array([(trainer.step(images(70)), zlib.crc32(trainer.model.flat))[1]
                                for _ in range(12)])  # fmt: skip
    trainer = pr.Trainer(build("multi_scale"), batch_size=70, scale=1, ranks=here)
    trainer.fit(images(150), images(45), 2, progress=False)
    out["fitted"] = trainer.model.flat
    out["valid"] = np.array([record["valid"] for record in trainer.history])
    sampling.CHUNK = 5
    for name in ("pixelcnn", "multi_scale"):
        x, nats = pr.sample(build(name), 13, seed=1, return_nll=True, ranks=here)
        out |= {f"sample {name}": x, f"nats {name}": nats}
    known = np.zeros(SHAPE, bool)
    known[:1] = True
    out["complete"] = pr.complete(build(), images(7), known, seed=2, ranks=here)
    model = build()
    out["nll"] = here.nats(lambda s: model.nll(images(100)[s]), 100, model.shard_size)
    return out


def drift(here):
    """Rank 1's weights made to differ: what a checkpoint makes of them."""
    trainer = pr.Trainer(build(), ranks=here)
    trainer.step(images(70))
    trainer.model.flat[3] += 1e-9 * here.rank
    before = here.gather(trainer.model.flat[None])
    trainer._save(None)
    return {"drift before": before, "drift after": here.gather(trainer.model.flat[None])}


def other_data(here):
    """What all ranks are told if the last one has other data."""
    try:
        here.check_same(data=b"same", training_images=bytes([here.rank == here.size - 1]))
    except ValueError as e:
        return {"told": np.array(str(e))}
    return {}


def fail(what, here):
    """Rank 1 fails in its third update."""

    def update(*_):
        if what == "memory":
            raise MemoryError("no more of it")
        raise KeyError("a mistake")

    before = training.Trainer._update

    def broken(self, g):
        (update if self.step_count == 2 and here.rank == 1 else before)(self, g)

    training.Trainer._update = broken


def main():
    here = world()
    what, name = sys.argv[1:3]
    if what == "compute":
        result = compute(here) | drift(here) | other_data(here)
        result["threads"] = np.array([here.threads(), here.threads(7)])
        np.savez(Path(name) / f"{here.rank}.npz", **result)
        return
    if what == "fail":
        fail(name, here)
    else:
        Path(f"{name}.{os.environ.get('PMI_RANK', 0)}").write_text(str(os.getpid()))
        experiment.build_model = functools.partial(experiment.build_model, dtype="float64")
    sys.argv[1:] = sys.argv[3:]
    cli.main()


if __name__ == "__main__":
    main()
