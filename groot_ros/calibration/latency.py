"""Latency of cameras and states, from the motion that they show.

Let a stream s show at the time t of its clock what was so at t - L_s; L_s is its `latency`. The
hand (its measured pose, or by forward kinematics the joints) is h(t), of the stream r, and c_k the
mean absolute difference between the pictures of t_k-1 and t_k. The pictures were taken at t_k-1 -
L_s and t_k - L_s, where the hand is said to be at t_k-1 - lag and t_k - lag, with

    lag = L_s - L_r

so that lag > 0 says that pictures are later than states. Over that very time, and not at its
middle, which makes the estimate finer than a picture, are taken the way of the hand, the angle
through which it turned, what the gripper moved, and how far each joint turned, since a camera sees
the links of an arm too; each divided by t_k - t_k-1, and so is c_k.
`matching` finds the lag at which those speeds, with gains of at least 0, give c best.

Of two states of the same motion, the steps of the pose between two times are a linear function of
the steps of the joints (the Jacobian, the same for all of a short window); with the joints of t -
lag, lag = L_pose - L_joints.

A bag shows differences only. The reference r counts with the latency that arrival minus stamp
gives where it counts by its arrival, else 0; and because no picture shows the future, it is at
least as late as makes all others 0 or more.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from groot_ros.calibration.matching import (
    Estimate,
    Matched,
    NotEstimable,
    Question,
    Window,
    cut,
    find_lag,
    speeds_window,
    steps_window,
)
from groot_ros.calibration.recording import CalibrationRecording
from groot_ros.data.playback.signals import Signal
from groot_ros.geometry import rotation_angle
from groot_ros.observation.fields import NS
from groot_ros.signals.signals import EE_POSE, GRIP, JOINT_POSITION

Array = NDArray[np.float64]

# A pause of the pictures is no motion of theirs.
LONGEST_S = 0.25
# Steps of states over shorter times are mostly what the encoders round.
STATE_STEP_S = 0.03
MEAN_OF = 9
# Grey levels: what a picture that shows something moving changes by, now and then.
LEAST_CHANGE = 0.05
# Arrival minus stamp of one clock.
AGES_S = (-0.005, 1.0)


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A stretch of what was compared: times (N,) in s since it began, what the pictures changed
    by and what the motion says, both (N,), the latter at the estimated lag and to scale."""

    times_s: Array
    seen: Array
    told: Array


@dataclass(frozen=True, kw_only=True)
class ArmMotion:
    """How an arm moved in a recording: its hand, and its joints by the clock of the hand."""

    hand: Signal
    joints: Signal | None = None


def camera_lag(
    recordings: Sequence[CalibrationRecording], motions: Sequence[ArmMotion | None], camera: str
) -> tuple[Matched, Shown]:
    """How much later the pictures of a camera are than the hand; NotEstimable says why not."""
    clips = [
        clip
        for recording, motion in zip(recordings, motions, strict=True)
        if motion is not None and (clip := _Clip.of(recording, motion, camera)) is not None
    ]
    if not clips:
        raise NotEstimable(
            f"no bag holds pictures of {camera} and the motion of the hand (observations.ee_pose, "
            "or joint_position with a urdf and limits.points in the robot file)"
        )
    largest = max(float(np.percentile(clip.change, 95)) for clip in clips)
    if largest < LEAST_CHANGE:
        raise NotEstimable(
            f"the picture of {camera} hardly changes ({largest:.2g} grey levels from one to the "
            "next): let the camera see the arm move"
        )
    remedy = "let the camera see the arm move, and record more of it"
    matched = find_lag(
        lambda lags_s: [window for clip in clips for window in clip.windows(lags_s)],
        Question(f"the picture of {camera}", remedy),
    )
    best = max(clips, key=lambda clip: float(np.ptp(clip.rate)))
    return matched, best.shown(matched.estimate.value_s)


