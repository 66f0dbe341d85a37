"""How the separation between a motion and a new chunk fades out."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from ruckig import InputParameter, Result, Ruckig, Trajectory

from groot_ros.chunks.bounds import Bounds

Array = NDArray[np.float64]
Fade = Callable[[Array], tuple[Array, Array]]
"""Displacements (T, D) and their rates at times (T,) in s."""

SHORTEST_BLEND_S = 0.02
# Peaks of the velocity and acceleration of a quintic that leads 1 m to rest in 1 s, and of the
# acceleration of one that leads 1 m/s to rest in 1 s and comes back.
PEAK_VELOCITY = 1.875
PEAK_ACCELERATION = 5.774
PEAK_TURNING = 3.94
# Where the robot file sets no limit, a long way is gone like this.
ACCELERATION_TIME_S = 0.2
JERK_TIME_S = 0.05
UNLIMITED_VELOCITY = 1.0


def make_fade(bounds: Bounds, gap: Array, change: Array, blend_s: float, share: float) -> Fade:
    """From the displacement `gap` (D,), changing at `change`, to none.

    A quintic in the blend window when that takes no more than a share of the limits; otherwise
    as fast as the share allows, by Ruckig.
    """
    blend_s = max(blend_s, SHORTEST_BLEND_S)
    lengths, changes = bounds.space.lengths(gap), bounds.space.lengths(change)
    velocity = PEAK_VELOCITY * lengths / blend_s
    acceleration = PEAK_ACCELERATION * lengths / blend_s**2 + PEAK_TURNING * changes / blend_s
    if np.all(velocity <= share * bounds.velocity) and np.all(
        acceleration <= share * bounds.acceleration
    ):
        return _quintic(gap, change, blend_s)
    return _fastest(bounds, gap, change, blend_s, share)


def _quintic(gap: Array, change: Array, window_s: float) -> Fade:
    def fade(times_s: Array) -> tuple[Array, Array]:
        u = np.minimum(times_s / window_s, 1.0)[:, None]
        place = 1 - u**3 * (10 - 15 * u + 6 * u**2)
        place_rate = -30 * u**2 * (1 - u) ** 2
        turn = u - u**3 * (6 - 8 * u + 3 * u**2)
        turn_rate = 1 - u**2 * (18 - 32 * u + 15 * u**2)
        values = place * gap + turn * window_s * change
        return values, place_rate * gap / window_s + turn_rate * change

    return fade


def _fastest(bounds: Bounds, gap: Array, change: Array, blend_s: float, share: float) -> Fade:
    velocity = np.where(np.isinf(bounds.velocity), UNLIMITED_VELOCITY, bounds.velocity)
    acceleration = np.minimum(bounds.acceleration, velocity / ACCELERATION_TIME_S * 5)
    jerk = np.minimum(bounds.jerk, acceleration / JERK_TIME_S)
    # Each axis gets its part of a limit that holds for the length of all together.
    parts = bounds.space.lengths(gap).size
    axes = gap.size // parts
    scale = share / np.sqrt(axes)
    given = InputParameter(gap.size)
    given.current_position, given.current_velocity = gap.tolist(), change.tolist()
    given.target_position = [0.0] * gap.size
    given.max_velocity, given.max_acceleration, given.max_jerk = (
        np.repeat(np.broadcast_to(limit * scale, parts), axes).tolist()
        for limit in (velocity, acceleration, jerk)
    )
    given.minimum_duration = blend_s
    trajectory = Trajectory(gap.size)
    result = Ruckig(gap.size).calculate(given, trajectory)
    if result not in (Result.Working, Result.Finished):
        raise ValueError(f"no way from displacement {gap.tolist()} to none: {result}")

    def fade(times_s: Array) -> tuple[Array, Array]:
        ends = [min(float(time_s), trajectory.duration) for time_s in times_s]
        states = np.array([trajectory.at_time(time_s)[:2] for time_s in ends])
        return states[:, 0], states[:, 1]

    return fade
