"""The parts of a codec: how one signal becomes columns of numbers under a key, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from groot_ros.codecs.representations.base import Representation
from groot_ros.errors import UserError
from groot_ros.geometry import invert, matrix_to_pose, pose_to_matrix
from groot_ros.observation.types import Feature, Observation
from groot_ros.signals.kinds import JOINTS
from groot_ros.signals.signals import Signals, SignalSpec, of_arm

Array = NDArray[np.float64]

COMMANDED, REACHED = "commanded", "reached"
NOW = (0,)


@dataclass(frozen=True)
class Affine:
    """columns = scale * numbers + offset, for all of them or one each."""

    scale: tuple[float, ...] = (1.0,)
    offset: tuple[float, ...] = (0.0,)


@dataclass(frozen=True)
class Tool:
    """Pose (7,) of a codec's frame in the link `of`, whose pose the robot tells."""

    of: str
    pose: tuple[float, ...]

    @cached_property
    def matrix(self) -> Array:
        """The pose as a homogeneous matrix (4, 4)."""
        return pose_to_matrix(np.array(self.pose))

    def seen(self, values: Array) -> Array:
        """Poses (..., 7) of the codec's frame where the link's are `values`: T_link @ tool."""
        return matrix_to_pose(pose_to_matrix(values) @ self.matrix)

    def wanted(self, values: Array) -> Array:
        """The inverse of `seen`: T_codec @ tool^-1."""
        return matrix_to_pose(pose_to_matrix(values) @ invert(self.matrix))


@dataclass(frozen=True)
class Part:
    """One signal and its columns (..., D) under a key, or one column under each of `keys`.

    The key is the signal's name where none is given. `label` is where a dataset's actions come
    from. `history` are the steps before the observation, 0, that are read.
    """

    signal: SignalSpec
    representation: Representation
    key: str = ""
    keys: tuple[str, ...] = ()
    unit: str = ""
    affine: Affine | None = None
    tool: Tool | None = None
    label: str = COMMANDED
    history: tuple[int, ...] = NOW

    def __post_init__(self) -> None:
        if not self.key:
            object.__setattr__(self, "key", self.signal.key)
        kinds = self.representation.kinds
        if self.signal.kind not in kinds:
            expected = " or ".join(kind.name for kind in kinds)
            raise UserError(
                f"signal {self.signal.name} of key {self.key} is of kind {self.signal.kind.name}, "
                f"{type(self.representation).__name__} takes {expected}: choose another "
                "representation"
            )
        count = len(self.names)
        if self.keys and len(self.keys) != count:
            raise UserError(
                f"key {self.key} has {len(self.keys)} keys for the {count} numbers "
                f"{' '.join(self.names)}: name one for each, or none"
            )
        affine = self.affine or Affine()
        for name, numbers in ("scale", affine.scale), ("offset", affine.offset):
            if len(numbers) not in (1, count):
                raise UserError(
                    f"affine.{name} of key {self.key} has {len(numbers)} numbers, expected one or "
                    f"{count}, one for each of {' '.join(self.names)}"
                )

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of the columns."""
        return self.representation.names(self.signal)

    @cached_property
    def features(self) -> tuple[Feature, ...]:
        """Its keys."""
        if not self.keys:
            return (Feature(self.key, self.names),)
        return tuple(Feature(key, (key,)) for key in self.keys)

    @cached_property
    def _scale(self) -> Array:
        factors = np.ones(len(self.names))
        if self.unit:
            factors[self.representation.measured] = self.representation.units[self.unit]
        return factors * (self.affine.scale if self.affine else 1.0)

    @cached_property
    def _offset(self) -> Array:
        return np.array(self.affine.offset if self.affine else (0.0,))

    @property
    def _is_scaled(self) -> bool:
        return bool(self.unit or self.affine)

    def columns(self, values: Array) -> Array:
        """Columns (..., D) of the signal's values."""
        columns = self.representation.columns(self.tool.seen(values) if self.tool else values)
        return self._scale * columns + self._offset if self._is_scaled else columns

    def values(self, columns: Array) -> Array:
        """The inverse of `columns`."""
        if self._is_scaled:
            columns = (columns - self._offset) / self._scale
        values = self.representation.values(columns)
        return self.tool.wanted(values) if self.tool else values

    def split(self, columns: Array) -> dict[str, Array]:
        """Columns by key."""
        if not self.keys:
            return {self.key: columns}
        return {key: columns[..., [index]] for index, key in enumerate(self.keys)}


