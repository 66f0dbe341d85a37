"""All rows of a dataset in memory, apart from its pictures."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from groot_ros.data.datasets.reader import Dataset, EpisodeFiles
from groot_ros.data.datasets.writer import ACTION, INFO, MODALITY, STATE
from groot_ros.errors import UserError
from groot_ros.robot.section import Section

Array = NDArray[np.float64]

POSE_KEY = "ee_pose"


@dataclass(frozen=True)
class Table:
    """State and action {key: (N, D)} of N rows, their episode (N,), frame (N,) and task (N,).

    `end` (N,) is the row after the last one of the row's episode.
    """

    state: Mapping[str, Array]
    action: Mapping[str, Array]
    episode: NDArray[np.int64]
    frame: NDArray[np.int64]
    end: NDArray[np.int64]
    task: tuple[str, ...]
    files: tuple[EpisodeFiles, ...]
    names: Mapping[str, list[str]]
    """Of the columns of every action."""

    def __len__(self) -> int:
        return len(self.episode)

    def observed(self, row: int) -> dict[str, Array]:
        """State {key: (1, D)} of a row."""
        return {key: values[row : row + 1] for key, values in self.state.items()}

    def spread_rows(self, horizon: int, count: int) -> NDArray[np.int64]:
        """At most so many rows, evenly spread, with a whole chunk behind each; maybe none."""
        rows = np.flatnonzero(self.end - np.arange(len(self)) >= horizon)
        places = np.linspace(0, len(rows) - 1, min(count, len(rows))).astype(int)
        return np.asarray(rows[places])

    def chunk(self, row: int, horizon: int) -> tuple[dict[str, Array], int]:
        """Actions {key: (horizon, D)} from a row on, the last one repeated; how many are real."""
        index = np.minimum(np.arange(row, row + horizon), self.end[row] - 1)
        real = int(min(horizon, self.end[row] - row))
        return {key: values[index] for key, values in self.action.items()}, real


def load_table(dataset: Dataset, episodes: Sequence[int] | None = None) -> Table:
    """Rows of the chosen episodes, by default of all; UserError for none or a missing column."""
    found = dataset.episodes
    files = [found[index] for index in (range(len(found)) if episodes is None else episodes)]
    if not files:
        raise UserError(f"{dataset.path} has no episodes: convert bags that hold some")
    rows = [dataset.columns(file) for file in files]
    for name in (STATE, ACTION, "task_index", "frame_index"):
        if any(name not in columns for columns in rows):
            raise UserError(f"{dataset.path} has no column {name}: validate the dataset")
        if any(name in (STATE, ACTION) and columns[name].ndim != 2 for columns in rows):
            raise UserError(f"{dataset.path}: {name} holds no rows of numbers")
    lengths = [len(columns[STATE]) for columns in rows]
    tasks = np.concatenate([columns["task_index"] for columns in rows])
    return Table(
        state=_split(dataset, "state", np.concatenate([c[STATE] for c in rows])),
        action=_split(dataset, "action", np.concatenate([c[ACTION] for c in rows])),
        episode=np.repeat(np.arange(len(files)), lengths),
        frame=np.concatenate([columns["frame_index"] for columns in rows]),
        end=np.repeat(np.cumsum(lengths), lengths),
        task=_tasks(dataset, tasks),
        files=tuple(files),
        names=_action_names(dataset),
    )


def _tasks(dataset: Dataset, tasks: NDArray[Any]) -> tuple[str, ...]:
    known = dataset.tasks
    unknown = sorted({int(task) for task in tasks} - set(known))
    if unknown:
        raise UserError(
            f"{dataset.path} has rows of task {unknown[0]}, which is not in its list of tasks: "
            "convert the bags again"
        )
    return tuple(known[int(task)] for task in tasks)


def _action_names(dataset: Dataset) -> dict[str, list[str]]:
    features = Section(dataset.info, str(dataset.path / INFO)).section("features")
    columns = features.section(ACTION).texts("names")
    slices = dataset.modality.get("action", {})
    return {key: list(columns[entry["start"] : entry["end"]]) for key, entry in slices.items()}


def _split(dataset: Dataset, group: str, values: NDArray[Any]) -> dict[str, Array]:
    slices = dataset.modality.get(group)
    if not slices:
        raise UserError(f"{dataset.path / MODALITY} has no {group}: convert the bags again")
    return {
        key: values[:, entry["start"] : entry["end"]].astype(np.float64)
        for key, entry in slices.items()
    }


def dataset_hash(path: Path) -> str:
    """SHA-256 over what a dataset says of itself and over the sizes of its files."""
    digest = hashlib.sha256()
    for file in sorted(path.rglob("*")):
        if file.is_file() and file.suffix in (".json", ".jsonl", ".parquet", ".mp4"):
            digest.update(f"{file.relative_to(path)} {file.stat().st_size}\n".encode())
            if file.suffix in (".json", ".jsonl", ".parquet"):
                digest.update(file.read_bytes())
    return digest.hexdigest()
