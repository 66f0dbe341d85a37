"""Recorded bags on the page, with what a conversion would leave out of them."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from typing import Any

from groot_ros.codecs.catalog import find_codec
from groot_ros.codecs.codec import Codec, Timing
from groot_ros.data.bags.reader import open_bag
from groot_ros.data.clocks.clocks import on_bag_clock
from groot_ros.data.conversion.bag_edits import BagEditStore
from groot_ros.data.conversion.extract import ExtractOptions, extract
from groot_ros.data.playback.episode_choice import EpisodeChoice
from groot_ros.data.playback.episodes import Episode, list_episodes
from groot_ros.data.playback.replay import BagSource
from groot_ros.data.review.report_svg import legend, timeline
from groot_ros.errors import UserError
from groot_ros.files.shell import quoted
from groot_ros.robot.config import load_robot
from groot_ros.viewer.bag_episode import BagEpisode, frame_count, read_episode
from groot_ros.viewer.editing import Editing
from groot_ros.viewer.measures import Anomaly, loss_findings
from groot_ros.viewer.plots import Line, Plot, frame_times_s, key_plots, make_lines
from groot_ros.viewer.subject import Film, Json, shown_path

# Stands for an instruction that is given at the conversion alone.
UNKNOWN = "not given yet"


class BagSubject:
    """Bags, read by a robot file; an episode is read once somebody looks at it."""

    def __init__(self, path: Path, bags: Sequence[Path], robot: str, codec: str) -> None:
        self._root = path.resolve()
        self._robot = load_robot(robot)
        self._robot_name, self._codec_name = robot, codec
        self._store = BagEditStore(self._root)
        self._editing = Editing(self._store)
        file = find_codec(codec)
        self._fps = file.fps
        self._codec: Codec | None = None
        self._misfit = ""
        try:
            self._codec = file.codec(self._robot, Timing(file.horizon, round(1e9 / file.fps)))
        except UserError as error:
            self._misfit = str(error)
        self._folder = TemporaryDirectory(prefix="groot_ros_view_", ignore_cleanup_errors=True)
        self._ready: dict[int, tuple[BagEpisode, Json]] = {}
        self._reading = Lock()
        self._problems: list[str] = []
        self._episodes: list[Episode] = []
        for bag in bags:
            self._list(bag)

    def _list(self, path: Path) -> None:
        try:
            with open_bag(path) as bag:
                self._episodes += list_episodes(bag, EpisodeChoice())
                self._problems += bag.notes
        except UserError as error:
            self._problems.append(str(error))

    def describe(self) -> Json:
        bags = {episode.bag for episode in self._episodes}
        _, problem = self._known_edits()
        return {
            "kind": "bag",
            "noun": "episode",
            "title": self._root.name,
            "path": shown_path(self._root),
            "facts": [
                ["bags", str(len(bags))],
                ["episodes", str(len(self._episodes))],
                ["robot", self._robot.name],
                ["codec of the conversion that is tried", self._codec_name],
            ],
            "fps": self._fps,
            "cameras": list(self._robot.observations.cameras),
            "tasks": [],
            "is_editable": not problem,
            "problem": problem,
            "command": self._command(),
            "is_slow": True,
        }

    def _command(self) -> str:
        """What carries the edits out."""
        edits = quoted(self._store.path)
        return (
            f"groot-ros convert --bags {quoted(self._root)} "
            f"--robot {quoted(self._robot_name)} --codec {quoted(self._codec_name)} "
            f"--edits {edits} --output DATASET"
        )

    def _known_edits(self) -> tuple[dict[str, Json], str]:
        """Edits by index, and why there can be none; bags are looked at all the same."""
        try:
            return self.edits(), self._editing.obstacle("folder")
        except UserError as error:
            return {}, str(error)

    def episodes(self) -> list[Json]:
        edits, _ = self._known_edits()
        return [
            {**self._line(index), "edit": edits.get(str(index))}
            for index in range(len(self._episodes))
        ]

    def _line(self, index: int) -> Json:
        episode = self._episodes[index]
        return {
            "index": index,
            "name": episode.name,
            "instruction": episode.instruction,
            "outcome": episode.outcome,
            "seconds": episode.duration_s,
            "has_picture": index in self._ready and bool(self._ready[index][0].films),
        }

    def findings(self, index: int) -> Json:
        read, source = self._read(index)
        found = [*loss_findings(source, 0.0), *read.findings]
        if reason := source.get("refused"):
            found.insert(0, Anomaly(kind="unreadable", text=str(reason)))
        return {"findings": [finding.to_dict() for finding in found], "measures": {}}

    def episode(self, index: int) -> Json:
        read, source = self._read(index)
        films = self.films(index)
        return {
            **self._line(index),
            **self.findings(index),
            "frames": read.frames,
            "seconds": read.frames / self._fps,
            "plots": [plot.to_dict() for plot in _plots(read, self._fps)],
            "films": [
                {"camera": film.camera, "start_s": 0.0, "is_played": True, "is_there": True}
                for film in films
            ],
            "timeline": timeline(source, source["fps"]) + legend(),
        }

    def films(self, index: int) -> list[Film]:
        read, _ = self._read(index)
        return [
            Film(camera=name, path=path, fps=self._fps, frames=read.frames)
            for name, path in read.films.items()
        ]

    def _read(self, index: int) -> tuple[BagEpisode, Json]:
        """An episode and what a conversion makes of it, read by the first who wants it."""
        if index >= len(self._episodes):
            raise KeyError(index)
        with self._reading:
            if index not in self._ready:
                self._ready[index] = self._prepare(index, self._episodes[index])
            return self._ready[index]

    def _prepare(self, index: int, episode: Episode) -> tuple[BagEpisode, Json]:
        folder = Path(self._folder.name) / str(index)
        folder.mkdir(parents=True, exist_ok=True)
        behind_ns, converted, refused = 0, None, self._misfit
        with open_bag(episode.bag) as bag:
            if self._codec:
                source = BagSource(bag, self._robot, self._codec, episode.namespace)
                try:
                    behind_ns = on_bag_clock(source, episode).behind_ns
                    converted = self._convert(source, episode, folder / "part")
                except UserError as error:
                    refused = str(error)
            read = read_episode(
                bag,
                self._robot,
                episode=episode,
                folder=folder,
                behind_ns=behind_ns,
                fps=self._fps,
            )
        return read, converted or _unconverted(
            episode, read, codec=self._codec_name, refused=refused, fps=self._fps
        )

    def _convert(self, source: BagSource, episode: Episode, folder: Path) -> Json:
        """What a conversion says of an episode; BagError where it leaves it out."""
        folder.mkdir()
        told = replace(episode, instruction=episode.instruction or UNKNOWN)
        try:
            found = extract(
                source,
                told,
                options=ExtractOptions(self._fps),
                folder=folder,
                progress=lambda _: None,
            )
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        return {**found.to_dict(), "fps": self._fps}

    def warnings(self) -> list[str]:
        return self._problems

    def edits(self) -> dict[str, Json]:
        edits = self._editing.edits()
        return {
            str(index): edits[episode.name]
            for index, episode in enumerate(self._episodes)
            if episode.name in edits
        }

    def edit(self, index: int, changes: Mapping[str, Any]) -> Json:
        if index >= len(self._episodes):
            raise KeyError(index)
        episode = self._episodes[index]
        return self._editing.change(episode.name, frame_count(episode, self._fps), changes)


def _unconverted(episode: Episode, read: BagEpisode, codec: str, refused: str, fps: int) -> Json:
    """What stands for a conversion that was refused: all streams, and no frames."""
    return {
        "refused": f"a conversion with codec {codec} leaves this episode out: {refused}",
        "fps": fps,
        "health": read.health,
        "parts": [],
        "losses": [],
        "notes": [],
        "start_ns": episode.start_ns,
        "duration_s": episode.duration_s,
    }


def _plots(read: BagEpisode, fps: int) -> list[Plot]:
    """A signal's state and commands together."""
    specs = {spec.name: spec for spec in (*read.states, *read.commands)}
    found: list[Plot] = []
    for name, spec in specs.items():
        lines: list[Line] = []
        for values, is_action in ((read.states, False), (read.commands, True)):
            if spec in values:
                lines += make_lines(spec.columns, values[spec], is_action)
        found += key_plots(name, lines, frame_times_s(read.frames, fps))
    return found
