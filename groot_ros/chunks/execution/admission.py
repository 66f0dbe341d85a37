"""Which chunks are executed: none that is void, late, far outside the limits, or part of a
flood."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from functools import cache, cached_property

import numpy as np
from numpy.typing import NDArray

from groot_ros.chunks.chunk import Chunk
from groot_ros.chunks.execution.consumption import Consumption
from groot_ros.chunks.limits.bounds import Bounds, wrong_numbers
from groot_ros.chunks.limits.tool_orientation import ToolOrientation, tool_orientation
from groot_ros.robot.limits import Limits
from groot_ros.signals.kinds import Kind, OutOfRange
from groot_ros.signals.signals import SignalSpec

Array = NDArray[np.float64]

# No policy makes more chunks than this in FLOOD_NS.
FLOOD_CHUNKS = 50
FLOOD_NS = 500_000_000
# Pictures are not taken in the future; clocks disagree by less.
MAX_EARLY_NS = 200_000_000
# A chunk may last so long, and lie so far outside that it is moved to the border.
LONGEST_S, MARGIN_M = 10.0, 0.02
# A chunk that only fits the velocity limits by taking longer than this is no motion.
LONGEST_SLOWED_S = 60.0


class Flood:
    """Detects chunks at a higher rate than any policy makes them."""

    def __init__(self) -> None:
        self._arrivals: deque[int] = deque(maxlen=FLOOD_CHUNKS)

    def comes(self, now_ns: int) -> bool:
        """Count a chunk that arrived at `now_ns`; whether the rate is too high now."""
        self._arrivals.append(now_ns)
        full = len(self._arrivals) == FLOOD_CHUNKS
        return full and 0 <= now_ns - self._arrivals[0] < FLOOD_NS

    def forget(self) -> None:
        """Restart the count."""
        self._arrivals.clear()


class Refusals:
    """Counts consecutive refused chunks."""

    def __init__(self, rejected_in_row: int) -> None:
        self._rejected_in_row = rejected_in_row
        self._refused = 0

    def is_too_much(self, reason: str | None) -> bool:
        """Count a refusal, or with None reset the count; whether the count has reached its
        limit."""
        self._refused = 0 if reason is None else self._refused + 1
        return self._refused >= self._rejected_in_row

    def forgive(self) -> None:
        """Reset the count."""
        self._refused = 0


def void_reason(chunk: Chunk, epoch: int, consumption: Consumption, now_ns: int) -> str | None:
    """Why a chunk is void or late at `now_ns`; None where it is neither.

    Args:
        chunk: The chunk, with its epoch.
        epoch: The oldest epoch that is valid.
        consumption: How chunk time has passed, which decides what is late.
        now_ns: The present time in ns.
    """
    if chunk.epoch < epoch:
        return f"epoch {chunk.epoch} is over, now it is {epoch}"
    if consumption.between_s(chunk.stamp_ns, now_ns) * 1e9 > chunk.end_ns - chunk.stamp_ns:
        late_s = (now_ns - chunk.end_ns) / 1e9
        return f"all {len(chunk)} steps have passed, the last one {late_s:.2f} s ago"
    return None


def early_reason(chunk: Chunk, now_ns: int) -> str | None:
    """Why the stamp of a chunk is implausibly ahead of `now_ns`; None where it is not."""
    if (early_ns := chunk.stamp_ns - now_ns) > min(chunk.step_ns, MAX_EARLY_NS):
        return (
            f"its stamp is {early_ns / 1e9:.2f} s in the future: check that the clocks of "
            "camera, policy and executor agree"
        )
    return None


class Refused(ValueError):
    """Raised for a chunk that is not executed; the message is the reason."""


@dataclass(frozen=True, kw_only=True)
class Bounded:
    """A chunk within the limits, and how many of its steps were projected onto them."""

    chunk: Chunk
    projected_steps: int


@dataclass(frozen=True, kw_only=True)
class Borders:
    """The range that the values of a chunk may have, checked before a motion is computed from
    them.

    `longest_s` is the longest duration of a chunk in s; a step up to `margin_m` outside the
    workspace is projected onto its border.
    """

    signal: SignalSpec
    limits: Limits
    arm: str = ""
    """Whose limits they are, of several arms."""
    longest_s: float = LONGEST_S
    margin_m: float = MARGIN_M

    def bounded(self, chunk: Chunk) -> Bounded:
        """The chunk with steps in the margin projected onto the border; Refused where one is
        farther outside.

        The computing time depends on the number of steps only, not on their values.
        """
        try:
            return self._bounded(chunk)
        except Refused as reason:
            raise (Refused(f"arm {self.arm}: {reason}") if self.arm else reason) from None

    def _bounded(self, chunk: Chunk) -> Bounded:
        if self.signal.name not in chunk.signals:
            raise Refused(f"no {self.signal.name}, which output.profile of the robot file needs")
        if reason := wrong_numbers(chunk):
            raise Refused(reason)
        self._check_duration(chunk)
        moved = np.zeros(len(chunk), dtype=bool)

        def projected(spec: SignalSpec, values: Array) -> Array:
            bounds = self._bounds if spec.name == self.signal.name else _unbounded(spec.kind)
            inside, outside = spec.kind.project(
                values, bounds.lower, bounds.upper, margin=self.margin_m, signal=spec.name
            )
            moved[outside] = True
            if spec.name == self.signal.name and self._tool:
                inside, outside = self._tool.bounded(inside)
                moved[outside] = True
            return inside

        try:
            inside = chunk.signals.map(projected)
        except OutOfRange as reason:
            raise Refused(str(reason)) from None
        count = int(moved.sum())
        if count:
            chunk = replace(chunk, signals=inside)
        return Bounded(chunk=chunk, projected_steps=count)

    @cached_property
    def _tool(self) -> ToolOrientation | None:
        return tool_orientation(self.limits, self.signal.kind)

    @cached_property
    def _bounds(self) -> Bounds:
        return Bounds.of(self.limits, self.signal.kind)

    def _check_duration(self, chunk: Chunk) -> None:
        """How long it takes as it is, and slowed until its longest step keeps to the limits."""
        lasts_s = (len(chunk) - 1) * chunk.step_ns / 1e9
        if lasts_s > self.longest_s:
            raise Refused(
                f"it lasts {lasts_s:.1f} s, at most {self.longest_s:g} s are allowed "
                "(parameter longest_chunk)"
            )
        values, bounds = chunk.signals[self.signal.name], self._bounds
        steps = bounds.space.lengths(bounds.space.difference(values[1:], values[:-1]))
        factor = float((steps / bounds.velocity).max(initial=0.0)) / (chunk.step_ns / 1e9)
        if lasts_s * factor > LONGEST_SLOWED_S:
            raise Refused(
                f"its steps are so far apart that it would take {lasts_s * factor:.0f} s within "
                f"the velocity limits, at most {LONGEST_SLOWED_S:g} s are allowed"
            )


@cache
def _unbounded(kind: Kind) -> Bounds:
    """Of a signal that is not the one which moves the robot."""
    return Bounds.of(Limits(), kind)
