"""Datasets on disk: LeRobot v2.1 in GR00T's flavour, and what both formats share."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from groot_ros.codecs.codec import Codec
from groot_ros.data.datasets.description import Description
from groot_ros.data.datasets.parts import Rows, load_picture_statistics, load_rows, video_path
from groot_ros.data.datasets.statistics import column_statistics, episode_statistics
from groot_ros.data.datasets.video import PIXEL_FORMAT

STATE, ACTION = "observation.state", "action"
STAMP = "stamp_ns"
# The name that LeRobot's rollout with corrections gives it (rollout/strategies/dagger.py).
INTERVENTION = "intervention"
OPERATOR = "operator"
LATER_COLUMNS = (INTERVENTION, OPERATOR)
"""Which datasets of earlier versions do not have, also when they are added to."""
CHUNK_EPISODES = 1000
INFO = "meta/info.json"
MODALITY = "meta/modality.json"
STATISTICS = "meta/stats.json"
RELATIVE_STATISTICS = "meta/relative_stats.json"
OWN_METADATA = "meta/groot_ros.json"
# Of format v2.1.
EPISODES, TASKS = "meta/episodes.jsonl", "meta/tasks.jsonl"
EPISODE_STATISTICS = "meta/episodes_stats.jsonl"
# The columns that GR00T normalises or looks at; the others count.
STATISTICS_COLUMNS = (STATE, ACTION, "timestamp", "next.reward")


@dataclass(frozen=True)
class DatasetEpisode:
    """An episode of a dataset under construction; its part lies in `folder`."""

    index: int
    folder: Path
    instruction: str
    succeeded: bool


def video_column(key: str) -> str:
    """The column of a video key."""
    return f"observation.images.{key}"


def features(codec: Codec, fps: int, operator: Sequence[str] = ()) -> dict[str, Any]:
    """Columns of a dataset as `info.json` describes them; `operator` names the numbers that the
    devices of the robot's operator tell."""
    described: dict[str, Any] = {
        video_column(key): {
            "dtype": "video",
            "shape": [part.height, part.width, 3],
            "names": ["height", "width", "channels"],
            "info": {
                "video.fps": float(fps),
                "video.height": part.height,
                "video.width": part.width,
                "video.channels": 3,
                "video.codec": "h264",
                "video.pix_fmt": PIXEL_FORMAT,
                "video.is_depth_map": False,
                "has_audio": False,
            },
        }
        for key, part in codec.video.parts.items()
    }
    numbers = {
        column: [name for part in parts for name in part.names]
        for column, parts in ((STATE, codec.features.state), (ACTION, codec.features.action))
    }
    if operator:
        numbers[OPERATOR] = list(operator)
    for column, names in numbers.items():
        described[column] = {"dtype": "float32", "shape": [len(names)], "names": names}
    scalars = {
        "timestamp": "float32",
        "frame_index": "int64",
        "episode_index": "int64",
        "index": "int64",
        "task_index": "int64",
        codec.language: "int64",
        "next.reward": "float32",
        "next.done": "bool",
        INTERVENTION: "bool",
        STAMP: "int64",
    }
    for column, dtype in scalars.items():
        described[column] = {"dtype": dtype, "shape": [1], "names": None}
    return described


def episode_columns(
    episode: DatasetEpisode,
    rows: Rows,
    codec: Codec,
    fps: float,
    task_index: int,
    first_index: int,
) -> dict[str, NDArray[Any]]:
    """Every column but the videos, (T,) or (T, D)."""
    count = len(rows)
    frame = np.arange(count, dtype=np.int64)
    task = np.full(count, task_index, dtype=np.int64)
    last = frame == count - 1
    return {
        STATE: rows.state,
        ACTION: rows.action,
        "timestamp": (frame / fps).astype(np.float32),
        "frame_index": frame,
        "episode_index": np.full(count, episode.index, dtype=np.int64),
        "index": first_index + frame,
        "task_index": task,
        codec.language: task,
        "next.reward": (last & episode.succeeded).astype(np.float32),
        "next.done": last,
        INTERVENTION: rows.intervention,
        OPERATOR: rows.operator,
        STAMP: rows.stamp_ns,
    }


