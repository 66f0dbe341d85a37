"""A pose as its position and roll, pitch, yaw."""

from __future__ import annotations

import numpy as np

from groot_ros.codecs.representations.base import ANGLES, Array, Representation
from groot_ros.geometry import multiply_quats, quat_to_matrix, rotvec_to_quat
from groot_ros.signals.kinds import POSE
from groot_ros.signals.signals import SignalSpec

# Below this cosine of the pitch roll and yaw turn about the same axis.
LOCKED = 1e-9


class XyzRpy(Representation):
    """xyz in m and turns in rad about the fixed axes x, then y, then z, as in a URDF.

    R = Rz(yaw) Ry(pitch) Rx(roll), whose first column is (cy cp, sy cp, -sp) and whose last row
    is (-sp, cp sr, cp cr): yaw, pitch and roll are read from these. With cp = 0 only their sum or
    difference is known, then yaw is 0 and roll is read from the middle column (0, cr, sr).
    """

    kinds = (POSE,)
    units = ANGLES
    measured = slice(3, 6)

    def names(self, signal: SignalSpec) -> tuple[str, ...]:
        return ("x", "y", "z", "roll", "pitch", "yaw")

    def columns(self, values: Array) -> Array:
        matrix = quat_to_matrix(values[..., 3:])
        cosine = np.hypot(matrix[..., 0, 0], matrix[..., 1, 0])
        is_free = cosine > LOCKED
        pitch = np.arctan2(-matrix[..., 2, 0], cosine)
        yaw = np.where(is_free, np.arctan2(matrix[..., 1, 0], matrix[..., 0, 0]), 0.0)
        roll = np.where(
            is_free,
            np.arctan2(matrix[..., 2, 1], matrix[..., 2, 2]),
            np.arctan2(-matrix[..., 1, 2], matrix[..., 1, 1]),
        )
        turns = np.stack([roll, pitch, yaw], axis=-1)
        return np.concatenate([values[..., :3], turns], axis=-1)

    def values(self, columns: Array) -> Array:
        # A turn of each about its own axis: the rows of the identity times the angles.
        turns = columns[..., 3:, None] * np.eye(3)
        roll, pitch, yaw = (rotvec_to_quat(turns[..., axis, :]) for axis in range(3))
        quat = multiply_quats(yaw, multiply_quats(pitch, roll))
        return np.concatenate([columns[..., :3], quat], axis=-1)
