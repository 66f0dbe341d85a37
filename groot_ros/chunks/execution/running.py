"""A chunk while it is executed, and what became of it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from groot_ros.chunks.chunk import Chunk
from groot_ros.chunks.curve import Curve
from groot_ros.chunks.execution.motion import Joined
from groot_ros.chunks.measures import Jump


@dataclass(frozen=True)
class Execution:
    """What became of one chunk; `executed`, `dropped` and `starved` in steps.

    `gap` lay between the motion and the chunk when it was joined, `seam` is the jump that was
    commanded all the same, beyond what the last two commands led to; `interventions` counts the
    commands that the governor corrected.
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
    """A chunk that is being executed; `joined_step` is where in it the motion joined it.

    Times are the motion's own, `arrived_ns` the clock's.
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
        """A command jumped; the largest one counts."""
        self.seam = max(
            self.seam, jump, key=lambda j: (j.position_m, j.rotation_rad, j.joints_rad)
        )

    def step_at(self, time_ns: int) -> float:
        """Position in the chunk in steps, beyond its last one when that has passed."""
        return self.joined.chunk_s(time_ns) * 1e9 / self.chunk.step_ns

    def passed(self, time_ns: int) -> int:
        """How many steps lie before a time."""
        if time_ns >= self.joined.motion.active_end_ns:
            return len(self.chunk)
        return min(math.ceil(self.step_at(time_ns) - 1e-6), len(self.chunk))

    def grip_at(self, time_ns: int, name: str) -> float | None:
        """The closure of a gripper in the step that is due."""
        grips = self.chunk.signals.get(name)
        if grips is None:
            return None
        return float(grips[min(math.floor(self.step_at(time_ns) + 1e-6), len(grips) - 1)])

    def grips_until(self, time_ns: int, name: str, end_ns: int) -> list[float]:
        """The closures of a gripper in the steps after the one that is due, as far as one time and
        the chunk go."""
        grips = self.chunk.signals.get(name)
        if grips is None:
            return []
        due, last = (math.floor(self.step_at(ns) + 1e-6) for ns in (time_ns, end_ns))
        return [float(grip) for grip in grips[due + 1 : last + 1]]

    def execution(self, now_ns: int) -> Execution:
        """What has become of it, when it ends at `now_ns`."""
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
