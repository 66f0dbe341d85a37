"""Bags of corrections become episodes of a dataset that grows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import yaml

from groot_ros.codecs.catalog import codec_names, find_codec
from groot_ros.data.conversion.append import restore
from groot_ros.data.conversion.outcome import Report
from groot_ros.data.conversion.settings import CORRECTIONS, Conversion
from groot_ros.data.datasets.reader import Dataset, is_dataset
from groot_ros.files.part import part_path
from groot_ros.files.whole_file import write_whole
from groot_ros.policies.factory import chosen_codec
from groot_ros.policies.tried import checkpoint_choice


def corrections_of(
    checkpoint: Path, robot: str, folder: Path, *, only_corrections: bool, only_success: bool
) -> Conversion:
    """How bags become a dataset that the checkpoint can learn of.

    A codec that does not ship with the package is the one that the checkpoint carries, written
    into `folder`.
    """
    codec = chosen_codec(checkpoint_choice(checkpoint, robot))
    name = codec.name
    if codec.name not in codec_names() or find_codec(codec.name) != codec:
        folder.mkdir(parents=True, exist_ok=True)
        name = str(folder / f"{codec.name}.yaml")
        write_whole(Path(name), yaml.safe_dump(dict(codec.values), sort_keys=False))
    return Conversion(
        bags=[],
        robot=robot,
        codec=name,
        output=folder,
        only=CORRECTIONS if only_corrections else "",
        only_success=only_success,
    )


def add_corrections(
    conversion: Conversion, convert: Callable[[Conversion], Report], bags: Path, dataset: Path
) -> int:
    """Let `convert` add what the operator did in bags that the dataset does not have yet; how many
    episodes it has then. Goes on with a conversion that was interrupted."""
    part = part_path(dataset)
    restore(dataset, part)
    asked = replace(
        conversion,
        bags=[bags],
        output=dataset,
        append=is_dataset(dataset),
        resume=part.exists(),
    )
    convert(asked)
    return len(Dataset(dataset).episodes)
