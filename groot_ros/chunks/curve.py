"""A C1 curve through equally spaced samples: piecewise cubic Hermite interpolation."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from groot_ros.signals.space import Space

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Curve:
    """Cubic Hermite segments between knots (T, V) with velocities (T, D), `step_s` apart.

    Time is in s from the first knot. The curve rests at the first knot before it and at the last
    knot after it.
    """

    space: Space
    step_s: float
    knots: Array
    velocities: Array

    @classmethod
    def through(cls, space: Space, knots: Array, step_s: float) -> Curve:
        """The curve with Catmull-Rom tangents: central differences of the knots (T, V), one-sided
        at the ends."""
        between = space.difference(knots[1:], knots[:-1]) / step_s
        if len(knots) == 1:
            velocities = np.zeros((1, space.difference(knots[0], knots[0]).size))
        else:
            inner = (between[1:] + between[:-1]) / 2
            velocities = np.concatenate([between[:1], inner, between[-1:]])
        return cls(space, step_s, knots, velocities)

    def monotone(self, axes: NDArray[np.bool_]) -> Curve:
        """The curve without overshoot on the chosen axes (D,) of bool: between two knots it stays
        between their values.

        Each tangent is at most three times the smaller adjacent slope, and zero where the adjacent
        slopes differ in sign (de Boor and Swartz 1977, "Piecewise monotone interpolation").
        """
        if len(self.knots) == 1:
            return self
        between = self._ways / self.step_s
        before = np.concatenate([between[:1], between])
        after = np.concatenate([between, between[-1:]])
        steepest = 3 * np.where(before * after > 0, np.minimum(np.abs(before), np.abs(after)), 0.0)
        limited = np.clip(self.velocities, -steepest, steepest)
        velocities = np.where(axes, limited, self.velocities)
        return Curve(self.space, self.step_s, self.knots, velocities)

    @property
    def duration_s(self) -> float:
        """Time in s from the first knot to the last."""
        return (len(self.knots) - 1) * self.step_s

    @cached_property
    def _ways(self) -> Array:
        return self.space.difference(self.knots[1:], self.knots[:-1])

    @cached_property
    def _end_rates(self) -> Array:
        return self.space.rate(self._ways, self.velocities[1:])

    def at(self, time_s: ArrayLike) -> Array:
        """Values (..., V) at times (...) in s."""
        if isinstance(time_s, float) and len(self.knots) > 1:
            return self._at_one(time_s)
        return self._evaluate(time_s)[0]

    def prepare(self) -> None:
        """Compute the segments' coefficients now, so that the first evaluation in the command loop
        does not."""
        if len(self.knots) > 1:
            _ = self._end_rates

    def state(self, time_s: ArrayLike) -> tuple[Array, Array]:
        """Values (..., V) and velocities (..., D) at times (...) in s."""
        time_s = np.asarray(time_s, dtype=np.float64)
        values, way, rate = self._evaluate(time_s)
        outside = (time_s < 0) | (time_s > self.duration_s)
        velocity = self.space.velocity(way, rate)
        return values, np.where(outside[..., None], 0.0, velocity)

    def _at_one(self, time_s: float) -> Array:
        """`at` of a single time, several times as fast without arrays; each command needs one."""
        step_s, last = self.step_s, len(self.knots) - 1
        position = min(max(time_s / step_s, 0.0), float(last))
        index = min(int(position), last - 1)
        u = position - index
        along = (
            u * (1 - u) ** 2 * step_s * self.velocities[index]
            + u**2 * (3 - 2 * u) * self._ways[index]
            + u**2 * (u - 1) * step_s * self._end_rates[index]
        )
        return self.space.displace(self.knots[index], along)

    def _evaluate(self, time_s: ArrayLike) -> tuple[Array, Array, Array]:
        if len(self.knots) == 1:
            shape = (*np.shape(time_s), self.velocities.shape[1])
            values = np.broadcast_to(self.knots[0], (*np.shape(time_s), self.knots.shape[1]))
            return values, np.zeros(shape), np.zeros(shape)
        position = np.clip(np.asarray(time_s) / self.step_s, 0.0, len(self.knots) - 1.0)
        index = np.minimum(position.astype(int), len(self.knots) - 2)
        u = (position - index)[..., None]
        way, start, end = self._ways[index], self.velocities[index], self._end_rates[index]
        start, end = start * self.step_s, end * self.step_s
        along = u * (1 - u) ** 2 * start + u**2 * (3 - 2 * u) * way + u**2 * (u - 1) * end
        rate = (1 - u) * (1 - 3 * u) * start + 6 * u * (1 - u) * way + u * (3 * u - 2) * end
        return self.space.displace(self.knots[index], along), along, rate / self.step_s
