"""A pose as its position and a quaternion."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from groot_ros.codecs.representations.base import Array, Representation
from groot_ros.geometry import normalize_quat
from groot_ros.signals.kinds import POSE, WXYZ_TO_XYZW, XYZW_TO_WXYZ
from groot_ros.signals.signals import SignalSpec

# Gripper pointing down: far from it, on the other side of the rotation group, is where an arm on
# a table never goes, so quaternions near this one never change sign while the arm moves.
GRIPPER_DOWN = (0.0, 1.0, 0.0, 0.0)


@dataclass(frozen=True)
class XyzQuat(Representation):
    """xyz in m and a unit quaternion, in the `order` wxyz or xyzw.

    A quaternion and its negative are one rotation. `sign` reference takes the one in the
    hemisphere of the gripper pointing down: that needs no memory, so live and recorded data agree,
    and it is continuous along an episode as long as the gripper stays within 180 degrees of it.
    `driver` leaves the sign as it came.
    """

    kinds = (POSE,)
    order: Literal["wxyz", "xyzw"] = "wxyz"
    sign: Literal["reference", "driver"] = "reference"

    def names(self, signal: SignalSpec) -> tuple[str, ...]:
        return ("x", "y", "z", *(f"q{letter}" for letter in self.order))

    def columns(self, values: Array) -> Array:
        quat = normalize_quat(values[..., 3:])
        if self.sign == "reference":
            flip = np.sum(quat * np.asarray(GRIPPER_DOWN), axis=-1, keepdims=True) < 0
            quat = np.where(flip, -quat, quat)
        pose = np.concatenate([values[..., :3], quat], axis=-1)
        return pose if self.order == "wxyz" else pose[..., WXYZ_TO_XYZW]

    def values(self, columns: Array) -> Array:
        pose = columns if self.order == "wxyz" else columns[..., XYZW_TO_WXYZ]
        return np.concatenate([pose[..., :3], normalize_quat(pose[..., 3:])], axis=-1)
