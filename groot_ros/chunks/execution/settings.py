"""How chunks are executed."""

from __future__ import annotations

from dataclasses import dataclass, field

from groot_ros.chunks.execution.strategies import AUTO
from groot_ros.signals.signals import EE_POSE, GRIP, SignalSpec

# A motion that gets no command for so long has come to rest, where commands are not that rare.
LONGEST_GAP_S, LONGEST_GAP_PERIODS = 0.25, 2.5


@dataclass(frozen=True)
class ExecutionSettings:
    """How chunks are executed.

    blend_s is the time in which the motion goes over from one chunk to the next, watchdog_s how
    much of a chunk's own time passes while the policy is silent, rejected_in_row how many chunks
    may be refused one after the other, period_s the time between two commands (a command is so
    much of the motion, however often it is asked for one); interpolated is whether a controller
    puts cubics between points of the motion.
    """

    signal: SignalSpec = EE_POSE
    strategy: str = AUTO
    blend_s: float = 0.25
    watchdog_s: float = 1.0
    rejected_in_row: int = 5
    interpolated: bool = False
    period_s: float = field(kw_only=True)
    grips: tuple[str, ...] = (GRIP.name,)
    """Names of the grippers' signals."""

    @property
    def longest_gap_s(self) -> float:
        """The longest time between two commands of a motion that goes on."""
        return max(LONGEST_GAP_S, LONGEST_GAP_PERIODS * self.period_s)