@dataclass(frozen=True)
class Ignored:
    """An action of a checkpoint that the robot does not follow: `size` numbers under a key."""

    key: str
    size: int

    @property
    def features(self) -> tuple[Feature, ...]:
        return (Feature(self.key, tuple(f"{self.key}_{index}" for index in range(self.size))),)


@dataclass(frozen=True)
class ObservationPart:
    """The state that the model reads: parts side by side."""

    parts: tuple[Part, ...]

    @property
    def features(self) -> tuple[Feature, ...]:
        """Its keys, in order."""
        return tuple(feature for part in self.parts for feature in part.features)

    @property
    def history(self) -> tuple[int, ...]:
        """The steps that all parts read, the last one 0."""
        return self.parts[0].history

    @property
    def signals(self) -> tuple[str, ...]:
        """Names of the signals that it reads."""
        return tuple(dict.fromkeys(part.signal.name for part in self.parts))

    @property
    def joints(self) -> tuple[str, ...]:
        """Names of the joints that it reads, of several arms with the arm's; empty for none."""
        signals = [part.signal for part in self.parts if part.signal.kind == JOINTS]
        named = [of_arm(signal.arm, joint) for signal in signals for joint in signal.names]
        return tuple(dict.fromkeys(named))

    def encode(self, observation: Observation) -> dict[str, Array]:
        """State columns {key: (T, D)}, T of the parts' history; UserError names what is amiss."""
        state: dict[str, Array] = {}
        for part in self.parts:
            moments = (observation.at(step) for step in part.history)
            state |= part.split(np.stack([_observed(part, moment) for moment in moments]))
        return state


def _observed(part: Part, observation: Observation) -> Array:
    """The columns (D,) of a moment; UserError when its signal is missing or not finite."""
    name = part.signal.name
    values = observation.signals.get(name)
    if values is None:
        raise UserError(
            f"the observation has no {name}, which this variant reads: name its "
            "topic in the robot file or choose a variant without it"
        )
    if values.shape != (expected := part.signal.shape):
        raise UserError(
            f"{name} gives {values.shape[-1] if values.ndim else 0} numbers, "
            f"expected {expected[0] if expected else 1} "
            f"({', '.join(part.signal.columns)}): check the robot file"
        )
    columns = part.columns(values)
    if not np.all(np.isfinite(columns)):
        raise UserError(f"{name} holds NaN or infinity: check its publisher")
    return columns


@dataclass(frozen=True)
class ActionPart:
    """The actions that the model answers: parts side by side, both ways."""

    entries: tuple[Part | Ignored, ...]

    @property
    def parts(self) -> tuple[Part, ...]:
        """Those that the robot follows."""
        return tuple(entry for entry in self.entries if isinstance(entry, Part))

    @property
    def features(self) -> tuple[Feature, ...]:
        """All keys, in order."""
        return tuple(feature for entry in self.entries for feature in entry.features)

    @property
    def ignored(self) -> tuple[str, ...]:
        """Keys that the robot does not follow."""
        return tuple(entry.key for entry in self.entries if isinstance(entry, Ignored))

    @property
    def signals(self) -> tuple[str, ...]:
        """Names of the signals that it means."""
        return tuple(part.signal.name for part in self.parts)

    def encode(self, steps: Signals) -> dict[str, Array]:
        """Action columns {key: (T, D)} of steps, the labels of a dataset; UserError for steps
        without a signal of these."""
        columns: dict[str, Array] = {}
        for part in self.parts:
            values = steps.get(part.signal.name)
            if values is None:
                raise UserError(
                    f"the steps have no {part.signal.name}, which this variant predicts"
                )
            columns |= part.split(part.columns(values))
        return columns

    def decode(self, output: Mapping[str, Array]) -> Signals:
        """Steps of action columns {key: (T, D)}; UserError names a key, size or number amiss."""
        steps = {}
        for part in self.parts:
            columns = [_read(output, feature) for feature in part.features]
            steps[part.signal] = part.values(np.concatenate(columns, axis=-1))
        return Signals.of(steps)


def _read(output: Mapping[str, Array], feature: Feature) -> Array:
    key = feature.key
    if key not in output:
        raise UserError(
            f"the model's answer has no {key!r}, only {', '.join(output)}: "
            "the checkpoint is of another variant"
        )
    columns = np.asarray(output[key], dtype=np.float64)
    if columns.ndim != 2 or columns.shape[1] != feature.size:
        raise UserError(
            f"the model's {key!r} has shape {columns.shape}, expected "
            f"(steps, {feature.size}): the checkpoint is of another variant"
        )
    if not np.all(np.isfinite(columns)):
        raise UserError(f"the model's {key!r} holds NaN or infinity")
    return columns
