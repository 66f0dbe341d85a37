"""What a dataset of others holds, for a draft of its codec file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from groot_ros.codecs.draft import Foreign, Seen
from groot_ros.data.datasets.columns import DEFAULT_COLUMNS, Place, picture_size
from groot_ros.data.datasets.reader import Dataset
from groot_ros.data.datasets.statistics import column_statistics
from groot_ros.data.datasets.writer import STATISTICS
from groot_ros.errors import UserError
from groot_ros.observation.types import LANGUAGE


def foreign_dataset(path: Path) -> Foreign:
    """By modality.json, or the names of info.json where there is none, and the statistics."""
    dataset = Dataset(path)
    features, modality = dataset.info["features"], dataset.modality
    statistics = dataset.json(STATISTICS) if (path / STATISTICS).is_file() else _computed(dataset)
    groups: dict[str, Sequence[Seen]] = {}
    for group, column in DEFAULT_COLUMNS.items():
        if not modality.get(group):
            raise UserError(f"{path} has no {column}, which a codec needs")
        places = dataset.places(group)
        groups[group] = [_seen(key, place, statistics) for key, place in places.items()]
    language = next(iter(modality.get("annotation") or {}), "")
    return Foreign(
        name=path.resolve().name,
        state=groups["state"],
        action=groups["action"],
        video={
            key: picture_size(features.get(column, {}))
            for key, column in dataset.picture_columns.items()
        },
        language=f"annotation.{language}" if language else LANGUAGE,
        fps=round(dataset.fps),
    )


def _computed(dataset: Dataset) -> dict[str, Any]:
    """Statistics of state and action out of the rows, as `stats.json` has them."""
    rows = [dataset.columns(episode) for episode in dataset.episodes]
    return {
        column: column_statistics(np.concatenate([columns[column] for columns in rows]))
        for column in DEFAULT_COLUMNS.values()
        if rows and all(column in columns for columns in rows)
    }


def _seen(key: str, place: Place, statistics: Mapping[str, Any]) -> Seen:
    low, high = (_numbers(statistics.get(place.column), name) for name in ("min", "max"))
    return Seen(
        key=key,
        size=place.size,
        low=tuple(low[place.numbers]),
        high=tuple(high[place.numbers]),
    )


def _numbers(statistics: Any, name: str) -> list[float]:
    values = statistics.get(name) if isinstance(statistics, Mapping) else None
    if not isinstance(values, list) or not all(isinstance(v, int | float) for v in values):
        return []
    return [float(value) for value in values]
