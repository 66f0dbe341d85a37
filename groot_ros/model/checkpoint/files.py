"""Which files of a folder hold a checkpoint's weights, and what else may lie in their place."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

from groot_ros.errors import UserError
from groot_ros.files.json_file import read_json
from groot_ros.files.typed import KeyPath, OpenSection, text, typed

SINGLE, INDEX = "model.safetensors", "model.safetensors.index.json"
ADAPTER = "adapter_config.json"
# Of file systems.
LONGEST_NAME = 255
_SHARD = re.compile(r"model-(\d{5})-of-(\d{5})\.safetensors")
# Python objects, which run the code that they hold when they are read.
PICKLED = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle")
MOST_NAMED = 5


class IndexFile(OpenSection, frozen=True, kw_only=True):
    """The index of weights: the file of each tensor."""

    weight_map: dict[str, Annotated[str, text("the name of a file")]]


def weight_files(folder: Path) -> list[Path]:
    """The safetensors files that the index lists, or `model.safetensors`, or a set of shards.

    Others are ignored, and those that run code when they are read are never opened. UserError
    names a missing file, or what lies there instead.
    """
    if (folder / INDEX).exists():
        place = KeyPath(str(folder / INDEX))
        index = typed(read_json(folder / INDEX, "an index of weights"), IndexFile, place)
        place = place / "weight_map"
        return [_listed(folder, name, place / of) for of, name in index.weight_map.items()]
    if (folder / SINGLE).exists():
        return [folder / SINGLE]
    shards = [match for file in folder.iterdir() if (match := _SHARD.fullmatch(file.name))]
    if shards:
        count = max(match[2] for match in shards)
        names = [f"model-{n + 1:05d}-of-{count}.safetensors" for n in range(int(count))]
        if missing := [name for name in names if not (folder / name).exists()]:
            raise UserError(f"{missing[0]} not found in {folder}, one of {count}: copy it there")
        return [folder / name for name in names]
    raise UserError(
        f"neither model.safetensors nor its index or shards in {folder}: "
        + (other_weights(folder) or "expected the weights of a GR00T checkpoint, copy them there")
    )


def _listed(folder: Path, name: str, place: KeyPath) -> Path:
    if Path(name).name != name or name == ".." or len(name) > LONGEST_NAME:
        raise place.error(f"is {name[:60]!r}, expected the name of a file beside it")
    if not (folder / name).exists():
        raise UserError(f"{name} not found in {folder}: its index names it, copy it there")
    return folder / name


def other_weights(folder: Path) -> str:
    """What a folder holds in place of weights that can be loaded, and how to mend it; or ""."""
    if (folder / ADAPTER).exists():
        values = read_json(folder / ADAPTER, "a PEFT adapter")
        base = str(values.get("base_model_name_or_path") or "its base model")[:100]
        return (
            f"it is a PEFT adapter of {base}, not a whole model: merge it where it was trained, "
            "with `model.merge_and_unload().save_pretrained(FOLDER)`, and give that folder"
        )
    files = sorted(file.name for file in folder.iterdir() if file.suffix.lower() in PICKLED)
    if not files:
        return ""
    more = f" and {len(files) - MOST_NAMED} more" if len(files) > MOST_NAMED else ""
    named = ", ".join(files[:MOST_NAMED]) + more + (" are" if len(files) > 1 else " is")
    return (
        f"{named} pickled Python, which may run any code and is never loaded: save the "
        "model as safetensors where it was trained, with "
        "`model.save_pretrained(FOLDER, safe_serialization=True)`"
    )
