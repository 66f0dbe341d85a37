"""Coming to rest inside: how hard each axis has to brake, and what that leads through.

Positions have a range on each axis; velocity, acceleration and deceleration are limited in their
Euclidean length over the axes of a part. An axis with room r left that moves at v stops inside if
it brakes with d >= v^2 / (2 r), so a part can stop inside while

    sum over its axes of (v_i^2 / (2 r_i))^2 <= D^2.

Commands are a period h apart, and a velocity is that of the last step. An axis that brakes with d
goes on to v' = v - d h and has r' = r - v' h left, so v^2 <= 2 d r gives

    v'^2 = v^2 - 2 v d h + (d h)^2 <= 2 d r - 2 d h v + 2 (d h)^2 = 2 d r',

and the condition holds again: it is kept for ever by braking. With d = v / h an axis stops at
once, whatever the room.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from groot_ros.chunks.limits.bounds import Bounds

Array = NDArray[np.float64]

# Room (m or rad) that counts as none, and the speed that counts as rest.
NO_ROOM = 1e-12
STILL = 1e-12
# No stop takes so long: the roundings of one that does not end must not block.
LONGEST_PERIODS = 2000


def needed_deceleration(
    bounds: Bounds, values: Array, velocities: Array, period_s: float
) -> Array:
    """Deceleration (..., D) that each axis needs to stop within its range.

    Args:
        bounds: Limits of the signal.
        values: Values (..., V) that the last step has reached.
        velocities: Velocities (..., D) of that step.
        period_s: Time between two commands in s.
    """
    places = bounds.space.places(values)
    room = np.where(velocities > 0, bounds.upper - places, places - bounds.lower)
    speed = np.abs(velocities)
    found: Array = np.minimum(speed * speed / (2 * np.maximum(room, NO_ROOM)), speed / period_s)
    return found


def deceleration(bounds: Bounds, value: Array, velocity: Array, period_s: float) -> Array:
    """Deceleration (D,) of each axis: what it needs to stop within its range, and the rest of
    the part's limit along the velocity; all of it along the velocity where no axis is near its
    limit."""
    needed = needed_deceleration(bounds, value, velocity, period_s)
    space = bounds.space
    limit = space.per_axis(bounds.deceleration)
    left = np.maximum(limit**2 - space.per_axis(space.lengths(needed)) ** 2, 0.0)
    speed = np.maximum(space.per_axis(space.lengths(velocity)), STILL)
    braking: Array = np.sqrt(needed**2 + left * (velocity / speed) ** 2)
    return braking


def braked(velocity: Array, deceleration: Array, period_s: float) -> Array:
    """The velocity (D,) after one period of a deceleration (D,)."""
    slower: Array = np.maximum(np.abs(velocity) - deceleration * period_s, 0.0)
    return np.copysign(slower, velocity)


def braking_way(bounds: Bounds, value: Array, velocity: Array, period_s: float) -> Array:
    """Values (N, V) after each period of maximal braking until rest; N may be 0."""
    values: list[Array] = []
    while np.any(np.abs(velocity) > STILL) and len(values) < LONGEST_PERIODS:
        hard = deceleration(bounds, value, velocity, period_s)
        velocity = braked(velocity, hard, period_s)
        value = bounds.space.displace(value, velocity * period_s)
        values.append(value)
    return np.array(values).reshape(-1, value.size)


def braking_values(bounds: Bounds, value: Array, velocity: Array, period_s: float) -> Array:
    """`braking_way` (N, D) from a value and a velocity (D,) with the initial deceleration of each
    axis kept constant, computed in one step."""
    hard = deceleration(bounds, value, velocity, period_s)
    speed = np.abs(velocity)
    moving = speed > STILL
    if not moving.any():
        return np.empty((0, value.size))
    count = int(np.ceil((speed[moving] / (hard[moving] * period_s)).max() - 1e-9))
    periods = np.arange(1, count + 1)[:, None]
    speeds = np.maximum(speed - periods * hard * period_s, 0.0)
    ways = np.copysign(np.cumsum(speeds, axis=0) * period_s, velocity)
    return bounds.space.displace(value, ways)
