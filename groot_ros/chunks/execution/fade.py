"""Cross-fades from one motion to another: the weight w(t) of the new one, from 0 to 1.

Over a displacement g from the old motion to the new one, a fade adds w' g to the velocity and w''
g to the acceleration. So with |g| the length of g within a part of the signal, and V and A the
shares of its limits that the fade may use, it keeps to them where |w'| <= V / |g| and |w''| <= A /
|g|.

Within the blend window T the fade is the quintic w = u^3 (10 - 15 u + 6 u^2), u = t / T, whose
first and second derivatives vanish at both ends. Its derivatives w' = 30 u^2 (1 - u)^2 / T and w''
= 60 u (1 - u) (1 - 2 u) / T^2 peak at 15/8 / T (u = 1/2) and 10 / sqrt(3) / T^2 (u = (3 - sqrt(3))
/ 6). Where that is too fast, w is the time-optimal motion from 0 to 1 within V / |g|, A / |g| and
a jerk limit (Ruckig). No motion from 0 to 1 is shorter than |g| / V, nor than 2 sqrt(|g| / A),
half of it accelerating and half braking; where that exceeds `LONGEST_FADE_S` there is no fade.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from ruckig import InputParameter, Result, Ruckig, Trajectory

from groot_ros.chunks.limits.bounds import Bounds

Array = NDArray[np.float64]


SHORTEST_BLEND_S, LONGEST_FADE_S = 0.02, 30.0
# Peaks of the velocity and acceleration of a quintic that leads from 0 to 1 in 1 s.
PEAK_VELOCITY = 1.875
PEAK_ACCELERATION = 5.774
# A long way is gone with these ramps where the robot file sets no limit: m/s or rad/s, s.
UNLIMITED_VELOCITY = 1.0
ACCELERATION_TIME_S = 0.2
JERK_TIME_S = 0.05


@dataclass(frozen=True)
class Fade:
    """Weights (T,) of the new motion in [0, 1], non-decreasing, at times (T,) in s; 1 from
    `duration_s` on."""

    weights: Callable[[Array], Array]
    duration_s: float


def make_fade(bounds: Bounds, gap: Array, blend_s: float, share: float) -> Fade | None:
    """The cross-fade over a displacement; None where it would take longer than `LONGEST_FADE_S`.

    A quintic over `blend_s` where that keeps to the share of the limits; otherwise the fastest
    within the share, by Ruckig (Berscheid and Kroeger 2021, "Jerk-limited real-time trajectory
    generation with arbitrary target states").

    Args:
        bounds: Limits of the signal.
        gap: Displacement (D,) from the old motion to the new one where they are joined.
        blend_s: Shortest duration of the fade in s.
        share: Fraction of velocity, acceleration and jerk limits that the fade may use.
    """
    lengths = np.maximum(bounds.space.lengths(gap), 1e-9)
    velocity = float((share * bounds.velocity / lengths).min())
    acceleration = float((share * bounds.acceleration / lengths).min())
    if PEAK_VELOCITY / blend_s <= velocity and PEAK_ACCELERATION / blend_s**2 <= acceleration:
        return _quintic(blend_s)
    if not np.isfinite(velocity):
        velocity = float((UNLIMITED_VELOCITY / lengths).min())
    acceleration = min(acceleration, 5 * velocity / ACCELERATION_TIME_S)
    # No way from 0 to 1 is faster than at the highest velocity, or speeding up and braking.
    if LONGEST_FADE_S * velocity < 1.0 or LONGEST_FADE_S**2 * acceleration < 4.0:
        return None
    return _fastest(velocity, acceleration, blend_s)


def _quintic(window_s: float) -> Fade:
    def weights(times_s: Array) -> Array:
        u = np.minimum(times_s / window_s, 1.0)
        return np.asarray(u**3 * (10 - 15 * u + 6 * u**2))

    return Fade(weights, window_s)


def _fastest(velocity: float, acceleration: float, blend_s: float) -> Fade:
    given = InputParameter(1)
    given.current_position, given.target_position = [0.0], [1.0]
    given.max_velocity, given.max_acceleration = [velocity], [acceleration]
    given.max_jerk = [acceleration / JERK_TIME_S]
    given.minimum_duration = blend_s
    trajectory = Trajectory(1)
    result = Ruckig(1).calculate(given, trajectory)
    if result not in (Result.Working, Result.Finished):
        raise ValueError(f"no way from 0 to 1 within {velocity} and {acceleration}: {result}")

    def weights(times_s: Array) -> Array:
        ends = np.minimum(times_s, trajectory.duration)
        places = [trajectory.at_time(float(time_s))[0][0] for time_s in ends]
        return np.array(places, dtype=np.float64).clip(0.0, 1.0)

    return Fade(weights, trajectory.duration)
