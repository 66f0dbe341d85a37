"""Chunks of poses converted to joint paths, for robots whose controllers take joints."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from groot_ros.chunks.curve import Curve
from groot_ros.chunks.limits.bounds import Bounds
from groot_ros.robot.inverse_kinematics import InverseKinematics, Solution
from groot_ros.signals.space import LinearSpace, PoseSpace

Array = NDArray[np.float64]

# Farther from its pose a solution is none.
REACHED_M, REACHED_RAD = 1e-4, 1e-3
PATH_M, PATH_RAD = 1e-3, 5e-3
"""So far the tool may leave the path of the poses between the knots of the joints."""
KNOTS_PER_STEP = (2, 4, 8)
# The way from where the arm is to a chunk that begins elsewhere is looked at in such pieces.
APPROACH_M, APPROACH_RAD, LONGEST_APPROACH = 0.05, 0.2, 64
SLOWEST = 0.1
"""A chunk that would have to pass slower than this, in shares of its own speed, is refused."""


class Unsolved(Exception):
    """Raised where a chunk's poses have no joint solution; the message is the reason."""


@dataclass(frozen=True)
class SolvedPath:
    """Joints (T, J) in rad for the steps of a chunk, and the curve through them.

    `speed` is the fraction of the nominal speed that the tool's limits allow; `limited_by` names
    the limit where that is below 1.
    """

    joints: Array
    curve: Curve
    speed: float
    limited_by: str


