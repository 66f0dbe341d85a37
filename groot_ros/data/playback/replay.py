"""A bag played into an ObservationBuffer as its messages arrived: what the live node would see."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from groot_ros.cameras.kind import Decode
from groot_ros.codecs.codec import Codec
from groot_ros.codecs.parts import REACHED
from groot_ros.data.bags.reader import Bag
from groot_ros.data.playback.episodes import Episode
from groot_ros.data.playback.key_frames import decode_before
from groot_ros.data.playback.label_tracks import (
    LabelTopic,
    LabelTrack,
    SampleTrack,
    make_track,
)
from groot_ros.data.playback.signals import Signal, SignalSamples
from groot_ros.data.playback.stream_health import StreamHealth
from groot_ros.data.playback.topics import find_labels, find_streams, is_reached, wanted_labels
from groot_ros.observation.buffer import ObservationBuffer
from groot_ros.observation.routes import Route, Store, header_ns, routes
from groot_ros.robot.config import RobotConfig
from groot_ros.robot.labels import TRAJECTORY, TWIST
from groot_ros.robot.stream_time import HEADER

# An episode inside a longer bag begins with what was received just before it.
PREROLL_NS = 1_000_000_000


def make_buffer(robot: RobotConfig, codec: Codec) -> ObservationBuffer:
    """A buffer with what a codec reads, as the policy node has it."""
    return ObservationBuffer(robot, codec.state.signals, codec.video.cameras.values())


@dataclass(frozen=True)
class BagSource:
    """An open bag seen as recordings of a robot for a codec."""

    bag: Bag
    robot: RobotConfig
    codec: Codec
    namespace: str = "/"
    behind_ns: int = 0
    """How far the headers' clock is behind that of the bag; `clocks.on_bag_clock` finds it."""

    def streams(self, buffer: ObservationBuffer) -> dict[str, Route]:
        """Topics that feed a buffer; BagError for one that is missing or of another type."""
        return find_streams(self.bag, routes(buffer, self.behind_ns), self.namespace)

    def labels(self) -> list[LabelTopic]:
        """Topics of the labels; BagError like `streams`."""
        return find_labels(self.bag, self.robot, self.codec, self.namespace)

    def play(
        self,
        buffer: ObservationBuffer,
        episode: Episode,
        health: Mapping[str, StreamHealth],
        signals: SignalKeeper | None = None,
    ) -> Iterator[tuple[Route, int]]:
        """Store the messages of an episode one by one; the route and arrival in ns of each.

        `signals` reads its own messages on the way.
        """
        streams = self.streams(buffer)
        topics = {name: route.type_name for name, route in streams.items()}
        topics |= signals.topics if signals else {}
        start_ns = episode.start_ns - PREROLL_NS

        def refuse(topic: str, arrival_ns: int, reason: str) -> None:
            if signals:
                signals.refuse(topic, arrival_ns)
            for stream in streams[topic].streams if topic in streams else ():
                buffer.report(stream, reason)
            if topic in health:
                health[topic].unreadable += 1

        decode_before(self.bag, streams, start_ns)
        played = self.bag.messages(topics, start_ns, episode.stop_ns, refuse)
        for topic, arrival_ns, message in played:
            if signals:
                signals.take(topic, arrival_ns, message)
            if (route := streams.get(topic)) is None:
                continue
            route.store(message, arrival_ns)
            if arrival_ns >= episode.start_ns:
                by_header = route.clock == HEADER
                stamp_ns = header_ns(message, self.behind_ns) if by_header else None
                health[topic].add(arrival_ns, stamp_ns)
                if route.decoder and route.decoder.problem:
                    health[topic].undecoded[route.decoder.problem] += 1
            yield route, arrival_ns


@dataclass
class StateCollector:
    """Stands in for an ObservationBuffer and keeps every sample of the state."""

    robot: RobotConfig
    fields: tuple[str, ...]
    cameras: tuple[str, ...] = ()
    samples: dict[str, SignalSamples] = field(default_factory=lambda: defaultdict(SignalSamples))

    def add(self, name: str, stamp_ns: int, value: NDArray[np.float64]) -> None:
        self.samples[name].add(stamp_ns, value)

    def add_image(self, camera: str, stamp_ns: int, decode: Decode) -> None:
        """There are no cameras."""

    def report(self, stream: str, problem: str) -> None:
        """The replay counts what cannot be used."""


@dataclass(frozen=True)
class EpisodeSignals:
    """States and commands of an episode by the name of the signal."""

    states: Mapping[str, Signal]
    commands: Mapping[str, Signal]


