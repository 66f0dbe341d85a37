"""What moves now and what follows, over the motion's own time."""

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
    """A motion and the chunk that it follows, None for a stop or a rest."""

    motion: Motion
    running: Running | None = None


class Timeline:
    """Motions one after the other, each from the start of its own to that of the next.

    `now_ns` is the motion's own time: that of the last command. It passes by one period with each
    command, less where the governor slows down.
    """

    def __init__(self, planned: Planned, now_ns: int) -> None:
        self.now_ns = now_ns
        self.current = planned
        self._before = planned
        self._ahead: list[Planned] = []

    @property
    def has_more(self) -> bool:
        """Whether another motion follows the current one."""
        return bool(self._ahead)

    def at(self, time_ns: float) -> Planned:
        """What moves at a time, as far as is known now."""
        for planned in reversed(self._ahead):
            if planned.motion.start_ns <= time_ns:
                return planned
        return self.current if self.current.motion.start_ns <= time_ns else self._before

    def value(self, time_ns: float) -> Array:
        """The value (V,) at a time, from the last command on."""
        return self.at(time_ns).motion.value(time_ns)

    def path(self, period_ns: int) -> Path:
        """The way that the next period leads along."""
        return lambda share: self.value(self.now_ns + share * period_ns)

    def follow(self, planned: Planned) -> None:
        """From its start on a motion takes the place of all that was planned for then."""
        start_ns = planned.motion.start_ns
        self._ahead = [p for p in self._ahead if p.motion.start_ns < start_ns]
        self._ahead.append(planned)

    def end_with(self, planned: Planned) -> None:
        """From its start on a motion takes the place of all others; until then it goes on."""
        self._before, self.current, self._ahead = self.at(self.now_ns), planned, []

    def drop_ahead(self) -> None:
        """Nothing follows the current motion."""
        self._ahead = []

    def advance(self, passed_ns: int) -> None:
        """The last command was so much later."""
        self.now_ns += passed_ns

    def next_due(self, time_ns: int) -> Planned | None:
        """The next motion if it has begun at a time; it is the current one from then on."""
        if not self._ahead or self._ahead[0].motion.start_ns > time_ns:
            return None
        self._before, self.current = self.current, self._ahead.pop(0)
        return self.current
