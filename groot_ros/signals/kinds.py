"""The kinds of signals: each alone knows how its values are interpolated, compared and bounded.

A value is an array (..., N), of a closure (...); leading axes are times. To add a kind is to add
a class here and an entry to `KINDS`.
"""

from __future__ import annotations

from abc import ABC
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import scipy
from numpy.typing import NDArray

from groot_ros.geometry import interpolate_pose
from groot_ros.signals.space import LinearSpace, PoseSpace, Space

Array = NDArray[np.float64]

# No arm is as large, in m or rad; larger numbers are nonsense that computing would multiply.
MOST = 1000.0
QUATERNION_TOLERANCE = 0.01
# A quaternion shorter than this has no direction.
LEAST_QUAT = 1e-3
# A gripper that learned from noisy data overshoots by less.
CLOSURE_EXCESS = 0.25
# Columns of a pose: xyz and a quaternion, wxyz inside and xyzw on messages.
WXYZ_TO_XYZW = (0, 1, 2, 4, 5, 6, 3)
XYZW_TO_WXYZ = (0, 1, 2, 6, 3, 4, 5)


class OutOfRange(ValueError):
    """A value lies so far outside its range that it is no command; the message says where."""


@dataclass(frozen=True)
class Length:
    """A part of a displacement whose length is limited as one.

    `name` begins the keys of its limits in a robot file, such as linear_velocity, `measure` is
    what a length of it is called; `deceleration` is how quickly a motion ends on a robot whose
    file does not say, in `unit`/s^2.
    """

    name: str
    unit: str
    measure: str
    deceleration: float


class Kind(ABC):
    """The operations on values of one kind of signal; kinds have no state, those of a class are
    equal."""

    name: ClassVar[str]
    """On messages."""
    size: ClassVar[int | None] = None
    """Numbers of a value; None where there is one for each of the signal's names."""
    space: ClassVar[Space] = LinearSpace()
    """Differences, norms and integration."""
    is_decision: ClassVar[bool] = False
    """A command holds until the next one: the mean of two decisions is neither of them."""
    is_commanded: ClassVar[bool] = True
    """Whether chunks may hold it; the others are only observed."""
    is_held: ClassVar[bool] = True
    """Once commands run out the last value is held; else it goes to zero within its limits."""
    lengths: ClassVar[tuple[Length, ...]] = ()
    """The parts that are limited, as long as there is motion; one for all where each of the
    numbers is limited on its own."""
    is_in_frame: ClassVar[bool] = False
    """Whether a value means something in a frame only."""
    range_keys: ClassVar[tuple[str, str]] = ("", "")
    """The limits of a robot file between which `space.places` are, the lower one first."""
    range_name: ClassVar[str] = ""
    still: ClassVar[tuple[float, ...]] = ()
    """A robot at rest moves less than this, by the parts of `distances`; empty where values
    change at rest too."""

    @property
    def is_motion(self) -> bool:
        """Whether an executor can follow it along a path within limits."""
        return bool(self.lengths)

    def shape(self, count: int) -> tuple[int, ...]:
        """Shape of a value of a signal with `count` names."""
        return (self.size or count,)

    def columns(self, names: tuple[str, ...], signal: str) -> tuple[str, ...]:
        """Names of the numbers of a value."""
        return names

    def interpolate(self, start: Array, end: Array, fraction: Array | float) -> Array:
        """Values (..., N) between two; `fraction` (...) is in [0, 1]."""
        weight = np.asarray(fraction, dtype=np.float64)
        weight = weight.reshape((*weight.shape, *[1] * (np.ndim(start) - weight.ndim)))
        between: Array = (1.0 - weight) * start + weight * end
        return between

    def mean(self, values: Array, weights: Array) -> Array:
        """Mean (T, N) of values (M, T, N) with weights (M, T) whose sums over M are 1."""
        between: Array = np.einsum("mt,mt...->t...", weights, values)
        return between

    def distances(self, end: Array, start: Array) -> Array:
        """Distances (..., G) by parts between values (..., N)."""
        return self.space.lengths(self.space.difference(end, start))

    def moved(self, values: Array, reference: Array) -> NDArray[np.bool_]:
        """Which of values (T, N) differ from a reference by more than those of a robot at rest."""
        if not self.still:
            return np.zeros(len(values), dtype=bool)
        apart = self.distances(values, reference).reshape(len(values), -1)
        return np.asarray(np.any(apart > np.array(self.still), axis=1))

    def measures(self, lengths: Array) -> dict[str, Array]:
        """Lengths (G, ...) of a displacement by what they are called; all where there is one
        length for each number."""
        if len(self.lengths) == 1:
            return {self.lengths[0].measure: lengths}
        return {part.measure: lengths[index] for index, part in enumerate(self.lengths)}

    def blank(self, count: int) -> Array:
        """A physically possible value, for trials."""
        return np.zeros(self.shape(count))

    def usable(self, values: Array) -> NDArray[np.bool_]:
        """Which of values (T, N) are valid; those of a broken sensor are not."""
        return np.asarray(np.isfinite(values.reshape(len(values), -1)).all(axis=1))

    def is_usable(self, value: Array) -> bool:
        """`usable` of one value (N,), without a batch around it."""
        return bool(np.isfinite(value).all())

    def wrong(self, values: Array, signal: str) -> str | None:
        """Why commands (T, N) are not physically possible; None if they are. `signal` is the name
        for the sentence."""
        if not np.all(np.isfinite(values)):
            return f"{signal} holds NaN or infinity"
        if (largest := float(np.abs(values).max(initial=0.0))) > MOST:
            return f"{signal} holds {largest:g}, at most {MOST:g} is allowed"
        return None

    def project(
        self, values: Array, low: Array, high: Array, margin: float, signal: str
    ) -> tuple[Array, NDArray[np.bool_]]:
        """Values (T, N) moved into a range by up to `margin`, and which of them (T,) were.

        Values farther outside are left to the check of limits; OutOfRange where there is none.

        Args:
            values: Values (T, N).
            low: Lower end for the axes (D,) of `space.places`.
            high: Upper end likewise.
            margin: Largest correction, in m or rad.
            signal: Name of the signal, for the sentence.
        """
        return values, np.zeros(len(values), dtype=bool)

    def ends(self, places: Array, missing: float) -> Array:
        """One end of a range for the axes (D,) of `space.places`; `missing` where there is
        none."""
        return places

    def same_sign(self, value: Array, last: Array) -> Array:
        """The equivalent representation of a value that is nearest to the last one."""
        return value

    def to_message(self, values: Array) -> Array:
        """Values (T, N) in the order of messages."""
        return values

    def from_message(self, values: Array) -> Array:
        """The inverse of `to_message`."""
        return values

    def axis(self, index: int) -> tuple[str, str]:
        """Name and unit of an axis with a range, for messages."""
        return f"number {index + 1}", ""

    def part(self, index: int) -> tuple[Length, str]:
        """A limited part, its unit and its name among several, for messages."""
        return self.lengths[index], self.lengths[index].unit

    def away(self, lengths: Array) -> str:
        """A distance by its parts (G,), for messages."""
        worst = int(np.argmax(lengths))
        return f"{self.axis(worst)[0]} is {lengths[worst]:.2f}"


