"""What an operator's devices said, as they said it: before limits, kinematics and governor."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from groot_ros.chunks.takeover.device import Device
from groot_ros.data.playback.episodes import Episode
from groot_ros.data.playback.replay import PREROLL_NS, BagSource
from groot_ros.data.playback.signals import SignalSamples, Times
from groot_ros.data.playback.turns import ControlTurns
from groot_ros.observation.label_messages import Trajectory, Twist
from groot_ros.robot.config import RobotConfig
from groot_ros.robot.labels import TWIST, JointLabel, Label
from groot_ros.robot.topic import absolute
from groot_ros.signals.signals import of_arm

Array = NDArray[np.float64]

TWIST_NAMES = ("vx", "vy", "vz", "wx", "wy", "wz")


@dataclass(frozen=True)
class _Told:
    """One topic of a device, in numbers of these names."""

    label: Label
    base_frame: str
    names: tuple[str, ...]


def operator_names(robot: RobotConfig) -> tuple[str, ...]:
    """The numbers that the devices of a robot file tell, such as `operator.vx`; none without."""
    return tuple(f"operator.{name}" for told in _told(robot) for name in told.names)


def _told(robot: RobotConfig) -> Iterator[_Told]:
    for arm_name, arm in robot.named_arms.items():
        if (operator := arm.operator) is None:
            continue
        labels: list[Label] = [operator.motion]
        for label in [*labels, operator.grip] if operator.grip else labels:
            names = tuple(of_arm(arm_name, name) for name in _names(label))
            yield _Told(label, arm.base_frame, names)


def _names(label: Label) -> tuple[str, ...]:
    if isinstance(label, JointLabel):
        return label.joints
    return TWIST_NAMES if label.type == TWIST else label.signal.columns


@dataclass(frozen=True)
class OperatorCommands:
    """What was heard of the devices, number by number, and whose turn it was."""

    turns: ControlTurns
    heard: Sequence[tuple[int, SignalSamples]]
    """Of each topic how many numbers it tells, and these."""

    def at(self, times_ns: Times) -> NDArray[np.float32]:
        """Newest numbers (T, N) at times at which the operator led, 0 elsewhere, and of a device
        that had said nothing."""
        blocks = [_newest(samples, count, times_ns) for count, samples in self.heard]
        found = np.concatenate(blocks, axis=1) if blocks else np.zeros((len(times_ns), 0))
        found[~self.turns.corrected(times_ns)] = 0.0
        return found.astype(np.float32)


def _newest(samples: SignalSamples, count: int, times_ns: Times) -> Array:
    signal = samples.signal()
    if not len(signal):
        return np.zeros((len(times_ns), count))
    values = signal.held(times_ns).reshape(len(times_ns), count)
    return np.where((times_ns >= signal.times_ns[0])[:, None], values, 0.0)


def read_operator(source: BagSource, episode: Episode, turns: ControlTurns) -> OperatorCommands:
    """The operator's commands in an episode; devices are read only where an operator led."""
    listeners = [_Listener(told, source, episode) for told in _told(source.robot)]
    found = OperatorCommands(turns, [(x.count, x.samples) for x in listeners])
    if not np.any(turns.corrected(turns.times_ns)):
        return found
    topics = {x.topic: x.device.type_name for x in listeners if x.is_held}
    start_ns = episode.start_ns - PREROLL_NS
    for topic, arrival_ns, message in source.bag.messages(topics, start_ns, episode.stop_ns):
        for listener in listeners:
            if listener.topic == topic:
                listener.hear(message, arrival_ns)
    return found


class _Listener:
    """A topic of a device as a bag holds it."""

    def __init__(self, told: _Told, source: BagSource, episode: Episode) -> None:
        self.device = Device(told.label, told.base_frame, self._take)
        self.topic = absolute(self.device.topic, episode.namespace)
        self.samples = SignalSamples()
        self.count, self._now_ns = len(told.names), 0
        held = source.bag.topics.get(self.topic)
        is_there = held is not None and self.device.type_name in held.counts
        self.is_held = is_there and not source.bag.obstacle(self.topic)

    def hear(self, message: Any, arrival_ns: int) -> None:
        self._now_ns = arrival_ns
        self.device.receive(message, arrival_ns)

    def _take(self, found: Any) -> None:
        if isinstance(found, Trajectory):
            found = found.positions[-1]
        value = np.ravel(found.value if isinstance(found, Twist) else found)
        if len(value) == self.count and np.all(np.isfinite(value)):
            self.samples.add(self._now_ns, value)
