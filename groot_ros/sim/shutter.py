"""When pictures are taken in simulated time."""

from __future__ import annotations


class Shutter:
    """Pictures at a rate from the beginning of an episode on, each at the first time that is due.

    Times are those of control periods, so that pictures of 15 Hz lie 60 or 70 ms apart.
    """

    def __init__(self, rate_hz: float) -> None:
        self._rate_hz = rate_hz
        self._begin_ns: int | None = None
        self._taken = 0

    def restart(self) -> None:
        """The next time that is asked for is the beginning of an episode."""
        self._begin_ns = None

    def is_due(self, now_ns: int) -> bool:
        """Whether to take a picture now; asked once for every time, in order."""
        if self._begin_ns is None:
            self._begin_ns, self._taken = now_ns, 0
        # The times of the control periods are rounded to nanoseconds.
        if (now_ns - self._begin_ns) / 1e9 * self._rate_hz + 1e-6 < self._taken:
            return False
        self._taken += 1
        return True