@dataclass(frozen=True)
class Pose(Kind):
    """Pose (7,) of a link in a frame: xyz in m and a quaternion wxyz."""

    name = "pose"
    size = 7
    space = PoseSpace()
    lengths = (
        Length("linear", "m", "position_m", 2.0),
        Length("angular", "rad", "rotation_rad", 6.0),
    )
    is_in_frame = True
    range_keys = ("workspace_min", "workspace_max")
    range_name = "limits.workspace"
    still = (0.002, 0.01)

    def columns(self, names: tuple[str, ...], signal: str) -> tuple[str, ...]:
        return ("x", "y", "z", "qw", "qx", "qy", "qz")

    def blank(self, count: int) -> Array:
        """Above a table, the gripper pointing down."""
        return np.array([0.5, 0.0, 0.3, 0.0, 1.0, 0.0, 0.0])

    def interpolate(self, start: Array, end: Array, fraction: Array | float) -> Array:
        return interpolate_pose(start, end, fraction)

    def mean(self, values: Array, weights: Array) -> Array:
        """Rotations are averaged by the chordal mean."""
        positions = np.einsum("mt,mtd->td", weights, values[..., :3])
        means = []
        for step in range(values.shape[1]):
            used = weights[:, step] > 0
            xyzw = values[used, step][:, [4, 5, 6, 3]]
            means.append(
                scipy.spatial.transform.Rotation.from_quat(xyzw)
                .mean(weights[used, step])
                .as_quat()
            )
        return np.concatenate([positions, np.array(means)[:, [3, 0, 1, 2]]], axis=1)

    def usable(self, values: Array) -> NDArray[np.bool_]:
        """A quaternion of length 0 is no rotation."""
        has_direction = np.sum(values[:, 3:] ** 2, axis=1) > LEAST_QUAT**2
        return np.asarray(super().usable(values) & has_direction)

    def is_usable(self, value: Array) -> bool:
        return super().is_usable(value) and bool(value[3:] @ value[3:] > LEAST_QUAT**2)

    def wrong(self, values: Array, signal: str) -> str | None:
        if reason := super().wrong(values, signal):
            return reason
        lengths = np.linalg.norm(values[:, 3:], axis=1)
        step = int(np.argmax(np.abs(lengths - 1.0)))
        if abs(lengths[step] - 1.0) > QUATERNION_TOLERANCE:
            return f"step {step} has a quaternion of length {lengths[step]:.3g}, expected 1"
        return None

    def project(
        self, values: Array, low: Array, high: Array, margin: float, signal: str
    ) -> tuple[Array, NDArray[np.bool_]]:
        """Only positions are moved, by the length of the correction."""
        places = np.clip(values[:, :3], low[:3], high[:3])
        excess = np.linalg.norm(values[:, :3] - places, axis=1)
        near = (excess > 0) & (excess <= margin)
        inside = np.where(near[:, None], places, values[:, :3])
        return np.concatenate([inside, values[:, 3:]], axis=1), near

    def ends(self, places: Array, missing: float) -> Array:
        """Rotations have no range."""
        return np.concatenate([np.broadcast_to(places, 3), np.full(3, missing)])

    def same_sign(self, value: Array, last: Array) -> Array:
        """Both signs of a quaternion mean the same rotation."""
        if value[3:] @ last[3:] < 0:
            return np.concatenate([value[:3], -value[3:]])
        return value

    def to_message(self, values: Array) -> Array:
        return values[..., WXYZ_TO_XYZW]

    def from_message(self, values: Array) -> Array:
        return values[..., XYZW_TO_WXYZ]

    def axis(self, index: int) -> tuple[str, str]:
        return "xyz"[index], "m"

    def away(self, lengths: Array) -> str:
        return f"it is {lengths[0] * 1e3:.0f} mm and {lengths[1]:.2f} rad"


