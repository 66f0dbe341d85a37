"""A run of `groot-ros evaluate` on the page: trials, failures first, films and plots."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Annotated, Any

from groot_ros.data.datasets.video import read_video_info
from groot_ros.data.review.card import EVALUATION, REMEDY
from groot_ros.errors import UserError
from groot_ros.files.config_file import read_json
from groot_ros.files.typed import KeyPath, OpenSection, number, typed, whole
from groot_ros.sim.trials import ALL, Films
from groot_ros.viewer.measures import Anomaly
from groot_ros.viewer.run_trial import RunTrial, frame_count, read_trial
from groot_ros.viewer.subject import Film, Json, shown_path

MOST_SCENE = 1 << 40
# Times on the page are counted in steps of this.
FPS = 15.0
CAMERA = "film"
NOT_DRAWN = "the chunks hold no poses of the hand: they lie over the plots, not over the film"


class SceneEntry(OpenSection, frozen=True, kw_only=True):
    """A trial of an evaluation, as far as it is counted with."""

    scene: Annotated[int, whole(0, MOST_SCENE)]
    duration_s: Annotated[float, number("s", 0.0)]


class EvaluationFile(OpenSection, frozen=True, kw_only=True):
    """What an evaluation wrote of its trials."""

    scenes: list[SceneEntry]


class RunSubject:
    """The folder of an evaluation; the page draws the chunks over the films."""

    def __init__(self, path: Path) -> None:
        self._root = path.resolve()
        self._values = read_json(path / EVALUATION, REMEDY)
        file = typed(self._values, EvaluationFile, KeyPath(str(path / EVALUATION)))
        self._trials = [
            _Trial(scene=entry.scene, values=values, seconds=entry.duration_s)
            for entry, values in zip(file.scenes, self._values["scenes"], strict=True)
        ]

    def describe(self) -> Json:
        values = self._values
        low, high = (100 * bound for bound in values["interval"])
        facts = [
            ["trials", str(len(self._trials))],
            ["successes", f"{values['successes']} ({low:.0f} to {high:.0f} % with 95 %)"],
            ["policy", str(values.get("variant", ""))],
            ["task", str(values.get("task", ""))],
            *([reason, str(count)] for reason, count in values.get("failures", {}).items()),
        ]
        return {
            "kind": "run",
            "noun": "trial",
            "title": self._root.name,
            "path": shown_path(self._root),
            "facts": facts,
            "fps": FPS,
            "cameras": [CAMERA],
            "tasks": [],
            "is_editable": False,
        }

    def episodes(self) -> list[Json]:
        return [self._line(index) for index in range(len(self._trials))]

    def _line(self, index: int) -> Json:
        trial = self._trials[index]
        return {
            "index": index,
            "name": f"scene {trial.scene}",
            "instruction": str(trial.values.get("instruction", "")),
            "outcome": "success" if trial.values.get("succeeded") else "failure",
            "reason": str(trial.values.get("failure", "")),
            "seconds": trial.seconds,
            "has_picture": bool(self.films(index)),
        }

    def findings(self, index: int) -> Json:
        record, problem = self._record(index)
        found = [Anomaly(kind="unreadable", text=problem)] if problem else []
        if record and self.films(index) and not record.is_drawn:
            found.append(Anomaly(kind="mark", text=NOT_DRAWN))
        return {"findings": [finding.to_dict() for finding in found], "measures": {}}

    def _record(self, index: int) -> tuple[RunTrial | None, str]:
        """What a trial left, which those of before did not, and why it cannot be read."""
        self._checked(index)
        path = Films(self._root, ALL).record(self._trials[index].scene)
        if path is None or not self._is_inside(path):
            return None, ""
        try:
            return read_trial(path, FPS), ""
        except UserError as error:
            return None, str(error)

    def episode(self, index: int) -> Json:
        self._checked(index)
        films = self.films(index)
        frames = films[0].frames if films else 0
        record, _ = self._record(index)
        if record:
            frames = max(frames or 0, frame_count(record.seconds, FPS))
        return {
            **self._line(index),
            **self.findings(index),
            "frames": frames,
            "seconds": (frames or 0) / FPS,
            "plots": [plot.to_dict() for plot in record.plots] if record else [],
            "overlay": record.overlay if record and record.is_drawn and films else None,
            "films": [
                {"camera": CAMERA, "start_s": 0.0, "is_played": True, "is_there": True}
                for _ in films
            ],
            "timeline": "",
        }

    def _checked(self, index: int) -> None:
        if index >= len(self._trials):
            raise KeyError(index)

    def films(self, index: int) -> Sequence[Film]:
        self._checked(index)
        trial = self._trials[index]
        path = Films(self._root, ALL).path(trial.scene, bool(trial.values.get("succeeded")))
        if path is None or not self._is_inside(path):
            return []
        frames = _frames(path, path.stat().st_mtime_ns)
        return [Film(camera=CAMERA, path=path, fps=FPS, frames=frames)]

    def _is_inside(self, path: Path) -> bool:
        """Whether there is a file; whatever leads out of the folder is none of its own."""
        return path.is_file() and path.resolve().is_relative_to(self._root)

    def warnings(self) -> list[str]:
        return []

    def edits(self) -> dict[str, Json]:
        return {}

    def edit(self, index: int, changes: Mapping[str, Any]) -> Json:
        raise UserError("trials cannot be edited: record them and edit the dataset")


class _Trial:
    def __init__(self, *, scene: int, values: Mapping[str, Any], seconds: float) -> None:
        self.scene, self.values, self.seconds = scene, values, seconds


@cache
def _frames(path: Path, _mtime_ns: int) -> int:
    """How many steps of the page a film lasts."""
    times_s = read_video_info(path).times_s
    return max(1, round((times_s[-1] - times_s[0]) * FPS) + 1) if times_s else 0
