"""A robot's limits for one signal: what a motion may do, and whether a chunk may be executed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from groot_ros.chunks.chunk import Chunk
from groot_ros.robot_limits import Limits
from groot_ros.signals.space import Space, space_of

Array = NDArray[np.float64]

# How quickly a motion ends on a robot whose file says nothing: m/s^2, rad/s^2, rad/s^2.
LINEAR_DECELERATION = 2.0
ANGULAR_DECELERATION = 6.0
JOINT_DECELERATION = 5.0
# No arm is as large, in m or rad; larger numbers are nonsense that computing would multiply.
MOST = 1000.0
QUATERNION_TOLERANCE = 0.01
# A step on the border of the workspace is inside, whatever its last digit.
TOLERANCE = 1e-6


@dataclass(frozen=True)
class Bounds:
    """Largest lengths of the parts (G,) of a velocity, acceleration, jerk and jump; inf: none.

    `lower` and `upper` (D,) are the range of the places of a value, infinite where there is none.
    """

    space: Space
    velocity: Array
    acceleration: Array
    jerk: Array
    deceleration: Array
    jump: Array
    lower: Array
    upper: Array

    @classmethod
    def of(cls, limits: Limits, signal: str) -> Bounds:
        """The bounds of the signal `ee_pose` or `joint_position`."""
        if signal == "ee_pose":
            return _pose_bounds(limits)
        return cls(
            space_of(signal),
            velocity=_array(limits.joint_velocity),
            acceleration=_array(limits.joint_acceleration),
            jerk=_array(limits.joint_jerk),
            deceleration=_array(
                limits.joint_deceleration or limits.joint_acceleration or JOINT_DECELERATION
            ),
            jump=_array(limits.joint_jump),
            lower=_array(limits.joint_lower, -np.inf),
            upper=_array(limits.joint_upper),
        )

    def scaled(self, share: float) -> Bounds:
        """The same with a share of velocity, acceleration and deceleration."""
        return replace(
            self,
            velocity=share * self.velocity,
            acceleration=share * self.acceleration,
            deceleration=share * self.deceleration,
        )

    def around(self, value: Array) -> Bounds:
        """The same with a range that a value outside lies on the border of."""
        places = self.space.places(value)
        return replace(
            self, lower=np.minimum(self.lower, places), upper=np.maximum(self.upper, places)
        )


def _array(value: Any, missing: float = np.inf) -> Array:
    return np.atleast_1d(np.asarray(missing if value is None else value, dtype=np.float64))


def _pair(linear: float | None, angular: float | None) -> Array:
    return np.array([np.inf if value is None else value for value in (linear, angular)])


def _pose_bounds(limits: Limits) -> Bounds:
    return Bounds(
        space_of("ee_pose"),
        velocity=_pair(limits.linear_velocity, limits.angular_velocity),
        acceleration=_pair(limits.linear_acceleration, limits.angular_acceleration),
        jerk=_pair(limits.linear_jerk, limits.angular_jerk),
        deceleration=_pair(
            limits.linear_deceleration or limits.linear_acceleration or LINEAR_DECELERATION,
            limits.angular_deceleration or limits.angular_acceleration or ANGULAR_DECELERATION,
        ),
        jump=_pair(limits.linear_jump, limits.angular_jump),
        lower=_corner(limits.workspace_min, -np.inf),
        upper=_corner(limits.workspace_max, np.inf),
    )


def _corner(place: Any, missing: float) -> Array:
    """An end of the range of the places of a pose; rotations have none."""
    return np.concatenate([np.broadcast_to(_array(place, missing), 3), np.full(3, missing)])


def refusal(chunk: Chunk, signal: str, limits: Limits) -> str | None:
    """Why a chunk must not be executed: not finite, out of reach, or jumping; None if it may."""
    values, bounds = getattr(chunk, signal), Bounds.of(limits, signal)
    if reason := wrong_numbers(chunk) or _outside(bounds, values, signal):
        return reason
    steps = bounds.space.lengths(bounds.space.difference(values[1:], values[:-1]))
    return _jump("step {step} is", steps, bounds.jump, signal)


def wrong_numbers(chunk: Chunk) -> str | None:
    """Why the values of a chunk are none that a robot can have."""
    signals = [(name, getattr(chunk, name)) for name in ("ee_pose", "joint_position", "grip")]
    reasons = (wrong_values(name, values) for name, values in signals if values is not None)
    return next(filter(None, reasons), None)


def wrong_values(name: str, values: Array) -> str | None:
    """Why the values (T, ...) of a signal are none that a robot can have."""
    if not np.all(np.isfinite(values)):
        return f"{name} holds NaN or infinity"
    if (largest := float(np.abs(values).max())) > MOST and name != "grip":
        return f"{name} holds {largest:g}, at most {MOST:g} is allowed"
    if name == "ee_pose":
        lengths = np.linalg.norm(values[:, 3:], axis=1)
        step = int(np.argmax(np.abs(lengths - 1.0)))
        if abs(lengths[step] - 1.0) > QUATERNION_TOLERANCE:
            return f"step {step} has a quaternion of length {lengths[step]:.3g}, expected 1"
    return None


def gap_refusal(gap: Array, bounds: Bounds, signal: str) -> str | None:
    """Why a chunk that lies a displacement (D,) away from the motion is not joined."""
    lengths = bounds.space.lengths(gap)[None]
    return _jump("the chunk begins", lengths, bounds.jump, signal)


def _outside(bounds: Bounds, values: Array, signal: str) -> str | None:
    places = bounds.space.places(values)
    outside = (places < bounds.lower - TOLERANCE) | (places > bounds.upper + TOLERANCE)
    if not outside.any():
        return None
    step, axis = np.argwhere(outside)[0]
    low, high = (
        np.broadcast_to(end, places.shape[1:])[axis] for end in (bounds.lower, bounds.upper)
    )
    name, unit, key = f"joint {axis + 1}", "rad", "limits.joint_lower and limits.joint_upper"
    if signal == "ee_pose":
        name, unit, key = "xyz"[axis], "m", "limits.workspace"
    return (
        f"step {step} has {name} = {places[step, axis]:.3f} {unit}, allowed "
        f"{low:.3g} to {high:.3g} ({key})"
    )


def _jump(where: str, lengths: Array, most: Array, signal: str) -> str | None:
    beyond = lengths > most
    if not beyond.any():
        return None
    step, part = np.argwhere(beyond)[0]
    pose = signal == "ee_pose"
    key = ("limits.linear_jump", "limits.angular_jump")[part] if pose else "limits.joint_jump"
    unit = ("m", "rad")[part] if pose else f"rad (joint {part + 1})"
    allowed = np.broadcast_to(most, lengths.shape[1:])[part]
    return (
        f"{where.format(step=step + 1)} {lengths[step, part]:.3f} {unit} away, allowed "
        f"{allowed:.3g} ({key})"
    )