def write_parquet(path: Path, columns: Mapping[str, NDArray[Any]]) -> None:
    """Write columns; those of shape (T, D) become lists."""
    path.parent.mkdir(parents=True, exist_ok=True)
    arrays = {}
    for name, values in columns.items():
        if values.ndim == 1:
            arrays[name] = pa.array(values)
        else:
            offsets = np.arange(0, values.size + 1, values.shape[1], dtype=np.int32)
            arrays[name] = pa.ListArray.from_arrays(offsets, pa.array(values.ravel()))
    pq.write_table(pa.table(arrays), path)


def write_json(path: Path, content: Any) -> None:
    """Write JSON, its folder too."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2) + "\n")


def write_own(dataset: Path, content: Mapping[str, Any]) -> None:
    """Write `groot_ros.json`: a line for each key and for each item of a list.

    A large dataset has thousands of sources, which are slow to lay out and to look through
    number by number.
    """
    lines = ",\n".join(f"{json.dumps(key)}: {_listed(value)}" for key, value in content.items())
    (dataset / OWN_METADATA).write_text(f"{{\n{lines}\n}}\n")


def _listed(value: Any) -> str:
    if not isinstance(value, list) or not value:
        return json.dumps(value)
    items = ",\n  ".join(map(json.dumps, value))
    return f"[\n  {items}\n]"


def write_lines(path: Path, lines: Iterable[Any]) -> None:
    """Write one JSON value per line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def place(source: Path, target: Path) -> None:
    """Put a file at another place too, without copying where the disk allows it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        # A link in the hub's cache leads to its file by a path that holds in its own folder alone.
        os.link(source.resolve(), target)
    except OSError:
        shutil.copyfile(source, target)


def describe(codec: Codec, fps: int, robot: str, operator: Sequence[str] = ()) -> Description:
    """The description of a dataset that a codec makes; `operator` as in `features`."""
    return Description(
        features=features(codec, fps, operator),
        modality=codec.modality(),
        fps=fps,
        robot=robot,
        statistics=STATISTICS_COLUMNS,
    )


class DatasetWriter:
    """Writes a dataset in LeRobot's format v2.1 into a new folder, episode by episode."""

    version = "v2.1"
    data_path = "data/chunk-{episode_chunk:03d}/episode_{episode_index:06d}.parquet"
    video_path = "videos/chunk-{episode_chunk:03d}/{video_key}/episode_{episode_index:06d}.mp4"

    def __init__(self, folder: Path, description: Description) -> None:
        self.folder = folder
        self.description = description
        self.tasks: dict[str, int] = {}
        self.frames = 0
        self.episodes: list[dict[str, Any]] = []
        self.statistics: list[dict[str, Any]] = []
        self._columns: dict[str, list[NDArray[Any]]] = {
            name: [] for name in description.statistics if name not in description.known
        }

    def add(self, episode: DatasetEpisode, codec: Codec) -> None:
        """Write an extracted episode's rows and videos."""
        rows = load_rows(episode.folder)
        task_index = self.task_index(episode.instruction)
        fps = self.description.fps
        columns = episode_columns(
            episode, rows, codec=codec, fps=fps, task_index=task_index, first_index=self.frames
        )
        # A dataset of before that is added to lacks some, a robot without a device one.
        columns = {k: v for k, v in columns.items() if k in self.description.features}
        write_parquet(self.data_file(episode.index), columns)
        pictures = load_picture_statistics(episode.folder)
        for key in codec.video.cameras:
            target = self.video_file(episode.index, video_column(key))
            place(video_path(episode.folder, key), target)
        statistics = {name: episode_statistics(values) for name, values in columns.items()}
        statistics |= {video_column(key): pictures[key] for key in codec.video.cameras}
        self.note({"tasks": [episode.instruction]}, len(rows), statistics, columns)

    def task_index(self, task: str) -> int:
        """The index of a task, a new one where it was not seen yet."""
        return self.tasks.setdefault(task, len(self.tasks))

    def data_file(self, index: int) -> Path:
        """Where an episode's rows belong."""
        return self._place(self.data_path, index)

    def video_file(self, index: int, column: str) -> Path:
        """Where an episode's video belongs."""
        return self._place(self.video_path, index, column)

    def _place(self, pattern: str, index: int, video_key: str = "") -> Path:
        return self.folder / pattern.format(
            episode_chunk=index // CHUNK_EPISODES, episode_index=index, video_key=video_key
        )

    def note(
        self,
        entry: Mapping[str, Any],
        length: int,
        statistics: Mapping[str, Any],
        columns: Mapping[str, NDArray[Any]],
    ) -> None:
        """Count an episode that was written.

        `entry` is what the list of episodes says of it beyond index and length, `statistics`
        are those of its columns. `columns` holds at least the numbers of which the description
        wants statistics over all episodes, and does not know them.
        """
        self.statistics.append(dict(statistics))
        first = {"episode_index": len(self.episodes), "tasks": entry["tasks"], "length": length}
        self.episodes.append({**first, **entry})
        for name, kept in self._columns.items():
            kept.append(columns[name])
        self.frames += length

    def pairs(self) -> list[tuple[NDArray[Any], NDArray[Any]]]:
        """State (T, S) and action (T, A) of every episode."""
        return list(zip(self._columns[STATE], self._columns[ACTION], strict=True))

    def finish(self, own_metadata: Mapping[str, Any], relative: Mapping[str, Any]) -> None:
        """Write everything below `meta`; `relative` are the statistics of relative actions.

        Empty metadata are those of a dataset that others made, which has none.
        """
        write_json(self.folder / INFO, self.info())
        if self.description.modality is not None:
            write_json(self.folder / MODALITY, self.description.modality)
        known = self.description.known
        statistics = {
            name: known[name] if name in known else self._statistics(name)
            for name in self.description.statistics
        }
        write_json(self.folder / STATISTICS, statistics)
        if relative:
            write_json(self.folder / RELATIVE_STATISTICS, relative)
        if own_metadata:
            write_own(self.folder, own_metadata)
        self.write_episodes()

    def _statistics(self, name: str) -> dict[str, Any]:
        return column_statistics(np.concatenate(self._columns[name]).reshape(self.frames, -1))

    def info(self) -> dict[str, Any]:
        """Content of `meta/info.json`."""
        count, about = len(self.episodes), self.description
        return {
            "codebase_version": self.version,
            "robot_type": about.robot,
            "total_episodes": count,
            "total_frames": self.frames,
            "total_tasks": len(self.tasks),
            "total_videos": count * len(about.video_columns),
            "total_chunks": -(-count // CHUNK_EPISODES),
            "chunks_size": CHUNK_EPISODES,
            "fps": about.fps,
            "splits": {"train": f"0:{count}"},
            "data_path": self.data_path,
            "video_path": self.video_path,
            "features": about.features,
            **about.extra,
        }

    def write_episodes(self) -> None:
        """Write the lists of episodes and tasks."""
        write_lines(self.folder / EPISODES, self.episodes)
        write_lines(
            self.folder / TASKS,
            [{"task_index": index, "task": task} for task, index in self.tasks.items()],
        )
        write_lines(
            self.folder / EPISODE_STATISTICS,
            [{"episode_index": i, "stats": s} for i, s in enumerate(self.statistics)],
        )


def relative_pairs(
    modality: Mapping[str, Any], pairs: Sequence[tuple[NDArray[Any], NDArray[Any]]], key: str
) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """State and action (T, D) of one key that both have."""
    state, action = (
        slice(modality[k][key]["start"], modality[k][key]["end"]) for k in ("state", "action")
    )
    return [(s[:, state].astype(np.float64), a[:, action].astype(np.float64)) for s, a in pairs]
