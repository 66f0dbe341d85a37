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

    Args:
        blend_s: Duration of the transition from one chunk to the next, in s.
        watchdog_s: How much chunk time may pass without a new chunk, in s.
        rejected_in_row: How many consecutive chunks may be refused before the motion stops.
        period_s: Time between two commands in s; each command advances the motion by it.
        interpolated: Whether a controller interpolates the commands with cubics.
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
        """The longest time in s between two commands of a continuing motion."""
        return max(LONGEST_GAP_S, LONGEST_GAP_PERIODS * self.period_s)
