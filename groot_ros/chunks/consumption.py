"""How much of a chunk's time passes: as much as the clock, less while the motion is slowed."""

from __future__ import annotations

from collections import deque

KEPT_NS = 60_000_000_000


class Consumption:
    """Chunk time as a function of time, piecewise linear."""

    def __init__(self) -> None:
        self._changes: deque[tuple[int, float]] = deque([(0, 1.0)])

    def set_rate(self, now_ns: int, rate: float) -> None:
        """From now on so much chunk time passes per time."""
        while self._changes and self._changes[-1][0] >= now_ns:
            self._changes.pop()
        self._changes.append((now_ns, rate))
        while len(self._changes) > 1 and self._changes[1][0] < now_ns - KEPT_NS:
            self._changes.popleft()

    def between_s(self, start_ns: int, end_ns: int) -> float:
        """Chunk time in s that passed from one time to another; the clock's before the first."""
        consumed, until_ns = 0.0, end_ns
        for change_ns, rate in reversed(self._changes):
            since_ns = max(start_ns, change_ns)
            consumed += max(0, until_ns - since_ns) * rate
            until_ns = min(until_ns, change_ns)
            if change_ns <= start_ns:
                break
        else:
            consumed += max(0, until_ns - start_ns)
        return consumed / 1e9
