"""A dataset on the page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cached_property, lru_cache
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from groot_ros.data.datasets.edits import EditStore
from groot_ros.data.datasets.reader import Dataset, EpisodeFiles
from groot_ros.data.datasets.writer import ACTION, STATE, STATISTICS
from groot_ros.data.review.report_svg import legend, timeline
from groot_ros.data.review.training_warnings import training_warnings
from groot_ros.errors import UserError
from groot_ros.files.hub import storage_of
from groot_ros.files.shell import quoted
from groot_ros.viewer.editing import Editing
from groot_ros.viewer.measures import Anomaly, Numbers, loss_findings, measure_episode
from groot_ros.viewer.plots import Line, Plot, frame_times_s, key_plots, make_lines
from groot_ros.viewer.subject import Film, Json, shown_path

GROUPS = {"state": STATE, "action": ACTION}
# Codecs of films that browsers play; others are shown picture by picture.
PLAYED = frozenset({"h264", "av1", "vp9", "vp8", "libsvtav1"})
# Columns of an episode that are kept, of the newest ones looked at.
KEPT = 8


class DatasetSubject:
    """A dataset of ours or of others, in LeRobot's format v2.1 or v3.0."""

    def __init__(self, path: Path) -> None:
        self._dataset = Dataset(path)
        self._root = storage_of(path)
        self._rows = lru_cache(KEPT)(self._read_rows)
        self._reading = Lock()
        self._editing = Editing(EditStore(path))

    @cached_property
    def _by_index(self) -> dict[int, EpisodeFiles]:
        return {episode.index: episode for episode in self._dataset.episodes}

    @cached_property
    def _sources(self) -> dict[int, tuple[Json, Json]]:
        """The recording and the part of it that an episode is, where the dataset knows."""
        own = self._dataset.own
        sources = own.get("sources", [])
        return {
            entry["episode_index"]: (
                sources[entry["source"]],
                sources[entry["source"]]["parts"][entry["part"]],
            )
            for entry in own.get("episodes", [])
        }

    @cached_property
    def _modality(self) -> Mapping[str, Any]:
        """Keys of state and action; one for the whole column where the dataset names none."""
        dataset = self._dataset
        if dataset.has_modality:
            return {
                group: {
                    key: {"start": place.start, "end": place.end}
                    for key, place in dataset.places(group).items()
                    if place.column == column
                }
                for group, column in GROUPS.items()
            }
        features = dataset.info["features"]
        return {
            group: {"": {"start": 0, "end": features[column]["shape"][0]}}
            for group, column in GROUPS.items()
            if column in features
        }

    @cached_property
    def _statistics(self) -> dict[str, dict[str, Any]]:
        """min, max, q01 and q99 of state and action, as far as the dataset has them."""
        if not (self._dataset.path / STATISTICS).is_file():
            return {}
        stored = self._dataset.json(STATISTICS)
        return {
            column: {
                name: np.ravel(np.asarray(stored[column][name], dtype=np.float64))
                for name in ("min", "max", "q01", "q99")
                if name in stored.get(column, {})
            }
            for column in GROUPS.values()
        }

    def describe(self) -> Json:
        dataset, own = self._dataset, self._dataset.own
        _, problem = self._known_edits()
        frames = sum(episode.length for episode in dataset.episodes)
        tasks = Counter(task for episode in dataset.episodes for task in episode.tasks)
        facts = [
            ["episodes", str(len(dataset.episodes))],
            ["frames", f"{frames} at {dataset.fps:g} Hz, {frames / dataset.fps:.1f} s"],
            ["format", f"LeRobot {dataset.info.get('codebase_version', '?')}"],
            ["robot", str(own.get("robot") or dataset.info.get("robot_type") or "not named")],
            *([["codec", str(own["codec"])]] if "codec" in own else []),
            *(
                [f"task ({n} of {len(dataset.episodes)})", task]
                for task, n in tasks.most_common(20)
            ),
            *(["left out", f"{e['bag']}: {e['reason']}"] for e in own.get("left_out", [])),
        ]
        return {
            "kind": "dataset",
            "noun": "episode",
            "title": self._root.name,
            "path": shown_path(self._root),
            "facts": facts,
            "fps": dataset.fps,
            "cameras": [_camera(c) for c in (*dataset.video_columns, *dataset.still_columns)],
            "tasks": [task for task, _ in tasks.most_common()],
            "is_editable": not problem,
            "problem": problem,
            "command": f"groot-ros dataset apply {quoted(dataset.path.resolve())}",
        }

    def _known_edits(self) -> tuple[dict[str, Json], str]:
        """Edits, and why there are none and can be none; a dataset is looked at all the same."""
        try:
            return self._editing.edits(), self._editing.obstacle("dataset")
        except UserError as error:
            return {}, str(error)

    def episodes(self) -> list[Json]:
        edits, _ = self._known_edits()
        return [
            {**self._line(episode), "edit": edits.get(str(episode.index))}
            for episode in self._dataset.episodes
        ]

    def _line(self, episode: EpisodeFiles) -> Json:
        source, _ = self._sources.get(episode.index, ({}, {}))
        return {
            "index": episode.index,
            "name": source.get("name", ""),
            "instruction": episode.tasks[0] if episode.tasks else "",
            "outcome": source.get("outcome", ""),
            "frames": episode.length,
            "seconds": round(episode.length / self._dataset.fps, 2),
            "dropped": sum(source.get("dropped", {}).values()),
            "notes": len(source.get("notes", [])),
            "has_picture": bool(episode.pictures),
        }

    def findings(self, index: int) -> Json:
        found, measures = measure_episode(self._numbers(index), self._pairs(), self._dataset.fps)
        found = [*self._losses(index), *found]
        return {"findings": [finding.to_dict() for finding in found], "measures": measures}

    def _losses(self, index: int) -> list[Anomaly]:
        """What was left out of the recording that an episode is of, in its own time."""
        source, part = self._sources.get(index, ({}, {}))
        if not source:
            return []
        begin_s = (part["first_due_ns"] - source["start_ns"]) / 1e9
        return loss_findings(source, begin_s)

    def _read_rows(self, index: int) -> dict[str, Any]:
        # The dataset keeps the newest file that it has read, for one reader.
        with self._reading:
            return self._dataset.columns(self._by_index[index])

    def _numbers(self, index: int) -> dict[str, Numbers]:
        rows, found = self._rows(index), {}
        for label, column in GROUPS.items():
            if column in rows:
                values = np.asarray(rows[column], dtype=np.float64)
                values = values.reshape(len(values), -1)
                statistics = {
                    name: numbers
                    for name, numbers in self._statistics.get(column, {}).items()
                    if len(numbers) == values.shape[1]
                }
                names = self._names(label, column, values.shape[1])
                found[column] = Numbers(
                    label=label, names=names, values=values, statistics=statistics
                )
        return found

    def _names(self, label: str, column: str, count: int) -> list[str]:
        """Names of a column's numbers, with their keys."""
        names = self._dataset.info["features"][column].get("names")
        if isinstance(names, dict):
            names = next(iter(names.values()), None)
        if not isinstance(names, list) or len(names) != count:
            names = [str(number) for number in range(count)]
        names = [str(name) for name in names]
        for key, place in self._modality.get(label, {}).items():
            for number in range(place["start"], min(place["end"], count)):
                names[number] = f"{key}.{names[number]}" if key else names[number]
        return names

    def _pairs(self) -> list[tuple[slice, slice]]:
        """Where state and action hold the same signal."""
        state, action = self._modality.get("state", {}), self._modality.get("action", {})
        pairs = [
            (slice(place["start"], place["end"]), slice(other["start"], other["end"]))
            for key, place in state.items()
            if (other := action.get(key))
        ]
        return [(one, two) for one, two in pairs if one.stop - one.start == two.stop - two.start]

    def episode(self, index: int) -> Json:
        episode = self._by_index[index]
        source, _ = self._sources.get(index, ({}, {}))
        numbers = self._numbers(index)
        count = max((len(n.values) for n in numbers.values()), default=episode.length)
        return {
            **self._line(episode),
            **self.findings(index),
            "seconds": count / self._dataset.fps,
            "frames": count,
            "plots": [plot.to_dict() for plot in self._plots(numbers)],
            "films": [_described(film, self._dataset) for film in self.films(index)],
            "timeline": timeline(source, self._dataset.fps) + legend()
            if source.get("health")
            else "",
            "recording": source.get("name", ""),
        }

    def _plots(self, numbers: Mapping[str, Numbers]) -> list[Plot]:
        keys = dict.fromkeys(key for group in GROUPS for key in self._modality.get(group, {}))
        return [plot for key in keys for plot in self._plots_of(key, numbers)]

    def _plots_of(self, key: str, numbers: Mapping[str, Numbers]) -> Iterator[Plot]:
        """State and action of a key together."""
        lines: list[Line] = []
        frames = 0
        for label, column in GROUPS.items():
            place = self._modality.get(label, {}).get(key)
            if place is None or column not in numbers:
                continue
            found = numbers[column]
            frames, mine = len(found.values), slice(place["start"], place["end"])
            names = [name.removeprefix(f"{key}.") for name in found.names[mine]]
            lines += make_lines(names, found.values[:, mine], label == "action")
        times_s = frame_times_s(frames, self._dataset.fps)
        yield from key_plots(key or "state and action", lines, times_s)

    def films(self, index: int) -> list[Film]:
        episode = self._by_index[index]
        films = [
            Film(
                camera=_camera(column),
                path=self._inside(clip.path),
                fps=clip.fps,
                start_s=clip.first / clip.fps,
                frames=clip.frames,
            )
            for column, clip in episode.videos.items()
        ]
        stills = [
            Film(
                camera=_camera(column),
                path=self._inside(found.path),
                fps=self._dataset.fps,
                frames=found.frames,
                stills=found,
            )
            for column, found in episode.stills.items()
        ]
        return [*films, *stills]

    def _inside(self, path: Path) -> Path:
        """A file of the dataset; UserError where links lead out of it."""
        found = path.resolve()
        if not found.is_relative_to(self._root):
            raise UserError(
                f"{path} is a link to {found}, outside of the dataset: copy the dataset with "
                "`cp -rL` and look at the copy"
            )
        return found

    def warnings(self) -> list[str]:
        if not {STATE, ACTION} <= self._dataset.info["features"].keys():
            return []
        rows = [self._read_rows(index) for index in self._by_index]
        return training_warnings(self._dataset, rows)

    def edits(self) -> dict[str, Json]:
        return self._editing.edits()

    def edit(self, index: int, changes: Mapping[str, Any]) -> Json:
        return self._editing.change(str(index), self._by_index[index].length, changes)


def _camera(column: str) -> str:
    return column.rsplit(".", 1)[-1]


def _is_played(film: Film, dataset: Dataset) -> bool:
    if film.stills:
        return False
    column = next(c for c in dataset.video_columns if _camera(c) == film.camera)
    feature = dataset.info["features"][column]
    about = {**(feature.get("video_info") or {}), **(feature.get("info") or {})}
    return str(about.get("video.codec", "h264")) in PLAYED


def _described(film: Film, dataset: Dataset) -> Json:
    return {
        "camera": film.camera,
        "start_s": film.start_s,
        "is_played": _is_played(film, dataset),
        "is_there": film.path.is_file(),
    }
