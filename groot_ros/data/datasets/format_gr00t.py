"""Datasets in NVIDIA's form of LeRobot's format v2.1: files of their own for each episode."""

from __future__ import annotations

from typing import Any

from groot_ros.data.datasets import checks
from groot_ros.data.datasets.clips import Clip
from groot_ros.data.datasets.formats import DatasetFormat
from groot_ros.data.datasets.reader import EPISODE, Dataset, EpisodeFiles, beyond
from groot_ros.data.datasets.writer import (
    EPISODE_STATISTICS,
    EPISODES,
    TASKS,
    DatasetWriter,
)
from groot_ros.files.typed import KeyPath, typed

# What the list of episodes says in the format's words.
ENTRY = (EPISODE, "tasks", "length")


def _tasks(dataset: Dataset) -> dict[int, str]:
    lines = dataset.typed_lines(TASKS, checks.TaskLine)
    return {line.task_index: line.task for line in lines}


def _episodes(dataset: Dataset) -> list[EpisodeFiles]:
    return [_episode(dataset, line, at) for at, line in dataset.lines(EPISODES)]


def _episode(dataset: Dataset, line: Any, source: str) -> EpisodeFiles:
    entry, info = typed(line, checks.EpisodeLine, KeyPath(source)), dataset.typed_info
    chunk = entry.episode_index // (info.chunks_size or 1)
    place = {"episode_chunk": chunk, "episode_index": entry.episode_index}
    clips = {
        column: Clip(
            dataset.path / info.video(**place, video_key=column), 0, entry.length, dataset.fps
        )
        for column in dataset.video_columns
    }
    data = dataset.path / info.data(**place, video_key="")
    return dataset.located(entry, data, clips, beyond(line, ENTRY))


def _statistics(dataset: Dataset) -> dict[int, dict[str, dict[str, Any]]]:
    if not (dataset.path / EPISODE_STATISTICS).exists():
        return {}
    lines = dataset.typed_lines(EPISODE_STATISTICS, checks.StatisticsLine)
    return {line.episode_index: line.stats for line in lines}


FORMAT = DatasetFormat(
    version=DatasetWriter.version,
    writer=DatasetWriter,
    places=("episode_chunk", "episode_index", "video_key"),
    tasks=_tasks,
    episodes=_episodes,
    statistics=_statistics,
    lists=(EPISODES, TASKS, EPISODE_STATISTICS),
    episode_list=EPISODES,
    statistics_file=EPISODE_STATISTICS,
    counts_videos=True,
)
