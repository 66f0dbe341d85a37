"""Vector operations on signal values: poses, or plain numbers, with displacements as tangent
vectors."""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from groot_ros.geometry import cross, multiply_quats, quat_to_rotvec, rotvec_to_quat

Array = NDArray[np.float64]
CONJUGATE = np.array([1.0, -1.0, -1.0, -1.0])


class Space(Protocol):
    """Values (..., V) and displacements (..., D) between them; a velocity is one per second.

    `lengths` (..., G) are those of its parts that are limited as one: translation and rotation,
    or each number.
    """

    def lengths(self, displacement: Array) -> Array:
        """Length (..., G) of each part of a displacement (..., D)."""

    def per_axis(self, parts: Array) -> Array:
        """Values of the parts (..., G) repeated for each axis (..., D) of a displacement."""

    def places(self, value: Array) -> Array:
        """Coordinates (..., D) of a value on the axes that can have a range; 0 on the others."""

    def difference(self, end: Array, start: Array) -> Array:
        """Displacement (..., D) from `start` to `end` (..., V)."""

    def displace(self, start: Array, displacement: Array) -> Array:
        """The value (..., V) at a displacement (..., D) from `start`."""

    def velocity(self, displacement: Array, rate: Array) -> Array:
        """Velocity (..., D) of the end of a displacement that changes at `rate` (..., D)."""

    def rate(self, displacement: Array, velocity: Array) -> Array:
        """The inverse of `velocity`: the rate (..., D) of a displacement."""


class LinearSpace:
    """Numbers (..., N) that do not depend on each other: joint positions, closures, forces."""

    def lengths(self, displacement: Array) -> Array:
        return np.abs(displacement)

    def per_axis(self, parts: Array) -> Array:
        return parts

    def places(self, value: Array) -> Array:
        return value

    def difference(self, end: Array, start: Array) -> Array:
        return end - start

    def displace(self, start: Array, displacement: Array) -> Array:
        return start + displacement

    def velocity(self, displacement: Array, rate: Array) -> Array:
        return rate

    def rate(self, displacement: Array, velocity: Array) -> Array:
        return velocity


class PoseSpace:
    """Poses (..., 7); a displacement is a translation in m and a rotation vector in rad, both in
    the base frame, the rotation about the tool center point."""

    def lengths(self, displacement: Array) -> Array:
        if displacement.ndim == 1:
            x, y, z, a, b, c = displacement.tolist()
            return np.array([math.hypot(x, y, z), math.hypot(a, b, c)])
        parts = displacement.reshape(*displacement.shape[:-1], 2, 3)
        found: Array = np.sqrt(np.sum(parts * parts, axis=-1))
        return found

    def per_axis(self, parts: Array) -> Array:
        return np.repeat(parts, 3, axis=-1)

    def places(self, value: Array) -> Array:
        return np.concatenate([value[..., :3], np.zeros((*value.shape[:-1], 3))], axis=-1)

    def difference(self, end: Array, start: Array) -> Array:
        if end.ndim == 1 == start.ndim:
            return _difference_of_two(end, start)
        turn = quat_to_rotvec(multiply_quats(end[..., 3:], start[..., 3:] * CONJUGATE))
        return np.concatenate([end[..., :3] - start[..., :3], turn], axis=-1)

    def displace(self, start: Array, displacement: Array) -> Array:
        if start.ndim == 1 == displacement.ndim:
            return _displaced_one(start, displacement)
        turned = multiply_quats(rotvec_to_quat(displacement[..., 3:]), start[..., 3:])
        turned = turned / np.linalg.norm(turned, axis=-1, keepdims=True)
        return np.concatenate([start[..., :3] + displacement[..., :3], turned], axis=-1)

    def velocity(self, displacement: Array, rate: Array) -> Array:
        # The left Jacobian of SO(3), see Sola et al. 2018, "A micro Lie theory".
        turn, spin = displacement[..., 3:], rate[..., 3:]
        angle = np.linalg.norm(turn, axis=-1, keepdims=True)
        near = angle < 1e-4
        safe = np.where(near, 1.0, angle)
        first = np.where(near, 0.5, (1 - np.cos(safe)) / safe**2)
        second = np.where(near, 1 / 6, (safe - np.sin(safe)) / safe**3)
        return _with_turn(rate, _turned(turn, spin, first, second))

    def rate(self, displacement: Array, velocity: Array) -> Array:
        turn, spin = displacement[..., 3:], velocity[..., 3:]
        angle = np.linalg.norm(turn, axis=-1, keepdims=True)
        near = angle < 1e-4
        safe = np.where(near, 1.0, angle)
        second = np.where(near, 1 / 12, 1 / safe**2 - 1 / (2 * safe * np.tan(safe / 2)))
        return _with_turn(velocity, _turned(turn, spin, -0.5, second))


def _difference_of_two(end: Array, start: Array) -> Array:
    """`PoseSpace.difference` of single poses, several times as fast without arrays."""
    x1, y1, z1, w, x, y, z = end.tolist()
    x0, y0, z0, c, a, b, d = start.tolist()
    turn_w = w * c + x * a + y * b + z * d
    turn = (
        x * c - w * a + z * b - y * d,
        y * c - w * b + x * d - z * a,
        z * c - w * d + y * a - x * b,
    )
    sine, sign = math.hypot(*turn), math.copysign(1.0, turn_w)
    scale = sign * (2.0 * math.atan2(sine, abs(turn_w)) / sine if sine > 1e-12 else 2.0)
    return np.array([x1 - x0, y1 - y0, z1 - z0, *(scale * part for part in turn)])


def _displaced_one(start: Array, displacement: Array) -> Array:
    """`PoseSpace.displace` of a single pose, several times as fast without arrays."""
    if not displacement.any():
        # Not normalised again and again: what stands still is the very same number.
        return start
    x0, y0, z0, c, a, b, d = start.tolist()
    x1, y1, z1, *turn = displacement.tolist()
    half = math.hypot(*turn) / 2
    share = math.sin(half) / (2 * half) if half > 1e-9 else 0.5
    w, (x, y, z) = math.cos(half), (share * part for part in turn)
    turned = (
        w * c - x * a - y * b - z * d,
        w * a + x * c + y * d - z * b,
        w * b - x * d + y * c + z * a,
        w * d + x * b - y * a + z * c,
    )
    scale = 1.0 / math.sqrt(sum(part * part for part in turned))
    return np.array([x0 + x1, y0 + y1, z0 + z1, *(scale * part for part in turned)])


def _turned(turn: Array, spin: Array, first: Array | float, second: Array) -> Array:
    once = cross(turn, spin)
    return spin + first * once + second * cross(turn, once)


def _with_turn(linear: Array, turn: Array) -> Array:
    return np.concatenate([linear[..., :3], turn], axis=-1)
