"""What was commanded of a signal over time, out of its messages one by one.

Values are samples. A trajectory counts from its stamp until a newer one does; before its first
point the way leads straight from where the one before it was then, as a joint trajectory
controller goes, that of the first from where the arm was measured, and behind its last point that
is held. Twists are integrated.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from groot_ros.data.bags.storage import BagError
from groot_ros.data.playback.signals import NO_GAP_NS, Signal, SignalSamples
from groot_ros.data.playback.stream_health import StreamHealth
from groot_ros.data.playback.twists import Twists
from groot_ros.errors import UserError
from groot_ros.observation.label_messages import (
    LabelType,
    OfOthers,
    Trajectory,
    Twist,
    Unusable,
    no_joint,
)
from groot_ros.observation.routes import header_ns
from groot_ros.robot.labels import TRAJECTORY, TWIST, GripLabel, JointLabel, Label
from groot_ros.robot.stream_time import HEADER
from groot_ros.signals.signals import SignalSpec

Array = NDArray[np.float64]
NOT_USABLE = "are not finite or no pose"


@dataclass(frozen=True, kw_only=True)
class LabelTopic:
    """A topic of a bag with the labels of a signal, and what reads its messages."""

    topic: str
    type_name: str
    kind: LabelType
    signal: SignalSpec
    label: Label
    base_frame: str

    @property
    def is_stamped(self) -> bool:
        return self.kind.is_stamped

    @property
    def counts_by_stamp(self) -> bool:
        return self.is_stamped and self.label.time.clock == HEADER


class LabelTrack(ABC):
    """Keeps what the messages of a label say; `behind_ns` is as in `Source`."""

    def __init__(self, source: LabelTopic, behind_ns: int = 0) -> None:
        self.source = source
        self.health = StreamHealth(source.topic)
        self.first_ns: int | None = None
        """When the first command was meant for."""
        self.unusable: Counter[str] = Counter()
        """Messages that are no command, by what they are."""
        self._behind_ns = behind_ns
        self._samples = SignalSamples()
        """Times of commands and of messages that are none, of some tracks with the values."""
        self._is_held = True
        """Whether a command counts until the next one."""
        self._problem = ""
        """Why the newest message that is no command is none."""
        self._told = np.zeros(source.signal.shape, dtype=bool)
        """Which numbers of the signal any message has told."""
        self._seen: dict[str, None] = {}
        """Joints of messages that do not tell all that is wanted."""

    def take(self, message: Any, arrival_ns: int) -> None:
        """Keep what a message says, and count one that is no command: in another frame, of
        another size, not finite."""
        source = self.source
        time_ns = self._time_ns(message, arrival_ns)
        try:
            found = source.kind.read(message, source.base_frame)
        except UserError as error:
            self._problem = f": {error}"
            self._leave_out(f"cannot be used ({error})", time_ns)
            return
        except OfOthers:
            self._see(message)
            return
        except Unusable as reason:
            self._problem = f" {reason}"
            self._leave_out(str(reason), time_ns)
            return
        if found is not None:
            self._keep(found, time_ns)
        if self.first_ns is None:
            self._see(message)

    def _see(self, message: Any) -> None:
        names = getattr(message, "name", None) or getattr(message, "joint_names", None)
        self._seen |= dict.fromkeys(names or ())

    def _time_ns(self, message: Any, arrival_ns: int) -> int:
        """When a command was meant for; one without a time is meant for now."""
        source, time = self.source, self.source.label.time
        if not source.is_stamped:
            return arrival_ns - round(time.latency_s * 1e9)
        stamp_ns = header_ns(message, self._behind_ns)
        self.health.add(arrival_ns, stamp_ns if source.counts_by_stamp else None)
        return time.of(stamp_ns or arrival_ns, arrival_ns)

    def refuse(self, arrival_ns: int) -> None:
        """Record a message that could not be read."""
        self._leave_out(NOT_USABLE, arrival_ns)

    def _leave_out(self, reason: str, time_ns: int) -> None:
        self.unusable[reason] += 1
        self._samples.leave_out(time_ns)

    def _begin(self, time_ns: int) -> None:
        self.first_ns = time_ns if self.first_ns is None else min(self.first_ns, time_ns)

    @property
    def missing(self) -> str:
        """Why nothing is known of the label although messages came; empty where something is, or
        none came."""
        if self.first_ns is not None:
            return ""
        if self._problem:
            return f"commands on {self.source.topic}{self._problem}"
        label = self.source.label
        joints: list[str] = []
        if isinstance(label, JointLabel):
            joints = [j for j, told in zip(label.joints, self._told, strict=True) if not told]
        elif isinstance(label, GripLabel) and not self._told.all():
            joints = [label.joint]
        return no_joint(label, joints, list(self._seen)) if joints and self._seen else ""

    @abstractmethod
    def _keep(self, found: Any, time_ns: int) -> None:
        """Keep what a message said that was meant for a time."""

    def is_doubtful(self, time_ns: int) -> bool:
        """Whether what was commanded at a time depends on a message that is no command."""
        return self._samples.is_doubtful(time_ns, self._is_held)

    @abstractmethod
    def signal(self, states: Mapping[str, Signal]) -> Signal:
        """All that was commanded; `states` are what the robot measured."""


class SampleTrack(LabelTrack):
    """Values, each of its time; joints that a message leaves out stay where they were."""

    def __init__(self, source: LabelTopic, behind_ns: int = 0) -> None:
        super().__init__(source, behind_ns)
        self._is_held = source.signal.kind.is_decision
        self.farthest = 0.5
        """Of a gripper's commands from the middle of its range, in parts of that."""
        self._last: Array = np.full(source.signal.shape, np.nan)
        self._is_all_told = False

    def _keep(self, found: Any, time_ns: int) -> None:
        value = np.asarray(found, dtype=np.float64)
        if not self._is_all_told:
            self._told = self._told | np.isfinite(value)
            self._is_all_told = bool(self._told.all())
        if isinstance(self.source.label, JointLabel):
            value = self._last = np.where(np.isfinite(value), value, self._last)
            if not self._is_all_told:
                return
        if not self.source.signal.kind.is_usable(value):
            self._leave_out(NOT_USABLE, time_ns)
            return
        if self._is_held:
            closure = float(value)
            self.farthest = max(self.farthest, abs(closure - 0.5))
            self._samples.add(time_ns, min(max(closure, 0.0), 1.0))
        else:
            self._samples.add(time_ns, value)
        self._begin(time_ns)

    def signal(self, states: Mapping[str, Signal]) -> Signal:
        return self._samples.signal(self.source.signal.kind)


