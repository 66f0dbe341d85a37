"""Limits of one signal for motion planning, and the check of a chunk against them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from groot_ros.chunks.chunk import Chunk
from groot_ros.chunks.limits.tool_orientation import tool_orientation
from groot_ros.robot.limits import Limits
from groot_ros.signals.kinds import Kind
from groot_ros.signals.signals import SignalSpec
from groot_ros.signals.space import Space

Array = NDArray[np.float64]

# A step on the border of the workspace is inside, whatever its last digit.
TOLERANCE = 1e-6


@dataclass(frozen=True)
class Bounds:
    """Largest lengths of the parts (G,) of velocity, acceleration, jerk and jump; inf: no limit.

    `lower` and `upper` (D,) are the range of a value's coordinates, infinite where there is none.
    """

    kind: Kind
    velocity: Array
    acceleration: Array
    jerk: Array
    deceleration: Array
    jump: Array
    lower: Array
    upper: Array

    @classmethod
    def of(cls, limits: Limits, kind: Kind) -> Bounds:
        """The bounds of signals of a kind."""

        def most(quantity: str) -> Array:
            return _joined([limits.of(part.name, quantity) for part in kind.lengths])

        decelerations = [
            limits.of(part.name, "deceleration")
            or limits.of(part.name, "acceleration")
            or part.deceleration
            for part in kind.lengths
        ]
        low, high = limits.range(kind.range_keys)
        return cls(
            kind,
            velocity=most("velocity"),
            acceleration=most("acceleration"),
            jerk=most("jerk"),
            deceleration=_joined(decelerations),
            jump=most("jump"),
            lower=kind.ends(_array(low, -np.inf), -np.inf),
            upper=kind.ends(_array(high), np.inf),
        )

    @cached_property
    def space(self) -> Space:
        return self.kind.space

    def scaled(self, share: float) -> Bounds:
        """Bounds with a fraction of velocity, acceleration and deceleration."""
        return replace(
            self,
            velocity=share * self.velocity,
            acceleration=share * self.acceleration,
            deceleration=share * self.deceleration,
        )

    def around(self, value: Array) -> Bounds:
        """Bounds whose range is widened to include a value (V,), on its border."""
        places = self.space.places(value)
        if (places >= self.lower).all() and (places <= self.upper).all():
            return self
        return replace(
            self, lower=np.minimum(self.lower, places), upper=np.maximum(self.upper, places)
        )


def _array(value: Any, missing: float = np.inf) -> Array:
    return np.atleast_1d(np.asarray(missing if value is None else value, dtype=np.float64))


def _joined(values: Sequence[Any]) -> Array:
    return np.concatenate([_array(value) for value in values]) if values else np.empty(0)


def refusal(chunk: Chunk, signal: SignalSpec, limits: Limits) -> str | None:
    """Why a chunk must not be executed: not finite, out of range, or jumping; None if it may."""
    values, bounds = chunk.signals[signal.name], Bounds.of(limits, signal.kind)
    if reason := wrong_numbers(chunk) or _outside(bounds, values):
        return reason
    if (tool := tool_orientation(limits, signal.kind)) and (reason := tool.refusal(values)):
        return reason
    steps = bounds.space.lengths(bounds.space.difference(values[1:], values[:-1]))
    return _jump("step {step} is", steps, bounds)


def wrong_numbers(chunk: Chunk) -> str | None:
    """Why the values of a chunk are not physically possible (not finite, no unit quaternion and so
    on); None if they are."""
    reasons = (spec.kind.wrong(values, spec.name) for spec, values in chunk.signals.pairs())
    return next(filter(None, reasons), None)


def gap_refusal(gap: Array, bounds: Bounds) -> str | None:
    """Why a chunk at a displacement (D,) from the motion is not joined to it; None if it is."""
    return _jump("the chunk begins", bounds.space.lengths(gap)[None], bounds)


def _outside(bounds: Bounds, values: Array) -> str | None:
    places = bounds.space.places(values)
    outside = (places < bounds.lower - TOLERANCE) | (places > bounds.upper + TOLERANCE)
    if not outside.any():
        return None
    step, axis = np.argwhere(outside)[0]
    low, high = (
        np.broadcast_to(end, places.shape[1:])[axis] for end in (bounds.lower, bounds.upper)
    )
    name, unit = bounds.kind.axis(axis)
    return (
        f"step {step} has {name} = {places[step, axis]:.3f} {unit}, allowed "
        f"{low:.3g} to {high:.3g} ({bounds.kind.range_name})"
    )


def _jump(where: str, lengths: Array, bounds: Bounds) -> str | None:
    beyond = lengths > bounds.jump
    if not beyond.any():
        return None
    step, index = np.argwhere(beyond)[0]
    part, unit = bounds.kind.part(index)
    allowed = np.broadcast_to(bounds.jump, lengths.shape[1:])[index]
    return (
        f"{where.format(step=step + 1)} {lengths[step, index]:.3f} {unit} away, allowed "
        f"{allowed:.3g} (limits.{part.name}_jump)"
    )
