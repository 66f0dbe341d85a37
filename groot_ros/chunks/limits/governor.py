"""The governor: the last stage before the output, which keeps every command within the limits."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from groot_ros.chunks.limits.bounds import Bounds
from groot_ros.chunks.limits.braking import (
    braked,
    braking_values,
    deceleration,
    needed_deceleration,
)
from groot_ros.chunks.limits.constraint import Constraint, depth_of, passes
from groot_ros.chunks.limits.shaping import MovingAverage, shaped, window

Array = NDArray[np.float64]
Path = Callable[[float], Array]
"""The value (V,) that a share in [0, 1] of the next period leads to."""

HALVINGS = 5
# Rounding is no excess: of a limit, and of a range in m or rad.
ROUNDING, INSIDE = 1e-9, 1e-9
STOP_VALUES = 128
# What corrects a command by less than this (m or rad) is none.
INTERVENTION = 5e-5


@dataclass(frozen=True)
class Step:
    """One command: its value (V,) and velocity (D,), the fraction of the period's path that was
    followed, and whether the path was left; `correction` (G,) is the distance to the path's
    end."""

    value: Array
    velocity: Array
    share: float
    left_path: bool
    correction: Array

    @property
    def is_intervention(self) -> bool:
        """Whether the command differs from the path by more than rounding."""
        return bool((self.correction > INTERVENTION).any())


class Governor:
    """Follows a path period by period, so that from every state the arm can stop within the
    limits.

    A step along the path is taken where it keeps to range, velocity and acceleration and reaches a
    state from which braking ends in the range (`braking`). Otherwise the largest such fraction of
    it is taken, and where there is none the arm brakes, which the previous state permits. So by
    induction every command is within the limits, whatever the path. From a value outside the range
    the arm may return but not move farther out. Where jerk is limited, commands are a moving
    average (`shaping`). Each step takes the same short time and uses no clock.
    """

    def __init__(self, bounds: Bounds, period_s: float) -> None:
        self._constraints: tuple[Constraint, ...] = ()
        self._depths: list[Array] = []
        self._has_begun = False
        self._bounds = shaped(bounds, period_s)
        self._space = bounds.space
        self._period_s = period_s
        self._average = MovingAverage(bounds.space, window(bounds, period_s))

    def watch(self, constraints: tuple[Constraint, ...]) -> None:
        """Set the constraints before which it stops."""
        self._constraints = constraints
        if self._has_begun:
            self._depths = [depth_of(constraint, self._sent) for constraint in constraints]

    def start(self, value: Array) -> None:
        """Rest at a value (V,)."""
        self._has_begun = True
        self.value = value
        self.velocity = np.zeros_like(self._space.difference(value, value))
        self._uncorrected = self._space.lengths(self.velocity)
        self._braking: Array | None = None
        self._average.start(value)
        self._sent = value
        self._here = self._bounds.around(value)
        self._depths = [depth_of(constraint, value) for constraint in self._constraints]

    @property
    def is_still(self) -> bool:
        """Whether the averaged command is at rest too."""
        return not self.velocity.any() and self._average.is_still

    def step(self, path: Path) -> Step:
        """The next command along a path."""
        wanted = path(1.0)
        share = 1.0
        value, velocity = wanted, self._velocity_to(wanted)
        if not self._allows(value, velocity):
            share = self._slower(path, velocity)
            if share < 0:
                return self.brake(wanted)
            value = path(share)
            velocity = self._velocity_to(value)
        self._braking = None
        return self._go_on(value, velocity, share=share, left_path=False, wanted=wanted)

    def brake(self, wanted: Array | None = None) -> Step:
        """The next command of a braking motion; `wanted` (V,) is where the abandoned path led."""
        braking = self._braking
        if braking is None:
            braking = deceleration(self._here, self.value, self.velocity, self._period_s)
        velocity = braked(self.velocity, braking, self._period_s)
        value = self._space.displace(self.value, velocity * self._period_s)
        # Braking before a constraint goes on as it was looked at.
        self._braking = braking if self._constraints else None
        return self._go_on(
            value, velocity, share=0.0, left_path=True, wanted=value if wanted is None else wanted
        )

    def _velocity_to(self, value: Array) -> Array:
        return self._space.difference(value, self.value) / self._period_s

    def _go_on(
        self, value: Array, velocity: Array, share: float, left_path: bool, wanted: Array
    ) -> Step:
        self._sent = self._average.add(value)
        self._depths = [depth_of(constraint, self._sent) for constraint in self._constraints]
        self.value, self.velocity = value, velocity
        self._here = self._bounds.around(value)
        correction = self._uncorrected
        if value is not wanted:
            correction = self._space.lengths(self._space.difference(wanted, value))
        return Step(
            value=self._sent,
            velocity=velocity,
            share=share,
            left_path=left_path,
            correction=correction,
        )

    def _slower(self, path: Path, wanted: Array) -> float:
        """The largest share of the period's path that is allowed, -1 for none."""
        bounds, period_s = self._bounds, self._period_s
        length = np.maximum(self._space.lengths(wanted), 1e-12)
        speed = self._space.lengths(self.velocity)
        slowest = np.maximum(speed - bounds.deceleration * period_s, 0.0)
        fastest = np.minimum(speed + bounds.acceleration * period_s, bounds.velocity)
        low = float(np.clip((slowest / length).max(), 0.0, 1.0))
        high = float(np.clip((fastest / length).min(), low, 1.0))
        for share in (high, (low + high) / 2, low):
            if self._reaches(path, share):
                break
            high = share
        else:
            return -1.0
        low = share
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            if self._reaches(path, middle):
                low = middle
            else:
                high = middle
        return low

    def _reaches(self, path: Path, share: float) -> bool:
        value = path(share)
        return self._allows(value, self._velocity_to(value))

    def _allows(self, value: Array, velocity: Array) -> bool:
        """Whether a step may be taken, and leads to where braking ends inside."""
        bounds, space, period_s = self._here, self._space, self._period_s
        if (space.lengths(velocity) > bounds.velocity * (1 + ROUNDING)).any():
            return False
        if not self._may_change(velocity):
            return False
        places = space.places(value)
        if (places < bounds.lower - INSIDE).any() or (places > bounds.upper + INSIDE).any():
            return False
        needed = needed_deceleration(bounds, value, velocity, period_s)
        if (space.lengths(needed) > bounds.deceleration * (1 + ROUNDING)).any():
            return False
        if not self._constraints:
            return True
        way = self._stop_from(value, velocity)
        return not any(
            passes(constraint, way, depth)
            for constraint, depth in zip(self._constraints, self._depths, strict=True)
        )

    def _may_change(self, velocity: Array) -> bool:
        """Whether the velocity may become this: an acceleration, or each axis of a part brakes."""
        change = self._space.lengths(velocity - self.velocity) / self._period_s
        bounds = self._bounds
        may = change <= bounds.acceleration * (1 + ROUNDING)
        if may.all():
            return True
        slower = (velocity * self.velocity >= 0) & (np.abs(velocity) <= np.abs(self.velocity))
        brakes = self._space.lengths(np.where(slower, 0.0, 1.0)) == 0
        return bool(np.all(may | (brakes & (change <= bounds.deceleration * (1 + ROUNDING)))))

    def _stop_from(self, value: Array, velocity: Array) -> Array:
        """What is commanded from now over a value to rest, in at most about `STOP_VALUES`: axes
        that brake differently do not go straight, and neither do means of values."""
        stop = braking_values(self._here, value, velocity, self._period_s)
        way = self._average.ahead(np.concatenate([value[None], stop]))
        every = max(1, math.ceil(len(way) / STOP_VALUES))
        return np.concatenate([way[:2], way[2:][::-every][::-1]])
