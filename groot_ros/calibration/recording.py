"""What a bag says of a robot's motion and pictures, each by the clock of its stream."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from groot_ros.cameras.kind import Decode
from groot_ros.data.bags.reader import Bag, open_bag
from groot_ros.data.bags.storage import BagError
from groot_ros.data.clocks.breaks import find_breaks
from groot_ros.data.clocks.clocks import stamps_behind_ns
from groot_ros.data.playback.label_tracks import LabelTrack, make_track
from groot_ros.data.playback.replay import StateCollector
from groot_ros.data.playback.signals import NO_GAP_NS, Signal, SignalSamples
from groot_ros.data.playback.stream_health import StreamHealth
from groot_ros.data.playback.topics import held_label, held_streams, labelled
from groot_ros.errors import UserError
from groot_ros.observation.fields import NS
from groot_ros.observation.routes import Route, header_ns, routes
from groot_ros.robot.config import RobotConfig
from groot_ros.robot.labels import commanded_labels
from groot_ros.robot.stream_time import HEADER
from groot_ros.signals.kinds import VECTOR
from groot_ros.signals.signals import ARM

Array = NDArray[np.float64]

# Of each bag so much is read: more bags say more than longer ones.
LONGEST_NS = 120 * NS
ARM_KINDS = {spec.name: spec.kind for spec in ARM}
# Between the points of a trajectory a controller wants positions so often.
SAMPLE_NS = NS // 100
# Pictures are compared in grey at this width: noise of the sensor averages out, motion does not.
PICTURE_WIDTH = 64


@dataclass(frozen=True, kw_only=True)
class CalibrationRecording:
    """One bag; times are those of each stream's clock, no latency taken off."""

    states: Mapping[str, Signal]
    """joint_position, ee_pose, grip (closure), as far as the bag has them."""
    changes: Mapping[str, Signal]
    """By camera: mean absolute difference of each picture to the one before, in grey levels."""
    commands: Mapping[str, Signal]
    """ee_pose, joint_position and grip (closure), as far as the bag has them."""
    ages_s: Mapping[str, Array]
    """By stream: arrival minus stamp (N,) of the messages that have one."""


def read_recording(path: Path, robot: RobotConfig) -> CalibrationRecording:
    """The streams of a robot file that a bag has; BagError where it is damaged or a stream is on
    another clock than the others."""
    with open_bag(path) as bag:
        return _Reader(bag, _without_latency(robot)).read()


def _without_latency(robot: RobotConfig) -> RobotConfig:
    """A robot whose streams count by their clocks alone."""
    observations = robot.observations.changed(lambda camera: replace(camera, latency_s=0.0), _bare)
    return replace(robot, observations=observations)


def _bare(stream: Any) -> Any:
    return replace(stream, time=replace(stream.time, latency_s=0.0))


