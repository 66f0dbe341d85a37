"""The executed chunk, and the result of its execution."""

from __future__ import annotations

import math
from dataclasses import dataclass

from groot_ros.chunks.chunk import Chunk
from groot_ros.chunks.curve import Curve
from groot_ros.chunks.execution.motion import Joined
from groot_ros.chunks.measures import Jump


@dataclass(frozen=True)
class Execution:
    """The result of one chunk; `executed`, `dropped` and `starved` count steps.

    `gap` is the displacement between motion and chunk where they were joined, `seam` the largest
    jump that was commanded nevertheless, relative to the extrapolation of the two commands before;
    `interventions` counts the commands that the governor changed.
    """

    chunk_id: int
    epoch: int
    horizon: int
    executed: int
    dropped: int
    starved: int
    arrived_ns: int
    gap: Jump
    seam: Jump
    rate: float
    limited_by: str
    interventions: int


@dataclass
class Running:
    """The chunk that is being executed; `joined_step` is the step at which it was joined.

    Times are the motion's own, `arrived_ns` is of the clock.
    """

    chunk_id: int
    chunk: Chunk
    curve: Curve
    joined: Joined
    arrived_ns: int
    joined_step: float
    gap: Jump
    seam: Jump
    interventions: int = 0

    def note_seam(self, jump: Jump) -> None:
        """Record a jump between commands; the largest one is kept."""
        self.seam = max(
            self.seam, jump, key=lambda j: (j.position_m, j.rotation_rad, j.joints_rad)
        )

    def step_at(self, time_ns: int) -> float:
        """Position in the chunk in steps at a time of the motion; larger than the last step after
        its end."""
        return self.joined.chunk_s(time_ns) * 1e9 / self.chunk.step_ns

    def passed(self, time_ns: int) -> int:
        """Number of steps before a time of the motion."""
        if time_ns >= self.joined.motion.active_end_ns:
            return len(self.chunk)
        return min(math.ceil(self.step_at(time_ns) - 1e-6), len(self.chunk))

    def grip_at(self, time_ns: int, name: str) -> float | None:
        """Closure of a gripper in the step that is due."""
        grips = self.chunk.signals.get(name)
        if grips is None:
            return None
        return float(grips[min(math.floor(self.step_at(time_ns) + 1e-6), len(grips) - 1)])

    def grips_until(self, time_ns: int, name: str, end_ns: int) -> list[float]:
        """Closures of a gripper in the steps after the due one, up to `end_ns` or the end of the
        chunk."""
        grips = self.chunk.signals.get(name)
        if grips is None:
            return []
        due, last = (math.floor(self.step_at(ns) + 1e-6) for ns in (time_ns, end_ns))
        return [float(grip) for grip in grips[due + 1 : last + 1]]

    def execution(self, now_ns: int) -> Execution:
        """The result so far, if the execution ends at `now_ns`."""
        joined = math.ceil(self.joined_step - 1e-6)
        starved_ns = max(0, now_ns - self.joined.motion.active_end_ns)
        return Execution(
            chunk_id=self.chunk_id,
            epoch=self.chunk.epoch,
            horizon=len(self.chunk),
            executed=max(0, self.passed(now_ns) - joined),
            dropped=joined,
            starved=starved_ns // self.chunk.step_ns,
            arrived_ns=self.arrived_ns,
            gap=self.gap,
            seam=self.seam,
            rate=self.joined.rate,
            limited_by=self.joined.limited_by,
            interventions=self.interventions,
        )