class SignalKeeper:
    """Keeps states (of `fields`) and commands of an episode out of its messages, one by one."""

    def __init__(self, source: BagSource, fields: Iterable[str]) -> None:
        robot = source.robot
        self._robot = robot
        self._collector = StateCollector(robot, tuple(fields))
        self._streams = find_streams(
            source.bag, routes(self._collector, source.behind_ns), source.namespace
        )
        decode_before(source.bag, self._streams, source.bag.end_ns)
        self._tracks = [make_track(label, source.behind_ns) for label in source.labels()]
        self._stores: dict[str, list[Store]] = {
            topic: [route.store] for topic, route in self._streams.items()
        }
        for track in self._tracks:
            self._stores.setdefault(track.source.topic, []).append(track.take)
        told = {track.source.signal.name for track in self._tracks}
        self.reached = {
            spec.name: label
            for spec, label in wanted_labels(robot, source.codec).items()
            if is_reached(label) and spec.name not in told
        }
        """Labels in whose place stands what was reached, by signal."""
        self.topics = {name: route.type_name for name, route in self._streams.items()}
        self.topics |= {track.source.topic: track.source.type_name for track in self._tracks}
        self.health = {
            track.source.topic: track.health for track in self._tracks if track.source.is_stamped
        }
        """Of the labels whose messages carry a time."""

    def take(self, topic: str, arrival_ns: int, message: Any) -> None:
        """Keep what a message says."""
        for store in self._stores.get(topic, ()):
            store(message, arrival_ns)

    def refuse(self, topic: str, arrival_ns: int) -> None:
        """A message of a topic that cannot be read."""
        for track in self._tracks:
            if track.source.topic == topic:
                track.refuse(arrival_ns)

    @property
    def unusable(self) -> dict[tuple[str, str], int]:
        """How many commands say nothing, by topic and what they are: NaN, damaged bytes."""
        return {
            (track.source.topic, reason): count
            for track in self._tracks
            for reason, count in track.unusable.items()
        }

    @property
    def beyond(self) -> dict[LabelTopic, float]:
        """How far from the middle of its range each gripper was commanded; 1 is an end."""
        tracks = [track for track in self._tracks if isinstance(track, SampleTrack)]
        return {track.source: 2 * track.farthest for track in tracks}

    @property
    def _motions(self) -> list[LabelTrack]:
        return [track for track in self._tracks if track.source.signal.kind.is_motion]

    @property
    def has_motion_labels(self) -> bool:
        """Whether some labels are commands of a motion, not only a gripper's."""
        return bool(self._motions)

    @property
    def first_command_ns(self) -> int | None:
        """When the first command of the motion was meant for."""
        firsts = [track.first_ns for track in self._motions]
        return max((first for first in firsts if first is not None), default=None)

    def obstacle(self, time_ns: int) -> str:
        """Why no command is known for a time around which all of them were read."""
        for track in self._tracks:
            name, topic = track.source.signal.name, track.source.topic
            if missing := track.missing:
                return f"{name}: {missing}"
            if track.is_doubtful(time_ns):
                return f"{name}: the command on {topic} is not finite or no pose"
        return ""

    def signals(self) -> EpisodeSignals:
        """All that was kept."""
        observed = self._robot.observations
        states = {
            name: kept.signal(observed.spec(name).kind)
            for name, kept in self._collector.samples.items()
        }
        commands = {name: states[name] for name in self.reached if name in states}
        commands |= {
            track.source.signal.name: track.signal(states)
            for track in self._tracks
            if track.first_ns is not None
        }
        return EpisodeSignals(states, commands)


def label_fields(source: BagSource) -> list[str]:
    """State fields that the labels of a codec are made of."""
    begun = (TWIST, TRAJECTORY)
    fields = [label.signal.name for label in source.labels() if label.kind.name in begun]
    # Those of a decision for a gripper that nobody has commanded yet.
    for part in source.codec.action.parts:
        if part.label == REACHED or part.signal.kind.is_decision:
            fields.append(part.signal.name)
    return fields


def read_signals(source: BagSource, episode: Episode) -> EpisodeSignals:
    """Everything of an episode but the pictures."""
    codec = source.codec
    fields = dict.fromkeys((*codec.state.signals, *codec.action.signals))
    reader = SignalKeeper(source, fields)
    start_ns = episode.start_ns - PREROLL_NS
    for message in source.bag.messages(reader.topics, start_ns, episode.stop_ns):
        reader.take(*message)
    return reader.signals()