class _Reader(StateCollector):
    """Takes what the routes of a robot's streams store."""

    def __init__(self, bag: Bag, robot: RobotConfig) -> None:
        super().__init__(robot, tuple(robot.observations.arm), tuple(robot.observations.cameras))
        self._bag = bag
        self._namespace = bag.info.namespace if bag.info else "/"
        self._pictures: dict[str, NDArray[np.float32]] = {}
        self._changes: dict[str, SignalSamples] = defaultdict(SignalSamples)
        self._health: dict[str, StreamHealth] = {}

    def add_image(self, camera: str, stamp_ns: int, decode: Decode) -> None:
        try:
            picture = _small_grey(decode())
        except UserError:
            # One bad picture is one step less.
            return
        before = self._pictures.get(camera)
        if before is not None and before.shape == picture.shape:
            self._changes[camera].add(stamp_ns, float(cv2.absdiff(picture, before).mean()))
        self._pictures[camera] = picture

    def read(self) -> CalibrationRecording:
        bag = self._bag
        start_ns, stop_ns = bag.start_ns, min(bag.end_ns, bag.start_ns + LONGEST_NS)
        behind_ns = stamps_behind_ns(bag, self._streams(0), start_ns, stop_ns)
        streams, tracks = self._streams(behind_ns), list(self._tracks(behind_ns))
        types = {topic: route.type_name for topic, route in streams.items()}
        types |= {track.source.topic: track.source.type_name for track in tracks}
        for topic, arrival_ns, message in bag.messages(types, start_ns, stop_ns):
            if route := streams.get(topic):
                route.store(message, arrival_ns)
                if hasattr(message, "header"):
                    health = self._health.setdefault(topic, StreamHealth(topic))
                    health.add(arrival_ns, header_ns(message, behind_ns))
            for track in tracks:
                if track.source.topic == topic:
                    track.take(message, arrival_ns)
        self._check_clocks(streams)
        ages_s = {
            stream: health.delays()[1]
            for topic, health in self._health.items()
            for stream in streams[topic].streams
        }
        states = _signals(self.samples)
        return CalibrationRecording(
            states=states,
            changes=_signals(self._changes),
            commands={
                track.source.signal.name: staircase(command)
                for track in tracks
                if track.first_ns is not None and len(command := track.signal(states))
            },
            ages_s={stream: ages for stream, ages in ages_s.items() if len(ages)},
        )

    def _check_clocks(self, streams: Mapping[str, Route]) -> None:
        """BagError where a clock that counts steps: there are two lags then, not one."""
        used = {
            topic: health
            for topic, health in self._health.items()
            if streams[topic].clock == HEADER
        }
        if breaks := find_breaks(used, self._bag.clock_steps):
            raise BagError(
                f"bag {self._bag.path} cannot be used to calibrate, "
                f"{breaks[0].sentence(self._bag.start_ns)}: leave it out"
            )

    def _streams(self, behind_ns: int) -> dict[str, Route]:
        return held_streams(self._bag, routes(self, behind_ns), self._namespace)

    def _tracks(self, behind_ns: int) -> Iterator[LabelTrack]:
        """What keeps the commands that the bag holds: what moved the arm, and where it tells
        nothing of that, what a demonstrator asked for."""
        robot = self.robot
        moving = commanded_labels(robot.commands, robot.observations)
        for spec, wanted in labelled(replace(robot, labels={**robot.labels, **moving})).items():
            for label in filter(None, (wanted, robot.labels.get(spec.name))):
                found = held_label(
                    self._bag, robot, spec=spec, label=_bare(label), namespace=self._namespace
                )
                if found:
                    yield make_track(found, behind_ns)
                    break


def staircase(command: Signal) -> Signal:
    """A command as its controller wants it, step by step: that of samples as it is; of what goes
    on between its points each sample holds until the next, and is wanted in the middle."""
    if command.gap_ns != NO_GAP_NS:
        return command
    times_ns = np.arange(command.times_ns[0], command.times_ns[-1] + 1, SAMPLE_NS)
    values = command.interpolated(times_ns + SAMPLE_NS // 2)
    return Signal(times_ns, values, command.kind)


def _signals(samples: Mapping[str, SignalSamples]) -> dict[str, Signal]:
    """What was kept, but for samples that say nothing."""
    found = {}
    for name, kept in samples.items():
        signal = kept.signal(ARM_KINDS.get(name, VECTOR))
        good = signal.kind.usable(signal.values)
        found[name] = Signal(signal.times_ns[good], signal.values[good], signal.kind)
    return found


def _small_grey(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    """A picture (H, W, 3) in grey, `PICTURE_WIDTH` wide or as it is where it is narrower."""
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    height, width = grey.shape
    exact: Any = grey.astype(np.float32)
    if width > PICTURE_WIDTH:
        size = PICTURE_WIDTH, max(1, round(height * PICTURE_WIDTH / width))
        exact = cv2.resize(exact, size, interpolation=cv2.INTER_AREA)
    return np.asarray(exact, dtype=np.float32)
