"""By how much planned commands exceed the limits, and where."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from groot_ros.chunks.limits.bounds import Bounds
from groot_ros.chunks.limits.braking import needed_deceleration

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Excess:
    """The factor by which commands would have to be slower, the index of the command and the name
    of the limit; a factor of 1 or less where none is exceeded."""

    factor: float
    index: int
    limit: str


def excess(bounds: Bounds, values: Array, period_s: float) -> Excess:
    """The largest excess of commands (T, V), a period apart; the first two are already sent."""
    space = bounds.space
    velocities = space.difference(values[1:], values[:-1]) / period_s
    changes = np.diff(velocities, axis=0) / period_s
    needed = needed_deceleration(bounds, values[2:], velocities[1:], period_s)
    return max(
        _worst("velocity", space.lengths(velocities[1:]) / bounds.velocity),
        _worst("acceleration", np.sqrt(_change_share(bounds, velocities, changes))),
        _worst("workspace", np.sqrt(space.lengths(needed) / bounds.deceleration)),
        key=lambda found: found.factor,
    )


def _change_share(bounds: Bounds, velocities: Array, changes: Array) -> Array:
    """Changes of the velocity as a share of what they may be; a part brakes if each axis does."""
    before, after = velocities[:-1], velocities[1:]
    slower = (after * before >= 0) & (np.abs(after) <= np.abs(before))
    brakes = bounds.space.lengths(np.where(slower, 0.0, 1.0)) == 0
    hardest = np.maximum(bounds.acceleration, bounds.deceleration)
    return bounds.space.lengths(changes) / np.where(brakes, hardest, bounds.acceleration)


def _worst(limit: str, shares: Array) -> Excess:
    if len(shares) == 0:
        return Excess(0.0, 0, "")
    per_command = shares.max(axis=1)
    index = int(np.argmax(per_command))
    return Excess(float(per_command[index]), index, limit)


def leaves_range(bounds: Bounds, values: Array, tolerance: float) -> bool:
    """Whether any value (T, V) is outside the range by more than the tolerance."""
    places = bounds.space.places(values)
    outside = (places < bounds.lower - tolerance) | (places > bounds.upper + tolerance)
    return bool(outside.any())
