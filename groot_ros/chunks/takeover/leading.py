"""Leading one arm to a target in overlapping chunks, each of which continues the last."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from groot_ros.chunks.limits.bounds import Bounds
from groot_ros.robot.config import RobotConfig
from groot_ros.signals.signals import of_arm
from groot_ros.signals.space import Space

Array = NDArray[np.float64]

# A chunk of whoever leads: so many steps, so far apart; a new one is made every STEP_S.
STEP_S, STEPS = 0.05, 10
# The way to the target is gone with this time constant, or as fast as FASTEST of the limits allow.
TAU_S, FASTEST = 0.12, 0.9
# Steps lead no farther ahead of the arm than it moves in this time: more than a fade takes.
AHEAD_S = 0.4
# The velocity grows from this share of the limits within this time.
RAMP_S, FIRST_SHARE = 0.6, 0.05


@dataclass(frozen=True)
class Way:
    """An exponential approach: displacement w (D,) from a start (V,) as w (1 - exp(-t / tau)),
    which begins with the velocity w / tau and ends at rest."""

    start: Array
    way: Array
    tau_s: float

    def values(self, space: Space, times_s: NDArray[np.floating[Any]]) -> Array:
        """Values (T, V) at times (T,) in s."""
        shares = 1.0 - np.exp(-times_s / self.tau_s)
        return space.displace(self.start, shares[:, None] * self.way)


class LedArm:
    """An arm that is led to targets; `velocity` (G,) is the largest.

    Each chunk continues the steps of the last one: begun at the present state instead, which lags
    by the duration of a fade, the fades would oscillate.
    """

    def __init__(self, arm: RobotConfig, name: str) -> None:
        self.signal = replace(arm.output.signal, name=of_arm(name, arm.output.signal.name))
        """Which chunks hold of it."""
        self._bounds = Bounds.of(arm.limits, arm.output.signal.kind)
        self._space = self._bounds.space
        self.velocity = FASTEST * self._bounds.velocity

    def distance(self, here: Array, there: Array) -> float:
        """The largest distance (m, rad) between the parts of two values (V,)."""
        return float(self._space.lengths(self._space.difference(there, here)).max())

    def begin(self, here: Array, now_ns: int) -> None:
        """Begin leading from a value (V,)."""
        still = np.zeros_like(self._space.difference(here, here))
        self._led, self._led_ns, self._begun_ns = Way(here, still, TAU_S), now_ns, now_ns

    def share(self, now_ns: int) -> float:
        """The fraction of the velocity that is allowed now, which rises from rest: a target that
        moves away from a fade is approached faster than it moves."""
        since_s = max(0.0, (now_ns - self._begun_ns) / 1e9)
        return min(1.0, FIRST_SHARE + since_s / RAMP_S)

    def steps(self, start: Array, target: Array, velocity: Array, now_ns: int) -> Array:
        """Steps (STEPS, V) from a start to a target (V,), no faster than the velocity (G,)."""
        self._led, self._led_ns = self._way(start, self._inside(target), velocity), now_ns
        return self._led.values(self._space, np.arange(STEPS) * STEP_S)

    def start(self, here: Array, now_ns: int) -> Array:
        """The value (V,) that the last steps have reached by now, but not far ahead of the arm."""
        passed_s = min(max(0.0, (now_ns - self._led_ns) / 1e9), 2 * STEP_S)
        due = self._led.values(self._space, np.array([passed_s], dtype=np.float64))[0]
        way = self._space.difference(due, here)
        ahead = float((self._space.lengths(way) / (AHEAD_S * self.velocity)).max())
        return self._space.displace(here, way / max(1.0, ahead))

    def _inside(self, value: Array) -> Array:
        places = self._space.places(value)
        inside = np.clip(places, self._bounds.lower, self._bounds.upper)
        return self._space.displace(value, inside - places)

    def _way(self, start: Array, target: Array, velocity: Array) -> Way:
        """To the target as fast as the time constant asks for, or the limits allow."""
        way = self._space.difference(target, start)
        return Way(start, way, max(TAU_S, float((self._space.lengths(way) / velocity).max())))
