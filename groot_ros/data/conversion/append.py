"""New bags for a dataset that exists: what it has already, and whether the options are its own."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from groot_ros.data.bags.fingerprint import bag_fingerprint
from groot_ros.data.conversion.assembly import Recipe, common_metadata
from groot_ros.data.datasets.formats import find_format
from groot_ros.data.datasets.reader import Dataset, is_dataset
from groot_ros.errors import UserError

# Where the dataset waits while the one that takes its place is put there.
BEFORE = "before"


@dataclass(frozen=True, kw_only=True)
class NewBags:
    """Bags sorted by whether a dataset was made of them already."""

    new: dict[Path, str]
    """With their fingerprints."""
    known: list[Path]


def open_base(path: Path, recipe: Recipe) -> Dataset:
    """The dataset that is added to; UserError names the first option in which `recipe` differs."""
    if not is_dataset(path):
        raise UserError(
            f"{path} is not a dataset, to which --append adds: leave --append out to make one"
        )
    dataset = Dataset(path)
    if not dataset.own:
        raise UserError(
            f"{path} was not made by groot-ros convert, which --append needs: choose another "
            "--output"
        )
    version = find_format(recipe.format).writer.version
    wanted = {"version": version, "fps": recipe.fps, **common_metadata(recipe)}
    found = {**dataset.own, "version": dataset.info.get("codebase_version")}
    # As JSON, in which tuples are lists.
    for name, value in json.loads(json.dumps(wanted)).items():
        if found.get(name) != value:
            what = "" if isinstance(value, dict) else f" ({found.get(name)}, not {value})"
            raise UserError(
                f"{path} was made with another {name}{what}: append with the options it was made "
                "with, or choose another --output"
            )
    return dataset


def sort_bags(bags: Sequence[Path], dataset: Dataset) -> NewBags:
    """Which bags are new to a dataset, by their fingerprints."""
    digests = {entry["fingerprint"] for entry in dataset.own["bags"].values()}
    found = {bag: bag_fingerprint(bag) for bag in bags}
    return NewBags(
        new={bag: digest for bag, digest in found.items() if digest not in digests},
        known=[bag for bag, digest in found.items() if digest in digests],
    )


def put_in_place(folder: Path, output: Path, part: Path) -> None:
    """Give a finished dataset its name; the one that has it so far is deleted with `part`."""
    if output.exists():
        output.rename(part / BEFORE)
    folder.rename(output)


def restore(output: Path, part: Path) -> None:
    """Bring back the dataset that an interruption left between two renames."""
    if (part / BEFORE).exists() and not output.exists():
        (part / BEFORE).rename(output)
