"""Velocities of sampled signals by central differences, one-sided at the ends."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from groot_ros.geometry import continuous_quats

Array = NDArray[np.float64]


def joint_velocities(positions: Array, step_s: float) -> Array:
    """Velocities (T, D) in 1/s of samples (T, D) that are `step_s` apart."""
    if len(positions) < 2:
        return np.zeros_like(positions)
    return np.gradient(positions, step_s, axis=0)


def pose_velocities(poses: Array, step_s: float) -> tuple[Array, Array]:
    """Linear (T, 3) m/s and angular (T, 3) rad/s velocity of poses (T, 7), in the base frame."""
    linear = joint_velocities(poses[:, :3], step_s)
    if len(poses) < 2:
        return linear, np.zeros((len(poses), 3))
    rotations = Rotation.from_quat(continuous_quats(poses[:, 3:])[:, [1, 2, 3, 0]])
    between = (rotations[1:] * rotations[:-1].inv()).as_rotvec() / step_s
    angular = np.concatenate([between[:1], (between[1:] + between[:-1]) / 2, between[-1:]])
    return linear, angular
