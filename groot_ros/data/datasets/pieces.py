"""Episodes of datasets that exist, taken over into a new one: only what changes is written."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from groot_ros.data.datasets.clips import Clip, Stills
from groot_ros.data.datasets.columns import PICTURE_TYPES
from groot_ros.data.datasets.description import Description
from groot_ros.data.datasets.formats import find_format, format_names
from groot_ros.data.datasets.parts import STATISTICS_STRIDE
from groot_ros.data.datasets.reader import Dataset, EpisodeFiles, table_columns
from groot_ros.data.datasets.statistics import PictureStatistics, episode_statistics
from groot_ros.data.datasets.video import Picture
from groot_ros.data.datasets.video_cuts import cut_video
from groot_ros.data.datasets.writer import (
    MODALITY,
    STATISTICS_COLUMNS,
    DatasetWriter,
    place,
    write_parquet,
)
from groot_ros.errors import UserError
from groot_ros.files.shell import quoted

Columns = dict[str, NDArray[Any]]

REWARD, DONE = "next.reward", "next.done"
STATISTICS = ("min", "max", "mean", "std", "count")
"""Of an episode's column, as LeRobot's episodes_stats.jsonl has them."""


@dataclass(frozen=True, kw_only=True)
class Piece:
    """Frames [start, end) of an episode, and what is changed of them; None leaves it."""

    dataset: Dataset
    episode: EpisodeFiles
    start: int
    end: int
    instruction: str | None = None
    success: bool | None = None
    measured: bool = False
    """Whether statistics are made anew that would stay as they are,"""
    pictures: bool = False
    """those of pictures too."""

    @classmethod
    def whole(cls, dataset: Dataset, episode: EpisodeFiles) -> Piece:
        return cls(dataset=dataset, episode=episode, start=0, end=episode.length)

    def __len__(self) -> int:
        return self.end - self.start

    @property
    def is_whole(self) -> bool:
        return len(self) == self.episode.length


def description_of(dataset: Dataset, known: Mapping[str, Any]) -> Description:
    """The description of a dataset that exists, of any maker; `known` as in a description."""
    info = dataset.info
    numbers = [
        name
        for name, feature in info["features"].items()
        if feature["dtype"] not in (*PICTURE_TYPES, "string") and len(feature["shape"]) == 1
    ]
    writers = [find_format(name).writer(dataset.path, _NOTHING) for name in format_names()]
    ours = {name for writer in writers for name in writer.info()}
    return Description(
        features=info["features"],
        modality=dataset.modality if (dataset.path / MODALITY).exists() else None,
        fps=info["fps"],
        robot=info.get("robot_type"),
        statistics=STATISTICS_COLUMNS if dataset.own else tuple(numbers),
        extra={name: value for name, value in info.items() if name not in ours},
        known=known,
    )


_NOTHING = Description(features={}, modality=None, fps=1, robot=None, statistics=())

CUTS = "cuts"
"""Beside a folder under construction: parts of videos that were made already."""


def take(writer: DatasetWriter, piece: Piece, cuts: Path) -> None:
    """Write a piece as the writer's next episode.

    Rows and videos that stay as they are become other names of the same files, where the disk
    allows it. Parts of videos are kept in the folder `cuts`, so that who was interrupted goes on.
    """
    index, episode, is_shared = len(writer.episodes), piece.episode, _is_shared(piece)
    statistics = _stored_statistics(piece)
    unread = () if is_shared or not piece.is_whole else _unread(writer, piece, statistics)
    stored = piece.dataset.table(episode, unread)
    if len(stored) != episode.length:
        raise UserError(
            f"{episode.data} holds {len(stored)} rows of episode {episode.index}, expected "
            f"{episode.length}: groot-ros validate {quoted(piece.dataset.path)} says more"
        )
    tasks = _tasks(piece)
    for task in tasks:
        writer.task_index(task)
    table, changed = _changed(writer, piece, stored)
    target = writer.data_file(index)
    if piece.is_whole and not changed and not is_shared:
        place(episode.data, target)
    else:
        whole = piece.dataset.table(episode).slice(piece.start, len(piece))
        _write_rows(target, _replaced(whole, table, changed), is_own=bool(piece.dataset.own))
    for column in episode.videos:
        _take_video(piece, column, writer.video_file(index, column), cuts)
    columns = table_columns(table.select([f.name for f in table.schema if _is_numbers(f.type)]))
    for name in writer.description.statistics:
        if name not in columns and name not in writer.description.known:
            raise UserError(f"{episode.data} has no column {name} of numbers, which info.json has")
    for name, values in columns.items():
        if name in changed or name not in statistics:
            statistics[name] = episode_statistics(values)
    statistics |= _pictures(writer, piece, index)
    writer.note({"tasks": tasks, **episode.extra}, len(piece), statistics, columns)


def _is_shared(piece: Piece) -> bool:
    return piece.episode.data in piece.dataset.shared_files


def _stored_statistics(piece: Piece) -> dict[str, Any]:
    """Statistics of an episode's columns of numbers, as far as they are those of the piece."""
    if not piece.is_whole or piece.measured:
        return {}
    stored = piece.dataset.episode_statistics.get(piece.episode.index, {})
    pictures = piece.episode.pictures
    return {
        name: {key: values[key] for key in STATISTICS}
        for name, values in stored.items()
        if name not in pictures and _is_complete(values)
    }