class TrajectoryTrack(LabelTrack):
    """Trajectories; of a gripper's the point that is being approached counts."""

    def __init__(self, source: LabelTopic, behind_ns: int = 0) -> None:
        super().__init__(source, behind_ns)
        self._begun: list[tuple[int, Trajectory]] = []

    def _keep(self, found: Trajectory, time_ns: int) -> None:
        while self._begun and self._begun[-1][0] >= time_ns:
            self._begun.pop()
        self._begun.append((time_ns, found))
        self._samples.add(time_ns, 0.0)
        self._told = self._told | np.isfinite(found.positions[0])
        if np.all(self._told):
            self._begin(time_ns)

    def signal(self, states: Mapping[str, Signal]) -> Signal:
        kind = self.source.signal.kind
        if kind.is_decision:
            return self._goals()
        samples, ends_ns = SignalSamples(), [begun_ns for begun_ns, _ in self._begun[1:]]
        here = self._measured(states)
        for (begun_ns, found), end_ns in zip(self._begun, [*ends_ns, None], strict=True):
            times_ns, positions = _joined(begun_ns, found, here)
            until = len(times_ns) if end_ns is None else int(np.searchsorted(times_ns, end_ns))
            for time_ns, row in zip(times_ns[:until], positions[:until], strict=True):
                if np.all(np.isfinite(row)):
                    samples.add(int(time_ns), row)
            if end_ns is not None:
                here = _at(times_ns, positions, end_ns)
                if np.all(np.isfinite(here)):
                    samples.add(end_ns - 1, _at(times_ns, positions, end_ns - 1))
        return samples.signal(kind, NO_GAP_NS)

    def _measured(self, states: Mapping[str, Signal]) -> Array:
        """Where the joints of the first trajectory were measured as it began, NaN where nobody
        knows: those that it leaves out have not been commanded yet."""
        here = np.full(self.source.signal.shape, np.nan)
        measured = states.get(self.source.signal.name)
        if not measured or not self._begun:
            return here
        begun_ns, found = self._begun[0]
        there = measured.interpolated(np.array([begun_ns]))[0]
        return np.where(np.isfinite(found.positions[0]), there, here)

    def _goals(self) -> Signal:
        samples = SignalSamples()
        begins_ns = [begun_ns for begun_ns, _ in self._begun]
        for (begun_ns, found), end_ns in zip(self._begun, [*begins_ns[1:], None], strict=True):
            times_ns = [begun_ns, *(begun_ns + found.times_ns[:-1])]
            for time_ns, goal in zip(times_ns, found.positions, strict=True):
                if end_ns is None or time_ns < end_ns:
                    samples.add(int(time_ns), goal)
        return samples.signal(self.source.signal.kind)


def _joined(begun_ns: int, found: Trajectory, here: Array) -> tuple[NDArray[np.int64], Array]:
    """Times (T,) in ns and positions (T, N) of a trajectory that begins at `here` (N,).

    Joints that it leaves out stay there; where nobody knows that, NaN.
    """
    times_ns = begun_ns + found.times_ns
    positions = np.where(np.isfinite(found.positions), found.positions, here)
    if times_ns[0] > begun_ns:
        first = np.where(np.isfinite(here), here, positions[0])
        times_ns = np.concatenate([[begun_ns], times_ns])
        positions = np.concatenate([first[None], positions])
    return times_ns, positions


def _at(times_ns: NDArray[np.int64], positions: Array, time_ns: int) -> Array:
    since_s = (times_ns - times_ns[0]) / 1e9
    at_s = (time_ns - int(times_ns[0])) / 1e9
    return np.array([np.interp(at_s, since_s, column) for column in positions.T])


class TwistTrack(LabelTrack):
    """Twists that lead from where the hand was measured as a motion began."""

    def __init__(self, source: LabelTopic, behind_ns: int = 0) -> None:
        super().__init__(source, behind_ns)
        self._twists = Twists()

    def _keep(self, found: Twist, time_ns: int) -> None:
        self._twists.add(time_ns, found.value, found.is_of_tool)
        self._samples.add(time_ns, 0.0)
        self._begin(time_ns)

    def signal(self, states: Mapping[str, Signal]) -> Signal:
        name = self.source.signal.name
        measured = states.get(name)
        if not measured:
            raise BagError(
                f"the twists on {self.source.topic} lead from where the hand is, but the episode "
                f"has no states of {name}: check that its topic was published while recording"
            )
        return self._twists.poses(measured)


def make_track(source: LabelTopic, behind_ns: int = 0) -> LabelTrack:
    """What keeps the messages of a label."""
    if source.kind.name == TRAJECTORY:
        return TrajectoryTrack(source, behind_ns)
    if source.kind.name == TWIST:
        return TwistTrack(source, behind_ns)
    return SampleTrack(source, behind_ns)
