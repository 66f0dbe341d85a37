"""A robot's limits for one signal: what a motion may do, and whether a chunk may be executed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from groot_ros.chunks.chunk import Chunk
from groot_ros.chunks.space import Space, space_of
from groot_ros.robot_limits import Limits

Array = NDArray[np.float64]

# How quickly a motion ends on a robot whose file says nothing: m/s^2, rad/s^2, rad/s^2.
LINEAR_DECELERATION = 2.0
ANGULAR_DECELERATION = 6.0
JOINT_DECELERATION = 5.0
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
            lower=-_array(_opposite(limits.joint_lower)),
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


def _array(value: Any) -> Array:
    return np.atleast_1d(np.asarray(np.inf if value is None else value, dtype=np.float64))


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
        lower=-_corner(_opposite(limits.workspace_min)),
        upper=_corner(limits.workspace_max),
    )


def _opposite(place: tuple[float, ...] | None) -> Array | None:
    return None if place is None else np.negative(place)


def _corner(place: Any) -> Array:
    """The range of the places of a pose; rotations have none."""
    return np.concatenate([np.broadcast_to(_array(place), 3), np.full(3, np.inf)])


def refusal(chunk: Chunk, signal: str, limits: Limits) -> str | None:
    """Why a chunk must not be executed: not finite, out of reach, or jumping; None if it may."""
    for name in ("ee_pose", "joint_position", "grip"):
        values = getattr(chunk, name)
        if values is not None and not np.all(np.isfinite(values)):
            return f"{name} holds NaN or infinity"
    values = getattr(chunk, signal)
    reason = _outside_pose(values, limits) if signal == "ee_pose" else _outside(values, limits)
    if reason is not None:
        return reason
    bounds = Bounds.of(limits, signal)
    steps = bounds.space.lengths(bounds.space.difference(values[1:], values[:-1]))
    return _jump("step {step} is", steps, bounds.jump, signal)


def gap_refusal(gap: Array, bounds: Bounds, signal: str) -> str | None:
    """Why a chunk that lies a displacement (D,) away from the motion is not joined."""
    lengths = bounds.space.lengths(gap)[None]
    return _jump("the chunk begins", lengths, bounds.jump, signal)


def _outside_pose(poses: Array, limits: Limits) -> str | None:
    norms = np.linalg.norm(poses[:, 3:], axis=1)
    if np.any(np.abs(norms - 1.0) > 0.01):
        step = int(np.argmax(np.abs(norms - 1.0)))
        return f"step {step} has a quaternion of length {norms[step]:.3g}, expected 1"
    if limits.workspace_min is None or limits.workspace_max is None:
        return None
    low, high = np.array(limits.workspace_min), np.array(limits.workspace_max)
    return _first_outside(poses[:, :3], low, high, ("x", "y", "z"), "m", "limits.workspace")


def _outside(joints: Array, limits: Limits) -> str | None:
    low, high = _array(limits.joint_lower), _array(limits.joint_upper)
    low = np.where(np.isinf(low), -np.inf, low)
    names = tuple(f"joint {index + 1}" for index in range(joints.shape[1]))
    return _first_outside(
        joints, low, high, names, "rad", "limits.joint_lower and limits.joint_upper"
    )


def _first_outside(
    values: Array, low: Array, high: Array, names: tuple[str, ...], unit: str, key: str
) -> str | None:
    outside = (values < low - TOLERANCE) | (values > high + TOLERANCE)
    if not outside.any():
        return None
    step, axis = np.argwhere(outside)[0]
    lows, highs = (np.broadcast_to(bound, values.shape[1:])[axis] for bound in (low, high))
    return (
        f"step {step} has {names[axis]} = {values[step, axis]:.3f} {unit}, allowed "
        f"{lows:.3g} to {highs:.3g} ({key})"
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