class PoseChunks:
    """Inverse kinematics of chunk after chunk; the null space is used to stay near the posture at
    the start.

    Each step is solved from the previous one, then intermediate times, as many as keep the tool
    within `PATH_M` of the pose curve.
    """

    def __init__(self, kinematics: InverseKinematics, tool: Bounds, joints: Bounds) -> None:
        """`tool` and `joints` are the bounds of the signals `ee_pose` and `joint_position`."""
        self._kinematics = kinematics
        self._tool = tool
        self._bounds = joints
        self._posture: Array | None = None

    def begin(self, joints: Array) -> None:
        """Set the measured joints (J,) from which a motion begins."""
        self._posture = joints

    def pose(self, joints: Array) -> Array:
        """Pose (7,) of the tool at joints (J,): forward kinematics."""
        return self._kinematics.pose(joints)

    def solve(self, poses: Array, step_s: float, start: Array, from_s: float = 0.0) -> SolvedPath:
        """Joints for a chunk's poses; Unsolved where the arm cannot follow them.

        Args:
            poses: Poses (T, 7) of the steps in the base frame.
            step_s: Time between two steps in s.
            start: Joints (J,) at the join.
            from_s: Time in the chunk from which on it is executed, in s; the curve is constant
                before it.
        """
        path = Curve.through(PoseSpace(), poses, step_s)
        first = min(math.floor(from_s / step_s + 1e-9), len(poses) - 1)
        posture = start if self._posture is None else self._posture
        near = self._approached(poses[first], start, posture)
        joints = self._follow(poses[first:], near, posture, first)
        curve = self._curve(path, joints, first, posture)
        self._check_speed(curve)
        speed, limited_by = self._tool_speed(path, from_s)
        return SolvedPath(
            np.concatenate([np.repeat(joints[:1], first, axis=0), joints]),
            curve,
            speed,
            limited_by,
        )

    def _approached(self, pose: Array, start: Array, posture: Array) -> Array:
        """Joints near those for a pose that may be far from the start."""
        here = self.pose(start)
        metres, radians = PoseSpace().lengths(PoseSpace().difference(pose, here))
        count = math.ceil(max(metres / APPROACH_M, radians / APPROACH_RAD))
        if count <= 1:
            return start
        if count > LONGEST_APPROACH:
            raise Unsolved(f"it begins {metres:.3g} m away from the tool")
        shares = np.arange(1, count)[:, None] / count
        way = PoseSpace().displace(here, shares * PoseSpace().difference(pose, here))
        for between in way:
            solution = self._kinematics.solve(between[None], start[None], posture)
            start = solution.joints[0]
            if _unreached(solution).any():
                break
        return start

    def _follow(self, poses: Array, start: Array, posture: Array, first: int) -> Array:
        """Joints (N, J) for poses (N, 7), each found from the one before."""
        found: list[Array] = []
        for index, pose in enumerate(poses):
            solution = self._kinematics.solve(pose[None], start[None], posture)
            _check(solution, first + index)
            start = solution.joints[0]
            found.append(start)
        return np.array(found)

    def _curve(self, path: Curve, joints: Array, first: int, posture: Array) -> Curve:
        """Joints along the path of poses, with as many knots as it takes."""
        steps = np.arange(len(joints))
        for count in KNOTS_PER_STEP:
            parts = np.arange((len(joints) - 1) * count + 1) / count
            guess = np.stack([np.interp(parts, steps, column) for column in joints.T], axis=1)
            poses = path.at((first + parts) * path.step_s)
            solved = self._kinematics.solve(poses, guess, posture)
            _check(solved, first, count)
            still = np.repeat(solved.joints[:1], first * count, axis=0)
            knots = np.concatenate([still, solved.joints])
            curve = Curve.through(LinearSpace(), knots, path.step_s / count)
            metres, radians = self._off_path(path, curve, first)
            if metres <= PATH_M and radians <= PATH_RAD:
                return curve
        raise Unsolved(
            f"between its steps the joints would leave the path of the poses by "
            f"{1000 * metres:.1f} mm and {math.degrees(radians):.1f} deg: the arm is near a "
            "singular position"
        )

    def _off_path(self, path: Curve, curve: Curve, first: int) -> tuple[float, float]:
        """The farthest that the tool leaves the path, in m and rad, halfway between knots."""
        begin = round(first * path.step_s / curve.step_s)
        times_s = (np.arange(begin, len(curve.knots) - 1) + 0.5) * curve.step_s
        if not len(times_s):
            return 0.0, 0.0
        poses = self._kinematics.pose(curve.at(times_s))
        apart = PoseSpace().lengths(PoseSpace().difference(poses, path.at(times_s)))
        return float(apart[:, 0].max()), float(apart[:, 1].max())

    def _check_speed(self, curve: Curve) -> None:
        if len(curve.knots) == 1:
            return
        speeds = np.abs(np.diff(curve.knots, axis=0)) / curve.step_s
        over = speeds / self._bounds.velocity
        if over.max() > 1 / SLOWEST:
            _, joint = np.unravel_index(int(np.argmax(over)), over.shape)
            raise Unsolved(
                f"joint {joint + 1} would have to turn with {speeds[:, joint].max():.1f} rad/s: "
                "the arm is near a singular position"
            )

    def _tool_speed(self, path: Curve, from_s: float) -> tuple[float, str]:
        """The share of its own speed at which the tool keeps to its limits."""
        times_s = np.linspace(from_s, path.duration_s, 8 * len(path.knots))
        if times_s[-1] <= times_s[0]:
            return 1.0, ""
        velocities = path.state(times_s)[1]
        accelerations = np.diff(velocities, axis=0) / (times_s[1] - times_s[0])
        space = PoseSpace()
        fast = float((space.lengths(velocities) / self._tool.velocity).max())
        hard = float((space.lengths(accelerations) / self._tool.acceleration).max()) ** 0.5
        worst = max(fast, hard)
        if worst <= 1.0:
            return 1.0, ""
        if worst > 1 / SLOWEST:
            raise Unsolved(f"it would have to pass {worst:.0f} times slower for the tool's limits")
        return 1 / worst, "velocity" if fast >= hard else "acceleration"


def _unreached(found: Solution) -> NDArray[np.bool_]:
    return (found.error_m > REACHED_M) | (found.error_rad > REACHED_RAD)


def _check(found: Solution, first: int, parts: int = 1) -> None:
    unreached = _unreached(found)
    if not unreached.any():
        return
    index = int(np.argmax(unreached))
    step = first + index / parts
    raise Unsolved(
        f"step {step:g} is out of the arm's reach: the tool stays "
        f"{1000 * found.error_m[index]:.1f} mm and {math.degrees(found.error_rad[index]):.1f} deg "
        "away"
    )
