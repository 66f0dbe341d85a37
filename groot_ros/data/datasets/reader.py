"""Reading datasets, in LeRobot's formats v2.1 and v3.0."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from groot_ros.data.datasets import checks
from groot_ros.data.datasets.clips import Clip, Stills
from groot_ros.data.datasets.columns import (
    Place,
    column_names,
    derived_modality,
    picture_columns,
    places,
)
from groot_ros.data.datasets.formats import DatasetFormat, find_format
from groot_ros.data.datasets.writer import INFO, MODALITY, OWN_METADATA
from groot_ros.errors import UserError
from groot_ros.files import config_file
from groot_ros.files.hub import local_folder
from groot_ros.files.typed import KeyPath, typed

EPISODE = "episode_index"
REMEDY = "copy the dataset again or convert the bags again"
LINES_BYTES = 1 << 28
Line = TypeVar("Line")


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
    stills: dict[str, Stills] = field(default_factory=dict)
    """Pictures that lie in the rows, by column."""
    extra: dict[str, Any] = field(default_factory=dict)
    """What the list of episodes says of it beyond the format."""

    @property
    def pictures(self) -> dict[str, Clip | Stills]:
        """Of videos and in the rows, by column."""
        return {**self.videos, **self.stills}

    @property
    def files(self) -> list[Path]:
        return [self.data, *(clip.path for clip in self.videos.values())]


class Dataset:
    """A dataset that is read, `hf://owner/name` too; UserError where a file is missing or damaged.

    It owns the files of rows that it read last, since v3 keeps many episodes in one: the newest
    for each choice of columns.
    """

    def __init__(self, path: Path) -> None:
        path = local_folder(path, "dataset")
        if not is_dataset(path):
            raise UserError(f"{path} is not a dataset, expected a folder with {INFO}")
        self.path = path
        self._newest: dict[frozenset[str], tuple[Path, pa.Table]] = {}
        self._rows: dict[str, list[dict[str, Any]]] = {}
        self.info: dict[str, Any] = self.json(INFO)
        self.typed_info = typed(self.info, checks.Info, KeyPath(str(path / INFO)))

    def json(self, name: str, most_bytes: int = config_file.JSON_BYTES) -> dict[str, Any]:
        """The object in a JSON file below the dataset; UserError where it is larger than
        `most_bytes`."""
        try:
            content = config_file.read_json(self.path / name, REMEDY, most_bytes)
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

    def rows(self, pattern: str) -> list[dict[str, Any]]:
        """The rows of the parquet files of a pattern below the dataset, which are read once."""
        if pattern not in self._rows:
            tables = sorted(self.path.glob(pattern))
            found = [row for table in tables for row in read_table(table).to_pylist()]
            self._rows[pattern] = found
        return self._rows[pattern]

    def typed_lines(self, name: str, kind: type[Line]) -> list[Line]:
        """The same as objects of a kind."""
        return [typed(line, kind, KeyPath(at)) for at, line in self.lines(name)]

    @property
    def format(self) -> str:
        """The name of the one that it is in."""
        return self.typed_info.format

    @cached_property
    def form(self) -> DatasetFormat:
        """The same, with how it is read."""
        return find_format(self.format)

    @property
    def fps(self) -> float:
        return self.typed_info.fps

    @property
    def has_modality(self) -> bool:
        """Whether it says itself which numbers a key is."""
        return (self.path / MODALITY).is_file()

    @cached_property
    def modality(self) -> dict[str, Any]:
        """Which numbers a key is; derived from the names of its columns where it does not say."""
        derived = derived_modality(self.info["features"])
        if not self.has_modality:
            return derived
        modality = self.json(MODALITY)
        typed(modality, checks.ModalityFile, KeyPath(str(self.path / MODALITY)))
        return {**derived, **modality}

    @cached_property
    def own(self) -> dict[str, Any]:
        """What groot_ros wrote about the dataset's making; empty for other datasets."""
        if not (self.path / OWN_METADATA).exists():
            return {}
        # As long as the lists of episodes: it has one of them too.
        own = self.json(OWN_METADATA, LINES_BYTES)
        typed(own, checks.OwnFile, KeyPath(str(self.path / OWN_METADATA)))
        return own

    def places(self, group: str) -> dict[str, Place]:
        """Where the keys of `state` or `action` are."""
        return places(self.modality, group)

    def names(self, column: str) -> list[str]:
        """Names of the numbers of a column."""
        return column_names(self.info["features"][column], column)

    @property
    def picture_columns(self) -> dict[str, str]:
        """The column of each video key."""
        return picture_columns(self.modality)

    @property
    def still_columns(self) -> list[str]:
        """Of pictures that lie in the tables."""
        return self.typed_info.of_type("image")

    @property
    def video_columns(self) -> list[str]:
        return self.typed_info.of_type("video")

    @cached_property
    def tasks(self) -> dict[int, str]:
        """Tasks by their index."""
        return self.form.tasks(self)

    @cached_property
    def episodes(self) -> list[EpisodeFiles]:
        """All episodes."""
        return self.form.episodes(self)

    @cached_property
    def episode_statistics(self) -> Mapping[int, Mapping[str, Mapping[str, Any]]]:
        """Statistics by episode, column and name, such as `min`; those that are there."""
        return self.form.statistics(self)

    @cached_property
    def shared_files(self) -> set[Path]:
        """Files that hold more than one episode."""
        used = Counter(path for e in self.episodes for path in e.files)
        return {path for path, episodes in used.items() if episodes > 1}

    def located(
        self, entry: checks.EpisodeLine, data: Path, clips: dict[str, Clip], extra: dict[str, Any]
    ) -> EpisodeFiles:
        """An episode by its entry in the list of episodes: where its rows and films lie, and what
        the entry says beyond the format."""
        index, length = entry.episode_index, entry.length
        stills = {column: Stills(data, column, index, length) for column in self.still_columns}
        return EpisodeFiles(
            index=index,
            length=length,
            tasks=entry.tasks,
            data=data,
            videos=clips,
            stills=stills,
            extra=extra,
        )

    def table(self, episode: EpisodeFiles, left_out: Collection[str] = ()) -> pa.Table:
        """An episode's rows as they are stored, without some columns."""
        kind = frozenset(left_out)
        if kind not in self._newest or self._newest[kind][0] != episode.data:
            self._newest[kind] = episode.data, read_table(episode.data, kind)
        table = self._newest[kind][1]
        is_own = not self.form.shares_files or len(table) == episode.length
        if is_own or EPISODE not in table.column_names:
            return table
        return table.filter(pc.equal(table[EPISODE], episode.index))

    def columns(self, episode: EpisodeFiles) -> dict[str, NDArray[Any]]:
        """Columns (T,) or (T, D) of an episode, without pictures."""
        return table_columns(self.table(episode, self.still_columns))


def beyond(entry: Mapping[str, Any], known: tuple[str, ...]) -> dict[str, Any]:
    """What an entry of the list of episodes says but that whose names begin with what is known."""
    return {name: value for name, value in entry.items() if not name.startswith(known)}


def table_columns(table: pa.Table) -> dict[str, NDArray[Any]]:
    """Columns (T,) or (T, D) of a table."""
    return {name: _array(table[name]) for name in table.column_names}


def read_table(path: Path, left_out: Collection[str] = ()) -> pa.Table:
    """A parquet file without some columns; UserError when it is missing or damaged."""
    try:
        with pq.ParquetFile(path) as file:
            names = [name for name in file.schema_arrow.names if name not in left_out]
            return file.read(names if left_out else None, use_threads=False)
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