def _unread(writer: DatasetWriter, piece: Piece, statistics: Mapping[str, Any]) -> list[str]:
    """Columns that nobody has to look at: neither do they change nor are they measured."""
    about = writer.description
    changing = {*_COUNTED, *about.task_columns}
    if piece.success is not None:
        changing |= {REWARD, DONE}
    measured = set(about.statistics) - about.known.keys()
    names = (statistics.keys() - changing - measured) | set(piece.episode.stills)
    return sorted(names)


def _write_rows(path: Path, table: pa.Table, *, is_own: bool) -> None:
    if is_own:
        # As a conversion writes them, byte for byte.
        write_parquet(path, table_columns(table))
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table, path)


def _replaced(table: pa.Table, other: pa.Table, names: Iterable[str]) -> pa.Table:
    """A table with some columns of another one in the places of its own."""
    for name in names:
        place_ = table.column_names.index(name)
        table = table.set_column(place_, table.schema.field(name), other[name])
    return table


def _is_numbers(kind: pa.DataType) -> bool:
    if pa.types.is_list(kind) or pa.types.is_fixed_size_list(kind):
        return _is_numbers(kind.value_type) and not pa.types.is_nested(kind.value_type)
    return bool(
        pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)
    )


def _tasks(piece: Piece) -> list[str]:
    tasks = list(piece.episode.tasks)
    if piece.instruction is None:
        return tasks
    # Others' episodes have tasks beside the instruction, such as "valid".
    return [piece.instruction, *(task for task in tasks[1:] if task != piece.instruction)]


def _changed(writer: DatasetWriter, piece: Piece, stored: pa.Table) -> tuple[pa.Table, set[str]]:
    """The rows of a piece in the new dataset, and the columns that are not what is stored."""
    table = stored.slice(piece.start, len(piece))
    changed = set()
    columns = table_columns(table.select(_present(table, _COUNTED)))
    new = _counted(writer, piece, columns)
    new |= _rewarded(piece, stored)
    new |= _asked(writer, piece, table)
    for name, values in new.items():
        place_ = table.column_names.index(name)
        field = table.schema.field(name)
        array = pa.array(values).cast(field.type)
        if not table[name].combine_chunks().equals(array):
            table = table.set_column(place_, field, array)
            changed.add(name)
    return table, changed


_COUNTED = ("episode_index", "index", "frame_index", "timestamp")


def _present(table: pa.Table, names: tuple[str, ...]) -> list[str]:
    return [name for name in names if name in table.column_names]


def _counted(writer: DatasetWriter, piece: Piece, columns: Columns) -> Columns:
    """The columns that count episodes, rows and time."""
    frame = np.arange(len(piece))
    counted = {
        "episode_index": np.full(len(piece), len(writer.episodes)),
        "index": writer.frames + frame,
    }
    if piece.start:
        counted |= {"frame_index": frame, "timestamp": frame / writer.description.fps}
    return {name: counted[name] for name in columns if name in counted}


