"""The parts of a codec: how one signal becomes columns of numbers and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from groot_ros.codecs.types import Observation, Steps
from groot_ros.errors import UserError
from groot_ros.geometry import normalize_quat, pose9_to_pose, pose_to_pose9

Array = NDArray[np.float64]

# Gripper pointing down: far from it, on the other side of the rotation group, is where an arm on
# a table never goes, so quaternions near this one never change sign while the arm moves.
GRIPPER_DOWN = (0.0, 1.0, 0.0, 0.0)


class Part(Protocol):
    """One signal: the field it stands for, its key and names, columns (..., D) and back."""

    @property
    def field(self) -> str: ...
    @property
    def key(self) -> str: ...
    @property
    def names(self) -> tuple[str, ...]: ...
    def columns(self, values: Array) -> Array: ...
    def values(self, columns: Array) -> Array: ...


@dataclass(frozen=True)
class PoseQuat:
    """End-effector pose as xyz + quaternion wxyz, in the hemisphere of a reference quaternion.

    The choice of sign needs no memory, so live and recorded data agree, and it is continuous
    along an episode as long as the gripper stays within 180 degrees of the reference.
    """

    key: str = "ee_pose"
    field: str = "ee_pose"
    reference: tuple[float, float, float, float] = GRIPPER_DOWN

    @property
    def names(self) -> tuple[str, ...]:
        return ("x", "y", "z", "qw", "qx", "qy", "qz")

    def columns(self, values: Array) -> Array:
        quat = normalize_quat(values[..., 3:])
        flip = np.sum(quat * np.asarray(self.reference), axis=-1, keepdims=True) < 0
        return np.concatenate([values[..., :3], np.where(flip, -quat, quat)], axis=-1)

    def values(self, columns: Array) -> Array:
        quat = normalize_quat(columns[..., 3:])
        return np.concatenate([columns[..., :3], quat], axis=-1)


@dataclass(frozen=True)
class PoseRot6d:
    """End-effector pose as xyz + the first two rows of the rotation matrix."""

    key: str = "ee_pose"
    field: str = "ee_pose"

    @property
    def names(self) -> tuple[str, ...]:
        return ("x", "y", "z", "r00", "r01", "r02", "r10", "r11", "r12")

    def columns(self, values: Array) -> Array:
        return pose_to_pose9(values)

    def values(self, columns: Array) -> Array:
        return pose9_to_pose(columns)


@dataclass(frozen=True)
class JointPosition:
    """Joint positions in rad, in the robot file's order."""

    joints: tuple[str, ...]
    key: str = "joint_position"
    field: str = "joint_position"

    @property
    def names(self) -> tuple[str, ...]:
        return self.joints

    def columns(self, values: Array) -> Array:
        return np.asarray(values, dtype=np.float64)

    def values(self, columns: Array) -> Array:
        return np.asarray(columns, dtype=np.float64)


@dataclass(frozen=True)
class Grip:
    """Gripper closure in [0, 1], 1 closed."""

    key: str = "grip"
    field: str = "grip"

    @property
    def names(self) -> tuple[str, ...]:
        return ("grip",)

    def columns(self, values: Array) -> Array:
        return np.asarray(values, dtype=np.float64)[..., None]

    def values(self, columns: Array) -> Array:
        return np.clip(columns[..., 0], 0.0, 1.0)


@dataclass(frozen=True)
class BinaryGrip(Grip):
    """Gripper closure as a decision: 1 where the fingers have closed by `closing`, else 0.

    What is in the hand stops the fingers long before they are shut, so the threshold is low.
    """

    closing: float = 0.2
    threshold: float = 0.5

    def columns(self, values: Array) -> Array:
        return (super().columns(values) > self.closing).astype(np.float64)

    def values(self, columns: Array) -> Array:
        return (super().values(columns) > self.threshold).astype(np.float64)


@dataclass(frozen=True)
class ObservationPart:
    """The state that the model reads: parts side by side."""

    parts: tuple[Part, ...]

    def encode(self, observation: Observation) -> dict[str, Array]:
        """State columns {key: (1, D)}; UserError names a signal that is missing or not finite."""
        state = {}
        for part in self.parts:
            values = getattr(observation, part.field)
            if values is None:
                raise UserError(
                    f"the observation has no {part.field}, which this variant reads: name its "
                    "topic in the robot file or choose a variant without it"
                )
            columns = part.columns(np.asarray(values, dtype=np.float64))
            if columns.shape != (len(part.names),):
                raise UserError(
                    f"{part.field} gives {columns.shape[-1] if columns.ndim else 0} numbers, "
                    f"expected {len(part.names)} ({', '.join(part.names)}): check the robot file"
                )
            if not np.all(np.isfinite(columns)):
                raise UserError(f"{part.field} holds NaN or infinity: check its publisher")
            state[part.key] = columns[None]
        return state


@dataclass(frozen=True)
class ActionPart:
    """The actions that the model answers: parts side by side, both ways."""

    parts: tuple[Part, ...]

    def encode(self, steps: Steps) -> dict[str, Array]:
        """Action columns {key: (T, D)} of steps, the labels of a dataset."""
        columns = {}
        for part in self.parts:
            values = getattr(steps, part.field)
            if values is None:
                raise UserError(f"the steps have no {part.field}, which this variant predicts")
            columns[part.key] = part.columns(values)
        return columns

    def decode(self, output: Mapping[str, Array]) -> Steps:
        """Steps of action columns {key: (T, D)}; UserError names a key, size or number amiss."""
        fields = {}
        for part in self.parts:
            if part.key not in output:
                raise UserError(
                    f"the model's answer has no {part.key!r}, only {', '.join(output)}: "
                    "the checkpoint is of another variant"
                )
            columns = np.asarray(output[part.key], dtype=np.float64)
            if columns.ndim != 2 or columns.shape[1] != len(part.names):
                raise UserError(
                    f"the model's {part.key!r} has shape {columns.shape}, expected "
                    f"(steps, {len(part.names)}): the checkpoint is of another variant"
                )
            if not np.all(np.isfinite(columns)):
                raise UserError(f"the model's {part.key!r} holds NaN or infinity")
            fields[part.field] = part.values(columns)
        return Steps(**fields)
