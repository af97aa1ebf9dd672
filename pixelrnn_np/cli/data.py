"""The command `data`: which data sets there are, where they lie, and to fetch one of them."""

from typing import Annotated

import typer

from ..data import DATASETS, find_dataset, load_data
from ..parallel.ranks import world
from .options import Grey, Size, ValidShare, summary

LINE = "{:<16}{:<9}{:<9}{:<24}{}"


def data(
    name: Annotated[
        str | None,
        typer.Argument(help="data set to fetch and verify, or path of your own pictures",
                       show_default=False),
    ] = None,
    size: Size = None,
    grey: Grey = False,
    valid_share: ValidShare = None,
):  # fmt: skip
    """List the data sets, or fetch and verify one.

    The list says where on this machine they are.
    """
    if not world().first:
        return
    if name is None:
        print(table())
        return
    options = {"size": size, "grey": grey or None, "valid_share": valid_share}
    dataset = find_dataset(name, **options)
    # What is here comes first, so that it is shown even if the rest cannot be fetched.
    for split in sorted(dataset.splits, key=lambda split: dataset.where(split) is None):
        count = len(load_data(name, split, **options))
        print(f"{split:<7}{count:>7,} images, verified: {dataset.where(split)}", flush=True)
    print(summary(dataset))


def table():
    """All data sets: shape, levels, images, and whether they are here."""
    lines = [LINE.format("name", "shape", "levels", "train/valid/test", "where")]
    for dataset in DATASETS.values():
        low, high = dataset.allowed_levels
        lines.append(LINE.format(
            dataset.name, "x".join(map(str, dataset.image_shape)),
            f"{low}" if low == high else f"{low}-{high}",
            "/".join(map(str, dataset.splits.values())), places(dataset),
        ))  # fmt: skip
        lines.append(f"    {dataset.description}")
    return "\n".join([*lines, "", "`data NAME` fetches what is missing and verifies it."])


def places(dataset):
    """Where the splits of a data set lie, those first that lie in one place."""
    found = {}
    for split in dataset.splits:
        found.setdefault(str(dataset.where(split) or "not here"), []).append(split)
    if len(found) == 1:
        return next(iter(found))
    return "; ".join(f"{', '.join(splits)}: {place}" for place, splits in found.items())