def _rewarded(piece: Piece, stored: pa.Table) -> Columns:
    """The reward and the end, which belong to the last row."""
    found: Columns = {}
    if piece.success is not None and REWARD not in stored.column_names:
        raise UserError(
            f"{piece.dataset.path} has no column {REWARD}, in which success would be kept: leave "
            "success out of the edits"
        )
    for name in _present(stored, (REWARD, DONE)):
        values = table_columns(stored.select([name]))[name]
        if values.ndim != 1:
            continue
        is_sparse = not np.any(values[:-1])
        kept = values[piece.start : piece.end].copy()
        if is_sparse:
            kept[-1] = values[-1]
        if name == REWARD and piece.success is not None:
            kept[:] = 0
            kept[-1] = piece.success
        found[name] = kept
    return found


def _asked(writer: DatasetWriter, piece: Piece, table: pa.Table) -> Columns:
    """The columns of tasks, by their numbers in the new dataset."""
    known = piece.dataset.tasks
    columns = table_columns(table.select(_present(table, tuple(writer.description.task_columns))))
    found: Columns = {}
    main = columns.get("task_index", np.zeros(0))
    for name, values in columns.items():
        if piece.instruction is not None and np.array_equal(values, main):
            found[name] = np.full(len(values), writer.task_index(piece.instruction))
            continue
        old, inverse = np.unique(values, return_inverse=True)
        if missing := [task for task in old.tolist() if task not in known]:
            if name != "task_index":
                continue
            raise UserError(
                f"{piece.episode.data} has rows of task {missing[0]}, which is not in the list "
                f"of tasks: groot-ros validate {quoted(piece.dataset.path)} says more"
            )
        new = np.array([writer.task_index(known[int(task)]) for task in old])
        found[name] = new[inverse.reshape(-1)]
    return found


def _take_video(piece: Piece, column: str, target: Path, cuts: Path) -> None:
    episode, dataset = piece.episode, piece.dataset
    clip = episode.videos[column]
    if not clip.path.exists():
        raise UserError(f"{clip.path} is missing: copy the dataset again")
    if piece.is_whole and clip.first == 0 and clip.path not in dataset.shared_files:
        place(clip.path, target)
        return
    part = replace(clip, first=clip.first + piece.start, frames=len(piece))
    cut = cuts / _cut_name(part)
    if not cut.exists():
        unfinished = cut.with_suffix(".part")
        cut_video(part, unfinished)
        unfinished.replace(cut)
    place(cut, target)


def _cut_name(part: Clip) -> str:
    """One name for one part of one state of a video."""
    found = part.path.stat()
    told = f"{part.path.resolve()} {found.st_mtime_ns} {found.st_size} {part.first} {part.frames}"
    return f"{hashlib.sha256(told.encode()).hexdigest()}.mp4"


def _pictures(writer: DatasetWriter, piece: Piece, index: int) -> dict[str, Any]:
    """Statistics of pictures by column: those of the source, or of what was written."""
    stored = piece.dataset.episode_statistics.get(piece.episode.index, {})
    found: dict[str, Any] = {}
    for name in writer.description.picture_columns:
        values = stored.get(name, {})
        if _is_complete(values) and piece.is_whole and not piece.pictures:
            found[name] = {key: values[key] for key in STATISTICS}
        elif _is_complete(values) or piece.pictures:
            if name in piece.episode.stills:
                written: Clip | Stills = Stills(writer.data_file(index), name, index, len(piece))
            else:
                written = Clip(
                    writer.video_file(index, name), 0, len(piece), writer.description.fps
                )
            found[name] = picture_statistics(written)
    return found


def _is_complete(values: Mapping[str, Any]) -> bool:
    return all(values.get(key) is not None for key in STATISTICS)


def picture_statistics(pictures: Iterable[Picture]) -> dict[str, Any]:
    """Statistics of pictures, of as many of them as a conversion takes."""
    found = PictureStatistics()
    for picture in islice(pictures, 0, None, STATISTICS_STRIDE):
        found.add(picture)
    return found.values()
