"""Motion of the arm's reference: from targets to joint velocities, within the joint limits."""

from __future__ import annotations

from typing import Protocol

import mink
import numpy as np
from numpy.typing import ArrayLike, NDArray

from groot_ros.errors import UserError
from groot_ros.geometry import normalize_quat
from groot_ros.sim.fake.joint_path import joint_curve
from groot_ros.sim.scene import ARM_JOINTS, EE_FRAME, HOME_RAD
from groot_ros.sim.world import load_kinematics, velocity_limits

Array = NDArray[np.float64]

# How quickly the reference closes in on a target that stands still, as arms under
# impedance control do.
RESPONSE_TIME_S = 0.04
POSTURE_TIME_S = 0.5
# Smooths jumps of the target for the servos; what plans a motion keeps far below.
ACCELERATION_RAD_S2 = 50.0


class Reference(Protocol):
    """Something for the arm to follow."""

    def velocity(self, joints: Array, time_s: float, duration_s: float) -> Array:
        """Joint velocities (7,) in rad/s for the time from `time_s` on for `duration_s`."""


class Kinematics:
    """Differential inverse kinematics of the arm, redundancy resolved towards the home posture."""

    def __init__(self) -> None:
        model = load_kinematics()
        self.velocity_limits = velocity_limits()
        self._configuration = mink.Configuration(model)
        self._frame = mink.FrameTask(
            EE_FRAME, "body", position_cost=1.0, orientation_cost=0.3, lm_damping=1e-3
        )
        self._posture = mink.PostureTask(model, cost=1e-3)
        self._posture.set_target(np.array(HOME_RAD))
        self._limits = [
            mink.ConfigurationLimit(model),
            mink.VelocityLimit(model, dict(zip(ARM_JOINTS, self.velocity_limits, strict=True))),
        ]

    def forward(self, joints: ArrayLike) -> Array:
        """Pose (7,) of the tool center point in the base frame."""
        self._configuration.update(np.asarray(joints, dtype=np.float64))
        transform = self._configuration.get_transform_frame_to_world(EE_FRAME, "body")
        return np.concatenate([transform.translation(), transform.rotation().wxyz])

    def velocity(self, joints: Array, pose: Array, duration_s: float) -> Array:
        """Joint velocities (7,) in rad/s that lead towards a pose, within the limits."""
        self._configuration.update(joints)
        self._frame.set_target(mink.SE3(np.concatenate([pose[3:], pose[:3]])))
        self._frame.gain = _gain(duration_s, RESPONSE_TIME_S)
        self._posture.gain = _gain(duration_s, POSTURE_TIME_S)
        try:
            return mink.solve_ik(
                self._configuration,
                [self._frame, self._posture],
                duration_s,
                solver="daqp",
                limits=self._limits,
            )
        except mink.NoSolutionFound:
            # Standing still is always within the limits.
            return np.zeros_like(joints)

    def solve(self, pose: ArrayLike, start: ArrayLike = HOME_RAD, iterations: int = 300) -> Array:
        """Joints (7,) that put the tool center point at a pose; UserError out of reach."""
        joints, pose = np.array(start, dtype=np.float64), np.asarray(pose, dtype=np.float64)
        for _ in range(iterations):
            joints = joints + self.velocity(joints, pose, 0.05) * 0.05
        error = np.linalg.norm(self.forward(joints)[:3] - pose[:3])
        if error > 1e-3:
            raise UserError(
                f"pose at {np.round(pose[:3], 3).tolist()} m is out of the arm's reach: the hand "
                f"stays {error:.3f} m away"
            )
        return joints


class PoseReference:
    """Follows a Cartesian target of the tool center point, pose (7,) in the base frame."""

    def __init__(self, kinematics: Kinematics, pose: ArrayLike) -> None:
        self._kinematics = kinematics
        pose = np.asarray(pose, dtype=np.float64)
        self._pose = np.concatenate([pose[:3], normalize_quat(pose[3:])])

    def velocity(self, joints: Array, time_s: float, duration_s: float) -> Array:
        return self._kinematics.velocity(joints, self._pose, duration_s)


class JointReference:
    """Follows joint positions (7,) in rad."""

    def __init__(self, limits_rad_s: Array, joints: ArrayLike) -> None:
        self._limits = limits_rad_s
        self._goal = np.array(joints, dtype=np.float64)

    def velocity(self, joints: Array, time_s: float, duration_s: float) -> Array:
        speed = (self._goal - joints) * _gain(duration_s, RESPONSE_TIME_S) / duration_s
        return np.clip(speed, -self._limits, self._limits)


class TrajectoryReference:
    """Follows joint positions (T, 7) rad at times (T,) s, then holds the last ones.

    Cubic where velocities (T, 7) rad/s are given, linear otherwise.
    """

    def __init__(
        self,
        limits_rad_s: Array,
        times_s: ArrayLike,
        positions: Array,
        velocities: Array | None = None,
    ) -> None:
        self._limits = limits_rad_s
        self._end_s = float(np.asarray(times_s)[-1])
        self._curve = joint_curve(times_s, positions, velocities)

    def velocity(self, joints: Array, time_s: float, duration_s: float) -> Array:
        goal = self._curve(min(time_s + duration_s, self._end_s))
        return np.clip((goal - joints) / duration_s, -self._limits, self._limits)


def limit_change(values: Array, wanted: Array, most: float) -> Array:
    """`values` (N,) plus the change to `wanted` (N,), scaled down until no number changes by more
    than `most`."""
    change = wanted - values
    return values + change * min(1.0, most / max(float(np.abs(change).max()), most))


def _gain(duration_s: float, response_time_s: float) -> float:
    """Share of an error that a first-order response takes away in a time."""
    return float(1.0 - np.exp(-duration_s / response_time_s))
