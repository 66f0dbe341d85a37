"""The cubics with which a joint_trajectory_controller follows a trajectory, and a gripper as one
of its joints.

Between two points with positions and velocities the controller follows the cubic that has both
(ros2_controllers, joint_trajectory_controller/src/trajectory.cpp).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from groot_ros.chunks.limits.bounds import Bounds

Array = NDArray[np.float64]

CHECK_S = 0.001
# A motion that keeps to this share of the limits does so between its points too.
INTERPOLATED = 0.96


@dataclass(frozen=True)
class Points:
    """Positions (rad or m) and velocities (T, J) at times (T,) in s from now on."""

    times_s: Array
    positions: Array
    velocities: Array


def interpolated(points: Points, at_s: Array) -> Array:
    """Positions (N, J) of the controller at times (N,) in s."""
    return sampled(points, at_s)[0]


def sampled(points: Points, at_s: Array) -> tuple[Array, Array]:
    """Positions and velocities (N, J) of the controller at times (N,) in s."""
    if len(points.times_s) == 1:
        positions = np.repeat(points.positions, len(at_s), axis=0)
        return positions, np.zeros_like(positions)
    index = np.searchsorted(points.times_s, at_s, "right") - 1
    index = np.clip(index, 0, len(points.times_s) - 2)
    length = (points.times_s[index + 1] - points.times_s[index])[:, None]
    u = (at_s - points.times_s[index])[:, None] / length
    start, way = points.positions[index], points.positions[index + 1] - points.positions[index]
    leaving = points.velocities[index] * length
    coming = points.velocities[index + 1] * length
    along = u**2 * (3 - 2 * u) * way + u * (1 - u) ** 2 * leaving + u**2 * (u - 1) * coming
    rate = 6 * u * (1 - u) * way + (1 - u) * (1 - 3 * u) * leaving + u * (3 * u - 2) * coming
    return start + along, rate / length


@dataclass(frozen=True)
class FollowedPoints:
    """Points that a controller follows from a stamp on, and rests at after the last one."""

    stamp_ns: int
    points: Points

    def state(self, now_ns: int) -> tuple[Array, Array]:
        """Position and velocity (J,) at a time in ns."""
        positions, velocities = sampled(self.points, self._at_s(now_ns, np.zeros(1)))
        return positions[0], velocities[0]

    def before(self, now_ns: int) -> Array:
        """The last positions (3, J) before a time, `CHECK_S` apart."""
        return interpolated(self.points, self._at_s(now_ns, CHECK_S * np.arange(-3.0, 0.0)))

    def _at_s(self, now_ns: int, since_s: Array) -> Array:
        at_s = (now_ns - self.stamp_ns) / 1e9 + since_s
        return np.clip(at_s, 0.0, self.points.times_s[-1])


def led_over(points: Points, position: Array, velocity: Array, within_s: float) -> Points:
    """The points, with a transition from another position and velocity (J,).

    The difference decays along a cubic to zero within `within_s`.
    """
    within_s = min(within_s, float(points.times_s[-1]))
    between = Points(
        np.array([0.0, within_s]),
        np.stack([position - points.positions[0], np.zeros_like(position)]),
        np.stack([velocity - points.velocities[0], np.zeros_like(velocity)]),
    )
    way, rate = sampled(between, np.minimum(points.times_s, within_s))
    return Points(points.times_s, points.positions + way, points.velocities + rate)


def controller_excess(bounds: Bounds, points: Points, before: Array | None = None) -> float:
    """The largest velocity, acceleration or jerk of the controller's path, its end included, as a
    fraction of the limit.

    Infinite where the path leaves the range farther than its points do.

    Args:
        bounds: Limits of the joints.
        points: The trajectory's points.
        before: Positions (3, J) before it, `CHECK_S` apart; without them the arm is taken to
            be at rest at the beginning.
    """
    at_s: Array = np.arange(0.0, points.times_s[-1] + CHECK_S / 2, CHECK_S)
    positions = interpolated(points, at_s)
    lowest = np.minimum(bounds.lower, points.positions.min(axis=0))
    highest = np.maximum(bounds.upper, points.positions.max(axis=0))
    if np.any(positions < lowest - 1e-9) or np.any(positions > highest + 1e-9):
        return float("inf")
    if before is None:
        before = np.repeat(positions[:1], 0 if points.velocities[0].any() else 3, axis=0)
    way = np.concatenate([before, positions, np.repeat(positions[-1:], 3, axis=0)])
    velocities = np.diff(way, axis=0) / CHECK_S
    changes = np.diff(velocities, axis=0) / CHECK_S
    hardest = np.maximum(bounds.acceleration, bounds.deceleration)
    shares = [
        np.abs(velocities) / bounds.velocity,
        np.abs(changes) / hardest,
    ]
    if np.isfinite(bounds.jerk).any():
        # From one acceleration to the next, as a robot's interface looks at them.
        shares.append(np.abs(np.diff(changes, axis=0)) / CHECK_S / bounds.jerk)
    return max((float(share.max()) for share in shares if share.size), default=0.0)


@dataclass(frozen=True)
class Ramp:
    """Closures (T,) at times (T,) in s after a stamp, interpolated by the controller."""

    stamp_ns: int
    times_s: Array
    closures: Array

    def closure(self, now_ns: int) -> float:
        """The closure at which the controller has the gripper at a time in ns."""
        rates = monotone_rates(self.times_s, self.closures)
        points = Points(self.times_s, self.closures[:, None], rates[:, None])
        at_s = min(max((now_ns - self.stamp_ns) / 1e9, 0.0), float(self.times_s[-1]))
        return float(interpolated(points, np.array([at_s]))[0, 0])


def ramp(times_s: Array, start: float, goal: float | None, speed: float | None) -> Array:
    """Closures (T,) from `start` to `goal` at a speed per second, at times (T,) in s."""
    if goal is None or speed is None:
        return np.full(len(times_s), start if goal is None else goal)
    most = speed * times_s
    return np.asarray(start + np.clip(goal - start, -most, most))


def monotone_rates(times_s: Array, values: Array) -> Array:
    """Slopes (T,) of cubics through values (T,) that do not overshoot, zero at the ends."""
    rates = np.zeros(len(values))
    if len(values) > 2:
        between = np.diff(values) / np.diff(times_s)
        before, after = between[:-1], between[1:]
        least = np.minimum(np.abs(before), np.abs(after))
        mean = (before + after) / 2
        same = before * after > 0
        rates[1:-1] = np.where(same, np.sign(mean) * np.minimum(np.abs(mean), least), 0.0)
    return rates
