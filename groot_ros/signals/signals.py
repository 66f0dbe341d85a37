"""Values of a robot's signals by name: of one moment, or of the steps of a chunk."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from groot_ros.signals.kinds import CLOSURE, JOINTS, POSE, Kind

Array = NDArray[np.float64]

SEPARATOR = "/"
"""Between the name of one of several arms and that of its signal."""


@dataclass(frozen=True)
class SignalSpec:
    """A named quantity of a robot.

    Args:
        name: as in the robot file, for example ee_pose or left/ee_pose.
        kind: what is asked of its values.
        names: of the numbers of a value, where the kind has one for each; in their order.
        frame: of a pose; empty for the robot's base frame.
        link: whose pose it is; empty where nobody has said.
        unit: of the numbers, where the kind leaves it open.
    """

    name: str
    kind: Kind
    names: tuple[str, ...] = ()
    frame: str = ""
    link: str = ""
    unit: str = ""

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of a value."""
        return self.kind.shape(len(self.names))

    @property
    def blank(self) -> Array:
        """A physically possible value (N,), a closure (), for trials."""
        return self.kind.blank(len(self.names))

    @property
    def key(self) -> str:
        """Its name as that of a dataset's column."""
        return self.name.replace(SEPARATOR, "_")

    @property
    def arm(self) -> str:
        """Which of several arms it is of; empty for none of several."""
        return self.name.rpartition(SEPARATOR)[0]

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the numbers of a value."""
        return self.kind.columns(self.names, self.key)


# The signals of a single arm; joints are named by its robot file.
EE_POSE = SignalSpec("ee_pose", POSE)
JOINT_POSITION = SignalSpec("joint_position", JOINTS)
GRIP = SignalSpec("grip", CLOSURE)
ARM = (EE_POSE, JOINT_POSITION, GRIP)


def of_arm(arm: str, signal: str) -> str:
    """The name of a signal of one of several arms, for example left/ee_pose; of a single one,
    whose name is empty, as it is."""
    return f"{arm}{SEPARATOR}{signal}" if arm else signal


def arm_signal(name: str) -> SignalSpec | None:
    """What a signal of an arm is by its name, of a single one or of one of several; None for any
    other signal."""
    own = name.rpartition(SEPARATOR)[2]
    spec = next((spec for spec in ARM if spec.name == own), None)
    return spec and replace(spec, name=name)


@dataclass(frozen=True, eq=False)
class Signals(Mapping[str, Array]):
    """Arrays by the name of their signal, in order; one that is not there is just missing.

    Arrays are (N,) of one moment or (T, N) of many, as the kind's values are; nobody changes them.
    """

    specs: tuple[SignalSpec, ...] = ()
    arrays: tuple[Array, ...] = ()

    def __post_init__(self) -> None:
        if len(self.specs) != len(self.arrays):
            raise ValueError(f"{len(self.specs)} signals have {len(self.arrays)} arrays")

    @classmethod
    def of(cls, values: Mapping[SignalSpec, ArrayLike | None]) -> Signals:
        """Signals with their values; None stands for one that is not there."""
        known = {spec: value for spec, value in values.items() if value is not None}
        arrays = tuple(np.asarray(value, dtype=np.float64) for value in known.values())
        return cls(tuple(known), arrays)

    def __getitem__(self, name: str) -> Array:
        for spec, array in self.pairs():
            if spec.name == name:
                return array
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return (spec.name for spec in self.specs)

    def __len__(self) -> int:
        return len(self.specs)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Signals):
            return NotImplemented
        pairs = zip(self.arrays, other.arrays, strict=False)
        return self.specs == other.specs and all(np.array_equal(*pair) for pair in pairs)

    def __hash__(self) -> int:
        return hash(self.specs)

    def spec(self, name: str) -> SignalSpec:
        """What a signal that is there is; KeyError for one that is not."""
        for spec in self.specs:
            if spec.name == name:
                return spec
        raise KeyError(name)

    @property
    def steps(self) -> int:
        """Length of the leading axis, where signals are of many times."""
        return len(self.arrays[0]) if self.arrays else 0

    def first(self, kind: Kind) -> Array | None:
        """The first signal of a kind; None without one."""
        return next((array for spec, array in self.pairs() if spec.kind == kind), None)

    @property
    def motion(self) -> SignalSpec | None:
        """The first signal that an executor can follow; None without one."""
        return next((spec for spec in self.specs if spec.kind.is_motion), None)

    def pairs(self) -> Iterator[tuple[SignalSpec, Array]]:
        """Each signal and its array."""
        return zip(self.specs, self.arrays, strict=True)

    def map(self, function: Callable[[SignalSpec, Array], Array]) -> Signals:
        """The same signals with other arrays."""
        arrays = tuple(function(spec, array) for spec, array in self.pairs())
        return Signals(self.specs, arrays)

    def replaced(self, values: Mapping[str, Array]) -> Signals:
        """A copy with other arrays of some signals; KeyError for a signal that is missing."""
        for name in values:
            self.spec(name)
        return self.map(lambda spec, array: values.get(spec.name, array))

    def with_signal(self, spec: SignalSpec, array: Array) -> Signals:
        """A copy with one more signal; an existing one of its name is replaced in place."""
        if spec.name in self:
            specs = tuple(spec if own.name == spec.name else own for own in self.specs)
            return Signals(specs, self.replaced({spec.name: array}).arrays)
        return Signals((*self.specs, spec), (*self.arrays, array))

    def at(self, index: int | slice | NDArray[np.int64]) -> Signals:
        """The signals at one index, or at several, of the leading axis."""
        return Signals(self.specs, tuple(array[index] for array in self.arrays))


def arm_signals(
    *,
    ee_pose: ArrayLike | None = None,
    joint_position: ArrayLike | None = None,
    grip: ArrayLike | None = None,
) -> Signals:
    """The signals of a single arm: poses (..., 7), joint positions (..., J), closures (...)."""
    return Signals.of({EE_POSE: ee_pose, JOINT_POSITION: joint_position, GRIP: grip})
