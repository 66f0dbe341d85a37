"""What all episodes of a dataset have in common, as its files say it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Description:
    """Columns, rate and robot of a dataset.

    Args:
        features: columns, as `info.json` describes them.
        modality: content of `modality.json`, None for a dataset without.
        fps: rows per second.
        robot: name of the robot, None where nobody said.
        statistics: columns in `stats.json`.
        extra: what `info.json` says beyond the format, of other makers.
        known: statistics of columns whose rows are those of a dataset that exists, by column.
    """

    features: Mapping[str, Any]
    modality: Mapping[str, Any] | None
    fps: float
    robot: str | None
    statistics: tuple[str, ...]
    extra: Mapping[str, Any] = field(default_factory=dict)
    known: Mapping[str, Any] = field(default_factory=dict)

    @property
    def video_columns(self) -> list[str]:
        return [name for name, feature in self.features.items() if feature["dtype"] == "video"]

    @property
    def picture_columns(self) -> list[str]:
        """Of videos, and of pictures within the rows."""
        kinds = ("video", "image")
        return [name for name, feature in self.features.items() if feature["dtype"] in kinds]

    @property
    def task_columns(self) -> list[str]:
        """Columns whose numbers are indices of tasks."""
        notes = (self.modality or {}).get("annotation", {})
        named = [note.get("original_key", f"annotation.{key}") for key, note in notes.items()]
        other = [name for name in self.features if name.startswith("annotation.")]
        found = dict.fromkeys(["task_index", *named, *other])
        return [name for name in found if self.features.get(name, {}).get("dtype") == "int64"]
