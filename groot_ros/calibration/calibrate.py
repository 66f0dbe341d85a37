"""All that bags tell of a robot's latencies and lag, as keys of its file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeVar

from groot_ros.calibration.gripper import Closing, find_closing
from groot_ros.calibration.latency import ArmMotion, Shown, age, camera_lag, pose_lag
from groot_ros.calibration.matching import Estimate, Matched, NotEstimable
from groot_ros.calibration.recording import CalibrationRecording
from groot_ros.calibration.response import Response, find_response
from groot_ros.data.playback.signals import Signal
from groot_ros.errors import UserError
from groot_ros.observation.fields import NS
from groot_ros.robot.config import RobotConfig
from groot_ros.robot.forward_kinematics import ForwardKinematics
from groot_ros.robot.kinematics import tool_kinematics, watched_points
from groot_ros.robot.stream_time import ARRIVAL
from groot_ros.robot.urdf import load_urdf
from groot_ros.signals.kinds import POSE
from groot_ros.signals.signals import EE_POSE, GRIP, JOINT_POSITION

T = TypeVar("T")

# A latency below 0 by less than this is 0.
CERTAIN_S = 0.005


@dataclass(frozen=True, kw_only=True)
class Row:
    """A number of the robot file: its key, what the file says now, in s, and what bags say.

    `estimate` is None where they do not, and `note` says why, or how it was found.
    """

    key: str
    name: str
    now_s: float | None = None
    estimate: Estimate | None = None
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """What was estimated, and by what, to be drawn."""

    rows: Sequence[Row]
    cameras: dict[str, tuple[Matched, Shown]]
    response: Response | None
    closing: Closing | None

    @property
    def settings(self) -> dict[str, float]:
        """Values in s, to the millisecond, by keys of the robot file that say something else."""
        found = {
            row.key: (round(max(0.0, row.estimate.value_s), 3), row.now_s)
            for row in self.rows
            if row.estimate
        }
        return {key: value for key, (value, now_s) in found.items() if value != now_s}


def calibrate(robot: RobotConfig, recordings: Sequence[CalibrationRecording]) -> Calibration:
    """Estimate what recordings of a robot tell.

    UserError where they show nothing at all of what would be needed.
    """
    return _Calibrator(robot, recordings).run()


@dataclass
class _Calibrator:
    robot: RobotConfig
    recordings: Sequence[CalibrationRecording]
    _reasons: dict[str, str] = field(default_factory=dict)

    def run(self) -> Calibration:
        self._check_states()
        streams = self.robot.observations
        pose = None
        if streams.ee_pose and streams.joint_position:
            pose = self._try("pose", partial(pose_lag, self.recordings))
        motions = self._motions(pose)
        cameras = {
            name: found
            for name in streams.cameras
            if (found := self._try(name, partial(camera_lag, self.recordings, motions, name)))
        }
        response = self._try("response", partial(find_response, self.recordings, self._commanded))
        closing = self._try("closing", partial(find_closing, self.recordings))
        latencies = self._latencies(cameras, pose)
        rows = [
            *self._latency_rows(latencies),
            *self._lag_rows(response, latencies.get(self._commanded)),
            *self._grip_rows(closing),
        ]
        return Calibration(rows=rows, cameras=cameras, response=response, closing=closing)

    def _check_states(self) -> None:
        if not any(recording.states for recording in self.recordings):
            raise UserError(
                f"no bag holds a state of robot {self.robot.name} (joint_position, ee_pose or "
                "grip of observations): compare its topics with `groot-ros inspect BAG --robot "
                "ROBOT`"
            )

    def _try(self, name: str, attempt: Callable[[], T]) -> T | None:
        try:
            return attempt()
        except NotEstimable as reason:
            self._reasons[name] = str(reason)
            return None

    def _motions(self, pose: Matched | None) -> list[ArmMotion | None]:
        """How the arm moved in each recording, joints by the clock of the hand as far as it is
        known."""
        later_s = pose.estimate.value_s if pose else 0.0
        is_known = pose is not None or not self.robot.observations.ee_pose
        motions: list[ArmMotion | None] = []
        for recording, hand in zip(self.recordings, self._hands(), strict=True):
            joints = recording.states.get(JOINT_POSITION.name) if is_known else None
            if joints is not None:
                joints = replace(joints, times_ns=joints.times_ns + round(later_s * NS))
            motions.append(None if hand is None else ArmMotion(hand=hand, joints=joints))
        return motions

    def _hands(self) -> list[Signal | None]:
        """Where the hand was in each recording: as measured, or by the joints and the URDF."""
        if self.robot.observations.ee_pose:
            return [recording.states.get(EE_POSE.name) for recording in self.recordings]
        kinematics = _hand_kinematics(self.robot)
        return [_hand(recording, kinematics) for recording in self.recordings]

    @property
    def _commanded(self) -> str:
        """Which signal moved the arm: what the executor commands, unless only another one was."""
        wanted = self.robot.output.commanded.name
        for signal in (wanted, EE_POSE.name, JOINT_POSITION.name):
            if any(r.commands.get(signal) and r.states.get(signal) for r in self.recordings):
                return signal
        return wanted

    @property
    def _reference(self) -> str:
        return EE_POSE.name if self.robot.observations.ee_pose else JOINT_POSITION.name

    def _latencies(
        self, cameras: dict[str, tuple[Matched, Shown]], pose: Matched | None
    ) -> dict[str, Estimate]:
        """By stream, those of which something is known; `latency` has the mathematics."""
        reference, own = self._reference, self._own_latency()
        found = {reference: own}
        for name, (matched, _) in cameras.items():
            found[name] = matched.estimate.shifted(own.value_s)
        if pose:
            found[JOINT_POSITION.name] = pose.estimate.reversed().shifted(own.value_s)
        if any(estimate.high_s < -CERTAIN_S for estimate in found.values()):
            soonest = min(found, key=lambda name: found[name].value_s)
            later_s = -found[soonest].value_s
            found = {name: estimate.shifted(later_s) for name, estimate in found.items()}
            self._reasons[reference] = f"at least: else {soonest} would show the future"
        return found

    def _own_latency(self) -> Estimate:
        """That of the stream with which the others are compared: of the stamps where it counts
        by its arrival, else what the robot file says."""
        stream = getattr(self.robot.observations, self._reference)
        found = age(self.recordings, self._reference)
        if stream and stream.time.clock == ARRIVAL and found:
            self._reasons[self._reference] = "arrival minus stamp, of single messages"
            return found
        known_s = stream.time.latency_s if stream else 0.0
        self._reasons[self._reference] = "as the file says: the others are compared with it"
        return Estimate(value_s=known_s, low_s=known_s, high_s=known_s)

    def _latency_rows(self, latencies: dict[str, Estimate]) -> Iterator[Row]:
        streams = self.robot.observations
        for name, camera in streams.cameras.items():
            yield Row(
                key=f"observations.cameras.{name}.latency",
                name=f"camera {name}",
                now_s=camera.latency_s,
                estimate=latencies.get(name),
                note=self._reasons.get(name, f"pictures against {self._reference}"),
            )
        for name, stream in streams.arm.items():
            yield Row(
                key=f"observations.{name}.latency",
                name=name,
                now_s=stream.time.latency_s,
                estimate=latencies.get(self._source(name)),
                note=self._state_note(name),
            )

    def _source(self, name: str) -> str:
        """The stream whose latency is that of another one: the gripper's, in the same messages."""
        grip, joints = self.robot.observations.grip, self.robot.observations.joint_position
        if name == GRIP.name and grip and joints and grip.joint and grip.topic == joints.topic:
            return JOINT_POSITION.name if grip.time.clock == joints.time.clock else name
        return name

    def _state_note(self, name: str) -> str:
        source = self._source(name)
        if source == self._reference:
            return self._reasons[source]
        if source == GRIP.name:
            return "nothing else shows when the gripper moves"
        return self._reasons.get("pose", "steps of ee_pose against those of the joints")

    def _lag_rows(self, response: Response | None, hand: Estimate | None) -> Iterator[Row]:
        lag = self.robot.lag
        delay, constant, note = None, None, self._reasons.get("response", "")
        if response:
            # What is measured is known later by its own latency.
            delay = response.delay.shifted(-hand.value_s if hand else 0.0)
            constant = response.time_constant
            total = response.total.shifted(-hand.value_s if hand else 0.0)
            note = f"together {total}"
        now = (lag.delay_s, lag.time_constant_s) if lag else (None, None)
        yield Row(
            key="lag.delay", name="command to motion", now_s=now[0], estimate=delay, note=note
        )
        yield Row(
            key="lag.time_constant",
            name="time constant",
            now_s=now[1],
            estimate=constant,
            note=note,
        )

    def _grip_rows(self, closing: Closing | None) -> Iterator[Row]:
        if self.robot.observations.grip is None:
            return
        note = self._reasons.get("closing", "")
        if closing:
            begin_s = closing.begin.value_s
            note = f"{closing.count} closings, begun {begin_s * 1e3:.0f} ms after the command"
        yield Row(
            key="lag.grip",
            name="gripper, open to closed",
            now_s=self.robot.lag.grip_s if self.robot.lag else None,
            estimate=closing.stroke if closing else None,
            note=note,
        )


def _hand_kinematics(robot: RobotConfig) -> ForwardKinematics | None:
    """The tool, or else the first watched point, of a robot that does not measure its pose; None
    where its file tells of neither."""
    if not robot.urdf or robot.observations.joint_position is None:
        return None
    if robot.output.kinematics:
        return tool_kinematics(robot, load_urdf(robot.urdf))
    return watched_points(robot, load_urdf(robot.urdf)) if robot.limits.points else None


def _hand(recording: CalibrationRecording, kinematics: ForwardKinematics | None) -> Signal | None:
    joints = recording.states.get(JOINT_POSITION.name)
    if kinematics is None or joints is None or len(joints) == 0:
        return None
    return Signal(joints.times_ns, kinematics.poses(joints.values)[:, 0], POSE)
