"""Joints that put an arm's tool at poses, by damped Newton steps within the joints' range.

One step solves, for the error e (6,) of the tool's place and turn and its Jacobian J,

    dq = d + J' (J J' + s 1)^-1 (e - J d),   d = posture - q,

which is the smallest change beside d that removes e: among all joints that reach a pose those
nearest to a posture are found, so that the joints depend on the pose and not on the way there.
The damping s grows with the error (Sugihara 2011, "Solvability-Unconcerned Inverse Kinematics by
the Levenberg-Marquardt Method") and is no hindrance near the solution.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from groot_ros.geometry import pose_to_matrix
from groot_ros.robot.forward_kinematics import ForwardKinematics

Array = NDArray[np.float64]

ITERATIONS = 30
# Of the squared error, and where there is none: far below what a singular value of an arm that
# can move is, squared.
DAMPING, LEAST_DAMPING = 1e-2, 1e-9
LONGEST_STEP_RAD = 0.3
# A solution; the rest of the way towards the posture is below the second.
CLOSE, SETTLED_RAD = 1e-6, 1e-4


@dataclass(frozen=True)
class Solution:
    """Joints (N, J) for poses and how far they leave the tool from each: m (N,) and rad (N,)."""

    joints: Array
    error_m: Array
    error_rad: Array


class InverseKinematics:
    """Joints for poses of the first frame of `arm`, within `lower` and `upper` (J,) in rad."""

    def __init__(self, arm: ForwardKinematics, lower: Array, upper: Array) -> None:
        self.arm = arm
        self.lower, self.upper = lower, upper

    def pose(self, joints: Array) -> Array:
        """Poses (..., 7) of the tool for joints (..., J)."""
        return self.arm.poses(joints)[..., 0, :]

    def solve(self, poses: Array, starts: Array, posture: Array) -> Solution:
        """Joints for poses (N, 7), each found from its own start (N, J)."""
        targets = pose_to_matrix(poses)
        joints = np.clip(starts, self.lower, self.upper)
        for _ in range(ITERATIONS):
            frames, jacobian = self.arm.jacobian(joints)
            error = _difference(targets, frames[:, 0])
            step = self._step(joints, error, jacobian[:, 0], posture)
            if np.abs(error).max() < CLOSE and np.abs(step).max() < SETTLED_RAD:
                break
            joints = np.clip(joints + step, self.lower, self.upper)
        error = _difference(targets, self.arm.frames(joints)[:, 0])
        return Solution(
            joints, np.linalg.norm(error[:, :3], axis=1), np.linalg.norm(error[:, 3:], axis=1)
        )

    def _step(self, joints: Array, error: Array, jacobian: Array, posture: Array) -> Array:
        """Changes (N, J) of the joints; one at its limit is left out where it would go beyond."""
        free = np.ones_like(joints)
        step = _newton(error, jacobian, posture - joints, free)
        for _ in range(joints.shape[1]):
            beyond = ((joints <= self.lower) & (step < 0)) | ((joints >= self.upper) & (step > 0))
            if not np.any(beyond & (free > 0)):
                break
            free = np.where(beyond, 0.0, free)
            step = _newton(error, jacobian, posture - joints, free)
        longest = np.abs(step).max(axis=1, keepdims=True)
        return np.asarray(step * np.minimum(1.0, LONGEST_STEP_RAD / np.maximum(longest, 1e-12)))


def _newton(error: Array, jacobian: Array, wish: Array, free: Array) -> Array:
    """The step of the module's docstring, for the joints that are free (N, J)."""
    jacobian, wish = jacobian * free[:, None], wish * free
    transposed = np.swapaxes(jacobian, 1, 2)
    damping = DAMPING * np.sum(error * error, axis=1) + LEAST_DAMPING
    square = jacobian @ transposed + damping[:, None, None] * np.eye(6)
    rest = error - (jacobian @ wish[..., None])[..., 0]
    return wish + (transposed @ np.linalg.solve(square, rest[..., None]))[..., 0]


def _difference(targets: Array, frames: Array) -> Array:
    """Translation in m and rotation vector in rad (N, 6) that lead from frames to targets."""
    turn = targets[:, :3, :3] @ np.swapaxes(frames[:, :3, :3], 1, 2)
    # The skew part of a rotation is sin(angle) axis, its trace 1 + 2 cos(angle).
    axis = np.stack([turn[:, 2, 1], turn[:, 0, 2], turn[:, 1, 0]], axis=1)
    axis = (axis - np.stack([turn[:, 1, 2], turn[:, 2, 0], turn[:, 0, 1]], axis=1)) / 2
    sine = np.linalg.norm(axis, axis=1)
    angle = np.arctan2(sine, (np.trace(turn, axis1=1, axis2=2) - 1) / 2)
    scale = np.where(sine < 1e-9, 1.0, angle / np.maximum(sine, 1e-9))
    return np.concatenate([(targets - frames)[:, :3, 3], axis * scale[:, None]], axis=1)