@dataclass(frozen=True)
class Joints(Kind):
    """Positions (J,) of joints in rad or m."""

    name = "joints"
    lengths = (Length("joint", "rad", "joints_rad", 5.0),)
    range_keys = ("joint_lower", "joint_upper")
    range_name = "limits.joint_lower and limits.joint_upper"
    still = (0.01,)

    def axis(self, index: int) -> tuple[str, str]:
        return f"joint {index + 1}", "rad"

    def part(self, index: int) -> tuple[Length, str]:
        return self.lengths[0], f"rad (joint {index + 1})"

    def away(self, lengths: Array) -> str:
        return f"{super().away(lengths)} rad"


@dataclass(frozen=True)
class Closure(Kind):
    """How far () a gripper is closed: 0 open, 1 closed."""

    name = "closure"
    size = 1
    is_decision = True
    still = (0.02,)

    def shape(self, count: int) -> tuple[int, ...]:
        return ()

    def columns(self, names: tuple[str, ...], signal: str) -> tuple[str, ...]:
        return (signal,)

    def wrong(self, values: Array, signal: str) -> str | None:
        return None if np.all(np.isfinite(values)) else f"{signal} holds NaN or infinity"

    def project(
        self, values: Array, low: Array, high: Array, margin: float, signal: str
    ) -> tuple[Array, NDArray[np.bool_]]:
        """Into [0, 1], whatever the range; OutOfRange for a value far from it."""
        beyond = np.abs(values - 0.5) > 0.5 + CLOSURE_EXCESS
        if beyond.any():
            step = int(np.argmax(beyond))
            raise OutOfRange(f"step {step} has {signal} = {values[step]:g}, allowed 0 to 1")
        closures = np.clip(values, 0.0, 1.0)
        return closures, closures != values


@dataclass(frozen=True)
class Velocity(Kind):
    """Velocities (N,) of a base or a tool in m/s or rad/s."""

    name = "velocity"
    is_held = False


@dataclass(frozen=True)
class Vector(Kind):
    """Numbers (N,) in any unit that are observed: a wrench, torques, touch."""

    name = "vector"
    is_commanded = False


POSE, JOINTS, CLOSURE, VELOCITY, VECTOR = Pose(), Joints(), Closure(), Velocity(), Vector()

KINDS: dict[str, Kind] = {kind.name: kind for kind in (POSE, JOINTS, CLOSURE, VELOCITY, VECTOR)}
