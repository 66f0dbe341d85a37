"""Reading datasets, in LeRobot's formats v2.1 and v3.0."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from groot_ros.data.datasets import checks
from groot_ros.data.datasets.clips import Clip
from groot_ros.data.datasets.writer import INFO, MODALITY, OWN_METADATA
from groot_ros.errors import UserError
from groot_ros.files import config_file
from groot_ros.robot.section import Section

STATISTICS_PREFIX = "stats/"
REMEDY = "copy the dataset again or convert the bags again"
LINES_BYTES = 1 << 28


def is_dataset(path: Path) -> bool:
    """Whether a folder looks like a dataset."""
    return (path / INFO).is_file()


@dataclass(frozen=True)
class EpisodeFiles:
    """An episode of a dataset and where it lies."""

    index: int
    length: int
    tasks: tuple[str, ...]
    data: Path
    videos: dict[str, Clip]
    """By column."""


class Dataset:
    """A dataset that is read; UserError where a file is missing or damaged."""

    def __init__(self, path: Path) -> None:
        if not is_dataset(path):
            raise UserError(f"{path} is not a dataset, expected a folder with {INFO}")
        self.path = path
        self._newest: tuple[Path, dict[str, NDArray[Any]]] | None = None
        self.info: dict[str, Any] = self.json(INFO)
        checks.check_info(self.info, str(path / INFO))

    def json(self, name: str) -> dict[str, Any]:
        """A JSON file below the dataset, an object."""
        try:
            content = config_file.read_json(self.path / name, REMEDY)
        except FileNotFoundError:
            raise UserError(f"{self.path / name} is missing") from None
        if not isinstance(content, dict):
            raise UserError(f"{self.path / name} holds no JSON object: {REMEDY}")
        return content

    def lines(self, name: str) -> list[tuple[str, Any]]:
        """A file with a JSON value per line, each with its place for errors."""
        path = self.path / name
        try:
            text = config_file.read_text(path, LINES_BYTES)
        except FileNotFoundError:
            raise UserError(f"{path} is missing") from None
        places = ((f"{path} line {n}", line) for n, line in enumerate(text.split("\n"), start=1))
        return [(p, config_file.parse_json(line, p, REMEDY)) for p, line in places if line.strip()]

    @property
    def is_v3(self) -> bool:
        return str(self.info.get("codebase_version", "")).startswith("v3")

    @property
    def fps(self) -> float:
        return float(self.info["fps"])

    @cached_property
    def modality(self) -> dict[str, Any]:
        modality = self.json(MODALITY)
        checks.check_modality(modality, str(self.path / MODALITY))
        return modality

    @cached_property
    def own(self) -> dict[str, Any]:
        """What groot_ros wrote about the dataset's making; empty for other datasets."""
        if not (self.path / OWN_METADATA).exists():
            return {}
        own = self.json(OWN_METADATA)
        checks.check_own(own, str(self.path / OWN_METADATA))
        return own

    @property
    def video_columns(self) -> list[str]:
        return [n for n, f in self.info["features"].items() if f["dtype"] == "video"]

    @cached_property
    def tasks(self) -> dict[int, str]:
        """Tasks by their index."""
        if self.is_v3:
            path = self.path / "meta" / "tasks.parquet"
            table = read_table(path).to_pydict()
            names = next((values for name, values in table.items() if name != "task_index"), None)
            if names is None or "task_index" not in table:
                raise UserError(f"{path} has not the columns task_index and task")
            return dict(zip(table["task_index"], names, strict=True))
        return dict(checks.task_line(line, at) for at, line in self.lines("meta/tasks.jsonl"))

    @cached_property
    def episodes(self) -> list[EpisodeFiles]:
        """All episodes."""
        if self.is_v3:
            return [self._v3(row) for row in self._v3_rows]
        return [self._v21(line, at) for at, line in self.lines("meta/episodes.jsonl")]

    @cached_property
    def _v3_rows(self) -> list[dict[str, Any]]:
        tables = sorted((self.path / "meta" / "episodes").glob("*/*.parquet"))
        return [row for table in tables for row in read_table(table).to_pylist()]

    @cached_property
    def episode_statistics(self) -> list[dict[str, dict[str, Any]]]:
        """Statistics of each episode by column and name, such as `min`."""
        if not self.is_v3:
            lines = self.lines("meta/episodes_stats.jsonl")
            return [Section(line, at).section("stats").values for at, line in lines]
        return [_nested(row) for row in self._v3_rows]

    def _v21(self, line: Any, source: str) -> EpisodeFiles:
        index, length, tasks = checks.episode_line(line, source)
        place: dict[str, Any] = {
            "episode_chunk": index // self.info["chunks_size"],
            "episode_index": index,
            "video_key": "",
        }
        return EpisodeFiles(
            index,
            length,
            tasks,
            self.path / self.info["data_path"].format(**place),
            {
                column: Clip(
                    self.path / self.info["video_path"].format(**place | {"video_key": column}),
                    0,
                    length,
                    self.fps,
                )
                for column in self.video_columns
            },
        )

    def _v3(self, row: dict[str, Any]) -> EpisodeFiles:
        source = str(self.path / "meta" / "episodes")
        index, length, tasks = checks.episode_line(row, source)

        def at(pattern: str, prefix: str, video_key: str = "") -> Path:
            place = checks.v3_place(row, prefix, source)
            return self.path / pattern.format(**place, video_key=video_key)

        return EpisodeFiles(
            index,
            length,
            tasks,
            at(self.info["data_path"], "data"),
            {
                column: Clip(
                    at(self.info["video_path"], f"videos/{column}", column),
                    round(checks.v3_start_s(row, f"videos/{column}", source) * self.fps),
                    length,
                    self.fps,
                )
                for column in self.video_columns
            },
        )

    def columns(self, episode: EpisodeFiles) -> dict[str, NDArray[Any]]:
        """Columns (T,) or (T, D) of an episode."""
        columns = self._file(episode.data)
        own = columns.get("episode_index")
        if not self.is_v3 or own is None:
            return columns
        rows = own == episode.index
        return {name: values[rows] for name, values in columns.items()}

    def _file(self, path: Path) -> dict[str, NDArray[Any]]:
        """Columns of a file, the last one kept: a file of v3 holds many episodes."""
        if self._newest is None or self._newest[0] != path:
            table = read_table(path)
            self._newest = path, {name: _array(table[name]) for name in table.column_names}
        return dict(self._newest[1])


def _nested(row: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Statistics out of the columns `stats/COLUMN/NAME` of an episode's row."""
    statistics: dict[str, dict[str, Any]] = {}
    for name, value in row.items():
        if name.startswith(STATISTICS_PREFIX):
            column, _, statistic = name.removeprefix(STATISTICS_PREFIX).rpartition("/")
            statistics.setdefault(column, {})[statistic] = value
    return statistics


def read_table(path: Path) -> pa.Table:
    """A parquet file; UserError when it is missing or damaged."""
    try:
        return pq.read_table(path)
    except FileNotFoundError:
        raise UserError(f"{path} is missing") from None
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"{path} cannot be read: {' '.join(str(error).split())}") from error


def _array(column: pa.ChunkedArray) -> NDArray[Any]:
    if pa.types.is_list(column.type) or pa.types.is_fixed_size_list(column.type):
        rows = len(column)
        flat = column.combine_chunks().flatten().to_numpy(zero_copy_only=False)
        if rows == 0 or len(flat) % rows:
            raise UserError(f"a list column has {len(flat)} numbers in {rows} rows")
        return np.asarray(flat).reshape(rows, -1)
    return np.asarray(column.to_numpy())
