"""Datasets in LeRobot's format v3.0; those that we write have files for each episode."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from groot_ros.data.datasets import checks
from groot_ros.data.datasets.clips import Clip
from groot_ros.data.datasets.formats import DatasetFormat
from groot_ros.data.datasets.reader import EPISODE, Dataset, EpisodeFiles, beyond, read_table
from groot_ros.data.datasets.writer import (
    CHUNK_EPISODES,
    STATISTICS,
    DatasetWriter,
    write_json,
)
from groot_ros.errors import UserError
from groot_ros.files.typed import KeyPath, typed

# Limits of LeRobot's own writers; ours never come near them.
DATA_FILE_MB, VIDEO_FILE_MB = 100, 200
STATISTICS_PREFIX = "stats/"
TASKS, EPISODES = "meta/tasks.parquet", "meta/episodes/"
TABLES = f"{EPISODES}*/*.parquet"
# What the list of episodes says in the format's words, or begins with them.
ENTRY = (EPISODE, "tasks", "length", "dataset_", "data/", "videos/", "meta/", STATISTICS_PREFIX)


class DatasetWriterV3(DatasetWriter):
    """Writes a dataset in LeRobot's format v3.0 into a new folder."""

    version = "v3.0"
    data_path = "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
    video_path = "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4"

    def _place(self, pattern: str, index: int, video_key: str = "") -> Path:
        chunk, file = divmod(index, CHUNK_EPISODES)
        return self.folder / pattern.format(
            chunk_index=chunk, file_index=file, video_key=video_key
        )

    def info(self) -> dict[str, Any]:
        """Content of `meta/info.json`."""
        info = super().info()
        for name in ("total_videos", "total_chunks"):
            del info[name]
        sizes = {"data_files_size_in_mb": DATA_FILE_MB, "video_files_size_in_mb": VIDEO_FILE_MB}
        return {**info, **sizes}

    def write_episodes(self) -> None:
        """Write the tables of episodes and tasks, and the statistics of the pictures."""
        path = self.folder / EPISODES / "chunk-000" / "file-000.parquet"
        path.parent.mkdir(parents=True)
        start, rows = 0, []
        for episode, statistics in zip(self.episodes, self.statistics, strict=True):
            rows.append(self._row(episode, statistics, start))
            start += episode["length"]
        pq.write_table(pa.Table.from_pylist(rows), path)
        _write_tasks(self.folder / TASKS, self.tasks)
        self._add_picture_statistics()

    def _row(
        self, episode: dict[str, Any], statistics: dict[str, Any], start: int
    ) -> dict[str, Any]:
        chunk, file = divmod(episode["episode_index"], CHUNK_EPISODES)
        row = {
            **episode,
            "dataset_from_index": start,
            "dataset_to_index": start + episode["length"],
        }
        row |= {"data/chunk_index": chunk, "data/file_index": file}
        for name in self.description.video_columns:
            column = f"videos/{name}"
            row |= {f"{column}/chunk_index": chunk, f"{column}/file_index": file}
            row[f"{column}/from_timestamp"] = 0.0
            row[f"{column}/to_timestamp"] = episode["length"] / self.description.fps
        row |= {"meta/episodes/chunk_index": 0, "meta/episodes/file_index": 0}
        for feature, values in statistics.items():
            prefix = f"{STATISTICS_PREFIX}{feature}/"
            row |= {f"{prefix}{name}": value for name, value in values.items()}
        return row

    def _add_picture_statistics(self) -> None:
        path = self.folder / STATISTICS
        content = json.loads(path.read_text())
        for column in self.description.picture_columns:
            known = [episode[column] for episode in self.statistics if column in episode]
            if len(known) == len(self.statistics):
                content[column] = _merged(known)
        write_json(path, content)


def _merged(parts: list[dict[str, Any]]) -> dict[str, Any]:
    """Statistics of the pictures of several episodes together."""
    counts = np.array([part["count"][0] for part in parts], dtype=np.float64)
    weights = (counts / counts.sum()).reshape(-1, 1, 1, 1)
    means, stds = (np.array([part[name] for part in parts]) for name in ("mean", "std"))
    mean = (weights * means).sum(axis=0)
    variance = (weights * (stds**2 + (means - mean) ** 2)).sum(axis=0)
    return {
        "min": np.min([part["min"] for part in parts], axis=0).tolist(),
        "max": np.max([part["max"] for part in parts], axis=0).tolist(),
        "mean": mean.tolist(),
        "std": np.sqrt(variance).tolist(),
        "count": [int(counts.sum())],
    }


def _write_tasks(path: Path, tasks: dict[str, int]) -> None:
    """The table that pandas reads with the tasks as its index."""
    table = pa.table({"task_index": pa.array(tasks.values(), pa.int64()), "task": list(tasks)})
    columns = [
        _pandas_column("task_index", "int64", "int64"),
        _pandas_column("task", "unicode", "object"),
    ]
    pandas = {
        "index_columns": ["task"],
        "column_indexes": [],
        "columns": columns,
        "creator": {"library": "pyarrow", "version": pa.__version__},
        "pandas_version": "2.2.0",
    }
    pq.write_table(table.replace_schema_metadata({"pandas": json.dumps(pandas)}), path)


def _pandas_column(name: str, pandas_type: str, numpy_type: str) -> dict[str, Any]:
    return {
        "name": name,
        "field_name": name,
        "pandas_type": pandas_type,
        "numpy_type": numpy_type,
        "metadata": None,
    }


def _tasks(dataset: Dataset) -> dict[int, str]:
    path = dataset.path / TASKS
    table = read_table(path).to_pydict()
    names = next((values for name, values in table.items() if name != "task_index"), None)
    if names is None or "task_index" not in table:
        raise UserError(f"{path} has not the columns task_index and task")
    return dict(zip(table["task_index"], names, strict=True))


def _episodes(dataset: Dataset) -> list[EpisodeFiles]:
    return [_episode(dataset, row) for row in dataset.rows(TABLES)]


def _episode(dataset: Dataset, row: dict[str, Any]) -> EpisodeFiles:
    source, info = str(dataset.path / EPISODES), dataset.typed_info
    entry = typed(row, checks.EpisodeLine, KeyPath(source))
    clips = {}
    for column in dataset.video_columns:
        place = checks.file_place(row, f"videos/{column}", source)
        path = dataset.path / info.video(**place.fields, video_key=column)
        start = round(place.from_timestamp * dataset.fps)
        clips[column] = Clip(path, start, entry.length, dataset.fps)
    place = checks.file_place(row, "data", source)
    data = dataset.path / info.data(**place.fields, video_key="")
    return dataset.located(entry, data, clips, beyond(row, ENTRY))


def _statistics(dataset: Dataset) -> dict[int, dict[str, dict[str, Any]]]:
    return {row[EPISODE]: _nested(row) for row in dataset.rows(TABLES)}


def _nested(row: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Statistics out of the columns `stats/COLUMN/NAME` of an episode's row."""
    statistics: dict[str, dict[str, Any]] = {}
    for name, value in row.items():
        if name.startswith(STATISTICS_PREFIX):
            column, _, statistic = name.removeprefix(STATISTICS_PREFIX).rpartition("/")
            statistics.setdefault(column, {})[statistic] = value
    return statistics


FORMAT = DatasetFormat(
    version="v3",
    writer=DatasetWriterV3,
    places=("chunk_index", "file_index", "video_key"),
    tasks=_tasks,
    episodes=_episodes,
    statistics=_statistics,
    lists=(TASKS, EPISODES),
    episode_list=TABLES,
    shares_files=True,
)
