"""How many periods of a motion have passed by a clock that others keep."""

from __future__ import annotations

from collections.abc import Callable


class Periods:
    """Counts the commands that are due at a tick, late ones included.

    A controller that was sent a whole motion follows it by its own clock. A motion that were
    delayed by every late tick, as one is that is sent command by command, would begin its next
    message behind where the arm is. And the arm of a simulator moves by its clock, which goes
    slower or faster than ticks come, by large steps, or not at all.
    """

    def __init__(self, period_s: float, longest_gap_s: float, clock: Callable[[], int]) -> None:
        self._period_ns = round(period_s * 1e9)
        self._longest_ns = round(longest_gap_s * 1e9)
        self._clock = clock
        self._last_ns: int | None = None
        self.behind_ns = 0
        """What has passed since the last command that was due."""

    def restart(self) -> None:
        """Nothing is commanded: the next command is due at once."""
        self._last_ns = None
        self.behind_ns = 0

    def due(self) -> int:
        """Commands that are due since the last tick; one where nobody can know, such as after a
        time in which the process was frozen."""
        now_ns = self._clock()
        if self._last_ns is None or not 0 <= now_ns - self._last_ns <= self._longest_ns:
            count, self.behind_ns = 1, 0
        else:
            count, self.behind_ns = divmod(
                self.behind_ns + now_ns - self._last_ns, self._period_ns
            )
        self._last_ns = now_ns
        return count
