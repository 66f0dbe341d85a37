"""Motions that always end at rest: a chunk joined to what moves now, a stop, a rest."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from groot_ros.chunks.bounds import Bounds
from groot_ros.chunks.curve import Curve
from groot_ros.chunks.fade import Fade, make_fade

Array = NDArray[np.float64]

GRID_S = 0.01
ATTEMPTS = 12
# A slight excess between the knots is not worth another attempt.
EXCESS = 1.02
# Of the limits, what a fading separation may take; the rest is the chunk's.
SHARE = 0.7
# Peak of the deceleration of a stop, relative to a constant one.
PEAK_STOP = 1.5


@dataclass(frozen=True)
class Motion:
    """Values over time from a start on; after `active_s` it only comes to rest."""

    curve: Curve
    start_ns: int
    active_s: float

    def state(self, time_ns: int) -> tuple[Array, Array]:
        """Value (V,) and velocity (D,) at a time."""
        return self.curve.state((time_ns - self.start_ns) / 1e9)

    @property
    def active_end_ns(self) -> int:
        return self.start_ns + round(self.active_s * 1e9)

    @property
    def end_ns(self) -> int:
        """From then on it is at rest."""
        return self.start_ns + math.ceil(self.curve.duration_s * 1e9)


@dataclass(frozen=True)
class Joined:
    """A chunk's curve joined to a running motion.

    `rate` is how fast the chunk's time passes, `limited_by` the limit that made it slower than
    was asked for, "" for none.
    """

    motion: Motion
    from_s: float
    rate: float
    limited_by: str


def rest(bounds: Bounds, value: Array, now_ns: int) -> Motion:
    """Staying at a value."""
    size = bounds.space.difference(value, value).size
    curve = Curve(bounds.space, GRID_S, value[None], np.zeros((1, size)))
    return Motion(curve, now_ns, 0.0)


def stop(bounds: Bounds, value: Array, velocity: Array, now_ns: int) -> Motion:
    """Coming to rest along the tangent, within the deceleration limits."""
    values, velocities = _stop(bounds, value, velocity, GRID_S)
    curve = Curve(
        bounds.space,
        GRID_S,
        np.concatenate([value[None], values]),
        np.concatenate([velocity[None], velocities]),
    )
    return Motion(curve, now_ns, 0.0)


def stopping_time_s(bounds: Bounds, velocity: Array) -> float:
    """How long a stop from a velocity (D,) takes."""
    speed = bounds.space.lengths(velocity)
    duration_s = PEAK_STOP * float((speed / bounds.deceleration).max())
    # The stop's jerk peaks at 6 v / t^2.
    return max(duration_s, math.sqrt(6 * float((speed / bounds.jerk).max())))


def _stop(bounds: Bounds, value: Array, velocity: Array, step_s: float) -> tuple[Array, Array]:
    """Values and velocities after each of the steps that it takes to come to rest."""
    steps = math.ceil(stopping_time_s(bounds, velocity) / step_s - 1e-9)
    if steps == 0:
        return np.empty((0, value.size)), np.empty((0, velocity.size))
    u = (np.arange(1, steps + 1) / steps)[:, None]
    way = u - u**3 + u**4 / 2
    speed = 1 - u**2 * (3 - 2 * u)
    values = bounds.space.displace(value, way * velocity * steps * step_s)
    return values, speed * velocity


def join(
    bounds: Bounds,
    curve: Curve,
    from_s: float,
    state: tuple[Array, Array],
    now_ns: int,
    blend_s: float,
    speed_scale: float,
) -> Joined | None:
    """Go over from a state (value, velocity) into a chunk's curve at its time `from_s`.

    What separates the two, in place and in velocity, fades out over the blend window or, where
    that is too fast for the robot, over as long as its limits ask for; so position and velocity
    are continuous. Where that or the chunk itself would break a limit, the chunk's time passes
    slower. None when even that does not help.
    """
    rate = speed_scale / _overload(bounds, curve, from_s, speed_scale)
    share, limited_by = SHARE, ""
    for _ in range(ATTEMPTS):
        gap, change = _separation(bounds, curve, from_s, state, rate)
        fade = make_fade(bounds, gap, change, blend_s, share)
        motion, kept = _joined(bounds, curve, from_s, now_ns, fade, rate)
        factor, kind = bounds.overload(kept, motion.curve.step_s)
        if factor <= EXCESS:
            if rate < speed_scale / EXCESS:
                limited_by = limited_by or "the chunk's speed"
            return Joined(motion, from_s, rate, limited_by)
        limited_by = kind
        rate /= min(factor, 2.0)
        share /= min(max(factor, 1.1), 2.0)
    return None


def _overload(bounds: Bounds, curve: Curve, from_s: float, rate: float) -> float:
    left_s = max(curve.duration_s - from_s, 0.0)
    steps = max(1, math.ceil(left_s / rate / GRID_S))
    times_s = from_s + np.linspace(0.0, left_s, steps + 1)
    return bounds.overload(curve.at(times_s), left_s / rate / steps or GRID_S)[0]


def _separation(
    bounds: Bounds, curve: Curve, from_s: float, state: tuple[Array, Array], rate: float
) -> tuple[Array, Array]:
    """Displacement from the curve to the state and how fast it changes."""
    space = bounds.space
    value, velocity = state
    target, speed = curve.state(min(from_s, curve.duration_s))
    gap = space.difference(value, target)
    return gap, space.rate(gap, velocity - space.carry(gap, rate * speed))


def _joined(
    bounds: Bounds,
    curve: Curve,
    from_s: float,
    now_ns: int,
    fade: Fade,
    rate: float,
) -> tuple[Motion, Array]:
    """The motion and those of its values that must keep to the limits: all but its stop."""
    space = bounds.space
    left_s = max(curve.duration_s - from_s, 1e-3) / rate
    count = max(1, math.ceil(left_s / GRID_S))
    step_s = left_s / count
    times_s: Array = np.linspace(0.0, left_s, count + 1)
    targets, speeds = curve.state(np.minimum(from_s + rate * times_s, curve.duration_s))
    fading, fading_rate = fade(times_s)
    values = space.displace(targets, fading)
    velocities = space.velocity(fading, fading_rate) + space.carry(fading, rate * speeds)
    after, after_speed = _stop(bounds, values[-1], velocities[-1], step_s)
    motion = Motion(
        Curve(
            space,
            step_s,
            np.concatenate([values, after]),
            np.concatenate([velocities, after_speed]),
        ),
        now_ns,
        left_s,
    )
    return motion, values
