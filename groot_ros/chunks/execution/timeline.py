"""The current motion and those planned after it, over the motion's own time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from groot_ros.chunks.execution.motion import Motion
from groot_ros.chunks.execution.running import Running
from groot_ros.chunks.limits.governor import Path

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Planned:
    """A motion and the chunk that it executes, None for a stop or rest."""

    motion: Motion
    running: Running | None = None


class Timeline:
    """Consecutive motions, each from its start to that of the next.

    `now_ns` is the motion's own time, that of the last command. It advances by one period with
    each command, less where the governor slows down.
    """

    def __init__(self, planned: Planned, now_ns: int) -> None:
        self.now_ns = now_ns
        self.current = planned
        self._before = planned
        self._ahead: list[Planned] = []

    @property
    def has_more(self) -> bool:
        """Whether another motion is planned after the current one."""
        return bool(self._ahead)

    def at(self, time_ns: float) -> Planned:
        """The motion at a time in ns, by the present plan."""
        for planned in reversed(self._ahead):
            if planned.motion.start_ns <= time_ns:
                return planned
        return self.current if self.current.motion.start_ns <= time_ns else self._before

    def value(self, time_ns: float) -> Array:
        """The value (V,) at a time in ns, not before the last command."""
        return self.at(time_ns).motion.value(time_ns)

    def path(self, period_ns: int) -> Path:
        """The path of the next period."""
        return lambda share: self.value(self.now_ns + share * period_ns)

    def follow(self, planned: Planned) -> None:
        """Replace the plan from the start of a motion on."""
        start_ns = planned.motion.start_ns
        self._ahead = [p for p in self._ahead if p.motion.start_ns < start_ns]
        self._ahead.append(planned)

    def end_with(self, planned: Planned) -> None:
        """Let a motion be the last one from its start on; the current one continues until then."""
        self._before, self.current, self._ahead = self.at(self.now_ns), planned, []

    def drop_ahead(self) -> None:
        """Remove the motions after the current one."""
        self._ahead = []

    def advance(self, passed_ns: int) -> None:
        """Advance the motion's time by `passed_ns`."""
        self.now_ns += passed_ns

    def next_due(self, time_ns: int) -> Planned | None:
        """The next motion if it starts by a time in ns, which makes it the current one; else
        None."""
        if not self._ahead or self._ahead[0].motion.start_ns > time_ns:
            return None
        self._before, self.current = self.current, self._ahead.pop(0)
        return self.current
