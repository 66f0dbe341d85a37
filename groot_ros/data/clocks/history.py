"""Which simulated time it was when something was received."""

from __future__ import annotations

import bisect
from collections import deque

KEPT_NS = 60_000_000_000


class ClockHistory:
    """Simulated times by the wall time at which each was received, in ns."""

    def __init__(self) -> None:
        self._received: deque[int] = deque()
        self._times: deque[int] = deque()

    def add(self, received_ns: int, time_ns: int) -> None:
        """The clock said a time; what is older than a minute is forgotten."""
        self._received.append(received_ns)
        self._times.append(time_ns)
        while received_ns - self._received[0] > KEPT_NS:
            self._received.popleft()
            self._times.popleft()

    def at(self, received_ns: int) -> int | None:
        """The newest simulated time in ns received by `received_ns`, the first one for earlier
        times; None before any was received."""
        if not self._times:
            return None
        return self._times[max(0, bisect.bisect_right(self._received, received_ns) - 1)]
