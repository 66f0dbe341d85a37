"""Every rule of the dataset format, checked on a dataset by any maker."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from groot_ros.codecs.catalog import carried_codec
from groot_ros.data.datasets.checks import StatisticsLine
from groot_ros.data.datasets.columns import PICTURE_TYPES, picture_size
from groot_ros.data.datasets.reader import Dataset, EpisodeFiles
from groot_ros.data.datasets.statistics import (
    column_statistics,
    episode_statistics,
    relative_statistics,
)
from groot_ros.data.datasets.video import VideoInfo, read_video_info
from groot_ros.data.datasets.writer import ACTION, MODALITY, RELATIVE_STATISTICS, STATE, STATISTICS
from groot_ros.data.review.training_warnings import training_warnings
from groot_ros.errors import UserError
from groot_ros.files.config_file import shown
from groot_ros.model.processing.modality import ActionConfig
from groot_ros.model.processing.relative import action_config

Columns = dict[str, NDArray[Any]]
Watch = Callable[[Sequence[EpisodeFiles]], Iterable[EpisodeFiles]]

# Numbers are stored as float32, statistics as text.
TOLERANCE = 1e-5
TIME_TOLERANCE_S = 1e-4
EXACT = ("min", "max", "mean", "std")
_DTYPES = {"float32": "f4", "int64": "i8", "bool": "b1"}
_UNREADABLE = (KeyError, IndexError, TypeError, AttributeError, ValueError, ArithmeticError)


@dataclass
class Validation:
    """What was found: `problems` break a rule, `warnings` are doubtful for training."""

    path: str
    episodes: int = 0
    frames: int = 0
    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        return 1 if self.problems else 0


def validate(path: Path, watch: Watch = iter) -> Validation:
    """Check a dataset, with its episodes as `watch` hands them on; UserError only when it is none
    at all."""
    return _Check(Dataset(path), watch).run()


class _Check:
    def __init__(self, dataset: Dataset, watch: Watch) -> None:
        self._dataset = dataset
        self._watch = watch
        self._found = Validation(str(dataset.path))
        self._kept: list[Columns] = []
        self._newest: dict[str, tuple[Path, VideoInfo]] = {}

    def run(self) -> Validation:
        for check in (self._counts, self._episodes, self._modality, self._statistics):
            try:
                self._found.problems += check()
            except UserError as error:
                self._found.problems.append(str(error))
            except _UNREADABLE as error:
                self._found.problems.append(
                    f"the metadata lacks or mistakes {shown(error)}: it is not of LeRobot"
                )
        if not self._found.problems:
            self._found.warnings = training_warnings(self._dataset, self._kept)
        return self._found

    def _counts(self) -> Iterator[str]:
        info, episodes = self._dataset.info, self._dataset.episodes
        frames = sum(episode.length for episode in episodes)
        self._found.episodes, self._found.frames = len(episodes), frames
        expected = {
            "total_episodes": len(episodes),
            "total_frames": frames,
            "total_tasks": len(self._dataset.tasks),
        }
        if self._dataset.form.counts_videos:
            expected["total_videos"] = len(episodes) * len(self._dataset.video_columns)
        for name, count in expected.items():
            if info[name] != count:
                yield f"info.json: {name} is {info[name]}, the dataset holds {count}"
        if [episode.index for episode in episodes] != list(range(len(episodes))):
            yield "the episodes are not numbered from 0 without gaps"
        tasks = set(self._dataset.tasks.values())
        for episode in episodes:
            for task in set(episode.tasks) - tasks:
                yield f"episode {episode.index}: task {task!r} is not in the list of tasks"

    def _episodes(self) -> Iterator[str]:
        first = 0
        for episode in self._watch(self._dataset.episodes):
            try:
                columns = self._dataset.columns(episode)
                self._kept.append(columns)
                problems = [*self._rows(episode, columns, first), *self._videos(episode)]
            except UserError as error:
                problems = [str(error)]
            yield from (f"episode {episode.index}: {problem}" for problem in problems)
            first += episode.length

    def _rows(self, episode: EpisodeFiles, columns: Columns, first: int) -> Iterator[str]:
        features = self._dataset.info["features"]
        for name, feature in features.items():
            if feature["dtype"] in PICTURE_TYPES:
                continue
            if name not in columns:
                yield f"column {name} is missing"
                continue
            yield from _shape(name, feature, columns[name], episode.length)
        for name in set(columns) - set(features):
            yield f"column {name} is not among the features of info.json"
        if all(len(values) == episode.length for values in columns.values()):
            yield from self._indices(episode, columns, first)

    def _indices(self, episode: EpisodeFiles, columns: Columns, first: int) -> Iterator[str]:
        frame = np.arange(episode.length)
        expected = {
            "frame_index": frame,
            "episode_index": np.full(episode.length, episode.index),
            "index": first + frame,
        }
        for name, values in expected.items():
            if not np.array_equal(columns.get(name, values), values):
                yield f"{name} does not count from {values[0]} on as it should"
        times = columns.get("timestamp")
        if times is not None and np.any(
            np.abs(times - frame / self._dataset.fps) > TIME_TOLERANCE_S
        ):
            yield f"timestamp is not frame_index / {self._dataset.fps:g}"
        tasks = columns.get("task_index", np.zeros(0))
        for task in sorted(set(np.unique(tasks).tolist()) - set(self._dataset.tasks)):
            yield f"task_index {task} is not in the list of tasks"

    def _videos(self, episode: EpisodeFiles) -> Iterator[str]:
        fps = self._dataset.fps
        for column, clip in episode.videos.items():
            if not clip.path.exists():
                yield f"{clip.path} is missing"
                continue
            found = self._video(column, clip.path)
            end = clip.first + clip.frames if self._dataset.form.shares_files else None
            times_s = np.array(found.times_s[clip.first : end])
            size = picture_size(self._dataset.info["features"][column])
            if size not in (None, (found.width, found.height)):
                said = "x".join(map(str, size or ()))
                yield f"{column} is {found.width}x{found.height}, info.json says {said}"
            if len(times_s) != episode.length:
                yield f"{column} has {len(times_s)} frames, the rows are {episode.length}"
            late = np.abs(times_s - (clip.first + np.arange(len(times_s))) / fps)
            # Times of Matroska and WebM are whole milliseconds.
            if len(late) and late.max() > TIME_TOLERANCE_S + found.tick_s / 2:
                yield f"{column}: frame {int(late.argmax())} is {late.max():.4f} s off its time"
            if sum(1 for _ in clip) != min(len(times_s), clip.frames):
                yield f"{column} has frames that do not decode"
        for column, stills in episode.stills.items():
            # Those that do not decode raise UserError.
            if (count := sum(1 for _ in stills)) != stills.frames:
                yield f"{column} has {count} pictures, the rows are {stills.frames}"

    def _video(self, column: str, path: Path) -> VideoInfo:
        """What a file says of itself, the last one of a column kept."""
        kept = self._newest.get(column)
        if kept is None or kept[0] != path:
            self._newest[column] = kept = path, read_video_info(path)
        return kept[1]

    def _modality(self) -> Iterator[str]:
        if self._dataset.own and not self._dataset.has_modality:
            yield f"{self._dataset.path / MODALITY} is missing"
            return
        modality, features = self._dataset.modality, self._dataset.info["features"]
        for group, default in (("state", STATE), ("action", ACTION)):
            used: list[tuple[int, int]] = []
            for key, place in modality[group].items():
                column = place.get("original_key", default)
                size = features.get(column, {"shape": [0]})["shape"][0]
                start, end = place["start"], place["end"]
                if not 0 <= start < end <= size:
                    yield f"modality.json: {group}.{key} is {start}:{end} of {column}, size {size}"
                if column == default:
                    used.append((start, end))
            if any(a[1] > b[0] for a, b in zip(sorted(used), sorted(used)[1:], strict=False)):
                yield f"modality.json: keys of {group} overlap"
        for key, place in modality["video"].items():
            column = place.get("original_key", f"observation.images.{key}")
            if features.get(column, {}).get("dtype") not in PICTURE_TYPES:
                yield f"modality.json: video.{key} is {column}, which is no video"
        for key, place in modality.get("annotation", {}).items():
            column = place.get("original_key", f"annotation.{key}")
            if column not in features:
                yield f"modality.json: annotation.{key} is {column}, which is no column"

    def _has(self, name: str) -> bool:
        """Whether there is a file of statistics; ours must be there."""
        return bool(self._dataset.own) or (self._dataset.path / name).is_file()

    def _statistics(self) -> Iterator[str]:
        if len(self._kept) != len(self._dataset.episodes) or not self._kept:
            yield "statistics were not checked, because not every episode can be read"
            return
        stored = self._dataset.json(STATISTICS) if self._has(STATISTICS) else None
        for name in (STATE, ACTION):
            values = np.concatenate([columns[name] for columns in self._kept])
            if not np.all(np.isfinite(values)):
                yield f"{name} holds NaN or infinity"
            if stored is not None:
                found = self._comparable(column_statistics(values))
                yield from _compare(f"stats.json: {name}", stored.get(name), found)
        if (lines := self._dataset.form.statistics_file) and self._has(lines):
            yield from self._episode_statistics(lines)
        if self._dataset.own.get("relative"):
            yield from self._relative_statistics()

    def _episode_statistics(self, file: str) -> Iterator[str]:
        lines = self._dataset.typed_lines(file, StatisticsLine)
        if [line.episode_index for line in lines] != list(range(len(self._kept))):
            yield "episodes_stats.jsonl does not have a line for every episode"
            return
        for line, columns in zip(lines, self._kept, strict=True):
            for name in (STATE, ACTION):
                where = f"episodes_stats.jsonl: episode {line.episode_index}, {name}"
                found = self._comparable(episode_statistics(columns[name]))
                yield from _compare(where, line.stats.get(name), found)

    def _comparable(self, found: dict[str, list[Any]]) -> dict[str, list[Any]]:
        """Of what others have written, quantiles may be estimates."""
        if self._dataset.own:
            return found
        return {kind: values for kind, values in found.items() if kind in EXACT}

    def _relative_statistics(self) -> Iterator[str]:
        own = self._dataset.own
        file = carried_codec(own, str(self._dataset.path))
        if file is None:
            yield f"groot_ros.json names variant {own.get('variant')}, which is unknown"
            return
        for key in file.relative_keys:
            yield from self._relative_key(key, action_config(file, key, own["relative"]))

    def _relative_key(self, key: str, config: ActionConfig) -> Iterator[str]:
        own, modality = self._dataset.own, self._dataset.modality
        places = [modality[group][key] for group in ("state", "action")]
        state, action = (slice(place["start"], place["end"]) for place in places)
        pairs = [
            (c[STATE][:, state].astype(np.float64), c[ACTION][:, action].astype(np.float64))
            for c in self._kept
        ]
        found = relative_statistics(pairs, config, own["horizon"])
        stored = self._dataset.json(RELATIVE_STATISTICS).get(key)
        yield from _compare(f"relative_stats.json: {key}", stored, found)


def _shape(name: str, feature: dict[str, Any], values: NDArray[Any], length: int) -> Iterator[str]:
    expected = (length,) if feature["shape"] == [1] else (length, *feature["shape"])
    if values.shape not in (expected, (length, *feature["shape"])):
        yield f"{name} has shape {values.shape}, expected {expected}"
    dtype = _DTYPES.get(feature["dtype"])
    if dtype and values.dtype != np.dtype(dtype):
        yield f"{name} is {values.dtype}, info.json says {feature['dtype']}"
    if values.dtype.kind == "f" and not np.all(np.isfinite(values)):
        yield f"{name} holds NaN or infinity"


def _compare(where: str, stored: Any, found: Mapping[str, Sequence[Any]]) -> Iterator[str]:
    if stored is None:
        yield f"{where} is missing"
        return
    for kind, values in found.items():
        expected = np.asarray(values, dtype=np.float64)
        if kind not in stored:
            yield f"{where}.{kind} is missing"
            continue
        numbers = np.asarray(stored[kind], dtype=np.float64)
        if numbers.shape != expected.shape:
            yield f"{where}.{kind} has shape {numbers.shape}, expected {expected.shape}"
        elif not np.allclose(numbers, expected, rtol=TOLERANCE, atol=TOLERANCE):
            worst = float(np.max(np.abs(numbers - expected)))
            yield f"{where}.{kind} is off by {worst:.3g} from the rows"
