"""How many periods of a motion have passed, where its controller keeps the time."""

from __future__ import annotations


class Periods:
    """Counts the commands that are due at a tick, late ones included.

    A controller that was sent a whole motion follows it by its own clock. A motion that were
    delayed by every late tick, as one is that is sent command by command, would begin its next
    message behind where the arm is.
    """

    def __init__(self, period_s: float, longest_gap_s: float) -> None:
        self._period_ns = round(period_s * 1e9)
        self._longest_ns = round(longest_gap_s * 1e9)
        self._last_ns: int | None = None
        self.behind_ns = 0
        """What has passed since the last command that was due."""

    def restart(self) -> None:
        """Nothing is commanded: the next command is due at once."""
        self._last_ns = None
        self.behind_ns = 0

    def due(self, now_ns: int) -> int:
        """Commands that are due since the last tick; one where nobody can know, such as after a
        time in which the process was frozen."""
        if self._last_ns is None or not 0 <= now_ns - self._last_ns <= self._longest_ns:
            count, self.behind_ns = 1, 0
        else:
            count, self.behind_ns = divmod(
                self.behind_ns + now_ns - self._last_ns, self._period_ns
            )
        self._last_ns = now_ns
        return count
