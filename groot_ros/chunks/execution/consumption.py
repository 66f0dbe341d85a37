"""How much of a chunk's time passes: as much as the motion's, which follows the clock at best."""

from __future__ import annotations

from array import array
from collections import deque
from typing import Any

KEPT_NS = 60_000_000_000


class Consumption:
    """Chunk time as a function of the clock, piecewise linear between what was marked.

    After the last mark it passes at a rate, before the first one as the clock does.
    """

    def __init__(self) -> None:
        self._marks: deque[tuple[int, float]] = deque([(0, 0.0)])
        self._rate = 1.0

    def set_rate(self, now_ns: int, rate: float) -> None:
        """From now on so much chunk time passes per time."""
        self.mark(now_ns, self.between_s(self._marks[-1][0], now_ns))
        self._rate = rate

    def mark(self, now_ns: int, passed_s: float) -> None:
        """So much chunk time has passed since the last mark."""
        consumed_s = self._marks[-1][1] + passed_s
        while len(self._marks) > 1 and self._marks[-1][0] >= now_ns:
            self._marks.pop()
        self._marks.append((now_ns, consumed_s))
        while len(self._marks) > 2 and self._marks[1][0] < now_ns - KEPT_NS:
            self._marks.popleft()

    def between_s(self, start_ns: int, end_ns: int) -> float:
        """Chunk time in s that passes from one time to another."""
        return self._at_s(end_ns) - self._at_s(start_ns)

    def _at_s(self, time_ns: int) -> float:
        later_ns, later_s = self._marks[-1]
        if time_ns >= later_ns:
            return later_s + (time_ns - later_ns) / 1e9 * self._rate
        for mark_ns, mark_s in reversed(self._marks):
            if mark_ns <= time_ns:
                share = (time_ns - mark_ns) / (later_ns - mark_ns)
                return mark_s + share * (later_s - mark_s)
            later_ns, later_s = mark_ns, mark_s
        return later_s - (later_ns - time_ns) / 1e9

    def __getstate__(self) -> dict[str, Any]:
        """Packed: thousands of pairs would be pickled in one go, and every thread wait for it."""
        times_ns = array("q", (time_ns for time_ns, _ in self._marks))
        consumed_s = array("d", (consumed for _, consumed in self._marks))
        return {"times_ns": times_ns, "consumed_s": consumed_s, "rate": self._rate}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._marks = deque(zip(state["times_ns"], state["consumed_s"], strict=True))
        self._rate = state["rate"]
