"""The parts of a codec: how one signal becomes columns of numbers and back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from groot_ros.errors import UserError
from groot_ros.geometry import normalize_quat, pose9_to_pose, pose_to_pose9
from groot_ros.observation.types import Observation
from groot_ros.signals.kinds import CLOSURE, JOINTS, POSE, VECTOR, VELOCITY, Kind
from groot_ros.signals.signals import Signals, SignalSpec

Array = NDArray[np.float64]

# Gripper pointing down: far from it, on the other side of the rotation group, is where an arm on
# a table never goes, so quaternions near this one never change sign while the arm moves.
GRIPPER_DOWN = (0.0, 1.0, 0.0, 0.0)


@dataclass(frozen=True)
class Part(ABC):
    """One signal, any of the kinds that the part takes, and its columns (..., D) under a key.

    The key is the signal's name where none is given.
    """

    signal: SignalSpec
    key: str = ""
    kinds: ClassVar[tuple[Kind, ...]]

    def __post_init__(self) -> None:
        if self.signal.kind not in self.kinds:
            expected = " or ".join(kind.name for kind in self.kinds)
            raise UserError(
                f"signal {self.signal.name} is of kind {self.signal.kind.name}, "
                f"{type(self).__name__} takes {expected}: choose another representation"
            )
        if not self.key:
            object.__setattr__(self, "key", self.signal.key)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns."""
        return self.signal.columns

    @abstractmethod
    def columns(self, values: Array) -> Array:
        """Columns (..., D) of values."""

    @abstractmethod
    def values(self, columns: Array) -> Array:
        """The inverse of `columns`."""


@dataclass(frozen=True)
class PoseQuat(Part):
    """A pose as xyz + quaternion wxyz, in the hemisphere of a reference quaternion.

    The choice of sign needs no memory, so live and recorded data agree, and it is continuous
    along an episode as long as the gripper stays within 180 degrees of the reference.
    """

    kinds = (POSE,)
    reference: tuple[float, float, float, float] = GRIPPER_DOWN

    def columns(self, values: Array) -> Array:
        quat = normalize_quat(values[..., 3:])
        flip = np.sum(quat * np.asarray(self.reference), axis=-1, keepdims=True) < 0
        return np.concatenate([values[..., :3], np.where(flip, -quat, quat)], axis=-1)

    def values(self, columns: Array) -> Array:
        quat = normalize_quat(columns[..., 3:])
        return np.concatenate([columns[..., :3], quat], axis=-1)


@dataclass(frozen=True)
class PoseRot6d(Part):
    """A pose as xyz + the first two rows of the rotation matrix."""

    kinds = (POSE,)

    @property
    def names(self) -> tuple[str, ...]:
        return ("x", "y", "z", "r00", "r01", "r02", "r10", "r11", "r12")

    def columns(self, values: Array) -> Array:
        return pose_to_pose9(values)

    def values(self, columns: Array) -> Array:
        return pose9_to_pose(columns)


@dataclass(frozen=True)
class Numbers(Part):
    """Joint positions, velocities or a vector as they are, in the robot file's order."""

    kinds = (JOINTS, VELOCITY, VECTOR)

    def columns(self, values: Array) -> Array:
        return np.asarray(values, dtype=np.float64)

    def values(self, columns: Array) -> Array:
        return np.asarray(columns, dtype=np.float64)


@dataclass(frozen=True)
class Grip(Part):
    """Gripper closure in [0, 1], 1 closed."""

    kinds = (CLOSURE,)

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

    @property
    def signals(self) -> tuple[str, ...]:
        """Names of the signals that it reads."""
        return tuple(part.signal.name for part in self.parts)

    @property
    def joints(self) -> tuple[str, ...]:
        """Names of the joints that it reads, empty for none."""
        named = (part.signal.names for part in self.parts if part.signal.kind == JOINTS)
        return next(named, ())

    def encode(self, observation: Observation) -> dict[str, Array]:
        """State columns {key: (1, D)}; UserError names a signal that is missing or not finite."""
        state = {}
        for part in self.parts:
            name = part.signal.name
            values = observation.signals.get(name)
            if values is None:
                raise UserError(
                    f"the observation has no {name}, which this variant reads: name its "
                    "topic in the robot file or choose a variant without it"
                )
            columns = part.columns(values)
            if columns.shape != (len(part.names),):
                raise UserError(
                    f"{name} gives {columns.shape[-1] if columns.ndim else 0} numbers, "
                    f"expected {len(part.names)} ({', '.join(part.names)}): check the robot file"
                )
            if not np.all(np.isfinite(columns)):
                raise UserError(f"{name} holds NaN or infinity: check its publisher")
            state[part.key] = columns[None]
        return state


@dataclass(frozen=True)
class ActionPart:
    """The actions that the model answers: parts side by side, both ways."""

    parts: tuple[Part, ...]

    @property
    def signals(self) -> tuple[str, ...]:
        """Names of the signals that it means."""
        return tuple(part.signal.name for part in self.parts)

    def encode(self, steps: Signals) -> dict[str, Array]:
        """Action columns {key: (T, D)} of steps, the labels of a dataset."""
        columns = {}
        for part in self.parts:
            values = steps.get(part.signal.name)
            if values is None:
                raise UserError(
                    f"the steps have no {part.signal.name}, which this variant predicts"
                )
            columns[part.key] = part.columns(values)
        return columns

    def decode(self, output: Mapping[str, Array]) -> Signals:
        """Steps of action columns {key: (T, D)}; UserError names a key, size or number amiss."""
        steps = {}
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
            steps[part.signal] = part.values(columns)
        return Signals.of(steps)