@dataclass(frozen=True)
class _Clip:
    """Pictures of one recording: their times and those before them (N,) in ns, and changes."""

    begin_ns: NDArray[np.int64]
    end_ns: NDArray[np.int64]
    change: Array
    motion: ArmMotion
    grip: Signal | None

    @classmethod
    def of(cls, recording: CalibrationRecording, motion: ArmMotion, camera: str) -> _Clip | None:
        changes, grip = recording.changes.get(camera), recording.states.get(GRIP.name)
        if changes is None or len(changes) < 2 or len(motion.hand) < 2:
            return None
        begin_ns, end_ns = changes.times_ns[:-1], changes.times_ns[1:]
        near = end_ns - begin_ns <= LONGEST_S * NS
        return cls(begin_ns[near], end_ns[near], changes.values[1:][near], motion, grip)

    @property
    def duration_s(self) -> Array:
        return (self.end_ns - self.begin_ns) / NS

    @property
    def rate(self) -> Array:
        return self.change / self.duration_s

    def speeds(self, lags_s: Array) -> Array:
        """What moved at each lag (L, N, F): way and angle of the hand, the gripper, joints."""
        begin_ns, end_ns = (_earlier(times, lags_s) for times in (self.begin_ns, self.end_ns))
        hand, joints = self.motion.hand, self.motion.joints
        before, after = hand.interpolated(begin_ns), hand.interpolated(end_ns)
        moved = [
            np.linalg.norm(after[:, :3] - before[:, :3], axis=1),
            rotation_angle(before[:, 3:], after[:, 3:]),
        ]
        if self.grip is not None and len(self.grip):
            moved.append(np.abs(self.grip.interpolated(end_ns) - self.grip.interpolated(begin_ns)))
        if joints is not None and len(joints):
            moved.extend(np.abs(joints.interpolated(end_ns) - joints.interpolated(begin_ns)).T)
        shape = len(lags_s), len(self.change), len(moved)
        return np.stack(moved, axis=1).reshape(shape) / self.duration_s[:, None]

    def windows(self, lags_s: Array) -> Iterator[Window]:
        known = self._known(lags_s)
        rate, speeds = known.rate, known.speeds(lags_s)
        for part in cut(known.end_ns / NS):
            yield speeds_window(rate[part], speeds[:, part])

    def _known(self, lags_s: Array) -> _Clip:
        """The pictures for which the hand is known at every lag."""
        hand = self.motion.hand
        known = (self.begin_ns - lags_s[-1] * NS >= hand.times_ns[0]) & (
            self.end_ns - lags_s[0] * NS <= hand.times_ns[-1]
        )
        begin_ns, end_ns = self.begin_ns[known], self.end_ns[known]
        return _Clip(
            begin_ns=begin_ns,
            end_ns=end_ns,
            change=self.change[known],
            motion=self.motion,
            grip=self.grip,
        )

    def shown(self, lag_s: float) -> Shown:
        """The whole clip and the fit of each window, to be drawn."""
        rate, speeds = self.rate, self.speeds(np.array([lag_s]))[0]
        told = np.full(len(rate), np.nan)
        for part in cut(self.end_ns / NS):
            columns = np.concatenate([speeds[part], np.ones((len(rate[part]), 1))], axis=1)
            told[part] = columns @ nnls(columns, rate[part])[0]
        return Shown(times_s=(self.end_ns - self.end_ns[0]) / NS, seen=rate, told=told)


def pose_lag(recordings: Sequence[CalibrationRecording]) -> Matched:
    """How much later the measured pose is than the joints; NotEstimable says why not."""
    both = [
        (states[EE_POSE.name], states[JOINT_POSITION.name])
        for states in (recording.states for recording in recordings)
        if all(len(states.get(name, ())) > 1 for name in (EE_POSE.name, JOINT_POSITION.name))
    ]
    return find_lag(
        lambda lags_s: [
            window for pose, joints in both for window in _pose_windows(pose, joints, lags_s)
        ],
        Question("ee_pose against joint_position", "record the arm in motion"),
    )


def _pose_windows(pose: Signal, joints: Signal, lags_s: Array) -> Iterator[Window]:
    first_ns = max(pose.times_ns[0], joints.times_ns[0] + round(lags_s[-1] * NS))
    last_ns = min(pose.times_ns[-1], joints.times_ns[-1] + round(lags_s[0] * NS))
    times_ns = np.arange(first_ns, last_ns, round(STATE_STEP_S * NS), dtype=np.int64)
    if len(times_ns) < 2:
        return
    hand = Signal(pose.times_ns, pose.values[:, :3])
    steps = np.diff(_means(hand, times_ns), axis=0)
    moved = _means(joints, _earlier(times_ns, lags_s)).reshape(len(lags_s), len(times_ns), -1)
    moved = np.diff(moved, axis=1)
    for part in cut(times_ns[1:] / NS):
        yield steps_window(steps[part], moved[:, part])


def _means(signal: Signal, times_ns: NDArray[np.int64]) -> Array:
    """Means of a signal about times: between two samples lies less noise than at one, and the
    lags that look there would match better for that alone."""
    offsets_ns = np.round(np.linspace(-0.5, 0.5, MEAN_OF) * STATE_STEP_S * NS).astype(np.int64)
    values = sum(signal.interpolated(times_ns + offset_ns) for offset_ns in offsets_ns)
    return np.asarray(values) / MEAN_OF


def _earlier(times_ns: NDArray[np.int64], lags_s: Array) -> NDArray[np.int64]:
    """Times (N,) earlier by each lag (L,), as (L * N,)."""
    shifted = times_ns[None, :] - np.round(lags_s * NS).astype(np.int64)[:, None]
    return np.asarray(shifted.ravel())


def age(recordings: Sequence[CalibrationRecording], stream: str) -> Estimate | None:
    """Median of arrival minus stamp of a stream, and between which 95 % of its messages are; None
    without stamps that are of the bag's clock."""
    found = [recording.ages_s[stream] for recording in recordings if stream in recording.ages_s]
    if not found:
        return None
    ages_s = np.concatenate(found)
    value_s = float(np.median(ages_s))
    return Estimate.of(value_s, ages_s) if AGES_S[0] <= value_s <= AGES_S[1] else None
