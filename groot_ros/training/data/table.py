"""All rows of a dataset in memory, apart from its pictures."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from groot_ros.data.datasets.columns import Place
from groot_ros.data.datasets.reader import Dataset, EpisodeFiles
from groot_ros.data.datasets.writer import INTERVENTION, MODALITY
from groot_ros.errors import UserError

Array = NDArray[np.float64]

POSE_KEY = "ee_pose"


@dataclass(frozen=True)
class Table:
    """State and action {key: (N, D)} of N rows, their episode (N,), frame (N,) and task (N,).

    `start` (N,) is the first row of the row's episode, `end` (N,) the one after its last.
    """

    state: Mapping[str, Array]
    action: Mapping[str, Array]
    episode: NDArray[np.int64]
    frame: NDArray[np.int64]
    start: NDArray[np.int64]
    end: NDArray[np.int64]
    task: tuple[str, ...]
    files: tuple[EpisodeFiles, ...]
    names: Mapping[str, list[str]]
    """Of the columns of every action."""
    pictures: Mapping[str, str]
    """The column of each video key."""
    intervention: NDArray[np.bool_]
    """Rows (N,) in which an operator moved the robot in place of a policy."""

    def __len__(self) -> int:
        return len(self.episode)

    def moments(self, row: int, steps: Sequence[int]) -> NDArray[np.int64]:
        """The rows (T,) at steps from a row, 0 or negative, before an episode its first row."""
        first = int(self.start[row])
        return np.array([max(row + step, first) for step in steps])

    def observed(self, row: int, steps: Sequence[int]) -> dict[str, Array]:
        """State {key: (T, D)} at steps from a row."""
        rows = self.moments(row, steps)
        return {key: values[rows] for key, values in self.state.items()}

    def spread_rows(self, horizon: int, count: int) -> NDArray[np.int64]:
        """At most `count` evenly spaced rows, each followed by a whole chunk; may be empty."""
        rows = np.flatnonzero(self.end - np.arange(len(self)) >= horizon)
        places = np.linspace(0, len(rows) - 1, min(count, len(rows))).astype(int)
        return np.asarray(rows[places])

    def chunk(self, row: int, horizon: int) -> tuple[dict[str, Array], int]:
        """Actions {key: (horizon, D)} from a row on, the last one repeated; how many are real."""
        index = np.minimum(np.arange(row, row + horizon), self.end[row] - 1)
        real = int(min(horizon, self.end[row] - row))
        return {key: values[index] for key, values in self.action.items()}, real


@dataclass(frozen=True)
class Keys:
    """Which keys of a dataset a model reads and answers, in its order."""

    state: Sequence[str]
    action: Sequence[str]


def load_table(
    dataset: Dataset, keys: Keys | None = None, episodes: Sequence[int] | None = None
) -> Table:
    """Rows of the chosen keys and episodes, by default of all.

    UserError for none, a missing key or a missing column.
    """
    found = dataset.episodes
    files = [found[index] for index in (range(len(found)) if episodes is None else episodes)]
    if not files:
        raise UserError(f"{dataset.path} has no episodes: convert bags that hold some")
    rows = [dataset.columns(file) for file in files]
    chosen = {
        group: _chosen(dataset, group, getattr(keys, group) if keys else None)
        for group in ("state", "action")
    }
    used = {place.column for group in chosen.values() for place in group.values()}
    for name in (*used, "task_index", "frame_index"):
        if any(name not in columns for columns in rows):
            raise UserError(f"{dataset.path} has no column {name}: validate the dataset")
        if any(name in used and columns[name].dtype.kind not in "fiu" for columns in rows):
            raise UserError(f"{dataset.path}: {name} holds no rows of numbers")
    lengths = [len(columns["frame_index"]) for columns in rows]
    tasks = np.concatenate([columns["task_index"] for columns in rows])
    return Table(
        state={key: _numbers(dataset, key, place, rows) for key, place in chosen["state"].items()},
        action={
            key: _numbers(dataset, key, place, rows) for key, place in chosen["action"].items()
        },
        episode=np.repeat(np.arange(len(files)), lengths),
        frame=np.concatenate([columns["frame_index"] for columns in rows]),
        start=np.repeat(np.cumsum(lengths) - lengths, lengths),
        end=np.repeat(np.cumsum(lengths), lengths),
        task=_tasks(dataset, tasks),
        files=tuple(files),
        names={
            key: dataset.names(place.column)[place.numbers]
            for key, place in chosen["action"].items()
        },
        pictures=dataset.picture_columns,
        intervention=np.concatenate([_interventions(columns) for columns in rows]),
    )


def _interventions(columns: Mapping[str, NDArray[Any]]) -> NDArray[np.bool_]:
    """None in datasets without the column."""
    nowhere = np.zeros(len(columns["frame_index"]), dtype=bool)
    return columns.get(INTERVENTION, nowhere).astype(bool).reshape(-1)


def check_pictures(dataset: Dataset, keys: Sequence[str]) -> None:
    """UserError where a dataset lacks pictures that a model sees."""
    known = dataset.picture_columns
    features = dataset.info["features"]
    for key in keys:
        if known.get(key) not in features:
            raise UserError(
                f"{dataset.path} has no pictures {key}, expected some of "
                f"{', '.join(k for k, column in known.items() if column in features) or 'none'}"
            )


def _chosen(dataset: Dataset, group: str, keys: Sequence[str] | None) -> dict[str, Place]:
    known = dataset.places(group)
    if not known:
        raise UserError(f"{dataset.path / MODALITY} has no {group}: convert the bags again")
    if missing := [key for key in keys or () if key not in known]:
        raise UserError(
            f"{dataset.path} has no {group} {missing[0]}, expected some of {', '.join(known)}"
        )
    return {key: known[key] for key in keys or known}


def _numbers(
    dataset: Dataset, key: str, place: Place, rows: Sequence[Mapping[str, NDArray[Any]]]
) -> Array:
    """Values (N, D) of a key in all rows."""
    values = np.concatenate([place.of(row) for row in rows])
    if values.shape[1] != place.size:
        raise UserError(
            f"{dataset.path / MODALITY}: {key} ends at {place.end} of {place.column}, which has "
            "fewer numbers"
        )
    return np.asarray(values, dtype=np.float64)


def _tasks(dataset: Dataset, tasks: NDArray[Any]) -> tuple[str, ...]:
    known = dataset.tasks
    unknown = sorted({int(task) for task in tasks} - set(known))
    if unknown:
        raise UserError(
            f"{dataset.path} has rows of task {unknown[0]}, which is not in its list of tasks: "
            "convert the bags again"
        )
    return tuple(known[int(task)] for task in tasks)


def dataset_hash(path: Path) -> str:
    """SHA-256 over what a dataset says of itself and over the sizes of its files."""
    digest = hashlib.sha256()
    for file in sorted(path.rglob("*")):
        if file.is_file() and file.suffix in (".json", ".jsonl", ".parquet", ".mp4"):
            digest.update(f"{file.relative_to(path)} {file.stat().st_size}\n".encode())
            if file.suffix in (".json", ".jsonl", ".parquet"):
                digest.update(file.read_bytes())
    return digest.hexdigest()
