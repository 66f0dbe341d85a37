"""A pose as its position and a rotation vector."""

from __future__ import annotations

import numpy as np

from groot_ros.codecs.representations.base import ANGLES, Array, Representation
from groot_ros.geometry import normalize_quat, quat_to_rotvec, rotvec_to_quat
from groot_ros.signals.kinds import POSE
from groot_ros.signals.signals import SignalSpec


class XyzRotvec(Representation):
    """xyz in m and the axis of rotation times its angle, no longer than pi rad."""

    kinds = (POSE,)
    units = ANGLES
    measured = slice(3, 6)

    def names(self, signal: SignalSpec) -> tuple[str, ...]:
        return ("x", "y", "z", "rx", "ry", "rz")

    def columns(self, values: Array) -> Array:
        turn = quat_to_rotvec(normalize_quat(values[..., 3:]))
        return np.concatenate([values[..., :3], turn], axis=-1)

    def values(self, columns: Array) -> Array:
        return np.concatenate([columns[..., :3], rotvec_to_quat(columns[..., 3:])], axis=-1)
