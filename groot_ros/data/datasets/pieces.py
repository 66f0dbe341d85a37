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
from groot_ros.data.datasets.parts import STATISTICS_STRIDE
from groot_ros.data.datasets.reader import Dataset, EpisodeFiles, table_columns
from groot_ros.data.datasets.statistics import PictureStatistics
from groot_ros.data.datasets.video import Picture, read_pictures
from groot_ros.data.datasets.video_cuts import cut_video
from groot_ros.data.datasets.writer import (
    MODALITY,
    STATISTICS_COLUMNS,
    DatasetWriter,
    place,
    write_parquet,
)
from groot_ros.data.datasets.writer_v3 import DatasetWriterV3
from groot_ros.errors import UserError
from groot_ros.files.shell import quoted

Columns = dict[str, NDArray[Any]]

REWARD, DONE = "next.reward", "next.done"
PICTURE_STATISTICS = ("min", "max", "mean", "std", "count")


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


def description_of(dataset: Dataset) -> Description:
    """The description of a dataset that exists, of any maker."""
    info = dataset.info
    numbers = [
        name
        for name, feature in info["features"].items()
        if feature["dtype"] not in (*PICTURE_TYPES, "string") and len(feature["shape"]) == 1
    ]
    known = DatasetWriterV3(dataset.path, _NOTHING).info()
    known |= DatasetWriter(dataset.path, _NOTHING).info()
    return Description(
        features=info["features"],
        modality=dataset.modality if (dataset.path / MODALITY).exists() else None,
        fps=info["fps"],
        robot=info.get("robot_type"),
        statistics=STATISTICS_COLUMNS if dataset.own else tuple(numbers),
        extra={name: value for name, value in info.items() if name not in known},
    )


_NOTHING = Description(features={}, modality=None, fps=1, robot=None, statistics=())

CUTS = "cuts"
"""Beside a folder under construction: parts of videos that were made already."""


def take(writer: DatasetWriter, piece: Piece, cuts: Path) -> None:
    """Write a piece as the writer's next episode.

    Rows and videos that stay as they are become other names of the same files, where the disk
    allows it. Parts of videos are kept in the folder `cuts`, so that who was interrupted goes on.
    """
    index, episode = len(writer.episodes), piece.episode
    stored = piece.dataset.table(episode)
    if len(stored) != episode.length:
        raise UserError(
            f"{episode.data} holds {len(stored)} rows of episode {episode.index}, expected "
            f"{episode.length}: groot-ros validate {quoted(piece.dataset.path)} says more"
        )
    tasks = _tasks(piece)
    for task in tasks:
        writer.task_index(task)
    table, is_stored = _changed(writer, piece, stored)
    target = writer.data_file(index)
    if is_stored and episode.data not in piece.dataset.shared_files:
        place(episode.data, target)
    elif piece.dataset.own:
        # As a conversion writes them, byte for byte.
        write_parquet(target, table_columns(table))
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table, target)
    for column in episode.videos:
        _take_video(piece, column, writer.video_file(index, column), cuts)
    columns = table_columns(table.select([f.name for f in table.schema if _is_numbers(f.type)]))
    for name in writer.description.statistics:
        if name not in columns:
            raise UserError(f"{episode.data} has no column {name} of numbers, which info.json has")
    writer.note({"tasks": tasks, **episode.extra}, columns, _pictures(writer, piece, index))


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


def _changed(writer: DatasetWriter, piece: Piece, stored: pa.Table) -> tuple[pa.Table, bool]:
    """The rows of a piece in the new dataset, and whether they are just what is stored."""
    table = stored.slice(piece.start, len(piece))
    is_stored = piece.is_whole
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
            is_stored = False
    return table, is_stored


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
            found[name] = {key: values[key] for key in PICTURE_STATISTICS}
        elif _is_complete(values) or piece.pictures:
            stills = Stills(writer.data_file(index), name, index, len(piece))
            is_still = name in piece.episode.stills
            found[name] = picture_statistics(
                stills if is_still else read_pictures(writer.video_file(index, name))
            )
    return found


def _is_complete(values: Mapping[str, Any]) -> bool:
    return all(values.get(key) is not None for key in PICTURE_STATISTICS)


def picture_statistics(pictures: Iterable[Picture]) -> dict[str, Any]:
    """Statistics of pictures, of as many of them as a conversion takes."""
    found = PictureStatistics()
    for picture in islice(pictures, 0, None, STATISTICS_STRIDE):
        found.add(picture)
    return found.values()
