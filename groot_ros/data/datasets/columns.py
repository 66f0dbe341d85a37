"""Which numbers of which column a key is, in datasets of any maker."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from groot_ros.data.datasets.writer import ACTION, STATE, video_column
from groot_ros.observation.types import LANGUAGE

DEFAULT_COLUMNS = {"state": STATE, "action": ACTION}
PICTURES = video_column("")
PICTURE_TYPES = ("video", "image")
ANNOTATION = "annotation."
TASK_INDEX = "task_index"


@dataclass(frozen=True, kw_only=True)
class Place:
    """Numbers `start` to before `end` of a column."""

    column: str
    start: int
    end: int

    @property
    def numbers(self) -> slice:
        return slice(self.start, self.end)

    @property
    def size(self) -> int:
        return self.end - self.start

    def of(self, columns: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
        """These numbers (T, D) of rows, given as columns (T,) or (T, C)."""
        column = columns[self.column]
        return column.reshape(len(column), -1)[:, self.numbers]


def column_names(feature: Mapping[str, Any], column: str) -> list[str]:
    """Names of the numbers of a column.

    LeRobot's datasets have a list, lists by a word such as `motors`, or none at all.
    """
    size, names = int(feature["shape"][0]), feature.get("names")
    if isinstance(names, Mapping):
        names = [name for part in names.values() for name in part]
    if not names or len(names) != size:
        return [f"{column}_{index}" for index in range(size)]
    return [str(name) for name in names]


def places(modality: Mapping[str, Any], group: str) -> dict[str, Place]:
    """Where the keys of state or action are, by `modality.json`."""
    default = DEFAULT_COLUMNS[group]
    return {
        key: Place(
            column=entry.get("original_key", default), start=entry["start"], end=entry["end"]
        )
        for key, entry in modality.get(group, {}).items()
    }


def picture_columns(modality: Mapping[str, Any]) -> dict[str, str]:
    """The column of each video key, by `modality.json`."""
    return {
        key: (entry or {}).get("original_key", video_column(key))
        for key, entry in modality.get("video", {}).items()
    }


def derived_modality(features: Mapping[str, Any]) -> dict[str, Any]:
    """What `modality.json` would say, for datasets that have none, as LeRobot's.

    Joints and, where the name of the last number says so, a gripper; pictures by what their
    columns are called; the task is the instruction.
    """
    pictures = [name for name, feature in features.items() if feature["dtype"] in PICTURE_TYPES]
    groups = {
        group: _slices(features[column], column)
        for group, column in DEFAULT_COLUMNS.items()
        if column in features
    }
    return {
        **groups,
        "video": {name.removeprefix(PICTURES): {"original_key": name} for name in pictures},
        "annotation": {LANGUAGE.removeprefix(ANNOTATION): {"original_key": TASK_INDEX}},
    }


def _slices(feature: Mapping[str, Any], column: str) -> dict[str, dict[str, int]]:
    names = column_names(feature, column)
    size = len(names)
    if size > 1 and "grip" in names[-1].lower():
        return {
            "joint_position": {"start": 0, "end": size - 1},
            "gripper": {"start": size - 1, "end": size},
        }
    return {"joint_position": {"start": 0, "end": size}}


def picture_size(feature: Mapping[str, Any]) -> tuple[int, int] | None:
    """Width and height of a feature's pictures, in pixels; the names of its axes say their order.

    None where it does not say.
    """
    shape, names = feature.get("shape"), feature.get("names")
    if not isinstance(shape, list) or len(shape) != 3:
        return None
    if isinstance(names, list) and "height" in names and "width" in names:
        return int(shape[names.index("width")]), int(shape[names.index("height")])
    height, width = shape[1:] if shape[0] == 3 else shape[:2]
    return int(width), int(height)
