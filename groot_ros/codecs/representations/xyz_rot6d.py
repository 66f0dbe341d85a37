"""A pose as its position and two rows of its rotation matrix."""

from __future__ import annotations

from groot_ros.codecs.representations.base import Array, Representation
from groot_ros.geometry import pose9_to_pose, pose_to_pose9
from groot_ros.signals.kinds import POSE
from groot_ros.signals.signals import SignalSpec


class XyzRot6d(Representation):
    """xyz in m and the first two rows of the rotation matrix, made orthonormal by Gram-Schmidt in
    decoding (Zhou et al. 2019, "On the continuity of rotation representations")."""

    kinds = (POSE,)

    def names(self, signal: SignalSpec) -> tuple[str, ...]:
        return ("x", "y", "z", "r00", "r01", "r02", "r10", "r11", "r12")

    def columns(self, values: Array) -> Array:
        return pose_to_pose9(values)

    def values(self, columns: Array) -> Array:
        return pose9_to_pose(columns)
