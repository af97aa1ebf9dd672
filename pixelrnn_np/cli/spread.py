"""What the commands do under `mpiexec` and not in one process: see parallel/ranks.py."""

from ..console import plural
from ..runs.provenance import versions


def check_alike(here, trainer, images):
    """ValueError on all ranks unless their hosts have the same program, options and data."""
    here.check_same(
        versions=repr(versions()).encode(), options=repr(trainer.settings).encode(),
        training_images=images["train"].tobytes(), validation_images=images["valid"].tobytes(),
    )  # fmt: skip


def shares(here, trainer):
    """How the shards of a batch fall to the ranks: what to say of it."""
    batch, size = trainer.settings["batch_size"], trainer.model.shard_size
    count, each = -(-batch // size), trainer.pool.threads
    text = (
        f"{here.size} ranks on {plural(here.hosts, 'host')}, {plural(each, 'thread')} each: "
        f"a batch of {batch} is {plural(count, 'shard')} of {size} images"
    )
    if count < here.size:
        text += (
            f"\nwarning: only {count} of the {here.size} ranks have something to do; "
            f"--batch-size {here.size * size} or more gives each a shard"
        )
    return text


def spread_nll(here, net, images, threads):
    """net.nll of the images, of which each rank does its share."""
    count = here.threads(threads)
    return here.nats(lambda part: net.nll(images[part], count), len(images), net.shard_size)
