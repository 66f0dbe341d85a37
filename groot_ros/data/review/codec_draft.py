"""What a dataset of others holds, for a draft of its codec file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from groot_ros.codecs.draft import Foreign, Seen, seen_keys
from groot_ros.data.datasets.reader import Dataset
from groot_ros.data.datasets.writer import ACTION, MODALITY, STATE, STATISTICS, video_column
from groot_ros.errors import UserError
from groot_ros.observation.types import LANGUAGE

COLUMNS = {"state": STATE, "action": ACTION}
PICTURES = video_column("")


def foreign_dataset(path: Path) -> Foreign:
    """By modality.json, or the names of info.json where there is none, and the statistics."""
    dataset = Dataset(path)
    features = dataset.info["features"]
    modality = dataset.modality if (path / MODALITY).is_file() else {}
    statistics = dataset.json(STATISTICS) if (path / STATISTICS).is_file() else {}
    groups: dict[str, Sequence[Seen]] = {}
    for group, column in COLUMNS.items():
        if column not in features:
            raise UserError(f"{path} has no column {column}, which a codec needs")
        slices = modality.get(group) or _slices(features[column])
        extremes = (_numbers(statistics.get(column), name) for name in ("min", "max"))
        groups[group] = seen_keys(slices, *extremes)
    keys = {
        key: entry.get("original_key") or video_column(key)
        for key, entry in (modality.get("video") or {}).items()
    } or {name.removeprefix(PICTURES): name for name in features if name.startswith(PICTURES)}
    language = next(iter(modality.get("annotation") or {}), "")
    return Foreign(
        name=path.resolve().name,
        state=groups["state"],
        action=groups["action"],
        video={key: _size(features.get(column, {})) for key, column in keys.items()},
        language=f"annotation.{language}" if language else LANGUAGE,
        fps=round(dataset.fps),
    )


def _numbers(statistics: Any, name: str) -> list[float]:
    values = statistics.get(name) if isinstance(statistics, Mapping) else None
    if not isinstance(values, list) or not all(isinstance(v, int | float) for v in values):
        return []
    return [float(value) for value in values]


def _size(feature: Mapping[str, Any]) -> tuple[int, int] | None:
    """Width and height; the names of its axes say their order."""
    shape, names = feature.get("shape"), feature.get("names")
    if not isinstance(shape, list) or len(shape) != 3:
        return None
    if isinstance(names, list) and "height" in names and "width" in names:
        return int(shape[names.index("width")]), int(shape[names.index("height")])
    height, width = shape[1:] if shape[0] == 3 else shape[:2]
    return int(width), int(height)


def _slices(feature: Mapping[str, Any]) -> dict[str, dict[str, int]]:
    """Joints and, where the name of the last number says so, a gripper; else all as one key."""
    size, names = int(feature["shape"][0]), feature.get("names") or [""]
    if "grip" in names[-1].lower():
        return {
            "joint_position": {"start": 0, "end": size - 1},
            "gripper": {"start": size - 1, "end": size},
        }
    return {"joint_position": {"start": 0, "end": size}}
