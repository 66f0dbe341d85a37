"""Fitting chunks to an arm by its kinematics (URDF) before they are executed."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from groot_ros.chunks.chunk import Chunk
from groot_ros.chunks.curve import Curve
from groot_ros.chunks.execution.admission import MARGIN_M, Bounded
from groot_ros.chunks.limits.bounds import Bounds, gap_refusal, refusal
from groot_ros.chunks.limits.pose_chunks import PoseChunks, Unsolved
from groot_ros.chunks.limits.watched_points import INSIDE_M, WatchedPoints
from groot_ros.robot.config import RobotConfig
from groot_ros.robot.inverse_kinematics import InverseKinematics
from groot_ros.robot.kinematics import tool_kinematics, watched_points
from groot_ros.robot.urdf import Urdf
from groot_ros.signals.kinds import JOINTS, POSE
from groot_ros.signals.signals import JOINT_POSITION
from groot_ros.signals.space import LinearSpace, PoseSpace

Array = NDArray[np.float64]

# What more steps would take to compute, other callbacks would wait for.
MOST_STEPS = 256
# Between steps that lie inside a curve may lead outside; then they are taken farther in.
ROUNDS, SAMPLES_PER_STEP, FARTHER = 6, 4, 1.25


def needs_reach(robot: RobotConfig) -> bool:
    """Whether chunks for a robot are fitted to its kinematics, so that its URDF is needed."""
    output = robot.output
    fitted = output.kinematics is not None or bool(robot.limits.points)
    return output.commanded == JOINT_POSITION and fitted


class Reach:
    """Inverse kinematics of a chunk's poses for a robot that takes joints, and points kept in
    boxes.

    `points` is None for a robot file without `limits.points`.
    """

    def __init__(self, robot: RobotConfig, urdf: Urdf, margin_m: float = MARGIN_M) -> None:
        """Steps up to `margin_m` outside a box are projected into it, farther ones refused.

        UserError where the robot file names what the URDF does not have.
        """
        limits = robot.limits
        stream = robot.observations.joint_position
        assert stream, "the robot file was checked for it"
        unlimited = (math.inf,) * len(stream.joints)
        self._lower = np.array(limits.joint_lower or np.negative(unlimited))
        self._upper = np.array(limits.joint_upper or unlimited)
        self._margin_m = margin_m
        self._signal, self._limits = robot.output.signal, limits
        self._commanded = robot.output.commanded
        self._tool = Bounds.of(limits, POSE)
        self.points: WatchedPoints | None = None
        if limits.points:
            self.points = WatchedPoints(watched_points(robot, urdf), limits.points)
        self._poses: PoseChunks | None = None
        if robot.output.kinematics:
            self._poses = PoseChunks(
                InverseKinematics(tool_kinematics(robot, urdf), self._lower, self._upper),
                self._tool,
                Bounds.of(limits, JOINTS),
            )

    def begin(self, joints: Array) -> None:
        """Set the measured joints (J,) from which a motion begins."""
        if self._poses:
            self._poses.begin(joints)

    def followed(self, joints: Array) -> Array:
        """The signal that chunks hold, joints (J,) or a pose (7,), of an arm at joints (J,)."""
        return self._poses.pose(joints) if self._poses else joints

    def fit(self, chunk: Chunk, start: Array, from_s: float) -> Bounded:
        """The chunk as the arm can execute it; Unsolved with the reason where it cannot.

        Args:
            chunk: The chunk.
            start: Joints (J,) of the arm at the join.
            from_s: Time in the chunk from which on it is executed, in s.
        """
        if reason := refusal(chunk, self._signal, self._limits):
            raise Unsolved(reason)
        step_s = chunk.step_ns / 1e9
        if (left := len(chunk) - int(from_s / step_s)) > MOST_STEPS:
            raise Unsolved(
                f"{left} of its steps are left, at most {MOST_STEPS} are fitted to an arm"
            )
        if self._poses is None:
            wanted = chunk.signals[self._signal.name]
            first = min(int(from_s / step_s), len(chunk) - 1)
            joints = self._contained(wanted, step_s, start=start, first=first, parts=1)
            moved = int(np.any(joints != wanted, axis=1).sum())
            return Bounded(
                chunk=chunk.replaced({self._signal.name: joints}), projected_steps=moved
            )
        poses = chunk.signals[self._signal.name]
        self._check_gap(poses, step_s, start, from_s)
        path = self._poses.solve(poses, step_s, start, from_s)
        curve = path.curve
        first = min(int(from_s / curve.step_s), len(curve.knots) - 1)
        parts = round(step_s / curve.step_s)
        knots = self._contained(curve.knots, curve.step_s, start=start, first=first, parts=parts)
        moved = int(np.any(knots != curve.knots, axis=1)[::parts].sum())
        if knots is not curve.knots:
            curve = Curve.through(LinearSpace(), knots, curve.step_s)
        joints = curve.at(np.arange(len(chunk)) * step_s)
        signals = chunk.signals.with_signal(self._commanded, joints)
        fitted = replace(chunk, signals=signals, curve=curve, speed=path.speed)
        return Bounded(chunk=fitted, projected_steps=moved)

    def _check_gap(self, poses: Array, step_s: float, start: Array, from_s: float) -> None:
        assert self._poses
        space = PoseSpace()
        due = Curve.through(space, poses, step_s).at(from_s)
        gap = space.difference(self._poses.pose(start), due)
        if reason := gap_refusal(gap, self._tool):
            raise Unsolved(reason)

    def _contained(
        self, values: Array, step_s: float, start: Array, first: int, parts: int
    ) -> Array:
        """Values (T, J), `step_s` apart and `parts` to a step, whose curve keeps the points in
        their boxes from the value `first` on; one that starts outside comes back."""
        if self.points is None:
            return values
        allowed = np.maximum(self.points.beyond(start), 0.0)
        due = values[first:]
        if reason := self.points.refusal(due, self._margin_m + allowed, first, parts):
            raise Unsolved(reason)
        inside_m = np.full(len(due), INSIDE_M)
        for _ in range(ROUNDS):
            kept = self.points.projected(due, self._lower, self._upper, inside_m)
            curve = Curve.through(LinearSpace(), kept, step_s)
            between = self.points.excesses(_sampled(curve), allowed)
            if between.max() <= 0.0:
                break
            worst = between.reshape(max(len(kept) - 1, 1), -1).max(axis=1)
            more = FARTHER * np.maximum(worst, 0.0)
            inside_m[: len(worst)] += more
            inside_m[-len(worst) :] += more
        else:
            reason = self.points.excess(_sampled(curve), allowed)
            if reason:
                raise Unsolved(f"between its steps it takes {reason}")
        if np.array_equal(kept, due):
            return values
        return np.concatenate([values[:first], kept])


def _sampled(curve: Curve) -> Array:
    """Values on a curve, some in each of its parts."""
    parts = len(curve.knots) - 1
    return curve.at(np.linspace(0.0, curve.duration_s, SAMPLES_PER_STEP * parts + 1))
