"""One episode of a bag made ready to be looked at: films and signals at even times."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from groot_ros.cameras.kind import Decode
from groot_ros.data.bags.message_decoder import EVENT_TYPE
from groot_ros.data.bags.reader import Bag
from groot_ros.data.datasets.video import Picture, VideoWriter
from groot_ros.data.playback.episodes import Episode, Event
from groot_ros.data.playback.key_frames import decode_before
from groot_ros.data.playback.label_tracks import LabelTrack, make_track
from groot_ros.data.playback.replay import PREROLL_NS, StateCollector
from groot_ros.data.playback.signals import Signal
from groot_ros.data.playback.stream_health import StreamHealth
from groot_ros.data.playback.topics import held_label, held_streams, labelled
from groot_ros.errors import UserError
from groot_ros.observation.routes import header_ns, routes
from groot_ros.robot.config import RobotConfig
from groot_ros.robot.stream_time import HEADER
from groot_ros.signals.signals import SignalSpec
from groot_ros.viewer.measures import Anomaly

WIDEST_PX = 480


@dataclass
class BagEpisode:
    """Times count from the beginning of the episode; signals are held at the frames."""

    frames: int
    states: dict[SignalSpec, NDArray[np.float64]]
    commands: dict[SignalSpec, NDArray[np.float64]]
    films: dict[str, Path]
    health: dict[str, dict[str, object]]
    findings: list[Anomaly]


@dataclass
class _Collector(StateCollector):
    """Keeps states as they come, and hands pictures on."""

    show: Callable[[str, int, Decode], None] = lambda *_: None
    problems: dict[str, str] = field(default_factory=dict)

    def add_image(self, camera: str, stamp_ns: int, decode: Decode) -> None:
        self.show(camera, stamp_ns, decode)

    def report(self, stream: str, problem: str) -> None:
        self.problems.setdefault(stream, problem)


def frame_count(episode: Episode, fps: int) -> int:
    """How many frames an episode is shown with."""
    return max(1, int(np.ceil(episode.duration_s * fps)))


def read_episode(
    bag: Bag, robot: RobotConfig, episode: Episode, folder: Path, behind_ns: int, fps: int
) -> BagEpisode:
    """Read all streams and labels of a robot file that a bag holds; films go to `folder`.

    `behind_ns` is as in `Source`; frames are `fps` a second.
    """
    observed = robot.observations
    frames = frame_count(episode, fps)
    films = {name: _FilmMaker(folder / f"{name}.mp4", frames, fps) for name in observed.cameras}

    def show(camera: str, stamp_ns: int, decode: Decode) -> None:
        films[camera].take((stamp_ns - episode.start_ns) / 1e9, decode)

    names = tuple(observed.signals), tuple(observed.cameras)
    collector = _Collector(robot, *names, show=show)
    streams = held_streams(bag, routes(collector, behind_ns), episode.namespace)
    tracks = _tracks(bag, robot, episode.namespace, behind_ns)
    health = {topic: StreamHealth(topic) for topic in streams}
    wanted = {topic: route.type_name for topic, route in streams.items()}
    wanted |= {track.source.topic: track.source.type_name for track in tracks}
    wanted = {topic: kind for topic, kind in wanted.items() if not bag.obstacle(topic)}
    start_ns = episode.start_ns - PREROLL_NS
    decode_before(bag, {name: streams[name] for name in streams if name in wanted}, start_ns)
    for topic, arrival_ns, message in bag.messages(
        wanted, start_ns, episode.stop_ns, lambda *_: None
    ):
        if route := streams.get(topic):
            route.store(message, arrival_ns)
            if arrival_ns >= episode.start_ns:
                by_header = route.clock == HEADER
                stamp_ns = header_ns(message, behind_ns) if by_header else None
                health[topic].add(arrival_ns, stamp_ns)
        for track in tracks:
            if track.source.topic == topic:
                track.take(message, arrival_ns)
                if arrival_ns >= episode.start_ns and topic not in streams:
                    health.setdefault(topic, StreamHealth(topic)).add(arrival_ns, None)
    ticks = episode.start_ns + np.arange(frames) * 10**9 // fps
    states = {
        name: kept.signal(observed.spec(name).kind) for name, kept in collector.samples.items()
    }
    return BagEpisode(
        frames=frames,
        states={observed.spec(name): _held(signal, ticks) for name, signal in states.items()},
        commands=_commands(tracks, states, ticks),
        films={name: film.path for name, film in films.items() if film.close()},
        health={
            topic: stream.report(episode.start_ns, episode.stop_ns).to_dict()
            for topic, stream in health.items()
        },
        findings=[
            *_problems(bag, streams, collector),
            *_marks(bag, episode),
        ],
    )


def _tracks(bag: Bag, robot: RobotConfig, namespace: str, behind_ns: int) -> list[LabelTrack]:
    found = (
        held_label(bag, robot, spec=spec, label=label, namespace=namespace)
        for spec, label in labelled(robot).items()
    )
    return [make_track(topic, behind_ns) for topic in found if topic]


def _held(signal: Signal, ticks: NDArray[np.int64]) -> NDArray[np.float64]:
    """Values (T, D) at the frames, NaN before the first one."""
    values = signal.held(ticks).reshape(len(ticks), -1).copy()
    values[ticks < signal.times_ns[0]] = np.nan
    return values


def _commands(
    tracks: list[LabelTrack], states: Mapping[str, Signal], ticks: NDArray[np.int64]
) -> dict[SignalSpec, NDArray[np.float64]]:
    found = {}
    for track in tracks:
        if track.first_ns is not None:
            signal = track.signal(states)
            if len(signal):
                found[track.source.signal] = _held(signal, ticks)
    return found


def _problems(bag: Bag, streams: Mapping[str, object], collector: _Collector) -> list[Anomaly]:
    found = [
        f"{stream}: {problem}"
        for stream, problem in collector.problems.items()
        if stream not in collector.samples
    ]
    found += [
        f"{topic} cannot be read, {obstacle}"
        for topic in streams
        if (obstacle := bag.obstacle(topic))
    ]
    return [Anomaly(kind="unreadable", text=text) for text in found]


def _marks(bag: Bag, episode: Episode) -> list[Anomaly]:
    """What the operator marked within the episode and just behind it."""
    found = []
    topics = {name: EVENT_TYPE for name, info in bag.topics.items() if EVENT_TYPE in info.counts}
    stop_ns = max(episode.stop_ns, bag.end_ns)
    for _, time_ns, event in bag.messages(topics, episode.start_ns, stop_ns):
        if time_ns > episode.stop_ns and event.event == Event.START:
            break
        known = event.event in Event.__members__.values()
        name = Event(event.event).name.lower() if known else f"event {event.event}"
        words = f": {event.instruction}" if event.instruction else ""
        second = (time_ns - episode.start_ns) / 1e9
        found.append(Anomaly(kind="mark", text=name + words, first_s=second, last_s=second))
    return found


class _FilmMaker:
    """Makes a film of a constant rate out of pictures that come when they come."""

    def __init__(self, path: Path, frames: int, fps: int) -> None:
        self.path = path
        self._fps = fps
        self._frames = frames
        self._writer: VideoWriter | None = None
        self._newest: Decode | None = None
        self._shown: Picture | None = None

    def take(self, second: float, decode: Decode) -> None:
        """A picture and when it was taken; of several within a frame the last one is shown."""
        self._fill(min(self._frames, int(second * self._fps)))
        self._newest = decode

    def _fill(self, frames: int) -> None:
        """Write frames until there are so many, each the newest picture before it."""
        written = self._writer.frames if self._writer else 0
        if frames <= written or self._newest is None:
            return
        try:
            self._shown = _small(self._newest())
        except UserError:
            # What was shown stays; the finding says why.
            if self._shown is None:
                return
        assert self._shown is not None
        if self._writer is None:
            height, width = self._shown.shape[:2]
            self._writer = VideoWriter(self.path, self._fps, width, height)
        for _ in range(frames - self._writer.frames):
            self._writer.write(self._shown)

    def close(self) -> bool:
        """Write what is missing at the end; False where there was no picture."""
        self._fill(self._frames)
        if self._writer is None:
            return False
        self._writer.close()
        return True


def _small(picture: Picture) -> Picture:
    """Of even sizes, as the codec wants them, and no larger than somebody looks at."""
    height, width = picture.shape[:2]
    scale = min(1.0, WIDEST_PX / width)
    size = [max(2, round(side * scale) // 2 * 2) for side in (width, height)]
    if size == [width, height]:
        return np.ascontiguousarray(picture)
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
